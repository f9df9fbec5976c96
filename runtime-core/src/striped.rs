//! [`Striped`]: one thing in a few copies, so that threads without a processor do not queue for one cache line.
//!
//! A processor has its own counters and caches, and asks nobody. Everybody else (a foreign thread that spawns, a machine
//! that lost its processor) shares, and four threads that share one word spend more time on passing it around than on
//! a spawn. So what they share exists [`policy::STRIPES`] times, each copy on cache lines of its own, and a thread uses the one
//! that its number picks. Numbers are dealt in turn, so that as many threads as there are stripes meet nowhere.
//!
//! The invariant: a stripe is a place and not a property. Any thread may use any stripe at any time, so that whatever is in it
//! must be fit to be shared, and only the sum over all stripes means anything.
//!
//! Who may call: the arena (caches of threads without a processor), the shutdown's count, the scheduler's
//! counters. Under the checkers there is one stripe, because a number that a static deals differs from one execution to
//! the next. What that leaves unchecked is an argument by stripe: each protocol here holds between a thread and its
//! stripe, and readers visit all of them.

use crate::policy;
use crate::sync::{Ordering, StaticU64, thread_local};
use crossbeam_utils::CachePadded;
use std::cell::Cell;

thread_local! {
    /// This thread's number, from 1; 0 until it asks.
    static NUMBER: Cell<usize> = const { Cell::new(0) };
}

/// A number for this thread: the threads that ask are numbered in turn.
#[inline]
pub fn thread_number() -> usize {
    if policy::CHECKED {
        return 0;
    }
    // A thread that is ending shares with the first.
    NUMBER.try_with(|number| if number.get() == 0 { deal(number) } else { number.get() }).unwrap_or(0)
}

#[cold]
fn deal(number: &Cell<usize>) -> usize {
    static NEXT: StaticU64 = StaticU64::new(1);
    // Ordering: Relaxed; the numbers order nothing.
    number.set(NEXT.fetch_add(1, Ordering::Relaxed) as usize);
    number.get()
}

/// As many copies of a `T` as there are stripes.
#[derive(Debug)]
pub struct Striped<T>([CachePadded<T>; policy::STRIPES]);

impl<T> Striped<T> {
    /// Stripes made by `make`.
    pub fn new(mut make: impl FnMut() -> T) -> Self {
        Self(std::array::from_fn(|_| CachePadded::new(make())))
    }

    /// This thread's stripe.
    #[inline]
    pub fn mine(&self) -> &T {
        &self.0[thread_number() % self.0.len()]
    }

    /// Every stripe, this thread's first.
    pub fn mine_first(&self) -> impl Iterator<Item = &T> {
        let mine = thread_number();
        (0..self.0.len()).map(move |offset| &*self.0[mine.wrapping_add(offset) % self.0.len()])
    }

    /// Every stripe.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|stripe| &**stripe)
    }
}

impl<T: Default> Default for Striped<T> {
    fn default() -> Self {
        Self::new(T::default)
    }
}
