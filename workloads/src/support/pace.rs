//! A load that does not care how well it is served: arrivals on a schedule of their own.
//!
//! Runs on the calling OS thread, so a stuck runtime cannot slow its own load down (the trap that is called coordinated
//! omission). An arrival that comes late, because this thread slept too long, comes at once.

use std::time::{Duration, Instant};

use crate::workload::Until;

/// Calls `arrive` with 0, 1, 2, .. every `period` until the run is over. Returns how many arrived.
pub fn pace(until: Until, period: Duration, mut arrive: impl FnMut(u64)) -> u64 {
    let begun = Instant::now();
    let mut count = 0u64;
    while !until.over() {
        let due = begun + period.mul_f64(count as f64);
        let now = Instant::now();
        if due > now {
            std::thread::sleep((due - now).min(until.0.saturating_duration_since(now)));
            continue;
        }
        arrive(count);
        count += 1;
    }
    count
}
