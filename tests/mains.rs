//! The futures that `block_on` polls: in dumps, in graphs, in circles of waits; and in nothing that is of tasks.

#[path = "support/until.rs"]
mod until;

use std::any::Any;
use std::collections::HashSet;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Barrier as Threads};
use std::thread;

use gumption::introspect::Inspect;
use gumption::introspect::dump::text::{Shape, Text};
use gumption::introspect::dump::{Dump, Level, Options, RuntimeDump, State, TaskDump};
use gumption::introspect::graph::{End, Relation, graph};
use gumption::introspect::leaks::{Leaks, Why, leaks};
use gumption::runtime::{Builder, Handle, LocalOptions, Runtime, UnhandledPanic};
use gumption::sync::{Mutex, Notify, Semaphore, mpsc, oneshot};
use gumption::task::{self, AbortHandle, LocalSet};
use gumption::time::{Duration, sleep, timeout};
use until::{PATIENCE, until, until_some};

fn multi_thread() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn mains(handle: &Handle) -> Vec<TaskDump> {
    handle.dump(Level::Tasks).mains
}

/// The only main, once it waits for something of this kind.
#[track_caller]
fn until_main_waits(handle: &Handle, reason: &str) -> TaskDump {
    until_some(format_args!("a main that waits for {reason}"), || {
        let mains = mains(handle);
        let [main] = &mains[..] else { return None };
        main.wait.as_ref().is_some_and(|wait| wait.reason == reason).then(|| main.clone())
    })
}

/// Looks at what `leaks` finds until `enough` says so.
#[track_caller]
fn until_leaks(handle: &Handle, enough: impl Fn(&Leaks) -> bool) -> Leaks {
    until_some("what leaks() shall find", || Some(leaks(handle)).filter(&enough))
}

/// A named thread that blocks on `future`, which it makes.
fn blocks<F: Future>(
    name: &str,
    handle: &Handle,
    make: impl FnOnce() -> F + Send + 'static,
) -> thread::JoinHandle<F::Output>
where
    F::Output: Send + 'static,
{
    let handle = handle.clone();
    thread::Builder::new().name(name.to_owned()).spawn(move || calls(&handle, make())).expect("a thread")
}

fn calls<F: Future>(handle: &Handle, future: F) -> F::Output {
    handle.block_on(future)
}

/// Where that is.
const CALLED_AT: u32 = line!() - 4;

#[test]
fn a_main_tells_what_it_waits_for_since_when_and_where() {
    let runtime = multi_thread();
    let handle = runtime.handle().clone();
    let mutex = Arc::new(Mutex::new(()));
    let held = mutex.clone().try_lock_owned().expect("nobody has it");
    let waits = mutex.clone();
    let thread = blocks("the main", &handle, || async move { drop(waits.lock().await) });
    let first = until_main_waits(&handle, "sync.Mutex.Lock");
    assert_eq!((first.state, first.spawned_at.file.as_ref()), (State::Waiting, file!()));
    assert_eq!(first.spawned_at.line, CALLED_AT);
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
    assert!(text.contains(&format!("block_on called at {}:{}", file!(), first.spawned_at.line)), "{text}");
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
    assert_eq!(with("site", file!()).mains.len(), 1);
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

/// A main that has a lock and joins a task that wants it, until that is aborted.
async fn deadlock(mutex: Arc<Mutex<()>>, tell: Sender<AbortHandle>) {
    let _held = mutex.lock().await;
    let wants = mutex.clone();
    let wants = task::spawn(async move { drop(wants.lock().await) });
    tell.send(wants.abort_handle()).expect("somebody listens");
    assert!(wants.await.expect_err("it never ends").is_cancelled());
}

#[test]
fn a_circle_through_main_is_proven() {
    for runtime in [multi_thread(), current_thread()] {
        let handle = runtime.handle().clone();
        let (tell, told) = channel();
        let thread = thread::spawn(move || runtime.block_on(deadlock(Arc::new(Mutex::new(())), tell)));
        let abort = told.recv().expect("it is spawned");
        let found = until_leaks(&handle, |found| !found.deadlocks.is_empty());
        let [circle] = &found.deadlocks[..] else { panic!("{found}") };
        let main = mains(&handle)[0].clone();
        let at = circle.steps.iter().position(|step| step.task.id == main.id).expect("main is in the circle");
        assert_eq!((circle.steps.len(), circle.steps[at].task.is_main, circle.behind), (2, true, 0));
        let other = &circle.steps[1 - at];
        let mutex = other.resource.as_ref().expect("the task waits for the mutex");
        assert_eq!((mutex.kind.as_str(), mutex.owner, other.task.is_main), ("mutex", main.id, false));
        assert_eq!((circle.steps[at].wait.as_ref(), &circle.steps[at].resource), ("join", &None));
        assert!(found.proven.is_empty() && found.tasks == 1, "{found}");
        assert!(found.to_string().contains("(block_on at tests/mains.rs:"), "{found}");

        let drawn = graph(&handle);
        let edge = drawn.edges.iter().find(|edge| edge.to == End::Task(main.id)).expect("it owns the mutex");
        assert_eq!((edge.relation, edge.exact), (Relation::AcquiredBy, true));
        assert!(drawn.tasks.iter().any(|node| node.task.id == main.id && node.task.is_main));

        // What the proof leaves open.
        abort.abort();
        thread.join().expect("it is let go");
        assert!(mains(&handle).is_empty());
    }
}

/// Whether `leaks` proves nothing of a runtime whose only main is in this wait, and a task beside it in another, looked at often.
#[track_caller]
fn proves_nothing(handle: &Handle, main: &str, task: &str) {
    until_main_waits(handle, main);
    until("the task waits", || {
        let tasks = handle.dump(Level::Tasks).tasks;
        tasks.iter().any(|told| told.wait.as_ref().is_some_and(|wait| wait.reason == task))
    });
    for _ in 0..100 {
        let found = leaks(handle);
        assert!(found.deadlocks.is_empty() && found.dead() == 0, "{found}");
    }
}

#[test]
fn a_main_that_something_else_may_wake_is_in_no_circle() {
    for in_select in [true, false] {
        let runtime = multi_thread();
        let handle = runtime.handle().clone();
        let (end, ends) = oneshot::channel::<()>();
        let thread = thread::spawn(move || {
            runtime.block_on(async {
                let mutex = Arc::new(Mutex::new(()));
                let held = mutex.lock().await;
                let wants = mutex.clone();
                let wants = task::spawn(async move { drop(wants.lock().await) });
                if in_select {
                    gumption::select! {
                        _ = wants => unreachable!("it wants what we have"),
                        _ = ends => {}
                    }
                } else {
                    // A timeout, which is a waker more.
                    let year = Duration::from_secs(86_400 * 365);
                    gumption::select! {
                        _ = timeout(year, wants) => unreachable!("not for a year"),
                        _ = ends => {}
                    }
                }
                drop(held);
            });
        });
        proves_nothing(&handle, "select", "sync.Mutex.Lock");
        end.send(()).expect("it listens");
        thread.join().expect("it ends");
    }
    let runtime = multi_thread();
    let handle = runtime.handle().clone();
    let (tell, told) = channel();
    let thread = thread::spawn(move || {
        runtime.block_on(async {
            let mutex = Arc::new(Mutex::new(()));
            let _held = mutex.lock().await;
            let wants = mutex.clone();
            let wants = task::spawn(async move { drop(wants.lock().await) });
            tell.send(wants.abort_handle()).expect("somebody listens");
            let _timeout_or_aborted = timeout(Duration::from_secs(86_400 * 365), wants).await;
        });
    });
    let abort = told.recv().expect("it is spawned");
    proves_nothing(&handle, "join", "sync.Mutex.Lock");
    abort.abort();
    thread.join().expect("it ends");
}

#[test]
fn a_guard_that_outlives_its_block_on_belongs_to_nobody() {
    let runtime = multi_thread();
    let handle = runtime.handle().clone();
    let mutex = Arc::new(Mutex::new(()));
    let held = runtime.block_on(mutex.lock());
    let wants = mutex.clone();
    let waiter = runtime.spawn(async move { drop(wants.lock().await) });
    let (abort, joined) = (waiter.abort_handle(), handle.clone());
    let thread = thread::spawn(move || drop(joined.block_on(waiter)));
    proves_nothing(&handle, "join", "sync.Mutex.Lock");
    drop(held);
    thread.join().expect("the lock was free");
    drop(abort);
}

#[test]
fn a_main_that_nobody_can_wake_is_dead_unless_it_keeps_a_runtime() {
    // What a program does that lives for its tasks. The thread is left behind.
    let runtime = multi_thread();
    let handle = runtime.handle().clone();
    let (mutex, tell) = (Arc::new(Mutex::new(())), Arc::new(Threads::new(2)));
    let (held, is_held) = (mutex.clone(), tell.clone());
    drop(blocks("keeper", &handle, || async move {
        let _held = held.lock().await;
        is_held.wait();
        pending::<()>().await;
    }));
    tell.wait();
    let main = until_some("a stranded main", || mains(&handle).into_iter().find(|main| main.state == State::Stranded));
    let found = leaks(&handle);
    assert!(found.is_clean(), "{found}");
    // But who waits for what it has is dead, and why is told.
    let waiter = runtime.spawn(async move { drop(mutex.lock().await) });
    let found = until_leaks(&handle, |found| !found.proven.is_empty());
    let [proven] = &found.proven[..] else { panic!("{found}") };
    assert_eq!(proven.tasks[0].id, waiter.id().as_u64());
    assert!(matches!(&proven.why, Why::Behind(party) if party.id == main.id && party.is_main), "{found}");
    drop(runtime);

    // One that has said what it waits for has meant it to come.
    let runtime = multi_thread();
    let handle = runtime.handle().clone();
    drop(blocks("waits", &handle, || async {
        let (send, receive) = oneshot::channel::<()>();
        let mut receive = Box::pin(receive);
        // Its waker goes with the poll, and what is left has none.
        std::future::poll_fn(|_| {
            assert!(receive.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_pending());
            std::task::Poll::<()>::Pending
        })
        .await;
        drop(send);
    }));
    let found = until_leaks(&handle, |found| !found.proven.is_empty());
    let [proven] = &found.proven[..] else { panic!("{found}") };
    assert!(proven.why == Why::NoWaker && proven.tasks[0].is_main, "{found}");
    assert!(found.to_string().contains("in the block_on called at"), "{found}");
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
