//! Labels of tasks: who has them, who inherits them, and that nobody ever sees those of another task.

mod support;

use gumption_core::driver::ThreadDriver;
use gumption_core::runtime::{Builder, Runtime};
use gumption_core::task::labels::{self, Set};
use gumption_core::task::{Builder as TaskBuilder, Id, LocalSet, id, spawn_local};
use gumption_core::{spawn, spawn_blocking, yield_now};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use support::Watchdog;

fn runtime() -> Runtime<ThreadDriver> {
    Builder::<ThreadDriver>::new_multi_thread().worker_threads(3).build().unwrap()
}

fn current() -> String {
    labels::current().map_or_else(String::new, |set| set.to_string())
}

fn of(id: Id) -> Option<String> {
    labels::of(id).map(|set| set.to_string())
}

/// Held by tests that keep labels of tasks that are gone, and by those that want them gone.
fn alone() -> MutexGuard<'static, ()> {
    static KEEPING: Mutex<()> = Mutex::new(());
    KEEPING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whoever completed a task may let go of it a little later than its joiner hears.
async fn gone(id: Id) {
    while of(id).is_some() {
        yield_now().await;
    }
}

#[test]
fn every_kind_of_task_inherits_the_labels_of_the_moment() {
    let _watchdog = Watchdog::new("every_kind_of_task_inherits_the_labels_of_the_moment");
    let seen = runtime().block_on(async {
        spawn(async {
            assert!(labels::set("tenant", "acme"));
            let early = spawn(async {
                assert!(labels::set("own", "yes"));
                current()
            });
            let early = early.await.unwrap();
            assert!(labels::set("late", "1"));
            let blocking = spawn_blocking(current);
            let grandchild = spawn(async { spawn(async { current() }).await.unwrap() });
            let built = TaskBuilder::new().name("named").label("tenant", "other").label("x", "2");
            let built = built.spawn(async { current() }).unwrap();
            [early, blocking.await.unwrap(), grandchild.await.unwrap(), built.await.unwrap(), current()]
        })
        .await
        .unwrap()
    });
    let both = r#"late="1", tenant="acme""#;
    assert_eq!(seen, [r#"own="yes", tenant="acme""#, both, both, r#"late="1", tenant="other", x="2""#, both]);
}

#[test]
fn local_tasks_inherit_and_pass_on() {
    let _watchdog = Watchdog::new("local_tasks_inherit_and_pass_on");
    let runtime = runtime();
    let seen = LocalSet::new().block_on(&runtime, async {
        spawn_local(async {
            labels::set("tenant", "acme");
            (spawn_local(async { current() }).await.unwrap(), spawn(async { current() }).await.unwrap())
        })
        .await
        .unwrap()
    });
    assert_eq!(seen, (r#"tenant="acme""#.into(), r#"tenant="acme""#.into()));
}

#[test]
fn outside_a_task_there_is_nobody_to_have_labels() {
    let _watchdog = Watchdog::new("outside_a_task_there_is_nobody_to_have_labels");
    assert!(!labels::set("a", "1") && !labels::remove("a") && !labels::clear());
    assert_eq!((labels::get("a"), labels::current()), (None, None));
    drop(labels::scope("a", "1"));
    runtime().block_on(async {
        assert!(!labels::set("a", "1"));
        assert_eq!(spawn(async { current() }).await.unwrap(), "");
    });
}

#[test]
fn labels_are_changed_removed_and_cleared() {
    let _watchdog = Watchdog::new("labels_are_changed_removed_and_cleared");
    runtime().block_on(async {
        spawn(async {
            assert!(labels::set("a", "1") && labels::set("a", "2") && labels::set("b", "3"));
            assert_eq!(current(), r#"a="2", b="3""#);
            assert!(labels::remove("a") && labels::remove("never"));
            assert_eq!(current(), r#"b="3""#);
            assert!(labels::clear());
            assert_eq!((labels::current(), labels::of(id())), (None, None));
            assert_eq!(spawn(async { labels::current() }).await.unwrap(), None);
            assert!(labels::set("c", "4"));
            assert_eq!(current(), r#"c="4""#);
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_task_without_labels_stays_one_whatever_is_taken_away() {
    let _watchdog = Watchdog::new("a_task_without_labels_stays_one_whatever_is_taken_away");
    let runtime = runtime();
    let handle = runtime.handle().clone();
    let task = runtime.spawn(async move {
        assert!(labels::remove("never") && labels::clear());
        let mut labelled = None;
        handle.for_each_task(|row| labelled = labelled.or((row.id == id()).then_some(row.bits.is_labelled())));
        labelled
    });
    assert_eq!(runtime.block_on(task).unwrap(), Some(false));
}

#[test]
fn a_scope_puts_back_what_was_there_wherever_it_is_dropped() {
    let _watchdog = Watchdog::new("a_scope_puts_back_what_was_there_wherever_it_is_dropped");
    let _alone = alone();
    runtime().block_on(async {
        let (send, receive) = mpsc::channel();
        let task = spawn(async move {
            labels::set("step", "outer");
            {
                let _inner = labels::scope("step", "inner");
                let _other = labels::scope("other", "1");
                yield_now().await;
                assert_eq!(current(), r#"other="1", step="inner""#);
            }
            assert_eq!(current(), r#"step="outer""#);
            let me = id();
            let moved = labels::scope("step", "moved");
            // Another task, and another thread: it is still this task's label that is put back.
            spawn(async move {
                labels::set("step", "theirs");
                drop(moved);
                assert_eq!(current(), r#"step="theirs""#);
            })
            .await
            .unwrap();
            assert_eq!(of(me).as_deref(), Some(r#"step="outer""#));
            send.send(labels::scope("step", "late")).unwrap();
            me
        });
        let ended = task.await.unwrap();
        gone(ended).await;
        // There is nothing to put back, and nothing to break.
        drop(receive.recv().unwrap());
        assert_eq!(of(ended), None);
    });
}

/// Many lives in a handful of records, every second one with labels of its own.
#[test]
fn a_record_that_is_used_again_shows_no_stale_label() {
    let _watchdog = Watchdog::new("a_record_that_is_used_again_shows_no_stale_label");
    let _alone = alone();
    const LIVES: usize = 100_000;
    let stale = runtime().block_on(async {
        spawn(async {
            let (mut stale, mut ended) = (0, Vec::new());
            for life in 0..LIVES / 2 {
                let labelled = spawn(async move {
                    labels::set("life", &life.to_string());
                    (id(), current())
                });
                let (with, said) = labelled.await.unwrap();
                ended.push(with);
                assert_eq!(said, format!("life=\"{life}\""));
                let bare = spawn(async { (id(), current()) });
                let (next, said) = bare.await.unwrap();
                stale += usize::from(!said.is_empty() || of(next).is_some());
            }
            for id in ended {
                gone(id).await;
            }
            stale
        })
        .await
        .unwrap()
    });
    assert_eq!(stale, 0);
}

#[test]
fn observers_read_labels_of_tasks_that_wait_and_of_tasks_that_have_ended_and_are_held() {
    let _watchdog = Watchdog::new("observers_read_labels_of_tasks_that_wait_and_of_tasks_that_have_ended_and_are_held");
    let _alone = alone();
    let runtime = runtime();
    runtime.block_on(async {
        let (send, receive) = mpsc::channel();
        let waits = spawn(async move {
            labels::set("waits", "yes");
            send.send(id()).unwrap();
            std::future::pending::<()>().await;
        });
        let waiting = receive.recv().unwrap();
        let mut rows = Vec::new();
        runtime.handle().for_each_task(|row| rows.push((row.id, row.labels())));
        let set: Set = [("waits", "yes")].into_iter().collect();
        assert!(rows.contains(&(waiting, Some(Arc::new(set)))), "{rows:?}");
        waits.abort();
        while !waits.is_finished() {
            yield_now().await;
        }
        assert_eq!(of(waiting).as_deref(), Some(r#"waits="yes""#), "a handle keeps the record");
        drop(waits);
        gone(waiting).await;
    });
}

#[test]
fn labels_of_tasks_that_are_gone_are_kept_for_who_asks() {
    let _watchdog = Watchdog::new("labels_of_tasks_that_are_gone_are_kept_for_who_asks");
    let _alone = alone();
    runtime().block_on(async {
        let one = || async {
            spawn(async {
                labels::set("kept", "1");
                id()
            })
            .await
            .unwrap()
        };
        let keep = labels::keep();
        let also = labels::keep();
        let id = one().await;
        drop(also);
        assert_eq!(of(id).as_deref(), Some(r#"kept="1""#));
        // Each part keeps its share of the latest.
        let most = gumption_core::policy::LABELS_KEPT;
        let mut latest = id;
        for _ in 0..2 * most {
            latest = one().await;
        }
        assert_eq!(of(latest).as_deref(), Some(r#"kept="1""#));
        assert_eq!(of(id), None, "what is kept is bounded");
        drop(keep);
        gone(latest).await;
    });
}
