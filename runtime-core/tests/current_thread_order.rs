//! In which order one thread runs what there is: tasks as they were spawned and woken, and the future of `block_on` after
//! those that were queued before it yielded. Programs that were written for tokio's current-thread runtime rely on it.

use gumption_core::driver::ThreadDriver;
use gumption_core::runtime::Builder;
use gumption_core::yield_now;
use std::sync::{Arc, Mutex};

type Log = Arc<Mutex<Vec<usize>>>;

fn runtime(builder: impl FnOnce(&mut Builder<ThreadDriver>)) -> gumption_core::runtime::Runtime<ThreadDriver> {
    let mut knobs = Builder::new_current_thread();
    builder(&mut knobs);
    knobs.build().unwrap()
}

fn note(log: &Log, what: usize) {
    log.lock().unwrap().push(what);
}

#[test]
fn tasks_run_as_they_were_spawned_and_the_future_of_block_on_after_them() {
    let log = Log::default();
    runtime(|_| ()).block_on(async {
        for i in 0..20 {
            let log = Arc::clone(&log);
            gumption_core::spawn(async move {
                note(&log, i);
                yield_now().await;
                note(&log, 100 + i);
            });
        }
        note(&log, 1000);
        yield_now().await;
        note(&log, 1001);
        yield_now().await;
    });
    // Each of those that were queued has its run before the future of `block_on`, and none that has yielded its second.
    let expected: Vec<_> = [1000].into_iter().chain(0..20).chain([1001]).chain(100..120).collect();
    assert_eq!(*log.lock().unwrap(), expected);
}

#[test]
fn the_future_of_block_on_has_its_turn_among_tasks_that_never_end() {
    let log = Log::default();
    runtime(|knobs| {
        knobs.event_interval(5);
    })
    .block_on(async {
        for i in 0..2 {
            let log = Arc::clone(&log);
            gumption_core::spawn(async move {
                loop {
                    note(&log, i);
                    yield_now().await;
                }
            });
        }
        for _ in 0..3 {
            yield_now().await;
            note(&log, 1000);
        }
    });
    assert_eq!(*log.lock().unwrap(), [0, 1, 1000, 0, 1, 1000, 0, 1, 1000]);
}

#[test]
fn a_task_that_another_one_spawns_runs_behind_those_that_wait() {
    let log = Log::default();
    runtime(|_| ()).block_on(async {
        let first = gumption_core::spawn({
            let log = Arc::clone(&log);
            async move {
                note(&log, 1);
                let inner = Arc::clone(&log);
                gumption_core::spawn(async move { note(&inner, 3) }).await.unwrap();
                note(&log, 4);
            }
        });
        let second = Arc::clone(&log);
        gumption_core::spawn(async move { note(&second, 2) });
        first.await.unwrap();
    });
    assert_eq!(*log.lock().unwrap(), [1, 2, 3, 4]);
}
