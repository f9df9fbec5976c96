//! Resources, from one census to the next: how many a notification woke, and which channels their receivers pass by.
//!
//! A resource's record only counts up. [`Resources`] keeps what each said at the last [census](super), and what has come of it since
//! is what the rules read. A resource that was not there at the last census is not spoken of: what it had done before it was first
//! waited for is not known to belong to this window.
//!
//! It refuses to judge; `wake-storm` and `select-bias` do.

use std::collections::HashMap;

use gumption_core::resource::{Facts, Kind};
use serde::Serialize;

use super::{Ids, KEPT, named};

/// Notifications, since the last census.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Crowd {
    /// What notifies, and where it was made.
    pub resource: String,
    /// Notifications that found somebody.
    pub notified: u64,
    /// Tasks that they woke.
    pub woken: u64,
    /// Tasks that came to wait again, and had done nothing.
    pub vain: u64,
    /// One that waits, and where it was spawned.
    pub task: Option<(u64, String)>,
}

/// A channel that has a value, and whose receiver looks elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Passed {
    /// The channel.
    pub resource: String,
    /// How many values the same task has received from other channels since it last looked into this one.
    pub by: u64,
    /// The task, and where it was spawned.
    pub task: Option<(u64, String)>,
}

/// What the last census knew of a resource.
#[derive(Clone, Copy, Debug, Default)]
struct Before {
    sends: u64,
    receives: u64,
    vain: u64,
    lost: u64,
    waits: u64,
    /// What its owner has received elsewhere while this had a value.
    passed_by: u64,
}

/// What is known of each resource from the last census.
#[derive(Debug, Default)]
pub(super) struct Resources(HashMap<u64, Before, Ids>);

impl Resources {
    /// What had been sent into a channel and received from it, if it was there.
    pub(super) fn flow_before(&self, facts: &Facts) -> Option<(u64, u64)> {
        self.0.get(&facts.id).map(|before| (before.sends, before.receives))
    }

    /// What had been sent into a broadcast and lost in it, if it was there.
    pub(super) fn losses_before(&self, facts: &Facts) -> Option<(u64, u64)> {
        self.0.get(&facts.id).map(|before| (before.sends, before.lost))
    }

    /// How often it had been waited for.
    pub(super) fn waits_before(&self, facts: &Facts) -> u64 {
        self.before(facts).waits
    }

    /// These are the ones to compare with at the next census.
    pub(super) fn remember(&mut self, facts: &[Facts]) {
        self.0 = facts.iter().map(|facts| (facts.id, self.after(facts))).collect();
    }

    fn before(&self, facts: &Facts) -> Before {
        self.0.get(&facts.id).copied().unwrap_or_default()
    }

    fn after(&self, facts: &Facts) -> Before {
        let passed_by = self.before(facts).passed_by;
        let Facts { sends, receives, vain, lost, waits, .. } = *facts;
        Before { sends, receives, vain, lost, waits, passed_by }
    }

    /// What notifies, and whom it has woken.
    pub(super) fn crowds(
        &self,
        facts: &[Facts],
        waiting: &HashMap<u64, u64, Ids>,
        site: &dyn Fn(u64) -> Option<(u64, String)>,
    ) -> Vec<Crowd> {
        let notifies = facts.iter().filter(|facts| facts.kind == Kind::Notify && self.0.contains_key(&facts.id));
        let crowd = |facts: &Facts| {
            let before = self.before(facts);
            let woken = facts.receives.saturating_sub(before.receives);
            (woken > 0).then(|| Crowd {
                resource: named(facts),
                notified: facts.sends.saturating_sub(before.sends),
                woken,
                vain: facts.vain.saturating_sub(before.vain),
                task: waiting.get(&facts.id).and_then(|task| site(*task)),
            })
        };
        let mut crowds: Vec<Crowd> = notifies.filter_map(crowd).collect();
        crowds.sort_by_key(|crowd| std::cmp::Reverse(crowd.woken));
        crowds.truncate(KEPT);
        crowds
    }

    /// Channels that have a value which their receiver does not look at.
    pub(super) fn passed(&mut self, facts: &[Facts], site: &dyn Fn(u64) -> Option<(u64, String)>) -> Vec<Passed> {
        let is_channel = |facts: &&Facts| matches!(facts.kind, Kind::Mpsc | Kind::UnboundedMpsc) && facts.owner != 0;
        // What each task has received since the last census.
        let mut received: HashMap<u64, u64, Ids> = HashMap::default();
        for channel in facts.iter().filter(is_channel) {
            if let Some(before) = self.0.get(&channel.id) {
                *received.entry(channel.owner).or_default() += channel.receives.saturating_sub(before.receives);
            }
        }
        let mut passed = Vec::new();
        for channel in facts.iter().filter(is_channel) {
            let Some(before) = self.0.get_mut(&channel.id) else { continue };
            let waits = channel.depth > 0 && channel.receives == before.receives;
            before.passed_by =
                if waits { before.passed_by + received.get(&channel.owner).copied().unwrap_or(0) } else { 0 };
            if before.passed_by > 0 {
                passed.push(Passed { resource: named(channel), by: before.passed_by, task: site(channel.owner) });
            }
        }
        passed.sort_by_key(|passed| std::cmp::Reverse(passed.by));
        passed.truncate(KEPT);
        passed
    }
}
