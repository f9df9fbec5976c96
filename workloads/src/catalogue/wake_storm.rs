//! `wake-storm`: everybody is woken for what one can have.
//!
//! **The story.** Two hundred workers wait until there is a job. Whoever brings one puts it on a pile and wakes all of them, to be
//! sure. One takes the job. The others look, find nothing, and wait again; each of them was put in a queue, taken out, polled, and
//! put in the list again. With twice as many workers each job costs twice as much.
//!
//! ```text
//!   notify_waiters ──▶ ▕ 200 woken ▏──▶ 1 takes the job
//!                                  ╰──▶ 199 look, find nothing, wait again
//!   notify_one     ──▶ ▕ 1 woken   ▏──▶ 1 takes the job
//! ```
//!
//! **What to look at.** `woken/notified`: as many tasks as there are workers, for each job. `waits.in.vain/woken`: nearly all of
//! them come back without having done anything at any channel, lock, socket or timer. `woken/polls`: that is what the runtime does.
//! `poll/empty` keeps apart those who compute when they are woken.
//!
//! **Why the fix works.** `notify_one` wakes one worker for each job. If none waits, it leaves a permit, so that the next one who
//! is about to wait looks again.
//!
//! There is no cure in the scheduler: who was woken must be polled to find out that it was in vain.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gumption::runtime::Builder;
use gumption::sync::Notify;

use crate::support::{Outstanding, compute, pace};
use crate::workload::{Knob, Plan, Run, Workload};

pub(super) struct WakeStorm;

#[derive(Default)]
struct Pile {
    jobs: Mutex<u64>,
    changed: Notify,
    done: AtomicU64,
}

impl Pile {
    fn put(&self) {
        *self.jobs.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    }

    fn take(&self) -> bool {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let some = *jobs > 0;
        *jobs -= u64::from(some);
        some
    }
}

impl Workload for WakeStorm {
    fn id(&self) -> &'static str {
        "wake-storm"
    }
    fn family(&self) -> &'static str {
        "wakeup"
    }
    fn mechanism(&self) -> &'static str {
        "each job wakes every worker that waits: one takes it, the others find nothing and wait again"
    }
    fn fix(&self) -> Option<&'static str> {
        Some("notify_one wakes one worker for each job")
    }
    fn knobs(&self) -> &'static [Knob] {
        &[
            Knob { name: "workers", default: 100, min: 32, max: 2_000, help: "workers for each P" },
            Knob { name: "jobs", default: 500, min: 100, max: 10_000, help: "jobs a second for each P" },
            Knob { name: "job_us", default: 20, min: 1, max: 500, help: "work a job in us" },
        ]
    }

    fn shape(&self, _plan: &Plan, _builder: &mut Builder) {}

    fn drive(&self, run: &Run) -> Vec<String> {
        let processors = run.plan.processors as u64;
        let period = Duration::from_secs(1) / (run.plan.knob("jobs") * processors) as u32;
        let job = Duration::from_micros(run.plan.knob("job_us"));
        let (fixed, until) = (run.plan.fixed(), run.until);
        let (pile, working) = (Arc::new(Pile::default()), Outstanding::default());
        for _ in 0..run.plan.knob("workers") * processors {
            let (pile, guard) = (Arc::clone(&pile), working.begin());
            drop(run.handle.spawn(async move {
                loop {
                    // From here on it hears of every job.
                    let changed = pile.changed.notified();
                    if pile.take() {
                        compute(job);
                        pile.done.fetch_add(1, Ordering::Relaxed);
                    } else if until.over() {
                        break;
                    } else {
                        changed.await;
                    }
                }
                drop(guard);
            }));
        }
        let came = pace(until, period, |_| {
            pile.put();
            if fixed {
                pile.changed.notify_one();
            } else {
                pile.changed.notify_waiters();
            }
        });
        working.wait_while(|| pile.changed.notify_waiters());
        vec![format!("{came} jobs came, {} were done", pile.done.load(Ordering::Relaxed))]
    }
}
