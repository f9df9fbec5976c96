//! The number of a thread: unlike the address of a thread-local, never used again; unlike `std`'s id, there until the very end.
//!
//! It says who may touch what belongs to one thread: the tasks of a local runtime. Numbers are dealt at the first question, and
//! order nothing.

use crate::sync::{Ordering, StaticU64, thread_local};
use std::cell::Cell;

thread_local! {
    static NUMBER: Cell<u64> = const { Cell::new(0) };
}

/// The number of this thread.
pub(crate) fn thread_number() -> u64 {
    NUMBER.with(|number| {
        if number.get() == 0 {
            number.set(deal());
        }
        number.get()
    })
}

#[cold]
fn deal() -> u64 {
    static NEXT: StaticU64 = StaticU64::new(1);
    // Ordering: Relaxed; the numbers order nothing.
    NEXT.fetch_add(1, Ordering::Relaxed)
}
