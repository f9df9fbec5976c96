//! `unbounded-spawn`: more comes in than goes out.
//!
//! **The story.** An accept loop spawns a task for each request. Spawning is cheap and never says no. On the day that 160
//! requests come for every 100 that can be served, sixty of them stay; and each second sixty more. Every request is served
//! in the end, later and later: after a while only requests whose clients have given up.
//!
//! ```text
//!   arrivals ═══▶ ▕ live: 10 000, 20 000, 30 000 ... ▏ ──▶ served
//!     160                 all runnable, none served          100
//!
//!   arrivals ═══▶ [64 permits] ──▶ ▕ live: at most 64 ▏ ──▶ served
//!     160             ╰──▶ 60 refused at once                100
//! ```
//!
//! **What to look at.** `live.tau`: the number of live tasks rises from window to window without a break. `runnable/live`:
//! they all wait for a P, and for nothing else: this is a backlog and not a leak. The load must be known to be constant, or
//! the engine says `insufficient-data`: a rising number under a rising load is no disease.
//!
//! **Why the fix works.** A permit is taken *before* the spawn. What cannot be served is refused at once, while the client
//! still listens, and whatever is admitted is served in a few milliseconds. A permit taken inside the task would bound
//! what runs and not what waits: the tasks would pile up just the same.
//!
//! There is no cure in the scheduler: no scheduler makes 100 out of 160.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gumption::runtime::Builder;

use crate::support::{Lateness, Outstanding, Permits, compute, pace};
use crate::workload::{Knob, Plan, Run, Workload};

pub(super) struct UnboundedSpawn;

impl Workload for UnboundedSpawn {
    fn id(&self) -> &'static str {
        "unbounded-spawn"
    }
    fn family(&self) -> &'static str {
        "memory"
    }
    fn mechanism(&self) -> &'static str {
        "requests arrive faster than they can be served and each is spawned at once: the backlog grows for ever"
    }
    fn fix(&self) -> Option<&'static str> {
        Some("a permit is taken before the spawn, and a request without one is refused")
    }
    fn knobs(&self) -> &'static [Knob] {
        &[
            Knob {
                name: "overload",
                default: 160,
                min: 110,
                max: 400,
                help: "offered load in percent of what can be served",
            },
            Knob { name: "service_us", default: 200, min: 50, max: 5_000, help: "work a request in us" },
            Knob { name: "permits", default: 16, min: 1, max: 256, help: "requests admitted for each P, fixed" },
        ]
    }

    fn shape(&self, _plan: &Plan, _builder: &mut Builder) {}

    fn drive(&self, run: &Run) -> Vec<String> {
        let service = Duration::from_micros(run.plan.knob("service_us"));
        let processors = run.plan.processors as u64;
        let period = service.mul_f64(100.0 / (run.plan.knob("overload") * processors) as f64);
        let permits = run.plan.fixed().then(|| Permits::new(run.plan.knob("permits") * processors));
        let until = run.until;
        let (waits, outstanding) = (Lateness::default(), Outstanding::default());
        let (served, refused) = (Arc::new(AtomicU64::new(0)), AtomicU64::new(0));
        let arrived = pace(until, period, |_| {
            let permit = permits.as_ref().map(Permits::try_acquire);
            if let Some(None) = permit {
                refused.fetch_add(1, Ordering::Relaxed);
                return;
            }
            let (waits, served, guard) = (waits.clone(), Arc::clone(&served), outstanding.begin());
            let came = Instant::now();
            drop(run.handle.spawn(async move {
                waits.record(came.elapsed());
                // At the end of the run the clients go home; what is still queued has nobody to answer.
                if !until.over() {
                    compute(service);
                    served.fetch_add(1, Ordering::Relaxed);
                }
                drop((permit, guard));
            }));
        });
        outstanding.wait();
        let (served, refused) = (served.load(Ordering::Relaxed), refused.load(Ordering::Relaxed));
        vec![format!("{arrived} requests came, {served} served, {refused} refused; they waited {}", waits.summary())]
    }
}
