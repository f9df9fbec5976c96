//! A diagnosis as a page for people: what the command prints, and the debug server with `format=text`.

use std::fmt::Write as _;

use super::thresholds::Sense;
use super::{Diagnosis, Signal};

impl Diagnosis {
    /// The verdicts with their evidence, or why there are none; with advice if `advice`.
    pub fn page(&self, advice: bool) -> String {
        let mut page = String::new();
        for verdict in &self.verdicts {
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
        if !self.implied.is_empty() {
            let _ = writeln!(page, "  hence  {}", self.implied.join(", "));
        }
        if self.verdicts.is_empty() {
            let _ = writeln!(page, "verdict  {} (health {:.2})", self.conclusion.as_str(), self.health);
            if let Some(missing) = &self.missing {
                let _ = writeln!(page, "         {missing}");
            }
            for near in &self.nearest {
                let away =
                    near.margin.map_or_else(|| "nothing of it seen".to_owned(), |margin| format!("{margin:.1}x away"));
                let signal = near.signal.as_ref().map(|signal| format!(": {}", against(signal))).unwrap_or_default();
                let _ = writeln!(page, "         {} is {away}{signal}", near.pathology);
            }
        }
        page
    }
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
