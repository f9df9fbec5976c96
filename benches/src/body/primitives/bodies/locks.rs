//! Locks and signals: free, contended, and held while others wait.
//!
//! A *free* row is one task alone: what the primitive costs when it is not needed. In a contended one every task wants the same thing
//! all the time, and what dominates is whether a release hands the lock to a sleeping task, or lets one that runs have it, and what
//! a wake costs. A lock that is held across a yield makes everybody wait in line.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::sync::{Mutex, Notify, RwLock, Semaphore};
use crate::Peer;
use crate::body::split;

/// Tasks that contend.
const TASKS: u64 = 64;
/// Tasks that read at once.
const READERS: u64 = 8;

/// 64 tasks lock, add, and unlock. One operation is that.
pub(crate) fn mutex_contended<P: Peer>(peer: &P, ops: u64) -> Duration {
    mutex::<P, false>(peer, ops)
}

/// 64 tasks lock, add, yield, and unlock. One operation is that.
pub(crate) fn mutex_held<P: Peer>(peer: &P, ops: u64) -> Duration {
    mutex::<P, true>(peer, ops)
}

fn mutex<P: Peer, const YIELDS: bool>(peer: &P, ops: u64) -> Duration {
    peer.run(async move {
        let mutex = Arc::new(Mutex::new(0_u64));
        let start = Instant::now();
        let tasks: Vec<_> = split(ops, TASKS)
            .map(|share| {
                let mutex = mutex.clone();
                P::spawn(async move {
                    for _ in 0..share {
                        let mut held = mutex.lock().await;
                        *held += 1;
                        if YIELDS {
                            P::yield_now().await;
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await;
        }
        let elapsed = start.elapsed();
        assert_eq!(*mutex.lock().await, ops);
        elapsed
    })
}

/// One task locks a mutex and unlocks it.
pub(crate) fn mutex_free<P: Peer>(peer: &P, ops: u64) -> Duration {
    peer.run(async move {
        let mutex = Arc::new(Mutex::new(0_u64));
        let start = Instant::now();
        for _ in 0..ops {
            *mutex.lock().await += 1;
        }
        start.elapsed()
    })
}

/// One task takes a read lock and gives it back.
pub(crate) fn rwlock_free<P: Peer>(peer: &P, ops: u64) -> Duration {
    peer.run(async move {
        let lock = Arc::new(RwLock::new(1_u64));
        let start = Instant::now();
        let mut sum = 0;
        for _ in 0..ops {
            sum += *lock.read().await;
        }
        assert_eq!(sum, ops);
        start.elapsed()
    })
}

/// 8 tasks take read locks and give them back. One operation is one of that.
pub(crate) fn rwlock_readers<P: Peer>(peer: &P, ops: u64) -> Duration {
    peer.run(async move {
        let lock = Arc::new(RwLock::new(1_u64));
        let start = Instant::now();
        let tasks: Vec<_> = split(ops, READERS)
            .map(|share| {
                let lock = lock.clone();
                P::spawn(async move {
                    let mut sum = 0;
                    for _ in 0..share {
                        sum += *lock.read().await;
                    }
                    sum
                })
            })
            .collect();
        let mut sum = 0;
        for task in tasks {
            sum += task.await;
        }
        assert_eq!(sum, ops);
        start.elapsed()
    })
}

/// One task acquires a permit and gives it back.
pub(crate) fn semaphore_free<P: Peer>(peer: &P, ops: u64) -> Duration {
    peer.run(async move {
        let semaphore = Arc::new(Semaphore::new(4));
        let start = Instant::now();
        for _ in 0..ops {
            drop(semaphore.acquire().await.expect("it is not closed"));
        }
        start.elapsed()
    })
}

/// Two tasks notify each other. One operation is one notification.
pub(crate) fn notify_hop<P: Peer>(peer: &P, ops: u64) -> Duration {
    peer.run(async move {
        let (there, back) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let rounds = ops.div_ceil(2);
        let partner = {
            let (there, back) = (there.clone(), back.clone());
            P::spawn(async move {
                for _ in 0..rounds {
                    there.notified().await;
                    back.notify_one();
                }
            })
        };
        let start = Instant::now();
        for _ in 0..rounds {
            there.notify_one();
            back.notified().await;
        }
        let elapsed = start.elapsed();
        partner.await;
        elapsed
    })
}
