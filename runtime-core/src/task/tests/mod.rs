//! The task room on its own: a queue and a thread in place of a scheduler.
//!
//! | file | what |
//! | --- | --- |
//! | `endings.rs` | how tasks end: outputs, joins, panics, aborts, shutdown |
//! | `records.rs` | what is kept of them: wakers, wait reasons, the registry, memory |
//!
//! What is counted: polls, drops of futures, drops of outputs, submissions, records in use. Ordering is the models'
//! business (`loom-tests/tests/task.rs`); here it is lifetimes, panics and every order in which handles, wakers and
//! the registry can go away.

mod endings;
mod records;

use super::{Ending, JoinError, JoinHandle, Ran, Registry, Row, Runnable, Sink};
use crate::sync::{Arc, AtomicUsize, Mutex, Ordering};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::panic::Location;
use std::pin::Pin;
use std::ptr::from_ref;
use std::task::{Context, Poll, Wake, Waker};

/// A registry, and the queue that its tasks go to.
struct Bench {
    registry: Registry,
    queue: Box<Mutex<VecDeque<Runnable>>>,
}

unsafe fn submit(data: *const (), task: Runnable) {
    // SAFETY: the queue outlives the registry's tasks.
    unsafe { &*data.cast::<Mutex<VecDeque<Runnable>>>() }.lock().push_back(task);
}

impl Bench {
    fn new() -> Self {
        let queue = Box::new(Mutex::new(VecDeque::new()));
        // SAFETY: the bench drops its registry before the queue, and asserts that no task is left.
        let registry = unsafe { Registry::new(Sink { data: from_ref(&*queue).cast(), submit }) };
        Self { registry, queue }
    }

    /// Spawns and queues.
    #[track_caller]
    fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (task, join) = self.registry.spawn_remote(future, Location::caller(), 5);
        self.queue.lock().push_back(task);
        join
    }

    fn queued(&self) -> usize {
        self.queue.lock().len()
    }

    /// Runs the oldest task once.
    fn turn(&self) -> Option<Ran> {
        let task = self.queue.lock().pop_front()?;
        Some(task.run())
    }

    /// Runs until the queue is empty; the endings.
    fn drain(&self) -> Vec<Ending> {
        let mut endings = Vec::new();
        while let Some(ran) = self.turn() {
            match ran {
                Ran::Idle => {}
                Ran::Woken(task) => self.queue.lock().push_back(task),
                Ran::Complete(ending) => endings.push(ending),
            }
        }
        endings
    }

    fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        self.registry.snapshot(|row| rows.push(row));
        rows
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.drain();
        let mut left = Vec::new();
        self.registry.for_each(|task| left.extend(task.try_claim()));
        for task in left {
            let _ = task.cancel();
        }
    }
}

/// Counts its drops.
#[derive(Clone, Default)]
struct Drops(Arc<AtomicUsize>);

impl Drops {
    fn guard(&self) -> Guard {
        Guard(self.clone())
    }
    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

struct Guard(Drops);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Panics when it is dropped.
struct Bomb(#[expect(dead_code, reason = "dropped after the panic")] Guard);

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("bomb");
    }
}

#[derive(Default)]
struct Flag(AtomicUsize);

impl Flag {
    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn poll<T>(join: &mut JoinHandle<T>) -> Poll<Result<T, JoinError>> {
    Pin::new(join).poll(&mut Context::from_waker(Waker::noop()))
}

#[track_caller]
fn finished<T>(join: &mut JoinHandle<T>) -> Result<T, JoinError> {
    match poll(join) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("the task has not ended"),
    }
}

/// A future that keeps its waker in `slot` and waits for ever, with a guard inside.
fn waits(slot: &Arc<Mutex<Option<Waker>>>, guard: Guard) -> impl Future<Output = ()> + Send + 'static {
    let slot = Arc::clone(slot);
    poll_fn(move |cx| {
        let _inside = &guard;
        *slot.lock() = Some(cx.waker().clone());
        Poll::Pending
    })
}
