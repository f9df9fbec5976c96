//! Which runtime this thread is in: what `Handle::current`, `spawn` and `sleep` act on.
//!
//! A machine's thread is in its runtime for its whole life, a thread of the user's inside `block_on` and until an
//! [`EnterGuard`] is dropped. Being *in* a runtime says nothing about owning a processor: that is [`crate::context`].
//!
//! The scheduler is kept alive here, by one reference a thread, so that a leaf never counts references.

use crate::home;
use crate::scheduler::Scheduler;
use crate::sync::{Arc, thread_local};
use std::cell::RefCell;
use std::marker::PhantomData;

thread_local! {
    static ENTERED: RefCell<Option<Arc<Scheduler>>> = const { RefCell::new(None) };
}

/// Leaves the runtime context when dropped. Made by [`Runtime::enter`](crate::runtime::Runtime::enter).
#[must_use = "the context is left when this is dropped"]
pub struct EnterGuard<'a> {
    before: Option<Arc<Scheduler>>,
    _home: home::HomeGuard<'a>,
    _runtime: PhantomData<&'a Scheduler>,
    _this_thread: PhantomData<*const ()>,
}

/// Makes `scheduler` the runtime that this thread is in, until the guard is dropped.
pub(crate) fn enter(scheduler: &Arc<Scheduler>) -> EnterGuard<'_> {
    EnterGuard {
        _home: home::set_home(&**scheduler),
        // A thread that is ending has no context any more: a runtime in one of its locals is dropped without.
        before: ENTERED.try_with(|entered| entered.replace(Some(scheduler.clone()))).unwrap_or(None),
        _runtime: PhantomData,
        _this_thread: PhantomData,
    }
}

impl std::fmt::Debug for EnterGuard<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EnterGuard").finish_non_exhaustive()
    }
}

impl Drop for EnterGuard<'_> {
    fn drop(&mut self) {
        let before = self.before.take();
        // A thread that is ending has no context to restore.
        let left = ENTERED.try_with(|entered| entered.replace(before));
        drop(left);
    }
}

/// The runtime of this thread, if it is in one.
pub(crate) fn current<R>(f: impl FnOnce(Option<&Arc<Scheduler>>) -> R) -> R {
    let mut f = Some(f);
    let mut call = |handle: Option<&Arc<Scheduler>>| f.take().map(|f| f(handle));
    // A thread that is ending is in no runtime.
    match ENTERED.try_with(|entered| call(entered.borrow().as_ref())).unwrap_or_else(|_| call(None)) {
        Some(result) => result,
        None => unreachable!("called once"),
    }
}
