//! `blocking-pool-deadlock`: every thread of the pool waits for work that has no thread.
//!
//! **The story.** A closure on the blocking pool reads an index, and for that calls a helper, which moves its own file access to the
//! blocking pool and waits for it. It works on every desk. On the day that as many requests come at once as the pool has
//! threads, each thread has an outer closure, each waits for an inner one, and the inner ones are in the queue. Nothing is
//! busy, nothing is wrong with any request, and nothing will ever happen again.
//!
//! ```text
//!   thread 0  outer ─ waits for ─▶ inner 0 ╮
//!   thread 1  outer ─ waits for ─▶ inner 1 │  in the queue: they need a thread
//!   thread 2  outer ─ waits for ─▶ inner 2 │
//!   thread 3  outer ─ waits for ─▶ inner 3 ╯
//! ```
//!
//! **What to look at.** `closures.waiting.for.queued/running`: every closure that runs waits for one that is queued. These are edges of the
//! wait graph, each known exactly. `closures.ended/running`: nothing ends. A pool that is merely at its limit looks the same
//! from outside, threads and queue, but its closures wait for a disk, and end.
//!
//! **Why the fix works.** The outer closure does the inner work in place: it is on a thread that may block already. Where the two must be
//! apart, a task awaits the inner one and hands the result to the outer one: a task that waits holds no thread.
//!
//! There is no cure in the scheduler: a larger pool needs more requests to stand still, and a pool without a limit is a storm.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gumption::runtime::{Builder, Handle};
use gumption::time::{Instant, timeout_at};

use crate::proof::Proof;
use crate::support::{Outstanding, Requests, pace};
use crate::workload::{Knob, Plan, Run, Workload};

pub(super) struct BlockingPoolDeadlock;

impl Workload for BlockingPoolDeadlock {
    fn id(&self) -> &'static str {
        "blocking-pool-deadlock"
    }
    fn family(&self) -> &'static str {
        "blocking"
    }
    fn mechanism(&self) -> &'static str {
        "closures on the blocking pool wait for closures that are queued behind them, and every thread has one"
    }
    fn fix(&self) -> Option<&'static str> {
        Some("the inner work is done in place: its caller may block already")
    }
    fn knobs(&self) -> &'static [Knob] {
        &[
            Knob { name: "threads", default: 4, min: 1, max: 64, help: "limit of the blocking pool" },
            Knob { name: "read_us", default: 500, min: 10, max: 10_000, help: "length of a read in us" },
        ]
    }
    fn proof(&self) -> Proof {
        Proof::Impossible("closures wait on their threads, and not as tasks: no waker says for whom")
    }

    fn shape(&self, plan: &Plan, builder: &mut Builder) {
        builder.max_blocking_threads(plan.knob("threads") as usize);
    }

    fn drive(&self, run: &Run) -> Vec<String> {
        let read = Duration::from_micros(run.plan.knob("read_us"));
        let threads = run.plan.knob("threads");
        let (fixed, until) = (run.plan.fixed(), run.until);
        let (under_way, answered) = (Outstanding::default(), Arc::new(AtomicU64::new(0)));
        let neighbours = {
            let run = run.clone();
            std::thread::spawn(move || {
                let requests = Requests::default();
                requests.offer(&run, Duration::from_millis(1), Duration::from_micros(20));
                requests.told()
            })
        };
        // Half of what the pool can do, in bursts of two for each thread.
        let period = (read * 8).max(Duration::from_millis(2));
        let mut came = 0;
        pace(until, period, |_| {
            for _ in 0..2 * threads {
                came += 1;
                let (handle, guard) = (run.handle.clone(), under_way.begin());
                let answered = Arc::clone(&answered);
                drop(run.handle.spawn_blocking(move || {
                    let ok = if fixed { helper(read) } else { through_the_pool(&handle, until.0, read) };
                    answered.fetch_add(u64::from(ok), Ordering::Relaxed);
                    drop(guard);
                }));
            }
        });
        under_way.wait();
        let told = neighbours.join().unwrap_or_default();
        vec![format!("{came} requests came, {} were answered", answered.load(Ordering::Relaxed)), told]
    }
}

/// Reads a file, as far as anybody can tell.
fn helper(read: Duration) -> bool {
    std::thread::sleep(read);
    true
}

/// The mistake: a thread of the pool waits for the pool. At the end of the run it gives up, which no real one does.
fn through_the_pool(handle: &Handle, end: std::time::Instant, read: Duration) -> bool {
    let inner = handle.spawn_blocking(move || helper(read));
    handle.block_on(async { matches!(timeout_at(Instant::from_std(end), inner).await, Ok(Ok(true))) })
}
