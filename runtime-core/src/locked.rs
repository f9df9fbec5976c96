//! The table of locked tasks: which machine each belongs to, and how often it is locked.
//!
//! It is looked at only for tasks whose record carries the flag, and by the closer of a runtime. Handing a task over and
//! unlocking it both happen under its lock, so a task is never handed to a machine that is its own no longer.
//!
//! What locking is for, and what it costs, is in [`crate::pinned`].

use crate::machine::{Gift, Machine};
use crate::sync::{Mutex, broken};
use std::collections::HashMap;

/// Which machine each locked task belongs to, and how often it is locked.
#[derive(Debug, Default)]
pub struct LockedTasks(Mutex<HashMap<u64, Lock>>);

#[derive(Debug)]
struct Lock {
    machine: usize,
    depth: usize,
}

impl LockedTasks {
    /// No locked task.
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn lock(&self, task: u64, machine: usize) {
        self.0.lock().entry(task).or_insert(Lock { machine, depth: 0 }).depth += 1;
    }

    /// Undoes one lock: the machine, if it was the last. The task stays in the table until that machine
    /// [settles](Self::settle) it.
    pub(crate) fn unlock(&self, task: u64) -> Option<usize> {
        let mut locks = self.0.lock();
        let lock = locks.get_mut(&task)?;
        lock.depth = lock.depth.saturating_sub(1);
        (lock.depth == 0).then_some(lock.machine)
    }

    /// Called by the machine of `task`: whether its last lock has been undone, or it has `ended`. It is free then, and is
    /// given nothing any more.
    pub(crate) fn settle(&self, task: u64, machine: &Machine, ended: bool) -> bool {
        let mut locks = self.0.lock();
        let pending = machine.has_gift() && !broken("owner-late-gift-ignored");
        let free = ended || (locks.get(&task).is_none_or(|lock| lock.depth == 0) && !pending);
        if free {
            locks.remove(&task);
        }
        free
    }

    /// Gives `machine` its locked task, unless it has settled meanwhile: then the gift comes back.
    #[must_use]
    pub(crate) fn give(&self, machine: &Machine, gift: Gift) -> Option<Gift> {
        let locks = self.0.lock();
        let task = gift.task.as_ref().and_then(|task| task.task().id());
        if task.is_some_and(|id| locks.get(&id.as_u64()).is_some_and(|lock| lock.machine == machine.id)) {
            machine.give(gift);
            return None;
        }
        Some(gift)
    }

    /// The machine that `task` is locked to.
    pub(crate) fn machine_of(&self, task: u64) -> Option<usize> {
        self.0.lock().get(&task).map(|lock| lock.machine)
    }
}
