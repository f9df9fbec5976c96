//! Rules about threads that belong to one task.
//!
//! A task that is locked to its thread, and a task whose thread is inside a foreign call, each have a machine to
//! themselves. One such machine is a choice. It becomes a pathology when every message to it costs two thread switches, or
//! when such machines only ever come and never go.

use crate::diagnose::rule::{Needs, Reading, Rule, Signal};
use crate::diagnose::rules::ratio::ratio;
use crate::diagnose::thresholds::Limit;
use crate::diagnose::trend;

pub(super) static LOCKED_THREAD: Rule = Rule {
    id: "locked-thread",
    limits: &[Limit::LockedPasses, Limit::LockedRate],
    needs: Needs::Polls,
    implies: &["hog", "blocking-in-task"],
    read: |evidence, at, limits| {
        let window = evidence.windows.get(at)?;
        let passes = window.counts.passes as f64;
        let ticks = ratio(window.wall_ns as f64, evidence.tick_ns as f64);
        let signals = vec![
            Signal::new(limits, Limit::LockedPasses, ratio(passes, window.counts.polls as f64)),
            Signal::new(limits, Limit::LockedRate, ratio(passes, ticks)),
        ];
        Some(Reading::at(signals, window.locked_by.as_ref()))
    },
    suggestion: "hold the lock only around the calls that need the thread, with no await inside; or give that thread whole \
                 batches of messages",
    counter_signal: "hand_offs beside polls: a lock that no wake crosses costs nothing",
};

pub(super) static FFI_PINNED: Rule = Rule {
    id: "ffi-pinned",
    limits: &[Limit::PinnedTau, Limit::PinnedReturned, Limit::PinnedSite, Limit::PinnedDepth],
    needs: Needs::Windows,
    implies: &["syscall-storm", "rss-high-water"],
    read: |evidence, at, limits| {
        let from = (at + 1).checked_sub(trend::MIN_POINTS)?;
        let windows = evidence.windows.get(from..=at)?;
        let (first, last) = (windows.first()?, windows.last()?);
        let blocked: Vec<f64> = windows.iter().map(|window| window.blocked as f64).collect();
        let entered: u64 = windows[1..].iter().map(|window| window.counts.blocking_sections).sum();
        if entered == 0 {
            return None;
        }
        // Who entered and is not in there has left.
        let left = (entered + first.blocked).saturating_sub(last.blocked);
        let depth = last.blocked as f64;
        let signals = vec![
            Signal::new(limits, Limit::PinnedTau, trend::tau(&blocked)?),
            Signal::new(limits, Limit::PinnedReturned, ratio(left as f64, entered as f64)),
            Signal::new(limits, Limit::PinnedSite, ratio(last.blocked_at_one_site as f64, depth)),
            Signal::new(limits, Limit::PinnedDepth, ratio(depth, last.processors as f64)),
        ];
        Some(Reading::at(signals, last.blocked_by.as_ref()))
    },
    suggestion: "give the call a deadline of its own (a timeout of the library, a socket option, a signal), and take a permit \
                 before it, so that a dead peer costs a few threads and not all",
    counter_signal: "machines leave their sections as often as they enter them",
};
