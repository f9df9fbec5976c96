//! The difference of two snapshots: what happened in a window, and how often a second.
//!
//! A delta is what every judgement of a running scheduler starts from, because totals since the start drown whatever
//! happens now. It keeps differences and rates side by side: ratios of events want the differences, a person wants
//! the rates.
//!
//! Rows are matched by the P's id. A P that was not there earlier (a spare) counts from its beginning, and one that is
//! gone now is left out, as is the M table: Ms have states and no counters.
//!
//! The invariant: `totals` is the sum of `processors` and `off_processor`, not a difference of totals, so that a P
//! which came or went in between leaves no gap. Built only by [`SchedulerStats::since`](super::SchedulerStats::since).

use serde::Serialize;

use super::{SchedulerStats, merged};
use crate::counters::{CounterRates, CountersSnapshot};
use crate::histogram::HistogramSnapshot;

/// What happened between two snapshots.
#[derive(Clone, Debug, Default, Serialize)]
pub struct StatsDelta {
    /// *Nanoseconds* between the two.
    pub window_ns: u64,
    /// A row per P of the later one.
    pub processors: Vec<ProcessorDelta>,
    /// What threads without a P did.
    pub off_processor: CountersSnapshot,
    /// All of it added up.
    pub totals: CountersSnapshot,
    /// `totals` a second.
    pub rates: CounterRates,
    /// *Events.* How often one more M was wanted and the limit forbade it.
    pub machine_limit_hits: u64,
    /// *Closures* that the blocking pool finished.
    pub blocking_completed: u64,
    /// *Nanoseconds.* Poll times of the window, all Ps together.
    pub poll_time: HistogramSnapshot,
    /// *Nanoseconds.* Scheduling delays of the window, all Ps together.
    pub sched_delay: HistogramSnapshot,
    /// *Nanoseconds.* How late timers fired in the window, all Ps together.
    pub timer_lateness: HistogramSnapshot,
}

/// What one P did between two snapshots.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ProcessorDelta {
    /// Which P.
    pub id: usize,
    /// What it did.
    pub counters: CountersSnapshot,
    /// The same a second.
    pub rates: CounterRates,
    /// *Nanoseconds.* Its poll times in the window.
    pub poll_time: HistogramSnapshot,
    /// *Nanoseconds.* Its scheduling delays in the window.
    pub sched_delay: HistogramSnapshot,
    /// *Nanoseconds.* How late the timers of its heap fired in the window.
    pub timer_lateness: HistogramSnapshot,
}

impl StatsDelta {
    pub(super) fn between(earlier: &SchedulerStats, later: &SchedulerStats) -> Self {
        let window_ns = later.uptime_ns.saturating_sub(earlier.uptime_ns);
        let mut processors = Vec::with_capacity(later.processors.len());
        for row in &later.processors {
            let (counters, poll_time, sched_delay, timer_lateness) =
                match earlier.processors.iter().find(|old| old.id == row.id) {
                    Some(old) => (
                        row.counters.since(&old.counters),
                        row.poll_time.since(&old.poll_time),
                        row.sched_delay.since(&old.sched_delay),
                        row.timer_lateness.since(&old.timer_lateness),
                    ),
                    None => (row.counters, row.poll_time.clone(), row.sched_delay.clone(), row.timer_lateness.clone()),
                };
            let rates = counters.rates(window_ns);
            processors.push(ProcessorDelta { id: row.id, counters, rates, poll_time, sched_delay, timer_lateness });
        }
        let off_processor = later.off_processor.since(&earlier.off_processor);
        let totals = processors.iter().fold(off_processor, |sum, row| sum.plus(&row.counters));
        Self {
            window_ns,
            rates: totals.rates(window_ns),
            totals,
            off_processor,
            machine_limit_hits: later.totals.machine_limit_hits.saturating_sub(earlier.totals.machine_limit_hits),
            blocking_completed: later
                .totals
                .blocking_pool
                .completed
                .saturating_sub(earlier.totals.blocking_pool.completed),
            poll_time: merged(processors.iter().map(|row| &row.poll_time)),
            sched_delay: merged(processors.iter().map(|row| &row.sched_delay)),
            timer_lateness: merged(processors.iter().map(|row| &row.timer_lateness)),
            processors,
        }
    }

    /// The window in seconds.
    pub fn seconds(&self) -> f64 {
        self.window_ns as f64 / 1e9
    }
}
