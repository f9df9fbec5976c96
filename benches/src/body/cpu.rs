//! CPU time: what a runtime burns when there is little to do, or nothing.
//!
//! Wall time does not show a spinning worker or a thread that is woken in vain; the process's CPU time does. It is user and
//! system time of all threads, from `getrusage`. In [`idle`] one operation is one millisecond in which nothing happens, so
//! that nanoseconds per operation read as microseconds per second. In [`ticker`] one operation is one tick of a 1 kHz
//! ticker: one timer interrupt, one thread wake, one poll, one arming.

use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::Peer;
use crate::measured::cpu_time;

/// The runtime is up, one task waits for a message, nothing happens.
pub fn idle<P: Peer>(peer: &P, milliseconds: u64) -> Duration {
    let (end, ended) = oneshot::channel::<()>();
    let waiter = peer.spawn_from_outside(async move {
        ended.await.expect("told to end");
    });
    // Whoever lingers before it sleeps has done so by then.
    thread::sleep(Duration::from_millis(100));
    let before = cpu_time();
    thread::sleep(Duration::from_millis(milliseconds));
    let used = cpu_time() - before;
    end.send(()).expect("the task waits");
    peer.block_on(waiter);
    used
}

/// One task sleeps 1 ms, again and again.
pub fn ticker<P: Peer>(peer: &P, ticks: u64) -> Duration {
    let before = cpu_time();
    peer.run(async move {
        for _ in 0..ticks {
            P::sleep(Duration::from_millis(1)).await;
        }
    });
    cpu_time() - before
}
