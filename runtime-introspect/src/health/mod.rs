//! Health: one number from 0 to 100, and the reasons for it.
//!
//! ```text
//!  stats now ────┐
//!  stats before ─┼─▶ Signals ─▶ severity 0..1 of each ─▶ what three windows agree on ─▶ penalties ─▶ 100 - the worst
//!  findings ─────┘   signals.rs       thresholds.rs                monitor.rs
//! ```
//!
//! **The worst counts, nothing is added up or averaged.** A reason has a severity from 0 (as it should be) to 1 (sick), and a
//! weight: what it takes from the score at its worst. The score is 100 less the largest penalty. So one dead subsystem is not
//! averaged away by ten that are well, ten small nuisances are not a disease, and no signal can ever raise the score.
//!
//! **Ratios, not speeds.** Times are measured in slices of this runtime (how long a poll may last), counts against other counts.
//! That most tasks wait, or that there are many, is no sign of anything, and is not looked at.
//!
//! **What three windows agree on.** A penalty rises to the least that three consecutive windows saw, and falls to the most. Proofs
//! (leaks, deadlocks, broken laws) count at once: they are true or not.
//!
//! Every number is in [`Thresholds`], with where it comes from. This room only reads; it cures nothing and restarts
//! nothing, and nobody else should restart a process for its score alone: half of the reasons end by themselves.

mod monitor;
mod signals;
mod thresholds;
mod trail;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::leaks::Leaks;

pub use monitor::{AGREE, Monitor, Monitors};
pub use signals::{REASONS, Signals};
pub use thresholds::{Range, Thresholds};

/// What others have proven or suspect: the leak room and the graph room count it, and the monitor is given it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    /// *Tasks* that are proven never to run again.
    pub proven_leaks: u64,
    /// *Tasks* that are suspected not to; never a proven one.
    pub suspected_leaks: u64,
    /// *Cycles* of tasks that wait for one another, by exact waits.
    pub deadlock_cycles: u64,
}

impl From<&Leaks> for Findings {
    fn from(leaks: &Leaks) -> Self {
        Self {
            proven_leaks: leaks.proven.iter().map(|each| each.count).sum(),
            suspected_leaks: leaks.suspects.iter().map(|each| each.count).sum(),
            deadlock_cycles: leaks.deadlocks.len() as u64,
        }
    }
}

/// How a runtime is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// From 0 to 100: 100 less the worst penalty.
    pub score: u8,
    /// What takes from it, the worst first; empty if all is well.
    pub reasons: Vec<Reason>,
    /// *Windows* that were looked at so far.
    pub windows: u64,
    /// *Nanoseconds.* How long the last of them was.
    pub window_ns: u64,
    /// Whether there were enough windows for all reasons to count: [`AGREE`].
    pub settled: bool,
}

impl Default for Health {
    /// Of a runtime that nobody has looked at yet: nothing speaks against it.
    fn default() -> Self {
        Self { score: 100, reasons: Vec::new(), windows: 0, window_ns: 0, settled: false }
    }
}

/// A reason, with its evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// Its name: one of [`REASONS`].
    pub reason: Cow<'static, str>,
    /// *Points* that it takes from 100, if it is the worst.
    pub penalty: f64,
    /// What was measured, as a ratio: `sched_latency.p99/slice`.
    pub signal: Cow<'static, str>,
    /// What it was, in the window of the last three that the penalty is taken from.
    pub value: f64,
    /// Up to here all is well.
    pub threshold: f64,
    /// From here on the penalty is at its largest.
    pub sick: f64,
    /// In a sentence, what that means.
    pub meaning: Cow<'static, str>,
}

impl Health {
    /// *Points* that a reason takes, rounded up; 0 if it takes none.
    pub fn penalty(&self, reason: &str) -> u64 {
        let found = self.reasons.iter().find(|each| each.reason == reason);
        found.map_or(0, |each| each.penalty.ceil() as u64)
    }
}

impl std::fmt::Display for Health {
    /// `77: stuck-polls takes 23 (polls.stuck/processors = 0.25, well up to 0, sick from 1)`
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.score)?;
        for (at, each) in self.reasons.iter().enumerate() {
            let Reason { reason, penalty, signal, value, threshold, sick, .. } = each;
            let before = if at == 0 { ": " } else { "; " };
            write!(
                f,
                "{before}{reason} takes {penalty:.0} ({signal} = {value:.3}, well up to {threshold}, sick from {sick})"
            )?;
        }
        Ok(())
    }
}
