//! `rss-high-water`: the flood has gone, and the water stays.
//!
//! **The story.** Once a day fifty thousand requests come at once. Each has a buffer of four kilobytes. All are answered, and end; but for
//! a few hundred, long polls, which stay, each with its buffer. The number of tasks is what it was before. The memory is not: the
//! buffers were allocated one behind the other, and now one in a hundred is in use. The allocator cannot give back what is between
//! them, or does not. The dashboard shows 200 MiB, for ever, and somebody looks for a leak.
//!
//! ```text
//!   before   [                ]
//!   peak     [bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb]
//!   after    [b              b              b              b        ]   the size stays
//! ```
//!
//! **What to look at.** `live.max/live.peak`: the tasks have gone, so this is no leak of tasks. `rss.kept/rss.gained`: the memory has
//! not. `rss.peak/rss.first`: and it is a good part of all. The verdict says how much of it the runtime keeps: task records stay for ever, 64
//! bytes for each task of the peak, and of the tasks' own memory at most 32 MiB is kept for the next ones. Both by design, and
//! both small beside what the program itself had allocated.
//!
//! **Why the fix works.** Requests are admitted before they get a buffer, a few dozen at a time: the peak is low. Who stays long copies
//! the few bytes that it needs and gives the buffer back.
//!
//! There is no cure in the scheduler: it is not its memory.

use std::sync::Arc;
use std::time::Duration;

use gumption::runtime::Builder;
use gumption::sync::Semaphore;
use gumption::task::yield_now;

use crate::support::{Outstanding, Requests};
use crate::workload::{Knob, Plan, Run, Workload};

pub(super) struct RssHighWater;

/// Requests that are admitted at a time, once they are.
const ADMITTED: usize = 64;

impl Workload for RssHighWater {
    fn id(&self) -> &'static str {
        "rss-high-water"
    }
    fn family(&self) -> &'static str {
        "memory"
    }
    fn mechanism(&self) -> &'static str {
        "a burst of requests has gone, but for one in a hundred, whose buffers keep the memory of all from going back"
    }
    fn fix(&self) -> Option<&'static str> {
        Some("requests are admitted before they get a buffer, and who stays keeps only what it needs")
    }
    fn knobs(&self) -> &'static [Knob] {
        &[
            Knob { name: "burst", default: 50_000, min: 1_000, max: 1_000_000, help: "requests that come at once" },
            Knob { name: "buffer", default: 4_096, min: 64, max: 65_536, help: "bytes of a request's buffer" },
            Knob { name: "stay", default: 100, min: 1, max: 10_000, help: "one in so many requests stays" },
        ]
    }

    fn shape(&self, _plan: &Plan, _builder: &mut Builder) {
        // What earlier runs of this process have left in the allocator is none of this one's business.
        give_back();
    }

    fn drive(&self, run: &Run) -> Vec<String> {
        let (burst, size) = (run.plan.knob("burst"), run.plan.knob("buffer") as usize);
        let (stay, fixed) = (run.plan.knob("stay"), run.plan.fixed());
        let neighbours = Requests::beside(run, Duration::from_micros(500), Duration::from_micros(20));
        let rest = run.plan.length / 8;
        std::thread::sleep(rest);
        // Closed when the burst may go, and when the run is over.
        let (busy, over) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let room = Arc::new(Semaphore::new(ADMITTED));
        let (here, long) = (Outstanding::default(), Outstanding::default());
        let handle = run.handle.clone();
        let flood = {
            let (busy, over) = (Arc::clone(&busy), Arc::clone(&over));
            let (here, long) = (here.clone(), long.clone());
            run.handle.spawn(async move {
                for id in 0..burst {
                    let admitted = if fixed { Arc::clone(&room).acquire_owned().await.ok() } else { None };
                    let (busy, over) = (Arc::clone(&busy), Arc::clone(&over));
                    let stays = (id % stay == stay - 1).then(|| long.begin());
                    let guard = here.begin();
                    drop(handle.spawn(async move {
                        let buffer = vec![id as u8; size];
                        if !fixed {
                            // All of them are under way at once.
                            drop(busy.acquire().await);
                        }
                        if stays.is_some() {
                            let kept = if fixed { Vec::from(&buffer[..16]) } else { buffer };
                            drop((guard, admitted));
                            drop(over.acquire().await);
                            drop((kept, stays));
                        } else {
                            drop((guard, admitted, buffer));
                        }
                    }));
                    if id % 64 == 63 {
                        // The flood is no hog.
                        yield_now().await;
                    }
                }
            })
        };
        std::thread::sleep(2 * rest);
        busy.close();
        here.wait();
        drop(flood);
        let told = neighbours.told();
        let left = long.count();
        over.close();
        long.wait();
        vec![format!("{burst} requests came at once, {left} of them were there at the end"), told]
    }
}

/// Asks the allocator to give back what is free.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn give_back() {
    // SAFETY: malloc_trim may be called at any time.
    unsafe { libc::malloc_trim(0) };
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn give_back() {}
