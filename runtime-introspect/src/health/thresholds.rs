//! The one table of the health score: each reason, what is measured for it, and from where to where it matters.
//!
//! A row gives a reason's name, whether it is a proof (counts at once) or a signal (counts when three windows agree), its weight in
//! points, up to which value all is well, from which it is sick, the ratio that is measured, its meaning, and where the numbers
//! come from. From it come [`Thresholds`], [`Signals`], and [`REASONS`]: a reason cannot be in one and not in another.
//!
//! To tune the score for one program, change a [`Range`] of a [`Thresholds`] and make the [`Monitor`](super::Monitor) with it.
//!
//! What is not here, and why: how many tasks there are or wait (normal states of a server), retained memory (no allocator is asked),
//! losses of a trace (there is none on), waste at locks (needs a census of who waits for what: the diagnosis takes one).

use serde::{Deserialize, Serialize};

/// From where to where a signal matters, and how much.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Range {
    /// Up to this value all is well.
    pub well: f64,
    /// From this value on it could not be worse.
    pub sick: f64,
    /// *Points* that it takes then.
    pub weight: f64,
}

impl Range {
    /// How bad `value` is, from 0 to 1. What is no number is not bad: it was not measured.
    pub fn severity(&self, value: f64) -> f64 {
        if value.is_nan() || value <= self.well {
            return 0.0;
        }
        if value >= self.sick {
            return 1.0;
        }
        (value - self.well) / (self.sick - self.well)
    }
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The reason's name.
    pub reason: &'static str,
    /// Whether it counts at once.
    pub is_proof: bool,
    /// What is measured.
    pub signal: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// Its range in some thresholds.
    pub(super) range: fn(&Thresholds) -> Range,
    /// Its value in some signals.
    pub(super) value: fn(&Signals) -> f64,
}

macro_rules! table {
    ($($field:ident $reason:literal $class:ident: $weight:literal points, $well:literal to $sick:literal,
       $signal:literal, $meaning:literal, $source:literal;)+) => {
        /// Every number that the score rests on.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub struct Thresholds {
            $(
                #[doc = concat!("*", $signal, "*: ", $meaning, ".")]
                #[doc = concat!("Well up to ", $well, ", sick from ", $sick, ", ", $weight, " points: ", $source, ".")]
                pub $field: Range,
            )+
        }

        impl Default for Thresholds {
            fn default() -> Self {
                Self { $($field: Range { well: $well, sick: $sick, weight: $weight },)+ }
            }
        }

        /// What was measured in a window: a ratio each, 0 where there is nothing to measure.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        pub struct Signals {
            $(#[doc = concat!("*", $signal, "*: ", $meaning, ".")] pub $field: f64,)+
        }

        /// The names of all reasons, in the order of the table.
        pub const REASONS: &[&str] = &[$($reason,)+];

        /// The table.
        pub(super) const ROWS: &[Row] = &[
            $(Row {
                reason: $reason,
                is_proof: table!(@$class),
                signal: $signal,
                meaning: $meaning,
                range: |thresholds| thresholds.$field,
                value: |signals| signals.$field,
            },)+
        ];
    };
    (@Proof) => { true };
    (@Signal) => { false };
}

table! {
    broken_laws "broken-laws" Proof: 100.0 points, 0.0 to 1.0,
        "laws.broken", "at rest, and something was lost or invented: a defect of the runtime, please report it",
        "conservation laws hold exactly or not at all; seen broken alike in two snapshots between which nothing happened";
    deadlocks "deadlocks" Proof: 80.0 points, 0.0 to 1.0,
        "deadlock.cycles", "tasks wait for one another in a circle, for ever",
        "one cycle is for ever; the rest of the program may go on, so a fifth is left";
    proven_leaks "proven-leaks" Proof: 60.0 points, 0.0 to 20.0,
        "leaks.proven", "tasks can never run again, and keep what they hold",
        "three points a task; one that was forgotten at the start is a blemish, twenty are a habit";
    leak_growth "leak-growth" Signal: 80.0 points, 0.01 to 0.5,
        "leaks.more/spawned", "of the tasks that are spawned a part is never seen again",
        "in each of three stretches of twenty windows; one task a request is 1, or a half where each has two; one in a hundred is noise";
    unserved "unserved" Signal: 95.0 points, 0.0 to 1.0,
        "unserved", "tasks stand in queues, a processor is idle, and nothing was polled for a whole window",
        "an idle processor takes work within a millisecond, or something is broken";
    stuck_polls "stuck-polls" Signal: 90.0 points, 0.0 to 1.0,
        "polls.stuck/processors", "polls last longer than the slice: they compute, or block undeclared",
        "a poll of ten slices has taken one processor away, one of five the half of it; with all of them stuck nothing else runs";
    sched_latency "sched-latency" Signal: 90.0 points, 1.0 to 10.0,
        "sched_latency.p99/slice", "tasks that could run wait for a processor",
        "a slice is what one neighbour may cost; ten are a tenth of a second at the usual slice, which people see";
    backlog "backlog" Signal: 70.0 points, 10.0 to 100.0,
        "queues.time_to_serve/slice", "what stands in the queues takes long to serve at the rate of this window",
        "queues that are served within a tenth of a second take a burst; a second is a backlog";
    blocking_pool "blocking-pool" Signal: 80.0 points, 1.0 to 10.0,
        "blocking.queued/completed", "the threads of `spawn_blocking` are all busy, and closures wait for longer than a window",
        "a pool at its limit that serves its queue within a window is well; one that would need ten is stuck";
    timer_lateness "timer-lateness" Signal: 60.0 points, 1.0 to 10.0,
        "timer_lateness.p99/slice", "timers fire late",
        "as for scheduling: a slice is what one neighbour may cost";
    io_unwatched "io-unwatched" Signal: 60.0 points, 1.0 to 10.0,
        "io.unwatched/slice", "sources are registered, and nobody asks the driver for events",
        "sysmon asks after half a millisecond at the latest";
    machine_limit "machine-limit" Signal: 50.0 points, 0.0 to 1.0,
        "machine_limit.hits", "one more thread was wanted, and the limit forbade it",
        "in each of three windows: the limit is too low for the blocking that is done";
    spinning "spinning" Signal: 50.0 points, 0.3 to 0.9,
        "spin_time/processor_time", "processors search for work more than they do any",
        "at most half of the busy ones search at a time, so 0.33 is the most that is usual";
    self_wakes "self-wakes" Signal: 40.0 points, 0.5 to 0.95,
        "wakes.self/polls", "tasks wake themselves in a loop and get nothing done",
        "only if there are two hundred in a slice, fewer than one poll in twenty makes progress at a leaf, and half of them are shorter than \
         a thousandth of a slice: a computation that yields is none";
    noop_unparks "noop-unparks" Signal: 20.0 points, 0.1 to 1.0,
        "unparks.noop/polls", "threads are woken for nothing",
        "a wake costs as much as a hundred polls; one in ten polls makes that the larger part of the work";
}
