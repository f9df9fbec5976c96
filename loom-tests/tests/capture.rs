//! Models of the capture: an observer's poll against a wake, an abort and the end of the task.
//!
//! As in `task.rs` the sink runs what it is given, on the thread that submits it, so nothing but the state word orders one
//! thread's run after another's. The observer is one more thread: it claims, polls before a witness, and hands back what it is
//! told to. A wake that the capture loses is a task that has not ended when all threads have; a waker that it gives away wrongly
//! is one that is not counted, or that tells a witness who is no more.
#![cfg(gumption_loom)]

use gumption_core::internals::{Ran, Registry, Runnable, Sink, Task};
use gumption_core::sync::{AtomicBool, Mutex, Ordering, thread};
use gumption_core::task::{JoinError, JoinHandle, Witness};
use gumption_core::wait::WaitReason;
use gumption_loom_tests::{UNBOUNDED, model, mutants};
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::{Context, Poll, RawWakerVTable, Waker};

/// Runs a task until it has nothing to do.
fn drive(mut task: Runnable) {
    while let Ran::Woken(again) = task.run() {
        task = again;
    }
}

fn registry() -> Registry {
    unsafe fn submit(_: *const (), task: Runnable) {
        drive(task);
    }
    // SAFETY: the sink needs no data, and every model ends its tasks before it drops the registry.
    unsafe { Registry::new(Sink { data: std::ptr::null(), submit }) }
}

/// The address of a task, as an observer has it.
#[derive(Clone, Copy)]
struct Record(NonNull<Task>);

// SAFETY: a task may be looked at from any thread.
unsafe impl Send for Record {}

impl Record {
    fn task(&self) -> &Task {
        // SAFETY: records live as long as their registry, which every model drops last.
        unsafe { self.0.as_ref() }
    }
}

/// What the waker of the future and the future share: a slot that keeps the newest waker, as a channel's does.
struct Slot {
    set: AtomicBool,
    waker: Mutex<Option<Waker>>,
    /// How the task's own waker works: the first that was left, which no capture lent.
    own: std::sync::OnceLock<&'static RawWakerVTable>,
}

impl Slot {
    fn new() -> Self {
        Self { set: AtomicBool::new(false), waker: Mutex::new(None), own: std::sync::OnceLock::new() }
    }
}

/// Waits until its slot is set.
struct Leaf(Arc<Slot>);

impl Future for Leaf {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut waker = self.0.waker.lock();
        // Relaxed: only the wake makes it visible. Looked at before the waker is left, as a leaf does under its lock.
        if self.0.set.load(Ordering::Relaxed) {
            return Poll::Ready(());
        }
        if waker.as_ref().is_none_or(|kept| !kept.will_wake(cx.waker())) {
            let kept = waker.insert(cx.waker().clone());
            self.0.own.get_or_init(|| kept.vtable());
        }
        Poll::Pending
    }
}

#[derive(Default)]
struct Leaves(usize);

impl Witness for Leaves {
    fn leaf(&mut self) {
        self.0 += 1;
    }
    fn said(&mut self, _: WaitReason, _: u64) {}
}

/// A task that waits, with its slot.
fn waiting(registry: &Registry) -> (Arc<Slot>, Record, JoinHandle<()>) {
    let slot = Arc::new(Slot::new());
    let (task, join) = registry.spawn_remote(Leaf(slot.clone()), Location::caller(), 0);
    let record = Record(NonNull::from(task.task()));
    drive(task);
    (slot, record, join)
}

/// What the observer does; true if the task was captured and waits.
fn capture(record: Record) -> bool {
    let Some(task) = record.task().try_claim() else { return false };
    let mut leaves = Leaves::default();
    match task.run_before(&mut leaves) {
        Ran::Idle => {
            assert_eq!(leaves.0, 1, "the leaf was not shown");
            true
        }
        Ran::Woken(again) => {
            drive(again);
            false
        }
        Ran::Complete(_) => false,
    }
}

fn set(slot: &Slot) {
    let waker = {
        let waker = slot.waker.lock().take();
        slot.set.store(true, Ordering::Relaxed);
        waker
    };
    let waker = waker.unwrap();
    assert!(slot.own.get() == Some(&waker.vtable()), "the hook has got out");
    waker.wake();
}

fn result(mut join: JoinHandle<()>) -> Result<(), JoinError> {
    match Pin::new(&mut join).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("the task has not ended: a wake was lost"),
    }
}

fn demand_empty(registry: &Registry) {
    registry.snapshot(|row| panic!("a record is left behind: {row:?}"));
}

/// A wake before, during or after a capture is answered by a poll, and its waker is the task's own.
#[test]
fn capture_vs_wake() {
    model(3, || {
        let registry = registry();
        let (slot, record, join) = waiting(&registry);
        let waker = thread::spawn({
            let slot = slot.clone();
            move || set(&slot)
        });
        capture(record);
        waker.join().unwrap();
        result(join).unwrap();
        drop(slot);
        demand_empty(&registry);
    });
}

/// An abort before, during or after a capture drops the future, once.
#[test]
fn capture_vs_abort() {
    model(UNBOUNDED, || {
        let registry = registry();
        let (slot, record, join) = waiting(&registry);
        let abort = join.abort_handle();
        let aborter = thread::spawn(move || abort.abort());
        capture(record);
        aborter.join().unwrap();
        assert!(result(join).unwrap_err().is_cancelled());
        assert_eq!(Arc::strong_count(&slot), 1, "the future is dropped once");
        slot.waker.lock().take();
        demand_empty(&registry);
    });
}

mutants! {
    capture_vs_wake: ["capture-forgets-wakes", "capture-clone-uncounted", "capture-hook-escapes"];
    capture_vs_abort: ["capture-forgets-wakes"];
}
