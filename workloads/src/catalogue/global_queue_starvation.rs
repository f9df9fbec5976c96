//! `global-queue-starvation`: busy Ps, and a queue that none of them looks at.
//!
//! **The story.** A service polls its devices: sixteen tasks for each P, each looks whether there is something to do and
//! yields if not. That is polite, no poll is long, and every P is busy. Then a request comes in from outside. It goes where
//! things from outside go, to the global queue, which a P looks at when its own queue is empty. A P's own queue is never
//! empty: whoever yields stands in it again.
//!
//! ```text
//!  global   r r r r r r r r r r r ...        requests, and no end
//!             ▲ "when I have nothing to do"
//!  P0       d1 ─▶ d2 ─▶ d3 ─▶ ... ─▶ d1 ─▶   always something to do
//!  P1       d7 ─▶ d8 ─▶ d9 ─▶ ... ─▶ d7 ─▶
//! ```
//!
//! **What to look at.** `polls.without.a.take/processors`: each P has done thousands of polls, tasks waited in the global
//! queue all the time, and none was taken from it. Time is not the measure: the same picture on a slow machine is the same
//! number of polls.
//!
//! **Why the fix works.** The device tasks wait for something instead of asking again and again, here for a timer. Queues
//! run empty, and Ps look further.
//!
//! **The cure.** Every 61st run a P looks at the global queue first, as Go's does: 61, a prime, so that it does not beat with
//! the program's own periods. And where runs are so long that 61 of them are long, too, sysmon reminds the Ps of a queue
//! that has waited since it looked last. The sick variant builds the runtime with a `global_interval` of `u32::MAX`,
//! `global_rescue(false)`, and no spare Ps, whose queues begin empty; `--cured` leaves all three as they are.

use std::time::Duration;

use gumption::runtime::Builder;
use gumption::task::yield_now;
use gumption::time::sleep;

use crate::support::{Outstanding, Requests, compute};
use crate::workload::{Knob, Plan, Run, Workload};

pub(super) struct GlobalQueueStarvation;

impl Workload for GlobalQueueStarvation {
    fn id(&self) -> &'static str {
        "global-queue-starvation"
    }
    fn family(&self) -> &'static str {
        "starvation"
    }
    fn mechanism(&self) -> &'static str {
        "tasks that yield in a loop keep every run queue full: nobody looks at the global one"
    }
    fn fix(&self) -> Option<&'static str> {
        Some("the tasks wait for a timer instead of asking again and again")
    }
    fn cure(&self) -> Option<&'static str> {
        Some("every 61st run of a P looks at the global queue first, and sysmon reminds it")
    }
    fn knobs(&self) -> &'static [Knob] {
        &[
            Knob { name: "devices", default: 16, min: 4, max: 200, help: "tasks that poll a device, for each P" },
            Knob { name: "look_us", default: 20, min: 1, max: 200, help: "length of one look in us" },
        ]
    }

    fn shape(&self, plan: &Plan, builder: &mut Builder) {
        if plan.uncured() {
            builder.global_interval(u32::MAX).global_rescue(false).spare_processors(0);
        }
    }

    fn drive(&self, run: &Run) -> Vec<String> {
        let devices = run.plan.knob("devices") * run.plan.processors as u64;
        let look = Duration::from_micros(run.plan.knob("look_us"));
        let (fixed, until) = (run.plan.fixed(), run.until);
        let polling = Outstanding::default();
        for _ in 0..devices {
            let guard = polling.begin();
            drop(run.handle.spawn(async move {
                while !until.over() {
                    compute(look);
                    if fixed {
                        sleep(Duration::from_millis(50)).await;
                    } else {
                        yield_now().await;
                    }
                }
                drop(guard);
            }));
        }
        let requests = Requests::default();
        requests.offer(run, Duration::from_millis(1), Duration::from_micros(20));
        polling.wait();
        vec![requests.told()]
    }
}
