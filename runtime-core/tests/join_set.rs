//! Join sets: what is joined when, and what becomes of the rest.

use gumption_core::runtime::{Builder, Runtime};
use gumption_core::task::JoinSet;
use gumption_core::{driver::ThreadDriver, yield_now};
use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

fn runtime() -> Runtime {
    Builder::<ThreadDriver>::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn tasks_are_joined_in_the_order_in_which_they_end() {
    runtime().block_on(async {
        let mut set = JoinSet::new();
        for turns in [3, 1, 2] {
            set.spawn(async move {
                for _ in 0..turns {
                    yield_now().await;
                }
                turns
            });
        }
        assert_eq!(set.join_all().await, [1, 2, 3]);
    });
}

#[test]
fn a_set_is_used_again_and_again() {
    runtime().block_on(async {
        let mut set = JoinSet::new();
        let mut sum = 0;
        for round in 0..100 {
            for i in 0..=round % 7 {
                set.spawn(async move { i });
            }
            while set.len() > 3 {
                sum += set.join_next().await.unwrap().unwrap();
            }
        }
        while let Some(joined) = set.join_next().await {
            sum += joined.unwrap();
        }
        let expected: u64 = (0..100).map(|round| (0..=round % 7).sum::<u64>()).sum();
        assert_eq!(sum, expected);
        assert!(set.is_empty());
        assert!(set.try_join_next().is_none());
    });
}

#[test]
fn a_dropped_set_aborts_and_a_detached_one_does_not() {
    runtime().block_on(async {
        let held = Arc::new(());
        let mut set = JoinSet::new();
        for held in [held.clone(), held.clone()] {
            set.spawn(async move {
                let _held = held;
                pending::<()>().await;
            });
        }
        drop(set);
        while Arc::strong_count(&held) > 1 {
            yield_now().await;
        }

        let mut set = JoinSet::new();
        let theirs = held.clone();
        set.spawn(async move {
            yield_now().await;
            drop(theirs);
        });
        set.detach_all();
        assert!(set.is_empty());
        assert!(set.join_next().await.is_none());
        drop(set);
        while Arc::strong_count(&held) > 1 {
            yield_now().await;
        }
    });
}

#[test]
fn results_of_all_kinds_come_with_their_ids() {
    runtime().block_on(async {
        let mut set = JoinSet::new();
        let returns = set.spawn(async { 1 });
        let panics = set.spawn(async { panic!("on purpose") });
        let aborted = set.spawn(pending());
        aborted.abort();
        let mut seen = Vec::new();
        while let Some(joined) = set.join_next_with_id().await {
            seen.push(match joined {
                Ok((id, output)) => {
                    assert_eq!(output, 1);
                    id
                }
                Err(error) => {
                    assert_eq!(error.is_panic(), error.id() == panics.id());
                    assert_eq!(error.is_cancelled(), error.id() == aborted.id());
                    error.id()
                }
            });
        }
        seen.sort_unstable();
        let mut expected = [returns.id(), panics.id(), aborted.id()];
        expected.sort_unstable();
        assert_eq!(seen, expected);
        assert!([returns, panics, aborted].iter().all(|handle| handle.is_finished()));
    });
}

#[test]
fn join_all_passes_a_panic_on_and_aborts_the_rest() {
    let held = Arc::new(());
    let theirs = held.clone();
    let runtime = runtime();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            let mut set = JoinSet::new();
            set.spawn(async move {
                let _theirs = theirs;
                pending::<()>().await;
            });
            set.spawn(async { panic!("on purpose") });
            set.join_all().await
        })
    }));
    assert_eq!(panicked.unwrap_err().downcast_ref::<&str>(), Some(&"on purpose"));
    runtime.block_on(async {
        while Arc::strong_count(&held) > 1 {
            yield_now().await;
        }
    });
}

#[test]
fn the_budget_is_used_up_without_losing_a_task() {
    runtime().block_on(async {
        const TASKS: usize = 1000;
        let mut set: JoinSet<()> = (0..TASKS).map(|_| async {}).collect();
        while !set.is_empty() && set.try_join_next().is_none() {
            yield_now().await;
        }
        let mut yields = 0;
        let mut joined = 1;
        while poll_fn(|cx| match set.poll_join_next(cx) {
            Poll::Ready(result) => Poll::Ready(result),
            Poll::Pending => {
                yields += 1;
                Poll::Pending
            }
        })
        .await
        .is_some()
        {
            joined += 1;
        }
        assert_eq!(joined, TASKS);
        assert!(yields > 0, "a task that joins a thousand must let others in");
    });
}

#[test]
fn pending_is_woken_through_the_last_waker() {
    let runtime = runtime();
    let mut set = JoinSet::new();
    set.spawn_on(async { 5 }, runtime.handle());
    assert!(set.poll_join_next(&mut Context::from_waker(Waker::noop())).is_pending());
    assert_eq!(runtime.block_on(set.join_next()).unwrap().unwrap(), 5);
}

#[test]
fn closures_and_named_tasks_go_into_a_set_too() {
    runtime().block_on(async {
        let mut set = JoinSet::new();
        set.spawn_blocking(|| 1);
        set.build_task().name("two").spawn(async { 2 }).unwrap();
        set.build_task().name("three").spawn_blocking(|| 3).unwrap();
        let mut outputs = set.join_all().await;
        outputs.sort_unstable();
        assert_eq!(outputs, [1, 2, 3]);
    });
}
