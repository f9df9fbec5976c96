//! [`Text`]: the exposition format, written.
//!
//! A family is its `TYPE`, `UNIT` and `HELP` lines and then its samples, all together, as both dialects demand. One without
//! samples is left out. Every value of a label is escaped here and nowhere else.
//!
//! Durations are whole nanoseconds until they are written: 1500 becomes `0.0000015`, without a float in between. A histogram
//! of [`HistogramSnapshot`]'s powers of two is written with the bounds from 127 ns to 8.6 s, always the same ones; what
//! is shorter is in the first, what is longer only in `+Inf`. A bucket's bound is the longest duration that is in it, which is
//! one nanosecond less than a power of two.

use std::fmt::Write;

use gumption_core::histogram::{HistogramSnapshot, bucket_ceiling};

use super::bounds::{PROCESSOR_ROWS, RUNTIMES};
use super::family::{Family, Kind, Source, Unit};
use super::format::Format;
use super::view::RuntimeView;

/// The first and the last bucket of a histogram that have a bound of their own.
pub(super) const BOUNDS: std::ops::RangeInclusive<usize> = 7..=33;

/// Text in the making.
#[derive(Debug)]
pub(super) struct Text {
    format: Format,
    out: String,
}

impl Text {
    pub(super) fn new(format: Format) -> Self {
        Self { format, out: String::with_capacity(1 << 15) }
    }

    pub(super) fn end(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.out.push_str("# EOF\n");
        }
        self.out
    }

    /// A family, of all these runtimes.
    pub(super) fn family(&mut self, family: &Family, views: &[RuntimeView]) {
        let begin = self.out.len();
        self.head(family);
        let samples = self.out.len();
        if let Source::Process(get) = family.source {
            get(views, &mut |values, number| self.row(family, None, family.labels, values, number));
        }
        for view in views.iter().take(RUNTIMES) {
            self.of(family, view);
        }
        if self.out.len() == samples {
            self.out.truncate(begin);
        }
    }

    fn head(&mut self, family: &Family) {
        let kind = match (family.kind, self.format) {
            (Kind::Counter, _) => "counter",
            (Kind::Gauge, _) | (Kind::Info, Format::Prometheus) => "gauge",
            (Kind::Histogram, _) => "histogram",
            (Kind::Info, Format::OpenMetrics) => "info",
        };
        let name = match self.format {
            Format::Prometheus => family.name(),
            Format::OpenMetrics => family.name.to_string(),
        };
        // Writing into a string does not fail.
        let _ = writeln!(self.out, "# TYPE {name} {kind}");
        if self.format == Format::OpenMetrics && family.unit == Unit::SECONDS {
            let _ = writeln!(self.out, "# UNIT {name} {}", family.unit.name());
        }
        let _ = write!(self.out, "# HELP {name} ");
        escape(&mut self.out, &family.help(), self.format == Format::OpenMetrics);
        self.out.push('\n');
    }

    fn of(&mut self, family: &Family, view: &RuntimeView) {
        let runtime = Some(view.runtime.as_str());
        let stats = &view.stats;
        match family.source {
            Source::Counter(get) => {
                self.processors(family, view, |row| get(&row.counters));
                self.row(family, runtime, &["processor"], &["none"], get(&stats.off_processor));
            }
            Source::Processor(get) => self.processors(family, view, get),
            Source::Runtime(get) => {
                if let Some(number) = get(view) {
                    self.row(family, runtime, &[], &[], number);
                }
            }
            Source::Rows(get) => {
                get(view, &mut |values, number| self.row(family, runtime, family.labels, values, number));
            }
            Source::Histogram(get) => self.histogram(family, view, &get(stats)),
            Source::Process(_) => {}
        }
    }

    fn processors(
        &mut self,
        family: &Family,
        view: &RuntimeView,
        get: impl Fn(&gumption_core::stats::ProcessorStats) -> u64,
    ) {
        let runtime = Some(view.runtime.as_str());
        let rows = &view.stats.processors;
        let (shown, others) = rows.split_at(rows.len().min(PROCESSOR_ROWS));
        for row in shown {
            self.row(family, runtime, &["processor"], &[&row.id.to_string()], get(row));
        }
        if !others.is_empty() {
            let sum = others.iter().fold(0u64, |sum, row| sum.saturating_add(get(row)));
            self.row(family, runtime, &["processor"], &["other"], sum);
        }
    }

    fn histogram(&mut self, family: &Family, view: &RuntimeView, seen: &HistogramSnapshot) {
        let mut count = 0u64;
        for (bucket, in_it) in seen.buckets.iter().enumerate() {
            count = count.saturating_add(*in_it);
            if BOUNDS.contains(&bucket) {
                let mut bound = String::new();
                nanoseconds(&mut bound, bucket_ceiling(bucket));
                self.sample(family, "_bucket", Some(&view.runtime), &["le"], &[&bound]);
                let _ = writeln!(self.out, " {count}");
            }
        }
        self.sample(family, "_bucket", Some(&view.runtime), &["le"], &["+Inf"]);
        let _ = writeln!(self.out, " {count}");
        self.sample(family, "_sum", Some(&view.runtime), &[], &[]);
        self.out.push(' ');
        nanoseconds(&mut self.out, seen.sum);
        self.out.push('\n');
        self.sample(family, "_count", Some(&view.runtime), &[], &[]);
        let _ = writeln!(self.out, " {count}");
    }

    fn row(&mut self, family: &Family, runtime: Option<&str>, labels: &[&str], values: &[&str], number: u64) {
        let suffix = match family.kind {
            Kind::Counter => "_total",
            Kind::Info => "_info",
            Kind::Gauge | Kind::Histogram => "",
        };
        self.sample(family, suffix, runtime, labels, values);
        self.out.push(' ');
        if family.unit == Unit::SECONDS {
            nanoseconds(&mut self.out, number);
        } else {
            let _ = write!(self.out, "{number}");
        }
        self.out.push('\n');
    }

    /// A sample's name and labels.
    fn sample(&mut self, family: &Family, suffix: &str, runtime: Option<&str>, labels: &[&str], values: &[&str]) {
        debug_assert_eq!(labels.len(), values.len(), "{}: a value for each label", family.name);
        self.out.push_str(family.name);
        self.out.push_str(suffix);
        let runtime = runtime.map(|runtime| ("runtime", runtime));
        let all = runtime.into_iter().chain(labels.iter().copied().zip(values.iter().copied()));
        let mut before = '{';
        for (label, value) in all {
            self.out.push(before);
            before = ',';
            self.out.push_str(label);
            self.out.push_str("=\"");
            escape(&mut self.out, value, true);
            self.out.push('"');
        }
        if before == ',' {
            self.out.push('}');
        }
    }
}

/// What a label's value or a help text may not have as it is. The classic help text keeps its quotes.
fn escape(out: &mut String, text: &str, quotes: bool) {
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' if quotes => out.push_str("\\\""),
            other => out.push(other),
        }
    }
}

/// Nanoseconds in seconds, exactly.
pub(super) fn nanoseconds(out: &mut String, ns: u64) {
    let (whole, rest) = (ns / 1_000_000_000, ns % 1_000_000_000);
    let _ = write!(out, "{whole}");
    if rest == 0 {
        out.push_str(".0");
        return;
    }
    let digits = format!("{rest:09}");
    out.push('.');
    out.push_str(digits.trim_end_matches('0'));
}
