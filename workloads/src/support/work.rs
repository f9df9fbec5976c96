//! Work: a thread that computes for a while.
//!
//! Wall time, not CPU time: work that the operating system interrupts takes longer, here as in life.

use std::hint::{black_box, spin_loop};
use std::time::{Duration, Instant};

/// Computes for `length` without a break.
pub fn compute(length: Duration) {
    let begun = Instant::now();
    let mut sum = 0u64;
    while begun.elapsed() < length {
        sum = black_box(sum.wrapping_mul(31).wrapping_add(7));
        spin_loop();
    }
}
