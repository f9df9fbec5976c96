//! Local sets and local runtimes: where their tasks run and are dropped, and what observers see of them.

use gumption_core::driver::ThreadDriver;
use gumption_core::runtime::{Builder, LocalOptions, LocalRuntime, Runtime, UnhandledPanic};
use gumption_core::task::{self, JoinSet, LocalSet, Row, spawn_local};
use gumption_core::wait::WaitReason;
use gumption_core::yield_now;
use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::thread;

fn runtime() -> Runtime {
    Builder::<ThreadDriver>::new_current_thread().enable_all().build().unwrap()
}

fn local_runtime() -> LocalRuntime {
    Builder::<ThreadDriver>::new_current_thread().enable_all().build_local(LocalOptions::default()).unwrap()
}

fn row_of(id: task::Id) -> Option<Row> {
    let mut found = None;
    task::local_tasks(|row| {
        if row.id == id {
            found = Some(row);
        }
    });
    found
}

/// Notes in a cell that it was dropped, and on which thread. Not `Send`.
struct Noted(Rc<RefCell<Vec<thread::ThreadId>>>);

impl Drop for Noted {
    fn drop(&mut self) {
        self.0.borrow_mut().push(thread::current().id());
    }
}

#[test]
fn a_set_runs_more_tasks_than_fit_into_one_poll() {
    let set = LocalSet::new();
    let ran = Rc::new(Cell::new(0));
    for _ in 0..1000 {
        let ran = ran.clone();
        drop(set.spawn_local(async move {
            yield_now().await;
            ran.set(ran.get() + 1);
        }));
    }
    runtime().block_on(set);
    assert_eq!(ran.get(), 1000);
}

#[test]
fn tasks_stay_in_the_set_between_two_polls() {
    let (set, runtime) = (LocalSet::new(), runtime());
    let steps = Rc::new(Cell::new(0));
    let counted = steps.clone();
    let join = set.spawn_local(async move {
        loop {
            counted.set(counted.get() + 1);
            yield_now().await;
        }
    });
    set.block_on(&runtime, yield_now());
    let before = steps.get();
    assert!(before > 0);
    set.block_on(&runtime, yield_now());
    assert!(steps.get() > before);
    drop(set);
    assert!(runtime.block_on(join).unwrap_err().is_cancelled());
}

#[test]
fn a_dropped_set_drops_its_tasks_here_and_what_they_spawn() {
    let drops = Rc::new(RefCell::new(Vec::new()));
    let set = LocalSet::new();

    /// Spawns when it is dropped.
    struct Spawns(Noted);
    impl Drop for Spawns {
        fn drop(&mut self) {
            let noted = Noted(self.0.0.clone());
            drop(spawn_local(async move {
                let _noted = noted;
                pending::<()>().await;
            }));
        }
    }
    let spawns = Spawns(Noted(drops.clone()));
    let join = set.spawn_local(async move {
        let _spawns = spawns;
        pending::<()>().await;
    });
    set.block_on(&runtime(), yield_now());
    assert!(drops.borrow().is_empty());
    drop(set);
    assert!(join.is_finished());
    assert_eq!(*drops.borrow(), [thread::current().id(); 2]);
}

#[test]
fn an_entered_set_takes_spawns_and_one_that_has_gone_cancels_them() {
    let set = LocalSet::new();
    let guard = set.enter();
    let first = spawn_local(async { 1 });
    runtime().block_on(set);
    assert!(first.is_finished());
    let late = spawn_local(async { 2 });
    assert!(late.is_finished());
    assert!(runtime().block_on(late).unwrap_err().is_cancelled());
    drop(guard);
    assert!(catch_unwind(|| drop(spawn_local(async {}))).is_err());
}

/// Spawns into the set that this thread is in, and says whether that is `set`.
fn is_in(set: &LocalSet) -> bool {
    let join = spawn_local(async {});
    set.block_on(&runtime(), yield_now());
    join.is_finished()
}

fn is_in_none() -> bool {
    catch_unwind(|| drop(spawn_local(async {}))).is_err()
}

#[test]
fn guards_may_be_dropped_in_any_order() {
    let (one, two, three) = (LocalSet::new(), LocalSet::new(), LocalSet::new());
    let (first, second, third) = (one.enter(), two.enter(), three.enter());
    assert!(is_in(&three));
    drop(second);
    assert!(is_in(&three));
    drop(third);
    assert!(is_in(&one));
    let again = two.enter();
    drop(first);
    drop(one);
    assert!(is_in(&two));
    drop(again);
    assert!(is_in_none());
}

#[test]
fn a_guard_that_outlives_the_poll_that_made_it_leaves_no_poll_behind() {
    let (polled, entered) = (LocalSet::new(), LocalSet::new());
    let guard = polled.block_on(&runtime(), async { entered.enter() });
    assert!(is_in(&entered));
    drop(guard);
    assert!(is_in_none());

    // The other way round: in the poll goes what was made before it, and the poll goes on.
    let guard = entered.enter();
    polled.block_on(&runtime(), async {
        drop(guard);
        spawn_local(async {}).await.unwrap();
    });
    assert!(is_in_none());
}

#[test]
fn tasks_are_woken_joined_and_aborted_from_other_threads() {
    let set = LocalSet::new();
    let (give, take) = mpsc::channel::<Waker>();
    let here = thread::current().id();
    let woken = set.spawn_local({
        let mut polls = 0;
        poll_fn(move |cx| {
            assert_eq!(thread::current().id(), here);
            polls += 1;
            if polls == 3 {
                return Poll::Ready(polls);
            }
            give.send(cx.waker().clone()).unwrap();
            Poll::Pending
        })
    });
    let never = set.spawn_local(pending::<()>());
    let abort = never.abort_handle();
    let others = thread::spawn(move || {
        while let Ok(waker) = take.recv() {
            waker.wake();
        }
        abort.abort();
        let joining = runtime();
        assert_eq!(joining.block_on(woken).unwrap(), 3);
        assert!(joining.block_on(never).unwrap_err().is_cancelled());
    });
    runtime().block_on(set);
    others.join().unwrap();
}

#[test]
fn observers_see_local_tasks_with_name_site_and_reason() {
    let (set, runtime) = (LocalSet::new(), runtime());
    let inner = set.spawn_local(pending::<()>());
    let inner_id = inner.id();
    let line = line!() + 1;
    let named = task::Builder::new().name("waits for another").spawn_local_on(inner, &set).unwrap();
    set.block_on(&runtime, yield_now());
    let row = row_of(named.id()).expect("it is listed");
    assert_eq!((row.wait, row.resource), (WaitReason::Join, inner_id.as_u64()));
    assert_eq!(row.name().as_deref(), Some("waits for another"));
    assert_eq!((row.site.file(), row.site.line()), (file!(), line));
    assert!(row.bits.is_idle());
    assert_eq!(row_of(inner_id).expect("it is listed").name(), None);
    drop(set);
    let id = named.id();
    drop(named);
    assert!(row_of(id).is_none());
    assert_eq!(row.name(), None, "the name goes with the record");
}

#[test]
fn a_task_that_joins_a_set_says_join() {
    let (local, runtime) = (LocalSet::new(), runtime());
    let joiner = local.spawn_local(async {
        let mut set = JoinSet::new();
        set.spawn_local(pending::<()>());
        set.join_next().await
    });
    local.block_on(&runtime, yield_now());
    let row = row_of(joiner.id()).expect("it is listed");
    assert_eq!((row.wait, row.resource), (WaitReason::Join, 0));
}

#[test]
fn a_panic_ends_a_set_that_was_told_so() {
    let (mut set, runtime) = (LocalSet::new(), runtime());
    let panics = set.spawn_local(async { panic!("the joiner's") });
    set.block_on(&runtime, yield_now());
    assert!(runtime.block_on(panics).unwrap_err().is_panic());

    set.unhandled_panic(UnhandledPanic::ShutdownRuntime);
    drop(set.spawn_local(async { panic!("everybody's") }));
    let beside = set.spawn_local(pending::<()>());
    let polled = catch_unwind(AssertUnwindSafe(|| set.block_on(&runtime, pending::<()>())));
    let payload = polled.unwrap_err();
    assert!(payload.downcast_ref::<&str>().is_some_and(|text| text.contains("shutdown on unhandled panic")));
    assert!(runtime.block_on(beside).unwrap_err().is_cancelled());
}

#[test]
fn sets_nest_and_wake_each_other() {
    let (outer, runtime) = (Rc::new(LocalSet::new()), runtime());
    let sum = outer.block_on(&runtime, async {
        let one = spawn_local(async { 1 });
        let inner = LocalSet::new();
        // Of the outer set, awaited inside the inner: woken through the inbox.
        let two = inner.run_until(async { spawn_local(async { one.await.unwrap() + 1 }).await }).await.unwrap();
        spawn_local(async move { two + 1 }).await.unwrap()
    });
    assert_eq!(sum, 3);
}

#[test]
fn a_set_may_be_polled_by_hand() {
    let set = LocalSet::new();
    let join = set.spawn_local(async { 7 });
    let mut cx = Context::from_waker(Waker::noop());
    assert_eq!(pin!(set).poll(&mut cx), Poll::Ready(()));
    assert!(join.is_finished());
}

#[test]
fn a_local_runtime_runs_local_tasks_and_drops_them_here() {
    let runtime = local_runtime();
    let drops = Rc::new(RefCell::new(Vec::new()));
    let noted = Noted(drops.clone());
    drop(runtime.spawn_local(async move {
        let _noted = noted;
        pending::<()>().await;
    }));
    let there = runtime.handle().clone();
    let sum = runtime.block_on(async move {
        let remote = thread::spawn(move || there.spawn(async { 20 })).join().unwrap();
        let local = Rc::new(22);
        let local = spawn_local(async move { *local });
        remote.await.unwrap() + local.await.unwrap()
    });
    assert_eq!(sum, 42);
    assert!(drops.borrow().is_empty());
    drop(runtime);
    assert_eq!(*drops.borrow(), [thread::current().id()]);
}

#[test]
fn a_local_runtime_refuses_local_tasks_of_other_threads() {
    let runtime = local_runtime();
    let handle = runtime.handle().clone();
    let panicked = thread::spawn(move || {
        let _guard = handle.enter();
        drop(spawn_local(async {}));
    })
    .join();
    let text = panicked.unwrap_err();
    assert!(
        text.downcast_ref::<&str>().is_some_and(|text| text.contains("from the thread the runtime was created on"))
    );
}

#[test]
#[should_panic = "multi_thread is not supported for LocalRuntime"]
fn a_multi_thread_builder_builds_no_local_runtime() {
    drop(Builder::<ThreadDriver>::new_multi_thread().build_local(LocalOptions::default()));
}
