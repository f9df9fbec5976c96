//! [`OwnedMutexGuard`]: a mutex that is locked, kept alive by its guard.
//!
//! As `guard.rs`, with an `Arc` in the reference's place.

use super::{Mutex, OwnedMappedMutexGuard};
use crate::sync::guards::exclusive_access;
use std::mem::ManuallyDrop;
use std::sync::Arc;

/// A [`Mutex`] that is locked, and kept alive: its value, until this is dropped.
///
/// Made by [`Mutex::lock_owned`] and its kin. It borrows nothing, so a task can be spawned with it.
#[clippy::has_significant_drop]
pub struct OwnedMutexGuard<T: ?Sized> {
    pub(super) lock: Arc<Mutex<T>>,
}

// SAFETY: shared, it gives out the value shared.
unsafe impl<T: ?Sized + Send + Sync> Sync for OwnedMutexGuard<T> {}

impl<T: ?Sized> OwnedMutexGuard<T> {
    /// Its mutex, still locked.
    fn into_lock(self) -> Arc<Mutex<T>> {
        let this = ManuallyDrop::new(self);
        // SAFETY: what it is read from is neither used nor dropped any more.
        unsafe { std::ptr::read(&this.lock) }
    }

    /// A guard of a part of the value.
    ///
    /// ```
    /// use gumption::sync::{Mutex, OwnedMutexGuard};
    /// use std::sync::Arc;
    ///
    /// let pair = Arc::new(Mutex::new((1, 2)));
    /// let mut second = OwnedMutexGuard::map(pair.clone().try_lock_owned()?, |pair| &mut pair.1);
    /// *second = 3;
    /// drop(second);
    /// assert_eq!(*pair.try_lock()?, (1, 3));
    /// # Ok::<(), gumption::sync::TryLockError>(())
    /// ```
    #[inline]
    pub fn map<U, F>(mut this: Self, f: F) -> OwnedMappedMutexGuard<T, U>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> &mut U,
    {
        let data = f(&mut *this) as *mut U;
        OwnedMappedMutexGuard { data, lock: this.into_lock() }
    }

    /// A guard of a part of the value, if there is that part; otherwise the guard itself.
    ///
    /// # Errors
    /// If `f` finds nothing.
    #[inline]
    pub fn try_map<U, F>(mut this: Self, f: F) -> Result<OwnedMappedMutexGuard<T, U>, Self>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        let Some(data) = f(&mut *this).map(|part| part as *mut U) else {
            return Err(this);
        };
        Ok(OwnedMappedMutexGuard { data, lock: this.into_lock() })
    }

    /// The mutex that it locks.
    #[inline]
    pub fn mutex(this: &Self) -> &Arc<Mutex<T>> {
        &this.lock
    }
}

impl<T: ?Sized> Drop for OwnedMutexGuard<T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.base.release_owned(1);
    }
}

exclusive_access!([T: ?Sized] OwnedMutexGuard<T>, T, |this| this.lock.value.get());
