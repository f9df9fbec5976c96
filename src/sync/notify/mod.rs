//! [`Notify`]: a signal from one task to another, or to all.
//!
//! The smallest primitive of the room: it carries no value, remembers at most one signal, and others are built from it. Names and
//! semantics are `tokio::sync::Notify`'s.
//!
//! [`signal`] is the protocol between who notifies and who waits; [`wait`] is one wait, and the futures that users see; this file
//! is what they call. To observers it is a [resource](gumption_core::resource) of kind `Notify`: how many wait, and how many
//! notifications found somebody who did.
//!
//! Models: `loom-tests/tests/notify.rs`; beside a simple model: `tests/notify.rs`.

mod signal;
mod wait;

pub use wait::{Notified, OwnedNotified};

pub(super) use {signal::Signal, signal::tell_all, wait::Says, wait::Wait};

use super::waiters::Told;
use gumption_core::resource::{Kind, Resource};
use gumption_core::sync::const_unless_checked;
use gumption_core::wait::WaitReason;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
/// Of `std` in every build: it is what a method's `self` may be.
use std::sync::Arc;

/// Wakes one task that waits, or all of them.
///
/// It carries no value: it says that something has happened, and the tasks know what. One can think of it as a semaphore that
/// begins without a permit and holds at most one. [`notified().await`](Self::notified) waits for the permit and takes it;
/// [`notify_one`](Self::notify_one) gives it to a task that waits, or else stores it. So a notification that comes before the
/// wait is not lost, and two that come before it are one.
///
/// [`notify_waiters`](Self::notify_waiters) is for all that wait by then, and stores nothing.
///
/// # Examples
///
/// ```
/// use gumption::sync::Notify;
/// use std::sync::Arc;
///
/// # let runtime = gumption::runtime::Runtime::new()?;
/// # runtime.block_on(async {
/// let notify = Arc::new(Notify::new());
/// let waits = gumption::spawn({
///     let notify = notify.clone();
///     async move { notify.notified().await }
/// });
/// notify.notify_one();
/// waits.await.expect("it does not panic");
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// A queue with one consumer. The permit sees to it that none of the values is missed:
///
/// ```
/// use gumption::sync::Notify;
/// use std::collections::VecDeque;
/// use std::sync::Mutex;
///
/// #[derive(Default)]
/// struct Queue<T> {
///     values: Mutex<VecDeque<T>>,
///     comes: Notify,
/// }
///
/// impl<T> Queue<T> {
///     fn push(&self, value: T) {
///         self.values.lock().unwrap().push_back(value);
///         self.comes.notify_one();
///     }
///
///     /// For one task at a time. With several consumers each would have to
///     /// [enable](gumption::sync::futures::Notified::enable) its wait before it looks.
///     async fn pop(&self) -> T {
///         loop {
///             if let Some(value) = self.values.lock().unwrap().pop_front() {
///                 return value;
///             }
///             self.comes.notified().await;
///         }
///     }
/// }
/// # let runtime = gumption::runtime::Runtime::new()?;
/// # runtime.block_on(async {
/// let queue = Queue { values: Mutex::default(), comes: Notify::new() };
/// queue.push(1);
/// queue.push(2);
/// assert_eq!((queue.pop().await, queue.pop().await), (1, 2));
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Notify {
    signal: Signal,
    resource: Resource,
}

impl Notify {
    const_unless_checked! {
        /// A `Notify` without a permit, that nobody waits for.
        #[track_caller]
        pub fn new() -> Self {
            Self { signal: Signal::new(), resource: Resource::new(Kind::Notify) }
        }

        /// [`new`](Self::new), by the name that tokio has for it in a static.
        ///
        /// ```
        /// use gumption::sync::Notify;
        ///
        /// static RELOAD: Notify = Notify::const_new();
        /// RELOAD.notify_one();
        /// ```
        #[track_caller]
        pub fn const_new() -> Self {
            Self { signal: Signal::new(), resource: Resource::new(Kind::Notify) }
        }
    }

    fn says(&self) -> Says<'_> {
        Says { resource: &self.resource, reason: WaitReason::Notify, counts: true }
    }

    /// Waits for a notification.
    ///
    /// If there is a permit it is taken, and the wait is over at once. Else it is over when a
    /// [`notify_one`](Self::notify_one) or [`notify_last`](Self::notify_last) has picked it, or with the next
    /// [`notify_waiters`](Self::notify_waiters) after this call, whether the future has been polled by then or not. To be picked,
    /// it must have been polled or [enabled](Notified::enable) before. Those that wait are picked in the order in which they were.
    ///
    /// # Cancel safety
    ///
    /// A wait that is dropped loses its place. A notification that it was picked for, and that nobody has seen, goes to the next,
    /// or is stored.
    pub fn notified(&self) -> Notified<'_> {
        Notified::new(self)
    }

    /// [`notified`](Self::notified) with a future that keeps this alive, and borrows nothing.
    ///
    /// ```
    /// use gumption::sync::Notify;
    /// use std::sync::Arc;
    ///
    /// # let runtime = gumption::runtime::Runtime::new()?;
    /// # runtime.block_on(async {
    /// let notify = Arc::new(Notify::new());
    /// let waits = gumption::spawn(notify.clone().notified_owned());
    /// notify.notify_one();
    /// waits.await.expect("it does not panic");
    /// # });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn notified_owned(self: Arc<Self>) -> OwnedNotified {
        OwnedNotified::new(self)
    }

    /// Notifies one task: that which waits longest, or, if none does, the next that will.
    ///
    /// Several calls while nobody waits are one. What happened before each of the calls is seen by who is notified.
    #[doc(alias = "notify")]
    #[inline]
    pub fn notify_one(&self) {
        self.signal.signal_one(Told::First, self.resource.record());
    }

    /// Notifies one task: that which began to wait last, or, if none does, the next that will.
    ///
    /// The last to wait is the likeliest to have its data in the caches still; the first may wait for ever.
    #[inline]
    pub fn notify_last(&self) {
        self.signal.signal_one(Told::Last, self.resource.record());
    }

    /// Notifies all that wait now.
    ///
    /// That is every future for which [`notified`](Self::notified) was called before, also if it was not polled yet, and none
    /// that comes later: nothing is stored, and a stored permit stays.
    ///
    /// ```
    /// use gumption::sync::Notify;
    ///
    /// # let runtime = gumption::runtime::Runtime::new()?;
    /// # runtime.block_on(async {
    /// let notify = Notify::new();
    /// let (first, second) = (notify.notified(), notify.notified());
    /// notify.notify_waiters();
    /// first.await;
    /// second.await;
    /// # });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn notify_waiters(&self) {
        self.signal.signal_all(self.resource.record());
    }
}

impl Default for Notify {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notify")
            .field("permit", &self.signal.has_permit())
            .field("waiters", &self.signal.waiting())
            .field("site", &format_args!("{}", self.resource.site()))
            .finish()
    }
}

impl UnwindSafe for Notify {}
impl RefUnwindSafe for Notify {}
