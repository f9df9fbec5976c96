//! One glance at the scheduler, reduced to what the windows are made of.
//!
//! A [`Sample`] is taken about once a millisecond, so it is small and flat. [`Sample::of`] reads it out of a stats
//! snapshot; the thread clocks are filled in by the sampler, only for machines whose poll already stands. The numbers of
//! one glance were not read at one instant: rules use them only in means, and in stands that last many glances.

use gumption_core::counters::CountersSnapshot;
use gumption_core::stats::{MachineState, ProcessorState, SchedulerStats};

use super::threads::ThreadClock;
use super::window::Counts;

/// One glance at one processor.
#[derive(Clone, Debug, Default)]
pub struct Processor {
    /// It runs tasks, or looks for some.
    pub running: bool,
    /// It has no machine and no work.
    pub idle: bool,
    /// Its machine.
    pub machine: Option<usize>,
    /// The operating system's name of that machine's thread.
    pub thread: Option<u64>,
    /// The task in the poll that is in progress.
    pub task: Option<u64>,
    /// Tasks in its run queue.
    pub queue: u64,
    /// Whether its next slot is full.
    pub next_slot: bool,
    /// Its counters since the start.
    pub counts: Counts,
    /// Its machine's CPU time and sleep, if asked for.
    pub clock: Option<ThreadClock>,
}

/// One glance.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// When, from any fixed point.
    pub at_ns: u64,
    /// Processors that the runtime was built with, spare ones apart.
    pub width: usize,
    /// The processors, spare ones among them.
    pub processors: Vec<Processor>,
    /// What threads without a processor did since the start.
    pub off_processor: Counts,
    /// Tasks in the global queue.
    pub global: u64,
    /// Live tasks.
    pub live: u64,
    /// Spinning machines.
    pub spinning: u64,
    /// Machines alive.
    pub machines: u64,
    /// Machines in a declared blocking section, or blocking without a processor.
    pub blocked: u64,
}

impl Sample {
    /// Reads a glance out of a snapshot.
    pub fn of(at_ns: u64, stats: &SchedulerStats) -> Self {
        let machine = |id: usize| stats.machines.iter().find(|machine| machine.id == id);
        let processors = stats.processors.iter().map(|processor| {
            let owner = processor.machine.and_then(machine);
            Processor {
                running: matches!(processor.state, ProcessorState::Running | ProcessorState::Spare),
                idle: processor.state == ProcessorState::Idle,
                machine: processor.machine,
                thread: owner.map(|machine| machine.thread_id),
                task: processor.task,
                queue: processor.queue_len as u64,
                next_slot: processor.next_slot,
                counts: counts(&processor.counters),
                clock: None,
            }
        });
        let alive = stats.machines.iter().filter(|machine| machine.state != MachineState::Dead);
        Self {
            at_ns,
            width: stats.config.processors,
            processors: processors.collect(),
            off_processor: counts(&stats.off_processor),
            global: stats.totals.global_queue_len as u64,
            live: stats.totals.tasks_live,
            spinning: stats.totals.spinning as u64,
            machines: alive.clone().count() as u64,
            blocked: alive.filter(|machine| machine.state == MachineState::Blocked).count() as u64,
        }
    }

    /// Tasks that could run and wait for a processor.
    pub fn waiting(&self) -> u64 {
        self.global + self.processors.iter().map(|p| p.queue + u64::from(p.next_slot)).sum::<u64>()
    }

    /// Tasks in a poll.
    pub fn running(&self) -> u64 {
        self.processors.iter().filter(|p| p.running && p.task.is_some()).count() as u64
    }

    /// Polls since the start, those of machines that lost their processor included.
    pub fn polls(&self) -> u64 {
        self.off_processor.polls + self.processors.iter().map(|p| p.counts.polls).sum::<u64>()
    }
}

fn counts(counters: &CountersSnapshot) -> Counts {
    Counts {
        polls: counters.polls,
        spawned: counters.spawned_local,
        overflow_tasks: counters.overflow_tasks,
        steal_attempts: counters.steal_attempts,
        spin_ns: counters.spin_ns,
        busy_ns: counters.busy_ns,
        timers_fired: counters.timers_fired,
        blocking_sections: counters.blocking_sections,
        hand_offs: counters.hand_offs + counters.retakes,
    }
}
