//! Tasks that are locked to their threads, on the whole scheduler under shuttle: a machine that waits for its own task, with
//! the processor that comes with it, and nobody else's.
//!
//! The runtime is real, as in `shuttle_scheduler.rs`, and so is what each model demands: that it ends, that each future is dropped
//! once, and that the conservation laws hold at the end. A machine that is forgotten while it waits for its task is a deadlock.
//!
//! Shuttle knows no stale reads: the mutants here are steps left out. A mutant's run gets a tenth of the schedules.
#![cfg(gumption_shuttle)]

use gumption_core::runtime::{Builder, Runtime};
use gumption_core::sync::{Arc, Mutex, thread};
use gumption_core::{lock_os_thread, yield_now};
use gumption_loom_tests::stage::{Gate, Ledger, join};
use gumption_loom_tests::{check_random_and_pct, mutants};

/// A runtime of two processors without sysmon.
fn two() -> Runtime {
    Builder::new_multi_thread().processors(2).sysmon(false).enable_all().build().unwrap()
}

/// The runtime ends while tasks are locked to their threads, in a poll, between polls, and on their way there.
#[test]
fn shutdown_meets_locked_tasks() {
    check_random_and_pct(6_000, || {
        let (runtime, ledger) = (two(), Ledger::default());
        let gate = Gate::new();
        let (token, waiting) = (ledger.token(), gate.clone());
        runtime.spawn(async move {
            let _token = token;
            let _locked = lock_os_thread();
            waiting.wait().await;
            yield_now().await;
        });
        let token = ledger.token();
        runtime.spawn(async move {
            let _token = token;
            let _locked = lock_os_thread();
            yield_now().await;
        });
        let opener = thread::spawn(move || gate.open());
        // Records last as long as the scheduler under the checkers, and the gate may have a waker.
        let _records = runtime.handle().clone();
        ledger.close(runtime);
        join([opener]);
    });
}

/// Two tasks locked to their threads wake each other and a third one; each is polled on its own thread.
#[test]
fn locked_tasks_stay_on_their_threads() {
    check_random_and_pct(6_000, || {
        let (runtime, ledger) = (two(), Ledger::default());
        let gates: Vec<_> = (0..4).map(|_| Gate::new()).collect();
        let tasks: Vec<_> = (0..3)
            .map(|i| {
                let (token, gates) = (ledger.token(), gates.clone());
                runtime.spawn(async move {
                    let _token = token;
                    let locked = (i < 2).then(lock_os_thread);
                    let thread = thread::current().id();
                    yield_now().await;
                    gates[i].wait().await;
                    gates[i + 1].open();
                    yield_now().await;
                    assert!(locked.is_none() || thread::current().id() == thread, "a locked task has moved");
                    drop(locked);
                    yield_now().await;
                })
            })
            .collect();
        gates[0].open();
        for task in tasks {
            runtime.block_on(task).unwrap();
        }
        ledger.close(runtime);
    });
}

/// A task gives the guard that locks it to its thread away, to be dropped by another thread; then it and its machine are
/// like any other, whoever was about to hand it over.
#[test]
fn unlocked_from_elsewhere() {
    check_random_and_pct(6_000, || {
        let (runtime, ledger) = (two(), Ledger::default());
        let given = Arc::new(Mutex::new(None));
        let (locked, wake) = (Gate::new(), Gate::new());
        let task = {
            let (token, given, locked, wake) = (ledger.token(), given.clone(), locked.clone(), wake.clone());
            runtime.spawn(async move {
                let _token = token;
                *given.lock() = Some(lock_os_thread());
                locked.open();
                wake.wait().await;
                yield_now().await;
            })
        };
        locked.block();
        let waker = thread::spawn(move || wake.open());
        let guard = given.lock().take();
        drop(guard);
        runtime.block_on(task).unwrap();
        let after: Vec<_> = (0..2)
            .map(|_| {
                let token = ledger.token();
                runtime.spawn(async move { drop(token) })
            })
            .collect();
        for task in after {
            runtime.block_on(task).unwrap();
        }
        join([waker]);
        ledger.close(runtime);
    });
}

mutants! {
    shutdown_meets_locked_tasks: ["shutdown-locked-looks-away", "shutdown-gift-forgotten", "seat-sitter-not-rung"];
    locked_tasks_stay_on_their_threads: ["owner-resume-stays-listed", "seat-leave-ignores-token"];
    unlocked_from_elsewhere: ["owner-late-gift-ignored"];
}
