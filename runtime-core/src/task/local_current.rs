//! Which [`LocalSet`](super::LocalSet) this thread is in: what `spawn_local` acts on, and where local wakes go.
//!
//! A list of the thread's: a level for each poll of a set and for each guard of `enter`, the innermost first. The thread is in
//! the set of the first one. A level says whether its set is being *polled*, which is more than that the set was entered. Only
//! while it is polled may a wake go to the set's own queue without ringing, because only then is somebody about to look there.
//! A nested poll of another set covers the outer one, whose tasks then go through its inbox.
//!
//! Levels of polls end in order, but guards are the user's, who may drop them in any order and outside of the poll that made
//! them. So a level that ends takes out itself and no other: what it covered or was covered by stays.
//!
//! The thread keeps a bare pointer to the first level, which needs no destructor, so that all of this works while the thread's
//! locals are being destroyed: a set may itself be in one of them. A level counts its set.
//!
//! The invariant: every level on the list is alive, for none ends without taking itself out. There is one thread and no model.

use super::local;
use super::local_inbox::Inbox;
use super::local_members::Members;
use super::{Caches, Runnable};
use crate::sync::thread_local;
use std::cell::Cell;
use std::fmt;
use std::ptr::{NonNull, null};
use std::rc::Rc;

/// One reason why the thread is in a set. It stays where it is from [`begin`](Level::begin) to [`end`](Level::end).
struct Level {
    members: Rc<Members>,
    polling: bool,
    /// What this one covers, or null.
    below: Cell<*const Level>,
}

thread_local! {
    /// The innermost level, or null. Not destroyed before the thread is: it has no destructor.
    static CURRENT: Cell<*const Level> = const { Cell::new(null()) };
}

impl Level {
    fn of(members: &Rc<Members>, polling: bool) -> Self {
        Self { members: members.clone(), polling, below: Cell::new(null()) }
    }

    fn polls(&self, inbox: *const Inbox) -> bool {
        self.polling && self.members.has_inbox(inbox)
    }

    /// Puts `level` on this thread's list.
    ///
    /// # Safety
    ///
    /// It is on no list, and neither moves nor is freed before [`end`](Level::end) was called on this thread.
    unsafe fn begin(level: *const Level) {
        // SAFETY: alive, by the contract.
        CURRENT.with(|current| unsafe { &*level }.below.set(current.replace(level)));
    }

    /// Takes `level` out of this thread's list.
    ///
    /// # Safety
    ///
    /// It is on the list of this thread.
    unsafe fn end(level: *const Level) {
        CURRENT.with(|current| {
            let mut link = current;
            while link.get() != level {
                // SAFETY: all on the list are alive, and since `level` is further on, this one is not the end.
                link = unsafe { &(*link.get()).below };
            }
            // SAFETY: it is on the list, so it is alive.
            link.set(unsafe { &*level }.below.get());
        });
    }
}

/// Makes a set the one that `spawn_local` acts on, until it is dropped. Made by [`LocalSet::enter`](super::LocalSet::enter).
///
/// Of several guards the one that was made last counts. They may be dropped in any order.
#[must_use = "the set is left when this is dropped"]
pub struct LocalEnterGuard(Rc<Level>);

impl Drop for LocalEnterGuard {
    fn drop(&mut self) {
        // SAFETY: `enter` put it on the list of this thread, which a guard does not leave.
        unsafe { Level::end(Rc::as_ptr(&self.0)) };
    }
}

impl fmt::Debug for LocalEnterGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalEnterGuard").finish_non_exhaustive()
    }
}

/// Enters a set without polling it.
pub(super) fn enter(members: &Rc<Members>) -> LocalEnterGuard {
    let level = Rc::new(Level::of(members, false));
    // SAFETY: the guard keeps it where it is, and ends it when it is dropped; one that is forgotten keeps it for ever.
    unsafe { Level::begin(Rc::as_ptr(&level)) };
    LocalEnterGuard(level)
}

/// Runs `f` as part of a poll of the set, or of its end.
pub(super) fn poll<R>(members: &Rc<Members>, f: impl FnOnce() -> R) -> R {
    struct Ends(*const Level);
    impl Drop for Ends {
        fn drop(&mut self) {
            // SAFETY: it was put on the list of this thread below.
            unsafe { Level::end(self.0) };
        }
    }
    struct Lent(Option<NonNull<Caches>>);
    impl Drop for Lent {
        fn drop(&mut self) {
            // SAFETY: what was promised before holds again.
            let _ours = unsafe { local::set_local_caches(self.0) };
        }
    }
    let level = Level::of(members, true);
    // SAFETY: it stays in this frame, and `_ends`, which is dropped before it, ends it.
    unsafe { Level::begin(&raw const level) };
    let _ends = Ends(&raw const level);
    // SAFETY: they are this thread's, which borrows them for single steps only, and alive as long as `members` is.
    let _lent = Lent(unsafe { local::set_local_caches(Some(members.caches())) });
    f()
}

/// Calls `f` with the innermost level. Nothing of the user's may run in there, for that could end the level.
fn innermost<R>(f: impl FnOnce(&Level) -> R) -> Option<R> {
    let level = CURRENT.with(Cell::get);
    // SAFETY: alive while it is on the list, which `f` does not change.
    (!level.is_null()).then(|| f(unsafe { &*level }))
}

/// Calls `f` with the set that this thread is in.
pub(super) fn with<R>(f: impl FnOnce(&Members) -> R) -> Option<R> {
    // Counted here, since `f` may run code that leaves the set.
    let members = innermost(|level| level.members.clone())?;
    Some(f(&members))
}

/// Whether this thread is polling the set of this inbox.
pub(super) fn is_polling(inbox: *const Inbox) -> bool {
    innermost(|level| level.polls(inbox)).unwrap_or(false)
}

/// Whether this thread is polling a set.
pub(crate) fn is_polling_any() -> bool {
    innermost(|level| level.polling).unwrap_or(false)
}

/// Queues `task` in the set of this inbox if this thread is polling that; otherwise the task comes back.
pub(super) fn push_if_polling(inbox: *const Inbox, task: Runnable) -> Option<Runnable> {
    if !is_polling(inbox) {
        return Some(task);
    }
    innermost(|level| level.members.push(task));
    None
}
