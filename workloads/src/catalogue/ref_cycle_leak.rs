//! `ref-cycle-leak`: two tasks that keep each other.
//!
//! **The story.** A connection has two tasks, one that reads and one that writes. Neither may free the connection while the
//! other one uses it, so whoever comes to his end waits for the other. Each was given the other's handle for that. The
//! peer hangs up; both come to their ends; each waits for the other to be gone. A handle keeps the task that it is of, and the task
//! that waits at it has left its waker there: reader, handle, writer, handle, reader. No root is left, and no count
//! ever comes to zero. In a program with counted references that is called a leak.
//!
//! ```text
//!            ╭── has the handle of ───▶ writer
//!   reader ──┤                            │
//!      ▲     ╰── is woken by the end of ──┤
//!      ╰────────── has the handle of ─────╯        dropped by: nobody
//! ```
//!
//! **What to look at.** `in.a.ring.tau` and `in.a.ring/processors`: tasks that wait for one another's ends, in rings, are more in each
//! window. `same.ring/in.a.ring`: none of them has ever left its ring. The verdict prints one. It is a proof: a task's end is what its
//! join handle waits for and nothing else is, and there is no other waker.
//!
//! **Why the fix works.** One owns the other. The reader has the writer's handle and waits for it; the writer ends when it has
//! written what there was. Ownership has a direction, and so has waiting.
//!
//! There is no cure in the scheduler: it keeps what is not finished, and these are not.

use std::time::Duration;

use gumption::runtime::Builder;
use gumption::sync::oneshot;
use gumption::task::JoinHandle;
use gumption::time::sleep;

use crate::proof::Proof;
use crate::support::pace;
use crate::workload::{Knob, Plan, Run, Workload};

pub(super) struct RefCycleLeak;

impl Workload for RefCycleLeak {
    fn id(&self) -> &'static str {
        "ref-cycle-leak"
    }
    fn family(&self) -> &'static str {
        "leak"
    }
    fn mechanism(&self) -> &'static str {
        "the two tasks of a connection have each other's handles; at its end each waits for the other to be gone"
    }
    fn fix(&self) -> Option<&'static str> {
        Some("one owns the other: the reader waits for the writer, who waits for nobody")
    }
    fn knobs(&self) -> &'static [Knob] {
        &[
            Knob { name: "connections", default: 250, min: 100, max: 5_000, help: "connections a second for each P" },
            Knob { name: "life_ms", default: 4, min: 1, max: 50, help: "how long a connection lives, in ms" },
        ]
    }
    fn proof(&self) -> Proof {
        Proof::Tasks
    }

    fn shape(&self, _plan: &Plan, _builder: &mut Builder) {}

    fn drive(&self, run: &Run) -> Vec<String> {
        let period = Duration::from_secs(1) / (run.plan.knob("connections") * run.plan.processors as u64) as u32;
        let life = Duration::from_millis(run.plan.knob("life_ms"));
        let fixed = run.plan.fixed();
        let came = pace(run.until, period, |_| {
            let (give, given) = oneshot::channel::<JoinHandle<()>>();
            let writer = run.handle.spawn(async move {
                sleep(life).await;
                if let Ok(reader) = given.await {
                    // However it ended: it is gone.
                    let _ = reader.await;
                }
            });
            let reader = run.handle.spawn(async move {
                sleep(life).await;
                let _ = writer.await;
            });
            if fixed {
                drop((give, reader));
            } else if let Err(reader) = give.send(reader) {
                reader.abort();
            }
        });
        if !fixed {
            run.prove_tasks(|| 2 * came);
        }
        // Nobody has a handle to any of those: what is left goes with the runtime.
        let mut left = 0;
        run.handle.for_each_task(|row| left += u64::from(!row.bits.is_complete()));
        vec![format!("{came} connections came and went; {left} tasks were left at the end")]
    }
}
