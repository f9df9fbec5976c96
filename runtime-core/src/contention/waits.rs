//! [`WaitWatcher`]: who is told of waits, where they begin and where they end.
//!
//! A task that says what it waits for (`wait.rs`) passes by here, and so does the run that clears what was said. With nobody
//! watching both are a load and a branch. What a watcher may do, and what it has to bear, is in the essay of this room.

use crate::policy;
use crate::sync::{Ordering, UncheckedPtr};
use crate::task::{Id, Task};
use crate::wait::reason::{WATCHED, WaitReason};
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

static WAITS: UncheckedPtr<WaitWatcher> = UncheckedPtr::new(null_mut());

/// From now on `watcher` is told of waits, and nobody else.
pub fn watch_waits(watcher: Option<&'static WaitWatcher>) {
    // Ordering: Relaxed; a watcher is a static that was there before the program began.
    WAITS.store(watcher.map_or(null_mut(), |watcher| from_ref(watcher).cast_mut()), Ordering::Relaxed);
}

#[inline(always)]
fn waits() -> Option<&'static WaitWatcher> {
    // Ordering: Relaxed, see `watch_waits`. SAFETY: null, or a static.
    unsafe { WAITS.load(Ordering::Relaxed).as_ref() }
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
    // The future of a `block_on` is no task: profiles of waits are of tasks.
    let Some(id) = task.id().filter(|_| !task.is_main()) else { return after };
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
