//! `one-producer`: a loop that spawns faster than its queue can hold.
//!
//! **The story.** A task has ten thousand things to do and spawns one task for each, in a loop. Its P's run queue holds
//! 256. From then on half of the queue goes, again and again, to the global queue, which all Ps share; and all of them take
//! their work from there.
//!
//! ```text
//!  linear                                   split
//!  P0  spawn spawn spawn ──▶ ▕256▏          P0  ▕ 0..10000 ▏──▶ keeps 0..5000, offers 5000..10000
//!                              │ overflow   P1  steals 5000..10000 ──▶ keeps half, offers half
//!                              ▼            P2  steals 2500..5000
//!                     ▕ global queue ▏      P3  steals 7500..10000
//!  P1 P2 P3  ◀────────────────┘             nobody's queue holds more than a dozen
//! ```
//!
//! **What to look at.** `overflow_tasks/spawned`: 97 of 100 tasks passed the global queue. `spawned.by.one/spawned`: one P
//! spawned them all. Which P *polled* how much proves nothing: it looks the same sick and fixed, because stealing evens it
//! out. That the work gets done is the scheduler's merit; that all of it goes through one door is the program's.
//!
//! **Why the fix works.** The range is split in two, and the second half is one task that a thief can take, with all that is
//! in it: the thieves become producers. Pieces of a few dozen items are done in place. Work is moved by the largest piece
//! instead of by the item, the queues stay short, and the global queue stays empty.
//!
//! There is no cure in the scheduler: it does what it was told.

use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::time::Duration;

use gumption::runtime::Builder;

use crate::support::{Outstanding, compute};
use crate::workload::{Knob, Plan, Run, Workload};

pub(super) struct OneProducer;

impl Workload for OneProducer {
    fn id(&self) -> &'static str {
        "one-producer"
    }
    fn family(&self) -> &'static str {
        "stealing"
    }
    fn mechanism(&self) -> &'static str {
        "one loop spawns thousands of tasks: its queue overflows and all work passes the global queue"
    }
    fn fix(&self) -> Option<&'static str> {
        Some("the range is split recursively, so that thieves take halves and spawn for themselves")
    }
    fn knobs(&self) -> &'static [Knob] {
        &[
            Knob { name: "items", default: 10_000, min: 2_000, max: 100_000, help: "items a round" },
            Knob { name: "item_us", default: 5, min: 1, max: 100, help: "work an item in us" },
            Knob { name: "grain", default: 32, min: 1, max: 1_000, help: "items that a piece does itself, fixed" },
        ]
    }

    fn shape(&self, _plan: &Plan, _builder: &mut Builder) {}

    fn drive(&self, run: &Run) -> Vec<String> {
        let items = run.plan.knob("items");
        let work = Duration::from_micros(run.plan.knob("item_us"));
        let grain = run.plan.knob("grain");
        let (fixed, until) = (run.plan.fixed(), run.until);
        let producing = Outstanding::default();
        let guard = producing.begin();
        let (say, hear) = std::sync::mpsc::channel();
        drop(run.handle.spawn(async move {
            let mut rounds = 0u64;
            while !until.over() {
                if fixed {
                    split(0..items, grain, work).await;
                } else {
                    linear(0..items, work).await;
                }
                rounds += 1;
            }
            let _ = say.send(rounds);
            drop(guard);
        }));
        producing.wait();
        let rounds = hear.recv().unwrap_or(0);
        vec![format!("{rounds} rounds of {items} items done")]
    }
}

/// The mistake: one loop, one task an item.
async fn linear(items: Range<u64>, work: Duration) {
    let handles: Vec<_> = items.map(|_| gumption::spawn(async move { compute(work) })).collect();
    for handle in handles {
        let _ = handle.await;
    }
}

/// The fix: offer the second half, keep the first.
fn split(items: Range<u64>, grain: u64, work: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        let mut mine = items;
        let mut offered = Vec::new();
        while mine.end - mine.start > grain {
            let middle = mine.start + (mine.end - mine.start) / 2;
            offered.push(gumption::spawn(split(middle..mine.end, grain, work)));
            mine.end = middle;
        }
        mine.for_each(|_| compute(work));
        // The smallest offer first: the large ones have most likely been stolen.
        while let Some(half) = offered.pop() {
            let _ = half.await;
        }
    })
}
