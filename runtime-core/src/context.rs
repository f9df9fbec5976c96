//! What this thread is to the scheduler right now: one thread-local record, the authority on who owns what.
//!
//! | field | set by | means |
//! | --- | --- | --- |
//! | `scheduler`, `machine` | a machine's thread at its start | the thread is that machine |
//! | `processor` | the worker, the blocking section | the thread owns it *and may touch its owner half* |
//! | `driving` | a machine's start, `block_on`; unset in a blocking section | blocking this thread would hold tasks up |
//! | `collecting`, `cause` | a driver's turn, firing timers; a poll that wakes several | woken tasks are gathered there and queued as one batch |
//!
//! An [`Owned`] processor is made here and nowhere else. Inside a blocking section `processor` is null, so what user
//! code wakes or spawns there takes the remote path and reaches a queue that somebody looks at
//! (`wakes_inside_blocking_section_reach_a_queue`).

use crate::machine::Machine;
use crate::policy;
use crate::processor::{Owned, Processor};
use crate::queue::Chain;
use crate::sampler::Gaps;
use crate::scheduler::Scheduler;
use crate::sync::thread_local;
use crate::task::{self, LocalProcessor, Task};
use std::cell::Cell;
use std::ptr;
use std::ptr::NonNull;

struct Context {
    scheduler: Cell<*const Scheduler>,
    machine: Cell<*const Machine>,
    processor: Cell<*const Processor>,
    collecting: Cell<*mut Chain<Task>>,
    /// What wakes those that are gathered.
    cause: Cell<Cause>,
    driving: Cell<bool>,
    /// Wakes and spawns by no poll until the next one that is stamped.
    until_stamp: Cell<u32>,
    stamp_gaps: Gaps,
}

thread_local! {
    static CONTEXT: Context = const {
        Context {
            scheduler: Cell::new(ptr::null()),
            machine: Cell::new(ptr::null()),
            processor: Cell::new(ptr::null()),
            collecting: Cell::new(ptr::null_mut()),
            cause: Cell::new(Cause::Poll),
            driving: Cell::new(false),
            until_stamp: Cell::new(0),
            stamp_gaps: Gaps::new(0),
        }
    };
}

/// What wakes the tasks of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A poll: what it owes at its end, or several wakes at once.
    Poll,
    /// An event or a timer.
    Outside,
}

/// Where a runnable task goes, as seen from this thread.
pub(crate) enum Place<'a> {
    /// Into the batch that is being gathered.
    Batch(&'a mut Chain<Task>, Cause),
    /// To the processor that this thread owns.
    Owner(Owned<'a>),
    /// To the global queue.
    Remote,
}

/// Where this thread puts a task of `scheduler`.
#[inline]
pub(crate) fn place<R>(scheduler: &Scheduler, f: impl FnOnce(Place<'_>) -> R) -> R {
    CONTEXT.with(|context| {
        if !ptr::eq(context.scheduler.get(), scheduler) {
            return f(Place::Remote);
        }
        // SAFETY: non-null only inside `collect`, which keeps the chain alive and does not touch it meanwhile.
        if let Some(batch) = unsafe { context.collecting.get().as_mut() } {
            return f(Place::Batch(batch, context.cause.get()));
        }
        match owned_of(context) {
            Some(p) => f(Place::Owner(p)),
            None => f(Place::Remote),
        }
    })
}

fn owned_of(context: &Context) -> Option<Owned<'_>> {
    // SAFETY: non-null means that this thread owns it, see the essay; the scheduler outlives its machines' contexts.
    unsafe { context.processor.get().as_ref().map(|p| Owned::assume(p)) }
}

/// The processor that this thread owns, of whichever scheduler, with that scheduler.
#[inline]
pub(crate) fn owner<R>(f: impl FnOnce(Option<(&Scheduler, Owned<'_>)>) -> R) -> R {
    CONTEXT.with(|context| {
        // SAFETY: a machine's scheduler outlives its context.
        let scheduler = unsafe { context.scheduler.get().as_ref() };
        f(scheduler.zip(owned_of(context)))
    })
}

/// The processor that this thread owns, for the worker, whose scheduler outlives `'a`.
#[inline]
pub(crate) fn owned<'a>(scheduler: &'a Scheduler) -> Option<Owned<'a>> {
    CONTEXT.with(|context| {
        debug_assert!(ptr::eq(context.scheduler.get(), scheduler));
        let p = context.processor.get();
        // SAFETY: non-null means that this thread owns it, and it lives in `scheduler`.
        (!p.is_null()).then(|| unsafe { Owned::assume(&*p) })
    })
}

/// The processor of `scheduler` that this thread owns.
pub(crate) fn owned_of_scheduler(scheduler: &Scheduler) -> Option<Owned<'_>> {
    let ours = CONTEXT.with(|context| ptr::eq(context.scheduler.get(), scheduler));
    if ours { owned(scheduler) } else { None }
}

/// This thread owns `p` of its scheduler from here on.
pub(crate) fn own<'a>(scheduler: &'a Scheduler, p: &'a Processor) -> Owned<'a> {
    CONTEXT.with(|context| {
        debug_assert!(ptr::eq(context.scheduler.get(), scheduler));
        context.processor.set(p);
        // SAFETY: the caller took the processor from the idle set, was handed it, or kept it through a section.
        let owned = unsafe { Owned::assume(p) };
        let local = LocalProcessor { caches: owned.caches(), clock: NonNull::from(scheduler.coarse_clock()) };
        // SAFETY: both live in the scheduler, and the caches are ours until `disown`.
        let _before = unsafe { task::set_processor(Some(local)) };
        owned
    })
}

/// This thread owns no processor from here on.
pub(crate) fn disown() {
    CONTEXT.with(|context| context.processor.set(ptr::null()));
    // SAFETY: nothing is promised of no processor.
    let _before = unsafe { task::set_processor(None) };
}

/// The scheduler and the machine that this thread is.
pub(crate) fn machine<R>(f: impl FnOnce(Option<(&Scheduler, &Machine)>) -> R) -> R {
    CONTEXT.with(|context| {
        // SAFETY: both outlive the context that names them, see `MachineGuard`.
        let both = unsafe { context.scheduler.get().as_ref().zip(context.machine.get().as_ref()) };
        f(both)
    })
}

/// [`collect`] on a thread that may be no machine of `scheduler`.
pub(crate) fn collect_for<R>(scheduler: &Scheduler, batch: &mut Chain<Task>, cause: Cause, f: impl FnOnce() -> R) -> R {
    struct Restore(*const Scheduler);
    impl Drop for Restore {
        fn drop(&mut self) {
            CONTEXT.with(|context| context.scheduler.set(self.0));
        }
    }
    let _restore = Restore(CONTEXT.with(|context| context.scheduler.replace(scheduler)));
    collect(batch, cause, f)
}

/// Runs `f` as if this thread were none of the runtime's: what it wakes or spawns goes to the global queue, and a blocking
/// section in it gives no processor up. For user code inside a wake, whose caller may be at anything.
pub(crate) fn outside<R>(f: impl FnOnce() -> R) -> R {
    struct Restore(*const Scheduler, *const Processor);
    impl Drop for Restore {
        fn drop(&mut self) {
            CONTEXT.with(|context| {
                context.scheduler.set(self.0);
                context.processor.set(self.1);
            });
        }
    }
    let _restore =
        CONTEXT.with(|context| Restore(context.scheduler.replace(ptr::null()), context.processor.replace(ptr::null())));
    f()
}

/// Whether tasks that are made runnable here are gathered already.
pub(crate) fn is_collecting() -> bool {
    CONTEXT.with(|context| !context.collecting.get().is_null())
}

/// Gathers every task of this thread's scheduler that is made runnable while `f` runs.
pub(crate) fn collect<R>(batch: &mut Chain<Task>, cause: Cause, f: impl FnOnce() -> R) -> R {
    struct Restore(*mut Chain<Task>, Cause);
    impl Drop for Restore {
        fn drop(&mut self) {
            CONTEXT.with(|context| {
                context.collecting.set(self.0);
                context.cause.set(self.1);
            });
        }
    }
    let _restore = CONTEXT.with(|context| Restore(context.collecting.replace(batch), context.cause.replace(cause)));
    f()
}

/// This thread is a machine until the guard is dropped.
#[must_use]
pub(crate) struct MachineGuard {
    scheduler: *const Scheduler,
    machine: *const Machine,
    processor: *const Processor,
    local: Option<LocalProcessor>,
    driving: bool,
}

/// Makes this thread the machine. The guard must not outlive either argument.
pub(crate) fn become_machine(scheduler: &Scheduler, machine: &Machine) -> MachineGuard {
    // SAFETY: nothing is promised of no processor; the guard restores what was promised before.
    let local = unsafe { task::set_processor(None) };
    CONTEXT.with(|context| MachineGuard {
        scheduler: context.scheduler.replace(scheduler),
        machine: context.machine.replace(machine),
        processor: context.processor.replace(ptr::null()),
        driving: context.driving.replace(true),
        local,
    })
}

impl Drop for MachineGuard {
    fn drop(&mut self) {
        CONTEXT.with(|context| {
            context.scheduler.set(self.scheduler);
            context.machine.set(self.machine);
            context.processor.set(self.processor);
            context.driving.set(self.driving);
        });
        // SAFETY: what was promised before the guard holds again.
        let _none = unsafe { task::set_processor(self.local) };
    }
}

/// Whether blocking this thread would hold tasks up; said until the guard is dropped.
#[must_use]
pub(crate) struct Driving(bool);

/// Says whether blocking this thread holds tasks up, until the guard is dropped.
pub(crate) fn set_driving(driving: bool) -> Driving {
    Driving(CONTEXT.with(|context| context.driving.replace(driving)))
}

/// Whether blocking this thread would hold tasks up.
pub(crate) fn is_driving() -> bool {
    CONTEXT.with(|context| context.driving.get())
}

impl Drop for Driving {
    fn drop(&mut self) {
        CONTEXT.with(|context| context.driving.set(self.0));
    }
}

/// Counts down: true of one in [`policy::SAMPLING`] of the wakes and spawns of this thread that no poll does on a processor.
pub(crate) fn is_sampled() -> bool {
    CONTEXT.with(|context| {
        let left = context.until_stamp.get();
        context.until_stamp.set(if left == 0 { context.stamp_gaps.next(policy::SAMPLING) } else { left - 1 });
        left == 0
    })
}
