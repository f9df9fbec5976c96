//! What tokio's documentation says of the cooperative budget and of time, sentence by sentence, on both flavours; see
//! `semantics.rs` for the rest.

mod support;

use gumption_core::coop::{consume_budget, cooperative, has_budget_remaining, poll_proceed, unconstrained};
use gumption_core::driver::ThreadDriver;
use gumption_core::runtime::{Builder, Handle, Runtime};
use gumption_core::time::{Duration, Instant, MissedTickBehavior, interval, interval_at, sleep, sleep_until, timeout};
use gumption_core::{blocking, spawn, yield_now};
use std::future::{pending, poll_fn, ready};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use support::{Watchdog, message};

fn single() -> Runtime {
    Builder::<ThreadDriver>::new_current_thread().enable_all().build().unwrap()
}

fn both(test: impl Fn(&Runtime)) {
    let _watchdog = Watchdog::new(std::thread::current().name().unwrap_or_default());
    test(&Builder::<ThreadDriver>::new_multi_thread().worker_threads(2).enable_all().build().unwrap());
    test(&single());
}

/// Sets its flag when it is dropped.
struct Flag(Arc<AtomicBool>);

impl Drop for Flag {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn the_budget_makes_a_greedy_task_yield() {
    both(|runtime| {
        runtime.block_on(async {
            // A task that consumes without end lets the one that it waits for run.
            let done = Arc::new(AtomicBool::new(false));
            let inner = done.clone();
            let greedy = spawn(async move {
                let other = spawn(async move { inner.store(true, Ordering::SeqCst) });
                while !done.load(Ordering::SeqCst) {
                    consume_budget().await;
                }
                other.await.unwrap();
            });
            greedy.await.unwrap();
        });
        // 128 operations in one run, then a yield.
        let steps = runtime.block_on(runtime.spawn(async {
            let mut steps = 0;
            poll_fn(|cx| {
                steps = 0;
                while has_budget_remaining() {
                    let Poll::Ready(progress) = poll_proceed(cx) else { panic!("no budget, yet some remains") };
                    progress.made_progress();
                    steps += 1;
                }
                assert!(poll_proceed(cx).is_pending());
                Poll::Ready(steps)
            })
            .await
        }));
        assert_eq!(steps.unwrap(), 128);
        // An operation that made no progress costs nothing.
        let remains = runtime.block_on(runtime.spawn(poll_fn(|cx| {
            for _ in 0..1_000 {
                let Poll::Ready(unused) = poll_proceed(cx) else { return Poll::Ready(false) };
                drop(unused);
            }
            Poll::Ready(has_budget_remaining())
        })));
        assert!(remains.unwrap());
        // `unconstrained` lifts the budget, `cooperative` charges for what it wraps.
        runtime
            .block_on(runtime.spawn(unconstrained(poll_fn(|cx| {
                for _ in 0..1_000 {
                    let Poll::Ready(progress) = poll_proceed(cx) else { panic!("constrained") };
                    progress.made_progress();
                }
                Poll::Ready(())
            }))))
            .unwrap();
        let charged = runtime.block_on(runtime.spawn(async move {
            let mut charged = 0;
            let mut cx = Context::from_waker(Waker::noop());
            while pin!(cooperative(ready(()))).poll(&mut cx).is_ready() {
                charged += 1;
            }
            charged
        }));
        assert_eq!(charged.unwrap(), 128);
    });
}

#[test]
fn a_blocking_section_has_no_budget() {
    let _watchdog = Watchdog::new("budget of a section");
    let runtime = Builder::<ThreadDriver>::new_multi_thread().worker_threads(1).build().unwrap();
    let task = runtime.spawn(async {
        let steps = blocking(|| {
            // An executor of somebody else's: it polls on whatever it is told.
            let mut cx = Context::from_waker(Waker::noop());
            (0..1000).filter(|_| pin!(consume_budget()).poll(&mut cx).is_ready()).count()
        });
        (steps, has_budget_remaining())
    });
    assert_eq!(runtime.block_on(task).unwrap(), (1000, true));
}

#[test]
fn a_nested_block_on_leaves_the_budget_alone() {
    let _watchdog = Watchdog::new("nested budget");
    let runtime = Builder::<ThreadDriver>::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let exhausted = runtime.block_on(runtime.spawn(poll_fn(|cx| {
        while let Poll::Ready(progress) = poll_proceed(cx) {
            progress.made_progress();
        }
        blocking(|| Handle::current().block_on(yield_now()));
        Poll::Ready(!has_budget_remaining())
    })));
    assert!(exhausted.unwrap());
}

#[test]
fn joining_what_has_ended_is_charged_to_the_budget() {
    both(|runtime| {
        runtime
            .block_on(runtime.spawn(async {
                let tasks: Vec<_> = (0..300).map(|_| spawn(async {})).collect();
                while tasks.iter().any(|task| !task.is_finished()) {
                    yield_now().await;
                }
                let mut tasks = tasks.into_iter();
                let mut left = tasks.next();
                let mut joined = 0;
                poll_fn(|cx| {
                    if joined > 0 {
                        return Poll::Ready(());
                    }
                    while let Some(task) = &mut left {
                        if Pin::new(task).poll(cx).is_pending() {
                            return Poll::Pending;
                        }
                        joined += 1;
                        left = tasks.next();
                    }
                    Poll::Ready(())
                })
                .await;
                assert!(joined <= 128, "{joined} joins in one run");
            }))
            .unwrap();
    });
}

#[test]
fn sleeps_end_no_earlier_than_they_say() {
    both(|runtime| {
        runtime.block_on(async {
            let begun = Instant::now();
            let tasks: Vec<_> = (0..20u32)
                .map(|i| {
                    spawn(async move {
                        let until = begun + Duration::from_micros(300) * i;
                        let nap = sleep_until(until);
                        assert_eq!(nap.deadline(), until);
                        nap.await;
                        assert!(Instant::now() >= until, "awake too early");
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            // A deadline in the past does not wait, and the far future does not overflow.
            sleep_until(begun).await;
            sleep(Duration::ZERO).await;
            let mut far = pin!(sleep(Duration::MAX));
            assert!(timeout(Duration::from_millis(2), far.as_mut()).await.is_err());
            assert!(!far.is_elapsed());
            far.as_mut().reset(Instant::now() + Duration::from_millis(1));
            far.as_mut().await;
            assert!(far.is_elapsed());
            // Moved later while it waits; one that was over at once does not.
            let mut nap = Box::pin(sleep(Duration::from_millis(5)));
            while poll_fn(|cx| Poll::Ready(nap.as_mut().poll(cx).is_ready())).await {
                nap = Box::pin(sleep(Duration::from_millis(5)));
            }
            let later = Instant::now() + Duration::from_millis(9);
            nap.as_mut().reset(later);
            nap.await;
            assert!(Instant::now() >= later);
        });
    });
}

#[test]
fn a_timeout_polls_the_future_first() {
    both(|runtime| {
        runtime.block_on(async {
            assert_eq!(timeout(Duration::ZERO, ready(4)).await.unwrap(), 4);
            let error = timeout(Duration::ZERO, pending::<()>()).await.unwrap_err();
            assert_eq!(error.to_string(), "deadline has elapsed");
            assert_eq!(std::io::Error::from(error).kind(), std::io::ErrorKind::TimedOut);
            // One that uses up its budget again and again times out all the same.
            let greedy = async {
                loop {
                    consume_budget().await;
                }
            };
            assert!(timeout(Duration::from_millis(2), greedy).await.is_err());
            let dropped = Arc::new(AtomicBool::new(false));
            let flag = Flag(dropped.clone());
            let loses = async move {
                let _flag = flag;
                pending::<()>().await;
            };
            assert!(timeout(Duration::from_millis(1), loses).await.is_err());
            assert!(dropped.load(Ordering::SeqCst));
        });
    });
}

#[test]
fn intervals_tick_at_once_and_then_periodically() {
    both(|runtime| {
        runtime.block_on(async {
            let period = Duration::from_millis(1);
            let mut ticks = interval(period);
            assert_eq!(ticks.period(), period);
            assert_eq!(ticks.missed_tick_behavior(), MissedTickBehavior::Burst);
            let first = ticks.tick().await;
            for i in 1..5u32 {
                // Burst: whatever was missed, the n-th tick is the n-th period's.
                assert_eq!(ticks.tick().await, first + period * i);
            }
            let start = Instant::now() + Duration::from_millis(2);
            let mut ticks = interval_at(start, period);
            assert_eq!(ticks.tick().await, start);
            assert!(Instant::now() >= start);
        });
    });
    let runtime = single();
    let _entered = runtime.enter();
    assert_eq!(message(|| drop(interval(Duration::ZERO))), "`period` must be non-zero.");
}

#[test]
fn a_sleep_that_outlives_its_runtime_panics() {
    let _watchdog = Watchdog::new("sleep outlives");
    let (first, second) = (single(), single());
    let mut nap = {
        let _entered = first.enter();
        Box::pin(sleep(Duration::from_secs(3600)))
    };
    first.block_on(poll_fn(|cx| {
        assert!(nap.as_mut().poll(cx).is_pending());
        Poll::Ready(())
    }));
    drop(first);
    let said = message(|| second.block_on(nap));
    assert!(said.contains("shutdown") || said.contains("shutting down") || said.contains("shut down"), "{said}");
}
