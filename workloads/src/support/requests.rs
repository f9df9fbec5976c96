//! The neighbours: small requests that come from outside at a steady pace and want to be served.
//!
//! They are how a pathology hurts, and how the engine sees the hurt: they stand in the queues. Each notes how long it
//! waited from its arrival to its first poll.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::{Lateness, Outstanding, compute, pace};
use crate::workload::Run;

/// Requests on their way.
#[derive(Clone, Debug, Default)]
pub struct Requests {
    waits: Lateness,
    served: Arc<AtomicU64>,
    outstanding: Outstanding,
}

impl Requests {
    /// Offers a request that computes for `service` every `period`, until the run is over, from this thread.
    pub fn offer(&self, run: &Run, period: Duration, service: Duration) {
        pace(run.until, period, |_| {
            let (requests, guard) = (self.clone(), self.outstanding.begin());
            let arrived = Instant::now();
            drop(run.handle.spawn(async move {
                requests.waits.record(arrived.elapsed());
                compute(service);
                requests.served.fetch_add(1, Ordering::Relaxed);
                drop(guard);
            }));
        });
    }

    /// Waits for all of them, and says how it went.
    pub fn told(&self) -> String {
        self.outstanding.wait();
        format!("{} requests served; they waited {}", self.served.load(Ordering::Relaxed), self.waits.summary())
    }
}
