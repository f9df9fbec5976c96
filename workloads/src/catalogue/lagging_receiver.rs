//! `lagging-receiver`: a channel that never makes anybody wait, and a receiver that never hears of half of what is sent.
//!
//! **The story.** Each event goes to everybody who has subscribed: to a dashboard, and to the ledger. A broadcast channel does just
//! that, and its sender never waits. The dashboard is quick. The ledger writes each event down, which takes fifty microseconds; twice as
//! many come. The channel keeps a hundred and twenty-eight, the next one overwrites the oldest, and the ledger's `recv` says
//! `Lagged`, which its loop passes over, as loops do. Nothing grows, nobody waits, no test fails: half of the ledger is missing.
//!
//! ```text
//!                              ╭──▶ dashboard   sees  e e e e e e e e e e e e
//!   source ──▶ [ 128 events ] ─┤
//!    2 for each 1              ╰──▶ ledger      sees  e . e . . e . e e . . e     "Lagged(2)", and goes on
//! ```
//!
//! It is `slow-consumer` once more, with a channel that drops what it has no room for. There the memory is what grows; here nothing
//! does, and the loss is what there is to see.
//!
//! **What to look at.** `lost/sends`: so many of the values were overwritten before some receiver had come to them, by the channel's own
//! count. `depth/capacity`: the channel is always full of values that somebody has still to see. After a burst that was too large
//! a receiver has lost some, too; but at the next look it has caught up. The verdict names the channel, and the receiver that was last told.
//!
//! **Why the fix works.** Who must see every event has a channel of its own, with a bound. When that is full the source waits. Who
//! only wants to know how things stand keeps the broadcast, or better a `watch`, which has room for one value and calls it the newest.
//!
//! There is no cure in the scheduler: both of them run as much as they like.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gumption::runtime::Builder;
use gumption::sync::broadcast::error::RecvError;
use gumption::sync::{broadcast, mpsc};
use gumption::task::yield_now;
use gumption::time::sleep;

use crate::support::{Outstanding, compute};
use crate::workload::{Knob, Plan, Run, Until, Workload};

pub(super) struct LaggingReceiver;

/// What comes in: as large as events are.
#[derive(Clone, Copy)]
struct Event([u64; 8]);

/// Where the ledger has its events from.
enum Entries {
    Shared(broadcast::Receiver<Event>),
    Own(mpsc::Receiver<Event>),
}

impl Entries {
    /// The next one, and how many were missed on the way to it.
    async fn next(&mut self) -> Option<(Event, u64)> {
        let mut missed = 0;
        match self {
            Self::Own(rx) => rx.recv().await.map(|event| (event, 0)),
            Self::Shared(rx) => loop {
                match rx.recv().await {
                    Ok(event) => return Some((event, missed)),
                    Err(RecvError::Lagged(more)) => missed += more,
                    Err(RecvError::Closed) => return None,
                }
            },
        }
    }
}

impl Workload for LaggingReceiver {
    fn id(&self) -> &'static str {
        "lagging-receiver"
    }
    fn family(&self) -> &'static str {
        "memory"
    }
    fn mechanism(&self) -> &'static str {
        "one receiver of a broadcast is slower than its sender, and is told that it lags, and does not listen"
    }
    fn fix(&self) -> Option<&'static str> {
        Some("who must see every value has a bounded channel of its own: who sends too fast waits")
    }
    fn knobs(&self) -> &'static [Knob] {
        &[
            Knob {
                name: "write_us",
                default: 50,
                min: 10,
                max: 1_000,
                help: "how long the ledger takes for an event, in us",
            },
            Knob { name: "excess", default: 2, min: 2, max: 10, help: "events that come while one is written" },
            Knob { name: "capacity", default: 128, min: 64, max: 4_096, help: "events that the channel keeps" },
        ]
    }

    fn shape(&self, _plan: &Plan, _builder: &mut Builder) {}

    fn drive(&self, run: &Run) -> Vec<String> {
        let write = Duration::from_micros(run.plan.knob("write_us"));
        let each = write / run.plan.knob("excess") as u32;
        let capacity = run.plan.knob("capacity") as usize;
        let until = run.until;
        let working = Outstanding::default();
        let (sender, dashboard) = broadcast::channel(capacity);
        let (ledger, own) = if run.plan.fixed() {
            let (tx, rx) = mpsc::channel(capacity);
            (Entries::Own(rx), Some(tx))
        } else {
            (Entries::Shared(sender.subscribe()), None)
        };
        let (came, written, lost) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)), Arc::default());

        let guard = working.begin();
        drop(run.handle.spawn(async move {
            show(dashboard).await;
            drop(guard);
        }));
        let (counts, guard) = ((Arc::clone(&written), Arc::clone(&lost)), working.begin());
        drop(run.handle.spawn(async move {
            keep(ledger, until, write, &counts.0, &counts.1).await;
            drop(guard);
        }));
        let (count, guard) = (Arc::clone(&came), working.begin());
        drop(run.handle.spawn(async move {
            let begun = Instant::now();
            let mut sent = 0;
            while !until.over() {
                let due = u64::try_from(begun.elapsed().as_nanos() / each.as_nanos()).unwrap_or(u64::MAX);
                while sent < due && !until.over() {
                    let event = Event([sent; 8]);
                    if let Some(own) = &own
                        && own.send(event).await.is_err()
                    {
                        break;
                    }
                    // Nobody left to show it to is no reason not to keep it.
                    drop(sender.send(event));
                    sent += 1;
                    if sent.is_multiple_of(16) {
                        yield_now().await;
                    }
                }
                count.store(sent, Ordering::Relaxed);
                sleep(Duration::from_millis(1)).await;
            }
            drop(guard);
        }));
        working.wait();
        let count = |what: &AtomicU64| what.load(Ordering::Relaxed);
        vec![format!(
            "{} events came in; the ledger has {}, and never heard of {}",
            count(&came),
            count(&written),
            count(&lost)
        )]
    }
}

/// The dashboard: whatever it misses, the next one says more.
async fn show(mut events: broadcast::Receiver<Event>) {
    let mut last = 0;
    loop {
        match events.recv().await {
            Ok(event) => last = event.0[0],
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => break,
        }
    }
    std::hint::black_box(last);
}

/// The ledger.
async fn keep(mut entries: Entries, until: Until, write: Duration, written: &AtomicU64, lost: &AtomicU64) {
    let mut sum = 0;
    while let Some((event, missed)) = entries.next().await {
        // At the end of the run the ledger is closed: what is left is nobody's.
        if until.over() {
            break;
        }
        compute(write);
        sum += event.0[0];
        lost.fetch_add(missed, Ordering::Relaxed);
        if written.fetch_add(1, Ordering::Relaxed).is_multiple_of(8) {
            yield_now().await;
        }
    }
    std::hint::black_box(sum);
}
