//! How a machine comes to rest: gives its processor up, sleeps in the driver or on its parker, and gets up again.
//!
//! A machine at rest is on the list of sleepers ([`crate::idle`]) and owns no processor. It leaves the list in one of
//! four ways, each exactly once:
//!
//! | who takes it off | why | then it finds |
//! | --- | --- | --- |
//! | a waker | there is work | a [`Gift`](crate::machine::Gift): its processor |
//! | itself, with a processor | work, events or timers came while it went to sleep or sat in the driver | work |
//! | itself, for good | its errand is done, or it was idle for the keep-alive time and there are more than enough | the way out |
//! | the closer | the runtime ends | the way out |
//!
//! A waker that has taken it off hands the gift over a moment later, with a token; so who finds itself off the list
//! waits for that token and does not sleep on. Tokens also come without a gift: for the errand of a `block_on`.
//!
//! Whoever finds a poll that nobody watches sits there, and so does whoever finds that nobody keeps the time. The others
//! ring who keeps it if it would sleep past a timer of theirs. The last one to sleep sees to it that no poll with sources is
//! left unwatched.
//!
//! Hooks for this (`on_thread_park`, `on_thread_unpark`) are called on the list of sleepers, without a processor: what they
//! spawn or wake comes back as a gift or a token, like anybody's.
//!
//! Models: `loom-tests/tests/{idle,seat}.rs`; composed in `loom-tests/tests/shuttle_scheduler.rs` and `shuttle_hooks.rs`.

use crate::context::{self, Cause};
use crate::driver::Turn;
use crate::idle::{ProcessorId, Reclaim, WentIdle};
use crate::parker::Parked;
use crate::probes;
use crate::processor::Owned;
use crate::queue::Chain;
use crate::runtime::hooks;
use crate::seat::{Seated, Sitter};
use crate::stats::MachineState;
use crate::sync::broken;
use crate::worker::{Awake, Errand, Worker};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

impl Worker<'_> {
    /// Gives the processor up and sleeps until there is something to do.
    pub(crate) fn go_idle(&mut self, p: Owned<'_>, errand: &mut impl Errand) -> Awake {
        let scheduler = self.scheduler;
        let processor = p.processor();
        if p.local().fresh_wake.replace(false) {
            p.counters.unparks_vain.inc();
        }
        p.counters.parks.inc();
        let spinning = std::mem::take(&mut self.spinning);
        self.give_up(p);
        self.machine.set_doing(MachineState::Parked);
        match scheduler.idle.go_idle(self.machine.id, processor.id, spinning, || scheduler.work_visible()) {
            WentIdle::Resume(p) => {
                self.resume(p);
                Awake::Processor
            }
            WentIdle::Sleep => self.sleep(errand),
        }
    }

    /// Took itself off the list of sleepers: owns `p` and counts as spinning.
    fn resume(&mut self, p: ProcessorId) {
        self.acquire(p).counters.reclaims.inc();
        self.spinning = true;
    }

    /// The machine lost its processor: takes an idle one, or sleeps until it is given one.
    pub(crate) fn sleep_without_processor(&mut self, errand: &mut impl Errand) -> Awake {
        let scheduler = self.scheduler;
        if let Some(p) = scheduler.idle.take_processor(Some(self.home)) {
            self.acquire(p);
            return Awake::Processor;
        }
        self.machine.set_doing(MachineState::Parked);
        scheduler.remote().parks.inc();
        match scheduler.idle.sleep_without_processor(self.machine.id, self.home, || scheduler.work_visible()) {
            WentIdle::Resume(p) => {
                self.resume(p);
                Awake::Processor
            }
            WentIdle::Sleep => self.sleep(errand),
        }
    }

    /// On the list of sleepers: sleeps until it is off that list, between the hooks for that.
    fn sleep(&mut self, errand: &mut impl Errand) -> Awake {
        probes::park(|| [self.machine.id as u64]);
        let awake = self.sleep_between_hooks(errand);
        probes::unpark(|| [self.machine.id as u64]);
        awake
    }

    fn sleep_between_hooks(&mut self, errand: &mut impl Errand) -> Awake {
        let hooks = &self.scheduler.config.hooks;
        if !hooks.on_rest() {
            return self.sleep_until_woken(errand);
        }
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| hooks::call(&hooks.thread_park))) {
            // Nobody may wake who is not there any more.
            if !broken("idle-hook-panic-stays-listed") {
                let _leaves = self.unlist();
            }
            resume_unwind(panic);
        }
        // A hook that wakes us each time must not keep us from events and timers for good.
        self.look_around();
        let awake = self.sleep_until_woken(errand);
        hooks::call(&hooks.thread_unpark);
        awake
    }

    /// Looks for events and due timers, without a processor and without waiting.
    fn look_around(&self) {
        let scheduler = self.scheduler;
        let now = scheduler.read_clock();
        let mut batch = Chain::new();
        if let Some(mut polling) = scheduler.seat.poller_of(self.home).try_take() {
            let turn = context::collect(&mut batch, Cause::Outside, || polling.look(now));
            drop(polling);
            self.account_turn_off_processor(&turn);
        }
        scheduler.fire_due_timers(&mut batch, now);
        scheduler.inject_batch(batch);
    }

    fn account_turn_off_processor(&self, turn: &io::Result<Turn>) {
        let remote = self.scheduler.remote();
        remote.driver_turns.inc();
        self.scheduler.account_turn(turn, |turn| {
            remote.io_events.add(turn.events as u64);
            remote.io_useful.add(turn.useful as u64);
        });
    }

    /// On the list of sleepers: sleeps in the driver or on the parker until it is off that list.
    fn sleep_until_woken(&mut self, errand: &mut impl Errand) -> Awake {
        let scheduler = self.scheduler;
        loop {
            let token = match scheduler.seat.find(scheduler.seat.index_of(self.home)) {
                Some(seated) => match self.sit(seated) {
                    Ok(awake) => return awake,
                    Err(Parked::Notified) => Parked::Notified,
                    // A turn without a find: sit again.
                    Err(Parked::TimedOut) => continue,
                },
                None => {
                    scheduler.goes_to_sleep();
                    // Who keeps the time must not sleep past our timers.
                    match scheduler.seat.sitter() {
                        // Somebody has just got up.
                        Sitter::Nobody if scheduler.seat.has_room() => continue,
                        // Somebody in each poll, and nobody keeps the time: who is rung takes the role and looks.
                        Sitter::Nobody if scheduler.earliest_timer() != u64::MAX => {
                            scheduler.seat.poller_of(self.home).unpark();
                        }
                        Sitter::Nobody => {}
                        Sitter::AsleepUntil(until) if scheduler.oversleeps(until) => scheduler.seat.unpark(),
                        Sitter::AsleepUntil(_) | Sitter::Awake => {}
                    }
                    self.park()
                }
            };
            match token {
                Parked::Notified => match self.machine.receive() {
                    Some(gift) => {
                        let task = self.accept(gift);
                        debug_assert!(task.is_none(), "a task was handed to a machine that is locked to none");
                        return Awake::Processor;
                    }
                    // Woken without a gift: for the errand, or because the runtime ends.
                    None => {
                        if scheduler.shutdown.is_closed() {
                            return self.end();
                        }
                        if let Some(awake) = self.try_reclaim() {
                            return awake;
                        }
                        if errand.is_done() {
                            return self.unlist();
                        }
                    }
                },
                // Slept for the keep-alive time. Off the list, nobody can give us anything any more.
                Parked::TimedOut if self.is_surplus() && scheduler.idle.retire(self.machine.id) => {
                    scheduler.remote().reclaims.inc();
                    return Awake::Leave;
                }
                // Somebody has just woken us: the token is on its way.
                Parked::TimedOut => {}
            }
        }
    }

    /// The runtime ends: off the list, unless somebody has taken us off already. What they may hand us is not needed.
    fn end(&self) -> Awake {
        if self.scheduler.idle.retire(self.machine.id) {
            self.scheduler.remote().reclaims.inc();
        }
        Awake::Leave
    }

    /// Takes itself off the list for good: somebody may have taken it off already and be about to hand it a processor.
    fn unlist(&mut self) -> Awake {
        if self.scheduler.idle.retire(self.machine.id) {
            self.scheduler.remote().reclaims.inc();
        } else {
            self.wait_for_gift();
        }
        Awake::Leave
    }

    fn wait_for_gift(&mut self) {
        // Whoever closes the runtime does so before it takes everybody off the list, and its token may be spent already.
        while !self.scheduler.shutdown.is_closed() {
            self.machine.parker.park();
            if let Some(gift) = self.machine.receive() {
                let task = self.accept(gift);
                debug_assert!(task.is_none(), "a task was handed to a machine that is locked to none");
                return;
            }
        }
    }

    fn park(&self) -> Parked {
        self.machine.set_doing(MachineState::Parked);
        if self.is_surplus() {
            return self.machine.parker.park_timeout(self.scheduler.config.keep_alive);
        }
        self.machine.parker.park();
        Parked::Notified
    }

    /// Whether there are more machines than processors.
    fn is_surplus(&self) -> bool {
        self.scheduler.may_start_machines() && self.scheduler.machines.alive() > self.scheduler.config.processors
    }

    /// Tries to take itself off the list of sleepers with a processor.
    fn try_reclaim(&mut self) -> Option<Awake> {
        match self.scheduler.idle.reclaim(self.machine.id, self.home) {
            Reclaim::Processor(p) => {
                self.resume(p);
                Some(Awake::Processor)
            }
            Reclaim::AllBusy => None,
            Reclaim::Woken => {
                self.wait_for_gift();
                Some(if self.scheduler.shutdown.is_closed() { Awake::Leave } else { Awake::Processor })
            }
        }
    }

    /// Sleeps in the driver. `Err` is the state of the token when nothing came of it but that.
    fn sit(&mut self, mut seated: Seated<'_>) -> Result<Awake, Parked> {
        let scheduler = self.scheduler;
        if self.machine.parker.leave(seated.index()) == Parked::Notified {
            return Err(Parked::Notified);
        }
        if scheduler.seat.index_of(self.home) != seated.index() {
            // Who is woken for this processor should be the one who sleeps where its events are.
            self.home = seated.index();
            scheduler.idle.moves(self.machine.id, self.home);
        }
        scheduler.goes_to_sleep();
        self.machine.set_doing(MachineState::InPoller);
        let mut batch = Chain::new();
        let turn = context::collect(&mut batch, Cause::Outside, || {
            let earliest = || scheduler.earliest_timer();
            seated.sleep_within(|| scheduler.read_clock(), earliest, |until| scheduler.sleeps_for(until))
        });
        if seated.keeps_time() {
            scheduler.fire_due_timers(&mut batch, scheduler.coarse_now());
        }
        // Before the poll is free: who finds it so, and its processor idle, takes us for it and nobody else.
        let (may_jump, token) = self.machine.parker.come_back_after(|| seated.keeps_time() && scheduler.may_jump());
        if may_jump && token == Parked::TimedOut && batch.is_empty() {
            scheduler.jump(&mut batch);
        }
        drop(seated);
        self.machine.set_doing(MachineState::Parked);
        self.account_turn_off_processor(&turn);
        if batch.is_empty() {
            return Err(token);
        }
        if token == Parked::Notified
            && let Some(gift) = self.machine.receive()
        {
            let task = self.accept(gift);
            debug_assert!(task.is_none(), "a task was handed to a machine that is locked to none");
        }
        let mut awake = None;
        if context::owned(scheduler).is_none() {
            awake = self.try_reclaim();
        }
        match context::owned(scheduler) {
            Some(p) => {
                scheduler.enqueue_batch(p, batch);
                Ok(awake.unwrap_or(Awake::Processor))
            }
            // Every processor is busy: one of them will come to the global queue.
            None => {
                scheduler.inject_batch(batch);
                match awake {
                    Some(awake) => Ok(awake),
                    None => Err(token),
                }
            }
        }
    }
}
