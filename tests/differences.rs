//! What `docs/differences.md` says of time, order, blocking, names and sockets, as far as a test can see it without measuring.

use gumption::runtime::{Builder, Handle, LocalRuntime};
use gumption::sync::Notify;
use gumption::task::{LocalSet, yield_now};
use gumption::time::{Duration, Instant, sleep};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

#[gumption::test(start_paused = true)]
async fn a_sleep_takes_what_it_was_told_to_the_nanosecond() {
    for nap in [Duration::from_nanos(1), Duration::from_micros(100), Duration::from_nanos(1_500_001)] {
        let before = Instant::now();
        sleep(nap).await;
        assert_eq!(before.elapsed(), nap);
    }
}

#[gumption::test(start_paused = true)]
async fn timers_within_a_millisecond_fire_one_by_one() {
    let begin = Instant::now();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let naps: Vec<_> = [300, 100, 200]
        .map(|micros| {
            let seen = Arc::clone(&seen);
            gumption::spawn(async move {
                sleep(Duration::from_micros(micros)).await;
                seen.lock().unwrap().push(begin.elapsed().as_micros());
            })
        })
        .into();
    for nap in naps {
        nap.await.unwrap();
    }
    assert_eq!(*seen.lock().unwrap(), [100, 200, 300]);
}

#[test]
fn a_sleep_goes_by_the_clock_of_the_runtime_that_polls_it() {
    let real = Builder::new_current_thread().enable_all().build().unwrap();
    let paused = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let nap = {
        let _made_here = real.enter();
        sleep(Duration::from_secs(3600))
    };
    // The clock that stands jumps there: nobody waits an hour.
    paused.block_on(nap);
}

#[test]
fn more_tasks_than_a_queue_holds_do_not_run_in_their_order() {
    let runtime = Builder::new_current_thread().build().unwrap();
    let order = |tasks: usize| {
        let seen = Arc::new(Mutex::new(Vec::new()));
        runtime.block_on(async {
            let tasks: Vec<_> = (0..tasks)
                .map(|i| {
                    let seen = Arc::clone(&seen);
                    gumption::spawn(async move { seen.lock().unwrap().push(i) })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
        Arc::into_inner(seen).unwrap().into_inner().unwrap()
    };
    assert!(order(256).is_sorted());
    assert!(!order(1000).is_sorted());
}

#[test]
fn a_blocking_section_may_stand_in_a_local_set() {
    let runtime = Builder::new_current_thread().build().unwrap();
    LocalSet::new().block_on(&runtime, async { assert_eq!(gumption::blocking(|| 42), 42) });
}

#[test]
fn local_tasks_of_a_set_are_in_no_counter_and_those_of_a_local_runtime_are() {
    async fn two() -> u64 {
        let before = Handle::current().stats().totals.spawned;
        gumption::task::spawn_local(async {}).await.unwrap();
        gumption::task::spawn_local(async {}).await.unwrap();
        Handle::current().stats().totals.spawned - before
    }
    let runtime = Builder::new_current_thread().build().unwrap();
    assert_eq!(LocalSet::new().block_on(&runtime, two()), 0);
    let runtime = LocalRuntime::new().unwrap();
    assert_eq!(runtime.block_on(two()), 2);
}

#[test]
fn machines_start_when_there_is_work_unless_somebody_counts_them() {
    let lazy = Builder::new_multi_thread().processors(2).build().unwrap();
    assert_eq!(lazy.stats().totals.spawned, 0);
    let started = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&started);
    let counted = Builder::new_multi_thread()
        .processors(2)
        .on_thread_start(move || {
            counter.fetch_add(1, Ordering::SeqCst);
        })
        .build()
        .unwrap();
    assert!(lazy.stats().machines.is_empty(), "{:?}", lazy.stats().machines);
    assert_eq!(counted.stats().machines.len(), 2);
}

#[test]
fn names_hooks_and_metrics_need_no_flag() {
    let spawned = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&spawned);
    let runtime = Builder::new_current_thread()
        .on_task_spawn(move |_| {
            counter.fetch_add(1, Ordering::SeqCst);
        })
        .build()
        .unwrap();
    runtime.block_on(async { gumption::task::Builder::new().name("named").spawn(async {}).unwrap().await.unwrap() });
    assert_eq!(spawned.load(Ordering::SeqCst), 1);
    assert_eq!(runtime.metrics().spawned_tasks_count(), 1);
}

#[test]
fn a_waker_that_panics_does_not_keep_the_others_asleep() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("a waker's panic");
        }
    }
    let notify = Notify::new();
    let mut first = pin!(notify.notified());
    let mut second = pin!(notify.notified());
    assert!(first.as_mut().poll(&mut Context::from_waker(&Waker::from(Arc::new(Panics)))).is_pending());
    assert!(second.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert!(catch_unwind(AssertUnwindSafe(|| notify.notify_waiters())).is_err());
    assert_eq!(second.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(()));
}

#[gumption::test]
async fn a_socket_in_blocking_mode_is_refused() {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let error = gumption::net::UdpSocket::from_std(socket).unwrap_err();
    assert!(error.to_string().contains("set_nonblocking(true)"), "{error}");
}

#[test]
fn blocking_in_place_is_refused_where_nobody_else_could_run() {
    let runtime = Builder::new_current_thread().build().unwrap();
    let refused = catch_unwind(AssertUnwindSafe(|| runtime.block_on(async { gumption::task::block_in_place(|| ()) })));
    assert!(refused.is_err());
    runtime.block_on(yield_now());
}
