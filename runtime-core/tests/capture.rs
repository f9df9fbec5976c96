//! What an observer's poll shows, and what it leaves as it was.

mod support;

use gumption_core::Captured;
use gumption_core::runtime::{Builder, Handle, LocalOptions, LocalRuntime, Runtime};
use gumption_core::task::{Row, Witness};
use gumption_core::wait::{WaitReason, blocked_on};
use std::future::{pending, poll_fn};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;
use support::{Watchdog, at_rest, until};

/// What it was told.
#[derive(Default)]
struct Seen {
    leaves: usize,
    said: Vec<(WaitReason, u64)>,
}

impl Witness for Seen {
    fn leaf(&mut self) {
        self.leaves += 1;
    }
    fn said(&mut self, reason: WaitReason, resource: u64) {
        self.said.push((reason, resource));
    }
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Keeps a waker for ever, as whoever will never wake does.
fn keep(waker: &Waker) {
    static KEPT: Mutex<Vec<Waker>> = Mutex::new(Vec::new());
    KEPT.lock().unwrap().push(waker.clone());
}

/// The tasks that live. A waker that a test keeps keeps a record, which another runtime may find among its own.
fn rows(handle: &Handle) -> Vec<Row> {
    let mut rows = Vec::new();
    handle.for_each_task(|row| rows.extend((!row.bits.is_complete()).then_some(row)));
    rows
}

/// The only task, once it waits.
fn idle(runtime: &Runtime) -> Row {
    loop {
        if let [row] = rows(runtime.handle())[..]
            && row.bits.is_idle()
        {
            return row;
        }
        std::thread::yield_now();
    }
}

/// A value that somebody else brings; it registers anew whenever the waker is another, as leaves do.
#[derive(Clone, Default)]
struct Slot(Arc<Mutex<(Option<u32>, Option<Waker>)>>);

impl Slot {
    async fn take(&self) -> u32 {
        poll_fn(|cx| {
            let (value, waker) = &mut *self.0.lock().unwrap();
            if let Some(value) = value.take() {
                return Poll::Ready(value);
            }
            match waker {
                Some(waker) if waker.will_wake(cx.waker()) => {}
                _ => *waker = Some(cx.waker().clone()),
            }
            blocked_on(WaitReason::ChanRecv, 7);
            Poll::Pending
        })
        .await
    }

    fn put(&self, value: u32) {
        let mut inner = self.0.lock().unwrap();
        inner.0 = Some(value);
        let waker = inner.1.take();
        drop(inner);
        waker.unwrap().wake();
    }
}

#[test]
fn a_waiting_task_is_shown_and_waits_on() {
    let _watchdog = Watchdog::new("a_waiting_task_is_shown_and_waits_on");
    let runtime = runtime();
    let slot = Slot::default();
    let task = runtime.spawn({
        let slot = slot.clone();
        async move { slot.take().await + slot.take().await }
    });
    let before = idle(&runtime);
    for _ in 0..3 {
        let mut seen = Seen::default();
        assert_eq!(runtime.handle().capture(&before, &mut seen), Captured::Waits);
        assert_eq!((seen.leaves, &seen.said[..]), (1, &[(WaitReason::ChanRecv, 7)][..]));
        let after = idle(&runtime);
        assert_eq!(
            (after.wait, after.resource, after.since, after.polls, after.bits.wakers()),
            (before.wait, before.resource, before.since, before.polls, 1),
            "it waits as before"
        );
    }
    slot.put(1);
    // The second wait may not have begun yet: its waker is put where `put` takes it.
    while slot.0.lock().unwrap().1.is_none() {
        std::thread::yield_now();
    }
    slot.put(2);
    assert_eq!(runtime.block_on(task).unwrap(), 3);
    assert_eq!(runtime.stats().totals.counters.captures, if cfg!(feature = "stats") { 3 } else { 0 });
}

#[test]
fn a_task_that_is_ready_ends_in_its_capture() {
    let _watchdog = Watchdog::new("a_task_that_is_ready_ends_in_its_capture");
    let runtime = runtime();
    let ready = Arc::new(AtomicUsize::new(0));
    let task = runtime.spawn({
        let ready = ready.clone();
        poll_fn(move |cx| {
            keep(cx.waker());
            match ready.load(Ordering::Acquire) {
                0 => Poll::Pending,
                value => Poll::Ready(value),
            }
        })
    });
    let row = idle(&runtime);
    ready.store(5, Ordering::Release);
    assert_eq!(runtime.handle().capture(&row, &mut Seen::default()), Captured::Ended);
    assert_eq!(runtime.block_on(task).unwrap(), 5);
    assert_eq!(runtime.handle().capture(&row, &mut Seen::default()), Captured::Gone);
}

#[test]
fn one_that_is_woken_meanwhile_runs() {
    let _watchdog = Watchdog::new("one_that_is_woken_meanwhile_runs");
    let runtime = runtime();
    let polls = Arc::new(AtomicUsize::new(0));
    let task = runtime.spawn({
        let polls = polls.clone();
        poll_fn(move |cx| match polls.fetch_add(1, Ordering::Relaxed) {
            0 => {
                keep(cx.waker());
                Poll::Pending
            }
            // In the capture.
            1 => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            more => Poll::Ready(more),
        })
    });
    let row = idle(&runtime);
    let mut seen = Seen::default();
    assert_eq!(runtime.handle().capture(&row, &mut seen), Captured::Woken);
    assert_eq!(seen.leaves, 1, "who wakes in place of waiting is a leaf, too");
    assert_eq!(runtime.block_on(task).unwrap(), 2);
}

#[test]
fn a_panic_in_a_capture_is_the_tasks() {
    let _watchdog = Watchdog::new("a_panic_in_a_capture_is_the_tasks");
    let runtime = runtime();
    let polls = AtomicUsize::new(0);
    let task = runtime.spawn(poll_fn(move |cx| -> Poll<()> {
        keep(cx.waker());
        assert_eq!(polls.fetch_add(1, Ordering::Relaxed), 0, "once is enough");
        Poll::Pending
    }));
    let row = idle(&runtime);
    assert_eq!(runtime.handle().capture(&row, &mut Seen::default()), Captured::Ended);
    assert!(runtime.block_on(task).unwrap_err().is_panic());
}

#[test]
fn the_user_finds_the_runtime_and_may_not_block_it() {
    let _watchdog = Watchdog::new("the_user_finds_the_runtime_and_may_not_block_it");
    let runtime = runtime();
    let mut found = Vec::new();
    let (tell, told) = std::sync::mpsc::channel();
    let task = runtime.spawn(poll_fn(move |cx| -> Poll<()> {
        keep(cx.waker());
        let nested = std::panic::catch_unwind(|| Handle::current().block_on(async {}));
        tell.send((gumption_core::task::try_id(), nested.is_err())).unwrap();
        Poll::Pending
    }));
    let row = idle(&runtime);
    assert_eq!(runtime.handle().capture(&row, &mut Seen::default()), Captured::Waits);
    found.extend(told.try_iter());
    assert_eq!(found, vec![(Some(row.id), true); 2]);
    task.abort();
    assert!(runtime.block_on(task).unwrap_err().is_cancelled());
}

#[test]
fn tasks_of_one_thread_are_left_to_it() {
    let _watchdog = Watchdog::new("tasks_of_one_thread_are_left_to_it");
    let runtime: LocalRuntime = Builder::new_current_thread().build_local(LocalOptions::default()).unwrap();
    let task = runtime.spawn_local(pending::<()>());
    runtime.block_on(gumption_core::yield_now());
    let handle = runtime.handle().clone();
    std::thread::spawn(move || {
        let rows = rows(&handle);
        assert_eq!(rows.len(), 1);
        assert_eq!(handle.capture(&rows[0], &mut Seen::default()), Captured::Tied);
    })
    .join()
    .unwrap();
    drop(task);
}

#[test]
fn captures_change_nothing_of_what_a_program_computes() {
    let _watchdog = Watchdog::new("captures_change_nothing_of_what_a_program_computes");
    const TASKS: u32 = 2_000;
    let runtime = runtime();
    let slots: Vec<_> = (0..TASKS).map(|_| Slot::default()).collect();
    let tasks: Vec<_> = slots
        .iter()
        .cloned()
        .map(|slot| {
            runtime.spawn(async move {
                let mut sum = 0;
                for _ in 0..5 {
                    sum += slot.take().await;
                    gumption_core::time::sleep(Duration::from_micros(50)).await;
                }
                sum
            })
        })
        .collect();
    let (over, waited) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while over.load(Ordering::Acquire) == 0 {
                for row in rows(runtime.handle()) {
                    let waits = runtime.handle().capture(&row, &mut Seen::default()) == Captured::Waits;
                    waited.fetch_add(usize::from(waits), Ordering::Relaxed);
                }
            }
        });
        // However busy the machine is elsewhere, there are captures, and from here on they meet the storm.
        until(|| waited.load(Ordering::Relaxed) > 0);
        for round in 0..5 {
            for slot in &slots {
                while slot.0.lock().unwrap().1.is_none() {
                    std::thread::yield_now();
                }
                slot.put(round);
            }
        }
        let sums: Vec<_> = runtime.block_on(async {
            let mut sums = Vec::new();
            for task in tasks {
                sums.push(task.await.unwrap());
            }
            sums
        });
        over.store(1, Ordering::Release);
        assert_eq!(sums, vec![10; TASKS as usize]);
    });
    at_rest(runtime.handle());
}

#[test]
fn hooks_are_told_of_a_wake_in_a_capture() {
    let _watchdog = Watchdog::new("hooks_are_told_of_a_wake_in_a_capture");
    let wakes = Arc::new(AtomicUsize::new(0));
    let counted = wakes.clone();
    let runtime: Runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .on_task_wake(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
        })
        .build()
        .unwrap();
    let mut polls = 0;
    let task = runtime.spawn(poll_fn(move |cx| {
        polls += 1;
        match polls {
            1 => keep(cx.waker()),
            2 => cx.waker().wake_by_ref(),
            _ => return Poll::Ready(()),
        }
        Poll::Pending
    }));
    let row = idle(&runtime);
    assert_eq!(runtime.handle().capture(&row, &mut Seen::default()), Captured::Woken);
    runtime.block_on(task).unwrap();
    assert_eq!(wakes.load(Ordering::Relaxed), 1, "the only wake that there was");
}

#[test]
fn a_task_of_another_runtime_is_left_alone() {
    let _watchdog = Watchdog::new("a_task_of_another_runtime_is_left_alone");
    let (one, other) = (runtime(), runtime());
    let polls = Arc::new(AtomicUsize::new(0));
    let counted = polls.clone();
    let task = one.spawn(poll_fn(move |cx| -> Poll<()> {
        keep(cx.waker());
        counted.fetch_add(1, Ordering::Relaxed);
        Poll::Pending
    }));
    let row = idle(&one);
    assert_eq!(other.handle().capture(&row, &mut Seen::default()), Captured::Tied);
    assert_eq!(polls.load(Ordering::Relaxed), 1);
    task.abort();
}

#[test]
fn a_row_says_who_spawned_and_how_often_it_ran() {
    let _watchdog = Watchdog::new("a_row_says_who_spawned_and_how_often_it_ran");
    let runtime = runtime();
    let (send, receive) = std::sync::mpsc::channel();
    let task = runtime.spawn(async move {
        let me = gumption_core::task::id().as_u64();
        gumption_core::yield_now().await;
        let child = gumption_core::spawn(pending::<()>());
        send.send((me, child.id().as_u64())).unwrap();
        child.await.unwrap();
    });
    let (parent, child) = receive.recv().unwrap();
    let row = |id: u64| rows(runtime.handle()).into_iter().find(|row| row.id.as_u64() == id);
    // Until the child has run, and its parent waits.
    while row(child).unwrap().bits.wakes() > 0 || row(parent).unwrap().bits.wakes() > 0 {
        std::thread::yield_now();
    }
    let (parent, child) = (row(parent).unwrap(), row(child).unwrap());
    assert_eq!(parent.parent, 0);
    if cfg!(feature = "stats") {
        assert_eq!(child.parent, parent.id.as_u64());
        assert_eq!((parent.polls, child.polls), (2, 1));
        assert!(parent.last_processor.is_some_and(|p| p < 4));
    }
    assert!(child.born >= parent.born);
    task.abort();
}
