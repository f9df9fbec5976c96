//! What is said at the end of a run: one JSON object, or a page for people.
//!
//! The JSON object's keys are a promise: `workload`, `variant`, `processors`, `seconds`, `seed`, `knobs`, `stats`,
//! `verdicts`, then what explains them. `verdicts` is never empty: a run without a pathology has the verdict `healthy`
//! with the nearest signals as its evidence, and one that could not be judged has `insufficient-data`.

use std::fmt::Write as _;
use std::io::{ErrorKind, Write as _, stdout};
use std::process::ExitCode;

use gumption::introspect::diagnose::thresholds::Sense;
use gumption::introspect::diagnose::{Conclusion, Diagnosis, Signal};
use serde_json::{Value, json};

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
    page.push_str(&judgement(&outcome.diagnosis, true));
    let _ = write!(page, "\n{}", outcome.stats);
    page.push_str(&breaches(outcome));
    page
}

/// What the users saw, a line each.
pub fn seen(outcome: &Outcome) -> String {
    outcome.seen.iter().fold(String::new(), |page, line| page + "seen     " + line + "\n")
}

/// Broken laws, if there are any.
pub fn breaches(outcome: &Outcome) -> String {
    outcome
        .breaches
        .iter()
        .fold(String::new(), |page, breach| page + "BROKEN LAW (a bug of Gumption): " + breach + "\n")
}

/// The verdicts with their evidence, or why there are none; with advice if `advice`.
pub fn judgement(diagnosis: &Diagnosis, advice: bool) -> String {
    let mut page = String::new();
    for verdict in &diagnosis.verdicts {
        let also = if verdict.primary { "" } else { "also " };
        let windows = match (verdict.windows.first(), verdict.windows.last()) {
            (Some(first), Some(last)) => format!("windows {first} to {last}"),
            _ => String::new(),
        };
        let _ = writeln!(page, "verdict  {also}{} ({windows}{})", verdict.pathology, places(&verdict.processors));
        for site in &verdict.sites {
            let _ = writeln!(page, "         spawned at {site}");
        }
        for resource in &verdict.resources {
            let _ = writeln!(page, "         about the {resource}");
        }
        for signal in &verdict.evidence {
            let _ = writeln!(page, "         {}", against(signal));
        }
        if advice {
            let _ = writeln!(page, "  do     {}", verdict.suggestion);
            let _ = writeln!(page, "  else   {}", verdict.counter_signal);
        }
    }
    if !diagnosis.implied.is_empty() {
        let _ = writeln!(page, "  hence  {}", diagnosis.implied.join(", "));
    }
    if diagnosis.verdicts.is_empty() {
        let _ = writeln!(page, "verdict  {} (health {:.2})", diagnosis.conclusion.as_str(), diagnosis.health);
        if let Some(missing) = &diagnosis.missing {
            let _ = writeln!(page, "         {missing}");
        }
        for near in &diagnosis.nearest {
            let away =
                near.margin.map_or_else(|| "nothing of it seen".to_owned(), |margin| format!("{margin:.1}x away"));
            let signal = near.signal.as_ref().map(|signal| format!(": {}", against(signal))).unwrap_or_default();
            let _ = writeln!(page, "         {} is {away}{signal}", near.pathology);
        }
    }
    page
}

fn against(signal: &Signal) -> String {
    let sense = match (signal.sense, signal.holds()) {
        (Sense::AtLeast, true) => "at least",
        (Sense::AtLeast, false) => "below",
        (Sense::AtMost, true) => "at most",
        (Sense::AtMost, false) => "above",
    };
    format!("{} = {}, {sense} {}", signal.signal, number(signal.value), number(signal.threshold))
}

fn places(processors: &[usize]) -> String {
    if processors.is_empty() {
        return String::new();
    }
    let names: Vec<String> = processors.iter().map(|id| format!("P{id}")).collect();
    format!(", on {}", names.join(" "))
}

/// Three digits or so.
fn number(value: f64) -> String {
    match value.abs() {
        size if size == 0.0 || size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}
