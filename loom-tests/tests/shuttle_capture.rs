//! The capture on the whole scheduler under shuttle: an observer polls tasks that wait, while they are woken, aborted and completed,
//! while their records are used again, while they lock themselves to their threads, and while the runtime ends.
//!
//! The runtime is real, as in `shuttle_scheduler.rs`. The state word's part is modelled under loom in `capture.rs`; these
//! models are about what the observer's thread is to the scheduler: one who has the right to run a task, and owns no processor.
//! Each demands that it ends (a wake that a capture swallows is a deadlock), that each future is dropped once, that nobody is shown a
//! task that was not asked for, and that the conservation laws hold at the end.
#![cfg(gumption_shuttle)]

use gumption_core::driver::ThreadDriver;
use gumption_core::runtime::{Builder, Handle, Runtime};
use gumption_core::sync::thread;
use gumption_core::task::{Id, Row, Witness, try_id};
use gumption_core::wait::WaitReason;
use gumption_core::{Captured, lock_os_thread, spawn, yield_now};
use gumption_loom_tests::stage::{Gate, Ledger, Token, join};
use gumption_loom_tests::{check_random_and_pct, mutants};
use std::future::poll_fn;
use std::pin::pin;

fn runtime() -> Runtime {
    let mut builder: Builder<ThreadDriver> = Builder::new_multi_thread();
    builder.processors(2).sysmon(false).enable_all().build().unwrap()
}

/// Which task was running whenever a leaf was shown.
#[derive(Debug, Default)]
struct Leaves(Vec<Option<Id>>);

impl Witness for Leaves {
    fn leaf(&mut self) {
        self.0.push(try_id());
    }
    fn said(&mut self, _: WaitReason, _: u64) {}
}

/// The tasks of the moment.
fn list(handle: &Handle) -> Vec<Row> {
    let mut rows = Vec::new();
    handle.for_each_task(|row| rows.push(row));
    rows
}

/// What an observer does with a task that it has listed, and that may be another by now, or no more.
fn capture(handle: &Handle, row: &Row) {
    let mut leaves = Leaves::default();
    let captured = handle.capture(row, &mut leaves);
    let Leaves(shown) = leaves;
    assert!(shown.iter().all(|&task| task == Some(row.id)), "asked for {}, shown were {shown:?}", row.id);
    match captured {
        Captured::Waits => assert!(!shown.is_empty(), "a task that waits was not shown"),
        Captured::Woken | Captured::Ended => {}
        Captured::Busy | Captured::Gone | Captured::Tied | Captured::Closing => {
            assert!(shown.is_empty(), "{captured:?}, and yet shown: {shown:?}");
        }
    }
}

/// An observer's rounds.
fn observe(handle: &Handle) {
    for _ in 0..3 {
        list(handle).iter().for_each(|row| capture(handle, row));
    }
}

/// Never wakes, and keeps its waker where nobody wakes it.
async fn for_ever(token: Token) {
    let gate = Gate::default();
    gate.wait().await;
    drop(token);
}

/// A task waits for another thread, for a child, and for that thread again; a second one waits until it is aborted. All of them
/// are captured meanwhile, three times.
#[test]
fn capture_beside_the_scheduler() {
    check_random_and_pct(1_000, || {
        let (runtime, ledger) = (runtime(), Ledger::default());
        let gates = [Gate::new(), Gate::new()];
        let (token, inner, waits) = (ledger.token(), ledger.clone(), gates.clone());
        let parent = runtime.spawn(async move {
            let _token = token;
            waits[0].wait().await;
            let (token, gate) = (inner.token(), Gate::new());
            let opener = gate.clone();
            let child = spawn(async move {
                let _token = token;
                gate.wait().await;
            });
            yield_now().await;
            opener.open();
            child.await.unwrap();
            waits[1].wait().await;
        });
        let idle = runtime.spawn(for_ever(ledger.token()));
        let handle = runtime.handle().clone();
        let observer = thread::spawn(move || observe(&handle));
        let opener = thread::spawn(move || gates.iter().for_each(|gate| gate.open()));
        idle.abort();
        assert!(runtime.block_on(idle).unwrap_err().is_cancelled());
        runtime.block_on(parent).unwrap();
        join([observer, opener]);
        ledger.close(runtime);
    });
}

/// What the observer has listed has ended, and its record is mostly another task's by now, which is about to wait: that one is
/// not shown.
#[test]
fn capture_is_of_one_life() {
    check_random_and_pct(1_000, || {
        let (runtime, ledger) = (runtime(), Ledger::default());
        let [made, listed, waiting, captured] = [(); 4].map(|()| Gate::new());
        let observer = thread::spawn({
            let handle = runtime.handle().clone();
            let (made, listed, waiting, captured) = (made.clone(), listed.clone(), waiting.clone(), captured.clone());
            move || {
                made.block();
                let rows = list(&handle);
                listed.open();
                waiting.block();
                rows.iter().for_each(|row| capture(&handle, row));
                captured.open();
            }
        });
        let (token, inner) = (ledger.token(), ledger.clone());
        let parent = runtime.spawn(async move {
            let _token = token;
            let token = inner.token();
            let first = spawn(async move {
                let _token = token;
                listed.wait().await;
            });
            made.open();
            first.await.unwrap();
            let token = inner.token();
            let second = spawn(async move {
                let _token = token;
                waiting.open();
                captured.wait().await;
            });
            second.await.unwrap();
        });
        runtime.block_on(parent).unwrap();
        join([observer]);
        ledger.close(runtime);
    });
}

/// A task locks itself to its thread again and again, now and then between the observer's look at it and the claim: while it is
/// locked it is polled on that thread only.
#[test]
fn capture_leaves_locked_tasks_alone() {
    check_random_and_pct(6_000, || {
        let (runtime, ledger) = (runtime(), Ledger::default());
        let gates: Vec<_> = (0..3).map(|_| (Gate::new(), Gate::new())).collect();
        let (token, stations) = (ledger.token(), gates.clone());
        let task = runtime.spawn(async move {
            let _token = token;
            for (arrived, gate) in &stations {
                let locked = lock_os_thread();
                let home = thread::current().id();
                arrived.open();
                let mut wait = pin!(gate.wait());
                poll_fn(|cx| {
                    assert_eq!(thread::current().id(), home, "a locked task was polled elsewhere");
                    wait.as_mut().poll(cx)
                })
                .await;
                drop(locked);
                yield_now().await;
            }
        });
        let observer = thread::spawn({
            let handle = runtime.handle().clone();
            move || {
                let rows = list(&handle);
                for _ in 0..8 {
                    rows.iter().for_each(|row| capture(&handle, row));
                }
            }
        });
        let opener = thread::spawn(move || {
            for (arrived, gate) in &gates {
                arrived.block();
                gate.open();
            }
        });
        runtime.block_on(task).unwrap();
        join([observer, opener]);
        ledger.close(runtime);
    });
}

/// The runtime ends while a task is captured, and woken: what the observer has in its hands is dropped, too.
#[test]
fn shutdown_waits_for_a_capture() {
    check_random_and_pct(1_000, || {
        let (runtime, ledger) = (runtime(), Ledger::default());
        let [waiting, begun, gate] = [(); 3].map(|()| Gate::new());
        let (token, waits, says) = (ledger.token(), gate.clone(), waiting.clone());
        runtime.spawn(async move {
            let _token = token;
            let mut wait = pin!(waits.wait());
            let mut was_polled = false;
            poll_fn(|cx| {
                says.open();
                if std::mem::replace(&mut was_polled, true) {
                    // The runtime ends while the observer is in here.
                    thread::yield_now();
                }
                wait.as_mut().poll(cx)
            })
            .await;
            yield_now().await;
        });
        let handle = runtime.handle().clone();
        let observer = thread::spawn({
            let (handle, begun) = (handle.clone(), begun.clone());
            move || {
                waiting.block();
                begun.open();
                observe(&handle);
            }
        });
        let opener = thread::spawn({
            let begun = begun.clone();
            move || {
                begun.block();
                gate.open();
            }
        });
        begun.block();
        drop(runtime);
        join([observer, opener]);
        ledger.check();
        let broken = handle.stats().conservation();
        assert!(broken.is_empty(), "not conserved: {broken:?}");
    });
}

mutants! {
    capture_beside_the_scheduler: ["capture-forgets-wakes", "capture-woken-kept"];
    capture_is_of_one_life: ["capture-any-life"];
    capture_leaves_locked_tasks_alone: ["capture-locked-looked-early"];
    shutdown_waits_for_a_capture: ["capture-woken-kept"];
}
