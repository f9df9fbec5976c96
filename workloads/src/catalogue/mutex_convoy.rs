//! `mutex-convoy`: a lock that is held by somebody who waits for a CPU.
//!
//! **The story.** A table is behind a mutex. Whoever changes it lets other tasks run in between, out of politeness, with the lock
//! in hand. The tasks that compute take their turn, a tenth of a millisecond each, and the lock's owner stands in line behind
//! them. So does everybody else who wants the table, but in another line. When the owner has finished, the lock passes to the
//! next one, who must be scheduled first, and then is polite, too. The change takes five microseconds; the table is changed a few hundred
//! times a second.
//!
//! ```text
//!   owner    lock ▌                              ▌ unlock      computes 5 us
//!                 ╰─ yields ─▶ queue ········▶ ──╯             owns for 500
//!   P0       ▐ 100 us ▌▐ 100 us ▌▐ 100 us ▌▐ 100 us ▌
//!   waiters  ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░  15 of them, each behind all before it
//! ```
//!
//! **What to look at.** `lock.owned/glances` and `lock.waited/glances`: the lock is always somebody's, and always wanted.
//! `owner.running/owned`: nearly every glance finds the owner not running. `owner.runnable/owned`: it does not wait for something
//! either; it stands in a queue. That is a convoy. An owner that waits for io would be another disease.
//!
//! **Why the fix works.** Who has the lock awaits nothing: it locks, changes, unlocks, and is polite then. And where nothing is awaited
//! inside, the lock of the standard library is the right one. A lock that can be waited for is fair: it is handed to the next in
//! line, who may not be running, and so even short holds can end as a convoy when every CPU is busy. A thread that finds
//! the other one locked waits the few microseconds.
//!
//! There is no cure in the scheduler: it could let the owner of a lock go first; but a lock that is fair and an owner that yields
//! would still make a line of all who want it.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use gumption::runtime::Builder;
use gumption::sync::Mutex;
use gumption::task::yield_now;

use crate::support::{Outstanding, compute};
use crate::workload::{Knob, Plan, Run, Workload};

pub(super) struct MutexConvoy;

impl Workload for MutexConvoy {
    fn id(&self) -> &'static str {
        "mutex-convoy"
    }
    fn family(&self) -> &'static str {
        "contention"
    }
    fn mechanism(&self) -> &'static str {
        "the owner of a lock yields inside; it stands in a queue, and everybody who wants the lock stands behind it"
    }
    fn fix(&self) -> Option<&'static str> {
        Some("nothing is awaited while the lock is held, so that a lock of the standard library does")
    }
    fn knobs(&self) -> &'static [Knob] {
        &[
            Knob { name: "lockers", default: 4, min: 2, max: 64, help: "tasks that change the table, for each P" },
            Knob { name: "computers", default: 4, min: 2, max: 64, help: "tasks that compute, for each P" },
            Knob { name: "piece_us", default: 100, min: 50, max: 1_000, help: "length of a piece of computing in us" },
        ]
    }

    fn shape(&self, _plan: &Plan, _builder: &mut Builder) {}

    fn drive(&self, run: &Run) -> Vec<String> {
        let processors = run.plan.processors as u64;
        let piece = Duration::from_micros(run.plan.knob("piece_us"));
        let change = Duration::from_micros(5);
        let (fixed, until) = (run.plan.fixed(), run.until);
        let working = Outstanding::default();
        let (table, plain) = (Arc::new(Mutex::new(0u64)), Arc::new(std::sync::Mutex::new(0u64)));
        for _ in 0..run.plan.knob("computers") * processors {
            let guard = working.begin();
            drop(run.handle.spawn(async move {
                while !until.over() {
                    compute(piece);
                    yield_now().await;
                }
                drop(guard);
            }));
        }
        for _ in 0..run.plan.knob("lockers") * processors {
            let (table, plain, guard) = (Arc::clone(&table), Arc::clone(&plain), working.begin());
            drop(run.handle.spawn(async move {
                while !until.over() {
                    if fixed {
                        alter(&plain, change);
                        yield_now().await;
                    } else {
                        let mut changes = table.lock().await;
                        compute(change);
                        yield_now().await;
                        *changes += 1;
                    }
                }
                drop(guard);
            }));
        }
        working.wait();
        let fair = table.try_lock().map_or(0, |changes| *changes);
        let changes = fair + *plain.lock().unwrap_or_else(PoisonError::into_inner);
        let rate = changes as f64 / run.plan.length.as_secs_f64();
        vec![format!("the table was changed {changes} times, {rate:.0} times a second")]
    }
}

/// A change under the lock of the standard library. Its guard cannot be held over an await: a task with one is not `Send`.
fn alter(table: &std::sync::Mutex<u64>, change: Duration) {
    let mut changes = table.lock().unwrap_or_else(PoisonError::into_inner);
    compute(change);
    *changes += 1;
}
