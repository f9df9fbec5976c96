//! Who is told of contention: of waits, where they begin and where they end, and of releases that somebody waited for.
//!
//! A profile of waits needs the stack of who begins to wait, and how long that lasted. Both are to be had in two places only:
//! inside the leaf that returns `Pending`, and where the task runs again. So core calls out there, to one
//! [`WaitWatcher`] in the process; it decides which waits it wants to hear the end of, and those are marked in the task's wait
//! word, which the next run clears anyway. A profile of locks needs who releases, and what that cost the others:
//! primitives ask [`releases`] on their slow path, and tell the [`ReleaseWatcher`].
//!
//! ```text
//!   blocked_on  -- nobody watches: one relaxed load -->  on it goes
//!               -- begins(said) == true ------------->  wait word | WATCHED
//!   run, finish -- wait word without the mark ------->  on it goes
//!               -- with it: ends(word) ------------->   the time since is the watcher's to know
//! ```
//!
//! What it costs when nobody watches: a load and a branch that is never taken where a task says what it waits for, another where
//! a run clears what it said, and one where a release finds somebody waiting.
//!
//! A watcher is called on a thread that runs a task, inside the user's poll: it may unwind and note, and must not wait, wake,
//! or say itself that it waits. It is a static, so that who reads it after it was taken away reads something that is still
//! there; one that is late is told of waits that it knows nothing of, or not told of an end, and bears both.
//!
//! The checkers see nothing of this: nobody watches in a model, and nothing is ordered by it.

use crate::policy;
use crate::resource::Resource;
use crate::sync::{Ordering, UncheckedPtr};
use crate::task::{Id, Task};
use crate::wait::{WATCHED, WaitReason};
use std::panic::Location;
use std::ptr::{from_ref, null_mut};

/// What a task said, on its way out of a leaf.
#[derive(Clone, Copy, Debug)]
pub struct Said {
    /// The task.
    pub task: Id,
    /// Where it was spawned.
    pub site: &'static Location<'static>,
    /// Its future's type.
    pub type_name: &'static str,
    /// What this leaf waits for.
    pub reason: WaitReason,
    /// How that stands to what the task said before in this run.
    pub place: Place,
    /// Whether it is the first thing that the task says in this run.
    pub first: bool,
    /// Whether the end of this wait is to be told already.
    pub watched: bool,
}

/// How a leaf's wait stands to what the task said before in the same run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// It is what the task waits for: nothing was said before, or only a sleep, which is the timeout of this.
    Only,
    /// It is another of several things.
    Another,
    /// It adds nothing.
    Nothing,
}

/// How a wait ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WaitEnd {
    /// The task runs again, or was aborted, or ended in an observer's poll.
    Over,
    /// There was none: the task returned, in the very run in which it had said that it would wait.
    None,
}

/// Who is told of waits.
#[derive(Debug)]
pub struct WaitWatcher {
    /// A task says that it waits, on its own stack. True: the end is to be told.
    pub begins: fn(&Said) -> bool,
    /// A wait whose end is to be told is over: the task, what it said at last, and how.
    pub ends: fn(Id, WaitReason, u64, WaitEnd),
}

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

static WAITS: UncheckedPtr<WaitWatcher> = UncheckedPtr::new(null_mut());
static RELEASES: UncheckedPtr<ReleaseWatcher> = UncheckedPtr::new(null_mut());

/// From now on `watcher` is told of waits, and nobody else.
pub fn watch_waits(watcher: Option<&'static WaitWatcher>) {
    // Ordering: Relaxed; a watcher is a static that was there before the program began.
    WAITS.store(watcher.map_or(null_mut(), |watcher| from_ref(watcher).cast_mut()), Ordering::Relaxed);
}

/// From now on `watcher` is told of releases, and nobody else.
pub fn watch_releases(watcher: Option<&'static ReleaseWatcher>) {
    // Ordering: Relaxed, as `watch_waits`.
    RELEASES.store(watcher.map_or(null_mut(), |watcher| from_ref(watcher).cast_mut()), Ordering::Relaxed);
}

#[inline(always)]
fn waits() -> Option<&'static WaitWatcher> {
    // Ordering: Relaxed, see `watch_waits`. SAFETY: null, or a static.
    unsafe { WAITS.load(Ordering::Relaxed).as_ref() }
}

/// The watcher of releases, if there is one and it wants to hear of the one that is about to happen.
#[inline]
pub fn releases() -> Option<&'static ReleaseWatcher> {
    // Ordering: Relaxed, see `watch_waits`. SAFETY: null, or a static.
    unsafe { RELEASES.load(Ordering::Relaxed).as_ref() }.filter(|watcher| (watcher.wants)())
}

/// The running `task`, whose wait word was `before`, says `reason`, which makes the word `after`: the word to be stored.
#[inline(always)]
pub(crate) fn said(task: &Task, before: u64, reason: WaitReason, after: u64) -> u64 {
    // What was to be told remains so, whoever watches by now.
    let after = after | before & WATCHED;
    match waits() {
        None => after,
        Some(watcher) => tell_begin(watcher, task, before, reason, after),
    }
}

#[cold]
#[inline(never)]
fn tell_begin(watcher: &WaitWatcher, task: &Task, before: u64, reason: WaitReason, after: u64) -> u64 {
    let Some(id) = task.id() else { return after };
    let (was, is) = (WaitReason::unpack(before), WaitReason::unpack(after));
    let first = was.0 == WaitReason::Unknown;
    let place = match is.0 {
        _ if is == was && !first => Place::Nothing,
        WaitReason::Select => Place::Another,
        _ => Place::Only,
    };
    let (site, type_name) = (task.site(), task.type_name());
    let said = Said { task: id, site, type_name, reason, place, first, watched: before & WATCHED != 0 };
    if (watcher.begins)(&said) { after | WATCHED } else { after & !WATCHED }
}

/// What a task waited for is over, and its wait word was `word`.
#[inline(always)]
pub(crate) fn over(task: &Task, word: u64, how: WaitEnd) {
    if !policy::CHECKED && word & WATCHED != 0 {
        tell_end(task, word, how);
    }
}

#[cold]
#[inline(never)]
fn tell_end(task: &Task, word: u64, how: WaitEnd) {
    if let (Some(watcher), Some(id)) = (waits(), task.id()) {
        let (reason, resource) = WaitReason::unpack(word);
        (watcher.ends)(id, reason, resource, how);
    }
}
