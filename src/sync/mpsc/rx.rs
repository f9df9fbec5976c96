//! [`Rx`]: the receiver of either kind of channel.
//!
//! It owns the head of the queue and takes values without the lock. With a capacity, each value that it takes is a store to the
//! shared head and a fence, and a look whether anybody waits for room; without, nothing. It goes to the lock to sleep, to give
//! room to waiters, and to close.
//!
//! When it goes, it closes the channel, drops the values that are in it, all of them even if the drop of one panics, and
//! frees the queue: a permit that is used later finds nobody, and its value is dropped there and then.
//!
//! Invariant: a receiver that has returned `Pending` has its waker in the channel, put there under the lock under which it found
//! the channel empty. Model: `loom-tests/tests/mpsc.rs`.

use super::chan::{Chan, UNBOUNDED};
use super::error::TryRecvError;
use super::queue::{Head, START};
use gumption_core::coop;
use gumption_core::resource::{coarse_now, current_receiver};
use gumption_core::sync::{Arc, Ordering, broken, fence};
use gumption_core::wait::WaitReason;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::task::{Context, Poll, ready};

pub(super) struct Rx<T> {
    chan: Arc<Chan<T>>,
    head: Head<T>,
    /// Whether there is room to be given back.
    bounded: bool,
    /// Half of the capacity: so much room is given at once.
    half: usize,
    /// The position when room was given last.
    given: usize,
    /// `close` was called.
    closed: bool,
    /// When the sleep began, if it sleeps: 0 for not.
    since: u64,
}

impl<T> UnwindSafe for Rx<T> {}
impl<T> RefUnwindSafe for Rx<T> {}

/// What a receiver that found nothing came to, under the lock.
#[must_use]
enum Sleep {
    /// There is a value by now.
    Value,
    /// There will be none any more.
    Ended,
    /// Its waker is in the channel.
    Asleep,
}

impl<T> Rx<T> {
    pub(super) fn new(chan: Arc<Chan<T>>) -> Self {
        let bounded = chan.capacity != UNBOUNDED;
        let half = (chan.capacity / 2).max(1);
        Self { chan, head: Head::new(), bounded, half, given: START, closed: false, since: 0 }
    }

    pub(super) fn chan(&self) -> &Chan<T> {
        &self.chan
    }

    #[inline]
    pub(super) fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let step = ready!(coop::poll_proceed(cx));
        loop {
            if let Some(value) = self.pop() {
                self.give_room();
                step.made_progress();
                return Poll::Ready(Some(value));
            }
            match self.sleep(cx) {
                Sleep::Value => {}
                Sleep::Ended => {
                    step.made_progress();
                    return Poll::Ready(None);
                }
                Sleep::Asleep => return Poll::Pending,
            }
        }
    }

    pub(super) fn poll_recv_many(&mut self, cx: &mut Context<'_>, buffer: &mut Vec<T>, limit: usize) -> Poll<usize> {
        let step = ready!(coop::poll_proceed(cx));
        loop {
            let mut count = 0;
            while count < limit
                && let Some(value) = self.pop()
            {
                buffer.push(value);
                count += 1;
            }
            if count > 0 {
                self.give_room();
            }
            if count > 0 || limit == 0 {
                step.made_progress();
                return Poll::Ready(count);
            }
            match self.sleep(cx) {
                Sleep::Value => {}
                Sleep::Ended => {
                    step.made_progress();
                    return Poll::Ready(0);
                }
                Sleep::Asleep => return Poll::Pending,
            }
        }
    }

    pub(super) fn try_recv(&mut self) -> Result<T, TryRecvError> {
        if let Some(value) = self.pop() {
            self.give_room();
            return Ok(value);
        }
        let ended = self.chan.has_no_senders() || (self.closed && self.chan.is_idle(&mut self.chan.lock()));
        // What was sent before the end is there now.
        match self.pop() {
            Some(value) => {
                self.give_room();
                Ok(value)
            }
            None if ended => Err(TryRecvError::Disconnected),
            None => Err(TryRecvError::Empty),
        }
    }

    #[inline]
    fn pop(&mut self) -> Option<T> {
        // SAFETY: the head of this channel's queue.
        let value = unsafe { self.chan.queue.0.pop(&mut self.head) }?;
        if self.bounded {
            // Ordering: Release pairs with the Acquire of `Chan::look_at_head`.
            self.chan.head.0.store(self.head.position(), Ordering::Release);
        }
        if self.head.is_at_block_edge() {
            self.tell_of_a_block();
        }
        Some(value)
    }

    /// A receiver that never sleeps shows by this that it receives.
    #[cold]
    fn tell_of_a_block(&self) {
        if !self.bounded {
            // Ordering: Relaxed; for observers.
            self.chan.head.0.store(self.head.position(), Ordering::Relaxed);
        }
        if let Some(record) = self.chan.resource.record() {
            record.set_receives(self.chan.received(self.head.position()));
        }
    }

    /// Room has been made: whoever waits for it gets it.
    #[inline]
    fn give_room(&mut self) {
        if !self.bounded {
            return;
        }
        if !broken("chan-room-no-fence") {
            // Ordering: SeqCst pairs with the fence of `Chan::enqueue`: we see the waiter, or it sees the room.
            fence(Ordering::SeqCst);
        }
        if self.chan.is_waited_for() {
            self.serve();
        }
    }

    /// Somebody waits for the room that has been made: gets it now if it is half of the capacity, else at the end of this poll.
    fn serve(&mut self) {
        let position = self.head.position();
        if position.wrapping_sub(self.given) >= self.half || !Chan::give_room_later(&self.chan) {
            self.given = position;
            self.chan.give_room();
        }
    }

    /// There was no value: leaves the waker, unless there is one by now.
    fn sleep(&mut self, cx: &mut Context<'_>) -> Sleep {
        let chan = &*self.chan;
        if self.bounded && chan.is_waited_for() {
            self.given = self.head.position();
            chan.give_room();
        }
        let waker = cx.waker().clone();
        chan.resource.id();
        let mut core = chan.lock();
        if core.tail.position() != self.head.position() && !broken("chan-sleep-no-look") {
            drop(core);
            return Sleep::Value;
        }
        if chan.has_no_senders() || (core.closed && chan.is_idle(&mut core)) {
            drop(core);
            return Sleep::Ended;
        }
        let before = core.receiver.replace(waker);
        // Ordering: Relaxed; for observers, and with a capacity it is there already.
        chan.head.0.store(self.head.position(), Ordering::Relaxed);
        chan.tell(&core);
        drop(core);
        drop(before);
        if let Some(record) = chan.resource.record() {
            record.set_owner(current_receiver());
        }
        self.since = coarse_now();
        chan.resource.waits(WaitReason::ChanRecv);
        Sleep::Asleep
    }

    pub(super) fn close(&mut self) {
        if !self.closed {
            self.closed = true;
            self.chan.close();
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed || self.chan.has_no_senders()
    }

    pub(super) fn len(&self) -> usize {
        self.chan.queue.0.len(&self.head)
    }
}

impl<T> Drop for Rx<T> {
    fn drop(&mut self) {
        /// Goes on where a panic stopped.
        struct Rest<'a, T>(&'a mut Rx<T>);
        impl<T> Drop for Rest<'_, T> {
            fn drop(&mut self) {
                while let Some(value) = self.0.pop() {
                    drop(value);
                }
                let rx = &mut *self.0;
                let mut core = rx.chan.lock();
                // SAFETY: `gone` is set: nobody pushes any more, and nobody takes out but us.
                unsafe { rx.chan.queue.0.free(&mut rx.head, &mut core.tail) };
            }
        }
        let waker = {
            let mut core = self.chan.lock();
            core.gone = true;
            core.closed = true;
            core.receiver.take()
        };
        drop(waker);
        // Those who wait for room, or for this, hear of it, whatever the values do when they are dropped.
        let rest = Rest(self);
        rest.0.chan.close();
        while let Some(value) = rest.0.pop() {
            drop(value);
        }
        drop(rest);
    }
}

impl<T> fmt::Debug for Rx<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rx").field("len", &self.len()).field("resource", &self.chan.resource).finish()
    }
}
