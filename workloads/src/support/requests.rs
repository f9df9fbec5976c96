//! The neighbours: small requests that come from outside at a steady pace and want to be served.
//!
//! They are how a pathology hurts, and how the engine sees the hurt: they stand in the queues. Each notes how long it
//! waited from its arrival to its first poll.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::{Lateness, Outstanding, compute, pace};
use crate::workload::Run;

/// Requests that a thread of their own offers.
#[derive(Debug)]
pub struct Beside(std::thread::JoinHandle<String>);

impl Beside {
    /// Waits for the end of the run and for all of them, and says how it went.
    pub fn told(self) -> String {
        self.0.join().unwrap_or_else(|_| "the thread that offered requests panicked".to_owned())
    }
}

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

    /// Offers such requests from a thread of their own until the run is over: for a run whose load thread has other things to do.
    pub fn beside(run: &Run, period: Duration, service: Duration) -> Beside {
        let run = run.clone();
        Beside(std::thread::spawn(move || {
            let requests = Self::default();
            requests.offer(&run, period, service);
            requests.told()
        }))
    }

    /// Waits for all of them, and says how it went.
    pub fn told(&self) -> String {
        self.outstanding.wait();
        format!("{} requests served; they waited {}", self.served.load(Ordering::Relaxed), self.waits.summary())
    }
}
