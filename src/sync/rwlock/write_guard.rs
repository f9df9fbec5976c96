//! [`RwLockWriteGuard`] and [`RwLockMappedWriteGuard`]: a lock for writing, borrowed; the second of a part of the value.
//!
//! A writer may become a reader ([`downgrade`](RwLockWriteGuard::downgrade)) as long as it has the whole: a part that was borrowed
//! exclusively may have been left in a state that only its owner may see.

use super::{RwLock, RwLockReadGuard};
use crate::sync::batch_semaphore::Semaphore;
use crate::sync::guards::exclusive_access;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;

/// A [`RwLock`] that is locked for writing: its value, until this is dropped.
///
/// Made by [`RwLock::write`] and its kin.
#[clippy::has_significant_drop]
#[must_use = "if unused the RwLock will immediately unlock"]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    pub(super) lock: &'a RwLock<T>,
}

/// A part of the value of a [`RwLock`] that is locked for writing, until this is dropped.
///
/// Made by [`RwLockWriteGuard::map`].
#[clippy::has_significant_drop]
#[must_use = "if unused the RwLock will immediately unlock"]
pub struct RwLockMappedWriteGuard<'a, T: ?Sized> {
    base: &'a Semaphore,
    readers: u32,
    data: *mut T,
    marker: PhantomData<&'a mut T>,
}

// SAFETY: it is an exclusive reference, here and below.
unsafe impl<T: ?Sized + Send + Sync> Send for RwLockMappedWriteGuard<'_, T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLockMappedWriteGuard<'_, T> {}

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    fn into_part<U: ?Sized>(self, data: *mut U) -> RwLockMappedWriteGuard<'a, U> {
        let lock = ManuallyDrop::new(self).lock;
        RwLockMappedWriteGuard { base: &lock.base, readers: lock.readers, data, marker: PhantomData }
    }

    fn into_reader<U: ?Sized>(self, data: *const U) -> RwLockReadGuard<'a, U> {
        let lock = ManuallyDrop::new(self).lock;
        let guard = RwLockReadGuard::of_part(lock, data);
        lock.downgrade();
        guard
    }

    /// A guard of a part of the value.
    ///
    /// ```
    /// use gumption::sync::{RwLock, RwLockWriteGuard};
    ///
    /// let pair = RwLock::new((1, 2));
    /// *RwLockWriteGuard::map(pair.try_write()?, |pair| &mut pair.1) = 3;
    /// assert_eq!(pair.into_inner(), (1, 3));
    /// # Ok::<(), gumption::sync::TryLockError>(())
    /// ```
    #[inline]
    pub fn map<F, U: ?Sized>(mut this: Self, f: F) -> RwLockMappedWriteGuard<'a, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        let data = f(&mut *this) as *mut U;
        this.into_part(data)
    }

    /// A guard for reading of a part of the value, which no other writer has had in between.
    ///
    /// `f` gets the value shared: what was borrowed exclusively must not go on after others may read.
    #[inline]
    pub fn downgrade_map<F, U: ?Sized>(this: Self, f: F) -> RwLockReadGuard<'a, U>
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
    pub fn try_map<F, U: ?Sized>(mut this: Self, f: F) -> Result<RwLockMappedWriteGuard<'a, U>, Self>
    where
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        let Some(data) = f(&mut *this).map(|part| part as *mut U) else {
            return Err(this);
        };
        Ok(this.into_part(data))
    }

    /// [`downgrade_map`](Self::downgrade_map), if there is that part; otherwise the guard itself, still for writing.
    ///
    /// # Errors
    /// If `f` finds nothing.
    #[inline]
    pub fn try_downgrade_map<F, U: ?Sized>(this: Self, f: F) -> Result<RwLockReadGuard<'a, U>, Self>
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
    pub fn into_mapped(this: Self) -> RwLockMappedWriteGuard<'a, T> {
        Self::map(this, |value| value)
    }

    /// Goes on as a reader, and lets others read. No writer gets in between.
    ///
    /// ```
    /// use gumption::sync::RwLock;
    ///
    /// let price = RwLock::new(5);
    /// let mut writer = price.try_write()?;
    /// *writer += 1;
    /// let reader = writer.downgrade();
    /// assert_eq!(*reader, *price.try_read()?);
    /// assert!(price.try_write().is_err());
    /// # Ok::<(), gumption::sync::TryLockError>(())
    /// ```
    pub fn downgrade(self) -> RwLockReadGuard<'a, T> {
        let data = self.lock.value.get();
        self.into_reader(data)
    }
}

impl<T: ?Sized> Drop for RwLockWriteGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.unlock_write();
    }
}

impl<'a, T: ?Sized> RwLockMappedWriteGuard<'a, T> {
    fn into_part<U: ?Sized>(self, data: *mut U) -> RwLockMappedWriteGuard<'a, U> {
        let this = ManuallyDrop::new(self);
        RwLockMappedWriteGuard { base: this.base, readers: this.readers, data, marker: PhantomData }
    }

    /// A guard of a part of the part.
    #[inline]
    pub fn map<F, U: ?Sized>(mut this: Self, f: F) -> RwLockMappedWriteGuard<'a, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        let data = f(&mut *this) as *mut U;
        this.into_part(data)
    }

    /// A guard of a part of the part, if there is that one; otherwise the guard itself.
    ///
    /// # Errors
    /// If `f` finds nothing.
    #[inline]
    pub fn try_map<F, U: ?Sized>(mut this: Self, f: F) -> Result<RwLockMappedWriteGuard<'a, U>, Self>
    where
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        let Some(data) = f(&mut *this).map(|part| part as *mut U) else {
            return Err(this);
        };
        Ok(this.into_part(data))
    }
}

impl<T: ?Sized> Drop for RwLockMappedWriteGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.base.release_owned(self.readers as usize);
    }
}

exclusive_access!(['a, T: ?Sized] RwLockWriteGuard<'a, T>, T, |this| this.lock.value.get());
exclusive_access!(['a, T: ?Sized] RwLockMappedWriteGuard<'a, T>, T, |this| this.data);
