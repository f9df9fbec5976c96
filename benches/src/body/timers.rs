//! Timers: arming, cancelling, and a crowd that fires.
//!
//! Nearly every timer in a service is a timeout that never fires, so arming and cancelling is the operation that counts; it
//! is dominated by whatever lock or shared structure the deadline goes into. A crowd of sleepers is bounded from
//! below by the longest sleep (50 ms over 100k sleeps: 500 ns each), so beside the wall time there is the CPU time
//! of the same crowd, which has no such floor.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::Peer;
use crate::measured::cpu_time;

/// Far enough to never fire during a bench.
const FAR: Duration = Duration::from_secs(10);

/// One task arms a sleep of 10 s (creates it and polls it once) and drops it. One operation is both.
pub fn arm_cancel<P: Peer>(peer: &P, ops: u64) -> Duration {
    peer.run(async move {
        let start = Instant::now();
        for _ in 0..ops {
            let mut sleep = pin!(P::sleep(FAR));
            let armed = poll_fn(|cx| Poll::Ready(sleep.as_mut().poll(cx).is_pending())).await;
            assert!(armed, "a sleep of 10 s was over at once");
        }
        start.elapsed()
    })
}

/// So many tasks at once, each of which sleeps 1 to 50 ms. One operation is one sleep, spawned, armed, fired, joined;
/// wall time.
pub fn sleeps<P: Peer>(peer: &P, ops: u64) -> Duration {
    peer.run(async move {
        let start = Instant::now();
        crowd::<P>(ops).await;
        start.elapsed()
    })
}

/// As [`sleeps`], in CPU time of the whole process.
pub fn sleeps_cpu<P: Peer>(peer: &P, ops: u64) -> Duration {
    let before = cpu_time();
    peer.run(crowd::<P>(ops));
    cpu_time() - before
}

async fn crowd<P: Peer>(sleepers: u64) {
    let tasks: Vec<_> = (0..sleepers)
        .map(|n| {
            // Knuth's multiplier spreads the deadlines the same way in every run.
            let spread = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
            let duration = Duration::from_micros(1000 + spread % 49_000);
            P::spawn(P::sleep(duration))
        })
        .collect();
    for task in tasks {
        task.await;
    }
}
