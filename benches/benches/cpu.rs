//! CPU time of a runtime with nothing to do, and with next to nothing.
//!
//! What one operation is, and what dominates it: `gumption_benches::body::cpu`.

mod harness;

use criterion::{Criterion, criterion_group, criterion_main};

fn cpu(criterion: &mut Criterion) {
    harness::compare(criterion, &["cpu_idle", "cpu_ticker"]);
}

criterion_group!(benches, cpu);
criterion_main!(benches);
