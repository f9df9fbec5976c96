//! [`SetOnce`]: a value that is set once, and for which others wait.
//!
//! A flag, the value's place, and a [`Gate`] that opens when the value is there. It is set under the gate's lock, where who comes
//! looks at the flag once more, so that nobody waits for a value that is there. Nobody makes the value on demand: that is
//! [`OnceCell`](super::OnceCell).
//!
//! Model: `loom-tests/tests/locks.rs`.

use super::gate::{Answer, Gate};
use gumption_core::resource::Kind;
use gumption_core::sync::{AtomicBool, Ordering, UnsafeCell, broken, const_unless_checked, weaken};
use gumption_core::wait::WaitReason;
use std::error::Error;
use std::fmt;
use std::mem::MaybeUninit;

/// A value that is set once; others wait until it is.
///
/// ```
/// use gumption::sync::SetOnce;
/// use std::sync::Arc;
///
/// # gumption::runtime::Runtime::new().unwrap().block_on(async {
/// let address = Arc::new(SetOnce::new());
/// let client = gumption::spawn({
///     let address = address.clone();
///     async move { *address.wait().await }
/// });
/// address.set(7).expect("nobody else sets it");
/// assert_eq!(client.await.unwrap(), 7);
/// assert!(address.set(8).is_err());
/// # });
/// ```
pub struct SetOnce<T> {
    is_set: AtomicBool,
    value: UnsafeCell<MaybeUninit<T>>,
    gate: Gate,
}

// SAFETY: it owns the value, which any thread with a reference to it may set, and then share.
unsafe impl<T: Sync + Send> Sync for SetOnce<T> {}
// SAFETY: it owns the value.
unsafe impl<T: Send> Send for SetOnce<T> {}

impl<T> SetOnce<T> {
    /// One without a value.
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
                gate: Gate::new(Kind::SetOnce),
            }
        }

        /// One with a value, for a `static`.
        #[track_caller]
        pub fn const_new_with(value: T) -> Self {
            Self {
                is_set: AtomicBool::new(true),
                value: UnsafeCell::new(MaybeUninit::new(value)),
                gate: Gate::new(Kind::SetOnce),
            }
        }
    }

    /// One with this value, if it is one.
    #[track_caller]
    pub fn new_with(value: Option<T>) -> Self {
        match value {
            Some(value) => Self::const_new_with(value),
            None => Self::const_new(),
        }
    }

    /// Whether there is a value.
    pub fn initialized(&self) -> bool {
        let acquire = weaken("set-once-get-relaxed", Ordering::Acquire);
        // Ordering: Acquire pairs with the Release of `set`.
        self.is_set.load(acquire)
    }

    /// # Safety
    /// It is set.
    unsafe fn value(&self) -> &T {
        // SAFETY: it is set, and stays so as long as this is shared.
        self.value.with(|value| unsafe { (*value).assume_init_ref() })
    }

    /// The value, if there is one.
    pub fn get(&self) -> Option<&T> {
        // SAFETY: it is set.
        self.initialized().then(|| unsafe { self.value() })
    }

    /// Sets the value, and wakes who waits for it.
    ///
    /// # Errors
    /// With the value, if there is one already.
    pub fn set(&self, value: T) -> Result<(), SetOnceError<T>> {
        if self.initialized() {
            return Err(SetOnceError(value));
        }
        let waiters = self.gate.lock();
        // Ordering: Relaxed; it is set under the lock.
        if self.is_set.load(Ordering::Relaxed) && !broken("set-once-no-second-look") {
            drop(waiters);
            return Err(SetOnceError(value));
        }
        // SAFETY: it is not set, and is set under this lock only.
        self.value.with_mut(|place| unsafe { (*place).write(value) });
        let release = weaken("set-once-set-relaxed", Ordering::Release);
        // Ordering: Release pairs with the Acquire of `initialized`.
        self.is_set.store(true, release);
        self.gate.open(waiters);
        Ok(())
    }

    /// Waits for the value.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn wait(&self) -> &T {
        if let Some(value) = self.get() {
            return value;
        }
        self.gate
            .pass(WaitReason::OnceCell, || match self.initialized() && !broken("set-once-wait-no-second-look") {
                true => Answer::Pass,
                false => Answer::Wait,
            })
            .await;
        // SAFETY: it is set: seen under the lock, or told by who had set it.
        unsafe { self.value() }
    }

    /// The value, out of this.
    pub fn into_inner(mut self) -> Option<T> {
        self.take_value()
    }

    fn take_value(&mut self) -> Option<T> {
        if !self.initialized() {
            return None;
        }
        // Ordering: Relaxed; nobody else has it.
        self.is_set.store(false, Ordering::Relaxed);
        // SAFETY: it was set, and is not any more.
        Some(self.value.with_mut(|value| unsafe { (*value).assume_init_read() }))
    }
}

impl<T> Drop for SetOnce<T> {
    fn drop(&mut self) {
        drop(self.take_value());
    }
}

impl<T> Default for SetOnce<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for SetOnce<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetOnce").field("value", &self.get()).finish()
    }
}

impl<T: Clone> Clone for SetOnce<T> {
    #[track_caller]
    fn clone(&self) -> Self {
        Self::new_with(self.get().cloned())
    }
}

impl<T: PartialEq> PartialEq for SetOnce<T> {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl<T: Eq> Eq for SetOnce<T> {}

impl<T> From<T> for SetOnce<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Self::const_new_with(value)
    }
}

/// [`SetOnce::set`] came too late; the value comes back.
#[derive(Debug, PartialEq, Eq)]
pub struct SetOnceError<T>(pub T);

impl<T> fmt::Display for SetOnceError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SetOnceError")
    }
}

impl<T: fmt::Debug> Error for SetOnceError<T> {}
