//! Sockets: an echo over TCP with many connections and with one, and a datagram to and fro.
//!
//! What one operation is, and what dominates it: `gumption_benches::body::tcp` and `gumption_benches::body::udp`.

mod harness;

use criterion::{Criterion, criterion_group, criterion_main};

fn net(criterion: &mut Criterion) {
    harness::compare(criterion, &["tcp_echo_64", "tcp_echo_512", "tcp_echo_1", "udp_ping_pong"]);
}

criterion_group!(benches, net);
criterion_main!(benches);
