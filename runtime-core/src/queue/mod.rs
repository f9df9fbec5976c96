//! Run queues: where a task waits between the wake that made it ready and the machine that runs it.
//!
//! | part | who writes | who takes | Go's name |
//! | --- | --- | --- | --- |
//! | [`NextSlot`] | the owner of the P | the owner; a thief with a reason | `runnext` |
//! | [`Ring`] | the owner of the P | the owner; thieves, half at a time | `runq` |
//! | [`Injector`] | anybody | anybody, in batches | `sched.runq` |
//! | [`Chain`] | whoever holds it | whoever holds it | `gQueue` |
//!
//! This room knows no task. It moves *nodes*: pointers to something that has a [`Link`] inside, so that a batch of a
//! hundred tasks is one pointer and costs no allocation. What a node is, and what it means to hold one, is
//! [`crate::task`]'s business; what to do with a full ring, and whom to wake after a push, is the scheduler's. Nothing
//! here wakes, parks or spins for anybody else's progress.
//!
//! The one invariant: **a node is in one place.** Whoever is given a node by a queue is the only one who is given it,
//! and every node that went in comes out once. Holding a node is a right and not a reference: the queues neither
//! count nor free.
//!
//! Emptiness is advice. `len` and `is_empty` may be stale by the time that they return; what the scheduler's idle
//! protocol needs from them is only that a push *before* a SeqCst fence is seen by a check *after* the matching fence,
//! and each of the three states how it keeps that.
//!
//! Models: `loom-tests/tests/queues.rs` (orderings), `loom-tests/tests/shuttle_queues.rs` (four to six threads).

mod chain;
mod injector;
mod next_slot;
mod ring;

use crate::sync::UnsafeCell;
use std::ptr::NonNull;

pub use chain::Chain;
pub use injector::Injector;
pub use next_slot::{NextSlot, Put};
pub use ring::{Pushed, Ring, Steal};

/// The place inside a node that a [`Chain`] threads itself through.
///
/// It belongs to whoever holds the node; a node that is in no chain has an unspecified link.
#[derive(Debug)]
pub struct Link<T>(UnsafeCell<Option<NonNull<T>>>);

impl<T> Link<T> {
    /// A link to nothing.
    pub fn new() -> Self {
        Self(UnsafeCell::new(None))
    }

    /// # Safety
    /// The caller holds the node that this link is in.
    #[inline(always)]
    pub(crate) unsafe fn get(&self) -> Option<NonNull<T>> {
        // SAFETY: only the holder of the node touches its link, and that is the caller.
        self.0.with(|link| unsafe { *link })
    }

    /// # Safety
    /// The caller holds the node that this link is in.
    #[inline(always)]
    pub(crate) unsafe fn set(&self, next: Option<NonNull<T>>) {
        // SAFETY: only the holder of the node touches its link, and that is the caller.
        self.0.with_mut(|link| unsafe { *link = next });
    }
}

impl<T> Default for Link<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// What the queues can hold.
///
/// # Safety
/// [`link`](Self::link) returns the same valid link for the same node for as long as the node is held, nothing but this
/// module touches the link meanwhile, and the right to a node may be passed between threads.
pub unsafe trait Node: Sized {
    /// The node's link.
    ///
    /// # Safety
    /// `this` points to a live node.
    unsafe fn link(this: NonNull<Self>) -> *const Link<Self>;
}
