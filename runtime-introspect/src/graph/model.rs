//! What the graph is made of: plain data, owned, the same in memory and as JSON.
//!
//! Filled by [`look`](super::look) and its neighbours; this file refuses to look at a runtime.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::dump::Site;

/// A task, as far as one who reads of it wants to find it again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// Its id.
    pub id: u64,
    /// Its name, if it was given one.
    pub name: Option<String>,
    /// Where it was spawned.
    pub spawned_at: Site,
    /// The type of its future.
    pub type_name: Cow<'static, str>,
    /// The number of its runtime; 0 for a local set's.
    pub runtime: u64,
}

impl fmt::Display for Party {
    /// `task 7 "reader" (src/main.rs:12)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.id)?;
        if let Some(name) = &self.name {
            write!(f, " {name:?}")?;
        }
        write!(f, " ({})", self.spawned_at)
    }
}
