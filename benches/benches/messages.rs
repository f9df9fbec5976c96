//! Messages: 1000 pairs over oneshots, and one ball between two tasks.
//!
//! What one operation is, and what dominates it: `gumption_benches::body::messages`.

mod harness;

use criterion::{Criterion, criterion_group, criterion_main};

fn messages(criterion: &mut Criterion) {
    harness::compare(criterion, &["ping_pong", "channel_hop"]);
}

criterion_group!(benches, messages);
criterion_main!(benches);
