//! What is said at the end of a run: one JSON object, or a page for people.
//!
//! The JSON object's keys are a promise: `workload`, `variant`, `processors`, `seconds`, `seed`, `knobs`, `stats`,
//! `verdicts`, then what explains them. `verdicts` is never empty: a run without a pathology has the verdict `healthy`
//! with the nearest signals as its evidence, and one that could not be judged has `insufficient-data`.

use std::fmt::Write as _;
use std::io::{ErrorKind, Write as _, stdout};
use std::process::ExitCode;

use gumption::introspect::diagnose::{Conclusion, Diagnosis, Signal};
use serde_json::{Value, json};

use crate::proof::{Proof, Proven};
use crate::run::Outcome;

/// Writes to stdout. A reader that has gone away (`| head`) ends the output and is no error.
pub fn print(text: &str) -> ExitCode {
    let written = stdout().write_all(text.as_bytes()).and_then(|()| stdout().flush());
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// The run as one JSON object.
pub fn json(outcome: &Outcome) -> Value {
    let plan = &outcome.plan;
    let knobs: serde_json::Map<String, Value> =
        plan.knobs.iter().map(|(knob, value)| (knob.name.to_owned(), json!(value))).collect();
    json!({
        "workload": outcome.workload.id(),
        "variant": plan.variant.as_str(),
        "processors": plan.processors,
        "seconds": plan.length.as_secs_f64(),
        "seed": plan.seed,
        "knobs": knobs,
        "stats": outcome.stats,
        "verdicts": verdicts(&outcome.diagnosis),
        "implied": outcome.diagnosis.implied,
        "health": outcome.diagnosis.health,
        "nearest": outcome.diagnosis.nearest,
        "seen": outcome.seen,
        "proven": outcome.proven.map(|proven| json!({ "truth": proven.truth, "proven": proven.proven })),
        "breaches": outcome.breaches,
    })
}

fn verdicts(diagnosis: &Diagnosis) -> Vec<Value> {
    if diagnosis.conclusion == Conclusion::Sick {
        return diagnosis.verdicts.iter().map(|verdict| json!(verdict)).collect();
    }
    let evidence: Vec<&Signal> = diagnosis.nearest.iter().filter_map(|near| near.signal.as_ref()).collect();
    vec![json!({
        "pathology": diagnosis.conclusion.as_str(),
        "primary": true,
        "evidence": evidence,
        "missing": diagnosis.missing,
    })]
}

/// The run as a page.
pub fn page(outcome: &Outcome) -> String {
    let plan = &outcome.plan;
    let mut page = String::new();
    let _ = writeln!(
        page,
        "{}, {}: {}\n{} processors, {:.1} s, seed {}",
        outcome.workload.id(),
        plan.variant.as_str(),
        outcome.workload.mechanism(),
        plan.processors,
        plan.length.as_secs_f64(),
        plan.seed
    );
    for (knob, value) in plan.knobs.iter().filter(|(knob, value)| knob.default != *value) {
        let _ = writeln!(page, "{} = {value} ({})", knob.name, knob.help);
    }
    page.push('\n');
    page.push_str(&seen(outcome));
    page.push('\n');
    page.push_str(&outcome.diagnosis.page(true));
    let _ = write!(page, "\n{}", outcome.stats);
    page.push_str(&breaches(outcome));
    page
}

/// What the users saw, a line each, and what was proven.
pub fn seen(outcome: &Outcome) -> String {
    let mut page = outcome.seen.iter().fold(String::new(), |page, line| page + "seen     " + line + "\n");
    if let Some(Proven { truth, proven }) = outcome.proven {
        let what = if outcome.workload.proof() == Proof::Circles { "circles" } else { "tasks" };
        let _ = writeln!(page, "proven   {proven} of {truth} {what} that can never run again");
    }
    page
}

/// Broken laws, if there are any.
pub fn breaches(outcome: &Outcome) -> String {
    outcome
        .breaches
        .iter()
        .fold(String::new(), |page, breach| page + "BROKEN LAW (a bug of Gumption): " + breach + "\n")
}
