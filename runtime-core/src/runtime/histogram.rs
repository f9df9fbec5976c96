//! Histograms whose buckets the user chooses: how long polls last, and how long tasks wait for theirs, every one of them.
//!
//! The runtime's own histograms ([`crate::histogram`]) have fixed buckets and take samples, which is why they are always on.
//! These are tokio's: off unless asked for, exact, and with buckets that fit the question. While one is on, every poll
//! pays two reads of the clock (46 ns) and an addition.
//!
//! | configuration | bucket `i` | |
//! | --- | --- | --- |
//! | [`HistogramConfiguration::linear`] | `i * width .. (i + 1) * width` | the default: 10 of 100 µs |
//! | [`HistogramConfiguration::log`] | an H2 histogram: 2^p linear buckets for each power of two | relative error below 2^-p |
//! | [`HistogramScale::Log`] | doubles | the scale that tokio had first |
//!
//! In each the first bucket begins at 0 and the last one never ends: every duration has a bucket, and the buckets neither
//! overlap nor leave a gap.
//!
//! Who writes: [`crate::watched`]. Anybody may, and anybody may read: the counts order nothing, so they have no model.

use crate::sync::{Ordering, UncheckedU64};
use std::error::Error;
use std::fmt;
use std::ops::Range;
use std::time::Duration;

const DEFAULT_MIN: Duration = Duration::from_nanos(100);
const DEFAULT_MAX: Duration = Duration::from_secs(60);
/// 2^-2: 25 % off at most.
const DEFAULT_PRECISION: u32 = 2;
const MOST_PRECISION: u32 = 10;
const DEFAULT_LINEAR: Shape = Shape::Linear { buckets: 10, width: 100_000 };

/// How the buckets of a histogram grow: tokio's first way to say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HistogramScale {
    /// All are as wide as the first.
    Linear,
    /// Each is twice as wide as the one before.
    Log,
}

/// The buckets of a histogram.
#[derive(Debug, Clone)]
pub struct HistogramConfiguration {
    shape: Shape,
}

impl HistogramConfiguration {
    /// Buckets of equal width; the last one never ends.
    pub fn linear(bucket_width: Duration, num_buckets: usize) -> Self {
        Self { shape: Shape::Linear { buckets: num_buckets, width: nanos(bucket_width) } }
    }

    /// Buckets that grow with what they hold, see [`LogHistogram`].
    pub fn log(configuration: impl Into<LogHistogram>) -> Self {
        Self { shape: Shape::H2(configuration.into()) }
    }
}

/// What a builder has been told about a histogram.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// Whether there is one.
    pub(crate) enabled: bool,
    configuration: HistogramConfiguration,
    /// tokio's first way to say it outranks the configuration, as there.
    legacy: Option<Legacy>,
}

#[derive(Debug, Clone, Copy)]
struct Legacy {
    scale: HistogramScale,
    buckets: usize,
    resolution: u64,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { enabled: false, configuration: HistogramConfiguration { shape: DEFAULT_LINEAR }, legacy: None }
    }
}

impl Wanted {
    pub(crate) fn configure(&mut self, configuration: HistogramConfiguration) {
        self.configuration = configuration;
    }

    fn legacy(&mut self) -> &mut Legacy {
        self.legacy.get_or_insert(Legacy { scale: HistogramScale::Linear, buckets: 10, resolution: 100_000 })
    }

    pub(crate) fn scale(&mut self, scale: HistogramScale) {
        self.legacy().scale = scale;
    }

    pub(crate) fn buckets(&mut self, buckets: usize) {
        self.legacy().buckets = buckets;
    }

    pub(crate) fn resolution(&mut self, resolution: Duration) {
        self.legacy().resolution = nanos(resolution);
    }

    /// One histogram for each of `rows` processors, if there is to be one.
    pub(crate) fn build(&self, rows: usize) -> Option<Box<[Buckets]>> {
        let shape = match self.legacy {
            Some(Legacy { scale: HistogramScale::Linear, buckets, resolution }) => {
                Shape::Linear { buckets, width: resolution }
            }
            Some(Legacy { scale: HistogramScale::Log, buckets, resolution }) => {
                Shape::Doubling { buckets, first: resolution.next_power_of_two() }
            }
            None => self.configuration.shape,
        };
        self.enabled.then(|| (0..rows).map(|_| Buckets::new(shape)).collect())
    }
}

/// A histogram at work.
#[derive(Debug)]
pub(crate) struct Buckets {
    shape: Shape,
    counts: Box<[UncheckedU64]>,
}

impl Buckets {
    fn new(shape: Shape) -> Self {
        Self { shape, counts: (0..shape.buckets()).map(|_| UncheckedU64::new(0)).collect() }
    }

    pub(crate) fn record(&self, ns: u64) {
        // Ordering: no partner. Atomic only so that no count is lost.
        self.counts[self.shape.bucket_of(ns)].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn len(&self) -> usize {
        self.counts.len()
    }

    #[track_caller]
    pub(crate) fn get(&self, bucket: usize) -> u64 {
        // Ordering: no partner. A reader gets some recent value.
        self.counts[bucket].load(Ordering::Relaxed)
    }

    pub(crate) fn range(&self, bucket: usize) -> Range<Duration> {
        let Range { start, end } = self.shape.range(bucket);
        Duration::from_nanos(start)..Duration::from_nanos(end)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Linear { buckets: usize, width: u64 },
    Doubling { buckets: usize, first: u64 },
    H2(LogHistogram),
}

impl Shape {
    fn buckets(&self) -> usize {
        match *self {
            Self::Linear { buckets, .. } | Self::Doubling { buckets, .. } => buckets,
            Self::H2(log) => log.num_buckets,
        }
    }

    fn bucket_of(&self, ns: u64) -> usize {
        let bucket = match *self {
            Self::Linear { width, .. } => ns / width,
            Self::Doubling { first, .. } if ns < first => 0,
            Self::Doubling { first, .. } => u64::from(ns.ilog2() - first.ilog2()) + 1,
            Self::H2(log) => h2_index(ns, log.p).saturating_sub(log.bucket_offset as u64),
        };
        (bucket as usize).min(self.buckets() - 1)
    }

    fn range(&self, bucket: usize) -> Range<u64> {
        let (start, end) = match *self {
            Self::Linear { width, .. } => (width * bucket as u64, width.saturating_mul(bucket as u64 + 1)),
            Self::Doubling { first, .. } => (first << bucket.saturating_sub(1), first << bucket),
            Self::H2(log) => {
                let index = (bucket + log.bucket_offset) as u64;
                (h2_floor(index, log.p), h2_floor(index + 1, log.p))
            }
        };
        let start = if bucket == 0 { 0 } else { start };
        start..if bucket == self.buckets() - 1 { u64::MAX } else { end }
    }
}

/// An [H2 histogram](https://iop.systems/blog/h2-histogram/): for each power of two 2^p buckets of equal width, so that a
/// duration is known to one part in 2^p. The first bucket takes all that is too short to matter, the last one all that is
/// too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogHistogram {
    num_buckets: usize,
    p: u32,
    /// Buckets of the full histogram that the first one stands for, but one.
    bucket_offset: usize,
}

impl Default for LogHistogram {
    fn default() -> Self {
        LogHistogramBuilder::default().build()
    }
}

impl LogHistogram {
    /// A builder with the defaults.
    pub fn builder() -> LogHistogramBuilder {
        LogHistogramBuilder::default()
    }

    /// Where the last bucket begins, ns: what is longer is told apart no more.
    pub fn max_value(&self) -> u64 {
        h2_floor((self.num_buckets - 1 + self.bucket_offset) as u64, self.p)
    }
}

/// Builds a [`LogHistogram`]. By default it tells durations from 100 ns to 60 s apart, to 25 %, in 119 buckets.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogHistogramBuilder {
    max_value: Option<Duration>,
    min_value: Option<Duration>,
    precision: Option<u32>,
}

impl LogHistogramBuilder {
    /// How much a duration may be off, as a fraction of itself: the next power of two below is taken. Default 0.25, which is
    /// also the coarsest; the finest is 2^-10. For coarser ones see [`precision_exact`](Self::precision_exact).
    ///
    /// # Panics
    ///
    /// Unless it is between 0 and 1.
    #[track_caller]
    pub fn max_error(mut self, max_error: f64) -> Self {
        assert!(max_error > 0.0, "max_error must be greater than 0");
        assert!(max_error < 1.0, "max_error must be less than 1");
        let fine_enough = |&p: &u32| 0.5_f64.powi(p as i32) <= max_error;
        self.precision = Some((DEFAULT_PRECISION..MOST_PRECISION).find(fine_enough).unwrap_or(MOST_PRECISION));
        self
    }

    /// How fine it is: a duration is known to one part in 2^p. With 0 each bucket is twice as wide as the one before.
    ///
    /// # Panics
    ///
    /// If `p` is greater than 10.
    #[track_caller]
    pub fn precision_exact(mut self, p: u32) -> Self {
        assert!(p <= MOST_PRECISION, "precision must be <= {MOST_PRECISION}");
        self.precision = Some(p);
        self
    }

    /// What is shorter goes into the first bucket. Default 100 ns.
    pub fn min_value(mut self, duration: Duration) -> Self {
        self.min_value = Some(duration);
        self
    }

    /// What is longer goes into the last bucket. Default 60 s.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[track_caller]
    pub fn max_value(mut self, duration: Duration) -> Self {
        assert!(!duration.is_zero(), "max value must be greater than 0");
        self.max_value = Some(duration);
        self
    }

    /// The histogram, if it needs no more buckets than these.
    ///
    /// # Errors
    ///
    /// If it needs more.
    pub fn max_buckets(&mut self, max_buckets: usize) -> Result<LogHistogram, InvalidHistogramConfiguration> {
        let histogram = self.build();
        let required_bucket_count = histogram.num_buckets;
        if required_bucket_count > max_buckets {
            return Err(InvalidHistogramConfiguration::TooManyBuckets { required_bucket_count });
        }
        Ok(histogram)
    }

    /// The histogram.
    pub fn build(&self) -> LogHistogram {
        let max = nanos(self.max_value.unwrap_or(DEFAULT_MAX));
        let min = nanos(self.min_value.unwrap_or(DEFAULT_MIN));
        let p = self.precision.unwrap_or(DEFAULT_PRECISION);
        // The bucket before the one of `min` ends at `min` or below, and is the first.
        let bucket_offset = h2_index(min, p).max(1) - 1;
        // The last one begins above `max`: the first that does.
        let last = (h2_index(max, p) + 1).max(bucket_offset + 1);
        LogHistogram { num_buckets: (last - bucket_offset) as usize + 1, p, bucket_offset: bucket_offset as usize }
    }
}

impl From<LogHistogramBuilder> for LogHistogram {
    fn from(builder: LogHistogramBuilder) -> Self {
        builder.build()
    }
}

/// Why there is no such histogram.
#[derive(Debug)]
pub enum InvalidHistogramConfiguration {
    /// It would need more buckets than were allowed.
    TooManyBuckets {
        /// As many as this.
        required_bucket_count: usize,
    },
}

impl fmt::Display for InvalidHistogramConfiguration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyBuckets { required_bucket_count } => {
                write!(f, "The configuration for this histogram would have required {required_bucket_count} buckets")
            }
        }
    }
}

impl Error for InvalidHistogramConfiguration {}

/// Which bucket of a full H2 histogram a duration falls into.
fn h2_index(ns: u64, p: u32) -> u64 {
    match ns.checked_ilog2() {
        Some(power) if power > p => {
            let width = power - p;
            (u64::from(width + 1) << p) + ((ns - (1 << power)) >> width)
        }
        _ => ns,
    }
}

/// Where that bucket begins; `u64::MAX` beyond the last.
fn h2_floor(index: u64, p: u32) -> u64 {
    let group = index >> p;
    if group == 0 {
        return index;
    }
    let width = (group - 1) as u32;
    if width + p >= u64::BITS { u64::MAX } else { (1 << (width + p)) + ((index & ((1 << p) - 1)) << width) }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "histogram_tests.rs"]
mod tests;
