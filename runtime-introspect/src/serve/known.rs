//! What a server knows of its runtimes besides what it reads at the moment: their health over time, and the leaks that were found
//! last.
//!
//! Health compares windows, and a client that asks once has none. So a thread of the server looks once a second, which costs
//! a snapshot of the stats for each runtime, and for leaks every [`LEAKS`], where there are not too many tasks for that. Whoever asks
//! for leaks in between is answered afresh, and what was found is kept for the metrics.
//!
//! It refuses to know who asks. Its lock is held while stats are read, never while an answer is written or sent.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use gumption_core::runtime::{Handle, Id};

use super::house::House;
use crate::cost;
use crate::health::{Findings, Health, Monitors};
use crate::leaks::{Leaks, Watcher};
use crate::metrics::WALK;

/// How often health is looked after.
const HEALTH: Duration = Duration::from_secs(1);
/// How often leaks are looked for when nobody asks.
const LEAKS: Duration = Duration::from_secs(15);

/// What is known.
#[derive(Debug, Default)]
pub struct Known {
    monitors: Monitors,
    findings: HashMap<Id, Findings>,
    watchers: HashMap<Id, Watcher>,
}

/// Looks for leaks now, and remembers them. Suspicion grows with each look.
pub fn leaks(house: &House, handle: &Handle) -> Leaks {
    let id = handle.id();
    // Taken out, so that nobody waits for the walk; who looks at the same time begins anew.
    let watcher = house.known().watchers.remove(&id);
    let mut watcher = watcher.unwrap_or_default();
    let leaks = watcher.look(handle);
    let mut known = house.known();
    known.findings.insert(id, (&leaks).into());
    known.watchers.insert(id, watcher);
    leaks
}

impl Known {
    /// What was found last, if somebody looked.
    pub fn findings(&self, handle: &Handle) -> Option<Findings> {
        self.findings.get(&handle.id()).copied()
    }

    /// How well a runtime is.
    pub fn health(&mut self, handle: &Handle) -> Health {
        let found = self.findings(handle).unwrap_or_default();
        self.monitors.look(handle, &found)
    }
}

/// What the thread does until the server stops.
pub fn look_after(house: &House) {
    let mut looked: Option<Instant> = None;
    while !house.pause(HEALTH) {
        let _cost = cost::of(cost::Part::Health);
        let handles = house.runtimes();
        let due = looked.is_none_or(|looked| looked.elapsed() >= LEAKS);
        if due {
            looked = Some(Instant::now());
            for handle in &handles {
                if handle.stats().totals.tasks_live <= WALK {
                    leaks(house, handle);
                }
            }
        }
        let mut known = house.known();
        known.watchers.retain(|id, _| handles.iter().any(|handle| handle.id() == *id));
        known.findings.retain(|id, _| handles.iter().any(|handle| handle.id() == *id));
        for handle in &handles {
            known.health(handle);
        }
    }
}
