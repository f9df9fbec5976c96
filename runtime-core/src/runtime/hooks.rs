//! Hooks: what a user has the runtime call when a thread starts, stops, parks or wakes, and when a task is spawned, polled
//! or over.
//!
//! | hook | runs | on |
//! | --- | --- | --- |
//! | `on_thread_start`, `on_thread_stop` | first and last thing in a thread of the runtime | machines, threads of the blocking pool |
//! | `on_thread_park`, `on_thread_unpark` | before a machine sleeps, after it got up | machines, `block_on` of a current-thread runtime |
//! | `on_task_spawn` | when the task is made, before anybody can run it | whoever spawns |
//! | `on_before_task_poll`, `on_after_task_poll` | around each poll, outside the task's budget | who polls |
//! | `on_task_terminate` | after the future is gone | who polled it last, or drops it at the end |
//!
//! **What an unset hook costs.** Of a thread hook one branch each time the thread starts, ends or goes to sleep. Of the task
//! hooks together one branch a spawn and one a poll, on two flags ([`Watched`]) that are written before the runtime exists,
//! and that share a line with what both read anyway. What is behind the branch is out of line ([`crate::watched`]).
//!
//! **A panic of a hook** is the program's bug, and cannot be carried to a joiner. It comes out of `spawn` and out of
//! `block_on` of a current-thread runtime, with the scheduler in order; on a thread of the runtime it ends the process, as a
//! panic of the scheduler itself does.
//!
//! There is no protocol here: hooks are set before the runtime is built, and called by who is at it anyway. What a park hook
//! spawns or wakes finds the machine on the list of sleepers already. Models: `loom-tests/tests/shuttle_hooks.rs`.

use crate::task::Id;
use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

/// Called when something happens to a thread.
// The standard library's Arc: the checkers' has no unsized coercion, and hooks order nothing.
pub(crate) type ThreadHook = Arc<dyn Fn() + Send + Sync>;
/// Called when something happens to a task.
pub(crate) type TaskHook = Arc<dyn Fn(&TaskMeta<'_>) + Send + Sync>;

/// The hooks of a runtime.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    pub(crate) thread_start: Option<ThreadHook>,
    pub(crate) thread_stop: Option<ThreadHook>,
    pub(crate) thread_park: Option<ThreadHook>,
    pub(crate) thread_unpark: Option<ThreadHook>,
    pub(crate) task_spawn: Option<TaskHook>,
    pub(crate) before_poll: Option<TaskHook>,
    pub(crate) after_poll: Option<TaskHook>,
    pub(crate) task_terminate: Option<TaskHook>,
}

/// Which ways of a task are watched: whether to leave the fast path of a spawn, a wake or a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Watched {
    /// Somebody wants to know of each spawn.
    pub(crate) spawns: bool,
    /// Somebody wants to know of each run, or how it ended.
    pub(crate) runs: bool,
    /// Somebody wants to know how long each task waits until it runs.
    pub(crate) latency: bool,
}

impl Hooks {
    /// Whether anything is to be called when a machine sleeps.
    pub(crate) fn on_rest(&self) -> bool {
        self.thread_park.is_some() || self.thread_unpark.is_some()
    }

    /// Whether anything is to be called when a task runs or ends.
    pub(crate) fn on_runs(&self) -> bool {
        self.before_poll.is_some() || self.after_poll.is_some() || self.task_terminate.is_some()
    }
}

/// Calls a hook, if it is set.
pub(crate) fn call(hook: &Option<ThreadHook>) {
    if let Some(hook) = hook {
        hook();
    }
}

/// Tells a hook of a task, if it is set.
pub(crate) fn tell(hook: &Option<TaskHook>, task: &TaskMeta<'_>) {
    if let Some(hook) = hook {
        hook(task);
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = [
            ("thread_start", self.thread_start.is_some()),
            ("thread_stop", self.thread_stop.is_some()),
            ("thread_park", self.thread_park.is_some()),
            ("thread_unpark", self.thread_unpark.is_some()),
            ("task_spawn", self.task_spawn.is_some()),
            ("before_poll", self.before_poll.is_some()),
            ("after_poll", self.after_poll.is_some()),
            ("task_terminate", self.task_terminate.is_some()),
        ];
        f.debug_set().entries(set.iter().filter(|(_, set)| *set).map(|(name, _)| name)).finish()
    }
}

/// The task that a hook is told of.
///
/// It may be over by the time that somebody else looks it up: what a hook wants to keep, it copies out of here.
#[derive(Debug)]
pub struct TaskMeta<'a> {
    pub(crate) id: Id,
    pub(crate) spawned_at: &'static Location<'static>,
    pub(crate) latency: Option<Duration>,
    // tokio's type has a lifetime: hooks are written with it.
    pub(crate) _call: PhantomData<&'a ()>,
}

impl TaskMeta<'_> {
    /// The task's id.
    pub fn id(&self) -> Id {
        self.id
    }

    /// Where the task was spawned.
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.spawned_at
    }

    /// How long the task had been runnable when the poll began that the hook is told of.
    ///
    /// `Some` in `on_before_task_poll` and `on_after_task_poll`, with
    /// [`track_task_schedule_latency`](super::Builder::track_task_schedule_latency) or
    /// [`enable_metrics_schedule_latency_histogram`](super::Builder::enable_metrics_schedule_latency_histogram). A wake of
    /// a task that is runnable already does not count; one that was woken by its own poll has been runnable since that
    /// ended.
    pub fn schedule_latency(&self) -> Option<Duration> {
        self.latency
    }
}
