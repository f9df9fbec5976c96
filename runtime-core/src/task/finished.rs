//! [`Finished`]: what the tasks of a [`JoinSet`](super::JoinSet) tell it from other threads.
//!
//! The set numbers its places; the waker of each place, which is the join waker of the task in it, adds the place to a list and
//! wakes whoever waits for the set. A place and its waker are used again for the next task, so that a set that has grown
//! allocates nothing for a spawn.
//!
//! List and waker are under one lock, held for a few steps. No foreign code runs under it: wakers are cloned before it is
//! taken, and dropped and woken after. Therefore whoever wants to wait looks twice: it finds the list empty, clones its waker, and
//! looks again in the same step as it leaves the waker there.
//!
//! A place may be told of twice, or late, when another task is in it already: telling is a hint to look, and the set
//! believes only the task's own state. What must not be is that a task is complete, its place on no list, and nobody will
//! look: that is the invariant, and `join_set_completion_vs_wait` in `loom-tests/tests/join_set.rs` holds it.

use crate::sync::{Mutex, broken};
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Wake, Waker};

/// Places whose tasks may have ended, and who waits for that.
#[derive(Default)]
pub(super) struct Finished(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    places: VecDeque<u32>,
    waiter: Option<Waker>,
}

/// One place, as its waker.
struct Place {
    finished: Arc<Finished>,
    number: u32,
}

impl Wake for Place {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.finished.tell(self.number);
    }
}

impl Finished {
    /// The waker of a place.
    pub(super) fn waker(self: &Arc<Self>, number: u32) -> Waker {
        Waker::from(Arc::new(Place { finished: self.clone(), number }))
    }

    fn tell(&self, place: u32) {
        if broken("joinset-wake-before-list") {
            let waiter = self.0.lock().waiter.take();
            if let Some(waiter) = waiter {
                waiter.wake();
            }
            return self.0.lock().places.push_back(place);
        }
        let mut inner = self.0.lock();
        inner.places.push_back(place);
        let waiter = inner.waiter.take();
        drop(inner);
        if let Some(waiter) = waiter {
            waiter.wake();
        }
    }

    /// Exchanges the list, unless it is empty, for `taken`, which is.
    pub(super) fn take(&self, taken: &mut VecDeque<u32>) {
        let mut inner = self.0.lock();
        inner.swap(taken);
    }

    /// [`take`](Self::take), or if there is nothing to take, has `waker` woken when there is. False then.
    pub(super) fn take_or_wait(&self, waker: &Waker, taken: &mut VecDeque<u32>) -> bool {
        let mut inner = self.0.lock();
        if inner.swap(taken) {
            return true;
        }
        if inner.waiter.as_ref().is_some_and(|waiter| waiter.will_wake(waker)) {
            return false;
        }
        drop(inner);
        let waker = waker.clone();
        let mut inner = self.0.lock();
        if !broken("joinset-wait-looks-once") && inner.swap(taken) {
            return true;
        }
        let old = inner.waiter.replace(waker);
        drop(inner);
        drop(old);
        false
    }
}

impl Inner {
    fn swap(&mut self, taken: &mut VecDeque<u32>) -> bool {
        if self.places.is_empty() {
            return false;
        }
        debug_assert!(taken.is_empty());
        std::mem::swap(&mut self.places, taken);
        true
    }
}
