//! `futurelock`: a lock that belongs to a future that nobody polls.
//!
//! **The story.** A request writes a row, and the table is behind a lock. If the write takes longer than five milliseconds, the
//! request wants to note that, and then wait on. So it has a `select!` of the write, by reference, and a sleep. The sleep wins. The
//! note goes into the same table, so the request asks for the lock again; its first future still stands in line for it, ahead. When the
//! lock becomes free it is handed to that first future. Its task is woken, polls what it awaits now, which is the second, and
//! goes back to sleep: it waits for itself. Nobody ever gets the lock again.
//!
//! ```text
//!   line     backup ▌ request: write ▌ request: note ▌ ...
//!   lock     backup ──unlock──▶ write      handed over ✓
//!   request  select!(write, sleep) ─ sleep ─▶ note.await ········▶ for ever
//!                      ╰ still there, in line, then the owner; polled by nobody
//! ```
//!
//! **What to look at.** `same.ring/in.a.ring`: a ring of one task, which waits for the lock that it was handed and has not come for.
//! The lock says both: who its owner is, and that the owner has yet to come. A task that locks twice without that future in between
//! is a ring of one, too, but it has taken the lock: `async-deadlock`.
//!
//! **Why the fix works.** The future that is given up is dropped before anything else is awaited: it leaves the line, or passes the
//! lock on. `timeout` does that; `select!` on a `&mut future` does not.
//!
//! There is no cure in the scheduler: it polls tasks, and what a task polls is the task's own business.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gumption::runtime::Builder;
use gumption::sync::Mutex;
use gumption::time::{sleep, timeout};

use crate::proof::Proof;
use crate::support::{Outstanding, Requests, pace};
use crate::workload::{Knob, Plan, Run, Workload};

pub(super) struct Futurelock;

type Table = Arc<Mutex<Vec<u64>>>;

impl Workload for Futurelock {
    fn id(&self) -> &'static str {
        "futurelock"
    }
    fn family(&self) -> &'static str {
        "deadlock"
    }
    fn mechanism(&self) -> &'static str {
        "a task waits for a lock that was handed to a future of its own, which it keeps and does not poll any more"
    }
    fn fix(&self) -> Option<&'static str> {
        Some("the write that takes too long is dropped, with its place in the line, before anything else is awaited")
    }
    fn knobs(&self) -> &'static [Knob] {
        &[
            Knob { name: "requests", default: 50, min: 10, max: 1_000, help: "requests a second for each P" },
            Knob {
                name: "limit_ms",
                default: 5,
                min: 1,
                max: 20,
                help: "how long a write may take before it is noted, in ms",
            },
            Knob { name: "backup_ms", default: 40, min: 25, max: 200, help: "how long a backup has the lock, in ms" },
        ]
    }
    fn length(&self) -> Duration {
        Duration::from_millis(1_600)
    }
    fn proof(&self) -> Proof {
        Proof::Circles
    }

    fn shape(&self, _plan: &Plan, _builder: &mut Builder) {}

    fn drive(&self, run: &Run) -> Vec<String> {
        let period = Duration::from_secs(1) / (run.plan.knob("requests") * run.plan.processors as u64) as u32;
        let limit = Duration::from_millis(run.plan.knob("limit_ms"));
        let backup = Duration::from_millis(run.plan.knob("backup_ms"));
        let (fixed, until) = (run.plan.fixed(), run.until);
        let table: Table = Arc::new(Mutex::new(Vec::new()));
        let neighbours = Requests::beside(run, Duration::from_micros(500), Duration::from_micros(20));
        let (under_way, written) = (Outstanding::default(), Arc::new(AtomicU64::new(0)));
        let mut tasks = Vec::new();
        let (rows, guard) = (Arc::clone(&table), under_way.begin());
        tasks.push(run.handle.spawn(async move {
            while !until.over() {
                let rows = rows.lock().await;
                sleep(backup).await;
                drop(rows);
                sleep(backup * 4).await;
            }
            drop(guard);
        }));
        let came = pace(until, period, |id| {
            let (table, written, guard) = (Arc::clone(&table), Arc::clone(&written), under_way.begin());
            tasks.push(run.handle.spawn(async move {
                if fixed {
                    if timeout(limit, write(&table, id)).await.is_err() {
                        write(&table, u64::MAX).await;
                        write(&table, id).await;
                    }
                } else {
                    let mut writing = pin!(write(&table, id));
                    gumption::select! {
                        () = &mut writing => {}
                        () = sleep(limit) => {
                            // The note that it takes long.
                            write(&table, u64::MAX).await;
                            writing.await;
                        }
                    }
                }
                written.fetch_add(1, Ordering::Relaxed);
                drop(guard);
            }));
        });
        let left = under_way.count();
        if !fixed {
            run.prove_circles(|| 1);
            // Nothing inside can end this.
            tasks.iter().for_each(gumption::task::JoinHandle::abort);
        }
        under_way.wait();
        let written = written.load(Ordering::Relaxed);
        vec![
            format!("{came} requests came, {written} wrote their row; {left} tasks were left at the end"),
            neighbours.told(),
        ]
    }
}

async fn write(table: &Table, row: u64) {
    table.lock().await.push(row);
}
