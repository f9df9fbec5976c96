//! Models of the state word: who may run a task, who wakes whom, and who is the last to leave.
//!
//! There are no queues and no machines here: the sink *runs* what it is given, on the thread that woke the task, until the
//! task is idle or complete. So nothing but the state word orders one thread's run after another's, and a missing edge
//! is a race on the stage of the body or on the queue's link, which are checked cells. What wakers tell the future is told by relaxed stores:
//! only the path from the wake to the poll that answers it makes them visible, so that a lost wake is a task that is
//! not complete when all threads have ended.
//!
//! The oracles (how often polled, dropped, whether a leak was "proven") are `std` atomics, which loom does not see and
//! which therefore order nothing. Every model ends by demanding that no record is in use any more.
#![cfg(gumption_loom)]

use gumption_core::internals::{Chain, Ran, Registry, Runnable, Sink, Task};
use gumption_core::sync::{AtomicBool, Condvar, Mutex, Ordering, UncheckedU64, thread};
use gumption_core::task::JoinHandle;
use gumption_loom_tests::{UNBOUNDED, model, mutants};
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

/// Queues a task and runs it, until it has nothing to do.
fn drive(mut task: Runnable) {
    loop {
        let mut queue = Chain::new();
        // SAFETY: the right to run is the right to queue; it is had back at once.
        let queued = unsafe {
            queue.push_back(task.into_raw());
            queue.pop_front().map(|task| Runnable::from_raw(task))
        };
        match queued.unwrap().run() {
            Ran::Woken(again) => task = again,
            Ran::Idle | Ran::Complete(_) => return,
        }
    }
}

fn registry() -> Registry {
    unsafe fn submit(_: *const (), task: Runnable) {
        assert!(!task.task().bits().is_complete(), "a complete task was submitted");
        drive(task);
    }
    // SAFETY: the sink needs no data, and every model ends its tasks before it drops the registry.
    unsafe { Registry::new(Sink { data: std::ptr::null(), submit }) }
}

/// Nobody refers to any task any more.
fn demand_empty(registry: &Registry) {
    registry.snapshot(|row| panic!("a record is left behind: {row:?}"));
}

/// So many flags that it never returns.
const NEVER: usize = usize::MAX;

/// What the threads of a model and the future share.
#[derive(Default)]
struct Shared {
    /// Set by wakers before they wake.
    flags: [AtomicBool; 3],
    /// Cloned by the polls, for the model's threads.
    wakers: std::sync::Mutex<Vec<Waker>>,
    polls: UncheckedU64,
    drops: UncheckedU64,
    outputs_dropped: UncheckedU64,
    returned: UncheckedU64,
    /// An observer saw the proof that the task can never run again.
    stranded: UncheckedU64,
}

fn get(count: &UncheckedU64) -> u64 {
    count.load(Ordering::Relaxed)
}
fn bump(count: &UncheckedU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

impl Shared {
    /// A waker that a poll has left here.
    fn waker(&self) -> Waker {
        self.wakers.lock().unwrap().pop().unwrap()
    }
    fn set(&self, flag: usize) {
        // Relaxed: only the wake that follows makes it visible.
        self.flags[flag].store(true, Ordering::Relaxed);
    }
    fn is_set(&self, flag: usize) -> bool {
        self.flags[flag].load(Ordering::Relaxed)
    }
}

/// A future that clones wakers while it has some to give, returns once it sees its flags, and is fussy.
struct Probe {
    shared: Arc<Shared>,
    /// Wakers that each of the next polls clones.
    give: Vec<usize>,
    /// Flags that it waits for; or never returns.
    flags: usize,
    /// If dropped before it returned, it must see this flag.
    cancelled_behind: Option<usize>,
    done: bool,
}

/// An output that says when it is dropped.
struct Output(Arc<Shared>);

impl Drop for Output {
    fn drop(&mut self) {
        bump(&self.0.outputs_dropped);
    }
}

impl Future for Probe {
    type Output = Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Output> {
        assert!(!self.done, "polled after it returned");
        assert_eq!(get(&self.shared.stranded), 0, "polled after it was proven that this cannot be");
        bump(&self.shared.polls);
        for _ in 0..self.give.pop().unwrap_or(0) {
            let waker = cx.waker().clone();
            self.shared.wakers.lock().unwrap().push(waker);
        }
        if self.flags != NEVER && (0..self.flags).all(|flag| self.shared.is_set(flag)) {
            self.done = true;
            bump(&self.shared.returned);
            return Poll::Ready(Output(self.shared.clone()));
        }
        Poll::Pending
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        bump(&self.shared.drops);
        if let (false, Some(flag)) = (self.done, self.cancelled_behind) {
            assert!(self.shared.is_set(flag), "the drop of an aborted future does not see what its aborter did");
        }
    }
}

struct Setup {
    /// Wakers that the first poll, the second and so on leave.
    give: &'static [usize],
    flags: usize,
    cancelled_behind: Option<usize>,
}

impl Setup {
    fn spawn(self, registry: &Registry) -> (Arc<Shared>, Runnable, JoinHandle<Output>) {
        let shared = Arc::new(Shared::default());
        let probe = Probe {
            shared: shared.clone(),
            give: self.give.iter().rev().copied().collect(),
            flags: self.flags,
            cancelled_behind: self.cancelled_behind,
            done: false,
        };
        let (task, join) = registry.spawn_remote(probe, Location::caller(), 0);
        (shared, task, join)
    }

    /// As `spawn`, and polled once: idle.
    fn idle(self, registry: &Registry) -> (Arc<Shared>, Record, JoinHandle<Output>) {
        let (shared, task, join) = self.spawn(registry);
        let record = Record(NonNull::from(task.task()));
        drive(task);
        (shared, record, join)
    }
}

/// The address of a task, as an observer has it.
#[derive(Clone, Copy)]
struct Record(NonNull<Task>);

impl std::ops::Deref for Record {
    type Target = Task;
    fn deref(&self) -> &Task {
        // SAFETY: records live as long as their registry, which every model drops last.
        unsafe { self.0.as_ref() }
    }
}

/// The result of a task that has ended.
fn result(mut join: JoinHandle<Output>) -> Result<(), gumption_core::task::JoinError> {
    match Pin::new(&mut join).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result.map(|_| ()),
        Poll::Pending => panic!("the task has not ended: a wake was lost"),
    }
}

/// A wake that comes before, during or after a poll leads to a poll that sees what came before the wake, and to one only.
#[test]
fn wake_during_poll_requeues_once() {
    model(UNBOUNDED, || {
        let registry = registry();
        let (shared, _, join) = Setup { give: &[2], flags: 2, cancelled_behind: None }.idle(&registry);
        let (here, there) = (shared.waker(), shared.waker());
        let other = thread::spawn({
            let shared = shared.clone();
            move || {
                shared.set(1);
                there.wake_by_ref();
            }
        });
        shared.set(0);
        here.wake();
        other.join().unwrap();
        assert!((2..=3).contains(&get(&shared.polls)), "{} polls for a spawn and two wakes", get(&shared.polls));
        assert!(result(join).is_ok());
        assert_eq!(get(&shared.drops), 1);
        demand_empty(&registry);
    });
}

/// Two wakers and an observer that claims the idle task never run it side by side.
#[test]
fn one_poller() {
    model(2, || {
        let registry = registry();
        let (shared, record, join) = Setup { give: &[2], flags: 2, cancelled_behind: None }.idle(&registry);
        let threads = [0, 1].map(|flag| {
            let (shared, waker) = (shared.clone(), shared.waker());
            thread::spawn(move || {
                shared.set(flag);
                waker.wake();
            })
        });
        if let Some(task) = record.try_claim() {
            drive(task);
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(get(&shared.polls) <= 4);
        assert!(result(join).is_ok());
        demand_empty(&registry);
    });
}

/// A task that is claimed between the runs that another thread's wakes cause: each of the two runs it behind the other.
#[test]
fn claim_vs_wake() {
    model(UNBOUNDED, || {
        let registry = registry();
        let (shared, record, join) = Setup { give: &[1], flags: 1, cancelled_behind: None }.idle(&registry);
        let waker = shared.waker();
        let other = thread::spawn({
            let shared = shared.clone();
            move || {
                waker.wake_by_ref();
                shared.set(0);
                waker.wake();
            }
        });
        if let Some(task) = record.try_claim() {
            drive(task);
        }
        other.join().unwrap();
        assert!(result(join).is_ok());
        demand_empty(&registry);
    });
}

/// Wakes that come after the end submit nothing, whoever holds the wakers.
#[test]
fn wake_after_complete_is_noop() {
    model(UNBOUNDED, || {
        let registry = registry();
        let (shared, _, join) = Setup { give: &[2], flags: 1, cancelled_behind: None }.idle(&registry);
        let (here, there) = (shared.waker(), shared.waker());
        let other = thread::spawn(move || {
            there.wake_by_ref();
            there.wake();
        });
        shared.set(0);
        here.wake();
        other.join().unwrap();
        assert_eq!(get(&shared.returned), 1);
        assert!(result(join).is_ok());
        demand_empty(&registry);
    });
}

/// More wakes than a poll answers are folded, and the task is polled again all the same. (The limits are 3 and 5 here.)
#[test]
fn fold_keeps_a_wake() {
    model(3, || {
        let registry = registry();
        let (shared, task, join) = Setup { give: &[1], flags: 1, cancelled_behind: None }.spawn(&registry);
        let Ran::Idle = task.run() else { panic!("nobody woke it") };
        let waker = shared.waker();
        let kept = waker.clone();
        let other = thread::spawn({
            let shared = shared.clone();
            move || {
                for _ in 0..4 {
                    kept.wake_by_ref();
                }
                shared.set(0);
                kept.wake();
            }
        });
        waker.wake();
        other.join().unwrap();
        assert!(result(join).is_ok());
        demand_empty(&registry);
    });
}

/// A waker that a thread can sleep on.
#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    heard: Condvar,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        *self.rung.lock() = true;
        self.heard.notify_one();
    }
}

impl Bell {
    fn wait(&self) {
        let mut rung = self.rung.lock();
        while !*rung {
            rung = self.heard.wait(rung);
        }
        *rung = false;
    }
}

/// A joiner that registers, and changes its mind about its waker, while the task completes, is woken and gets the output.
#[test]
fn join_register_vs_complete() {
    model(UNBOUNDED, || {
        let registry = registry();
        let (shared, task, mut join) = Setup { give: &[], flags: 0, cancelled_behind: None }.spawn(&registry);
        let runner = thread::spawn(move || drive(task));
        let (first, second) = (Arc::new(Bell::default()), Arc::new(Bell::default()));
        let output = 'joined: {
            for bell in [&first, &second] {
                let waker = Waker::from(bell.clone());
                if let Poll::Ready(result) = Pin::new(&mut join).poll(&mut Context::from_waker(&waker)) {
                    break 'joined result;
                }
            }
            second.wait();
            match Pin::new(&mut join).poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(result) => result,
                Poll::Pending => panic!("woken before the end"),
            }
        };
        assert!(output.is_ok());
        drop((output, join));
        runner.join().unwrap();
        assert_eq!((get(&shared.drops), get(&shared.outputs_dropped)), (1, 1));
        assert_eq!((Arc::strong_count(&first), Arc::strong_count(&second)), (1, 1), "a join waker was lost");
        demand_empty(&registry);
    });
}

/// A join handle that goes away, with a waker in its cell or without, while the task completes: the output and the waker
/// are dropped once.
#[test]
fn join_drop_vs_complete() {
    model(UNBOUNDED, || {
        let registry = registry();
        let (shared, task, mut join) = Setup { give: &[], flags: 0, cancelled_behind: None }.spawn(&registry);
        let runner = thread::spawn(move || drive(task));
        let bell = Arc::new(Bell::default());
        {
            let waker = Waker::from(bell.clone());
            let _ = Pin::new(&mut join).poll(&mut Context::from_waker(&waker)).map(drop);
        }
        drop(join);
        runner.join().unwrap();
        assert_eq!((get(&shared.drops), get(&shared.outputs_dropped)), (1, 1));
        assert_eq!(Arc::strong_count(&bell), 1, "a join waker was lost");
        demand_empty(&registry);
    });
}

/// An abort meets runs that wakes have caused: the future is dropped once, by a run, behind what its aborter did.
#[test]
fn abort_vs_run_vs_wake() {
    model(2, || {
        let registry = registry();
        let setup = Setup { give: &[2], flags: NEVER, cancelled_behind: Some(2) };
        let (shared, _, join) = setup.idle(&registry);
        let (here, there) = (shared.waker(), shared.waker());
        let aborter = thread::spawn({
            let (shared, handle) = (shared.clone(), join.abort_handle());
            move || {
                shared.set(2);
                handle.abort();
            }
        });
        let other = thread::spawn(move || there.wake());
        here.wake();
        aborter.join().unwrap();
        other.join().unwrap();
        assert!(result(join).is_err_and(|error| error.is_cancelled()));
        assert_eq!(get(&shared.drops), 1);
        demand_empty(&registry);
    });
}

/// An abort meets the run that returns: the result is the one or the other, and says which.
#[test]
fn abort_vs_return() {
    model(UNBOUNDED, || {
        let registry = registry();
        let (shared, _, join) = Setup { give: &[1], flags: 1, cancelled_behind: Some(2) }.idle(&registry);
        let waker = shared.waker();
        let aborter = thread::spawn({
            let (shared, handle) = (shared.clone(), join.abort_handle());
            move || {
                shared.set(2);
                handle.abort();
            }
        });
        shared.set(0);
        waker.wake();
        aborter.join().unwrap();
        match result(join) {
            Ok(()) => assert_eq!(get(&shared.returned), 1),
            Err(error) => assert!(error.is_cancelled() && get(&shared.returned) == 0),
        }
        assert_eq!((get(&shared.drops), get(&shared.outputs_dropped)), (1, get(&shared.returned)));
        demand_empty(&registry);
    });
}

/// A detached task's last wakers and its last handle go, by waking or not, while it runs to its end: the last one out
/// releases the record, behind everybody else.
#[test]
fn last_ref_drop_vs_submit() {
    model(2, || {
        let registry = registry();
        let (shared, _, join) = Setup { give: &[2], flags: 1, cancelled_behind: None }.idle(&registry);
        let (here, there) = (shared.waker(), shared.waker());
        let handle = join.abort_handle();
        drop(join);
        let other = thread::spawn(move || there.wake());
        let third = thread::spawn(move || drop(handle));
        shared.set(0);
        here.wake();
        other.join().unwrap();
        third.join().unwrap();
        assert_eq!((get(&shared.drops), get(&shared.outputs_dropped)), (1, 1));
        demand_empty(&registry);
    });
}

/// Wakers that are dropped while the task ends, and its join handle behind them.
#[test]
fn last_waker_drop_vs_complete() {
    model(UNBOUNDED, || {
        let registry = registry();
        let (shared, _, join) = Setup { give: &[2], flags: 1, cancelled_behind: None }.idle(&registry);
        let (here, there) = (shared.waker(), shared.waker());
        let other = thread::spawn(move || {
            drop(join);
            drop(there);
        });
        shared.set(0);
        here.wake();
        other.join().unwrap();
        assert_eq!((get(&shared.drops), get(&shared.outputs_dropped)), (1, 1));
        demand_empty(&registry);
    });
}

/// What an observer takes for the proof of a leak is one: the task is never polled again. And a leak is seen as one.
#[test]
fn waker_count_exact() {
    model(2, || {
        let registry = registry();
        let (shared, record, join) = Setup { give: &[2, 1], flags: NEVER, cancelled_behind: None }.idle(&registry);
        let (here, there) = (shared.waker(), shared.waker());
        let waker = thread::spawn({
            let shared = shared.clone();
            move || {
                here.wake();
                // The poll that this wake caused, here or on nobody's behalf, has left one more.
                let another = shared.wakers.lock().unwrap().pop();
                if let Some(another) = another {
                    another.wake();
                }
            }
        });
        let dropper = thread::spawn(move || drop(there));
        for _ in 0..2 {
            if record.bits().is_stranded() {
                bump(&shared.stranded);
            }
        }
        waker.join().unwrap();
        dropper.join().unwrap();
        assert_eq!(get(&shared.polls), 3);
        assert!(record.bits().is_stranded(), "a leak that nobody sees: {:?}", record.bits());
        join.abort();
        assert!(result(join).is_err());
        demand_empty(&registry);
    });
}

mutants! {
    wake_during_poll_requeues_once: [
        "task-wake-skip", "task-wake-relaxed", "task-run-relaxed", "task-idle-store", "task-end-relaxed",
    ];
    one_poller: ["task-idle-store", "task-end-relaxed", "task-wake-relaxed"];
    claim_vs_wake: ["task-claim-relaxed", "task-end-relaxed"];
    wake_after_complete_is_noop: ["task-complete-forgets-wakes"];
    fold_keeps_a_wake: ["task-fold-below-seen"];
    join_register_vs_complete: ["task-complete-relaxed", "task-join-no-recheck", "task-join-share-relaxed"];
    join_drop_vs_complete: ["task-unjoin-relaxed", "task-detach-relaxed", "task-complete-relaxed"];
    abort_vs_run_vs_wake: ["task-abort-no-wake", "task-abort-relaxed", "task-cancel-relaxed", "task-end-relaxed"];
    abort_vs_return: ["task-abort-relaxed"];
    last_ref_drop_vs_submit: ["task-ref-relaxed", "task-finish-relaxed", "task-wake-relaxed"];
    last_waker_drop_vs_complete: ["task-ref-relaxed", "task-complete-relaxed"];
    waker_count_exact: ["task-waker-uncounted", "task-wake-after-drop"];
}
