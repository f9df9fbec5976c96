//! Timers: armed and cancelled, and a crowd of 100k that fires.
//!
//! What one operation is, and what dominates it: `gumption_benches::body::timers`.

mod harness;

use criterion::{Criterion, criterion_group, criterion_main};

fn timers(criterion: &mut Criterion) {
    harness::compare(criterion, &["timer_arm_cancel", "timer_sleeps", "timer_sleeps_cpu"]);
}

criterion_group!(benches, timers);
criterion_main!(benches);
