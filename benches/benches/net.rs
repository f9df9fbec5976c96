//! Sockets: an echo over TCP with many connections and with one, a datagram to and fro, and hello-world on
//! hyper.
//!
//! What one operation is, and what dominates it: `gumption_benches::body::tcp`, `udp` and `http` beside it.

mod harness;

use criterion::{Criterion, criterion_group, criterion_main};

fn net(criterion: &mut Criterion) {
    harness::compare(criterion, &["tcp_echo_64", "tcp_echo_512", "tcp_echo_1", "udp_ping_pong", "hyper_hello"]);
}

criterion_group!(benches, net);
criterion_main!(benches);
