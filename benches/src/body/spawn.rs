//! Spawning: what a task costs that does nothing.
//!
//! One operation is one task, spawned, run and (where the name says *join*) awaited for its output. The future is
//! 8 bytes and ready at once, so all of the time is the runtime's: allocating the cell, queueing it, waking somebody to
//! help, running it, telling the joiner, freeing it. Queues are the smallest part of that. What dominates is, in this
//! order: waking sleeping threads (4.6 µs each, so a runtime that wakes one per spawn drowns), freeing memory on another
//! thread than the one that allocated it (about 0.5 µs with malloc), and the cache misses of a cell that moves.

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use super::Countdown;
use crate::Peer;

/// Tasks outstanding at once in the batched benches.
const BATCH: u64 = 1000;

/// Threads that spawn at once in [`join_remote_mt`].
const OUTSIDERS: u64 = 4;

/// A task spawns batches of 1000 trivial tasks and awaits each batch.
pub fn join_local<P: Peer>(peer: &P, ops: u64) -> Duration {
    peer.run(async move {
        let start = Instant::now();
        let mut batch = Vec::with_capacity(BATCH as usize);
        let mut left = ops;
        while left > 0 {
            let now = left.min(BATCH);
            batch.extend((0..now).map(|n| P::spawn(async move { black_box(n) })));
            for join in batch.drain(..) {
                black_box(join.await);
            }
            left -= now;
        }
        start.elapsed()
    })
}

/// A task spawns one task, awaits it, and again. Nothing ever runs in parallel: a worker woken to help is woken in vain.
pub fn join_one<P: Peer>(peer: &P, ops: u64) -> Duration {
    peer.run(async move {
        let start = Instant::now();
        for n in 0..ops {
            black_box(P::spawn(async move { black_box(n) }).await);
        }
        start.elapsed()
    })
}

/// As [`join_local`], but the spawner is a thread outside the runtime: every task goes through the global queue.
pub fn join_remote<P: Peer>(peer: &P, ops: u64) -> Duration {
    let start = Instant::now();
    spawn_and_join_from_here(peer, ops);
    start.elapsed()
}

/// As [`join_remote`], from four outside threads at once: they contend for the global queue with each other and with the
/// workers.
pub fn join_remote_mt<P: Peer>(peer: &P, ops: u64) -> Duration {
    let start = Instant::now();
    thread::scope(|scope| {
        for n in 0..OUTSIDERS {
            let share = ops / OUTSIDERS + u64::from(n < ops % OUTSIDERS);
            scope.spawn(move || spawn_and_join_from_here(peer, share));
        }
    });
    start.elapsed()
}

fn spawn_and_join_from_here<P: Peer>(peer: &P, ops: u64) {
    peer.block_on(async {
        let mut batch = Vec::with_capacity(BATCH as usize);
        let mut left = ops;
        while left > 0 {
            let now = left.min(BATCH);
            batch.extend((0..now).map(|n| peer.spawn_from_outside(async move { black_box(n) })));
            for join in batch.drain(..) {
                black_box(join.await);
            }
            left -= now;
        }
    });
}

/// A task spawns all tasks, detached; the last one to run says so. Nothing holds the spawner back, so the queues
/// overflow and memory is allocated on one thread and freed on four.
pub fn many<P: Peer>(peer: &P, ops: u64) -> Duration {
    peer.run(async move {
        let (countdown, all_done) = Countdown::new(ops);
        let start = Instant::now();
        for _ in 0..ops {
            P::detach(async move { countdown.one_done() });
        }
        all_done.await.expect("the last task says so");
        start.elapsed()
    })
}

/// Each task spawns the next one and ends. One task is alive at a time: what is measured is the way from a spawn to
/// the spawned task's first poll on the same worker, and how little the runtime disturbs the others over it.
pub fn chained<P: Peer>(peer: &P, ops: u64) -> Duration {
    peer.run(async move {
        let (countdown, all_done) = Countdown::new(1);
        let start = Instant::now();
        link::<P>(countdown, ops);
        all_done.await.expect("the last link says so");
        start.elapsed()
    })
}

fn link<P: Peer>(countdown: &'static Countdown, left: u64) {
    if left == 0 {
        countdown.one_done();
    } else {
        P::detach(async move { link::<P>(countdown, left - 1) });
    }
}
