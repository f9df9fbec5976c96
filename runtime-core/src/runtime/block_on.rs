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
//!
//! The future is no task, and has a record by which observers see it, and by which it is woken: that is [`crate::mains`].

use super::Handle;
use crate::context;
use crate::coop;
use crate::machine::Machine;
use crate::mains::{Bell, Main};
use crate::parker::Parker;
use crate::runtime::Seeds;
use crate::scheduler::Scheduler;
use crate::texts;
use crate::worker::{Errand, Worker};
use std::panic::{Location, resume_unwind};
use std::pin::pin;

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
        let mut outcome = None;
        let future = pin!(future);
        {
            let bell = Bell::Machine(machine.clone(), scheduler.clone());
            let main = scheduler.mains.begin(future, &mut outcome, bell, Location::caller(), scheduler.time.now());
            let turns = scheduler.config.event_interval;
            let mut errand = MainErrand { main, scheduler, turns, left: turns, tasks_first: false };
            // Also when a hook panics.
            let _leaves = Leaves { scheduler, machine: &machine };
            let _guard = context::become_machine(scheduler, &machine);
            Worker::new(scheduler, &machine).run(&mut errand);
        }
        match outcome {
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
        let scheduler = self.scheduler();
        let _planted = scheduler.seeds.as_ref().map(Seeds::plant);
        let mut outcome = None;
        let future = pin!(future);
        let bell = Bell::Parker(Parker::new());
        let mut main = scheduler.mains.begin(future, &mut outcome, bell, Location::caller(), scheduler.time.now());
        while !main.is_done() {
            // Of its own: inside a blocking section there is a task's budget to come back to.
            let (polled, exhausted) =
                coop::with_budget(|| main.poll(|record| record.wait_began(|| scheduler.time.now())));
            if exhausted {
                scheduler.remote().budget_yields.inc();
            }
            if !polled {
                main.sleep();
            }
        }
        drop(main);
        match outcome {
            Some(Ok(output)) => output,
            Some(Err(panic)) => resume_unwind(panic),
            None => unreachable!("a future that is done has come to something"),
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
struct MainErrand<'a> {
    main: Main<'a>,
    scheduler: &'a Scheduler,
    /// How many tasks run before it is looked at again, and how many of them are left.
    turns: u32,
    left: u32,
    /// Whether a task has run and others come before the future.
    tasks_first: bool,
}

impl Errand for MainErrand<'_> {
    fn is_woken(&self) -> bool {
        self.main.is_woken()
    }

    fn let_task_run(&mut self, yielded: impl FnOnce() -> Option<usize>) {
        self.left = self.left.saturating_sub(1);
        if let Some(before) = yielded() {
            self.left = self.left.min(u32::try_from(before).unwrap_or(u32::MAX));
        }
        self.tasks_first = self.left > 0;
    }

    fn is_done(&mut self) -> bool {
        if self.main.is_done() {
            return true;
        }
        if std::mem::take(&mut self.tasks_first) {
            return false;
        }
        self.left = self.turns;
        if !self.main.is_woken() {
            return false;
        }
        let scheduler = self.scheduler;
        coop::begin();
        let _polled = self.main.poll(|record| {
            // Beside the thread that has the processor this one has no clock.
            if context::owned(scheduler).is_none() {
                record.wait_began(|| scheduler.time.now());
            }
        });
        if coop::end() {
            scheduler.remote().budget_yields.inc();
        }
        // It woke itself: it yields.
        if !self.main.is_done() && self.main.is_woken() {
            scheduler.let_events_in();
        }
        self.main.is_done()
    }
}
