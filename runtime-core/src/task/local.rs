//! What a thread knows about the task that it runs and the processor that it runs it on.
//!
//! A few plain thread-local words: the task (set by [`Runnable::run`](super::Runnable::run) itself), the processor's
//! [`Caches`] and its coarse clock (set by the scheduler whenever the thread gets or gives up a processor), and the caches
//! of the set of local tasks that is being polled. They save the leaves a look-up of the whole scheduler: a primitive that
//! says what it waits for, a handle that releases a record and `task::id()` each cost one access.
//!
//! The future of a `block_on` has a record, too, and is no task (`main.rs`). Leaves ask for whatever is polled
//! ([`with_current`]); what users are told of *the task* leaves it out ([`with_task`]).
//!
//! The invariant: the caches that a thread finds here are its own to use until it gives the processor up, so the scheduler
//! clears them *before* it publishes that the processor can be taken.

use super::{Caches, Task};
use crate::sync::{AtomicU64, Ordering, thread_local};
use std::cell::Cell;
use std::ptr::NonNull;

struct Local {
    task: Cell<Option<NonNull<Task>>>,
    /// While the future of a `block_on` is polled, the task in whose blocking section that is.
    beneath: Cell<Option<NonNull<Task>>>,
    processor: Cell<Option<LocalProcessor>>,
    /// The caches of the set that is polled, looked at for records that are not of the processor's runtime.
    set: Cell<Option<NonNull<Caches>>>,
}

thread_local! {
    static LOCAL: Local = const {
        Local { task: Cell::new(None), beneath: Cell::new(None), processor: Cell::new(None), set: Cell::new(None) }
    };
}

/// What of its processor a thread's tasks use.
#[derive(Clone, Copy, Debug)]
pub struct LocalProcessor {
    /// The processor's caches.
    pub caches: NonNull<Caches>,
    /// The coarse clock, in nanoseconds since the runtime's epoch.
    pub clock: NonNull<AtomicU64>,
}

/// Says which processor this thread has from here on, and returns what was said before.
///
/// # Safety
/// Until the next call on this thread both pointers stay valid and nobody else uses the caches, save that this thread's
/// own scheduler may borrow them while no task code runs.
#[inline(always)]
pub unsafe fn set_processor(processor: Option<LocalProcessor>) -> Option<LocalProcessor> {
    // A thread that is ending has no processor.
    LOCAL.try_with(|local| local.processor.replace(processor)).unwrap_or(None)
}

/// Says which set of local tasks this thread polls from here on, by its caches, and returns what was said before.
///
/// # Safety
/// As [`set_processor`]: until the next call the pointer stays valid, and nobody borrows the caches across a release.
pub(super) unsafe fn set_local_caches(caches: Option<NonNull<Caches>>) -> Option<NonNull<Caches>> {
    LOCAL.try_with(|local| local.set.replace(caches)).unwrap_or(None)
}

/// Runs `f` as `task`.
///
/// # Safety
/// `task` is alive until `f` returns, or for as long as `f` runs code that asks.
#[inline(always)]
pub(super) unsafe fn as_task<R>(task: NonNull<Task>, f: impl FnOnce() -> R) -> R {
    let outer = LOCAL.try_with(|local| local.task.replace(Some(task))).unwrap_or(None);
    let result = f();
    // Nothing to restore on a thread that is ending.
    let _ = LOCAL.try_with(|local| local.task.set(outer));
    result
}

/// `f` of the task that this thread runs, or of the future of a `block_on` that it polls, if it does either.
///
/// A signal handler may ask: the words are there from the thread's beginning and are never dropped, and the record of a task that
/// runs does not change what identifies it. (In a library that is loaded at run time the first access of a thread allocates.)
#[inline(always)]
pub fn with_current<R>(f: impl FnOnce(&Task) -> R) -> Option<R> {
    let task = LOCAL.try_with(|local| local.task.get()).unwrap_or(None)?;
    // SAFETY: `as_task` holds it alive for as long as it is set.
    Some(f(unsafe { task.as_ref() }))
}

/// Polls the future of a `block_on`: while `f` runs, the task that this thread runs already is still found by [`with_task`].
pub(super) fn above_task<R>(f: impl FnOnce() -> R) -> R {
    let outer = LOCAL.try_with(|local| local.beneath.replace(local.task_here())).unwrap_or(None);
    let result = f();
    // As in `as_task`.
    let _ = LOCAL.try_with(|local| local.beneath.set(outer));
    result
}

/// `f` of the task that this thread runs, if it runs one. The future of a `block_on` is none; inside it, it is the task in whose
/// blocking section that was called.
pub(crate) fn with_task<R>(f: impl FnOnce(&Task) -> R) -> Option<R> {
    let task = LOCAL.try_with(Local::task_here).unwrap_or(None)?;
    // SAFETY: it is on this thread's stack, in a poll, and so alive.
    Some(f(unsafe { task.as_ref() }))
}

impl Local {
    fn task_here(&self) -> Option<NonNull<Task>> {
        let task = self.task.get()?;
        // SAFETY: as `with_current`.
        if unsafe { task.as_ref() }.is_main() { self.beneath.get() } else { Some(task) }
    }
}

/// The id of the task, or of the future of a `block_on`, that this thread polls, or 0.
#[inline(always)]
pub(crate) fn current_id() -> u64 {
    with_current(Task::number).unwrap_or(0)
}

/// The coarse time of this thread's processor, or 0.
#[inline(always)]
pub(crate) fn coarse_now() -> u64 {
    let processor = LOCAL.try_with(|local| local.processor.get()).unwrap_or(None);
    // Ordering: Relaxed; a clock orders nothing. SAFETY: `set_processor`'s promise.
    processor.map_or(0, |processor| unsafe { processor.clock.as_ref() }.load(Ordering::Relaxed))
}

/// This thread's caches, if it has a processor.
#[inline(always)]
pub(super) fn caches() -> Option<NonNull<Caches>> {
    LOCAL.try_with(|local| local.processor.get()).unwrap_or(None).map(|processor| processor.caches)
}

/// The caches of the set that this thread polls, if it does.
#[inline]
pub(super) fn set_caches() -> Option<NonNull<Caches>> {
    LOCAL.try_with(|local| local.set.get()).unwrap_or(None)
}
