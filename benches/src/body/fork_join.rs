//! Fork-join: a tree of tasks, as in a parallel `fib`.
//!
//! `fib(27)`: every node above the cutoff of 10 spawns its left half as a task and computes the right half itself, then
//! joins. One operation is one spawned task, 4180 of them in a tree; below the cutoff a node computes for some 200 ns.
//! This is the workload that work stealing was invented for: what dominates is how soon the thieves take the *oldest* task (the
//! biggest half) and how cheaply a join is answered that is ready before it is asked for, as nearly all are.

use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::time::{Duration, Instant};

use crate::Peer;

/// The root of the tree.
const ROOT: u64 = 27;

/// Nodes up to this one are computed in place.
const CUTOFF: u64 = 10;

/// Tasks that one tree spawns.
pub const TASKS: u64 = spawned(ROOT);

/// As many trees as the number of operations needs, one after the other.
pub fn fib<P: Peer>(peer: &P, ops: u64) -> Duration {
    peer.run(async move {
        let trees = ops.div_ceil(TASKS).max(1);
        let start = Instant::now();
        for _ in 0..trees {
            assert_eq!(node::<P>(black_box(ROOT)).await, 196_418);
        }
        start.elapsed().mul_f64(ops as f64 / (trees * TASKS) as f64)
    })
}

fn node<P: Peer>(n: u64) -> Pin<Box<dyn Future<Output = u64> + Send>> {
    Box::pin(async move {
        if n <= CUTOFF {
            return in_place(n);
        }
        let left = P::spawn(node::<P>(n - 1));
        let right = node::<P>(n - 2).await;
        left.await + right
    })
}

fn in_place(n: u64) -> u64 {
    if n < 2 { n } else { in_place(black_box(n) - 1) + in_place(n - 2) }
}

const fn spawned(n: u64) -> u64 {
    if n <= CUTOFF { 0 } else { 1 + spawned(n - 1) + spawned(n - 2) }
}
