//! [`Mutex`]: a value for one task at a time, which may be kept across an `await`.
//!
//! One permit of a [`batch_semaphore`](super::batch_semaphore), taken as an owner, and the value beside it. The fairness is the
//! semaphore's: a lock that is let go is handed to who has waited longest. The guards are in `guard.rs`, `owned_guard.rs` and
//! `mapped.rs`.
//!
//! It knows no poison: a panic while it is locked unlocks it, and the next one finds the value as it was left.
//!
//! Observers see the owner at any time at which somebody waits: the lock's own word is the owner's id.
//!
//! The value's cell is `std`'s, because it may be unsized; a model puts a checked cell into the mutex instead.
//!
//! Model: `loom-tests/tests/locks.rs`.

mod guard;
mod mapped;
mod owned_guard;

pub use guard::MutexGuard;
pub use mapped::{MappedMutexGuard, OwnedMappedMutexGuard};
pub use owned_guard::OwnedMutexGuard;

use super::batch_semaphore::{Guard, Semaphore, never_closed};
use gumption_core::resource::Kind;
use gumption_core::sync::const_unless_checked;
use gumption_core::wait::WaitReason;
use gumption_core::wait_here;
use std::cell::UnsafeCell;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// A value for one at a time, whose lock may be kept across an `await`.
///
/// [`lock`](Self::lock) waits for its turn without blocking the thread. Who waits is served in the order of the first polls:
/// a lock that is let go belongs to the next in the same step, and nobody who comes by in between gets it.
///
/// A value that is never kept across an `await` is better off in a `std::sync::Mutex`: that one is cheaper when tasks meet at it,
/// because it need not switch between them.
///
/// A panic does not poison it.
///
/// ```
/// use gumption::sync::Mutex;
/// use std::sync::Arc;
///
/// # gumption::runtime::Runtime::new().unwrap().block_on(async {
/// let count = Arc::new(Mutex::new(0));
/// let tasks: Vec<_> = (0..10)
///     .map(|_| {
///         let count = count.clone();
///         gumption::spawn(async move {
///             let mut count = count.lock().await;
///             let seen = *count;
///             gumption::task::yield_now().await;
///             *count = seen + 1;
///         })
///     })
///     .collect();
/// for task in tasks {
///     task.await.unwrap();
/// }
/// assert_eq!(*count.lock().await, 10);
/// # });
/// ```
pub struct Mutex<T: ?Sized> {
    base: Semaphore,
    value: UnsafeCell<T>,
}

// SAFETY: a mutex is its value's owner.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}
// SAFETY: the value is reached by one at a time.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}

/// A mutex or a read-write lock could not be locked at once.
#[derive(Debug)]
pub struct TryLockError(pub(super) ());

impl fmt::Display for TryLockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("operation would block")
    }
}

impl Error for TryLockError {}

impl<T> Mutex<T> {
    /// An unlocked mutex around a value.
    #[track_caller]
    pub fn new(t: T) -> Self {
        Self::const_new(t)
    }

    const_unless_checked! {
        /// [`new`](Self::new), for a `static`.
        ///
        /// ```
        /// use gumption::sync::Mutex;
        ///
        /// static COUNT: Mutex<u32> = Mutex::const_new(7);
        /// assert_eq!(COUNT.try_lock().map(|count| *count).ok(), Some(7));
        /// ```
        #[track_caller]
        pub fn const_new(t: T) -> Self {
            Self { base: Semaphore::new(1, Kind::Mutex), value: UnsafeCell::new(t) }
        }
    }

    /// The value, out of the mutex.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Locks it, in turn.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue, and nothing else is lost.
    pub async fn lock(&self) -> MutexGuard<'_, T> {
        self.base.acquire_owned(1, Guard::Borrows, WaitReason::Mutex).await.unwrap_or_else(|_| never_closed());
        MutexGuard { lock: self }
    }

    /// [`lock`](Self::lock), with a guard that keeps the mutex alive.
    ///
    /// ```
    /// use gumption::sync::Mutex;
    /// use std::sync::Arc;
    ///
    /// # gumption::runtime::Runtime::new().unwrap().block_on(async {
    /// let count = Arc::new(Mutex::new(1));
    /// let mut guard = count.clone().lock_owned().await;
    /// gumption::spawn(async move { *guard = 2 }).await.unwrap();
    /// assert_eq!(*count.lock().await, 2);
    /// # });
    /// ```
    ///
    /// # Cancel safety
    /// As [`lock`](Self::lock).
    pub async fn lock_owned(self: Arc<Self>) -> OwnedMutexGuard<T> {
        self.base.acquire_owned(1, Guard::Travels, WaitReason::Mutex).await.unwrap_or_else(|_| never_closed());
        OwnedMutexGuard { lock: self }
    }

    /// [`lock`](Self::lock) on a thread that runs no tasks.
    ///
    /// ```
    /// use gumption::sync::Mutex;
    ///
    /// let count = Mutex::new(1);
    /// *count.blocking_lock() = 2;
    /// assert_eq!(count.into_inner(), 2);
    /// ```
    ///
    /// # Panics
    /// On a thread that drives tasks.
    #[track_caller]
    #[doc(alias = "lock_blocking")]
    pub fn blocking_lock(&self) -> MutexGuard<'_, T> {
        wait_here(self.lock())
    }

    /// [`lock_owned`](Self::lock_owned) on a thread that runs no tasks.
    ///
    /// # Panics
    /// On a thread that drives tasks.
    #[track_caller]
    pub fn blocking_lock_owned(self: Arc<Self>) -> OwnedMutexGuard<T> {
        wait_here(self.lock_owned())
    }

    /// Locks it if nobody has it.
    ///
    /// # Errors
    /// If it is locked, or about to be handed to somebody who waits.
    #[inline]
    pub fn try_lock(&self) -> Result<MutexGuard<'_, T>, TryLockError> {
        match self.base.try_acquire_owned(1, Guard::Borrows) {
            Ok(()) => Ok(MutexGuard { lock: self }),
            Err(_) => Err(TryLockError(())),
        }
    }

    /// [`try_lock`](Self::try_lock), with a guard that keeps the mutex alive.
    ///
    /// # Errors
    /// As [`try_lock`](Self::try_lock).
    pub fn try_lock_owned(self: Arc<Self>) -> Result<OwnedMutexGuard<T>, TryLockError> {
        match self.base.try_acquire_owned(1, Guard::Travels) {
            Ok(()) => Ok(OwnedMutexGuard { lock: self }),
            Err(_) => Err(TryLockError(())),
        }
    }

    /// The value, without locking: nobody else can have the mutex.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

impl<T> From<T> for Mutex<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: Default> Default for Mutex<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Mutex");
        match self.try_lock() {
            Ok(guard) => debug.field("data", &&*guard),
            Err(_) => debug.field("data", &format_args!("<locked>")),
        };
        debug.finish()
    }
}
