//! [`unbounded_channel`]: a channel without a capacity, its [`UnboundedSender`], [`UnboundedReceiver`] and [`WeakUnboundedSender`].
//!
//! Handles, as in [`super::bounded`], over the same [`super::chan`]: there is always room, so that a send neither waits nor needs a
//! future. Nothing limits how much such a channel holds but the memory.

use super::chan::{Chan, UNBOUNDED};
use super::error::{SendError, TryRecvError};
use super::room::Closed;
use super::rx::Rx;
use super::tx::{Tx, Weak};
use gumption_core::sync::Arc;
use gumption_core::wait_here;
use std::fmt;
use std::future::poll_fn;
use std::task::{Context, Poll};

/// A channel that holds any number of values: nobody waits to send.
///
/// A receiver that is slower than its senders makes it grow until the memory is used up; where that can happen, a
/// [`channel`](super::channel) with a capacity slows the senders down instead.
///
/// ```
/// use gumption::sync::mpsc;
///
/// # gumption::runtime::Runtime::new()?.block_on(async {
/// let (tx, mut rx) = mpsc::unbounded_channel();
/// tx.send("not")?;
/// tx.send("waiting")?;
/// drop(tx);
/// assert_eq!([rx.recv().await, rx.recv().await, rx.recv().await], [Some("not"), Some("waiting"), None]);
/// # Ok::<(), mpsc::error::SendError<&str>>(())
/// # }).unwrap();
/// # Ok::<(), std::io::Error>(())
/// ```
#[track_caller]
pub fn unbounded_channel<T>() -> (UnboundedSender<T>, UnboundedReceiver<T>) {
    let chan = Arc::new(Chan::new(UNBOUNDED));
    (UnboundedSender { tx: Tx::first(chan.clone()) }, UnboundedReceiver { rx: Rx::new(chan) })
}

/// Sends values into an [`unbounded_channel`].
///
/// Clones send into the same channel. The receiver hears of the end when the last one has gone.
pub struct UnboundedSender<T> {
    tx: Tx<T>,
}

impl<T> UnboundedSender<T> {
    fn chan(&self) -> &Chan<T> {
        self.tx.chan()
    }

    /// Sends a value. It never waits, so it may be called anywhere.
    ///
    /// # Errors
    /// If the receiver has closed the channel or has gone. The value comes back.
    pub fn send(&self, message: T) -> Result<(), SendError<T>> {
        let chan = self.chan();
        let receiver = {
            let mut core = chan.lock();
            if core.closed {
                drop(core);
                return Err(SendError(message));
            }
            chan.push(&mut core, message)
        };
        if let Some(receiver) = receiver {
            receiver.wake();
        }
        Ok(())
    }

    /// Waits until the receiver has closed the channel or has gone.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped.
    pub async fn closed(&self) {
        Closed::new(self.chan()).await;
    }

    /// Whether the receiver has closed the channel or has gone.
    pub fn is_closed(&self) -> bool {
        self.chan().is_closed()
    }

    /// Whether both send into the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        self.tx.same_channel(&other.tx)
    }

    /// A handle that does not keep the channel open, and can become a sender again as long as there is one.
    #[must_use = "the sender itself stays as it is"]
    pub fn downgrade(&self) -> WeakUnboundedSender<T> {
        WeakUnboundedSender { weak: self.tx.downgrade() }
    }

    /// How many senders there are.
    pub fn strong_count(&self) -> usize {
        self.chan().strong_count()
    }

    /// How many [`WeakUnboundedSender`]s there are.
    pub fn weak_count(&self) -> usize {
        self.chan().weak_count()
    }
}

impl<T> Clone for UnboundedSender<T> {
    fn clone(&self) -> Self {
        Self { tx: self.tx.clone() }
    }
}

impl<T> fmt::Debug for UnboundedSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnboundedSender").field("tx", &self.tx).finish()
    }
}

/// A [`UnboundedSender`] that does not keep its channel open.
///
/// The receiver hears of the end when the last `UnboundedSender` has gone, whatever weak ones there are.
///
/// ```
/// use gumption::sync::mpsc;
///
/// let (tx, _rx) = mpsc::unbounded_channel::<u8>();
/// let weak = tx.downgrade();
/// assert!(weak.upgrade().is_some());
/// drop(tx);
/// assert!(weak.upgrade().is_none());
/// ```
pub struct WeakUnboundedSender<T> {
    weak: Weak<T>,
}

impl<T> WeakUnboundedSender<T> {
    /// A sender, if there is still one.
    pub fn upgrade(&self) -> Option<UnboundedSender<T>> {
        self.weak.upgrade().map(|tx| UnboundedSender { tx })
    }

    /// How many [`UnboundedSender`]s there are.
    pub fn strong_count(&self) -> usize {
        self.weak.chan().strong_count()
    }

    /// How many weak senders there are.
    pub fn weak_count(&self) -> usize {
        self.weak.chan().weak_count()
    }
}

impl<T> Clone for WeakUnboundedSender<T> {
    fn clone(&self) -> Self {
        Self { weak: self.weak.clone() }
    }
}

impl<T> fmt::Debug for WeakUnboundedSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakUnboundedSender").finish_non_exhaustive()
    }
}

/// Receives what was sent into a [`unbounded_channel`].
///
/// There is one. When it is dropped the channel is closed, and what is in it is dropped.
pub struct UnboundedReceiver<T> {
    rx: Rx<T>,
}

impl<T> UnboundedReceiver<T> {
    /// Receives the next value; waits if there is none.
    ///
    /// `None` says that there will be none any more: the channel is empty, and all senders have gone or it was
    /// [closed](Self::close).
    ///
    /// # Cancel safety
    /// A `recv` that is dropped before it was ready has received nothing.
    pub async fn recv(&mut self) -> Option<T> {
        poll_fn(|cx| self.rx.poll_recv(cx)).await
    }

    /// Receives at least one value and at most `limit`, as many as are there, at the end of `buffer`; how many. Waits
    /// if there is none.
    ///
    /// 0 says that there will be none any more, or that `limit` is 0. The buffer grows as a `Vec` does.
    ///
    /// # Cancel safety
    /// As [`recv`](Self::recv).
    pub async fn recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
        poll_fn(|cx| self.rx.poll_recv_many(cx, buffer, limit)).await
    }

    /// Receives the next value if there is one now.
    ///
    /// # Errors
    /// [`Empty`](TryRecvError::Empty) if there is none yet, [`Disconnected`](TryRecvError::Disconnected) if there will be none.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        self.rx.try_recv()
    }

    /// [`recv`](Self::recv) for a thread outside a runtime: blocks it until there is a value.
    ///
    /// # Panics
    /// On a thread that drives tasks.
    #[track_caller]
    #[doc(alias = "recv_blocking")]
    pub fn blocking_recv(&mut self) -> Option<T> {
        wait_here(self.recv())
    }

    /// [`recv_many`](Self::recv_many) for a thread outside a runtime: blocks it until there is a value.
    ///
    /// # Panics
    /// On a thread that drives tasks.
    #[track_caller]
    #[doc(alias = "recv_many_blocking")]
    pub fn blocking_recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
        wait_here(self.recv_many(buffer, limit))
    }

    /// Closes the channel: nothing gets in any more.
    ///
    /// What is inside can still be received, and has to be, for none of it to be lost: receive until `None`.
    pub fn close(&mut self) {
        self.rx.close();
    }

    /// Whether it was closed, or all senders have gone. There may be values inside.
    pub fn is_closed(&self) -> bool {
        self.rx.is_closed()
    }

    /// Whether there is no value inside.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many values are inside.
    pub fn len(&self) -> usize {
        self.rx.len()
    }

    /// Polls for the next value, as [`recv`](Self::recv): for futures that are written by hand. The latest waker is woken.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.rx.poll_recv(cx)
    }

    /// Polls for several values, as [`recv_many`](Self::recv_many). The latest waker is woken.
    pub fn poll_recv_many(&mut self, cx: &mut Context<'_>, buffer: &mut Vec<T>, limit: usize) -> Poll<usize> {
        self.rx.poll_recv_many(cx, buffer, limit)
    }

    /// How many [`UnboundedSender`]s there are.
    pub fn sender_strong_count(&self) -> usize {
        self.rx.chan().strong_count()
    }

    /// How many [`WeakUnboundedSender`]s there are.
    pub fn sender_weak_count(&self) -> usize {
        self.rx.chan().weak_count()
    }
}

impl<T> fmt::Debug for UnboundedReceiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnboundedReceiver").field("rx", &self.rx).finish()
    }
}
