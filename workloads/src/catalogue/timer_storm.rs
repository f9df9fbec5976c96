//! `timer-storm`: everybody wakes up at once.
//!
//! **The story.** Thousands of sessions send a heartbeat ten times a second. They were all started by the same deploy, or
//! they all round their deadline to the same tick, so they all sleep until the same moment. Nothing runs, nothing runs,
//! everything runs.
//!
//! ```text
//!  runnable                                   with jitter
//!    │█            █            █               │
//!    │█▙           █▙           █▙              │
//!    │██▙          ██▙          ██▙             │▂▂▃▂▂▃▂▂▂▃▂▂▂▃▂▂▃▂▂▂▃▂▂▃▂▂
//!    └─────────────────────────────▶ time       └──────────────────────────▶ time
//!     the last of each herd waits for all the others
//! ```
//!
//! **What to look at.** `time.of.half.the.fires/window`: half of all timers fire within a hundredth of the time.
//! `runnable.max/timers.fired`: the herd stands in the run queues together. How many timers there are proves nothing.
//!
//! **Why the fix works.** Each session adds a random share of the period to its first deadline, once. As many timers fire as
//! before; at any moment there are only a few.
//!
//! There is no cure in the scheduler: it fires what is due. It helps that other Ps take part in running the herd.

use std::time::Duration;

use gumption::runtime::Builder;
use gumption::time::{Instant, sleep_until};

use crate::support::{Lateness, Outstanding, Random, Requests, compute};
use crate::workload::{Knob, Plan, Run, Workload};

pub(super) struct TimerStorm;

impl Workload for TimerStorm {
    fn id(&self) -> &'static str {
        "timer-storm"
    }
    fn family(&self) -> &'static str {
        "timer"
    }
    fn mechanism(&self) -> &'static str {
        "thousands of sleeps share one deadline: a herd becomes runnable in one turn"
    }
    fn fix(&self) -> Option<&'static str> {
        Some("each deadline has a random share of the period added")
    }
    fn knobs(&self) -> &'static [Knob] {
        &[
            Knob { name: "sessions", default: 1_000, min: 200, max: 20_000, help: "sessions for each P" },
            Knob { name: "period_ms", default: 100, min: 20, max: 1_000, help: "time between two heartbeats in ms" },
            Knob { name: "beat_us", default: 20, min: 1, max: 1_000, help: "work a heartbeat in us" },
        ]
    }

    fn shape(&self, _plan: &Plan, _builder: &mut Builder) {}

    fn drive(&self, run: &Run) -> Vec<String> {
        let sessions = run.plan.knob("sessions") * run.plan.processors as u64;
        let period = Duration::from_millis(run.plan.knob("period_ms"));
        let beat = Duration::from_micros(run.plan.knob("beat_us"));
        let mut random = Random::new(run.plan.seed);
        let until = run.until;
        let (late, beating) = (Lateness::default(), Outstanding::default());
        let start = Instant::now() + period;
        for _ in 0..sessions {
            let jitter = match run.plan.fixed() {
                true => Duration::from_nanos(random.below(period.as_nanos() as u64)),
                false => Duration::ZERO,
            };
            let (late, guard) = (late.clone(), beating.begin());
            drop(run.handle.spawn(async move {
                let mut due = start + jitter;
                while !until.over() {
                    sleep_until(due).await;
                    late.record(due.elapsed());
                    compute(beat);
                    due += period;
                }
                drop(guard);
            }));
        }
        let requests = Requests::default();
        requests.offer(run, Duration::from_millis(1), Duration::from_micros(20));
        beating.wait();
        let summary = late.summary();
        vec![format!("{sessions} sessions, {} heartbeats; they were late by {summary}", summary.count), requests.told()]
    }
}
