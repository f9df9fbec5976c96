//! The bench bodies, one file per family.
//!
//! Every body is a function of a peer and a number of operations, and comes in one of three kinds. A *total*
//! returns the time that all operations took together (wall or CPU, as its doc says); a *sample* returns the latency of
//! each; what was *spent* is both totals at once, wall and CPU.
//! What one operation is stands on the body's doc and in the catalogue. Setting up (starting the runtime, parking a
//! partner) is outside the measured time wherever it can be.

pub mod blocking;
pub mod cpu;
pub mod fork_join;
pub mod http;
pub mod latency;
pub mod primitives;
pub mod spawn;
pub mod tcp;
pub mod timers;
pub mod udp;
pub mod yields;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

/// Computes, in the sense that the thread is busy and yields to nobody, for this long.
pub(crate) fn burn(duration: Duration) {
    let start = Instant::now();
    while start.elapsed() < duration {
        std::hint::spin_loop();
    }
}

/// So many shares of the operations, as even as can be.
pub(crate) fn split(ops: u64, shares: u64) -> impl Iterator<Item = u64> {
    (0..shares).map(move |n| ops / shares + u64::from(n < ops % shares))
}

/// Counts tasks that nobody joins, and tells when the last one is done. Leaked, 24 bytes a run: a counted
/// reference would cost each task two contended operations on top of the one that it needs.
pub(crate) struct Countdown {
    left: AtomicU64,
    done: std::sync::Mutex<Option<oneshot::Sender<()>>>,
}

impl Countdown {
    pub(crate) fn new(tasks: u64) -> (&'static Self, oneshot::Receiver<()>) {
        let (done, all_done) = oneshot::channel();
        let countdown = Self { left: AtomicU64::new(tasks), done: std::sync::Mutex::new(Some(done)) };
        (Box::leak(Box::new(countdown)), all_done)
    }

    pub(crate) fn one_done(&self) {
        // Ordering: AcqRel pairs with the other tasks' decrements; the last one sees all that they wrote.
        if self.left.fetch_sub(1, Ordering::AcqRel) == 1
            && let Some(done) = self.done.lock().expect("no task panics while it holds this").take()
        {
            // The receiver is gone only if the bench itself was dropped.
            let _ = done.send(());
        }
    }
}
