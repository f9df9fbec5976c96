//! [`OnceCell`]: a value that is made when it is first needed, by a future.
//!
//! A [`batch_semaphore`](super::batch_semaphore) of one permit, whose owner is the one who makes the value, so that observers see
//! which task the others wait for. When the value is there, a flag says so for ever, and the semaphore is closed, which lets all
//! go. If its owner gives up, by an error, a panic or because it is dropped, the permit goes to the next, who begins anew.
//!
//! The invariant: with the flag the value is there and shared; without, it is the owner's alone. A closed semaphore implies the flag.
//!
//! Model: `loom-tests/tests/locks.rs`.

use super::batch_semaphore::{Guard, Semaphore, TryAcquireError};
use gumption_core::resource::Kind;
use gumption_core::sync::{AtomicBool, Ordering, UnsafeCell, broken, const_unless_checked, weaken};
use gumption_core::wait::WaitReason;
use std::error::Error;
use std::fmt;
use std::mem::MaybeUninit;

/// A value that is made once, when it is first asked for, by a future.
///
/// Those who ask meanwhile wait for it. Made for a `static`:
///
/// ```
/// use gumption::sync::OnceCell;
///
/// static ANSWER: OnceCell<u32> = OnceCell::const_new();
///
/// async fn compute() -> u32 {
///     gumption::task::yield_now().await;
///     42
/// }
///
/// # gumption::runtime::Runtime::new().unwrap().block_on(async {
/// assert_eq!(*ANSWER.get_or_init(compute).await, 42);
/// assert_eq!(ANSWER.get(), Some(&42));
/// # });
/// ```
pub struct OnceCell<T> {
    is_set: AtomicBool,
    value: UnsafeCell<MaybeUninit<T>>,
    base: Semaphore,
}

// SAFETY: it owns the value, which any thread with a reference to it may set, and then share.
unsafe impl<T: Sync + Send> Sync for OnceCell<T> {}
// SAFETY: it owns the value.
unsafe impl<T: Send> Send for OnceCell<T> {}

/// The right to set the value; dropped, it goes to the next.
struct Turn<'a>(&'a Semaphore);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if !broken("once-cell-turn-kept") {
            self.0.release_owned(1);
        }
    }
}

impl<T> OnceCell<T> {
    /// A cell without a value.
    #[track_caller]
    pub fn new() -> Self {
        Self::const_new()
    }

    const_unless_checked! {
        /// [`new`](Self::new), for a `static`.
        #[track_caller]
        pub fn const_new() -> Self {
            Self {
                is_set: AtomicBool::new(false),
                value: UnsafeCell::new(MaybeUninit::uninit()),
                base: Semaphore::new(1, Kind::OnceCell),
            }
        }

        /// A cell with a value, for a `static`.
        #[track_caller]
        pub fn const_new_with(value: T) -> Self {
            Self {
                is_set: AtomicBool::new(true),
                value: UnsafeCell::new(MaybeUninit::new(value)),
                base: Semaphore::new_closed(Kind::OnceCell),
            }
        }
    }

    /// A cell with this value, if it is one.
    #[track_caller]
    pub fn new_with(value: Option<T>) -> Self {
        match value {
            Some(value) => Self::const_new_with(value),
            None => Self::const_new(),
        }
    }

    /// Whether there is a value.
    pub fn initialized(&self) -> bool {
        let acquire = weaken("once-cell-get-relaxed", Ordering::Acquire);
        // Ordering: Acquire pairs with the Release of `fill`.
        self.is_set.load(acquire)
    }

    /// # Safety
    /// It is set.
    unsafe fn value(&self) -> &T {
        // SAFETY: it is set, and stays so as long as the cell is shared.
        self.value.with(|value| unsafe { (*value).assume_init_ref() })
    }

    /// The value, if there is one.
    pub fn get(&self) -> Option<&T> {
        // SAFETY: it is set.
        self.initialized().then(|| unsafe { self.value() })
    }

    /// The value, if there is one.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        // SAFETY: it is set, and nobody else has the cell.
        self.initialized().then(|| self.value.with_mut(|value| unsafe { (*value).assume_init_mut() }))
    }

    /// Sets the value, if nobody has done so or is about to.
    ///
    /// # Errors
    /// With the value: if there is one already, or somebody is making one.
    pub fn set(&self, value: T) -> Result<(), SetError<T>> {
        if self.initialized() {
            return Err(SetError::AlreadyInitializedError(value));
        }
        match self.base.try_acquire_owned(1, Guard::Borrows) {
            Ok(()) => {
                self.fill(Turn(&self.base), value);
                Ok(())
            }
            Err(TryAcquireError::NoPermits) => Err(SetError::InitializingError(value)),
            Err(TryAcquireError::Closed) => Err(SetError::AlreadyInitializedError(value)),
        }
    }

    fn fill(&self, turn: Turn<'_>, value: T) -> &T {
        // The turn ends by the closing: nobody gets one any more.
        std::mem::forget(turn);
        // SAFETY: the flag is not set, and it was our turn.
        self.value.with_mut(|place| unsafe { (*place).write(value) });
        let release = weaken("once-cell-set-relaxed", Ordering::Release);
        // Ordering: Release pairs with the Acquire of `initialized`.
        self.is_set.store(true, release);
        self.base.close();
        // SAFETY: set above.
        unsafe { self.value() }
    }

    /// The value; made by `f` if there is none.
    ///
    /// If somebody else makes it already, it waits for that. If that one gives up, it is the next one's turn, with that one's own
    /// future. A cell whose own initialisation asks for its value waits for ever.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue, or drops the future of `f`, and the next begins anew.
    ///
    /// # Panics
    /// If `f` or its future does; the next begins anew.
    pub async fn get_or_init<F, Fut>(&self, f: F) -> &T
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = T>,
    {
        if let Some(value) = self.get() {
            return value;
        }
        match self.turn().await {
            Some(turn) => {
                let value = f().await;
                self.fill(turn, value)
            }
            // SAFETY: the semaphore is closed, so it is set.
            None => unsafe { self.value() },
        }
    }

    /// The value; made by `f` if there is none, unless that fails.
    ///
    /// ```
    /// use gumption::sync::OnceCell;
    ///
    /// # gumption::runtime::Runtime::new().unwrap().block_on(async {
    /// let cell = OnceCell::new();
    /// assert_eq!(cell.get_or_try_init(|| async { Err::<u32, _>("not yet") }).await, Err("not yet"));
    /// assert_eq!(cell.get_or_try_init(|| async { Ok::<_, &str>(7) }).await, Ok(&7));
    /// # });
    /// ```
    ///
    /// # Errors
    /// What the future of `f` came to; the next begins anew.
    ///
    /// # Cancel safety
    /// As [`get_or_init`](Self::get_or_init).
    ///
    /// # Panics
    /// As [`get_or_init`](Self::get_or_init).
    pub async fn get_or_try_init<E, F, Fut>(&self, f: F) -> Result<&T, E>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        if let Some(value) = self.get() {
            return Ok(value);
        }
        match self.turn().await {
            Some(turn) => {
                let value = f().await?;
                Ok(self.fill(turn, value))
            }
            // SAFETY: the semaphore is closed, so it is set.
            None => Ok(unsafe { self.value() }),
        }
    }

    /// Waits for the turn to make the value; none if it is there.
    async fn turn(&self) -> Option<Turn<'_>> {
        self.base.acquire_owned(1, Guard::Borrows, WaitReason::OnceCell).await.ok()?;
        Some(Turn(&self.base))
    }

    /// The value, out of the cell.
    pub fn into_inner(mut self) -> Option<T> {
        self.take_value()
    }

    /// The value, if there is one; the cell has none afterwards.
    #[track_caller]
    pub fn take(&mut self) -> Option<T> {
        std::mem::take(self).into_inner()
    }

    fn take_value(&mut self) -> Option<T> {
        if !self.initialized() {
            return None;
        }
        // Ordering: Relaxed; nobody else has the cell.
        self.is_set.store(false, Ordering::Relaxed);
        // SAFETY: it was set, and is not any more.
        Some(self.value.with_mut(|value| unsafe { (*value).assume_init_read() }))
    }
}

impl<T> Drop for OnceCell<T> {
    fn drop(&mut self) {
        drop(self.take_value());
    }
}

impl<T> Default for OnceCell<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for OnceCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnceCell").field("value", &self.get()).finish()
    }
}

impl<T: Clone> Clone for OnceCell<T> {
    #[track_caller]
    fn clone(&self) -> Self {
        Self::new_with(self.get().cloned())
    }
}

impl<T: PartialEq> PartialEq for OnceCell<T> {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl<T: Eq> Eq for OnceCell<T> {}

impl<T> From<T> for OnceCell<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Self::const_new_with(value)
    }
}

/// [`OnceCell::set`] came too late; the value comes back.
#[derive(Debug, PartialEq, Eq)]
pub enum SetError<T> {
    /// There is a value.
    AlreadyInitializedError(T),
    /// Somebody is making one.
    InitializingError(T),
}

impl<T> SetError<T> {
    /// Whether there is a value.
    pub fn is_already_init_err(&self) -> bool {
        matches!(self, Self::AlreadyInitializedError(_))
    }

    /// Whether somebody is making one.
    pub fn is_initializing_err(&self) -> bool {
        matches!(self, Self::InitializingError(_))
    }
}

impl<T> fmt::Display for SetError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AlreadyInitializedError(_) => "AlreadyInitializedError",
            Self::InitializingError(_) => "InitializingError",
        })
    }
}

impl<T: fmt::Debug> Error for SetError<T> {}
