//! [`Family`]: one metric as data: how it is called, what it means, and where its numbers are.
//!
//! Families are written down with the short constructors at the end of this file, in the lists of [`families`](super::families()).
//! A [`Source`] is the way from a [`RuntimeView`] to rows of labels and a number. All numbers are whole: what has the unit of seconds
//! is given in nanoseconds and written as a decimal fraction, so no count and no time is rounded.

use gumption_core::counters::CountersSnapshot;
use gumption_core::histogram::HistogramSnapshot;
use gumption_core::stats::{ProcessorStats, SchedulerStats};

use super::view::RuntimeView;

/// What kind of metric it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It is what it is now.
    Gauge,
    /// How many durations fell into which range.
    Histogram,
    /// Facts in labels; the number is 1.
    Info,
}

/// What it is counted in: the last word of each help text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit(pub(super) &'static str);

impl Unit {
    pub(super) const SECONDS: Self = Self("seconds");

    /// Its name, in the plural.
    pub const fn name(self) -> &'static str {
        self.0
    }
}

/// Takes rows: the values of the family's own labels, in their order, and the number.
pub(super) type Rows<'a> = &'a mut dyn FnMut(&[&str], u64);

/// Where a family's numbers come from.
#[derive(Clone, Copy)]
pub(super) enum Source {
    /// A row for each processor, and one for threads without one.
    Counter(fn(&CountersSnapshot) -> u64),
    /// A row for each processor.
    Processor(fn(&ProcessorStats) -> u64),
    /// One number of the runtime, if there is one.
    Runtime(fn(&RuntimeView) -> Option<u64>),
    /// Rows with labels of their own.
    Rows(fn(&RuntimeView, Rows<'_>)),
    /// Durations.
    Histogram(fn(&SchedulerStats) -> HistogramSnapshot),
    /// Of the process, whatever its runtimes.
    Process(fn(&[RuntimeView], Rows<'_>)),
}

/// A metric.
#[derive(Clone, Copy)]
pub struct Family {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) unit: Unit,
    pub(super) labels: &'static [&'static str],
    pub(super) help: &'static str,
    pub(super) go: &'static str,
    pub(super) tokio: &'static str,
    pub(super) source: Source,
}

impl std::fmt::Debug for Family {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Family").field("name", &self.name()).field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl Family {
    /// Its name as queries write it: a counter's with `_total`, an info's with `_info`. A histogram has series of this name and
    /// `_bucket`, `_sum`, `_count`.
    pub fn name(&self) -> String {
        match self.kind {
            Kind::Counter => format!("{}_total", self.name),
            Kind::Info => format!("{}_info", self.name),
            Kind::Gauge | Kind::Histogram => self.name.to_string(),
        }
    }

    /// The names of its series.
    pub fn series(&self) -> Vec<String> {
        match self.kind {
            Kind::Histogram => ["_bucket", "_sum", "_count"].map(|part| format!("{}{part}", self.name)).to_vec(),
            _ => vec![self.name()],
        }
    }

    /// What kind of metric it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What it is counted in.
    pub fn unit(&self) -> Unit {
        self.unit
    }

    /// All its labels. A metric of a runtime has `runtime` first; one of the process has no such label.
    pub fn labels(&self) -> Vec<&'static str> {
        let runtime = (!self.is_of_the_process()).then_some("runtime");
        let own: &[&str] = match self.source {
            Source::Counter(_) | Source::Processor(_) => &["processor"],
            _ => self.labels,
        };
        runtime.into_iter().chain(own.iter().copied()).collect()
    }

    /// Whether it is of the process, and not of one of its runtimes.
    pub fn is_of_the_process(&self) -> bool {
        matches!(self.source, Source::Process(_))
    }

    /// What it means, with its unit.
    pub fn help(&self) -> String {
        format!("{} Unit: {}.", self.help, self.unit.name())
    }

    pub(super) const fn new(
        kind: Kind,
        name: &'static str,
        unit: &'static str,
        help: &'static str,
        source: Source,
    ) -> Self {
        Self { name, kind, unit: Unit(unit), labels: &[], help, go: "", tokio: "", source }
    }

    /// Its own labels.
    pub(super) const fn by(mut self, labels: &'static [&'static str]) -> Self {
        self.labels = labels;
        self
    }

    /// Go's name in `runtime/metrics`.
    pub(super) const fn go(mut self, name: &'static str) -> Self {
        self.go = name;
        self
    }

    /// The field of tokio-metrics.
    pub(super) const fn tokio(mut self, name: &'static str) -> Self {
        self.tokio = name;
        self
    }
}

/// A counter of each processor.
pub(super) const fn counter(
    name: &'static str,
    unit: &'static str,
    help: &'static str,
    get: fn(&CountersSnapshot) -> u64,
) -> Family {
    Family::new(Kind::Counter, name, unit, help, Source::Counter(get))
}

/// A counter of a runtime.
pub(super) const fn total(
    name: &'static str,
    unit: &'static str,
    help: &'static str,
    get: fn(&RuntimeView) -> Option<u64>,
) -> Family {
    Family::new(Kind::Counter, name, unit, help, Source::Runtime(get))
}

/// A gauge of a runtime.
pub(super) const fn gauge(
    name: &'static str,
    unit: &'static str,
    help: &'static str,
    get: fn(&RuntimeView) -> Option<u64>,
) -> Family {
    Family::new(Kind::Gauge, name, unit, help, Source::Runtime(get))
}

/// A gauge of each processor.
pub(super) const fn each(
    name: &'static str,
    unit: &'static str,
    help: &'static str,
    get: fn(&ProcessorStats) -> u64,
) -> Family {
    Family::new(Kind::Gauge, name, unit, help, Source::Processor(get))
}

/// A family with labels of its own.
pub(super) const fn rows(
    kind: Kind,
    name: &'static str,
    unit: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
    get: fn(&RuntimeView, Rows<'_>),
) -> Family {
    Family::new(kind, name, unit, help, Source::Rows(get)).by(labels)
}

/// A histogram of durations.
pub(super) const fn histogram(
    name: &'static str,
    help: &'static str,
    get: fn(&SchedulerStats) -> HistogramSnapshot,
) -> Family {
    Family::new(Kind::Histogram, name, "seconds", help, Source::Histogram(get))
}

/// A metric of the process.
pub(super) const fn process(
    kind: Kind,
    name: &'static str,
    unit: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
    get: fn(&[RuntimeView], Rows<'_>),
) -> Family {
    Family::new(kind, name, unit, help, Source::Process(get)).by(labels)
}
