//! [`Waiter`] and [`Listener`]: who stands in the lists of a channel.
//!
//! A waiter waits for room, a listener for the receiver's end. Each is a node that lies pinned in its future (`room.rs`) and is
//! linked by the channel (`chan.rs`), which knows of the futures no more than this. The fields are touched under the channel's lock
//! while the node is linked, and are its future's alone otherwise.

use crate::sync::list::{Entry, Links};
use std::ptr::NonNull;
use std::task::Waker;

/// Somebody who waits for room.
pub(super) struct Waiter {
    links: Links<Waiter>,
    pub(super) waker: Option<Waker>,
    /// What it has not been given yet.
    pub(super) needed: usize,
}

impl Waiter {
    /// One that has been given nothing.
    pub(super) const fn new(needed: usize) -> Self {
        Self { links: Links::new(), waker: None, needed }
    }
}

// SAFETY: the field.
unsafe impl Entry for Waiter {
    unsafe fn links(this: NonNull<Self>) -> NonNull<Links<Self>> {
        // SAFETY: a field of a node that is alive.
        unsafe { NonNull::new_unchecked(&raw mut (*this.as_ptr()).links) }
    }
}

/// Somebody who waits for the receiver's end.
pub(super) struct Listener {
    links: Links<Listener>,
    pub(super) waker: Option<Waker>,
}

impl Listener {
    /// One that nobody knows yet.
    pub(super) const fn new() -> Self {
        Self { links: Links::new(), waker: None }
    }

    /// Its waker, to be woken.
    pub(super) fn told(&mut self) -> Option<Waker> {
        self.waker.take()
    }
}

// SAFETY: the field.
unsafe impl Entry for Listener {
    unsafe fn links(this: NonNull<Self>) -> NonNull<Links<Self>> {
        // SAFETY: a field of a node that is alive.
        unsafe { NonNull::new_unchecked(&raw mut (*this.as_ptr()).links) }
    }
}
