//! The idle protocol's logic with more machines than loom can explore: random schedules, and PCT's.
//!
//! The crew is the one of `idle.rs` ([`gumption_loom_tests::workers::Crew`]), with four to six machines, several
//! submitters, and a task that ends only when another has run beside it. Shuttle knows no stale reads, so the mutants here
//! are steps left out; those of orderings are loom's.
//!
//! The number of schedules is at least ten times what the mutant that is hardest to catch needs (the harness gives mutants
//! a tenth).
#![cfg(gumption_shuttle)]

use gumption_core::sync::{Arc, thread};
use gumption_loom_tests::workers::Crew;
use gumption_loom_tests::{check_random_and_pct, mutants};

type Threads = Vec<thread::JoinHandle<()>>;

fn start(crew: &Arc<Crew>, threads: &mut Threads, body: impl FnOnce(&Crew) + Send + 'static) {
    let crew = Arc::clone(crew);
    threads.push(thread::spawn(move || body(&crew)));
}

fn finish(crew: &Crew, threads: Threads) {
    for thread in threads {
        assert!(thread.join().is_ok());
    }
    crew.check();
}

/// Four machines with processors and one without, which somebody pokes for no reason; two submitters.
#[test]
fn no_lost_wakeup() {
    check_random_and_pct(6_000, || {
        let crew = Arc::new(Crew::new(5, 4, 6).long());
        let mut threads = Threads::new();
        for m in 0..4 {
            start(&crew, &mut threads, move |crew| crew.machine(m, m));
        }
        start(&crew, &mut threads, |crew| crew.machine_without_processor(4));
        start(&crew, &mut threads, |crew| {
            for task in 3..6 {
                crew.submit(task);
                crew.poke(task - 3);
            }
        });
        for task in 0..3 {
            crew.submit(task);
        }
        finish(&crew, threads);
    });
}

/// As before, but no machine may spin of its own accord: all that is found is found at the second look, or after a wake.
#[test]
fn non_spinning_idler_rechecks() {
    check_random_and_pct(6_000, || {
        let crew = Arc::new(Crew::new(4, 4, 4).long().limit(|_| 0));
        let mut threads = Threads::new();
        for m in 0..4 {
            start(&crew, &mut threads, move |crew| crew.machine(m, m));
        }
        for task in 0..4 {
            crew.submit(task);
        }
        finish(&crew, threads);
    });
}

/// One machine, four processors, and machines that are started when they are asked for; fewer than there are processors.
#[test]
fn machines_start_when_needed() {
    check_random_and_pct(6_000, || {
        let crew = Arc::new(Crew::new(1, 4, 4).long().reserve(2));
        let mut threads = Threads::new();
        start(&crew, &mut threads, |crew| crew.machine(0, 0));
        for m in 1..3 {
            start(&crew, &mut threads, move |crew| crew.machine_in_reserve(m));
        }
        start(&crew, &mut threads, |crew| (1..4).for_each(|p| crew.release(p)));
        for task in 0..4 {
            crew.submit(task);
        }
        finish(&crew, threads);
    });
}

/// Processors are taken from the idle set and given back, as by sysmon and by machines that leave a blocking section,
/// while tasks come.
#[test]
fn processors_come_and_go() {
    check_random_and_pct(6_000, || {
        let crew = Arc::new(Crew::new(4, 4, 4).long());
        let mut threads = Threads::new();
        for m in 0..3 {
            start(&crew, &mut threads, move |crew| crew.machine(m, m));
        }
        start(&crew, &mut threads, |crew| crew.machine_without_processor(3));
        start(&crew, &mut threads, |crew| {
            crew.release(3);
            for favourite in 0..3 {
                if let Some(p) = crew.idle.take_processor(Some(favourite)) {
                    crew.release(p);
                }
                assert!(crew.idle.is_consistent());
            }
        });
        for task in 0..4 {
            crew.submit(task);
        }
        finish(&crew, threads);
    });
}

mutants! {
    no_lost_wakeup: [
        "idle-no-recheck", "idle-last-spinner-wakes-nobody", "idle-take-without-spinning", "idle-mask-not-cleared",
        "idle-unpark-drops-early-token", "owner-reclaim-stays-listed", "owner-resume-stays-listed"
    ];
    non_spinning_idler_rechecks: ["idle-no-recheck", "idle-only-spinners-recheck"];
    machines_start_when_needed: ["idle-no-recheck", "idle-last-spinner-wakes-nobody"];
    processors_come_and_go: ["idle-mask-not-cleared", "owner-resume-stays-listed"];
}
