//! [`Receiver`]: an end that values come out of, every one of them.
//!
//! A receiver is a place in the sequence of values, and nothing else: it is not registered anywhere but in the count of
//! receivers, and in a queue while it waits. `known` is how far it has seen the senders come, so that a receiver with a backlog
//! does not look at the position, which every send writes.
//!
//! What lies behind is in [`shared`](super::shared). Model: `loom-tests/tests/broadcast.rs`.

use super::error::{RecvError, TryRecvError};
use super::shared::{Entered, Found, Shared, Wait};
use super::waiter::Waiting;
use gumption_core::coop::poll_proceed;
use gumption_core::sync::{Arc, Ordering, broken};
use gumption_core::wait::WaitReason;
use gumption_core::wait_here;
use pin_project_lite::pin_project;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Receives what is sent after it was made. Made by [`channel`](super::channel) and [`Sender::subscribe`](super::Sender::subscribe).
///
/// Dropping it gives up what it has not received.
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    /// The place of the value that it receives next.
    next: u64,
    /// Values up to here have been sent.
    known: u64,
}

impl<T> Receiver<T> {
    /// The receiver that the channel has counted from the beginning.
    pub(super) fn first(shared: Arc<Shared<T>>) -> Self {
        Self { shared, next: 0, known: 0 }
    }

    pub(super) fn subscribed(shared: Arc<Shared<T>>) -> Self {
        let next = shared.subscribe();
        Self { shared, next, known: next }
    }

    /// How many values were sent that this receiver has not received; if it lags, more than there are.
    pub fn len(&self) -> usize {
        (self.shared.position() - self.next) as usize
    }

    /// Whether it has received all that was sent.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether both receive from the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// How many senders there are.
    pub fn sender_strong_count(&self) -> usize {
        // Ordering: Acquire pairs with the last sender's Release: what was sent is there.
        self.shared.senders.load(Ordering::Acquire)
    }

    /// How many weak senders there are.
    pub fn sender_weak_count(&self) -> usize {
        // Ordering: Acquire, as `sender_strong_count`.
        self.shared.weak_senders.load(Ordering::Acquire)
    }

    /// Whether all senders are gone. There may still be values.
    pub fn is_closed(&self) -> bool {
        self.sender_strong_count() == 0
    }
}

impl<T: Clone> Receiver<T> {
    /// Another receiver, of what is sent from here on: not of this one's backlog.
    ///
    /// ```
    /// use gumption::sync::broadcast;
    ///
    /// let (sender, mut old) = broadcast::channel(4);
    /// assert!(sender.send(1).is_ok());
    /// let mut new = old.resubscribe();
    /// assert!(sender.send(2).is_ok());
    /// assert_eq!((old.try_recv(), new.try_recv()), (Ok(1), Ok(2)));
    /// ```
    pub fn resubscribe(&self) -> Self {
        Self::subscribed(self.shared.clone())
    }

    /// Waits for the next value.
    ///
    /// Each receiver gets a clone of its own.
    ///
    /// # Errors
    ///
    /// [`Closed`](RecvError::Closed) when all senders are gone and there is nothing left, [`Lagged`](RecvError::Lagged) when values
    /// were overwritten that this receiver had not received: the next call returns the oldest that is left.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped before it is ready, nothing was received.
    ///
    /// ```
    /// use gumption::sync::broadcast::{self, error::RecvError};
    ///
    /// # #[gumption::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let (sender, mut receiver) = broadcast::channel(2);
    /// for value in 1..=3 {
    ///     assert!(sender.send(value).is_ok());
    /// }
    /// assert_eq!(receiver.recv().await, Err(RecvError::Lagged(1)));
    /// assert_eq!(receiver.recv().await, Ok(2));
    /// assert_eq!(receiver.recv().await, Ok(3));
    /// drop(sender);
    /// assert_eq!(receiver.recv().await, Err(RecvError::Closed));
    /// # }
    /// ```
    pub async fn recv(&mut self) -> Result<T, RecvError> {
        Recv { waiting: Waiting::new(), receiver: self }.await
    }

    /// The next value, if there is one.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv), and [`Empty`](TryRecvError::Empty) if there is none yet.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        loop {
            match self.take() {
                Err(TryRecvError::Empty) if self.is_closed() => {
                    // What they sent before they went is there by now.
                    if self.is_empty() || broken("broadcast-closed-no-recheck") {
                        return Err(TryRecvError::Closed);
                    }
                }
                taken => return taken,
            }
        }
    }

    /// Waits for the next value on this thread.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    ///
    /// # Panics
    ///
    /// If the thread drives tasks: use [`recv`](Self::recv) there.
    ///
    /// ```
    /// use gumption::sync::broadcast;
    ///
    /// let (sender, mut receiver) = broadcast::channel(2);
    /// let thread = std::thread::spawn(move || receiver.blocking_recv());
    /// assert!(sender.send(10).is_ok());
    /// assert_eq!(thread.join().expect("no panic"), Ok(10));
    /// ```
    #[track_caller]
    pub fn blocking_recv(&mut self) -> Result<T, RecvError> {
        wait_here(self.recv())
    }

    /// The next value, or why not: `Empty` or `Lagged`.
    #[inline]
    fn take(&mut self) -> Result<T, TryRecvError> {
        if self.next == self.known {
            self.known = self.shared.position();
            if self.next == self.known {
                return Err(TryRecvError::Empty);
            }
        }
        let place = self.next;
        // Before the clone, which may panic: a value that cannot be cloned is passed over.
        self.next += 1;
        match self.shared.read(place) {
            Found::Value(value) => Ok(value),
            Found::Overwritten => {
                self.next = self.shared.oldest(place);
                self.known = self.next;
                Err(TryRecvError::Lagged(self.next - place))
            }
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.shared.unsubscribe(self.next);
    }
}

pin_project! {
    /// Future of [`Receiver::recv`].
    struct Recv<'a, T> {
        #[pin]
        waiting: Waiting,
        receiver: &'a mut Receiver<T>,
    }

    impl<T> PinnedDrop for Recv<'_, T> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            // SAFETY: it entered this queue only.
            unsafe { this.receiver.shared.leave(Wait::Value, &this.waiting) };
        }
    }
}

impl<T: Clone> Future for Recv<'_, T> {
    type Output = Result<T, RecvError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let step = ready!(poll_proceed(cx));
        let this = self.project();
        let received = loop {
            match this.receiver.take() {
                Ok(value) => break Ok(value),
                Err(TryRecvError::Lagged(missed)) => break Err(RecvError::Lagged(missed)),
                Err(TryRecvError::Closed) => break Err(RecvError::Closed),
                Err(TryRecvError::Empty) => {}
            }
            let shared = &this.receiver.shared;
            // SAFETY: it enters this queue only, and leaves it in its drop.
            match unsafe { shared.enter(Wait::Value, this.receiver.next, this.waiting.as_ref(), cx.waker()) } {
                Entered::Waits => {
                    shared.resource.waits(WaitReason::ChanRecv);
                    return Poll::Pending;
                }
                Entered::Look => {}
                Entered::Never => break Err(RecvError::Closed),
            }
        };
        step.made_progress();
        Poll::Ready(received)
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("broadcast::Receiver")
    }
}
