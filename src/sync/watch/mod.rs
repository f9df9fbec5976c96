//! A value that is watched: receivers see the latest one, and wait for it to change.
//!
//! [`channel`] makes a [`Sender`] and a [`Receiver`], of each of which there may be many. Only the latest value is kept: a receiver
//! that does not look for a while misses those in between, and never the last. That is what configuration, state and progress
//! want, and what a queue would only pile up.
//!
//! # Seen and unseen
//!
//! Each receiver knows which version of the value it has *seen*. The one that is there when the receiver is made counts as seen.
//!
//! | | waits | marks as seen | an error if all senders are gone |
//! | --- | --- | --- | --- |
//! | [`changed`](Receiver::changed) | until there is an unseen version | yes | and the last version is seen |
//! | [`wait_for`](Receiver::wait_for) | until the value is as one wants it | yes | and the last value is not |
//! | [`has_changed`](Receiver::has_changed) | no | no | always |
//! | [`borrow`](Receiver::borrow) | no | no | no |
//! | [`borrow_and_update`](Receiver::borrow_and_update) | no | yes | no |
//!
//! In a loop around `changed`, `borrow_and_update` is the one to use: a value that is sent between `changed` and `borrow` is
//! read there, but not marked, and the loop turns once more for the same value.
//!
//! ```
//! use gumption::sync::watch;
//!
//! # let runtime = gumption::runtime::Runtime::new()?;
//! # runtime.block_on(async {
//! let (sender, mut receiver) = watch::channel("hello");
//! let reader = gumption::spawn(async move {
//!     let mut last = *receiver.borrow_and_update();
//!     while receiver.changed().await.is_ok() {
//!         last = *receiver.borrow_and_update();
//!     }
//!     last
//! });
//! sender.send("there").expect("the reader is there");
//! sender.send("world").expect("the reader is there");
//! drop(sender);
//! assert_eq!(reader.await.expect("it does not panic"), "world");
//! # });
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # The end
//!
//! A sender learns by [`is_closed`](Sender::is_closed) and [`closed`](Sender::closed) that nobody watches any more, and
//! [`subscribe`](Sender::subscribe) makes a receiver even then. The value is dropped with the last half of either kind.
//!
//! # How it is built
//!
//! `news` is who waits for which version, `shared` the value and the counts, and the halves are in files of their own. To
//! observers it is a [resource](gumption_core::resource) of kind `Watch`: how many wait, and how many versions there were.
//! Models: `loom-tests/tests/watch.rs`.

pub mod error;
mod news;
mod receiver;
mod sender;
mod shared;

pub use receiver::Receiver;
pub use sender::Sender;

use gumption_core::sync::{Arc, RwLockReadGuard};
use shared::Shared;
use std::ops::Deref;

/// A value to be watched, with one sender and one receiver, which has seen it.
///
/// ```
/// use gumption::sync::watch;
///
/// let (sender, receiver) = watch::channel(1);
/// assert!(!receiver.has_changed().expect("there is a sender"));
/// sender.send(2).expect("there is a receiver");
/// assert!(receiver.has_changed().expect("there is a sender"));
/// assert_eq!(*receiver.borrow(), 2);
/// ```
#[track_caller]
pub fn channel<T>(init: T) -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Shared::new(init));
    (Sender::first(shared.clone()), Receiver::first(shared))
}

/// The value, borrowed.
///
/// It holds a read lock: a sender that wants to send blocks its thread until it is dropped. Keep it for a moment, and never over
/// an `.await`: a task that sends may run on this very thread, and wait for what only the borrower can give. Whether a second
/// borrow gets past a sender that waits is not said either, so that two at a time in one task may be a deadlock.
#[derive(Debug)]
pub struct Ref<'a, T> {
    inner: RwLockReadGuard<'a, T>,
    has_changed: bool,
}

impl<T> Ref<'_, T> {
    /// Whether the receiver that borrowed had not seen this version by then. Always false for a sender's.
    ///
    /// ```
    /// use gumption::sync::watch;
    ///
    /// let (sender, mut receiver) = watch::channel(1);
    /// sender.send(2).expect("there is a receiver");
    /// assert!(!sender.borrow().has_changed());
    /// drop(sender);
    /// assert!(receiver.borrow().has_changed(), "also when the senders are gone");
    /// assert!(receiver.borrow_and_update().has_changed());
    /// assert!(!receiver.borrow().has_changed());
    /// ```
    pub fn has_changed(&self) -> bool {
        self.has_changed
    }
}

impl<T> Deref for Ref<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}
