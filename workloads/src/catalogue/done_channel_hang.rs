//! `done-channel-hang`: a worker that reports to somebody who does not listen any more.
//!
//! **The story.** A supervisor starts a worker and gives it a `done` channel with room for one message. The worker says that it has
//! begun, works, and says that it is done. The supervisor waits for the end for a while and then goes on without it; but it
//! keeps the receiver, in a struct, for a second look that never comes. The first message fills the channel. The second waits for
//! room, for ever, with all that the worker has open.
//!
//! ```text
//!   worker      send(begun) ✓ ── work ── send(done) ··········▶ waits for room
//!                                            │
//!   done                          [ begun ]  full, capacity 1
//!                                            │
//!   supervisor  struct Job { done: rx, .. }  kept, never looked at
//! ```
//!
//! In Go the receiver that has returned is enough for this bug. Here a receiver that is dropped makes the send fail at once, and the
//! worker ends: the bug needs a receiver that is kept.
//!
//! **What to look at.** `waiting.tau` and `left/entered`: senders that come and never go. `channel.has.nothing/waiting`: each
//! stands before a full channel. `same.wait/waiting`: nothing was taken out of it since the last census.
//!
//! **Why the fix works.** The supervisor that gives up drops the receiver. Whoever sends is told so.
//!
//! There is no cure in the scheduler: a full channel may always be emptied.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gumption::runtime::Builder;
use gumption::sync::mpsc;
use gumption::time::sleep;

use crate::proof::Proof;
use crate::support::{Outstanding, pace};
use crate::workload::{Knob, Plan, Run, Workload};

pub(super) struct DoneChannelHang;

/// What a worker says.
enum Said {
    Begun,
    Done,
}

/// What a supervisor keeps of a job that it has given up.
struct Job {
    _done: mpsc::Receiver<Said>,
}

impl Workload for DoneChannelHang {
    fn id(&self) -> &'static str {
        "done-channel-hang"
    }
    fn family(&self) -> &'static str {
        "leak"
    }
    fn mechanism(&self) -> &'static str {
        "workers wait to say that they are done, at full channels whose receivers are kept and never looked at"
    }
    fn fix(&self) -> Option<&'static str> {
        Some("a supervisor that gives up drops the receiver, and the send fails")
    }
    fn knobs(&self) -> &'static [Knob] {
        &[
            Knob { name: "jobs", default: 250, min: 100, max: 5_000, help: "jobs a second for each P" },
            Knob { name: "work_ms", default: 4, min: 1, max: 50, help: "length of a job in ms" },
        ]
    }
    fn proof(&self) -> Proof {
        Proof::Impossible("somebody has the receiver, and may yet receive")
    }

    fn shape(&self, _plan: &Plan, _builder: &mut Builder) {}

    fn drive(&self, run: &Run) -> Vec<String> {
        let period = Duration::from_secs(1) / (run.plan.knob("jobs") * run.plan.processors as u64) as u32;
        let work = Duration::from_millis(run.plan.knob("work_ms"));
        let fixed = run.plan.fixed();
        let working = Outstanding::default();
        let kept: Arc<Mutex<Vec<Job>>> = Arc::default();
        let came = pace(run.until, period, |_| {
            let kept = Arc::clone(&kept);
            let (works, supervises) = (working.begin(), working.begin());
            drop(run.handle.spawn(async move {
                let (tx, done) = mpsc::channel(1);
                drop(gumption::spawn(async move {
                    if tx.send(Said::Begun).await.is_ok() {
                        sleep(work).await;
                        // If nobody wants to know, that is no loss.
                        let _ = tx.send(Said::Done).await;
                    }
                    drop(works);
                }));
                // It was to look when the job is done, and goes on without it.
                sleep(work / 2).await;
                if !fixed {
                    kept.lock().unwrap_or_else(PoisonError::into_inner).push(Job { _done: done });
                }
                drop(supervises);
            }));
        });
        let left = working.count();
        working.wait_while(|| kept.lock().unwrap_or_else(PoisonError::into_inner).clear());
        vec![format!("{came} jobs came; {left} workers were left at the end")]
    }
}
