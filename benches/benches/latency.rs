//! Latency: a sleeping runtime woken from outside, and tasks with a busy neighbour.
//!
//! What one operation is, and what dominates it: `gumption_benches::body::latency`.

mod harness;

use criterion::{Criterion, criterion_group, criterion_main};

fn latency(criterion: &mut Criterion) {
    harness::compare(criterion, &["wake_latency", "wake_latency_cold", "orphan", "beside_hog"]);
}

criterion_group!(benches, latency);
criterion_main!(benches);
