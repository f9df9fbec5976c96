//! `async-deadlock`: two locks, two orders, and nobody who gives way.
//!
//! **The story.** A transfer takes money from one account and puts it into another. It locks the first, asks whether this is
//! allowed, and locks the second. Most of the time that is fine. Then, at the same moment, somebody sends money the other way.
//! Each has locked the account that the other one wants. Both wait, no CPU is used, no thread is blocked, every health check is
//! green; and everybody who wants one of those two accounts from now on waits, too, with the other account that he has locked.
//!
//! ```text
//!   transfer 3 -> 5     lock 3 ✓ ── allowed? ── lock 5 ········▶ for ever
//!                                      ╳
//!   transfer 5 -> 3     lock 5 ✓ ── allowed? ── lock 3 ········▶ for ever
//! ```
//!
//! **What to look at.** `same.ring/in.a.ring`: the tasks that wait for one another in a ring, each for a lock that the next one has,
//! and that were in the same ring at the last census. The verdict prints the ring: each task with where it was spawned, each
//! lock with where it was made. That is no guess: a lock knows its owner, and a task has one waker.
//!
//! **Why the fix works.** Locks are taken in one order, the smaller account first, whichever way the money goes. A ring would
//! need somebody who has a greater one and waits for a smaller.
//!
//! There is no cure in the scheduler: to let one of them run it would have to take a lock away.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gumption::runtime::Builder;
use gumption::sync::Mutex;
use gumption::time::sleep;

use crate::proof::Proof;
use crate::support::{Outstanding, Random, Requests, pace};
use crate::workload::{Knob, Plan, Run, Workload};

pub(super) struct AsyncDeadlock;

impl Workload for AsyncDeadlock {
    fn id(&self) -> &'static str {
        "async-deadlock"
    }
    fn family(&self) -> &'static str {
        "deadlock"
    }
    fn mechanism(&self) -> &'static str {
        "tasks lock two accounts each, in the order in which the money goes; some meet, and wait for one another for ever"
    }
    fn fix(&self) -> Option<&'static str> {
        Some("whichever way the money goes, the account with the smaller number is locked first")
    }
    fn knobs(&self) -> &'static [Knob] {
        &[
            Knob { name: "accounts", default: 8, min: 2, max: 1_000, help: "accounts" },
            Knob { name: "transfers", default: 200, min: 10, max: 1_000, help: "transfers a second" },
            Knob {
                name: "check_ms",
                default: 5,
                min: 1,
                max: 50,
                help: "how long a transfer asks, with one account locked, in ms",
            },
        ]
    }
    fn length(&self) -> Duration {
        Duration::from_millis(1_600)
    }
    fn proof(&self) -> Proof {
        Proof::Tasks
    }

    fn shape(&self, _plan: &Plan, _builder: &mut Builder) {}

    fn drive(&self, run: &Run) -> Vec<String> {
        let period = Duration::from_secs(1) / run.plan.knob("transfers") as u32;
        let check = Duration::from_millis(run.plan.knob("check_ms"));
        let (fixed, count) = (run.plan.fixed(), run.plan.knob("accounts"));
        let accounts: Arc<Vec<Mutex<u64>>> = Arc::new((0..count).map(|_| Mutex::new(1_000)).collect());
        let neighbours = Requests::beside(run, Duration::from_micros(500), Duration::from_micros(20));
        let (under_way, done) = (Outstanding::default(), Arc::new(AtomicU64::new(0)));
        let mut random = Random::new(run.plan.seed);
        let mut transfers = Vec::new();
        let mut last = (0, 1);
        let came = pace(run.until, period, |id| {
            let from = random.below(count);
            let to = (from + 1 + random.below(count - 1)) % count;
            // Now and then the money goes straight back.
            let (from, to) = if id % 16 == 15 { (last.1, last.0) } else { (from, to) };
            last = (from, to);
            let (first, second) = if fixed { (from.min(to), from.max(to)) } else { (from, to) };
            let (accounts, done, guard) = (Arc::clone(&accounts), Arc::clone(&done), under_way.begin());
            transfers.push(run.handle.spawn(async move {
                let mut first = accounts[first as usize].lock().await;
                sleep(check).await;
                let mut second = accounts[second as usize].lock().await;
                let (from, to) = if fixed && from > to { (&mut second, &mut first) } else { (&mut first, &mut second) };
                **from = from.saturating_sub(1);
                **to += 1;
                done.fetch_add(1, Ordering::Relaxed);
                drop(guard);
            }));
        });
        if !fixed {
            // Those who are in no ring and behind none will come through.
            run.prove_tasks(|| under_way.count());
        }
        let left = under_way.count();
        if !fixed {
            // Nothing inside can end this.
            transfers.iter().for_each(gumption::task::JoinHandle::abort);
        }
        under_way.wait();
        let done = done.load(Ordering::Relaxed);
        vec![format!("{came} transfers came, {done} were made; {left} were left at the end"), neighbours.told()]
    }
}
