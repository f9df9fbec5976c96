//! The server answers while the runtime that it looks at cannot.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{PATIENCE, get};
use crate::{runtime, served};

/// What must be answered from a stuck runtime.
const ASKED: [&str; 9] = [
    "/",
    "/debug/sched",
    "/debug/sched?detail=1",
    "/debug/stats",
    "/debug/long_polls",
    "/debug/resources",
    "/debug/tasks",
    "/debug/health",
    "/metrics",
];

fn until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "waited for: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// The fastest of several answers, so that what else this machine does hardly counts.
fn fastest(at: std::net::SocketAddr, target: &str) -> Duration {
    let times = (0..20).map(|_| {
        let begun = Instant::now();
        let answer = get(at, target);
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        begun.elapsed()
    });
    times.min().unwrap_or_default()
}

#[test]
fn it_answers_while_every_processor_is_hogged() {
    let runtime = runtime("hogged", 2);
    let (_server, at) = served(&runtime);
    let over = Arc::new(AtomicBool::new(false));
    let begun = Arc::new(AtomicUsize::new(0));
    // As many as there can be machines: spare ones stand in for stuck ones, and are to be stuck, too.
    let most = runtime.handle().stats().config;
    let hogs = most.processors + most.max_spares;
    for _ in 0..hogs {
        let (over, begun) = (over.clone(), begun.clone());
        runtime.spawn(async move {
            begun.fetch_add(1, Ordering::Relaxed);
            while !over.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        });
    }
    until("every processor is hogged", || begun.load(Ordering::Relaxed) >= most.processors);
    // From now on whatever comes waits in the global queue, and others are in the middle of adding to it.
    let waiting: Vec<_> = (0..10_000).map(|_| runtime.spawn(async {})).collect();
    let adding = {
        let (handle, over) = (runtime.handle().clone(), over.clone());
        thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                handle.spawn(async {}).abort();
                thread::sleep(Duration::from_micros(200));
            }
        })
    };
    for target in ASKED {
        let took = fastest(at, target);
        assert!(took < Duration::from_millis(100), "{target} took {took:?}");
    }
    let stats = get(at, "/debug/stats").json();
    let queued = stats["runtimes"][0]["stats"]["totals"]["global_queue_len"].as_u64();
    assert!(queued.is_some_and(|queued| queued >= 9_000) || begun.load(Ordering::Relaxed) < hogs, "{queued:?}");
    assert!(!over.load(Ordering::Relaxed));
    over.store(true, Ordering::Relaxed);
    adding.join().unwrap();
    for task in waiting {
        runtime.block_on(task).expect("it runs once the hogs are gone");
    }
}
