//! The runtime end to end: tasks run, wake each other, sleep, block, are joined, aborted, and dropped at the end.

use gumption_core::driver::ThreadDriver;
use gumption_core::runtime::{Builder, Runtime};
use gumption_core::time::{Duration, sleep, timeout};
use gumption_core::{blocking, spawn, spawn_blocking, yield_now};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn multi(processors: usize) -> Runtime {
    Builder::<ThreadDriver>::new_multi_thread().processors(processors).enable_all().build().unwrap()
}

fn single() -> Runtime {
    Builder::<ThreadDriver>::new_current_thread().enable_all().build().unwrap()
}

fn both(test: impl Fn(&Runtime)) {
    for runtime in [multi(1), multi(2), multi(4), single()] {
        test(&runtime);
    }
}

#[test]
fn tasks_are_run_and_joined() {
    both(|runtime| {
        let sum = runtime.block_on(async {
            let tasks: Vec<_> = (0..1_000u64).map(|i| spawn(async move { i })).collect();
            let mut sum = 0;
            for task in tasks {
                sum += task.await.unwrap();
            }
            sum
        });
        assert_eq!(sum, 499_500);
    });
}

#[test]
fn yields_and_nested_spawns_end() {
    both(|runtime| {
        let done = Arc::new(AtomicUsize::new(0));
        runtime.block_on(async {
            let tasks: Vec<_> = (0..50)
                .map(|_| {
                    let done = done.clone();
                    spawn(async move {
                        for _ in 0..100 {
                            yield_now().await;
                        }
                        let inner = done.clone();
                        spawn(async move { inner.fetch_add(1, Ordering::Relaxed) }).await.unwrap();
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
        assert_eq!(done.load(Ordering::Relaxed), 50);
    });
}

#[test]
fn sleeps_end_and_time_out() {
    both(|runtime| {
        runtime.block_on(async {
            let tasks: Vec<_> = (1..20).map(|i| spawn(sleep(Duration::from_millis(i)))).collect();
            for task in tasks {
                task.await.unwrap();
            }
            assert!(timeout(Duration::from_millis(5), std::future::pending::<()>()).await.is_err());
        });
    });
}

#[test]
fn blocking_sections_and_closures_end() {
    both(|runtime| {
        runtime.block_on(async {
            let closures: Vec<_> = (0..20).map(|i| spawn_blocking(move || i * 2)).collect();
            let sections: Vec<_> = (0..20)
                .map(|i| {
                    spawn(async move {
                        blocking(|| std::thread::sleep(Duration::from_millis(2)));
                        yield_now().await;
                        i
                    })
                })
                .collect();
            for (i, closure) in closures.into_iter().enumerate() {
                assert_eq!(closure.await.unwrap(), i * 2);
            }
            for (i, section) in sections.into_iter().enumerate() {
                assert_eq!(section.await.unwrap(), i);
            }
        });
    });
}

#[test]
fn what_is_left_is_dropped_once() {
    struct Counted(Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    for runtime in [multi(1), multi(4), single()] {
        let dropped = Arc::new(AtomicUsize::new(0));
        runtime.block_on(async {
            for i in 0..200 {
                let counted = Counted(dropped.clone());
                spawn(async move {
                    if i % 2 == 0 {
                        std::future::pending::<()>().await;
                    } else {
                        sleep(Duration::from_secs(3600)).await;
                    }
                    drop(counted);
                });
            }
            yield_now().await;
        });
        drop(runtime);
        assert_eq!(dropped.load(Ordering::Relaxed), 200);
    }
}

#[test]
fn panics_reach_the_joiner_and_aborts_cancel() {
    both(|runtime| {
        runtime.block_on(async {
            let error = spawn(async { panic!("on purpose") }).await.unwrap_err();
            assert!(error.is_panic());
            let task = spawn(std::future::pending::<()>());
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
        });
    });
}

#[test]
fn a_locked_task_stays_on_its_thread() {
    let runtime = multi(4);
    runtime.block_on(async {
        let noise: Vec<_> = (0..8)
            .map(|_| {
                spawn(async {
                    for _ in 0..200 {
                        yield_now().await;
                    }
                })
            })
            .collect();
        let locked = spawn(async {
            let guard = gumption_core::lock_os_thread();
            let here = std::thread::current().id();
            for _ in 0..50 {
                yield_now().await;
                assert_eq!(std::thread::current().id(), here);
                sleep(Duration::from_micros(50)).await;
                assert_eq!(std::thread::current().id(), here);
            }
            drop(guard);
        });
        locked.await.unwrap();
        for task in noise {
            task.await.unwrap();
        }
    });
}

#[test]
fn counters_balance_at_rest() {
    both(|runtime| {
        runtime.block_on(async {
            let tasks: Vec<_> = (0..2_000)
                .map(|i| {
                    spawn(async move {
                        yield_now().await;
                        if i % 50 == 0 {
                            sleep(Duration::from_millis(1)).await;
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
        let mut breaches = Vec::new();
        for _ in 0..4_000 {
            let stats = runtime.stats();
            breaches = stats.conservation();
            if breaches.is_empty() {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("{breaches:#?}\n{}", runtime.stats());
    });
}
