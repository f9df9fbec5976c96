//! Hooks: that each is called when its documentation says so, as often, on the right thread and in the runtime's context; that
//! what a hook does (spawn, wake, block, panic) breaks nothing; and the other switches of the builder that tokio has.

mod support;

use gumption_core::driver::ThreadDriver;
use gumption_core::runtime::{Builder, Handle, RngSeed, Runtime, TaskMeta, UnhandledPanic};
use gumption_core::time::{Duration, sleep};
use gumption_core::{block_in_place, blocking, spawn, spawn_blocking, task, yield_now};
use std::collections::{HashMap, HashSet};
use std::future::{pending, poll_fn};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::task::Poll;
use std::thread::{self, ThreadId};
use support::{Event, Watchdog, message};

fn multi(processors: usize) -> Builder<ThreadDriver> {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(processors).enable_all();
    builder
}

fn single() -> Builder<ThreadDriver> {
    let mut builder = Builder::new_current_thread();
    builder.enable_all();
    builder
}

fn both(test: impl Fn(&mut Builder<ThreadDriver>)) {
    let _watchdog = Watchdog::new(thread::current().name().unwrap_or_default());
    test(&mut multi(2));
    test(&mut single());
}

/// What hooks were told, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<(&'static str, task::Id)>>>);

impl Log {
    fn hook(&self, what: &'static str) -> impl Fn(&TaskMeta<'_>) + Send + Sync + 'static {
        let log = self.clone();
        move |task| {
            assert_eq!(task.spawned_at().file(), file!());
            log.0.lock().unwrap().push((what, task.id()));
        }
    }

    fn of(&self, id: task::Id) -> Vec<&'static str> {
        self.0.lock().unwrap().iter().filter(|(_, told)| *told == id).map(|(what, _)| *what).collect()
    }

    fn watch(&self, builder: &mut Builder<ThreadDriver>) {
        builder
            .on_task_spawn(self.hook("spawn"))
            .on_before_task_poll(self.hook("before"))
            .on_after_task_poll(self.hook("after"))
            .on_task_terminate(self.hook("end"));
    }
}

#[test]
fn a_task_is_told_of_from_its_spawn_to_its_end() {
    both(|builder| {
        let log = Log::default();
        log.watch(builder);
        let runtime = builder.build().unwrap();
        let yields = runtime.spawn(async { yield_now().await });
        let panics = runtime.spawn(async { panic!("as it should") });
        let waits = runtime.spawn(pending::<()>());
        let ids = [yields.id(), panics.id(), waits.id()];
        let inner = runtime.block_on(async {
            yields.await.unwrap();
            assert!(panics.await.unwrap_err().is_panic());
            // From inside, where it goes another way.
            spawn(async { spawn(async {}).id() }).await.unwrap()
        });
        drop(runtime);
        assert_eq!(log.of(ids[0]), ["spawn", "before", "after", "before", "after", "end"]);
        assert_eq!(log.of(ids[1]), ["spawn", "before", "after", "end"]);
        let waited = log.of(ids[2]);
        assert!(waited == ["spawn", "before", "after", "end"] || waited == ["spawn", "end"], "{waited:?}");
        let inner = log.of(inner);
        assert_eq!((inner.first(), inner.last()), (Some(&"spawn"), Some(&"end")), "{inner:?}");
    });
}

#[test]
fn an_aborted_task_and_one_of_a_dead_runtime_end_too() {
    both(|builder| {
        let log = Log::default();
        log.watch(builder);
        let runtime = builder.build().unwrap();
        let waits = runtime.spawn(pending::<()>());
        waits.abort();
        let aborted = waits.id();
        assert!(runtime.block_on(waits).unwrap_err().is_cancelled());
        let handle = runtime.handle().clone();
        drop(runtime);
        assert_eq!(log.of(aborted).last(), Some(&"end"));
        let late = handle.spawn(async {});
        assert_eq!(log.of(late.id()), ["spawn", "end"]);
        let closure = handle.spawn_blocking(|| ());
        assert_eq!(log.of(closure.id()), ["end"], "as in tokio");
    });
}

#[test]
fn a_closure_ends_but_is_not_spawned() {
    both(|builder| {
        let log = Log::default();
        log.watch(builder);
        let runtime = builder.build().unwrap();
        let closure = runtime.spawn_blocking(|| ());
        let id = closure.id();
        runtime.block_on(closure).unwrap();
        drop(runtime);
        assert_eq!(log.of(id), ["end"]);
    });
}

#[test]
fn a_spawn_hook_may_spawn_and_block() {
    both(|builder| {
        let spawned = Arc::new(AtomicUsize::new(0));
        let count = spawned.clone();
        builder.on_task_spawn(move |_| {
            // Once for each task of the user's: not for our own.
            if count.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) {
                blocking(|| thread::sleep(Duration::from_millis(2)));
                spawn(async {});
            }
        });
        let runtime = builder.build().unwrap();
        let _entered = runtime.enter();
        runtime.block_on(async {
            spawn(async {
                for _ in 0..5 {
                    spawn(async { yield_now().await }).await.unwrap();
                }
            })
            .await
            .unwrap();
        });
        assert_eq!(spawned.load(Ordering::SeqCst), 12);
    });
}

#[test]
fn a_panic_of_the_spawn_hook_comes_out_of_the_spawn() {
    both(|builder| {
        let runtime = builder.on_task_spawn(|_| panic!("no more tasks")).build().unwrap();
        let kept = Arc::new(());
        let inside = kept.clone();
        assert_eq!(message(|| drop(runtime.spawn(async move { drop(inside) }))), "no more tasks");
        assert_eq!(Arc::strong_count(&kept), 1, "the future is dropped");
        let inside = kept.clone();
        let from_block_on = || runtime.block_on(async { drop(spawn(async move { drop(inside) })) });
        assert_eq!(message(from_block_on), "no more tasks");
        assert_eq!(Arc::strong_count(&kept), 1);
        assert_eq!(runtime.metrics().num_alive_tasks(), 0);
    });
}

#[test]
fn a_panic_of_a_poll_hook_comes_out_of_a_single_block_on_and_loses_no_task() {
    let _watchdog = Watchdog::new("a panic of a poll hook");
    for before in [true, false] {
        let panics = Arc::new(AtomicBool::new(true));
        let once = panics.clone();
        let hook = move |_: &TaskMeta<'_>| assert!(!once.swap(false, Ordering::SeqCst), "not now");
        let mut builder = single();
        if before {
            builder.on_before_task_poll(hook);
        } else {
            builder.on_after_task_poll(hook);
        }
        let runtime = builder.build().unwrap();
        let task = runtime.spawn(async {
            yield_now().await;
            7
        });
        assert_eq!(message(|| runtime.block_on(pending::<()>())), "not now");
        assert_eq!(runtime.block_on(task).unwrap(), 7, "the task goes on");
    }
}

#[test]
fn threads_start_before_work_and_stop_before_the_end() {
    let _watchdog = Watchdog::new("threads start and stop");
    for (processors, closures) in [(1, 1), (3, 2)] {
        let threads = Arc::new(Mutex::new(HashMap::<ThreadId, Vec<&str>>::new()));
        let note = |what: &'static str| {
            let threads = threads.clone();
            move || {
                assert!(Handle::try_current().is_ok(), "in the runtime's context");
                threads.lock().unwrap().entry(thread::current().id()).or_default().push(what);
            }
        };
        let mut builder = multi(processors);
        let runtime = builder.on_thread_start(note("start")).on_thread_stop(note("stop")).build().unwrap();
        while threads.lock().unwrap().len() < processors {
            thread::yield_now();
        }
        let ids: HashSet<_> = runtime.block_on(async {
            let gate = Arc::new(std::sync::Barrier::new(closures));
            let closure = || {
                let gate = gate.clone();
                spawn_blocking(move || {
                    gate.wait();
                    thread::current().id()
                })
            };
            let mut ids = HashSet::new();
            for closure in (0..closures).map(|_| closure()).collect::<Vec<_>>() {
                ids.insert(closure.await.unwrap());
            }
            ids.insert(spawn(async { thread::current().id() }).await.unwrap());
            ids
        });
        drop(runtime);
        let threads = threads.lock().unwrap();
        assert!(threads.len() >= processors + closures, "{threads:?}");
        assert!(ids.iter().all(|id| threads.contains_key(id)), "who ran something had started");
        assert!(threads.values().all(|told| *told == ["start", "stop"]), "{threads:?}");
    }
}

#[test]
fn a_single_runtime_has_no_threads_but_those_of_closures() {
    let started = Arc::new(AtomicUsize::new(0));
    let count = started.clone();
    let runtime = single().on_thread_start(move || assert!(count.fetch_add(1, Ordering::SeqCst) < 1)).build().unwrap();
    runtime.block_on(async { spawn(async {}).await.unwrap() });
    assert_eq!(started.load(Ordering::SeqCst), 0);
    runtime.block_on(runtime.spawn_blocking(|| ())).unwrap();
    assert_eq!(started.load(Ordering::SeqCst), 1);
}

#[test]
fn parks_and_unparks_come_in_pairs() {
    both(|builder| {
        let parked = Arc::new(Mutex::new(HashMap::<ThreadId, isize>::new()));
        let note = |by: isize| {
            let parked = parked.clone();
            move || {
                let mut parked = parked.lock().unwrap();
                let depth = parked.entry(thread::current().id()).or_default();
                *depth += by;
                assert!((0..=1).contains(depth), "a park in a park");
            }
        };
        let runtime = builder.on_thread_park(note(1)).on_thread_unpark(note(-1)).build().unwrap();
        // A sleep that is over at once lets nobody rest.
        while parked.lock().unwrap().is_empty() {
            runtime.block_on(async { spawn(sleep(Duration::from_millis(2))).await.unwrap() });
        }
        for _ in 0..3 {
            runtime.block_on(async { spawn(sleep(Duration::from_millis(2))).await.unwrap() });
        }
        drop(runtime);
        let parked = parked.lock().unwrap();
        assert!(!parked.is_empty(), "somebody slept");
        assert!(parked.values().all(|depth| *depth == 0), "{parked:?}");
    });
}

#[test]
fn what_a_park_hook_spawns_or_wakes_is_seen() {
    both(|builder| {
        let (event, spawned) = (Arc::new(Event::default()), Arc::new(AtomicBool::new(false)));
        let hook = {
            let (event, spawned) = (event.clone(), spawned.clone());
            move || {
                if !spawned.swap(true, Ordering::SeqCst) {
                    let event = event.clone();
                    spawn(async move { event.set() });
                }
            }
        };
        let runtime = builder.on_thread_park(hook).build().unwrap();
        // Nobody else can set it, and a machine of a multi-thread runtime has to run to go to sleep.
        drop(runtime.spawn(async {}));
        runtime.block_on(event.wait());
        assert!(spawned.load(Ordering::SeqCst));
    });
}

/// tokio#8212: bursts of `block_on` whose future the hook wakes each time.
#[test]
fn a_park_hook_that_always_wakes_keeps_no_timer_from_firing() {
    let _watchdog = Watchdog::new("bursts");
    let waker = Arc::new(Mutex::new(None::<std::task::Waker>));
    let hook = {
        let waker = waker.clone();
        move || {
            if let Some(waker) = waker.lock().unwrap().take() {
                waker.wake();
            }
        }
    };
    let runtime = single().on_thread_park(hook).build().unwrap();
    let slept = runtime.spawn(async { sleep(Duration::from_millis(1)).await });
    while !slept.is_finished() {
        let mut polls = 0;
        runtime.block_on(poll_fn(|cx| {
            polls += 1;
            if polls > 1 {
                return Poll::Ready(());
            }
            *waker.lock().unwrap() = Some(cx.waker().clone());
            Poll::Pending
        }));
    }
}

#[test]
fn a_panic_of_a_park_hook_leaves_a_runtime_that_works() {
    let _watchdog = Watchdog::new("a panic of a park hook");
    let panics = Arc::new(AtomicBool::new(true));
    let once = panics.clone();
    let runtime =
        single().on_thread_park(move || assert!(!once.swap(false, Ordering::SeqCst), "no rest")).build().unwrap();
    assert_eq!(message(|| runtime.block_on(pending::<()>())), "no rest");
    let handle = runtime.handle().clone();
    let other = thread::spawn(move || handle.spawn(async { 5 }));
    let task = other.join().unwrap();
    runtime.block_on(async {
        sleep(Duration::from_millis(1)).await;
        assert_eq!(task.await.unwrap(), 5);
    });
}

#[test]
fn names_are_as_said() {
    let names = |builder: &mut Builder<ThreadDriver>| {
        let runtime = builder.build().unwrap();
        let name = || thread::current().name().unwrap_or_default().to_owned();
        let names = [runtime.spawn(async move { name() }), runtime.spawn_blocking(name)];
        names.map(|name| runtime.block_on(name).unwrap())
    };
    assert_eq!(names(multi(2).thread_name("mine")), ["mine", "mine"]);
    let counted = AtomicUsize::new(0);
    let made = names(multi(1).thread_name_fn(move || format!("t{}", counted.fetch_add(1, Ordering::SeqCst))));
    assert_eq!(HashSet::from(made), HashSet::from(["t0".to_owned(), "t1".to_owned()]));
    let [machine, blocking] = names(&mut multi(1));
    assert!(machine.starts_with("gumption-m") && blocking.starts_with("gumption-m-blocking"), "{machine} {blocking}");
    assert_eq!(multi(1).name("billing").build().unwrap().handle().name(), Some("billing"));
    assert_eq!(multi(1).build().unwrap().handle().name(), None);
    assert_eq!(message(|| drop(multi(1).name(" ").build())), "runtime name shouldn't be empty");
}

#[test]
fn without_time_a_timer_says_what_is_missing() {
    let runtime = Builder::<ThreadDriver>::new_current_thread().enable_io().build().unwrap();
    let said = message(|| runtime.block_on(async { sleep(Duration::ZERO).await }));
    assert!(said.contains("timers are disabled. Call `enable_time`"), "{said}");
}

#[test]
fn an_unhandled_panic_ends_the_runtime_if_told_to() {
    let _watchdog = Watchdog::new("unhandled panic");
    let ends = "a spawned task panicked and the runtime is configured to shut down on unhandled panic";
    let runtime = Arc::new(single().unhandled_panic(UnhandledPanic::ShutdownRuntime).build().unwrap());
    let (entered, both_in) = mpsc::channel();
    let callers: Vec<_> = (0..2)
        .map(|_| {
            let (runtime, entered) = (runtime.clone(), entered.clone());
            thread::spawn(move || {
                message(|| {
                    runtime.block_on(async {
                        entered.send(()).unwrap();
                        pending::<()>().await;
                    });
                })
            })
        })
        .collect();
    (0..2).for_each(|_| both_in.recv().unwrap());
    let waits = runtime.spawn(pending::<()>());
    drop(runtime.spawn(async { panic!("boom") }));
    for caller in callers {
        assert_eq!(caller.join().unwrap(), ends);
    }
    let late = runtime.spawn(async {});
    let other = single().build().unwrap();
    assert!(other.block_on(late).unwrap_err().is_cancelled());
    assert!(other.block_on(waits).unwrap_err().is_cancelled());
    let several = message(|| drop(multi(2).unhandled_panic(UnhandledPanic::ShutdownRuntime).build()));
    assert_eq!(several, "UnhandledPanic::ShutdownRuntime is only supported in current thread runtime");
}

#[test]
fn a_seed_makes_choices_that_come_again() {
    let choices = || {
        let runtime = single().rng_seed(RngSeed::from_bytes(b"the same")).build().unwrap();
        [0, 1].map(|_| runtime.block_on(async { [0; 8].map(|_| gumption_core::thread_rng_n(1_000)) }))
    };
    let [first, second] = choices();
    assert_eq!(choices(), [first, second]);
    assert_ne!(first, second);
}

#[test]
fn guards_are_dropped_in_the_reverse_order() {
    let (one, other) = (single().build().unwrap(), single().build().unwrap());
    let interleaved = message(|| {
        let first = one.enter();
        let second = other.enter();
        drop(first);
        drop(second);
    });
    assert!(interleaved.contains("dropped out of order"), "{interleaved}");
    // On a thread whose guards are gone one may enter again.
    let second = {
        let _first = one.enter();
        let _second = other.enter();
        Handle::current().id()
    };
    assert_eq!(second, other.handle().id());
    let in_time = thread::spawn(move || {
        let guard = other.enter();
        std::mem::forget(guard);
        // The runtime that was entered is kept, because leaves still find it.
        drop(other.handle().spawn(async {}));
        assert_eq!(Handle::current().id(), other.handle().id());
    });
    in_time.join().unwrap();
}

#[test]
fn an_ending_thread_says_that_it_ends() {
    static SAID: OnceLock<(bool, String)> = OnceLock::new();
    struct Asks;
    impl Drop for Asks {
        fn drop(&mut self) {
            if let Err(error) = Handle::try_current() {
                let _first = SAID.set((error.is_thread_local_destroyed(), error.to_string()));
            }
        }
    }
    thread_local! {
        static ASKS: Asks = const { Asks };
    }
    // Made before the runtime's own, so dropped after it.
    let thread = thread::spawn(|| {
        ASKS.with(|_| ());
        drop(single().build().unwrap().enter());
    });
    thread.join().unwrap();
    let (ends, said) = SAID.get().expect("the destructor asked");
    assert!(*ends, "{said}");
    assert!(said.contains("thread-local variable has been destroyed"), "{said}");
}

#[test]
fn a_worker_has_an_index_only_where_it_runs_tasks() {
    use gumption_core::runtime::worker_index;
    assert_eq!(worker_index(), None);
    let runtime: Runtime = multi(2).build().unwrap();
    assert_eq!(runtime.block_on(async { worker_index() }), None);
    assert_eq!(runtime.block_on(runtime.spawn_blocking(worker_index)).unwrap(), None);
    let (inside, section) =
        runtime.block_on(runtime.spawn(async { (worker_index(), block_in_place(worker_index)) })).unwrap();
    assert!(inside.is_some_and(|index| index < 4), "{inside:?}");
    assert_eq!(section, None);
    let runtime = single().build().unwrap();
    assert_eq!(runtime.block_on(async { worker_index() }), Some(0));
    assert_eq!(runtime.handle().block_on(async { worker_index() }), None);
}

#[test]
fn a_guard_may_outlive_its_runtime() {
    {
        let runtime = single().build().unwrap();
        let _guard = runtime.enter();
        runtime.shutdown_timeout(Duration::MAX);
        assert!(spawn(async {}).is_finished(), "cancelled at once");
    }
    assert!(Handle::try_current().is_err());
}

#[test]
fn an_ending_thread_finds_no_runtime_that_is_gone() {
    static SAID: OnceLock<String> = OnceLock::new();
    struct Sleeps;
    impl Drop for Sleeps {
        fn drop(&mut self) {
            let _first = SAID.set(message(|| drop(sleep(Duration::ZERO))));
        }
    }
    thread_local! {
        static SLEEPS: Sleeps = const { Sleeps };
    }
    let thread = thread::spawn(|| {
        SLEEPS.with(|_| ());
        let runtime = single().build().unwrap();
        std::mem::forget(runtime.enter());
    });
    thread.join().unwrap();
    assert!(SAID.get().expect("the destructor slept").contains("there is no reactor running"));
}

#[test]
fn one_of_several_that_block_has_an_index() {
    use gumption_core::runtime::worker_index;
    let _watchdog = Watchdog::new("who has an index");
    let runtime = Arc::new(single().build().unwrap());
    let (entered, release) = (Arc::new(Event::default()), Arc::new(Event::default()));
    let first = {
        let (runtime, entered, release) = (runtime.clone(), entered.clone(), release.clone());
        thread::spawn(move || {
            runtime.block_on(async move {
                entered.set();
                release.wait().await;
                worker_index()
            })
        })
    };
    entered.spin();
    let task = async { spawn(async { worker_index() }).await.unwrap() };
    assert_eq!(runtime.block_on(async { (worker_index(), task.await) }), (None, Some(0)));
    release.set();
    assert_eq!(first.join().unwrap(), Some(0));
    assert_eq!(runtime.block_on(async { worker_index() }), Some(0), "the other has gone");
}

#[test]
fn a_future_that_panics_is_dropped_while_its_thread_panics() {
    struct Asks(mpsc::Sender<bool>);
    impl Drop for Asks {
        fn drop(&mut self) {
            self.0.send(thread::panicking()).unwrap();
            panic!("a second one, which nobody hears of");
        }
    }
    both(|builder| {
        let (asked, answer) = mpsc::channel();
        let asks = Asks(asked);
        let runtime = builder.build().unwrap();
        let task = runtime.spawn(poll_fn(move |_| -> Poll<()> {
            let _kept = &asks;
            panic!("the first one")
        }));
        let panic = runtime.block_on(task).unwrap_err().into_panic();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"the first one"));
        assert!(answer.recv().unwrap());
    });
}
