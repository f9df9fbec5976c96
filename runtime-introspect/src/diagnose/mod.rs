//! The diagnosis: windows of stats in, a named pathology with its evidence out.
//!
//! ```text
//!  SchedulerStats ──▶ Sample ──▶ Fold ──▶ Window ─┐
//!  (1000 glances/s)   sample.rs  fold.rs          ├─▶ Evidence ──▶ diagnose() ──▶ Diagnosis
//!  OS thread clocks ──▶ threads.rs                │                  │
//!  tasks, resources ──▶ census.rs ── a window ────┤                  │
//!  what the caller knows of the offered load ─────┘         rules.rs + thresholds.rs
//! ```
//!
//! **Speed does not count.** A rule may use ratios of counts, ratios of times within one run, invariants that hold or do
//! not, trends, and multiples of a unit of this run (the median short poll, the tick of sysmon). It never uses a number
//! of milliseconds by itself, so a verdict on a laptop is the verdict on a server, and on either while a compiler runs.
//! All limits are in one table, [`thresholds`], each with its source.
//!
//! **Never a guess.** A rule must hold in three consecutive windows. Below eight windows, or below a thousand polls for
//! the rules that divide by polls, or without a known offered load for the rules on trends, the answer is
//! `insufficient-data`; so it is below ten if nothing was found, because a trend needs as many to hold in three. A healthy answer names the three rules that came nearest and how far off they stayed.
//!
//! **First is primary.** Rules are evaluated from the most specific cause to the most general effect. The first sick one
//! is primary; a later one is reported only if it is not in the set that an earlier one implies (a hog makes queues
//! grow: the growing queue is not a second disease).
//!
//! The engine reads. It wakes nobody, takes no lock of the scheduler, and its sampler is an OS thread of its own.

pub mod census;
pub mod fold;
mod page;
mod pressure;
pub mod rule;
mod rules;
pub mod sample;
mod sampler;
pub mod thresholds;
pub mod trend;
mod verdict;
pub mod window;

#[cfg(test)]
mod tests;

pub use rule::{Reading, Rule, RuleState, Signal};
pub use rules::{RULES, rule};
pub use sampler::{Sampler, Sampling};
pub use verdict::{
    CONSECUTIVE, Conclusion, Diagnosis, ENOUGH_WINDOWS, MIN_POLLS, MIN_WINDOWS, Near, Verdict, diagnose, diagnose_with,
};
pub use window::{Evidence, Load, Stand, Window};
