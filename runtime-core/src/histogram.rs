//! A histogram of durations with 64 buckets, each twice as wide as the one before.
//!
//! ```text
//! bucket   0    1     2       3         i                        63
//! ns       0    1    2..3    4..7   2^(i-1)..2^i - 1    2^62 and everything above
//! ```
//!
//! [`Histogram`] is live: one writer (the M that owns the P; the same rule as for [`crate::counters`]), three plain
//! stores a value, no lock and no allocation. [`HistogramSnapshot`] is what readers get: it answers quantiles, and
//! snapshots of different Ps [merge](HistogramSnapshot::merge) and of different times
//! [subtract](HistogramSnapshot::since).
//!
//! What it promises: a quantile is never below the true one and less than twice it. That is coarse, and enough: every
//! verdict that rests on one is a ratio far above two. What it refuses: to sample. The scheduler decides which runs are
//! timed (one in eight), so a count here is a number of samples and not of runs.
//!
//! The invariant: **the count is the sum of the buckets**, and is not kept beside them; so a snapshot taken while the
//! writer is at work is a histogram that was true a moment ago, except that its sum and maximum may be one value behind
//! or ahead of its buckets.

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

/// How many buckets a histogram has.
pub const BUCKETS: usize = 64;

/// The bucket that a duration falls into.
#[inline(always)]
pub const fn bucket_of(ns: u64) -> usize {
    let bits = (u64::BITS - ns.leading_zeros()) as usize;
    if bits < BUCKETS { bits } else { BUCKETS - 1 }
}

/// The shortest duration that falls into `bucket`.
pub const fn bucket_floor(bucket: usize) -> u64 {
    if bucket == 0 { 0 } else { 1 << (bucket - 1) }
}

/// The longest duration that falls into `bucket`.
pub const fn bucket_ceiling(bucket: usize) -> u64 {
    if bucket >= BUCKETS - 1 { u64::MAX } else { (1 << bucket) - 1 }
}

#[cfg(feature = "stats")]
mod imp {
    use super::{BUCKETS, HistogramSnapshot, bucket_of};
    use crate::counters::{Counter, Tally};

    /// A live histogram with one writer at a time.
    #[derive(Debug)]
    pub struct Histogram {
        buckets: [Counter; BUCKETS],
        sum: Counter,
        max: Counter,
    }

    impl Default for Histogram {
        fn default() -> Self {
            Self {
                buckets: std::array::from_fn(|_| Counter::default()),
                sum: Counter::default(),
                max: Counter::default(),
            }
        }
    }

    impl Histogram {
        /// Adds one duration. Only the histogram's writer may call this.
        #[inline]
        pub fn record(&self, ns: u64) {
            self.record_many(ns, 1);
        }

        /// Adds one duration that stands for `n`. Only the histogram's writer may call this.
        #[inline]
        pub fn record_many(&self, ns: u64, n: u64) {
            self.buckets[bucket_of(ns)].add(n);
            self.sum.add(ns * n);
            self.max.raise_to(ns);
        }

        /// What was recorded so far, without stopping the writer.
        pub fn snapshot(&self) -> HistogramSnapshot {
            HistogramSnapshot {
                buckets: std::array::from_fn(|bucket| self.buckets[bucket].get()),
                sum: self.sum.get(),
                max: self.max.get(),
            }
        }
    }
}

#[cfg(not(feature = "stats"))]
mod imp {
    use super::HistogramSnapshot;

    /// A live histogram; this build records nothing.
    #[derive(Debug, Default)]
    pub struct Histogram(());

    impl Histogram {
        /// Records nothing: this build counts nothing.
        #[inline(always)]
        pub fn record(&self, _ns: u64) {}

        /// Records nothing: this build counts nothing.
        #[inline(always)]
        pub fn record_many(&self, _ns: u64, _n: u64) {}

        /// Empty: this build counts nothing.
        pub fn snapshot(&self) -> HistogramSnapshot {
            HistogramSnapshot::default()
        }
    }
}

pub use imp::Histogram;

/// A histogram at one moment, or the difference between two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistogramSnapshot {
    /// *Events.* How many durations fell into each bucket; see [`bucket_floor`] and [`bucket_ceiling`].
    pub buckets: [u64; BUCKETS],
    /// *Nanoseconds.* All of them added up. It wraps after 584 years.
    pub sum: u64,
    /// *Nanoseconds.* The longest of them; after [`since`](Self::since), a bound that it did not pass.
    pub max: u64,
}

impl Default for HistogramSnapshot {
    fn default() -> Self {
        Self { buckets: [0; BUCKETS], sum: 0, max: 0 }
    }
}

impl HistogramSnapshot {
    /// How many durations there are.
    pub fn count(&self) -> u64 {
        self.buckets.iter().fold(0, |count, bucket| count.saturating_add(*bucket))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.buckets.iter().all(|bucket| *bucket == 0)
    }

    /// The average in ns, if there is anything to average.
    pub fn mean(&self) -> Option<f64> {
        let count = self.count();
        (count > 0).then(|| self.sum as f64 / count as f64)
    }

    /// A duration in ns that the fraction `q` of all durations did not pass; `None` if there are none.
    ///
    /// Never below the true quantile and less than twice it. `q` is taken as 0 below 0 and as 1 above 1; not-a-number
    /// is taken as 1, so that a mistake shows the worst case and not the best.
    pub fn quantile(&self, q: f64) -> Option<u64> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let q = if q.is_nan() { 1.0 } else { q.clamp(0.0, 1.0) };
        let rank = ((q * count as f64).ceil() as u64).clamp(1, count);
        let mut seen = 0u64;
        let bucket = self.buckets.iter().position(|bucket| {
            seen = seen.saturating_add(*bucket);
            seen >= rank
        })?;
        // The writer stores the maximum after the bucket, so one caught in between is behind: the floor mends that.
        Some(bucket_ceiling(bucket).min(self.max).max(bucket_floor(bucket)))
    }

    /// What was recorded after `earlier`, of the same histogram.
    ///
    /// The maximum is exact if it rose in between; else it is the best bound that the buckets give.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let buckets: [u64; BUCKETS] =
            std::array::from_fn(|bucket| self.buckets[bucket].saturating_sub(earlier.buckets[bucket]));
        let top = buckets.iter().rposition(|bucket| *bucket > 0);
        Self {
            buckets,
            sum: self.sum.saturating_sub(earlier.sum),
            max: top.map_or(0, |top| bucket_ceiling(top).min(self.max)),
        }
    }

    /// Adds all of `other`'s durations.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine = mine.saturating_add(*theirs);
        }
        self.sum = self.sum.saturating_add(other.sum);
        self.max = self.max.max(other.max);
    }
}

/// As `{count, sum_ns, max_ns, p50_ns, p90_ns, p99_ns, buckets: [[floor_ns, count], ...]}`, full buckets only.
impl Serialize for HistogramSnapshot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let full: Vec<(u64, u64)> = (0..BUCKETS)
            .filter(|bucket| self.buckets[*bucket] > 0)
            .map(|bucket| (bucket_floor(bucket), self.buckets[bucket]))
            .collect();
        let mut object = serializer.serialize_struct("Histogram", 7)?;
        object.serialize_field("count", &self.count())?;
        object.serialize_field("sum_ns", &self.sum)?;
        object.serialize_field("max_ns", &self.max)?;
        object.serialize_field("p50_ns", &self.quantile(0.5))?;
        object.serialize_field("p90_ns", &self.quantile(0.9))?;
        object.serialize_field("p99_ns", &self.quantile(0.99))?;
        object.serialize_field("buckets", &full)?;
        object.end()
    }
}

#[cfg(test)]
#[path = "histogram_tests.rs"]
mod tests;
