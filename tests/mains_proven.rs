//! The futures that `block_on` polls in graphs and in proofs: circles of waits through them, and what unties one.

#[path = "support/mains.rs"]
mod support;
#[path = "support/until.rs"]
mod until;

use std::future::pending;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Barrier as Threads};
use std::thread;

use gumption::introspect::Inspect;
use gumption::introspect::dump::{Level, State};
use gumption::introspect::graph::{End, Relation, graph};
use gumption::introspect::leaks::{Leaks, Why, leaks};
use gumption::runtime::Handle;
use gumption::sync::{Mutex, oneshot};
use gumption::task::{self, AbortHandle};
use gumption::time::{Duration, timeout};
use support::{blocks, current_thread, mains, multi_thread, until_main_waits};
use until::{until, until_some};

/// Looks at what `leaks` finds until `enough` says so.
#[track_caller]
fn until_leaks(handle: &Handle, enough: impl Fn(&Leaks) -> bool) -> Leaks {
    until_some("what leaks() shall find", || Some(leaks(handle)).filter(&enough))
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
        assert!(found.to_string().contains("(block_on at tests/mains_proven.rs:"), "{found}");

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
