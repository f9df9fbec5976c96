//! [`RwLock`]: a value for one writer or many readers.
//!
//! A [`batch_semaphore`](super::batch_semaphore) with a permit for each reader that there may be: a reader takes one, a writer all of
//! them, as their owner. The fairness follows: who asks first is served first, a writer gathers the permits that readers give back,
//! and readers who come after it wait behind it, so that neither starves.
//!
//! The guards are in files of their own: `read_guard.rs`, `write_guard.rs`, and `owned_*.rs` for those that keep the lock alive, each
//! with its mapped forms. A writer becomes a reader in one step, which no other writer gets in between.
//!
//! Like the mutex it knows no poison, and like there the value's cell is `std`'s.
//!
//! Model: `loom-tests/tests/locks.rs`.

mod owned_read_guard;
mod owned_write_guard;
mod read_guard;
mod write_guard;

pub use owned_read_guard::OwnedRwLockReadGuard;
pub use owned_write_guard::{OwnedRwLockMappedWriteGuard, OwnedRwLockWriteGuard};
pub use read_guard::RwLockReadGuard;
pub use write_guard::{RwLockMappedWriteGuard, RwLockWriteGuard};

use super::TryLockError;
use super::batch_semaphore::{Guard, Semaphore, never_closed};
use gumption_core::resource::Kind;
use gumption_core::sync::{broken, const_unless_checked};
use gumption_core::wait::WaitReason;
use gumption_core::wait_here;
use std::cell::UnsafeCell;
use std::fmt;
use std::sync::Arc;

/// As many readers as there may be: tokio's number.
const MAX_READERS: u32 = u32::MAX >> 3;

/// A value for one writer or many readers, whose lock may be kept across an `await`.
///
/// Who asks first is served first. A reader who comes while a writer waits waits behind it: writers do not starve. So a task that
/// has a read lock must not ask for another one; if a writer asked in between, both wait for ever.
///
/// A panic does not poison it.
///
/// ```
/// use gumption::sync::RwLock;
///
/// # gumption::runtime::Runtime::new().unwrap().block_on(async {
/// let price = RwLock::new(5);
/// {
///     let (one, other) = (price.read().await, price.read().await);
///     assert_eq!(*one + *other, 10);
/// }
/// *price.write().await += 1;
/// assert_eq!(*price.read().await, 6);
/// # });
/// ```
pub struct RwLock<T: ?Sized> {
    /// How many readers there may be: the permits.
    readers: u32,
    base: Semaphore,
    value: UnsafeCell<T>,
}

// SAFETY: a lock is its value's owner.
unsafe impl<T: ?Sized + Send> Send for RwLock<T> {}
// SAFETY: writers reach the value alone, readers share it.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}

impl<T> RwLock<T> {
    /// An unlocked lock around a value.
    #[track_caller]
    pub fn new(value: T) -> Self {
        Self::const_new(value)
    }

    /// An unlocked lock around a value, for at most so many readers at once; more wait.
    ///
    /// # Panics
    /// If `max_reads` is 0, or more than `u32::MAX >> 3`.
    #[track_caller]
    pub fn with_max_readers(value: T, max_reads: u32) -> Self {
        Self::const_with_max_readers(value, max_reads)
    }

    const_unless_checked! {
        /// [`new`](Self::new), for a `static`.
        ///
        /// ```
        /// use gumption::sync::RwLock;
        ///
        /// static PRICE: RwLock<u32> = RwLock::const_new(5);
        /// assert_eq!(PRICE.try_read().map(|price| *price).ok(), Some(5));
        /// ```
        #[track_caller]
        pub fn const_new(value: T) -> Self {
            Self::const_with_max_readers(value, MAX_READERS)
        }

        /// [`with_max_readers`](Self::with_max_readers), for a `static`.
        ///
        /// # Panics
        /// As [`with_max_readers`](Self::with_max_readers).
        #[track_caller]
        pub fn const_with_max_readers(value: T, max_reads: u32) -> Self {
            assert!(max_reads != 0, "a RwLock may not be created with 0 readers");
            assert!(max_reads <= MAX_READERS, "a RwLock may not be created with more than 536870911 readers");
            Self {
                readers: max_reads,
                base: Semaphore::new(max_reads as usize, Kind::RwLock),
                value: UnsafeCell::new(value),
            }
        }
    }

    /// The value, out of the lock.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Locks it for reading, in turn.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue, and nothing else is lost.
    pub async fn read(&self) -> RwLockReadGuard<'_, T> {
        let turn = self.base.acquire(1, Guard::Borrows, WaitReason::RwLockRead).await;
        RwLockReadGuard::new(self, turn.unwrap_or_else(|_| never_closed()))
    }

    /// [`read`](Self::read) on a thread that runs no tasks.
    ///
    /// # Panics
    /// On a thread that drives tasks.
    #[track_caller]
    pub fn blocking_read(&self) -> RwLockReadGuard<'_, T> {
        wait_here(self.read())
    }

    /// [`read`](Self::read), with a guard that keeps the lock alive.
    ///
    /// # Cancel safety
    /// As [`read`](Self::read).
    pub async fn read_owned(self: Arc<Self>) -> OwnedRwLockReadGuard<T> {
        let turn = self.base.acquire(1, Guard::Travels, WaitReason::RwLockRead).await;
        OwnedRwLockReadGuard::new(self, turn.unwrap_or_else(|_| never_closed()))
    }

    /// Locks it for reading if it can be had at once.
    ///
    /// # Errors
    /// If a writer has it or waits for it, or there are as many readers as there may be.
    #[inline]
    pub fn try_read(&self) -> Result<RwLockReadGuard<'_, T>, TryLockError> {
        match self.base.try_acquire(1, Guard::Borrows) {
            Ok(place) => Ok(RwLockReadGuard::new(self, place)),
            Err(_) => Err(TryLockError(())),
        }
    }

    /// [`try_read`](Self::try_read), with a guard that keeps the lock alive.
    ///
    /// # Errors
    /// As [`try_read`](Self::try_read).
    pub fn try_read_owned(self: Arc<Self>) -> Result<OwnedRwLockReadGuard<T>, TryLockError> {
        match self.base.try_acquire(1, Guard::Travels) {
            Ok(place) => Ok(OwnedRwLockReadGuard::new(self, place)),
            Err(_) => Err(TryLockError(())),
        }
    }

    /// Locks it for writing, in turn.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue, and the readers behind it go on.
    pub async fn write(&self) -> RwLockWriteGuard<'_, T> {
        let all = self.readers as usize;
        self.base.acquire_owned(all, Guard::Borrows, WaitReason::RwLockWrite).await.unwrap_or_else(|_| never_closed());
        RwLockWriteGuard { lock: self }
    }

    /// [`write`](Self::write) on a thread that runs no tasks.
    ///
    /// # Panics
    /// On a thread that drives tasks.
    #[track_caller]
    pub fn blocking_write(&self) -> RwLockWriteGuard<'_, T> {
        wait_here(self.write())
    }

    /// [`write`](Self::write), with a guard that keeps the lock alive.
    ///
    /// # Cancel safety
    /// As [`write`](Self::write).
    pub async fn write_owned(self: Arc<Self>) -> OwnedRwLockWriteGuard<T> {
        let all = self.readers as usize;
        self.base.acquire_owned(all, Guard::Travels, WaitReason::RwLockWrite).await.unwrap_or_else(|_| never_closed());
        OwnedRwLockWriteGuard { lock: self }
    }

    /// Locks it for writing if nobody has it.
    ///
    /// # Errors
    /// If somebody has it, or waits for it.
    #[inline]
    pub fn try_write(&self) -> Result<RwLockWriteGuard<'_, T>, TryLockError> {
        match self.base.try_acquire_owned(self.readers as usize, Guard::Borrows) {
            Ok(()) => Ok(RwLockWriteGuard { lock: self }),
            Err(_) => Err(TryLockError(())),
        }
    }

    /// [`try_write`](Self::try_write), with a guard that keeps the lock alive.
    ///
    /// # Errors
    /// As [`try_write`](Self::try_write).
    pub fn try_write_owned(self: Arc<Self>) -> Result<OwnedRwLockWriteGuard<T>, TryLockError> {
        match self.base.try_acquire_owned(self.readers as usize, Guard::Travels) {
            Ok(()) => Ok(OwnedRwLockWriteGuard { lock: self }),
            Err(_) => Err(TryLockError(())),
        }
    }

    /// The value, without locking: nobody else can have the lock.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// A writer lets go.
    #[inline]
    fn unlock_write(&self) {
        self.base.release_owned(self.readers as usize);
    }

    /// A writer becomes a reader.
    fn downgrade(&self) {
        let others = match () {
            () if broken("rwlock-downgrade-admits-nobody") => 0,
            () if broken("rwlock-downgrade-admits-writers") => self.readers,
            () => self.readers - 1,
        };
        self.base.release_owned(others as usize);
    }
}

impl<T> From<T> for RwLock<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: Default> Default for RwLock<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("RwLock");
        match self.try_read() {
            Ok(guard) => debug.field("data", &&*guard),
            Err(_) => debug.field("data", &format_args!("<locked>")),
        };
        debug.finish()
    }
}
