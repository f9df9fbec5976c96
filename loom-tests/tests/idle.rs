//! Models of the idle protocol: nobody is forgotten, nobody is woken twice, and the parker keeps its token.
//!
//! The code under test is `gumption_core::internals::{Idle, Parker}`; the machines around it are
//! [`gumption_loom_tests::workers::Crew`], whose essay says what is real and what is small, and what it checks in every
//! model beside what the model is named after. A wake-up that is lost shows as a deadlock.
//!
//! Two threads are explored without a bound where that ends in seconds; three with two or three preemptions.
#![cfg(gumption_loom)]

use gumption_core::internals::Parker;
use gumption_core::sync::{Arc, UnsafeCell, thread};
use gumption_loom_tests::workers::Crew;
use gumption_loom_tests::{UNBOUNDED, model, mutants};

type Threads = Vec<thread::JoinHandle<()>>;

fn start(crew: &Arc<Crew>, threads: &mut Threads, body: impl FnOnce(&Crew) + 'static) {
    let crew = Arc::clone(crew);
    threads.push(thread::spawn(move || body(&crew)));
}

fn finish(crew: &Crew, threads: Threads) {
    for thread in threads {
        assert!(thread.join().is_ok());
    }
    crew.check();
}

/// A machine with a task that takes long pushes a second one on its own queue while the only other machine, which spins,
/// gives up: the second must run beside the first.
#[test]
fn no_lost_wakeup_last_spinner_vs_local_submit() {
    model(4, || {
        let crew = Arc::new(Crew::new(2, 2, 2).long());
        let mut threads = Threads::new();
        start(&crew, &mut threads, |crew| crew.machine(1, 1));
        crew.own(0);
        crew.submit(1);
        crew.run(0);
        crew.lay_down(0, false);
        finish(&crew, threads);
    });
}

/// A thread that is no machine submits while the machines go idle.
#[test]
fn no_lost_wakeup_vs_remote_submit() {
    model(3, || {
        let crew = Arc::new(Crew::new(2, 2, 1));
        let mut threads = Threads::new();
        start(&crew, &mut threads, |crew| crew.machine(0, 0));
        start(&crew, &mut threads, |crew| crew.machine(1, 1));
        crew.submit(0);
        finish(&crew, threads);
    });
}

/// Two submits meet one machine: the second may leave the wake to the first, and both tasks run.
#[test]
fn two_submitters_one_idler() {
    model(3, || {
        let crew = Arc::new(Crew::new(1, 1, 2));
        let mut threads = Threads::new();
        start(&crew, &mut threads, |crew| crew.machine(0, 0));
        start(&crew, &mut threads, |crew| crew.submit(1));
        crew.submit(0);
        finish(&crew, threads);
    });
}

/// A machine that was never allowed to spin looks once more, too: the submitter saw every processor busy and left it.
#[test]
fn non_spinning_idler_rechecks() {
    model(UNBOUNDED, || {
        let crew = Arc::new(Crew::new(1, 1, 1).limit(|_| 0));
        let mut threads = Threads::new();
        start(&crew, &mut threads, |crew| crew.machine(0, 0));
        crew.submit(0);
        finish(&crew, threads);
    });
}

/// The last spinner finds a task that takes long while another is submitted, whose submitter saw it spin: it must wake
/// the machine that sleeps.
#[test]
fn last_spinner_wakes_another() {
    model(2, || {
        let crew = Arc::new(Crew::new(2, 2, 2).long());
        let mut threads = Threads::new();
        start(&crew, &mut threads, |crew| crew.machine(0, 0));
        start(&crew, &mut threads, |crew| crew.machine(1, 1));
        crew.submit(0);
        crew.submit(1);
        finish(&crew, threads);
    });
}

/// Whoever takes the lock finds as many processors in the mask as the word counts.
#[test]
fn idle_count_equals_mask() {
    model(2, || {
        let crew = Arc::new(Crew::new(2, 2, 1));
        let mut threads = Threads::new();
        start(&crew, &mut threads, |crew| crew.machine(0, 0));
        start(&crew, &mut threads, |crew| crew.machine(1, 1));
        assert!(crew.idle.is_consistent());
        crew.submit(0);
        assert!(crew.idle.is_consistent());
        finish(&crew, threads);
    });
}

/// A processor that comes back without a machine (retaken from a blocking section, say) while a task is submitted whose
/// submitter saw every processor busy, and while a machine without a processor falls asleep.
#[test]
fn released_processor_is_seen() {
    model(3, || {
        let crew = Arc::new(Crew::new(1, 1, 1));
        let mut threads = Threads::new();
        start(&crew, &mut threads, |crew| crew.machine_without_processor(0));
        start(&crew, &mut threads, |crew| crew.release(0));
        crew.submit(0);
        finish(&crew, threads);
    });
}

/// No more machines spin than the limit allows, whichever way they came to spin: by asking, by being woken, or by
/// seeing work at the second look after they went idle.
#[test]
fn bounded_spinners() {
    fn half(busy: usize) -> usize {
        busy.div_ceil(2)
    }
    for asks in [[true, true], [false, true], [false, false]] {
        model(3, move || {
            let crew = Arc::new(Crew::new(2, 2, 1));
            let mut threads = Threads::new();
            for (m, may_ask) in asks.into_iter().enumerate() {
                start(&crew, &mut threads, move |crew| {
                    let spins = may_ask && crew.idle.try_spin(2, half);
                    assert!(crew.idle.spinning() <= 1, "two of two machines spin");
                    if !spins {
                        let went = crew.idle.go_idle(m, m, false, || crew.work());
                        assert!(crew.idle.spinning() <= 1, "two of two machines spin after {went:?}");
                    }
                });
            }
            crew.push(0);
            let woken = crew.idle.submitted(false);
            assert!(crew.idle.spinning() <= 1, "two of two machines spin after {woken:?}");
            for thread in threads {
                assert!(thread.join().is_ok());
            }
        });
    }
}

/// An unpark that comes before the park is kept, and carries what was written before it.
#[test]
fn park_before_unpark_is_kept() {
    struct Shared {
        parker: Parker,
        letter: UnsafeCell<u32>,
    }
    // SAFETY: the parker's token orders the write before the read; that is what the model checks.
    unsafe impl Sync for Shared {}
    // SAFETY: as above.
    unsafe impl Send for Shared {}
    model(UNBOUNDED, || {
        let shared = Arc::new(Shared { parker: Parker::new(), letter: UnsafeCell::new(0) });
        let sender = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                // SAFETY: the owner reads only after it has taken the token.
                shared.letter.with_mut(|letter| unsafe { *letter = 7 });
                let _ = shared.parker.unpark();
            })
        };
        shared.parker.park();
        // SAFETY: the token is ours.
        assert_eq!(shared.letter.with(|letter| unsafe { *letter }), 7);
        assert!(sender.join().is_ok());
    });
}

/// A machine whose sleep ends for no reason takes itself off the stack while a submitter takes it off: one of them
/// gives it a processor.
#[test]
fn m_never_owns_two_ps() {
    model(3, || {
        let crew = Arc::new(Crew::new(1, 2, 2));
        let mut threads = Threads::new();
        start(&crew, &mut threads, |crew| crew.machine(0, 0));
        start(&crew, &mut threads, |crew| {
            crew.poke(0);
            crew.submit(1);
            crew.lay_down(1, false);
        });
        crew.submit(0);
        finish(&crew, threads);
    });
}

mutants! {
    no_lost_wakeup_last_spinner_vs_local_submit: ["idle-no-submit-fence", "idle-no-idle-fence", "idle-no-recheck"];
    no_lost_wakeup_vs_remote_submit: ["idle-no-submit-fence", "idle-no-idle-fence", "idle-no-recheck"];
    two_submitters_one_idler: ["idle-no-submit-fence", "idle-take-without-spinning"];
    non_spinning_idler_rechecks: ["idle-only-spinners-recheck"];
    last_spinner_wakes_another: ["idle-last-spinner-wakes-nobody", "idle-no-found-fence"];
    idle_count_equals_mask: ["idle-mask-not-cleared"];
    released_processor_is_seen: ["owner-release-no-fence", "idle-sleeper-no-look"];
    bounded_spinners: ["idle-spin-unbounded", "idle-take-beside-spinner"];
    park_before_unpark_is_kept: ["idle-unpark-drops-early-token", "idle-unpark-relaxed"];
    m_never_owns_two_ps: ["owner-reclaim-stays-listed", "owner-resume-stays-listed"];
}
