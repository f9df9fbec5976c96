//! Models of local sets: wakes and aborts from other threads meet the set's own thread polling, idling, or dropping the set.
//!
//! The set's thread is the main one. It polls the set with a waker that ends a wait on a condition variable, so that a
//! lost wake is a deadlock, which loom reports. What a waker tells its task is told by a relaxed store: only the way through the
//! inbox makes it visible. Futures note on which thread they are dropped, and how often.
#![cfg(gumption_loom)]

use gumption_core::sync::{AtomicBool, Condvar, Mutex, Ordering, thread};
use gumption_core::task::LocalSet;
use gumption_loom_tests::{model, mutants};
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
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

impl Bed {
    fn sleep(&self) {
        let mut woken = self.woken.lock();
        while !std::mem::take(&mut *woken) {
            woken = self.changed.wait(woken);
        }
    }
}

/// Polls until the future is done, sleeping in between.
fn drive<F: Future>(bed: &Arc<Bed>, future: F) -> F::Output {
    let waker = Waker::from(bed.clone());
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => bed.sleep(),
        }
    }
}

/// Runs what the set has to run.
fn turn(bed: &Arc<Bed>, set: &LocalSet) {
    let waker = Waker::from(bed.clone());
    let polled = pin!(set.run_until(std::future::pending::<()>())).poll(&mut Context::from_waker(&waker));
    assert!(polled.is_pending());
}

/// What a task and a thread share.
#[derive(Default)]
struct Door {
    open: AtomicBool,
    waker: std::sync::Mutex<Option<Waker>>,
    drops: std::sync::Mutex<Vec<thread::ThreadId>>,
}

impl Door {
    fn open(&self, waker: Waker) {
        // Relaxed: only the wake makes it visible.
        self.open.store(true, Ordering::Relaxed);
        waker.wake();
    }
    fn waker(&self) -> Waker {
        self.waker.lock().unwrap().take().unwrap()
    }
    /// The future was dropped once, on this thread.
    fn demand_dropped_here(&self) {
        assert_eq!(*self.drops.lock().unwrap(), [thread::current().id()], "where the future was dropped");
    }
}

/// Ends when it sees the door open; leaves a waker at its first poll. Not `Send`.
struct Passes {
    door: Arc<Door>,
    polls: usize,
    _here: std::marker::PhantomData<*const ()>,
}

fn through(door: &Arc<Door>) -> Passes {
    Passes { door: door.clone(), polls: 0, _here: std::marker::PhantomData }
}

impl Future for Passes {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.door.open.load(Ordering::Relaxed) {
            return Poll::Ready(());
        }
        self.polls += 1;
        if self.polls == 1 {
            *self.door.waker.lock().unwrap() = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}

impl Drop for Passes {
    fn drop(&mut self) {
        self.door.drops.lock().unwrap().push(thread::current().id());
    }
}

/// Two tasks are woken from elsewhere while their set is polled and goes idle: no wake is lost. The guard keeps the memory
/// that a late waker touches.
#[test]
fn local_set_remote_wake_vs_idle() {
    model(3, || {
        let (bed, set) = (Arc::new(Bed::default()), LocalSet::new());
        let doors: Vec<_> = (0..2).map(|_| Arc::new(Door::default())).collect();
        // Not joined: a join would wake this thread, too.
        doors.iter().for_each(|door| drop(set.spawn_local(through(door))));
        turn(&bed, &set);
        let theirs = doors.clone();
        let waking = thread::spawn(move || {
            for door in theirs {
                door.open(door.waker());
            }
        });
        let memory = set.enter();
        drive(&bed, set);
        waking.join().unwrap();
        doors.iter().for_each(|door| door.demand_dropped_here());
        drop(memory);
    });
}

/// A task is woken from elsewhere while its set is dropped: the future is dropped once, here, and the waker, which may be
/// between its two steps, finds the inbox.
#[test]
fn local_set_drop_vs_remote_wake() {
    model(4, || {
        let (bed, set) = (Arc::new(Bed::default()), LocalSet::new());
        let door = Arc::new(Door::default());
        drop(set.spawn_local(through(&door)));
        turn(&bed, &set);
        let theirs = door.clone();
        let waking = thread::spawn(move || theirs.open(theirs.waker()));
        let memory = set.enter();
        drop(set);
        door.demand_dropped_here();
        waking.join().unwrap();
        drop(memory);
    });
}

/// A task is aborted from elsewhere while its set waits for it: the future is dropped once, here, and the set hears of it.
#[test]
fn local_set_remote_abort() {
    model(4, || {
        let (bed, set) = (Arc::new(Bed::default()), LocalSet::new());
        let door = Arc::new(Door::default());
        let abort = set.spawn_local(through(&door)).abort_handle();
        turn(&bed, &set);
        drop(door.waker());
        let memory = set.enter();
        let aborting = thread::spawn(move || abort.abort());
        drive(&bed, set);
        door.demand_dropped_here();
        aborting.join().unwrap();
        drop(memory);
    });
}

mutants! {
    local_set_remote_wake_vs_idle: ["local-listen-in-two-steps", "local-listen-unarmed", "local-ring-before-push"];
    local_set_drop_vs_remote_wake: ["local-close-looks-once"];
    local_set_remote_abort: ["local-listen-unarmed", "task-abort-no-wake"];
}
