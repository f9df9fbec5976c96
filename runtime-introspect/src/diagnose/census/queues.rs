//! Queues: how full channels are, how that changes, what is lost in them, and whose they are.
//!
//! A channel's record says how much was ever sent and received; two censuses say how much in between. A task that receives is the
//! channel's owner. When an owner has gone and its channel is still there, kept by somebody who does not look into it, those
//! who wait to send into it wait for nobody. A broadcast has no owner, but keeps the receiver that was last told that it came too late.
//!
//! Called by the [census](super). It refuses to judge.

use std::collections::{HashMap, HashSet};
use std::panic::Location;

use gumption_core::resource::{Facts, Kind};
use serde::Serialize;

use super::{Class, Forming, Ids, KEPT, named, place};

/// A channel in which values wait.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Queue {
    /// Its number.
    pub id: u64,
    /// What it is, and where it was made.
    pub resource: String,
    /// Values inside.
    pub depth: u64,
    /// Values that were sent since the last census.
    pub sends: u64,
    /// Values that were received since the last census.
    pub receives: u64,
    /// The task that receives, and where it was spawned.
    pub task: Option<(u64, String)>,
}

/// A broadcast whose receivers came too late for values.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Lag {
    /// What it is, and where it was made.
    pub resource: String,
    /// Values that were sent since the last census.
    pub sends: u64,
    /// Values that were overwritten before a receiver came to them, since then; once for each such receiver.
    pub lost: u64,
    /// Values that some receiver has still to see.
    pub depth: u64,
    /// Values that it keeps.
    pub capacity: u64,
    /// The receiver that was last told so, and where it was spawned.
    pub task: Option<(u64, String)>,
}

/// Tasks that wait at channels whose receivers have ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Orphans {
    /// Where most of them were spawned.
    pub site: String,
    /// How many of the tasks of that place and class wait.
    pub tasks: u64,
    /// How many of those wait at a channel whose receiving task has ended.
    pub orphaned: u64,
    /// Tasks of the place that the last census found, too.
    pub known: u64,
    /// Of those, the ones in the same wait as then.
    pub still: u64,
    /// Tasks that have ended and were the receivers of such channels.
    pub owners: u64,
    /// One of those, and where it had been spawned.
    pub owner: Option<(u64, String)>,
    /// A channel of that one.
    pub resource: Option<String>,
}

/// What is remembered of the tasks that own something: where they were spawned.
pub(super) type Sites = HashMap<u64, &'static Location<'static>, Ids>;

/// The fullest channels without a bound, and what has changed in them since `before`.
pub(super) fn queues(facts: &[Facts], before: impl Fn(&Facts) -> Option<(u64, u64)>, sites: &Sites) -> Vec<Queue> {
    let full = facts.iter().filter(|facts| matches!(facts.kind, Kind::Mpsc | Kind::UnboundedMpsc) && facts.depth > 0);
    let queue = |facts: &Facts| {
        let (sent, received) = before(facts)?;
        Some(Queue {
            id: facts.id,
            resource: named(facts),
            depth: facts.depth,
            sends: facts.sends.saturating_sub(sent),
            receives: facts.receives.saturating_sub(received),
            task: sites.get(&facts.owner).map(|site| (facts.owner, place(site))),
        })
    };
    let mut queues: Vec<Queue> = full.filter_map(queue).collect();
    queues.sort_by(|a, b| b.depth.cmp(&a.depth).then(a.id.cmp(&b.id)));
    queues.truncate(KEPT);
    queues
}

/// The broadcasts that have lost most since `before`.
pub(super) fn lags(facts: &[Facts], before: impl Fn(&Facts) -> Option<(u64, u64)>, sites: &Sites) -> Vec<Lag> {
    let lossy = facts.iter().filter(|facts| facts.kind == Kind::Broadcast && facts.lost > 0);
    let lag = |facts: &Facts| {
        let (sent, lost) = before(facts)?;
        Some(Lag {
            resource: named(facts),
            sends: facts.sends.saturating_sub(sent),
            lost: facts.lost.saturating_sub(lost),
            depth: facts.depth,
            capacity: facts.capacity,
            task: sites.get(&facts.laggard).map(|site| (facts.laggard, place(site))),
        })
    };
    let mut lags: Vec<Lag> = lossy.filter_map(lag).filter(|lag| lag.lost > 0).collect();
    lags.sort_by_key(|lag| std::cmp::Reverse(lag.lost));
    lags.truncate(KEPT);
    lags
}

/// The group of tasks of which most wait at channels whose receivers are not `alive`.
pub(super) fn orphans(
    groups: &HashMap<(usize, Class), Forming>,
    by_id: &HashMap<u64, &Facts, Ids>,
    alive: &HashSet<u64, Ids>,
    sites: &Sites,
) -> Option<(usize, Class, Orphans)> {
    let mut most: Option<(usize, Class, Orphans)> = None;
    for (key, forming) in groups {
        let mut found = Orphans { site: place(forming.site), tasks: forming.group.tasks, ..Orphans::default() };
        let mut owners: HashSet<u64, Ids> = HashSet::default();
        for (resource, waiting) in &forming.owned {
            let Some(facts) = by_id.get(resource).filter(|facts| facts.owner != 0 && !alive.contains(&facts.owner))
            else {
                continue;
            };
            found.orphaned += waiting;
            if owners.insert(facts.owner) && found.owner.as_ref().is_none_or(|(owner, _)| facts.owner < *owner) {
                let site = sites.get(&facts.owner).map(|site| place(site)).unwrap_or_default();
                found.owner = Some((facts.owner, site));
                found.resource = Some(named(facts));
            }
        }
        found.owners = owners.len() as u64;
        let fewer = most.as_ref().is_none_or(|(_, _, held)| held.orphaned < found.orphaned);
        if found.orphaned > 0 && fewer {
            most = Some((key.0, key.1, found));
        }
    }
    most
}
