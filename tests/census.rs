//! The census of a real runtime: who waits for what, and what has changed since the last one.
//!
//! Each test brings tasks into a state that stays (all wait, or one thread runs everything), and takes a census of it.

#[path = "support/until.rs"]
mod until;

use gumption::introspect::diagnose::census::{Census, Class, Group, Source, Taker};
use gumption::runtime::{Builder, Handle, Runtime};
use gumption::sync::{Mutex, Notify, mpsc};
use gumption::wait::WaitReason;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use until::{until, until_some, until_waiting};

fn runtime() -> Runtime {
    Builder::new_multi_thread().processors(2).max_blocking_threads(1).enable_all().build().expect("it starts")
}

fn take(taker: &mut Taker, handle: &Handle) -> Census {
    taker.take(handle, &handle.stats())
}

/// Waits until so many tasks are left.
fn until_alive(handle: &Handle, count: usize) {
    until(format_args!("{count} tasks to be left"), || {
        let mut alive = 0;
        handle.for_each_task(|row| alive += usize::from(!row.bits.is_complete()));
        alive == count
    });
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
    // Who has been woken and stands in a queue is counted, too.
    until_alive(&handle, 6);
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
    let pool = until_some("a closure that waits", || {
        let pool = take(&mut taker, &handle).pool;
        (pool.waiting == 1).then_some(pool)
    });
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
    let (lock, made_at) = (Arc::new(Mutex::new(())), format!("{}:{}", file!(), line!()));
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
        let _ = taker.glance(&handle, &handle.stats());
    }
    let census = take(&mut taker, &handle);
    // Locks are the whole process', and other tests have some, too.
    let lock = census.locks.iter().find(|lock| lock.resource.contains(&made_at)).expect("it was watched");
    assert_eq!((lock.glances, lock.owned, lock.waited, lock.running, lock.runnable), (5, 5, 5, 0, 0));
    assert!(lock.owner.as_ref().is_some_and(|(_, site)| site.starts_with(file!())));
    let resources = Source::resources(&handle);
    assert!(resources.iter().any(|facts| facts.waiters == 2));
}

#[test]
fn a_lock_of_a_future_of_block_on_is_one_of_who_runs_while_that_is_polled() {
    let runtime = runtime();
    let handle = runtime.handle().clone();
    let (lock, made_at) = (Arc::new(Mutex::new(())), format!("{}:{}", file!(), line!()));
    let (has, release) = (Arc::new(AtomicBool::new(false)), Arc::new(Notify::new()));
    let go_on = Arc::new(AtomicBool::new(false));
    let main = std::thread::spawn({
        let (handle, lock, has) = (handle.clone(), lock.clone(), has.clone());
        let (go_on, release) = (go_on.clone(), release.clone());
        move || {
            handle.block_on(async {
                let _guard = lock.lock().await;
                has.store(true, Ordering::Relaxed);
                while !go_on.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
                release.notified().await;
            });
        }
    });
    until("it has the lock", || has.load(Ordering::Relaxed));
    drop(handle.spawn(async move { drop(lock.lock().await) }));
    until_waiting(&handle, 1, WaitReason::Mutex);
    let mut taker = Taker::default();
    let _first = take(&mut taker, &handle);
    let mut watched = |what: &str| {
        until_some(what, || {
            for _ in 0..8 {
                let _ = taker.glance(&handle, &handle.stats());
            }
            let census = take(&mut taker, &handle);
            // What was kept off the CPU does not count.
            census.locks.into_iter().find(|lock| lock.resource.contains(&made_at) && lock.glances > 0)
        })
    };
    let polled = watched("a glance at who runs");
    assert_eq!((polled.owned, polled.running, polled.looked), (polled.glances, polled.glances, 0));
    go_on.store(true, Ordering::Relaxed);
    until("its future waits", || {
        let mut waits = false;
        handle.for_each_main(|main| waits |= main.row.bits.is_idle());
        waits
    });
    let _between = watched("a glance at who has begun to wait");
    let waits = watched("a glance at who waits");
    assert_eq!((waits.owned, waits.running, waits.runnable), (waits.glances, 0, 0));
    assert!(waits.looked > 0 && waits.owner.is_some_and(|(_, site)| site.starts_with(file!())));
    release.notify_one();
    main.join().expect("it ends");
}

#[test]
fn a_channel_whose_values_one_block_on_after_another_receives_is_forsaken_by_none() {
    let runtime = runtime();
    let handle = runtime.handle().clone();
    let (send, mut receive) = mpsc::channel(1);
    runtime.block_on(async {
        // It waits there before anything is sent, and so is the receiver.
        let first = gumption::join!(receive.recv(), async {
            drop(handle.spawn(async move { while send.send(()).await.is_ok() {} }));
        });
        assert_eq!(first, (Some(()), ()));
    });
    until_waiting(&handle, 1, WaitReason::ChanSend);
    assert_eq!(twice(&handle).orphans.orphaned, 0);
    assert_eq!(runtime.block_on(receive.recv()), Some(()));
}

/// Takes two censuses of tasks that stay as they are.
fn twice(handle: &Handle) -> Census {
    let mut taker = Taker::default();
    let _ = take(&mut taker, handle);
    take(&mut taker, handle)
}

#[test]
fn who_waits_for_one_another_is_a_ring() {
    let runtime = runtime();
    let handle = runtime.handle().clone();
    let locks = Arc::new([Mutex::new(()), Mutex::new(())]);
    let both = Arc::new(gumption::sync::Barrier::new(2));
    let tasks = [(0, 1), (1, 0)].map(|(first, second)| {
        let (locks, both) = (locks.clone(), both.clone());
        handle.spawn(async move {
            let _first = locks[first].lock().await;
            both.wait().await;
            let _second = locks[second].lock().await;
        })
    });
    until_waiting(&handle, 2, WaitReason::Mutex);
    let rings = twice(&handle).rings;
    assert_eq!((rings.locks.tasks, rings.locks.known, rings.locks.still), (2, 2, 2));
    assert_eq!((rings.own.tasks, rings.handles.tasks), (0, 0));
    let (least, told) = (rings.locks.task.expect("one of them"), rings.locks.told.expect("in words"));
    assert!(least.1.starts_with(file!()));
    assert_eq!(told.matches("mutex at tests/census.rs").count(), 2, "{told}");
    assert!(
        told.starts_with(&format!("ring task {} ", least.0)) && told.ends_with(&format!("task {}", least.0)),
        "{told}"
    );
    // A third waits for one of them, and is in no ring.
    let locks = locks.clone();
    let third = handle.spawn(async move { drop(locks[0].lock().await) });
    until_waiting(&handle, 3, WaitReason::Mutex);
    assert_eq!(twice(&handle).rings.locks.tasks, 2);
    tasks.iter().for_each(gumption::task::JoinHandle::abort);
    runtime.block_on(third).expect("the locks are free again");
    until_alive(&handle, 0);
    assert_eq!(twice(&handle).rings, gumption::introspect::diagnose::census::Rings::default());
}

#[test]
fn a_lock_that_waits_for_its_owner_to_come_is_a_ring_of_another_kind_than_one_that_is_locked_twice() {
    let runtime = runtime();
    let handle = runtime.handle().clone();
    let lock = Arc::new(Mutex::new(()));
    let held = runtime.block_on(lock.clone().lock_owned());
    let waits = lock.clone();
    let abandons = handle.spawn(async move {
        let mut first = std::pin::pin!(waits.lock());
        // It has its place in the line, and is polled no more.
        std::future::poll_fn(|cx| {
            assert!(first.as_mut().poll(cx).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
        drop(waits.lock().await);
    });
    until_waiting(&handle, 1, WaitReason::Mutex);
    assert_eq!(twice(&handle).rings.own.tasks, 0, "somebody else has it");
    drop(held);
    until_waiting(&handle, 1, WaitReason::Mutex);
    // The wake that came with the lock is answered before long.
    let rings = until_some("a ring", || {
        let rings = twice(&handle).rings;
        (rings.own.known == 1).then_some(rings)
    });
    assert_eq!((rings.own.tasks, rings.locks.tasks), (1, 0));
    abandons.abort();
    assert!(runtime.block_on(abandons).expect_err("it was aborted").is_cancelled());
    drop(runtime.block_on(lock.lock()));

    let again = lock.clone();
    let twice_locked = handle.spawn(async move {
        let _first = again.lock().await;
        drop(again.lock().await);
    });
    until_waiting(&handle, 1, WaitReason::Mutex);
    let rings = twice(&handle).rings;
    assert_eq!((rings.own.tasks, rings.locks.tasks, rings.locks.still), (0, 1, 1));
    twice_locked.abort();
}

#[test]
fn a_wait_that_a_timeout_ends_is_in_no_ring() {
    let runtime = runtime();
    let handle = runtime.handle().clone();
    let lock = Arc::new(Mutex::new(()));
    let task = handle.spawn(async move {
        let _first = lock.lock().await;
        let hour = std::time::Duration::from_secs(3_600);
        drop(gumption::time::timeout(hour, lock.lock()).await);
    });
    until_waiting(&handle, 1, WaitReason::Mutex);
    assert_eq!(twice(&handle).rings.locks.tasks, 0);
    task.abort();
}

#[test]
fn tasks_that_own_each_others_handles_are_a_ring_of_handles() {
    let runtime = runtime();
    let handle = runtime.handle().clone();
    let (give, given) = gumption::sync::oneshot::channel::<gumption::task::JoinHandle<()>>();
    let one = handle.spawn(async move {
        let other = given.await.expect("it is given");
        let _ = other.await;
    });
    let other = handle.spawn(async move {
        let _ = one.await;
    });
    give.send(other).expect("it waits for it");
    until_waiting(&handle, 2, WaitReason::Join);
    let rings = twice(&handle).rings;
    assert_eq!((rings.handles.tasks, rings.handles.still, rings.locks.tasks), (2, 2, 0));
    assert!(rings.handles.told.is_some_and(|told| told.matches("end of task").count() == 2));
}

#[test]
fn a_task_without_a_waker_is_stranded() {
    let runtime = runtime();
    let handle = runtime.handle().clone();
    let parked = handle.spawn(std::future::pending::<()>());
    drop(handle.spawn(std::future::pending::<()>()));
    until_waiting(&handle, 2, WaitReason::Unknown);
    let stranded = twice(&handle).stranded;
    assert_eq!((stranded.tasks, stranded.before, stranded.unheld), (2, 2, 1));
    assert!(stranded.task.is_some_and(|(_, site)| site.starts_with(file!())));
    parked.abort();
}

#[test]
fn who_sends_where_the_receiver_has_ended_is_an_orphan() {
    let runtime = runtime();
    let handle = runtime.handle().clone();
    let (tx, rx) = mpsc::channel::<()>(1);
    let rx = Arc::new(Mutex::new(rx));
    let kept = rx.clone();
    let receives = handle.spawn(async move { while kept.lock().await.recv().await.is_some() {} });
    until_waiting(&handle, 1, WaitReason::ChanRecv);
    let mut taker = Taker::default();
    let _ = take(&mut taker, &handle);
    let id = receives.id().as_u64();
    receives.abort();
    assert!(runtime.block_on(receives).is_err());
    for _ in 0..4 {
        let tx = tx.clone();
        drop(handle.spawn(async move { tx.send(()).await }));
    }
    until_waiting(&handle, 3, WaitReason::ChanSend);
    let _ = take(&mut taker, &handle);
    let orphans = take(&mut taker, &handle).orphans;
    assert_eq!((orphans.tasks, orphans.orphaned, orphans.known, orphans.still, orphans.owners), (3, 3, 3, 3, 1));
    assert!(orphans.owner.is_some_and(|(owner, site)| owner == id && site.starts_with(file!())));
    // Another one receives: nobody is an orphan any more.
    drop(handle.spawn(async move { while rx.lock().await.recv().await.is_some() {} }));
    until_waiting(&handle, 1, WaitReason::ChanRecv);
    assert_eq!(take(&mut taker, &handle).orphans.orphaned, 0);
    drop(tx);
}

#[test]
fn a_channel_that_only_fills_tells_how_deep_it_is() {
    let runtime = runtime();
    let handle = runtime.handle().clone();
    let (tx, mut rx) = mpsc::unbounded_channel();
    let (go, stay) = std::sync::mpsc::channel::<()>();
    drop(handle.spawn(async move {
        while rx.recv().await.is_some() {
            // Busy for as long as the test likes.
            let _ = gumption::task::block_in_place(|| stay.recv());
        }
    }));
    until_waiting(&handle, 1, WaitReason::ChanRecv);
    let mut taker = Taker::default();
    let _ = take(&mut taker, &handle);
    for _ in 0..1_000 {
        tx.send(()).expect("it receives");
    }
    let census = take(&mut taker, &handle);
    let queue = census.queues.iter().find(|queue| queue.resource.contains("tests/census.rs")).expect("it is full");
    // As of the last block of values.
    assert!(queue.depth > 900 && queue.sends > 900 && queue.receives <= 1, "{queue:?}");
    drop((go, tx));
}
