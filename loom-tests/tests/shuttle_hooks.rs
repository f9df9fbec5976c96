//! Hooks of the whole scheduler under shuttle: threads that start, sleep and end, tasks that are spawned and end, while a hook
//! yields, spawns, wakes or panics.
//!
//! The runtime is real, as in `shuttle_scheduler.rs`. Hooks themselves order nothing; the models are about what the
//! scheduler does around them: it is on a list, or has a task in its hands, while user code runs.
#![cfg(gumption_shuttle)]

use gumption_core::driver::ThreadDriver;
use gumption_core::runtime::{Builder, Runtime, TaskMeta, UnhandledPanic};
use gumption_core::sync::{Arc, Deliberate, thread};
use gumption_core::task::Id;
use gumption_core::{spawn, yield_now};
use gumption_loom_tests::stage::{Gate, Ledger, join};
use gumption_loom_tests::{check_random_and_pct, mutants};
use std::collections::HashMap;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

fn build(builder: &mut Builder<ThreadDriver>) -> Runtime {
    builder.sysmon(false).enable_all().build().unwrap()
}

/// The first machine to sleep spawns a task, from its hook, that the main thread waits for; a thread spawns beside it.
#[test]
fn what_a_park_hook_spawns_is_run() {
    for multi in [true, false] {
        check_random_and_pct(3_000, move || {
            let (ledger, gate) = (Ledger::default(), Gate::new());
            let (token, opener) = (Mutex::new(Some(ledger.token())), gate.clone());
            let mut builder = if multi { Builder::new_multi_thread() } else { Builder::new_current_thread() };
            builder.on_thread_park(move || {
                thread::yield_now();
                if let Some(token) = token.lock().unwrap().take() {
                    let opener = opener.clone();
                    spawn(async move {
                        let _token = token;
                        opener.open();
                    });
                }
            });
            let runtime = Arc::new(build(builder.processors(2)));
            let (handle, token) = (runtime.handle().clone(), ledger.token());
            let other = thread::spawn(move || drop(handle.spawn(async move { drop(token) })));
            runtime.block_on(gate.wait());
            join([other]);
            let Some(runtime) = Arc::into_inner(runtime) else { panic!("the thread has gone") };
            ledger.close(runtime);
        });
    }
}

/// A park hook of a current-thread runtime panics, while a thread spawns a task and wakes whom it takes for asleep. The next
/// `block_on` runs that task.
#[test]
fn a_panicking_park_hook_leaves_nobody_listed() {
    check_random_and_pct(6_000, || {
        let ledger = Ledger::default();
        let panics = AtomicBool::new(true);
        let hook = move || {
            if panics.swap(false, Relaxed) {
                thread::yield_now();
                // Without the message of a panic.
                resume_unwind(Box::new("as it should"));
            }
        };
        let runtime = build(Builder::new_current_thread().on_thread_park(hook));
        let (handle, token) = (runtime.handle().clone(), ledger.token());
        let (gate, waits) = (Gate::new(), Gate::new());
        let opener = gate.clone();
        let other = thread::spawn(move || {
            drop(handle.spawn(async move {
                let _token = token;
                opener.open();
            }));
        });
        let first = catch_unwind(AssertUnwindSafe(|| runtime.block_on(waits.wait())));
        assert!(first.is_err(), "it went to sleep at last");
        runtime.block_on(gate.wait());
        join([other]);
        ledger.close(runtime);
    });
}

/// Two threads spawn with a hook that dawdles, while the runtime ends: each task is told of from its spawn to its end, once.
#[test]
fn every_watched_task_is_told_of_twice() {
    check_random_and_pct(6_000, || {
        let ledger = Ledger::default();
        let told = std::sync::Arc::new(Mutex::new(HashMap::<Id, (u32, u32)>::new()));
        let (spawned, ended) = (told.clone(), told.clone());
        let mut builder = Builder::new_multi_thread();
        builder.processors(2).on_task_spawn(move |task| {
            spawned.lock().unwrap().entry(task.id()).or_default().0 += 1;
            thread::yield_now();
        });
        builder.on_task_terminate(move |task| {
            thread::yield_now();
            ended.lock().unwrap().entry(task.id()).or_default().1 += 1;
        });
        let runtime = build(&mut builder);
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let (handle, ledger) = (runtime.handle().clone(), ledger.clone());
                thread::spawn(move || {
                    let (token, inner) = (ledger.token(), ledger.token());
                    drop(handle.spawn(async move {
                        let _token = token;
                        yield_now().await;
                        spawn(async move { drop(inner) });
                    }));
                })
            })
            .collect();
        let handle = runtime.handle().clone();
        drop(runtime);
        join(threads);
        ledger.check();
        let broken = handle.stats().conservation();
        assert!(broken.is_empty(), "not conserved: {broken:?}");
        let told = told.lock().unwrap();
        assert!(told.len() >= 2 && told.values().all(|&times| times == (1, 1)), "{told:?}");
    });
}

/// Two threads wake a task, while hooks dawdle: each block is followed by a wake and that by a poll, and there are as many
/// as the counters say.
#[test]
fn what_a_task_is_told_of_is_in_order() {
    check_random_and_pct(3_000, || {
        let told = std::sync::Arc::new(Mutex::new(HashMap::<Id, Vec<char>>::new()));
        let hook = |what: char| {
            let told = told.clone();
            move |task: &TaskMeta<'_>| {
                assert_eq!(what == 'b', task.wait_reason().is_some());
                told.lock().unwrap().entry(task.id()).or_default().push(what);
                thread::yield_now();
            }
        };
        let mut builder = Builder::new_multi_thread();
        builder.processors(2).on_task_spawn(hook('s')).on_before_task_poll(hook('p'));
        builder.on_task_block(hook('b')).on_task_wake(hook('w')).on_task_terminate(hook('e'));
        let (runtime, ledger) = (build(&mut builder), Ledger::default());
        let gates = [Gate::new(), Gate::new()];
        let (waits, token) = (gates.clone(), ledger.token());
        let task = runtime.spawn(async move {
            let _token = token;
            for gate in waits {
                gate.wait().await;
            }
        });
        let threads = gates.map(|gate| thread::spawn(move || gate.open()));
        runtime.block_on(task).unwrap();
        join(threads);
        let handle = runtime.handle().clone();
        ledger.close(runtime);
        let told = told.lock().unwrap();
        let mut waits = 0;
        for told in told.values() {
            let told: String = told.iter().collect();
            let waited = told.strip_prefix('s').and_then(|told| told.strip_suffix("pe"));
            let rest = waited.map(|waited| waited.replace("pbw", ""));
            assert_eq!(rest.as_deref(), Some(""), "{told}");
            waits += told.matches('b').count() as u64;
        }
        let counted = handle.stats().totals.counters;
        assert_eq!(counted.wakes_local + counted.wakes_remote + counted.wakes_self, waits);
        assert_eq!(counted.polls - counted.completed, waits);
    });
}

/// A runtime ends at some point of the start of its threads: each that has started has stopped when the end is over.
#[test]
fn threads_stop_before_the_end_is_over() {
    check_random_and_pct(6_000, || {
        let counts = std::sync::Arc::new([const { AtomicUsize::new(0) }; 2]);
        let count = |which: usize| {
            let counts = counts.clone();
            move || {
                thread::yield_now();
                counts[which].fetch_add(1, Relaxed);
            }
        };
        let mut builder = Builder::new_multi_thread();
        builder.processors(2).on_thread_start(count(0)).on_thread_stop(count(1));
        let (runtime, ledger) = (build(&mut builder), Ledger::default());
        let token = ledger.token();
        drop(runtime.spawn(async move { drop(token) }));
        ledger.close(runtime);
        assert_eq!(counts[0].load(Relaxed), counts[1].load(Relaxed));
        assert!(counts[0].load(Relaxed) >= 2, "one for each processor");
    });
}

/// A task's panic ends a current-thread runtime: both threads that block on it hear of that, wherever they sleep.
#[test]
fn an_unhandled_panic_reaches_every_block_on() {
    check_random_and_pct(2_000, || {
        let mut builder = Builder::new_current_thread();
        let runtime = Arc::new(build(builder.unhandled_panic(UnhandledPanic::ShutdownRuntime)));
        let ledger = Ledger::default();
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let (runtime, token) = (runtime.clone(), ledger.token());
                thread::spawn(move || {
                    let ended = catch_unwind(AssertUnwindSafe(|| {
                        runtime.block_on(async move {
                            let _token = token;
                            pending::<()>().await;
                        });
                    }));
                    assert!(ended.is_err(), "its future never returns");
                })
            })
            .collect();
        let token = ledger.token();
        drop(runtime.spawn(async move {
            let _token = token;
            resume_unwind(Box::new(Deliberate));
        }));
        join(threads);
        let Some(runtime) = Arc::into_inner(runtime) else { panic!("the threads have gone") };
        ledger.close(runtime);
    });
}

mutants! {
    a_panicking_park_hook_leaves_nobody_listed: ["idle-hook-panic-stays-listed"];
    what_a_park_hook_spawns_is_run: ["idle-unpark-drops-early-token"];
    every_watched_task_is_told_of_twice: ["shutdown-closed-spawn-queued"];
    what_a_task_is_told_of_is_in_order: ["task-block-told-late"];
    threads_stop_before_the_end_is_over: ["shutdown-threads-not-joined"];
    an_unhandled_panic_reaches_every_block_on: ["shutdown-nobody-roused"];
}
