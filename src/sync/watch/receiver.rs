//! [`Receiver`]: the half that sees the value, and which version of it it has seen.
//!
//! Looking whether there is another version is one load. Only who has seen the latest and wants to wait goes into a room.

use super::Ref;
use super::error::RecvError;
use super::news::{Change, Version};
use super::shared::Shared;
use gumption_core::coop::cooperative;
use gumption_core::sync::Arc;
use std::fmt;

/// Sees a watched value; made by [`channel`](super::channel) and [`Sender::subscribe`](super::Sender::subscribe).
///
/// A clone has seen what its original had.
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    seen: Version,
    /// Says in which room it waits.
    number: usize,
}

impl<T> Receiver<T> {
    /// The one that [`Shared::new`] has counted.
    pub(super) fn first(shared: Arc<Shared<T>>) -> Self {
        let seen = shared.common.news.state().version();
        Self { shared, seen, number: 0 }
    }

    pub(super) fn another(shared: Arc<Shared<T>>, seen: Version) -> Self {
        let number = shared.common.add_receiver();
        Self { shared, seen, number }
    }

    /// The latest value, which is not marked as seen. See [`Ref`] for what it holds up.
    ///
    /// ```
    /// use gumption::sync::watch;
    ///
    /// let (_sender, receiver) = watch::channel("hello");
    /// assert_eq!(*receiver.borrow(), "hello");
    /// ```
    pub fn borrow(&self) -> Ref<'_, T> {
        let inner = self.shared.value.read();
        // Nobody can publish while we hold the value.
        let has_changed = self.shared.common.news.state().version() != self.seen;
        Ref { inner, has_changed }
    }

    /// The latest value, marked as seen: [`changed`](Self::changed) waits for another from now on.
    ///
    /// ```
    /// use gumption::sync::watch;
    ///
    /// let (sender, mut receiver) = watch::channel(1);
    /// sender.send(2).expect("there is a receiver");
    /// assert_eq!(*receiver.borrow_and_update(), 2);
    /// assert!(!receiver.has_changed().expect("there is a sender"));
    /// ```
    pub fn borrow_and_update(&mut self) -> Ref<'_, T> {
        let inner = self.shared.value.read();
        // Nobody can publish while we hold the value.
        let version = self.shared.common.news.state().version();
        let has_changed = std::mem::replace(&mut self.seen, version) != version;
        Ref { inner, has_changed }
    }

    /// Whether there is a version that was not seen; it stays so.
    ///
    /// # Errors
    ///
    /// If there is no sender, also if there is an unseen version: [`borrow`](Self::borrow) shows it.
    ///
    /// ```
    /// use gumption::sync::watch;
    ///
    /// let (sender, mut receiver) = watch::channel(1);
    /// sender.send(2).expect("there is a receiver");
    /// assert!(receiver.has_changed().expect("there is a sender"));
    /// receiver.mark_unchanged();
    /// assert!(!receiver.has_changed().expect("there is a sender"));
    /// drop(sender);
    /// assert!(receiver.has_changed().is_err());
    /// ```
    pub fn has_changed(&self) -> Result<bool, RecvError> {
        let state = self.shared.common.news.state();
        if state.is_closed() { Err(RecvError(())) } else { Ok(state.version() != self.seen) }
    }

    /// Whether there is no sender.
    pub fn is_closed(&self) -> bool {
        self.shared.common.news.state().is_closed()
    }

    /// Forgets that the present version was seen: the next [`changed`](Self::changed) does not wait.
    pub fn mark_changed(&mut self) {
        self.seen = self.seen.before();
    }

    /// Marks the present version as seen, without a look at it.
    pub fn mark_unchanged(&mut self) {
        self.seen = self.shared.common.news.state().version();
    }

    /// Waits for a version that was not seen, and marks it as seen. If there is one it does not wait.
    ///
    /// # Errors
    ///
    /// If there is no sender, and the last version was seen.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping it: a version is marked only when this returns.
    ///
    /// ```
    /// use gumption::sync::watch;
    ///
    /// # let runtime = gumption::runtime::Runtime::new()?;
    /// # runtime.block_on(async {
    /// let (sender, mut receiver) = watch::channel("hello");
    /// gumption::spawn(async move {
    ///     sender.send("goodbye").expect("there is a receiver");
    /// });
    /// assert!(receiver.changed().await.is_ok());
    /// assert_eq!(*receiver.borrow_and_update(), "goodbye");
    /// assert!(receiver.changed().await.is_err(), "the sender is gone");
    /// # });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub async fn changed(&mut self) -> Result<(), RecvError> {
        cooperative(self.change()).await
    }

    async fn change(&mut self) -> Result<(), RecvError> {
        let news = &self.shared.common.news;
        if Change::new(news, &mut self.seen, self.number).await { Ok(()) } else { Err(RecvError(())) }
    }

    /// Waits until the value is as `f` wants it, and marks it as seen. The present value is looked at first.
    ///
    /// `f` runs while the value is locked for reading: it must not take long, nor send.
    ///
    /// # Errors
    ///
    /// If there is no sender, and the last value is not as wanted.
    ///
    /// # Panics
    ///
    /// If `f` does.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping it, except that what `f` has refused may be marked as seen.
    ///
    /// ```
    /// use gumption::sync::watch;
    ///
    /// # let runtime = gumption::runtime::Runtime::new()?;
    /// # runtime.block_on(async {
    /// let (sender, mut receiver) = watch::channel(0);
    /// gumption::spawn(async move {
    ///     for value in 1..=10 {
    ///         sender.send(value).expect("there is a receiver");
    ///     }
    /// });
    /// assert_eq!(*receiver.wait_for(|&value| value >= 10).await.expect("it comes"), 10);
    /// # });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub async fn wait_for(&mut self, f: impl FnMut(&T) -> bool) -> Result<Ref<'_, T>, RecvError> {
        cooperative(self.wait_for_inner(f)).await
    }

    async fn wait_for_inner(&mut self, mut f: impl FnMut(&T) -> bool) -> Result<Ref<'_, T>, RecvError> {
        let mut closed = false;
        loop {
            {
                let inner = self.shared.value.read();
                // Nobody can publish while we hold the value.
                let version = self.shared.common.news.state().version();
                let has_changed = std::mem::replace(&mut self.seen, version) != version;
                // A value that was refused is not asked for again when the senders go.
                if (!closed || has_changed) && f(&inner) {
                    return Ok(Ref { inner, has_changed });
                }
            }
            if closed {
                return Err(RecvError(()));
            }
            // Not by `change`, which would borrow all of the receiver beside the value.
            closed = !Change::new(&self.shared.common.news, &mut self.seen, self.number).await;
        }
    }

    /// Whether both see the same value.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Self::another(self.shared.clone(), self.seen)
    }
}

impl<T: fmt::Debug> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("shared", &*self.shared)
            .field("seen", &self.seen.count())
            .finish_non_exhaustive()
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.shared.common.drop_receiver();
    }
}
