//! The harness checked on itself: it reports what a model catches, and refuses what only looks like it.
//!
//! Message passing through a flag is the smallest protocol with a mutant for the ordering and one for the logic. The
//! tests that expect a refusal need `demand_caught` to fail, and say with which words.
#![cfg(any(gumption_loom, gumption_shuttle))]

use gumption_core::sync::{Arc, AtomicBool, Ordering, UnsafeCell, broken, thread, weaken};
use gumption_loom_tests::{demand_caught, mutants};

struct Mail {
    letter: UnsafeCell<u32>,
    sent: AtomicBool,
}

// SAFETY: the flag orders the one write before the one read.
unsafe impl Sync for Mail {}

fn message_passing() {
    let mail = Arc::new(Mail { letter: UnsafeCell::new(0), sent: AtomicBool::new(false) });
    let sender = {
        let mail = Arc::clone(&mail);
        thread::spawn(move || {
            if broken("harness-write-late") {
                mail.sent.store(true, Ordering::Release);
            }
            // SAFETY: the receiver looks only after the flag.
            mail.letter.with_mut(|letter| unsafe { *letter = 7 });
            // Ordering: Release; the receiver's Acquire load sees the letter.
            mail.sent.store(true, weaken("harness-sent-relaxed", Ordering::Release));
        })
    };
    // Ordering: Acquire; partner of the sender's store.
    if mail.sent.load(Ordering::Acquire) {
        // SAFETY: the flag says that the write is over.
        assert_eq!(mail.letter.with(|letter| unsafe { *letter }), 7);
    }
    let _ = broken("harness-harmless");
    assert!(sender.join().is_ok());
}

#[cfg(gumption_loom)]
#[test]
fn letter_is_whole() {
    gumption_loom_tests::model(gumption_loom_tests::UNBOUNDED, message_passing);
}

#[cfg(gumption_shuttle)]
#[test]
fn letter_is_whole() {
    gumption_loom_tests::check_random_and_pct(200, message_passing);
}

#[cfg(gumption_loom)]
mutants! {
    letter_is_whole: ["harness-write-late", "harness-sent-relaxed"];
}

#[cfg(gumption_shuttle)]
mutants! {
    letter_is_whole: ["harness-write-late"];
}

#[test]
#[should_panic(expected = "the code never asked for it")]
fn a_misspelt_mutant_is_refused() {
    demand_caught("letter_is_whole", &["harness-write-lte"]);
}

#[test]
#[should_panic(expected = "the model passed")]
fn a_mutant_that_passes_is_refused() {
    demand_caught("letter_is_whole", &["harness-harmless"]);
}

#[test]
#[should_panic(expected = "the code never asked for it")]
fn a_model_that_does_not_exist_is_refused() {
    demand_caught("letter_is_hole", &["harness-write-late"]);
}
