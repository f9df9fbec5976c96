//! One glance at the scheduler, reduced to what the windows are made of.
//!
//! A [`Sample`] is taken about once a millisecond, so it is small and flat. [`Sample::of`] reads it out of a stats
//! snapshot; the thread clocks are filled in by the sampler, only for machines whose poll already stands. The numbers of
//! one glance were not read at one instant: rules use them only in means, and in stands that last many glances.

use gumption_core::counters::CountersSnapshot;
use gumption_core::stats::{MachineState, MachineStats, ProcessorState, SchedulerStats};

use std::panic::Location;

use super::window::{Counts, Holder};
use crate::threads::ThreadClock;

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
    /// Whether a timer of its is due.
    pub timer_due: bool,
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
    /// Machines in a declared blocking section: the tasks, and where they were spawned.
    pub blocked: Vec<Sitting>,
    /// Machines that a task is locked to.
    pub locked: Vec<Sitting>,
    /// Whether the runtime is being shut down.
    pub closing: bool,
    /// While it is: tasks that are being polled, and closures of the blocking pool that run.
    pub remaining: Vec<Sitting>,
    /// Sources registered with the driver.
    pub sources: u64,
    /// Whether somebody was in the driver.
    pub driver_taken: bool,
}

/// A task that has a machine to itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sitting {
    /// The task, if it is known.
    pub task: Option<u64>,
    /// Where it was spawned.
    pub site: Option<&'static Location<'static>>,
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
                timer_due: processor.next_timer_ns == Some(0),
                counts: counts(&processor.counters),
                clock: None,
            }
        });
        let alive = stats.machines.iter().filter(|machine| machine.state != MachineState::Dead);
        let blocked = alive.clone().filter(|machine| machine.state == MachineState::Blocked);
        let locked = alive.clone().filter(|machine| machine.locked_task.is_some());
        let closing = stats.totals.closing;
        let remaining = alive.clone().filter(|machine| closing && machine.task.is_some());
        let of_sources = Counts { no_descriptor: no_descriptor(stats), ..Counts::default() };
        Self {
            at_ns,
            width: stats.config.processors,
            processors: processors.collect(),
            off_processor: counts(&stats.off_processor).plus(&of_sources),
            global: stats.totals.global_queue_len as u64,
            live: stats.totals.tasks_live,
            spinning: stats.totals.spinning as u64,
            machines: alive.count() as u64,
            blocked: blocked.map(|machine| Sitting::of(machine, machine.task)).collect(),
            locked: locked.map(|machine| Sitting::of(machine, machine.locked_task)).collect(),
            closing,
            remaining: remaining.map(|machine| Sitting::of(machine, machine.task)).collect(),
            sources: stats.driver.sources,
            driver_taken: stats.driver.idle_ns.is_none(),
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

impl Sitting {
    fn of(machine: &MachineStats, task: Option<u64>) -> Self {
        Self { task, site: machine.spawned_at }
    }

    /// The same for a report.
    pub fn holder(&self) -> Holder {
        Holder { task: self.task, site: self.site.map(|site| format!("{}:{}", site.file(), site.line())) }
    }
}

/// Errors that say that descriptors have run out.
fn no_descriptor(stats: &SchedulerStats) -> u64 {
    let ran_out = |errno| errno == libc::EMFILE || errno == libc::ENFILE;
    stats.driver.errors.iter().filter(|error| ran_out(error.errno)).map(|error| error.count).sum()
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
        passes: counters.hand_offs,
        global_pops: counters.global_pops,
        driver_turns: counters.driver_turns,
        no_descriptor: 0,
        self_wakes: counters.wakes_self,
        leaf_polls: counters.leaf_polls,
        leaf_ready: counters.leaf_ready,
        arrived: counters.spawned_local + counters.spawned_remote,
        ended: counters.completed + counters.aborted + counters.panicked,
        panicked: counters.panicked,
    }
}
