//! The futures that `block_on` polls: in dumps, and in nothing that is of tasks. What is proven of them: `mains_proven.rs`.

#[path = "support/mains.rs"]
mod support;
#[path = "support/until.rs"]
mod until;

use std::any::Any;
use std::collections::HashSet;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use gumption::introspect::Inspect;
use gumption::introspect::dump::text::{Shape, Text};
use gumption::introspect::dump::{Dump, Level, Options, RuntimeDump, State};
use gumption::runtime::{Builder, Handle, LocalOptions, UnhandledPanic};
use gumption::sync::{Mutex, Notify, Semaphore, mpsc, oneshot};
use gumption::task::{self, LocalSet};
use gumption::time::{Duration, sleep};
use support::{CALLED_AT, blocks, current_thread, mains, multi_thread, until_main_waits};
use until::{PATIENCE, until, until_some};

#[test]
fn a_main_tells_what_it_waits_for_since_when_and_where() {
    let runtime = multi_thread();
    let handle = runtime.handle().clone();
    let mutex = Arc::new(Mutex::new(()));
    let held = mutex.clone().try_lock_owned().expect("nobody has it");
    let waits = mutex.clone();
    let thread = blocks("the main", &handle, || async move { drop(waits.lock().await) });
    let first = until_main_waits(&handle, "sync.Mutex.Lock");
    assert_eq!(first.state, State::Waiting);
    assert_eq!((first.spawned_at.file.as_ref(), first.spawned_at.line), CALLED_AT);
    assert!(first.type_name.contains("a_main_tells_what_it_waits_for"), "{}", first.type_name);
    assert_eq!((first.wakers, first.machine, first.labels.len()), (1, None, 0));
    let told = first.thread.clone().expect("it has a thread");
    assert_eq!(told.name.as_deref(), Some("the main"));
    assert!(told.id != 0 || cfg!(not(target_os = "linux")));
    let wait = first.wait.clone().expect("it waits");
    let facts = wait.facts.clone().expect("it is a mutex of ours");
    assert_eq!((facts.id, facts.kind.as_str(), facts.waiters), (wait.resource, "mutex", 1));

    // The same wait, which is older.
    until("an older wait", || {
        let again = until_main_waits(&handle, "sync.Mutex.Lock").wait.expect("it waits");
        assert_eq!((again.since, again.resource), (wait.since, wait.resource));
        again.age_ns > wait.age_ns
    });

    let dump = handle.dump(Level::Tasks);
    assert_eq!((dump.live, dump.tasks.len(), dump.mains.len()), (0, 0, 1), "it is no task");
    let text = dump.to_string();
    let header = format!(" (block_on) on thread \"the main\" tid {}:\n", told.id);
    assert!(text.contains(&format!("task {} [sync.Mutex.Lock, ", first.id)) && text.contains(&header), "{text}");
    assert!(text.contains(&format!("block_on called at {}:{}", CALLED_AT.0, CALLED_AT.1)), "{text}");
    assert!(text.contains("waits for mutex "), "{text}");

    let groups = handle.dump(Level::Groups);
    assert_eq!((groups.live, groups.groups.len(), groups.mains.len()), (0, 0, 1));
    assert!(groups.to_string().contains(&header), "{groups}");

    drop(held);
    thread.join().expect("it ends");
    assert!(mains(&handle).is_empty(), "it is over");
}

#[test]
fn each_kind_of_wait_is_told() {
    let runtime = multi_thread();
    let handle = runtime.handle().clone();
    let (release, mut released) = mpsc::channel::<()>(1);
    let (value, valued) = oneshot::channel::<()>();
    let notify = Arc::new(Notify::new());
    let permits = Arc::new(Semaphore::new(0));
    let (joins, notified, acquires) = (handle.spawn(valued), notify.clone(), permits.clone());
    let joined = joins.id().as_u64();
    let thread = blocks("waits", &handle, move || async move {
        sleep(Duration::from_secs(86_400 * 365)).await;
        unreachable!("nobody waits for a year");
    });
    drop(thread);
    until_main_waits(&handle, "sleep");
    // That one stays; the others come and go beside it.
    let other = |reason: &str| {
        until_some(reason, || {
            mains(&handle).into_iter().find(|main| main.wait.as_ref().is_some_and(|wait| wait.reason == reason))
        })
    };
    let thread = blocks("waits", &handle, move || async move {
        assert_eq!(released.recv().await, Some(()));
        notified.notified().await;
        drop(acquires.acquire().await);
        joins.await.expect("it is not aborted").expect("it is sent");
    });
    let id = other("chan receive").id;
    handle.block_on(release.send(())).expect("it is there");
    assert_eq!(other("notify").id, id, "one `block_on` is one entry");
    notify.notify_one();
    assert_eq!(other("semacquire").id, id);
    permits.add_permits(1);
    let joins = other("join");
    assert_eq!((joins.id, joins.wait.as_ref().map(|wait| wait.resource)), (id, Some(joined)));
    assert!(joins.polls >= 4 || joins.polls == 0, "each wait was a poll: {}", joins.polls);
    value.send(()).expect("somebody waits");
    thread.join().expect("it ends");
    assert_eq!(mains(&handle).len(), 1);
}

#[test]
fn several_threads_are_several_mains() {
    const THREADS: usize = 8;
    let runtime = multi_thread();
    let handle = runtime.handle().clone();
    let notify = Arc::new(Notify::new());
    let threads: Vec<_> = (0..THREADS)
        .map(|number| {
            let notify = notify.clone();
            blocks(&format!("main {number}"), &handle, || async move { notify.notified().await })
        })
        .collect();
    let waiting = until_some("all of them wait", || {
        let mains = mains(&handle);
        let all = mains.len() == THREADS && mains.iter().all(|main| main.state == State::Waiting);
        all.then_some(mains)
    });
    let ids: HashSet<u64> = waiting.iter().map(|main| main.id).collect();
    let threads_told: HashSet<_> = waiting.iter().map(|main| main.thread.clone().map(|thread| thread.name)).collect();
    assert_eq!((ids.len(), threads_told.len()), (THREADS, THREADS));
    assert!(waiting.is_sorted_by_key(|main| main.id));
    // Two are done, the others wait on.
    notify.notify_one();
    notify.notify_one();
    until("two are gone", || mains(&handle).len() == THREADS - 2);
    notify.notify_waiters();
    threads.into_iter().for_each(|thread| thread.join().expect("it ends"));
    assert!(mains(&handle).is_empty());
}

#[test]
fn a_main_that_is_polled_runs_and_one_that_has_ended_is_gone_however_it_ended() {
    let runtime = multi_thread();
    let handle = runtime.handle().clone();
    let own = runtime.block_on(async {
        let mains = mains(&handle);
        assert_eq!((mains.len(), mains[0].state, &mains[0].wait), (1, State::Running, &None));
        assert_eq!(mains[0].thread.as_ref().and_then(|thread| thread.name.as_deref()), thread::current().name());
        mains[0].id
    });
    assert!(mains(&handle).is_empty());
    for runtime in [runtime, current_thread()] {
        let payload: Box<dyn Any + Send> = catch_unwind(AssertUnwindSafe(|| {
            runtime.block_on(async {
                task::yield_now().await;
                assert_eq!(mains(runtime.handle()).len(), 1);
                std::panic::panic_any("that is what it says");
            })
        }))
        .expect_err("it panics");
        assert_eq!(payload.downcast_ref(), Some(&"that is what it says"));
        assert!(mains(runtime.handle()).is_empty());
        let next = runtime.block_on(async { mains(runtime.handle())[0].id });
        assert_ne!(next, own, "no id is used twice");
    }
}

#[test]
fn on_a_current_thread_runtime_the_main_is_seen_from_its_tasks_and_from_elsewhere() {
    // A task of the runtime that is current.
    fn looks(handle: &Handle) -> task::JoinHandle<()> {
        let handle = handle.clone();
        task::spawn(async move {
            let main = until_main_waits(&handle, "join");
            assert_eq!(main.thread.and_then(|thread| thread.name).as_deref(), thread::current().name());
            let elsewhere = thread::spawn(move || until_main_waits(&handle, "join").id);
            assert_eq!(elsewhere.join().expect("it sees it, too"), main.id);
        })
    }
    let runtime = current_thread();
    runtime.block_on(async { looks(runtime.handle()).await.expect("it ends") });
    assert!(mains(runtime.handle()).is_empty());
    let local = Builder::new_current_thread().enable_all().build_local(LocalOptions::default()).expect("a runtime");
    local.block_on(async { looks(local.handle()).await.expect("it ends") });
    assert!(mains(local.handle()).is_empty());
}

#[test]
fn a_second_main_of_a_current_thread_runtime_is_one_of_its_own() {
    let runtime = Arc::new(current_thread());
    let notify = Arc::new(Notify::new());
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let (runtime, notify) = (runtime.clone(), notify.clone());
            thread::spawn(move || runtime.block_on(notify.notified()))
        })
        .collect();
    let all = until_some("three that wait", || {
        let mains = mains(runtime.handle());
        let waiting = mains.iter().filter(|main| main.wait.as_ref().is_some_and(|wait| wait.reason == "notify"));
        (waiting.count() == 3).then_some(mains)
    });
    assert!(all.iter().all(|main| main.wait.as_ref().is_some_and(|wait| wait.age_ns < PATIENCE.as_nanos() as u64)));
    notify.notify_waiters();
    threads.into_iter().for_each(|thread| thread.join().expect("it ends"));
    assert!(mains(runtime.handle()).is_empty());
}

#[test]
fn a_main_is_no_task() {
    let told = Arc::new(AtomicUsize::new(0));
    let count = |told: &Arc<AtomicUsize>| {
        let told = told.clone();
        move |_: &gumption::runtime::TaskMeta<'_>| {
            told.fetch_add(1, Ordering::Relaxed);
        }
    };
    for mut builder in [Builder::new_multi_thread(), Builder::new_current_thread()] {
        let runtime = builder
            .enable_all()
            .on_task_spawn(count(&told))
            .on_task_terminate(count(&told))
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            assert_eq!(task::try_id(), None);
            assert!(!task::labels::set("tenant", "acme"));
            task::yield_now().await;
            sleep(Duration::from_millis(1)).await;
            assert_eq!(task::try_id(), None);
            assert_eq!(runtime.metrics().num_alive_tasks(), 0);
        });
        let totals = runtime.stats().totals;
        assert_eq!((totals.spawned, totals.completed), (0, 0));
        assert_eq!(told.load(Ordering::Relaxed), 0);
    }
}

#[test]
fn inside_a_blocking_section_of_a_task_it_is_that_task_to_users() {
    let runtime = multi_thread();
    let handle = runtime.handle().clone();
    let outer = handle.clone();
    let spawned = runtime.spawn(async move {
        let id = task::id();
        let (here, inside) = task::block_in_place(|| {
            outer.block_on(async {
                task::yield_now().await;
                assert!(task::labels::set("tenant", "acme"));
                let inside = task::spawn(async { task::labels::get("tenant") }).await.expect("it ends");
                let mains = mains(&outer);
                let parent = mains.iter().find(|main| main.state == State::Running).expect("this one").clone();
                assert_eq!(parent.thread.and_then(|thread| thread.name).as_deref(), thread::current().name());
                (task::id(), inside)
            })
        });
        assert_eq!(here, id);
        assert_eq!(inside.as_deref(), Some("acme"), "what is spawned there inherits");
        assert_eq!(task::id(), id);
        assert_eq!(task::labels::get("tenant").as_deref(), Some("acme"));
    });
    runtime.block_on(spawned).expect("it ends");
    assert!(mains(&handle).is_empty());
}

#[test]
fn what_a_main_spawns_says_so() {
    let runtime = current_thread();
    let handle = runtime.handle().clone();
    runtime.block_on(async {
        let child = task::spawn(pending::<()>());
        task::yield_now().await;
        let dump = handle.dump(Level::Tasks);
        let [told] = &dump.tasks[..] else { panic!("{dump}") };
        if gumption_core::counters::ENABLED {
            assert_eq!(told.ancestors.len(), 1, "{dump}");
            assert_eq!(told.ancestors[0].id, dump.mains[0].id);
            assert_eq!(told.ancestors[0].spawned_at.as_ref(), Some(&dump.mains[0].spawned_at));
        }
        child.abort();
    });
}

#[test]
fn in_the_shape_of_go_main_comes_first() {
    let runtime = current_thread();
    let handle = runtime.handle().clone();
    runtime.block_on(async {
        let child = task::spawn(async move {
            until_main_waits(&handle, "join");
            let all = Dump::of(std::slice::from_ref(&handle), Level::Tasks, &Options::default());
            let text = Text(&all, Shape::Go).to_string();
            let first = all.runtimes[0].mains[0].id;
            assert!(text.starts_with(&format!("goroutine {first} [join]:\n")), "{text}");
            let first = text.split("\n\n").next().unwrap_or_default();
            assert!(!first.contains("created by"), "nobody has made main: {text}");
            if gumption_core::counters::ENABLED {
                let main = &all.runtimes[0].mains[0];
                let made = format!("created by {} in goroutine {}\n\t{}:", main.type_name, main.id, file!());
                assert!(text.contains(&made), "{text}");
            }
            let groups = Dump::of(std::slice::from_ref(&handle), Level::Groups, &Options::default());
            let text = Text(&groups, Shape::Go).to_string();
            assert!(text.starts_with("goroutine profile: total 2\n1 @\n"), "{text}");
        });
        child.await.expect("it ends");
    });
}

#[test]
fn a_filter_is_for_mains_too() {
    let runtime = multi_thread();
    let handle = runtime.handle().clone();
    let stop = Arc::new(Notify::new());
    let waits = stop.clone();
    let thread = blocks("filtered", &handle, || async move { waits.notified().await });
    until_main_waits(&handle, "notify");
    let with = |key: &str, value: &str| -> RuntimeDump {
        let mut options = Options::default();
        assert_eq!(options.filter.set(key, value), Ok(true));
        handle.dump_with(Level::Tasks, &options)
    };
    assert_eq!(with("reason", "notify").mains.len(), 1);
    let dump = with("reason", "sleep");
    assert_eq!((dump.mains.len(), dump.filtered), (0, 1));
    assert_eq!(with("site", CALLED_AT.0).mains.len(), 1);
    assert!(with("label", "tenant:acme").mains.is_empty());
    stop.notify_one();
    thread.join().expect("it ends");
}

#[test]
fn stacks_of_a_main_are_of_a_poll_and_not_of_a_wait() {
    let runtime = multi_thread();
    let handle = runtime.handle().clone();
    let stop = Arc::new(Notify::new());
    let waits = stop.clone();
    let thread = blocks("waits", &handle, || async move { waits.notified().await });
    until_main_waits(&handle, "notify");
    let mut options = Options::default();
    options.stacks = true;
    let dump = handle.dump_with(Level::Tasks, &options);
    let main = &dump.mains[0];
    assert!(main.stack.is_none() && main.no_stack.as_deref().is_some_and(|why| why.contains("own thread")), "{dump}");
    stop.notify_one();
    thread.join().expect("it ends");

    if !cfg!(target_os = "linux") {
        return;
    }
    let over = Arc::new(AtomicBool::new(false));
    let spins = over.clone();
    let thread = blocks("spins", &handle, || async move {
        while !spins.load(Ordering::Relaxed) {
            std::hint::spin_loop();
        }
    });
    let mut options = Options::default();
    options.on_cpu = true;
    until("a stack of the poll", || {
        let dump = handle.dump_with(Level::Tasks, &options);
        dump.mains.first().is_some_and(|main| main.state == State::Running && main.stack.is_some())
    });
    over.store(true, Ordering::Relaxed);
    thread.join().expect("it ends");
}

#[test]
fn a_local_set_runs_inside_of_a_main() {
    let runtime = multi_thread();
    let handle = runtime.handle().clone();
    let id = LocalSet::new().block_on(&runtime, async {
        let inside = task::spawn_local(async { task::id() }).await.expect("it ends");
        assert_eq!(task::try_id(), None);
        assert_eq!(mains(&handle).len(), 1);
        inside
    });
    assert!(mains(&handle).iter().all(|main| main.id != id.as_u64()));
}

#[test]
fn a_runtime_that_ends_under_a_main_ends_its_record() {
    let mut builder = Builder::new_current_thread();
    let runtime = builder.unhandled_panic(UnhandledPanic::ShutdownRuntime).build().expect("a runtime");
    let kept = Arc::new(std::sync::Mutex::new(None));
    let keeps = kept.clone();
    let ended = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            let mut asked = false;
            task::spawn(async { panic!("the end") });
            std::future::poll_fn(|cx| {
                // Its waker outlives it.
                *keeps.lock().expect("nobody panics there") = Some(cx.waker().clone());
                assert!(!std::mem::replace(&mut asked, true), "nobody wakes it");
                std::task::Poll::<()>::Pending
            })
            .await;
        });
    }));
    assert!(ended.is_err() && mains(runtime.handle()).is_empty());
    let waker = kept.lock().expect("nobody panics there").take().expect("it was polled");
    waker.wake_by_ref();
    drop(runtime);
    waker.wake();
}
