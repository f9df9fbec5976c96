//! Which [`LocalSet`](super::LocalSet) this thread is in: what `spawn_local` acts on, and where local wakes go.
//!
//! Two words of the thread: the set's members, and whether they are being *polled*, which is more than that the set was entered.
//! Only while it is polled may a wake go to the set's own queue without ringing, because only then is somebody about to look
//! there. A nested poll of another set covers the outer one, whose tasks then go through its inbox.
//!
//! The thread keeps a count of the set that it is in. It does so in a bare pointer, which needs no destructor, so that all of
//! this works while the thread's locals are being destroyed: a set may itself be in one of them.
//!
//! The invariant: what [`CURRENT`] points at is alive, for it is counted. There is one thread and no model.

use super::local;
use super::local_inbox::Inbox;
use super::local_members::Members;
use super::{Caches, Runnable};
use crate::sync::thread_local;
use std::cell::Cell;
use std::fmt;
use std::ptr::{NonNull, null};
use std::rc::Rc;

struct Current {
    /// Counted, or null.
    members: Cell<*const Members>,
    polling: Cell<bool>,
}

thread_local! {
    static CURRENT: Current = const { Current { members: Cell::new(null()), polling: Cell::new(false) } };
}

/// What a thread was in before.
struct Before {
    members: *const Members,
    polling: bool,
}

impl Before {
    fn replaced_by(members: *const Members, polling: bool) -> Self {
        let replace = |current: &Current| Self {
            members: current.members.replace(members),
            polling: current.polling.replace(polling),
        };
        // Not destroyed before the thread is: it has no destructor.
        CURRENT.with(replace)
    }
}

impl Drop for Before {
    fn drop(&mut self) {
        CURRENT.with(|current| {
            let members = current.members.replace(self.members);
            current.polling.set(self.polling);
            if let Some(members) = NonNull::new(members.cast_mut()) {
                // SAFETY: the thread's count of the set that it leaves.
                drop(unsafe { Rc::from_raw(members.as_ptr().cast_const()) });
            }
        });
    }
}

/// Makes a set the one that `spawn_local` acts on, until it is dropped. Made by [`LocalSet::enter`](super::LocalSet::enter).
#[must_use = "the set is left when this is dropped"]
pub struct LocalEnterGuard(#[expect(dead_code, reason = "kept for its drop")] Before);

impl fmt::Debug for LocalEnterGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalEnterGuard").finish_non_exhaustive()
    }
}

/// Enters a set without polling it.
pub(super) fn enter(members: &Rc<Members>) -> LocalEnterGuard {
    LocalEnterGuard(Before::replaced_by(Rc::into_raw(members.clone()), false))
}

/// Runs `f` as part of a poll of the set, or of its end.
pub(super) fn poll<R>(members: &Rc<Members>, f: impl FnOnce() -> R) -> R {
    struct Lent(Option<NonNull<Caches>>);
    impl Drop for Lent {
        fn drop(&mut self) {
            // SAFETY: what was promised before holds again.
            let _ours = unsafe { local::set_local_caches(self.0) };
        }
    }
    let _before = Before::replaced_by(Rc::into_raw(members.clone()), true);
    // SAFETY: they are this thread's, which borrows them for single steps only, and alive as long as `members` is.
    let _lent = Lent(unsafe { local::set_local_caches(Some(members.caches())) });
    f()
}

/// Calls `f` with the set that this thread is in.
pub(super) fn with<R>(f: impl FnOnce(&Members) -> R) -> Option<R> {
    let members = NonNull::new(CURRENT.with(|current| current.members.get()).cast_mut())?;
    // SAFETY: counted by the thread, and once more here, since `f` may run code that leaves the set.
    let members = unsafe {
        Rc::increment_strong_count(members.as_ptr().cast_const());
        Rc::from_raw(members.as_ptr().cast_const())
    };
    Some(f(&members))
}

/// Whether this thread is polling the set of this inbox.
pub(super) fn is_polling(inbox: &Inbox) -> bool {
    polled(inbox).is_some()
}

/// Whether this thread is polling a set.
pub(crate) fn is_polling_any() -> bool {
    CURRENT.with(|current| current.polling.get())
}

fn polled(inbox: *const Inbox) -> Option<NonNull<Members>> {
    CURRENT.with(|current| {
        let members = NonNull::new(current.members.get().cast_mut()).filter(|_| current.polling.get())?;
        // SAFETY: counted by the thread.
        unsafe { members.as_ref() }.has_inbox(inbox).then_some(members)
    })
}

/// Queues `task` in the set of this inbox if this thread is polling that; otherwise the task comes back.
pub(super) fn push_if_polling(inbox: *const Inbox, task: Runnable) -> Option<Runnable> {
    match polled(inbox) {
        Some(members) => {
            // SAFETY: counted by the thread; nothing of the user's runs in here.
            unsafe { members.as_ref() }.push(task);
            None
        }
        None => Some(task),
    }
}
