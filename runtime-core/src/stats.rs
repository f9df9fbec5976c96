//! What `Runtime::stats()` returns: the scheduler at one moment, as plain typed data.
//!
//! ```text
//! SchedulerStats
//!   config        what the runtime was built with
//!   processors    a row per P: gauges (state, queue depth, ...) and counters, three histograms
//!   off_processor the counters of threads that hold no P
//!   machines      a row per M
//!   totals        gauges of the whole, and the rows summed up
//! ```
//!
//! The scheduler fills the rows and the gauges of [`Totals`] from relaxed loads, then calls
//! [`SchedulerStats::sum_up`], which derives the rest of the totals from the rows: so rows and totals of one snapshot
//! never contradict each other. Readers take two snapshots and ask for the [difference](SchedulerStats::since), ask for
//! the [conservation laws](SchedulerStats::conservation) when the runtime is at rest, print the table (`Display`), or
//! serialize the lot.
//!
//! *Gauges* are the state now: they say little about what happened in between. *Counters* only grow, and two
//! snapshots tell what happened in between, but not how things stand. Every field says its unit.
//!
//! What lives here refuses to run anything: no lock, no wake, no clock. A snapshot costs two allocations (the rows)
//! and about 180 loads a P. Rows may be out of step with each other by what happened while they were read.

pub mod conservation;
pub mod delta;
mod table;

use serde::{Serialize, Serializer};
use std::panic::Location;

pub use conservation::{Breach, LAWS, Law, Relation};
pub use delta::{ProcessorDelta, StatsDelta};

use crate::counters::CountersSnapshot;
use crate::driver::ErrorCount;
use crate::histogram::HistogramSnapshot;

/// The scheduler at one moment.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SchedulerStats {
    /// *Nanoseconds* since the runtime was built.
    pub uptime_ns: u64,
    /// What the runtime was built with.
    pub config: ConfigStats,
    /// The whole: gauges, and the rows summed up.
    pub totals: Totals,
    /// A row per P, by id; spare Ps come last.
    pub processors: Vec<ProcessorStats>,
    /// The counters of threads that hold no P: foreign threads, sysmon, Ms in the poller's seat.
    pub off_processor: CountersSnapshot,
    /// A row per M that has not ended, in the order of their start.
    pub machines: Vec<MachineStats>,
    /// What the runtime waits for the outside world with.
    pub driver: DriverStats,
}

/// The driver: the netpoller, where there is one. Its turns and events are in the counters of whoever took them.
#[derive(Clone, Debug, Default, Serialize)]
pub struct DriverStats {
    /// *Sources* (sockets, pipes) that are registered now.
    pub sources: u64,
    /// *Sources* registered since the start.
    pub registered: u64,
    /// *Events* for a source that had gone when they were looked at.
    pub stale_events: u64,
    /// *Events.* Errors of system calls on sources, by number.
    pub errors: Vec<ErrorCount>,
    /// *Nanoseconds* from the end of one turn to the beginning of the next.
    pub turn_gap: HistogramSnapshot,
    /// *Nanoseconds* since the last turn ended; none while somebody is in one.
    pub idle_ns: Option<u64>,
}

/// What a runtime was built with: the knobs that a reader needs in order to judge the numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ConfigStats {
    /// How many Ps run at most, spare Ps apart (GOMAXPROCS).
    pub processors: usize,
    /// Whether one thread runs everything inside `block_on`.
    pub current_thread: bool,
    /// How many Ms there may be.
    pub max_machines: usize,
    /// How many spare Ps may stand in for stuck ones; 0 means that the cure is off.
    pub max_spares: usize,
    /// Whether Ms search for work before they sleep.
    pub spin: bool,
    /// How many tasks in a row run from the next slot; 0 means that the slot is not used.
    pub next_slot_cap: u32,
    /// Whether sysmon opens the next slot of a P that stands still to thieves.
    pub next_slot_rescue: bool,
    /// Every how many ticks the global queue is looked at first.
    pub global_interval: u32,
    /// How thieves choose and share; the builder's name for it.
    pub steal_policy: &'static str,
    /// *Nanoseconds.* How long a poll may last before it counts as long.
    pub slice_ns: u64,
    /// Whether sysmon runs.
    pub sysmon: bool,
    /// Whether this build counts (the feature `stats`); without it all counters and histograms are 0.
    pub counters: bool,
}

/// What a P is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum ProcessorState {
    /// On the list of idle Ps: no M has it.
    #[default]
    Idle,
    /// An M has it and runs tasks, or searches for one.
    Running,
    /// Its M is in a blocking section; sysmon or a thief may take it or rob it.
    Blocked,
    /// A spare P that runs tasks in place of a P that is stuck in a poll.
    Spare,
    /// Not in use: a spare P that is not needed, or any P after shutdown.
    Dead,
}

/// One P at one moment.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ProcessorStats {
    /// Which P.
    pub id: usize,
    /// What it is doing.
    pub state: ProcessorState,
    /// The M that has it.
    pub machine: Option<usize>,
    /// *Tasks* in its run queue, the next slot apart.
    pub queue_len: usize,
    /// Whether its next slot holds a task.
    pub next_slot: bool,
    /// *Timers* in its heap, among them cancelled ones that have not been cleaned out yet.
    pub timers_len: usize,
    /// *Nanoseconds* until its earliest timer is due; 0 if it is overdue.
    pub next_timer_ns: Option<u64>,
    /// The task that it runs, by id.
    pub task: Option<u64>,
    /// *Nanoseconds.* How long the poll in progress had lasted when sysmon last looked; `None` between polls, and for
    /// polls that sysmon has not seen in two looks.
    pub current_poll_ns: Option<u64>,
    /// *Events.* The scheduling loop's own tick, which is kept without counters too (Go's schedtick).
    pub tick: u64,
    /// *Events.* Blocking sections entered, as the scheduler itself counts them (Go's syscalltick).
    pub blocking_tick: u64,
    /// *Tasks.* Task records cached for reuse (Go's gfreecnt).
    pub free_tasks: usize,
    /// What it has done.
    pub counters: CountersSnapshot,
    /// *Nanoseconds.* How long polls lasted; one run in eight is timed.
    pub poll_time: HistogramSnapshot,
    /// *Nanoseconds* from when a task became runnable until it ran; one run in eight is timed.
    pub sched_delay: HistogramSnapshot,
    /// *Nanoseconds.* How late the timers of its heap fired, whoever fired them. All are timed, by the clock that the fire
    /// goes by: the coarse one may be up to half a millisecond behind.
    pub timer_lateness: HistogramSnapshot,
}

macro_rules! machine_states {
    ($first:ident $first_field:ident $first_meaning:literal; $($state:ident $field:ident $meaning:literal;)+) => {
        /// What an M is doing.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
        #[serde(rename_all = "snake_case")]
        #[repr(u8)]
        pub enum MachineState {
            #[doc = $first_meaning]
            #[default]
            $first,
            $(#[doc = $meaning] $state,)+
        }

        impl MachineState {
            /// Every state; a state's place is its number.
            pub const ALL: &'static [Self] = &[Self::$first, $(Self::$state,)+];

            /// Its name, as in JSON: `in_poller`.
            pub const fn name(self) -> &'static str {
                match self {
                    Self::$first => stringify!($first_field),
                    $(Self::$state => stringify!($field),)+
                }
            }
        }

        /// How many Ms are in each state.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
        pub struct MachineCounts {
            #[doc = concat!("*Ms.* ", $first_meaning)]
            pub $first_field: usize,
            $(#[doc = concat!("*Ms.* ", $meaning)] pub $field: usize,)+
        }

        impl MachineCounts {
            /// How many are in `state`.
            pub fn get(&self, state: MachineState) -> usize {
                match state {
                    MachineState::$first => self.$first_field,
                    $(MachineState::$state => self.$field,)+
                }
            }
            fn count(&mut self, state: MachineState) {
                match state {
                    MachineState::$first => self.$first_field += 1,
                    $(MachineState::$state => self.$field += 1,)+
                }
            }
            /// All of them.
            pub fn sum(&self) -> usize {
                self.$first_field $(+ self.$field)+
            }
        }
    };
}

machine_states! {
    Starting starting "Its thread has been asked for and has not reached the scheduling loop.";
    Running running "Has a P and runs a task, or chooses one.";
    Spinning spinning "Has a P, has no task, and searches.";
    Parked parked "Sleeps on its own parker without a P.";
    InPoller in_poller "Sits in the poller's seat without a P.";
    Blocked blocked "In a blocking section; it may have lost its P.";
    Locked locked "Waits for the task that is locked to it, or runs it.";
    BlockingPool blocking_pool "Runs a `spawn_blocking` closure; it never has a P.";
    PoolIdle pool_idle "Waits for the next `spawn_blocking` closure.";
    Dead dead "Has ended, or is about to.";
}

impl MachineState {
    /// The state with this number, as an M publishes it in an atomic.
    pub fn from_u8(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

impl ProcessorState {
    /// Every state; a state's place is its number.
    pub const ALL: &'static [Self] = &[Self::Idle, Self::Running, Self::Blocked, Self::Spare, Self::Dead];

    /// Its name, as in JSON: `idle`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Running => "running",
            Self::Blocked => "blocked",
            Self::Spare => "spare",
            Self::Dead => "dead",
        }
    }

    /// The state with this number, as a P publishes it in an atomic.
    pub fn from_u8(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

/// One M at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MachineStats {
    /// Which M.
    pub id: usize,
    /// What it is doing.
    pub state: MachineState,
    /// The P that it has.
    pub processor: Option<usize>,
    /// The task that it runs, by id; in a blocking section the one that entered it, even after the P is gone.
    pub task: Option<u64>,
    /// The task that is locked to it (`lock_os_thread`), by id.
    pub locked_task: Option<u64>,
    /// Where that task was spawned: the one that it runs, else the one that is locked to it.
    #[serde(serialize_with = "site")]
    pub spawned_at: Option<&'static Location<'static>>,
    /// The operating system's number of its thread (Linux: the tid, as in `/proc`); 0 before it runs.
    pub thread_id: u64,
}

/// A place in a source, as `file:line`.
fn site<S: Serializer>(site: &Option<&'static Location<'static>>, serializer: S) -> Result<S::Ok, S::Error> {
    match site {
        Some(site) => serializer.collect_str(&format_args!("{}:{}", site.file(), site.line())),
        None => serializer.serialize_none(),
    }
}

/// The threads and the queue of `spawn_blocking`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BlockingPoolStats {
    /// *Ms* that serve the pool, idle ones included.
    pub threads: usize,
    /// *Ms* of them that wait for a closure.
    pub idle: usize,
    /// *Closures* running now.
    pub running: usize,
    /// *Closures* waiting for an M.
    pub queued: usize,
    /// *Closures* given to the pool since the start.
    pub submitted: u64,
    /// *Closures* that are over: returned, panicked, or dropped unrun.
    pub completed: u64,
}

/// Memory that tasks live in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TaskMemoryStats {
    /// *Bytes* of the pages that task records live in. They are kept for ever: as many as the most tasks that were alive together
    /// needed.
    pub records: u64,
    /// *Bytes* of task memory that is free and kept for the next tasks, what the processors keep themselves apart. It is bounded.
    pub free: u64,
}

/// The whole scheduler. The first half is filled by the scheduler, the second by [`SchedulerStats::sum_up`].
#[derive(Clone, Debug, Default, Serialize)]
pub struct Totals {
    /// *Tasks* spawned and not over.
    pub tasks_live: u64,
    /// *Tasks* in the global queue.
    pub global_queue_len: usize,
    /// *Ms* that search for work, as the idle word counts them.
    pub spinning: usize,
    /// Whether work was submitted while no P was idle and nobody has begun to search since (Go's needspinning).
    pub need_spinning: bool,
    /// Whether the runtime is being shut down, or was: nothing is polled any more, and what was being run is waited for.
    pub closing: bool,
    /// Whether sysmon sleeps deeply because all is idle (Go's sysmonwait).
    pub sysmon_asleep: bool,
    /// *Events.* Times that one more M was wanted and the limit forbade it.
    pub machine_limit_hits: u64,
    /// The pool of `spawn_blocking`.
    pub blocking_pool: BlockingPoolStats,
    /// What tasks live in.
    pub task_memory: TaskMemoryStats,

    /// *Ps* on the idle list: rows in [`ProcessorState::Idle`].
    pub idle_processors: usize,
    /// *Ms* asleep on their own parker: rows in [`MachineState::Parked`].
    pub parked_machines: usize,
    /// *Ms* by state.
    pub machines_by_state: MachineCounts,
    /// *Tasks* in all run queues, next slots and the global queue.
    pub runnable: usize,
    /// *Tasks* spawned since the start.
    pub spawned: u64,
    /// *Tasks* that returned.
    pub completed: u64,
    /// *Tasks* dropped before they returned.
    pub aborted: u64,
    /// *Tasks* that panicked.
    pub panicked: u64,
    /// All Ps' counters and those of threads without a P, added up.
    pub counters: CountersSnapshot,
}

impl SchedulerStats {
    /// Derives the second half of the totals from the rows. The scheduler calls this once the rows are filled.
    pub fn sum_up(&mut self) {
        let totals = &mut self.totals;
        totals.counters = self.processors.iter().fold(self.off_processor, |sum, row| sum.plus(&row.counters));
        totals.spawned = totals.counters.spawned_local + totals.counters.spawned_remote;
        totals.completed = totals.counters.completed;
        totals.aborted = totals.counters.aborted;
        totals.panicked = totals.counters.panicked;
        totals.idle_processors = self.processors.iter().filter(|row| row.state == ProcessorState::Idle).count();
        totals.runnable = totals.global_queue_len
            + self.processors.iter().map(|row| row.queue_len + usize::from(row.next_slot)).sum::<usize>();
        totals.machines_by_state = MachineCounts::default();
        for machine in &self.machines {
            totals.machines_by_state.count(machine.state);
        }
        totals.parked_machines = totals.machines_by_state.parked;
    }

    /// What happened after `earlier`, of the same runtime: differences of all counters, and rates a second.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> StatsDelta {
        StatsDelta::between(earlier, self)
    }

    /// All Ps' poll times together.
    #[must_use]
    pub fn poll_time(&self) -> HistogramSnapshot {
        merged(self.processors.iter().map(|row| &row.poll_time))
    }

    /// All Ps' scheduling delays together.
    #[must_use]
    pub fn sched_delay(&self) -> HistogramSnapshot {
        merged(self.processors.iter().map(|row| &row.sched_delay))
    }

    /// How late all timers fired, together.
    #[must_use]
    pub fn timer_lateness(&self) -> HistogramSnapshot {
        merged(self.processors.iter().map(|row| &row.timer_lateness))
    }
}

fn merged<'a>(histograms: impl Iterator<Item = &'a HistogramSnapshot>) -> HistogramSnapshot {
    let mut all = HistogramSnapshot::default();
    histograms.for_each(|histogram| all.merge(histogram));
    all
}

#[cfg(test)]
mod tests;
