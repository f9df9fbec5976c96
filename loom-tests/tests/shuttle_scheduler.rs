//! The whole scheduler under shuttle: a real runtime, two to four machines, and threads that spawn, wake, join, abort and
//! end it from outside.
//!
//! Everything is real but the driver, which knows no io, and time: sysmon's thread is replaced by a thread of the model
//! that takes [`Watch::round`]s with a clock that jumps. Queues have four slots, so overflow is common.
//!
//! Each model demands that it ends (a task that is forgotten is a deadlock, or a run that never stops), that each future
//! is dropped once, and that the conservation laws hold when the runtime is down and nothing is on its way anywhere.
//!
//! Shuttle knows no stale reads: the mutants here are steps left out. A mutant's run gets a tenth of the schedules.
#![cfg(gumption_shuttle)]

use gumption_core::driver::ThreadDriver;
use gumption_core::runtime::{Builder, Handle, Runtime, SpinPolicy};
use gumption_core::sync::{Arc, thread};
use gumption_core::task::JoinHandle;
use gumption_core::time::{Duration, Instant, sleep, timeout};
use gumption_core::{blocking, spawn, spawn_blocking, yield_now};
use gumption_loom_tests::stage::{Gate, Ledger, Token, join};
use gumption_loom_tests::{check_random_and_pct, mutants};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// A runtime of `processors` without sysmon.
fn multi(processors: usize) -> Runtime {
    build(Builder::new_multi_thread().processors(processors))
}

fn build(builder: &mut Builder<ThreadDriver>) -> Runtime {
    builder.sysmon(false).enable_all().build().unwrap()
}

/// Never wakes, and keeps its waker where nobody wakes it.
async fn for_ever(token: Token) {
    let gate = Gate::default();
    gate.wait().await;
    drop(token);
}

/// Takes sysmon's rounds, a millisecond of its clock apart, until `until` is open.
fn watch(handle: &Handle, until: &Gate) {
    let mut watch = handle.watch();
    let mut now = 1_000_000;
    while !until.is_open() {
        let _did = watch.round(now);
        now += 1_000_000;
        thread::yield_now();
    }
}

/// Spawns from outside and from inside, yields, wakes between tasks, joins and aborts, from three threads.
#[test]
fn no_task_is_forgotten() {
    check_random_and_pct(6_000, || {
        let (runtime, ledger) = (multi(3), Ledger::default());
        let mut threads = Vec::new();
        for _ in 0..2 {
            let (handle, ledger) = (runtime.handle().clone(), ledger.clone());
            threads.push(thread::spawn(move || {
                let gate = Gate::new();
                let (token, opener) = (ledger.token(), gate.clone());
                let child = ledger.clone();
                let parent = handle.spawn(async move {
                    let _token = token;
                    let tasks: Vec<_> = (0..6)
                        .map(|i| {
                            let token = child.token();
                            spawn(async move {
                                let _token = token;
                                if i % 2 == 0 {
                                    yield_now().await;
                                }
                            })
                        })
                        .collect();
                    for task in tasks {
                        task.await.unwrap();
                    }
                    opener.open();
                });
                let idle = handle.spawn(for_ever(ledger.token()));
                handle.block_on(gate.wait());
                idle.abort();
                assert!(handle.block_on(idle).unwrap_err().is_cancelled());
                handle.block_on(parent).unwrap();
            }));
        }
        join(threads);
        ledger.close(runtime);
    });
}

/// A task holds its thread until two others have run beside it: nobody who could run them may sleep.
#[test]
fn work_is_conserved() {
    check_random_and_pct(6_000, || {
        let (runtime, ledger) = (multi(3), Ledger::default());
        let gates = [Gate::new(), Gate::new()];
        let mut threads = Vec::new();
        let mut tasks: Vec<JoinHandle<()>> = Vec::new();
        for gate in &gates {
            let (handle, token, gate) = (runtime.handle().clone(), ledger.token(), gate.clone());
            threads.push(thread::spawn(move || {
                let task = handle.spawn(async move {
                    let _token = token;
                    gate.open();
                });
                drop(task);
            }));
        }
        let token = ledger.token();
        tasks.push(runtime.spawn(async move {
            let _token = token;
            gates.iter().for_each(|gate| gate.block());
        }));
        for task in tasks {
            runtime.block_on(task).unwrap();
        }
        join(threads);
        ledger.close(runtime);
    });
}

/// Closures on the blocking pool, some joined by tasks, some aborted, some left to the end.
#[test]
fn blocking_pool_ends() {
    check_random_and_pct(6_000, || {
        let (runtime, ledger) =
            (build(Builder::new_multi_thread().processors(2).max_blocking_threads(2)), Ledger::default());
        let (token, inner) = (ledger.token(), ledger.clone());
        let task = runtime.spawn(async move {
            let _token = token;
            let closures: Vec<_> = (0..3)
                .map(|_| {
                    let token = inner.token();
                    spawn_blocking(move || drop(token))
                })
                .collect();
            for closure in closures {
                closure.await.unwrap();
            }
        });
        runtime.block_on(task).unwrap();
        for _ in 0..3 {
            let token = ledger.token();
            let left = runtime.spawn_blocking(move || drop(token));
            left.abort();
        }
        ledger.close(runtime);
    });
}

/// Each of three tasks, of which two are spawned by the first, waits on its thread for the next one: what a machine pushes
/// to its queue is heard of. The last to be pushed sits in the next slot, and must not be waited for.
#[test]
fn pushed_work_runs_beside_its_pusher() {
    check_random_and_pct(6_000, || {
        let (runtime, ledger) = (multi(3), Ledger::default());
        let inner = ledger.clone();
        let token = ledger.token();
        let task = runtime.spawn(async move {
            let _token = token;
            let gates = [Gate::new(), Gate::new()];
            for gate in &gates {
                let (token, gate) = (inner.token(), gate.clone());
                spawn(async move {
                    let _token = token;
                    gate.open();
                });
            }
            let token = inner.token();
            spawn(async move { drop(token) });
            gates.iter().for_each(|gate| gate.block());
        });
        runtime.block_on(task).unwrap();
        ledger.close(runtime);
    });
}

/// Two tasks arrive while a third keeps its machine busy, and each of them waits on its thread for the other. That machine
/// takes both from the global queue: the one that it does not run at once is heard of, though it was in no queue on its way
/// to the machine's own.
#[test]
fn shared_work_runs_beside_its_taker() {
    check_random_and_pct(6_000, || {
        let (runtime, ledger) = (multi(2), Ledger::default());
        let (arrived, gates) = (Gate::new(), [Gate::new(), Gate::new()]);
        let (token, busy) = (ledger.token(), arrived.clone());
        let mut tasks = vec![runtime.spawn(async move {
            let _token = token;
            // The next look at the global queue is not the first one, which is for one task alone.
            yield_now().await;
            busy.block();
        })];
        for [mine, other] in [[0, 1], [1, 0]] {
            let (token, gates) = (ledger.token(), gates.clone());
            tasks.push(runtime.spawn(async move {
                let _token = token;
                gates[mine].open();
                gates[other].block();
            }));
        }
        arrived.open();
        // A `block_on` has a processor for a moment, and looks around when it gives that up: not before both run.
        gates.iter().for_each(|gate| gate.block());
        for task in tasks {
            runtime.block_on(task).unwrap();
        }
        ledger.close(runtime);
    });
}

/// The runtime ends while two threads spawn and wake, a task yields for ever, and others wait for ever.
#[test]
fn every_task_dropped_once() {
    check_random_and_pct(6_000, || {
        let (runtime, ledger) = (multi(2), Ledger::default());
        let gate = Gate::new();
        let (token, waiting) = (ledger.token(), gate.clone());
        runtime.spawn(async move {
            let _token = token;
            waiting.wait().await;
        });
        let (token, inner) = (ledger.token(), ledger.clone());
        runtime.spawn(async move {
            let _token = token;
            spawn(for_ever(inner.token()));
            loop {
                // PCT runs a thread that never yields for ever.
                thread::yield_now();
                yield_now().await;
            }
        });
        let mut threads = Vec::new();
        let handle = runtime.handle().clone();
        threads.push(thread::spawn({
            let ledger = ledger.clone();
            move || {
                for _ in 0..3 {
                    let token = ledger.token();
                    let task = handle.spawn(async move {
                        let _token = token;
                        yield_now().await;
                    });
                    drop(task);
                }
            }
        }));
        threads.push(thread::spawn(move || gate.open()));
        let handle = runtime.handle().clone();
        drop(runtime);
        join(threads);
        ledger.check();
        let broken = handle.stats().conservation();
        assert!(broken.is_empty(), "not conserved: {broken:?}");
    });
}

/// A task in a blocking section waits for one that it woke there and one that it spawned there. There is one processor:
/// sysmon has to take it.
#[test]
fn wakes_inside_blocking_section_reach_a_queue() {
    check_random_and_pct(6_000, || {
        let (runtime, ledger) = (multi(1), Ledger::default());
        let done = Gate::new();
        let sysmon = thread::spawn({
            let (handle, done) = (runtime.handle().clone(), done.clone());
            move || watch(&handle, &done)
        });
        let (wake, woken) = (Gate::new(), Gate::new());
        let waiter = runtime.spawn({
            let (token, wake, woken) = (ledger.token(), wake.clone(), woken.clone());
            async move {
                let _token = token;
                wake.wait().await;
                woken.open();
            }
        });
        let (token, inner) = (ledger.token(), ledger.clone());
        let blocked = runtime.spawn(async move {
            let _token = token;
            let spawned = Gate::new();
            blocking(|| {
                let (token, spawned) = (inner.token(), spawned.clone());
                spawn(async move {
                    let _token = token;
                    spawned.open();
                });
                wake.open();
                woken.block();
            });
            blocking(|| spawned.block());
            yield_now().await;
        });
        runtime.block_on(blocked).unwrap();
        runtime.block_on(waiter).unwrap();
        done.open();
        join([sysmon]);
        ledger.close(runtime);
    });
}

/// Short sections on two processors while sysmon takes what it can: whoever comes back owns a processor or none.
#[test]
fn syscall_exit_vs_retake() {
    check_random_and_pct(6_000, || {
        let (runtime, ledger) = (multi(2), Ledger::default());
        let done = Gate::new();
        let sysmon = thread::spawn({
            let (handle, done) = (runtime.handle().clone(), done.clone());
            move || watch(&handle, &done)
        });
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let (token, inner) = (ledger.token(), ledger.clone());
                runtime.spawn(async move {
                    let _token = token;
                    for _ in 0..2 {
                        blocking(thread::yield_now);
                        let token = inner.token();
                        spawn(async move { drop(token) });
                        yield_now().await;
                    }
                })
            })
            .collect();
        for task in tasks {
            runtime.block_on(task).unwrap();
        }
        done.open();
        join([sysmon]);
        ledger.close(runtime);
    });
}

/// A task waits on its thread, undeclared, for the one in its next slot, while one processor idles and one searches.
#[test]
fn next_slot_is_rescued() {
    check_random_and_pct(6_000, || {
        // One pass, so that a search is over before sysmon's round is.
        let spin = SpinPolicy { passes: 1, ..SpinPolicy::default() };
        let runtime = build(Builder::new_multi_thread().processors(3).spin(spin));
        let ledger = Ledger::default();
        let done = Gate::new();
        let sysmon = thread::spawn({
            let (handle, done) = (runtime.handle().clone(), done.clone());
            move || watch(&handle, &done)
        });
        let started = Gate::new();
        let (token, inner, begin) = (ledger.token(), ledger.clone(), started.clone());
        let hog = runtime.spawn(async move {
            let _token = token;
            let (gate, token) = (Gate::new(), inner.token());
            let trapped = gate.clone();
            begin.block();
            spawn(async move {
                let _token = token;
                trapped.open();
            });
            gate.block();
        });
        let token = ledger.token();
        // Runs beside the first, and then its machine searches while the slot is filled.
        let other = runtime.spawn(async move {
            let _token = token;
            started.open();
        });
        runtime.block_on(hog).unwrap();
        runtime.block_on(other).unwrap();
        done.open();
        join([sysmon]);
        ledger.close(runtime);
    });
}

/// One processor, and a poll that waits on its thread for tasks in its queue and in the global one: a spare runs them.
/// It goes when that poll ends, and what comes then is run too; then it happens again.
#[test]
fn spare_p_retires_without_stranding() {
    check_random_and_pct(6_000, || {
        let runtime = build(Builder::new_multi_thread().processors(1).spare_processors(1));
        let ledger = Ledger::default();
        let done = Gate::new();
        let sysmon = thread::spawn({
            let (handle, done) = (runtime.handle().clone(), done.clone());
            move || watch(&handle, &done)
        });
        for _ in 0..2 {
            let gate = Gate::new();
            let (token, inner, queued) = (ledger.token(), ledger.clone(), gate.clone());
            let hog = runtime.spawn(async move {
                let _token = token;
                let mut tasks = Vec::new();
                for gate in [Some(queued.clone()), None] {
                    let (token, child) = (inner.token(), inner.clone());
                    tasks.push(spawn(async move {
                        let _token = token;
                        if let Some(gate) = gate {
                            yield_now().await;
                            gate.open();
                        }
                        for _ in 0..3 {
                            yield_now().await;
                            let token = child.token();
                            spawn(async move { drop(token) }).await.unwrap();
                        }
                    }));
                }
                queued.block();
                tasks
            });
            let token = ledger.token();
            let other = runtime.spawn(async move { drop(token) });
            for task in runtime.block_on(hog).unwrap() {
                runtime.block_on(task).unwrap();
            }
            runtime.block_on(other).unwrap();
        }
        done.open();
        join([sysmon]);
        ledger.close(runtime);
    });
}

/// Two threads block on futures of a current-thread runtime, one inherits the processor of the other, and a third spawns.
#[test]
fn current_thread_is_inherited() {
    check_random_and_pct(6_000, || {
        let (runtime, ledger) = (build(&mut Builder::new_current_thread()), Ledger::default());
        let runtime = Arc::new(runtime);
        let mut threads = Vec::new();
        for _ in 0..2 {
            let (runtime, ledger) = (runtime.clone(), ledger.clone());
            threads.push(thread::spawn(move || {
                let token = ledger.token();
                runtime.block_on(async move {
                    let child = spawn(async move {
                        let _token = token;
                        yield_now().await;
                    });
                    child.await.unwrap();
                });
            }));
        }
        let token = ledger.token();
        let remote = runtime.handle().spawn(async move {
            let _token = token;
            yield_now().await;
        });
        runtime.handle().block_on(async { drop(remote) });
        join(threads);
        let Some(runtime) = Arc::into_inner(runtime) else { panic!("the threads have gone") };
        ledger.close(runtime);
    });
}

/// A task from outside runs within `global_interval` runs although the local queue never runs dry.
#[test]
fn fairness_tick_runs_global() {
    const INTERVAL: u32 = 5;
    check_random_and_pct(6_000, || {
        let runtime = build(Builder::new_multi_thread().processors(1).global_interval(INTERVAL));
        let ledger = Ledger::default();
        let polls = std::sync::Arc::new(AtomicUsize::new(0));
        let done = Gate::new();
        let hogs: Vec<_> = (0..2)
            .map(|_| {
                let (token, polls, done) = (ledger.token(), polls.clone(), done.clone());
                runtime.spawn(async move {
                    let _token = token;
                    while !done.is_open() {
                        assert!(polls.fetch_add(1, Relaxed) < 1_000, "the global queue was never looked at");
                        thread::yield_now();
                        yield_now().await;
                    }
                })
            })
            .collect();
        let (token, open) = (ledger.token(), done.clone());
        let ran_at = std::sync::Arc::new(AtomicUsize::new(0));
        let (ran, count) = (ran_at.clone(), polls.clone());
        let global = runtime.spawn(async move {
            let _token = token;
            ran.store(count.load(Relaxed), Relaxed);
            open.open();
        });
        let pushed_at = polls.load(Relaxed);
        runtime.block_on(global).unwrap();
        let waited = ran_at.load(Relaxed).saturating_sub(pushed_at);
        // The hogs came the same way and may be before it: each takes a tick.
        assert!(waited <= 3 * INTERVAL as usize, "it waited for {waited} runs");
        for hog in hogs {
            runtime.block_on(hog).unwrap();
        }
        ledger.close(runtime);
    });
}

/// A task that spawns or wakes one other at a time starts no machine and wakes none: it all goes through the next slot.
#[test]
fn next_slot_empty_push_wakes_nobody() {
    check_random_and_pct(6_000, || {
        let (runtime, ledger) = (multi(3), Ledger::default());
        let (token, inner) = (ledger.token(), ledger.clone());
        let task = runtime.spawn(async move {
            let _token = token;
            for _ in 0..3 {
                let (gate, token) = (Gate::new(), inner.token());
                let opener = gate.clone();
                spawn(async move {
                    let _token = token;
                    opener.open();
                });
                gate.wait().await;
            }
        });
        runtime.block_on(task).unwrap();
        let stats = runtime.stats();
        assert_eq!(stats.machines.len(), 1, "a machine was started: {:?}", stats.machines);
        assert_eq!(stats.totals.counters.unparks, 0, "a machine was woken");
        ledger.close(runtime);
    });
}

/// A runtime whose clock stands: closures hold it, the last one's end lets it go on, and it moves to the timers and not
/// beyond.
#[test]
fn closures_hold_a_clock_that_stands() {
    const HOUR: Duration = Duration::from_secs(3600);
    check_random_and_pct(6_000, || {
        let runtime = build(Builder::new_current_thread().start_paused(true).max_blocking_threads(2));
        runtime.block_on(async {
            let start = Instant::now();
            let nap = spawn(async {
                sleep(HOUR).await;
                Instant::now()
            });
            let first = timeout(HOUR / 2, spawn_blocking(|| ())).await;
            assert!(first.is_ok(), "the clock moved while a closure ran");
            assert_eq!(Instant::now(), start, "the clock moved before the joiner ran");
            drop(spawn_blocking(|| ()));
            assert_eq!(nap.await.unwrap(), start + HOUR);
            assert_eq!(Instant::now(), start + HOUR);
        });
        Ledger::default().close(runtime);
    });
}

mutants! {
    closures_hold_a_clock_that_stands: ["seat-pool-quiet-first", "seat-change-unrung"];
    no_task_is_forgotten: [
        "idle-no-recheck", "idle-take-without-spinning", "idle-mask-not-cleared", "idle-unpark-drops-early-token",
        "owner-resume-stays-listed", "queue-overflow-no-claim", "queue-pop-no-cas", "queue-release-early",
        "queue-steal-load-store", "seat-sitter-not-rung", "seat-take-load-store", "task-wake-skip", "task-idle-store",
        "task-abort-no-wake", "task-join-no-recheck",
    ];
    work_is_conserved: ["idle-last-spinner-wakes-nobody", "idle-take-without-spinning"];
    pushed_work_runs_beside_its_pusher: ["queue-slot-steal-no-cas", "queue-slot-take-no-rmw"];
    shared_work_runs_beside_its_taker: ["idle-share-unannounced"];
    wakes_inside_blocking_section_reach_a_queue: ["idle-only-spinners-recheck"];
    spare_p_retires_without_stranding: ["owner-retire-strands"];
    current_thread_is_inherited: ["seat-leave-ignores-token"];
    fairness_tick_runs_global: ["queue-global-never-first"];
    next_slot_empty_push_wakes_nobody: ["queue-slot-put-announced"];
}
