//! [`RwLockReadGuard`]: a lock for reading, borrowed; also of a part of the value.
//!
//! A pointer to what is read, and the lock to let go. A mapped one is the same type, because readers only ever give back one permit.

use super::RwLock;
use crate::sync::batch_semaphore::Semaphore;
use crate::sync::guards::shared_access;
use gumption_core::resource::Place;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;

/// A [`RwLock`] that is locked for reading: its value, or a part of it, until this is dropped.
///
/// Made by [`RwLock::read`] and its kin, and by [`RwLockWriteGuard::downgrade`](super::RwLockWriteGuard::downgrade).
#[clippy::has_significant_drop]
#[must_use = "if unused the RwLock will immediately unlock"]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    base: &'a Semaphore,
    place: Place,
    data: *const T,
    marker: PhantomData<&'a T>,
}

// SAFETY: it is a shared reference, here and below.
unsafe impl<T: ?Sized + Sync> Send for RwLockReadGuard<'_, T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLockReadGuard<'_, T> {}

impl<'a, T: ?Sized> RwLockReadGuard<'a, T> {
    /// The caller has a permit of the lock, and is written down there.
    #[inline(always)]
    pub(super) fn new(lock: &'a RwLock<T>, place: Place) -> Self {
        Self { base: &lock.base, place, data: lock.value.get(), marker: PhantomData }
    }

    /// The caller has a permit, under which `data` may be read.
    #[inline(always)]
    pub(super) fn of_part<U: ?Sized>(lock: &'a RwLock<U>, data: *const T) -> Self {
        Self { base: &lock.base, place: Place::default(), data, marker: PhantomData }
    }

    /// A guard of a part of the value.
    ///
    /// ```
    /// use gumption::sync::{RwLock, RwLockReadGuard};
    ///
    /// let pair = RwLock::new((1, 2));
    /// let second = RwLockReadGuard::map(pair.try_read()?, |pair| &pair.1);
    /// assert_eq!(*second, 2);
    /// # Ok::<(), gumption::sync::TryLockError>(())
    /// ```
    #[inline]
    pub fn map<F, U: ?Sized>(this: Self, f: F) -> RwLockReadGuard<'a, U>
    where
        F: FnOnce(&T) -> &U,
    {
        let data = f(&*this) as *const U;
        let RwLockReadGuard { base, place, .. } = *ManuallyDrop::new(this);
        RwLockReadGuard { base, place, data, marker: PhantomData }
    }

    /// A guard of a part of the value, if there is that part; otherwise the guard itself.
    ///
    /// # Errors
    /// If `f` finds nothing.
    #[inline]
    pub fn try_map<F, U: ?Sized>(this: Self, f: F) -> Result<RwLockReadGuard<'a, U>, Self>
    where
        F: FnOnce(&T) -> Option<&U>,
    {
        let Some(data) = f(&*this).map(|part| part as *const U) else {
            return Err(this);
        };
        let RwLockReadGuard { base, place, .. } = *ManuallyDrop::new(this);
        Ok(RwLockReadGuard { base, place, data, marker: PhantomData })
    }
}

impl<T: ?Sized> Drop for RwLockReadGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.base.release_from(self.place, 1);
    }
}

shared_access!(['a, T: ?Sized] RwLockReadGuard<'a, T>, T, |this| this.data);
