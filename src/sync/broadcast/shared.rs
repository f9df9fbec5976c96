//! [`Shared`]: what the ends of a broadcast share: a ring of slots, a position, and two queues.
//!
//! ```text
//!   position    .. 5 6 7 | 8            the next value's place; slot = place & mask
//!   slots       [8? 5 6 7]              each: which place it holds, how many have still to see it, the value
//!   receivers   next = 6, next = 8, next = 2 (lagged: the oldest is 4)
//! ```
//!
//! Three things are guarded apart. **The tail lock** orders sends and holds the number of receivers and both queues. **A slot's lock**
//! guards one value, so that receivers of different values do not meet, nor do they meet a sender; a value is cloned under it,
//! because it may be one that two threads cannot look at together (by the last one, outside). **The position** is an atomic, written under the tail
//! lock after the slot, so that a receiver learns without a lock that there is something, or that there is not.
//!
//! A slot counts the receivers of its value: those that there were when it was sent. Each that reads it, or goes, takes one off;
//! the last one takes it out. Who comes round a whole ring too late finds another place in the slot: it has
//! lagged, and goes on with the oldest.
//!
//! Order of locks: tail before slot. No value is dropped and no waker woken under either, and only clones run there.
//!
//! No lost wake: who finds nothing enters a queue under the tail lock, where it has looked again; a send publishes the position and
//! empties the queue under the same lock; the last sender's end empties it after the count of senders has become 0. Models:
//! `loom-tests/tests/broadcast.rs`.

use super::waiter::{Queue, Waiting};
use crate::sync::wakes::Wakes;
use gumption_core::resource::{Kind, Resource};
use gumption_core::sync::{AtomicU64, AtomicUsize, Mutex, MutexGuard, Ordering, broken};
use gumption_core::task;
use std::pin::Pin;
use std::task::Waker;

/// Every so many sends the facts are written down for observers: they are on lines that every end would write.
const FACTS_EVERY: u64 = 64;

/// What all ends of a channel share.
pub(super) struct Shared<T> {
    slots: Box<[Mutex<Slot<T>>]>,
    pub(super) resource: Resource,
    pub(super) senders: AtomicUsize,
    pub(super) weak_senders: AtomicUsize,
    end: End,
}

/// Where values come in. On lines of its own: a receiver with a backlog reads what is above, and this changes with each send.
#[repr(align(64))]
struct End {
    /// How many values were sent. Written under the tail lock.
    position: AtomicU64,
    tail: Mutex<Tail>,
}

struct Tail {
    receivers: usize,
    /// Receivers in `recv`.
    receiving: Queue,
    /// Senders in `closed`.
    closing: Queue,
}

struct Slot<T> {
    /// Which value it holds, or held.
    place: u64,
    /// How many receivers have not seen it.
    remaining: usize,
    value: Option<T>,
}

/// Which of the queues.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    Value,
    Closed,
}

/// What a receiver finds at its place.
#[must_use]
pub(super) enum Found<T> {
    Value(T),
    /// It is a ring too late.
    Overwritten,
}

impl<T: Clone> Found<T> {
    fn of(value: Option<&T>) -> Self {
        let Some(value) = value else { unreachable!("a value stays until its last receiver has come") };
        Self::Value(value.clone())
    }
}

/// What came of entering a queue.
#[must_use]
pub(super) enum Entered {
    /// In it.
    Waits,
    /// What was to be waited for is there.
    Look,
    /// It will never be.
    Never,
}

impl<T> Shared<T> {
    /// A channel with one sender. The capacity is a power of two.
    #[track_caller]
    pub(super) fn new(capacity: usize, receivers: usize) -> Self {
        let before = |index: usize| (index as u64).wrapping_sub(capacity as u64);
        let slot = |index| Mutex::new(Slot { place: before(index), remaining: 0, value: None });
        Self {
            resource: Resource::new(Kind::Broadcast),
            slots: (0..capacity).map(slot).collect(),
            senders: AtomicUsize::new(1),
            weak_senders: AtomicUsize::new(0),
            end: End {
                position: AtomicU64::new(0),
                tail: Mutex::new(Tail { receivers, receiving: Queue::new(), closing: Queue::new() }),
            },
        }
    }

    fn slot(&self, place: u64) -> MutexGuard<'_, Slot<T>> {
        self.slots[place as usize & (self.slots.len() - 1)].lock()
    }

    /// How many values were sent: a receiver's `next` is below it if there is something for it.
    #[inline]
    pub(super) fn position(&self) -> u64 {
        // Ordering: Acquire pairs with the Release of `send`: the slot is written.
        self.end.position.load(Ordering::Acquire)
    }

    /// Puts a value where every receiver finds it, and wakes those that wait; how many receivers there are. Nobody: it
    /// comes back.
    pub(super) fn send(&self, value: T) -> Result<usize, T> {
        let tail = self.end.tail.lock();
        let receivers = tail.receivers;
        if receivers == 0 {
            return Err(value);
        }
        // Ordering: Relaxed; it changes under the tail lock only.
        let place = self.end.position.load(Ordering::Relaxed);
        let mut slot = self.slot(place);
        slot.place = place;
        slot.remaining = receivers;
        let overwritten = slot.value.replace(value);
        drop(slot);
        // Ordering: Release pairs with the Acquire of `position`: who sees it locks the slot after us. (The checkers' locks are
        // in one order anyway: no mutant shows this.)
        self.end.position.store(place + 1, Ordering::Release);
        if (place + 1).is_multiple_of(FACTS_EVERY) {
            self.note_facts(&tail);
            self.note_depth(&tail);
        }
        if broken("broadcast-send-no-wake") {
            drop(tail);
        } else {
            self.wake(tail, Wait::Value);
        }
        // Its drop is the user's code: outside the locks.
        drop(overwritten);
        Ok(receivers)
    }

    /// Wakes everybody who is in a queue now, outside the lock.
    fn wake<'a>(&'a self, mut tail: MutexGuard<'a, Tail>, which: Wait) {
        let mut left = tail.queue(which).len();
        if left == 0 {
            return;
        }
        // As many as are there now: those who come meanwhile stand behind them, and have looked since. Some may have gone, and
        // then a newcomer is woken for nothing.
        let mut wakes = Wakes::new();
        loop {
            while left > 0 && !wakes.is_full() {
                left -= 1;
                match tail.queue(which).pop() {
                    Some(waker) => wakes.push(waker),
                    None => left = 0,
                }
            }
            self.note_waiters(&tail);
            drop(tail);
            wakes.wake_all();
            if left == 0 {
                return;
            }
            tail = self.end.tail.lock();
        }
    }

    /// Enters a queue, unless there is no reason to wait: for a value, one at `next`; for the end of the receivers, none.
    ///
    /// # Safety
    /// The waiting future is in this queue of this channel or in none, and calls [`leave`](Self::leave) before its end.
    pub(super) unsafe fn enter(&self, which: Wait, next: u64, waiting: Pin<&Waiting>, waker: &Waker) -> Entered {
        // The first wait registers the resource, which is no work for under a lock, nor is a foreign clone.
        self.resource.id();
        let waker = waker.clone();
        let mut tail = self.end.tail.lock();
        if !broken("broadcast-enter-no-recheck") {
            match which {
                // Ordering: Relaxed; it changes under the tail lock only.
                Wait::Value if self.end.position.load(Ordering::Relaxed) != next => return Entered::Look,
                // Ordering: Acquire pairs with the last sender's Release. If it comes later, it finds us in the queue.
                Wait::Value if self.senders.load(Ordering::Acquire) == 0 => return Entered::Never,
                Wait::Closed if tail.receivers == 0 => return Entered::Look,
                _ => {}
            }
        }
        // SAFETY: the caller's promise; the tail lock is held.
        let old = unsafe { tail.queue(which).enter(waiting, waker) };
        if tail.queue(which).len() == 1 {
            self.note_facts(&tail);
        }
        self.note_waiters(&tail);
        drop(tail);
        drop(old);
        Entered::Waits
    }

    /// Leaves a queue, if the future is still in it.
    ///
    /// # Safety
    /// It is in this queue of this channel or in none.
    pub(super) unsafe fn leave(&self, which: Wait, waiting: &Waiting) {
        if waiting.is_queued() {
            let mut tail = self.end.tail.lock();
            // SAFETY: the caller's promise; the tail lock is held.
            unsafe { tail.queue(which).remove(waiting) };
            self.note_waiters(&tail);
        }
    }

    /// Reads the value at `place`, for one of the receivers that it was sent to.
    #[inline]
    pub(super) fn read(&self, place: u64) -> Found<T>
    where
        T: Clone,
    {
        let mut slot = self.slot(place);
        if slot.place != place && !broken("broadcast-read-unchecked") {
            return Found::Overwritten;
        }
        slot.remaining = slot.remaining.saturating_sub(1);
        if slot.remaining > 0 {
            return Found::of(slot.value.as_ref());
        }
        // The last one takes it along: it is cloned, and dropped, outside the lock.
        let value = slot.value.take();
        drop(slot);
        Found::of(value.as_ref())
    }

    /// The oldest place that holds a value, for who has come too late for the one at `place`.
    #[cold]
    pub(super) fn oldest(&self, place: u64) -> u64 {
        // As in `enter`: what was lost is told of, though nobody has waited.
        self.resource.id();
        // Under the lock: no send is half done.
        let tail = self.end.tail.lock();
        // Ordering: Relaxed; it changes under the tail lock only.
        let oldest = self.end.position.load(Ordering::Relaxed).saturating_sub(self.slots.len() as u64);
        if let Some(record) = self.resource.record() {
            record.lost(oldest.saturating_sub(place), task::try_id().map_or(0, |id| id.as_u64()));
            self.note_facts(&tail);
        }
        oldest
    }

    /// Another receiver; where it begins.
    pub(super) fn subscribe(&self) -> u64 {
        let mut tail = self.end.tail.lock();
        assert!(tail.receivers < usize::MAX >> 2, "max receivers");
        tail.receivers += 1;
        // Ordering: Relaxed; it changes under the tail lock only.
        self.end.position.load(Ordering::Relaxed)
    }

    /// A receiver less, that has seen what is before `next`.
    pub(super) fn unsubscribe(&self, next: u64) {
        /// Wakes the senders that wait for this, also if a value's drop panics: when the values are gone.
        struct Last<'a, T>(&'a Shared<T>);
        impl<T> Drop for Last<'_, T> {
            fn drop(&mut self) {
                self.0.wake(self.0.end.tail.lock(), Wait::Closed);
            }
        }
        let mut tail = self.end.tail.lock();
        tail.receivers -= 1;
        let last = tail.receivers == 0 && !broken("broadcast-unsubscribe-no-wake");
        // Ordering: Relaxed; it changes under the tail lock only.
        let until = self.end.position.load(Ordering::Relaxed);
        drop(tail);
        let _last = last.then(|| Last(self));
        for place in next.max(until.saturating_sub(self.slots.len() as u64))..until {
            let mut slot = self.slot(place);
            // What was sent since does not count on us.
            if slot.place == place && !broken("broadcast-unsubscribe-keeps") {
                slot.remaining = slot.remaining.saturating_sub(1);
                let unseen = if slot.remaining == 0 { slot.value.take() } else { None };
                drop(slot);
                // Its drop is the user's code: outside the lock.
                drop(unseen);
            }
        }
    }

    /// The last sender is gone: nobody waits any more.
    pub(super) fn close(&self) {
        self.wake(self.end.tail.lock(), Wait::Value);
    }

    /// How many receivers there are.
    pub(super) fn receivers(&self) -> usize {
        self.end.tail.lock().receivers
    }

    /// How many values some receiver has still to see.
    pub(super) fn depth(&self) -> usize {
        self.depth_under(&self.end.tail.lock())
    }

    /// The same under the tail lock, by looking at a few slots. A receiver sees values in order, so that those which all have seen come first.
    fn depth_under(&self, _tail: &Tail) -> usize {
        // Ordering: Relaxed; it changes under the tail lock only.
        let position = self.end.position.load(Ordering::Relaxed);
        let (mut seen, mut end) = (0, self.slots.len());
        while seen < end {
            let middle = seen + (end - seen) / 2;
            if self.slot(position.wrapping_add(middle as u64)).remaining == 0 {
                seen = middle + 1;
            } else {
                end = middle;
            }
        }
        self.slots.len() - seen
    }

    /// For observers, once somebody has waited.
    fn note_facts(&self, tail: &Tail) {
        if let Some(record) = self.resource.record() {
            // Ordering: Relaxed; it changes under the tail lock only.
            record.set_sends(self.end.position.load(Ordering::Relaxed));
            record.set_capacity(self.slots.len() as u64);
            record.set_holders(tail.receivers as u64);
        }
    }

    fn note_depth(&self, tail: &Tail) {
        if let Some(record) = self.resource.record() {
            record.set_depth(self.depth_under(tail) as u64);
        }
    }

    fn note_waiters(&self, tail: &Tail) {
        if let Some(record) = self.resource.record() {
            record.set_waiters(tail.receiving.len() + tail.closing.len());
        }
    }
}

impl Tail {
    fn queue(&mut self, which: Wait) -> &mut Queue {
        match which {
            Wait::Value => &mut self.receiving,
            Wait::Closed => &mut self.closing,
        }
    }
}
