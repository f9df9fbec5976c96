//! [`Injector`]: the global run queue. Any thread pushes, any thread takes, and what moves is batches.
//!
//! Here arrive the tasks that have no P of their own to go to: woken or spawned from threads outside the runtime, and the
//! older half of every ring that overflows. The storage is crossbeam's `Injector`, with a [`Chain`] in each of its
//! cells: a batch of any size is one push.
//!
//! Beside it stands a count of *tasks*, because the storage can only tell whether it has batches, and because this one
//! word is what the idle protocol and the fairness check read. It is added to before a batch is pushed, and subtracted
//! from after nodes were taken, so it may say *more* than there is, and **never less**: a reader that finds 0 has missed
//! nothing that was pushed before it looked. When a batch is split, what is left goes back to the end of the queue
//! before the call returns and without ever leaving the count.
//!
//! Order is that of batches, oldest first, but for a remainder, which goes behind batches that arrived meanwhile.
//!
//! Under loom and shuttle the storage is a stand-in: crossbeam-deque knows neither. It is a mutex around a deque, which
//! would hide a missing fence in whatever protocol reads it, so the count stays a separate relaxed atomic outside that
//! mutex, exactly as in production, and emptiness is answered from the count alone.
//!
//! The invariant: at any moment the count is at least the number of nodes that were pushed and have not been taken.
//! Model: `batch_split_remainder_visible` in `loom-tests/tests/queues.rs`.

use super::{Chain, Node};
use crate::sync::{AtomicUsize, Ordering, broken};
use crossbeam_utils::CachePadded;
use std::fmt;
use std::ptr::NonNull;

#[cfg(not(any(gumption_loom, gumption_shuttle)))]
mod storage {
    use super::{Chain, Node};
    use crossbeam_deque::{Injector, Steal};

    /// crossbeam's injector of batches.
    pub(super) struct Batches<T: Node>(Injector<Chain<T>>);

    impl<T: Node> Batches<T> {
        pub(super) fn new() -> Self {
            Self(Injector::new())
        }
        pub(super) fn push(&self, batch: Chain<T>) {
            self.0.push(batch);
        }
        pub(super) fn pop(&self) -> Option<Chain<T>> {
            loop {
                match self.0.steal() {
                    Steal::Success(batch) => return Some(batch),
                    Steal::Empty => return None,
                    // Another thread took the batch that this one was after.
                    Steal::Retry => crate::sync::spin_loop(),
                }
            }
        }
    }
}

#[cfg(any(gumption_loom, gumption_shuttle))]
mod storage {
    use super::{Chain, Node};
    use crate::sync::Mutex;
    use std::collections::VecDeque;

    /// What stands in for crossbeam's injector where a checker looks on.
    pub(super) struct Batches<T: Node>(Mutex<VecDeque<Chain<T>>>);

    impl<T: Node> Batches<T> {
        pub(super) fn new() -> Self {
            Self(Mutex::new(VecDeque::new()))
        }
        pub(super) fn push(&self, batch: Chain<T>) {
            self.0.lock().push_back(batch);
        }
        pub(super) fn pop(&self) -> Option<Chain<T>> {
            self.0.lock().pop_front()
        }
    }
}

/// The global run queue.
pub struct Injector<T: Node> {
    batches: storage::Batches<T>,
    /// Tasks, not batches; never less than there are.
    len: CachePadded<AtomicUsize>,
}

impl<T: Node> Injector<T> {
    /// An empty queue.
    pub fn new() -> Self {
        Self { batches: storage::Batches::new(), len: CachePadded::new(AtomicUsize::new(0)) }
    }

    /// Adds a batch as the youngest. An empty one changes nothing.
    pub fn push(&self, batch: Chain<T>) {
        let n = batch.len();
        if n == 0 {
            return;
        }
        if broken("queue-injector-len-late") {
            self.batches.push(batch);
            self.len.fetch_add(n, Ordering::Relaxed);
            return;
        }
        // Ordering: Relaxed; the storage orders the nodes, and its push orders this before any taker's subtraction. That
        // an idle M sees it is the work of the scheduler's SeqCst fences, one after this call and one before `len`.
        self.len.fetch_add(n, Ordering::Relaxed);
        self.batches.push(batch);
    }

    /// Adds one node as the youngest.
    ///
    /// # Safety
    /// The caller holds `node` and gives it up.
    pub unsafe fn push_one(&self, node: NonNull<T>) {
        // SAFETY: the caller's promise.
        self.push(unsafe { Chain::of(node) });
    }

    /// Takes up to `max` of the oldest nodes; what is over of the last batch is back in the queue when this returns.
    pub fn take(&self, max: usize) -> Chain<T> {
        let mut taken = Chain::new();
        while taken.len() < max && !self.is_empty() {
            let Some(mut batch) = self.batches.pop() else { break };
            let rest = batch.split_off(max - taken.len());
            if broken("queue-injector-remainder-late") {
                let n = rest.len();
                self.len.fetch_sub(batch.len() + n, Ordering::Relaxed);
                taken.append(&mut batch);
                self.push(rest);
                continue;
            }
            let n = batch.len();
            taken.append(&mut batch);
            if !rest.is_empty() {
                // Its nodes never left the count.
                self.batches.push(rest);
            }
            // Ordering: Relaxed; these nodes were added before the push that the pop above is ordered behind, so the
            // count cannot go below zero.
            self.len.fetch_sub(n, Ordering::Relaxed);
        }
        taken
    }

    /// How many tasks are in it, or more, for a moment, while one is being pushed or taken.
    #[inline]
    pub fn len(&self) -> usize {
        // Ordering: Relaxed; see `push`.
        self.len.load(Ordering::Relaxed)
    }

    /// Whether [`len`](Self::len) is 0: then there is nothing in it.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T: Node> Default for Injector<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Node> fmt::Debug for Injector<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Injector").field("len", &self.len()).finish_non_exhaustive()
    }
}
