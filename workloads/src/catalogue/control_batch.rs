//! `control-batch`: a healthy batch that uses every CPU.
//!
//! Twice as many tasks as Ps compute all the time, and each comes up for air after 50 us. The runtime is saturated, tasks
//! wake themselves, queues are never empty, and nothing is wrong. Every verdict on it is a false alarm: it is here because
//! "all Ps busy" and "tasks always runnable" are what a careless rule takes for a hog or a backlog.

use std::time::Duration;

use gumption::runtime::Builder;
use gumption::task::yield_now;

use crate::support::{Outstanding, Requests, compute};
use crate::workload::{Plan, Run, Workload};

pub(super) struct Batch;

impl Workload for Batch {
    fn id(&self) -> &'static str {
        "control-batch"
    }
    fn family(&self) -> &'static str {
        "control"
    }
    fn mechanism(&self) -> &'static str {
        "healthy: every P computes all the time, in pieces of 50 us"
    }
    fn fix(&self) -> Option<&'static str> {
        None
    }

    fn shape(&self, _plan: &Plan, _builder: &mut Builder) {}

    fn drive(&self, run: &Run) -> Vec<String> {
        let until = run.until;
        let computing = Outstanding::default();
        for _ in 0..2 * run.plan.processors {
            let guard = computing.begin();
            drop(run.handle.spawn(async move {
                while !until.over() {
                    compute(Duration::from_micros(50));
                    yield_now().await;
                }
                drop(guard);
            }));
        }
        let requests = Requests::default();
        requests.offer(run, Duration::from_millis(2), Duration::from_micros(20));
        computing.wait();
        vec![requests.told()]
    }
}
