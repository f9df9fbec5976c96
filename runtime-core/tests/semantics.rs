//! What tokio's documentation says of the names that we share, sentence by sentence, on both flavours.
//!
//! A name that is tokio's must mean what tokio's means: code that was written for tokio runs here unchanged. Each test
//! quotes the sentence that it checks where it is not plain. Messages of panics and errors are tokio's where user code
//! could have come to rely on them.

mod support;

use gumption_core::driver::ThreadDriver;
use gumption_core::runtime::{Builder, Handle, Runtime, RuntimeFlavor};
use gumption_core::task::{self, JoinHandle};
use gumption_core::time::{Duration, interval, sleep};
use gumption_core::{spawn, spawn_blocking, yield_now};
use std::cell::Cell;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use support::{Event, Watchdog, message};

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
fn there_is_no_runtime_outside_of_one() {
    assert!(Handle::try_current().unwrap_err().is_missing_context());
    let nowhere = "there is no reactor running, must be called from the context of a Tokio 1.x runtime";
    assert_eq!(message(|| drop(Handle::current())), nowhere);
    assert_eq!(message(|| drop(spawn(async {}))), nowhere);
    assert_eq!(message(|| drop(spawn_blocking(|| ()))), nowhere);
    assert_eq!(message(|| drop(sleep(Duration::ZERO))), nowhere);
    assert_eq!(message(|| drop(interval(Duration::from_secs(1)))), nowhere);
    assert!(task::try_id().is_none());
}

#[test]
fn entering_nests_and_is_undone() {
    let (outer, inner) =
        (single(), Builder::<ThreadDriver>::new_multi_thread().worker_threads(1).enable_all().build().unwrap());
    {
        let _outer = outer.enter();
        assert_eq!(Handle::current().runtime_flavor(), RuntimeFlavor::CurrentThread);
        {
            let _inner = inner.enter();
            assert_eq!(Handle::current().runtime_flavor(), RuntimeFlavor::MultiThread);
            let task = spawn(async { Handle::current().runtime_flavor() });
            // Joined from the other runtime.
            assert_eq!(outer.block_on(task).unwrap(), RuntimeFlavor::MultiThread);
        }
        assert_eq!(Handle::current().runtime_flavor(), RuntimeFlavor::CurrentThread);
        drop(sleep(Duration::from_secs(1)));
    }
    assert!(Handle::try_current().is_err());
}

#[test]
fn the_runtime_is_current_wherever_it_runs_code() {
    both(|runtime| {
        let flavor = runtime.handle().runtime_flavor();
        let here = || Handle::current().runtime_flavor();
        runtime.block_on(async {
            assert_eq!(here(), flavor);
            assert_eq!(spawn(async move { here() }).await.unwrap(), flavor);
            assert_eq!(spawn_blocking(here).await.unwrap(), flavor);
        });
    });
}

#[test]
fn a_spawned_task_runs_without_being_joined() {
    both(|runtime| {
        let ran = Arc::new(Event::default());
        let inner = ran.clone();
        drop(runtime.spawn(async move {
            yield_now().await;
            inner.set();
        }));
        runtime.block_on(ran.wait());
    });
}

#[test]
fn a_current_thread_runtime_runs_tasks_in_block_on_only() {
    let runtime = single();
    let ran = Arc::new(AtomicBool::new(false));
    let (inner, thread) = (ran.clone(), std::thread::current().id());
    let task = runtime.spawn(async move {
        inner.store(true, Ordering::SeqCst);
        std::thread::current().id() == thread
    });
    assert!(!ran.load(Ordering::SeqCst));
    assert!(runtime.block_on(task).unwrap());
}

#[test]
fn a_panic_in_block_on_is_the_callers() {
    both(|runtime| {
        let payload = catch_unwind(AssertUnwindSafe(|| {
            runtime.block_on(async { resume_unwind(Box::new(17u8)) });
        }));
        assert_eq!(*payload.unwrap_err().downcast::<u8>().unwrap(), 17);
        // And the runtime goes on.
        assert_eq!(runtime.block_on(async { spawn(async { 1 }).await.unwrap() }), 1);
    });
}

#[test]
fn a_join_error_says_what_happened() {
    both(|runtime| {
        runtime.block_on(async {
            let task = spawn(async { resume_unwind(Box::new("a &str")) });
            let id = task.id();
            let error: task::JoinError = JoinHandle::<()>::await_error(task).await;
            assert!(error.is_panic() && !error.is_cancelled());
            assert_eq!(error.id(), id);
            assert_eq!(error.to_string(), format!("task {id} panicked with message \"a &str\""));
            assert_eq!(format!("{error:?}"), format!("JoinError::Panic({id:?}, \"a &str\", ...)"));
            assert_eq!(*error.into_panic().downcast::<&str>().unwrap(), "a &str");

            let task = spawn(async { resume_unwind(Box::new(5)) });
            let id = task.id();
            let error = JoinHandle::<()>::await_error(task).await;
            assert_eq!(error.to_string(), format!("task {id} panicked"));
            assert_eq!(std::io::Error::from(error).to_string(), "task panicked");

            let task = spawn(pending::<()>());
            let id = task.id();
            task.abort();
            let error = task.await_error().await;
            assert!(error.is_cancelled() && !error.is_panic());
            assert_eq!(error.to_string(), format!("task {id} was cancelled"));
            assert_eq!(format!("{error:?}"), format!("JoinError::Cancelled({id:?})"));
            let error = error.try_into_panic().unwrap_err();
            assert_eq!(std::io::Error::from(error).to_string(), "task was cancelled");
        });
    });
}

trait AwaitError {
    async fn await_error(self) -> task::JoinError;
}

impl<T> AwaitError for JoinHandle<T> {
    async fn await_error(self) -> task::JoinError {
        self.await.err().expect("the task should have failed")
    }
}

#[test]
fn an_abort_drops_the_future_and_a_late_one_does_nothing() {
    both(|runtime| {
        runtime.block_on(async {
            let dropped = Arc::new(AtomicBool::new(false));
            let flag = Flag(dropped.clone());
            let task = spawn(async move {
                let _flag = flag;
                pending::<()>().await;
            });
            yield_now().await;
            let abort = task.abort_handle();
            assert_eq!(abort.id(), task.id());
            assert!(!abort.is_finished());
            abort.abort();
            abort.clone().abort();
            assert!(task.await.unwrap_err().is_cancelled());
            // "is_finished [...] is true only once the task has completed": its future is gone by then.
            assert!(dropped.load(Ordering::SeqCst));
            assert!(abort.is_finished());

            let task = spawn(async { 3 });
            while !task.is_finished() {
                yield_now().await;
            }
            // "If the task was already completed at the time it was cancelled, it will return its value."
            task.abort();
            assert_eq!(task.await.unwrap(), 3);
        });
    });
}

#[test]
fn a_task_that_was_never_polled_can_be_aborted() {
    let runtime = single();
    let (dropped, polled) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (flag, inner) = (Flag(dropped.clone()), polled.clone());
    let task = runtime.spawn(async move {
        let _flag = flag;
        inner.store(true, Ordering::SeqCst);
    });
    task.abort();
    assert!(runtime.block_on(task).unwrap_err().is_cancelled());
    assert!(dropped.load(Ordering::SeqCst) && !polled.load(Ordering::SeqCst));
}

#[test]
fn a_closure_that_runs_is_not_aborted_and_one_that_waits_is() {
    let _watchdog = Watchdog::new("closures");
    let runtime = Builder::<ThreadDriver>::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (begun, go) = (Arc::new(Event::default()), Arc::new(Event::default()));
    let running = {
        let (begun, go) = (begun.clone(), go.clone());
        runtime.spawn_blocking(move || {
            begun.set();
            go.spin();
            8
        })
    };
    let waiting = runtime.spawn_blocking(|| 9);
    begun.spin();
    running.abort();
    waiting.abort();
    go.set();
    assert_eq!(runtime.block_on(running).unwrap(), 8);
    assert!(runtime.block_on(waiting).unwrap_err().is_cancelled());
}

#[test]
fn a_dropped_handle_drops_the_output_in_time() {
    both(|runtime| {
        let dropped = Arc::new(AtomicBool::new(false));
        let flag = Flag(dropped.clone());
        runtime.block_on(async {
            let task = spawn(async move { flag });
            while !task.is_finished() {
                yield_now().await;
            }
            assert!(!dropped.load(Ordering::SeqCst), "the output is the handle's");
            drop(task);
            assert!(dropped.load(Ordering::SeqCst));
        });
    });
}

#[test]
fn a_panic_in_an_outputs_drop_stays_there() {
    struct Bad(Arc<Event>);
    impl Drop for Bad {
        fn drop(&mut self) {
            self.0.set();
            resume_unwind(Box::new("in a drop"));
        }
    }
    both(|runtime| {
        let dropped = Arc::new(Event::default());
        let bad = Bad(dropped.clone());
        runtime.block_on(async {
            // Detached, so that the runtime drops what it returns.
            drop(spawn(async move { bad }));
            dropped.wait().await;
            assert_eq!(spawn(async { 1 }).await.unwrap(), 1);
            let bad = Bad(Arc::new(Event::default()));
            let task = spawn(async move {
                let _bad = bad;
                pending::<()>().await;
            });
            yield_now().await;
            task.abort();
            let error = task.await.unwrap_err();
            assert!(error.is_panic() || error.is_cancelled());
            assert_eq!(spawn(async { 2 }).await.unwrap(), 2);
        });
    });
}

#[test]
fn a_join_handle_is_not_polled_twice_after_the_end() {
    both(|runtime| {
        runtime.block_on(async {
            let mut task = spawn(async {});
            (&mut task).await.unwrap();
            let mut cx = Context::from_waker(Waker::noop());
            assert_eq!(message(|| drop(Pin::new(&mut task).poll(&mut cx))), "JoinHandle polled after completion");
        });
    });
}

#[test]
fn the_last_waker_of_a_join_handle_is_woken() {
    struct Count(AtomicUsize);
    impl std::task::Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let runtime = single();
    let go = Arc::new(Event::default());
    let inner = go.clone();
    let mut task = runtime.spawn(async move { inner.wait().await });
    let counts: Vec<_> = (0..3).map(|_| Arc::new(Count(AtomicUsize::new(0)))).collect();
    for count in &counts {
        let waker = Waker::from(count.clone());
        assert!(Pin::new(&mut task).poll(&mut Context::from_waker(&waker)).is_pending());
    }
    go.set();
    runtime.block_on(async {
        while !task.is_finished() {
            yield_now().await;
        }
    });
    let woken: Vec<_> = counts.iter().map(|count| count.0.load(Ordering::SeqCst)).collect();
    assert_eq!(woken, [0, 0, 1]);
}

#[test]
fn ids_are_unique_among_live_tasks_and_known_inside() {
    both(|runtime| {
        runtime.block_on(async {
            let go = Arc::new(Event::default());
            let tasks: Vec<_> = (0..100)
                .map(|_| {
                    let go = go.clone();
                    spawn(async move {
                        go.wait().await;
                        assert_eq!(task::try_id(), Some(task::id()));
                        task::id()
                    })
                })
                .collect();
            let ids: std::collections::HashSet<_> = tasks.iter().map(JoinHandle::id).collect();
            assert_eq!(ids.len(), 100);
            go.set();
            for task in tasks {
                let id = task.id();
                assert_eq!(task.await.unwrap(), id);
                assert!(id.to_string().parse::<u64>().is_ok());
            }
        });
    });
}

#[test]
fn a_yield_lets_the_others_run() {
    let runtime = single();
    let order = Arc::new(Mutex::new(Vec::new()));
    runtime.block_on(async {
        let tasks: Vec<_> = (0..3)
            .map(|i| {
                let order = order.clone();
                spawn(async move {
                    for _ in 0..3 {
                        order.lock().unwrap().push(i);
                        yield_now().await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    let order = order.lock().unwrap();
    assert!(order.windows(2).all(|pair| pair[0] != pair[1]), "a task ran twice in a row: {order:?}");
}

#[test]
fn what_may_cross_threads_says_so() {
    fn send_sync<T: Send + Sync>() {}
    fn unwind_safe<T: std::panic::UnwindSafe + std::panic::RefUnwindSafe>() {}
    send_sync::<JoinHandle<Cell<u8>>>();
    send_sync::<task::AbortHandle>();
    send_sync::<task::JoinError>();
    send_sync::<task::Id>();
    send_sync::<Handle>();
    send_sync::<Runtime>();
    send_sync::<gumption_core::time::Sleep>();
    send_sync::<gumption_core::time::Interval>();
    unwind_safe::<JoinHandle<Cell<u8>>>();
    unwind_safe::<task::AbortHandle>();
    fn builds(builder: &mut Builder) {
        assert_eq!(message(|| drop(builder.worker_threads(0).build())), "Worker threads cannot be set to 0");
    }
    builds(&mut Builder::new_multi_thread());
    assert_eq!(
        message(|| drop(Builder::<ThreadDriver>::new_multi_thread().max_blocking_threads(0).enable_all().build())),
        "Max blocking threads cannot be set to 0"
    );
}
