//! Rules about a poll that stands while others wait.
//!
//! All of them look at stands: one poll, seen in progress by glance after glance. They differ in what the poll does (it
//! computes, or it sleeps in the kernel) and in what waits (a task in the stuck processor's next slot, a timer of its, io, or
//! queues). A long poll that nobody waits for is no pathology, so each rule has a signal for the harm.
//!
//! On a busy machine a short poll also stands for a while, because the kernel runs somebody else. That time is neither
//! CPU time nor sleep, and counts for nothing here. And who sleeps at a lock while the kernel keeps one of our threads off the CPU
//! waits, for all that can be told, for that one: it is no blocking call.

use crate::diagnose::rule::{Needs, Reading, Rule, Signal};
use crate::diagnose::rules::ratio::ratio;
use crate::diagnose::thresholds::{Limit, Thresholds};
use crate::diagnose::window::{Evidence, Stand};

pub(super) static LOCK_ACROSS_AWAIT: Rule = Rule {
    id: "lock-across-await",
    limits: &[Limit::JamTicks, Limit::JamStalled],
    needs: Needs::Windows,
    implies: &[
        "hog",
        "blocking-in-task",
        "runnext-trap",
        "driver-captive",
        "timer-starvation",
        "netpoll-starvation",
        "sawtooth",
        "unbounded-spawn",
    ],
    read: |evidence, at, limits| {
        let jam = evidence.windows.get(at)?.jam.clone().unwrap_or_default();
        let signals = vec![
            Signal::new(limits, Limit::JamTicks, ratio(jam.ns as f64, evidence.tick_ns as f64)),
            Signal::new(limits, Limit::JamStalled, ratio(jam.stalled_ns as f64, jam.ns as f64)),
        ];
        let resource = format!("lock whose futex is at {:#x}", jam.futex);
        Some(Reading { signals, task: jam.task, resource: Some(resource), ..Reading::default() })
    },
    suggestion: "let the guard go before the await, or use `gumption::sync::Mutex`, whose waiters give their P back; the task that \
                 has the lock waits in a queue for one of the Ps that wait for the lock",
    counter_signal: "one P at least is not at that lock: the holder runs, or somebody else does",
};

pub(super) static RUNNEXT_TRAP: Rule = Rule {
    id: "runnext-trap",
    limits: &[Limit::TrapTicks],
    needs: Needs::Windows,
    implies: &["hog", "blocking-in-task", "timer-starvation", "sawtooth", "unbounded-spawn"],
    read: |evidence, at, limits| {
        worst(evidence, at, |stand| vec![for_ticks(evidence, limits, stand, Limit::TrapTicks, stand.trapped_ns)])
    },
    suggestion: "await the woken task instead of holding its P: `.await` the handle, or wrap the wait in `blocking(..)`; \
                 keep `next_slot_rescue` on",
    counter_signal: "next_stolen: a thief or sysmon took the slot within a tick",
};

pub(super) static DRIVER_CAPTIVE: Rule = Rule {
    id: "driver-captive",
    limits: &[Limit::CaptiveTicks],
    needs: Needs::Windows,
    implies: &["hog", "blocking-in-task", "timer-starvation", "netpoll-starvation", "sawtooth", "unbounded-spawn"],
    read: |evidence, at, limits| {
        worst(evidence, at, |stand| vec![for_ticks(evidence, limits, stand, Limit::CaptiveTicks, stand.captive_ns)])
    },
    suggestion: "await the answer instead of holding the P that brought the event, or wrap the wait in `blocking(..)`; keep \
                 `driver_rescue` on",
    counter_signal: "driver_turns: an idle M watches the driver, or sysmon looks, within a tick",
};

pub(super) static TIMER_STARVATION: Rule = Rule {
    id: "timer-starvation",
    limits: &[Limit::OverdueTicks],
    needs: Needs::Windows,
    implies: &["hog", "blocking-in-task", "timer-storm", "sawtooth", "unbounded-spawn"],
    read: |evidence, at, limits| {
        worst(evidence, at, |stand| vec![for_ticks(evidence, limits, stand, Limit::OverdueTicks, stand.overdue_ns)])
    },
    suggestion: "yield inside the long poll, or move it to `spawn_blocking`; keep `timer_steal` on",
    counter_signal: "timers_fired of the other Ps: a thief, the sitter or sysmon fired them within a tick",
};

pub(super) static BLOCKING_IN_TASK: Rule = Rule {
    id: "blocking-in-task",
    limits: &[Limit::BlockTicks, Limit::PollUnits, Limit::BlockAsleep, Limit::Stalled],
    needs: Needs::Windows,
    implies: &["timer-starvation", "netpoll-starvation", "timer-storm", "sawtooth", "unbounded-spawn"],
    read: |evidence, at, limits| {
        worst(evidence, at, |stand| stuck(evidence, limits, stand, Limit::BlockTicks, Limit::BlockAsleep))
    },
    suggestion: "declare it: `blocking(|| ..)` gives the P away while the call lasts; or use `spawn_blocking`, or the \
                 async version of the call",
    counter_signal: "hand_offs and blocking_sections: the P was given up while the thread slept",
};

pub(super) static HOG: Rule = Rule {
    id: "hog",
    limits: &[Limit::HogTicks, Limit::PollUnits, Limit::HogAsleep, Limit::Stalled],
    needs: Needs::Windows,
    implies: &["timer-starvation", "netpoll-starvation", "timer-storm", "sawtooth", "unbounded-spawn"],
    read: |evidence, at, limits| {
        worst(evidence, at, |stand| stuck(evidence, limits, stand, Limit::HogTicks, Limit::HogAsleep))
    },
    suggestion: "yield inside the computation (`task::coop::consume_budget().await` every few microseconds of work), or \
                 move it to `spawn_blocking`",
    counter_signal: "spare_starts: a spare P took over and nothing stalled",
};

/// How long something waited behind the stand, in ticks: at most as long as the stand's thread ran or slept.
fn for_ticks(evidence: &Evidence, limits: &Thresholds, stand: &Stand, limit: Limit, waited_ns: u64) -> Signal {
    let own = waited_ns.min(stand.cpu_ns + stand.asleep_ns);
    Signal::new(limits, limit, ratio(own as f64, evidence.tick_ns as f64))
}

fn stuck(evidence: &Evidence, limits: &Thresholds, stand: &Stand, ticks: Limit, asleep: Limit) -> Vec<Signal> {
    let own = match ticks {
        Limit::BlockTicks => stand.asleep_ns.saturating_sub(stand.excused_ns),
        _ => stand.cpu_ns,
    };
    let awake_or_asleep = (stand.asleep_ns + stand.cpu_ns) as f64;
    vec![
        Signal::new(limits, ticks, ratio(own as f64, evidence.tick_ns as f64)),
        Signal::new(limits, Limit::PollUnits, ratio(own as f64, evidence.unit_ns as f64)),
        Signal::new(limits, asleep, ratio(stand.asleep_ns as f64, awake_or_asleep)),
        Signal::new(limits, Limit::Stalled, ratio(stand.stalled_ns as f64, stand.wall_ns as f64)),
    ]
}

/// The stand of the window that comes nearest to the rule.
fn worst(evidence: &Evidence, at: usize, signals: impl Fn(&Stand) -> Vec<Signal>) -> Option<Reading> {
    let readings = evidence.windows.get(at)?.stands.iter().map(|stand| Reading {
        signals: signals(stand),
        task: stand.task,
        processor: Some(stand.processor),
        ..Reading::default()
    });
    // No stand at all is a reading too: of health.
    Some(readings.max_by(|a, b| a.closeness().total_cmp(&b.closeness())).unwrap_or_default())
}
