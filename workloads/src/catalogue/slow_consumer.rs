//! `slow-consumer`: a queue that takes everything, and somebody who cannot keep up.
//!
//! **The story.** Events come in, and a task writes them to a store. Between them is a channel without a bound, so that nobody who
//! has an event ever has to wait. The store takes fifty microseconds for each; twice as many come. The number of tasks stays
//! what it was, every task runs, nobody waits for anything. What grows is the channel: after an hour it is all of the memory, and an
//! event that is written now came half an hour ago.
//!
//! ```text
//!   source ──▶ [ e e e e e e e e e e e e e e e e e e ... ──▶ store, 50 us each
//!    2 for each 1                deeper in each window
//! ```
//!
//! **What to look at.** `depth.tau` and `depth.last/depth.first`: one channel is deeper in each window. `sends/receives`: so much more
//! goes in than comes out, over the same windows, by the channel's own count. The verdict names the channel, by where it was made, and the
//! task that receives: that is who is too slow.
//!
//! **Why the fix works.** The channel has a bound. When it is full the source waits, as long as the store needs: the queue is then
//! somewhere where it is seen, at the source, who can slow down, refuse or drop.
//!
//! There is no cure in the scheduler: both of them run as much as they like.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gumption::runtime::Builder;
use gumption::sync::mpsc;
use gumption::task::yield_now;
use gumption::time::sleep;

use crate::support::{Outstanding, compute};
use crate::workload::{Knob, Plan, Run, Workload};

pub(super) struct SlowConsumer;

/// What comes in: as large as events are.
#[derive(Clone, Copy)]
struct Event([u64; 8]);

enum Way {
    Unbounded(mpsc::UnboundedSender<Event>),
    Bounded(mpsc::Sender<Event>),
}

impl Way {
    async fn send(&self, event: Event) -> bool {
        match self {
            Self::Unbounded(tx) => tx.send(event).is_ok(),
            Self::Bounded(tx) => tx.send(event).await.is_ok(),
        }
    }
}

enum Source {
    Unbounded(mpsc::UnboundedReceiver<Event>),
    Bounded(mpsc::Receiver<Event>),
}

impl Source {
    async fn recv(&mut self) -> Option<Event> {
        match self {
            Self::Unbounded(rx) => rx.recv().await,
            Self::Bounded(rx) => rx.recv().await,
        }
    }
}

impl Workload for SlowConsumer {
    fn id(&self) -> &'static str {
        "slow-consumer"
    }
    fn family(&self) -> &'static str {
        "memory"
    }
    fn mechanism(&self) -> &'static str {
        "more is sent into a channel without a bound than its receiver can take out, and the rest stays inside"
    }
    fn fix(&self) -> Option<&'static str> {
        Some("the channel has a bound: who sends too fast waits")
    }
    fn knobs(&self) -> &'static [Knob] {
        &[
            Knob {
                name: "write_us",
                default: 50,
                min: 10,
                max: 1_000,
                help: "how long the store takes for an event, in us",
            },
            Knob { name: "excess", default: 2, min: 2, max: 10, help: "events that come while one is written" },
            Knob { name: "bound", default: 64, min: 1, max: 10_000, help: "the fixed channel's bound" },
        ]
    }

    fn shape(&self, _plan: &Plan, _builder: &mut Builder) {}

    fn drive(&self, run: &Run) -> Vec<String> {
        let write = Duration::from_micros(run.plan.knob("write_us"));
        let each = write / run.plan.knob("excess") as u32;
        let until = run.until;
        let working = Outstanding::default();
        let (way, mut source) = if run.plan.fixed() {
            let (tx, rx) = mpsc::channel(run.plan.knob("bound") as usize);
            (Way::Bounded(tx), Source::Bounded(rx))
        } else {
            let (tx, rx) = mpsc::unbounded_channel();
            (Way::Unbounded(tx), Source::Unbounded(rx))
        };
        let (came, written) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (count, guard) = (Arc::clone(&written), working.begin());
        drop(run.handle.spawn(async move {
            let mut sum = 0;
            while let Some(event) = source.recv().await {
                // At the end of the run the store is closed: what is left is lost.
                if until.over() {
                    break;
                }
                compute(write);
                sum += event.0[0];
                if count.fetch_add(1, Ordering::Relaxed).is_multiple_of(8) {
                    yield_now().await;
                }
            }
            drop((guard, sum));
        }));
        let (count, guard) = (Arc::clone(&came), working.begin());
        drop(run.handle.spawn(async move {
            let begun = Instant::now();
            let mut sent = 0;
            while !until.over() {
                let due = u64::try_from(begun.elapsed().as_nanos() / each.as_nanos()).unwrap_or(u64::MAX);
                while sent < due && way.send(Event([sent; 8])).await {
                    sent += 1;
                    if sent.is_multiple_of(64) {
                        yield_now().await;
                    }
                }
                count.store(sent, Ordering::Relaxed);
                sleep(Duration::from_millis(1)).await;
            }
            drop(guard);
        }));
        working.wait();
        let (came, written) = (came.load(Ordering::Relaxed), written.load(Ordering::Relaxed));
        vec![format!(
            "{came} events came in, {written} were written; {} were inside at the end",
            came.saturating_sub(written)
        )]
    }
}
