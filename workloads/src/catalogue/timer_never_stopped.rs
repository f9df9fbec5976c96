//! `timer-never-stopped`: ticks for somebody who has gone.
//!
//! **The story.** Each connection starts a task with an interval that counts how long the connection has been quiet. The
//! connection is closed after a while; the task with the interval is not told. It ticks on, looks at a number that will never
//! change, and waits for the next tick. No tick is expensive. There are more of them each minute, and after a week the runtime
//! does little else.
//!
//! ```text
//!   connections  ├──┤ ├──┤ ├──┤ ├──┤          each is closed after a while
//!   ticks        ╵ ╵ ╵ ╵ ╵ ╵ ╵ ╵ ╵ ╵ ╵ ╵ ╵    of the first
//!                   ╵ ╵ ╵ ╵ ╵ ╵ ╵ ╵ ╵ ╵ ╵     and of the second
//!                      ╵ ╵ ╵ ╵ ╵ ╵ ╵ ╵ ╵ ╵    ...
//! ```
//!
//! **What to look at.** `waiting.tau` and `left/entered`: tasks that sleep are more in each window, and none ends.
//! `new.wait/waiting`: they do not sleep on, they tick: each waits for another point in time than at the last census.
//! `without.a.handle/waiting`: nobody could stop them. In the totals: timers that fire, more each second under a constant load.
//!
//! **Why the fix works.** The connection keeps the handle of its interval's task and aborts it when it is closed. A dropped
//! interval takes its timer with it.
//!
//! There is no cure in the scheduler: a timer that is armed fires.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gumption::runtime::Builder;
use gumption::time::{interval, sleep};

use crate::proof::Proof;
use crate::support::{Outstanding, pace};
use crate::workload::{Knob, Plan, Run, Workload};

pub(super) struct TimerNeverStopped;

impl Workload for TimerNeverStopped {
    fn id(&self) -> &'static str {
        "timer-never-stopped"
    }
    fn family(&self) -> &'static str {
        "leak"
    }
    fn mechanism(&self) -> &'static str {
        "each connection leaves a task behind whose interval ticks on, for nobody"
    }
    fn fix(&self) -> Option<&'static str> {
        Some("a connection that is closed aborts the task of its interval")
    }
    fn knobs(&self) -> &'static [Knob] {
        &[
            Knob { name: "connections", default: 250, min: 100, max: 5_000, help: "connections a second for each P" },
            Knob { name: "tick_ms", default: 20, min: 1, max: 50, help: "time between two ticks in ms" },
        ]
    }
    fn proof(&self) -> Proof {
        Proof::Impossible("they do run, at each tick")
    }

    fn shape(&self, _plan: &Plan, _builder: &mut Builder) {}

    fn drive(&self, run: &Run) -> Vec<String> {
        let period = Duration::from_secs(1) / (run.plan.knob("connections") * run.plan.processors as u64) as u32;
        let tick = Duration::from_millis(run.plan.knob("tick_ms"));
        let (fixed, until) = (run.plan.fixed(), run.until);
        let (open, ticks) = (Outstanding::default(), Arc::new(AtomicU64::new(0)));
        let came = pace(until, period, |_| {
            let ticks = Arc::clone(&ticks);
            let (connected, counts) = (open.begin(), open.begin());
            drop(run.handle.spawn(async move {
                let quiet = gumption::spawn(async move {
                    let mut interval = interval(tick);
                    while !until.over() {
                        interval.tick().await;
                        ticks.fetch_add(1, Ordering::Relaxed);
                    }
                    drop(counts);
                });
                sleep(Duration::from_millis(10)).await;
                if fixed {
                    quiet.abort();
                }
                drop(connected);
            }));
        });
        let left = open.count();
        open.wait();
        let ticks = ticks.load(Ordering::Relaxed);
        vec![format!("{came} connections came and went, {ticks} ticks; {left} tasks were left at the end")]
    }
}
