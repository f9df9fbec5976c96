//! [`Semaphore`]: permits for a number of tasks at a time.
//!
//! The public shell of [`batch_semaphore`](super::batch_semaphore), where the queue and its fairness are explained: requests are
//! served in the order in which they were first polled, one that asks for many before later ones that ask for few. Permits are values,
//! in `permit.rs`, that give themselves back when dropped.
//!
//! What it refuses to do: count below zero, or ask who has which permit. Everybody may add permits that nobody took.
//!
//! Observers see how many wait, and from the first wait on, as of the last time that somebody waited or was served, how many permits
//! are out and how many there are.
//!
//! Model: `loom-tests/tests/semaphore.rs`; against a model of a few lines: `tests/semaphore_model.rs`.

mod permit;

pub use permit::{OwnedSemaphorePermit, SemaphorePermit};

use super::batch_semaphore::{self as base, AcquireError, Guard, TryAcquireError};
use gumption_core::resource::Kind;
use gumption_core::sync::const_unless_checked;
use gumption_core::wait::WaitReason;
use gumption_core::wait_here;
use std::sync::Arc;

/// Permits that tasks take and give back, served in the order of asking.
///
/// A semaphore has a number of permits. [`acquire`](Self::acquire) takes one, waiting for its turn if none is free; dropping
/// the [`SemaphorePermit`] gives it back. It limits how many do something at once; with [`add_permits`](Self::add_permits)
/// and [`forget`](SemaphorePermit::forget) it also meters, or signals.
///
/// It is fair: permits go to those who wait in the order in which they began to, and one who asks for many holds up the later ones
/// until it has them. A permit that comes back goes straight to who is next; nobody who comes by in between can take it.
///
/// ```
/// use gumption::sync::Semaphore;
/// use std::sync::Arc;
///
/// # gumption::runtime::Runtime::new().unwrap().block_on(async {
/// let tables = Arc::new(Semaphore::new(2));
/// let guests: Vec<_> = (0..5)
///     .map(|_| {
///         let tables = tables.clone();
///         gumption::spawn(async move {
///             let _table = tables.acquire().await.expect("the tables are not closed");
///             gumption::task::yield_now().await;
///         })
///     })
///     .collect();
/// for guest in guests {
///     guest.await.unwrap();
/// }
/// assert_eq!(tables.available_permits(), 2);
/// # });
/// ```
#[derive(Debug)]
pub struct Semaphore {
    base: base::Semaphore,
}

impl Semaphore {
    /// The most permits that a semaphore may have: `usize::MAX >> 3`.
    pub const MAX_PERMITS: usize = base::Semaphore::MAX_PERMITS;

    /// A semaphore with this many permits.
    ///
    /// # Panics
    /// If there are more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    #[track_caller]
    pub fn new(permits: usize) -> Self {
        Self::const_new(permits)
    }

    const_unless_checked! {
        /// [`new`](Self::new), for a `static`.
        ///
        /// ```
        /// use gumption::sync::Semaphore;
        ///
        /// static TABLES: Semaphore = Semaphore::const_new(10);
        /// assert!(TABLES.try_acquire().is_ok());
        /// ```
        ///
        /// # Panics
        /// As [`new`](Self::new).
        #[track_caller]
        pub fn const_new(permits: usize) -> Self {
            Self { base: base::Semaphore::new(permits, Kind::Semaphore) }
        }
    }

    /// How many permits are free.
    pub fn available_permits(&self) -> usize {
        self.base.available_permits()
    }

    /// Adds permits: first to those who wait, then to the free ones.
    ///
    /// # Panics
    /// If there would be more than [`MAX_PERMITS`](Self::MAX_PERMITS) free ones.
    #[track_caller]
    pub fn add_permits(&self, n: usize) {
        if n != 0 {
            self.base.note_added(n);
            self.base.release(n);
        }
    }

    /// Takes up to `n` of the free permits away for ever; how many those were.
    ///
    /// Permits that are out, or gathered by somebody who waits for more, are not touched.
    pub fn forget_permits(&self, n: usize) -> usize {
        self.base.forget_permits(n)
    }

    /// Takes a permit, in turn.
    ///
    /// # Errors
    /// If the semaphore is closed, or gets closed meanwhile.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue, and nothing else is lost.
    pub async fn acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        let place = self.base.acquire(1, Guard::Borrows, WaitReason::Semaphore).await?;
        Ok(SemaphorePermit::new(self, 1, place))
    }

    /// Takes `n` permits together, in turn.
    ///
    /// The first in the queue gathers permits as they come, so that it gets its many although others want few.
    ///
    /// # Errors
    /// If the semaphore is closed, or gets closed meanwhile.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue, and what was gathered goes to the next.
    ///
    /// # Panics
    /// If `n` is more than [`MAX_PERMITS`](Self::MAX_PERMITS), which it can be on 32-bit machines only.
    pub async fn acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_>, AcquireError> {
        let place = self.base.acquire(n as usize, Guard::Borrows, WaitReason::Semaphore).await?;
        Ok(SemaphorePermit::new(self, n, place))
    }

    /// Takes a permit if one is free, which none is while somebody waits.
    ///
    /// # Errors
    /// [`Closed`](TryAcquireError::Closed), or [`NoPermits`](TryAcquireError::NoPermits).
    pub fn try_acquire(&self) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    /// Takes `n` permits together if so many are free.
    ///
    /// # Errors
    /// [`Closed`](TryAcquireError::Closed), or [`NoPermits`](TryAcquireError::NoPermits).
    ///
    /// # Panics
    /// As [`acquire_many`](Self::acquire_many).
    #[inline]
    pub fn try_acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        let place = self.base.try_acquire(n as usize, Guard::Borrows)?;
        Ok(SemaphorePermit::new(self, n, place))
    }

    /// [`acquire`](Self::acquire), with a permit that keeps the semaphore alive.
    ///
    /// ```
    /// use gumption::sync::Semaphore;
    /// use std::sync::Arc;
    ///
    /// # gumption::runtime::Runtime::new().unwrap().block_on(async {
    /// let tables = Arc::new(Semaphore::new(3));
    /// for guest in 0..10 {
    ///     // Before the task is made: no more of them than tables.
    ///     let table = tables.clone().acquire_owned().await.expect("the tables are not closed");
    ///     gumption::spawn(async move {
    ///         println!("guest {guest} eats");
    ///         drop(table);
    ///     });
    /// }
    /// # });
    /// ```
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire).
    ///
    /// # Cancel safety
    /// As [`acquire`](Self::acquire).
    pub async fn acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, AcquireError> {
        let place = self.base.acquire(1, Guard::Travels, WaitReason::Semaphore).await?;
        Ok(OwnedSemaphorePermit::new(self, 1, place))
    }

    /// [`acquire_many`](Self::acquire_many), with permits that keep the semaphore alive.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire).
    ///
    /// # Cancel safety
    /// As [`acquire_many`](Self::acquire_many).
    ///
    /// # Panics
    /// As [`acquire_many`](Self::acquire_many).
    pub async fn acquire_many_owned(self: Arc<Self>, n: u32) -> Result<OwnedSemaphorePermit, AcquireError> {
        let place = self.base.acquire(n as usize, Guard::Travels, WaitReason::Semaphore).await?;
        Ok(OwnedSemaphorePermit::new(self, n, place))
    }

    /// [`try_acquire`](Self::try_acquire), with a permit that keeps the semaphore alive.
    ///
    /// # Errors
    /// As [`try_acquire`](Self::try_acquire).
    pub fn try_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.try_acquire_many_owned(1)
    }

    /// [`try_acquire_many`](Self::try_acquire_many), with permits that keep the semaphore alive.
    ///
    /// # Errors
    /// As [`try_acquire`](Self::try_acquire).
    ///
    /// # Panics
    /// As [`acquire_many`](Self::acquire_many).
    pub fn try_acquire_many_owned(self: Arc<Self>, n: u32) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        let place = self.base.try_acquire(n as usize, Guard::Travels)?;
        Ok(OwnedSemaphorePermit::new(self, n, place))
    }

    /// [`acquire`](Self::acquire) on a thread that runs no tasks.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire).
    ///
    /// # Panics
    /// On a thread that drives tasks.
    #[track_caller]
    pub fn blocking_acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        wait_here(self.acquire())
    }

    /// [`acquire_many`](Self::acquire_many) on a thread that runs no tasks.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire).
    ///
    /// # Panics
    /// As [`blocking_acquire`](Self::blocking_acquire) and [`acquire_many`](Self::acquire_many).
    #[track_caller]
    pub fn blocking_acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_>, AcquireError> {
        wait_here(self.acquire_many(n))
    }

    /// [`acquire_owned`](Self::acquire_owned) on a thread that runs no tasks.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire).
    ///
    /// # Panics
    /// As [`blocking_acquire`](Self::blocking_acquire).
    #[track_caller]
    pub fn blocking_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, AcquireError> {
        wait_here(self.acquire_owned())
    }

    /// [`acquire_many_owned`](Self::acquire_many_owned) on a thread that runs no tasks.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire).
    ///
    /// # Panics
    /// As [`blocking_acquire_many`](Self::blocking_acquire_many).
    #[track_caller]
    pub fn blocking_acquire_many_owned(self: Arc<Self>, n: u32) -> Result<OwnedSemaphorePermit, AcquireError> {
        wait_here(self.acquire_many_owned(n))
    }

    /// Closes the semaphore: who waits, and who comes later, gets an error. Permits that are out stay valid.
    pub fn close(&self) {
        self.base.close();
    }

    /// Whether it is closed.
    pub fn is_closed(&self) -> bool {
        self.base.is_closed()
    }
}
