//! [`NextSlot`]: the one task that a P runs next, ahead of its ring.
//!
//! A task that is woken from inside a poll is likely to want what that poll left in the cache (the message just sent),
//! so it goes here, and runs when the poll ends: Go's `runnext`. The slot is also what makes a wake cheap: filling an
//! *empty* slot is one plain store, and the scheduler wakes no other M for it.
//!
//! Only the owner of the P ever stores a node here. That is what the cheap paths rest on: an owner that reads *empty*
//! knows that it stays empty, so `put` needs no exchange and `take` on an empty slot is one load.
//!
//! A thief may empty the slot, and the scheduler allows it that only with a reason (its owner is in a blocking section,
//! or has computed for long). [`steal`](NextSlot::steal) names the node that the thief saw earlier, and fails if the slot
//! has another one by now, so that a slot which is in use is left alone. The same node put back meanwhile is taken: it
//! is in the slot, and that is all that a thief needs to know.
//!
//! The invariant: a node put here is returned by exactly one `put` (kicked), `take` or `steal`. Model:
//! `next_slot_taken_once` in `loom-tests/tests/queues.rs`.

use crate::sync::{AtomicPtr, Ordering, broken, weaken};
use std::fmt;
use std::ptr::{NonNull, null_mut};

/// The task that runs next on a P.
pub struct NextSlot<T>(AtomicPtr<T>);

/// What came of putting a node into the slot.
#[must_use = "a kicked node that is forgotten never runs"]
#[derive(Debug)]
pub enum Put<T> {
    /// The slot was empty: nobody else needs to hear of it.
    Filled,
    /// The slot had this node, which the caller now holds; it belongs to the tail of the ring.
    Kicked(NonNull<T>),
}

impl<T> NextSlot<T> {
    /// An empty slot.
    pub fn new() -> Self {
        Self(AtomicPtr::new(null_mut()))
    }

    /// Puts `node` into the slot, and whatever was there into the caller's hands.
    ///
    /// # Safety
    /// The caller owns the P, holds `node`, and gives it up.
    #[inline]
    pub unsafe fn put(&self, node: NonNull<T>) -> Put<T> {
        // Ordering: Relaxed; only the owner stores nodes, so the empty that it reads is the newest, and a node that it
        // reads may at most be gone.
        let seen = self.0.load(Ordering::Relaxed);
        if seen.is_null() {
            // Ordering: Release; partner is the Acquire in `steal`: the thief sees the node's contents.
            self.0.store(node.as_ptr(), weaken("queue-slot-put-relaxed", Ordering::Release));
            return Put::Filled;
        }
        if broken("queue-slot-kick-no-rmw") {
            self.0.store(node.as_ptr(), Ordering::Release);
            return NonNull::new(seen).map_or(Put::Filled, Put::Kicked);
        }
        // Ordering: Release; as above. No Acquire: what is kicked out, this thread (or the P's last owner) put in.
        let kicked = self.0.swap(node.as_ptr(), weaken("queue-slot-kick-relaxed", Ordering::Release));
        NonNull::new(kicked).map_or(Put::Filled, Put::Kicked)
    }

    /// Takes the node, which the caller holds from here on.
    ///
    /// # Safety
    /// The caller owns the P.
    #[inline]
    pub unsafe fn take(&self) -> Option<NonNull<T>> {
        // Ordering: Relaxed; as in `put`.
        let seen = self.0.load(Ordering::Relaxed);
        if seen.is_null() {
            return None;
        }
        if broken("queue-slot-take-no-rmw") {
            self.0.store(null_mut(), Ordering::Release);
            return NonNull::new(seen);
        }
        // Ordering: Relaxed; the exchange decides against thieves, and the contents are this thread's own.
        NonNull::new(self.0.swap(null_mut(), Ordering::Relaxed))
    }

    /// Takes the node if it is still `seen`: any thread.
    #[inline]
    pub fn steal(&self, seen: NonNull<T>) -> Option<NonNull<T>> {
        if broken("queue-slot-steal-no-cas") {
            let same = self.0.load(Ordering::Acquire) == seen.as_ptr();
            return same.then(|| self.0.store(null_mut(), Ordering::Release)).map(|()| seen);
        }
        // Ordering: Acquire; partner is the Release in `put`. Relaxed on failure; nothing was taken.
        let order = weaken("queue-slot-steal-relaxed", Ordering::Acquire);
        self.0.compare_exchange(seen.as_ptr(), null_mut(), order, Ordering::Relaxed).ok().and_then(NonNull::new)
    }

    /// Takes whatever node is there: any thread.
    #[inline]
    pub fn steal_any(&self) -> Option<NonNull<T>> {
        // Each turn after the first is one in which the owner put another node in.
        loop {
            if let Some(node) = self.steal(self.peek()?) {
                return Some(node);
            }
        }
    }

    /// The node's address, without taking it: advice, from any thread, and not to be followed.
    #[inline]
    pub fn peek(&self) -> Option<NonNull<T>> {
        // Ordering: Relaxed; only the address is used. Whether a put is seen is up to the scheduler's SeqCst fences.
        NonNull::new(self.0.load(Ordering::Relaxed))
    }
}

impl<T> Default for NextSlot<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for NextSlot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NextSlot").field(&self.peek()).finish()
    }
}
