//! What a rule is: data, and one small function that reads signals.
//!
//! A [`Rule`] says which limits it uses, what it implies, what to do about it, and how to read its signals in one window.
//! It does not decide: a [`Reading`] is sick when every signal is on the sick side of its limit, and the engine asks for
//! three sick windows in a row. So every rule has margins for free, and the tests can move every limit.

use serde::Serialize;

use super::thresholds::{Limit, Sense, Thresholds};
use super::window::{Evidence, Holder};

/// One number against its limit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Signal {
    /// Its name, in the vocabulary of the stats.
    pub signal: &'static str,
    /// What was seen.
    pub value: f64,
    /// The limit.
    pub threshold: f64,
    /// The sick side of the limit.
    pub sense: Sense,
}

impl Signal {
    /// `value` against `limit`.
    pub fn new(limits: &Thresholds, limit: Limit, value: f64) -> Self {
        let row = limit.row();
        Self { signal: row.signal, value, threshold: limits.get(limit), sense: row.sense }
    }

    /// Whether the value is on the sick side.
    pub fn holds(&self) -> bool {
        match self.sense {
            Sense::AtLeast => self.value >= self.threshold,
            Sense::AtMost => self.value <= self.threshold,
        }
    }

    /// How near the value came to its limit: 1 at or beyond it, 0 infinitely far.
    pub fn closeness(&self) -> f64 {
        let ratio = match self.sense {
            Sense::AtLeast => self.value / self.threshold,
            Sense::AtMost => self.threshold / self.value,
        };
        if self.holds() { 1.0 } else { ratio.clamp(0.0, 1.0) }
    }
}

/// The signals of one rule in one window, and what they point at.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// The signals, in the rule's order.
    pub signals: Vec<Signal>,
    /// The task that they point at.
    pub task: Option<u64>,
    /// Where it was spawned, if that was seen.
    pub site: Option<String>,
    /// The processor that they point at.
    pub processor: Option<usize>,
    /// The resource that they point at: what it is, and where it was made.
    pub resource: Option<String>,
}

impl Reading {
    /// Signals that point at `holder`.
    pub fn at(signals: Vec<Signal>, holder: Option<&Holder>) -> Self {
        let (task, site) = holder.map(|holder| (holder.task, holder.site.clone())).unwrap_or_default();
        Self { signals, task, site, ..Self::default() }
    }

    /// Whether every signal is on its sick side.
    pub fn sick(&self) -> bool {
        !self.signals.is_empty() && self.signals.iter().all(Signal::holds)
    }

    /// The farthest signal's nearness: 1 when sick.
    pub fn closeness(&self) -> f64 {
        if self.signals.is_empty() {
            return 0.0;
        }
        self.signals.iter().map(Signal::closeness).fold(1.0, f64::min)
    }
}

/// What a rule needs before it may speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Windows only: it rests on something that was seen to stand still.
    Windows,
    /// A thousand polls too: it divides by counts.
    Polls,
    /// And a load known to be constant: it rests on a trend.
    Load,
}

/// One pathology's rule.
#[derive(Debug)]
pub struct Rule {
    /// The pathology.
    pub id: &'static str,
    /// Its limits, in the order of its signals.
    pub limits: &'static [Limit],
    /// What it needs before it may speak.
    pub needs: Needs,
    /// Verdicts that follow from this one and are not reported beside it.
    pub implies: &'static [&'static str],
    /// The signals in window `at`; `None` when nothing happened there that could be judged, which neither makes nor
    /// breaks a row of sick windows.
    pub read: fn(&Evidence, usize, &Thresholds) -> Option<Reading>,
    /// What to do about it.
    pub suggestion: &'static str,
    /// The signal that would have spoken against it.
    pub counter_signal: &'static str,
}

/// What a rule says of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuleState {
    /// Nowhere near three windows.
    Ok,
    /// Sick in some window, but not in three on end, or something that it needs is missing.
    Recheck,
    /// Sick in three consecutive windows.
    Sick,
}
