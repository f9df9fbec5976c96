//! Blocking sections: what it costs to *say* that a call may block, when it then does not.
//!
//! One operation is one section with an empty body. A program that is honest declares every file read and every lock
//! that might take long, and nearly all of them return at once: the declaration is the cost. tokio's `block_in_place` hands
//! the worker's queue to another thread each time, before it knows whether that was needed; Gumption writes a status word
//! and lets sysmon take the processor if the section lasts.
//!
//! The task yields after each section, because the second section in the same poll is free for a runtime that has
//! nothing left to hand over. The yield's own cost is taken off: chunks with the section alternate with chunks
//! without, and what is reported is the median difference (at least a nanosecond, where the difference is noise).

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::Peer;
use crate::sample::median;

/// Yields in one chunk.
const CHUNK: u64 = 250;

/// The cheapest declared section that the runtime has.
pub fn section<P: Peer>(peer: &P, ops: u64) -> Duration {
    peer.run(async move {
        let mut differences = Vec::new();
        for _ in 0..ops.div_ceil(CHUNK) {
            let start = Instant::now();
            for n in 0..CHUNK {
                black_box(P::blocking(move || black_box(n)).await);
                P::yield_now().await;
            }
            differences.push(more_than_yields::<P>(start.elapsed()).await);
        }
        per_section(&differences, ops)
    })
}

/// `block_in_place`, for the like-for-like comparison.
pub fn in_place<P: Peer>(peer: &P, ops: u64) -> Duration {
    peer.run(async move {
        let mut differences = Vec::new();
        for _ in 0..ops.div_ceil(CHUNK) {
            let start = Instant::now();
            for n in 0..CHUNK {
                black_box(P::block_in_place(|| black_box(n)));
                P::yield_now().await;
            }
            differences.push(more_than_yields::<P>(start.elapsed()).await);
        }
        per_section(&differences, ops)
    })
}

/// Nanoseconds by which a chunk took longer than the same number of yields alone.
async fn more_than_yields<P: Peer>(chunk: Duration) -> f64 {
    let start = Instant::now();
    for _ in 0..CHUNK {
        P::yield_now().await;
    }
    chunk.as_nanos() as f64 - start.elapsed().as_nanos() as f64
}

fn per_section(differences: &[f64], ops: u64) -> Duration {
    let each = (median(differences) / CHUNK as f64).max(1.0);
    Duration::from_nanos((each * ops as f64) as u64)
}
