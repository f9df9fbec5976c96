//! A snapshot as a table for people: a line per P, a line per kind of M, the totals.
//!
//! ```text
//! up 1.23s  2 Ps (1 idle)  3 Ms (1 parked, 0 spinning)  global queue 0
//! tasks: 12 live, 3 runnable, 40 spawned, 28 completed, 0 aborted, 0 panicked
//!   P    state   M queue next timers      polls      wakes ...       poll p50/p99/max      delay p50/p99/max
//!   0  running   1     3    *      0       1000        960 ...    511ns/2.05us/9.10us     1.02us/8.19us/40us
//! all                  3    1      0       1000        960 ...
//! Ms: 1 running 1 parked 1 in poller
//! ```
//!
//! Called by nobody but `Display`. It chooses columns for a glance; whoever needs a number takes the struct or JSON.
//! It never fails and never wraps: a column grows with its number.
//!
//! The invariant: a row per P of the snapshot, in its order, spare Ps that are not in use left out.

use std::fmt;

use super::{MachineState, ProcessorState, SchedulerStats};
use crate::counters::CountersSnapshot;
use crate::histogram::HistogramSnapshot;

impl fmt::Display for SchedulerStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let totals = &self.totals;
        writeln!(
            f,
            "up {}  {} Ps ({} idle)  {} Ms ({} parked, {} spinning)  global queue {}",
            Time(self.uptime_ns),
            self.config.processors,
            totals.idle_processors,
            self.machines.len(),
            totals.parked_machines,
            totals.spinning,
            totals.global_queue_len,
        )?;
        writeln!(
            f,
            "tasks: {} live, {} runnable, {} spawned, {} completed, {} aborted, {} panicked",
            totals.tasks_live, totals.runnable, totals.spawned, totals.completed, totals.aborted, totals.panicked,
        )?;
        line(f, TITLES.map(str::to_owned))?;
        for row in self.processors.iter().filter(|row| row.state != ProcessorState::Dead) {
            let [polls, wakes, spawned, stolen, overflow, spins, parks, unparks] = columns(&row.counters);
            line(
                f,
                [
                    row.id.to_string(),
                    row.state.name().to_owned(),
                    row.machine.map_or_else(|| "-".to_owned(), |machine| machine.to_string()),
                    row.queue_len.to_string(),
                    (if row.next_slot { "*" } else { "" }).to_owned(),
                    row.timers_len.to_string(),
                    polls,
                    wakes,
                    spawned,
                    stolen,
                    overflow,
                    spins,
                    parks,
                    unparks,
                    quantiles(&row.poll_time),
                    quantiles(&row.sched_delay),
                ],
            )?;
        }
        let [polls, wakes, spawned, stolen, overflow, spins, parks, unparks] = columns(&totals.counters);
        line(
            f,
            [
                "all".to_owned(),
                String::new(),
                String::new(),
                self.processors.iter().map(|row| row.queue_len).sum::<usize>().to_string(),
                self.processors.iter().filter(|row| row.next_slot).count().to_string(),
                self.processors.iter().map(|row| row.timers_len).sum::<usize>().to_string(),
                polls,
                wakes,
                spawned,
                stolen,
                overflow,
                spins,
                parks,
                unparks,
                quantiles(&self.poll_time()),
                quantiles(&self.sched_delay()),
            ],
        )?;
        write!(f, "Ms:")?;
        for state in MachineState::ALL {
            let count = totals.machines_by_state.get(*state);
            if count > 0 {
                write!(f, " {count} {}", machine_word(*state))?;
            }
        }
        writeln!(f)
    }
}

/// How many columns a line has.
const COLUMNS: usize = 16;
const TITLES: [&str; COLUMNS] = [
    "P",
    "state",
    "M",
    "queue",
    "next",
    "timers",
    "polls",
    "wakes",
    "spawned",
    "stolen",
    "overflow",
    "spins",
    "parks",
    "unparks",
    "poll p50/p99/max",
    "delay p50/p99/max",
];
const WIDTHS: [usize; COLUMNS] = [3, 8, 3, 5, 4, 6, 10, 10, 9, 8, 8, 8, 8, 8, 22, 22];

fn line(f: &mut fmt::Formatter<'_>, cells: [String; COLUMNS]) -> fmt::Result {
    let padded: Vec<String> = cells.iter().zip(WIDTHS).map(|(cell, width)| format!("{cell:>width$}")).collect();
    writeln!(f, "{}", padded.join(" ").trim_end())
}

fn columns(counters: &CountersSnapshot) -> [String; 8] {
    [
        counters.polls,
        counters.wakes_local + counters.wakes_remote + counters.wakes_self,
        counters.spawned_local + counters.spawned_remote,
        counters.tasks_stolen,
        counters.overflow_tasks,
        counters.spins,
        counters.parks,
        counters.unparks,
    ]
    .map(|count| count.to_string())
}

fn machine_word(state: MachineState) -> &'static str {
    match state {
        MachineState::Starting => "starting",
        MachineState::Running => "running",
        MachineState::Spinning => "spinning",
        MachineState::Parked => "parked",
        MachineState::InPoller => "in poller",
        MachineState::Blocked => "blocked",
        MachineState::Locked => "locked",
        MachineState::BlockingPool => "in blocking pool",
        MachineState::PoolIdle => "idle in blocking pool",
        MachineState::Dead => "dead",
    }
}

fn quantiles(histogram: &HistogramSnapshot) -> String {
    match (histogram.quantile(0.5), histogram.quantile(0.99)) {
        (Some(p50), Some(p99)) => format!("{}/{}/{}", Time(p50), Time(p99), Time(histogram.max)),
        _ => "-".to_owned(),
    }
}

/// Nanoseconds with three digits and a unit.
struct Time(u64);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (value, unit) = match self.0 {
            0..1_000 => return write!(f, "{}ns", self.0),
            1_000..1_000_000 => (self.0 as f64 / 1e3, "us"),
            1_000_000..1_000_000_000 => (self.0 as f64 / 1e6, "ms"),
            _ => (self.0 as f64 / 1e9, "s"),
        };
        let digits = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
        write!(f, "{value:.digits$}{unit}")
    }
}
