//! The reference page, `docs/metrics.md`: made of the list, so that it lists what there is.

use std::fmt::Write;

use super::bounds::{ERRNOS, PROCESSOR_ROWS, RUNTIMES, SITES, WALK};
use super::families::topics;
use super::family::{Family, Kind};

/// The page as text. A test demands that the one in the repository is this.
pub fn reference() -> String {
    let errnos = ERRNOS.len();
    let mut page = format!(
        "# Metrics\n\n\
         Every metric of `/metrics`, beside what Go and tokio call the same thing. This page is made of the list in \
         `runtime-introspect/src/metrics/families`; after a change there, `GUMPTION_WRITE_DOCS=1 cargo test -p gumption-introspect \
         metrics` writes it anew.\n\n\
         - Go's names are those of `runtime/metrics`; tokio's are fields of tokio-metrics' `RuntimeMetrics`, unless another type \
         is named. An empty cell: there is none.\n\
         - Each metric of a runtime has the label `runtime`: the runtime's name, else its number. It is left out of the table.\n\
         - Counters begin with their runtime and never go back. Time is in seconds, exact to the nanosecond.\n\
         - `processor` is a processor's number, or `none` for threads that hold none, or `other` for all from number {PROCESSOR_ROWS} on.\n\
         - Histograms have the bounds 127 ns, 255 ns, and so on to 8.6 s: powers of two less one nanosecond.\n\
         - Labels are bounded: {SITES} sites, {errnos} errors, {RUNTIMES} runtimes. Tasks are walked if there are at most {WALK}. No \
         task's id, name or label is ever a label of a metric.\n\
         - A build without the feature `stats` has gauges only: its counters and histograms are 0.\n",
    );
    for (title, families) in topics() {
        // Writing into a string does not fail.
        let _ = write!(
            page,
            "\n## {title}\n\n| metric | kind | unit | meaning | Go | tokio |\n| --- | --- | --- | --- | --- | --- |\n"
        );
        for family in families {
            let _ = writeln!(page, "{}", row(family));
        }
    }
    page
}

fn row(family: &Family) -> String {
    let kind = match family.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
        Kind::Info => "info",
    };
    let labels = family.labels().into_iter().filter(|label| *label != "runtime").collect::<Vec<_>>().join(", ");
    let labels = if labels.is_empty() { labels } else { format!("`{{{labels}}}`") };
    let other = |name: &str| name.split(", ").map(code).collect::<Vec<_>>().join(", ");
    format!(
        "| `{}`{} | {kind} | {} | {} | {} | {} |",
        family.name(),
        labels,
        family.unit.name(),
        family.help.replace('|', "\\|"),
        other(family.go),
        other(family.tokio),
    )
}

/// A name in code, with what stands behind it in parentheses as text.
fn code(name: &str) -> String {
    match name.split_once(" (") {
        _ if name.is_empty() => String::new(),
        Some((name, note)) => format!("`{name}` ({note}"),
        None => format!("`{name}`"),
    }
}
