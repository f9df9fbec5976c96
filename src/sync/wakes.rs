//! [`Wakes`]: wakers to be woken when the lock has been released.
//!
//! Waking runs foreign code, which may take any lock, this primitive's among them. So who finds waiters under a lock collects
//! their wakers here, releases the lock, and wakes; if it is full, it does so in the middle and goes on. A panic out of one waker
//! does not cost the others their wake.

use gumption_core::policy;
use std::mem::MaybeUninit;
use std::task::Waker;

/// As many as are woken per turn of a primitive's lock: enough that the lock is cheap beside them, few enough for the stack.
/// Under the checkers one, so that their few waiters are several turns.
const CAPACITY: usize = if policy::CHECKED { 1 } else { 32 };

/// Up to 32 wakers.
pub(crate) struct Wakes {
    wakers: [MaybeUninit<Waker>; CAPACITY],
    /// Those in `next..len` are there.
    next: usize,
    len: usize,
}

impl Wakes {
    pub(crate) const fn new() -> Self {
        Self { wakers: [const { MaybeUninit::uninit() }; CAPACITY], next: 0, len: 0 }
    }

    /// Whether there is no room for another.
    pub(crate) const fn is_full(&self) -> bool {
        self.len == CAPACITY
    }

    /// Takes a waker in.
    ///
    /// # Panics
    /// If it is full.
    pub(crate) fn push(&mut self, waker: Waker) {
        self.wakers[self.len].write(waker);
        self.len += 1;
    }

    /// Takes a waker in, if it is one.
    ///
    /// # Panics
    /// If it is full.
    pub(crate) fn extend(&mut self, waker: Option<Waker>) {
        if let Some(waker) = waker {
            self.push(waker);
        }
    }

    /// Wakes them all, in the order they came. Not under a lock.
    pub(crate) fn wake_all(&mut self) {
        /// Goes on where a panic stopped.
        struct Rest<'a>(&'a mut Wakes);
        impl Drop for Rest<'_> {
            fn drop(&mut self) {
                while let Some(waker) = self.0.pop() {
                    waker.wake();
                }
            }
        }
        let rest = Rest(self);
        while let Some(waker) = rest.0.pop() {
            waker.wake();
        }
        drop(rest);
        self.next = 0;
        self.len = 0;
    }

    fn pop(&mut self) -> Option<Waker> {
        if self.next == self.len {
            return None;
        }
        self.next += 1;
        // SAFETY: written by `push`, and `next` has just passed it, so that nobody reads it again.
        Some(unsafe { self.wakers[self.next - 1].assume_init_read() })
    }
}

impl Drop for Wakes {
    fn drop(&mut self) {
        while let Some(waker) = self.pop() {
            drop(waker);
        }
    }
}

#[cfg(all(test, not(any(gumption_loom, gumption_shuttle))))]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    struct Counter {
        woken: AtomicUsize,
        panics: bool,
    }

    impl Wake for Counter {
        fn wake(self: Arc<Self>) {
            self.woken.fetch_add(1, Ordering::SeqCst);
            assert!(!self.panics, "a waker's panic");
        }
    }

    fn counter(panics: bool) -> Arc<Counter> {
        Arc::new(Counter { woken: AtomicUsize::new(0), panics })
    }

    #[test]
    fn a_panic_does_not_cost_the_others_their_wake() {
        let (good, bad) = (counter(false), counter(true));
        let mut wakes = Wakes::new();
        for turn in 0..2 {
            while !wakes.is_full() {
                wakes.push(if wakes.len == 5 { bad.clone() } else { good.clone() }.into());
            }
            assert!(catch_unwind(AssertUnwindSafe(|| wakes.wake_all())).is_err());
            assert_eq!(good.woken.load(Ordering::SeqCst), (turn + 1) * (CAPACITY - 1));
            assert_eq!(bad.woken.load(Ordering::SeqCst), turn + 1);
            assert!(wakes.pop().is_none());
            wakes = Wakes::new();
        }
        wakes.push(good.clone().into());
        drop(wakes);
        assert_eq!((Arc::strong_count(&good), Arc::strong_count(&bad)), (1, 1));
    }
}
