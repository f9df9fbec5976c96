//! What a server knows of its runtimes besides what it reads at the moment: their health over time, and the leaks that were found
//! last.
//!
//! Health compares windows, and a client that asks once has none; suspicion of leaks grows from look to look. So it is kept here
//! from one to the next, by who looks (`look.rs`), for who asks.
//!
//! It refuses to know who asks, and who looks. Its lock is held while stats are read, never while an answer is written or sent.

use std::collections::HashMap;

use gumption_core::runtime::{Handle, Id};

use crate::health::{Findings, Health, Monitors};
use crate::leaks::{Leaks, Watcher};

/// What is known.
#[derive(Debug, Default)]
pub struct Known {
    monitors: Monitors,
    findings: HashMap<Id, Findings>,
    watchers: HashMap<Id, Watcher>,
}

impl Known {
    /// Who watches a runtime's tasks, to look with. Taken out, so that nobody waits for the walk; who looks at the same time begins
    /// anew.
    pub fn take_watcher(&mut self, runtime: Id) -> Watcher {
        self.watchers.remove(&runtime).unwrap_or_default()
    }

    /// What was found, and the watcher for the next look.
    pub fn found(&mut self, runtime: Id, leaks: &Leaks, watcher: Watcher) {
        self.findings.insert(runtime, leaks.into());
        self.watchers.insert(runtime, watcher);
    }

    /// Forgets runtimes that are not among these.
    pub fn retain(&mut self, handles: &[Handle]) {
        self.watchers.retain(|id, _| handles.iter().any(|handle| handle.id() == *id));
        self.findings.retain(|id, _| handles.iter().any(|handle| handle.id() == *id));
    }

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
