//! Spawning: joined and detached, from inside and from outside, in a crowd and in a chain.
//!
//! What one operation is, and what dominates it: `gumption_benches::body::spawn`.

mod harness;

use criterion::{Criterion, criterion_group, criterion_main};

fn spawn(criterion: &mut Criterion) {
    harness::compare(
        criterion,
        &[
            "spawn_join_local",
            "spawn_join_one",
            "spawn_join_remote",
            "spawn_join_remote_mt",
            "spawn_many",
            "chained_spawn",
        ],
    );
}

criterion_group!(benches, spawn);
criterion_main!(benches);
