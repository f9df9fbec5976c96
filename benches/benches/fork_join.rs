//! Fork-join: a tree of tasks that steals well or does not.
//!
//! What one operation is, and what dominates it: `gumption_benches::body::fork_join`.

mod harness;

use criterion::{Criterion, criterion_group, criterion_main};

fn fork_join(criterion: &mut Criterion) {
    harness::compare(criterion, &["fork_join_fib"]);
}

criterion_group!(benches, fork_join);
criterion_main!(benches);
