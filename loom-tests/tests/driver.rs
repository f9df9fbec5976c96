//! The core's own driver: an unpark is never lost, before a turn, during one, or between two.
//!
//! The model's sleeper waits for two counts that two other threads make, each followed by an unpark, and sleeps without
//! a limit whenever it has not seen both. If an unpark were lost the sleeper would sleep for ever, which loom reports as
//! a deadlock. The counts are relaxed: only the unpark carries them across, so the model also says that what a thread
//! did before it unparked is seen after the turn.

#![cfg(gumption_loom)]

use gumption_core::driver::{Driver, ThreadDriver};
use gumption_core::sync::{Arc, AtomicUsize, Ordering, thread};
use gumption_loom_tests::{model, mutants};

#[test]
fn an_unpark_ends_a_turn() {
    model(3, || {
        let done = Arc::new(AtomicUsize::new(0));
        let mut driver = ThreadDriver::new();
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let (unparker, done) = (driver.unparker(), done.clone());
                thread::spawn(move || {
                    // Ordering: Relaxed; the unpark publishes it.
                    done.fetch_add(1, Ordering::Relaxed);
                    unparker.unpark();
                })
            })
            .collect();
        // Ordering: Relaxed; made visible by the turn that an unpark ended.
        while done.load(Ordering::Relaxed) < 2 {
            let _ = driver.turn(None).unwrap();
        }
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

mutants! {
    an_unpark_ends_a_turn: ["seat-unpark-kept"];
}
