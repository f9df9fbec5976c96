//! The futures of senders: [`Acquire`], which waits for room, and [`Closed`], which waits for the receiver's end.
//!
//! Each has a node, pinned in the future, that lies in a list of the channel while it waits; its fields are touched under the
//! channel's lock only. An `Acquire` that is dropped takes its node out, gives back what it was given, and so hands its turn on.
//! One that was given all that it asked for, and is polled after the channel was closed, fails all the same.
//!
//! The first look needs no waker; only who has to wait clones it, and without the lock. Where a hint says that others wait already,
//! it is cloned at once, so that waiting costs one turn of the lock.

use super::chan::{Chan, Core};
use super::error::SendError;
use super::waiter::{Listener, Waiter};
use crate::sync::wakes::Wakes;
use gumption_core::coop;
use gumption_core::resource::coarse_now;
use gumption_core::sync::broken;
use gumption_core::wait::WaitReason;
use std::future::Future;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker, ready};

/// Every how many values the wait of a sender is measured: an addition to two shared words.
const SAMPLING: usize = 8;

/// Waits for room for `count` values.
pub(super) struct Acquire<'a, T> {
    chan: &'a Chan<T>,
    count: usize,
    /// Whether the node has been put in line, and what it was given has not been used.
    waits: bool,
    /// When it was.
    since: u64,
    node: Waiter,
}

// SAFETY: the node is touched under the lock; the rest is a reference and numbers.
unsafe impl<T: Send> Send for Acquire<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Acquire<'_, T> {}

impl<'a, T> Acquire<'a, T> {
    pub(super) fn new(chan: &'a Chan<T>, count: usize) -> Self {
        let node = Waiter::new(count);
        Self { chan, count, waits: false, since: 0, node }
    }

    /// When there is room, `take` uses it, under the lock, and may find somebody to wake.
    pub(super) fn poll_take(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        take: impl FnOnce(&mut Core<T>) -> Option<Waker>,
    ) -> Poll<Result<(), SendError<()>>> {
        let step = ready!(coop::poll_proceed(cx));
        // SAFETY: the node is not moved.
        let this = unsafe { self.get_unchecked_mut() };
        let chan = this.chan;
        let mut waker = (!this.waits && chan.is_waited_for()).then(|| cx.waker().clone());
        loop {
            let mut core = chan.lock();
            if core.closed {
                drop(core);
                this.give_up();
                step.made_progress();
                return Poll::Ready(Err(SendError(())));
            }
            let granted = if this.waits {
                this.node.needed == 0
            } else {
                chan.room_for_newcomers(&mut core, this.count) >= this.count
            };
            if granted {
                if this.waits {
                    this.waits = false;
                    core.permits -= this.count;
                }
                let sampled = this.since != 0 && core.tail.position().is_multiple_of(SAMPLING);
                let woken = take(&mut core);
                drop(core);
                if let Some(woken) = woken {
                    woken.wake();
                }
                if sampled {
                    this.waited();
                }
                step.made_progress();
                return Poll::Ready(Ok(()));
            }
            // It has to wait.
            if this.waits && this.node.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                drop(core);
                chan.resource.waits(WaitReason::ChanSend);
                return Poll::Pending;
            }
            let Some(waker) = waker.take() else {
                drop(core);
                chan.resource.id();
                waker = Some(cx.waker().clone());
                continue;
            };
            let before = this.node.waker.replace(waker);
            let (mut wakes, mut more) = (Wakes::new(), false);
            if !this.waits {
                this.waits = true;
                this.since = coarse_now();
                // SAFETY: pinned, and taken out by `give_up` at the latest.
                more = unsafe { chan.enqueue(&mut core, NonNull::from(&mut this.node), &mut wakes) };
            }
            drop(core);
            drop(before);
            wakes.wake_all();
            if more {
                chan.give_room();
            }
            chan.resource.waits(WaitReason::ChanSend);
            return Poll::Pending;
        }
    }

    #[cold]
    fn waited(&mut self) {
        if let Some(record) = self.chan.resource.record() {
            record.waited(coarse_now().saturating_sub(self.since));
        }
    }

    /// Leaves the line, and gives back what it was given.
    fn give_up(&mut self) {
        if !self.waits {
            return;
        }
        self.waits = false;
        let mut waker = None;
        self.chan.give_back(|core| {
            // SAFETY: it was put in line, and is alive.
            unsafe { self.chan.leave(core, NonNull::from(&mut self.node)) };
            waker = self.node.waker.take();
            if broken("chan-cancel-keeps-room") { 0 } else { self.count - self.node.needed }
        });
    }
}

impl<T> Drop for Acquire<'_, T> {
    fn drop(&mut self) {
        self.give_up();
    }
}

/// Waits for room for one value, and sends it.
pub(super) struct Sending<'a, T> {
    acquire: Acquire<'a, T>,
    value: Option<T>,
}

impl<'a, T> Sending<'a, T> {
    pub(super) fn new(chan: &'a Chan<T>, value: T) -> Self {
        Self { acquire: Acquire::new(chan, 1), value: Some(value) }
    }
}

impl<T> Future for Sending<'_, T> {
    type Output = Result<(), SendError<T>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: `acquire` is pinned with it, the value is not.
        let (acquire, slot) = unsafe {
            let this = self.get_unchecked_mut();
            (Pin::new_unchecked(&mut this.acquire), &mut this.value)
        };
        let chan = acquire.chan;
        let sent = ready!(acquire.poll_take(cx, |core| slot.take().and_then(|value| chan.push(core, value))));
        match (sent, slot.take()) {
            (Err(_), Some(value)) => Poll::Ready(Err(SendError(value))),
            _ => Poll::Ready(Ok(())),
        }
    }
}

/// Waits for room for some values, and reserves it.
pub(super) struct Reserve<'a, T>(pub(super) Acquire<'a, T>);

impl<T> Future for Reserve<'_, T> {
    type Output = Result<(), SendError<()>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: the only field is pinned with it.
        let acquire = unsafe { self.map_unchecked_mut(|this| &mut this.0) };
        let count = acquire.count;
        acquire.poll_take(cx, |core| {
            core.permits += count;
            None
        })
    }
}

/// Ready when the receiver has closed the channel, or has gone.
pub(super) struct Closed<'a, T> {
    chan: &'a Chan<T>,
    listens: bool,
    node: Listener,
}

// SAFETY: as of `Acquire`.
unsafe impl<T: Send> Send for Closed<'_, T> {}
// SAFETY: as of `Acquire`.
unsafe impl<T: Send> Sync for Closed<'_, T> {}

impl<'a, T> Closed<'a, T> {
    pub(super) const fn new(chan: &'a Chan<T>) -> Self {
        Self { chan, listens: false, node: Listener::new() }
    }
}

impl<T> Future for Closed<'_, T> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // SAFETY: the node is not moved.
        let this = unsafe { self.get_unchecked_mut() };
        let step = ready!(coop::poll_proceed(cx));
        if this.chan.is_closed() {
            step.made_progress();
            return Poll::Ready(());
        }
        let waker = cx.waker().clone();
        let mut core = this.chan.lock();
        if core.closed {
            drop(core);
            step.made_progress();
            return Poll::Ready(());
        }
        let before = this.node.waker.replace(waker);
        if !this.listens {
            this.listens = true;
            // SAFETY: pinned, and taken out by the drop at the latest.
            unsafe { core.listeners.push_back(NonNull::from(&mut this.node)) };
        }
        drop(core);
        drop(before);
        this.chan.resource.waits(WaitReason::Notify);
        Poll::Pending
    }
}

impl<T> Drop for Closed<'_, T> {
    fn drop(&mut self) {
        if self.listens {
            let mut core = self.chan.lock();
            // SAFETY: alive, and in this list or in none.
            unsafe { core.listeners.remove(NonNull::from(&mut self.node)) };
            let waker = self.node.waker.take();
            drop(core);
            drop(waker);
        }
    }
}
