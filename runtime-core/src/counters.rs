//! The counters: what every P has done since the runtime began.
//!
//! One list, below, names every counter once, with its unit and its meaning, and yields three shapes of it:
//!
//! | type | what it is | who has it |
//! | --- | --- | --- |
//! | [`Counters`] | live cells with one writer | each P: only the M that owns the P adds |
//! | [`Counters<SharedCounter>`](SharedCounter) | live cells that anybody may add to | the runtime, once: for threads that have no P |
//! | [`CountersSnapshot`] | plain numbers | readers |
//!
//! **The invariant: one writer a cell.** A [`Counter`] adds with a plain load and a plain store, which costs a third
//! of a `fetch_add` and shares no cache line with another writer. Two writers at once would lose counts (never
//! memory), so a thread without a P uses the shared set. The exceptions say so: `retakes`, `long_polls`,
//! `spare_starts` and `preempt_requests` of a P are written by sysmon alone, and by nobody else.
//!
//! Readers never stop a writer. A snapshot may see a later count and miss an earlier one, so sums that must agree
//! (see [`crate::stats::conservation`]) agree only at rest: when no task runs and none is on its way.
//!
//! Without the feature `stats` a cell has no size and adding is nothing. That difference lives in the two `imp`
//! modules here and nowhere else; the scheduler's code is the same text in both builds.
//!
//! This file refuses to decide anything: no scheduling step may read a counter. The cells are hidden from loom and
//! shuttle on purpose ([`crate::sync::UncheckedU64`]): they order nothing, and as scheduling points they would only
//! multiply the schedules.

use serde::Serialize;

/// A cell that can be read.
pub trait Tally: Default {
    /// The count so far.
    fn get(&self) -> u64;
}

#[cfg(feature = "stats")]
mod imp {
    use crate::sync::{Ordering, UncheckedU64};

    /// A count with one writer at a time.
    #[derive(Debug, Default)]
    pub struct Counter(UncheckedU64);

    impl Counter {
        /// Adds `n`. Only the cell's writer may call this; a second one at the same time loses counts.
        #[inline(always)]
        pub fn add(&self, n: u64) {
            // Ordering: no partner. Nobody may conclude anything from a count, and one writer needs no RMW.
            self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
        }
        /// Makes it at least `n`. Only the cell's writer may call this.
        #[inline(always)]
        pub fn raise_to(&self, n: u64) {
            // Ordering: no partner, as in `add`.
            if self.0.load(Ordering::Relaxed) < n {
                self.0.store(n, Ordering::Relaxed);
            }
        }
    }

    /// A count that any thread may add to: for rare events of threads that have no P.
    #[derive(Debug, Default)]
    pub struct SharedCounter(UncheckedU64);

    impl SharedCounter {
        /// Adds `n`, from any thread.
        #[inline]
        pub fn add(&self, n: u64) {
            // Ordering: no partner. Atomic only so that no count is lost.
            self.0.fetch_add(n, Ordering::Relaxed);
        }
    }

    impl super::Tally for Counter {
        #[inline(always)]
        fn get(&self) -> u64 {
            // Ordering: no partner. A reader gets some recent value.
            self.0.load(Ordering::Relaxed)
        }
    }

    impl super::Tally for SharedCounter {
        #[inline(always)]
        fn get(&self) -> u64 {
            // Ordering: no partner. A reader gets some recent value.
            self.0.load(Ordering::Relaxed)
        }
    }

    pub(super) const ENABLED: bool = true;
}

#[cfg(not(feature = "stats"))]
mod imp {
    /// A count with one writer at a time; this build counts nothing.
    #[derive(Debug, Default)]
    pub struct Counter;

    impl Counter {
        /// Adds nothing: this build counts nothing.
        #[inline(always)]
        pub fn add(&self, _n: u64) {}
        /// Does nothing: this build counts nothing.
        #[inline(always)]
        pub fn raise_to(&self, _n: u64) {}
    }

    /// A count that any thread may add to; this build counts nothing.
    #[derive(Debug, Default)]
    pub struct SharedCounter;

    impl SharedCounter {
        /// Adds nothing: this build counts nothing.
        #[inline(always)]
        pub fn add(&self, _n: u64) {}
    }

    impl super::Tally for Counter {
        #[inline(always)]
        fn get(&self) -> u64 {
            0
        }
    }

    impl super::Tally for SharedCounter {
        #[inline(always)]
        fn get(&self) -> u64 {
            0
        }
    }

    pub(super) const ENABLED: bool = false;
}

pub use imp::{Counter, SharedCounter};

/// Whether this build counts: the feature `stats`.
pub const ENABLED: bool = imp::ENABLED;

impl Counter {
    /// Adds one. Only the cell's writer may call this.
    #[inline(always)]
    pub fn inc(&self) {
        self.add(1);
    }
}

impl SharedCounter {
    /// Adds one, from any thread.
    #[inline(always)]
    pub fn inc(&self) {
        self.add(1);
    }
}

/// What a counter counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Events.
    Events,
    /// Tasks moved: one event may move many.
    Tasks,
    /// Nanoseconds.
    Nanoseconds,
}

/// A counter as data: for tables, JSON schemas and rules that name their signals.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The counter's name: the field of [`Counters`] and [`CountersSnapshot`].
    pub name: &'static str,
    /// What it counts in.
    pub unit: Unit,
    /// What it means, in a sentence or two.
    pub meaning: &'static str,
    /// Its value in a snapshot.
    pub get: fn(&CountersSnapshot) -> u64,
}

macro_rules! counters {
    ($($name:ident: $unit:ident, $meaning:literal;)+) => {
        /// The live counters of one P, or of all threads without a P.
        ///
        /// On cache lines of their own, so that a reader disturbs only their writer.
        #[derive(Debug, Default)]
        #[repr(align(128))]
        pub struct Counters<C = Counter> {
            $(#[doc = concat!("*", stringify!($unit), ".* ", $meaning)] pub $name: C,)+
        }

        /// Counters at one moment, or their difference between two.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
        pub struct CountersSnapshot {
            $(#[doc = concat!("*", stringify!($unit), ".* ", $meaning)] pub $name: u64,)+
        }

        /// Counters a second, over some window.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
        pub struct CounterRates {
            $(#[doc = concat!("*", stringify!($unit), " a second.* ", $meaning)] pub $name: f64,)+
        }

        impl<C: Tally> Counters<C> {
            /// All cells, each read once, without stopping their writer.
            pub fn snapshot(&self) -> CountersSnapshot {
                CountersSnapshot { $($name: self.$name.get(),)+ }
            }
        }

        impl CountersSnapshot {
            /// Every counter, in the order of the list.
            pub const FIELDS: &'static [Field] = &[
                $(Field {
                    name: stringify!($name),
                    unit: Unit::$unit,
                    meaning: $meaning,
                    get: |snapshot| snapshot.$name,
                },)+
            ];

            /// What was counted after `earlier`. A counter that is behind (the two are of different runtimes, or in
            /// the wrong order) gives 0.
            #[must_use]
            pub fn since(&self, earlier: &Self) -> Self {
                Self { $($name: self.$name.saturating_sub(earlier.$name),)+ }
            }

            /// Both together.
            #[must_use]
            pub fn plus(&self, other: &Self) -> Self {
                Self { $($name: self.$name.saturating_add(other.$name),)+ }
            }

            /// A second's worth, if all this was counted in `window_ns`. An empty window has no rates: all are 0.
            #[must_use]
            pub fn rates(&self, window_ns: u64) -> CounterRates {
                let per_second = if window_ns == 0 { 0.0 } else { 1e9 / window_ns as f64 };
                CounterRates { $($name: self.$name as f64 * per_second,)+ }
            }
        }
    };
}

counters! {
    ticks: Events, "Rounds of the scheduling loop that took a task other than from the next slot (Go's schedtick): the clock of fairness.";
    polls: Events, "Runs of a task: a future polled once, or found aborted and dropped instead.";
    wakes_local: Events, "Idle tasks made runnable by a thread that holds a P. Wakes of a task that was runnable already are not counted here.";
    wakes_remote: Events, "Idle tasks made runnable by a thread that holds no P of this runtime.";
    wakes_self: Events, "Tasks that were woken while they ran and so went back to a queue after their poll (`yield_now`, a channel's other end on another P).";
    wakes_duplicate: Events, "Wakes consumed by a run beyond its first: what woke a task that was runnable already.";
    spawned_local: Tasks, "Tasks spawned by a thread that holds a P.";
    spawned_remote: Tasks, "Tasks spawned by a thread that holds no P of this runtime.";
    completed: Tasks, "Tasks that returned a value.";
    aborted: Tasks, "Tasks dropped before they returned: aborted, or cancelled by shutdown.";
    panicked: Tasks, "Tasks that ended by a panic.";
    cancelled_runs: Events, "Rights to run that were given up without a run, at shutdown.";
    captures: Events, "Polls by observers, to see where a task waits. Not among the polls.";
    claims: Events, "Idle tasks made runnable by the runtime itself and not by a wake: shutdown, dumps.";
    queue_pushes: Tasks, "Tasks put into this P's run queue, from wherever they came.";
    queue_pops: Tasks, "Tasks that the owner took out of this P's run queue, to run them or to move them elsewhere (a hand-off's flush), overflow apart.";
    overflows: Events, "Times this P's run queue was full and its oldest half went to the global queue.";
    overflow_tasks: Tasks, "Tasks that overflow took out of this P's run queue. The task that found no room is not one of them: it never was in the queue.";
    global_pushes: Tasks, "Tasks put into the global queue.";
    global_pops: Tasks, "Tasks taken out of the global queue, whether run at once or put into a run queue.";
    next_put: Tasks, "Tasks put into the next slot.";
    next_take: Tasks, "Tasks that the owner took from the next slot to run.";
    next_kicked: Tasks, "Tasks that left the next slot for a queue: a newer one came, the cap was reached, or the P was handed off.";
    next_capped: Events, "Times the cap on runs in a row from the next slot sent its task to the queue's tail.";
    next_stolen: Tasks, "Tasks that this P took from another P's next slot.";
    steal_attempts: Events, "Other Ps' queues looked into for work, and not passed over for a hint.";
    steal_hits: Events, "Attempts that took at least one task from a run queue.";
    tasks_stolen: Tasks, "Tasks that this P took out of other Ps' run queues, the one that it ran at once included.";
    sweeps: Events, "Rounds over all other Ps in search of work.";
    spins: Events, "Times an M that held this P began to search for work (spinning).";
    spin_ns: Nanoseconds, "Time spent searching, whether it found work or not.";
    parks: Events, "Times an M gave this P up and went on the list of idle Ms, to sleep on its parker or in the poller.";
    unparks: Events, "Ms taken off the list of idle Ms and woken, by this P's M.";
    reclaims: Events, "Times an M took itself off the list of idle Ms: work, events or timers came while it went to sleep or sat in the poller, or it ended.";
    unparks_vain: Events, "Ms that were woken, took this P, and found nothing to run.";
    timers_armed: Events, "Timers set.";
    timers_fired: Events, "Timers that came due and woke their task.";
    timers_cancelled: Events, "Timers dropped or reset before they fired.";
    driver_turns: Events, "Times the driver was asked for events, sleeping or not.";
    io_events: Events, "Events that the driver brought.";
    io_useful: Events, "Events that woke a task.";
    driver_errors: Events, "Turns of the driver that ended with an error.";
    retakes: Events, "Times sysmon took this P from an M in a blocking section. Sysmon writes this.";
    hand_offs: Events, "Times an M gave this P to another before it blocked.";
    blocking_sections: Events, "Declared blocking sections entered.";
    pless_polls: Events, "Polls that ended without a P, because a blocking section came back and found none.";
    long_polls: Events, "Polls that lasted longer than the slice and were recorded. Sysmon writes this.";
    spare_starts: Events, "Times a spare P was started because this one was stuck in a poll. Sysmon writes this.";
    preempt_requests: Events, "Times sysmon asked the running task to yield at its next budget check. Sysmon writes this.";
    budget_yields: Events, "Polls that a leaf ended because the cooperative budget was used up.";
    leaf_polls: Events, "Polls of the runtime's own primitives (channels, locks, sleeps, sockets) inside tasks.";
    leaf_ready: Events, "Those of them that made progress.";
    slices_over: Events, "Sampled polls that lasted longer than the slice.";
    busy_ns: Nanoseconds, "Time in polls, estimated: each sampled poll counts for all those since the sample before it.";
}

#[cfg(test)]
#[path = "counters_tests.rs"]
mod tests;
