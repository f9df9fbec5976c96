//! A channel for one value, from one task to another.
//!
//! [`channel`] makes the two ends. [`Sender::send`] is no future and needs no runtime: it can be called from anywhere. The
//! [`Receiver`] is itself the future of the value, and resolves to an [error](error::RecvError) if the sender was dropped
//! without having sent.
//!
//! ```
//! use gumption::sync::oneshot;
//!
//! # #[gumption::main(flavor = "current_thread")]
//! # async fn main() {
//! let (answer, asked) = oneshot::channel();
//! gumption::spawn(async move {
//!     // Whether anybody still listens is the receiver's business.
//!     let _ = answer.send(6 * 7);
//! });
//! assert_eq!(asked.await, Ok(42));
//!
//! let (answer, asked) = oneshot::channel::<u32>();
//! drop(answer);
//! assert!(asked.await.is_err());
//! # }
//! ```
//!
//! In a `select!` loop, wait for `&mut receiver`. To send from a destructor, keep the sender in an [`Option`] and
//! [`take`](Option::take) it.
//!
//! A value that was sent is received, or handed back by `send`, or dropped with the receiver: one of them, once. It stays in
//! the channel if the receiver is [closed](Receiver::close) after it was sent.
//!
//! # Seen from outside
//!
//! A task that awaits a receiver waits for a `chan receive`, one in [`Sender::closed`] for a cancellation, and the channel is a
//! resource of kind `oneshot` from then on, with the place where it was made. One that nobody has to wait for costs no record.
//!
//! What lies between the two ends, and its protocol, is in `channel.rs`. Here are the handles: each is its end's only one, and
//! gives it up once. Model: `loom-tests/tests/oneshot.rs`.

mod channel;
pub mod error;

use self::channel::{Channel, Finished, Look, RECEIVER_GONE, SENDER_GONE, VALUE};
use self::error::{RecvError, TryRecvError};
use gumption_core::coop::poll_proceed;
use gumption_core::wait::WaitReason;
use gumption_core::wait_here;
use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::mem::{self, ManuallyDrop};
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll, ready};

/// Sends the one value. Made by [`channel`].
pub struct Sender<T> {
    channel: NonNull<Channel<T>>,
    _value: PhantomData<Box<T>>,
}

/// Receives the one value: a future of it. Made by [`channel`].
///
/// Dropping it closes the channel, and drops a value that was sent and not received.
///
/// # Cancel safety
///
/// Nothing is lost when a wait for `&mut receiver` is dropped: the value is there at the next one.
#[must_use = "a receiver does nothing unless awaited or asked"]
pub struct Receiver<T> {
    /// None once it has received, or was told that there will be nothing.
    channel: Option<NonNull<Channel<T>>>,
    _value: PhantomData<Box<T>>,
}

// SAFETY: a value goes from thread to thread, and no two threads see it at a time; the rest of the channel is for any.
unsafe impl<T: Send> Send for Sender<T> {}
// SAFETY: as above; by reference a sender shows only whether it is closed.
unsafe impl<T: Send> Sync for Sender<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Send for Receiver<T> {}
// SAFETY: as above; by reference a receiver shows only whether there is a value.
unsafe impl<T: Send> Sync for Receiver<T> {}

/// A channel for one value.
///
/// ```
/// use gumption::sync::oneshot;
///
/// let (sender, receiver) = oneshot::channel();
/// assert_eq!(sender.send(3), Ok(()));
/// assert_eq!(receiver.blocking_recv(), Ok(3));
/// ```
#[track_caller]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let channel = Channel::allocate();
    (Sender { channel, _value: PhantomData }, Receiver { channel: Some(channel), _value: PhantomData })
}

impl<T> Sender<T> {
    fn channel(&self) -> &Channel<T> {
        // SAFETY: the sender's end is there as long as the sender is.
        unsafe { self.channel.as_ref() }
    }

    /// Sends the value, and wakes the receiver if it waits.
    ///
    /// `Ok` does not mean that the value will be received: the receiver may be dropped with it.
    ///
    /// # Errors
    ///
    /// The value, if the receiver is gone or closed.
    ///
    /// ```
    /// use gumption::sync::oneshot;
    ///
    /// let (sender, receiver) = oneshot::channel();
    /// drop(receiver);
    /// assert_eq!(sender.send("nobody listens"), Err("nobody listens"));
    /// ```
    pub fn send(self, t: T) -> Result<(), T> {
        let this = ManuallyDrop::new(self);
        // SAFETY: this is the sender, which is used up: it finishes once, and touches the channel afterwards only if it was
        // refused, and then leaves.
        unsafe {
            this.channel().put(t);
            match Channel::finish(this.channel, VALUE) {
                Finished::Told(receiver) => {
                    if let Some(receiver) = receiver {
                        receiver.wake();
                    }
                    Ok(())
                }
                Finished::Refused => {
                    let t = this.channel().take();
                    Channel::leave(this.channel, SENDER_GONE);
                    Err(t)
                }
            }
        }
    }

    /// Waits until the receiver is dropped or [closed](Receiver::close): until nobody wants the value any more.
    ///
    /// # Cancel safety
    ///
    /// It can be dropped and called again.
    ///
    /// ```
    /// use gumption::sync::oneshot;
    ///
    /// # #[gumption::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let (mut sender, receiver) = oneshot::channel::<u32>();
    /// gumption::spawn(async move { drop(receiver) });
    /// sender.closed().await;
    /// assert!(sender.is_closed());
    /// # }
    /// ```
    pub async fn closed(&mut self) {
        poll_fn(|cx| self.poll_closed(cx)).await;
    }

    /// Whether the receiver is dropped or closed: [`send`](Self::send) would fail.
    pub fn is_closed(&self) -> bool {
        self.channel().is_closed()
    }

    /// [`closed`](Self::closed) as a poll. Of several wakers the latest one is woken.
    pub fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let step = ready!(poll_proceed(cx));
        let channel = self.channel();
        // SAFETY: this is the sender, which finishes only when it is used up.
        match unsafe { channel.wait_closed(cx.waker()) } {
            Poll::Ready(()) => {
                step.made_progress();
                Poll::Ready(())
            }
            Poll::Pending => {
                channel.resource.waits(WaitReason::Cancellation);
                Poll::Pending
            }
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        // SAFETY: this is the sender, which has not finished and does so now; it leaves if it was refused.
        unsafe {
            match Channel::finish(self.channel, 0) {
                Finished::Told(Some(receiver)) => receiver.wake(),
                Finished::Told(None) => {}
                Finished::Refused => Channel::leave(self.channel, SENDER_GONE),
            }
        }
    }
}

impl<T> Receiver<T> {
    fn channel(&self) -> Option<&Channel<T>> {
        // SAFETY: the receiver's end is there as long as the pointer is.
        self.channel.map(|channel| unsafe { channel.as_ref() })
    }

    /// Gives the end up after the last look.
    fn leave(&mut self) {
        if let Some(channel) = self.channel.take() {
            // SAFETY: it was the receiver's end, and what was sent has been taken.
            unsafe { Channel::leave(channel, RECEIVER_GONE) };
        }
    }

    /// Refuses the value, unless it has been sent already: then it can still be received.
    ///
    /// A sender in [`closed`](Sender::closed) is woken.
    ///
    /// ```
    /// use gumption::sync::oneshot::{self, error::TryRecvError};
    ///
    /// let (sender, mut receiver) = oneshot::channel();
    /// assert_eq!(sender.send("in time"), Ok(()));
    /// receiver.close();
    /// assert_eq!(receiver.try_recv(), Ok("in time"));
    ///
    /// let (sender, mut receiver) = oneshot::channel();
    /// receiver.close();
    /// assert!(sender.is_closed());
    /// assert_eq!(sender.send("too late"), Err("too late"));
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    /// ```
    pub fn close(&mut self) {
        if let Some(channel) = self.channel() {
            // SAFETY: this is the receiver.
            let closed = unsafe { channel.close() };
            drop(closed.receiver);
            if let Some(sender) = closed.sender {
                sender.wake();
            }
        }
    }

    /// Whether it has received the value, or was told that there will be none: it must not be awaited again.
    pub fn is_terminated(&self) -> bool {
        self.channel.is_none()
    }

    /// Whether there is no value to be received now.
    pub fn is_empty(&self) -> bool {
        !self.channel().is_some_and(Channel::has_value)
    }

    /// The value, if it is there.
    ///
    /// # Errors
    ///
    /// [`Empty`](TryRecvError::Empty) if it may still come, [`Closed`](TryRecvError::Closed) if not, and once it has been
    /// received.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let Some(channel) = self.channel() else { return Err(TryRecvError::Closed) };
        // SAFETY: this is the receiver, which leaves after the last look.
        let received = match unsafe { channel.look() } {
            Look::Empty => return Err(TryRecvError::Empty),
            Look::Closed => Err(TryRecvError::Closed),
            Look::Received(value) => Ok(value),
        };
        self.leave();
        received
    }

    /// Waits for the value on this thread.
    ///
    /// # Errors
    ///
    /// If there will be none.
    ///
    /// # Panics
    ///
    /// If the thread drives tasks: await the receiver there.
    ///
    /// ```
    /// use gumption::sync::oneshot;
    ///
    /// let (sender, receiver) = oneshot::channel();
    /// let thread = std::thread::spawn(move || receiver.blocking_recv());
    /// assert_eq!(sender.send(10), Ok(()));
    /// assert_eq!(thread.join().expect("no panic"), Ok(10));
    /// ```
    #[track_caller]
    pub fn blocking_recv(self) -> Result<T, RecvError> {
        wait_here(self)
    }
}

impl<T> Future for Receiver<T> {
    type Output = Result<T, RecvError>;

    /// # Panics
    ///
    /// If it is [terminated](Receiver::is_terminated).
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let Some(channel) = this.channel() else { panic!("called after complete") };
        let step = ready!(poll_proceed(cx));
        // SAFETY: this is the receiver, which leaves after the last look.
        let received = match unsafe { channel.receive(cx.waker()) } {
            Look::Empty => {
                channel.resource.waits(WaitReason::ChanRecv);
                return Poll::Pending;
            }
            Look::Closed => Err(RecvError(())),
            Look::Received(value) => Ok(value),
        };
        step.made_progress();
        this.leave();
        Poll::Ready(received)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let Some(channel) = self.channel.take() else { return };
        // SAFETY: this is the receiver, which looks for the last time and leaves.
        let (mut closed, rest) = unsafe {
            let closed = channel.as_ref().close();
            let rest = channel.as_ref().rest(&closed);
            Channel::leave(channel, RECEIVER_GONE);
            (closed, rest)
        };
        if let Some(sender) = mem::take(&mut closed.sender) {
            sender.wake();
        }
        // Its drop is the user's code, and comes when all else is done.
        drop(rest);
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("is_closed", &self.is_closed()).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut receiver = f.debug_struct("Receiver");
        receiver
            .field("is_terminated", &self.is_terminated())
            .field("is_empty", &self.is_empty())
            .finish_non_exhaustive()
    }
}
