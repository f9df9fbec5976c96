//! `RuntimeMetrics`: that tokio's names count what their documentation says, on both flavours.

#![cfg(feature = "stats")]

mod support;

use gumption_core::driver::ThreadDriver;
use gumption_core::runtime::{Builder, HistogramConfiguration, LogHistogram, Runtime, RuntimeMetrics, worker_index};
use gumption_core::time::{Duration, sleep};
use gumption_core::{coop, spawn, yield_now};
use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::thread;
use support::Watchdog;

fn single() -> Runtime {
    Builder::<ThreadDriver>::new_current_thread().enable_all().build().unwrap()
}

fn multi() -> Runtime {
    Builder::<ThreadDriver>::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn both(test: impl Fn(Runtime, RuntimeMetrics)) {
    let _watchdog = Watchdog::new(thread::current().name().unwrap_or_default());
    for runtime in [multi(), single()] {
        let metrics = runtime.metrics();
        test(runtime, metrics);
    }
}

fn sum(metrics: &RuntimeMetrics, of: impl Fn(&RuntimeMetrics, usize) -> u64) -> u64 {
    // Spares, if any stood in, come after the others.
    let rows = metrics.num_workers() * if metrics.num_workers() > 1 { 2 } else { 1 };
    (0..rows).map(|worker| of(metrics, worker)).sum()
}

#[test]
fn tasks_are_counted_from_spawn_to_end() {
    both(|runtime, metrics| {
        assert_eq!((metrics.num_alive_tasks(), metrics.spawned_tasks_count()), (0, 0));
        let inside = metrics.clone();
        runtime.block_on(runtime.spawn(async move { assert_eq!(inside.num_alive_tasks(), 1) })).unwrap();
        let waits = runtime.spawn(std::future::pending::<()>());
        drop(runtime);
        assert_eq!((metrics.num_alive_tasks(), metrics.spawned_tasks_count()), (0, 2));
        assert!(waits.is_finished());
    });
}

#[test]
fn a_processor_rests_on_odd_counts_and_ends_on_an_even_one() {
    both(|runtime, metrics| {
        let workers = 0..metrics.num_workers();
        for worker in workers.clone() {
            assert_eq!((metrics.worker_park_count(worker), metrics.worker_park_unpark_count(worker)), (1, 1));
            assert_eq!(metrics.worker_noop_count(worker), 1, "it begins at rest, and had run nothing");
            assert!(metrics.worker_total_busy_duration(worker) > Duration::ZERO);
        }
        let inside = metrics.clone();
        let (index, changes) = runtime
            .block_on(runtime.spawn(async move {
                let index = worker_index().expect("a task has a processor");
                (index, inside.worker_park_unpark_count(index))
            }))
            .unwrap();
        assert_eq!(changes % 2, 0, "in use");
        drop(runtime);
        for worker in workers {
            assert_eq!(metrics.worker_park_unpark_count(worker) % 2, 0);
        }
        assert!(metrics.worker_park_count(index) >= 2);
        assert!(metrics.worker_park_unpark_count(index) >= 4);
    });
}

#[test]
fn time_in_use_is_at_least_the_time_in_polls() {
    both(|runtime, metrics| {
        let before: Duration =
            (0..metrics.num_workers()).map(|worker| metrics.worker_total_busy_duration(worker)).sum();
        let took = runtime
            .block_on(runtime.spawn(async {
                let began = std::time::Instant::now();
                thread::sleep(Duration::from_millis(3));
                began.elapsed()
            }))
            .unwrap();
        drop(runtime);
        let busy: Duration = (0..metrics.num_workers()).map(|worker| metrics.worker_total_busy_duration(worker)).sum();
        assert!(busy - before >= took, "{busy:?} - {before:?} < {took:?}");
        assert!(sum(&metrics, |m, worker| m.worker_mean_poll_time(worker).as_nanos() as u64) > 0);
    });
}

#[test]
fn a_wait_without_work_is_a_noop() {
    let runtime = single();
    let metrics = runtime.metrics();
    let before = metrics.worker_noop_count(0);
    runtime.block_on(async { sleep(Duration::from_millis(1)).await });
    drop(runtime);
    assert!(metrics.worker_noop_count(0) > before, "it was taken, and ran no task");
}

#[test]
fn schedules_are_told_apart_by_where_they_come_from() {
    let runtime = single();
    let metrics = runtime.metrics();
    runtime.block_on(async { spawn(async {}).await.unwrap() });
    assert_eq!((metrics.remote_schedule_count(), metrics.worker_local_schedule_count(0)), (0, 1));
    let handle = runtime.handle().clone();
    let task = thread::spawn(move || handle.spawn(async { yield_now().await })).join().unwrap();
    assert_eq!(metrics.global_queue_depth(), 1);
    runtime.block_on(task).unwrap();
    assert_eq!((metrics.remote_schedule_count(), metrics.worker_local_schedule_count(0)), (1, 2));
    assert_eq!(metrics.worker_poll_count(0), 3);
    let runtime = multi();
    let metrics = runtime.metrics();
    runtime.block_on(async { spawn(async { spawn(async {}).await.unwrap() }).await.unwrap() });
    drop(runtime);
    assert_eq!(metrics.remote_schedule_count(), 1);
    let local = sum(&metrics, RuntimeMetrics::worker_local_schedule_count);
    assert!((1..=2).contains(&local), "the outer task may have had to wait: {local}");
}

#[test]
fn queues_have_depths_and_overflow() {
    let runtime = single();
    let metrics = runtime.metrics();
    runtime.block_on(async {
        (0..100).for_each(|_| drop(spawn(async {})));
        assert_eq!(metrics.worker_local_queue_depth(0), 100);
        (0..200).for_each(|_| drop(spawn(async {})));
        assert_eq!(metrics.worker_overflow_count(0), 1);
        assert_eq!(metrics.worker_local_queue_depth(0) + metrics.global_queue_depth(), 300);
    });
}

#[test]
fn forced_yields_count_in_block_on_too() {
    both(|runtime, metrics| {
        let mut yielded = false;
        runtime.block_on(poll_fn(|cx| {
            while !yielded {
                match coop::poll_proceed(cx) {
                    Poll::Ready(step) => step.made_progress(),
                    Poll::Pending => {
                        yielded = true;
                        return Poll::Pending;
                    }
                }
            }
            Poll::Ready(())
        }));
        assert_eq!(metrics.budget_forced_yield_count(), 1);
    });
}

#[test]
fn the_blocking_pool_is_seen() {
    let runtime = Builder::<ThreadDriver>::new_current_thread().max_blocking_threads(1).build().unwrap();
    let metrics = runtime.metrics();
    assert_eq!((metrics.num_blocking_threads(), metrics.blocking_queue_depth()), (0, 0));
    let closed = Arc::new(Mutex::new(()));
    let opened = closed.lock().unwrap();
    let closure = || {
        let closed = closed.clone();
        runtime.spawn_blocking(move || drop(closed.lock()))
    };
    let closures = [closure(), closure()];
    assert!(metrics.blocking_queue_depth() >= 1);
    assert_eq!(metrics.num_blocking_threads(), 1);
    drop(opened);
    closures.into_iter().for_each(|closure| runtime.block_on(closure).unwrap());
    while metrics.num_idle_blocking_threads() != 1 {
        thread::yield_now();
    }
    drop(runtime);
    assert_eq!((metrics.num_blocking_threads(), metrics.num_idle_blocking_threads()), (0, 0));
}

#[test]
fn a_worker_has_the_thread_that_runs_it() {
    let runtime = single();
    let metrics = runtime.metrics();
    assert_eq!(metrics.worker_thread_id(0), None);
    runtime.block_on(async {});
    assert_eq!(metrics.worker_thread_id(0), Some(thread::current().id()));
    let elsewhere = thread::scope(|scope| {
        let other = scope.spawn(|| runtime.block_on(async {}));
        other.thread().id()
    });
    assert_eq!(metrics.worker_thread_id(0), Some(elsewhere));
    let runtime = multi();
    let metrics = runtime.metrics();
    let same = runtime.block_on(runtime.spawn(async move {
        let index = worker_index().expect("a task has a processor");
        metrics.worker_thread_id(index) == Some(thread::current().id())
    }));
    assert!(same.unwrap());
}

#[test]
fn every_poll_is_timed_if_asked_for() {
    let _watchdog = Watchdog::new("histograms");
    let linear = HistogramConfiguration::linear(Duration::from_millis(50), 3);
    for mut builder in [Builder::<ThreadDriver>::new_current_thread(), Builder::new_multi_thread()] {
        builder
            .enable_time()
            .metrics_poll_time_histogram_configuration(linear.clone())
            .metrics_schedule_latency_histogram_configuration(HistogramConfiguration::log(LogHistogram::default()));
        let off = builder.build().unwrap().metrics();
        assert!(!off.poll_time_histogram_enabled() && !off.schedule_latency_histogram_enabled());
        assert_eq!((off.poll_time_histogram_num_buckets(), off.poll_time_histogram_bucket_count(0, 5)), (0, 0));
        builder.enable_metrics_poll_time_histogram().enable_metrics_schedule_latency_histogram();
        let runtime = builder.build().unwrap();
        let metrics = runtime.metrics();
        runtime.block_on(async {
            for _ in 0..50 {
                spawn(async {}).await.unwrap();
            }
            // Woken by a timer, and by itself.
            spawn(sleep(Duration::from_millis(1))).await.unwrap();
            spawn(yield_now()).await.unwrap();
        });
        drop(runtime);
        let polls = sum(&metrics, RuntimeMetrics::worker_poll_count);
        // 54, or one fewer: the time may be over before its task is polled first.
        assert!(polls >= 53 && metrics.poll_time_histogram_enabled());
        let all = |buckets: usize, count: &dyn Fn(usize, usize) -> u64| {
            sum(&metrics, |_, worker| (0..buckets).map(|bucket| count(worker, bucket)).sum())
        };
        assert_eq!(metrics.poll_time_histogram_num_buckets(), 3);
        assert_eq!(all(3, &|worker, bucket| metrics.poll_time_histogram_bucket_count(worker, bucket)), polls);
        let last = Duration::from_millis(100)..Duration::from_nanos(u64::MAX);
        assert_eq!(metrics.poll_time_histogram_bucket_range(2), last);
        assert_eq!(metrics.schedule_latency_histogram_num_buckets(), 119);
        assert_eq!(all(119, &|worker, bucket| metrics.schedule_latency_histogram_bucket_count(worker, bucket)), polls);
    }
}

#[test]
fn a_hook_is_told_how_long_a_task_waited() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let note = |before: bool| {
        let told = told.clone();
        move |task: &gumption_core::runtime::TaskMeta<'_>| told.lock().unwrap().push((before, task.schedule_latency()))
    };
    let runtime = Builder::<ThreadDriver>::new_current_thread()
        .track_task_schedule_latency()
        .on_task_spawn(|task| assert_eq!(task.schedule_latency(), None))
        .on_before_task_poll(note(true))
        .on_after_task_poll(note(false))
        .on_task_terminate(|task| assert_eq!(task.schedule_latency(), None))
        .build()
        .unwrap();
    let task = runtime.spawn(async {});
    // Nobody runs it before we do.
    let began = std::time::Instant::now();
    while began.elapsed() < Duration::from_millis(5) {
        thread::yield_now();
    }
    runtime.block_on(task).unwrap();
    let told = told.lock().unwrap();
    let waited = told[0].1.expect("it is tracked");
    assert!(waited >= Duration::from_millis(5), "{waited:?}");
    assert_eq!(*told, [(true, Some(waited)), (false, Some(waited))]);
}

/// Runs `work` and returns how many waits of runnable tasks were timed meanwhile.
fn delays(runtime: &Runtime, work: impl Future<Output = ()> + Send + 'static) -> u64 {
    let count = || runtime.handle().stats().sched_delay().count();
    let before = count();
    runtime.block_on(runtime.spawn(work)).unwrap();
    count() - before
}

#[test]
fn waits_are_sampled_however_a_task_became_runnable() {
    both(|runtime, _| {
        let yields = delays(&runtime, async {
            for _ in 0..64_000 {
                yield_now().await;
            }
        });
        // One in 64 of short runs, one in 8 of others.
        assert!((500..=9_000).contains(&yields), "{yields} of 64 000 yields");
        // On a slow machine some are over before they begin, and wake nobody: those do not count.
        let (waited, timers) = [20, 200, 2_000, 20_000]
            .into_iter()
            .map(|ms| {
                let waited = Arc::new(AtomicU64::new(0));
                let count = Arc::clone(&waited);
                let timers = delays(&runtime, async move {
                    let sleepers = (0..1_600).map(|_| spawn(one_sleep(Duration::from_millis(ms), Arc::clone(&count))));
                    for sleeper in sleepers.collect::<Vec<_>>() {
                        sleeper.await.unwrap();
                    }
                });
                (waited.load(Ordering::Relaxed), timers)
            })
            .find(|(waited, _)| *waited > 800)
            .expect("most of the timers are waited for");
        assert!(timers >= waited / 10, "{timers} of {waited} timers");
        let spawns = delays(&runtime, async {
            for _ in 0..64_000 {
                spawn(async {});
                yield_now().await;
            }
        });
        assert!(spawns >= 800, "{spawns} of 64 000 spawns and as many yields");
    });
}

/// Sleeps, and counts it if it had to wait.
async fn one_sleep(length: Duration, waited: Arc<AtomicU64>) {
    let mut sleep = Box::pin(sleep(length));
    let begun = poll_fn(|cx| Poll::Ready(sleep.as_mut().poll(cx))).await;
    if begun.is_pending() {
        waited.fetch_add(1, Ordering::Relaxed);
        sleep.await;
    }
}
