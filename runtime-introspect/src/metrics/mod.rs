//! Metrics: what the scheduler counts, as text that Prometheus and everybody who reads its format can scrape.
//!
//! ```text
//!  Handle::stats() ─┐
//!  a walk, if short ┼─▶ RuntimeView ─▶ render() ─▶ "gumption_polls_total{runtime="api",processor="0"} 1234"
//!  health, leaks ───┘    view.rs          ▲
//!                              families/: one list of every metric there is
//! ```
//!
//! [`FAMILIES`](families()) is the one list: each metric once, with its kind, unit, labels, meaning, Go's and tokio-metrics' name for
//! the same thing, and how to read it out of a view. The text, the reference page (`docs/metrics.md`) and the tests that hold
//! the dashboards to what exists are made of it.
//!
//! **A counter never goes back** while its runtime lives: each is a cell that only grows, or a sum of such cells that are
//! always the same ones; never a difference of two, which are read at two moments. A runtime that has ended takes its series with it.
//!
//! **A scrape is cheap and stops nobody.** It is one [`stats`](gumption_core::runtime::Handle::stats) a runtime and, where there are at
//! most [`WALK`] tasks, one walk of their records without a lock. Rates are for the reader to compute, of two scrapes.
//!
//! **Labels are bounded.** `processor` by the number of processors and by [`PROCESSOR_ROWS`], `site` by [`SITES`], `errno` by
//! [`ERRNOS`], `runtime` by [`RUNTIMES`]; all others have a list of values that is fixed in the source. What does not fit is
//! in a row `other`. No task's id, name or label is a label here: those are in dumps. [`most_series`] says how many there can be.
//!
//! The text is written by hand (`text.rs`): it is a page of code, while a metrics library brings a registry of cells to be counted
//! in, and our cells exist. What this room refuses: to keep any history, to know a socket, to take a lock of the scheduler.

mod bounds;
mod families;
mod family;
mod format;
mod names;
mod page;
mod process;
mod text;
mod view;

#[cfg(test)]
mod tests;

use gumption_core::runtime::{Handle, running};

use crate::health::{Findings, Monitors};

pub use bounds::{ERRNOS, PROCESSOR_ROWS, RUNTIMES, SITES, WALK};
pub use families::families;
pub use family::{Family, Kind, Unit};
pub use format::Format;
pub use page::reference;
pub use view::{RuntimeView, Tasks};

/// Most series that one runtime with so many processors has.
pub fn most_series(processors: usize) -> usize {
    // A row per processor, one for all others, one for threads without one. The rest is fixed, and mostly histograms.
    let by_processor = families().filter(|family| family.labels().contains(&"processor")).count();
    by_processor * (processors.min(PROCESSOR_ROWS) + 2) + 350
}

/// The metrics of these runtimes, and of the process, as text.
///
/// ```
/// use gumption_core::runtime::Runtime;
/// use gumption_introspect::metrics::{Format, RuntimeView, render};
///
/// let runtime: Runtime = Runtime::new()?;
/// runtime.block_on(async { gumption_core::spawn(async {}).await.unwrap() });
/// let text = render(&[RuntimeView::of(runtime.handle())], Format::OpenMetrics);
/// assert!(text.contains("# TYPE gumption_tasks gauge\n"));
/// assert!(text.ends_with("# EOF\n"));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn render(views: &[RuntimeView], format: Format) -> String {
    let mut text = text::Text::new(format);
    for family in families() {
        text.family(family, views);
    }
    text.end()
}

/// The metrics of every runtime of this process that is not over, with their health: what a server answers.
///
/// `monitors` is for the caller to keep from one scrape to the next. `find` says what is known of a runtime's leaks; looking for
/// them walks all tasks, so the caller may give what was found some time ago, or nothing.
///
/// ```
/// use gumption_introspect::health::Monitors;
/// use gumption_introspect::metrics::{Format, scrape};
///
/// let mut monitors = Monitors::default();
/// let text = scrape(Format::accepting("*/*"), &mut monitors, |_runtime| None);
/// assert!(text.contains("gumption_build_info{"));
/// ```
pub fn scrape(format: Format, monitors: &mut Monitors, mut find: impl FnMut(&Handle) -> Option<Findings>) -> String {
    let view = |handle: &Handle| {
        let view = RuntimeView::of(handle);
        let found = find(handle);
        let health = monitors.observe(handle, &view.stats, &found.unwrap_or_default()).clone();
        RuntimeView { findings: found, ..view.with_health(health) }
    };
    render(&running().iter().map(view).collect::<Vec<_>>(), format)
}
