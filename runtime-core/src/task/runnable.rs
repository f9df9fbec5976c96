//! [`Runnable`]: the right to run a task, and what a run does.
//!
//! There is at most one per task, and it is what queues hold. It is no reference: the pending wake that it stands for keeps
//! the task from completing elsewhere, and the task's own life reference keeps the record until it is complete.
//!
//! A run answers the wakes that it saw when it began. It polls once, and then either gives the right up (idle), or hands
//! it back because wakes came meanwhile (woken), or completes the task. An aborted task is not polled: the machine that has
//! the right drops the future, so a future is dropped once, on a machine, whoever asked for it.
//!
//! Panics stop here: they become the task's result.
//!
//! Who may call: the scheduler. The one duty of whoever has a `Runnable` is to pass it on, run it or cancel it; one
//! that is dropped is a task that never runs again, which debug builds refuse.
//!
//! Models: `loom-tests/tests/task.rs`.

use super::arena::arena_of;
use super::body::{JoinWaker, Polled};
use super::state::{Begun, Completed, Ended};
use super::{Task, local, try_id, waker};
use crate::contention::WaitEnd;
use crate::probes;
use crate::sync::quietly;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::task::Context;

/// The right to run a task.
#[must_use = "a task whose right to run is dropped never runs again"]
#[derive(Debug)]
pub struct Runnable(NonNull<Task>);

// SAFETY: the right may be passed between threads; a future that may not is spawned through `spawn_local`, whose caller
// answers for where it runs.
unsafe impl Send for Runnable {}
// SAFETY: a shared `Runnable` gives access to a `Task`, which is `Sync`.
unsafe impl Sync for Runnable {}

/// What came of a run.
#[must_use]
#[derive(Debug)]
pub enum Ran {
    /// The task waits to be woken.
    Idle,
    /// It was woken while it ran: to be queued again.
    Woken(Runnable),
    /// It has ended.
    Complete(Ending),
}

/// How a task ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// Its future returned.
    Returned,
    /// Its future panicked, or the drop of its future did.
    Panicked,
    /// Its future was dropped before it returned.
    Aborted,
}

impl Runnable {
    /// Polls the task, or drops its future if its abort was asked for.
    #[inline]
    pub fn run(self) -> Ran {
        self.run_telling(|_| ())
    }

    /// [`run`](Self::run); if the poll returned `Pending`, `pending` is told before anybody else may run the task.
    #[inline(always)]
    pub(crate) fn run_telling(self, pending: impl FnOnce(&Task)) -> Ran {
        let task = self.into_raw();
        // SAFETY: the right to run was ours, and keeps the task alive until it is given up below.
        unsafe { local::as_task(task, || run(task, pending)) }
    }

    /// Polls the future of a `block_on`; if the poll returned `Pending`, `pending` is told before anybody else may run it.
    pub(crate) fn run_main(self, pending: impl FnOnce(&Task)) -> Ran {
        self.task().annex().count_run(usize::MAX);
        local::above_task(|| {
            self.run_telling(|main| {
                pending(main);
                // A closure of the pool, or a task in a blocking section, that blocks on it waits for the same.
                let _ = local::with_task(|task| task.waits_as(main));
            })
        })
    }

    /// Drops the future, and completes the task as aborted.
    pub fn cancel(self) -> Ending {
        let task = self.into_raw();
        // SAFETY: as `run`.
        unsafe {
            task.as_ref().state.begin_cancel();
            local::as_task(task, || cancel(task))
        }
    }

    /// The task.
    #[inline(always)]
    pub fn task(&self) -> &Task {
        // SAFETY: the right to run keeps the task alive.
        unsafe { self.0.as_ref() }
    }

    /// The right to run as a pointer, for an intrusive queue.
    #[inline(always)]
    pub fn into_raw(self) -> NonNull<Task> {
        ManuallyDrop::new(self).0
    }

    /// The right to run back from [`into_raw`](Self::into_raw).
    ///
    /// # Safety
    /// The caller has the right to run `task` and gives it up.
    #[inline(always)]
    pub unsafe fn from_raw(task: NonNull<Task>) -> Self {
        Self(task)
    }

    /// Passes the right to the task's scheduler.
    #[inline(always)]
    pub(super) fn submit(self) {
        probes::task_wake(|| [probes::number(self.task().id()), probes::number(try_id())]);
        // SAFETY: whoever has the right to run has a live task, whose arena has a sink.
        let sink = unsafe { arena_of(self.0).as_ref().sink() };
        match sink {
            // SAFETY: a sink's data is valid while a task of its registry is alive.
            Some(sink) => unsafe { (sink.submit)(sink.data, self) },
            None => unreachable!("the registry of a live task has a sink"),
        }
    }
}

#[cfg(debug_assertions)]
impl Drop for Runnable {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "the right to run {:?} was dropped", self.task());
    }
}

/// # Safety
/// The caller has the right to run and gives it up.
#[inline(always)]
unsafe fn run(this: NonNull<Task>, pending: impl FnOnce(&Task)) -> Ran {
    // SAFETY: the pending wakes keep the task alive until `end` or `finish`.
    unsafe {
        let task = this.as_ref();
        let seen = match task.state.begin() {
            Begun::Poll(seen) => seen,
            Begun::Cancel => return cancel_run(this),
        };
        task.clear_wait(WaitEnd::Over);
        let waker = waker::lend(this);
        poll_with(this, &mut Context::from_waker(&waker), || {
            probes::task_block(|| {
                let (reason, resource) = task.wait();
                [probes::number(task.id()), probes::processor(), reason as u64, resource]
            });
            pending(task);
            task.state.end(seen)
        })
    }
}

/// The middle of a run: polls, and ends the run by `end` if the task is not complete.
///
/// # Safety
/// As [`run`], after a [`begin`](super::state::State::begin) that said to poll.
#[inline(always)]
pub(super) unsafe fn poll_with(this: NonNull<Task>, cx: &mut Context<'_>, end: impl FnOnce() -> Ended) -> Ran {
    // SAFETY: the pending wakes keep the task alive until `end` or `finish`.
    unsafe {
        let task = this.as_ref();
        probes::poll_start(|| probes::with_site(task, probes::processor()));
        let polled = (task.vtable().poll)(task.body(), cx, task.id_of_live());
        probes::poll_end(|| [probes::number(task.id()), probes::processor(), u64::from(polled != Polled::Pending)]);
        match polled {
            Polled::Pending => match end() {
                Ended::Idle => Ran::Idle,
                Ended::Woken => {
                    probes::task_wake(|| [probes::number(task.id()), 0]);
                    Ran::Woken(Runnable(this))
                }
                Ended::Aborted => {
                    // What the aborter did before is for the drop of the future to see.
                    task.state.begin_cancel();
                    cancel_run(this)
                }
            },
            Polled::Returned => Ran::Complete(finish(this, Ending::Returned)),
            Polled::Panicked => Ran::Complete(finish(this, Ending::Panicked)),
        }
    }
}

/// A run of an aborted task.
///
/// # Safety
/// As [`cancel`].
#[cold]
pub(super) unsafe fn cancel_run(this: NonNull<Task>) -> Ran {
    // SAFETY: the caller's promise.
    Ran::Complete(unsafe { cancel(this) })
}

/// # Safety
/// As [`run`], after the acquiring load of the state word.
#[cold]
unsafe fn cancel(this: NonNull<Task>) -> Ending {
    // SAFETY: the caller's promise.
    unsafe {
        let task = this.as_ref();
        task.clear_wait(WaitEnd::Over);
        let clean = (task.vtable().cancel)(task.body(), task.id_of_live());
        finish(this, if clean { Ending::Aborted } else { Ending::Panicked })
    }
}

/// Completes a task whose output is in place.
///
/// # Safety
/// The caller has the right to run, which ends here.
#[inline(always)]
unsafe fn finish(this: NonNull<Task>, ending: Ending) -> Ending {
    // SAFETY: the life reference keeps the record until it is dropped; the body is whose `Completed` says.
    unsafe {
        let task = this.as_ref();
        task.end_wait();
        probes::task_exit(|| [probes::number(task.id()), probes::ending(ending)]);
        match task.state.complete() {
            Completed::Quiet(dropped) => Task::release_if_last(this, dropped),
            Completed::Detached => {
                (task.vtable().drop_output)(task.body());
                Task::free_body(this);
                let dropped = task.state.finish_detached();
                Task::release_if_last(this, dropped);
            }
            Completed::WakeJoiner => {
                if let Some(waker) = JoinWaker::take_shared(task.body()) {
                    // A waker that panics has only its own task to blame, which is not this one.
                    quietly(|| waker.wake());
                }
                Task::drop_ref(this);
            }
            Completed::DropOutput => {
                (task.vtable().drop_output)(task.body());
                Task::drop_ref(this);
            }
        }
    }
    ending
}
