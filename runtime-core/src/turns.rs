//! What turns of the driver and due timers have in common, whoever takes them: a worker, a sleeper in the seat, sysmon.
//!
//! The caller collects what they wake ([`crate::context::collect`]) and decides where it goes.

use crate::context::{self, Cause};
use crate::driver::Turn;
use crate::probes;
use crate::processor::{Owned, Processor};
use crate::queue::Chain;
use crate::scheduler::Scheduler;
use crate::seat::Sitter;
use crate::striped;
use crate::task::{Ending, Ran, Task};
use crate::timer::{Home, RuntimeClock, Timers};
use std::io;

impl Scheduler {
    /// Passes what a turn brought to `count`, or counts the error that it ended with.
    pub(crate) fn account_turn(&self, turn: &io::Result<Turn>, count: impl FnOnce(&Turn)) {
        match turn {
            Ok(turn) => {
                probes::io_turn(|| [turn.events as u64]);
                count(turn);
            }
            Err(_) => self.remote().driver_errors.inc(),
        }
    }

    /// Fires the due timers of `p` from outside, gathering what they wake.
    pub(crate) fn fire_timers_into(&self, batch: &mut Chain<Task>, p: &Processor, now: u64) {
        let fired =
            context::collect_for(self, batch, Cause::Outside, || p.timers.try_fire(now, self.timers_per_turn()));
        if let Some(fired) = fired {
            probes::timer_fire(|| [p.id as u64, fired.count as u64]);
            self.remote().timers_fired.add(fired.count as u64);
        }
    }

    /// Fires every due timer that nobody is at and a sitter answers for, gathering what they wake.
    pub(crate) fn fire_due_timers(&self, batch: &mut Chain<Task>, now: u64) {
        for p in &self.processors {
            if p.timers.min_when() <= now && self.fires_for(p) {
                self.fire_timers_into(batch, p, now);
            }
        }
    }

    /// Counts a poll that ended without a processor.
    pub(crate) fn account_remote(&self, ran: &Ran) {
        self.remote().polls.inc();
        self.remote().pless_polls.inc();
        self.account_end(ran);
    }

    /// Counts an observer's poll, which is none of the program's.
    pub(crate) fn account_capture(&self, ran: &Ran) {
        self.remote().captures.inc();
        self.account_end(ran);
    }

    fn account_end(&self, ran: &Ran) {
        match ran {
            Ran::Idle => {}
            Ran::Woken(_) => self.remote().wakes_self.inc(),
            Ran::Complete(Ending::Returned) => self.remote().completed.inc(),
            Ran::Complete(Ending::Aborted) => self.remote().aborted.inc(),
            Ran::Complete(Ending::Panicked) => self.remote().panicked.inc(),
        }
    }

    /// Our processor if this thread owns one, else one chosen by the thread.
    fn timer_processor(&self) -> Result<Owned<'_>, &Processor> {
        let regular = &self.processors[..self.config.processors];
        context::owned_of_scheduler(self).ok_or_else(|| &regular[striped::thread_number() % regular.len()])
    }
}

impl Home for Scheduler {
    fn timers(&self) -> &Timers {
        match self.timer_processor() {
            Ok(p) => &p.processor().timers,
            Err(p) => &p.timers,
        }
    }

    fn now(&self) -> u64 {
        // Late at most, which a timer that is due already can afford: it fires at the next look.
        self.coarse_now()
    }

    fn clock(&self) -> &RuntimeClock {
        &self.time
    }

    fn armed(&self, when: u64, earliest: bool) {
        match self.timer_processor() {
            // We look at our own timers at every run, and before we sleep.
            Ok(p) => p.counters.timers_armed.inc(),
            Err(_) => {
                self.remote().timers_armed.inc();
                if !earliest {
                    return;
                }
                match self.seat.sitter() {
                    Sitter::AsleepUntil(until) if until > when => self.seat.unpark(),
                    // Nobody sleeps in the driver: somebody has to, or has to look before it does.
                    Sitter::Nobody => self.wake(self.idle.submitted(self.may_start_machines()), None),
                    Sitter::AsleepUntil(_) | Sitter::Awake => {}
                }
            }
        }
    }

    fn has_time(&self) -> bool {
        self.config.enable_time
    }

    fn cancelled(&self) {
        match self.timer_processor() {
            Ok(p) => p.counters.timers_cancelled.inc(),
            Err(_) => self.remote().timers_cancelled.inc(),
        }
    }
}
