//! What a [`Builder`](crate::runtime::Builder) has decided: the policies of one scheduler, fixed for its life.
//!
//! The documentation of each knob, with its source and what goes wrong at the extremes, is on the builder's methods.

use crate::policy;
use crate::runtime::RngSeed;
use crate::runtime::histogram::Wanted;
use crate::runtime::hooks::{Hooks, Watched};
use std::time::Duration;

/// Which threads run tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavor {
    /// One processor, run by whoever calls `block_on`.
    CurrentThread,
    /// As many processors as asked for, run by threads of the runtime.
    MultiThread,
}

/// How machines search for work before they sleep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpinPolicy {
    /// How many machines may search at once.
    pub limit: SpinLimit,
    /// Passes that a searcher makes over all others before it gives up; the last one looks further.
    pub passes: u32,
    /// How long the last searcher lingers, re-reading hints, before it sleeps.
    pub linger: Duration,
}

/// How many machines may search at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpinLimit {
    /// At most half as many as there are busy processors, and one at least: Go's rule.
    HalfOfBusy,
    /// At most this many. With 0 a machine goes to sleep at once and is woken for each piece of work.
    AtMost(usize),
}

impl Default for SpinPolicy {
    fn default() -> Self {
        Self { limit: SpinLimit::HalfOfBusy, passes: policy::STEAL_PASSES, linger: policy::LINGER }
    }
}

impl SpinPolicy {
    /// Most spinning machines while `busy` processors are busy.
    pub(crate) fn most(&self, busy: usize) -> usize {
        match self.limit {
            SpinLimit::HalfOfBusy => busy.div_ceil(2).max(1),
            SpinLimit::AtMost(most) => most,
        }
    }
}

/// What a thief takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StealPolicy {
    /// Half of the victim's queue, rounded up: Go's and tokio's rule.
    #[default]
    Half,
    /// Nothing: each processor runs what it was given. Work can wait for ever behind a long poll.
    Off,
}

/// What a task's panic does to its runtime, or to its [`LocalSet`](crate::task::LocalSet).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnhandledPanic {
    /// Nothing: its joiner is told.
    Ignore,
    /// It ends the runtime or the set: every other task is cancelled, and `block_on`, or whoever polls the set, panics.
    ShutdownRuntime,
}

/// How threads are called.
#[derive(Clone)]
pub(crate) enum Names {
    /// By what they are, and their number.
    Numbered,
    /// All the same.
    Fixed(String),
    /// As somebody says, for each.
    Made(std::sync::Arc<dyn Fn() -> String + Send + Sync>),
}

impl Names {
    /// The name of a machine's thread.
    pub(crate) fn machine(&self, id: usize) -> String {
        self.of(|| format!("gumption-m{id}"))
    }

    /// The name of a thread of the blocking pool.
    pub(crate) fn blocking(&self, number: usize) -> String {
        self.of(|| format!("gumption-m-blocking{number}"))
    }

    fn of(&self, numbered: impl FnOnce() -> String) -> String {
        match self {
            Self::Numbered => numbered(),
            Self::Fixed(name) => name.clone(),
            Self::Made(make) => make(),
        }
    }
}

impl std::fmt::Debug for Names {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Numbered => f.write_str("Numbered"),
            Self::Fixed(name) => f.debug_tuple("Fixed").field(name).finish(),
            Self::Made(_) => f.write_str("Made"),
        }
    }
}

/// How many events a driver takes at a time, at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventLimits {
    /// In a turn that only looks.
    pub busy: usize,
    /// In a turn that sleeps.
    pub sleeping: usize,
}

impl Default for EventLimits {
    fn default() -> Self {
        Self { busy: policy::EVENTS_BUSY, sleeping: policy::EVENTS_BLOCKING }
    }
}

/// All policies of a scheduler.
#[derive(Debug, Clone)]
pub struct Config {
    pub(crate) flavor: Flavor,
    /// The number of the one thread that runs and ends it, if there is only one.
    pub(crate) local_to: Option<u64>,
    pub(crate) name: Option<String>,
    pub(crate) processors: usize,
    pub(crate) spares: usize,
    pub(crate) spin: SpinPolicy,
    pub(crate) steal: StealPolicy,
    pub(crate) idle_mask: bool,
    pub(crate) timer_steal: bool,
    pub(crate) next_slot_cap: u32,
    pub(crate) next_slot_rescue: bool,
    pub(crate) global_interval: u32,
    pub(crate) global_rescue: bool,
    pub(crate) event_interval: u32,
    pub(crate) driver_rescue: bool,
    /// One for each processor if not given.
    pub(crate) pollers: Option<usize>,
    pub(crate) slice: Duration,
    pub(crate) sysmon: bool,
    pub(crate) retake: bool,
    pub(crate) max_machines: usize,
    pub(crate) max_blocking_threads: usize,
    pub(crate) keep_alive: Duration,
    pub(crate) names: Names,
    pub(crate) stack_size: Option<usize>,
    pub(crate) seed: u64,
    /// Whether the clock stands from the beginning; only with one thread.
    pub(crate) start_paused: bool,
    pub(crate) rng_seed: Option<RngSeed>,
    pub(crate) enable_io: bool,
    pub(crate) enable_time: bool,
    /// Events that a driver takes at a time.
    pub(crate) events: EventLimits,
    pub(crate) unhandled_panic: UnhandledPanic,
    pub(crate) hooks: Hooks,
    pub(crate) poll_times: Wanted,
    pub(crate) latencies: Wanted,
    pub(crate) watched: Watched,
}

impl Config {
    pub(crate) fn new(flavor: Flavor) -> Self {
        Self {
            flavor,
            local_to: None,
            name: None,
            processors: 1,
            spares: 0,
            spin: SpinPolicy::default(),
            steal: StealPolicy::default(),
            idle_mask: true,
            timer_steal: true,
            // One thread has no cache to keep a pair of tasks in: first come, first served, as in tokio.
            next_slot_cap: if flavor == Flavor::MultiThread { policy::NEXT_SLOT_CAP } else { 0 },
            next_slot_rescue: true,
            global_interval: policy::GLOBAL_INTERVAL,
            global_rescue: true,
            event_interval: policy::EVENT_INTERVAL,
            driver_rescue: true,
            pollers: None,
            slice: policy::SLICE,
            sysmon: flavor == Flavor::MultiThread,
            retake: true,
            max_machines: policy::MAX_MACHINES,
            max_blocking_threads: policy::MAX_BLOCKING_THREADS,
            keep_alive: policy::KEEP_ALIVE,
            names: Names::Numbered,
            stack_size: None,
            seed: 0,
            start_paused: false,
            rng_seed: None,
            enable_io: false,
            enable_time: false,
            events: EventLimits::default(),
            unhandled_panic: UnhandledPanic::Ignore,
            hooks: Hooks::default(),
            poll_times: Wanted::default(),
            latencies: Wanted::default(),
            watched: Watched::default(),
        }
    }
}
