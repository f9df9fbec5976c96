//! What the scheduler tells: a snapshot of every counter and gauge, without stopping or waking anything.
//!
//! Everything here is a relaxed load of a word that its owner writes anyway, save two short locks that no hot path takes
//! (the list of machines, the blocking pool). Nothing here can make a task run or wait, and nothing wakes a machine.

use crate::config::{Flavor, StealPolicy};
use crate::counters;
use crate::scheduler::Scheduler;
use crate::stats::{
    ConfigStats, DriverStats, MachineState, MachineStats, ProcessorState, ProcessorStats, SchedulerStats, Totals,
};
use crate::status::State;

impl Scheduler {
    /// The snapshot.
    pub(crate) fn stats(&self) -> SchedulerStats {
        // What the scheduler noted the time of goes by the clock of the timers.
        let now = self.time.now();
        let mut machines = self.machine_rows();
        self.pool.machines(machines.len(), &mut machines);
        let mut stats = SchedulerStats {
            uptime_ns: self.clock.now().saturating_sub(self.started),
            config: self.config_row(),
            totals: Totals {
                global_queue_len: self.injector.len(),
                spinning: self.idle.spinning(),
                closing: self.shutdown.is_closed(),
                sysmon_asleep: self.sysmon.is_asleep(),
                machine_limit_hits: self.machines.refused(),
                blocking_pool: self.pool.stats(),
                task_memory: self.registry.memory(),
                ..Totals::default()
            },
            processors: self.processors.iter().map(|p| self.processor_row(p, now)).collect(),
            off_processor: self
                .off_processor
                .iter()
                .fold(counters::CountersSnapshot::default(), |sum, stripe| sum.plus(&stripe.snapshot())),
            machines,
            driver: self.driver_row(now),
        };
        stats.sum_up();
        let counted = &stats.totals;
        stats.totals.tasks_live =
            counted.spawned.saturating_sub(counted.completed + counted.aborted + counted.panicked);
        stats
    }

    fn driver_row(&self, now: u64) -> DriverStats {
        let reactor = self.seat.reactor().stats();
        let seen = self.seat.observe();
        DriverStats {
            sources: reactor.sources,
            registered: reactor.registered,
            stale_events: reactor.stale_events,
            errors: reactor.errors,
            turn_gap: seen.turn_gap,
            idle_ns: seen.left_at.map(|left| now.saturating_sub(left)),
        }
    }

    fn processor_row(&self, p: &crate::processor::Processor, now: u64) -> ProcessorStats {
        let state = match p.status.state() {
            State::Idle => ProcessorState::Idle,
            State::Running if p.id >= self.config.processors => ProcessorState::Spare,
            State::Running => ProcessorState::Running,
            State::Blocked => ProcessorState::Blocked,
            State::Spare => ProcessorState::Dead,
        };
        // SAFETY: records are never freed.
        let task = p.current().and_then(|task| unsafe { task.as_ref() }.id());
        ProcessorStats {
            id: p.id,
            state,
            machine: p.machine(),
            queue_len: p.ring.len() as usize,
            next_slot: p.next.peek().is_some(),
            timers_len: p.timers.len(),
            next_timer_ns: Some(p.timers.min_when())
                .filter(|&when| when != u64::MAX)
                .map(|when| when.saturating_sub(now)),
            task: task.map(|id| id.as_u64()),
            current_poll_ns: p.standing_since().map(|since| now.saturating_sub(since)),
            tick: u64::from(p.tick()),
            blocking_tick: p.status.tick(),
            free_tasks: 0,
            counters: p.counters.snapshot(),
            poll_time: p.poll_time.snapshot(),
            sched_delay: p.sched_delay.snapshot(),
            timer_lateness: p.timers.lateness(),
        }
    }

    fn machine_rows(&self) -> Vec<MachineStats> {
        let row = |machine: &crate::sync::Arc<crate::machine::Machine>| {
            let processor = machine.processor();
            // A machine in a blocking section goes on naming the processor that it entered with; a section writes nothing
            // else. Whether it still has that processor is the processor's to say.
            let owned = processor.filter(|&p| self.processors[p].machine() == Some(machine.id));
            let in_section = machine.doing() == MachineState::Running
                && processor.is_some_and(|p| owned.is_none() || self.processors[p].status.state() == State::Blocked);
            let state = if in_section { MachineState::Blocked } else { machine.doing() };
            let runs = owned.and_then(|p| self.processors[p].current()).filter(|_| state != MachineState::Spinning);
            let locked = Some(machine.locked()).filter(|&task| task != 0);
            let held = machine.held().filter(|_| owned.is_none());
            let task = runs.or(held.filter(|_| state == MachineState::Blocked));
            // SAFETY: records are never freed.
            let site = task.or(held.filter(|_| locked.is_some())).map(|task| unsafe { task.as_ref() }.site());
            MachineStats {
                id: machine.id,
                state,
                processor: owned,
                // SAFETY: records are never freed.
                // SAFETY: as above.
                task: task.and_then(|task| unsafe { task.as_ref() }.id()).map(|id| id.as_u64()),
                locked_task: locked,
                spawned_at: site,
                thread_id: machine.thread_id(),
            }
        };
        self.machines.all().iter().map(row).collect()
    }

    fn config_row(&self) -> ConfigStats {
        let config = &self.config;
        ConfigStats {
            processors: config.processors,
            current_thread: config.flavor == Flavor::CurrentThread,
            max_machines: config.max_machines,
            max_spares: config.spares,
            spin: config.spin.most(config.processors) > 0,
            next_slot_cap: config.next_slot_cap,
            next_slot_rescue: config.next_slot_rescue,
            global_interval: config.global_interval,
            steal_policy: match config.steal {
                StealPolicy::Half => "half",
                StealPolicy::Off => "off",
            },
            slice_ns: config.slice.as_nanos() as u64,
            sysmon: config.sysmon,
            counters: counters::ENABLED,
        }
    }
}
