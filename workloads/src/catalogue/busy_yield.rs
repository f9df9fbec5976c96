//! `busy-yield`: a task that asks again and again whether it is time.
//!
//! **The story.** A task waits for a flag. It looks; if the flag is not up it yields, so as not to be a hog, and looks again. It is
//! polite: everybody else gets a turn in between. And it is never idle: the runtime polls it a million times a second, no P
//! ever sleeps, and the one time that matters it is no faster than if it had been woken.
//!
//! ```text
//!   busy    ▌look▐▌look▐▌look▐▌look▐▌look▐▌look▐▌look▐▌look▐ ✓
//!   waits   ▌look▐ ·············································· ▌wake▐ ✓
//!                                                         flag ↑
//! ```
//!
//! **What to look at.** `wakes.self/polls`: nearly every poll ends with the task having woken itself. `leaf.ready/polls`: and none has got
//! anything done at a channel, a lock, a socket or a timer. `poll.half/empty`: a poll is not much more than nothing; a batch that
//! yields between pieces of work wakes itself as often, and its polls last.
//!
//! **Why the fix works.** The task waits for a `Notify`. Whoever raises the flag wakes it: one poll for one change.
//!
//! There is no cure in the scheduler: it cannot know what the task looks at.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gumption::runtime::Builder;
use gumption::sync::Notify;
use gumption::task::yield_now;

use crate::support::{Outstanding, pace};
use crate::workload::{Knob, Plan, Run, Workload};

pub(super) struct BusyYield;

#[derive(Default)]
struct Flag {
    raised: AtomicU64,
    changed: Notify,
}

impl Workload for BusyYield {
    fn id(&self) -> &'static str {
        "busy-yield"
    }
    fn family(&self) -> &'static str {
        "wakeup"
    }
    fn mechanism(&self) -> &'static str {
        "tasks wait for a flag by looking at it and yielding, a million times a second"
    }
    fn fix(&self) -> Option<&'static str> {
        Some("they wait for a Notify, and whoever raises the flag wakes them")
    }
    fn knobs(&self) -> &'static [Knob] {
        &[
            Knob { name: "waiters", default: 2, min: 1, max: 64, help: "tasks that wait for a flag, for each P" },
            Knob { name: "raise_us", default: 500, min: 100, max: 10_000, help: "time between two flags in us" },
        ]
    }

    fn shape(&self, _plan: &Plan, _builder: &mut Builder) {}

    fn drive(&self, run: &Run) -> Vec<String> {
        let (fixed, until) = (run.plan.fixed(), run.until);
        let (waiting, seen) = (Outstanding::default(), Arc::new(AtomicU64::new(0)));
        let flags: Vec<Arc<Flag>> =
            (0..run.plan.knob("waiters") * run.plan.processors as u64).map(|_| Arc::default()).collect();
        for flag in &flags {
            let (flag, seen, guard) = (Arc::clone(flag), Arc::clone(&seen), waiting.begin());
            drop(run.handle.spawn(async move {
                let mut last = 0;
                loop {
                    // Ordering: Acquire pairs with the Release of who raises it.
                    let now = flag.raised.load(Ordering::Acquire);
                    if now == u64::MAX {
                        break;
                    }
                    if now != last {
                        last = now;
                        seen.fetch_add(1, Ordering::Relaxed);
                    } else if fixed {
                        flag.changed.notified().await;
                    } else {
                        yield_now().await;
                    }
                }
                drop(guard);
            }));
        }
        let raise = |flag: &Flag, to: u64| {
            // Ordering: Release pairs with the Acquire above.
            flag.raised.store(to, Ordering::Release);
            flag.changed.notify_one();
        };
        let raised = pace(until, Duration::from_micros(run.plan.knob("raise_us")), |count| {
            raise(&flags[count as usize % flags.len()], count + 1);
        });
        flags.iter().for_each(|flag| raise(flag, u64::MAX));
        waiting.wait();
        vec![format!("{raised} flags were raised, {} seen", seen.load(Ordering::Relaxed))]
    }
}
