//! [`OwnedRwLockWriteGuard`] and [`OwnedRwLockMappedWriteGuard`]: a lock for writing, kept alive by its guard.
//!
//! As `write_guard.rs`, with an `Arc` in the reference's place.

use super::{OwnedRwLockReadGuard, RwLock};
use crate::sync::guards::exclusive_access;
use std::mem::ManuallyDrop;
use std::sync::Arc;

/// A [`RwLock`] that is locked for writing, and kept alive: its value, until this is dropped.
///
/// Made by [`RwLock::write_owned`] and its kin.
#[clippy::has_significant_drop]
pub struct OwnedRwLockWriteGuard<T: ?Sized> {
    pub(super) lock: Arc<RwLock<T>>,
}

/// A part `U` of the value of a [`RwLock`] that is locked for writing and kept alive, until this is dropped.
///
/// Made by [`OwnedRwLockWriteGuard::map`].
#[clippy::has_significant_drop]
pub struct OwnedRwLockMappedWriteGuard<T: ?Sized, U: ?Sized = T> {
    lock: Arc<RwLock<T>>,
    data: *mut U,
}

// SAFETY: it is an exclusive reference to the part and a reference to the lock, here and below.
unsafe impl<T: ?Sized + Send + Sync, U: ?Sized + Send + Sync> Send for OwnedRwLockMappedWriteGuard<T, U> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send + Sync, U: ?Sized + Send + Sync> Sync for OwnedRwLockMappedWriteGuard<T, U> {}

impl<T: ?Sized> OwnedRwLockWriteGuard<T> {
    /// Its lock, still locked.
    fn into_lock(self) -> Arc<RwLock<T>> {
        let this = ManuallyDrop::new(self);
        // SAFETY: what it is read from is neither used nor dropped any more.
        unsafe { std::ptr::read(&this.lock) }
    }

    fn into_reader<U: ?Sized>(self, data: *const U) -> OwnedRwLockReadGuard<T, U> {
        let guard = OwnedRwLockReadGuard::of_part(self.into_lock(), data);
        OwnedRwLockReadGuard::rwlock(&guard).downgrade();
        guard
    }

    /// A guard of a part of the value.
    ///
    /// ```
    /// use gumption::sync::{OwnedRwLockWriteGuard, RwLock};
    /// use std::sync::Arc;
    ///
    /// let pair = Arc::new(RwLock::new((1, 2)));
    /// *OwnedRwLockWriteGuard::map(pair.clone().try_write_owned()?, |pair| &mut pair.1) = 3;
    /// assert_eq!(*pair.try_read()?, (1, 3));
    /// # Ok::<(), gumption::sync::TryLockError>(())
    /// ```
    #[inline]
    pub fn map<F, U: ?Sized>(mut this: Self, f: F) -> OwnedRwLockMappedWriteGuard<T, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        let data = f(&mut *this) as *mut U;
        OwnedRwLockMappedWriteGuard { lock: this.into_lock(), data }
    }

    /// A guard for reading of a part of the value, which no other writer has had in between.
    #[inline]
    pub fn downgrade_map<F, U: ?Sized>(this: Self, f: F) -> OwnedRwLockReadGuard<T, U>
    where
        F: FnOnce(&T) -> &U,
    {
        let data = f(&*this) as *const U;
        this.into_reader(data)
    }

    /// A guard of a part of the value, if there is that part; otherwise the guard itself.
    ///
    /// # Errors
    /// If `f` finds nothing.
    #[inline]
    pub fn try_map<F, U: ?Sized>(mut this: Self, f: F) -> Result<OwnedRwLockMappedWriteGuard<T, U>, Self>
    where
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        let Some(data) = f(&mut *this).map(|part| part as *mut U) else {
            return Err(this);
        };
        Ok(OwnedRwLockMappedWriteGuard { lock: this.into_lock(), data })
    }

    /// [`downgrade_map`](Self::downgrade_map), if there is that part; otherwise the guard itself, still for writing.
    ///
    /// # Errors
    /// If `f` finds nothing.
    #[inline]
    pub fn try_downgrade_map<F, U: ?Sized>(this: Self, f: F) -> Result<OwnedRwLockReadGuard<T, U>, Self>
    where
        F: FnOnce(&T) -> Option<&U>,
    {
        let Some(data) = f(&*this).map(|part| part as *const U) else {
            return Err(this);
        };
        Ok(this.into_reader(data))
    }

    /// A guard of the whole, of the type that a part's has.
    #[inline]
    pub fn into_mapped(this: Self) -> OwnedRwLockMappedWriteGuard<T> {
        Self::map(this, |value| value)
    }

    /// Goes on as a reader, and lets others read. No writer gets in between.
    pub fn downgrade(self) -> OwnedRwLockReadGuard<T> {
        let data = self.lock.value.get();
        self.into_reader(data)
    }

    /// The lock that it locks.
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        &this.lock
    }
}

impl<T: ?Sized> Drop for OwnedRwLockWriteGuard<T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.unlock_write();
    }
}

impl<T: ?Sized, U: ?Sized> OwnedRwLockMappedWriteGuard<T, U> {
    /// Its lock, still locked.
    fn into_lock(self) -> Arc<RwLock<T>> {
        let this = ManuallyDrop::new(self);
        // SAFETY: what it is read from is neither used nor dropped any more.
        unsafe { std::ptr::read(&this.lock) }
    }

    /// A guard of a part of the part.
    #[inline]
    pub fn map<F, V: ?Sized>(mut this: Self, f: F) -> OwnedRwLockMappedWriteGuard<T, V>
    where
        F: FnOnce(&mut U) -> &mut V,
    {
        let data = f(&mut *this) as *mut V;
        OwnedRwLockMappedWriteGuard { lock: this.into_lock(), data }
    }

    /// A guard of a part of the part, if there is that one; otherwise the guard itself.
    ///
    /// # Errors
    /// If `f` finds nothing.
    #[inline]
    pub fn try_map<F, V: ?Sized>(mut this: Self, f: F) -> Result<OwnedRwLockMappedWriteGuard<T, V>, Self>
    where
        F: FnOnce(&mut U) -> Option<&mut V>,
    {
        let Some(data) = f(&mut *this).map(|part| part as *mut V) else {
            return Err(this);
        };
        Ok(OwnedRwLockMappedWriteGuard { lock: this.into_lock(), data })
    }

    /// The lock that it locks.
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        &this.lock
    }
}

impl<T: ?Sized, U: ?Sized> Drop for OwnedRwLockMappedWriteGuard<T, U> {
    #[inline]
    fn drop(&mut self) {
        self.lock.unlock_write();
    }
}

exclusive_access!([T: ?Sized] OwnedRwLockWriteGuard<T>, T, |this| this.lock.value.get());
exclusive_access!([T: ?Sized, U: ?Sized] OwnedRwLockMappedWriteGuard<T, U>, U, |this| this.data);
