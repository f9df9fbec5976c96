//! [`ReleaseWatcher`]: who is told of releases that somebody waited for.
//!
//! A primitive asks [`releases`] on its slow path, before it lets somebody in, and tells the watcher afterwards, when whoever
//! waited has been woken. With nobody watching that is a load and a branch. What a watcher may do is in the essay of this room.

use crate::resource::Resource;
use crate::sync::{Ordering, UncheckedPtr};
use std::ptr::{from_ref, null_mut};

/// A release that somebody waited for.
#[derive(Debug)]
pub struct Released<'a> {
    /// What was released.
    pub resource: &'a Resource,
    /// *Nanoseconds* of others' waiting that it ends, or that passed while the releaser had it.
    pub delay_ns: u64,
}

/// Who is told of releases that somebody waited for.
#[derive(Debug)]
pub struct ReleaseWatcher {
    /// Whether to tell of this one: for sampling.
    pub wants: fn() -> bool,
    /// It has happened, and whoever waited has been woken. On the releaser's stack.
    pub released: fn(&Released<'_>),
}

static RELEASES: UncheckedPtr<ReleaseWatcher> = UncheckedPtr::new(null_mut());

/// From now on `watcher` is told of releases, and nobody else.
pub fn watch_releases(watcher: Option<&'static ReleaseWatcher>) {
    // Ordering: Relaxed; a watcher is a static that was there before the program began.
    RELEASES.store(watcher.map_or(null_mut(), |watcher| from_ref(watcher).cast_mut()), Ordering::Relaxed);
}

/// The watcher of releases, if there is one and it wants to hear of the one that is about to happen.
#[inline]
pub fn releases() -> Option<&'static ReleaseWatcher> {
    // Ordering: Relaxed, see `watch_releases`. SAFETY: null, or a static.
    unsafe { RELEASES.load(Ordering::Relaxed).as_ref() }.filter(|watcher| (watcher.wants)())
}
