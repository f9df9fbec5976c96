//! [`ShortLock`]: a lock for a few instructions.
//!
//! What guards a primitive's queue is held for some ten stores, often, and hardly ever by two at a time. A lock that can put its
//! waiters to sleep pays an atomic exchange to be let go, because it has to look whether somebody sleeps; this one is let go by a
//! store, which is a third of the cost of a hand-over that it guards twice. Who finds it taken spins, then yields its thread, then
//! sleeps a little at a time, so that a holder that the system has suspended gets its core back.
//!
//! It is for sections that run no foreign code, allocate nothing and wait for nothing. Under the checkers it is a plain mutex, whose
//! waiters do not spin, because spinning threads multiply the schedules; the lock itself is the model `short_lock_excludes` in
//! `loom-tests/tests/locks.rs`, by the name [`Spinning`].

use gumption_core::sync::{AtomicBool, Ordering, UnsafeCell, const_unless_checked, spin_loop, thread, weaken};
use std::ops::{Deref, DerefMut};
use std::time::Duration;

#[cfg(any(gumption_loom, gumption_shuttle))]
pub(crate) use gumption_core::sync::{Mutex as ShortLock, MutexGuard as ShortGuard};
#[cfg(not(any(gumption_loom, gumption_shuttle)))]
pub(crate) use {Spinning as ShortLock, SpinningGuard as ShortGuard};

/// Turns of the loop before the thread yields: longer than any section that is not suspended.
const SPINS: u32 = 64;
/// Turns before it sleeps.
const YIELDS: u32 = SPINS + 16;
/// How long it sleeps, while the holder is suspended.
const NAP: Duration = Duration::from_micros(50);

/// See the file.
#[derive(Debug)]
pub struct Spinning<T> {
    taken: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached by one at a time.
unsafe impl<T: Send> Sync for Spinning<T> {}

impl<T> Spinning<T> {
    const_unless_checked! {
        /// A free lock around a value.
        pub fn new(value: T) -> Self {
            Self { taken: AtomicBool::new(false), value: UnsafeCell::new(value) }
        }
    }

    /// Waits for the lock.
    #[inline(always)]
    pub fn lock(&self) -> SpinningGuard<'_, T> {
        if !self.take() {
            self.lock_slow();
        }
        SpinningGuard { lock: self }
    }

    #[inline(always)]
    fn take(&self) -> bool {
        let acquire = weaken("short-lock-relaxed", Ordering::Acquire);
        // Ordering: Acquire pairs with the Release of the guard's drop.
        self.taken.compare_exchange(false, true, acquire, Ordering::Relaxed).is_ok()
    }

    #[cold]
    #[inline(never)]
    fn lock_slow(&self) {
        let mut turns = 0;
        loop {
            // Ordering: Relaxed; a look, to leave the line with its holder.
            if !self.taken.load(Ordering::Relaxed) && self.take() {
                return;
            }
            match turns {
                ..SPINS => spin_loop(),
                SPINS..YIELDS => thread::yield_now(),
                _ => std::thread::sleep(NAP),
            }
            turns = turns.saturating_add(1);
        }
    }
}

/// A [`Spinning`] that is held.
#[derive(Debug)]
pub struct SpinningGuard<'a, T> {
    lock: &'a Spinning<T>,
}

impl<T> Deref for SpinningGuard<'_, T> {
    type Target = T;
    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: the lock is held.
        self.lock.value.with(|value| unsafe { &*value })
    }
}

impl<T> DerefMut for SpinningGuard<'_, T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the lock is held.
        self.lock.value.with_mut(|value| unsafe { &mut *value })
    }
}

impl<T> Drop for SpinningGuard<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        let release = weaken("short-unlock-relaxed", Ordering::Release);
        // Ordering: Release pairs with the Acquire of `take`.
        self.lock.taken.store(false, release);
    }
}
