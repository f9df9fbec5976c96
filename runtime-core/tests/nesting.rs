//! Where a runtime may be dropped, and where it may be blocked on: not by what drives tasks, unless it says that it blocks.

mod support;

use gumption_core::driver::ThreadDriver;
use gumption_core::runtime::{Builder, Runtime};
use gumption_core::time::Duration;
use gumption_core::{block_in_place, blocking, spawn, spawn_blocking, yield_now};
use std::cell::RefCell;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use support::{Tally, Watchdog, message, until};

fn multi(processors: usize) -> Runtime {
    Builder::<ThreadDriver>::new_multi_thread().processors(processors).enable_all().build().unwrap()
}

fn single() -> Runtime {
    Builder::<ThreadDriver>::new_current_thread().enable_all().build().unwrap()
}

const DROPPED_INSIDE: &str = "Cannot drop a runtime in a context where blocking is not allowed. This happens when a \
                              runtime is dropped from within an asynchronous context.";
const NESTED: &str = gumption_core::texts::NESTED;

#[test]
fn a_runtime_must_not_be_dropped_by_what_drives_tasks() {
    let _watchdog = Watchdog::new("drop inside");
    for outer in [multi(2), single()] {
        outer.block_on(async {
            let tally = Tally::default();
            for inner in [multi(2), single()] {
                let counted = tally.one();
                inner.spawn(async move {
                    let _counted = counted;
                    pending::<()>().await;
                });
                assert_eq!(message(move || drop(inner)), DROPPED_INSIDE);
            }
            let inner = multi(1);
            let said = spawn(async move { message(move || inner.shutdown_timeout(Duration::from_secs(1))) }).await;
            assert_eq!(said.unwrap(), DROPPED_INSIDE);
            let inner = multi(1);
            let counted = tally.one();
            inner.spawn(async move {
                let _counted = counted;
                pending::<()>().await;
            });
            inner.shutdown_background();
            // They end all the same, by themselves.
            until(|| tally.made.load(Ordering::Relaxed) == tally.dropped.load(Ordering::Relaxed));
            // Where blocking is allowed, so is dropping.
            let inner = multi(1);
            spawn_blocking(move || drop(inner)).await.unwrap();
            let inner = multi(1);
            blocking(|| drop(inner));
        });
    }
}

#[test]
fn a_runtime_may_be_dropped_by_a_panic_inside() {
    let _watchdog = Watchdog::new("drop while panicking");
    let outer = multi(1);
    let error = outer.block_on(async {
        spawn(async {
            let _inner = multi(1);
            std::panic::resume_unwind(Box::new("on purpose"));
        })
        .await
        .unwrap_err()
    });
    assert_eq!(*error.into_panic().downcast::<&str>().unwrap(), "on purpose");
}

#[test]
fn a_runtime_in_a_thread_local_ends_with_its_thread() {
    thread_local! {
        static LOCAL: RefCell<Option<Runtime>> = const { RefCell::new(None) };
    }
    let _watchdog = Watchdog::new("thread local");
    let tally = Tally::default();
    for multi_thread in [false, true] {
        let counted = tally.one();
        let thread = std::thread::spawn(move || {
            LOCAL.with(|local| {
                let runtime = if multi_thread { multi(1) } else { single() };
                runtime.spawn(async move {
                    let _counted = counted;
                    pending::<()>().await;
                });
                runtime.block_on(yield_now());
                *local.borrow_mut() = Some(runtime);
            });
        });
        thread.join().unwrap();
    }
    tally.assert_even();
}

#[test]
fn block_on_does_not_nest_unless_blocking_is_declared() {
    let _watchdog = Watchdog::new("nested block_on");
    for runtime in [multi(2), single()] {
        let runtime = Arc::new(runtime);
        let handle = runtime.handle().clone();
        runtime.block_on(async {
            assert_eq!(message(|| handle.block_on(async {})), NESTED);
            assert_eq!(message(|| runtime.block_on(async {})), NESTED);
            let inside = handle.clone();
            assert_eq!(spawn(async move { message(|| inside.block_on(async {})) }).await.unwrap(), NESTED);
            let inside = handle.clone();
            let answer = spawn_blocking(move || inside.block_on(async { spawn(async { 5 }).await.unwrap() }));
            assert_eq!(answer.await.unwrap(), 5);
        });
    }
    let runtime = multi(1);
    let handle = runtime.handle().clone();
    let answer = runtime.block_on(runtime.spawn(async move {
        let inner = handle.clone();
        let first = block_in_place(|| handle.block_on(async { spawn(async { 20 }).await.unwrap() }));
        // The only processor was busy with this task; it went on meanwhile.
        first + blocking(|| inner.block_on(async { spawn(async { 3 }).await.unwrap() }))
    }));
    assert_eq!(answer.unwrap(), 23);
    let said = single().block_on(async { message(|| block_in_place(|| ())) });
    assert_eq!(said, "can call blocking only when running on the multi-threaded runtime");
    // Outside of a runtime it just runs.
    assert_eq!(block_in_place(|| 4), 4);
}
