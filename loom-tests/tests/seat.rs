//! Models of the poller's seat: one sitter at a time, no timer slept through, no wake that misses the sitter.
//!
//! The code under test is `gumption_core::internals::{Seat, Parker}`, `gumption_core::driver::ThreadDriver`, and where they
//! meet, [`Timers`] and [`Idle`]. Time stands still in these models: loom's timed waits never end by themselves, so the
//! clock reads [`NOW`], a deadline that has come ends a turn at once, and a later one is as good as none. Whoever falls
//! asleep on a deadline that is no longer the earliest therefore sleeps for ever, which loom reports as a deadlock.
//!
//! An event of the outside world is a counter and a ring at the driver, as an epoll descriptor becomes ready: it ends the
//! turn in progress or the next one, whoever's that is.
#![cfg(gumption_loom)]

use gumption_core::driver::ThreadDriver;
use gumption_core::internals::{
    Armed, Idle, MachineId, Parked, Parker, ProcessorId, Reclaim, RuntimeClock, Seat, Sitter, Timer, Timers, Unparked,
    Wake, WentIdle,
};
use gumption_core::sync::{Arc, AtomicBool, AtomicU64, AtomicUsize, Mutex, Ordering, thread};
use gumption_loom_tests::{UNBOUNDED, model, mutants};
use std::task::Waker;
use std::time::Duration;

/// What the clock reads, and when the timers of these models are due.
const NOW: u64 = 100;
/// Some time after that.
const LATER: u64 = 1_000;

fn seat() -> Seat {
    Seat::new(vec![Box::new(ThreadDriver::new())])
}

/// What an armer does after it has published: tell who sleeps for too long.
fn tell(seat: &Seat, when: u64) {
    if let Sitter::AsleepUntil(until) = seat.sitter()
        && until > when
    {
        seat.unpark();
    }
}

/// Sits, turn after turn, until the earliest deadline has come.
fn sit_until_due(seat: &Seat, earliest: impl Fn() -> u64) {
    loop {
        let mut seated = seat.try_sit(0).expect("nobody else sits");
        assert!(seated.sleep(|| NOW, &earliest).is_ok());
        drop(seated);
        if earliest() <= NOW {
            return;
        }
    }
}

/// A timer is armed while the sitter falls asleep, with a later timer or none in sight; then the same on two processors'
/// real heaps.
#[test]
fn earlier_timer_vs_poller_falling_asleep() {
    for before in [u64::MAX, LATER] {
        model(UNBOUNDED, move || {
            let shared = Arc::new((seat(), AtomicU64::new(before)));
            let armer = {
                let shared = Arc::clone(&shared);
                thread::spawn(move || {
                    let (seat, min) = &*shared;
                    // Ordering: Relaxed, as `Timers` publishes it; the fence in `sitter` follows.
                    min.store(NOW, Ordering::Relaxed);
                    tell(seat, NOW);
                })
            };
            let (seat, min) = &*shared;
            // Ordering: Relaxed, as `Timers::min_when`; the fence in `sleep` comes before the second look.
            sit_until_due(seat, || min.load(Ordering::Relaxed));
            assert!(armer.join().is_ok());
        });
    }
    model(2, || {
        let shared = Arc::new((seat(), [Timers::new(), Timers::new()]));
        let armers: Vec<_> = [NOW, LATER]
            .into_iter()
            .enumerate()
            .map(|(p, when)| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || {
                    let (seat, timers) = &*shared;
                    let mut timer = Timer::new();
                    if timers[p].arm(&mut timer, when, Waker::noop().clone()) == Armed::Earliest {
                        tell(seat, when);
                    }
                    timer
                })
            })
            .collect();
        let (seat, timers) = &*shared;
        sit_until_due(seat, || timers.iter().map(Timers::min_when).min().unwrap_or(u64::MAX));
        assert_eq!(timers.iter().map(|timers| timers.fire(NOW, 8).count).sum::<usize>(), 1, "the due one, once");
        for armer in armers {
            assert!(armer.join().is_ok());
        }
    });
}

/// Machines that do nothing but wait for events, and what they wait with.
struct House {
    idle: Idle,
    seat: Seat,
    machines: Vec<(Parker, AtomicUsize)>,
    /// Events that no turn has seen.
    ready: AtomicUsize,
    /// Events to come, in all.
    expected: usize,
    handled: AtomicUsize,
    /// Where the outside world waits for each event to be handled.
    answer: Parker,
    over: AtomicBool,
}

const NONE: usize = usize::MAX;

impl House {
    fn new(machines: usize, expected: usize) -> Self {
        Self {
            idle: Idle::new(machines),
            seat: seat(),
            machines: (0..machines).map(|_| (Parker::new(), AtomicUsize::new(NONE))).collect(),
            ready: AtomicUsize::new(0),
            expected,
            handled: AtomicUsize::new(0),
            answer: Parker::new(),
            over: AtomicBool::new(false),
        }
    }

    /// The outside world makes something ready.
    fn event(&self) {
        // Ordering: Release; the exchange in `sit` pairs with it.
        self.ready.fetch_add(1, Ordering::Release);
        self.seat.pollers()[0].unpark();
    }

    fn rouse(&self, m: MachineId) {
        if let Unparked::Elsewhere(poller) = self.machines[m].0.unpark() {
            self.seat.pollers()[poller].unpark();
        }
    }

    fn wake(&self, wake: Wake) {
        if let Wake::Machine(m, p) = wake {
            // Ordering: Release pairs with the exchange in `rest`.
            assert_eq!(self.machines[m].1.swap(p, Ordering::Release), NONE, "M{m} has two processors");
            self.rouse(m);
        }
    }

    fn end(&self) {
        // Ordering: Release pairs with the load in `rest`.
        self.over.store(true, Ordering::Release);
        for m in 0..self.machines.len() {
            self.rouse(m);
        }
    }

    /// A machine's loop: idle, rest, and idle again, until all events have been handled.
    fn machine(&self, m: MachineId, mut p: ProcessorId) {
        loop {
            match self.idle.go_idle(m, p, false, || false) {
                WentIdle::Resume(_) => unreachable!("there is no work"),
                WentIdle::Sleep => match self.rest(m) {
                    Some(other) => p = other,
                    None => return,
                },
            }
            let nobody = self.idle.found(false, || false);
            assert_eq!(nobody, Wake::Nobody);
        }
    }

    /// Rests in the seat or on the parker until there is a processor; none when all is over.
    fn rest(&self, m: MachineId) -> Option<ProcessorId> {
        let (parker, handed) = &self.machines[m];
        loop {
            if !self.sit(parker) {
                parker.park();
            }
            // Ordering: Acquire pairs with the exchange in `wake`.
            let p = handed.swap(NONE, Ordering::Acquire);
            if p != NONE {
                return Some(p);
            }
            // Ordering: Acquire pairs with the store in `end`.
            if self.over.load(Ordering::Acquire) {
                if self.idle.retire(m) {
                    return None;
                }
            } else if let Reclaim::Processor(p) = self.idle.reclaim(m, 0) {
                return Some(p);
            }
        }
    }

    /// Takes the seat for one turn; false if somebody sits there. A token that is there already is as good as a turn.
    fn sit(&self, parker: &Parker) -> bool {
        let Some(mut seated) = self.seat.try_sit(0) else {
            return false;
        };
        if parker.leave(0) == Parked::Notified {
            return true;
        }
        assert!(seated.sleep(|| NOW, || u64::MAX).is_ok());
        // Ordering: Acquire pairs with the addition in `event`.
        let seen = self.ready.swap(0, Ordering::Acquire);
        drop(seated);
        // A token came meanwhile or not: `rest` looks at everything in either case.
        let _ = parker.come_back();
        for _ in 0..seen {
            // Ordering: AcqRel; the last one sees all.
            if self.handled.fetch_add(1, Ordering::AcqRel) + 1 == self.expected {
                self.end();
            }
            let _ = self.answer.unpark();
        }
        true
    }
}

fn machines(house: &Arc<House>, count: usize) -> Vec<thread::JoinHandle<()>> {
    (0..count)
        .map(|m| {
            let house = Arc::clone(house);
            thread::spawn(move || house.machine(m, m))
        })
        .collect()
}

/// Two visitors look into the driver without sleeping, as sysmon and busy processors do: two at a time are a race on it.
/// Then two machines rest, one of them in the seat. The second event comes only after the first was handled, so the seat
/// must have been taken again.
#[test]
fn poller_seat_unique_and_never_lost() {
    model(UNBOUNDED, || {
        let seat = Arc::new(seat());
        let visit = |seat: &Seat| {
            if let Some(mut polling) = seat.pollers()[0].try_take() {
                assert!(polling.look(NOW).is_ok());
            }
        };
        let visitor = {
            let seat = Arc::clone(&seat);
            thread::spawn(move || visit(&seat))
        };
        visit(&seat);
        visit(&seat);
        assert!(visitor.join().is_ok());
    });
    model(2, || {
        let house = Arc::new(House::new(2, 2));
        let threads = machines(&house, 2);
        for _ in 0..2 {
            house.event();
            house.answer.park();
        }
        for thread in threads {
            assert!(thread.join().is_ok());
        }
        assert_eq!(house.idle.sleeping(), 0);
        assert_eq!(house.idle.idle(), 2, "both processors are idle");
        assert!(house.idle.is_consistent());
    });
}

/// A machine on its way into the driver is woken for work: it comes out, or does not go in.
#[test]
fn wake_reaches_the_sitter() {
    model(UNBOUNDED, || {
        let house = Arc::new(House::new(1, 1));
        // Listed before the race begins, so that the wake is for this machine and for nobody else.
        assert_eq!(house.idle.go_idle(0, 0, false, || false), WentIdle::Sleep);
        let sleeper = {
            let house = Arc::clone(&house);
            thread::spawn(move || assert_eq!(house.rest(0), Some(0), "woken with a processor"))
        };
        house.wake(house.idle.submitted(false));
        assert!(sleeper.join().is_ok());
    });
}

/// With two polls two machines sit, and one of them keeps the time. First: not both. Then one of them comes with a timer that
/// is earlier than the other, who may sleep already, knows of. Then one goes for good while a timer is armed from outside.
#[test]
fn one_keeper_of_the_time() {
    let two = || Seat::new(vec![Box::new(ThreadDriver::new()), Box::new(ThreadDriver::new())]);
    model(UNBOUNDED, move || {
        let shared = Arc::new((two(), AtomicUsize::new(0)));
        let sit = |(seat, keepers): &(Seat, AtomicUsize), poller: usize| {
            let seated = seat.try_sit(poller).expect("nobody else is in it");
            if seated.keeps_time() {
                // Ordering: AcqRel; any would do for a count.
                assert_eq!(keepers.fetch_add(1, Ordering::AcqRel), 0, "two keep the time");
                assert_eq!(seat.sitter(), Sitter::Awake, "the role is ours until we drop it");
                keepers.fetch_sub(1, Ordering::AcqRel);
            }
        };
        let other = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || sit(&shared, 1))
        };
        sit(&shared, 0);
        assert!(other.join().is_ok());
    });
    model(3, move || {
        let shared = Arc::new((two(), AtomicU64::new(u64::MAX), AtomicBool::new(false)));
        // Until the timer is due, or somebody has fired it.
        let sit = |(seat, min, fired): &(Seat, AtomicU64, AtomicBool), poller: usize| {
            loop {
                let mut seated = seat.try_sit(poller).expect("nobody else is in it");
                // Ordering: Relaxed, as `Timers::min_when`.
                assert!(seated.sleep(|| NOW, || min.load(Ordering::Relaxed)).is_ok());
                drop(seated);
                // Ordering: Acquire pairs with the store below.
                if fired.load(Ordering::Acquire) {
                    return;
                }
                // Ordering: Relaxed, as above.
                if min.load(Ordering::Relaxed) <= NOW {
                    // Ordering: Release pairs with the load above.
                    fired.store(true, Ordering::Release);
                    seat.pollers().iter().for_each(|poller| poller.unpark());
                    return;
                }
            }
        };
        let early = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                // A machine's own timer, of which it tells nobody before it sleeps.
                // Ordering: Relaxed, as `Timers` publishes it.
                shared.1.store(NOW, Ordering::Relaxed);
                sit(&shared, 1);
            })
        };
        sit(&shared, 0);
        assert!(early.join().is_ok());
    });
    model(2, move || {
        let shared = Arc::new((two(), AtomicU64::new(u64::MAX)));
        // Who is sent for sits down again, and takes the role.
        let tell = |(seat, min): &(Seat, AtomicU64)| match seat.sitter() {
            // Ordering: Relaxed, as `Timers::min_when`; behind the fence in `sitter`.
            Sitter::AsleepUntil(until) if min.load(Ordering::Relaxed) < until => seat.unpark(),
            Sitter::Nobody => seat.pollers()[1].unpark(),
            Sitter::AsleepUntil(_) | Sitter::Awake => {}
        };
        let goes = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let (seat, min) = &*shared;
                let mut seated = seat.try_sit(0).expect("nobody else is in it");
                // Ordering: Relaxed, as above.
                assert!(seated.sleep(|| NOW, || min.load(Ordering::Relaxed)).is_ok());
                drop(seated);
                tell(&shared);
            })
        };
        let armer = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                // Ordering: Relaxed, as `Timers` publishes it; the fence in `sitter` follows.
                shared.1.store(NOW, Ordering::Relaxed);
                tell(&shared);
                shared.0.pollers()[0].unpark();
            })
        };
        let (seat, min) = &*shared;
        loop {
            let mut seated = seat.try_sit(1).expect("nobody else is in it");
            // Ordering: Relaxed, as above.
            assert!(seated.sleep(|| NOW, || min.load(Ordering::Relaxed)).is_ok());
            drop(seated);
            // Ordering: Relaxed, as above.
            if min.load(Ordering::Relaxed) <= NOW {
                break;
            }
        }
        for thread in [goes, armer] {
            assert!(thread.join().is_ok());
        }
    });
}

/// The clock stands, and the keeper of the time sleeps without a limit, because something holds the clock: the end of a
/// closure, or somebody who lets the clock go on, ends that sleep.
#[test]
fn stopped_clock_vs_sitter_falling_asleep() {
    model(UNBOUNDED, || {
        let shared = Arc::new((seat(), AtomicBool::new(true)));
        let other = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let (seat, held) = &*shared;
                // Ordering: Relaxed; the fence in `ring` follows. In the runtime there is a lock around it.
                held.store(false, Ordering::Relaxed);
                seat.ring();
            })
        };
        let (seat, held) = &*shared;
        // Ordering: Relaxed; the fence in `sleep_within` comes before the question.
        sit_until_free(seat, || !held.load(Ordering::Relaxed));
        assert!(other.join().is_ok());
    });
    model(UNBOUNDED, || {
        let shared = Arc::new((seat(), RuntimeClock::new()));
        assert_eq!(shared.1.pause(), Ok(()));
        let other = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let (seat, clock) = &*shared;
                assert_eq!(clock.resume(), Ok(()));
                seat.ring();
            })
        };
        let (seat, clock) = &*shared;
        sit_until_free(seat, || clock.standing_at().is_none());
        assert!(other.join().is_ok());
    });
}

/// Sits, turn after turn, with a timer that is not due, until nothing holds the clock.
fn sit_until_free(seat: &Seat, is_free: impl Fn() -> bool) {
    loop {
        let mut seated = seat.try_sit(0).expect("nobody else sits");
        let limit = |until| {
            assert_eq!(until, LATER);
            is_free().then_some(Duration::ZERO)
        };
        assert!(seated.sleep_within(|| NOW, || LATER, limit).is_ok());
        drop(seated);
        if is_free() {
            return;
        }
    }
}

/// A closure ends while the keeper of the time falls asleep, wakes up, or looks whether it may move the clock: before the
/// clock moves, the joiner runs.
#[test]
fn no_jump_before_a_joiner_runs() {
    model(UNBOUNDED, || {
        let shared = Arc::new((seat(), Parker::new(), Mutex::new(1)));
        let closure = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let (seat, joiner, running) = &*shared;
                // The order of `BlockingPool::work`.
                if let Unparked::Elsewhere(poller) = joiner.unpark() {
                    seat.pollers()[poller].unpark();
                }
                *running.lock() -= 1;
                seat.ring();
            })
        };
        let (seat, parker, running) = &*shared;
        let is_quiet = || *running.lock() == 0;
        // A ring that came for something else ends the first sleep.
        seat.pollers()[0].unpark();
        while parker.leave(0) == Parked::TimedOut {
            let mut seated = seat.try_sit(0).expect("nobody else sits");
            assert!(seated.sleep_within(|| NOW, || LATER, |_| is_quiet().then_some(Duration::ZERO)).is_ok());
            let (quiet, token) = parker.come_back_after(is_quiet);
            drop(seated);
            if token == Parked::Notified {
                break;
            }
            assert!(!quiet, "the clock would move while the joiner is runnable");
        }
        assert!(closure.join().is_ok());
    });
}

mutants! {
    stopped_clock_vs_sitter_falling_asleep: [
        "seat-change-unrung", "seat-limit-unpublished", "seat-no-armer-fence", "seat-no-sitter-fence"
    ];
    no_jump_before_a_joiner_runs: ["seat-token-before-rest"];
    one_keeper_of_the_time: ["seat-role-load-store", "seat-keeper-trusted"];
    earlier_timer_vs_poller_falling_asleep: ["seat-no-armer-fence", "seat-no-sitter-fence", "seat-no-second-look"];
    poller_seat_unique_and_never_lost: [
        "seat-take-load-store", "seat-take-relaxed", "seat-never-freed", "seat-unpark-kept"
    ];
    wake_reaches_the_sitter: ["seat-unpark-kept", "seat-leave-ignores-token", "seat-sitter-not-rung"];
}
