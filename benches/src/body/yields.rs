//! Yielding: what a turn costs.
//!
//! One operation is one `yield_now` that comes back. With many tasks ready there is always a next one, and what is
//! measured is the loop itself: a push, a pop, a poll, and the fairness tick. With one task and the other workers asleep
//! there is nobody to yield to, and a runtime that wakes a worker for it (who finds nothing, and sleeps again) pays for
//! that wake every time.

use std::time::{Duration, Instant};

use crate::Peer;

/// Tasks that yield beside each other in [`many`].
const TASKS: u64 = 200;

/// 200 tasks share the yields: 1000 each at full size.
pub fn many<P: Peer>(peer: &P, ops: u64) -> Duration {
    peer.run(async move {
        let start = Instant::now();
        let tasks: Vec<_> = (0..TASKS)
            .map(|n| {
                let share = ops / TASKS + u64::from(n < ops % TASKS);
                P::spawn(async move {
                    for _ in 0..share {
                        P::yield_now().await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await;
        }
        start.elapsed()
    })
}

/// One task yields while all the others' workers sleep.
pub fn lone<P: Peer>(peer: &P, ops: u64) -> Duration {
    peer.run(async move {
        let start = Instant::now();
        for _ in 0..ops {
            P::yield_now().await;
        }
        start.elapsed()
    })
}
