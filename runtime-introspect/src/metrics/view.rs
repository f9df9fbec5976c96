//! [`RuntimeView`]: what one scrape knows of one runtime.
//!
//! A snapshot of the counters, a count of the tasks by where they were spawned and what they wait for if there are few enough to
//! be walked, and what the health room and the leak room found, if somebody asked them. Plain data: tests write views by hand.

use std::collections::HashMap;
use std::panic::Location;

use gumption_core::runtime::Handle;
use gumption_core::stats::{MachineState, ProcessorState, SchedulerStats};
use gumption_core::wait::WaitReason;

use super::bounds::{SITES, WALK};
use super::names;
use crate::health::{Findings, Health};

/// One runtime, as a scrape shows it.
#[derive(Clone, Debug, Default)]
pub struct RuntimeView {
    /// The label `runtime`: its name, else its number.
    pub runtime: String,
    /// Its number.
    pub id: String,
    /// Its counters and gauges.
    pub stats: SchedulerStats,
    /// Its tasks counted, if they were walked.
    pub tasks: Option<Tasks>,
    /// Its health, if it was looked at.
    pub health: Option<Health>,
    /// Leaks and deadlocks, if they were looked for.
    pub findings: Option<Findings>,
}

/// Live tasks, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tasks {
    /// By spawn site, the largest groups first; at most [`SITES`].
    pub sites: Vec<(String, u64)>,
    /// All others.
    pub other_sites: u64,
    /// Those that wait, by what for; a row for every reason there is.
    pub waits: Vec<(&'static str, u64)>,
}

impl RuntimeView {
    /// What there is to know of a runtime now. Health and findings are for those who have them to add.
    pub fn of(handle: &Handle) -> Self {
        let mut stats = handle.stats();
        if !stats.config.counters {
            // A build that counts nothing: this counts them one by one.
            stats.totals.tasks_live = handle.metrics().num_alive_tasks() as u64;
        }
        let tasks = (stats.totals.tasks_live <= WALK).then(|| Tasks::walk(handle));
        Self { runtime: names::of(handle), id: handle.id().to_string(), stats, tasks, health: None, findings: None }
    }

    /// The same with its health.
    #[must_use]
    pub fn with_health(mut self, health: Health) -> Self {
        self.health = Some(health);
        self
    }

    /// The same with what was found.
    #[must_use]
    pub fn with_findings(mut self, findings: Findings) -> Self {
        self.findings = Some(findings);
        self
    }

    /// Its live tasks by state: runnable, running, blocked, waiting. No walk: what stands in queues and what processors
    /// run is known, the rest waits.
    pub(super) fn states(&self) -> [(&'static str, u64); 4] {
        let stats = &self.stats;
        let runnable = stats.totals.runnable as u64;
        let runs = |row: &&gumption_core::stats::ProcessorStats| {
            row.task.is_some() && matches!(row.state, ProcessorState::Running | ProcessorState::Spare)
        };
        let running = stats.processors.iter().filter(runs).count() as u64;
        let blocks =
            |row: &&gumption_core::stats::MachineStats| row.state == MachineState::Blocked && row.task.is_some();
        let blocked = stats.machines.iter().filter(blocks).count() as u64;
        let waiting = stats.totals.tasks_live.saturating_sub(runnable + running + blocked);
        [("runnable", runnable), ("running", running), ("blocked", blocked), ("waiting", waiting)]
    }
}

impl Tasks {
    /// Walks the records.
    fn walk(handle: &Handle) -> Self {
        let mut sites: HashMap<usize, (&'static Location<'static>, u64)> = HashMap::new();
        let mut waits = [0u64; WaitReason::ALL.len()];
        handle.for_each_task(|row| {
            if row.bits.is_complete() {
                return;
            }
            sites.entry(std::ptr::from_ref(row.site).addr()).or_insert((row.site, 0)).1 += 1;
            if row.bits.is_idle()
                && let Some(waiting) = waits.get_mut(row.wait as usize)
            {
                *waiting += 1;
            }
        });
        // One place may have several addresses: a generic function is compiled more than once.
        let mut by_name: HashMap<String, u64> = HashMap::new();
        for (site, count) in sites.into_values() {
            *by_name.entry(format!("{}:{}", site.file(), site.line())).or_default() += count;
        }
        Self::of(by_name.into_iter().collect(), WaitReason::ALL.iter().map(|reason| reason.text()).zip(waits).collect())
    }

    /// Of all sites the largest.
    pub(super) fn of(mut sites: Vec<(String, u64)>, waits: Vec<(&'static str, u64)>) -> Self {
        sites.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let others = sites.split_off(sites.len().min(SITES));
        Self { sites, other_sites: others.iter().map(|(_, count)| count).sum(), waits }
    }
}
