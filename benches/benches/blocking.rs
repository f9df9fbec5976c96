//! Blocking sections that do not block.
//!
//! What one operation is, and what dominates it: `gumption_benches::body::blocking`.

mod harness;

use criterion::{Criterion, criterion_group, criterion_main};

fn blocking(criterion: &mut Criterion) {
    harness::compare(criterion, &["blocking_section", "block_in_place"]);
}

criterion_group!(benches, blocking);
criterion_main!(benches);
