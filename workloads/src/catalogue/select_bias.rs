//! `select-bias`: the arm that is always ready, and the one that nobody looks at.
//!
//! **The story.** A loop selects between work and commands. Work comes first, says `biased`, because work is what pays. As long as the
//! channel with the work now and then runs dry all is well: then the loop looks at the commands. Under load it never runs
//! dry. The command to stop, to reload, to take a backup lies in its channel, and a million items pass it by.
//!
//! ```text
//!   work      ▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓ full ──▶ arm 1  ready, ready, ready, ready ...
//!   commands  ▓ one                ──▶ arm 2  not asked
//! ```
//!
//! **What to look at.** `received.elsewhere/look`: how many values the same task has taken from other channels while this one had a
//! value for it. A fair choice passes by a handful of times. The report names the channel and the task.
//!
//! **Why the fix works.** Commands are first. They are rare, so that the work behind them loses nothing. Without `biased` the order
//! is random each time, which is just as good here.
//!
//! There is no cure in the scheduler: the task runs whenever it wants to; what it looks at is its own affair.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gumption::runtime::Builder;
use gumption::sync::mpsc;

use crate::support::{Lateness, Outstanding, compute, pace};
use crate::workload::{Knob, Plan, Run, Workload};

pub(super) struct SelectBias;

impl Workload for SelectBias {
    fn id(&self) -> &'static str {
        "select-bias"
    }
    fn family(&self) -> &'static str {
        "fairness"
    }
    fn mechanism(&self) -> &'static str {
        "a biased select looks at its busy arm first: the other one has a command, and is never asked"
    }
    fn fix(&self) -> Option<&'static str> {
        Some("the rare arm is first")
    }
    fn knobs(&self) -> &'static [Knob] {
        &[
            Knob { name: "loops", default: 1, min: 1, max: 64, help: "loops that select, for each P" },
            Knob { name: "producers", default: 4, min: 2, max: 64, help: "tasks that bring work to each loop" },
            Knob { name: "item_us", default: 2, min: 1, max: 100, help: "work an item in us" },
            Knob { name: "command_ms", default: 20, min: 1, max: 200, help: "time between two commands in ms" },
        ]
    }

    fn shape(&self, _plan: &Plan, _builder: &mut Builder) {}

    fn drive(&self, run: &Run) -> Vec<String> {
        let (fixed, until) = (run.plan.fixed(), run.until);
        let producers = run.plan.knob("producers");
        let item = Duration::from_micros(run.plan.knob("item_us"));
        let working = Outstanding::default();
        let (items, obeyed) = (Arc::new(AtomicU64::new(0)), Lateness::default());
        let mut commanders = Vec::new();
        for _ in 0..run.plan.knob("loops") * run.plan.processors as u64 {
            let (command, mut commands) = mpsc::channel::<std::time::Instant>(1);
            let (give, mut work) = mpsc::channel::<u64>(1_024);
            commanders.push(command);
            let (items, obeyed, guard) = (Arc::clone(&items), obeyed.clone(), working.begin());
            drop(run.handle.spawn(async move {
                loop {
                    let chosen = if fixed {
                        gumption::select! {
                            biased;
                            Some(since) = commands.recv() => Err(since),
                            Some(count) = work.recv() => Ok(count),
                            else => break,
                        }
                    } else {
                        gumption::select! {
                            biased;
                            Some(count) = work.recv() => Ok(count),
                            Some(since) = commands.recv() => Err(since),
                            else => break,
                        }
                    };
                    match chosen {
                        Ok(count) => {
                            compute(item);
                            items.fetch_add(count, Ordering::Relaxed);
                        }
                        Err(since) => obeyed.record(since.elapsed()),
                    }
                }
                drop(guard);
            }));
            for _ in 0..producers {
                let (give, guard) = (give.clone(), working.begin());
                drop(run.handle.spawn(async move {
                    while !until.over() && give.send(1).await.is_ok() {}
                    drop(guard);
                }));
            }
        }
        let mut refused = 0;
        let given = pace(until, Duration::from_millis(run.plan.knob("command_ms")), |count| {
            let commander = &commanders[count as usize % commanders.len()];
            // The channel has room for one: who finds it full knows that the last command was not obeyed yet.
            refused += u64::from(commander.try_send(std::time::Instant::now()).is_err());
        });
        drop(commanders);
        working.wait();
        let items = items.load(Ordering::Relaxed);
        let summary = obeyed.summary();
        vec![
            format!("{items} items were worked on"),
            format!("{given} commands, {refused} found the last one not obeyed; the others took {summary}"),
        ]
    }
}
