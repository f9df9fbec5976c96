//! `join!`, `try_join!` and `pin!`: what they return, in which order they poll, and what they drop.
#![forbid(unsafe_code)]

use gumption::task::yield_now;
use gumption::{join, try_join};
use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::{IntoFuture, Ready, pending, ready};
use std::mem::size_of_val;
use std::pin::pin;
use std::task::{Context, Waker};

#[gumption::test]
async fn outputs_come_in_the_order_of_the_futures() {
    let late = async {
        yield_now().await;
        1
    };
    assert_eq!(join!(late, ready("two")), (1, "two"));
    assert_eq!(join!(biased; ready(1),), (1,));
    assert_eq!(try_join!(ready(Ok::<_, ()>(1)), ready(Ok("two"))), Ok((1, "two")));
    assert_eq!(try_join!(biased; ready(Ok::<_, ()>(1)),), Ok((1,)));
    join!();
    join!(biased;);
    async { try_join!() }.await.unwrap_or_else(|never: Infallible| match never {});
}

async fn three_rounds(log: &RefCell<String>, name: char) -> Result<(), ()> {
    for _ in 0..3 {
        log.borrow_mut().push(name);
        yield_now().await;
    }
    Ok(())
}

#[gumption::test]
async fn each_future_comes_first_in_turn_and_biased_ones_never_change_places() {
    let log = RefCell::new(String::new());
    let of = |name| three_rounds(&log, name);
    let _ = join!(of('a'), of('b'), of('c'));
    assert_eq!(log.take(), "abcbcacab");
    let _ = join!(biased; of('a'), of('b'), of('c'));
    assert_eq!(log.take(), "abcabcabc");
    let _ = try_join!(of('a'), of('b'), of('c'));
    assert_eq!(log.take(), "abcbcacab");
    let _ = try_join!(biased; of('a'), of('b'), of('c'));
    assert_eq!(log.take(), "abcabcabc");
}

#[gumption::test]
async fn the_first_error_ends_a_try_join() {
    let rounds = Cell::new(0);
    let endless = async {
        loop {
            rounds.set(rounds.get() + 1);
            yield_now().await;
        }
    };
    let fails = async {
        yield_now().await;
        Err::<(), _>("failed")
    };
    let result: Result<((), ()), _> = try_join!(biased; endless, fails);
    assert_eq!(result, Err("failed"));
    assert_eq!(rounds.get(), 2);
}

#[gumption::test]
async fn a_join_takes_what_turns_into_a_future() {
    struct Later(u32);
    impl IntoFuture for Later {
        type Output = Result<u32, ()>;
        type IntoFuture = Ready<Result<u32, ()>>;
        fn into_future(self) -> Self::IntoFuture {
            ready(Ok(self.0))
        }
    }
    assert_eq!(join!(Later(1)), (Ok(1),));
    assert_eq!(try_join!(Later(1), Later(2)), Ok((1, 2)));
}

#[test]
fn a_future_that_is_done_is_not_polled_again_and_is_dropped() {
    struct Dropped<'a>(&'a Cell<bool>);
    impl Drop for Dropped<'_> {
        fn drop(&mut self) {
            self.0.set(true);
        }
    }
    let dropped = Cell::new(false);
    let guard = Dropped(&dropped);
    let done = async move {
        // Polled once more, this would panic.
        let _guard = guard;
    };
    let mut both = pin!(async { join!(done, pending::<()>()) });
    let mut cx = Context::from_waker(Waker::noop());
    assert!(both.as_mut().poll(&mut cx).is_pending());
    assert!(dropped.get());
    assert!(both.as_mut().poll(&mut cx).is_pending());
}

#[deny(warnings)]
#[gumption::test]
async fn outputs_without_values_warn_of_nothing() {
    let mut both = pin!(async { join!(pending::<Infallible>(), ready(1)) });
    let mut tried = pin!(async { try_join!(pending::<Result<Infallible, ()>>(), ready(Ok(1))) });
    let mut cx = Context::from_waker(Waker::noop());
    assert!(both.as_mut().poll(&mut cx).is_pending());
    assert!(tried.as_mut().poll(&mut cx).is_pending());
}

#[test]
fn a_join_costs_a_reference_and_a_number() {
    let fair = async {
        let future = ready(0_u32);
        join!(future)
    };
    let biased = async {
        let future = ready(0_u32);
        join!(biased; future)
    };
    assert_eq!(size_of_val(&fair) - size_of_val(&biased), 8);
}

#[gumption::test]
async fn a_pinned_name_stands_for_the_pin() {
    let future = async { 1 };
    gumption::pin!(future);
    assert_eq!(future.as_mut().await, 1);
    gumption::pin! {
        let one = async { 1 };
        let two = async { 2 };
    }
    assert_eq!(one.await + two.await, 3);
}
