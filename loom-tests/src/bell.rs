//! [`Bell`]: a waker that counts, the oracle of the models of wakers.
//!
//! Its counters are `std`'s, which the checkers do not see, so that ringing it lends no ordering to the code under test. It
//! counts how often it was rung, and how many wakers of it exist: one that is dropped twice or never is an error like a
//! lost wake. It is never freed, so that a waker dropped twice is a wrong count and not a crash.
//!
//! The invariant: [`Bell::wakers`] is zero if and only if every waker that was made of it has been dropped or woken.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{RawWaker, RawWakerVTable, Waker};

/// Counts how often it was rung, and its wakers.
#[derive(Debug, Default)]
pub struct Bell {
    rings: AtomicUsize,
    wakers: AtomicUsize,
}

/// A bell, and its first waker.
pub fn bell() -> (&'static Bell, Waker) {
    let bell: &'static Bell = Box::leak(Box::default());
    (bell, bell.waker())
}

impl Bell {
    fn waker(&'static self) -> Waker {
        self.wakers.fetch_add(1, SeqCst);
        // SAFETY: the data is a `Bell` that lives for ever, and may be used from any thread.
        unsafe { Waker::new(std::ptr::from_ref(self).cast(), &VTABLE) }
    }

    /// # Safety
    /// `data` is from `waker`.
    unsafe fn of(data: *const ()) -> &'static Self {
        // SAFETY: by the contract.
        unsafe { &*data.cast::<Self>() }
    }

    /// How many wakers of it there are.
    pub fn wakers(&self) -> usize {
        self.wakers.load(SeqCst)
    }

    /// Whether it has been rung yet.
    pub fn has_rung(&self) -> bool {
        self.rings.load(SeqCst) > 0
    }

    /// How often it rang, at the end.
    ///
    /// # Panics
    /// If there is a waker of it left.
    pub fn rings(&self) -> usize {
        assert_eq!(self.wakers(), 0, "every waker is dropped once");
        self.rings.load(SeqCst)
    }
}

static VTABLE: RawWakerVTable = RawWakerVTable::new(
    |data| {
        // SAFETY: the data of a `Bell`'s waker, here and below.
        unsafe { Bell::of(data) }.wakers.fetch_add(1, SeqCst);
        RawWaker::new(data, &VTABLE)
    },
    |data| {
        // SAFETY: as above.
        let bell = unsafe { Bell::of(data) };
        bell.rings.fetch_add(1, SeqCst);
        bell.wakers.fetch_sub(1, SeqCst);
    },
    |data| {
        // SAFETY: as above.
        unsafe { Bell::of(data) }.rings.fetch_add(1, SeqCst);
    },
    |data| {
        // SAFETY: as above.
        unsafe { Bell::of(data) }.wakers.fetch_sub(1, SeqCst);
    },
);
