//! The builder's histograms under tokio's names. They are off by default, because each times every poll; what is always on,
//! with fixed buckets and one run in eight, is in [`stats`](crate::stats).
//!
//! A configuration alone enables nothing. Of several the last one counts, save that the older names
//! (`metrics_poll_count_*`) outrank the newer one, as in tokio.

use super::Builder;
use crate::runtime::{HistogramConfiguration, HistogramScale, MakeDriver};
use std::time::Duration;

impl<D: MakeDriver> Builder<D> {
    /// Times every poll, for [`poll_time_histogram_bucket_count`](crate::runtime::RuntimeMetrics::poll_time_histogram_bucket_count):
    /// two reads of the clock a poll, about 50 ns. Default: no, and one poll in eight is timed for
    /// [`stats`](crate::runtime::Handle::stats).
    pub fn enable_metrics_poll_time_histogram(&mut self) -> &mut Self {
        self.config.poll_times.enabled = true;
        self
    }

    /// The buckets of that histogram. Default: 10 linear ones of 100 µs.
    ///
    /// ```
    /// # use gumption_core::runtime::{Builder, HistogramConfiguration, LogHistogram, Runtime};
    /// let runtime: Runtime = Builder::new_current_thread()
    ///     .enable_metrics_poll_time_histogram()
    ///     .metrics_poll_time_histogram_configuration(HistogramConfiguration::log(LogHistogram::default()))
    ///     .build()?;
    /// assert_eq!(runtime.metrics().poll_time_histogram_num_buckets(), 119);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn metrics_poll_time_histogram_configuration(&mut self, configuration: HistogramConfiguration) -> &mut Self {
        self.config.poll_times.configure(configuration);
        self
    }

    /// tokio's earlier name of [`enable_metrics_poll_time_histogram`](Self::enable_metrics_poll_time_histogram).
    #[deprecated(
        note = "`poll_count_histogram` related methods have been renamed `poll_time_histogram` to better reflect their functionality."
    )]
    #[doc(hidden)]
    pub fn enable_metrics_poll_count_histogram(&mut self) -> &mut Self {
        self.enable_metrics_poll_time_histogram()
    }

    /// How the buckets grow, said in tokio's earlier way.
    #[deprecated(note = "use `metrics_poll_time_histogram_configuration`")]
    pub fn metrics_poll_count_histogram_scale(&mut self, histogram_scale: HistogramScale) -> &mut Self {
        self.config.poll_times.scale(histogram_scale);
        self
    }

    /// The width of the first bucket, said in tokio's earlier way.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[deprecated(note = "use `metrics_poll_time_histogram_configuration`")]
    #[track_caller]
    pub fn metrics_poll_count_histogram_resolution(&mut self, resolution: Duration) -> &mut Self {
        assert!(!resolution.is_zero(), "the resolution of a histogram must be greater than 0");
        self.config.poll_times.resolution(resolution);
        self
    }

    /// The number of buckets, said in tokio's earlier way.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[deprecated(note = "use `metrics_poll_time_histogram_configuration`")]
    #[track_caller]
    pub fn metrics_poll_count_histogram_buckets(&mut self, buckets: usize) -> &mut Self {
        assert!(buckets > 0, "a histogram needs at least 1 bucket");
        self.config.poll_times.buckets(buckets);
        self
    }

    /// Times how long each task is runnable before it runs, for
    /// [`TaskMeta::schedule_latency`](crate::runtime::TaskMeta::schedule_latency): two reads of the clock a poll. Default:
    /// no, and a sample goes to `sched_delay` of [`stats`](crate::runtime::Handle::stats).
    pub fn track_task_schedule_latency(&mut self) -> &mut Self {
        self.config.watched.latency = true;
        self
    }

    /// The same, into a histogram: see
    /// [`schedule_latency_histogram_bucket_count`](crate::runtime::RuntimeMetrics::schedule_latency_histogram_bucket_count).
    pub fn enable_metrics_schedule_latency_histogram(&mut self) -> &mut Self {
        self.config.latencies.enabled = true;
        self.track_task_schedule_latency()
    }

    /// The buckets of that histogram. Default: 10 linear ones of 100 µs.
    pub fn metrics_schedule_latency_histogram_configuration(
        &mut self,
        configuration: HistogramConfiguration,
    ) -> &mut Self {
        self.config.latencies.configure(configuration);
        self
    }
}
