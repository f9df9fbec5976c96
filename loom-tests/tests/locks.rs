//! Models of the locks, the barrier, and the cells that are set once.
//!
//! Where an ordering is at stake futures are polled by hand, with wakers that lend none; where it is whether everybody goes on, threads
//! wait for them as `blocking_lock` does, and who is forgotten is a deadlock, which loom reports.
#![cfg(gumption_loom)]

use gumption::sync::internals::Spinning;
use gumption::sync::{Barrier, Mutex, OnceCell, RwLock, SetOnce};
use gumption_core::sync::{Arc, UnsafeCell, thread};
use gumption_core::wait_here;
use gumption_loom_tests::{UNBOUNDED, model, mutants};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// What a lock guards: loom watches who uses it beside whom.
struct Guarded(UnsafeCell<u32>);

// SAFETY: loom checks each access.
unsafe impl Sync for Guarded {}
// SAFETY: as above.
unsafe impl Send for Guarded {}

impl Guarded {
    fn new() -> Self {
        Self(UnsafeCell::new(0))
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

fn cx() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

/// Locks if its turn comes within two looks, and gives up otherwise.
fn lock_or_leave(mutex: &Mutex<Guarded>) -> bool {
    let mut lock = pin!(mutex.lock());
    for _ in 0..2 {
        if let Poll::Ready(guard) = lock.as_mut().poll(&mut cx()) {
            guard.write();
            return true;
        }
        // Lets the other one run; without, loom does not try a look at the node behind it.
        thread::yield_now();
    }
    false
}

/// Two lock, wait, or give up waiting: one at a time has it, sees what the other did, and at the end it is free.
#[test]
fn mutex_excludes() {
    model(3, || {
        let mutex = std::sync::Arc::new(Mutex::new(Guarded::new()));
        let other = {
            let mutex = mutex.clone();
            thread::spawn(move || u32::from(lock_or_leave(&mutex)))
        };
        let mine = u32::from(lock_or_leave(&mutex));
        let locked = mine + other.join().expect("the other one does not panic");
        let guard = mutex.try_lock().expect("it is free at the end");
        assert_eq!(guard.read(), locked);
    });
}

/// The owner lets go while one who waited gives up, and tries again without waiting: the lock is whole.
#[test]
fn mutex_hand_over_vs_cancel() {
    model(UNBOUNDED, || {
        let mutex = std::sync::Arc::new(Mutex::new(Guarded::new()));
        let owner = mutex.try_lock().expect("nobody else is there");
        let other = {
            let mutex = mutex.clone();
            thread::spawn(move || {
                {
                    let mut lock = pin!(mutex.lock());
                    if let Poll::Ready(guard) = lock.as_mut().poll(&mut cx()) {
                        guard.write();
                    }
                }
                if let Ok(guard) = mutex.try_lock() {
                    guard.write();
                }
            })
        };
        owner.write();
        drop(owner);
        other.join().expect("the other one does not panic");
        assert!(mutex.try_lock().is_ok(), "it is free at the end");
    });
}

/// A writer goes while one waits to read: the rest is free for others, who see what it wrote.
#[test]
fn rwlock_hand_over_frees_the_rest() {
    model(UNBOUNDED, || {
        let lock = std::sync::Arc::new(RwLock::with_max_readers(Guarded::new(), 2));
        let writer = lock.try_write().expect("nobody else is there");
        let reader = {
            let lock = lock.clone();
            thread::spawn(move || {
                let mut read = pin!(lock.read());
                let waits = read.as_mut().poll(&mut cx()).is_pending();
                thread::yield_now();
                // Past its own turn, which it does not look at.
                if let (true, Ok(guard)) = (waits, lock.try_read()) {
                    assert_eq!(guard.read(), 1);
                }
            })
        };
        writer.write();
        drop(writer);
        reader.join().expect("the reader does not panic");
        assert!(lock.try_write().is_ok(), "it is free at the end");
    });
}

/// Both get the lock, in turn: nobody is forgotten.
#[test]
fn mutex_everybody_gets_it() {
    model(3, || {
        let mutex = std::sync::Arc::new(Mutex::new(Guarded::new()));
        let other = {
            let mutex = mutex.clone();
            thread::spawn(move || mutex.blocking_lock().write())
        };
        mutex.blocking_lock().write();
        other.join().expect("the other one does not panic");
        assert_eq!(mutex.try_lock().map(|guard| guard.read()).ok(), Some(2));
    });
}

/// A writer and a reader, each of whom may wait or give up: they are never in together.
#[test]
fn rwlock_excludes() {
    model(3, || {
        let lock = std::sync::Arc::new(RwLock::with_max_readers(Guarded::new(), 2));
        let writer = {
            let lock = lock.clone();
            thread::spawn(move || {
                let mut write = pin!(lock.write());
                for _ in 0..2 {
                    if let Poll::Ready(guard) = write.as_mut().poll(&mut cx()) {
                        guard.write();
                        return;
                    }
                    thread::yield_now();
                }
            })
        };
        {
            let mut read = pin!(lock.read());
            for _ in 0..2 {
                if let Poll::Ready(guard) = read.as_mut().poll(&mut cx()) {
                    assert!(guard.read() <= 1);
                    break;
                }
                thread::yield_now();
            }
        }
        writer.join().expect("the writer does not panic");
        assert!(lock.try_write().is_ok(), "it is free at the end");
    });
}

/// A writer becomes a reader: who waits to read gets in beside it, and sees what it wrote.
#[test]
fn rwlock_downgrade_admits_readers() {
    model(UNBOUNDED, || {
        let lock = std::sync::Arc::new(RwLock::with_max_readers(Guarded::new(), 2));
        let writer = lock.try_write().expect("nobody else is there");
        let reader = {
            let lock = lock.clone();
            thread::spawn(move || {
                let mut read = Box::pin(lock.read_owned());
                match read.as_mut().poll(&mut cx()) {
                    Poll::Ready(guard) => {
                        assert_eq!(guard.read(), 1);
                        None
                    }
                    Poll::Pending => Some(read),
                }
            })
        };
        writer.write();
        let downgraded = writer.downgrade();
        if let Some(mut read) = reader.join().expect("the reader does not panic") {
            let Poll::Ready(guard) = read.as_mut().poll(&mut cx()) else { panic!("readers are admitted") };
            assert_eq!(guard.read(), 1);
        }
        assert_eq!(downgraded.read(), 1);
        drop(downgraded);
        assert!(lock.try_write().is_ok(), "it is free at the end");
    });
}

/// A writer becomes a reader: no other writer gets in between.
#[test]
fn rwlock_downgrade_excludes_writers() {
    model(UNBOUNDED, || {
        let lock = std::sync::Arc::new(RwLock::with_max_readers(Guarded::new(), 2));
        let writer = lock.try_write().expect("nobody else is there");
        let other = {
            let lock = lock.clone();
            thread::spawn(move || {
                let mut write = pin!(lock.write());
                for _ in 0..2 {
                    if let Poll::Ready(guard) = write.as_mut().poll(&mut cx()) {
                        guard.write();
                        return;
                    }
                    thread::yield_now();
                }
            })
        };
        let reader = writer.downgrade();
        assert_eq!(reader.read(), 0, "what is read does not change");
        assert_eq!(reader.read(), 0, "what is read does not change");
        drop(reader);
        other.join().expect("the other writer does not panic");
    });
}

/// Makes a value, and lets another one ask for it meanwhile.
async fn make(value: u32) -> u32 {
    thread::yield_now();
    value
}

/// Two make the value: one does, and both have it.
#[test]
fn once_cell_initialises_once() {
    model(2, || {
        let cell = Arc::new(OnceCell::new());
        let other = {
            let cell = cell.clone();
            thread::spawn(move || wait_here(async { *cell.get_or_init(|| make(1)).await }))
        };
        let mine = wait_here(async { *cell.get_or_init(|| make(2)).await });
        let others = other.join().expect("the other one does not panic");
        assert_eq!(mine, others, "there is one value");
        assert_eq!(cell.get(), Some(&mine));
    });
}

/// The value is set while it is looked at: who sees it sees it whole.
#[test]
fn once_cell_set_vs_get() {
    model(UNBOUNDED, || {
        let cell = Arc::new(OnceCell::new());
        let reader = {
            let cell = cell.clone();
            thread::spawn(move || cell.get().copied())
        };
        cell.set(7).expect("nobody else sets it");
        assert!(matches!(reader.join().expect("the reader does not panic"), None | Some(7)));
    });
}

/// Who makes the value gives up: it is the next one's turn.
#[test]
fn once_cell_cancelled_initialiser_hands_on() {
    model(2, || {
        let cell = Arc::new(OnceCell::new());
        let other = {
            let cell = cell.clone();
            thread::spawn(move || wait_here(async { *cell.get_or_init(|| async { 2 }).await }))
        };
        {
            let mut mine = pin!(cell.get_or_init(std::future::pending::<u32>));
            let polled = mine.as_mut().poll(&mut cx());
            assert!(polled.is_pending() || cell.initialized());
        }
        assert_eq!(other.join().expect("the other one does not panic"), 2);
    });
}

/// Two meet twice: both go on, and one of them leads each time.
#[test]
fn barrier_releases_all() {
    model(2, || {
        let barrier = Arc::new(Barrier::new(2));
        let other = {
            let barrier = barrier.clone();
            thread::spawn(move || {
                wait_here(async { [barrier.wait().await.is_leader(), barrier.wait().await.is_leader()] })
            })
        };
        let mine = wait_here(async { [barrier.wait().await.is_leader(), barrier.wait().await.is_leader()] });
        let others = other.join().expect("the other one does not panic");
        for round in 0..2 {
            assert_ne!(mine[round], others[round], "one leads");
        }
    });
}

/// The value is set while another thread begins to wait for it: it goes on, and sees it whole.
#[test]
fn set_once_wait_vs_set() {
    model(3, || {
        let cell = Arc::new(SetOnce::new());
        let waiter = {
            let cell = cell.clone();
            thread::spawn(move || wait_here(async { *cell.wait().await }))
        };
        cell.set(7).expect("nobody else sets it");
        assert_eq!(waiter.join().expect("the waiter does not panic"), 7);
    });
}

/// Two set it: one does, and the other one gets its value back.
#[test]
fn set_once_is_set_once() {
    model(UNBOUNDED, || {
        let cell = Arc::new(SetOnce::new());
        let other = {
            let cell = cell.clone();
            thread::spawn(move || cell.set(1).is_ok())
        };
        let mine = cell.set(2).is_ok();
        let others = other.join().expect("the other one does not panic");
        assert!(mine ^ others, "one is the first");
        assert_eq!(cell.get(), Some(&if mine { 2 } else { 1 }));
    });
}

/// The lock of the queues: one at a time, behind the other.
#[test]
fn short_lock_excludes() {
    model(UNBOUNDED, || {
        let lock = Arc::new(Spinning::new(0));
        let other = {
            let lock = lock.clone();
            thread::spawn(move || *lock.lock() += 1)
        };
        *lock.lock() += 1;
        other.join().expect("the other one does not panic");
        assert_eq!(*lock.lock(), 2);
    });
}

mutants! {
    mutex_excludes: [
        "semaphore-acquire-relaxed", "semaphore-release-relaxed", "semaphore-serve-relaxed", "semaphore-served-relaxed",
        "semaphore-unlink-early", "semaphore-cancel-keeps-turn", "semaphore-empty-queue-flagged",
    ];
    mutex_hand_over_vs_cancel: ["semaphore-cancel-keeps-turn"];
    rwlock_hand_over_frees_the_rest: ["semaphore-hand-over-relaxed"];
    mutex_everybody_gets_it: ["semaphore-join-load-store"];
    rwlock_excludes: ["semaphore-acquire-relaxed", "semaphore-release-relaxed", "semaphore-cancel-keeps-turn"];
    rwlock_downgrade_admits_readers: ["rwlock-downgrade-admits-nobody"];
    rwlock_downgrade_excludes_writers: ["rwlock-downgrade-admits-writers"];
    once_cell_initialises_once: ["semaphore-close-leaves-queue"];
    once_cell_set_vs_get: ["once-cell-get-relaxed", "once-cell-set-relaxed"];
    once_cell_cancelled_initialiser_hands_on: ["once-cell-turn-kept", "semaphore-refusal-relaxed"];
    barrier_releases_all: ["gate-opens-for-nobody", "barrier-count-stays"];
    set_once_wait_vs_set: ["set-once-wait-no-second-look", "set-once-get-relaxed", "set-once-set-relaxed"];
    set_once_is_set_once: ["set-once-no-second-look"];
    short_lock_excludes: ["short-lock-relaxed", "short-unlock-relaxed"];
}
