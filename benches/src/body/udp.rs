//! UDP: one datagram under way between two tasks.
//!
//! One operation is one datagram of 64 bytes there and the same one back, between two connected sockets. As with one TCP
//! connection, exactly one of the two tasks can run at any time, so what is measured is the way from a readable socket to a
//! running task, twice; a datagram's own system calls are a little cheaper than a stream's. Nothing is lost on the
//! loopback interface with one datagram under way: a bench that stands still has found a lost wake, not a lost datagram.

use super::tcp::{BUFFER, MESSAGE};
use crate::measured::{Meter, Spent};
use crate::net::Net;

/// Two tasks, one datagram.
pub fn ping_pong<P: Net>(peer: &P, ops: u64) -> Spent {
    peer.run(async move {
        let (here, there) = P::datagram_pair().await.expect("ports to be had");
        let partner = P::spawn(async move {
            let mut buf = [0; BUFFER];
            for _ in 0..ops {
                let n = P::recv(&there, &mut buf).await.expect("the partner sends");
                P::send(&there, &buf[..n]).await.expect("the partner waits");
            }
        });
        let meter = Meter::start();
        let mut back = [0; BUFFER];
        for n in 0..ops {
            let there = [n as u8; MESSAGE];
            P::send(&here, &there).await.expect("the partner waits");
            let n = P::recv(&here, &mut back).await.expect("the partner answers");
            assert_eq!(back[..n], there);
        }
        let spent = meter.stop();
        partner.await;
        spent
    })
}
