//! What a machine does: take the next task, run it, and when there is none search, and when that fails sleep.
//!
//! The order in which work is looked for is Go's `findRunnable`, with the counts in [`crate::policy`]:
//!
//! | step | when | cost when there is nothing |
//! | --- | --- | --- |
//! | the global queue, one task | every 61st run | a load |
//! | the driver, without waiting | every 61st run | a load if somebody sits there |
//! | own timers | a load each run; the real clock every 8th run while there are any | a load |
//! | the next slot | at most 3 times in a row | a load |
//! | the own run queue | | two loads |
//! | the global queue, a fair share | | a load |
//! | the driver, without waiting | before searching | 100 ns |
//! | other processors: queues, then due timers and next slots | while counted as spinning | loads |
//! | linger | the last spinner only | 3 µs |
//! | sleep: in the driver if its seat is free, else on the parker | | |
//!
//! A worker owns its processor only as long as [`crate::context`] says so: a blocking section inside a poll may lose it,
//! and then the worker ends that poll without one (a half-polled future cannot be put back) and looks for another.
//!
//! Who may call: the machine's thread, and `block_on` of a current-thread runtime, which makes its caller a machine.
//!
//! Models: the pieces under loom in `loom-tests/tests/{idle,seat,ownership}.rs`; this loop under shuttle in
//! `loom-tests/tests/shuttle_scheduler.rs` (`fairness_tick_runs_global` among others).

use crate::abort::AbortOnPanic;
use crate::context::{self, Cause};
use crate::coop::{self, Spent};
use crate::counters;
use crate::entered;
use crate::idle::ProcessorId;
use crate::machine::{Gift, Machine};
use crate::owed::Then;
use crate::policy;
use crate::probes;
use crate::processor::{Answer, Owned};
use crate::queue::Chain;
use crate::runtime::{Seeds, hooks};
use crate::scheduler::Scheduler;
use crate::seat::Poller;
use crate::stats::MachineState;
use crate::status::State;
use crate::sync::{Arc, broken, spin_loop};
use crate::task::{Ending, Ran, Runnable, Task};
use std::ptr::NonNull;

/// What a `block_on` caller wants besides running tasks: nothing for the runtime's own machines.
pub(crate) trait Errand {
    /// Does what can be done now; true ends the worker.
    fn is_done(&mut self) -> bool;

    /// A task has run; `yielded` says behind how many queued ones it stands, if it yielded. The turn of those that are queued
    /// comes first, up to a number, but not that of one that has yielded since the errand had its own.
    fn let_task_run(&mut self, yielded: impl FnOnce() -> Option<usize>);

    /// Whether there is something that can be done now.
    fn is_woken(&self) -> bool;
}

/// The runtime's own machines work until the runtime ends.
pub(crate) struct NoErrand;

impl Errand for NoErrand {
    #[inline(always)]
    fn is_done(&mut self) -> bool {
        false
    }

    #[inline(always)]
    fn let_task_run(&mut self, _: impl FnOnce() -> Option<usize>) {}

    #[inline(always)]
    fn is_woken(&self) -> bool {
        false
    }
}

/// A machine at work.
pub(crate) struct Worker<'a> {
    pub(crate) scheduler: &'a Scheduler,
    pub(crate) machine: &'a Machine,
    /// Whether the machine is counted as spinning.
    pub(crate) spinning: bool,
    /// The processor that it owned last.
    pub(crate) home: ProcessorId,
    /// Whether what it is given next wakes it.
    pub(crate) was_asleep: bool,
    /// Whether the task that ran last has yielded.
    yielded: bool,
    /// Next slots that the last spinner watches while it lingers.
    pub(crate) watched: Vec<Watched>,
}

/// A next slot as it was when the last spinner began to linger.
pub(crate) struct Watched {
    pub(crate) victim: ProcessorId,
    pub(crate) task: NonNull<Task>,
    pub(crate) tick: u32,
}

/// Polls a task once; also what it did with its budget.
#[inline(always)]
fn run(task: Runnable) -> (Ran, Spent) {
    coop::begin();
    let ran = task.run();
    (ran, coop::finish())
}

/// What to do next.
enum Step {
    Run(Runnable),
    /// The errand is looked at first.
    Errand,
    Search,
    /// The processor is a spare that is no longer needed.
    Retire,
}

/// The worker ends: its processor, if it has one, goes to another machine or becomes idle.
impl Drop for Worker<'_> {
    fn drop(&mut self) {
        if self.spinning {
            self.spinning = false;
            self.scheduler.idle.stop_spinning();
        }
        if let Some(p) = context::owned(self.scheduler) {
            let id = p.id;
            self.give_up(p);
            if self.scheduler.shutdown.is_closed() {
                self.scheduler.idle.release(id);
            } else {
                self.scheduler.hand_off(id);
            }
        } else {
            // It may have been the one who sat in the driver. No model needs this: whoever left the seat has looked at the
            // idle processors after that, and an idler looks at the seat after it gave its processor up. It costs a fence
            // for each thread that ends.
            self.scheduler.keep_seat_taken();
        }
    }
}

/// Why a worker sleeps no longer.
pub(crate) enum Awake {
    /// It owns a processor again.
    Processor,
    /// Its errand is done, or the runtime ends, or its thread is no longer needed.
    Leave,
}

impl<'a> Worker<'a> {
    /// A machine without a processor.
    pub(crate) fn new(scheduler: &'a Scheduler, machine: &'a Machine) -> Self {
        Self { scheduler, machine, spinning: false, home: 0, was_asleep: false, yielded: false, watched: Vec::new() }
    }

    /// The body of a machine's thread.
    pub(crate) fn run_thread(scheduler: Arc<Scheduler>, machine: Arc<Machine>, gift: Gift) {
        let _abort = AbortOnPanic::new("a machine");
        let _entered = entered::enter(&scheduler);
        let _planted = scheduler.seeds.as_ref().map(Seeds::plant);
        machine.started();
        hooks::call(&scheduler.config.hooks.thread_start);
        {
            let _guard = context::become_machine(&scheduler, &machine);
            let mut worker = Worker::new(&scheduler, &machine);
            let _task = worker.accept(gift);
            worker.run(&mut NoErrand);
        }
        scheduler.machine_ends(&machine);
        // After the drain, if that was ours: what it drops may use what the hook takes down. The thread is waited for.
        hooks::call(&scheduler.config.hooks.thread_stop);
    }

    /// Works until the errand is done or the runtime ends. The machine owns no processor afterwards.
    pub(crate) fn run(&mut self, errand: &mut impl Errand) {
        // Before the errand is looked at for the first time: what it spawns and wakes should find a processor.
        if context::owned(self.scheduler).is_none()
            && let Some(p) = self.scheduler.idle.take_processor(None)
        {
            self.acquire(p);
        }
        loop {
            if errand.is_woken()
                && let Some(p) = context::owned(self.scheduler)
            {
                // Whoever looks while the errand is at work must not take it for the task that ran before.
                p.clear_current();
            }
            if errand.is_done() || self.scheduler.shutdown.is_closed() {
                return;
            }
            let Some(p) = context::owned(self.scheduler) else {
                match self.sleep_without_processor(errand) {
                    Awake::Processor => continue,
                    Awake::Leave => return,
                }
            };
            let awake = match self.next(p, errand) {
                Step::Run(task) => {
                    if !self.execute(p, task) {
                        return;
                    }
                    errand.let_task_run(|| self.take_yield());
                    continue;
                }
                Step::Errand => continue,
                // Nothing is queued, and the errand is not done: its turn again.
                Step::Search if errand.is_woken() => continue,
                Step::Search => match self.search(p) {
                    Some(task) => {
                        if !self.execute(p, task) {
                            return;
                        }
                        errand.let_task_run(|| self.take_yield());
                        continue;
                    }
                    None => self.go_idle(p, errand),
                },
                Step::Retire => {
                    self.retire(p);
                    continue;
                }
            };
            if let Awake::Leave = awake {
                return;
            }
        }
    }

    /// Takes what the machine was given when it was woken; the task if one came with it.
    pub(crate) fn accept(&mut self, gift: Gift) -> Option<Runnable> {
        let p = self.acquire(gift.processor);
        // A machine whose thread has just started was not woken.
        p.local().fresh_wake.set(gift.spinning && self.was_asleep);
        self.was_asleep = true;
        self.spinning = gift.spinning;
        gift.task
    }

    /// The machine owns `processor` from here on.
    pub(crate) fn acquire(&mut self, processor: ProcessorId) -> Owned<'a> {
        self.home = processor;
        self.scheduler.take_over(&self.scheduler.processors[processor], self.machine)
    }

    /// The machine owns `p` no longer; what becomes of it is the caller's business.
    pub(crate) fn give_up(&mut self, p: Owned<'_>) {
        p.clear_current();
        p.set_machine(None);
        self.machine.set_processor(None);
        self.scheduler.rested(p.processor());
        context::disown();
        p.status.set(State::Idle);
    }

    #[inline]
    fn next(&mut self, p: Owned<'_>, errand: &impl Errand) -> Step {
        let scheduler = self.scheduler;
        match p.answer_requests() {
            Answer::GoOn => {}
            Answer::Retire => return Step::Retire,
            Answer::LookGlobal => {
                if let Some(task) = self.take_global(p, policy::GLOBAL_BATCH) {
                    return Step::Run(task);
                }
            }
        }
        let local = p.local();
        match local.until_global.get() {
            0 => {
                local.until_global.set(scheduler.config.global_interval.saturating_sub(1));
                if !broken("queue-global-never-first")
                    && let Some(task) = self.take_global(p, 1)
                {
                    return Step::Run(task);
                }
            }
            left => local.until_global.set(left - 1),
        }
        match local.until_events.get() {
            0 => {
                local.until_events.set(scheduler.config.event_interval.saturating_sub(1));
                let waited = !errand.is_woken();
                self.poll_driver(p);
                if waited && errand.is_woken() {
                    // An event was for the errand, whose turn is before the tasks'.
                    return Step::Errand;
                }
            }
            left => local.until_events.set(left - 1),
        }
        let due = p.timers.min_when();
        if due != u64::MAX {
            let exact = p.tick().is_multiple_of(policy::TIMER_INTERVAL);
            let now = if exact { scheduler.read_clock() } else { scheduler.coarse_now() };
            if due <= now {
                self.fire_timers(p, now);
            }
        }
        if let Some(task) = self.take_next(p) {
            return Step::Run(task);
        }
        if let Some(task) = p.pop() {
            local.streak.set(0);
            return Step::Run(task);
        }
        match self.take_global(p, policy::GLOBAL_BATCH) {
            Some(task) => Step::Run(task),
            None => Step::Search,
        }
    }

    /// Behind how many queued tasks the one stands that ran last, if it yielded.
    fn take_yield(&mut self) -> Option<usize> {
        if !std::mem::take(&mut self.yielded) {
            return None;
        }
        let p = context::owned(self.scheduler)?;
        Some((p.ring.len() as usize + self.scheduler.injector.len()).saturating_sub(1))
    }

    /// The task in the next slot, unless its turn at the head of the queue is over.
    #[inline]
    fn take_next(&mut self, p: Owned<'_>) -> Option<Runnable> {
        let task = p.take_next()?;
        let local = p.local();
        let streak = local.streak.get();
        if streak < self.scheduler.config.next_slot_cap || p.ring.is_empty() {
            local.streak.set(streak.saturating_add(1));
            p.counters.next_take.inc();
            return Some(task);
        }
        // To the tail: whatever waits in the queue runs first. Quietly, because the queue is what runs now.
        local.streak.set(0);
        p.counters.next_capped.inc();
        p.counters.next_kicked.inc();
        self.scheduler.enqueue_quietly(p, task);
        None
    }

    /// A fair share of the global queue, at most `most` tasks: one to run, the rest into our queue.
    pub(crate) fn take_global(&self, p: Owned<'_>, most: usize) -> Option<Runnable> {
        let scheduler = self.scheduler;
        let waiting = scheduler.injector.len();
        if waiting == 0 {
            return None;
        }
        let share = (waiting / scheduler.config.processors + 1).min(most);
        let mut batch = scheduler.injector.take(share);
        p.counters.global_pops.add(batch.len() as u64);
        // SAFETY: what is in the global queue was put there with the right to run it.
        let first = batch.pop_front().map(|task| unsafe { Runnable::from_raw(task) });
        if batch.is_empty() {
            return first;
        }
        let announced = !broken("idle-share-unannounced");
        if !announced {
            // The mutant dawdles, too: the moment is too short for a checker to hit by chance.
            (0..64).for_each(|_| spin_loop());
        }
        p.push_chain(&mut batch);
        if !batch.is_empty() {
            p.counters.global_pushes.add(batch.len() as u64);
            scheduler.injector.push(batch);
        }
        // The others were in no queue for a moment: whoever looked then, before it went to sleep, has not seen them. One fence
        // for each share that is more than a task.
        if announced {
            scheduler.tell_of_queue(p);
        }
        first
    }

    /// Looks for events without waiting, unless somebody sits in the driver.
    pub(crate) fn poll_driver(&self, p: Owned<'_>) {
        self.poll_driver_of(p, self.scheduler.seat.poller_of(p.id));
    }

    /// The same in any poll; what it makes runnable goes to `p`. Whether it looked.
    pub(crate) fn poll_driver_of(&self, p: Owned<'_>, poller: &Poller) -> bool {
        let scheduler = self.scheduler;
        let Some(mut polling) = poller.try_take() else { return false };
        let now = scheduler.read_clock();
        let mut batch = Chain::new();
        let turn = context::collect(&mut batch, Cause::Outside, || polling.look(now));
        // The poll first, see the essay of the seat.
        drop(polling);
        p.counters.driver_turns.inc();
        scheduler.account_turn(&turn, |turn| {
            p.counters.io_events.add(turn.events as u64);
            p.counters.io_useful.add(turn.useful as u64);
        });
        scheduler.enqueue_batch(p, batch);
        true
    }

    /// Fires our own due timers.
    fn fire_timers(&self, p: Owned<'_>, now: u64) {
        let mut batch = Chain::new();
        let fired =
            context::collect(&mut batch, Cause::Outside, || p.timers.fire(now, self.scheduler.timers_per_turn()));
        probes::timer_fire(|| [p.id as u64, fired.count as u64]);
        p.counters.timers_fired.add(fired.count as u64);
        self.scheduler.enqueue_batch(p, batch);
    }

    /// Runs one task. False ends the machine: the task was locked to it and ended so.
    fn execute(&mut self, p: Owned<'_>, task: Runnable) -> bool {
        if self.spinning {
            self.stop_spinning(p);
        }
        if task.task().is_locked() && !self.is_locked_to(&task) {
            self.pass_to_locked_machine(p, task);
            return true;
        }
        let ended = self.poll(p, task);
        self.machine.locked() == 0 || self.stay_with_locked_task(ended)
    }

    /// Polls one task, and puts it where it goes next. True if it ended.
    pub(crate) fn poll(&mut self, p: Owned<'_>, task: Runnable) -> bool {
        let scheduler = self.scheduler;
        p.local().fresh_wake.set(false);
        let mut ready = None;
        if counters::ENABLED {
            ready = self.sample(p, &task);
            task.task().annex().count_run(p.id);
        }
        p.begin(NonNull::from(task.task()));
        let (ran, spent) = if scheduler.config.watched.runs { scheduler.run_watched(task, ready) } else { run(task) };
        // The poll may have lost the processor in a blocking section, or have another one now.
        let mut p = context::owned(scheduler);
        if !broken("owner-debt-kept-by-poll") && p.is_some_and(|p| scheduler.settle(p, Then::RunsNext)) {
            p = context::owned(scheduler);
        }
        match p {
            Some(p) => {
                // Two stores for a poll that came to a leaf, none for one that only computes: the branches are cheaper than they.
                if spent != Spent::default() {
                    p.counters.leaf_polls.add(spent.ready + spent.vain);
                    p.counters.leaf_ready.add(spent.ready);
                    if spent.yielded {
                        p.counters.budget_yields.inc();
                    }
                }
                self.account(p, &ran);
            }
            None => scheduler.account_remote(&ran),
        }
        match ran {
            Ran::Idle => false,
            Ran::Complete(_) => true,
            Ran::Woken(task) => {
                self.yielded = true;
                match p {
                    Some(p) if p.ring.is_empty() && p.next.peek().is_none() => {
                        if scheduler.injector.is_empty() {
                            // Nobody needs to hear of it if it is alone here: we run it next.
                            scheduler.enqueue_quietly(p, task);
                            if scheduler.yields_to_driver() {
                                p.local().until_events.set(0);
                            }
                        } else {
                            // Alone here, but others wait in the global queue: it stands in line behind them, as in Go's
                            // Gosched. In our queue it would run 61 times before the first of them did.
                            scheduler.inject_one(task);
                        }
                    }
                    Some(p) => scheduler.enqueue(p, task),
                    None => scheduler.inject_one(task),
                }
                false
            }
        }
    }

    /// A run begins: starts its timing if it is one to be timed, and tells how long its task waited if that was stamped.
    /// When that was.
    #[inline]
    fn sample(&self, p: Owned<'_>, task: &Runnable) -> Option<u64> {
        let sampler = &p.local().sampler;
        let stamped = task.task().take_ready_stamp();
        let timed = sampler.count();
        if !timed && stamped.is_none() {
            return None;
        }
        let now = self.scheduler.clock.now();
        if let Some(ready) = stamped {
            p.sched_delay.record(now.saturating_sub(ready));
        }
        if timed {
            sampler.begin(now);
        }
        stamped
    }

    #[inline]
    fn account(&self, p: Owned<'_>, ran: &Ran) {
        let counters = &p.counters;
        counters.polls.inc();
        match ran {
            Ran::Idle => {}
            Ran::Woken(_) => counters.wakes_self.inc(),
            Ran::Complete(Ending::Returned) => counters.completed.inc(),
            Ran::Complete(Ending::Aborted) => counters.aborted.inc(),
            Ran::Complete(Ending::Panicked) => counters.panicked.inc(),
        }
        if counters::ENABLED
            && let Some(began) = p.local().sampler.began()
        {
            self.end_sample(p, began, ran);
        }
    }

    #[cold]
    fn end_sample(&self, p: Owned<'_>, began: u64, ran: &Ran) {
        let now = self.scheduler.clock.now();
        let took = now.saturating_sub(began);
        let stands_for = p.local().sampler.end(took);
        p.poll_time.record_many(took, stands_for);
        let stands_for_ns = took * stands_for * u64::from(policy::SAMPLING);
        p.counters.busy_ns.add(stands_for_ns);
        if let Ran::Woken(task) = ran
            && !self.scheduler.config.watched.latency
        {
            // It was woken while it ran, as by a yield, and waits for its turn from here on.
            task.task().stamp_ready(now);
        }
        if !matches!(ran, Ran::Complete(_))
            && let Some(task) = p.current()
        {
            // SAFETY: records are never freed.
            unsafe { task.as_ref() }.annex().add_busy(stands_for_ns);
        }
        if took > self.scheduler.config.slice.as_nanos() as u64 {
            p.counters.slices_over.inc();
        }
    }

    /// A search has ended with a find: the last spinner makes sure that somebody searches for the rest.
    pub(crate) fn stop_spinning(&mut self, p: Owned<'_>) {
        self.spinning = false;
        self.machine.set_doing(MachineState::Running);
        let scheduler = self.scheduler;
        let wake = scheduler.idle.found(scheduler.may_start_machines(), || scheduler.work_visible());
        scheduler.wake(wake, Some(p));
    }

    /// The spare processor is no longer needed: its work goes to the global queue, and it out of use.
    fn retire(&mut self, p: Owned<'_>) {
        let scheduler = self.scheduler;
        let mut batch = Chain::new();
        if !broken("owner-retire-strands")
            && let Some(task) = p.take_next()
        {
            p.counters.next_kicked.inc();
            // SAFETY: the right to run it moves into the batch.
            unsafe { batch.push_back(task.into_raw()) };
        }
        while let Some(task) = p.pop() {
            // SAFETY: as above.
            unsafe { batch.push_back(task.into_raw()) };
        }
        p.withdraw_requests();
        p.counters.global_pushes.add(batch.len() as u64);
        if self.spinning {
            self.spinning = false;
            scheduler.idle.stop_spinning();
        }
        let spare = p.processor();
        self.give_up(p);
        scheduler.spare_retired(spare);
        if !batch.is_empty() {
            scheduler.injector.push(batch);
        }
        scheduler.wake(scheduler.idle.submitted(scheduler.may_start_machines()), None);
    }
}
