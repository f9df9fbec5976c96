//! [`Wait`]: one wait for a [`Signal`], and the two futures that are made of it.
//!
//! A wait begins when it is made: from then on a signal to all is meant for it, also before it is polled. It joins those that
//! wait with its first poll, or when it is enabled. It ends when it sees that it was signalled, or when it is dropped; dropped
//! between the two, it hands the signal on.
//!
//! [`Notified`] and [`OwnedNotified`] differ in how they hold their [`Notify`]. A third user is the end of a
//! [watched](super::super::watch) value. Models: `loom-tests/tests/notify.rs`.

use super::super::waiters::{Told, Waiter};
use super::signal::{Joined, Signal};
use super::{Arc, Notify};
use gumption_core::resource::{Record, Resource};
use gumption_core::wait::WaitReason;
use std::future::Future;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};

/// How far a wait is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Begun,
    /// Its waiter has joined.
    Waiting,
    Done,
}

/// What observers are told of a wait.
#[derive(Clone, Copy)]
pub(crate) struct Says<'a> {
    pub(crate) resource: &'a Resource,
    pub(crate) reason: WaitReason,
    /// Whether the resource's facts are the signal's: how many wait, and how many signals found somebody.
    pub(crate) counts: bool,
}

impl<'a> Says<'a> {
    fn record(self) -> Option<&'a Record> {
        if self.counts { self.resource.record() } else { None }
    }
}

/// One wait; it must be [ended](Self::end) by the drop of what it lies in.
#[derive(Debug)]
pub(crate) struct Wait {
    state: State,
    generation: usize,
    waiter: Waiter,
}

impl Wait {
    /// Begins one.
    #[inline]
    pub(crate) fn new(signal: &Signal) -> Self {
        Self { state: State::Begun, generation: signal.generation(), waiter: Waiter::new() }
    }

    /// Looks whether it has been signalled, and joins those that wait if not. Without a context it will not be woken.
    ///
    /// It is always the same signal.
    pub(crate) fn poll(
        self: Pin<&mut Self>,
        signal: &Signal,
        says: Says<'_>,
        cx: Option<&mut Context<'_>>,
    ) -> Poll<()> {
        // SAFETY: nothing is moved out of it.
        let this = unsafe { self.get_unchecked_mut() };
        let is_signalled = match this.state {
            State::Done => return Poll::Ready(()),
            State::Begun => {
                signal.try_take(this.generation) || {
                    let waker = cx.as_ref().map(|cx| cx.waker().clone());
                    // Before it is counted among the waiters.
                    let _ = says.resource.id();
                    let waiter = NonNull::from(&mut this.waiter);
                    // SAFETY: it is pinned, untold, and `end` is called when it is dropped.
                    unsafe { signal.join(waiter, this.generation, waker, says.record()) == Joined::Signalled }
                }
            }
            State::Waiting => {
                this.waiter.told() != Told::Nothing || {
                    let waiter = NonNull::from(&mut this.waiter);
                    // SAFETY: in this state it has joined, and was not signalled.
                    unsafe { signal.look(waiter, cx.as_ref().map(|cx| cx.waker())) }
                }
            }
        };
        if is_signalled {
            if this.state == State::Waiting {
                this.waiter.reset();
            }
            this.state = State::Done;
            return Poll::Ready(());
        }
        this.state = State::Waiting;
        if cx.is_some() {
            says.resource.waits(says.reason);
        }
        Poll::Pending
    }

    /// Ends it; a signal that nobody has seen is handed on. It may be polled no more.
    #[inline]
    pub(crate) fn end(&mut self, signal: &Signal, says: Says<'_>) {
        if self.state == State::Waiting {
            self.state = State::Done;
            // SAFETY: in this state it has joined, and was not signalled when it was polled.
            unsafe { signal.leave(NonNull::from(&mut self.waiter), says.record()) };
            self.waiter.reset();
        }
    }
}

macro_rules! notified {
    ($(#[$meta:meta])* $name:ident $(<$lifetime:lifetime>)?, $pointer:ty) => {
        $(#[$meta])*
        #[derive(Debug)]
        #[must_use = "futures do nothing unless you `.await` or poll them"]
        pub struct $name$(<$lifetime>)? {
            notify: $pointer,
            wait: Wait,
        }

        impl$(<$lifetime>)? $name$(<$lifetime>)? {
            pub(super) fn new(notify: $pointer) -> Self {
                let wait = Wait::new(&notify.signal);
                Self { notify, wait }
            }

            /// Joins those that wait, without being polled: a [`notify_one`](Notify::notify_one) from now on may be for this future.
            ///
            /// Whether it has been notified already, so that polling it gives `Ready`. That takes a permit if there is one.
            ///
            /// What it is for: to join first, then look at the condition that is waited for, and only then wait. Nothing that
            /// happens between the look and the wait is missed then, even where several wait and each notification wakes one.
            ///
            /// ```
            /// use gumption::sync::Notify;
            /// use std::pin::pin;
            /// use std::sync::atomic::{AtomicBool, Ordering};
            ///
            /// async fn wait_until(ready: &AtomicBool, changed: &Notify) {
            ///     let mut notified = pin!(changed.notified());
            ///     loop {
            ///         notified.as_mut().enable();
            ///         if ready.load(Ordering::Acquire) {
            ///             return;
            ///         }
            ///         notified.as_mut().await;
            ///         notified.set(changed.notified());
            ///     }
            /// }
            /// # let runtime = gumption::runtime::Runtime::new()?;
            /// # runtime.block_on(wait_until(&AtomicBool::new(true), &Notify::new()));
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn enable(self: Pin<&mut Self>) -> bool {
                self.poll_wait(None).is_ready()
            }

            fn poll_wait(self: Pin<&mut Self>, cx: Option<&mut Context<'_>>) -> Poll<()> {
                // SAFETY: `wait` is pinned with it, `notify` is not.
                let (notify, wait) = unsafe {
                    let this = self.get_unchecked_mut();
                    (&this.notify, Pin::new_unchecked(&mut this.wait))
                };
                wait.poll(&notify.signal, notify.says(), cx)
            }
        }

        impl$(<$lifetime>)? Future for $name$(<$lifetime>)? {
            type Output = ();

            fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
                self.poll_wait(Some(cx))
            }
        }

        impl$(<$lifetime>)? Drop for $name$(<$lifetime>)? {
            fn drop(&mut self) {
                self.wait.end(&self.notify.signal, self.notify.says());
            }
        }
    };
}

notified! {
    /// Waits for a notification: future of [`Notify::notified`].
    ///
    /// It may be polled after it was ready, and is ready again. Dropped before, it gives up its place, and hands on a notification
    /// by [`notify_one`](Notify::notify_one) or [`notify_last`](Notify::notify_last) that it has received and nobody has seen.
    Notified<'a>, &'a Notify
}

notified! {
    /// Waits for a notification, and keeps the [`Notify`] alive meanwhile: future of [`Notify::notified_owned`].
    ///
    /// Apart from that it is a [`Notified`].
    OwnedNotified, Arc<Notify>
}
