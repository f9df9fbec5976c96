//! Models of the slots in which signals' handlers leave what they have interrupted: a thread is a handler that a signal has
//! put on it.
//!
//! Nothing but the slots' words orders the threads: the kernel's delivery of a signal, which does in production, is not here.
//! What was written and not handed over is a race on the content, and a slot that was lost is one that nobody gets again.
#![cfg(gumption_loom)]

use gumption_core::sync::{Arc, thread};
use gumption_introspect::internals::Slots;
use gumption_loom_tests::{UNBOUNDED, model, mutants};

/// The thread that is asked.
const THREAD: u64 = 7;

fn one_slot() -> Arc<Slots<u64>> {
    Arc::new(Slots::new(1, || 0))
}

/// Asks, looks once, and gives up if nothing has come: what came, if anything.
fn look(slots: &Slots<u64>) -> Option<u64> {
    slots.ask(THREAD)?.take(|&content| content).ok()
}

/// Asks, answers and takes, all on one thread, when the others have ended: the slot is there.
fn demand_free(slots: &Slots<u64>) {
    let Some(asked) = slots.ask(THREAD) else { panic!("the slot is lost") };
    assert_eq!(slots.answer(THREAD, |content| *content = 9), 1, "a question is not answered");
    assert_eq!(asked.take(|&content| content).ok(), Some(9));
}

/// Two questions, each of which is given up if there is no answer at once, meet two signals: an answer is what its handler
/// wrote, and the slot is free at the end, whoever came last.
#[test]
fn answer_vs_withdrawal() {
    model(UNBOUNDED, || {
        let slots = one_slot();
        let handler = thread::spawn({
            let slots = slots.clone();
            move || {
                for value in 1..=2 {
                    slots.answer(THREAD, |content| *content = value);
                }
            }
        });
        let answers: Vec<u64> = (0..2).filter_map(|_| look(&slots)).collect();
        handler.join().unwrap();
        assert!(answers.is_sorted() && answers.iter().all(|&value| value > 0), "no handler wrote {answers:?}");
        demand_free(&slots);
    });
}

/// A slot goes from a question to one thread to a question to another: each handler answers what was asked of its own thread, and
/// the second writes after the first is through, though nobody waited for that one's answer.
#[test]
fn a_slot_is_asked_of_one_thread() {
    model(3, || {
        let slots = one_slot();
        let [first, second] = [1, 2].map(|id| {
            let slots = slots.clone();
            thread::spawn(move || slots.answer(id, |content| *content = id))
        });
        let early = slots.ask(1).and_then(|asked| asked.take(|&content| content).ok());
        let answered = first.join().unwrap();
        assert!(early.is_none_or(|id| id == 1) && answered >= early.iter().count());
        let Some(asked) = slots.ask(2) else { panic!("the slot is lost") };
        let answered = second.join().unwrap();
        assert_eq!(asked.take(|&content| content).ok(), (answered == 1).then_some(2));
        demand_free(&slots);
    });
}

/// Handlers on two threads want the one slot, while a collector comes around twice: what was recorded comes out whole, once.
#[test]
fn record_vs_drain() {
    model(3, || {
        let slots = one_slot();
        let handlers = [1, 2].map(|id| {
            let slots = slots.clone();
            thread::spawn(move || slots.record(|content| *content = id))
        });
        let mut seen = Vec::new();
        let mut drain = || slots.drain(|&content| seen.push(content));
        drain();
        let recorded: Vec<bool> = handlers.into_iter().map(|handler| handler.join().unwrap()).collect();
        drain();
        seen.sort_unstable();
        let expected: Vec<u64> = (1..).zip(&recorded).filter(|&(_, &did)| did).map(|(id, _)| id).collect();
        assert_eq!(seen, expected, "what was recorded comes out once");
        assert_eq!(slots.missed() as usize, 2 - expected.len());
        demand_free(&slots);
    });
}

mutants! {
    answer_vs_withdrawal: [
        "slots-answer-relaxed", "slots-done-relaxed", "slots-take-relaxed", "slots-free-relaxed",
        "slots-withdraw-unlooked", "slots-forsaken-kept",
    ];
    a_slot_is_asked_of_one_thread: ["slots-answer-relaxed", "slots-forsaken-relaxed", "slots-withdraw-unlooked"];
    record_vs_drain: ["slots-record-relaxed", "slots-recorded-relaxed", "slots-take-relaxed", "slots-free-relaxed"];
}
