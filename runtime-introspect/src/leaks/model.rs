//! What [`leaks`](super::leaks) finds: plain data, owned, the same in memory and as JSON.
//!
//! Three lists that are never mixed. What is in the first two is true for ever, as the essay of [`super`] shows and under
//! the premises that it names; what is in the third is worth a look.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::dump::{ResourceDump, Site};
use crate::graph::Party;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Leaks {
    /// Tasks that can never run again, grouped by what they have in common; the largest groups first.
    pub proven: Vec<Proven>,
    /// Tasks that wait for each other in a circle.
    pub deadlocks: Vec<Cycle>,
    /// What looks like a leak and is none for sure.
    pub suspects: Vec<Suspect>,
    /// *Tasks* that were looked at.
    pub tasks: u64,
    /// What could not be told, and why.
    pub notes: Vec<String>,
}

impl Leaks {
    /// How many ids a list of tasks holds at most; its count says how many there are.
    pub const LISTED: usize = 32;

    /// Whether nothing is proven, nothing deadlocked and nothing suspected.
    pub fn is_clean(&self) -> bool {
        self.proven.is_empty() && self.deadlocks.is_empty() && self.suspects.is_empty()
    }

    /// *Tasks* that can never run again: the proven ones, those in a circle, and those behind one.
    pub fn dead(&self) -> u64 {
        let circles = self.deadlocks.iter().map(|cycle| cycle.steps.len() as u64 + cycle.behind);
        self.proven.iter().map(|proven| proven.count).chain(circles).sum()
    }
}

/// Tasks that can never run again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Proven {
    /// *Tasks* in the group.
    pub count: u64,
    /// Why.
    pub why: Why,
    /// Where they were spawned.
    pub spawned_at: Site,
    /// The type of their future.
    pub type_name: Cow<'static, str>,
    /// What they said that they wait for, in words.
    pub wait: Cow<'static, str>,
    /// *Nanoseconds* that the oldest of them has waited.
    pub oldest_ns: u64,
    /// What the oldest of them waits for, if that is a resource of ours and still there.
    pub resource: Option<ResourceDump>,
    /// Some of them, the oldest first.
    pub tasks: Vec<Party>,
}

/// Why a task can never run again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// It is idle, and no waker of it is left.
    #[default]
    NoWaker,
    /// It waits for what this task has, or for its end, and this task is proven dead.
    Behind(Party),
}

/// Tasks that wait for each other in a circle.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cycle {
    /// Each waits for what the next one has; the last one for what the first has. A single one waits for itself.
    pub steps: Vec<Step>,
    /// *Tasks* that are not in the circle and wait for one that is, or for one that does.
    pub behind: u64,
    /// Some of those.
    pub behind_tasks: Vec<Party>,
}

/// A task of a [`Cycle`], and what it waits for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The task.
    pub task: Party,
    /// What it waits for, in words.
    pub wait: Cow<'static, str>,
    /// *Nanoseconds* that it has waited.
    pub age_ns: u64,
    /// What it waits for, acquired by the next task; none if it waits for the end of that task.
    pub resource: Option<ResourceDump>,
    /// The next task has not acquired it, but waits for it in front of this one, and nobody overtakes.
    pub behind: bool,
}

/// Something that looks like a leak.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Suspect {
    /// *Tasks*.
    pub count: u64,
    /// Why it is suspected, and what is missing for a proof.
    pub why: String,
    /// Where they were spawned.
    pub spawned_at: Site,
    /// The type of their future.
    pub type_name: Cow<'static, str>,
    /// What they wait for, in words.
    pub wait: Cow<'static, str>,
    /// *Nanoseconds* that the oldest of them has waited.
    pub oldest_ns: u64,
    /// Some of them, the oldest first.
    pub tasks: Vec<Party>,
}
