//! Rules about what stays: a runtime that does not end, memory that does not go.
//!
//! Both name what is left over and say what it is not. A shutdown that waits is not stuck in itself: a poll cannot be interrupted, nor
//! a closure, and one of them is still at it. Memory that stays after the tasks have gone is no leak: nobody has it, and it
//! will be used again; but the system does not get it back.

use crate::diagnose::rule::{Needs, Reading, Rule, Signal};
use crate::diagnose::rules::ratio::ratio;
use crate::diagnose::thresholds::Limit;

pub(super) static SHUTDOWN_HANG: Rule = Rule {
    id: "shutdown-hang",
    limits: &[Limit::EndTicks],
    needs: Needs::Windows,
    implies: &["hog", "blocking-in-task", "blocking-pool-deadlock", "timer-starvation", "netpoll-starvation"],
    read: |evidence, at, limits| {
        let waited = evidence.windows.get(at)?.ending.clone().unwrap_or_default();
        let signals = vec![Signal::new(limits, Limit::EndTicks, ratio(waited.ns as f64, evidence.tick_ns as f64))];
        Some(Reading::at(signals, Some(&waited.holder)))
    },
    suggestion: "tell it to end before the runtime is dropped (close its pipe, set its flag, yield in its loop); or end the runtime by \
                 `shutdown_timeout`, which leaves it behind",
    counter_signal: "what is left changes from glance to glance, and comes to nothing",
};

pub(super) static RSS_HIGH_WATER: Rule = Rule {
    id: "rss-high-water",
    limits: &[Limit::PeakGain, Limit::PeakKept, Limit::PeakLive],
    needs: Needs::Polls,
    implies: &[],
    read: |evidence, at, limits| {
        let windows = evidence.windows.get(..=at)?;
        let (first, now) = (evidence.rss, windows.last()?);
        let peak = windows.iter().map(|window| window.rss).max()?;
        if first == 0 || now.rss == 0 {
            return None;
        }
        let most = windows.iter().map(|window| window.live_max).max()?;
        let (gained, kept) = (peak.saturating_sub(first) as f64, now.rss.saturating_sub(first) as f64);
        let signals = vec![
            Signal::new(limits, Limit::PeakGain, ratio(peak as f64, first as f64)),
            Signal::new(limits, Limit::PeakKept, ratio(kept, gained)),
            Signal::new(limits, Limit::PeakLive, ratio(now.live_max as f64, most as f64)),
        ];
        let before = windows.first().map_or(0, |window| window.kept);
        let resource = format!(
            "memory of a peak of {most} tasks, which took {} MiB: {} MiB are kept by the runtime for the next tasks, by design, and \
             the rest by the allocator for the next allocations",
            (gained as u64) >> 20,
            now.kept.saturating_sub(before) >> 20
        );
        Some(Reading { signals, resource: Some(resource), ..Reading::default() })
    },
    suggestion: "admit fewer at once, and the peak is lower; let those who stay long keep only what they need, and not the buffers \
                 they came with; `malloc_trim`, or an allocator that gives back, for what is there",
    counter_signal: "memory goes back when the tasks go, or the tasks are still there",
};
