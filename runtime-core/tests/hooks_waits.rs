//! The hooks of waits and wakes: what they are told, in which order, as often as the counters count, and what becomes of it when
//! one of them spawns, blocks or panics.

mod support;

use gumption_core::driver::ThreadDriver;
use gumption_core::runtime::{Builder, TaskMeta};
use gumption_core::task::{Id, id, labels};
use gumption_core::time::{Duration, sleep};
use gumption_core::wait::WaitReason;
use gumption_core::{blocking, spawn, task, yield_now};
use std::collections::HashMap;
use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Poll;
use std::thread;
use support::{Event, Watchdog};

fn both(test: impl Fn(&mut Builder<ThreadDriver>)) {
    let _watchdog = Watchdog::new(thread::current().name().unwrap_or_default());
    test(Builder::new_multi_thread().worker_threads(3).enable_all());
    test(Builder::new_current_thread().enable_all());
}

/// What a hook was told of a task.
#[derive(Clone, Debug, PartialEq)]
enum Told {
    Spawned(Option<Id>),
    Polled,
    Blocked(WaitReason, u64),
    Woken(Option<Id>),
    Ended,
}
use Told::{Blocked, Ended, Polled, Spawned, Woken};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<HashMap<Id, Vec<Told>>>>);

impl Log {
    fn hook(
        &self,
        told: impl Fn(&TaskMeta<'_>) -> Told + Send + Sync + 'static,
    ) -> impl Fn(&TaskMeta<'_>) + 'static + Send + Sync {
        let log = self.clone();
        move |task| log.lock().entry(task.id()).or_default().push(told(task))
    }

    fn watch(&self, builder: &mut Builder<ThreadDriver>) {
        let block = |task: &TaskMeta<'_>| {
            assert_eq!(task.id(), id(), "it runs as the task");
            Blocked(task.wait_reason().unwrap(), task.wait_resource().unwrap())
        };
        builder
            .on_task_spawn(self.hook(|task| Spawned(task.spawned_by())))
            .on_before_task_poll(self.hook(|task| {
                assert_eq!((task.wait_reason(), task.woken_by(), task.spawned_by()), (None, None, None));
                Polled
            }))
            .on_task_block(self.hook(block))
            .on_task_wake(self.hook(|task| Woken(task.woken_by())))
            .on_task_terminate(self.hook(|_| Ended));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Id, Vec<Told>>> {
        self.0.lock().unwrap()
    }
}

#[test]
fn a_wait_is_told_with_its_reason_and_a_wake_with_who_woke() {
    both(|builder| {
        let log = Log::default();
        log.watch(builder);
        let runtime = builder.build().unwrap();
        let (joiner, joined) = runtime.block_on(async {
            let joiner = spawn(async {
                let event = Arc::new(Event::default());
                let wait = event.clone();
                let joined = spawn(async move { wait.wait().await });
                let (joined_id, mut joined) = (joined.id(), joined);
                // Its end comes after we said that we wait for it.
                poll_fn(|cx| {
                    let polled = std::pin::Pin::new(&mut joined).poll(cx);
                    event.set();
                    polled
                })
                .await
                .unwrap();
                yield_now().await;
                sleep(Duration::from_millis(1)).await;
                (id(), joined_id)
            });
            joiner.await.unwrap()
        });
        drop(runtime);
        let log = log.lock();
        let join = Blocked(WaitReason::Join, joined.as_u64());
        let told = &log[&joiner];
        // The joined task may end while its joiner's poll is not over: then nobody is named.
        assert!([Woken(Some(joined)), Woken(None)].contains(&told[3]), "{told:?}");
        assert_eq!(told[..3], [Spawned(None), Polled, join]);
        assert_eq!(told[4..8], [Polled, Blocked(WaitReason::Yield, 0), Woken(None), Polled]);
        // On a machine that stands still for long enough the sleep is over before it begins.
        let slept = matches!(told[8..], [Blocked(WaitReason::Sleep, _), Woken(None), Polled, Ended] | [Ended]);
        assert!(slept, "{told:?}");
        assert_eq!(log[&joined][0], Spawned(Some(joiner)));
    });
}

/// A storm of yields, joins and sleeps: each task's life in order, and all of them together as many as were counted.
#[test]
fn each_life_is_in_order_and_the_counts_are_the_counters() {
    both(|builder| {
        let log = Log::default();
        log.watch(builder);
        let runtime = builder.build().unwrap();
        runtime.block_on(async {
            let tasks: Vec<_> = (0..20)
                .map(|n: u64| {
                    spawn(async move {
                        for step in 0..10 {
                            match (n + step) % 3 {
                                0 => yield_now().await,
                                1 => spawn(yield_now()).await.unwrap(),
                                _ => sleep(Duration::from_micros(50)).await,
                            }
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
        let handle = runtime.handle().clone();
        drop(runtime);
        let (mut blocks, mut wakes) = (0, 0);
        for told in log.lock().values() {
            let [Spawned(_), waits @ .., Polled, Ended] = &told[..] else { panic!("{told:?}") };
            for wait in waits.chunks(3) {
                assert!(matches!(wait, [Polled, Blocked(..), Woken(_)]), "{told:?}");
                blocks += 1;
                wakes += 1;
            }
        }
        let stats = handle.stats();
        if stats.config.counters {
            let counted = stats.totals.counters;
            assert_eq!(blocks, counted.polls - counted.completed);
            assert_eq!(wakes, counted.wakes_local + counted.wakes_remote + counted.wakes_self);
        }
    });
}

#[test]
fn hooks_are_told_the_labels() {
    both(|builder| {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let note = |what: &'static str| {
            let seen = seen.clone();
            move |task: &TaskMeta<'_>| {
                let labels = task.labels().map_or_else(String::new, |set| set.to_string());
                seen.lock().unwrap().push((what, labels));
            }
        };
        builder.on_task_spawn(note("spawn")).on_task_block(note("block"));
        let runtime = builder.build().unwrap();
        let built = || task::Builder::new().label("a", "1").spawn_on(yield_now(), runtime.handle()).unwrap();
        runtime.block_on(built()).unwrap();
        runtime
            .block_on(runtime.spawn(async {
                labels::set("b", "2");
                spawn(async {}).await.unwrap();
            }))
            .unwrap();
        drop(runtime);
        let seen = seen.lock().unwrap();
        for wanted in [("spawn", r#"a="1""#), ("block", r#"a="1""#), ("spawn", ""), ("spawn", r#"b="2""#)] {
            assert!(seen.iter().any(|(what, labels)| (*what, &**labels) == wanted), "{wanted:?} of {seen:?}");
        }
    });
}

#[test]
fn a_wake_hook_may_spawn_wake_and_block() {
    both(|builder| {
        let spawned = Arc::new(AtomicUsize::new(0));
        let (count, hook_ran) = (spawned.clone(), AtomicBool::new(false));
        let event = Arc::new(Event::default());
        let wakes = event.clone();
        builder.on_task_wake(move |_| {
            if !hook_ran.swap(true, Ordering::SeqCst) {
                let count = count.clone();
                spawn(async move { count.fetch_add(1, Ordering::SeqCst) });
                blocking(|| thread::sleep(Duration::from_millis(2)));
                wakes.set();
            }
        });
        let runtime = builder.build().unwrap();
        runtime.block_on(async {
            let waits = spawn(async move { event.wait().await });
            // Most often fired among the timers, in which case nothing is made of the other.
            spawn(sleep(Duration::from_millis(5))).await.unwrap();
            spawn(yield_now()).await.unwrap();
            waits.await.unwrap();
            while spawned.load(Ordering::SeqCst) == 0 {
                yield_now().await;
            }
        });
        let handle = runtime.handle().clone();
        drop(runtime);
        assert!(handle.stats().conservation().is_empty(), "{:?}", handle.stats().conservation());
    });
}

#[test]
fn a_panic_of_a_block_hook_comes_out_of_a_single_block_on_and_loses_no_task() {
    let _watchdog = Watchdog::new("a panic of a block hook");
    let panics = Arc::new(AtomicBool::new(true));
    let runtime = Builder::<ThreadDriver>::new_current_thread()
        .on_task_block(move |_| assert!(!panics.swap(false, Ordering::SeqCst), "not now"))
        .build()
        .unwrap();
    let task = runtime.spawn(async {
        yield_now().await;
        7
    });
    let unwound = catch_unwind(AssertUnwindSafe(|| runtime.block_on(pending::<()>())));
    assert_eq!(unwound.unwrap_err().downcast_ref::<&str>(), Some(&"not now"));
    assert_eq!(runtime.block_on(task).unwrap(), 7, "the task goes on");
    let handle = runtime.handle().clone();
    drop(runtime);
    assert!(handle.stats().conservation().is_empty(), "{:?}", handle.stats().conservation());
}

/// Runs itself in a process of its own, which ends by it.
#[test]
fn a_panic_of_a_wake_hook_ends_the_process() {
    const CHILD: &str = "GUMPTION_TEST_WAKE_HOOK_PANICS";
    if std::env::var_os(CHILD).is_some() {
        let mut builder = Builder::<ThreadDriver>::new_current_thread();
        let runtime = builder.on_task_wake(|_| panic!("as it should")).build().unwrap();
        return runtime.block_on(runtime.spawn(yield_now())).unwrap();
    }
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_panic_of_a_wake_hook_ends_the_process", "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stderr);
    assert!(!child.status.success() && said.contains("a hook that is told of wakes panicked"), "{said}");
}

/// A waker that is called in the driver's turn, of a future that is no task, is no task's wake.
#[test]
fn a_future_that_is_no_task_is_not_told_of() {
    both(|builder| {
        let log = Log::default();
        log.watch(builder);
        let runtime = builder.build().unwrap();
        runtime.block_on(async {
            sleep(Duration::from_millis(1)).await;
            let mut woken = false;
            poll_fn(|cx| {
                cx.waker().wake_by_ref();
                if std::mem::replace(&mut woken, true) { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        });
        drop(runtime);
        assert!(log.lock().is_empty(), "{:?}", log.lock());
    });
}
