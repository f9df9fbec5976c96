//! The free function `spawn_local`: a task that stays on this thread.
//!
//! There are two places for such a task: the [`LocalSet`](super::LocalSet) that this thread is in, and a
//! [`LocalRuntime`](crate::runtime::LocalRuntime), all of whose tasks stay on the thread that built it. A local runtime comes
//! first, as in tokio. On any other thread that is in its context by a handle it is refused, because there the future would
//! have to move.

use super::{JoinHandle, Tags, local_current};
use crate::entered;
use crate::scheduler::Scheduler;
use crate::thread_number::thread_number;
use std::future::Future;
use std::panic::Location;

/// Spawns a task that stays on this thread, so that its future need not be `Send`.
///
/// It goes to the local runtime of this thread, or else to the [`LocalSet`](super::LocalSet) whose poll, or whose
/// [`enter`](super::LocalSet::enter), this is inside.
///
/// # Panics
///
/// Outside both, and in the context of a local runtime that was built by another thread.
#[track_caller]
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    spawn_tagged(future, None, Location::caller())
}

#[track_caller]
pub(super) fn spawn_tagged<F>(
    future: F,
    tags: Option<&Tags<'_>>,
    site: &'static Location<'static>,
) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    match runtime_of_this_thread() {
        // SAFETY: it is in an `Arc` that is the context's until its guard, which is on this thread's stack, is dropped. The
        // runtime is local to this thread.
        Some(scheduler) => unsafe { (*scheduler).spawn_on_its_thread(future, tags, site) },
        None => match local_current::with(|members| members.spawn(future, tags, site)) {
            Some(join) => join,
            None => panic!("`spawn_local` called from outside of a `task::LocalSet` or `runtime::LocalRuntime`"),
        },
    }
}

/// The local runtime that this thread is in.
#[track_caller]
fn runtime_of_this_thread() -> Option<*const Scheduler> {
    let (scheduler, owner) = entered::current(|scheduler| {
        let scheduler = scheduler?;
        Some((&raw const **scheduler, scheduler.config.local_to?))
    })?;
    assert!(
        owner == thread_number(),
        "Local tasks can only be spawned on a LocalRuntime from the thread the runtime was created on"
    );
    Some(scheduler)
}
