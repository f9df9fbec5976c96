//! `sawtooth`: everybody waits for the same bell.
//!
//! **The story.** Requests write, and the log is flushed ten times a second: one write to the disk for all who have come meanwhile.
//! They come evenly. Each waits for the next flush, fifty milliseconds on average, though its work takes microseconds; then all of them
//! are answered at once, and all of them run at once. The number of tasks climbs, falls to nothing, climbs. Somebody
//! who looks at it now and then sees anything between none and hundreds, and takes it for load.
//!
//! ```text
//!   live      ╱|    ╱|    ╱|    ╱|
//!            ╱ |   ╱ |   ╱ |   ╱ |        arrivals: even
//!   ________╱  |__╱  |__╱  |__╱  |__      exits: in one instant, each tenth of a second
//! ```
//!
//! **What to look at.** `time.of.half.the.exits/window`: half of all that end do so within a sliver of the time, while
//! `time.of.half.the.arrivals/window` says that they come evenly. `live.max/live.min` and `live.max/processors`: the teeth. It is not
//! load that makes them, it is a deadline that they have in common.
//!
//! **Why the fix works.** A flush waits for the oldest, and not for a bell: it comes when sixteen are waiting, or the first has
//! waited two milliseconds. The disk still writes once for many.
//!
//! There is no cure in the scheduler: they wait for what they asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gumption::runtime::Builder;
use gumption::sync::{mpsc, oneshot};
use gumption::time::{sleep, timeout};

use crate::support::{Lateness, Outstanding, pace};
use crate::workload::{Knob, Plan, Run, Workload};

pub(super) struct Sawtooth;

/// Requests that are enough for a flush, and how long the first of them waits, when it is put right.
const ENOUGH: usize = 16;
const PATIENCE: Duration = Duration::from_millis(2);

impl Workload for Sawtooth {
    fn id(&self) -> &'static str {
        "sawtooth"
    }
    fn family(&self) -> &'static str {
        "timer"
    }
    fn mechanism(&self) -> &'static str {
        "requests come evenly and wait for a flush that they have in common, so that tasks pile up and all go at once"
    }
    fn fix(&self) -> Option<&'static str> {
        Some("a flush comes when enough are waiting, or the oldest has waited long enough")
    }
    fn knobs(&self) -> &'static [Knob] {
        &[
            Knob { name: "requests", default: 1_000, min: 200, max: 10_000, help: "requests a second for each P" },
            Knob { name: "flush_ms", default: 100, min: 50, max: 150, help: "time between two flushes in ms" },
        ]
    }

    fn shape(&self, _plan: &Plan, _builder: &mut Builder) {}

    fn drive(&self, run: &Run) -> Vec<String> {
        let period = Duration::from_secs(1) / (run.plan.knob("requests") * run.plan.processors as u64) as u32;
        let flush = Duration::from_millis(run.plan.knob("flush_ms"));
        let fixed = run.plan.fixed();
        let (requests, waits, flushes) = (Outstanding::default(), Lateness::default(), Arc::new(AtomicU64::new(0)));
        let (log, mut written) = mpsc::unbounded_channel::<oneshot::Sender<()>>();
        let count = Arc::clone(&flushes);
        let flusher = run.handle.spawn(async move {
            let mut batch = Vec::new();
            loop {
                if fixed {
                    let Some(first) = written.recv().await else { break };
                    batch.push(first);
                    let oldest = Instant::now();
                    while let Some(left) = PATIENCE.checked_sub(oldest.elapsed()).filter(|_| batch.len() < ENOUGH) {
                        match timeout(left, written.recv()).await {
                            Ok(Some(more)) => batch.push(more),
                            Ok(None) | Err(_) => break,
                        }
                    }
                } else {
                    sleep(flush).await;
                    while let Ok(more) = written.try_recv() {
                        batch.push(more);
                    }
                    if batch.is_empty() && written.is_closed() {
                        break;
                    }
                }
                count.fetch_add(1, Ordering::Relaxed);
                for waits in batch.drain(..) {
                    // Whoever has gone does not need to know.
                    let _ = waits.send(());
                }
            }
        });
        let came = pace(run.until, period, |_| {
            let (log, waits, guard) = (log.clone(), waits.clone(), requests.begin());
            drop(run.handle.spawn(async move {
                let begun = Instant::now();
                let (done, flushed) = oneshot::channel();
                if log.send(done).is_ok() {
                    drop(log);
                    // A log that has gone answers, too.
                    let _ = flushed.await;
                    waits.record(begun.elapsed());
                }
                drop(guard);
            }));
        });
        drop(log);
        requests.wait();
        if run.handle.block_on(flusher).is_err() {
            return vec!["the log has panicked".to_owned()];
        }
        let flushes = flushes.load(Ordering::Relaxed);
        vec![format!("{came} requests came, {flushes} flushes; they waited {}", waits.summary())]
    }
}
