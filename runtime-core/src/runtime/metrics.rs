//! [`RuntimeMetrics`]: the counters of [`crate::counters`] and the gauges of [`crate::stats`] under tokio's names.
//!
//! A *worker* of tokio is a processor here: what has a run queue and runs one task at a time. Its thread may change, and
//! there are more threads than workers. Each method says which counter it reads and where that counts something else than
//! tokio's; [`Handle::stats`] has all of them at once, under their own names, and many more.
//!
//! Everything is read without stopping anybody, so two numbers may be of slightly different moments. Spare processors have
//! indices from [`num_workers`](RuntimeMetrics::num_workers) on. In a build without the feature `stats` counters are 0, and
//! gauges are as ever.
//!
//! What is not here does not exist in tokio either. Nothing here runs, wakes or locks anything, save the lock of the
//! blocking pool for the gauges of that.

use super::Handle;
use super::histogram::Buckets;
use crate::config::Flavor;
use crate::counters::{self, CountersSnapshot, Tally};
use crate::processor::Processor;
use crate::scheduler::Scheduler;
use crate::stats::BlockingPoolStats;
use std::ops::Range;
use std::thread::ThreadId;
use std::time::Duration;

/// A runtime's counters and gauges under tokio's names. All of tokio's are here, its unstable ones included.
///
/// ```
/// use gumption_core::runtime::Builder;
///
/// let runtime = Builder::<gumption_core::driver::ThreadDriver>::new_multi_thread().worker_threads(2).build()?;
/// let metrics = runtime.metrics();
/// assert_eq!(metrics.num_workers(), 2);
/// runtime.block_on(async { gumption_core::spawn(async {}).await.unwrap() });
/// println!("{} tasks spawned, {} alive", metrics.spawned_tasks_count(), metrics.num_alive_tasks());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RuntimeMetrics {
    handle: Handle,
}

impl RuntimeMetrics {
    pub(super) fn new(handle: Handle) -> Self {
        Self { handle }
    }

    fn scheduler(&self) -> &Scheduler {
        self.handle.scheduler()
    }

    #[track_caller]
    fn worker(&self, worker: usize) -> &Processor {
        &self.scheduler().processors[worker]
    }

    /// Every processor's count of one thing and that of threads without a processor, added up.
    fn sum(&self, count: impl Fn(&CountersSnapshot) -> u64) -> u64 {
        let workers: u64 = self.scheduler().processors.iter().map(|p| count(&p.counters.snapshot())).sum();
        workers + self.off_processor(count)
    }

    fn off_processor(&self, count: impl Fn(&CountersSnapshot) -> u64) -> u64 {
        self.scheduler().off_processor.iter().map(|stripe| count(&stripe.snapshot())).sum()
    }

    fn pool(&self) -> BlockingPoolStats {
        self.scheduler().pool.stats()
    }

    /// Processors, spares apart: [`Builder::worker_threads`](super::Builder::worker_threads).
    pub fn num_workers(&self) -> usize {
        self.scheduler().config.processors
    }

    /// Tasks spawned and not over. Closures of `spawn_blocking` are none, here as there.
    pub fn num_alive_tasks(&self) -> usize {
        if counters::ENABLED {
            // Over first: a task that is spawned and ends in between makes it no smaller than it is.
            let over = self.sum(|c| c.completed + c.aborted + c.panicked);
            return self.spawned_tasks_count().saturating_sub(over) as usize;
        }
        let mut live = 0;
        self.scheduler().registry.for_each(|task| live += usize::from(!task.bits().is_complete()));
        live
    }

    /// tokio's earlier name of [`num_alive_tasks`](Self::num_alive_tasks).
    #[deprecated = "Renamed to num_alive_tasks"]
    pub fn active_tasks_count(&self) -> usize {
        self.num_alive_tasks()
    }

    /// Tasks in the global queue: from outside, from overflowing run queues, and from blocking sections.
    pub fn global_queue_depth(&self) -> usize {
        self.scheduler().injector.len()
    }

    /// tokio's earlier name of [`global_queue_depth`](Self::global_queue_depth).
    #[deprecated = "Renamed to global_queue_depth"]
    #[doc(hidden)]
    pub fn injection_queue_depth(&self) -> usize {
        self.global_queue_depth()
    }

    /// Threads of the blocking pool. Machines are none of them; in tokio workers are subtracted for the same result.
    pub fn num_blocking_threads(&self) -> usize {
        self.pool().threads
    }

    /// Threads of the blocking pool that wait for a closure.
    pub fn num_idle_blocking_threads(&self) -> usize {
        self.pool().idle
    }

    /// Closures that wait for a thread of the blocking pool.
    pub fn blocking_queue_depth(&self) -> usize {
        self.pool().queued
    }

    /// Tasks spawned since the start (`spawned_local` and `spawned_remote`).
    pub fn spawned_tasks_count(&self) -> u64 {
        self.sum(|c| c.spawned_local + c.spawned_remote)
    }

    /// Tasks spawned or woken by threads without a processor (`spawned_remote`, `wakes_remote`): also by a `block_on` of a
    /// multi-thread runtime, as in tokio, and by a machine that sat in the poll, which in tokio is a worker still.
    pub fn remote_schedule_count(&self) -> u64 {
        self.off_processor(|c| c.spawned_remote + c.wakes_remote)
    }

    /// Polls that the cooperative budget ended (`budget_yields`), those of futures in `block_on` included.
    pub fn budget_forced_yield_count(&self) -> u64 {
        self.sum(|c| c.budget_yields)
    }

    /// How long the processor was in use: from when a machine took it until it was idle again, up to now. Searching and
    /// blocking sections count, as in tokio. Only the time in polls, estimated, is `busy_ns` in
    /// [`stats`](Handle::stats).
    ///
    /// # Panics
    ///
    /// As every method with a `worker`: if there is no such processor.
    #[track_caller]
    pub fn worker_total_busy_duration(&self, worker: usize) -> Duration {
        Duration::from_nanos(self.worker(worker).occupancy.busy(self.scheduler().clock.now()))
    }

    /// Times the processor came to rest. It begins at rest, which counts: tokio's workers start, find nothing and park.
    #[track_caller]
    pub fn worker_park_count(&self, worker: usize) -> u64 {
        self.worker(worker).occupancy.rests()
    }

    /// Times the processor came to rest or was taken: odd while it is at rest, even while it is in use and when the runtime
    /// has ended.
    #[track_caller]
    pub fn worker_park_unpark_count(&self, worker: usize) -> u64 {
        self.worker(worker).occupancy.changes()
    }

    /// Times the processor came to rest without having run a task since it was taken, its beginning included. The machines
    /// that were *woken* for nothing are fewer: `unparks_vain` in [`stats`](Handle::stats).
    #[track_caller]
    pub fn worker_noop_count(&self, worker: usize) -> u64 {
        self.worker(worker).occupancy.noops()
    }

    /// The thread that runs the processor, or ran it last. It may change at any time, and does when a blocking section
    /// lasts and other work waits; in tokio it does at each `block_in_place`. None before the first.
    #[track_caller]
    pub fn worker_thread_id(&self, worker: usize) -> Option<ThreadId> {
        let machine = self.worker(worker).last_machine()?;
        self.scheduler().machines.get(machine).thread()
    }

    /// Tasks that the processor stole, from run queues and next slots (`tasks_stolen`, `next_stolen`).
    #[track_caller]
    pub fn worker_steal_count(&self, worker: usize) -> u64 {
        let counters = &self.worker(worker).counters;
        counters.tasks_stolen.get() + counters.next_stolen.get()
    }

    /// Times it stole (`steal_hits`, `next_stolen`).
    #[track_caller]
    pub fn worker_steal_operations(&self, worker: usize) -> u64 {
        let counters = &self.worker(worker).counters;
        counters.steal_hits.get() + counters.next_stolen.get()
    }

    /// Tasks it polled (`polls`). A poll whose blocking section lost the processor is no worker's: it is in `pless_polls`.
    #[track_caller]
    pub fn worker_poll_count(&self, worker: usize) -> u64 {
        self.worker(worker).counters.polls.get()
    }

    /// Tasks spawned or woken by the machine that had the processor, those that woke themselves included (`spawned_local`,
    /// `wakes_local`, `wakes_self`).
    #[track_caller]
    pub fn worker_local_schedule_count(&self, worker: usize) -> u64 {
        let counters = &self.worker(worker).counters;
        counters.spawned_local.get() + counters.wakes_local.get() + counters.wakes_self.get()
    }

    /// Times its run queue was full and half of it went to the global queue (`overflows`).
    #[track_caller]
    pub fn worker_overflow_count(&self, worker: usize) -> u64 {
        self.worker(worker).counters.overflows.get()
    }

    /// Tasks in its run queue. The next slot does not count, as in tokio; but on a current-thread runtime, where tokio has no
    /// such slot and ours has one only if asked, it does.
    #[track_caller]
    pub fn worker_local_queue_depth(&self, worker: usize) -> usize {
        let p = self.worker(worker);
        let slot = self.scheduler().config.flavor == Flavor::CurrentThread && p.next.peek().is_some();
        p.ring.len() as usize + usize::from(slot)
    }

    /// The mean of its sampled poll times since the start. tokio's is a moving average, and none on a current-thread
    /// runtime.
    #[track_caller]
    pub fn worker_mean_poll_time(&self, worker: usize) -> Duration {
        let mean = self.worker(worker).poll_time.snapshot().mean();
        Duration::from_nanos(mean.unwrap_or(0.0) as u64)
    }

    /// Whether every poll is timed, see
    /// [`enable_metrics_poll_time_histogram`](super::Builder::enable_metrics_poll_time_histogram).
    pub fn poll_time_histogram_enabled(&self) -> bool {
        self.scheduler().poll_times.is_some()
    }

    /// Buckets of that histogram; 0 without it.
    pub fn poll_time_histogram_num_buckets(&self) -> usize {
        self.scheduler().poll_times.as_deref().map_or(0, buckets)
    }

    /// The poll times that fall into a bucket; none without the histogram.
    ///
    /// # Panics
    ///
    /// If there is no such bucket.
    #[track_caller]
    pub fn poll_time_histogram_bucket_range(&self, bucket: usize) -> Range<Duration> {
        self.scheduler().poll_times.as_deref().map_or(Range::default(), |rows| range(rows, bucket))
    }

    /// Polls of the processor that fell into a bucket, each of them; 0 without the histogram.
    ///
    /// # Panics
    ///
    /// If there is no such bucket or processor.
    #[track_caller]
    pub fn poll_time_histogram_bucket_count(&self, worker: usize, bucket: usize) -> u64 {
        self.scheduler().poll_times.as_deref().map_or(0, |rows| count(rows, worker, bucket))
    }

    /// tokio's earlier name of [`poll_time_histogram_enabled`](Self::poll_time_histogram_enabled).
    #[deprecated(note = "Renamed to `poll_time_histogram_enabled`")]
    #[doc(hidden)]
    pub fn poll_count_histogram_enabled(&self) -> bool {
        self.poll_time_histogram_enabled()
    }

    /// tokio's earlier name of [`poll_time_histogram_num_buckets`](Self::poll_time_histogram_num_buckets).
    #[deprecated(note = "Renamed to `poll_time_histogram_num_buckets`")]
    #[doc(hidden)]
    pub fn poll_count_histogram_num_buckets(&self) -> usize {
        self.poll_time_histogram_num_buckets()
    }

    /// tokio's earlier name of [`poll_time_histogram_bucket_range`](Self::poll_time_histogram_bucket_range).
    #[deprecated(note = "Renamed to `poll_time_histogram_bucket_range`")]
    #[doc(hidden)]
    #[track_caller]
    pub fn poll_count_histogram_bucket_range(&self, bucket: usize) -> Range<Duration> {
        self.poll_time_histogram_bucket_range(bucket)
    }

    /// tokio's earlier name of [`poll_time_histogram_bucket_count`](Self::poll_time_histogram_bucket_count).
    #[deprecated(note = "Renamed to `poll_time_histogram_bucket_count`")]
    #[doc(hidden)]
    #[track_caller]
    pub fn poll_count_histogram_bucket_count(&self, worker: usize, bucket: usize) -> u64 {
        self.poll_time_histogram_bucket_count(worker, bucket)
    }

    /// Whether every wait of a runnable task is timed, see
    /// [`enable_metrics_schedule_latency_histogram`](super::Builder::enable_metrics_schedule_latency_histogram). A sample of
    /// them always is: `sched_delay` in [`stats`](Handle::stats).
    pub fn schedule_latency_histogram_enabled(&self) -> bool {
        self.scheduler().latencies.is_some()
    }

    /// Buckets of that histogram; 0 without it.
    pub fn schedule_latency_histogram_num_buckets(&self) -> usize {
        self.scheduler().latencies.as_deref().map_or(0, buckets)
    }

    /// The waits that fall into a bucket; none without the histogram.
    ///
    /// # Panics
    ///
    /// If there is no such bucket.
    #[track_caller]
    pub fn schedule_latency_histogram_bucket_range(&self, bucket: usize) -> Range<Duration> {
        self.scheduler().latencies.as_deref().map_or(Range::default(), |rows| range(rows, bucket))
    }

    /// Waits before polls of the processor that fell into a bucket; 0 without the histogram.
    ///
    /// # Panics
    ///
    /// If there is no such bucket or processor.
    #[track_caller]
    pub fn schedule_latency_histogram_bucket_count(&self, worker: usize, bucket: usize) -> u64 {
        self.scheduler().latencies.as_deref().map_or(0, |rows| count(rows, worker, bucket))
    }

    /// Sources (sockets, pipes) registered since the start (`driver.registered`).
    pub fn io_driver_fd_registered_count(&self) -> u64 {
        self.scheduler().seat.reactor().stats().registered
    }

    /// Those of them that are gone.
    pub fn io_driver_fd_deregistered_count(&self) -> u64 {
        let stats = self.scheduler().seat.reactor().stats();
        stats.registered.saturating_sub(stats.sources)
    }

    /// Events that the operating system reported (`io_events`).
    pub fn io_driver_ready_count(&self) -> u64 {
        self.sum(|c| c.io_events)
    }
}

fn buckets(rows: &[Buckets]) -> usize {
    rows.first().map_or(0, Buckets::len)
}

#[track_caller]
fn range(rows: &[Buckets], bucket: usize) -> Range<Duration> {
    assert!(bucket < buckets(rows), "there is no bucket {bucket}: the histogram has {}", buckets(rows));
    rows.first().map_or(Range::default(), |row| row.range(bucket))
}

#[track_caller]
fn count(rows: &[Buckets], worker: usize, bucket: usize) -> u64 {
    rows[worker].get(bucket)
}
