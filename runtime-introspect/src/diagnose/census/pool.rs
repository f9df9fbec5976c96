//! The blocking pool: closures that run, and closures that wait for a thread.
//!
//! A closure that waits for the result of another one keeps its thread while it does. If the other one is queued, and all threads
//! are kept like that, nothing is left to run it. So the [census](super) counts, of the closures that run, those whose wait is for a
//! queued one. As long as nothing is queued there is nothing to look for, and no record is read.
//!
//! It refuses to judge; `blocking-pool-deadlock` does.

use std::collections::HashSet;
use std::panic::Location;

use gumption_core::stats::{MachineState, SchedulerStats};
use gumption_core::wait::WaitReason;
use serde::Serialize;

use super::{Ids, Source, place};

/// The blocking pool.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Pool {
    /// Closures that run.
    pub running: u64,
    /// Closures that wait for a thread.
    pub queued: u64,
    /// Of the running ones, those that wait for a queued one.
    pub waiting: u64,
    /// Closures that ended since the last census.
    pub ended: u64,
    /// One that waits, and where it was given to the pool.
    pub task: Option<(u64, String)>,
}

impl Pool {
    /// The pool now, of which `ended_before` closures had ended at the last census.
    pub(super) fn count(source: &dyn Source, stats: &SchedulerStats, ended_before: u64) -> Self {
        let pool = &stats.totals.blocking_pool;
        let ended = pool.completed.saturating_sub(ended_before);
        let mut counted = Self { running: pool.running as u64, queued: pool.queued as u64, ended, ..Self::default() };
        if pool.queued == 0 || pool.running == 0 {
            return counted;
        }
        let in_pool = stats.machines.iter().filter(|machine| machine.state == MachineState::BlockingPool);
        let running: HashSet<u64, Ids> = in_pool.filter_map(|machine| machine.task).collect();
        let mut queued: HashSet<u64, Ids> = HashSet::default();
        let mut waits: Vec<(u64, u64, &'static Location<'static>)> = Vec::new();
        source.closures(&mut |row| {
            let id = row.id.as_u64();
            match (running.contains(&id), row.wait) {
                (true, WaitReason::BlockingPool | WaitReason::Join) => waits.push((id, row.resource, row.site)),
                (true, _) => {}
                (false, _) if !row.bits.is_complete() => {
                    queued.insert(id & (u64::MAX >> 8));
                }
                (false, _) => {}
            }
        });
        waits.retain(|(_, on, _)| queued.contains(on));
        counted.waiting = waits.len() as u64;
        counted.task = waits.first().map(|(task, _, site)| (*task, place(site)));
        counted
    }
}
