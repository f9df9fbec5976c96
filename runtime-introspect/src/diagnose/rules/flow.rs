//! Rules about what flows: errors, machines, timers, steals, spawns, backlogs.
//!
//! Each divides a count by a count of the same window, or compares windows. None knows how long a window was.

use crate::diagnose::rule::{Needs, Reading, Rule, Signal};
use crate::diagnose::rules::ratio::ratio;
use crate::diagnose::thresholds::Limit;
use crate::diagnose::trend;

fn reading(signals: Vec<Signal>) -> Option<Reading> {
    Some(Reading { signals, ..Reading::default() })
}

pub(super) static ACCEPT_EMFILE_SPIN: Rule = Rule {
    id: "accept-emfile-spin",
    limits: &[Limit::NoDescriptorPolls, Limit::NoDescriptorRate],
    needs: Needs::Windows,
    implies: &["busy-yield", "netpoll-starvation"],
    read: |evidence, at, limits| {
        let window = evidence.windows.get(at)?;
        let errors = window.counts.no_descriptor as f64;
        let ticks = ratio(window.wall_ns as f64, evidence.tick_ns as f64);
        reading(vec![
            Signal::new(limits, Limit::NoDescriptorPolls, ratio(errors, window.counts.polls as f64)),
            Signal::new(limits, Limit::NoDescriptorRate, ratio(errors, ticks)),
        ])
    },
    suggestion: "rest after a failed accept, longer after each, as `gumption::net::TcpListener` does; limit connections below \
                 the limit on descriptors, or raise that",
    counter_signal: "io_useful: each call follows upon an event",
};

pub(super) static SYSCALL_STORM: Rule = Rule {
    id: "syscall-storm",
    limits: &[Limit::StormMachines, Limit::StormBlocked, Limit::StormHandOffs],
    needs: Needs::Windows,
    implies: &["rss-high-water"],
    read: |evidence, at, limits| {
        let window = evidence.windows.get(at)?;
        // Sections that last the whole run were entered in its first windows, so this ratio is over the run so far.
        let sofar = evidence.through(at);
        reading(vec![
            Signal::new(limits, Limit::StormMachines, ratio(window.machines_mean, window.processors as f64)),
            Signal::new(limits, Limit::StormBlocked, ratio(window.blocked_mean, window.machines_mean)),
            Signal::new(limits, Limit::StormHandOffs, ratio(sofar.hand_offs as f64, sofar.blocking_sections as f64)),
        ])
    },
    suggestion: "take a permit before the call (a semaphore of a few times the device's parallelism), or make it async; \
                 `max_machines` is the last resort",
    counter_signal: "machines stay near processors + permits",
};

pub(super) static TIMER_STORM: Rule = Rule {
    id: "timer-storm",
    limits: &[Limit::StormTimers, Limit::TimerHalf, Limit::TimerHerd],
    needs: Needs::Windows,
    implies: &["wake-storm"],
    read: |evidence, at, limits| {
        let window = evidence.windows.get(at)?;
        let fired = window.counts.timers_fired as f64;
        reading(vec![
            Signal::new(limits, Limit::StormTimers, ratio(fired, window.processors as f64)),
            Signal::new(limits, Limit::TimerHalf, window.timer_half?),
            Signal::new(limits, Limit::TimerHerd, ratio(window.runnable_max as f64, fired)),
        ])
    },
    suggestion: "spread the deadlines: add a random share of the period to each first tick",
    counter_signal: "half of the timers need half of the time",
};

pub(super) static SAWTOOTH: Rule = Rule {
    id: "sawtooth",
    limits: &[Limit::SawExits, Limit::SawArrivals, Limit::SawSwing, Limit::SawDepth, Limit::SawRunnable],
    needs: Needs::Polls,
    implies: &["wake-storm"],
    read: |evidence, at, limits| {
        let window = evidence.windows.get(at)?;
        reading(vec![
            Signal::new(limits, Limit::SawExits, window.exit_half?),
            Signal::new(limits, Limit::SawArrivals, window.arrival_half?),
            Signal::new(limits, Limit::SawSwing, ratio(window.live_max as f64, (window.live_min as f64).max(1.0))),
            Signal::new(limits, Limit::SawDepth, ratio(window.live_max as f64, window.processors as f64)),
            Signal::new(limits, Limit::SawRunnable, ratio(window.runnable_mean, window.live_mean)),
        ])
    },
    suggestion: "let each wait for its own deadline and not for a common one: flush a batch when it is full or its oldest is old, and \
                 add a random share to periods",
    counter_signal: "tasks end as evenly as they come",
};

pub(super) static STEAL_STORM: Rule = Rule {
    id: "steal-storm",
    limits: &[Limit::SpinShare, Limit::Probes, Limit::Spinners, Limit::Oversubscribed],
    needs: Needs::Polls,
    implies: &["idle-spin-waste", "oversubscribed-procs"],
    read: |evidence, at, limits| {
        let window = evidence.windows.get(at)?;
        let counts = &window.counts;
        let running = (counts.spin_ns + counts.busy_ns) as f64;
        let cores = window.cores as f64;
        reading(vec![
            Signal::new(limits, Limit::SpinShare, ratio(counts.spin_ns as f64, running)),
            Signal::new(limits, Limit::Probes, ratio(counts.steal_attempts as f64, (counts.polls as f64).max(1.0))),
            Signal::new(limits, Limit::Spinners, ratio(window.spinning_mean, cores)),
            Signal::new(limits, Limit::Oversubscribed, ratio(window.processors as f64, cores)),
        ])
    },
    suggestion: "set `processors` to the CPUs that the process has, and leave the spin bound and the idle mask on",
    counter_signal: "spinners stay under half of the busy processors",
};

pub(super) static ONE_PRODUCER: Rule = Rule {
    id: "one-producer",
    limits: &[Limit::Overflow, Limit::Producer],
    needs: Needs::Polls,
    implies: &["inject-lock-contention"],
    read: |evidence, at, limits| {
        let window = evidence.windows.get(at)?;
        let spawned = window.counts.spawned;
        // A handful of spawns says nothing about shares.
        if spawned < 64 * window.processors as u64 {
            return None;
        }
        reading(vec![
            Signal::new(limits, Limit::Overflow, ratio(window.counts.overflow_tasks as f64, spawned as f64)),
            Signal::new(limits, Limit::Producer, ratio(window.spawned_by_one as f64, spawned as f64)),
        ])
    },
    suggestion: "split the range recursively and let each thief spawn its half, or spawn chunks instead of items",
    counter_signal: "overflow_tasks is a small share of the spawns",
};

pub(super) static UNBOUNDED_SPAWN: Rule = Rule {
    id: "unbounded-spawn",
    limits: &[Limit::BacklogTau, Limit::BacklogGrowth, Limit::BacklogRunnable, Limit::BacklogDepth],
    needs: Needs::Load,
    implies: &["staircase-leak", "rss-high-water"],
    read: |evidence, at, limits| {
        let from = (at + 1).checked_sub(trend::MIN_POINTS)?;
        let windows = evidence.windows.get(from..=at)?;
        let live: Vec<f64> = windows.iter().map(|window| window.live as f64).collect();
        let last = windows.last()?;
        reading(vec![
            Signal::new(limits, Limit::BacklogTau, trend::tau(&live)?),
            Signal::new(limits, Limit::BacklogGrowth, trend::growth(&live)?),
            Signal::new(limits, Limit::BacklogRunnable, ratio(last.runnable_mean, last.live_mean)),
            Signal::new(limits, Limit::BacklogDepth, ratio(last.live as f64, last.processors as f64)),
        ])
    },
    suggestion: "admit before spawning: take a permit first, and refuse or push back when none is left",
    counter_signal: "live stays under the cap and refusals are counted",
};
