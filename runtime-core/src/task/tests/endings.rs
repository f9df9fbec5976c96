//! How tasks end: with an output, a panic or an abort, with the handle and the waker there or gone.

use super::{Bench, Bomb, Drops, Flag, finished, poll, waits};
use crate::sync::{Arc, Mutex};
use crate::task::{AbortHandle, Ending, Ran, Runnable};
use std::future::{Future, pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::ptr::null;
use std::task::{Context, Poll, RawWakerVTable, Wake, Waker};

#[test]
fn a_task_returns_its_output_and_frees_its_record() {
    let bench = Bench::new();
    let drops = Drops::default();
    let guard = drops.guard();
    let mut join = bench.spawn(async move {
        let _guard = guard;
        String::from("done")
    });
    assert!(poll(&mut join).is_pending());
    assert!(!join.is_finished());
    assert_eq!(bench.drain(), [Ending::Returned]);
    assert_eq!(drops.count(), 1);
    assert!(join.is_finished());
    assert_eq!(finished(&mut join).unwrap(), "done");
    assert_eq!(bench.rows().len(), 1, "the handle keeps the record");
    drop(join);
    assert!(bench.rows().is_empty());
}

#[test]
fn a_handle_that_was_answered_panics_when_polled_again() {
    let bench = Bench::new();
    let mut join = bench.spawn(ready(1));
    bench.drain();
    assert_eq!(finished(&mut join).unwrap(), 1);
    assert!(catch_unwind(AssertUnwindSafe(|| poll(&mut join))).is_err());
}

#[test]
fn a_wake_in_the_poll_requeues_and_others_submit_once() {
    let bench = Bench::new();
    let slot = Arc::new(Mutex::new(None));
    let mut left = 2;
    let kept = Arc::clone(&slot);
    let _join = bench.spawn(poll_fn(move |cx| {
        *kept.lock() = Some(cx.waker().clone());
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        if left == 1 {
            cx.waker().wake_by_ref();
            let own = cx.waker().clone();
            own.wake();
        }
        Poll::Pending
    }));
    let Some(Ran::Woken(task)) = bench.turn() else { panic!("woken by itself") };
    assert!(matches!(task.run(), Ran::Idle), "the wakes of one poll are answered by one poll");
    assert_eq!(bench.queued(), 0);
    let waker = slot.lock().take().unwrap();
    for _ in 0..3 {
        waker.wake_by_ref();
    }
    waker.wake();
    assert_eq!(bench.queued(), 1);
    assert_eq!(bench.drain(), [Ending::Returned]);
    slot.lock().take().unwrap().wake();
    assert_eq!(bench.queued(), 0, "a late wake submits nothing");
}

#[test]
fn a_detached_task_drops_its_output_itself() {
    let bench = Bench::new();
    let drops = Drops::default();
    let guard = drops.guard();
    drop(bench.spawn(async move { guard }));
    assert_eq!(drops.count(), 0);
    assert_eq!(bench.drain(), [Ending::Returned]);
    assert_eq!(drops.count(), 1);
    assert!(bench.rows().is_empty());
}

#[test]
fn a_handle_dropped_late_drops_the_output() {
    let bench = Bench::new();
    let drops = Drops::default();
    let guard = drops.guard();
    let join = bench.spawn(async move { guard });
    bench.drain();
    assert_eq!(drops.count(), 0);
    drop(join);
    assert_eq!(drops.count(), 1);
    assert!(bench.rows().is_empty());
}

#[test]
fn the_joiner_is_woken_once_by_its_latest_waker() {
    let bench = Bench::new();
    let (first, second) = (Arc::new(Flag::default()), Arc::new(Flag::default()));
    let mut join = bench.spawn(ready(7));
    for flag in [&first, &first, &second] {
        let waker = Waker::from(Arc::clone(flag));
        assert!(Pin::new(&mut join).poll(&mut Context::from_waker(&waker)).is_pending());
    }
    assert_eq!(Arc::strong_count(&first), 1, "the replaced waker is gone");
    assert_eq!(bench.drain(), [Ending::Returned]);
    assert_eq!((first.count(), second.count()), (0, 1));
    assert_eq!(Arc::strong_count(&second), 1, "the waker went with the wake");
    assert_eq!(finished(&mut join).unwrap(), 7);
}

#[test]
fn a_dropped_handle_drops_its_waker() {
    let bench = Bench::new();
    let flag = Arc::new(Flag::default());
    let mut join = bench.spawn(ready(7));
    let waker = Waker::from(Arc::clone(&flag));
    assert!(Pin::new(&mut join).poll(&mut Context::from_waker(&waker)).is_pending());
    drop(waker);
    assert_eq!(Arc::strong_count(&flag), 2);
    drop(join);
    assert_eq!(Arc::strong_count(&flag), 1);
    assert_eq!(bench.drain(), [Ending::Returned]);
    assert_eq!(flag.count(), 0);
    assert!(bench.rows().is_empty());
}

#[test]
fn a_panicking_poll_becomes_an_error() {
    let bench = Bench::new();
    let drops = Drops::default();
    let guard = drops.guard();
    let mut join = bench.spawn(async move {
        let _guard = guard;
        panic!("on purpose");
    });
    let id = join.id();
    assert_eq!(bench.drain(), [Ending::Panicked]);
    assert_eq!(drops.count(), 1);
    let error = finished::<()>(&mut join).unwrap_err();
    assert!(error.is_panic() && !error.is_cancelled());
    assert_eq!(error.id(), id);
    assert_eq!(error.to_string(), format!("task {id} panicked with message \"on purpose\""));
    assert_eq!(format!("{error:?}"), format!("JoinError::Panic({id:?}, \"on purpose\", ...)"));
    assert_eq!(error.into_panic().downcast_ref::<&str>(), Some(&"on purpose"));
}

#[test]
fn a_future_that_panics_again_when_dropped_reports_the_first_panic() {
    let bench = Bench::new();
    let drops = Drops::default();
    let bomb = Bomb(drops.guard());
    let mut polled = false;
    let mut join = bench.spawn(poll_fn(move |_| {
        let _inside = &bomb;
        assert!(std::mem::replace(&mut polled, true), "first");
        Poll::Ready(())
    }));
    assert_eq!(bench.drain(), [Ending::Panicked]);
    assert_eq!(drops.count(), 1);
    let payload = finished(&mut join).unwrap_err().into_panic();
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"first"));
}

#[test]
fn a_future_whose_drop_panics_after_it_returned_has_panicked() {
    let bench = Bench::new();
    let (drops, outputs) = (Drops::default(), Drops::default());
    let bomb = Bomb(drops.guard());
    let mut output = Some(outputs.guard());
    let mut join = bench.spawn(poll_fn(move |_| {
        let _inside = &bomb;
        Poll::Ready(output.take())
    }));
    assert_eq!(bench.drain(), [Ending::Panicked]);
    assert_eq!((drops.count(), outputs.count()), (1, 1));
    assert!(finished(&mut join).is_err_and(|error| error.is_panic()));
}

#[test]
fn an_output_whose_drop_panics_is_dropped_quietly() {
    let bench = Bench::new();
    let drops = Drops::default();
    let bombs = (Bomb(drops.guard()), Bomb(drops.guard()));
    drop(bench.spawn(ready(bombs.0)));
    let late = bench.spawn(ready(bombs.1));
    assert_eq!(bench.drain(), [Ending::Returned, Ending::Returned]);
    assert_eq!(drops.count(), 1);
    drop(late);
    assert_eq!(drops.count(), 2);
    assert!(bench.rows().is_empty());
}

#[test]
fn a_joiner_whose_wake_panics_harms_nobody() {
    struct Mine;
    impl Wake for Mine {
        fn wake(self: Arc<Self>) {
            panic!("mine");
        }
    }
    let bench = Bench::new();
    let mut join = bench.spawn(ready(3));
    let waker = Waker::from(Arc::new(Mine));
    assert!(Pin::new(&mut join).poll(&mut Context::from_waker(&waker)).is_pending());
    assert_eq!(bench.drain(), [Ending::Returned]);
    assert_eq!(finished(&mut join).unwrap(), 3);
}

#[test]
fn a_waker_whose_clone_panics_leaves_the_one_before_it_in_order() {
    static FUSSY: RawWakerVTable = RawWakerVTable::new(|_| panic!("not cloned"), |_| (), |_| (), |_| ());
    let bench = Bench::new();
    let mut join = bench.spawn(ready(3));
    let flag = Arc::new(Flag::default());
    let waker = Waker::from(flag.clone());
    assert!(Pin::new(&mut join).poll(&mut Context::from_waker(&waker)).is_pending());
    drop(waker);
    // SAFETY: its functions do nothing.
    let fussy = unsafe { Waker::new(null(), &FUSSY) };
    let polled =
        catch_unwind(AssertUnwindSafe(|| Pin::new(&mut join).poll(&mut Context::from_waker(&fussy)).map(drop)));
    assert!(polled.is_err());
    assert_eq!(Arc::strong_count(&flag), 2, "registered as before");
    drop(join);
    assert_eq!(Arc::strong_count(&flag), 1, "the handle dropped what it had registered");
    assert_eq!(bench.drain(), [Ending::Returned]);
}

/// A panic's payload whose drop panics with another such payload, so many times.
struct Nested(u32);

impl Drop for Nested {
    fn drop(&mut self) {
        if self.0 > 0 {
            std::panic::panic_any(Nested(self.0 - 1));
        }
    }
}

#[test]
fn payloads_that_panic_when_dropped_do_not_reach_the_machine() {
    for depth in 0..4 {
        let bench = Bench::new();
        drop(bench.spawn(async move { std::panic::panic_any(Nested(depth)) }));
        assert_eq!(bench.drain(), [Ending::Panicked]);
        assert!(bench.rows().is_empty());
    }
}

#[test]
fn an_abort_before_the_first_poll_drops_the_future_on_the_machine() {
    let bench = Bench::new();
    let drops = Drops::default();
    let guard = drops.guard();
    let mut join = bench.spawn(async move {
        let _guard = guard;
        unreachable!("aborted before its first poll");
    });
    join.abort();
    join.abort_handle().abort();
    assert_eq!(drops.count(), 0, "only a machine drops a future");
    assert!(!join.is_finished());
    assert_eq!(bench.drain(), [Ending::Aborted]);
    assert_eq!(drops.count(), 1);
    let error = finished::<()>(&mut join).unwrap_err();
    assert!(error.is_cancelled());
    assert_eq!(error.to_string(), format!("task {} was cancelled", error.id()));
    assert!(error.try_into_panic().is_err());
}

#[test]
fn an_abort_of_an_idle_task_submits_it_once() {
    let bench = Bench::new();
    let drops = Drops::default();
    let slot = Arc::new(Mutex::new(None));
    let mut join = bench.spawn(waits(&slot, drops.guard()));
    assert!(bench.drain().is_empty());
    join.abort();
    join.abort();
    slot.lock().take().unwrap().wake();
    assert_eq!(bench.queued(), 1);
    assert_eq!(bench.drain(), [Ending::Aborted]);
    assert_eq!(drops.count(), 1);
    assert!(finished(&mut join).is_err_and(|error| error.is_cancelled()));
}

#[test]
fn an_abort_inside_the_poll_takes_effect_when_it_is_pending() {
    let bench = Bench::new();
    let drops = Drops::default();
    let guard = drops.guard();
    let handle = Arc::new(Mutex::new(None::<AbortHandle>));
    let own = Arc::clone(&handle);
    let mut join = bench.spawn(poll_fn(move |_| {
        let _inside = &guard;
        own.lock().as_ref().unwrap().abort();
        Poll::<()>::Pending
    }));
    *handle.lock() = Some(join.abort_handle());
    let Some(Ran::Complete(ending)) = bench.turn() else { panic!("complete after one run") };
    assert_eq!(ending, Ending::Aborted);
    assert_eq!((drops.count(), bench.queued()), (1, 0));
    assert!(finished(&mut join).is_err_and(|error| error.is_cancelled()));
}

#[test]
fn an_abort_after_the_end_changes_nothing() {
    let bench = Bench::new();
    let mut join = bench.spawn(ready(1));
    let abort = join.abort_handle();
    bench.drain();
    abort.abort();
    assert_eq!(bench.queued(), 0);
    assert_eq!(finished(&mut join).unwrap(), 1);
    drop(join);
    assert!(abort.is_finished());
    assert_eq!(bench.rows().len(), 1, "the abort handle keeps the record");
    drop(abort);
    assert!(bench.rows().is_empty());
}

#[test]
fn an_aborted_future_whose_drop_panics_has_panicked() {
    let bench = Bench::new();
    let drops = Drops::default();
    let bomb = Bomb(drops.guard());
    let mut join = bench.spawn(async move {
        let _bomb = bomb;
        pending::<()>().await;
    });
    join.abort();
    assert_eq!(bench.drain(), [Ending::Panicked]);
    assert_eq!(drops.count(), 1);
    assert!(finished(&mut join).is_err_and(|error| error.is_panic()));
}

#[test]
fn shutdown_claims_idle_tasks_and_cancels_them() {
    let bench = Bench::new();
    let drops = Drops::default();
    let slot = Arc::new(Mutex::new(None));
    let mut join = bench.spawn(waits(&slot, drops.guard()));
    let mut claimed = Vec::new();
    bench.registry.for_each(|task| claimed.extend(task.try_claim()));
    assert!(claimed.is_empty(), "a queued task has its right to run elsewhere");
    bench.drain();
    bench.registry.for_each(|task| claimed.extend(task.try_claim()));
    bench.registry.for_each(|task| claimed.extend(task.try_claim()));
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed.pop().map(Runnable::cancel), Some(Ending::Aborted));
    assert_eq!(drops.count(), 1);
    assert!(finished(&mut join).is_err_and(|error| error.is_cancelled()));
}
