//! What `leaks()` proves of small programs, and what it leaves alone.

#[path = "support/leaks.rs"]
mod support;

use gumption::introspect::Inspect;
use gumption::introspect::graph::{Edge, End, Graph, Relation, graph};
use gumption::introspect::leaks::{Leaks, Watcher, Why, leaks};
use gumption::runtime::Runtime;
use gumption::sync::{Barrier, Mutex, OnceCell, RwLock, mpsc, oneshot};
use gumption::time::sleep;
use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::{circles, look, made_at, runtime, sorted};

/// Tasks that each lock one mutex, meet, and then lock the next one's.
fn circle_of_mutexes(runtime: &Runtime, tasks: usize) -> Vec<u64> {
    let mutexes: Vec<_> = (0..tasks).map(|_| Arc::new(Mutex::new(()))).collect();
    let all_have_one = Arc::new(Barrier::new(tasks));
    let task = |at: usize| {
        let (mine, next) = (mutexes[at].clone(), mutexes[(at + 1) % tasks].clone());
        let all_have_one = all_have_one.clone();
        runtime.spawn(async move {
            let _mine = mine.lock().await;
            all_have_one.wait().await;
            let _next = next.lock().await;
        })
    };
    (0..tasks).map(|at| task(at).id().as_u64()).collect()
}

#[test]
fn a_circle_of_mutexes_is_proven_and_told() {
    for tasks in [1, 2, 3, 7] {
        let runtime = runtime();
        let ids = circle_of_mutexes(&runtime, tasks);
        let found = look(&runtime, |found| !found.deadlocks.is_empty());
        assert_eq!(circles(&found).into_iter().map(sorted).collect::<Vec<_>>(), [sorted(ids)]);
        assert!(found.proven.is_empty() && found.suspects.is_empty());
        let steps = &found.deadlocks[0].steps;
        for (at, step) in steps.iter().enumerate() {
            let mutex = step.resource.as_ref().expect("it waits for a mutex");
            assert_eq!((mutex.kind.as_str(), mutex.owner), ("mutex", steps[(at + 1) % tasks].task.id));
            assert_eq!(mutex.made_at.file, file!());
        }
        let text = found.to_string();
        assert!(text.contains("deadlock") && text.contains("made at tests/leaks.rs"), "{text}");
        let json = serde_json::to_string(&found).expect("it is plain data");
        assert_eq!(serde_json::from_str::<Leaks>(&json).expect("it is read back"), found);
    }
}

#[test]
fn who_waits_behind_a_circle_is_counted_with_it() {
    let runtime = runtime();
    let circle = sorted(circle_of_mutexes(&runtime, 2));
    look(&runtime, |found| !found.deadlocks.is_empty());
    let joined = runtime.spawn(pending::<()>());
    let first = joined.id().as_u64();
    let joiner = runtime.spawn(joined);
    let found = look(&runtime, |found| found.dead() == 4);
    assert_eq!(circles(&found).into_iter().map(sorted).collect::<Vec<_>>(), [circle]);
    let mut why: Vec<_> = found.proven.iter().map(|proven| (proven.tasks[0].id, proven.why.clone())).collect();
    why.sort_by_key(|(id, _)| *id != first);
    assert_eq!(why[0], (first, Why::NoWaker));
    assert!(matches!(&why[1], (id, Why::Behind(task)) if *id == joiner.id().as_u64() && task.id == first), "{why:?}");
}

#[test]
fn locks_of_several_kinds_make_a_circle() {
    let runtime = runtime();
    let (mutex, rwlock) = (Arc::new(Mutex::new(())), Arc::new(RwLock::new(())));
    let cell: Arc<OnceCell<()>> = Arc::default();
    let all_have_one = Arc::new(Barrier::new(3));
    let first = runtime.spawn({
        let (mutex, rwlock, all) = (mutex.clone(), rwlock.clone(), all_have_one.clone());
        async move {
            let _guard = mutex.lock().await;
            all.wait().await;
            drop(rwlock.read().await);
        }
    });
    let second = runtime.spawn({
        let (cell, all) = (cell.clone(), all_have_one.clone());
        async move {
            let _guard = rwlock.write().await;
            all.wait().await;
            cell.get_or_init(async || ()).await;
        }
    });
    let third = runtime.spawn(async move {
        cell.get_or_init(async || {
            all_have_one.wait().await;
            drop(mutex.lock().await);
        })
        .await;
    });
    let ids = [first, second, third].map(|task| task.id().as_u64());
    let found = look(&runtime, |found| !found.deadlocks.is_empty());
    assert_eq!(circles(&found).into_iter().map(sorted).collect::<Vec<_>>(), [sorted(ids.into())]);
    let kinds: Vec<_> =
        found.deadlocks[0].steps.iter().map(|step| step.resource.as_ref().map(|of| of.kind.clone())).collect();
    assert!(["mutex", "rwlock", "once cell"].iter().all(|kind| kinds.contains(&Some((*kind).to_owned()))), "{kinds:?}");
}

#[test]
fn a_task_that_joins_one_that_waits_for_its_lock_is_in_a_circle_with_it() {
    let runtime = runtime();
    let mutex = Arc::new(Mutex::new(()));
    let parent = runtime.spawn(async move {
        let _guard = mutex.lock().await;
        let child = gumption::spawn({
            let mutex = mutex.clone();
            async move { drop(mutex.lock().await) }
        });
        child.await.expect("no panic");
    });
    let found = look(&runtime, |found| !found.deadlocks.is_empty());
    let steps = &found.deadlocks[0].steps;
    assert_eq!(steps.len(), 2);
    let of_parent = steps.iter().find(|step| step.task.id == parent.id().as_u64()).expect("the parent is in it");
    assert_eq!((of_parent.wait.as_ref(), &of_parent.resource), ("join", &None));
}

#[test]
fn tasks_that_join_each_other_are_in_a_circle() {
    let runtime = runtime();
    let (give_one, take_one) = oneshot::channel();
    let (give_other, take_other) = oneshot::channel();
    let wait = |take: oneshot::Receiver<gumption::task::JoinHandle<()>>| async move {
        take.await.expect("it is given").await.expect("no panic");
    };
    let one = runtime.spawn(wait(take_one));
    let other = runtime.spawn(wait(take_other));
    let ids = [one.id(), other.id()].map(|id| id.as_u64());
    give_one.send(other).expect("it waits");
    give_other.send(one).expect("it waits");
    let found = look(&runtime, |found| !found.deadlocks.is_empty());
    assert_eq!(circles(&found).into_iter().map(sorted).collect::<Vec<_>>(), [sorted(ids.into())]);
}

#[test]
fn tasks_without_a_waker_are_proven_dead_and_grouped() {
    let runtime = runtime();
    for _ in 0..100 {
        runtime.spawn(pending::<()>());
    }
    // Its senders are gone before it asks for a waker to be kept, by a future that forgets to keep one.
    let forgets = runtime.spawn(std::future::poll_fn(|_| std::task::Poll::<()>::Pending));
    let found = look(&runtime, |found| found.dead() == 101);
    let counts: Vec<_> = found.proven.iter().map(|proven| proven.count).collect();
    assert_eq!(counts, [100, 1]);
    assert_eq!(found.proven[1].tasks[0].id, forgets.id().as_u64());
    assert_eq!(found.proven[0].tasks.len(), Leaks::LISTED);
}

/// Two tasks that seem to wait for each other, and one of them has another way out.
#[test]
fn a_timeout_a_select_and_a_guard_that_was_sent_away_untie_a_circle() {
    let runtime = runtime();
    let (one, other) = (Arc::new(Mutex::new(())), Arc::new(Mutex::new(())));
    let (_keep, mut never) = mpsc::channel::<()>(1);
    let both = Arc::new(Barrier::new(2));
    runtime.spawn({
        let (one, other, both) = (one.clone(), other.clone(), both.clone());
        async move {
            let _one = one.lock().await;
            both.wait().await;
            let _other = other.lock().await;
        }
    });
    // Its guard is in another task, which will let it go: when it is told to.
    let (go, gone) = oneshot::channel::<()>();
    let waits_twice = runtime.spawn(async move {
        let guard = other.clone().lock_owned().await;
        gumption::spawn(async move {
            gone.await.expect("it is told");
            drop(guard);
        });
        both.wait().await;
        // With a timeout that is far away, then beside a channel.
        assert!(gumption::time::timeout(Duration::from_millis(20), one.lock()).await.is_err());
        gumption::select! {
            _ = never.recv() => unreachable!("nobody sends"),
            _ = one.lock() => {}
        }
    });
    let until = Instant::now() + Duration::from_millis(200);
    while Instant::now() < until {
        let found = leaks(runtime.handle());
        assert!(found.is_clean(), "{found}");
    }
    go.send(()).expect("it waits");
    runtime.block_on(waits_twice).expect("it ends");
}

#[test]
fn a_lock_that_was_asked_for_and_given_up_is_no_wait() {
    let runtime = runtime();
    let (one, other) = (Arc::new(Mutex::new(())), Arc::new(Mutex::new(())));
    let both = Arc::new(Barrier::new(2));
    let (go, mut gone) = futures_free_channel();
    runtime.spawn({
        let (one, other, both) = (one.clone(), other.clone(), both.clone());
        async move {
            let _one = one.lock().await;
            both.wait().await;
            let _other = other.lock().await;
        }
    });
    let ends = runtime.spawn(async move {
        let _other = other.lock().await;
        both.wait().await;
        // Asks for the lock, gives up, and waits in the same poll for something that says nothing about itself.
        let mut asked = false;
        std::future::poll_fn(move |cx| {
            if !std::mem::replace(&mut asked, true) {
                let lock = std::pin::pin!(one.lock());
                assert!(lock.poll(cx).is_pending());
            }
            gone(cx)
        })
        .await;
    });
    let until = Instant::now() + Duration::from_millis(100);
    while Instant::now() < until {
        let found = leaks(runtime.handle());
        assert!(found.is_clean(), "{found}");
    }
    go();
    runtime.block_on(ends).expect("it ends");
}

/// A wait that says nothing about itself, and what ends it.
fn futures_free_channel() -> (impl FnOnce(), impl FnMut(&mut std::task::Context<'_>) -> std::task::Poll<()> + Send) {
    let state = Arc::new(std::sync::Mutex::new((false, None::<std::task::Waker>)));
    let seen = state.clone();
    let go = move || {
        let mut state = state.lock().expect("no panic");
        state.0 = true;
        if let Some(waker) = state.1.take() {
            waker.wake();
        }
    };
    let gone = move |cx: &mut std::task::Context<'_>| {
        let mut state = seen.lock().expect("no panic");
        if state.0 {
            return std::task::Poll::Ready(());
        }
        state.1 = Some(cx.waker().clone());
        std::task::Poll::Pending
    };
    (go, gone)
}

/// Runs until so many tasks are idle that wait for a channel.
fn until_parked(runtime: &Runtime, tasks: u64) {
    let patience = Instant::now() + Duration::from_secs(60);
    loop {
        let mut parked = 0;
        runtime.handle().for_each_task(|row| {
            parked += u64::from(row.bits.is_idle() && row.wait == gumption::wait::WaitReason::ChanRecv);
        });
        if parked == tasks {
            return;
        }
        assert!(Instant::now() < patience, "{parked} of {tasks} wait");
        std::thread::yield_now();
    }
}

#[test]
fn receivers_that_become_more_and_are_never_answered_are_suspected_and_not_proven() {
    let runtime = runtime();
    let mut watcher = Watcher::new();
    let mut kept = Vec::new();
    for look in 1..=5 {
        for _ in 0..10 {
            let (answer, request) = oneshot::channel::<()>();
            kept.push(answer);
            runtime.spawn(async move { request.await.ok() });
        }
        until_parked(&runtime, 10 * look);
        let found = watcher.look(runtime.handle());
        assert!(found.proven.is_empty() && found.deadlocks.is_empty());
        // At the second look ten have been there for a while, at the third twenty, at the fourth thirty.
        let suspected: Vec<u64> = found.suspects.iter().map(|suspect| suspect.count).collect();
        assert_eq!(suspected, if look >= 4 { vec![10 * (look - 1)] } else { vec![] }, "look {look}: {found}");
    }
    assert!(watcher.look(runtime.handle()).suspects.is_empty(), "they do not become more");
}

#[test]
fn a_pool_that_idles_is_not_suspected() {
    let runtime = runtime();
    let mut kept = Vec::new();
    for _ in 0..1_000 {
        let (work, mut jobs) = mpsc::channel::<u32>(1);
        kept.push(work);
        runtime.spawn(async move { while jobs.recv().await.is_some() {} });
    }
    until_parked(&runtime, 1_000);
    let mut watcher = Watcher::new();
    for look in 0..10 {
        // Some of them work now and then.
        for work in &kept[look * 10..look * 20] {
            work.blocking_send(1).expect("they are there");
        }
        until_parked(&runtime, 1_000);
        let found = watcher.look(runtime.handle());
        assert!(found.is_clean(), "look {look}: {found}");
    }
}

#[test]
fn a_circle_of_another_runtime_is_not_suspected_in_this_one() {
    let (runtime, other) = (runtime(), runtime());
    circle_of_mutexes(&other, 3);
    look(&other, |found| !found.deadlocks.is_empty());
    let (mut watcher, mut others) = (Watcher::new(), Watcher::new());
    for look in 0..5 {
        let found = watcher.look(runtime.handle());
        assert!(found.is_clean(), "look {look}: {found}");
        assert_eq!(others.look(other.handle()).deadlocks.len(), 1);
    }
}

#[test]
fn the_graph_shows_who_waits_and_who_has_it() {
    let runtime = runtime();
    let ids = sorted(circle_of_mutexes(&runtime, 3));
    look(&runtime, |found| !found.deadlocks.is_empty());
    let (_keep, mut jobs) = mpsc::channel::<()>(1);
    let receiver = runtime.spawn(async move { jobs.recv().await });
    let blocked = runtime.spawn(receiver);
    let patience = Instant::now() + Duration::from_secs(60);
    let drawn: Graph = loop {
        let drawn = graph(runtime.handle());
        // A task that is waited for is drawn before it waits itself.
        let waits = drawn.edges.iter().filter(|edge| edge.relation == Relation::WaitsFor).count();
        if (drawn.tasks.len(), waits) == (5, 5) {
            break drawn;
        }
        assert!(Instant::now() < patience, "{drawn:#?}");
    };
    assert_eq!(drawn.edges, runtime.graph().edges);
    let of = |relation, exact: bool| {
        drawn.edges.iter().filter(|edge| (edge.relation, edge.exact) == (relation, exact)).collect::<Vec<&Edge>>()
    };
    // Three for a mutex and one for a task's end; the receiver says so, and nobody knows what else it waits for.
    assert_eq!((of(Relation::WaitsFor, true).len(), of(Relation::WaitsFor, false).len()), (4, 1));
    let owners: Vec<End> = of(Relation::AcquiredBy, true).iter().map(|edge| edge.to).collect();
    assert!(ids.iter().all(|id| owners.contains(&End::Task(*id))), "{drawn:#?}");
    assert!(drawn.tasks.iter().any(|node| node.task.id == blocked.id().as_u64() && node.wait == "join"));
    let dot = drawn.dot();
    assert!(dot.starts_with("digraph") && dot.contains("style=dashed") && dot.contains("acquired by"), "{dot}");
    let json = serde_json::to_string(&drawn).expect("it is plain data");
    assert_eq!(serde_json::from_str::<Graph>(&json).expect("it is read back"), drawn);
}

/// A task asks for a lock, looks at something else for too long, and asks for the same lock again, while its first request, which it
/// polls no more, is granted.
#[test]
fn a_lock_that_was_granted_to_a_future_that_is_not_polled_is_a_circle_of_one() {
    let runtime = runtime();
    let (table, line) = (Arc::new(Mutex::new(0)), line!());
    let backup = runtime.block_on(table.clone().lock_owned());
    let writer = runtime.spawn({
        let table = table.clone();
        async move {
            let mut writing = std::pin::pin!(async { *table.lock().await += 1 });
            gumption::select! {
                () = &mut writing => {}
                () = sleep(Duration::from_millis(1)) => *table.lock().await += 1,
            }
        }
    });
    // It waits twice, and one of its two requests is for a living one.
    let patience = Instant::now() + Duration::from_secs(60);
    while made_at(file!(), line).is_none_or(|facts| facts.waiters != 2) {
        let found = leaks(runtime.handle());
        assert!(found.is_clean(), "{found}");
        assert!(Instant::now() < patience);
    }
    drop(backup);
    let found = look(&runtime, |found| !found.deadlocks.is_empty());
    assert_eq!(circles(&found), [[writer.id().as_u64()]]);
    assert!(found.to_string().contains("waits for itself"), "{found}");
}
