//! Rules about polls that come to nothing.
//!
//! Both divide what the leaves did (channels, locks, sleeps, sockets: the budget counts them) by how often tasks ran. A task that
//! computes asks no leaf, and is kept apart by how long its polls last: in units of a poll that does nothing.

use crate::diagnose::rule::{Needs, Reading, Rule, Signal};
use crate::diagnose::rules::ratio::ratio;
use crate::diagnose::thresholds::Limit;

pub(super) static BUSY_YIELD: Rule = Rule {
    id: "busy-yield",
    limits: &[Limit::SelfWakes, Limit::SelfWakeRate, Limit::UsefulPolls, Limit::PollEffort],
    needs: Needs::Polls,
    implies: &["global-queue-starvation", "netpoll-starvation", "wake-storm", "steal-storm"],
    read: |evidence, at, limits| {
        let window = evidence.windows.get(at)?;
        let polls = window.counts.polls as f64;
        let ticks = ratio(window.wall_ns as f64, evidence.tick_ns as f64);
        let wakes = window.counts.self_wakes as f64;
        let signals = vec![
            Signal::new(limits, Limit::SelfWakes, ratio(wakes, polls)),
            Signal::new(limits, Limit::SelfWakeRate, ratio(wakes, ticks)),
            Signal::new(limits, Limit::UsefulPolls, ratio(window.counts.leaf_ready as f64, polls)),
            Signal::new(limits, Limit::PollEffort, ratio(window.poll_half_ns? as f64, evidence.empty_ns as f64)),
        ];
        Some(Reading { signals, ..Reading::default() })
    },
    suggestion: "wait for it: a `Notify`, a `watch` or a oneshot channel wakes the task when there is something to do",
    counter_signal: "polls get something done, or last: work that yields",
};

pub(super) static JOIN_FAN_IN: Rule = Rule {
    id: "join-fan-in",
    limits: &[Limit::LeafWaste, Limit::LeafCrowd],
    needs: Needs::Polls,
    implies: &["wake-storm"],
    read: |evidence, at, limits| {
        let window = evidence.windows.get(at)?;
        let counts = &window.counts;
        let vain = counts.leaf_polls.saturating_sub(counts.leaf_ready) as f64;
        let signals = vec![
            Signal::new(limits, Limit::LeafWaste, ratio(counts.leaf_polls as f64, (counts.leaf_ready as f64).max(1.0))),
            Signal::new(limits, Limit::LeafCrowd, ratio(vain, counts.polls as f64)),
        ];
        let widest = window.census.as_ref().and_then(|census| census.widest.as_ref());
        let (task, site) = widest.map(|wide| (wide.task, wide.site.clone())).unzip();
        Some(Reading { signals, task, site, ..Reading::default() })
    },
    suggestion: "spawn the children, or put them into a `JoinSet`: each has a waker of its own then, and only who was woken is \
                 polled",
    counter_signal: "a leaf that is polled is ready, more often than not",
};
