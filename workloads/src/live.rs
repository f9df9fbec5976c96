//! What is shown while a run is under way: a line a second, and a progress bar where there is a terminal.
//!
//! All of it goes to stderr, so that stdout has the report and nothing else. A stderr that is closed is no reason to stop.

use std::io::{IsTerminal, Write, stderr};
use std::time::Duration;

use gumption::stats::{SchedulerStats, StatsDelta};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The display of one run.
#[derive(Debug)]
pub struct Live {
    bar: Option<ProgressBar>,
    lines: bool,
}

impl Live {
    /// A display for a run of `length` that is called `label`, with a line a second if `lines`.
    pub fn new(label: &str, length: Duration, lines: bool) -> Self {
        let bar = stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(millis(length)), ProgressDrawTarget::stderr());
            if let Ok(style) = ProgressStyle::with_template("{msg:28} {bar:40} {percent:>3}%") {
                bar.set_style(style);
            }
            bar.set_message(label.to_owned());
            bar
        });
        if bar.is_none() && lines {
            say(label);
        }
        Self { bar, lines }
    }

    /// A display that shows nothing.
    pub fn none() -> Self {
        Self { bar: None, lines: false }
    }

    /// So much of the run is over.
    pub fn tick(&self, elapsed: Duration) {
        if let Some(bar) = &self.bar {
            bar.set_position(millis(elapsed));
        }
    }

    /// A second is over.
    pub fn second(&self, second: u64, stats: &SchedulerStats, delta: &StatsDelta) {
        if !self.lines {
            return;
        }
        let text = line(second, stats, delta);
        match &self.bar {
            Some(bar) => bar.println(text),
            None => say(&text),
        }
    }

    /// The load has ended.
    pub fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn say(text: &str) {
    // Nobody may be listening; the run goes on all the same.
    drop(writeln!(stderr(), "{text}"));
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn line(second: u64, stats: &SchedulerStats, delta: &StatsDelta) -> String {
    let totals = &stats.totals;
    let count = |number: f64| match number {
        _ if number < 10_000.0 => format!("{number:.0}"),
        _ => format!("{:.0}k", number / 1e3),
    };
    format!(
        "{second:>4}s  P {} ({} idle)  M {} ({} spinning, {} blocked)  runnable {}  live {}  \
         {} polls/s  {} spawns/s  {} steals/s",
        stats.config.processors,
        totals.idle_processors,
        stats.machines.len(),
        totals.spinning,
        totals.machines_by_state.blocked,
        totals.runnable,
        totals.tasks_live,
        count(delta.rates.polls),
        count(delta.rates.spawned_local + delta.rates.spawned_remote),
        count(delta.rates.tasks_stolen),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_things_stand() {
        let mut stats = SchedulerStats::default();
        stats.config.processors = 4;
        stats.totals.tasks_live = 12;
        stats.totals.idle_processors = 1;
        let mut delta = StatsDelta::default();
        delta.rates.polls = 123_456.0;
        let line = line(3, &stats, &delta);
        assert!(line.starts_with("   3s  P 4 (1 idle)"), "{line}");
        assert!(line.contains("live 12") && line.contains("123k polls/s"), "{line}");
    }
}
