//! The netpoller's unparks: of many before a turn one makes the system call, and none is lost.
//!
//! The code under test is `gumption_io::internals::Wakeup`. In place of mio's waker and poll there is a flag under a mutex
//! with a condition variable, edge-triggered as an eventfd in epoll is: a poll ends once for whatever was fired before it.
//!
//! As in the model of the core's driver the sleeper waits for counts that are relaxed: only an unpark carries them across,
//! and mostly one that fired nothing, so that the stand-in's mutex lends it no ordering.
#![cfg(gumption_loom)]

use gumption_core::driver::Unpark;
use gumption_core::sync::{Arc, AtomicUsize, Condvar, Mutex, Ordering, thread};
use gumption_io::internals::{Fire, Wakeup};
use gumption_loom_tests::{model, mutants};
use std::io;

/// A poll with nothing but a waker in it.
#[derive(Default)]
struct Poll {
    fired: Mutex<bool>,
    sleeper: Condvar,
}

impl Poll {
    fn poll(&self) {
        let mut fired = self.fired.lock();
        while !*fired {
            fired = self.sleeper.wait(fired);
        }
        *fired = false;
    }
}

struct Waker(Arc<Poll>);

impl Fire for Waker {
    fn fire(&self) -> io::Result<()> {
        *self.0.fired.lock() = true;
        self.0.sleeper.notify_one();
        Ok(())
    }
}

#[test]
fn netpoller_unpark_kept() {
    model(3, || {
        let poll = Arc::new(Poll::default());
        let shared = Arc::new((Wakeup::new(Waker(poll.clone())), AtomicUsize::new(0)));
        let threads = [1, 2].map(|times| {
            let shared = shared.clone();
            thread::spawn(move || {
                for _ in 0..times {
                    // Ordering: Relaxed; the unpark publishes it.
                    shared.1.fetch_add(1, Ordering::Relaxed);
                    shared.0.unpark();
                }
            })
        });
        // Ordering: Relaxed; made visible by the turn that an unpark ended.
        while shared.1.load(Ordering::Relaxed) < 3 {
            poll.poll();
            shared.0.seen();
        }
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

mutants! {
    netpoller_unpark_kept: [
        "io-unpark-relaxed", "io-unpark-load", "io-seen-relaxed", "io-seen-store", "io-seen-skipped"
    ];
}
