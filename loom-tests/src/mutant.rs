//! [`demand_caught`]: runs a model against broken code and demands that it notices.
//!
//! The model runs in a child process (this same test binary, `--exact`), with `GUMPTION_MUTANT` set. What counts as
//! caught: the child failed, and it failed *at the invariant*. What does not:
//!
//! * the code never consulted the mutant's name: it is misspelt, or the model never reaches that step;
//! * the child ran out of branches or of time: an exploration that cannot finish has not found anything;
//! * the child ran no test at all.
//!
//! Under shuttle the child gets a tenth of the schedules, so a mutant that is caught is caught with a margin of ten.
//!
//! The invariant: each line `mutant NAME caught by MODEL (how)` stands for one child that failed for that reason.

use crate::report::say;
use gumption_core::sync::{CONSULTED, MUTANT};
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A child that has not ended after this long is hung. Catching takes seconds.
const PATIENCE: Duration = Duration::from_secs(300);

#[cfg(gumption_loom)]
const SCHEDULES: (&str, &str) = ("GUMPTION_SCHEDULES_DIVISOR", "1");
#[cfg(gumption_shuttle)]
const SCHEDULES: (&str, &str) = (crate::random::DIVISOR, "10");

/// Demands that each of `mutants` makes the test `model` of this binary fail.
///
/// # Panics
/// If one does not, with everything that the child printed.
pub fn demand_caught(model: &str, mutants: &[&str]) {
    let mut missed = String::new();
    for mutant in mutants {
        let start = Instant::now();
        match verdict(model, mutant) {
            Ok(how) => {
                let seconds = start.elapsed().as_secs_f64();
                say(&format!("mutant {mutant} caught by {model} ({how}), {seconds:.2} s"));
            }
            Err(why) => {
                say(&format!("mutant {mutant} NOT caught by {model}"));
                missed.push_str(&format!("mutant {mutant}: {why}\n"));
            }
        }
    }
    assert!(missed.is_empty(), "{model} does not catch every mutant:\n{missed}");
}

/// How the model caught the mutant, or why that cannot be said.
fn verdict(model: &str, mutant: &str) -> Result<String, String> {
    let exe = std::env::current_exe().map_err(|error| format!("this test binary cannot be found: {error}"))?;
    let child = Command::new(exe)
        .args(["--exact", model, "--nocapture", "--test-threads=1"])
        .env(MUTANT, mutant)
        .env(SCHEDULES.0, SCHEDULES.1)
        .env("RUST_BACKTRACE", "0")
        .env_remove("LOOM_MAX_PREEMPTIONS")
        .env_remove("LOOM_MAX_DURATION")
        .env_remove("LOOM_MAX_PERMUTATIONS")
        .env_remove("LOOM_CHECKPOINT_FILE")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("the child did not start: {error}"))?;
    let (succeeded, output) = finish(child)?;

    let consulted = output.lines().any(|line| line.strip_prefix(CONSULTED) == Some(mutant));
    if !consulted {
        return Err(format!("the code never asked for it; is the name right?\n{output}"));
    }
    if succeeded {
        return Err(format!("the model passed\n{output}"));
    }
    if output.contains("was not exhausted") || output.contains("exceeded maximum number of branches") {
        return Err(format!("the exploration ran out instead of failing\n{output}"));
    }
    Ok(how(&output))
}

/// Waits for the child with patience; whether it succeeded, and all that it printed.
fn finish(mut child: Child) -> Result<(bool, String), String> {
    let readers = [
        child.stdout.take().map(|pipe| std::thread::spawn(move || drain(pipe))),
        child.stderr.take().map(|pipe| std::thread::spawn(move || drain(pipe))),
    ];
    let start = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break Ok(status),
            Ok(None) if start.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(5)),
            Ok(None) => {
                let killed = child.kill().and_then(|()| child.wait());
                break Err(format!("no end after {PATIENCE:?} ({killed:?})"));
            }
            Err(error) => break Err(format!("the child cannot be waited for: {error}")),
        }
    };
    let output: String = readers.into_iter().flatten().map(|reader| reader.join().unwrap_or_default() + "\n").collect();
    status.map(|status| (status.success(), output))
}

fn drain(mut pipe: impl Read) -> String {
    let mut bytes = Vec::new();
    match pipe.read_to_end(&mut bytes) {
        Ok(_) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => format!("{}\n(the rest was not readable: {error})\n", String::from_utf8_lossy(&bytes)),
    }
}

/// In a word, what the checker saw.
fn how(output: &str) -> String {
    let lines: Vec<&str> = output.lines().collect();
    let message = lines
        .iter()
        .position(|line| line.contains("panicked at"))
        .and_then(|at| lines.get(at + 1..))
        .and_then(|after| after.iter().find(|line| !line.trim().is_empty()))
        .map_or("a crash", |line| line.trim());
    if message.contains("deadlock") {
        "deadlock".to_string()
    } else if message.contains("Causality violation") || message.contains("overlaps") {
        format!("causality: {}", message.trim_start_matches("Causality violation: "))
    } else {
        format!("panic: {}", message.chars().take(100).collect::<String>())
    }
}
