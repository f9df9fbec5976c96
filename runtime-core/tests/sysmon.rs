//! What sysmon and its kin promise, one test for each duty, without a clock.
//!
//! Each test builds the trap that the duty is for: a task that keeps its processor until something happens that only
//! another task, timer or event can bring about. If the duty is done the program ends, and counters tell who did it; if
//! not, it hangs and the watchdog says so. Nothing is measured in milliseconds.

mod support;

use gumption_core::driver::{Driver, ThreadDriver, Turn, Unpark};
use gumption_core::runtime::{Builder, EventLimits, MakeDriver, Runtime};
use gumption_core::stats::{MachineState, ProcessorState};
use gumption_core::time::{Duration, sleep};
use gumption_core::{blocking, lock_os_thread, spawn, yield_now};
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};
use support::{Event, Watchdog, at_rest, until};

fn builder(processors: usize) -> Builder {
    let mut builder = Builder::<ThreadDriver>::new_multi_thread();
    builder.processors(processors);
    builder
}

/// A runtime under a watchdog.
fn watched(what: &str, builder: &mut Builder) -> (Watchdog, Runtime) {
    let watchdog = Watchdog::new(what);
    let runtime = builder.enable_all().build().unwrap();
    watchdog.watch(runtime.handle());
    (watchdog, runtime)
}

#[test]
fn a_blocking_section_that_lasts_loses_its_processor() {
    let (_watchdog, runtime) = watched("retake", builder(1).spare_processors(0));
    for _ in 0..20 {
        let ran = Arc::new(Event::default());
        let inner = ran.clone();
        let task = runtime.spawn(async move {
            // Into the queue of the only processor, which we keep.
            spawn(async move { inner.set() });
            blocking(|| ran.spin());
        });
        runtime.block_on(task).unwrap();
    }
    let stats = runtime.stats();
    assert!(stats.totals.counters.retakes >= 1, "{stats}");
    assert!(stats.totals.counters.retakes <= stats.totals.counters.blocking_sections);
    at_rest(runtime.handle());
}

#[test]
fn a_section_is_left_alone_where_retaking_is_off() {
    let (_watchdog, runtime) = watched("no retake", builder(1).retake(false));
    let ran = Arc::new(Event::default());
    let inner = ran.clone();
    let task = runtime.spawn(async move {
        spawn(async move { inner.set() });
        blocking(|| std::thread::sleep(Duration::from_millis(30)));
        ran.is_set()
    });
    assert!(!runtime.block_on(task).unwrap(), "somebody ran a task on a processor that was not given up");
    assert_eq!(runtime.stats().totals.counters.retakes, 0);
}

#[test]
fn what_is_woken_inside_a_section_runs_elsewhere() {
    let (_watchdog, runtime) = watched("wake inside a section", &mut builder(2));
    for _ in 0..50 {
        let (go, ran) = (Arc::new(Event::default()), Arc::new(Event::default()));
        let waiter = {
            let (go, ran) = (go.clone(), ran.clone());
            runtime.spawn(async move {
                go.wait().await;
                ran.set();
            })
        };
        let task = runtime.spawn(async move {
            blocking(|| {
                go.set();
                ran.spin();
            });
        });
        runtime.block_on(task).unwrap();
        runtime.block_on(waiter).unwrap();
    }
}

#[test]
fn a_task_in_the_next_slot_is_rescued_from_a_poll_that_waits_for_it() {
    // Neither spinning thieves nor lingering ones: only sysmon can open the slot.
    let (_watchdog, runtime) = watched("rescue", builder(2).spare_processors(0));
    for _ in 0..20 {
        let (go, ran) = (Arc::new(Event::default()), Arc::new(Event::default()));
        let waiter = {
            let (go, ran) = (go.clone(), ran.clone());
            runtime.spawn(async move {
                go.wait().await;
                ran.set();
            })
        };
        let waker = runtime.spawn(async move {
            // Wherever the other is by now, it is waiting.
            for _ in 0..3 {
                yield_now().await;
            }
            go.set();
            ran.spin();
        });
        runtime.block_on(waker).unwrap();
        runtime.block_on(waiter).unwrap();
    }
    at_rest(runtime.handle());
}

#[test]
fn a_rescue_needs_no_sleeping_sysmon() {
    // The trap comes after everything has been idle for so long that sysmon sleeps until it is woken.
    let (_watchdog, runtime) = watched("rescue after a rest", builder(2).spare_processors(0));
    for _ in 0..3 {
        runtime.block_on(runtime.spawn(async {})).unwrap();
        until(|| runtime.stats().totals.sysmon_asleep);
        let task = runtime.spawn(async move {
            let ran = Arc::new(Event::default());
            let inner = ran.clone();
            let child = spawn(async move { inner.set() });
            ran.spin();
            child.await.unwrap();
        });
        runtime.block_on(task).unwrap();
    }
}

#[test]
fn a_due_timer_fires_while_its_processor_computes() {
    for processors in [1, 2, 4] {
        let (_watchdog, runtime) = watched("overdue timer", &mut builder(processors));
        for _ in 0..10 {
            let task = runtime.spawn(async {
                let fired = Arc::new(Event::default());
                let inner = fired.clone();
                let sleeper = spawn(async move {
                    sleep(Duration::from_millis(1)).await;
                    inner.set();
                });
                // The sleeper files its timer here, with the processor that we keep from then on.
                yield_now().await;
                yield_now().await;
                fired.spin();
                sleeper.await.unwrap();
            });
            runtime.block_on(task).unwrap();
        }
        at_rest(runtime.handle());
    }
}

#[test]
fn a_due_timer_waits_for_its_processor_where_stealing_is_off() {
    let (_watchdog, runtime) = watched("no stealing of timers", builder(2).timer_steal(false));
    let fired = Arc::new(Event::default());
    let waker = Waker::from(Arc::new(Sets(fired.clone())));
    let task = runtime.spawn(async move {
        // Filed with the processor that this poll keeps, and nobody else's to fire; one that was over at once is not filed.
        let due = loop {
            let mut due = Box::pin(sleep(Duration::from_millis(5)));
            if due.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
                break due;
            }
        };
        std::thread::sleep(Duration::from_millis(30));
        assert!(!fired.is_set(), "somebody fired the timer of a processor that runs");
        while !fired.is_set() {
            yield_now().await;
        }
        drop(due);
    });
    runtime.block_on(task).unwrap();
    at_rest(runtime.handle());
}

struct Sets(Arc<Event>);

impl Wake for Sets {
    fn wake(self: Arc<Self>) {
        self.0.set();
    }
}

#[test]
fn a_thread_that_belongs_to_a_task_names_it_without_a_processor() {
    let (_watchdog, runtime) = watched("who has that thread", builder(1).spare_processors(0));
    let go = Arc::new(Event::default());
    let (inside, locked) = (go.clone(), go.clone());
    let line = line!() + 1;
    let section = runtime.spawn(async move { blocking(|| inside.spin()) });
    let pinned = runtime.spawn(async move {
        let _thread = lock_os_thread();
        locked.wait().await;
    });
    let found = |state: MachineState| {
        let of = runtime.stats().machines.into_iter();
        of.filter(|machine| machine.state == state && machine.processor.is_none())
            .find_map(|m| m.spawned_at.map(|at| (m, at)))
    };
    until(|| found(MachineState::Blocked).is_some() && found(MachineState::Locked).is_some());
    let (machine, site) = found(MachineState::Blocked).unwrap();
    assert!(machine.task.is_some() && machine.locked_task.is_none(), "{machine:?}");
    assert_eq!((site.file(), site.line()), (file!(), line));
    let (machine, site) = found(MachineState::Locked).unwrap();
    assert!(machine.task.is_none() && machine.locked_task.is_some(), "{machine:?}");
    assert_eq!((site.file(), site.line()), (file!(), line + 1));
    let json = serde_json::to_value(&machine).unwrap();
    assert!(json["spawned_at"].as_str().unwrap().ends_with(&format!("sysmon.rs:{}", line + 1)), "{json}");
    go.set();
    runtime.block_on(section).unwrap();
    runtime.block_on(pinned).unwrap();
}

#[test]
fn a_spare_processor_stands_in_for_stuck_ones_and_retires() {
    for processors in [1, 2] {
        let (_watchdog, runtime) =
            watched("spare", builder(processors).slice(Duration::from_millis(1)).spare_processors(processors));
        for _ in 0..5 {
            let (started, go) = (Arc::new(AtomicUsize::new(0)), Arc::new(Event::default()));
            let hogs: Vec<_> = (0..processors)
                .map(|_| {
                    let (started, go) = (started.clone(), go.clone());
                    runtime.spawn(async move {
                        started.fetch_add(1, Ordering::SeqCst);
                        go.spin();
                    })
                })
                .collect();
            until(|| started.load(Ordering::SeqCst) == processors);
            // Every processor is stuck in a poll that waits for this.
            let rescue = runtime.spawn(async move { go.set() });
            runtime.block_on(rescue).unwrap();
            for hog in hogs {
                runtime.block_on(hog).unwrap();
            }
        }
        let stats = runtime.stats();
        assert!(stats.totals.counters.spare_starts >= 1, "{stats}");
        assert!(stats.totals.counters.long_polls >= stats.totals.counters.spare_starts, "{stats}");
        // Nobody is stuck any more: the spares go out of use, whether there is work or not.
        let out_of_use = || {
            let stats = runtime.stats();
            stats.processors[processors..].iter().all(|p| p.state == ProcessorState::Dead && p.machine.is_none())
        };
        until(out_of_use);
        runtime.block_on(async {
            let tasks: Vec<_> = (0..100).map(|_| spawn(yield_now())).collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
        // On a crowded machine a short poll may last, too, and have its spare; that one goes as well.
        until(out_of_use);
        at_rest(runtime.handle());
    }
}

#[test]
fn without_spares_nobody_stands_in() {
    let (_watchdog, runtime) = watched("no spare", builder(1).slice(Duration::from_millis(1)).spare_processors(0));
    let (go, ran) = (Arc::new(Event::default()), Arc::new(AtomicUsize::new(0)));
    let hog = {
        let (go, ran) = (go.clone(), ran.clone());
        runtime.spawn(async move {
            go.spin();
            ran.load(Ordering::SeqCst)
        })
    };
    let late = {
        let ran = ran.clone();
        runtime.spawn(async move { ran.fetch_add(1, Ordering::SeqCst) })
    };
    until(|| runtime.stats().totals.counters.long_polls >= 1);
    assert_eq!(ran.load(Ordering::SeqCst), 0);
    go.set();
    assert_eq!(runtime.block_on(hog).unwrap(), 0);
    runtime.block_on(late).unwrap();
}

#[test]
fn long_polls_are_recorded_with_their_task() {
    let (_watchdog, runtime) = watched("long poll", builder(2).slice(Duration::from_millis(1)));
    let go = Arc::new(Event::default());
    let inner = go.clone();
    let line = line!() + 1;
    let hog = runtime.spawn(async move { inner.spin() });
    let id = hog.id().to_string();
    until(|| !runtime.handle().long_polls().is_empty());
    let current = || runtime.stats().processors.iter().filter_map(|p| p.current_poll_ns).max();
    until(|| current() > Some(1_000_000));
    go.set();
    runtime.block_on(hog).unwrap();
    let polls = runtime.handle().long_polls();
    assert_eq!(polls.len(), 1, "{polls:?}");
    assert_eq!(polls[0].task.to_string(), id);
    assert!(polls[0].lasted >= Duration::from_millis(1), "{polls:?}");
    let site = polls[0].spawned_at.unwrap();
    assert!(site.file().ends_with("sysmon.rs"), "{site}");
    assert_eq!(site.line(), line);
}

#[test]
fn a_poll_within_its_slice_leaves_no_record() {
    let (_watchdog, runtime) = watched("short poll", builder(2).slice(Duration::from_secs(3600)));
    let go = Arc::new(Event::default());
    let inner = go.clone();
    let short = runtime.spawn(async move { inner.spin() });
    // Sysmon has looked at it, and more than once.
    let current = || runtime.stats().processors.iter().filter_map(|p| p.current_poll_ns).max();
    until(|| current() > Some(1_000_000));
    go.set();
    runtime.block_on(short).unwrap();
    assert!(runtime.handle().long_polls().is_empty());
    assert_eq!(runtime.stats().totals.counters.long_polls, 0);
}

#[test]
fn surplus_threads_end_after_the_keep_alive_time() {
    let (_watchdog, runtime) = watched("keep alive", builder(1).thread_keep_alive(Duration::from_millis(5)));
    let (inside, go) = (Arc::new(AtomicUsize::new(0)), Arc::new(Event::default()));
    let sections: Vec<_> = (0..6)
        .map(|_| {
            let (inside, go) = (inside.clone(), go.clone());
            runtime.spawn(async move {
                blocking(|| {
                    inside.fetch_add(1, Ordering::SeqCst);
                    go.spin();
                });
            })
        })
        .collect();
    until(|| inside.load(Ordering::SeqCst) == 6);
    let alive = || {
        let by_state = runtime.stats().totals.machines_by_state;
        by_state.sum() - by_state.dead - by_state.pool_idle - by_state.blocking_pool
    };
    assert!(alive() >= 6, "{}", runtime.stats());
    go.set();
    for section in sections {
        runtime.block_on(section).unwrap();
    }
    let closures: Vec<_> = (0..4).map(|_| runtime.spawn_blocking(|| ())).collect();
    for closure in closures {
        runtime.block_on(closure).unwrap();
    }
    // As many stay as there are processors, and whoever sits in the driver.
    until(|| alive() <= 2 && runtime.stats().totals.blocking_pool.threads == 0);
    runtime.block_on(async { spawn(sleep(Duration::from_millis(1))).await.unwrap() });
    at_rest(runtime.handle());
}

/// A driver that counts its turns, and has one event for whoever looks when it has been posted.
struct Postbox(ThreadDriver);

static POSTED: Event = Event::new();
static DELIVERED: Event = Event::new();

impl Driver for Postbox {
    fn turn(&mut self, timeout: Option<Duration>) -> io::Result<Turn> {
        let mut turn = self.0.turn(timeout)?;
        if POSTED.is_set() && !DELIVERED.is_set() {
            DELIVERED.set();
            turn.events += 1;
            turn.useful += 1;
        }
        Ok(turn)
    }

    fn unparker(&self) -> Arc<dyn Unpark> {
        self.0.unparker()
    }
}

impl MakeDriver for Postbox {
    fn make(_: usize, _: EventLimits) -> io::Result<Vec<Box<dyn Driver>>> {
        Ok(vec![Box::new(Self(ThreadDriver::new()))])
    }
}

#[test]
fn events_come_through_while_every_processor_is_stuck() {
    let watchdog = Watchdog::new("events");
    let runtime =
        Builder::<Postbox>::new_multi_thread().processors(2).spare_processors(0).enable_all().build().unwrap();
    watchdog.watch(runtime.handle());
    let stuck: Vec<_> = (0..2)
        .map(|i| {
            runtime.spawn(async move {
                POSTED.spin();
                DELIVERED.spin();
                i
            })
        })
        .collect();
    let waiter = runtime.spawn(async { DELIVERED.wait().await });
    POSTED.set();
    for (i, task) in stuck.into_iter().enumerate() {
        assert_eq!(runtime.block_on(task).unwrap(), i);
    }
    runtime.block_on(waiter).unwrap();
    // Who was told may be through before the one who told it has counted that.
    let counted = || {
        let counters = runtime.stats().totals.counters;
        (counters.io_events, counters.io_useful)
    };
    until(|| counted() >= (1, 1));
    assert_eq!(counted(), (1, 1), "{}", runtime.stats());
}

#[test]
fn sysmon_looks_for_events_unless_it_is_told_not_to() {
    for rescue in [true, false] {
        // One processor and one machine: while it is in a poll nobody else is there to look.
        let (_watchdog, runtime) = watched("the driver", builder(1).spare_processors(0).driver_rescue(rescue));
        let handle = runtime.handle().clone();
        let task = runtime.spawn(async move {
            let turns = || handle.stats().totals.counters.driver_turns;
            let before = turns();
            if rescue {
                until(|| turns() > before);
            } else {
                std::thread::sleep(Duration::from_millis(30));
                assert_eq!(turns(), before);
            }
        });
        runtime.block_on(task).unwrap();
    }
}

#[test]
fn an_idle_runtime_rests() {
    let (_watchdog, runtime) = watched("rest", &mut builder(4));
    runtime.block_on(async {
        let tasks: Vec<_> = (0..50).map(|_| spawn(yield_now())).collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    until(|| runtime.stats().totals.sysmon_asleep);
    let before = runtime.stats();
    std::thread::sleep(Duration::from_millis(100));
    let after = runtime.stats();
    let turns = after.totals.counters.driver_turns - before.totals.counters.driver_turns;
    let parks = after.totals.counters.parks - before.totals.counters.parks;
    // One look by each who was just on the way to sleep, at most, and one to keep the seat; not hundreds.
    assert!(turns <= 8 && parks <= 8, "{turns} turns, {parks} parks\n{after}");
    assert_eq!(after.totals.spinning, 0);
    // And wakes up.
    runtime.block_on(async { spawn(sleep(Duration::from_millis(2))).await.unwrap() });
}
