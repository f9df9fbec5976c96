//! The timers on real threads, and against a sorted map.
//!
//! The interleavings are loom's to check; here are the rules that one thread sees, the bounds that need many timers, and
//! a stress of the real build.

use super::*;
use crate::sync::{Arc, AtomicBool, thread};
use crate::time::testing::{Flag, waker};
use proptest::prelude::*;

const ALL: usize = usize::MAX;

fn armed(timers: &Timers, when: u64) -> (Timer, Flag) {
    let flag = Flag::default();
    let mut timer = Timer::new();
    assert_ne!(timers.arm(&mut timer, when, waker(&flag)), Armed::Closed);
    (timer, flag)
}

fn cancel(timer: &mut Timer) -> bool {
    matches!(timer.cancel(), Cancel::Prevented(Some(_)))
}

#[test]
fn fires_what_is_due_and_says_what_is_next() {
    let timers = Timers::new();
    assert_eq!((timers.min_when(), timers.len()), (u64::MAX, 0));
    let mut timer = Timer::new();
    let flag = Flag::default();
    assert_eq!(timer.status(), Status::Idle);
    assert_eq!(timers.arm(&mut timer, 20, waker(&flag)), Armed::Earliest);
    let mut other = Timer::new();
    assert_eq!(timers.arm(&mut other, 30, waker(&flag)), Armed::Later);
    assert_eq!((timers.min_when(), timers.len()), (20, 2));
    assert_eq!(timers.fire(19, ALL), Fired { count: 0, next: 20, more: false });
    assert_eq!((timer.status(), flag.wakes()), (Status::Armed, 0));
    assert_eq!(timers.fire(20, ALL), Fired { count: 1, next: 30, more: false });
    assert_eq!((timer.status(), other.status(), flag.wakes()), (Status::Fired, Status::Armed, 1));
    assert!(!cancel(&mut timer));
    assert!(cancel(&mut other));
    assert_eq!(timers.fire(u64::MAX, ALL), Fired { count: 0, next: u64::MAX, more: false });
    assert_eq!((flag.wakes(), flag.wakers(), timers.len()), (1, 0, 0));
}

#[test]
fn a_storm_is_cut_at_the_limit() {
    let timers = Timers::new();
    let all: Vec<_> = (0..1000).map(|when| armed(&timers, when)).collect();
    assert_eq!(timers.fire(999, 300), Fired { count: 300, next: 300, more: true });
    assert_eq!(timers.try_fire(999, 0), Some(Fired { count: 0, next: 300, more: true }));
    assert_eq!(timers.fire(599, ALL), Fired { count: 300, next: 600, more: false });
    assert_eq!(timers.try_fire(5000, 400), Some(Fired { count: 400, next: u64::MAX, more: false }));
    assert!(all.iter().all(|(timer, flag)| timer.status() == Status::Fired && flag.wakes() == 1 && flag.wakers() == 0));
}

#[cfg(feature = "stats")]
#[test]
fn it_is_told_how_late_they_fire() {
    let timers = Timers::new();
    let (mut moved, _flag) = armed(&timers, 20);
    let _early = armed(&timers, 30);
    let (mut gone, _other) = armed(&timers, 31);
    assert!(moved.postpone(90) && cancel(&mut gone));
    assert_eq!(timers.fire(50, ALL).count, 1);
    assert_eq!(timers.try_fire(100, ALL).map(|fired| fired.count), Some(1));
    let seen = timers.lateness();
    assert_eq!(
        (seen.count(), seen.sum, seen.max),
        (2, 20 + 10, 20),
        "by the deadline as it was moved, and no cancelled one"
    );
}

#[test]
fn cancelled_timers_do_not_pile_up_and_their_entries_are_used_again() {
    let timers = Timers::new();
    let live: Vec<_> = (0..10).map(|when| armed(&timers, 1_000_000 + when)).collect();
    let bound = 2 * live.len() + policy::TIMERS_CLEAN_SLACK;
    for when in 0..10_000 {
        let (mut timer, flag) = armed(&timers, 2_000_000 + when);
        assert!(cancel(&mut timer));
        assert_eq!((flag.wakes(), flag.wakers()), (0, 0), "a cancel drops its waker at once");
        assert!(timers.len() <= bound, "{} timers where {} live", timers.len(), live.len());
    }
    assert!(timers.inner.lock().spare.len() <= bound);
    assert_eq!(timers.fire(u64::MAX, ALL).count, live.len());
}

#[test]
fn a_hundred_thousand_sleepers_all_wake() {
    let timers = Timers::new();
    let flag = Flag::default();
    let waker = waker(&flag);
    let sleepers: Vec<_> = (0..100_000u64)
        .map(|number| {
            let mut timer = Timer::new();
            let _ = timers.arm(&mut timer, number * 7919 % 100_003, waker.clone());
            timer
        })
        .collect();
    assert_eq!(timers.len(), sleepers.len());
    let mut woken = 0;
    for now in (0..=100_003).step_by(1000) {
        woken += timers.fire(now, ALL).count;
    }
    woken += timers.fire(100_003, ALL).count;
    assert_eq!((woken, flag.wakes(), timers.len()), (sleepers.len(), sleepers.len(), 0));
}

#[test]
fn a_later_deadline_moves_the_timer_and_an_earlier_one_is_refused() {
    let timers = Timers::new();
    let (mut timer, flag) = armed(&timers, 10);
    assert!(timer.postpone(50));
    assert!(!timer.postpone(49));
    assert_eq!(timer.when(), 50);
    assert_eq!(timers.min_when(), 10, "the heap does not know yet");
    assert_eq!(timers.fire(49, ALL), Fired { count: 0, next: 50, more: false });
    assert!(timer.postpone(60));
    assert_eq!(timers.fire(60, ALL), Fired { count: 1, next: u64::MAX, more: false });
    assert!(!timer.postpone(70), "it has fired");
    assert_eq!(flag.wakes(), 1);
    assert!(!Timer::new().postpone(1));
}

#[test]
fn the_last_waker_registered_is_the_one_that_rings() {
    let timers = Timers::new();
    let (mut timer, first) = armed(&timers, 10);
    let second = Flag::default();
    let waker = waker(&second);
    assert_eq!(timer.poll(&waker), Status::Armed);
    assert_eq!(timer.poll(&waker), Status::Armed);
    assert_eq!(first.wakers(), 0);
    assert!(timer.postpone(20));
    assert_eq!(timers.fire(20, ALL).count, 1);
    assert_eq!((first.wakes(), second.wakes(), timer.poll(&waker)), (0, 1, Status::Fired));
    // The same entry, another life.
    let entry = format!("{timer:?}");
    assert_eq!(timers.arm(&mut timer, 30, waker.clone()), Armed::Earliest);
    assert_eq!(entry.split(',').next(), format!("{timer:?}").split(',').next());
    assert_eq!(timers.fire(30, ALL).count, 1);
    assert_eq!(second.wakes(), 2);
}

#[test]
fn shutdown_tells_who_waits_and_takes_no_more() {
    let timers = Timers::new();
    let (waiting, told) = armed(&timers, 10);
    let (mut gone, untold) = armed(&timers, 20);
    assert!(cancel(&mut gone));
    timers.clear();
    assert_eq!((waiting.status(), told.wakes(), told.wakers()), (Status::Closed, 1, 0));
    assert_eq!((untold.wakes(), timers.len(), timers.min_when()), (0, 0, u64::MAX));
    let mut late = Timer::new();
    let flag = Flag::default();
    assert_eq!(timers.arm(&mut late, 1, waker(&flag)), Armed::Closed);
    assert_eq!((late.status(), flag.wakers()), (Status::Idle, 0));
    let mut waiting = waiting;
    assert_eq!(timers.arm(&mut waiting, 1, waker(&flag)), Armed::Closed);
    assert_eq!(waiting.status(), Status::Idle);
    timers.clear();
}

#[test]
fn a_timer_outlives_its_heap() {
    let timers = Timers::new();
    let (mut timer, flag) = armed(&timers, 10);
    drop(timers);
    assert_eq!((timer.status(), flag.wakes()), (Status::Closed, 1));
    assert!(!timer.postpone(20));
    assert!(!cancel(&mut timer));
}

#[test]
fn a_deadline_beyond_the_word_is_cut_and_still_armed() {
    let timers = Timers::new();
    let (timer, _flag) = armed(&timers, u64::MAX);
    assert_eq!((timers.min_when(), timer.status()), (FAR_FUTURE, Status::Armed));
}

#[derive(Clone, Debug)]
enum Step {
    Arm(usize, u64),
    Cancel(usize),
    Postpone(usize, u64),
    Poll(usize),
    Fire(u64, usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0usize..12, 0u64..60).prop_map(|(slot, when)| Step::Arm(slot, when)),
        2 => (0usize..12).prop_map(Step::Cancel),
        2 => (0usize..12, 0u64..80).prop_map(|(slot, when)| Step::Postpone(slot, when)),
        1 => (0usize..12).prop_map(Step::Poll),
        2 => (0u64..60, 0usize..6).prop_map(|(now, limit)| Step::Fire(now, limit)),
    ]
}

proptest! {
    /// Against a list of deadlines: what fires, what a cancel says, and a minimum that is never late.
    #[test]
    fn behaves_as_a_list_of_deadlines(steps in proptest::collection::vec(step(), 0..400)) {
        let timers = Timers::new();
        let mut slots: Vec<(Timer, Flag)> = (0..12).map(|_| (Timer::new(), Flag::default())).collect();
        let mut model: Vec<Option<u64>> = vec![None; 12];
        let mut wakes = [0; 12];
        for step in steps {
            match step {
                Step::Arm(slot, when) => {
                    let (timer, flag) = &mut slots[slot];
                    prop_assert_ne!(timers.arm(timer, when, waker(flag)), Armed::Closed);
                    model[slot] = Some(when);
                }
                Step::Cancel(slot) => {
                    prop_assert_eq!(cancel(&mut slots[slot].0), model[slot].take().is_some());
                }
                Step::Postpone(slot, when) => {
                    let later = model[slot].is_some_and(|deadline| when >= deadline);
                    prop_assert_eq!(slots[slot].0.postpone(when), later);
                    if later {
                        model[slot] = Some(when);
                    }
                }
                Step::Poll(slot) => {
                    let (timer, flag) = &mut slots[slot];
                    prop_assert_eq!(timer.poll(&waker(flag)) == Status::Armed, model[slot].is_some());
                }
                Step::Fire(now, limit) => {
                    // A limited visit fires some of what is due; the whole visit after it the rest.
                    let some = timers.fire(now, limit);
                    prop_assert!(some.count <= limit);
                    let rest = timers.fire(now, ALL);
                    prop_assert!(!rest.more && rest.next > now);
                    prop_assert!(some.more || rest.count == 0);
                    let mut due = 0;
                    for (slot, deadline) in model.iter_mut().enumerate() {
                        if deadline.is_some_and(|deadline| deadline <= now) {
                            *deadline = None;
                            wakes[slot] += 1;
                            due += 1;
                        }
                    }
                    prop_assert_eq!(some.count + rest.count, due);
                }
            }
            let least = model.iter().flatten().min().copied().unwrap_or(u64::MAX);
            prop_assert!(timers.min_when() <= least);
            for (slot, (timer, flag)) in slots.iter().enumerate() {
                prop_assert_eq!(timer.status() == Status::Armed, model[slot].is_some());
                prop_assert_eq!(flag.wakes(), wakes[slot]);
                prop_assert_eq!(flag.wakers(), usize::from(model[slot].is_some()));
            }
        }
    }
}

/// Threads arm, move and cancel in each other's heaps while thieves fire: every timer ends once.
#[test]
fn stress_of_the_real_build() {
    const ROUNDS: u64 = 4_000;
    let heaps: Arc<Vec<Timers>> = Arc::new((0..2).map(|_| Timers::new()).collect());
    let done = Arc::new(AtomicBool::new(false));
    let thieves: Vec<_> = (0..2)
        .map(|first| {
            let (heaps, done) = (Arc::clone(&heaps), Arc::clone(&done));
            thread::spawn(move || {
                let mut fired = 0;
                let mut now = 0;
                while !done.load(Ordering::Acquire) {
                    now = (now + 7) % 100;
                    for heap in heaps.iter().cycle().skip(first).take(2) {
                        fired += heap.try_fire(now, 16).map_or(0, |fired| fired.count);
                    }
                }
                fired
            })
        })
        .collect();
    let futures: Vec<_> = (0..2u64)
        .map(|seed| {
            let heaps = Arc::clone(&heaps);
            thread::spawn(move || {
                let mut ended = 0;
                let mut live: Vec<(Timer, Flag)> = Vec::new();
                for round in 0..ROUNDS {
                    let heap = &heaps[((round * 31 + seed) % 2) as usize];
                    live.push(armed(heap, (round * 17 + seed) % 100));
                    if live.len() > 20 {
                        let (mut timer, flag) = live.swap_remove((round * 13 % 20) as usize);
                        let other = Flag::default();
                        let _ = timer.poll(&waker(&other));
                        let _ = timer.postpone(timer.when() + round % 3);
                        let prevented = cancel(&mut timer);
                        assert!(!prevented || flag.wakes() + other.wakes() == 0);
                        ended += usize::from(!prevented);
                    }
                }
                for (mut timer, _) in live {
                    ended += usize::from(!cancel(&mut timer));
                }
                ended
            })
        })
        .collect();
    let ended: usize = futures.into_iter().map(|future| future.join().unwrap()).sum();
    done.store(true, Ordering::Release);
    let fired: usize = thieves.into_iter().map(|thief| thief.join().unwrap()).sum();
    assert_eq!(fired, ended, "what the futures saw ended is what was fired");
    assert_eq!(heaps.iter().map(|heap| heap.fire(u64::MAX, ALL).count).sum::<usize>(), 0, "nothing is left");
}
