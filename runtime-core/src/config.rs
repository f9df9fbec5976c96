//! What a [`Builder`](crate::runtime::Builder) has decided: the policies of one scheduler, fixed for its life.
//!
//! The documentation of each knob, with its source and what goes wrong at the extremes, is on the builder's methods.

use crate::policy;
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

/// All policies of a scheduler.
#[derive(Debug, Clone)]
pub struct Config {
    pub(crate) flavor: Flavor,
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
    pub(crate) thread_name: String,
    pub(crate) stack_size: Option<usize>,
    pub(crate) seed: u64,
    /// Whether the clock stands from the beginning; only with one thread.
    pub(crate) start_paused: bool,
}

impl Config {
    pub(crate) fn new(flavor: Flavor) -> Self {
        Self {
            flavor,
            name: None,
            processors: 1,
            spares: 0,
            spin: SpinPolicy::default(),
            steal: StealPolicy::default(),
            idle_mask: true,
            timer_steal: true,
            next_slot_cap: policy::NEXT_SLOT_CAP,
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
            thread_name: "gumption-m".to_owned(),
            stack_size: None,
            seed: 0,
            start_paused: false,
        }
    }
}
