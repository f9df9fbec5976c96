//! The rules of sleeps, timeouts and intervals, in a home whose clock stands still.
//!
//! Deadlines lie an hour away from the present, so that the real clock, where the code reads it, cannot matter.

use super::testing::{Flag, Place, waker};
use super::*;
use crate::coop;
use crate::home::set_home;
use std::future::{Future, pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::Ordering::SeqCst;
use std::task::{Context, Poll};

const HOUR: Duration = Duration::from_secs(3600);
const SECOND: Duration = Duration::from_secs(1);

/// Polls with the waker of `flag`.
fn poll<F: Future>(future: Pin<&mut F>, flag: &Flag) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(&waker(flag)))
}

fn panic_of(body: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(body)).expect_err("it panics");
    let literal = panic.downcast_ref::<&str>().map(ToString::to_string);
    literal.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

#[test]
fn a_sleep_waits_and_wakes() {
    let place = Place::new();
    let _home = set_home(&place);
    let flag = Flag::default();
    let mut nap = pin!(sleep(HOUR));
    assert_eq!(place.timers.len(), 0, "nothing is armed before the first poll");
    assert!(poll(nap.as_mut(), &flag).is_pending());
    assert_eq!((place.armed.load(SeqCst), place.earliest.load(SeqCst), place.timers.len()), (1, 1, 1));
    assert_eq!(place.advance(HOUR / 2).count, 0);
    assert!(!nap.is_elapsed());
    assert_eq!(place.advance(HOUR).count, 1);
    assert!(nap.is_elapsed());
    assert_eq!(flag.wakes(), 1);
    assert!(poll(nap.as_mut(), &flag).is_ready());
    assert!(poll(nap.as_mut(), &flag).is_ready(), "and stays so");
    assert_eq!(place.cancelled.load(SeqCst), 0);
}

#[test]
fn what_is_past_is_ready_at_the_first_poll() {
    let place = Place::new();
    let _home = set_home(&place);
    let flag = Flag::default();
    assert!(poll(pin!(sleep(Duration::ZERO)), &flag).is_ready());
    assert!(poll(pin!(sleep_until(Instant::now())), &flag).is_ready());
    let mut nap = pin!(sleep(HOUR));
    let _ = place.advance(2 * HOUR);
    assert!(poll(nap.as_mut(), &flag).is_ready());
    assert!(nap.is_elapsed());
    assert_eq!((place.armed.load(SeqCst), flag.wakes()), (0, 0));
    let mut never = pin!(sleep(Duration::MAX));
    assert!(poll(never.as_mut(), &flag).is_pending());
}

#[test]
fn dropping_a_sleep_cancels_it() {
    let place = Place::new();
    let _home = set_home(&place);
    let flag = Flag::default();
    {
        let mut nap = pin!(sleep(HOUR));
        assert!(poll(nap.as_mut(), &flag).is_pending());
        assert_eq!(flag.wakers(), 1);
    }
    assert_eq!((place.cancelled.load(SeqCst), flag.wakers()), (1, 0));
    assert_eq!(place.advance(2 * HOUR).count, 0);
    drop(sleep(HOUR));
    assert_eq!(place.cancelled.load(SeqCst), 1, "one that was never armed does not count");
}

#[test]
fn a_reset_moves_the_deadline_without_a_poll() {
    let place = Place::new();
    let _home = set_home(&place);
    let flag = Flag::default();
    let start = Instant::now();
    let mut nap = pin!(sleep_until(start + 4 * HOUR));
    assert!(poll(nap.as_mut(), &flag).is_pending());
    nap.as_mut().reset(start + 6 * HOUR);
    assert_eq!((nap.deadline(), place.armed.load(SeqCst)), (start + 6 * HOUR, 1));
    assert_eq!(place.advance(5 * HOUR).count, 0);
    nap.as_mut().reset(start + 8 * HOUR);
    nap.as_mut().reset(start + 7 * HOUR);
    assert_eq!((place.armed.load(SeqCst), place.cancelled.load(SeqCst)), (2, 1));
    assert_eq!((place.advance(2 * HOUR + SECOND).count, flag.wakes()), (1, 1));
    nap.as_mut().reset(start + 9 * HOUR);
    assert!(!nap.is_elapsed());
    assert!(poll(nap.as_mut(), &flag).is_pending());
    assert_eq!((place.advance(2 * HOUR).count, flag.wakes()), (1, 2));
    assert!(poll(nap.as_mut(), &flag).is_ready());
}

#[test]
fn an_earlier_deadline_set_outside_the_runtime_wakes_the_task_to_arm_it() {
    let place = Place::new();
    let flag = Flag::default();
    let start = Instant::now();
    let home = set_home(&place);
    let mut nap = pin!(sleep_until(start + 2 * HOUR));
    assert!(poll(nap.as_mut(), &flag).is_pending());
    drop(home);
    nap.as_mut().reset(start + HOUR);
    assert_eq!((flag.wakes(), flag.wakers()), (1, 0));
    let _home = set_home(&place);
    assert!(poll(nap.as_mut(), &flag).is_pending());
    assert_eq!(place.advance(HOUR + SECOND).count, 1);
    assert!(poll(nap.as_mut(), &flag).is_ready());
}

#[test]
fn without_a_runtime_it_says_so() {
    assert!(panic_of(|| drop(sleep(HOUR))).contains("must be called from the context of a Tokio 1.x runtime"));
    assert!(panic_of(|| drop(timeout(HOUR, ready(())))).contains("there is no reactor running"));
    let place = Place::new();
    let mut nap = {
        let _home = set_home(&place);
        Box::pin(sleep(HOUR))
    };
    assert!(
        panic_of(|| assert!(poll(nap.as_mut(), &Flag::default()).is_pending())).contains("there is no reactor running")
    );
}

#[test]
fn a_sleep_outlives_its_runtime() {
    let flag = Flag::default();
    let place = Place::new();
    let home = set_home(&place);
    let mut nap = Box::pin(sleep(HOUR));
    let mut other = Box::pin(sleep(HOUR));
    assert!(poll(nap.as_mut(), &flag).is_pending());
    assert!(poll(other.as_mut(), &flag).is_pending());
    place.timers.clear();
    assert_eq!(flag.wakes(), 2, "who sleeps is woken to hear of it");
    assert!(panic_of(|| assert!(poll(nap.as_mut(), &flag).is_pending())).contains("being shutdown"));
    let mut late = Box::pin(sleep(HOUR));
    assert!(panic_of(|| assert!(poll(late.as_mut(), &flag).is_pending())).contains("being shutdown"));
    drop(home);
    drop(place);
    drop(other);
    nap.as_mut().reset(Instant::now());
    drop(nap);
}

#[test]
fn a_sleep_takes_part_in_the_budget() {
    let place = Place::new();
    let _home = set_home(&place);
    let flag = Flag::default();
    coop::begin();
    let mut naps = 0;
    while poll(pin!(sleep(Duration::ZERO)), &flag).is_ready() {
        naps += 1;
    }
    assert_eq!((naps, flag.wakes()), (usize::from(crate::policy::COOP_BUDGET), 1));
    assert!(coop::end());
}

#[test]
fn a_timeout_prefers_the_value_and_ends_the_rest() {
    let place = Place::new();
    let _home = set_home(&place);
    let flag = Flag::default();
    assert_eq!(poll(pin!(timeout(Duration::ZERO, ready(7))), &flag), Poll::Ready(Ok(7)));
    assert!(matches!(poll(pin!(timeout(Duration::ZERO, pending::<()>())), &flag), Poll::Ready(Err(_))));
    let mut late = pin!(timeout_at(Instant::now() + HOUR, pending::<()>()));
    assert!(poll(late.as_mut(), &flag).is_pending());
    let _ = place.advance(HOUR + SECOND);
    let Poll::Ready(Err(elapsed)) = poll(late.as_mut(), &flag) else { panic!("the deadline has passed") };
    assert_eq!(elapsed.to_string(), "deadline has elapsed");
    assert_eq!(std::io::Error::from(elapsed).kind(), std::io::ErrorKind::TimedOut);
    let mut held = timeout(HOUR, ready(1));
    *held.get_mut() = ready(2);
    assert_eq!(poll(pin!(held.into_inner()), &flag), Poll::Ready(2));
}

#[test]
fn a_future_that_eats_the_budget_still_times_out() {
    let place = Place::new();
    let _home = set_home(&place);
    let flag = Flag::default();
    let greedy = async {
        loop {
            coop::consume_budget().await;
        }
    };
    let mut greedy = pin!(timeout(HOUR, greedy));
    coop::begin();
    assert!(poll(greedy.as_mut(), &flag).is_pending());
    assert!(coop::end());
    assert_eq!(place.timers.len(), 1, "the deadline was armed in the poll that used up the budget");
    let _ = place.advance(HOUR + SECOND);
    coop::begin();
    assert!(matches!(poll(greedy.as_mut(), &flag), Poll::Ready(Err(_))));
    coop::end();
}

#[test]
fn an_interval_ticks_on_its_grid_with_one_entry() {
    let place = Place::new();
    let _home = set_home(&place);
    let flag = Flag::default();
    let start = Instant::now();
    let mut ticks = interval_at(start, HOUR);
    assert_eq!((ticks.period(), ticks.missed_tick_behavior()), (HOUR, MissedTickBehavior::Burst));
    assert_eq!(poll(pin!(ticks.tick()), &flag), Poll::Ready(start), "the first comes at once");
    for number in 1..5 {
        assert!(poll(pin!(ticks.tick()), &flag).is_pending());
        assert_eq!(place.advance(HOUR + SECOND).count, 1);
        assert_eq!(poll(pin!(ticks.tick()), &flag), Poll::Ready(start + number * HOUR));
    }
    ticks.reset_at(start + 10 * HOUR);
    assert!(poll(pin!(ticks.tick()), &flag).is_pending());
    ticks.reset_immediately();
    let _ = place.advance(SECOND);
    assert!(poll(pin!(ticks.tick()), &flag).is_ready());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks.reset();
    ticks.reset_after(20 * HOUR);
    assert!(poll(pin!(ticks.tick()), &flag).is_pending());
    assert!(catch_unwind(|| interval(Duration::ZERO)).is_err());
}

#[test]
fn missed_ticks_go_where_the_behavior_says() {
    use MissedTickBehavior::{Burst, Delay, Skip};
    let tick = Instant::now();
    let ms = Duration::from_millis;
    let next = |behavior: MissedTickBehavior, late: u64| behavior.next(tick, tick + ms(late), ms(100)) - tick;
    for behavior in [Burst, Delay, Skip] {
        assert_eq!(next(behavior, 5), ms(100), "a little late is not missed");
    }
    assert_eq!((next(Burst, 250), next(Delay, 250), next(Skip, 250)), (ms(100), ms(350), ms(300)));
    assert_eq!((next(Burst, 6), next(Delay, 6), next(Skip, 6)), (ms(100), ms(106), ms(100)));
    assert_eq!(next(Skip, 200), ms(300), "on the grid means the next point of it");
    let long = Skip.next(tick, tick + Duration::from_secs(10_000_000), Duration::MAX);
    assert!(long > tick + Duration::from_secs(10_000_000), "a period that cannot be added is the far future");
}

#[test]
fn the_types_are_as_shareable_as_tokios() {
    fn shareable<T: Send + Sync>() {}
    fn movable<T: Unpin>() {}
    shareable::<Sleep>();
    shareable::<Timeout<std::future::Ready<()>>>();
    shareable::<Interval>();
    movable::<Interval>();
}
