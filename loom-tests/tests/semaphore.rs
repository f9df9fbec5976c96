//! Models of the semaphore's queue: permits that come back, waiters that come, give up, or are closed out.
//!
//! Futures are polled by hand, with wakers that lend no ordering, so that only the semaphore orders one thread's use of what the
//! permits guard behind another's. The value that they guard is a cell that loom watches.
#![cfg(gumption_loom)]

use gumption::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use gumption_core::sync::{Arc, UnsafeCell, thread};
use gumption_loom_tests::bell::bell;
use gumption_loom_tests::{UNBOUNDED, model, mutants};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

type Turn = Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, AcquireError>> + Send>>;

fn turn(semaphore: &std::sync::Arc<Semaphore>, permits: u32) -> Turn {
    Box::pin(semaphore.clone().acquire_many_owned(permits))
}

fn poll(turn: &mut Turn) -> Poll<Result<OwnedSemaphorePermit, AcquireError>> {
    turn.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// What permits guard: written before they are given, read by who has them.
struct Guarded(UnsafeCell<u32>);

// SAFETY: loom checks each access.
unsafe impl Sync for Guarded {}
// SAFETY: as above.
unsafe impl Send for Guarded {}

impl Guarded {
    fn new() -> Arc<Self> {
        Arc::new(Self(UnsafeCell::new(0)))
    }
    fn write(&self) {
        // SAFETY: loom checks it.
        self.0.with_mut(|value| unsafe { *value += 1 });
    }
    fn read(&self) -> u32 {
        // SAFETY: loom checks it.
        self.0.with(|value| unsafe { *value })
    }
}

/// A permit is released while another thread asks for it: it is had or waited for, it brings along what came before it, and it
/// is not lost.
#[test]
fn semaphore_release_vs_acquire() {
    model(UNBOUNDED, || {
        let semaphore = std::sync::Arc::new(Semaphore::new(0));
        let guarded = Guarded::new();
        let taker = {
            let (semaphore, guarded) = (semaphore.clone(), guarded.clone());
            thread::spawn(move || {
                let mut turn = turn(&semaphore, 1);
                for _ in 0..2 {
                    if let Poll::Ready(permit) = poll(&mut turn) {
                        assert_eq!(guarded.read(), 1);
                        drop(permit);
                        return None;
                    }
                    // Lets the other one run; without, loom does not try a look at the node behind it.
                    thread::yield_now();
                }
                Some(turn)
            })
        };
        guarded.write();
        semaphore.add_permits(1);
        if let Some(mut turn) = taker.join().expect("the taker does not panic") {
            assert!(poll(&mut turn).is_ready(), "the permit is there");
        }
        assert_eq!(semaphore.available_permits(), 1, "no permit is lost, none is granted twice");
    });
}

/// Permits are gathered from the free ones and from a release: what came before either is seen.
#[test]
fn semaphore_gathers() {
    model(UNBOUNDED, || {
        let semaphore = std::sync::Arc::new(Semaphore::new(0));
        let guarded = Guarded::new();
        let giver = {
            let (semaphore, guarded) = (semaphore.clone(), guarded.clone());
            thread::spawn(move || {
                guarded.write();
                semaphore.add_permits(1);
            })
        };
        let mut many = turn(&semaphore, 2);
        assert!(poll(&mut many).is_pending());
        // Its own release: lends no ordering to what the other one gave.
        semaphore.add_permits(1);
        if let Poll::Ready(permits) = poll(&mut many) {
            assert_eq!(guarded.read(), 1);
            drop(permits);
        }
        giver.join().expect("the giver does not panic");
        drop(many);
        assert_eq!(semaphore.available_permits(), 2);
    });
}

/// More permits come than are waited for: what is left is free, and brings along what came before it.
#[test]
fn semaphore_distributes_the_rest() {
    model(UNBOUNDED, || {
        let semaphore = std::sync::Arc::new(Semaphore::new(0));
        let guarded = Guarded::new();
        let taker = {
            let (semaphore, guarded) = (semaphore.clone(), guarded.clone());
            thread::spawn(move || {
                let mut waits = turn(&semaphore, 1);
                let first = poll(&mut waits);
                if let Ok(second) = semaphore.clone().try_acquire_owned() {
                    assert_eq!(guarded.read(), 1);
                    drop(second);
                }
                (first.is_ready(), waits)
            })
        };
        guarded.write();
        semaphore.add_permits(2);
        let (was_ready, mut waits) = taker.join().expect("the taker does not panic");
        assert!(was_ready || poll(&mut waits).is_ready());
        assert_eq!(semaphore.available_permits(), 2);
    });
}

/// One that waits for two gives up while permits come: what it had gathered, or was served and never saw, goes to the next.
#[test]
fn semaphore_cancel_vs_release() {
    model(3, || {
        let semaphore = std::sync::Arc::new(Semaphore::new(0));
        let quitter = {
            let semaphore = semaphore.clone();
            thread::spawn(move || {
                let mut first = turn(&semaphore, 2);
                let is_first = poll(&mut first).is_ready();
                let mut second = turn(&semaphore, 1);
                let was_ready = poll(&mut second).is_ready();
                drop(first);
                (is_first, was_ready, second)
            })
        };
        semaphore.add_permits(1);
        semaphore.add_permits(1);
        let (_, was_ready, mut second) = quitter.join().expect("the quitter does not panic");
        assert!(was_ready || poll(&mut second).is_ready(), "the permits went on");
        drop(second);
        assert_eq!(semaphore.available_permits(), 2);
    });
}

/// The semaphore is closed while one joins the queue: it gets the error, at once or by a wake.
#[test]
fn semaphore_close_vs_acquire() {
    model(UNBOUNDED, || {
        let semaphore = std::sync::Arc::new(Semaphore::new(0));
        let (bell, waker) = bell();
        let waiter = {
            let semaphore = semaphore.clone();
            thread::spawn(move || {
                let mut turn = turn(&semaphore, 1);
                let waits = turn.as_mut().poll(&mut Context::from_waker(&waker)).is_pending();
                (waits, turn)
            })
        };
        semaphore.close();
        let (waits, mut turn) = waiter.join().expect("the waiter does not panic");
        if waits {
            assert!(bell.has_rung(), "who waits is told");
            assert!(matches!(poll(&mut turn), Poll::Ready(Err(_))));
        }
        drop(turn);
        assert!(bell.rings() <= 1);
    });
}

/// A permit comes back while one waits and another comes by: it is for the one that waits.
#[test]
fn semaphore_is_fifo() {
    model(UNBOUNDED, || {
        let semaphore = std::sync::Arc::new(Semaphore::new(0));
        let mut first = turn(&semaphore, 1);
        assert!(poll(&mut first).is_pending());
        let runner = {
            let semaphore = semaphore.clone();
            thread::spawn(move || {
                assert!(semaphore.try_acquire().is_err(), "nobody overtakes the queue");
                let mut second = turn(&semaphore, 1);
                assert!(poll(&mut second).is_pending(), "nobody overtakes the queue");
                second
            })
        };
        semaphore.add_permits(1);
        let second = runner.join().expect("the runner does not panic");
        assert!(poll(&mut first).is_ready(), "the first is served first");
        drop(second);
        assert_eq!(semaphore.available_permits(), 1);
    });
}

mutants! {
    semaphore_release_vs_acquire: [
        "semaphore-acquire-relaxed", "semaphore-release-relaxed", "semaphore-join-load-store", "semaphore-serve-relaxed",
        "semaphore-served-relaxed", "semaphore-unlink-early", "semaphore-release-past-queue", "semaphore-gather-relaxed",
    ];
    semaphore_gathers: ["semaphore-join-load-store"];
    semaphore_distributes_the_rest: ["semaphore-distribute-relaxed"];
    semaphore_cancel_vs_release: ["semaphore-cancel-keeps-permits", "semaphore-cancel-keeps-turn"];
    semaphore_close_vs_acquire: ["semaphore-close-leaves-queue", "semaphore-join-after-close"];
    semaphore_is_fifo: ["semaphore-release-past-queue"];
}
