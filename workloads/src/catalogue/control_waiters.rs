//! `control-waiters`: a healthy service in which nearly everybody waits.
//!
//! Thousands of tasks are parked on channels that stay open and silent, as idle connections are. Subscribers are all woken by
//! each change, and each has something to do then. A pool of connections is always full, and served in order. The blocking pool is at
//! its limit, with closures in its queue, and every one of them ends. There is something here of every disease of waiting: crowds,
//! lines, full pools, tasks that have not moved for minutes. Every verdict on it is a false alarm.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gumption::runtime::Builder;
use gumption::sync::{Mutex, Notify, Semaphore, mpsc};
use gumption::time::sleep;

use crate::support::{Outstanding, Random, compute, pace};
use crate::workload::{Plan, Run, Workload};

pub(super) struct Waiters;

const PARKED: u64 = 2_000;
const SUBSCRIBERS: u64 = 16;
const BORROWERS: u64 = 16;
const THREADS: usize = 2;

impl Workload for Waiters {
    fn id(&self) -> &'static str {
        "control-waiters"
    }
    fn family(&self) -> &'static str {
        "control"
    }
    fn mechanism(&self) -> &'static str {
        "healthy: idle tasks, subscribers that are all woken, a saturated connection pool, a blocking pool at its limit"
    }
    fn fix(&self) -> Option<&'static str> {
        None
    }

    fn shape(&self, _plan: &Plan, builder: &mut Builder) {
        builder.max_blocking_threads(THREADS);
    }

    fn drive(&self, run: &Run) -> Vec<String> {
        let processors = run.plan.processors as u64;
        let until = run.until;
        let waiting = Outstanding::default();
        let done = Arc::new(AtomicU64::new(0));

        let parked: Vec<_> = (0..PARKED * processors)
            .map(|_| {
                let (tx, mut rx) = mpsc::unbounded_channel::<()>();
                let guard = waiting.begin();
                drop(run.handle.spawn(async move {
                    while rx.recv().await.is_some() {}
                    drop(guard);
                }));
                tx
            })
            .collect();

        let changed = Arc::new(Notify::new());
        for _ in 0..SUBSCRIBERS * processors {
            let (changed, done, guard) = (Arc::clone(&changed), Arc::clone(&done), waiting.begin());
            drop(run.handle.spawn(async move {
                while !until.over() {
                    changed.notified().await;
                    compute(Duration::from_micros(20));
                    done.fetch_add(1, Ordering::Relaxed);
                }
                drop(guard);
            }));
        }

        let connections = Arc::new(Semaphore::new(2 * run.plan.processors));
        let table = Arc::new(Mutex::new(0u64));
        for borrower in 0..BORROWERS * processors {
            let mut random = Random::new(run.plan.seed + borrower);
            let (connections, table) = (Arc::clone(&connections), Arc::clone(&table));
            let (done, guard) = (Arc::clone(&done), waiting.begin());
            drop(run.handle.spawn(async move {
                while !until.over() {
                    let Ok(permit) = connections.acquire().await else { break };
                    sleep(Duration::from_micros(1_000 + random.below(2_000))).await;
                    drop(permit);
                    *table.lock().await += 1;
                    done.fetch_add(1, Ordering::Relaxed);
                }
                drop(guard);
            }));
        }

        let closures = Outstanding::default();
        let came = pace(until, Duration::from_millis(5), |_| {
            changed.notify_waiters();
            // Each of them sleeps 3 ms: three of them for two threads in 5 ms is nearly all that the pool can do.
            while closures.count() < 3 * THREADS as u64 {
                let (done, guard) = (Arc::clone(&done), closures.begin());
                drop(run.handle.spawn_blocking(move || {
                    std::thread::sleep(Duration::from_millis(3));
                    done.fetch_add(1, Ordering::Relaxed);
                    drop(guard);
                }));
            }
        });
        drop(parked);
        closures.wait();
        waiting.wait_while(|| changed.notify_waiters());
        vec![format!("{came} changes, {} things done", done.load(Ordering::Relaxed))]
    }
}
