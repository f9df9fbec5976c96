//! [`Sender`]: the half that changes the value.
//!
//! It writes under the value's lock, publishes the version before it releases it, and wakes afterwards. It is the writer of what
//! observers see of the channel.

use super::Ref;
use super::error::SendError;
use super::receiver::Receiver;
use super::shared::{Shared, Unheard};
use gumption_core::coop::cooperative;
use gumption_core::sync::Arc;
use std::fmt;

/// Changes a watched value; made by [`channel`](super::channel).
///
/// The channel is closed for the receivers when the last clone of it is dropped.
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Sender<T> {
    pub(super) fn first(shared: Arc<Shared<T>>) -> Self {
        Self { shared }
    }

    /// A value to be watched, with no receiver yet.
    ///
    /// ```
    /// use gumption::sync::watch::Sender;
    ///
    /// let sender = Sender::new(1);
    /// assert!(sender.is_closed(), "nobody watches yet");
    /// let receiver = sender.subscribe();
    /// sender.send(2).expect("there is a receiver");
    /// assert_eq!(*receiver.borrow(), 2);
    /// ```
    #[track_caller]
    pub fn new(init: T) -> Self {
        super::channel(init).0
    }

    /// Sends a value, and wakes the receivers that wait.
    ///
    /// # Errors
    ///
    /// With the value, if there is no receiver; it has not been stored then. [`send_replace`](Self::send_replace) and
    /// [`send_modify`](Self::send_modify) store it also for those to come. That receivers were there does not mean that one will
    /// look.
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        if self.receiver_count() == 0 {
            return Err(SendError(value));
        }
        self.send_replace(value);
        Ok(())
    }

    /// Changes the value in its place, and wakes the receivers that wait.
    ///
    /// # Panics
    ///
    /// If `modify` does. Nobody is woken then; what it had changed by then can be seen.
    ///
    /// ```
    /// use gumption::sync::watch;
    ///
    /// let (sender, receiver) = watch::channel(vec![1]);
    /// sender.send_modify(|values| values.push(2));
    /// assert_eq!(*receiver.borrow(), [1, 2]);
    /// ```
    pub fn send_modify<F>(&self, modify: F)
    where
        F: FnOnce(&mut T),
    {
        self.send_if_modified(|value| {
            modify(value);
            true
        });
    }

    /// Changes the value in its place, or not, as `modify` says; only if it did, the receivers that wait are woken.
    ///
    /// What was changed by a `modify` that says `false` can be seen, but is no new version.
    ///
    /// # Panics
    ///
    /// If `modify` does. Nobody is woken then; what it had changed by then can be seen.
    ///
    /// ```
    /// use gumption::sync::watch;
    ///
    /// let (sender, receiver) = watch::channel(1);
    /// let make_even = |value: &mut i32| {
    ///     let odd = *value % 2 == 1;
    ///     *value += i32::from(odd);
    ///     odd
    /// };
    /// assert!(sender.send_if_modified(make_even));
    /// assert!(!sender.send_if_modified(make_even));
    /// assert_eq!(*receiver.borrow(), 2);
    /// ```
    pub fn send_if_modified<F>(&self, modify: F) -> bool
    where
        F: FnOnce(&mut T) -> bool,
    {
        let news = &self.shared.common.news;
        let mut value = self.shared.value.write();
        if !modify(&mut value) {
            return false;
        }
        let rooms = news.publish();
        drop(value);
        news.announce(rooms);
        true
    }

    /// Sends a value, also if there is no receiver, and wakes those that wait. Returns the one before.
    ///
    /// ```
    /// use gumption::sync::watch::Sender;
    ///
    /// let sender = Sender::new(1);
    /// assert_eq!(sender.send_replace(2), 1);
    /// assert_eq!(sender.send_replace(3), 2);
    /// ```
    pub fn send_replace(&self, mut value: T) -> T {
        self.send_modify(|old| std::mem::swap(old, &mut value));
        value
    }

    /// The latest value. See [`Ref`] for what it holds up.
    pub fn borrow(&self) -> Ref<'_, T> {
        Ref { inner: self.shared.value.read(), has_changed: false }
    }

    /// Whether there is no receiver. [`subscribe`](Self::subscribe) can change that.
    pub fn is_closed(&self) -> bool {
        self.receiver_count() == 0
    }

    /// Waits until there is no receiver.
    ///
    /// A moment without one, before somebody [subscribes](Self::subscribe), may pass unnoticed.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping it.
    ///
    /// ```
    /// use gumption::sync::watch;
    ///
    /// # let runtime = gumption::runtime::Runtime::new()?;
    /// # runtime.block_on(async {
    /// let (sender, receiver) = watch::channel(());
    /// gumption::spawn(async move { drop(receiver) });
    /// sender.closed().await;
    /// assert!(sender.is_closed());
    /// # });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub async fn closed(&self) {
        cooperative(Unheard::new(&self.shared.common)).await;
    }

    /// A new receiver, which has seen the present value.
    ///
    /// ```
    /// use gumption::sync::watch;
    ///
    /// let (sender, first) = watch::channel(1);
    /// drop(first);
    /// assert!(sender.send(2).is_err());
    /// let second = sender.subscribe();
    /// sender.send(3).expect("there is a receiver");
    /// assert_eq!(*second.borrow(), 3);
    /// ```
    pub fn subscribe(&self) -> Receiver<T> {
        Receiver::another(self.shared.clone(), self.shared.common.news.state().version())
    }

    /// How many receivers there are.
    pub fn receiver_count(&self) -> usize {
        self.shared.common.receivers()
    }

    /// How many senders there are.
    pub fn sender_count(&self) -> usize {
        self.shared.common.senders()
    }

    /// Whether both change the same value.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.shared.common.add_sender();
        Self { shared: self.shared.clone() }
    }
}

impl<T: Default> Default for Sender<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: fmt::Debug> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("shared", &*self.shared).finish()
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.shared.common.drop_sender();
    }
}
