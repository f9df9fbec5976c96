//! What `leaks()` must prove of a workload, and what it must not.
//!
//! A diagnosis is an opinion with evidence. [`leaks`] says of single tasks that they can never run again, and that is a proof; so
//! it is held to another standard: all that are dead, and none that is not. The workloads know which are.
//!
//! | of a run | `leaks()` must say |
//! | --- | --- |
//! | sick, [`Proof::Tasks`] | that so many tasks are dead as the workload itself has left over |
//! | sick, [`Proof::Circles`] | that there are so many circles |
//! | every other one, controls and fixed ones first | nothing |
//!
//! The workload asks when its load has ended, and nothing that still goes on can be taken for left over; it is asked again until
//! both agree, because tasks are still coming to their ends then. One that is called dead too early is never taken back: then
//! the numbers disagree for good. Of all other runs it is asked while the load is at its height.
//!
//! [`Proof::Impossible`] says why something is leaked and no proof of it can be: mostly because somebody still has what could end
//! the wait, and nobody but the programmer knows that he never will.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use gumption::introspect::leaks::{Leaks, leaks};
use gumption::runtime::Handle;

use crate::run::Outcome;
use crate::workload::{Run, Variant};

/// How long the tasks that are not dead may take to come to their ends.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks.
const REST: Duration = Duration::from_millis(5);

/// What can be proven of the sick variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Nothing is leaked there.
    Nothing,
    /// Every task that is left over is dead, and can be proven so.
    Tasks,
    /// Tasks wait for one another or for themselves, and each such circle can be proven; not all who wait behind them.
    Circles,
    /// Something is leaked, and no proof is possible: why.
    Impossible(&'static str),
}

/// What a workload knew, and what was proven.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Proven {
    /// So many there are.
    pub truth: u64,
    /// So many were proven.
    pub proven: u64,
}

impl Run {
    /// Has it proven that `truth` tasks are dead: all that are left over, and there are some.
    pub fn prove_tasks(&self, truth: impl Fn() -> u64) {
        self.prove(Leaks::dead, truth);
    }

    /// Has it proven that `truth` circles of tasks wait for themselves.
    pub fn prove_circles(&self, truth: impl Fn() -> u64) {
        self.prove(|leaks| leaks.deadlocks.len() as u64, truth);
    }

    fn prove(&self, count: impl Fn(&Leaks) -> u64, truth: impl Fn() -> u64) {
        let begun = Instant::now();
        let last = loop {
            let proven = count(&leaks(&self.handle));
            let last = Proven { truth: truth(), proven };
            if last.truth == last.proven || begun.elapsed() > PATIENCE {
                break last;
            }
            std::thread::sleep(REST);
        };
        *self.proven.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(last);
    }
}

/// How many tasks of a runtime are proven dead.
pub fn dead(handle: &Handle) -> u64 {
    leaks(handle).dead()
}

/// What was proven in the runs of a `verify`.
#[derive(Debug, Default)]
pub struct Ledger {
    lines: Vec<String>,
    truth: u64,
    proven: u64,
    unfounded: u64,
    quiet: u64,
    wrong: usize,
}

impl Ledger {
    /// Enters a run. The line that says what is wrong with it, if something is.
    pub fn add(&mut self, outcome: &Outcome) -> Option<String> {
        let id = outcome.workload.id();
        let sick = outcome.plan.variant == Variant::Sick;
        let proof = outcome.workload.proof();
        if let (true, Proof::Impossible(why)) = (sick, proof) {
            self.lines.push(format!("{id:<23} no proof is possible: {why}"));
        }
        if sick && matches!(proof, Proof::Tasks | Proof::Circles) {
            let Proven { truth, proven } = outcome.proven.unwrap_or_default();
            self.truth += truth;
            self.proven += proven.min(truth);
            self.unfounded += proven.saturating_sub(truth);
            let what = if proof == Proof::Tasks { "tasks" } else { "circles" };
            self.lines.push(format!("{id:<23} {proven} of {truth} {what} proven"));
            let wrong = truth == 0 || truth != proven;
            self.wrong += usize::from(wrong);
            return wrong.then(|| format!("WRONG PROOF: {proven} {what} proven, and there are {truth}\n"));
        }
        self.quiet += 1;
        self.unfounded += outcome.dead;
        self.wrong += usize::from(outcome.dead > 0);
        (outcome.dead > 0).then(|| format!("WRONG PROOF: {} tasks called dead that are not\n", outcome.dead))
    }

    /// Runs in which it was wrong.
    pub fn wrong(&self) -> usize {
        self.wrong
    }

    /// The page.
    pub fn page(&self) -> String {
        let share = |part: u64, whole: u64| if whole == 0 { 1.0 } else { part as f64 / whole as f64 };
        let mut page = self.lines.iter().fold(String::from("leaks():\n"), |page, line| page + "  " + line + "\n");
        let _ = writeln!(
            page,
            "  precision {:.3}, recall {:.3}; {} in the {} runs without anything dead",
            share(self.proven, self.proven + self.unfounded),
            share(self.proven, self.truth),
            if self.unfounded == 0 {
                "nothing was called dead".to_owned()
            } else {
                format!("{} WRONG", self.unfounded)
            },
            self.quiet
        );
        page
    }
}
