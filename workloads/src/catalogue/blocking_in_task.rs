//! `blocking-in-task`: a P asleep in the kernel.
//!
//! **The story.** The same service reads a file, takes a `std::sync::Mutex` across a network call, or asks a database
//! through a client that is not async. The thread sleeps in the kernel, the CPU is idle, and yet nothing runs: the thread
//! that sleeps took its P along.
//!
//! ```text
//!  P0   ▕·············· asleep ··············▏·········· asleep ...    CPU 1 %
//!  P1   ▕·············· asleep ··············▏·········· asleep ...
//!  queue   r r r r r r r r r r r r r r r r                            and nobody serves them
//!
//!  declared:
//!  P0   ▕─blocking(..)  retaken ▕ r r r r r r r r r r                 the M sleeps, the P does not
//! ```
//!
//! **What to look at.** The picture is a hog's, but `poll.asleep/(asleep+cpu)` is near 1: the kernel has the thread asleep.
//! A hog needs yields; a sleeper needs to be declared. Confusing the two is the commonest wrong fix.
//!
//! **Why the fix works.** `blocking(|| ..)` says so before it sleeps, at the price of two stores. sysmon takes the P away as
//! soon as the section lasts, another M runs it, and the sleeper asks for a P again when it wakes up. `hand_offs` and
//! `retakes` count it.
//!
//! **The cure.** Undeclared sleep is stuck like a hog, so the spare P helps here too: `--cured` has it on.

use std::time::Duration;

use gumption::runtime::Builder;
use gumption::task::yield_now;

use crate::support::{Outstanding, Requests};
use crate::workload::{Knob, Plan, Run, Workload};

pub(super) struct BlockingInTask;

impl Workload for BlockingInTask {
    fn id(&self) -> &'static str {
        "blocking-in-task"
    }
    fn family(&self) -> &'static str {
        "blocking"
    }
    fn mechanism(&self) -> &'static str {
        "tasks call something that sleeps in the kernel: the CPUs idle and the Ps are gone"
    }
    fn fix(&self) -> Option<&'static str> {
        Some("the call is declared with blocking(..), so its P goes to another M")
    }
    fn cure(&self) -> Option<&'static str> {
        Some("a spare P takes over the queue of Ps that are stuck for a slice")
    }
    fn knobs(&self) -> &'static [Knob] {
        &[Knob { name: "sleep_ms", default: 200, min: 20, max: 1_000, help: "length of the blocking call in ms" }]
    }

    fn shape(&self, plan: &Plan, builder: &mut Builder) {
        if plan.uncured() {
            builder.spare_processors(0);
        }
    }

    fn drive(&self, run: &Run) -> Vec<String> {
        let sleep = Duration::from_millis(run.plan.knob("sleep_ms"));
        let (fixed, until) = (run.plan.fixed(), run.until);
        let sleepers = Outstanding::default();
        for _ in 0..run.plan.processors {
            let guard = sleepers.begin();
            drop(run.handle.spawn(async move {
                while !until.over() {
                    if fixed {
                        gumption::blocking(|| std::thread::sleep(sleep));
                    } else {
                        std::thread::sleep(sleep);
                    }
                    yield_now().await;
                }
                drop(guard);
            }));
        }
        let requests = Requests::default();
        requests.offer(run, Duration::from_millis(1), Duration::from_micros(20));
        sleepers.wait();
        vec![requests.told()]
    }
}
