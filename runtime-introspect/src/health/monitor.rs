//! [`Monitor`]: one runtime's health over time; [`Monitors`]: that of all of them.
//!
//! Who may call: anybody, at any rate. A monitor compares a snapshot with one that is at least a window older; looked at oftener it
//! says what it said, but for proofs. It reads no clock: a snapshot says its own time. Looked at seldom, its windows are long.
//!
//! The invariant: what is shown of a signal lies between the least and the most of the last [`AGREE`] windows, once there were so
//! many, and is 0 before. So neither one bad window nor one good one changes the score.

use std::borrow::Cow;
use std::time::Duration;

use gumption_core::runtime::{Handle, Id, running};
use gumption_core::stats::SchedulerStats;

use super::thresholds::{ROWS, Row};
use super::trail::{STRETCH, Trail};
use super::{Findings, Health, Reason, Signals, Thresholds};

/// Windows in a row that must agree.
pub const AGREE: usize = 3;

/// The shortest window.
const WINDOW: Duration = Duration::from_secs(1);

/// One runtime's health over time.
#[derive(Clone, Debug)]
pub struct Monitor {
    thresholds: Thresholds,
    window_ns: u64,
    last: Option<SchedulerStats>,
    trail: Trail,
    tracks: Vec<Track>,
    health: Health,
}

/// One reason over time.
#[derive(Clone, Copy, Debug, Default)]
struct Track {
    /// The severities of the last windows, the oldest first.
    seen: [f64; AGREE],
    /// How many of them there were.
    windows: usize,
    /// What was measured in them.
    values: [f64; AGREE],
    /// What counts.
    shown: f64,
}

impl Track {
    fn window(&mut self, value: f64, severity: f64) {
        self.note(value, severity);
        self.windows += 1;
        if self.windows < AGREE {
            return;
        }
        let least = self.seen.iter().copied().fold(1.0, f64::min);
        let most = self.seen.iter().copied().fold(0.0, f64::max);
        self.shown = self.shown.clamp(least, most);
    }

    /// It is so, whatever was before.
    fn proof(&mut self, value: f64, severity: f64) {
        self.note(value, severity);
        self.shown = severity;
    }

    fn note(&mut self, value: f64, severity: f64) {
        self.seen.rotate_left(1);
        self.seen[AGREE - 1] = severity;
        self.values.rotate_left(1);
        self.values[AGREE - 1] = value;
    }

    /// The evidence for what counts: the newest value of those that come nearest to it.
    fn value(&self) -> f64 {
        let far = |at: &usize| (self.seen[*at] - self.shown).abs();
        let nearest = (0..AGREE).rev().min_by(|a, b| far(a).total_cmp(&far(b))).unwrap_or(AGREE - 1);
        // JSON has no word for an infinite number, or for none.
        let value = self.values[nearest];
        if value.is_nan() { 0.0 } else { value.clamp(0.0, 1e9) }
    }
}

impl Default for Monitor {
    fn default() -> Self {
        Self::new(Thresholds::default(), WINDOW)
    }
}

impl Monitor {
    /// A monitor with these thresholds, and windows at least so long.
    pub fn new(thresholds: Thresholds, window: Duration) -> Self {
        Self {
            thresholds,
            window_ns: u64::try_from(window.as_nanos()).unwrap_or(u64::MAX).max(1),
            last: None,
            trail: Trail::default(),
            tracks: vec![Track::default(); ROWS.len()],
            health: Health::default(),
        }
    }

    /// What it said last.
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// Takes a snapshot of the runtime into account, and what is known of leaks and deadlocks.
    pub fn observe(&mut self, stats: &SchedulerStats, found: &Findings) -> &Health {
        let since = self.last.as_ref().map(|last| stats.uptime_ns.checked_sub(last.uptime_ns));
        match (since, &self.last) {
            // Another runtime, or an older snapshot: begin anew.
            (Some(None), _) => {
                let thresholds = self.thresholds.clone();
                *self = Self { window_ns: self.window_ns, ..Self::new(thresholds, WINDOW) };
                self.proofs(found);
                self.last = Some(stats.clone());
            }
            (None, _) | (_, None) => {
                self.proofs(found);
                self.last = Some(stats.clone());
            }
            (Some(Some(ns)), Some(_)) if ns < self.window_ns => self.proofs(found),
            (Some(Some(ns)), Some(last)) => {
                let mut signals = Signals::between(last, stats, found);
                let leaked = found.proven_leaks + found.suspected_leaks;
                let stretch = self.window_ns.saturating_mul(STRETCH);
                signals.leak_growth = self.trail.step(stats.uptime_ns, leaked, stats.totals.spawned, stretch);
                self.last = Some(stats.clone());
                self.health.window_ns = ns;
                self.window(&signals);
            }
        }
        self.judge();
        &self.health
    }

    /// A window is over.
    fn window(&mut self, signals: &Signals) {
        self.health.windows += 1;
        for (row, track) in ROWS.iter().zip(&mut self.tracks) {
            let value = (row.value)(signals);
            let severity = (row.range)(&self.thresholds).severity(value);
            if row.is_proof {
                track.proof(value, severity);
            } else {
                track.window(value, severity);
            }
        }
    }

    /// In the middle of a window.
    fn proofs(&mut self, found: &Findings) {
        let signals = Signals::proven(found);
        // A law is looked at once a window.
        let counted = |row: &Row| row.is_proof && row.reason != "broken-laws";
        for (row, track) in ROWS.iter().zip(&mut self.tracks).filter(|(row, _)| counted(row)) {
            let value = (row.value)(&signals);
            track.proof(value, (row.range)(&self.thresholds).severity(value));
        }
    }

    fn judge(&mut self) {
        let mut reasons: Vec<Reason> = Vec::new();
        for (row, track) in ROWS.iter().zip(&self.tracks) {
            let range = (row.range)(&self.thresholds);
            let penalty = (range.weight * track.shown).clamp(0.0, 100.0);
            if penalty > 0.0 {
                reasons.push(Reason {
                    reason: Cow::Borrowed(row.reason),
                    penalty,
                    signal: Cow::Borrowed(row.signal),
                    value: track.value(),
                    threshold: range.well,
                    sick: range.sick,
                    meaning: Cow::Borrowed(row.meaning),
                });
            }
        }
        reasons.sort_by(|a, b| b.penalty.total_cmp(&a.penalty));
        let worst = reasons.first().map_or(0.0, |worst| worst.penalty);
        self.health.score = (100.0 - worst.ceil()) as u8;
        self.health.reasons = reasons;
        self.health.settled = self.health.windows >= AGREE as u64;
    }
}

/// The monitors of all runtimes of the process.
#[derive(Clone, Debug, Default)]
pub struct Monitors {
    all: Vec<(Id, Monitor)>,
}

impl Monitors {
    /// The health of one runtime now.
    pub fn look(&mut self, handle: &Handle, found: &Findings) -> Health {
        self.observe(handle, &handle.stats(), found).clone()
    }

    /// The same, for who has a snapshot of it already. What is known of runtimes that are over is forgotten.
    pub fn observe(&mut self, handle: &Handle, stats: &SchedulerStats, found: &Findings) -> &Health {
        let id = handle.id();
        let at = self.all.iter().position(|(known, _)| *known == id).unwrap_or_else(|| {
            let alive: Vec<Id> = running().iter().map(Handle::id).collect();
            self.all.retain(|(known, _)| alive.contains(known));
            self.all.push((id, Monitor::default()));
            self.all.len() - 1
        });
        self.all[at].1.observe(stats, found)
    }
}
