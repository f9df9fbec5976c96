//! [`Driven`]: the future of a `block_on`, as a task's record sees it.
//!
//! Such a future is no task: it stays in the frame of whoever calls `block_on`, may borrow from there, is polled by that thread alone,
//! and nobody has a handle on it. But an observer wants to know of it what is known of tasks (what it waits for, since when,
//! whether that is exact, how many wakers there are), and what it locks has an owner. So it is given a *record*, of a registry
//! of its own, and the body of that record is this: two borrows, of the future and of the place for what becomes of it.
//!
//! What tells such a record from a task's is its vtable ([`Task::is_main`]), because the record itself is full: who needs to know has
//! asked for more than a task's hot words anyway. [`with_task`](super::local::with_task) is
//! the running *task*; [`with_current`](super::with_current) is whatever is polled, a main included.
//!
//! It refuses to let a panic out: that, too, is what becomes of the future, and `block_on` raises it again. Who drives it, and where
//! its wakes go, is [`crate::mains`]; that is also who may call.
//!
//! The invariant: a driven future is polled by its own thread only, and its record is complete before the borrows end.

use super::Task;
use super::body::{Body, Vtable};
use crate::sync::thread_local;
use std::any::Any;
use std::cell::Cell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};

/// What became of a future: its output, or its panic.
pub type Outcome<T> = Result<T, Box<dyn Any + Send>>;

/// The future of a `block_on`. It is ready when `outcome` is there.
pub(crate) struct Driven<'a, F: Future> {
    pub(crate) future: Pin<&'a mut F>,
    pub(crate) outcome: &'a mut Option<Outcome<F::Output>>,
}

impl<F: Future> Future for Driven<'_, F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        *this.outcome = match catch_unwind(AssertUnwindSafe(|| this.future.as_mut().poll(cx))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => Some(Ok(output)),
            Err(panic) => Some(Err(panic)),
        };
        Poll::Ready(())
    }
}

impl<F: Future> Body<Driven<'_, F>> {
    const MAIN: Vtable = Vtable { is_main: true, type_name: std::any::type_name::<F>, ..Self::VTABLE };

    /// The vtable of records that stand for `F` in a `block_on`.
    pub(super) const fn main_vtable() -> &'static Vtable {
        &Self::MAIN
    }
}

impl Task {
    /// Whether the record stands for the future of a `block_on`. By whoever runs it, or knows otherwise that it is in use.
    #[inline]
    pub(crate) fn is_main(&self) -> bool {
        self.vtable().is_main
    }

    /// Says what drives the future. It is in no queue, so its link is free for that.
    ///
    /// # Safety
    /// The record is a main's, and the caller has the right to run it.
    pub(crate) unsafe fn set_driver(&self, driver: NonNull<()>) {
        // SAFETY: the link belongs to who has the right to run, and no queue ever reads that of a main.
        unsafe { self.link.set(Some(driver.cast())) };
    }

    /// What drives the future.
    ///
    /// # Safety
    /// As [`set_driver`](Self::set_driver), which came first.
    pub(crate) unsafe fn driver(&self) -> Option<NonNull<()>> {
        // SAFETY: as above.
        unsafe { self.link.get() }.map(NonNull::cast)
    }
}

thread_local! {
    /// The last mains that this thread has driven to their end.
    static OVER: Cell<[u64; REMEMBERED]> = const { Cell::new([0; REMEMBERED]) };
}

/// How many of them.
const REMEMBERED: usize = 8;

/// Whether `id` is one of the last mains that are over and were driven by this thread. What such a one has taken may have been given
/// to its thread, as in `let guard = runtime.block_on(lock.lock())`, and is no other's for that.
#[cold]
pub(crate) fn was_main_here(id: u64) -> bool {
    // A thread that is ending remembers none.
    id != 0 && OVER.try_with(|over| over.get().contains(&id)).unwrap_or(false)
}

/// This thread has driven the main `id` to its end.
pub(crate) fn remember_main(id: u64) {
    let _ = OVER.try_with(|over| {
        let mut ids = over.get();
        ids.rotate_right(1);
        ids[0] = id;
        over.set(ids);
    });
}
