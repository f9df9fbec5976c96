//! Rules about channels: what lies in them, what is lost in them, and who is left to take it out.
//!
//! A channel that is merely full is no pathology, and neither is a task that waits at one. These read how the depth of one channel
//! goes over the windows, and whether the task that received from it still exists.

use crate::diagnose::rule::{Needs, Reading, Rule, Signal};
use crate::diagnose::rules::ratio::ratio;
use crate::diagnose::thresholds::Limit;
use crate::diagnose::trend;

pub(super) static DETACHED_PANIC: Rule = Rule {
    id: "detached-panic",
    limits: &[Limit::OrphanShare, Limit::OrphanPanics, Limit::LeakStill],
    needs: Needs::Windows,
    implies: &["chan-never-closed", "done-channel-hang", "lost-cancel", "staircase-leak", "unbounded-spawn"],
    read: |evidence, at, limits| {
        let orphans = &evidence.windows.get(at)?.census.as_ref()?.orphans;
        let panics = evidence.through(at).panicked as f64;
        let signals = vec![
            Signal::new(limits, Limit::OrphanShare, ratio(orphans.orphaned as f64, orphans.tasks as f64)),
            Signal::new(limits, Limit::OrphanPanics, ratio(panics, orphans.owners as f64)),
            Signal::new(limits, Limit::LeakStill, ratio(orphans.still as f64, orphans.known as f64)),
        ];
        let (task, site) = orphans.owner.clone().unzip();
        Some(Reading { signals, task, site, resource: orphans.resource.clone(), ..Reading::default() })
    },
    suggestion: "await the handle of each worker, and start another one or end the whole when it has panicked; a receiver that its \
                 worker owns is dropped with it, and senders are told",
    counter_signal: "somebody receives again after a panic, or the senders are told that nobody will",
};

pub(super) static LAGGING_RECEIVER: Rule = Rule {
    id: "lagging-receiver",
    limits: &[Limit::LagLost, Limit::LagDepth],
    needs: Needs::Windows,
    implies: &[],
    read: |evidence, at, limits| {
        let census = evidence.windows.get(at)?.census.as_ref()?;
        // Sends are written down every so many; of fewer than that nothing is known.
        let lag = census.lags.iter().find(|lag| lag.sends > 0)?;
        let signals = vec![
            Signal::new(limits, Limit::LagLost, ratio(lag.lost as f64, lag.sends as f64)),
            Signal::new(limits, Limit::LagDepth, ratio(lag.depth as f64, lag.capacity as f64)),
        ];
        let (task, site) = lag.task.clone().unzip();
        Some(Reading { signals, task, site, resource: Some(lag.resource.clone()), ..Reading::default() })
    },
    suggestion: "give who must see every value a channel of its own with a bound, so that who sends too fast waits; who wants only the \
                 newest value wants a `watch`; a larger capacity only helps with bursts",
    counter_signal: "receivers are told `Lagged` seldom, after a burst, and have caught up at the next census",
};

pub(super) static SLOW_CONSUMER: Rule = Rule {
    id: "slow-consumer",
    limits: &[Limit::DepthTau, Limit::DepthGrowth, Limit::DepthFlow, Limit::Depth],
    needs: Needs::Load,
    implies: &["rss-high-water"],
    read: |evidence, at, limits| {
        let from = (at + 1).checked_sub(trend::MIN_POINTS)?;
        let windows = evidence.windows.get(from..=at)?;
        let last = windows.last()?;
        let queue = last.census.as_ref()?.queues.first()?;
        let mut depths = Vec::with_capacity(windows.len());
        let (mut sends, mut receives) = (0, 0);
        for window in windows {
            let then = window.census.as_ref()?.queues.iter().find(|then| then.id == queue.id);
            depths.push(then.map_or(0.0, |then| then.depth as f64));
            sends += then.map_or(0, |then| then.sends);
            receives += then.map_or(0, |then| then.receives);
        }
        let signals = vec![
            Signal::new(limits, Limit::DepthTau, trend::tau(&depths)?),
            Signal::new(limits, Limit::DepthGrowth, trend::growth(&depths)?),
            Signal::new(limits, Limit::DepthFlow, ratio(sends as f64, (receives as f64).max(1.0))),
            Signal::new(limits, Limit::Depth, ratio(queue.depth as f64, last.processors as f64)),
        ];
        let (task, site) = queue.task.clone().unzip();
        Some(Reading { signals, task, site, resource: Some(queue.resource.clone()), ..Reading::default() })
    },
    suggestion: "give the channel a bound, so that who sends too fast waits; or drop the oldest, if losing is better than waiting",
    counter_signal: "the depth stays under a bound, and senders wait",
};
