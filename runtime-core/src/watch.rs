//! The one thread without a processor that watches the others: the insurance against every orphan.
//!
//! A wake may sit in a next slot behind a poll that computes, a blocking section may last, nobody may be in the driver,
//! a timer may be due on a processor that is stuck. None of that is worth a check on the hot path; all of it is worth a
//! look by somebody who is never busy. Go has one and bounds an orphan by 10 ms; tokio has none. Ours looks every 20 µs
//! while it finds something, backs off to half a millisecond, and confirms what it suspects 50 µs later, so the bound is
//! well below a millisecond on an idle core. It sleeps until it is woken once every processor has been idle for 50 ms, and costs an
//! idle process nothing.
//!
//! | each round it sees | and does |
//! | --- | --- |
//! | a processor in the same blocking section as last round, and work, or nobody searching | takes it and hands it off |
//! | one that runs the same poll, its next slot full, and an idle processor | opens the slot to thieves and wakes one |
//! | one that runs the same poll, or is idle while nobody is in the driver, with due timers | fires them |
//! | one that runs the same poll, which [owes](crate::owed) something | settles it |
//! | the global queue not empty, as last round, and every processor busy | asks each to take its share of it now |
//! | nobody in the driver since the last round | polls it |
//! | one that runs the same poll for longer than the slice | records a long poll |
//! | and work waits, and no processor is idle | starts a spare processor, which retires when that poll ends |
//!
//! Rounds read relaxed words that the processors write anyway; only what it *does* writes to their lines.
//!
//! Rejected: retaking a processor from undeclared user code by `membarrier`, for now: the seam is [`Status`], whose owner
//! could give up its plain stores, but a spare processor gets the same throughput without a second protocol.
//!
//! [`Status`]: crate::status::Status
//!
//! Models: `syscall_exit_vs_retake` and `spare_p_retires_without_stranding` in `loom-tests/tests/ownership.rs`.

use crate::abort::AbortOnPanic;
use crate::context::{self, Cause};
use crate::idle::ProcessorId;
use crate::policy;
use crate::probes;
use crate::processor::Processor;
use crate::queue::Chain;
use crate::scheduler::Scheduler;
use crate::seat::{Poller, Sitter};
use crate::status::{Seen, State};
use crate::sync::{Arc, broken, thread};
use crate::sysmon::LongPoll;
use std::io;
use std::time::Duration;

/// Starts the thread that watches `scheduler`.
pub(crate) fn start(scheduler: &Arc<Scheduler>) -> io::Result<()> {
    let watched = scheduler.clone();
    let thread = thread::Builder::new().name("gumption-sysmon".to_owned()).spawn(move || Watch::new(&watched).run())?;
    scheduler.sysmon.started(thread);
    Ok(())
}

/// What sysmon remembers of one processor.
#[derive(Debug, Clone, Default)]
struct Memory {
    tick: u32,
    /// Since when it has stood at `tick` with a task, ns; 0 if it does not stand.
    since: u64,
    blocked: Option<(Seen, u64)>,
    recorded: bool,
    /// The spare that was started because of it.
    spare: Option<ProcessorId>,
}

/// What sysmon does and remembers. Its thread owns one; a model, which has no time, makes its own and takes the rounds.
#[derive(Debug)]
pub struct Watch<'a> {
    scheduler: &'a Scheduler,
    memory: Vec<Memory>,
    /// Rounds in which there was nothing to do.
    fruitless: u32,
    delay: Duration,
    /// Since when all processors have been idle, ns.
    all_idle_since: Option<u64>,
    /// Whether this round saw something that the next one should confirm soon.
    suspects: bool,
    /// Whether tasks waited in the global queue in the last round, while every processor was busy.
    global_waited: bool,
}

impl<'a> Watch<'a> {
    /// A sysmon that has seen nothing yet.
    pub(crate) fn new(scheduler: &'a Scheduler) -> Self {
        precise_sleep();
        Self {
            scheduler,
            memory: vec![Memory::default(); scheduler.processors.len()],
            fruitless: policy::SYSMON_EAGER_ROUNDS,
            delay: policy::SYSMON_MIN,
            all_idle_since: None,
            suspects: false,
            global_waited: false,
        }
    }

    fn run(mut self) {
        let _abort = AbortOnPanic::new("sysmon");
        while !self.scheduler.shutdown.is_closed() {
            let now = self.scheduler.read_clock();
            if self.round(now) {
                self.fruitless = 0;
                self.delay = policy::SYSMON_MIN;
            } else {
                self.fruitless = self.fruitless.saturating_add(1);
                if self.fruitless > policy::SYSMON_EAGER_ROUNDS {
                    self.delay = (self.delay * 2).min(policy::SYSMON_MAX);
                }
            }
            if !self.scheduler.all_idle() {
                self.all_idle_since = None;
            } else if now.saturating_sub(*self.all_idle_since.get_or_insert(now))
                > policy::SYSMON_DEEP_AFTER.as_nanos() as u64
            {
                if self.scheduler.seat.leaves_sources_unwatched() {
                    // Whoever is woken finds nothing to run and sleeps there. If nobody sleeps, it is up to us.
                    self.scheduler.keep_seat_taken();
                    self.all_idle_since = None;
                } else {
                    self.sleep_deeply();
                    continue;
                }
            }
            let nap = if self.suspects { self.delay.min(policy::SYSMON_CONFIRM) } else { self.delay };
            self.scheduler.sysmon.nap(nap);
        }
    }

    /// Sleeps until a processor is taken.
    fn sleep_deeply(&mut self) {
        let sysmon = &self.scheduler.sysmon;
        self.leave_driver();
        sysmon.sleep_until_woken(|| self.scheduler.all_idle() && !self.scheduler.shutdown.is_closed());
        self.all_idle_since = None;
        self.back_off_soon();
    }

    /// Comes before each sleep without end: while it was awake, it stood in for a sitter.
    pub fn leave_driver(&self) {
        if !broken("seat-unkept-by-sysmon") {
            self.scheduler.keep_seat_taken();
        }
    }

    /// Nothing is known to be amiss: from the shortest sleep straight to the longest.
    fn back_off_soon(&mut self) {
        self.fruitless = policy::SYSMON_EAGER_ROUNDS;
        self.delay = policy::SYSMON_MIN;
    }

    /// Looks at everything once, at the time `now` (ns); true if there was something to do.
    pub fn round(&mut self, now: u64) -> bool {
        let scheduler = self.scheduler;
        let mut did = false;
        self.suspects = false;
        for p in &scheduler.processors {
            let memory = &mut self.memory[p.id];
            let moved = memory.look(p, now);
            if p.standing_since().unwrap_or(0) != memory.since {
                p.note_standing(memory.since);
            }
            if moved && let Some(spare) = memory.spare.take() {
                scheduler.processors[spare].ask_to_retire();
            }
            // A spare that is idle retires here; a busy one when its machine gets round to it.
            if p.is_to_retire() && scheduler.idle.withdraw(p.id) {
                p.withdraw_requests();
                scheduler.spare_retired(p);
            }
            did |= match p.status.state() {
                State::Blocked => self.blocked(p, now),
                State::Running if self.memory[p.id].since != 0 => self.standing(p, now),
                // The timers of an idle processor, and of a retired spare, are the sitter's.
                State::Idle | State::Spare if scheduler.seat.sitter() == Sitter::Nobody => self.fire_due(p, now),
                State::Idle | State::Running | State::Spare => false,
            };
        }
        did |= self.poll_drivers(now);
        self.remind_of_global_queue();
        did
    }

    /// Tasks that wait in the global queue while every processor has enough of its own are served once in 61 runs, which
    /// is long when runs are. Not counted as something done: it happens all the time when the global queue is in use.
    fn remind_of_global_queue(&mut self) {
        let scheduler = self.scheduler;
        let waits = !scheduler.injector.is_empty() && scheduler.idle.idle() == 0;
        if waits && self.global_waited && scheduler.config.global_rescue {
            let running = scheduler.processors.iter().filter(|p| p.status.state() == State::Running);
            running.for_each(Processor::ask_to_look_global);
        }
        self.global_waited = waits;
    }

    /// A processor in a blocking section: takes it if the section lasts and somebody could use it.
    fn blocked(&mut self, p: &Processor, now: u64) -> bool {
        let scheduler = self.scheduler;
        let memory = &mut self.memory[p.id];
        let Some(seen) = p.status.blocked() else { return false };
        if !scheduler.config.retake {
            return false;
        }
        let own = p.has_queued() || p.next.peek().is_some() || p.timers.min_when() <= now;
        let needed = own || !scheduler.injector.is_empty();
        let since = match memory.blocked {
            Some((before, since)) if before == seen => since,
            _ => {
                memory.blocked = Some((seen, now));
                self.suspects |= needed;
                return false;
            }
        };
        // Nobody searches and nobody is idle: it is as good as the last one.
        let last = scheduler.idle.idle() == 0 && scheduler.idle.spinning() == 0;
        let long = now.saturating_sub(since) > scheduler.config.slice.as_nanos() as u64;
        if !(needed || last || long) {
            return false;
        }
        // While the two are still together. If the section has ended meanwhile it is not true, and not taken for it.
        if let (Some(machine), Some(task)) = (p.machine(), p.current()) {
            scheduler.machines.get(machine).note_held(task);
        }
        if !p.status.retake(seen) {
            return false;
        }
        memory.blocked = None;
        p.counters.retakes.inc();
        probes::retake(|| [p.id as u64]);
        let mut batch = Chain::new();
        scheduler.fire_timers_into(&mut batch, p, now);
        scheduler.hand_off(p.id);
        scheduler.inject_batch(batch);
        true
    }

    /// A processor that has run the same poll since an earlier round.
    fn standing(&mut self, p: &Processor, now: u64) -> bool {
        let scheduler = self.scheduler;
        let lasted = now.saturating_sub(self.memory[p.id].since);
        let waiting = p.next.peek().is_some();
        if lasted == 0 {
            self.suspects |= waiting && scheduler.idle.idle() > 0;
            return false;
        }
        let mut did = self.fire_due(p, now);
        did |= !broken("owner-debt-kept-by-sysmon") && scheduler.settle_for(&p.debt);
        if waiting && scheduler.config.next_slot_rescue && scheduler.idle.idle() > 0 {
            // Also if it is open already: a thief that was woken for it may have looked too early.
            p.open_slot();
            scheduler.wake(scheduler.idle.submitted(true), None);
            did = true;
        }
        if lasted >= scheduler.config.slice.as_nanos() as u64 {
            did |= self.long_poll(p, now, lasted);
        }
        did
    }

    /// A poll that has outlasted its slice: records it, and starts a spare processor if work waits for one.
    fn long_poll(&mut self, p: &Processor, now: u64, lasted: u64) -> bool {
        let scheduler = self.scheduler;
        let memory = &mut self.memory[p.id];
        if !memory.recorded {
            memory.recorded = true;
            p.counters.long_polls.inc();
        }
        // SAFETY: records are never freed; if it is another task's by now, the tick below says so.
        let task = p.current().map(|task| unsafe { task.as_ref() });
        if let Some((id, site)) = task.and_then(|task| Some((task.id()?, task.site())))
            && p.tick() == memory.tick
        {
            scheduler.sysmon.record(LongPoll {
                task: id.as_u64(),
                spawned_at: Some(site),
                processor: p.id,
                thread_id: p.machine().map_or(0, |m| scheduler.machines.get(m).thread_id()),
                lasted: Duration::from_nanos(lasted),
                at_ns: now - lasted,
            });
        }
        let waiting = scheduler.work_visible() || p.next.peek().is_some();
        if memory.spare.is_some() || !waiting || scheduler.idle.idle() > 0 {
            return false;
        }
        let Some(spare) = scheduler.take_spare() else { return false };
        memory.spare = Some(spare);
        p.counters.spare_starts.inc();
        if scheduler.config.next_slot_rescue {
            p.open_slot();
        }
        scheduler.start_with(spare);
        true
    }

    /// Fires the due timers of a processor that does not get round to it.
    fn fire_due(&self, p: &Processor, now: u64) -> bool {
        if !self.scheduler.config.timer_steal || p.timers.min_when() > now {
            return false;
        }
        let mut batch = Chain::new();
        self.scheduler.fire_timers_into(&mut batch, p, now);
        let fired = !batch.is_empty();
        self.scheduler.inject_batch(batch);
        fired
    }

    /// Looks for events in every poll that nobody has looked into since the last round.
    fn poll_drivers(&self, now: u64) -> bool {
        let mut found = false;
        for poller in self.scheduler.seat.pollers() {
            found |= self.poll_driver(poller, now);
        }
        found
    }

    fn poll_driver(&self, poller: &Poller, now: u64) -> bool {
        let scheduler = self.scheduler;
        if !scheduler.config.driver_rescue {
            return false;
        }
        if now.saturating_sub(poller.last_turn()) < policy::SYSMON_MAX.as_nanos() as u64 {
            return false;
        }
        let Some(mut polling) = poller.try_take() else { return false };
        let mut batch = Chain::new();
        let turn = context::collect_for(scheduler, &mut batch, Cause::Outside, || polling.look(now));
        drop(polling);
        scheduler.remote().driver_turns.inc();
        scheduler.account_turn(&turn, |turn| {
            scheduler.remote().io_events.add(turn.events as u64);
            scheduler.remote().io_useful.add(turn.useful as u64);
        });
        let found = !batch.is_empty();
        scheduler.inject_batch(batch);
        found
    }
}

impl Memory {
    /// Takes note of where the processor stands; true if it has moved since the last round.
    fn look(&mut self, p: &Processor, now: u64) -> bool {
        let tick = p.tick();
        if p.current().is_some() && tick == self.tick {
            if self.since == 0 {
                self.since = now;
            }
            return false;
        }
        self.tick = tick;
        self.since = if p.current().is_some() { now } else { 0 };
        self.recorded = false;
        true
    }
}

/// Lets this thread's sleeps end within microseconds of their time instead of 50.
#[cfg(all(target_os = "linux", not(any(gumption_loom, gumption_shuttle))))]
fn precise_sleep() {
    // SAFETY: sets this thread's timer slack to 1 ns; no memory is involved. If it is refused sleeps are coarser.
    unsafe {
        libc::prctl(libc::PR_SET_TIMERSLACK, 1);
    }
}

/// Lets this thread's sleeps end within microseconds of their time, where the system can.
#[cfg(not(all(target_os = "linux", not(any(gumption_loom, gumption_shuttle)))))]
fn precise_sleep() {}
