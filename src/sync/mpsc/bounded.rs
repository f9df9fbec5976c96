//! [`channel`]: a channel with a capacity, its [`Sender`], [`Receiver`] and [`WeakSender`].
//!
//! These are handles: signatures and what they promise. How a value gets from one to the other is in [`super::chan`] and the files
//! that its essay names. Invariant: values and permits together never exceed the capacity.

use super::chan::Chan;
use super::error::{SendError, SendTimeoutError, TryRecvError, TrySendError};
use super::room::{Closed, Sending};
use super::rx::Rx;
use super::tx::{Tx, Weak};
use gumption_core::sync::Arc;
use gumption_core::time::{Duration, timeout};
use gumption_core::wait_here;
use std::fmt;
use std::future::poll_fn;
use std::task::{Context, Poll};

/// The most that a channel's capacity can be: as many as a semaphore can have permits.
const MAX_CAPACITY: usize = usize::MAX >> 3;

/// A channel that holds up to `buffer` values: who sends into a full one waits.
///
/// ```
/// use gumption::sync::mpsc;
///
/// # gumption::runtime::Runtime::new()?.block_on(async {
/// let (tx, mut rx) = mpsc::channel(8);
/// for worker in 0..3 {
///     let tx = tx.clone();
///     gumption::spawn(async move {
///         for job in 0..10 {
///             if tx.send(worker * 10 + job).await.is_err() {
///                 return; // Nobody receives any more.
///             }
///         }
///     });
/// }
/// drop(tx);
/// let mut sum = 0;
/// while let Some(job) = rx.recv().await {
///     sum += job;
/// }
/// assert_eq!(sum, (0..30).sum::<i32>());
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Panics
/// If `buffer` is 0, or more than [`usize::MAX`]` >> 3`.
#[track_caller]
pub fn channel<T>(buffer: usize) -> (Sender<T>, Receiver<T>) {
    assert!(buffer > 0, "mpsc bounded channel requires buffer > 0");
    assert!(buffer <= MAX_CAPACITY, "a channel may not have more than {MAX_CAPACITY} places");
    let chan = Arc::new(Chan::new(buffer));
    (Sender { tx: Tx::first(chan.clone()) }, Receiver { rx: Rx::new(chan) })
}

/// Sends values into a [`channel`].
///
/// Clones send into the same channel. The receiver hears of the end when the last one has gone.
pub struct Sender<T> {
    pub(super) tx: Tx<T>,
}

impl<T> Sender<T> {
    pub(super) fn chan(&self) -> &Chan<T> {
        self.tx.chan()
    }

    /// Sends a value; waits for room if there is none.
    ///
    /// Senders get room in the order in which they began to wait. `Ok` says that the value is in the channel, not that it
    /// will be received.
    ///
    /// # Errors
    /// If the receiver has closed the channel or has gone. The value comes back.
    ///
    /// # Cancel safety
    /// A `send` that is dropped before it was ready, as by `select!`, has not sent; its value is dropped with it, and its
    /// place in line is lost. To keep the value, [`reserve`](Self::reserve) first.
    pub async fn send(&self, value: T) -> Result<(), SendError<T>> {
        Sending::new(self.chan(), value).await
    }

    /// Sends a value if there is room now, and nobody waits for it.
    ///
    /// # Errors
    /// [`Full`](TrySendError::Full) if there is none, [`Closed`](TrySendError::Closed) as [`send`](Self::send). The value comes back.
    ///
    /// ```
    /// use gumption::sync::mpsc::{self, error::TrySendError};
    ///
    /// let (tx, _rx) = mpsc::channel(1);
    /// assert_eq!(tx.try_send(1), Ok(()));
    /// assert_eq!(tx.try_send(2), Err(TrySendError::Full(2)));
    /// ```
    pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        let chan = self.chan();
        let receiver = {
            let mut core = chan.lock();
            if core.closed {
                drop(core);
                return Err(TrySendError::Closed(message));
            }
            if chan.room_for_newcomers(&mut core, 1) == 0 {
                drop(core);
                return Err(TrySendError::Full(message));
            }
            chan.push(&mut core, message)
        };
        if let Some(receiver) = receiver {
            receiver.wake();
        }
        Ok(())
    }

    /// [`send`](Self::send), for a limited time.
    ///
    /// # Errors
    /// [`Timeout`](SendTimeoutError::Timeout) if there was no room in that time, [`Closed`](SendTimeoutError::Closed) as `send`.
    /// The value comes back.
    ///
    /// # Panics
    /// Outside a runtime.
    ///
    /// # Cancel safety
    /// As [`send`](Self::send).
    pub async fn send_timeout(&self, value: T, limit: Duration) -> Result<(), SendTimeoutError<T>> {
        match timeout(limit, self.reserve()).await {
            Ok(Ok(permit)) => {
                permit.send(value);
                Ok(())
            }
            Ok(Err(_)) => Err(SendTimeoutError::Closed(value)),
            Err(_) => Err(SendTimeoutError::Timeout(value)),
        }
    }

    /// [`send`](Self::send) for a thread outside a runtime: blocks it until there is room.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Panics
    /// On a thread that drives tasks.
    ///
    /// ```
    /// use gumption::sync::mpsc;
    ///
    /// let (tx, mut rx) = mpsc::channel(1);
    /// let thread = std::thread::spawn(move || {
    ///     for i in 0..3 {
    ///         tx.blocking_send(i).expect("the receiver is there");
    ///     }
    /// });
    /// assert_eq!([rx.blocking_recv(), rx.blocking_recv(), rx.blocking_recv()], [Some(0), Some(1), Some(2)]);
    /// assert_eq!(rx.blocking_recv(), None);
    /// # thread.join().unwrap();
    /// ```
    #[track_caller]
    #[doc(alias = "send_blocking")]
    pub fn blocking_send(&self, value: T) -> Result<(), SendError<T>> {
        wait_here(self.send(value))
    }

    /// Waits until the receiver has closed the channel or has gone.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped.
    ///
    /// ```
    /// use gumption::sync::mpsc;
    ///
    /// # gumption::runtime::Runtime::new()?.block_on(async {
    /// let (tx, rx) = mpsc::channel::<()>(1);
    /// let waits = gumption::spawn(async move { tx.closed().await });
    /// drop(rx);
    /// waits.await.expect("it does not panic");
    /// # });
    /// # Ok::<(), std::io::Error>(())
    /// ```
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

    /// How many values there is room for now: the capacity, less values inside and permits out.
    ///
    /// ```
    /// use gumption::sync::mpsc;
    ///
    /// let (tx, _rx) = mpsc::channel(5);
    /// tx.try_send(1).expect("it is empty");
    /// let permit = tx.try_reserve().expect("there is room");
    /// assert_eq!((tx.capacity(), tx.max_capacity()), (3, 5));
    /// drop(permit);
    /// assert_eq!(tx.capacity(), 4);
    /// ```
    pub fn capacity(&self) -> usize {
        self.chan().capacity_left()
    }

    /// How many values there is room for when it is empty.
    pub fn max_capacity(&self) -> usize {
        self.chan().capacity
    }

    /// A handle that does not keep the channel open, and can become a sender again as long as there is one.
    #[must_use = "the sender itself stays as it is"]
    pub fn downgrade(&self) -> WeakSender<T> {
        WeakSender { weak: self.tx.downgrade() }
    }

    /// How many senders there are, those of permits included.
    pub fn strong_count(&self) -> usize {
        self.chan().strong_count()
    }

    /// How many [`WeakSender`]s there are.
    pub fn weak_count(&self) -> usize {
        self.chan().weak_count()
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self { tx: self.tx.clone() }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("tx", &self.tx).finish()
    }
}

/// A [`Sender`] that does not keep its channel open.
///
/// The receiver hears of the end when the last `Sender` has gone, whatever weak ones there are.
///
/// ```
/// use gumption::sync::mpsc;
///
/// let (tx, _rx) = mpsc::channel::<u8>(1);
/// let weak = tx.downgrade();
/// assert!(weak.upgrade().is_some());
/// drop(tx);
/// assert!(weak.upgrade().is_none());
/// ```
pub struct WeakSender<T> {
    weak: Weak<T>,
}

impl<T> WeakSender<T> {
    /// A sender, if there is still one.
    pub fn upgrade(&self) -> Option<Sender<T>> {
        self.weak.upgrade().map(|tx| Sender { tx })
    }

    /// How many [`Sender`]s there are.
    pub fn strong_count(&self) -> usize {
        self.weak.chan().strong_count()
    }

    /// How many weak senders there are.
    pub fn weak_count(&self) -> usize {
        self.weak.chan().weak_count()
    }
}

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> Self {
        Self { weak: self.weak.clone() }
    }
}

impl<T> fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakSender").finish_non_exhaustive()
    }
}

/// Receives what was sent into a [`channel`].
///
/// There is one. When it is dropped the channel is closed, and what is in it is dropped.
pub struct Receiver<T> {
    rx: Rx<T>,
}

impl<T> Receiver<T> {
    /// Receives the next value; waits if there is none.
    ///
    /// `None` says that there will be none any more: the channel is empty, and either all senders have gone, or it was
    /// [closed](Self::close) and no permit is out.
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

    /// Closes the channel: nothing gets in any more, but for the values of permits that are out.
    ///
    /// What is inside can still be received, and has to be, for none of it to be lost: receive until `None`.
    ///
    /// ```
    /// use gumption::sync::mpsc;
    ///
    /// # gumption::runtime::Runtime::new()?.block_on(async {
    /// let (tx, mut rx) = mpsc::channel(2);
    /// tx.send(1).await.expect("it is open");
    /// let permit = tx.reserve().await.expect("it is open");
    /// rx.close();
    /// assert!(tx.send(2).await.is_err());
    /// permit.send(3);
    /// assert_eq!([rx.recv().await, rx.recv().await, rx.recv().await], [Some(1), Some(3), None]);
    /// # });
    /// # Ok::<(), std::io::Error>(())
    /// ```
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

    /// As [`Sender::capacity`].
    pub fn capacity(&self) -> usize {
        self.rx.chan().capacity_left()
    }

    /// As [`Sender::max_capacity`].
    pub fn max_capacity(&self) -> usize {
        self.rx.chan().capacity
    }

    /// Polls for the next value, as [`recv`](Self::recv): for futures that are written by hand. The latest waker is woken.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.rx.poll_recv(cx)
    }

    /// Polls for several values, as [`recv_many`](Self::recv_many). The latest waker is woken.
    pub fn poll_recv_many(&mut self, cx: &mut Context<'_>, buffer: &mut Vec<T>, limit: usize) -> Poll<usize> {
        self.rx.poll_recv_many(cx, buffer, limit)
    }

    /// How many [`Sender`]s there are.
    pub fn sender_strong_count(&self) -> usize {
        self.rx.chan().strong_count()
    }

    /// How many [`WeakSender`]s there are.
    pub fn sender_weak_count(&self) -> usize {
        self.rx.chan().weak_count()
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("rx", &self.rx).finish()
    }
}
