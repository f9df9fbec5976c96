//! [`Ledger`]: how `leaks()` did in all the runs of a `verify`.
//!
//! A run is entered when it is over: what was proven of a sick one, and what was called dead in any other, where nothing is. The
//! page has precision and recall; a run in which `leaks()` was wrong has a line of its own, and makes `verify` fail.

use std::fmt::Write as _;

use crate::proof::{Proof, Proven};
use crate::run::Outcome;
use crate::workload::Variant;

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
