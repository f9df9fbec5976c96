//! What the graph is made of: plain data, owned, the same in memory and as JSON.
//!
//! Filled by [`look`](super::look) and its neighbours; this file refuses to look at a runtime.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::dump::{ResourceDump, Site, State};

/// Who waits for whom.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Graph {
    /// Tasks, futures of `block_on` and closures that wait for something here, or have something, by id.
    pub tasks: Vec<TaskNode>,
    /// What is waited for, by id.
    pub resources: Vec<ResourceDump>,
    /// Who waits for what, and who has it.
    pub edges: Vec<Edge>,
    /// *Tasks* that wait for something and were left out, because many wait for the same, or for anything at all.
    pub cut: u64,
    /// *Tasks* that wait for several things at once, and did not say which.
    pub several: u64,
}

/// A task, the future of a `block_on`, or a closure of the blocking pool.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TaskNode {
    /// Which.
    pub task: Party,
    /// It is a closure.
    pub is_closure: bool,
    /// What it does.
    pub state: State,
    /// What it says that it waits for, in words; empty if it does not wait.
    pub wait: Cow<'static, str>,
    /// *Nanoseconds* that it has waited.
    pub age_ns: u64,
    /// *Wakers* of it that exist.
    pub wakers: u64,
}

/// One end of an [`Edge`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// A task, or a closure, by its id.
    Task(u64),
    /// A resource, by its id.
    Resource(u64),
}

/// What an edge says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Relation {
    /// The task waits for this.
    WaitsFor,
    /// The resource was acquired by this task, which has it or gave it to somebody.
    AcquiredBy,
    /// This task receives from the channel.
    ReceivedBy,
}

/// An edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// From here,
    pub from: End,
    /// to there.
    pub to: End,
    /// What it says.
    pub relation: Relation,
    /// Whether it is known and not only likely: see [`graph`](super).
    pub exact: bool,
}

/// A task, as far as one who reads of it wants to find it again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// Its id.
    pub id: u64,
    /// Its name, if it was given one.
    pub name: Option<String>,
    /// Where it was spawned; of the future of a `block_on`, where that was called.
    pub spawned_at: Site,
    /// The type of its future.
    pub type_name: Cow<'static, str>,
    /// The number of its runtime; 0 for a local set's.
    pub runtime: u64,
    /// It is the future of a `block_on`.
    #[serde(default)]
    pub is_main: bool,
}

impl fmt::Display for Party {
    /// `task 7 "reader" (src/main.rs:12)`, `task 1 (block_on at src/main.rs:3)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.id)?;
        if let Some(name) = &self.name {
            write!(f, " {name:?}")?;
        }
        let what = if self.is_main { "block_on at " } else { "" };
        write!(f, " ({what}{})", self.spawned_at)
    }
}
