//! What observers see of the locks: who owns, who waits, how many hold, and what a waiting task says.

use gumption::runtime::{Builder, Runtime};
use gumption::sync::broadcast::{self, error::RecvError};
use gumption::sync::{Barrier, Mutex, OnceCell, RwLock, Semaphore, oneshot};
use gumption::task::yield_now;
use gumption::wait::{Facts, Kind, snapshot};
use std::sync::Arc;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// The facts of the resource of that kind that was made in that line of this file.
fn facts(kind: Kind, line: u32) -> Option<Facts> {
    snapshot().into_iter().find(|facts| facts.kind == kind && facts.site.file() == file!() && facts.site.line() == line)
}

/// Lets everybody run who can.
async fn settle() {
    for _ in 0..10 {
        yield_now().await;
    }
}

#[test]
fn a_mutex_tells_its_owner_from_the_first_wait_on() {
    runtime().block_on(async {
        let (mutex, line) = (Arc::new(Mutex::new(())), line!());
        let (go, gone) = oneshot::channel::<()>();
        let holder = gumption::spawn({
            let mutex = mutex.clone();
            async move {
                let _guard = mutex.lock().await;
                gone.await.expect("it is told to go");
            }
        });
        settle().await;
        assert!(facts(Kind::Mutex, line).is_none(), "nobody has waited");
        let (go_too, gone_too) = oneshot::channel::<()>();
        let waiter = gumption::spawn({
            let mutex = mutex.clone();
            async move {
                let _guard = mutex.lock().await;
                gone_too.await.expect("it is told to go");
            }
        });
        settle().await;
        let seen = facts(Kind::Mutex, line).expect("somebody waits");
        assert_eq!((seen.owner, seen.waiters), (holder.id().as_u64(), 1));
        go.send(()).expect("it waits");
        holder.await.expect("no panic");
        settle().await;
        let seen = facts(Kind::Mutex, line).expect("somebody has waited");
        assert_eq!((seen.owner, seen.waiters, seen.waits), (waiter.id().as_u64(), 0, 1));
        go_too.send(()).expect("it waits");
        waiter.await.expect("no panic");
        assert_eq!(facts(Kind::Mutex, line).map(|seen| seen.owner), Some(0));
        // Uncontended, but known: still exact.
        let guard = gumption::spawn(async move { mutex.lock_owned().await });
        let id = guard.id().as_u64();
        let guard = guard.await.expect("no panic");
        assert_eq!(facts(Kind::Mutex, line).map(|seen| seen.owner), Some(id));
        drop(guard);
        assert!(facts(Kind::Mutex, line).is_none(), "it has gone");
    });
}

#[test]
fn a_rwlock_tells_its_readers_and_its_writer() {
    runtime().block_on(async {
        let (lock, line) = (Arc::new(RwLock::new(())), line!());
        let readers = (lock.read().await, lock.read().await);
        let writer = gumption::spawn({
            let lock = lock.clone();
            async move {
                let guard = lock.write().await;
                settle().await;
                drop(guard);
            }
        });
        settle().await;
        let seen = facts(Kind::RwLock, line).expect("a writer waits");
        assert_eq!((seen.owner, seen.holders, seen.waiters), (0, 2, 1));
        drop(readers);
        yield_now().await;
        let seen = facts(Kind::RwLock, line).expect("a writer waited");
        assert_eq!((seen.owner, seen.holders, seen.waiters), (writer.id().as_u64(), 0, 0));
        writer.await.expect("no panic");
        assert_eq!(facts(Kind::RwLock, line).map(|seen| seen.owner), Some(0));
    });
}

#[test]
fn a_semaphore_tells_its_permits() {
    runtime().block_on(async {
        let (semaphore, line) = (Arc::new(Semaphore::new(3)), line!());
        let two = semaphore.try_acquire_many(2).expect("there are three");
        let waiter = gumption::spawn({
            let semaphore = semaphore.clone();
            async move { semaphore.acquire_many(3).await.map(|permits| permits.num_permits()).ok() }
        });
        settle().await;
        let seen = facts(Kind::Semaphore, line).expect("somebody waits");
        assert_eq!((seen.holders, seen.waiters, seen.capacity), (2, 1, 3), "what a waiter has gathered nobody holds");
        two.forget();
        semaphore.add_permits(1);
        settle().await;
        let seen = facts(Kind::Semaphore, line).expect("somebody waits");
        assert_eq!((seen.holders, seen.waiters, seen.capacity), (0, 1, 2));
        semaphore.add_permits(1);
        assert_eq!(waiter.await.expect("no panic"), Some(3));
    });
}

#[test]
fn a_cell_tells_who_makes_its_value_and_a_barrier_who_has_come() {
    runtime().block_on(async {
        let (cell, cell_line) = (Arc::new(OnceCell::new()), line!());
        let (go, gone) = oneshot::channel::<u32>();
        let maker = gumption::spawn({
            let cell = cell.clone();
            async move { *cell.get_or_init(|| async { gone.await.expect("it is told") }).await }
        });
        settle().await;
        let waiter = gumption::spawn({
            let cell = cell.clone();
            async move { *cell.get_or_init(|| async { 0 }).await }
        });
        settle().await;
        let seen = facts(Kind::OnceCell, cell_line).expect("somebody waits");
        assert_eq!((seen.owner, seen.waiters), (maker.id().as_u64(), 1));
        go.send(7).expect("it waits");
        assert_eq!((maker.await.expect("no panic"), waiter.await.expect("no panic")), (7, 7));

        let (barrier, line) = (Arc::new(Barrier::new(2)), line!());
        let first = gumption::spawn({
            let barrier = barrier.clone();
            async move { barrier.wait().await.is_leader() }
        });
        settle().await;
        let seen = facts(Kind::Barrier, line).expect("somebody waits");
        assert_eq!((seen.depth, seen.capacity, seen.waiters), (1, 2, 1));
        assert!(barrier.wait().await.is_leader());
        assert!(!first.await.expect("no panic"));
    });
}

#[test]
fn a_broadcast_tells_what_was_lost_and_by_whom() {
    runtime().block_on(async {
        let ((sender, mut slow), line) = (broadcast::channel(4), line!());
        let mut quick = sender.subscribe();
        let reads = gumption::spawn(async move { while quick.recv().await.is_ok() {} });
        let lags = gumption::spawn(async move {
            for value in 0..10 {
                assert!(sender.send(value).is_ok());
                yield_now().await;
            }
            assert_eq!(slow.recv().await, Err(RecvError::Lagged(6)));
            assert_eq!(slow.recv().await, Ok(6));
            assert!(sender.send(10).is_ok());
            let seen = facts(Kind::Broadcast, line).expect("somebody has waited");
            assert_eq!((seen.lost, seen.sends, seen.capacity, seen.vain, seen.hold_ns), (6, 10, 4, 0, 0));
            assert!(seen.to_string().contains(", 6 lost"), "{seen}");
            seen.laggard
        });
        let id = lags.id().as_u64();
        assert_eq!(lags.await.expect("no panic"), id);
        reads.await.expect("no panic");
    });
}
