//! Latency: how long a task that could run waits until it does.
//!
//! One sample is one wait. [`wake`] is the machine's own limit plus a little: the runtime is asleep, a thread outside wakes
//! a task, and what dominates is the kernel's wake-up of one thread. [`orphan`] and [`beside_hog`] are about neighbours:
//! a task computes for long without a yield, and the question is whether others wait for it although workers idle. The
//! answer is in the runtime's design (may the woken task be stolen from the busy worker? who watches the timers
//! meanwhile?), and the machine's speed has no part in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::burn;
use crate::Peer;

/// Long enough for every worker to be asleep again, short enough for its core to be awake still.
const PAUSE: Duration = Duration::from_micros(500);

/// Long enough for the core to sleep too.
const COLD_PAUSE: Duration = Duration::from_millis(5);

/// A thread outside sends to a task of a sleeping runtime. A sample is the time from before the send until the task
/// has the message.
pub fn wake<P: Peer>(peer: &P, samples: u64) -> Vec<Duration> {
    wake_after(peer, samples, PAUSE)
}

/// As [`wake`], after 5 ms of rest.
pub fn wake_cold<P: Peer>(peer: &P, samples: u64) -> Vec<Duration> {
    wake_after(peer, samples, COLD_PAUSE)
}

fn wake_after<P: Peer>(peer: &P, samples: u64, pause: Duration) -> Vec<Duration> {
    let (outside, mut inbox) = mpsc::channel::<Instant>(samples as usize);
    let task = peer.spawn_from_outside(async move {
        let mut seen = Vec::with_capacity(samples as usize);
        while let Some(sent) = inbox.recv().await {
            seen.push(sent.elapsed());
        }
        seen
    });
    for _ in 0..samples {
        thread::sleep(pause);
        outside.try_send(Instant::now()).expect("there is room for all");
    }
    drop(outside);
    peer.block_on(task)
}

/// What A computes after it has woken B.
const COMPUTES: Duration = Duration::from_millis(20);

/// A wakes B, then computes 20 ms in the same poll, while the other workers sleep. A sample is B's delay.
pub fn orphan<P: Peer>(peer: &P, samples: u64) -> Vec<Duration> {
    peer.run(async move {
        let mut delays = Vec::with_capacity(samples as usize);
        for _ in 0..samples {
            let (wake, woken) = oneshot::channel::<Instant>();
            let b = P::spawn(async move { woken.await.expect("A wakes B").elapsed() });
            // B parks, and so does everybody else.
            P::sleep(Duration::from_millis(2)).await;
            wake.send(Instant::now()).expect("B waits");
            burn(COMPUTES);
            delays.push(b.await);
        }
        delays
    })
}

/// What the hog computes in one poll.
const HOGS: Duration = Duration::from_millis(50);

/// What the hog sleeps between two polls.
const REST: Duration = Duration::from_millis(3);

/// What its neighbour sleeps.
const NAP: Duration = Duration::from_millis(2);

/// One task computes 50 ms per poll and rests 3 ms, so many times; another sleeps 2 ms at a time. A sample is by how
/// much one sleep was late. The rest makes the two meet on one worker now and then, as neighbours in a service do: if the
/// worker that watches the timers is the one that then computes, nobody watches them meanwhile.
pub fn beside_hog<P: Peer>(peer: &P, polls: u64) -> Vec<Duration> {
    peer.run(async move {
        let over = Arc::new(AtomicBool::new(false));
        let hog = {
            let over = Arc::clone(&over);
            P::spawn(async move {
                for _ in 0..polls {
                    burn(HOGS);
                    P::sleep(REST).await;
                }
                // Ordering: Relaxed, a flag that carries nothing; the sleeper's next look sees it soon enough.
                over.store(true, Ordering::Relaxed);
            })
        };
        let sleeper = P::spawn(async move {
            let mut late = Vec::new();
            // Ordering: Relaxed, as above.
            while late.is_empty() || !over.load(Ordering::Relaxed) {
                let start = Instant::now();
                P::sleep(NAP).await;
                late.push(start.elapsed().saturating_sub(NAP));
            }
            late
        });
        hog.await;
        sleeper.await
    })
}
