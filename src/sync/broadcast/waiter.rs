//! [`Waiting`]: a future's place in one of a broadcast's two queues, of receivers and of senders in `closed`.
//!
//! The node lies in the future, and is everybody's under the channel's lock and nobody's without, but for one word: `queued` says
//! that it is in a queue. Its future clears a doubt with it without the lock: what is not queued is no other thread's, so
//! that the end of a wait that was woken costs one load.
//!
//! Whoever takes a node out takes the waker first and clears `queued` last: from then on the future may be gone.
//!
//! The invariant: a node is in the queue that its future named, or in none. Model: `loom-tests/tests/broadcast.rs`.

use crate::sync::list::{Entry, Links, List};
use gumption_core::sync::{AtomicBool, Ordering, UnsafeCell, broken, weaken};
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::Waker;

/// A node of a queue.
pub(super) struct Waiter {
    links: Links<Waiter>,
    queued: AtomicBool,
    /// Touched under the channel's lock.
    waker: UnsafeCell<Option<Waker>>,
}

// SAFETY: `links` is the field.
unsafe impl Entry for Waiter {
    unsafe fn links(this: NonNull<Self>) -> NonNull<Links<Self>> {
        // SAFETY: a field of a node that is alive.
        unsafe { NonNull::new_unchecked(&raw mut (*this.as_ptr()).links) }
    }
}

// SAFETY: what is not atomic in it is touched under the channel's lock, by whichever thread has that.
unsafe impl Send for Waiter {}

/// Who waits, in order, and how many.
pub(super) struct Queue {
    list: List<Waiter>,
    len: u64,
}

/// A future's node.
pub(super) struct Waiting(std::cell::UnsafeCell<Waiter>);

// SAFETY: the node is touched under the channel's lock; `queued` is atomic.
unsafe impl Sync for Waiting {}

impl Queue {
    pub(super) const fn new() -> Self {
        Self { list: List::new(), len: 0 }
    }

    pub(super) const fn len(&self) -> u64 {
        self.len
    }

    /// Takes the first one out, and with it its waker. Under the channel's lock.
    pub(super) fn pop(&mut self) -> Option<Waker> {
        let node = self.list.pop_front()?;
        self.len -= 1;
        // SAFETY: a node that was queued is alive until `queued` is cleared, and the waker is this thread's under the lock.
        unsafe {
            let waker = node.as_ref().waker.with_mut(|waker| (*waker).take());
            // Ordering: Release pairs with the Acquire of `leave`: what was done here comes before the node's end.
            node.as_ref().queued.store(false, weaken("broadcast-unqueue-relaxed", Ordering::Release));
            waker
        }
    }

    /// Puts a future's node in, or leaves it where it is, with this waker. Under the channel's lock. Returns the waker that it
    /// had, to be dropped outside it.
    ///
    /// # Safety
    /// The node is in this queue or in none, and its future calls [`leave`](Waiting::leave) before its end.
    pub(super) unsafe fn enter(&mut self, waiting: Pin<&Waiting>, waker: Waker) -> Option<Waker> {
        let node = waiting.node();
        // SAFETY: the node is pinned in its future, alive, and ours under the lock.
        unsafe {
            let old = node.as_ref().waker.with_mut(|held| (*held).replace(waker));
            // Ordering: Relaxed, both; the word changes under the lock only.
            if !node.as_ref().queued.load(Ordering::Relaxed) {
                node.as_ref().queued.store(true, Ordering::Relaxed);
                self.list.push_back(node);
                self.len += 1;
            }
            old
        }
    }

    /// Takes a node out that has given up. Under the channel's lock.
    ///
    /// # Safety
    /// The node is in this queue or in none, and alive.
    pub(super) unsafe fn remove(&mut self, waiting: &Waiting) {
        let node = waiting.node();
        // SAFETY: the contract.
        unsafe {
            // Ordering: Relaxed, both; the word changes under the lock only.
            if node.as_ref().queued.load(Ordering::Relaxed) {
                self.list.remove(node);
                self.len -= 1;
                node.as_ref().queued.store(false, Ordering::Relaxed);
            }
        }
    }
}

impl Waiting {
    pub(super) fn new() -> Self {
        Self(std::cell::UnsafeCell::new(Waiter {
            links: Links::new(),
            queued: AtomicBool::new(false),
            waker: UnsafeCell::new(None),
        }))
    }

    fn node(&self) -> NonNull<Waiter> {
        // SAFETY: the address of a field.
        unsafe { NonNull::new_unchecked(self.0.get()) }
    }

    /// Whether the node is queued, as its own future asks: if not, it is in nobody's hands.
    pub(super) fn is_queued(&self) -> bool {
        if broken("broadcast-leaves-queued") {
            return false;
        }
        // Ordering: Acquire pairs with the Release of `pop`. SAFETY: the node is alive.
        unsafe { self.node().as_ref() }.queued.load(Ordering::Acquire)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // SAFETY: alive, and in no queue any more: its future has left. For the checkers, to which a drop is no access.
        unsafe { self.node().as_ref() }.waker.with_mut(|_| ());
    }
}
