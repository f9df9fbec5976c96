//! What `leaks()` proves of permits and read locks, which several can have: and what it leaves alone.

#[path = "support/leaks.rs"]
mod support;

use gumption::introspect::leaks::leaks;
use gumption::runtime::Runtime;
use gumption::sync::{Barrier, RwLock, Semaphore, oneshot};
use gumption::task::yield_now;
use gumption_core::resource::shares;
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::{circles, look, made_at, runtime, sorted};

/// Makes somebody wait for it once, so that from then on it is known who has permits.
async fn become_known(semaphore: &Arc<Semaphore>) {
    let all = semaphore.available_permits() as u32;
    let held = semaphore.acquire_many(all).await.expect("it is not closed");
    let waiter = gumption::spawn({
        let semaphore = semaphore.clone();
        async move { drop(semaphore.acquire().await.expect("it is not closed")) }
    });
    until_idle(&waiter).await;
    drop(held);
    waiter.await.expect("no panic");
}

/// Whether the task waits now.
fn is_idle(runtime: &Runtime, task: gumption::task::Id) -> bool {
    let mut idle = false;
    runtime.handle().for_each_task(|row| idle |= row.id == task && row.bits.is_idle());
    idle
}

/// Waits until the task waits.
async fn until_idle(task: &gumption::task::JoinHandle<()>) {
    let mut idle = false;
    while !idle {
        yield_now().await;
        gumption::runtime::Handle::current().for_each_task(|row| {
            idle |= row.id == task.id() && row.bits.is_idle() && row.resource != 0;
        });
    }
}

#[test]
fn a_circle_of_permits_is_proven_if_enough_of_them_are_held_by_the_dead() {
    for living in [false, true] {
        let runtime = runtime();
        // Three permits each; each of the two tasks has two of one and wants two of the other.
        let semaphores = [Arc::new(Semaphore::new(3)), Arc::new(Semaphore::new(3))];
        let both = Arc::new(Barrier::new(2));
        let (go, gone) = oneshot::channel::<()>();
        runtime.block_on(async {
            for semaphore in &semaphores {
                become_known(semaphore).await;
            }
        });
        let task = |mine: usize| {
            let (mine, other, both) = (semaphores[mine].clone(), semaphores[1 - mine].clone(), both.clone());
            runtime.spawn(async move {
                let _mine = mine.acquire_many(2).await.expect("it is not closed");
                both.wait().await;
                let _other = other.acquire_many(if living { 1 } else { 2 }).await.expect("it is not closed");
            })
        };
        // One more has a permit of each, and will give them back.
        let neighbour = {
            let semaphores = semaphores.clone();
            runtime.spawn(async move {
                let _one = semaphores[0].acquire().await.expect("it is not closed");
                let _other = semaphores[1].acquire().await.expect("it is not closed");
                gone.await.expect("it is told");
            })
        };
        while semaphores.iter().any(|semaphore| semaphore.available_permits() > 2) {
            std::thread::yield_now();
        }
        let tasks = [task(0), task(1)];
        if living {
            let until = Instant::now() + Duration::from_millis(100);
            while Instant::now() < until {
                let found = leaks(runtime.handle());
                assert!(found.is_clean(), "{found}");
            }
            go.send(()).expect("it waits");
            for task in tasks {
                runtime.block_on(task).expect("it ends");
            }
        } else {
            let found = look(&runtime, |found| !found.deadlocks.is_empty());
            let ids = tasks.each_ref().map(|task| task.id().as_u64());
            assert_eq!(circles(&found).into_iter().map(sorted).collect::<Vec<_>>(), [sorted(ids.into())]);
            let text = found.to_string();
            assert_eq!(text.matches("unless somebody adds permits to semaphore").count(), 2, "{text}");
            // Somebody does after all.
            semaphores[0].add_permits(2);
            for task in tasks {
                runtime.block_on(task).expect("it ends");
            }
            drop(go);
        }
        drop(neighbour);
    }
}

#[test]
fn readers_that_want_to_write_are_in_a_circle() {
    let runtime = runtime();
    let lock = Arc::new(RwLock::new(()));
    runtime.block_on(async {
        // Somebody has waited for it before, so it is known who reads.
        let writer = lock.write().await;
        let reader = gumption::spawn({
            let lock = lock.clone();
            async move { drop(lock.read().await) }
        });
        until_idle(&reader).await;
        drop(writer);
        reader.await.expect("no panic");
    });
    let task = runtime.spawn({
        let lock = lock.clone();
        async move {
            let _reads = lock.read().await;
            let _writes = lock.write().await;
        }
    });
    let found = look(&runtime, |found| !found.deadlocks.is_empty());
    assert_eq!(circles(&found), [[task.id().as_u64()]]);
    // Who comes now waits behind the writer, and is dead with it.
    let behind = runtime.spawn(async move { drop(lock.read().await) });
    let found = look(&runtime, |found| found.dead() == 2);
    assert_eq!(found.deadlocks[0].behind_tasks[0].id, behind.id().as_u64());
}

/// A permit all of whose permits are split off stands for nothing, and its place is free for another one.
#[test]
fn a_permit_that_was_emptied_has_no_place_any_more() {
    let runtime = runtime();
    let (semaphore, line) = (Arc::new(Semaphore::new(4)), line!());
    let task = runtime.spawn(async move {
        become_known(&semaphore).await;
        let of = gumption::task::id().as_u64();
        let held = || {
            let shares = made_at(file!(), line).and_then(|facts| shares(facts.id)).expect("it is known");
            assert!(shares.holders.iter().all(|holder| holder.task == of && !holder.travels));
            shares.holders.iter().map(|holder| holder.permits).collect::<Vec<_>>()
        };
        let mut empty = semaphore.acquire().await.expect("it is not closed");
        let full = empty.split(1).expect("it has one");
        assert_eq!(held(), [1]);
        // It comes to where the first one was.
        let others = semaphore.acquire_many(2).await.expect("it is not closed");
        assert_eq!(held(), [1, 2]);
        empty.merge(full);
        assert_eq!(held(), [2], "what was merged is not written down any more, and nothing else has changed");
        drop(empty);
        assert_eq!(held(), [2]);
        drop(others);
        assert_eq!((held(), semaphore.available_permits()), (vec![], 4));
    });
    runtime.block_on(task).expect("no panic");
}

#[test]
fn permits_that_go_to_children_prove_nothing() {
    let runtime = runtime();
    let semaphore = Arc::new(Semaphore::new(2));
    runtime.block_on(become_known(&semaphore));
    let (go, _) = gumption::sync::broadcast::channel::<()>(1);
    let parent = {
        let go = go.clone();
        runtime.spawn(async move {
            for _ in 0..3 {
                let permit = semaphore.clone().acquire_owned().await.expect("it is not closed");
                let mut gone = go.subscribe();
                gumption::spawn(async move {
                    gone.recv().await.expect("it is told");
                    drop(permit);
                });
            }
        })
    };
    // It waits for a third permit, and two children wait.
    let patience = Instant::now() + Duration::from_secs(60);
    while go.receiver_count() < 2 || !is_idle(&runtime, parent.id()) {
        assert!(Instant::now() < patience);
        std::thread::yield_now();
    }
    let until = Instant::now() + Duration::from_millis(100);
    while Instant::now() < until {
        let found = leaks(runtime.handle());
        assert!(found.is_clean(), "{found}");
    }
    go.send(()).expect("children wait");
    runtime.block_on(parent).expect("it ends");
    go.send(()).ok();
}
