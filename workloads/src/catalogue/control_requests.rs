//! `control-requests`: a healthy service at half of its capacity.
//!
//! Requests come from outside at a steady pace. Each works a little, asks a "backend" (a sleep with jitter), forks into two
//! children, and joins them. There is something of every pathology in it: timers, spawns, queues, Ps that go idle and wake
//! up again, thieves that find nothing. Every verdict on it is a false alarm.

use std::time::{Duration, Instant};

use gumption::runtime::Builder;

use crate::support::{Lateness, Outstanding, Random, compute, pace};
use crate::workload::{Plan, Run, Workload};

pub(super) struct Requests;

impl Workload for Requests {
    fn id(&self) -> &'static str {
        "control-requests"
    }
    fn family(&self) -> &'static str {
        "control"
    }
    fn mechanism(&self) -> &'static str {
        "healthy: requests with timers, forks and joins at a third of the capacity"
    }
    fn fix(&self) -> Option<&'static str> {
        None
    }

    fn shape(&self, _plan: &Plan, _builder: &mut Builder) {}

    fn drive(&self, run: &Run) -> Vec<String> {
        let mut random = Random::new(run.plan.seed);
        let (times, outstanding) = (Lateness::default(), Outstanding::default());
        // 300 us of work a request on each P, every millisecond.
        let period = Duration::from_millis(1) / u32::try_from(run.plan.processors).unwrap_or(1);
        pace(run.until, period, |_| {
            let backend = Duration::from_micros(500 + random.below(4_000));
            let (times, guard) = (times.clone(), outstanding.begin());
            drop(run.handle.spawn(async move {
                let came = Instant::now();
                compute(Duration::from_micros(100));
                gumption::time::sleep(backend).await;
                let children = [(); 2].map(|()| gumption::spawn(async { compute(Duration::from_micros(100)) }));
                for child in children {
                    let _ = child.await;
                }
                times.record(came.elapsed().saturating_sub(backend));
                drop(guard);
            }));
        });
        outstanding.wait();
        let summary = times.summary();
        vec![format!("{} requests served; beside the backend they took {summary}", summary.count)]
    }
}
