//! Rules about what tasks share: the blocking pool, locks, channels, notifications.
//!
//! Each reads the census of a window: counts of events that a resource itself has kept, edges of the wait graph, and glances at
//! whoever owns a lock. None looks at how long anything took.

use crate::diagnose::census::Census;
use crate::diagnose::rule::{Needs, Reading, Rule, Signal};
use crate::diagnose::rules::ratio::ratio;
use crate::diagnose::thresholds::Limit;
use crate::diagnose::window::{Evidence, Window};

fn counted(evidence: &Evidence, at: usize) -> Option<(&Window, &Census)> {
    let window = evidence.windows.get(at)?;
    Some((window, window.census.as_ref()?))
}

fn pointing(signals: Vec<Signal>, task: Option<&(u64, String)>, resource: Option<&String>) -> Option<Reading> {
    let (task, site) = task.cloned().unzip();
    Some(Reading { signals, task, site, resource: resource.cloned(), ..Reading::default() })
}

pub(super) static BLOCKING_POOL_DEADLOCK: Rule = Rule {
    id: "blocking-pool-deadlock",
    limits: &[Limit::PoolWaits, Limit::PoolEnded],
    needs: Needs::Windows,
    implies: &["lost-cancel", "chan-never-closed", "done-channel-hang", "unbounded-spawn"],
    read: |evidence, at, limits| {
        let (_, census) = counted(evidence, at)?;
        let pool = &census.pool;
        if pool.queued == 0 || pool.running == 0 {
            return None;
        }
        let running = pool.running as f64;
        let signals = vec![
            Signal::new(limits, Limit::PoolWaits, ratio(pool.waiting as f64, running)),
            Signal::new(limits, Limit::PoolEnded, ratio(pool.ended as f64, running)),
        ];
        pointing(signals, pool.task.as_ref(), None)
    },
    suggestion: "do not wait inside a blocking closure for another one: await the inner one in a task and pass its result on, or \
                 do its work in place; a larger pool only needs more requests to stand still",
    counter_signal: "a closure that runs waits for none that is queued",
};

pub(super) static MUTEX_CONVOY: Rule = Rule {
    id: "mutex-convoy",
    limits: &[Limit::LockOwned, Limit::LockWaited, Limit::OwnerRuns, Limit::OwnerQueues],
    needs: Needs::Windows,
    implies: &["wake-storm"],
    read: |evidence, at, limits| {
        let (_, census) = counted(evidence, at)?;
        // A handful of glances says nothing about shares.
        let seen = census.locks.iter().filter(|lock| lock.glances >= 8 && lock.owned > 0);
        let lock = seen.max_by_key(|lock| lock.waited)?;
        if lock.looked == 0 && lock.owned > lock.running {
            return None;
        }
        let (glances, owned) = (lock.glances as f64, lock.owned as f64);
        let off = ratio((lock.owned - lock.running) as f64, owned);
        let signals = vec![
            Signal::new(limits, Limit::LockOwned, ratio(owned, glances)),
            Signal::new(limits, Limit::LockWaited, ratio(lock.waited as f64, glances)),
            Signal::new(limits, Limit::OwnerRuns, ratio(lock.running as f64, owned)),
            Signal::new(limits, Limit::OwnerQueues, ratio(lock.runnable as f64, lock.looked as f64) * off),
        ];
        pointing(signals, lock.owner.as_ref(), Some(&lock.resource))
    },
    suggestion: "await nothing while the lock is held, and then a lock of the standard library is the right one; or give the state \
                 to one task and send it what is to be changed",
    counter_signal: "the owner runs for as long as it owns",
};

pub(super) static SELECT_BIAS: Rule = Rule {
    id: "select-bias",
    limits: &[Limit::PassedBy],
    needs: Needs::Polls,
    implies: &["lost-cancel", "done-channel-hang"],
    read: |evidence, at, limits| {
        let (_, census) = counted(evidence, at)?;
        let passed = census.passed.first()?;
        let signals = vec![Signal::new(limits, Limit::PassedBy, passed.by as f64)];
        pointing(signals, passed.task.as_ref(), Some(&passed.resource))
    },
    suggestion: "put the rare arm first, or leave `biased` away: the order is random then, and no arm waits for long",
    counter_signal: "whoever has values from one channel looks into the other, too",
};

pub(super) static WAKE_STORM: Rule = Rule {
    id: "wake-storm",
    limits: &[Limit::Herd, Limit::HerdVain, Limit::HerdPolls, Limit::HerdEffort],
    needs: Needs::Polls,
    implies: &["steal-storm"],
    read: |evidence, at, limits| {
        let (window, census) = counted(evidence, at)?;
        let crowd = census.crowds.first()?;
        let woken = crowd.woken as f64;
        let share = ratio(woken, window.counts.polls as f64);
        // Whose polls they were nobody knows. If half of all are short, a third of a herd that is three quarters of them is; if
        // seven in eight are, half of one that is a quarter.
        let effort = if share >= 0.75 { window.poll_half_ns } else { window.poll_most_ns }?;
        let signals = vec![
            Signal::new(limits, Limit::Herd, ratio(woken, crowd.notified as f64)),
            Signal::new(limits, Limit::HerdVain, ratio(crowd.vain as f64, woken)),
            Signal::new(limits, Limit::HerdPolls, share),
            Signal::new(limits, Limit::HerdEffort, ratio(effort as f64, evidence.empty_ns as f64)),
        ];
        pointing(signals, crowd.task.as_ref(), Some(&crowd.resource))
    },
    suggestion: "wake as many as can go on: `notify_one` for each unit, or a `Semaphore` whose permits are the units",
    counter_signal: "who is woken does something before it waits again",
};
