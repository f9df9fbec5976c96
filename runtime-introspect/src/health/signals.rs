//! From two snapshots and what was found to [`Signals`].
//!
//! Pure functions of their arguments: no clock, no runtime. Each signal is a ratio without a unit; one that has nothing to rest on
//! (no samples, too few polls) is 0, which is well, because a score must not fall for want of evidence.

use gumption_core::histogram::HistogramSnapshot;
use gumption_core::stats::{MachineState, ProcessorState, SchedulerStats};

use super::Findings;
use super::thresholds::Range;
pub use super::thresholds::{REASONS, Signals};

/// Polls that a window must have had for the ratios that divide by polls: the diagnosis' least.
const MIN_POLLS: u64 = 1000;

/// Samples that a histogram must have for its 99th percentile to be more than its longest.
const MIN_SAMPLES: u64 = 20;

/// How much of its processor a poll has taken away that has lasted so many slices. One that has just passed the slice may be on a
/// thread that the kernel took off its CPU.
const STUCK: Range = Range { well: 1.0, sick: 10.0, weight: 1.0 };

/// Self-wakes in a slice below which they cost nobody anything: the diagnosis' twenty in a tick, which is a tenth of a slice.
const SELF_WAKES_A_SLICE: f64 = 200.0;

impl Signals {
    /// What the window between two snapshots of one runtime shows.
    ///
    /// Leaks have no growth in one window: that is for who knows more of them (`trail.rs`).
    pub fn between(earlier: &SchedulerStats, later: &SchedulerStats, now: &Findings) -> Self {
        let delta = later.since(earlier);
        let counted = &delta.totals;
        let totals = &later.totals;
        let slice = later.config.slice_ns.max(1) as f64;
        let polls = counted.polls;
        let per_poll = |count: u64| if polls < MIN_POLLS { 0.0 } else { count as f64 / polls as f64 };
        let in_slices = |seen: &HistogramSnapshot| match seen.quantile(0.99) {
            Some(p99) if seen.count() >= MIN_SAMPLES => p99 as f64 / slice,
            _ => 0.0,
        };
        let processors = later.config.processors.max(1) as f64;
        let stuck = later.processors.iter().map(|row| match row.current_poll_ns {
            Some(ns) if matches!(row.state, ProcessorState::Running | ProcessorState::Spare) => {
                STUCK.severity(ns as f64 / slice)
            }
            _ => 0.0,
        });
        let runnable = totals.runnable as u64;
        let queued = totals.blocking_pool.queued as u64;
        let per_slice = counted.wakes_self as f64 * slice / delta.window_ns.max(1) as f64;
        let idle_polls = per_slice >= SELF_WAKES_A_SLICE
            && per_poll(counted.leaf_ready) <= 0.05
            && delta.poll_time.quantile(0.5).is_some_and(|half| half as f64 <= slice / 1000.0);
        let unserved = polls == 0
            && runnable > 0
            && earlier.totals.runnable > 0
            && totals.idle_processors > 0
            && later.config.counters
            && !later.config.current_thread;
        Self {
            broken_laws: broken_laws(earlier, later) as f64,
            deadlocks: now.deadlock_cycles as f64,
            proven_leaks: now.proven_leaks as f64,
            leak_growth: 0.0,
            unserved: f64::from(u8::from(unserved)),
            stuck_polls: stuck.sum::<f64>() / processors,
            sched_latency: in_slices(&delta.sched_delay),
            backlog: if later.config.counters && totals.runnable > later.config.processors {
                runnable as f64 * delta.window_ns as f64 / polls.max(1) as f64 / slice
            } else {
                0.0
            },
            blocking_pool: if totals.blocking_pool.idle == 0 && queued > 0 && earlier.totals.blocking_pool.queued > 0 {
                queued as f64 / delta.blocking_completed.max(1) as f64
            } else {
                0.0
            },
            timer_lateness: in_slices(&delta.timer_lateness),
            io_unwatched: match later.driver.idle_ns {
                Some(ns) if later.driver.sources > 0 && !later.config.current_thread => ns as f64 / slice,
                _ => 0.0,
            },
            machine_limit: delta.machine_limit_hits as f64,
            spinning: counted.spin_ns as f64 / (delta.window_ns.max(1) as f64 * processors),
            self_wakes: if idle_polls { per_poll(counted.wakes_self) } else { 0.0 },
            noop_unparks: per_poll(counted.unparks_vain),
        }
    }

    /// What counts without a window.
    pub fn proven(now: &Findings) -> Self {
        Self { deadlocks: now.deadlock_cycles as f64, proven_leaks: now.proven_leaks as f64, ..Self::default() }
    }
}

/// Conservation laws that are broken, if both snapshots are of one rest. Laws hold at rest only, and what begins while a
/// snapshot is taken may look like a breach: so nobody may have anything in hand, and nothing may have been counted from one
/// snapshot to the next, in which the same laws are broken by the same numbers.
fn broken_laws(earlier: &SchedulerStats, later: &SchedulerStats) -> usize {
    let unchanged = earlier.totals.counters == later.totals.counters;
    if !(unchanged && at_rest(earlier) && at_rest(later)) {
        return 0;
    }
    let before = earlier.conservation();
    later.conservation().iter().filter(|breach| before.contains(breach)).count()
}

/// Whether nobody has a task in hand.
fn at_rest(stats: &SchedulerStats) -> bool {
    let processors = stats.processors.iter();
    let machines = stats.machines.iter();
    stats.totals.spinning == 0
        && processors.map(|row| row.state).all(|state| matches!(state, ProcessorState::Idle | ProcessorState::Dead))
        && machines.map(|row| row.state).all(|state| {
            use MachineState as M;
            matches!(state, M::Parked | M::InPoller | M::BlockingPool | M::PoolIdle | M::Dead)
        })
}
