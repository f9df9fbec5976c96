//! `lost-cancel`: the parent has gone home, and nobody has told the child.
//!
//! **The story.** A request asks a backend, with a time limit. It spawns a task for the question, because a hedged second one
//! may follow, and waits for the answer for five milliseconds. When the time is over it answers its client with an error and
//! ends. The task that asked the backend goes on waiting; nobody has its handle any more. One is nothing. After a night it is
//! four million, each with its buffers.
//!
//! ```text
//!   request   spawn(ask) ── wait 5 ms ── give up ──▶ 504, done
//!                │                          ╎
//!   ask          ╰── wait for the backend ──╎─────────────────────────────▶ for ever
//!                                           ╰ no edge: a dropped JoinHandle detaches, it does not cancel
//! ```
//!
//! **What to look at.** `waiting.tau` and `left/entered`: the tasks of one spawn site are more in each window, and none of them
//! leaves. `same.wait/waiting`: they have not even run in between. `without.a.handle/waiting`: nobody could cancel them if he
//! wanted to; the count of references of each says so, and that is no guess.
//!
//! **Why the fix works.** The request owns its children in a `JoinSet`. Whatever way it ends, the set is dropped, and that aborts
//! what is in it: the cancel goes along the same edge as the ownership.
//!
//! There is no cure in the scheduler: a task that waits for something that may yet happen is right to wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gumption::runtime::Builder;
use gumption::sync::Notify;
use gumption::task::JoinSet;
use gumption::time::{sleep, timeout};

use crate::proof::Proof;
use crate::support::{Outstanding, pace};
use crate::workload::{Knob, Plan, Run, Workload};

pub(super) struct LostCancel;

const HOUR: Duration = Duration::from_secs(3_600);

impl Workload for LostCancel {
    fn id(&self) -> &'static str {
        "lost-cancel"
    }
    fn family(&self) -> &'static str {
        "leak"
    }
    fn mechanism(&self) -> &'static str {
        "requests give up after a time limit; the tasks that they spawned go on waiting, and nobody has their handles"
    }
    fn fix(&self) -> Option<&'static str> {
        Some("each request owns its children in a JoinSet, which aborts them when the request ends")
    }
    fn knobs(&self) -> &'static [Knob] {
        &[
            Knob { name: "requests", default: 250, min: 100, max: 5_000, help: "requests a second for each P" },
            Knob { name: "limit_ms", default: 5, min: 1, max: 50, help: "time limit of a request in ms" },
        ]
    }
    fn proof(&self) -> Proof {
        Proof::Impossible("the backend that they wait for may yet answer")
    }

    fn shape(&self, _plan: &Plan, _builder: &mut Builder) {}

    fn drive(&self, run: &Run) -> Vec<String> {
        let period = Duration::from_secs(1) / (run.plan.knob("requests") * run.plan.processors as u64) as u32;
        let limit = Duration::from_millis(run.plan.knob("limit_ms"));
        let fixed = run.plan.fixed();
        // The backend: it does not answer before the day is over.
        let backend = Arc::new(Notify::new());
        let (asking, gave_up) = (Outstanding::default(), Arc::new(AtomicU64::new(0)));
        let came = pace(run.until, period, |_| {
            let (backend, gave_up) = (Arc::clone(&backend), Arc::clone(&gave_up));
            let (child, parent) = (asking.begin(), asking.begin());
            drop(run.handle.spawn(async move {
                let ask = async move {
                    gumption::select! {
                        () = backend.notified() => {}
                        () = sleep(HOUR) => {}
                    }
                    drop(child);
                };
                let answered = if fixed {
                    let mut children = JoinSet::new();
                    children.spawn(ask);
                    timeout(limit, children.join_next()).await.is_ok()
                } else {
                    timeout(limit, gumption::spawn(ask)).await.is_ok()
                };
                gave_up.fetch_add(u64::from(!answered), Ordering::Relaxed);
                drop(parent);
            }));
        });
        let left = asking.count();
        asking.wait_while(|| backend.notify_waiters());
        let gave_up = gave_up.load(Ordering::Relaxed);
        vec![format!("{came} requests came, {gave_up} gave up; {left} tasks were left at the end")]
    }
}
