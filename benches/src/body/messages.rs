//! Messages: what it costs that one task wakes another.
//!
//! The channels are tokio's on every peer (they need no runtime), so their cost is the same constant in each column and
//! dampens the ratios a little. What differs is where a woken task goes: into the waker's next slot, to the tail of a
//! queue, or to a thread that has to be woken for it.

use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::Countdown;
use crate::Peer;

/// Pairs that play at once in [`ping_pong`].
const PAIRS: u64 = 1000;

/// 1000 pairs at a time: a task spawns its partner, sends it a ping over a oneshot, and awaits the pong over another. One
/// operation is one pair: two spawns, two oneshots, two wakes.
pub fn ping_pong<P: Peer>(peer: &P, ops: u64) -> Duration {
    peer.run(async move {
        let start = Instant::now();
        let mut left = ops;
        while left > 0 {
            let now = left.min(PAIRS);
            let (countdown, all_done) = Countdown::new(now);
            for _ in 0..now {
                P::detach(async move {
                    let (ping, pinged) = oneshot::channel::<()>();
                    let (pong, ponged) = oneshot::channel::<()>();
                    P::detach(async move {
                        pinged.await.expect("pinged");
                        pong.send(()).expect("the partner waits");
                    });
                    ping.send(()).expect("the partner waits");
                    ponged.await.expect("ponged");
                    countdown.one_done();
                });
            }
            all_done.await.expect("the last pair says so");
            left -= now;
        }
        start.elapsed()
    })
}

/// Two tasks throw one ball to and fro over two channels of capacity 1. One operation is one message, and each message
/// is one hop to the other task: exactly one of the two can run at any time.
pub fn channel_hop<P: Peer>(peer: &P, ops: u64) -> Duration {
    peer.run(async move {
        let (there, mut thither) = mpsc::channel::<u64>(1);
        let (back, mut hither) = mpsc::channel::<u64>(1);
        let partner = P::spawn(async move {
            while let Some(ball) = thither.recv().await {
                back.send(ball).await.expect("the partner listens");
            }
        });
        let start = Instant::now();
        for ball in 0..ops.div_ceil(2) {
            there.send(ball).await.expect("the partner listens");
            assert_eq!(hither.recv().await, Some(ball));
        }
        let elapsed = start.elapsed();
        drop(there);
        partner.await;
        elapsed
    })
}
