//! `timer-starvation`: a sleep that is over, and nobody to say so.
//!
//! **The story.** Sessions send a heartbeat twenty times a second. Now and then a report is computed: a fifth of a second on one
//! P. The other Ps are idle. And yet every fourth session misses four heartbeats, and its peer declares it dead. Timers belong
//! to the P on which the sleep began, in a heap that only this P looks at, because that makes arming one cheap. The heap of
//! the P with the report is not looked at.
//!
//! ```text
//!  P0   running: report ····················▶ 200 ms
//!       timers:  s1 due  s5 due  s9 due ...      due, and nobody looks
//!       queue:   -                               "nothing to steal"
//!  P1   idle     timers: s2 in 4 ms, s6 in 7 ms  on time
//! ```
//!
//! Go had this when its timers moved to the Ps (issue 38860), and tokio has it for as long as nobody else may turn a stuck
//! worker's wheel (issue 3190).
//!
//! **What to look at.** `timer.overdue/tick`: the earliest timer of a P that stands has been due for a hundred ticks and more,
//! while another P idles. It is an invariant, and it is broken.
//!
//! **Why the fix works.** The report yields every 100 us, and the P looks at its heap in between.
//!
//! **The cure.** Each P publishes its earliest deadline in one word, which everybody may read, and its heap may be fired by
//! whoever finds it due: a thief in the last pass of its search, sysmon at a P that stands, and the M in the poller's seat,
//! who sleeps until the earliest timer of all Ps. The sick variant builds the runtime with `timer_steal(false)`; `--cured`
//! leaves it on.

use std::time::Duration;

use gumption::runtime::Builder;
use gumption::time::{Instant, sleep, sleep_until};

use super::hog::compute_politely;
use crate::support::{Lateness, Outstanding, Requests, compute};
use crate::workload::{Knob, Plan, Run, Workload};

pub(super) struct TimerStarvation;

impl Workload for TimerStarvation {
    fn id(&self) -> &'static str {
        "timer-starvation"
    }
    fn family(&self) -> &'static str {
        "timer"
    }
    fn mechanism(&self) -> &'static str {
        "timers are due on a P that is stuck in a poll, and the idle Ps do not look"
    }
    fn fix(&self) -> Option<&'static str> {
        Some("the long poll yields every 100 us")
    }
    fn cure(&self) -> Option<&'static str> {
        Some("thieves, sysmon and the M in the poller's seat fire the due timers of a P that stands")
    }
    fn knobs(&self) -> &'static [Knob] {
        &[
            Knob { name: "sessions", default: 25, min: 8, max: 1_000, help: "sessions for each P" },
            Knob { name: "period_ms", default: 50, min: 1, max: 1_000, help: "time between two heartbeats in ms" },
            Knob { name: "report_ms", default: 200, min: 20, max: 1_000, help: "length of a report in ms" },
        ]
    }
    fn min_processors(&self) -> usize {
        2
    }

    fn shape(&self, plan: &Plan, builder: &mut Builder) {
        if plan.uncured() {
            builder.timer_steal(false);
        }
    }

    fn drive(&self, run: &Run) -> Vec<String> {
        let sessions = run.plan.knob("sessions") * run.plan.processors as u64;
        let period = Duration::from_millis(run.plan.knob("period_ms"));
        let report = Duration::from_millis(run.plan.knob("report_ms"));
        let (fixed, until) = (run.plan.fixed(), run.until);
        let (late, under_way) = (Lateness::default(), Outstanding::default());
        for session in 0..sessions {
            let (late, guard) = (late.clone(), under_way.begin());
            let first = Instant::now() + period.mul_f64(session as f64 / sessions as f64);
            drop(run.handle.spawn(async move {
                let mut due = first;
                while !until.over() {
                    sleep_until(due).await;
                    late.record(due.elapsed());
                    due += period;
                }
                drop(guard);
            }));
        }
        let guard = under_way.begin();
        drop(run.handle.spawn(async move {
            while !until.over() {
                if fixed {
                    compute_politely(report, Duration::from_micros(100)).await;
                } else {
                    compute(report);
                }
                sleep(Duration::from_millis(5)).await;
            }
            drop(guard);
        }));
        let requests = Requests::default();
        requests.offer(run, Duration::from_millis(2), Duration::from_micros(20));
        under_way.wait();
        let summary = late.summary();
        vec![format!("{sessions} sessions, {} heartbeats; they were late by {summary}", summary.count), requests.told()]
    }
}
