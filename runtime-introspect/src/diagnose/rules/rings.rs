//! Rules about tasks that nothing will ever run again.
//!
//! Tasks that wait for one another in a ring, a task that waits for what it was given already, a task that no waker is left of: none
//! of them is slow, each stands for ever. So there is no limit on time here. The ring or the count of wakers is the proof, and
//! that it was there at the last census too, with the same tasks in the same waits, keeps out what merely moved while it was read.

use crate::diagnose::census::{Census, Ring};
use crate::diagnose::rule::{Needs, Reading, Rule, Signal};
use crate::diagnose::rules::ratio::ratio;
use crate::diagnose::thresholds::{Limit, Thresholds};
use crate::diagnose::trend;
use crate::diagnose::window::Evidence;

fn census(evidence: &Evidence, at: usize) -> Option<&Census> {
    evidence.windows.get(at)?.census.as_ref()
}

fn still(limits: &Thresholds, ring: &Ring) -> Signal {
    Signal::new(limits, Limit::RingStill, ratio(ring.still as f64, ring.known as f64))
}

fn pointing(signals: Vec<Signal>, ring: &Ring) -> Option<Reading> {
    let (task, site) = ring.task.clone().unzip();
    Some(Reading { signals, task, site, resource: ring.told.clone(), ..Reading::default() })
}

pub(super) static LOST_WAKEUP: Rule = Rule {
    id: "lost-wakeup",
    limits: &[Limit::StrandedBefore, Limit::StrandedUnheld],
    needs: Needs::Windows,
    implies: &["lost-cancel", "chan-never-closed", "done-channel-hang", "staircase-leak", "rss-high-water"],
    read: |evidence, at, limits| {
        let stranded = &census(evidence, at)?.stranded;
        let tasks = stranded.tasks as f64;
        let signals = vec![
            Signal::new(limits, Limit::StrandedBefore, ratio(stranded.before as f64, tasks)),
            Signal::new(limits, Limit::StrandedUnheld, ratio(stranded.unheld as f64, tasks)),
        ];
        let (task, site) = stranded.task.clone().unzip();
        Some(Reading { signals, task, site, ..Reading::default() })
    },
    suggestion: "look for who drops a waker without waking it: a place for one waker that two tasks use, a future that returns \
                 `Pending` and leaves no waker anywhere; the primitives of `gumption::sync` keep one for each who waits",
    counter_signal: "each task that waits has a waker somewhere",
};

pub(super) static FUTURELOCK: Rule = Rule {
    id: "futurelock",
    limits: &[Limit::RingStill],
    needs: Needs::Windows,
    implies: &["async-deadlock", "mutex-convoy"],
    read: |evidence, at, limits| {
        let ring = &census(evidence, at)?.rings.own;
        pointing(vec![still(limits, ring)], ring)
    },
    suggestion: "drop the future that waits for the lock before you wait for anything else, or give it a task of its own, so that \
                 somebody polls it when its turn comes",
    counter_signal: "who is handed a lock comes for it",
};

pub(super) static REF_CYCLE_LEAK: Rule = Rule {
    id: "ref-cycle-leak",
    limits: &[Limit::RingTau, Limit::RingGrowth, Limit::RingDepth, Limit::RingStill],
    needs: Needs::Load,
    implies: &["async-deadlock", "staircase-leak", "rss-high-water"],
    read: |evidence, at, limits| {
        let from = (at + 1).checked_sub(trend::MIN_POINTS)?;
        let windows = evidence.windows.get(from..=at)?;
        let mut tasks = Vec::with_capacity(windows.len());
        for window in windows {
            tasks.push(window.census.as_ref()?.rings.handles.tasks as f64);
        }
        let last = windows.last()?;
        let ring = &last.census.as_ref()?.rings.handles;
        let signals = vec![
            Signal::new(limits, Limit::RingTau, trend::tau(&tasks)?),
            Signal::new(limits, Limit::RingGrowth, trend::growth(&tasks)?),
            Signal::new(limits, Limit::RingDepth, ratio(ring.tasks as f64, last.processors as f64)),
            still(limits, ring),
        ];
        pointing(signals, ring)
    },
    suggestion: "let one own the other: only the owner has the handle and waits for it; whoever else must know of the end gets an \
                 `AbortHandle`, or a channel that closes",
    counter_signal: "who waits for a task's end is not waited for by it",
};

pub(super) static ASYNC_DEADLOCK: Rule = Rule {
    id: "async-deadlock",
    limits: &[Limit::RingStill],
    needs: Needs::Windows,
    implies: &["mutex-convoy", "lost-cancel", "chan-never-closed", "done-channel-hang", "staircase-leak"],
    read: |evidence, at, limits| {
        let rings = &census(evidence, at)?.rings;
        let ring = if rings.locks.tasks > 0 { &rings.locks } else { &rings.handles };
        pointing(vec![still(limits, ring)], ring)
    },
    suggestion: "take locks in one order everywhere (by account number, by address), or all of them under one; hold none while \
                 another is waited for",
    counter_signal: "of those who wait for one another, one has what it needs",
};
