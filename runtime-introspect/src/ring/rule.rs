//! [`Rule`]: when a snapshot is to be taken.
//!
//! A condition over a [`Look`], and for how many looks in a row it must hold. It fires when that is reached, and not again before
//! it has failed in between.

use std::fmt;

use gumption_core::runtime::Handle;
use gumption_core::stats::SchedulerStats;

use crate::diagnose::{Conclusion, ENOUGH_WINDOWS, Evidence, Sampler, Sampling, diagnose};

/// Looks in a row for which a rule must hold, if it does not say.
const CONSECUTIVE: u32 = 3;
/// Looks from which a rule learns what is usual.
const LEARNS: u32 = 8;

/// What rules look at.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Look {
    /// The runtimes.
    pub runtimes: Vec<Handle>,
    /// Their counters and gauges.
    pub stats: Vec<SchedulerStats>,
    /// *Tasks* that are alive, in all of them.
    pub live: u64,
}

impl Look {
    /// A look at these runtimes.
    pub fn of(runtimes: &[Handle]) -> Self {
        let stats: Vec<SchedulerStats> = runtimes.iter().map(Handle::stats).collect();
        let live = |(handle, stats): (&Handle, &SchedulerStats)| {
            if stats.config.counters {
                return stats.totals.tasks_live;
            }
            let mut live = 0;
            handle.for_each_task(|row| live += u64::from(!row.bits.is_complete()));
            live
        };
        let live = runtimes.iter().zip(&stats).map(live).sum();
        Self { runtimes: runtimes.to_vec(), stats, live }
    }
}

/// When a snapshot is to be taken.
pub struct Rule {
    name: String,
    holds: Box<dyn FnMut(&Look) -> bool + Send>,
    consecutive: u32,
    in_a_row: u32,
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule").field("name", &self.name).field("consecutive", &self.consecutive).finish_non_exhaustive()
    }
}

impl Rule {
    /// A rule that holds when `holds` says so, for three looks in a row. It runs on the ring's thread.
    pub fn new(name: impl Into<String>, holds: impl FnMut(&Look) -> bool + Send + 'static) -> Self {
        Self { name: name.into(), holds: Box::new(holds), consecutive: CONSECUTIVE, in_a_row: 0 }
    }

    /// More tasks are alive than `factor` times `baseline`.
    pub fn live_above(factor: f64, baseline: u64) -> Self {
        Self::new(format!("live tasks above {factor} x {baseline}"), move |look| {
            look.live as f64 > factor * baseline as f64
        })
    }

    /// More tasks are alive than `factor` times what is usual, which is the most that the first eight looks found.
    pub fn live_above_usual(factor: f64) -> Self {
        let (mut learnt, mut usual) = (0, 1);
        Self::new(format!("live tasks above {factor} x usual"), move |look| {
            if learnt < LEARNS {
                learnt += 1;
                usual = usual.max(look.live);
                return false;
            }
            look.live as f64 > factor * usual as f64
        })
    }

    /// [`diagnose`] has a verdict on the first runtime, one look after as many windows as it needs. A sampler runs for that all the
    /// time: a thousand glances a second.
    pub fn sick(sampling: Sampling) -> Self {
        let mut running: Option<(Sampler, std::time::Instant)> = None;
        let needs = sampling.window.saturating_mul(ENOUGH_WINDOWS as u32 + 1);
        let sick = move |look: &Look| {
            let due = running.take_if(|(_, since)| since.elapsed() >= needs);
            if running.is_none()
                && let Some(handle) = look.runtimes.first()
            {
                // Without a thread for it there is no verdict; the next look tries again.
                running =
                    Sampler::start(handle.clone(), sampling).ok().map(|sampler| (sampler, std::time::Instant::now()));
            }
            let evidence: Option<Evidence> = due.map(|(sampler, _)| sampler.finish());
            evidence.is_some_and(|evidence| diagnose(&evidence).conclusion == Conclusion::Sick)
        };
        // Its windows are in a row already.
        Self::new("a verdict", sick).consecutive(1)
    }

    /// For how many looks in a row it must hold; at least one.
    #[must_use]
    pub fn consecutive(mut self, looks: u32) -> Self {
        self.consecutive = looks.max(1);
        self
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it has held just as long as it must.
    pub(super) fn fires(&mut self, look: &Look) -> bool {
        if !(self.holds)(look) {
            self.in_a_row = 0;
            return false;
        }
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.in_a_row == self.consecutive
    }
}
