//! `steal-storm`: more thieves than there is to steal, and more than there are cores.
//!
//! **The story.** A machine with four CPUs, and `processors(32)`, because more is better. A burst in the morning gets all Ps
//! going; after that there is work for a few, in small pieces. Each of the others looks for some: thirty-one queues, one after the other, all empty, and again. They take
//! the CPUs from the few that work, which then take longer, so that there is even less to find.
//!
//! ```text
//!  P0   ▕ w w w w         P1..P31:  look at P0 P1 P2 .. P31, nothing
//!                                   look at P0 P1 P2 .. P31, nothing
//!                                   look at ...
//!  CPU 0..3   ▕ s s s s s s w s s s s s s s s s w s s s ▏     s: searching, w: work
//! ```
//!
//! **What to look at.** `steal_attempts/poll`: hundreds of looks for each task run. `spinning/cores`: more Ms search than
//! there are cores to search with. That nearly every look fails proves nothing: it does so in health too.
//!
//! **Why the fix works.** As many Ps as CPUs.
//!
//! **The cure.** Two rules, both Go's. At most half as many Ms search as Ps are busy, so the searching is paid for by work.
//! And a mask says which Ps have something to steal, so a search looks there and passes over the rest. With both, thirty-two
//! Ps on four cores do no harm. The sick variant lifts the bounds (`spin`: any number of searchers, any number of
//! passes) and ignores the mask (`idle_mask(false)`).

use std::time::Duration;

use gumption::runtime::{Builder, SpinLimit, SpinPolicy};

use crate::support::{Outstanding, compute};
use crate::workload::{Knob, Plan, Run, Workload};

pub(super) struct StealStorm;

/// Tasks that a producer starts at once; and the burst at the beginning, for each processor asked for.
const BURST: usize = 16;

impl Workload for StealStorm {
    fn id(&self) -> &'static str {
        "steal-storm"
    }
    fn family(&self) -> &'static str {
        "stealing"
    }
    fn mechanism(&self) -> &'static str {
        "many more Ps than cores, and every idle one searches all the others without end"
    }
    fn fix(&self) -> Option<&'static str> {
        Some("as many Ps as cores")
    }
    fn cure(&self) -> Option<&'static str> {
        Some("at most half as many Ms search as Ps are busy, and a mask says where there is nothing")
    }
    fn knobs(&self) -> &'static [Knob] {
        &[
            Knob { name: "ratio", default: 8, min: 2, max: 32, help: "Ps for each one asked for" },
            Knob { name: "producers", default: 2, min: 1, max: 64, help: "tasks that spawn bursts of small tasks" },
            Knob { name: "item_us", default: 4, min: 1, max: 100, help: "work a small task in us" },
        ]
    }

    fn shape(&self, plan: &Plan, builder: &mut Builder) {
        if !plan.fixed() {
            builder.processors(plan.processors * usize::try_from(plan.knob("ratio")).unwrap_or(8));
        }
        if plan.uncured() {
            let endless =
                SpinPolicy { limit: SpinLimit::AtMost(usize::MAX), passes: u32::MAX, ..SpinPolicy::default() };
            builder.spin(endless).idle_mask(false);
        }
    }

    fn drive(&self, run: &Run) -> Vec<String> {
        let work = Duration::from_micros(run.plan.knob("item_us"));
        let until = run.until;
        let producing = Outstanding::default();
        for _ in 0..BURST * run.plan.processors {
            let guard = producing.begin();
            drop(run.handle.spawn(async move {
                compute(Duration::from_millis(5));
                drop(guard);
            }));
        }
        let (say, hear) = std::sync::mpsc::channel();
        for _ in 0..run.plan.knob("producers") {
            let (guard, say) = (producing.begin(), say.clone());
            drop(run.handle.spawn(async move {
                let mut done = 0u64;
                while !until.over() {
                    let burst: Vec<_> = (0..BURST).map(|_| gumption::spawn(async move { compute(work) })).collect();
                    for item in burst {
                        let _ = item.await;
                        done += 1;
                    }
                }
                let _ = say.send(done);
                drop(guard);
            }));
        }
        drop(say);
        producing.wait();
        vec![format!("{} tasks of {} us done", hear.iter().sum::<u64>(), work.as_micros())]
    }
}
