//! Messages: what it costs to put a value into a channel, and that one task wakes another by it.
//!
//! A *hop* is a message to a task that waits for it while the sender goes to wait for the answer: exactly one of two tasks
//! can run at any time, so that it is the latency of a wake through the primitive and the scheduler. The others are throughput:
//! what dominates is how often a task has to wait at all, and what the primitive does to the line that both ends write.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::sync::{broadcast, mpsc, oneshot, watch};
use crate::Peer;
use crate::body::{Countdown, split};

/// Pairs that play at once in [`ping_pong`].
const PAIRS: u64 = 1000;
/// Senders of [`fan_in`].
const SENDERS: u64 = 64;
/// Receivers of [`broadcast_8`] and [`watch_8`].
const RECEIVERS: u64 = 8;
/// Values that a broadcast keeps, how many make a batch, and how many batches its receivers may be behind.
const KEPT: usize = 1024;
const BATCH: u64 = 128;
const BEHIND: u64 = 4;

/// 1000 pairs at a time: a task spawns its partner, sends it a ping over a oneshot, and awaits the pong over another. One
/// operation is one pair: two spawns, two oneshots, two wakes.
pub(crate) fn ping_pong<P: Peer>(peer: &P, ops: u64) -> Duration {
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
/// is one hop to the other task.
pub(crate) fn channel_hop<P: Peer>(peer: &P, ops: u64) -> Duration {
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

/// 64 tasks send into one channel of capacity 128, as fast as they can. One operation is one message.
pub(crate) fn fan_in<P: Peer>(peer: &P, ops: u64) -> Duration {
    peer.run(async move {
        let (sender, mut receiver) = mpsc::channel::<u64>(128);
        let start = Instant::now();
        let senders: Vec<_> = split(ops, SENDERS)
            .map(|share| {
                let sender = sender.clone();
                P::spawn(async move {
                    for n in 0..share {
                        sender.send(n).await.expect("the receiver listens");
                    }
                })
            })
            .collect();
        drop(sender);
        let mut received = 0;
        while receiver.recv().await.is_some() {
            received += 1;
        }
        let elapsed = start.elapsed();
        assert_eq!(received, ops);
        for sender in senders {
            sender.await;
        }
        elapsed
    })
}

/// One task sends into a channel without a capacity, another receives. One operation is one message.
pub(crate) fn unbounded_stream<P: Peer>(peer: &P, ops: u64) -> Duration {
    peer.run(async move {
        let (sender, mut receiver) = mpsc::unbounded_channel::<u64>();
        let start = Instant::now();
        let sending = P::spawn(async move {
            for n in 0..ops {
                sender.send(n).expect("the receiver listens");
            }
        });
        let mut received = 0;
        while receiver.recv().await.is_some() {
            received += 1;
        }
        let elapsed = start.elapsed();
        assert_eq!(received, ops);
        sending.await;
        elapsed
    })
}

/// A oneshot is made, sent into, and then awaited, all by one task: nobody has to wait.
pub(crate) fn oneshot_ready<P: Peer>(peer: &P, ops: u64) -> Duration {
    peer.run(async move {
        let start = Instant::now();
        for n in 0..ops {
            let (sender, receiver) = oneshot::channel();
            sender.send(n).expect("the receiver is here");
            assert_eq!(receiver.await, Ok(n));
        }
        start.elapsed()
    })
}

/// What is sent in [`oneshot_hop`]: where the answer is to go, until the last.
struct Ball(Option<oneshot::Sender<Ball>>);

/// Two tasks send each other oneshots over oneshots. One operation is one hop: a oneshot made, awaited, and sent into.
pub(crate) fn oneshot_hop<P: Peer>(peer: &P, ops: u64) -> Duration {
    async fn play(mut to: oneshot::Sender<Ball>, balls: u64) {
        for _ in 0..balls {
            let (sender, receiver) = oneshot::channel();
            to.send(Ball(Some(sender))).map_err(drop).expect("the partner waits");
            match receiver.await.expect("the partner answers").0 {
                Some(next) => to = next,
                None => return,
            }
        }
        to.send(Ball(None)).map_err(drop).expect("the partner waits");
    }
    peer.run(async move {
        let (sender, receiver) = oneshot::channel::<Ball>();
        let partner = P::spawn(async move {
            if let Some(to) = receiver.await.expect("the first ball").0 {
                play(to, u64::MAX).await;
            }
        });
        let start = Instant::now();
        play(sender, ops.div_ceil(2)).await;
        let elapsed = start.elapsed();
        partner.await;
        elapsed
    })
}

/// One task broadcasts to 8, which all get everything: it waits when one of them is some batches behind. One operation is one
/// value, to all.
pub(crate) fn broadcast_8<P: Peer>(peer: &P, ops: u64) -> Duration {
    peer.run(async move {
        let (sender, _) = broadcast::channel::<u64>(KEPT);
        let (batches, ends): (Vec<_>, Vec<_>) = (0..ops / BATCH).map(|_| Countdown::new(RECEIVERS)).unzip();
        let batches = Arc::new(batches);
        let receivers: Vec<_> = (0..RECEIVERS)
            .map(|_| {
                let (mut receiver, batches) = (sender.subscribe(), batches.clone());
                P::spawn(async move {
                    let mut received = 0;
                    while receiver.recv().await.is_ok() {
                        received += 1;
                        if received % BATCH == 0 {
                            batches[(received / BATCH - 1) as usize].one_done();
                        }
                    }
                    received
                })
            })
            .collect();
        let mut ends = ends.into_iter();
        let start = Instant::now();
        for n in 0..ops {
            if n % BATCH == 0 && n >= BEHIND * BATCH {
                ends.next().expect("one for each batch").await.expect("the receivers end it");
            }
            sender.send(n).expect("the receivers listen");
        }
        drop(sender);
        for receiver in receivers {
            assert_eq!(receiver.await, ops, "a receiver lagged");
        }
        start.elapsed()
    })
}

/// Two tasks show each other numbers in two watches. One operation is one change, seen by the other.
pub(crate) fn watch_hop<P: Peer>(peer: &P, ops: u64) -> Duration {
    peer.run(async move {
        let (there, mut thither) = watch::channel(0_u64);
        let (back, mut hither) = watch::channel(0_u64);
        let partner = P::spawn(async move {
            while thither.changed().await.is_ok() {
                let seen = *thither.borrow_and_update();
                back.send(seen).expect("the partner watches");
            }
        });
        let start = Instant::now();
        for n in 1..=ops.div_ceil(2) {
            there.send(n).expect("the partner watches");
            hither.changed().await.expect("the partner answers");
            assert_eq!(*hither.borrow_and_update(), n);
        }
        let elapsed = start.elapsed();
        drop(there);
        partner.await;
        elapsed
    })
}

/// One task changes a value that 8 watch; it goes on when all have seen it. One operation is one change, seen by all.
pub(crate) fn watch_8<P: Peer>(peer: &P, ops: u64) -> Duration {
    peer.run(async move {
        let (sender, receiver) = watch::channel(0_u64);
        let (changes, seen): (Vec<_>, Vec<_>) = (0..ops).map(|_| Countdown::new(RECEIVERS)).unzip();
        let changes = Arc::new(changes);
        let receivers: Vec<_> = (0..RECEIVERS)
            .map(|_| {
                let (mut receiver, changes) = (receiver.clone(), changes.clone());
                P::spawn(async move {
                    while receiver.changed().await.is_ok() {
                        let change = *receiver.borrow_and_update();
                        changes[change as usize - 1].one_done();
                    }
                })
            })
            .collect();
        drop(receiver);
        let start = Instant::now();
        for (n, seen) in (1..).zip(seen) {
            sender.send(n).expect("the receivers watch");
            seen.await.expect("the last receiver says so");
        }
        let elapsed = start.elapsed();
        drop(sender);
        for receiver in receivers {
            receiver.await;
        }
        elapsed
    })
}
