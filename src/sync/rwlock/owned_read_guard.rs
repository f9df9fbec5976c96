//! [`OwnedRwLockReadGuard`]: a lock for reading, kept alive by its guard; also of a part of the value.
//!
//! As `read_guard.rs`, with an `Arc` in the reference's place.

use super::RwLock;
use crate::sync::guards::shared_access;
use gumption_core::resource::Place;
use std::mem::ManuallyDrop;
use std::sync::Arc;

/// A [`RwLock`] that is locked for reading and kept alive: its value, or a part `U` of it, until this is dropped.
///
/// Made by [`RwLock::read_owned`] and its kin, and by [`OwnedRwLockWriteGuard::downgrade`](super::OwnedRwLockWriteGuard::downgrade).
#[clippy::has_significant_drop]
pub struct OwnedRwLockReadGuard<T: ?Sized, U: ?Sized = T> {
    lock: Arc<RwLock<T>>,
    place: Place,
    data: *const U,
}

// SAFETY: it is a shared reference to the part and a reference to the lock, here and below.
unsafe impl<T: ?Sized + Send + Sync, U: ?Sized + Sync> Send for OwnedRwLockReadGuard<T, U> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send + Sync, U: ?Sized + Send + Sync> Sync for OwnedRwLockReadGuard<T, U> {}

impl<T: ?Sized> OwnedRwLockReadGuard<T> {
    /// The caller has a permit of the lock, and is written down there.
    #[inline(always)]
    pub(super) fn new(lock: Arc<RwLock<T>>, place: Place) -> Self {
        Self { data: lock.value.get(), place, lock }
    }
}

impl<T: ?Sized, U: ?Sized> OwnedRwLockReadGuard<T, U> {
    /// The caller has a permit of the lock, under which `data` may be read.
    pub(super) fn of_part(lock: Arc<RwLock<T>>, data: *const U) -> Self {
        Self { lock, place: Place::default(), data }
    }

    /// Its lock, still locked.
    fn into_lock(self) -> Arc<RwLock<T>> {
        let this = ManuallyDrop::new(self);
        // SAFETY: what it is read from is neither used nor dropped any more.
        unsafe { std::ptr::read(&this.lock) }
    }

    /// A guard of a part of the value.
    ///
    /// ```
    /// use gumption::sync::{OwnedRwLockReadGuard, RwLock};
    /// use std::sync::Arc;
    ///
    /// let pair = Arc::new(RwLock::new((1, 2)));
    /// let second = OwnedRwLockReadGuard::map(pair.try_read_owned()?, |pair| &pair.1);
    /// assert_eq!(*second, 2);
    /// # Ok::<(), gumption::sync::TryLockError>(())
    /// ```
    #[inline]
    pub fn map<F, V: ?Sized>(this: Self, f: F) -> OwnedRwLockReadGuard<T, V>
    where
        F: FnOnce(&U) -> &V,
    {
        let data = f(&*this) as *const V;
        OwnedRwLockReadGuard { place: this.place, lock: this.into_lock(), data }
    }

    /// A guard of a part of the value, if there is that part; otherwise the guard itself.
    ///
    /// # Errors
    /// If `f` finds nothing.
    #[inline]
    pub fn try_map<F, V: ?Sized>(this: Self, f: F) -> Result<OwnedRwLockReadGuard<T, V>, Self>
    where
        F: FnOnce(&U) -> Option<&V>,
    {
        let Some(data) = f(&*this).map(|part| part as *const V) else {
            return Err(this);
        };
        Ok(OwnedRwLockReadGuard { place: this.place, lock: this.into_lock(), data })
    }

    /// The lock that it locks.
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        &this.lock
    }
}

impl<T: ?Sized, U: ?Sized> Drop for OwnedRwLockReadGuard<T, U> {
    #[inline]
    fn drop(&mut self) {
        self.lock.base.release_from(self.place, 1);
    }
}

shared_access!([T: ?Sized, U: ?Sized] OwnedRwLockReadGuard<T, U>, U, |this| this.data);
