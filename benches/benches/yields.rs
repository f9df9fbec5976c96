//! Yielding: among many, and alone.
//!
//! What one operation is, and what dominates it: `gumption_benches::body::yields`.

mod harness;

use criterion::{Criterion, criterion_group, criterion_main};

fn yields(criterion: &mut Criterion) {
    harness::compare(criterion, &["yield_many", "yield_lone"]);
}

criterion_group!(benches, yields);
criterion_main!(benches);
