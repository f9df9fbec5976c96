//! `gumption verify`: every workload in every variant, and the confusion matrix.
//!
//! A sick run must be named after its workload, first and alone. A fixed or cured run, and a control, must be healthy. A
//! miss, a false alarm, a run that could not be judged, a wrong proof ([`crate::proof`]) and a broken conservation law each make the
//! command fail.
//!
//! A run in which too little was seen, because others had the CPU, is made again, twice as long. That is for want of an answer
//! only: a wrong answer stands, and so do wrong proofs and broken laws of a run that was made again.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use gumption::introspect::diagnose::{Conclusion, Diagnosis};

use crate::catalogue::ALL;
use crate::ledger::Ledger;
use crate::live::Live;
use crate::report;
use crate::run::run;
use crate::workload::{Plan, Workload};

/// How often a run is made again in which too little was seen.
const AGAIN: u32 = 2;

/// How a run was judged, against what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Right,
    Miss,
    FalseAlarm,
    NoAnswer,
}

impl Mark {
    fn of(expected: &str, diagnosis: &Diagnosis) -> Self {
        let alone = diagnosis.verdicts.len() <= 1;
        match (diagnosis.name() == expected, diagnosis.conclusion) {
            (true, _) if alone => Mark::Right,
            (_, Conclusion::InsufficientData) => Mark::NoAnswer,
            (_, Conclusion::Healthy) => Mark::Miss,
            (_, Conclusion::Sick) => Mark::FalseAlarm,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Mark::Right => "right",
            Mark::Miss => "MISS",
            Mark::FalseAlarm => "FALSE ALARM",
            Mark::NoAnswer => "NO ANSWER",
        }
    }
}

/// Runs the given workloads, or all, in all their variants.
///
/// # Errors
/// One line, when a run could not be started.
pub fn verify(
    workloads: &[&'static dyn Workload],
    processors: usize,
    length: Option<Duration>,
    seed: u64,
) -> Result<ExitCode, String> {
    let chosen = if workloads.is_empty() { ALL } else { workloads };
    let mut matrix = Matrix::new(chosen);
    let mut proofs = Ledger::default();
    let mut broken = 0;
    report::print(&format!(
        "{:<23} {:<8} {:<23} {:<12} {}\n",
        "workload", "variant", "named", "", "farthest sign / nearest rule"
    ));
    for workload in chosen {
        for variant in workload.variants() {
            let mut plan = Plan { seed, ..Plan::new(*workload, variant, processors.max(workload.min_processors())) };
            plan.length = length.unwrap_or(plan.length);
            let expected = workload.expected(variant);
            for left in (0..=AGAIN).rev() {
                let live = Live::new(&format!("{}, {}", workload.id(), variant.as_str()), plan.length, false);
                let outcome = run(*workload, plan.clone(), &live)?;
                let mark = Mark::of(expected, &outcome.diagnosis);
                broken += outcome.breaches.len();
                let again = mark == Mark::NoAnswer && left > 0;
                let row = format!(
                    "{:<23} {:<8} {:<23} {:<12} {}\n",
                    workload.id(),
                    variant.as_str(),
                    names(&outcome.diagnosis),
                    if again { "again" } else { mark.as_str() },
                    margin(&outcome.diagnosis)
                );
                let wrong = proofs.add(&outcome).unwrap_or_default();
                report::print(&(row + &wrong + &report::breaches(&outcome)));
                if !again {
                    matrix.add(expected, &outcome.diagnosis, mark);
                    break;
                }
                plan.length *= 2;
            }
        }
    }
    let failed = matrix.failures() + proofs.wrong() + broken;
    let printed = report::print(&format!("\n{}\n{}{}", matrix.page(), proofs.page(), matrix.summary(broken)));
    Ok(if failed == 0 { printed } else { ExitCode::FAILURE })
}

fn names(diagnosis: &Diagnosis) -> String {
    if diagnosis.verdicts.is_empty() {
        return diagnosis.conclusion.as_str().to_owned();
    }
    let names: Vec<&str> = diagnosis.verdicts.iter().map(|verdict| verdict.pathology).collect();
    names.join(" + ")
}

/// How far the weakest signal of a verdict is beyond its limit, or how far the nearest rule stayed away.
fn margin(diagnosis: &Diagnosis) -> String {
    if let Some(verdict) = diagnosis.primary() {
        let weakest = verdict.evidence.iter().map(|signal| {
            let ratio = signal.value / signal.threshold;
            (signal, if signal.value <= signal.threshold { 1.0 / ratio } else { ratio })
        });
        let weakest = weakest.min_by(|a, b| a.1.total_cmp(&b.1));
        return weakest.map(|(signal, ratio)| format!("{} {ratio:.1}x beyond", signal.signal)).unwrap_or_default();
    }
    match (&diagnosis.missing, diagnosis.nearest.first()) {
        (Some(missing), _) => missing.clone(),
        (None, Some(near)) => {
            let signal = near.signal.as_ref().map(|signal| signal.signal).unwrap_or_default();
            match near.margin {
                Some(margin) => format!("{} {margin:.1}x away ({signal})", near.pathology),
                None => format!("{}: nothing seen", near.pathology),
            }
        }
        (None, None) => String::new(),
    }
}

/// What was, against what it was named.
struct Matrix {
    /// The pathologies, then `healthy`.
    truths: Vec<&'static str>,
    counts: Vec<(&'static str, &'static str)>,
    marks: Vec<Mark>,
}

impl Matrix {
    fn new(workloads: &[&'static dyn Workload]) -> Self {
        let mut truths: Vec<&'static str> = workloads.iter().filter(|w| !w.is_control()).map(|w| w.id()).collect();
        truths.push("healthy");
        Self { truths, counts: Vec::new(), marks: Vec::new() }
    }

    fn add(&mut self, expected: &'static str, diagnosis: &Diagnosis, mark: Mark) {
        self.marks.push(mark);
        self.counts.push((expected, diagnosis.name()));
        self.counts.extend(diagnosis.verdicts.iter().skip(1).map(|verdict| (expected, verdict.pathology)));
    }

    fn failures(&self) -> usize {
        self.marks.iter().filter(|mark| **mark != Mark::Right).count()
    }

    fn page(&self) -> String {
        let mut columns: Vec<&'static str> = self.truths.clone();
        for (_, named) in &self.counts {
            if !columns.contains(named) {
                columns.push(named);
            }
        }
        let mut page = format!("{:<27}", "is \\ named");
        for at in 1..=columns.len() {
            let _ = write!(page, "{at:>4}");
        }
        page.push('\n');
        for (at, column) in columns.iter().enumerate() {
            let _ = write!(page, "{:>2} {column:<24}", at + 1);
            for named in &columns {
                let count = self.counts.iter().filter(|cell| **cell == (*column, *named)).count();
                let _ = if count > 0 { write!(page, "{count:>4}") } else { write!(page, "{:>4}", ".") };
            }
            page.push('\n');
        }
        page
    }

    fn summary(&self, broken: usize) -> String {
        let count = |wanted: Mark| self.marks.iter().filter(|mark| **mark == wanted).count();
        format!(
            "\n{} runs: {} right, {} missed, {} false alarms, {} without an answer, {broken} broken laws\n",
            self.marks.len(),
            count(Mark::Right),
            count(Mark::Miss),
            count(Mark::FalseAlarm),
            count(Mark::NoAnswer)
        )
    }
}
