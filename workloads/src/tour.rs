//! `gumption` without arguments: three workloads, sick and then fixed, in less than twenty seconds.
//!
//! The three show three kinds of evidence: a stuck poll (time), a broken invariant (yes or no), and a ratio of counts.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use crate::catalogue;
use crate::live::Live;
use crate::report;
use crate::run::{Outcome, run};
use crate::workload::{Plan, Variant};

const STOPS: &[&str] = &["hog", "runnext-trap", "one-producer"];
const LENGTH: Duration = Duration::from_millis(2_200);

/// Plays the tour.
///
/// # Errors
/// One line, when a run could not be started.
pub fn tour(processors: usize) -> Result<ExitCode, String> {
    let mut code = report::print(&format!(
        "Gumption: G tasks, M threads, P processors ({processors} of them here), and what can go wrong between them.\n\
         Three workloads, each sick and then fixed. A verdict rests on ratios and counts, never on how fast this machine is.\n"
    ));
    for (at, id) in STOPS.iter().enumerate() {
        let workload = catalogue::find(id)?;
        code = report::print(&format!("\n{}. {id}: {}\n", at + 1, workload.mechanism()));
        for variant in [Variant::Sick, Variant::Fixed] {
            let plan =
                Plan { length: LENGTH, ..Plan::new(workload, variant, processors.max(workload.min_processors())) };
            let live = Live::new(&format!("{id}, {}", variant.as_str()), LENGTH, true);
            let outcome = run(workload, plan, &live)?;
            code = report::print(&stop(&outcome));
            if !outcome.breaches.is_empty() {
                code = ExitCode::FAILURE;
            }
        }
    }
    let more = "\nNext: `gumption list` shows all workloads; `gumption run hog --cured` shows the sick code under the whole\n\
                scheduler; `gumption verify` runs everything and counts misses and false alarms.\n";
    match report::print(more) {
        ExitCode::SUCCESS => Ok(code),
        failed => Ok(failed),
    }
}

fn stop(outcome: &Outcome) -> String {
    let mut page = String::new();
    let what = match outcome.plan.variant {
        Variant::Fixed => outcome.workload.fix().unwrap_or_default(),
        _ => "the mistake, and the scheduler's cure for it switched off",
    };
    let what =
        if outcome.workload.cure().is_none() && outcome.plan.variant == Variant::Sick { "the mistake" } else { what };
    let _ = writeln!(page, "\n {}: {what}", outcome.plan.variant.as_str());
    for line in (report::seen(outcome) + &outcome.diagnosis.page(false)).lines() {
        let _ = writeln!(page, "   {line}");
    }
    page + &report::breaches(outcome)
}
