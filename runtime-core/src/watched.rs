//! Spawns, runs and ends of tasks in a runtime that somebody watches: with task hooks, with histograms of every poll, or
//! with [`UnhandledPanic::ShutdownRuntime`](crate::runtime::UnhandledPanic).
//!
//! The fast paths ([`crate::submit`], [`crate::worker`]) branch here on a flag that never changes, and know nothing else of
//! all this. What is here may be slow: user code is called, and clocks are read.
//!
//! User code may do anything: spawn, wake, enter a blocking section and lose the processor, panic. So nothing that was true
//! of the thread before a hook is taken to be true after it, and a task is never on the way from one place to another
//! while a hook runs, save that it is in its maker's hands, or in its poller's. The one invariant: **whatever a hook does, the
//! task goes where it would have gone**. A task whose spawn hook panicked is cancelled, because its handle is lost.
//!
//! Nothing is handed from thread to thread here that was not before; what is new is what may happen in between.
//!
//! Models: `loom-tests/tests/shuttle_hooks.rs`.

use crate::abort::AbortOnPanic;
use crate::context::{self, Place};
use crate::coop::{self, Spent};
use crate::runtime::hooks::{By, Hooks, tell};
use crate::runtime::{TaskMeta, UnhandledPanic};
use crate::scheduler::Scheduler;
use crate::sync::{Ordering, broken, spin_loop};
use crate::task::{self, Ending, JoinHandle, Ran, Runnable, Tags};
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::time::Duration;

/// What a task's hooks are told of it, as it was before it could end.
pub(crate) fn meta<'a>(task: &Runnable, latency: Option<Duration>) -> Option<TaskMeta<'a>> {
    let task = task.task();
    task.id().map(|id| TaskMeta {
        id,
        spawned_at: task.site(),
        labelled: task.bits().is_labelled(),
        latency,
        wait: None,
        by: By::Nobody,
        _call: PhantomData,
    })
}

/// A poll has returned `Pending`, and is over only when the task's state says so: a panic of the hook waits for that.
fn tell_of_block(hooks: &Hooks, blocks: Option<TaskMeta<'_>>) -> std::thread::Result<()> {
    match blocks {
        Some(meta) => catch_unwind(AssertUnwindSafe(|| tell(&hooks.task_block, &meta))),
        None => Ok(()),
    }
}

impl Scheduler {
    /// A spawn that somebody watches.
    ///
    /// # Safety
    ///
    /// Future and output may be where this scheduler's tasks run and are dropped.
    #[cold]
    pub(crate) unsafe fn spawn_watched<F>(
        &self,
        future: F,
        tags: Option<&Tags<'_>>,
        site: &'static Location<'static>,
    ) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let mut future = Some(future);
        let made = context::place(self, |place| match place {
            Place::Owner(p) => {
                let future = future.take()?;
                // SAFETY: these are our processor's caches, which nobody else touches.
                let caches = unsafe { p.caches().as_mut() };
                p.counters.spawned_local.inc();
                // SAFETY: the caller's promise.
                Some(unsafe { self.registry.spawn_local(caches, future, site, self.coarse_now()) })
            }
            Place::Batch(..) | Place::Remote => None,
        });
        let (task, join) = match (made, future) {
            (Some(made), _) => made,
            (None, Some(future)) => {
                self.remote().spawned_remote.inc();
                // SAFETY: the caller's promise.
                unsafe { self.registry.spawn_local_remote(future, site, self.coarse_now()) }
            }
            (None, None) => unreachable!("a spawn consumed its future and made no task"),
        };
        if let Some(tags) = tags {
            tags.put_on(task.task());
        }
        // The task is live and in no queue: a shutdown waits for us to put it into one, or to cancel it.
        let told = catch_unwind(AssertUnwindSafe(|| {
            if let Some(meta) = meta(&task, None) {
                tell(
                    &self.config.hooks.task_spawn,
                    &TaskMeta { by: task::try_id().map_or(By::Nobody, By::Spawner), ..meta },
                );
            }
        }));
        if let Err(panic) = told {
            self.cancel_unrun(task);
            resume_unwind(panic);
        }
        if self.config.watched.latency {
            task.task().stamp_ready(self.clock.now());
        }
        self.launch(task);
        join
    }

    /// Cancels a task that has the right to run and is in no queue.
    pub(crate) fn cancel_unrun(&self, task: Runnable) {
        self.remote().cancelled_runs.inc();
        self.cancel_told(task);
        self.remote().aborted.inc();
    }

    /// Cancels a task, of the scheduler's or of the blocking pool's, and says that it is over.
    pub(crate) fn cancel_told(&self, task: Runnable) {
        let meta = meta(&task, None).filter(|_| self.config.hooks.task_terminate.is_some());
        let _ending = task.cancel();
        if let Some(meta) = meta {
            tell(&self.config.hooks.task_terminate, &meta);
        }
    }

    /// Runs a closure of the blocking pool, and says that it is over.
    pub(crate) fn run_closure(&self, task: Runnable) {
        let meta = meta(&task, None).filter(|_| self.config.hooks.task_terminate.is_some());
        // What came of it is its joiner's.
        let ran = task.run();
        debug_assert!(matches!(ran, Ran::Complete(_)), "a closure did not end in its poll");
        if let Some(meta) = meta {
            tell(&self.config.hooks.task_terminate, &meta);
        }
    }

    /// A wake that somebody watches has made a task runnable. Its right to run is the caller's.
    #[cold]
    pub(crate) fn wake_watched(&self, task: &Runnable) {
        self.tell_of_wake(task, task::try_id().map_or(By::Nobody, By::Waker));
    }

    /// A poll that somebody watches, or an observer's, is over in which the task was woken.
    pub(crate) fn woken_in_poll(&self, task: &Runnable) {
        self.tell_of_wake(task, By::Nobody);
    }

    fn tell_of_wake(&self, task: &Runnable, by: By) {
        if self.config.watched.latency {
            task.task().stamp_ready(self.clock.now());
        }
        let Some(meta) = meta(task, None).filter(|_| self.config.hooks.task_wake.is_some()) else { return };
        // Its panic would come out of somebody's `wake`, or be taken for the panic of the task that woke this one.
        let abort = AbortOnPanic::new("a hook that is told of wakes");
        context::outside(|| tell(&self.config.hooks.task_wake, &TaskMeta { by, ..meta }));
        // Not dropped: a wake may come from a destructor while its thread unwinds.
        std::mem::forget(abort);
    }

    /// A run that somebody watches. `ready` is when the task became runnable, if that is known. Also whether the budget cut it
    /// short.
    #[cold]
    pub(crate) fn run_watched(&self, task: Runnable, ready: Option<u64>) -> (Ran, Spent) {
        let hooks = &self.config.hooks;
        let ready = ready.or_else(|| task.task().take_ready_stamp());
        let processor = context::owned_of_scheduler(self).map_or(0, |p| p.id);
        let times = self.config.watched.latency || self.poll_times.is_some();
        let began = if times { self.clock.now() } else { 0 };
        let waited = ready.filter(|_| self.config.watched.latency).map(|ready| began.saturating_sub(ready));
        if let (Some(waited), Some(rows)) = (waited, &self.latencies) {
            rows[processor].record(waited);
        }
        let Some(mut meta) = meta(&task, waited.map(Duration::from_nanos)) else {
            unreachable!("a runnable task has an id");
        };
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| tell(&hooks.before_poll, &meta))) {
            self.inject_one(task);
            resume_unwind(panic);
        }
        let (mut blocks, mut told_of_block) = (None, Ok(()));
        coop::begin();
        let ran = task.run_telling(|task| {
            blocks = Some(TaskMeta { latency: None, wait: Some(task.wait()), ..meta });
            if !broken("task-block-told-late") {
                told_of_block = tell_of_block(hooks, blocks.take());
            }
        });
        let spent = coop::finish();
        if broken("task-block-told-late") {
            // The mutant dawdles, too: the moment is too short for a checker to hit by chance.
            (0..64).for_each(|_| spin_loop());
            told_of_block = tell_of_block(hooks, blocks.take());
        }
        if let Some(rows) = &self.poll_times {
            rows[processor].record(self.clock.now().saturating_sub(began));
        }
        let told = told_of_block.and_then(|()| {
            catch_unwind(AssertUnwindSafe(|| {
                tell(&hooks.after_poll, &meta);
                if let Ran::Complete(_) = ran {
                    meta.latency = None;
                    tell(&hooks.task_terminate, &meta);
                }
            }))
        });
        if let Err(panic) = told {
            self.account_remote(&ran);
            if let Ran::Woken(task) = ran {
                self.inject_one(task);
            }
            resume_unwind(panic);
        }
        match &ran {
            Ran::Woken(task) => self.woken_in_poll(task),
            Ran::Complete(ending) => self.heed(*ending),
            Ran::Idle => {}
        }
        (ran, spent)
    }

    /// Says of a task that has ended in a capture that it has. `meta` is of before.
    pub(crate) fn tell_of_end(&self, meta: Option<TaskMeta<'_>>, ending: Ending) {
        if let Some(meta) = meta {
            tell(&self.config.hooks.task_terminate, &meta);
        }
        self.heed(ending);
    }

    /// A task's panic may be the end of the runtime.
    fn heed(&self, ending: Ending) {
        if ending == Ending::Panicked && self.config.unhandled_panic == UnhandledPanic::ShutdownRuntime {
            // Ordering: Relaxed; `close`, in there, releases it to whoever sees the end.
            self.panicked.store(true, Ordering::Relaxed);
            // A machine is left, and the last of them drains.
            self.shut_down(Some(Duration::ZERO));
        }
    }

    /// The panic of a task ended the runtime.
    pub(crate) fn has_panicked(&self) -> bool {
        // Ordering: Relaxed; asked by who has seen the end.
        self.panicked.load(Ordering::Relaxed)
    }
}
