//! Models of the end: a spawn or a wake from outside meets it, and every task is dropped once.
//!
//! The first two models run the whole scheduler: a current-thread runtime, which starts no machine, is closed and drained
//! by the thread that drops it, while another thread spawns or wakes. So [`Shutdown`], the drain, the registry and the
//! global queue are the real ones. The others take parts: the count of submitters around a cell that stands for what a
//! submitter touches after its push, and the election of the one who drains among two machines and the closer.
#![cfg(gumption_loom)]

use gumption_core::driver::ThreadDriver;
use gumption_core::internals::{Machines, Over, Shutdown};
use gumption_core::runtime::{Builder, Runtime};
use gumption_core::sync::{Arc, AtomicUsize, Mutex, Ordering, UnsafeCell, thread};
use gumption_core::yield_now;
use gumption_loom_tests::{model, mutants};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

fn current_thread() -> Runtime {
    Builder::<ThreadDriver>::new_current_thread().enable_all().build().unwrap()
}

/// Counts the drops of futures, unseen by loom.
#[derive(Clone, Default)]
struct Drops(std::sync::Arc<std::sync::atomic::AtomicUsize>);

/// Lives in a future.
struct Token(Drops);

impl Drop for Token {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drops {
    fn token(&self) -> Token {
        Token(self.clone())
    }
    fn so_far(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// A place for one waker.
#[derive(Clone)]
struct Gate(Arc<Mutex<Option<Waker>>>);

/// Pending for ever; leaves its waker in the gate.
struct Waits {
    gate: Gate,
    _token: Token,
}

impl Future for Waits {
    type Output = ();
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        *self.gate.0.lock() = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// A thread spawns while the runtime ends: the task is dropped by whichever of the two sees the other.
#[test]
fn shutdown_vs_remote_spawn() {
    model(4, || {
        let runtime = current_thread();
        let handle = runtime.handle().clone();
        let drops = Drops::default();
        let token = drops.token();
        let spawner = thread::spawn(move || {
            drop(handle.spawn(async move {
                let _token = token;
                std::future::pending::<()>().await;
            }));
            handle
        });
        drop(runtime);
        let handle = spawner.join().unwrap();
        assert_eq!(drops.so_far(), 1, "the future's drops");
        drop(handle);
    });
}

/// A thread wakes a task while the runtime ends: the drain waits for the task that is on its way, and the scheduler is
/// there until the waker is done with it. The handle that keeps its memory is the model's, and asks nothing.
#[test]
fn every_task_dropped_once() {
    model(4, || {
        let runtime = current_thread();
        let drops = Drops::default();
        let gate = Gate(Arc::new(Mutex::new(None)));
        drop(runtime.spawn(Waits { gate: gate.clone(), _token: drops.token() }));
        // Until it has been polled, and has left its waker.
        runtime.block_on(async {
            while gate.0.lock().is_none() {
                yield_now().await;
            }
        });
        let Some(waker) = gate.0.lock().take() else { panic!("it has left its waker") };
        let waking = thread::spawn(move || waker.wake());
        let memory = runtime.handle().clone();
        drop(runtime);
        assert_eq!(drops.so_far(), 1, "the future's drops");
        assert!(waking.join().is_ok());
        drop(memory);
    });
}

/// What a submitter touches after its push is there until it has said that it is done, and a submitter that the end has
/// not waited for has seen it.
#[test]
fn shutdown_waits_for_inflight_submit() {
    model(3, || {
        let shutdown = Arc::new(Shutdown::new());
        let queued = Arc::new(AtomicUsize::new(0));
        let scheduler = Arc::new(UnsafeCell::new(0));
        let submitters: Vec<_> = (0..2)
            .map(|_| {
                let (shutdown, queued, scheduler) = (shutdown.clone(), queued.clone(), scheduler.clone());
                thread::spawn(move || {
                    let submitting = shutdown.submitting();
                    if submitting.is_closed() {
                        return false;
                    }
                    queued.fetch_add(1, Ordering::Relaxed);
                    scheduler.with(|_| ());
                    drop(submitting);
                    true
                })
            })
            .collect();
        assert!(shutdown.close());
        while !shutdown.is_quiet() {
            thread::yield_now();
        }
        let drained = queued.load(Ordering::Relaxed);
        scheduler.with_mut(|_| ());
        let pushed = submitters.into_iter().map(|thread| thread.join().unwrap()).filter(|&pushed| pushed).count();
        assert_eq!(drained, pushed, "tasks pushed behind the drain's back");
    });
}

/// Two machines end while the runtime is closed and its end waited for: one of the three drains, after both have ended,
/// and before the wait is over.
#[test]
fn one_drains() {
    model(3, || {
        let machines = Arc::new(Machines::new());
        let shutdown = Arc::new(Shutdown::new());
        let scheduler = Arc::new(UnsafeCell::new(0));
        let drain = |scheduler: &UnsafeCell<i32>| {
            // SAFETY: loom checks it.
            scheduler.with_mut(|drains| unsafe { *drains += 1 });
        };
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let Some(machine) = machines.add(2) else { panic!("two machines are allowed") };
                let (machines, shutdown, scheduler) = (machines.clone(), shutdown.clone(), scheduler.clone());
                thread::spawn(move || {
                    scheduler.with(|_| ());
                    if machines.end(&machine, || shutdown.is_closed()) {
                        drain(&scheduler);
                        machines.drained();
                    }
                })
            })
            .collect();
        assert!(shutdown.close());
        match machines.wait_for_end(None) {
            Over::Done => {}
            Over::Yours => {
                drain(&scheduler);
                machines.drained();
            }
            Over::NotYet => panic!("no time was given"),
        }
        // SAFETY: loom checks it.
        assert_eq!(scheduler.with(|drains| unsafe { *drains }), 1, "drains");
        for thread in threads {
            assert!(thread.join().is_ok());
        }
    });
}

mutants! {
    shutdown_vs_remote_spawn: ["shutdown-no-submit-fence"];
    every_task_dropped_once: ["shutdown-drain-looks-once"];
    shutdown_waits_for_inflight_submit: ["shutdown-submit-uncounted", "shutdown-no-submit-fence"];
    one_drains: ["shutdown-drainer-elected-twice"];
}
