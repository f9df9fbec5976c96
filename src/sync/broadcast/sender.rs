//! [`Sender`], [`WeakSender`]: the ends that values go in at.
//!
//! Senders are counted, and the last one closes the channel for its receivers; a weak one is not, and becomes a sender again as long
//! as there is one. The count goes from 0 to nothing else. What a send does is in [`shared`](super::shared); here are the counts,
//! and the wait for the receivers' end. Model: `loom-tests/tests/broadcast.rs`.

use super::error::SendError;
use super::receiver::Receiver;
use super::shared::{Entered, Shared, Wait};
use super::waiter::Waiting;
use gumption_core::coop::poll_proceed;
use gumption_core::sync::{Arc, Ordering, broken, weaken};
use gumption_core::wait::WaitReason;
use pin_project_lite::pin_project;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Sends values to every receiver. Made by [`channel`](super::channel), or alone by [`new`](Sender::new).
pub struct Sender<T> {
    pub(super) shared: Arc<Shared<T>>,
}

/// A [`Sender`] that does not keep the channel open. Made by [`Sender::downgrade`].
pub struct WeakSender<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Sender<T> {
    /// A channel without receivers yet: they [`subscribe`](Self::subscribe).
    ///
    /// # Panics
    ///
    /// If the capacity is 0, or more than `usize::MAX / 2`.
    #[track_caller]
    pub fn new(capacity: usize) -> Self {
        Self::with_receivers(capacity, 0)
    }

    #[track_caller]
    pub(super) fn with_receivers(capacity: usize, receivers: usize) -> Self {
        assert!(capacity > 0, "broadcast channel capacity cannot be zero");
        assert!(capacity <= usize::MAX >> 1, "broadcast channel capacity exceeded `usize::MAX / 2`");
        Self { shared: Arc::new(Shared::new(capacity.next_power_of_two(), receivers)) }
    }

    /// Sends a value to all receivers that there are now; how many. It never waits: what the slowest receiver has not come round
    /// to is overwritten.
    ///
    /// `Ok` does not mean that it will be received: a receiver can lag, or go.
    ///
    /// # Errors
    ///
    /// The value, if there are no receivers. There may be some again later.
    ///
    /// ```
    /// use gumption::sync::broadcast;
    ///
    /// let (sender, mut receiver) = broadcast::channel(4);
    /// assert_eq!(sender.send("hello").ok(), Some(1));
    /// assert_eq!(receiver.try_recv(), Ok("hello"));
    /// drop(receiver);
    /// assert_eq!(sender.send("anybody?").map_err(|error| error.0), Err("anybody?"));
    /// ```
    pub fn send(&self, value: T) -> Result<usize, SendError<T>> {
        self.shared.send(value).map_err(SendError)
    }

    /// A receiver of what is sent from here on.
    ///
    /// ```
    /// use gumption::sync::broadcast::{self, error::TryRecvError};
    ///
    /// let (sender, _first) = broadcast::channel(4);
    /// assert!(sender.send(1).is_ok());
    /// let mut second = sender.subscribe();
    /// assert!(sender.send(2).is_ok());
    /// assert_eq!(second.try_recv(), Ok(2));
    /// assert_eq!(second.try_recv(), Err(TryRecvError::Empty));
    /// ```
    pub fn subscribe(&self) -> Receiver<T> {
        Receiver::subscribed(self.shared.clone())
    }

    /// A handle that does not keep the channel open.
    #[must_use = "it makes a weak sender, and leaves this one as it is"]
    pub fn downgrade(&self) -> WeakSender<T> {
        // Ordering: Relaxed; a number for who asks.
        self.shared.weak_senders.fetch_add(1, Ordering::Relaxed);
        WeakSender { shared: self.shared.clone() }
    }

    /// How many values are kept because some receiver has not seen them.
    ///
    /// ```
    /// use gumption::sync::broadcast;
    ///
    /// let (sender, mut quick) = broadcast::channel(4);
    /// let mut slow = sender.subscribe();
    /// assert!(sender.send(1).is_ok() && sender.send(2).is_ok());
    /// assert_eq!((quick.try_recv(), quick.try_recv()), (Ok(1), Ok(2)));
    /// assert_eq!(sender.len(), 2);
    /// assert_eq!(slow.try_recv(), Ok(1));
    /// assert_eq!(sender.len(), 1);
    /// ```
    pub fn len(&self) -> usize {
        self.shared.depth()
    }

    /// Whether every receiver has seen every value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many receivers there are.
    pub fn receiver_count(&self) -> usize {
        self.shared.receivers()
    }

    /// Whether both send to the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Waits until there are no receivers. There may be some again when it returns.
    ///
    /// # Cancel safety
    ///
    /// It can be dropped and called again.
    ///
    /// ```
    /// use gumption::sync::broadcast;
    ///
    /// # #[gumption::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let (sender, receiver) = broadcast::channel::<u32>(4);
    /// gumption::spawn(async move { drop(receiver) });
    /// sender.closed().await;
    /// assert_eq!(sender.receiver_count(), 0);
    /// # }
    /// ```
    pub async fn closed(&self) {
        Closed { waiting: Waiting::new(), shared: &self.shared }.await;
    }

    /// How many senders there are.
    pub fn strong_count(&self) -> usize {
        // Ordering: Acquire, as for whoever sees that all are gone.
        self.shared.senders.load(Ordering::Acquire)
    }

    /// How many weak senders there are.
    pub fn weak_count(&self) -> usize {
        // Ordering: Acquire, as `strong_count`.
        self.shared.weak_senders.load(Ordering::Acquire)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        // Ordering: Relaxed; there is one already.
        self.shared.senders.fetch_add(1, Ordering::Relaxed);
        Self { shared: self.shared.clone() }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        // Ordering: Release pairs with the Acquire of who sees 0: what was sent is there. Acquire, for the last one, with the
        // others' Release.
        if self.shared.senders.fetch_sub(1, weaken("broadcast-leave-relaxed", Ordering::AcqRel)) == 1
            && !broken("broadcast-close-no-wake")
        {
            self.shared.close();
        }
    }
}

impl<T> WeakSender<T> {
    /// A sender, unless all are gone.
    ///
    /// ```
    /// use gumption::sync::broadcast;
    ///
    /// let (sender, mut receiver) = broadcast::channel(4);
    /// let weak = sender.downgrade();
    /// assert!(weak.upgrade().is_some_and(|sender| sender.send(1).is_ok()));
    /// drop(sender);
    /// assert!(weak.upgrade().is_none());
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// ```
    #[must_use]
    pub fn upgrade(&self) -> Option<Sender<T>> {
        // Ordering: Acquire where it fails, as who sees 0; Relaxed where it does not, as `clone`.
        let more = |senders: usize| (senders != 0 || broken("broadcast-upgrade-closed")).then(|| senders + 1);
        self.shared.senders.fetch_update(Ordering::Relaxed, Ordering::Acquire, more).ok()?;
        Some(Sender { shared: self.shared.clone() })
    }

    /// How many senders there are.
    pub fn strong_count(&self) -> usize {
        // Ordering: Acquire, as for whoever sees that all are gone.
        self.shared.senders.load(Ordering::Acquire)
    }

    /// How many weak senders there are.
    pub fn weak_count(&self) -> usize {
        // Ordering: Acquire, as `strong_count`.
        self.shared.weak_senders.load(Ordering::Acquire)
    }
}

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> Self {
        // Ordering: Relaxed; a number for who asks.
        self.shared.weak_senders.fetch_add(1, Ordering::Relaxed);
        Self { shared: self.shared.clone() }
    }
}

impl<T> Drop for WeakSender<T> {
    fn drop(&mut self) {
        // Ordering: Relaxed; a number for who asks.
        self.shared.weak_senders.fetch_sub(1, Ordering::Relaxed);
    }
}

pin_project! {
    /// Future of [`Sender::closed`].
    struct Closed<'a, T> {
        #[pin]
        waiting: Waiting,
        shared: &'a Shared<T>,
    }

    impl<T> PinnedDrop for Closed<'_, T> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            // SAFETY: it entered this queue only.
            unsafe { this.shared.leave(Wait::Closed, &this.waiting) };
        }
    }
}

impl<T> Future for Closed<'_, T> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let step = ready!(poll_proceed(cx));
        let this = self.project();
        // SAFETY: it enters this queue only, and leaves it in its drop.
        match unsafe { this.shared.enter(Wait::Closed, 0, this.waiting.as_ref(), cx.waker()) } {
            Entered::Waits => {
                this.shared.resource.waits(WaitReason::Cancellation);
                Poll::Pending
            }
            Entered::Look | Entered::Never => {
                step.made_progress();
                Poll::Ready(())
            }
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("broadcast::Sender")
    }
}

impl<T> fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("broadcast::WeakSender")
    }
}
