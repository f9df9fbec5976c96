//! Models of mains: the future of a `block_on` is woken from another thread while its own polls it, sleeps, goes away, or gives it up.
//!
//! The driving thread is the main one, and the code is that of `block_on` beside the machines, without a runtime around it. What a waker
//! tells the future is told by a relaxed store, so only the wake makes it visible; a wake that is lost is a deadlock, which loom
//! reports; and the record of a main that is over is used again at once, which shows who still touches it.
#![cfg(gumption_loom)]

use gumption_core::internals::{Bell, Mains, Parker};
use gumption_core::sync::{Arc, AtomicBool, Ordering, thread};
use gumption_loom_tests::{model, mutants};
use std::future::poll_fn;
use std::panic::Location;
use std::pin::pin;
use std::sync::Mutex;
use std::task::{Poll, Waker};

/// What a future waits for, and the waker of who waits for it. The lock is none of the model's: nothing is ordered by it.
struct Door {
    open: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Door {
    fn new() -> Arc<Self> {
        Arc::new(Self { open: AtomicBool::new(false), waker: Mutex::new(None) })
    }

    fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }

    fn keep(&self, waker: &Waker) {
        *self.waker.lock().unwrap() = Some(waker.clone());
    }

    /// Opens it, and wakes who waits by a waker of the opener's own.
    fn open(&self, waker: Waker) {
        self.open.store(true, Ordering::Relaxed);
        waker.wake();
    }
}

/// `block_on`, beside the machines.
fn drive<F: Future>(mains: &Mains, future: F) -> F::Output {
    let mut outcome = None;
    let future = pin!(future);
    let mut main = mains.begin(future, &mut outcome, Bell::Parker(Parker::new()), Location::caller(), 0);
    while !main.is_done() {
        if !main.poll(|_| ()) {
            main.sleep();
        }
    }
    drop(main);
    match outcome {
        Some(Ok(output)) => output,
        _ => panic!("it returns"),
    }
}

/// A future that hands its waker to a thread in its first poll, which opens the door; ready when the door is open.
async fn opened_by_a_thread(door: &Arc<Door>, threads: &mut Vec<thread::JoinHandle<()>>, wakers: usize) {
    poll_fn(|cx| {
        if threads.is_empty() {
            for _ in 0..wakers {
                let (door, waker) = (door.clone(), cx.waker().clone());
                threads.push(thread::spawn(move || door.open(waker)));
            }
        }
        if door.is_open() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

#[test]
fn a_main_hears_of_its_wakes() {
    model(3, || {
        let mains = Mains::new();
        let (door, mut threads) = (Door::new(), Vec::new());
        drive(&mains, opened_by_a_thread(&door, &mut threads, 1));
        // The next one has the record, and the bed is gone, while the first one's waker may still be ringing.
        drive(&mains, async {});
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn a_main_is_woken_by_two() {
    model(2, || {
        let mains = Mains::new();
        let (door, mut threads) = (Door::new(), Vec::new());
        drive(&mains, opened_by_a_thread(&door, &mut threads, 2));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn a_main_that_is_given_up_beside_a_wake_is_over() {
    model(3, || {
        let mains = Mains::new();
        let door = Door::new();
        let mut thread = None;
        {
            let mut outcome = None;
            let future = pin!(poll_fn(|cx| {
                let (door, waker) = (door.clone(), cx.waker().clone());
                door.keep(&waker);
                thread = Some(thread::spawn(move || door.open(waker)));
                Poll::<()>::Pending
            }));
            let mut main = mains.begin(future, &mut outcome, Bell::Parker(Parker::new()), Location::caller(), 0);
            assert!(main.poll(|_| ()));
            drop(main);
            assert!(outcome.is_none());
        }
        let mut live = 0;
        mains.for_each_record(|bits| live += usize::from(!bits.is_complete()));
        assert_eq!(live, 0, "it is over");
        thread.unwrap().join().unwrap();
        drop(door.waker.lock().unwrap().take());
    });
}

mutants! {
    a_main_hears_of_its_wakes: ["main-rung-before-woken", "main-woken-relaxed", "task-wake-relaxed"];
    a_main_is_woken_by_two: ["main-rung-before-woken"];
    a_main_that_is_given_up_beside_a_wake_is_over: ["main-given-up-at-once"];
}
