//! `runnext-trap`: a woken task that nobody can reach.
//!
//! **The story.** Task A starts B and waits for B's answer on an ordinary channel, with its thread. There are plenty of
//! idle Ps that could run B. B does not run. A spawn or wake from inside a poll goes to the P's *next slot*, ahead of its
//! queue, because the woken task's data is warm there and the waker is usually about to finish. A is not about to finish:
//! A waits for B. And the slot is the one place where thieves do not look.
//!
//! ```text
//!  P0   running: A, waits for B ─────────────┐
//!       next:    B  ◀── can run, if only ────┘
//!       queue:   -
//!  P1   idle     "P0's queue is empty, nothing to steal"
//! ```
//!
//! tokio has this trap since it has a LIFO slot, made the slot stealable in 2026, and took it back: waking a thief for each
//! wake cost a third of the throughput.
//!
//! **What to look at.** `trapped/tick`: the slot stays full for a hundred ticks while another P idles. No ratio of counts is
//! needed: it is an invariant, and it is broken.
//!
//! **Why the fix works.** `.await` on B's handle ends A's poll, its P looks into the slot, and B runs at once, warm.
//!
//! **The cure.** Filling the slot stays silent. But sysmon looks at Ps whose tick stands still and flags their slots, and
//! the last spinner takes a slot that it saw unchanged all the time that it lingered: B runs elsewhere after a tick, and no
//! wake paid for it. The sick variant builds the runtime with `next_slot_rescue(false)`; `--cured` leaves it on.

use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use gumption::runtime::Builder;
use gumption::task::yield_now;

use crate::support::{Lateness, Outstanding, Requests};
use crate::workload::{Knob, Plan, Run, Workload};

pub(super) struct RunnextTrap;

impl Workload for RunnextTrap {
    fn id(&self) -> &'static str {
        "runnext-trap"
    }
    fn family(&self) -> &'static str {
        "starvation"
    }
    fn mechanism(&self) -> &'static str {
        "a task sits in the next slot of a P that is stuck, out of reach of idle Ps"
    }
    fn fix(&self) -> Option<&'static str> {
        Some("the waiter awaits the handle instead of holding its P")
    }
    fn cure(&self) -> Option<&'static str> {
        Some("sysmon flags the slot of a P that stands still, and an idle P takes it")
    }
    fn knobs(&self) -> &'static [Knob] {
        &[Knob {
            name: "patience_ms",
            default: 150,
            min: 20,
            max: 1_000,
            help: "how long A waits before it gives up in ms",
        }]
    }
    fn min_processors(&self) -> usize {
        2
    }

    fn shape(&self, plan: &Plan, builder: &mut Builder) {
        if plan.uncured() {
            builder.next_slot_rescue(false);
        }
    }

    fn drive(&self, run: &Run) -> Vec<String> {
        let patience = Duration::from_millis(run.plan.knob("patience_ms"));
        let (fixed, until) = (run.plan.fixed(), run.until);
        let answers = Lateness::default();
        let asking = Outstanding::default();
        let (seen, guard) = (answers.clone(), asking.begin());
        drop(run.handle.spawn(async move {
            while !until.over() {
                let asked = Instant::now();
                if fixed {
                    let _ = gumption::spawn(async { 42 }).await;
                } else {
                    let (answer, question) = channel();
                    drop(gumption::spawn(async move { answer.send(42) }));
                    // An error is the trap: B never got to answer.
                    let _ = question.recv_timeout(patience);
                }
                seen.record(asked.elapsed());
                gumption::time::sleep(Duration::from_millis(1)).await;
                yield_now().await;
            }
            drop(guard);
        }));
        let requests = Requests::default();
        requests.offer(run, Duration::from_millis(1), Duration::from_micros(20));
        asking.wait();
        let summary = answers.summary();
        vec![format!("A asked B {} times; the answer took {summary}", summary.count), requests.told()]
    }
}
