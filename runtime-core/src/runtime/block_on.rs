//! `block_on`: a thread of the user's drives one future.
//!
//! On a multi-thread runtime the thread polls the future and parks in between; tasks run on the machines. On a
//! current-thread runtime the caller *becomes the machine* of the one processor, with the future as its errand: the
//! worker's loop polls the errand when it was woken, and runs tasks in between: all that are queued, up to a task that has
//! yielded since, or as many as lie between two looks at the driver (`event_interval`), before the errand has its turn again.
//! So a future that spawns or wakes a few tasks and yields finds that each has run, and takes turns with one that only
//! yields: tokio's order, on which programs of one thread rely, tests above all. A second
//! caller finds the processor taken; it polls its own future, sleeps on the list of machines, and inherits the processor when
//! the first one leaves.

use super::Handle;
use crate::context;
use crate::coop;
use crate::machine::Machine;
use crate::parker::{Parker, Unparked};
use crate::runtime::{Seeds, Shared};
use crate::scheduler::Scheduler;
use crate::sync::{Arc, AtomicBool, Ordering};
use crate::texts;
use crate::worker::{Errand, Worker};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Wake, Waker};

/// This thread drives a future from here on, until the guard is dropped.
#[track_caller]
fn drive() -> context::Driving {
    assert!(!context::is_driving(), "{}", texts::NESTED);
    context::set_driving(true)
}

impl Handle {
    /// `block_on` as the runtime does it: the caller of a current-thread runtime becomes its machine.
    #[track_caller]
    pub(super) fn block_on_here<F: Future>(&self, future: F) -> F::Output {
        if self.scheduler().may_start_machines() {
            return self.block_on_outside(future);
        }
        let _driving = drive();
        let _entered = self.enter();
        let scheduler = self.shared();
        let _planted = scheduler.seeds.as_ref().map(Seeds::plant);
        let Some(machine) = scheduler.machines.add(usize::MAX) else {
            unreachable!("no limit was given");
        };
        machine.started();
        let _first = scheduler.is_senior(&machine);
        let main = std::sync::Arc::new(MainWaker {
            woken: AtomicBool::new(true),
            machine: machine.clone(),
            scheduler: scheduler.clone(),
        });
        let waker = Waker::from(main.clone());
        let turns = scheduler.config.event_interval;
        let mut errand =
            Main { future: pin!(future), main, waker, turns, left: turns, tasks_first: false, output: None };
        {
            // Also when a hook panics.
            let _leaves = Leaves { scheduler, machine: &machine };
            let _guard = context::become_machine(scheduler, &machine);
            Worker::new(scheduler, &machine).run(&mut errand);
        }
        match errand.output {
            Some(Ok(output)) => output,
            Some(Err(panic)) => resume_unwind(panic),
            None if scheduler.has_panicked() => panic!("{}", texts::UNHANDLED_PANIC),
            None => panic!("the runtime was shut down while `block_on` ran"),
        }
    }

    /// `block_on` beside the machines.
    #[track_caller]
    pub(super) fn block_on_outside<F: Future>(&self, future: F) -> F::Output {
        let _driving = drive();
        let _entered = self.enter();
        let _planted = self.scheduler().seeds.as_ref().map(Seeds::plant);
        let parked = std::sync::Arc::new(ThreadWaker(Parker::new()));
        let waker = Waker::from(parked.clone());
        let mut cx = Context::from_waker(&waker);
        let mut future = pin!(future);
        loop {
            // Of its own: inside a blocking section there is a task's budget to come back to.
            let (polled, exhausted) = coop::with_budget(|| future.as_mut().poll(&mut cx));
            if exhausted {
                self.scheduler().remote().budget_yields.inc();
            }
            match polled {
                Poll::Ready(output) => return output,
                Poll::Pending => parked.0.park(),
            }
        }
    }
}

/// The thread that was a machine goes on without the runtime when this is dropped.
struct Leaves<'a> {
    scheduler: &'a Scheduler,
    machine: &'a Machine,
}

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        self.scheduler.caller_leaves(self.machine);
    }
}

/// The future of a `block_on` that runs tasks.
struct Main<'a, F: Future> {
    future: Pin<&'a mut F>,
    main: std::sync::Arc<MainWaker>,
    waker: Waker,
    /// How many tasks run before it is looked at again, and how many of them are left.
    turns: u32,
    left: u32,
    /// Whether a task has run and others come before the future.
    tasks_first: bool,
    /// What the future came to; its panic must not unwind through the worker.
    output: Option<std::thread::Result<F::Output>>,
}

impl<F: Future> Errand for Main<'_, F> {
    fn is_woken(&self) -> bool {
        // Ordering: Relaxed; a hint, the exchange in `is_done` acquires.
        self.main.woken.load(Ordering::Relaxed)
    }

    fn let_task_run(&mut self, yielded: impl FnOnce() -> Option<usize>) {
        self.left = self.left.saturating_sub(1);
        if let Some(before) = yielded() {
            self.left = self.left.min(u32::try_from(before).unwrap_or(u32::MAX));
        }
        self.tasks_first = self.left > 0;
    }

    fn is_done(&mut self) -> bool {
        if self.output.is_some() {
            return true;
        }
        if std::mem::take(&mut self.tasks_first) {
            return false;
        }
        self.left = self.turns;
        // Ordering: Acquire pairs with the Release in `wake_by_ref`: the poll sees what the waker did before. A swap,
        // because a wake between a load and a store would be lost.
        if !self.main.woken.load(Ordering::Relaxed) || !self.main.woken.swap(false, Ordering::Acquire) {
            return false;
        }
        coop::begin();
        let mut cx = Context::from_waker(&self.waker);
        let polled = catch_unwind(AssertUnwindSafe(|| self.future.as_mut().poll(&mut cx)));
        if coop::end() {
            self.main.scheduler.remote().budget_yields.inc();
        }
        self.output = match polled {
            Ok(Poll::Ready(output)) => Some(Ok(output)),
            Ok(Poll::Pending) => None,
            Err(panic) => Some(Err(panic)),
        };
        // It woke itself: it yields.
        if self.output.is_none() && self.is_woken() {
            self.main.scheduler.let_events_in();
        }
        self.output.is_some()
    }
}

/// Wakes the future of a `block_on` that runs tasks.
struct MainWaker {
    woken: AtomicBool,
    machine: Arc<Machine>,
    scheduler: Shared,
}

impl Wake for MainWaker {
    fn wake(self: std::sync::Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &std::sync::Arc<Self>) {
        // Ordering: Release pairs with the Acquire in `is_done`.
        if !self.woken.swap(true, Ordering::Release) {
            self.scheduler.rouse(&self.machine);
        }
    }
}

/// Wakes a thread that blocks on a future beside the machines.
struct ThreadWaker(Parker);

impl Wake for ThreadWaker {
    fn wake(self: std::sync::Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &std::sync::Arc<Self>) {
        let here = self.0.unpark();
        debug_assert_eq!(here, Unparked::Here, "a thread that blocks on a future sleeps on its own parker");
    }
}
