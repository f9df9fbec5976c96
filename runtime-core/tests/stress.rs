//! Hammers: runtimes made and dropped by the dozen, under foreign threads that do not care, with every limit reached.
//!
//! Each test makes a bounded number of steps, which `GUMPTION_STRESS` multiplies, and checks what must be true whatever
//! the threads do: every future dropped once, every joiner answered, no crash, no hang, and at rest the conservation
//! laws. There are more processors than cores on purpose. The same tests run under AddressSanitizer, see `.ci/asan`.

mod support;

use gumption_core::driver::ThreadDriver;
use gumption_core::runtime::{Builder, Handle, Runtime};
use gumption_core::task::{AbortHandle, JoinHandle};
use gumption_core::time::{Duration, sleep};
use gumption_core::{OsThread, blocking, lock_os_thread, spawn, spawn_blocking, yield_now};
use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Context, Poll, Waker};
use support::{Counted, Event, Tally, Watchdog, at_rest, message, stress, until};

fn multi(processors: usize) -> Runtime {
    Builder::<ThreadDriver>::new_multi_thread().processors(processors).enable_all().build().unwrap()
}

fn single() -> Runtime {
    Builder::<ThreadDriver>::new_current_thread().enable_all().build().unwrap()
}

/// A future that gives its waker away each time it is polled, and ends when told to.
struct Leaky {
    wakers: Arc<Mutex<Vec<Waker>>>,
    end: Arc<AtomicBool>,
    _counted: Counted,
}

impl Future for Leaky {
    type Output = ();

    fn poll(self: std::pin::Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.wakers.lock().unwrap().push(cx.waker().clone());
        if self.end.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
    }
}

#[test]
fn mixed_load_on_more_processors_than_cores() {
    for processors in [2, 3, 4, 6, 8] {
        let watchdog = Watchdog::new(("mixed load", processors));
        let runtime = multi(processors);
        watchdog.watch(runtime.handle());
        let tally = Tally::default();
        for round in 0..3 * stress() {
            runtime.block_on(async {
                let tasks: Vec<_> = (0..300)
                    .map(|i| {
                        let (counted, inner) = (tally.one(), tally.one());
                        spawn(async move {
                            let _counted = counted;
                            match i % 7 {
                                0 => sleep(Duration::from_micros(i % 300)).await,
                                1 => blocking(|| std::thread::sleep(Duration::from_micros(i % 50))),
                                2 => drop(spawn_blocking(move || inner).await.unwrap()),
                                3 => {
                                    for _ in 0..i {
                                        yield_now().await;
                                    }
                                }
                                4 => {
                                    let child = spawn(async move { drop(inner) });
                                    yield_now().await;
                                    child.abort();
                                    let _either = child.await;
                                }
                                5 => {
                                    let _lock = lock_os_thread();
                                    yield_now().await;
                                }
                                _ => {
                                    let children: Vec<_> = (0..20).map(|n| spawn(async move { n })).collect();
                                    for (n, child) in children.into_iter().enumerate() {
                                        assert_eq!(child.await.unwrap(), n);
                                    }
                                }
                            }
                        })
                    })
                    .collect();
                for task in tasks {
                    task.await.unwrap_or_else(|error| panic!("round {round}: {error}"));
                }
            });
        }
        at_rest(runtime.handle());
        drop(runtime);
        tally.assert_even();
    }
}

#[test]
fn many_runtimes_come_and_go() {
    let _watchdog = Watchdog::new("many runtimes");
    let tally = Tally::default();
    for i in 0..150 * stress() {
        let runtime = if i % 5 == 0 { single() } else { multi(1 + i % 4) };
        if i % 3 > 0 {
            let counted = tally.one();
            runtime.spawn(async move {
                let _counted = counted;
                sleep(Duration::from_secs(3600)).await;
            });
        }
        if i % 2 == 0 {
            let answer = runtime.block_on(async { spawn(async { 7 }).await.unwrap() });
            assert_eq!(answer, 7);
        }
        match i % 4 {
            0 => runtime.shutdown_background(),
            1 => runtime.shutdown_timeout(Duration::from_secs(60)),
            _ => drop(runtime),
        }
    }
    // Those that were left in the background end too.
    until(|| tally.made.load(Ordering::Relaxed) == tally.dropped.load(Ordering::Relaxed));
}

#[test]
fn foreign_threads_spawn_and_wake_through_the_shutdown() {
    for round in 0..15 * stress() {
        let watchdog = Watchdog::new(("shutdown", round));
        let runtime = if round % 4 == 3 { single() } else { multi(1 + round % 4) };
        watchdog.watch(runtime.handle());
        let (tally, wakers, end) =
            (Tally::default(), Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (stop, start) = (Arc::new(AtomicBool::new(false)), Arc::new(Barrier::new(5)));
        let spawners: Vec<_> = (0..2)
            .map(|_| {
                let (handle, tally, wakers) = (runtime.handle().clone(), tally.clone(), wakers.clone());
                let (end, stop, start) = (end.clone(), stop.clone(), start.clone());
                std::thread::spawn(move || {
                    let mut tasks: Vec<JoinHandle<()>> = Vec::new();
                    start.wait();
                    while !stop.load(Ordering::Relaxed) && tasks.len() < 5_000 {
                        let leaky = Leaky { wakers: wakers.clone(), end: end.clone(), _counted: tally.one() };
                        tasks.push(handle.spawn(leaky));
                    }
                    tasks
                })
            })
            .collect();
        let waking: Vec<_> = (0..2)
            .map(|how| {
                let (wakers, stop, start) = (wakers.clone(), stop.clone(), start.clone());
                std::thread::spawn(move || {
                    start.wait();
                    while !stop.load(Ordering::Relaxed) {
                        let taken: Vec<Waker> = std::mem::take(&mut *wakers.lock().unwrap());
                        for waker in taken {
                            if how == 0 { waker.wake() } else { waker.wake_by_ref() }
                        }
                    }
                })
            })
            .collect();
        start.wait();
        std::thread::sleep(Duration::from_micros(100 * (round as u64 % 30)));
        drop(runtime);
        stop.store(true, Ordering::Relaxed);
        waking.into_iter().for_each(|thread| thread.join().unwrap());
        for thread in spawners {
            for task in thread.join().unwrap() {
                assert!(task.is_finished(), "a task outlived its runtime");
                let mut task = task;
                let polled = std::pin::Pin::new(&mut task).poll(&mut Context::from_waker(Waker::noop()));
                let Poll::Ready(Err(error)) = polled else { panic!("no task was told to end, yet {polled:?}") };
                assert!(error.is_cancelled());
            }
        }
        // These wake nobody any more.
        wakers.lock().unwrap().drain(..).for_each(Waker::wake);
        tally.assert_even();
    }
}

#[test]
fn a_section_that_waits_for_a_task_ends_with_its_runtime() {
    for round in 0..12 * stress() {
        let watchdog = Watchdog::new(("section at the end", round));
        let runtime = multi(1 + round % 3);
        watchdog.watch(runtime.handle());
        let tally = Tally::default();
        let inside = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..3)
            .map(|how| {
                let (counted, inside, handle) = (tally.one(), inside.clone(), runtime.handle().clone());
                runtime.spawn(async move {
                    let never = async move {
                        let _counted = counted;
                        pending::<()>().await;
                    };
                    let elsewhere = handle.clone();
                    // In our next slot, in the global queue, or idle.
                    let child = if how == 0 { Some(spawn(never)) } else { None };
                    blocking(move || {
                        let child = child.unwrap_or_else(|| elsewhere.spawn(pending()));
                        inside.fetch_add(1, Ordering::SeqCst);
                        handle.block_on(child).unwrap_err().is_cancelled()
                    })
                })
            })
            .collect();
        if round % 2 == 0 {
            until(|| inside.load(Ordering::SeqCst) == 3);
        }
        let handle = runtime.handle().clone();
        drop(runtime);
        for task in tasks {
            match handle.block_on(task) {
                Ok(cancelled) => assert!(cancelled),
                Err(error) => assert!(error.is_cancelled()),
            }
        }
        tally.assert_even();
    }
}

#[test]
fn handles_and_wakers_outlive_the_runtime() {
    let _watchdog = Watchdog::new("handles outlive");
    for round in 0..20 * stress() {
        let (tally, wakers, end) =
            (Tally::default(), Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let runtime = if round % 2 == 0 { multi(2) } else { single() };
        let handle = runtime.handle().clone();
        let tasks: Vec<_> = (0..50)
            .map(|_| runtime.spawn(Leaky { wakers: wakers.clone(), end: end.clone(), _counted: tally.one() }))
            .collect();
        let outputs: Vec<_> = (0..50)
            .map(|i| {
                let counted = tally.one();
                runtime.spawn(async move { (i, counted, vec![i; 100]) })
            })
            .collect();
        runtime.block_on(async {
            while wakers.lock().unwrap().len() < 50 || outputs.iter().any(|task| !task.is_finished()) {
                yield_now().await;
            }
        });
        let aborts: Vec<AbortHandle> = tasks.iter().map(JoinHandle::abort_handle).collect();
        drop(runtime);
        // Another runtime takes the memory that the first has left.
        let after = multi(1);
        after.block_on(async {
            for _ in 0..200 {
                spawn(async { [1u8; 300] }).await.unwrap();
            }
        });
        let taken = std::mem::take(&mut *wakers.lock().unwrap());
        for (i, waker) in taken.into_iter().enumerate() {
            match i % 3 {
                0 => waker.wake(),
                1 => waker.clone().wake_by_ref(),
                _ => drop(waker),
            }
        }
        aborts.iter().for_each(AbortHandle::abort);
        assert!(aborts.iter().all(AbortHandle::is_finished));
        for (i, task) in outputs.into_iter().enumerate() {
            if i % 2 == 0 {
                let (n, _counted, bytes) = after.block_on(task).unwrap();
                assert_eq!((n, bytes.len()), (i, 100));
            }
        }
        for task in tasks {
            assert!(after.block_on(task).unwrap_err().is_cancelled());
        }
        drop(aborts);
        let late = handle.spawn(async {});
        assert!(after.block_on(late).unwrap_err().is_cancelled());
        tally.assert_even();
    }
}

#[test]
fn spawns_after_the_end_are_cancelled() {
    let _watchdog = Watchdog::new("spawn after the end");
    for runtime in [multi(2), single()] {
        let handle = runtime.handle().clone();
        drop(runtime);
        let tally = Tally::default();
        let (counted, closure) = (tally.one(), tally.one());
        let task = handle.spawn(async move { drop(counted) });
        assert!(handle.block_on(task).unwrap_err().is_cancelled());
        let task = handle.spawn_blocking(move || drop(closure));
        assert!(handle.block_on(task).unwrap_err().is_cancelled());
        tally.assert_even();
        let _entered = handle.enter();
        /// Enters a runtime while it is dropped.
        struct Enters(Handle);
        impl Drop for Enters {
            fn drop(&mut self) {
                let _entered = self.0.enter();
                assert!(Handle::try_current().is_ok());
            }
        }
        let enters = Enters(handle.clone());
        let task = spawn(async move { drop(enters) });
        let error = handle.block_on(task).unwrap_err();
        assert!(error.is_cancelled(), "{error:?}");
    }
}

#[test]
fn too_few_machines_are_counted_and_survived() {
    let watchdog = Watchdog::new("too few machines");
    for most in [1, 2] {
        let runtime =
            Builder::<ThreadDriver>::new_multi_thread().processors(4).max_machines(most).enable_all().build().unwrap();
        watchdog.watch(runtime.handle());
        runtime.block_on(async {
            let sections: Vec<_> = (0..40)
                .map(|i| {
                    spawn(async move {
                        blocking(|| std::thread::sleep(Duration::from_micros(500)));
                        sleep(Duration::from_micros(200)).await;
                        i
                    })
                })
                .collect();
            for (i, section) in sections.into_iter().enumerate() {
                assert_eq!(section.await.unwrap(), i);
            }
        });
        at_rest(runtime.handle());
        let stats = runtime.stats();
        assert!(stats.totals.machine_limit_hits > 0, "{stats}");
        assert!(stats.totals.machines_by_state.sum() - stats.totals.machines_by_state.dead <= most, "{stats}");
    }
}

#[test]
fn refused_threads_are_counted_and_survived() {
    let _watchdog = Watchdog::new("refused threads");
    // More stack than there are addresses: the system refuses every thread.
    let runtime = Builder::<ThreadDriver>::new_multi_thread()
        .processors(2)
        .thread_stack_size(1 << 47)
        .enable_all()
        .build()
        .unwrap();
    let tally = Tally::default();
    let tasks: Vec<_> = (0..10)
        .map(|_| {
            let counted = tally.one();
            runtime.spawn(async move { drop(counted) })
        })
        .collect();
    let closure = tally.one();
    let said = message(|| drop(runtime.spawn_blocking(move || drop(closure))));
    assert!(said.contains("OS can't spawn worker thread"), "{said}");
    let stats = runtime.stats();
    assert!(stats.totals.machine_limit_hits > 0, "{stats}");
    assert_eq!(stats.totals.global_queue_len, 10, "{stats}");
    let handle = runtime.handle().clone();
    drop(runtime);
    for task in tasks {
        assert!(handle.block_on(task).unwrap_err().is_cancelled());
    }
    tally.assert_even();
}

#[test]
fn closures_beyond_the_limit_wait_for_their_turn() {
    let _watchdog = Watchdog::new("closures at the limit");
    let runtime =
        Builder::<ThreadDriver>::new_multi_thread().processors(2).max_blocking_threads(2).enable_all().build().unwrap();
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let closures: Vec<_> = (0..60)
        .map(|i| {
            let (now, most) = (now.clone(), most.clone());
            runtime.spawn_blocking(move || {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_micros(100));
                now.fetch_sub(1, Ordering::SeqCst);
                i
            })
        })
        .collect();
    for (i, closure) in closures.into_iter().enumerate() {
        assert_eq!(runtime.block_on(closure).unwrap(), i);
    }
    // That two run at once is waited for below; here the machine may have had time for one only.
    assert!(most.load(Ordering::SeqCst) <= 2, "{most:?} at once");
    // What has not begun when the runtime ends is dropped, and its joiner told; what has begun is waited for.
    let (begun, go) = (Arc::new(AtomicUsize::new(0)), Arc::new(Event::default()));
    let running: Vec<_> = (0..2)
        .map(|_| {
            let (begun, go) = (begun.clone(), go.clone());
            runtime.spawn_blocking(move || {
                begun.fetch_add(1, Ordering::SeqCst);
                go.spin();
            })
        })
        .collect();
    until(|| begun.load(Ordering::SeqCst) == 2);
    let tally = Tally::default();
    let waiting: Vec<_> = (0..10)
        .map(|_| {
            let counted = tally.one();
            runtime.spawn_blocking(move || drop(counted))
        })
        .collect();
    let handle = runtime.handle().clone();
    let end = std::thread::spawn(move || drop(runtime));
    for task in waiting {
        assert!(handle.block_on(task).unwrap_err().is_cancelled());
    }
    tally.assert_even();
    go.set();
    end.join().unwrap();
    for task in running {
        assert!(task.is_finished());
        handle.block_on(task).unwrap();
    }
}

#[test]
fn a_lock_may_be_undone_from_elsewhere() {
    let watchdog = Watchdog::new("unlock elsewhere");
    let runtime = multi(2);
    watchdog.watch(runtime.handle());
    for _ in 0..20 * stress() {
        let (locked, go) = (Arc::new(Event::default()), Arc::new(Event::default()));
        let kept = Arc::new(Mutex::new(None));
        let task = {
            let (locked, go, kept) = (locked.clone(), go.clone(), kept.clone());
            runtime.spawn(async move {
                *kept.lock().unwrap() = Some(lock_os_thread());
                locked.set();
                go.wait().await;
                for _ in 0..5 {
                    yield_now().await;
                }
            })
        };
        runtime.block_on(locked.wait());
        drop(kept.lock().unwrap().take());
        go.set();
        runtime.block_on(task).unwrap();
    }
    // No machine stays behind for a task that it is not locked to any more.
    until(|| runtime.stats().totals.machines_by_state.locked == 0);
    // Nor for one that ends without unlocking.
    static KEPT: Mutex<Vec<OsThread>> = Mutex::new(Vec::new());
    let forgotten = runtime.spawn(async {
        KEPT.lock().unwrap().extend([lock_os_thread(), lock_os_thread()]);
        yield_now().await;
    });
    runtime.block_on(forgotten).unwrap();
    until(|| runtime.stats().totals.machines_by_state.locked == 0);
}

#[test]
fn callers_of_a_current_thread_runtime_take_turns() {
    for round in 0..10 * stress() {
        let watchdog = Watchdog::new(("callers", round));
        let runtime = Arc::new(single());
        watchdog.watch(runtime.handle());
        let callers: Vec<_> = (0..4)
            .map(|i| {
                let runtime = runtime.clone();
                std::thread::spawn(move || {
                    runtime.block_on(async {
                        for n in 0..20 {
                            let task = spawn(async move {
                                yield_now().await;
                                sleep(Duration::from_micros(50 * (n % 4))).await;
                                n
                            });
                            if (n + i) % 3 == 0 {
                                sleep(Duration::from_micros(100)).await;
                            }
                            assert_eq!(task.await.unwrap(), n);
                        }
                    });
                })
            })
            .collect();
        callers.into_iter().for_each(|caller| caller.join().unwrap());
        at_rest(runtime.handle());
    }
}
