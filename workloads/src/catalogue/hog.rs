//! `hog`: a poll that does not come back.
//!
//! **The story.** A service answers small requests. One day somebody adds a report that is computed inside a task, in one
//! go, 200 ms without an `.await`. A future gives its P back only at an `.await`, so each report takes a whole P with it,
//! and with as many reports as Ps nobody is left to answer.
//!
//! ```text
//!          0 ms                          200 ms
//!  P0   ▕██████████████ hog ██████████████▏██████████ hog ...
//!  P1   ▕██████████████ hog ██████████████▏██████████ hog ...
//!  queue   r r r r r r r r r r r r r r r r   requests come on and on, nobody takes one
//! ```
//!
//! **What to look at.** `poll.cpu/tick`: one poll burnt two hundred ticks of CPU time, so it computes and is not merely
//! slow. `poll.stalled/poll`: nearly all that time there was work in sight that nobody took. Each alone is harmless: a
//! long poll that nobody waits for hurts nobody, and a short queue is what queues are for.
//!
//! **Why the fix works.** The same computation in pieces of 100 us, with a yield between two of them: the P looks at its
//! queue ten thousand times a second again. The work takes as long as before; the requests do not notice it.
//!
//! **The cure.** sysmon sees the P's tick stand still for a slice (10 ms) while work waits and no P idles, and starts a
//! *spare P* that runs the queue until the stuck poll ends. Go preempts the hog instead; a future cannot be preempted, but
//! its P can be replaced. The sick variant builds the runtime with `spare_processors(0)`; `--cured` leaves them on.

use std::time::Duration;

use gumption::runtime::Builder;
use gumption::task::yield_now;

use crate::support::{Outstanding, Requests, compute};
use crate::workload::{Knob, Plan, Run, Workload};

pub(super) struct Hog;

impl Workload for Hog {
    fn id(&self) -> &'static str {
        "hog"
    }
    fn family(&self) -> &'static str {
        "starvation"
    }
    fn mechanism(&self) -> &'static str {
        "as many tasks as Ps compute without an await: nobody is left to serve the queue"
    }
    fn fix(&self) -> Option<&'static str> {
        Some("the computation yields every 100 us")
    }
    fn cure(&self) -> Option<&'static str> {
        Some("a spare P takes over the queue of Ps that are stuck for a slice")
    }
    fn knobs(&self) -> &'static [Knob] {
        &[
            Knob { name: "poll_ms", default: 200, min: 20, max: 1_000, help: "length of one computation in ms" },
            Knob {
                name: "piece_us",
                default: 100,
                min: 10,
                max: 2_000,
                help: "piece between two yields, fixed, in us",
            },
        ]
    }

    fn shape(&self, plan: &Plan, builder: &mut Builder) {
        if plan.uncured() {
            builder.spare_processors(0);
        }
    }

    fn drive(&self, run: &Run) -> Vec<String> {
        let whole = Duration::from_millis(run.plan.knob("poll_ms"));
        let piece = Duration::from_micros(run.plan.knob("piece_us"));
        let (fixed, until) = (run.plan.fixed(), run.until);
        let hogs = Outstanding::default();
        for _ in 0..run.plan.processors {
            let guard = hogs.begin();
            drop(run.handle.spawn(async move {
                while !until.over() {
                    if fixed {
                        compute_politely(whole, piece).await;
                    } else {
                        compute(whole);
                    }
                    yield_now().await;
                }
                drop(guard);
            }));
        }
        let requests = Requests::default();
        requests.offer(run, Duration::from_millis(1), Duration::from_micros(20));
        hogs.wait();
        vec![requests.told()]
    }
}

/// The fix: as much work, in pieces.
pub(super) async fn compute_politely(whole: Duration, piece: Duration) {
    for _ in 0..whole.as_nanos() / piece.as_nanos() {
        compute(piece);
        yield_now().await;
    }
}
