//! [`MutexGuard`]: a mutex that is locked, borrowed.
//!
//! It lets the mutex go when dropped. `map` makes it a guard of a part of the value, in `mapped.rs`.

use super::{MappedMutexGuard, Mutex};
use crate::sync::guards::exclusive_access;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;

/// A [`Mutex`] that is locked: its value, until this is dropped.
///
/// Made by [`Mutex::lock`] and its kin. It may be kept across an `await`, and sent to another thread.
#[clippy::has_significant_drop]
#[must_use = "if unused the Mutex will immediately unlock"]
pub struct MutexGuard<'a, T: ?Sized> {
    pub(super) lock: &'a Mutex<T>,
}

// SAFETY: shared, it gives out the value shared.
unsafe impl<T: ?Sized + Send + Sync> Sync for MutexGuard<'_, T> {}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// A guard of a part of the value.
    ///
    /// ```
    /// use gumption::sync::{Mutex, MutexGuard};
    ///
    /// let pair = Mutex::new((1, 2));
    /// let mut second = MutexGuard::map(pair.try_lock()?, |pair| &mut pair.1);
    /// *second = 3;
    /// drop(second);
    /// assert_eq!(pair.into_inner(), (1, 3));
    /// # Ok::<(), gumption::sync::TryLockError>(())
    /// ```
    #[inline]
    pub fn map<U, F>(mut this: Self, f: F) -> MappedMutexGuard<'a, U>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> &mut U,
    {
        let data = f(&mut *this) as *mut U;
        MappedMutexGuard { base: &ManuallyDrop::new(this).lock.base, data, marker: PhantomData }
    }

    /// A guard of a part of the value, if there is that part; otherwise the guard itself.
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
        Ok(MappedMutexGuard { base: &ManuallyDrop::new(this).lock.base, data, marker: PhantomData })
    }

    /// The mutex that it locks.
    ///
    /// ```
    /// use gumption::sync::{Mutex, MutexGuard};
    ///
    /// async fn let_others<'a>(guard: MutexGuard<'a, u32>) -> MutexGuard<'a, u32> {
    ///     let mutex = MutexGuard::mutex(&guard);
    ///     drop(guard);
    ///     mutex.lock().await
    /// }
    /// # let mutex = Mutex::new(1);
    /// # let runtime = gumption::runtime::Runtime::new()?;
    /// # runtime.block_on(async { drop(let_others(mutex.lock().await).await) });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn mutex(this: &Self) -> &'a Mutex<T> {
        this.lock
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.base.release_owned(1);
    }
}

exclusive_access!(['a, T: ?Sized] MutexGuard<'a, T>, T, |this| this.lock.value.get());
