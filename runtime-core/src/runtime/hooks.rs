//! Hooks: what a user has the runtime call when a thread starts, stops, parks or wakes, and when a task is spawned, polled,
//! waits, is woken or over.
//!
//! | hook | runs | on |
//! | --- | --- | --- |
//! | `on_thread_start`, `on_thread_stop` | first and last thing in a thread of the runtime | machines, threads of the blocking pool |
//! | `on_thread_park`, `on_thread_unpark` | before a machine sleeps, after it got up | machines, `block_on` of a current-thread runtime |
//! | `on_task_spawn` | when the task is made, before anybody can run it | whoever spawns |
//! | `on_before_task_poll`, `on_after_task_poll` | around each poll, outside the task's budget | who polls |
//! | `on_task_block` | after a poll that returned `Pending`, as the task | who polls |
//! | `on_task_wake` | when a wake has made the task runnable | who wakes; who polled, if that was during a poll |
//! | `on_task_terminate` | after the future is gone | who polled it last, or drops it at the end |
//!
//! A task's hooks are called in the order of its life, one after another: spawn, then before, block and wake as often as it
//! waits, then before, after and terminate. Only the *after* of a poll that returned `Pending` may come late, beside or behind
//! what another thread is told of the task's next steps. At rest there are as many blocks as polls that did not end the task,
//! unless an abort met one, and as many wakes as the counters `wakes_local`, `wakes_remote` and `wakes_self` say together.
//!
//! | elsewhere | here |
//! | --- | --- |
//! | Go's tracer: `GoCreate`, `GoStart`, `GoBlock`, `GoUnblock`, `GoDestroy` | `on_task_spawn`, `on_before_task_poll`, `on_task_block`, `on_task_wake`, `on_task_terminate` |
//! | on_spawn, on_poll, on_block, on_wake, on_exit | the same |
//! | on_io_wait, on_io_ready | `on_task_block` with the reason `IoRead` or `IoWrite` and the descriptor, `on_task_wake` by no task |
//! | on_park, on_unpark | `on_thread_park`, `on_thread_unpark` |
//!
//! **What an unset hook costs.** Of a thread hook one branch each time the thread starts, ends or goes to sleep. Of the task
//! hooks together one branch a spawn, one a poll and one a wake, on three flags ([`Watched`]) that are written before the
//! runtime exists, and that share a line with what all three read anyway. What is behind the branch is out of line
//! ([`crate::watched`]). A hook that is set costs its call, through a pointer, and what it does; the way there costs 5 to 10 ns a
//! poll, which is no longer inlined.
//!
//! **A panic of a hook** is the program's bug, and cannot be carried to a joiner. It comes out of `spawn` and out of
//! `block_on` of a current-thread runtime, with the scheduler in order; on a thread of the runtime it ends the process, as a
//! panic of the scheduler itself does.
//!
//! There is no protocol here: hooks are set before the runtime is built, and called by who is at it anyway. What a park hook
//! spawns or wakes finds the machine on the list of sleepers already. Models: `loom-tests/tests/shuttle_hooks.rs`.

use crate::task::{Id, labels};
use crate::wait::WaitReason;
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
    pub(crate) task_block: Option<TaskHook>,
    pub(crate) task_wake: Option<TaskHook>,
    pub(crate) task_terminate: Option<TaskHook>,
}

/// Which ways of a task are watched: whether to leave the fast path of a spawn, a wake or a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Watched {
    /// Somebody wants to know of each spawn.
    pub(crate) spawns: bool,
    /// Somebody wants to know of each run, or how it ended.
    pub(crate) runs: bool,
    /// Somebody wants to know of each wake that makes a task runnable.
    pub(crate) wakes: bool,
    /// Somebody wants to know how long each task waits until it runs.
    pub(crate) latency: bool,
}

impl Hooks {
    /// Whether anything is to be called when a machine sleeps.
    pub(crate) fn on_rest(&self) -> bool {
        self.thread_park.is_some() || self.thread_unpark.is_some()
    }

    /// Whether anything is to be called when a task runs, or at how its run ends.
    pub(crate) fn on_runs(&self) -> bool {
        let of_tasks = [&self.before_poll, &self.after_poll, &self.task_block, &self.task_wake, &self.task_terminate];
        of_tasks.iter().any(|hook| hook.is_some())
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
            ("task_block", self.task_block.is_some()),
            ("task_wake", self.task_wake.is_some()),
            ("task_terminate", self.task_terminate.is_some()),
        ];
        f.debug_set().entries(set.iter().filter(|(_, set)| *set).map(|(name, _)| name)).finish()
    }
}

/// The task that made a task runnable.
#[derive(Clone, Copy, Debug)]
pub(crate) enum By {
    /// None, or it is not known, or not what the hook is told of.
    Nobody,
    /// It spawned it.
    Spawner(Id),
    /// It woke it.
    Waker(Id),
}

/// The task that a hook is told of.
///
/// It may be over by the time that somebody else looks it up: what a hook wants to keep, it copies out of here.
#[derive(Clone, Copy, Debug)]
pub struct TaskMeta<'a> {
    pub(crate) id: Id,
    pub(crate) spawned_at: &'static Location<'static>,
    pub(crate) labelled: bool,
    pub(crate) latency: Option<Duration>,
    /// What it waits for, and the resource, where it waits.
    pub(crate) wait: Option<(WaitReason, u64)>,
    pub(crate) by: By,
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

    /// The task's labels: in `on_task_spawn` those that it has inherited or was given.
    pub fn labels(&self) -> Option<Arc<labels::Set>> {
        if self.labelled { labels::of(self.id) } else { None }
    }

    /// The task that spawned it: in `on_task_spawn`, and if that was a task.
    pub fn spawned_by(&self) -> Option<Id> {
        match self.by {
            By::Spawner(task) => Some(task),
            By::Waker(_) | By::Nobody => None,
        }
    }

    /// The task that woke it, which runs on this thread: in `on_task_wake`. None if a thread did so that runs no task: the
    /// driver, a timer, a thread outside. And if it was woken while it was polled: who did so was not noted then, and is
    /// most often the task itself, which yields.
    pub fn woken_by(&self) -> Option<Id> {
        match self.by {
            By::Waker(task) => Some(task),
            By::Spawner(_) | By::Nobody => None,
        }
    }

    /// What the task waits for: in `on_task_block`.
    pub fn wait_reason(&self) -> Option<WaitReason> {
        self.wait.map(|(reason, _)| reason)
    }

    /// The resource that it waits for, such as a descriptor or another task's id, or 0: in `on_task_block`.
    pub fn wait_resource(&self) -> Option<u64> {
        self.wait.map(|(_, resource)| resource)
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
