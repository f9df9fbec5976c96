//! Taking work from other processors.
//!
//! A sweep visits every other processor once, from a random start by a random coprime stride, so that thieves spread.
//! Victims that are idle, or whose queue looks empty, are passed over for two loads. From a queue a thief takes half. Only
//! in the last of four passes does it look further: at due timers, at a poll that its machine has not looked into for a
//! while (the victim runs something long, or is in a blocking section), and at next slots that it may take from (the victim
//! is in a blocking section, or sysmon has opened the slot).
//!
//! Who may call: a worker that is counted as spinning. What this file refuses to do: wait for a victim; a second thief at
//! the same victim goes on to the next.
//!
//! Models: `steal_vs_pop` and `next_slot_taken_once` in `loom-tests/tests/queues.rs`, `a_thief_looks_into_a_stuck_poll` in
//! `shuttle_polls.rs`.

use crate::config::StealPolicy;
use crate::context::{self, Cause};
use crate::counters;
use crate::policy;
use crate::probes;
use crate::processor::{Owned, Processor};
use crate::queue::{Chain, Steal};
use crate::stats::MachineState;
use crate::status::State;
use crate::sync::{broken, spin_loop};
use crate::task::{Runnable, Task};
use crate::worker::{Watched, Worker};
use std::ptr::NonNull;

impl Worker<'_> {
    /// Looks for work elsewhere: the driver, then, as a spinner, other processors.
    pub(crate) fn search(&mut self, p: Owned<'_>) -> Option<Runnable> {
        let scheduler = self.scheduler;
        p.clear_current();
        self.poll_driver(p);
        if let Some(task) = p.pop() {
            return Some(task);
        }
        if !self.spinning {
            let config = &scheduler.config;
            self.spinning =
                config.processors > 1 && scheduler.idle.try_spin(config.processors, |busy| config.spin.most(busy));
            if !self.spinning {
                return None;
            }
            p.counters.spins.inc();
        }
        self.machine.set_doing(MachineState::Spinning);
        let began = if counters::ENABLED { scheduler.clock.now() } else { 0 };
        let found = self.steal(p).or_else(|| self.linger(p));
        if counters::ENABLED {
            p.counters.spin_ns.add(scheduler.clock.now().saturating_sub(began));
        }
        found
    }

    /// The last spinner stays a few microseconds: new work costs a spinner 71 ns to pick up and a sleeper 5 µs.
    fn linger(&mut self, p: Owned<'_>) -> Option<Runnable> {
        let scheduler = self.scheduler;
        let linger = scheduler.config.spin.linger;
        if scheduler.idle.spinning() != 1 || linger.is_zero() {
            return None;
        }
        let mut watched = std::mem::take(&mut self.watched);
        watched.clear();
        watched.extend(self.next_slots(p));
        let until = scheduler.clock.now().saturating_add(linger.as_nanos() as u64);
        let mut found = None;
        for _ in 0..policy::LINGER_ROUNDS {
            for _ in 0..policy::LINGER_PAUSE {
                spin_loop();
            }
            if scheduler.work_visible() {
                found = self.steal(p);
            }
            if found.is_some() || scheduler.shutdown.is_closed() || scheduler.clock.now() >= until {
                break;
            }
        }
        let found = found.or_else(|| watched.iter().find_map(|slot| self.steal_unchanged(p, slot)));
        self.watched = watched;
        found
    }

    /// So many passes over all other processors and the global queue as the policy says: four.
    pub(crate) fn steal(&self, p: Owned<'_>) -> Option<Runnable> {
        let scheduler = self.scheduler;
        let passes = scheduler.config.spin.passes;
        for pass in 1..=passes {
            if let Some(task) = self.take_global(p, policy::GLOBAL_BATCH) {
                return Some(task);
            }
            if scheduler.config.steal == StealPolicy::Off || scheduler.shutdown.is_closed() {
                return None;
            }
            p.counters.sweeps.inc();
            let last = pass == passes;
            for victim in scheduler.order.visit(p.local().rand.next_u32()) {
                if victim == p.id {
                    continue;
                }
                if let Some(task) = self.steal_from(p, &scheduler.processors[victim], last) {
                    return Some(task);
                }
            }
            if !last {
                for _ in 0..policy::STEAL_PAUSE {
                    spin_loop();
                }
            }
        }
        None
    }

    fn steal_from(&self, p: Owned<'_>, victim: &Processor, last: bool) -> Option<Runnable> {
        let scheduler = self.scheduler;
        // Without the mask every victim is probed, whatever the hints say: the knob that makes a steal storm.
        let hinted = !victim.ring.is_empty() && !scheduler.idle.is_idle(victim.id);
        if hinted || !scheduler.config.idle_mask {
            p.counters.steal_attempts.inc();
            // SAFETY: we own `p`, whose ring is the destination.
            if let Steal::Taken { first, more } = unsafe { victim.ring.steal_into(&p.ring) } {
                p.counters.steal_hits.inc();
                p.counters.tasks_stolen.add(u64::from(more) + 1);
                p.counters.queue_pushes.add(u64::from(more));
                probes::steal(|| [p.id as u64, victim.id as u64, u64::from(more) + 1]);
                // SAFETY: it was in the victim's queue with the right to run it, and is ours now.
                return Some(unsafe { Runnable::from_raw(first) });
            }
        }
        if !last {
            return None;
        }
        let due = victim.timers.min_when();
        if scheduler.config.timer_steal && due != u64::MAX && due <= scheduler.read_clock() {
            self.fire_timers_of(p, victim);
            if let Some(task) = p.pop() {
                return Some(task);
            }
        }
        if self.looks_for(p, victim)
            && let Some(task) = p.pop()
        {
            return Some(task);
        }
        if victim.lends_slot() {
            return self.stolen_from_slot(p, victim.next.steal_any());
        }
        None
    }

    fn fire_timers_of(&self, p: Owned<'_>, victim: &Processor) {
        let mut batch = Chain::new();
        let now = self.scheduler.coarse_now();
        let fired =
            context::collect(&mut batch, Cause::Outside, || victim.timers.try_fire(now, policy::TIMERS_PER_TURN));
        if let Some(fired) = fired {
            probes::timer_fire(|| [victim.id as u64, fired.count as u64]);
            p.counters.timers_fired.add(fired.count as u64);
        }
        self.scheduler.enqueue_batch(p, batch);
    }

    /// Looks for events in the poll of a processor whose machine has not done so for a while, on its behalf. Whether it did.
    fn looks_for(&self, p: Owned<'_>, victim: &Processor) -> bool {
        let scheduler = self.scheduler;
        let seat = &scheduler.seat;
        // The polls of idle processors are their sleepers'. With one poll we have looked into it before we began to search.
        if seat.pollers().len() == 1
            || broken("io-thief-passes-by")
            || !scheduler.config.driver_rescue
            || !matches!(victim.status.state(), State::Running | State::Blocked)
            || !seat.is_unwatched(seat.index_of(victim.id))
        {
            return false;
        }
        let poller = seat.poller_of(victim.id);
        let left_for = scheduler.read_clock().saturating_sub(poller.last_turn());
        left_for >= policy::LEFT_ALONE.as_nanos() as u64 && self.poll_driver_of(p, poller)
    }

    fn stolen_from_slot(&self, p: Owned<'_>, task: Option<NonNull<Task>>) -> Option<Runnable> {
        let task = task?;
        p.counters.next_stolen.inc();
        // SAFETY: it was in the victim's slot with the right to run it, and is ours now.
        Some(unsafe { Runnable::from_raw(task) })
    }

    /// The full next slots of the other processors, with the runs that they wait behind.
    pub(crate) fn next_slots(&self, p: Owned<'_>) -> impl Iterator<Item = Watched> {
        let own = p.id;
        let rescue = self.scheduler.config.next_slot_rescue && self.scheduler.config.steal != StealPolicy::Off;
        self.scheduler.processors.iter().filter(move |victim| rescue && victim.id != own).filter_map(|victim| {
            let tick = victim.tick();
            victim.next.peek().map(|task| Watched { victim: victim.id, task, tick })
        })
    }

    /// The task of a next slot that has waited behind the same run all the time that we lingered.
    pub(crate) fn steal_unchanged(&self, p: Owned<'_>, slot: &Watched) -> Option<Runnable> {
        let victim = &self.scheduler.processors[slot.victim];
        if victim.tick() != slot.tick {
            return None;
        }
        self.stolen_from_slot(p, victim.next.steal(slot.task))
    }
}
