//! Models of the timers: a future's side and the heap's side that meet in one word.
//!
//! The main thread is the future: it owns the `Timer`, arms, polls, postpones and cancels it, after the others have been
//! spawned. The others are who may hold the heap: its processor, a thief, the shutdown. The oracle is a
//! [`Bell`](gumption_loom_tests::bell::Bell): how often it rang, and how many wakers of it exist. That an entry is freed
//! once, and not before both sides are done, is what `timer/presence.rs` makes visible to loom.
//!
//! A heap's mutex hides orderings, as every mutex does: the waker that a timer is armed with is published by it. Only
//! wakers registered later, and the entry's memory, travel by the word alone, so the orderings' mutants are caught there.
#![cfg(gumption_loom)]

use gumption_core::internals::{Armed, Cancel, RuntimeClock, Status, Timer, Timers};
use gumption_core::sync::{Arc, thread};
use gumption_loom_tests::bell::bell;
use gumption_loom_tests::{UNBOUNDED, model, mutants};
use std::task::Waker;

const DUE: u64 = 10;
const ALL: usize = 8;

fn spawn(timers: &Arc<Timers>, body: impl FnOnce(&Timers) + 'static) -> thread::JoinHandle<()> {
    let timers = Arc::clone(timers);
    thread::spawn(move || body(&timers))
}

/// Cancels; whether that came first. The waker that it brings back is dropped.
fn cancel(timer: &mut Timer) -> bool {
    match timer.cancel() {
        Cancel::Prevented(waker) => {
            assert!(waker.is_some(), "an armed timer had a waker");
            true
        }
        Cancel::TooLate => false,
    }
}

/// A processor and a thief fire, the future cancels: one of them ends the timer.
#[test]
fn timer_fire_vs_cancel_vs_steal() {
    model(3, || {
        let timers = Arc::new(Timers::new());
        let owner = spawn(&timers, |timers| {
            let _ = timers.fire(DUE, ALL);
        });
        let thief = spawn(&timers, |timers| {
            let _ = timers.try_fire(DUE, ALL);
        });
        let (bell, waker) = bell();
        let mut timer = Timer::new();
        let armed = timers.arm(&mut timer, DUE, waker);
        assert_eq!(armed, Armed::Earliest);
        let seen = timer.status();
        let prevented = cancel(&mut timer);
        assert!(!(prevented && seen == Status::Fired), "a cancel takes back what has happened");
        owner.join().unwrap();
        thief.join().unwrap();
        assert_eq!(bell.rings(), usize::from(!prevented), "it fires once, or a cancel was first");
        let _ = timers.fire(DUE, ALL);
        assert_eq!(bell.rings(), usize::from(!prevented), "nothing fires after");
    });
}

/// Two threads arm in one heap while a third fires: the published minimum covers whatever is armed.
#[test]
fn min_when_never_late() {
    model(3, || {
        let timers = Arc::new(Timers::new());
        let other = spawn(&timers, |timers| {
            let mut timer = Timer::new();
            let (_bell, waker) = bell();
            let armed = timers.arm(&mut timer, 20, waker);
            assert_ne!(armed, Armed::Closed);
            assert!(timers.min_when() <= 20);
            assert!(cancel(&mut timer));
        });
        let owner = spawn(&timers, |timers| {
            let fired = timers.fire(5, ALL);
            assert!(!fired.more);
        });
        let mut timer = Timer::new();
        let (bell, waker) = bell();
        let armed = timers.arm(&mut timer, DUE, waker);
        assert_ne!(armed, Armed::Closed);
        assert!(timers.min_when() <= DUE, "published no later than armed");
        other.join().unwrap();
        owner.join().unwrap();
        assert!(timers.min_when() <= DUE, "an older minimum does not overwrite a newer one");
        let fired = timers.fire(DUE, ALL);
        assert_eq!((fired.count, bell.rings()), (1, 1));
    });
}

/// The future changes its waker while the timer fires: the new one rings, or the future is told.
#[test]
fn timer_register_vs_fire() {
    model(UNBOUNDED, || {
        let timers = Arc::new(Timers::new());
        let owner = spawn(&timers, |timers| {
            let _ = timers.fire(DUE, ALL);
        });
        let (first, waker) = bell();
        let mut timer = Timer::new();
        let armed = timers.arm(&mut timer, DUE, waker);
        assert_eq!(armed, Armed::Earliest);
        let (second, waker) = bell();
        let told = match timer.poll(&waker) {
            Status::Armed => false,
            Status::Fired => true,
            other => panic!("the timer is {other:?}"),
        };
        drop(waker);
        owner.join().unwrap();
        // The owner may have come before the timer.
        let _ = timers.fire(DUE, ALL);
        assert_eq!(timer.status(), Status::Fired);
        assert!(told || second.rings() == 1, "a registered waker rings");
        assert!(first.rings() + second.rings() <= 1);
        assert!(!cancel(&mut timer));
    });
}

/// The future puts the deadline off while the timer fires: a deadline that was put off does not fire before its time.
#[test]
fn timer_postpone_vs_fire() {
    model(UNBOUNDED, || {
        let timers = Arc::new(Timers::new());
        let owner = spawn(&timers, |timers| {
            let _ = timers.fire(DUE, ALL);
        });
        let (bell, waker) = bell();
        let mut timer = Timer::new();
        let armed = timers.arm(&mut timer, DUE, waker);
        assert_eq!(armed, Armed::Earliest);
        let postponed = timer.postpone(DUE + 1);
        owner.join().unwrap();
        let _ = timers.fire(DUE, ALL);
        assert_eq!(timer.status() == Status::Fired, !postponed);
        let fired = timers.fire(DUE + 1, ALL);
        assert_eq!(fired.count, usize::from(postponed));
        assert_eq!(bell.rings(), 1, "it fires once");
    });
}

/// The runtime shuts down while the future goes away: the entry is freed once, and its waker.
#[test]
fn timer_close_vs_cancel() {
    model(UNBOUNDED, || {
        let timers = Arc::new(Timers::new());
        let shutdown = spawn(&timers, Timers::clear);
        let (bell, waker) = bell();
        let mut timer = Timer::new();
        let armed = timers.arm(&mut timer, DUE, waker);
        let seen = timer.status();
        let prevented = cancel(&mut timer);
        if armed == Armed::Closed {
            assert!(seen == Status::Idle && !prevented);
        }
        shutdown.join().unwrap();
        assert_eq!(bell.rings(), usize::from(armed != Armed::Closed && !prevented), "who still waits is told");
        assert_eq!((timers.len(), timers.min_when()), (0, u64::MAX));
    });
}

/// An entry whose future has left becomes another timer's on another thread, with all that was done to it behind it.
#[test]
fn timer_entry_reuse_vs_cancel() {
    model(UNBOUNDED, || {
        let timers = Arc::new(Timers::new());
        let owner = spawn(&timers, |timers| {
            let _ = timers.fire(DUE, ALL);
            let (bell, waker) = bell();
            let mut timer = Timer::new();
            let armed = timers.arm(&mut timer, DUE, waker);
            assert_ne!(armed, Armed::Closed);
            assert!(cancel(&mut timer));
            assert_eq!(bell.rings(), 0);
        });
        let (bell, waker) = bell();
        let mut timer = Timer::new();
        let armed = timers.arm(&mut timer, DUE, waker);
        assert_ne!(armed, Armed::Closed);
        let _ = timer.status();
        let prevented = cancel(&mut timer);
        owner.join().unwrap();
        assert_eq!(bell.rings(), usize::from(!prevented));
    });
}

/// A clock that stands jumps to the earliest timer while another thread arms an earlier one: if that was armed before its
/// time by the clock, the clock stops there.
#[test]
fn a_jump_passes_no_armed_timer() {
    model(UNBOUNDED, || {
        let shared = Arc::new((Timers::new(), RuntimeClock::new()));
        let (timers, clock) = &*shared;
        assert_eq!(clock.pause(), Ok(()));
        let start = clock.now();
        let (early, late) = (start + 5, start + 10);
        let mut last = Timer::new();
        assert_eq!(timers.arm(&mut last, late, Waker::noop().clone()), Armed::Earliest);
        let armer = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let (timers, clock) = &*shared;
                let mut timer = Timer::new();
                assert_ne!(timers.arm(&mut timer, early, Waker::noop().clone()), Armed::Closed);
                (timer, clock.now())
            })
        };
        let mut stops = Vec::new();
        while last.status() == Status::Armed {
            assert!(timers.at_earliest(|when| clock.jump(when)));
            let now = clock.now();
            stops.push(now);
            let _ = timers.fire(now, ALL);
        }
        let (timer, armed_at) = armer.join().unwrap();
        let _ = timers.fire(clock.now(), ALL);
        assert_eq!((timer.status(), clock.now()), (Status::Fired, late), "due at once, if it came too late");
        assert!(armed_at >= early || stops.contains(&early), "the clock passed an armed timer");
    });
}

mutants! {
    a_jump_passes_no_armed_timer: ["timer-jump-unlocked"];
    timer_fire_vs_cancel_vs_steal: ["timer-cancel-load-store"];
    min_when_never_late: ["timer-min-published-late"];
    timer_register_vs_fire: ["timer-register-no-recheck", "timer-register-relaxed", "timer-fire-relaxed"];
    timer_postpone_vs_fire: ["timer-postpone-load-store"];
    timer_close_vs_cancel: ["timer-refs-relaxed", "timer-release-relaxed", "timer-cancel-load-store"];
    timer_entry_reuse_vs_cancel: ["timer-bury-relaxed", "timer-refs-relaxed"];
}
