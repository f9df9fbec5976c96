//! Channels, locks and signals, each runtime's own.
//!
//! What one operation is, and what dominates it: `gumption_benches::body::primitives`.

mod harness;

use criterion::{Criterion, criterion_group, criterion_main};

fn channels(criterion: &mut Criterion) {
    harness::compare(
        criterion,
        &[
            "ping_pong",
            "channel_hop",
            "fan_in",
            "unbounded_stream",
            "oneshot_ready",
            "oneshot_hop",
            "broadcast_8",
            "watch_hop",
            "watch_8",
        ],
    );
}

fn locks(criterion: &mut Criterion) {
    harness::compare(
        criterion,
        &[
            "notify_hop",
            "mutex_contended",
            "mutex_held",
            "mutex_free",
            "rwlock_free",
            "rwlock_readers",
            "semaphore_free",
        ],
    );
}

criterion_group!(benches, channels, locks);
criterion_main!(benches);
