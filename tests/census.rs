//! The census of a real runtime: who waits for what, and what has changed since the last one.
//!
//! Each test brings tasks into a state that stays (all wait, or one thread runs everything), and takes a census of it.

use std::thread;

use gumption::introspect::diagnose::census::{Census, Class, Group, Source, Taker};
use gumption::runtime::{Builder, Handle, Runtime};
use gumption::sync::{Mutex, Notify, mpsc};
use gumption::wait::WaitReason;
use std::sync::Arc;

fn runtime() -> Runtime {
    Builder::new_multi_thread().processors(2).max_blocking_threads(1).enable_all().build().expect("it starts")
}

/// Waits until so many tasks wait for something of a kind.
fn until_waiting(handle: &Handle, count: usize, reason: WaitReason) {
    loop {
        let mut waiting = 0;
        handle.for_each_task(|row| waiting += usize::from(row.bits.is_idle() && row.wait == reason));
        if waiting == count {
            return;
        }
        thread::yield_now();
    }
}

fn take(taker: &mut Taker, handle: &Handle) -> Census {
    taker.take(handle, &handle.stats())
}

fn group(census: &Census, class: Class) -> Group {
    let here = |group: &&Group| group.class == class && group.site.starts_with(file!());
    census.groups.iter().find(here).cloned().unwrap_or_default()
}

#[test]
fn a_group_knows_who_came_who_went_and_who_stays_where_it_was() {
    let runtime = runtime();
    let handle = runtime.handle().clone();
    let mut taker = Taker::default();
    let spawn = |count: usize| -> Vec<mpsc::Sender<()>> {
        let mut senders = Vec::new();
        for _ in 0..count {
            let (tx, mut rx) = mpsc::channel(1);
            drop(handle.spawn(async move { while rx.recv().await.is_some() {} }));
            senders.push(tx);
        }
        senders
    };
    let mut senders = spawn(10);
    until_waiting(&handle, 10, WaitReason::ChanRecv);
    let first = group(&take(&mut taker, &handle), Class::Receive);
    assert_eq!((first.tasks, first.unheld, first.barren), (10, 10, 10));
    assert_eq!((first.known, first.still, first.left, first.entered), (0, 0, 0, 10));
    assert!(first.resource.is_some_and(|resource| resource.starts_with("chan at tests/census.rs:")));

    senders.truncate(6);
    until_waiting(&handle, 6, WaitReason::ChanRecv);
    senders.extend(spawn(3));
    until_waiting(&handle, 9, WaitReason::ChanRecv);
    let second = group(&take(&mut taker, &handle), Class::Receive);
    assert_eq!((second.tasks, second.known, second.still), (9, 6, 6));
    assert_eq!((second.left, second.entered), (4, 3));
}

#[test]
fn a_task_is_held_as_long_as_anybody_has_a_handle() {
    let runtime = runtime();
    let handle = runtime.handle().clone();
    let (stay, full) = mpsc::channel::<()>(1);
    let wait = || {
        let stay = stay.clone();
        handle.spawn(async move { while stay.send(()).await.is_ok() {} })
    };
    let (joinable, abortable) = (wait(), wait().abort_handle());
    drop(wait());
    until_waiting(&handle, 3, WaitReason::ChanSend);
    let waiting = group(&take(&mut Taker::default(), &handle), Class::Send);
    assert_eq!((waiting.tasks, waiting.unheld, waiting.barren), (3, 1, 3));
    drop((joinable, abortable));
    let waiting = group(&take(&mut Taker::default(), &handle), Class::Send);
    assert_eq!((waiting.tasks, waiting.unheld), (3, 3));
    drop(full);
}

#[test]
fn a_notification_counts_whom_it_woke_and_who_did_nothing() {
    let runtime = runtime();
    let handle = runtime.handle().clone();
    let notify = Arc::new(Notify::new());
    for _ in 0..8 {
        let notify = notify.clone();
        drop(handle.spawn(async move {
            loop {
                notify.notified().await;
            }
        }));
    }
    until_waiting(&handle, 8, WaitReason::Notify);
    let mut taker = Taker::default();
    assert!(take(&mut taker, &handle).crowds.is_empty(), "there is nothing to compare with yet");
    for round in 1..=3 {
        notify.notify_waiters();
        until_waiting(&handle, 8, WaitReason::Notify);
        // All wait again; each said so after it was counted.
        let census = take(&mut taker, &handle);
        let crowd = census.crowds.iter().find(|crowd| crowd.resource.contains("tests/census.rs")).cloned();
        let crowd = crowd.unwrap_or_else(|| panic!("round {round}: {:?}", census.crowds));
        assert_eq!((crowd.notified, crowd.woken, crowd.vain), (1, 8, 8));
        assert!(crowd.task.is_some_and(|(_, site)| site.starts_with(file!())));
    }
}

#[test]
fn a_channel_that_is_passed_by_is_counted_until_somebody_looks() {
    let runtime = Builder::new_current_thread().enable_all().build().expect("it starts");
    let handle = runtime.handle().clone();
    runtime.block_on(async {
        let (busy, mut work) = mpsc::channel(512);
        let (rare, mut commands) = mpsc::channel(1);
        drop(gumption::spawn(async move {
            loop {
                gumption::select! {
                    biased;
                    Some(()) = work.recv() => {}
                    Some(()) = commands.recv() => {}
                    else => break,
                }
            }
        }));
        gumption::task::yield_now().await;
        rare.try_send(()).expect("there is room");
        let mut taker = Taker::default();
        let mut passed = Vec::new();
        for _ in 0..10 {
            // More than it takes in one run.
            while busy.try_send(()).is_ok() {}
            let census = take(&mut taker, &handle);
            passed.push(census.passed.first().map_or(0, |passed| passed.by));
            gumption::task::yield_now().await;
        }
        assert!(passed.is_sorted() && passed.last().is_some_and(|by| *by > 500), "{passed:?}");
        // It runs dry, and looks.
        while rare.capacity() == 0 {
            gumption::task::yield_now().await;
        }
        let _ = take(&mut taker, &handle);
        assert_eq!(take(&mut taker, &handle).passed, []);
    });
}

#[test]
fn a_closure_that_waits_for_a_queued_one_is_an_edge() {
    let runtime = runtime();
    let handle = runtime.handle().clone();
    let inside = handle.clone();
    let (tell, told) = std::sync::mpsc::channel();
    drop(handle.spawn_blocking(move || {
        let inner = inside.spawn_blocking(|| {});
        tell.send(inside.block_on(inner).is_err()).expect("the test waits");
    }));
    let mut taker = Taker::default();
    let pool = loop {
        let pool = take(&mut taker, &handle).pool;
        if pool.waiting == 1 {
            break pool;
        }
        thread::yield_now();
    };
    assert_eq!((pool.running, pool.queued, pool.ended), (1, 1, 0));
    assert!(pool.task.is_some_and(|(_, site)| site.starts_with(file!())));
    // Only the end of the runtime ends this: it drops what is queued.
    runtime.shutdown_background();
    assert!(told.recv().expect("it ends"), "the inner one was cancelled");
}

#[test]
fn a_lock_that_is_wanted_is_looked_at_by_glances() {
    let runtime = runtime();
    let handle = runtime.handle().clone();
    let lock = Arc::new(Mutex::new(()));
    let release = Arc::new(Notify::new());
    for _ in 0..3 {
        let (lock, release) = (lock.clone(), release.clone());
        drop(handle.spawn(async move {
            let _guard = lock.lock().await;
            release.notified().await;
        }));
    }
    until_waiting(&handle, 2, WaitReason::Mutex);
    until_waiting(&handle, 1, WaitReason::Notify);
    let mut taker = Taker::default();
    assert!(take(&mut taker, &handle).locks.is_empty());
    for _ in 0..5 {
        taker.glance(&handle, &handle.stats());
    }
    let census = take(&mut taker, &handle);
    let lock = census.locks.iter().find(|lock| lock.resource.contains("tests/census.rs")).expect("it was watched");
    assert_eq!((lock.glances, lock.owned, lock.waited, lock.running, lock.runnable), (5, 5, 5, 0, 0));
    assert!(lock.owner.as_ref().is_some_and(|(_, site)| site.starts_with(file!())));
    let resources = Source::resources(&handle);
    assert!(resources.iter().any(|facts| facts.waiters == 2));
}
