//! The conservation laws: what a scheduler at rest may neither lose nor invent.
//!
//! A run queue is an account: what was put in is either taken out again by one of a few ways, each counted, or is
//! still in it. So is the next slot, the global queue, the list of idle Ms, the set of live tasks, and the right to
//! run itself. Each law is a row of [`LAWS`]: a name, the two sides in words, how they compare, and a function that
//! computes both. Tests check them after every workload; the debug endpoint prints them.
//!
//! ```text
//!  spawn, wake --> next slot --kick--> run queue --overflow--> global queue
//!                     | take, steal        | pop, steal            | pop
//!                     v                    v                       v
//!                    run                  run           run, or a run queue again
//! ```
//!
//! They hold **at rest** only: no task runs and none is on its way from one account to another. While the scheduler
//! works a reader may see one side of a move without the other. The laws are about counts, never about time, so they
//! cannot fail on a slow machine.
//!
//! What lives here refuses to repair or to panic: it reports. Whoever adds a way in or out of an account adds its
//! counter to the law. The laws about `queue` and `next slot` count a task on the P whose counter the documentation of
//! that counter names, so they hold for the sum over all Ps and not for each.

use std::fmt;

use serde::Serialize;

use super::SchedulerStats;

/// How the two sides of a law compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// Left and right are equal.
    Equal,
    /// Left is at most right.
    AtMost,
}

impl Relation {
    /// Whether `left` and `right` compare like this.
    pub fn holds(self, left: u64, right: u64) -> bool {
        match self {
            Self::Equal => left == right,
            Self::AtMost => left <= right,
        }
    }

    /// The sign between the two sides.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::AtMost => "<=",
        }
    }
}

/// One law.
#[derive(Clone, Copy, Debug)]
pub struct Law {
    /// Its name, in words with dashes.
    pub name: &'static str,
    /// The left side, by the counters' names.
    pub left: &'static str,
    /// How the sides compare.
    pub relation: Relation,
    /// The right side, by the counters' names.
    pub right: &'static str,
    /// Both sides.
    pub sides: fn(&SchedulerStats) -> (u64, u64),
}

/// A law that a snapshot broke.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Breach {
    /// Which law.
    pub law: &'static str,
    /// Its left side, by the counters' names.
    pub left: &'static str,
    /// How the sides should compare.
    pub relation: Relation,
    /// Its right side, by the counters' names.
    pub right: &'static str,
    /// What the left side came to.
    pub left_value: u64,
    /// What the right side came to.
    pub right_value: u64,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { law, left, relation, right, left_value, right_value } = self;
        write!(f, "{law}: {left} {} {right} does not hold: {left_value} and {right_value}", relation.sign())
    }
}

impl std::error::Error for Breach {}

macro_rules! laws {
    ($($name:literal: $left:literal $relation:ident $right:literal, |$stats:ident, $c:ident| $sides:expr;)+) => {
        /// Every law.
        pub const LAWS: &[Law] = &[$(Law {
            name: $name,
            left: $left,
            relation: Relation::$relation,
            right: $right,
            sides: |$stats| {
                let $c = &$stats.totals.counters;
                $sides
            },
        },)+];
    };
}

laws! {
    "every-task-ends-once":
        "spawned_local + spawned_remote" Equal "completed + aborted + panicked + tasks_live",
        |stats, c| (c.spawned_local + c.spawned_remote, c.completed + c.aborted + c.panicked + stats.totals.tasks_live);
    "every-right-to-run-is-spent":
        "spawned + wakes_local + wakes_remote + wakes_self + claims" Equal "polls + captures + cancelled_runs + runnable",
        |stats, c| (
            c.spawned_local + c.spawned_remote + c.wakes_local + c.wakes_remote + c.wakes_self + c.claims,
            c.polls + c.captures + c.cancelled_runs + stats.totals.runnable as u64
        );
    "next-slot":
        "next_put" Equal "next_take + next_kicked + next_stolen + next slots full",
        |stats, c| (
            c.next_put,
            c.next_take + c.next_kicked + c.next_stolen + stats.processors.iter().filter(|row| row.next_slot).count() as u64
        );
    "run-queue":
        "queue_pushes" Equal "queue_pops + overflow_tasks + tasks_stolen + run queues' lengths",
        |stats, c| (
            c.queue_pushes,
            c.queue_pops + c.overflow_tasks + c.tasks_stolen
                + stats.processors.iter().map(|row| row.queue_len as u64).sum::<u64>()
        );
    "global-queue":
        "global_pushes" Equal "global_pops + global queue's length",
        |stats, c| (c.global_pushes, c.global_pops + stats.totals.global_queue_len as u64);
    "overflow-reaches-the-global-queue":
        "overflow_tasks" AtMost "global_pushes",
        |stats, c| (c.overflow_tasks, c.global_pushes);
    "a-park-ends-once":
        "parks" Equal "unparks + reclaims + Ms parked or in the poller",
        |stats, c| {
            let asleep = stats.totals.parked_machines + stats.totals.machines_by_state.in_poller;
            (c.parks, c.unparks + c.reclaims + asleep as u64)
        };
    "vain-unparks-are-unparks":
        "unparks_vain" AtMost "unparks",
        |stats, c| (c.unparks_vain, c.unparks);
    "timers-end-once":
        "timers_fired + timers_cancelled" AtMost "timers_armed",
        |stats, c| (c.timers_fired + c.timers_cancelled, c.timers_armed);
    "pending-timers-are-in-a-heap":
        "timers_armed" AtMost "timers_fired + timers_cancelled + heaps' lengths",
        |stats, c| (
            c.timers_armed,
            c.timers_fired + c.timers_cancelled + stats.processors.iter().map(|row| row.timers_len as u64).sum::<u64>()
        );
    "a-hit-is-an-attempt":
        "steal_hits" AtMost "steal_attempts",
        |stats, c| (c.steal_hits, c.steal_attempts);
    "a-hit-takes-a-task":
        "steal_hits" AtMost "tasks_stolen",
        |stats, c| (c.steal_hits, c.tasks_stolen);
    "useful-events-are-events":
        "io_useful" AtMost "io_events",
        |stats, c| (c.io_useful, c.io_events);
    "a-retake-has-its-section":
        "retakes" AtMost "blocking_sections",
        |stats, c| (c.retakes, c.blocking_sections);
    "progress-is-a-poll":
        "leaf_ready" AtMost "leaf_polls",
        |stats, c| (c.leaf_ready, c.leaf_polls);
    "a-sample-is-a-poll":
        "timed polls" AtMost "polls",
        |stats, c| (stats.poll_time().count(), c.polls);
    "blocking-pool":
        "submitted" Equal "completed + running + queued",
        |stats, _c| {
            let pool = &stats.totals.blocking_pool;
            (pool.submitted, pool.completed + pool.running as u64 + pool.queued as u64)
        };
    "a-p-has-one-m":
        "Ps that name an M" Equal "Ps whose M names them",
        |stats, _c| {
            let named = stats.processors.iter().filter_map(|row| row.machine.map(|machine| (row.id, machine)));
            let mutual = named.clone().filter(|(processor, machine)| {
                stats.machines.iter().any(|row| row.id == *machine && row.processor == Some(*processor))
            });
            (named.count() as u64, mutual.count() as u64)
        };
}

impl SchedulerStats {
    /// The laws that these numbers break; none, if the runtime was at rest and is right.
    ///
    /// *At rest*: no task runs and none is being woken, moved or spawned. In a build without counters there is
    /// nothing to check and nothing is reported.
    #[must_use]
    pub fn conservation(&self) -> Vec<Breach> {
        if !self.config.counters {
            return Vec::new();
        }
        LAWS.iter()
            .filter_map(|law| {
                let (left_value, right_value) = (law.sides)(self);
                (!law.relation.holds(left_value, right_value)).then_some(Breach {
                    law: law.name,
                    left: law.left,
                    relation: law.relation,
                    right: law.right,
                    left_value,
                    right_value,
                })
            })
            .collect()
    }
}
