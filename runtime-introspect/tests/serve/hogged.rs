//! The server answers while the runtime that it looks at cannot.
//!
//! Nobody can *hold* the global queue, for it has no lock: what can be had is a queue that grows, others in the middle of adding
//! to it, and threads that stand still inside a spawn, which are stopped there by a hook.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use gumption_core::runtime::Builder;

use crate::client::{PATIENCE, get};
use crate::{runtime, served};

/// What must be answered from a stuck runtime.
const ASKED: [&str; 12] = [
    "/",
    "/debug/sched",
    "/debug/sched?detail=1",
    "/debug/stats",
    "/debug/long_polls",
    "/debug/resources",
    "/debug/tasks",
    "/debug/tasks?level=2&format=json&limit=100",
    "/debug/leaks",
    "/debug/waitgraph",
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

/// Whether an answer comes within 100 ms: one of many, and of such time as a thread gets that has to share this machine.
fn answers_in_time(at: std::net::SocketAddr, target: &str) {
    let mut fastest = Duration::MAX;
    for _ in 0..200 {
        let begun = Instant::now();
        let answer = get(at, target);
        let took = begun.elapsed();
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        fastest = fastest.min(took.div_f64(crowding()));
        if fastest < Duration::from_millis(100) {
            return;
        }
    }
    panic!("{target} took {fastest:?}, at best");
}

/// How many times as long as alone a thread needs here for some milliseconds of computing.
fn crowding() -> f64 {
    let cpu = || {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the place is ours, and the clock is this thread's.
        assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) }, 0);
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    };
    let (begun, before) = (Instant::now(), cpu());
    while cpu() - before < Duration::from_millis(5) {
        std::hint::spin_loop();
    }
    begun.elapsed().div_duration_f64(cpu() - before).max(1.0)
}

/// Lets the hogs go when the test is over, however it ends: a runtime waits for them.
struct LetGo(Arc<AtomicBool>);

impl Drop for LetGo {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn it_answers_while_every_processor_is_hogged() {
    let runtime = runtime("hogged", 2);
    let (_server, at) = served(&runtime);
    let over = Arc::new(AtomicBool::new(false));
    let _let_go = LetGo(over.clone());
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
    let waiting: Vec<_> = (0..2_000).map(|_| runtime.spawn(async {})).collect();
    let adding = {
        let (handle, over) = (runtime.handle().clone(), over.clone());
        thread::spawn(move || {
            // Not so many that it is they who take the time of whoever walks them.
            let mut added = 0;
            while !over.load(Ordering::Relaxed) {
                if added < 10_000 {
                    handle.spawn(async {}).abort();
                    added += 1;
                }
                thread::sleep(Duration::from_micros(200));
            }
        })
    };
    for target in ASKED {
        answers_in_time(at, target);
    }
    let stats = get(at, "/debug/stats").json();
    let processors = stats["runtimes"][0]["stats"]["processors"].as_array().expect("a row for each");
    let busy = processors.iter().filter(|row| row["task"].is_u64()).count();
    assert!(busy >= most.processors, "{processors:?}");
    assert!(!over.load(Ordering::Relaxed));
    over.store(true, Ordering::Relaxed);
    adding.join().unwrap();
    for task in waiting {
        runtime.block_on(task).expect("it runs once the hogs are gone");
    }
}

#[test]
fn it_answers_while_spawns_stand_still() {
    let over = Arc::new(AtomicBool::new(false));
    let standing = Arc::new(AtomicUsize::new(0));
    let mut builder: Builder = Builder::new_multi_thread();
    builder.processors(2).name("standing").on_task_spawn({
        let (over, standing) = (over.clone(), standing.clone());
        move |_| {
            standing.fetch_add(1, Ordering::Relaxed);
            while !over.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(1));
            }
        }
    });
    let runtime = builder.build().expect("a runtime starts");
    let (_server, at) = served(&runtime);
    let _let_go = LetGo(over.clone());
    let spawning: Vec<_> = (0..4)
        .map(|_| {
            let handle = runtime.handle().clone();
            thread::spawn(move || drop(handle.spawn(async {})))
        })
        .collect();
    until("all stand still inside a spawn", || standing.load(Ordering::Relaxed) == spawning.len());
    for target in ASKED {
        answers_in_time(at, target);
    }
    over.store(true, Ordering::Relaxed);
    for thread in spawning {
        thread.join().expect("it goes on");
    }
}
