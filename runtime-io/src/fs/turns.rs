//! [`Turns`]: one operation at a time on a file that is shared by reference.
//!
//! Reads, writes and seeks have the file to themselves (`&mut`). `sync_all`, `set_len` and their like take `&self`, must wait for
//! what is in flight, and may be called by several tasks at once; the handle of what is in flight knows one waker only. So
//! whoever waits for it takes a turn first.
//!
//! The end of a turn wakes everybody who waits for one, and each tries again: several tasks on one file at once are rare, and a
//! waiter that is dropped thereby owes nobody anything, since nothing was handed to it.
//!
//! The value is behind a lock of its own, which is never contended: it is taken by whoever has the turn or the file
//! exclusively, and never across an await.
//!
//! The invariant: `taken` is set exactly while there is a [`Turn`]; a waker is in the line or has been woken.

use gumption_core::sync::{Mutex, MutexGuard};
use gumption_core::wait::{WaitReason, blocked_on};
use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

/// A value that is used in turns.
pub(super) struct Turns<T> {
    value: Mutex<T>,
    line: Mutex<Line>,
}

#[derive(Default)]
struct Line {
    taken: bool,
    waiting: Vec<Waker>,
}

/// The right to use the value until it is dropped.
#[must_use]
pub(super) struct Turn<'a, T>(&'a Turns<T>);

impl<T> Turns<T> {
    pub(super) fn new(value: T) -> Self {
        Self { value: Mutex::new(value), line: Mutex::new(Line::default()) }
    }

    /// The value, for who has the file exclusively.
    pub(super) fn get(&mut self) -> MutexGuard<'_, T> {
        self.value.lock()
    }

    /// Waits for a turn.
    pub(super) async fn take(&self) -> Turn<'_, T> {
        poll_fn(|cx| self.poll_take(cx)).await
    }

    fn poll_take(&self, cx: &mut Context<'_>) -> Poll<Turn<'_, T>> {
        let mut line = self.line.lock();
        if !line.taken {
            line.taken = true;
            return Poll::Ready(Turn(self));
        }
        // Polled again by the same task without having been woken.
        if !line.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            line.waiting.push(cx.waker().clone());
        }
        // Whoever has the turn waits for a closure.
        blocked_on(WaitReason::BlockingPool, 0);
        Poll::Pending
    }
}

impl<T> Turn<'_, T> {
    pub(super) fn get(&self) -> MutexGuard<'_, T> {
        self.0.value.lock()
    }
}

impl<T> Drop for Turn<'_, T> {
    fn drop(&mut self) {
        let mut line = self.0.line.lock();
        line.taken = false;
        let waiting = std::mem::take(&mut line.waiting);
        drop(line);
        for waker in waiting {
            waker.wake();
        }
    }
}
