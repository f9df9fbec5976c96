//! [`MappedMutexGuard`] and [`OwnedMappedMutexGuard`]: a part of the value of a mutex that is locked.
//!
//! Each is a pointer to the part and the lock to let go. The pointer comes out of the exclusive borrow that the guard before
//! had, and is that guard's successor: nothing else reaches the value until this is dropped.

use super::Mutex;
use crate::sync::batch_semaphore::Semaphore;
use crate::sync::guards::exclusive_access;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::sync::Arc;

/// A part of the value of a [`Mutex`] that is locked, until this is dropped.
///
/// Made by [`MutexGuard::map`](super::MutexGuard::map).
#[clippy::has_significant_drop]
#[must_use = "if unused the Mutex will immediately unlock"]
pub struct MappedMutexGuard<'a, T: ?Sized> {
    pub(super) base: &'a Semaphore,
    pub(super) data: *mut T,
    pub(super) marker: PhantomData<&'a mut T>,
}

/// A part `U` of the value of a [`Mutex`] that is locked and kept alive, until this is dropped.
///
/// Made by [`OwnedMutexGuard::map`](super::OwnedMutexGuard::map).
#[clippy::has_significant_drop]
#[must_use = "if unused the Mutex will immediately unlock"]
pub struct OwnedMappedMutexGuard<T: ?Sized, U: ?Sized = T> {
    pub(super) data: *mut U,
    pub(super) lock: Arc<Mutex<T>>,
}

// SAFETY: it is an exclusive reference to the part, here and below.
unsafe impl<T: ?Sized + Sync> Sync for MappedMutexGuard<'_, T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send> Send for MappedMutexGuard<'_, T> {}
// SAFETY: as above, and a reference to the mutex.
unsafe impl<T: ?Sized + Send + Sync, U: ?Sized + Send + Sync> Sync for OwnedMappedMutexGuard<T, U> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send, U: ?Sized + Send> Send for OwnedMappedMutexGuard<T, U> {}

impl<'a, T: ?Sized> MappedMutexGuard<'a, T> {
    /// A guard of a part of the part.
    #[inline]
    pub fn map<U, F>(mut this: Self, f: F) -> MappedMutexGuard<'a, U>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> &mut U,
    {
        let data = f(&mut *this) as *mut U;
        MappedMutexGuard { base: ManuallyDrop::new(this).base, data, marker: PhantomData }
    }

    /// A guard of a part of the part, if there is that one; otherwise the guard itself.
    ///
    /// # Errors
    /// If `f` finds nothing.
    #[inline]
    pub fn try_map<U, F>(mut this: Self, f: F) -> Result<MappedMutexGuard<'a, U>, Self>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        let Some(data) = f(&mut *this).map(|part| part as *mut U) else {
            return Err(this);
        };
        Ok(MappedMutexGuard { base: ManuallyDrop::new(this).base, data, marker: PhantomData })
    }
}

impl<T: ?Sized> Drop for MappedMutexGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.base.release_owned(1);
    }
}

impl<T: ?Sized, U: ?Sized> OwnedMappedMutexGuard<T, U> {
    /// Its mutex, still locked.
    fn into_lock(self) -> Arc<Mutex<T>> {
        let this = ManuallyDrop::new(self);
        // SAFETY: what it is read from is neither used nor dropped any more.
        unsafe { std::ptr::read(&this.lock) }
    }

    /// A guard of a part of the part.
    #[inline]
    pub fn map<S, F>(mut this: Self, f: F) -> OwnedMappedMutexGuard<T, S>
    where
        S: ?Sized,
        F: FnOnce(&mut U) -> &mut S,
    {
        let data = f(&mut *this) as *mut S;
        OwnedMappedMutexGuard { data, lock: this.into_lock() }
    }

    /// A guard of a part of the part, if there is that one; otherwise the guard itself.
    ///
    /// # Errors
    /// If `f` finds nothing.
    #[inline]
    pub fn try_map<S, F>(mut this: Self, f: F) -> Result<OwnedMappedMutexGuard<T, S>, Self>
    where
        S: ?Sized,
        F: FnOnce(&mut U) -> Option<&mut S>,
    {
        let Some(data) = f(&mut *this).map(|part| part as *mut S) else {
            return Err(this);
        };
        Ok(OwnedMappedMutexGuard { data, lock: this.into_lock() })
    }
}

impl<T: ?Sized, U: ?Sized> Drop for OwnedMappedMutexGuard<T, U> {
    #[inline]
    fn drop(&mut self) {
        self.lock.base.release_owned(1);
    }
}

exclusive_access!(['a, T: ?Sized] MappedMutexGuard<'a, T>, T, |this| this.data);
exclusive_access!([T: ?Sized, U: ?Sized] OwnedMappedMutexGuard<T, U>, U, |this| this.data);
