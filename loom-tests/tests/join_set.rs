//! Models of join sets: tasks that end on other threads meet the thread that joins, aborts or drops the set.
//!
//! There is no runtime: each task is run by a thread of the model, from a registry of its own, and its handle put into the
//! set. Whoever joins sleeps on a condition variable, so that a lost wake is a deadlock, which loom reports.
#![cfg(gumption_loom)]

use gumption_core::internals::{Ran, Registry, Runnable, Sink};
use gumption_core::sync::{Condvar, Mutex, thread};
use gumption_core::task::JoinSet;
use gumption_loom_tests::{model, mutants};
use std::future::Future;
use std::panic::Location;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// Where a thread waits for a wake.
#[derive(Default)]
struct Bed {
    woken: Mutex<bool>,
    changed: Condvar,
}

impl Wake for Bed {
    fn wake(self: Arc<Self>) {
        *self.woken.lock() = true;
        self.changed.notify_one();
    }
}

/// Polls until the future is done, sleeping in between.
fn drive<F: Future>(future: F) -> F::Output {
    let bed = Arc::new(Bed::default());
    let waker = Waker::from(bed.clone());
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => {
                let mut woken = bed.woken.lock();
                while !std::mem::take(&mut *woken) {
                    woken = bed.changed.wait(woken);
                }
            }
        }
    }
}

/// Runs a task to where it waits, or to its end.
fn run(mut task: Runnable) {
    while let Ran::Woken(again) = task.run() {
        task = again;
    }
}

fn registry() -> Registry {
    unsafe fn submit(_: *const (), task: Runnable) {
        run(task);
    }
    // SAFETY: the sink needs no data, and every model ends its tasks before it drops the registry.
    unsafe { Registry::new(Sink { data: std::ptr::null(), submit }) }
}

/// Nobody refers to any task any more.
fn demand_empty(registry: &Registry) {
    registry.snapshot(|row| panic!("a record is left behind: {row:?}"));
}

/// Counts what is dropped, unseen by loom.
#[derive(Clone, Debug)]
struct Output(usize, Arc<AtomicUsize>);

impl Drop for Output {
    fn drop(&mut self) {
        self.1.fetch_add(1, Ordering::Relaxed);
    }
}

/// Returns at its first poll.
struct Returns(Option<Output>);

impl Future for Returns {
    type Output = Output;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Output> {
        Poll::Ready(self.0.take().unwrap())
    }
}

struct Stage {
    registry: Registry,
    set: JoinSet<Output>,
    drops: Arc<AtomicUsize>,
}

impl Stage {
    fn new() -> Self {
        Self { registry: registry(), set: JoinSet::new(), drops: Arc::default() }
    }

    /// A task in the set that somebody has to run.
    fn task(&mut self, number: usize) -> Runnable {
        let future = Returns(Some(Output(number, self.drops.clone())));
        let (task, join) = self.registry.spawn_remote(future, Location::caller(), 0);
        drop(self.set.insert(join));
        task
    }

    /// The set goes, and after it everything must be gone.
    fn end(self, outputs: usize) {
        drop(self.set);
        assert_eq!(self.drops.load(Ordering::Relaxed), outputs, "outputs dropped");
        demand_empty(&self.registry);
    }
}

/// Two tasks end on two threads while the set is joined: both are joined, and no wake is lost.
#[test]
fn join_set_completion_vs_wait() {
    model(2, || {
        let mut stage = Stage::new();
        let runners: Vec<_> = (0..2)
            .map(|number| {
                let task = stage.task(number);
                thread::spawn(move || run(task))
            })
            .collect();
        let mut joined: Vec<_> = (0..2)
            .map(|_| drive(stage.set.join_next()).expect("a task is in the set").expect("it returns").0)
            .collect();
        joined.sort_unstable();
        assert_eq!(joined, [0, 1]);
        assert!(drive(stage.set.join_next()).is_none());
        for runner in runners {
            runner.join().unwrap();
        }
        stage.end(2);
    });
}

/// A task ends while it is aborted and joined: there is one result, and what it promises has happened.
#[test]
fn join_set_abort_vs_completion() {
    model(4, || {
        let mut stage = Stage::new();
        let task = stage.task(0);
        let runner = thread::spawn(move || run(task));
        stage.set.abort_all();
        match drive(stage.set.join_next()) {
            Some(Ok(output)) => drop(output),
            Some(Err(error)) => assert!(error.is_cancelled()),
            None => panic!("a task is in the set"),
        }
        assert!(drive(stage.set.join_next()).is_none());
        runner.join().unwrap();
        stage.end(1);
    });
}

/// A task ends while its set is dropped: its output is dropped once, and nobody is told who is gone.
#[test]
fn join_set_drop_vs_completion() {
    model(4, || {
        let mut stage = Stage::new();
        let task = stage.task(0);
        let runner = thread::spawn(move || run(task));
        let Stage { registry, set, drops } = stage;
        drop(set);
        runner.join().unwrap();
        assert_eq!(drops.load(Ordering::Relaxed), 1, "outputs dropped");
        demand_empty(&registry);
    });
}

mutants! {
    join_set_completion_vs_wait: ["joinset-wake-before-list", "joinset-wait-looks-once"];
    join_set_abort_vs_completion: ["joinset-wake-before-list", "joinset-wait-looks-once"];
    join_set_drop_vs_completion: ["task-detach-relaxed", "task-unjoin-relaxed"];
}
