//! `staircase-leak`: each request leaves something behind.
//!
//! **The story.** Each request starts an audit of itself, which waits for the end of the day to be written. Its handle goes into a list,
//! so that a shutdown can wait for all audits, as one should. The request ends; the audit stays. So does the next one. Nobody looks
//! at them before the end of the day, and the service is not restarted on a day like this. The graph of the live tasks is a
//! staircase: a step for each request, flat when none come, and never down.
//!
//! ```text
//!   live                    ▁▂▃▄▅▆▇█      + 1 for each request that ends
//!   requests  ▐▌▐▌▐▌▐▌▐▌▐▌▐▌▐▌▐▌▐▌▐▌
//!   list: [ audit, audit, audit, audit, ... ]      held, and not looked at
//! ```
//!
//! **What to look at.** `waiting.tau` and `left/entered`: the tasks of one spawn site are more in each window, and none leaves.
//! `same.wait/waiting`: they do nothing. `left.behind/ended`: for each task that ended, so many more of them are there: 1.00 here, and
//! with `-k audits=3` it is 3.00. That number is the lesson: it belongs to a request, and not to the clock.
//!
//! It is the fallback of its family. Where it is known why they stay (nobody has their handles, their channel has no end, they
//! tick) the verdict says that instead.
//!
//! **Why the fix works.** A request ends what it has begun: its audits are in a set of its own, and go with it.
//!
//! There is no cure in the scheduler: who waits for the end of the day is right to wait.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gumption::runtime::Builder;
use gumption::sync::Notify;
use gumption::task::{JoinHandle, JoinSet};
use gumption::time::sleep;

use crate::proof::Proof;
use crate::support::{Outstanding, pace};
use crate::workload::{Knob, Plan, Run, Workload};

pub(super) struct StaircaseLeak;

impl Workload for StaircaseLeak {
    fn id(&self) -> &'static str {
        "staircase-leak"
    }
    fn family(&self) -> &'static str {
        "leak"
    }
    fn mechanism(&self) -> &'static str {
        "each request leaves tasks behind, whose handles are kept in a list that nobody looks into"
    }
    fn fix(&self) -> Option<&'static str> {
        Some("what a request has begun is in a JoinSet of its own, and ends with it")
    }
    fn knobs(&self) -> &'static [Knob] {
        &[
            Knob { name: "requests", default: 250, min: 100, max: 5_000, help: "requests a second for each P" },
            Knob { name: "audits", default: 1, min: 1, max: 5, help: "tasks that a request leaves behind" },
        ]
    }
    fn proof(&self) -> Proof {
        Proof::Impossible("the end of the day that they wait for may yet come")
    }

    fn shape(&self, _plan: &Plan, _builder: &mut Builder) {}

    fn drive(&self, run: &Run) -> Vec<String> {
        let period = Duration::from_secs(1) / (run.plan.knob("requests") * run.plan.processors as u64) as u32;
        let (fixed, audits) = (run.plan.fixed(), run.plan.knob("audits"));
        let evening = Arc::new(Notify::new());
        let list: Arc<Mutex<Vec<JoinHandle<()>>>> = Arc::default();
        let (auditing, serving) = (Outstanding::default(), Outstanding::default());
        let came = pace(run.until, period, |_| {
            let (evening, list) = (Arc::clone(&evening), Arc::clone(&list));
            let (auditing, serves) = (auditing.clone(), serving.begin());
            drop(run.handle.spawn(async move {
                let mut own = JoinSet::new();
                for _ in 0..audits {
                    let (evening, audits) = (Arc::clone(&evening), auditing.begin());
                    let audit = async move {
                        evening.notified().await;
                        drop(audits);
                    };
                    if fixed {
                        own.spawn(audit);
                    } else {
                        let handle = gumption::spawn(audit);
                        list.lock().unwrap_or_else(PoisonError::into_inner).push(handle);
                    }
                }
                sleep(Duration::from_millis(2)).await;
                drop((own, serves));
            }));
        });
        serving.wait();
        let left = auditing.count();
        auditing.wait_while(|| evening.notify_waiters());
        vec![format!("{came} requests came; {left} audits were left at the end")]
    }
}
