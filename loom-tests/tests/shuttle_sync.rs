//! `gumption::sync` on the whole scheduler, under shuttle: tasks of a real runtime that wait for each other through the
//! primitives, and are aborted while they do.
//!
//! The loom models check each primitive by itself, with ends that are polled by hand and bells for wakers. Here a wake goes
//! its whole way: out of the primitive's list, into a batch, a next slot, a run queue or a set's inbox, and to a machine. As
//! in `shuttle_scheduler.rs` everything is real but the driver and time, and there is no sysmon, but where a poll that does
//! not end leaves something for it to do.
//!
//! Each model demands that it ends (a wake that is lost is a deadlock), that what was sent and what was granted is accounted
//! for, that each future and each value is dropped once, and that the conservation laws hold at the end.
//!
//! The mutants are steps of logic: shuttle knows no stale reads. A mutant's run gets a tenth of the schedules.
#![cfg(gumption_shuttle)]

use gumption::sync::{Mutex, Notify, Semaphore, SemaphorePermit, mpsc, oneshot, watch};
use gumption_core::driver::ThreadDriver;
use gumption_core::runtime::{Builder, Handle, Runtime};
use gumption_core::sync::{Arc, thread};
use gumption_core::task::{JoinSet, LocalSet};
use gumption_core::{blocking, yield_now};
use gumption_loom_tests::stage::{Gate, Ledger, Token, join};
use gumption_loom_tests::{check_random_and_pct, mutants};
use std::future::{pending, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Schedules of each kind and model.
const SCHEDULES: usize = 2_000;

/// A runtime of `processors` without sysmon.
fn multi(processors: usize) -> Runtime {
    build(Builder::new_multi_thread().processors(processors))
}

fn build(builder: &mut Builder<ThreadDriver>) -> Runtime {
    builder.sysmon(false).enable_all().build().unwrap()
}

/// Takes sysmon's rounds, a millisecond of its clock apart, until `until` is open.
fn rounds(handle: &Handle, until: &Gate) {
    let mut watch = handle.watch();
    let mut now = 1_000_000;
    while !until.is_open() {
        let _did = watch.round(now);
        now += 1_000_000;
        thread::yield_now();
    }
}

/// Opens `begun` once the future waits.
async fn tell_of_wait<F: Future>(future: F, begun: &Gate) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| {
        let polled = future.as_mut().poll(cx);
        if polled.is_pending() {
            begun.open();
        }
        polled
    })
    .await
}

/// Three senders, of whom one is aborted, and room for one value: what was sent comes out, in each sender's order.
#[test]
fn mpsc_between_tasks() {
    check_random_and_pct(SCHEDULES, || {
        let (runtime, ledger) = (multi(2), Ledger::default());
        let (tx, mut rx) = mpsc::channel::<(usize, usize, Token)>(1);
        let mut senders: Vec<_> = (0..3)
            .map(|sender| {
                let (tx, token, ledger) = (tx.clone(), ledger.token(), ledger.clone());
                runtime.spawn(async move {
                    let _token = token;
                    for value in 0..2 {
                        assert!(tx.send((sender, value, ledger.token())).await.is_ok());
                    }
                })
            })
            .collect();
        drop(tx);
        let token = ledger.token();
        let receiver = runtime.spawn(async move {
            let _token = token;
            let mut received = [0; 3];
            while let Some((sender, value, _token)) = rx.recv().await {
                assert_eq!(value, received[sender], "what one sends comes in its order");
                received[sender] += 1;
            }
            received
        });
        let aborted = senders.remove(0);
        let aborter = thread::spawn({
            let aborted = aborted.abort_handle();
            move || aborted.abort()
        });
        let received = runtime.block_on(receiver).unwrap();
        assert_eq!(received[1..], [2, 2]);
        if runtime.block_on(aborted).is_ok() {
            assert_eq!(received[0], 2, "it sent both");
        }
        for sender in senders {
            runtime.block_on(sender).unwrap();
        }
        join([aborter]);
        ledger.close(runtime);
    });
}

/// A receiver goes after one value: each of the others goes back to its sender or down with the channel, once.
#[test]
fn mpsc_end_between_tasks() {
    check_random_and_pct(SCHEDULES, || {
        let (runtime, ledger) = (multi(2), Ledger::default());
        let (tx, mut rx) = mpsc::channel(1);
        let senders: Vec<_> = (0..3)
            .map(|_| {
                let (tx, token, value) = (tx.clone(), ledger.token(), ledger.token());
                runtime.spawn(async move {
                    let _token = token;
                    let _back = tx.send(value).await;
                    tx.closed().await;
                })
            })
            .collect();
        drop(tx);
        let token = ledger.token();
        let receiver = runtime.spawn(async move {
            let _token = token;
            assert!(rx.recv().await.is_some());
            yield_now().await;
        });
        runtime.block_on(receiver).unwrap();
        for sender in senders {
            runtime.block_on(sender).unwrap();
        }
        ledger.close(runtime);
    });
}

/// How a poll goes on that has left a debt.
#[derive(Clone, Copy, PartialEq)]
enum Then {
    /// It ends.
    Ends,
    /// It enters a blocking section.
    Blocks,
    /// It lasts.
    Lasts,
    /// It leaves another debt, and ends.
    OwesAnother,
}

/// A sender waits for the room that a receiver leaves behind, and the receiver, by one way or another, for the sender.
fn debt(then: Then) {
    let (runtime, ledger) = (multi(2), Ledger::default());
    let over = Gate::new();
    // A poll that lasts is sysmon's. Of what a section settles another machine hears without it.
    let sysmon = (then == Then::Lasts).then(|| {
        let (handle, over) = (runtime.handle().clone(), over.clone());
        thread::spawn(move || rounds(&handle, &over))
    });
    let channels = if then == Then::OwesAnother { 2 } else { 1 };
    let mut senders = Vec::new();
    let mut ends = Vec::new();
    for _ in 0..channels {
        let (tx, rx) = mpsc::channel(4);
        assert!((0..4).all(|value| tx.try_send(value).is_ok()));
        let (waits, sent) = (Gate::new(), Gate::new());
        ends.push((rx, waits.clone(), sent.clone()));
        let token = ledger.token();
        senders.push(runtime.spawn(async move {
            let _token = token;
            assert!(tell_of_wait(tx.send(4), &waits).await.is_ok());
            sent.open();
        }));
    }
    let token = ledger.token();
    let receiver = runtime.spawn(async move {
        let _token = token;
        for (_, waits, _) in &ends {
            waits.wait().await;
        }
        // Less than half of the room: it is given when the poll ends, or when it turns out to go on for too long.
        for (rx, _, _) in &mut ends {
            assert_eq!(rx.recv().await, Some(0));
        }
        for (rx, _, sent) in &mut ends {
            match then {
                Then::Ends | Then::OwesAnother => sent.wait().await,
                Then::Blocks => blocking(|| sent.block()),
                Then::Lasts => sent.block(),
            }
            for value in 1..=4 {
                assert_eq!(rx.recv().await, Some(value));
            }
        }
    });
    runtime.block_on(receiver).unwrap();
    for sender in senders {
        runtime.block_on(sender).unwrap();
    }
    over.open();
    join(sysmon);
    ledger.close(runtime);
}

/// What a poll owes to a sender is settled at its end, before a section, by sysmon, or by the next debt.
#[test]
fn what_a_poll_owes_is_settled() {
    check_random_and_pct(SCHEDULES, || debt(Then::Ends));
    check_random_and_pct(SCHEDULES, || debt(Then::Blocks));
    check_random_and_pct(SCHEDULES, || debt(Then::Lasts));
    check_random_and_pct(SCHEDULES, || debt(Then::OwesAnother));
}

/// Three tasks wait for a lock in a known order; the second one is aborted while the lock comes its way.
#[test]
fn mutex_between_tasks() {
    check_random_and_pct(SCHEDULES, || {
        let (runtime, ledger) = (multi(2), Ledger::default());
        let lock = Arc::new(Mutex::new(Vec::new()));
        let held = lock.try_lock().unwrap();
        let mut tasks = Vec::new();
        for number in 0..3 {
            let (token, lock, waits) = (ledger.token(), lock.clone(), Gate::new());
            let begun = waits.clone();
            tasks.push(runtime.spawn(async move {
                let _token = token;
                tell_of_wait(lock.lock(), &begun).await.push(number);
            }));
            waits.block();
        }
        let aborter = thread::spawn({
            let second = tasks[1].abort_handle();
            move || second.abort()
        });
        drop(held);
        let ended: Vec<_> = tasks.into_iter().map(|task| runtime.block_on(task).is_ok()).collect();
        let mine = lock.try_lock().map(|numbers| numbers.clone());
        match ended[..] {
            [true, true, true] => assert_eq!(mine.unwrap(), [0, 1, 2], "in the order in which they came"),
            [true, false, true] => assert_eq!(mine.unwrap(), [0, 2], "and past the one that went"),
            _ => panic!("ended: {ended:?}"),
        }
        join([aborter]);
        ledger.close(runtime);
    });
}

/// Permits that a task has, by the model's own count.
struct Taken<'a> {
    out: &'a AtomicU32,
    count: u32,
    _permit: SemaphorePermit<'a>,
}

impl<'a> Taken<'a> {
    fn new(out: &'a AtomicU32, permit: SemaphorePermit<'a>, count: u32) -> Self {
        let before = out.fetch_add(count, Relaxed);
        assert!(before + count <= 2, "more permits are out than there are");
        Self { out, count, _permit: permit }
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.out.fetch_sub(self.count, Relaxed);
    }
}

/// Tasks take one or both of two permits, and one is aborted while it waits or has them: never more are out than there are,
/// and in the end both are back.
#[test]
fn semaphore_between_tasks() {
    check_random_and_pct(3 * SCHEDULES, || {
        let (runtime, ledger) = (multi(2), Ledger::default());
        let permits = Arc::new(Semaphore::new(2));
        let out = std::sync::Arc::new(AtomicU32::new(0));
        let mut tasks = Vec::new();
        for wanted in [2, 1, 2, 1] {
            let (token, permits, out) = (ledger.token(), permits.clone(), out.clone());
            tasks.push(runtime.spawn(async move {
                let _token = token;
                for _ in 0..2 {
                    let _taken = Taken::new(&out, permits.acquire_many(wanted).await.unwrap(), wanted);
                    yield_now().await;
                }
            }));
        }
        let aborted = tasks.remove(0);
        let aborter = thread::spawn({
            let aborted = aborted.abort_handle();
            move || aborted.abort()
        });
        for task in tasks {
            runtime.block_on(task).unwrap();
        }
        let _either = runtime.block_on(aborted);
        assert_eq!(permits.available_permits(), 2);
        join([aborter]);
        ledger.close(runtime);
    });
}

/// Two tasks wait, two signals come, and one of the two is aborted: the other one goes on, and the signal that the first
/// one did not take is a permit.
#[test]
fn notify_one_between_tasks() {
    check_random_and_pct(SCHEDULES, || {
        let (runtime, ledger) = (multi(2), Ledger::default());
        let notify = Arc::new(Notify::new());
        let mut tasks = Vec::new();
        for _ in 0..2 {
            let (token, notify, waits) = (ledger.token(), notify.clone(), Gate::new());
            let begun = waits.clone();
            tasks.push(runtime.spawn(async move {
                let _token = token;
                tell_of_wait(notify.notified(), &begun).await;
            }));
            waits.block();
        }
        let aborted = tasks.remove(0);
        let aborter = thread::spawn({
            let aborted = aborted.abort_handle();
            move || aborted.abort()
        });
        let signals = thread::spawn({
            let notify = notify.clone();
            move || (0..2).for_each(|_| notify.notify_one())
        });
        if runtime.block_on(aborted).is_err() {
            runtime.block_on(notify.notified());
        }
        for task in tasks {
            runtime.block_on(task).unwrap();
        }
        join([aborter, signals]);
        ledger.close(runtime);
    });
}

/// A signal for each wait of a task, which begins as the signal comes; then one to all, while one of those gives up.
#[test]
fn notify_all_between_tasks() {
    check_random_and_pct(SCHEDULES, || {
        let (runtime, ledger) = (multi(2), Ledger::default());
        let (ping, all) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let mut tasks = Vec::new();
        for _ in 0..3 {
            let (token, pinged, all, waits) = (ledger.token(), ping.clone(), all.clone(), Gate::new());
            let begun = waits.clone();
            tasks.push(runtime.spawn(async move {
                let _token = token;
                pinged.notified().await;
                tell_of_wait(all.notified(), &begun).await;
            }));
            // It waits, or will find the permit.
            ping.notify_one();
            waits.block();
        }
        let aborted = tasks.remove(1);
        let aborter = thread::spawn({
            let aborted = aborted.abort_handle();
            move || aborted.abort()
        });
        all.notify_waiters();
        for task in tasks {
            runtime.block_on(task).unwrap();
        }
        let _either = runtime.block_on(aborted);
        join([aborter]);
        ledger.close(runtime);
    });
}

/// Values go from tasks to tasks, of which some are aborted on either side: received, handed back or dropped, once, and
/// whoever waits for the other side hears of it.
#[test]
fn oneshot_between_tasks() {
    check_random_and_pct(SCHEDULES, || {
        let (runtime, ledger) = (multi(2), Ledger::default());
        let (mut aborters, mut pairs) = (Vec::new(), Vec::new());
        for aborted in [None, Some(0), Some(1)] {
            let (tx, rx) = oneshot::channel();
            let (mut back, last) = oneshot::channel::<()>();
            let (token, value) = (ledger.token(), ledger.token());
            let sender = runtime.spawn(async move {
                let _token = token;
                // Goes with this task, of which the other one hears.
                let _last = last;
                yield_now().await;
                tx.send(value).is_ok()
            });
            let token = ledger.token();
            let receiver = runtime.spawn(async move {
                let _token = token;
                let received = rx.await.is_ok();
                back.closed().await;
                received
            });
            if let Some(side) = aborted {
                let abort = if side == 0 { sender.abort_handle() } else { receiver.abort_handle() };
                aborters.push(thread::spawn(move || abort.abort()));
            }
            pairs.push((aborted, sender, receiver));
        }
        for (aborted, sender, receiver) in pairs {
            let (sent, received) = (runtime.block_on(sender), runtime.block_on(receiver));
            match aborted {
                None => assert!(sent.unwrap() && received.unwrap(), "what was sent is received"),
                Some(0) => {
                    assert_eq!(sent.unwrap_or(false), received.unwrap(), "what was sent is received, nothing else")
                }
                Some(_) => assert!(received.is_err() || (received.unwrap() && sent.unwrap())),
            }
        }
        join(aborters);
        ledger.close(runtime);
    });
}

/// Two follow a value that a task changes three times, and a third gives up; each sees the last version and goes, of which
/// the task hears, and then they hear of its end.
#[test]
fn watch_between_tasks() {
    check_random_and_pct(SCHEDULES, || {
        let (runtime, ledger) = (multi(2), Ledger::default());
        let (tx, rx) = watch::channel(0);
        let (end, ended) = watch::channel(());
        let mut tasks = Vec::new();
        for _ in 0..3 {
            let (token, mut rx, mut ended) = (ledger.token(), rx.clone(), ended.clone());
            tasks.push(runtime.spawn(async move {
                let _token = token;
                let mut seen = 0;
                while seen < 3 {
                    assert!(rx.changed().await.is_ok());
                    let now = *rx.borrow_and_update();
                    assert!(now > seen, "a version is seen once");
                    seen = now;
                }
                drop(rx);
                assert!(ended.changed().await.is_err());
            }));
        }
        drop((rx, ended));
        let token = ledger.token();
        let sender = runtime.spawn(async move {
            let _token = token;
            for version in 1..=3 {
                assert!(tx.send(version).is_ok());
                yield_now().await;
            }
            tx.closed().await;
            drop(end);
        });
        tasks.remove(0).abort();
        runtime.block_on(sender).unwrap();
        for task in tasks {
            runtime.block_on(task).unwrap();
        }
        ledger.close(runtime);
    });
}

/// Tasks end on other machines while their set is joined, and one is aborted; then a set goes with tasks in it.
#[test]
fn join_set_between_machines() {
    check_random_and_pct(3 * SCHEDULES, || {
        let (runtime, ledger) = (multi(2), Ledger::default());
        let (token, inner) = (ledger.token(), ledger.clone());
        let joiner = runtime.spawn(async move {
            let _token = token;
            let mut set = JoinSet::new();
            for number in 0..3 {
                let token = inner.token();
                set.spawn(async move {
                    let _token = token;
                    yield_now().await;
                    number
                });
            }
            let token = inner.token();
            let endless = set.spawn(async move {
                let _token = token;
                pending().await
            });
            endless.abort();
            let (mut numbers, mut cancelled) = (Vec::new(), 0);
            while let Some(ended) = set.join_next().await {
                match ended {
                    Ok(number) => numbers.push(number),
                    Err(error) => cancelled += u32::from(error.is_cancelled()),
                }
            }
            numbers.sort_unstable();
            assert_eq!((numbers, cancelled), (vec![0, 1, 2], 1));
            for _ in 0..2 {
                let token = inner.token();
                set.spawn(async move {
                    let _token = token;
                    yield_now().await;
                    3
                });
            }
        });
        runtime.block_on(joiner).unwrap();
        ledger.close(runtime);
    });
}

/// Tasks of a set of one thread's are woken by other threads, through a oneshot, a channel, and a notification again and
/// again: the thread hears of each, whether it runs, looks, or sleeps.
#[test]
fn local_set_hears_of_other_threads() {
    check_random_and_pct(2 * SCHEDULES, || {
        let (runtime, ledger) = (build(&mut Builder::new_current_thread()), Ledger::default());
        let set = LocalSet::new();
        let (once, value) = oneshot::channel();
        let (tx, mut rx) = mpsc::unbounded_channel();
        let (notify, heard) = (Arc::new(Notify::new()), [Gate::new(), Gate::new(), Gate::new(), Gate::new()]);
        let threads = [
            thread::spawn(move || assert!(once.send(1).is_ok())),
            thread::spawn({
                let (notify, heard) = (notify.clone(), heard.clone());
                move || {
                    for gate in &heard {
                        notify.notify_one();
                        gate.block();
                    }
                    assert!(tx.send(2).is_ok());
                }
            }),
        ];
        let sum = runtime.block_on(set.run_until(async {
            let mut tasks = JoinSet::new();
            let tokens = [ledger.token(), ledger.token(), ledger.token()];
            let [first, second, third] = tokens;
            tasks.spawn_local(async move {
                let _token = first;
                value.await.unwrap()
            });
            tasks.spawn_local(async move {
                let _token = second;
                let mut sum = 0;
                while let Some(value) = rx.recv().await {
                    sum += value;
                }
                sum
            });
            let notify = notify.clone();
            tasks.spawn_local(async move {
                let _token = third;
                for gate in &heard {
                    notify.notified().await;
                    gate.open();
                }
                4
            });
            let mut sum = 0;
            while let Some(ended) = tasks.join_next().await {
                sum += ended.unwrap();
            }
            sum
        }));
        assert_eq!(sum, 7);
        join(threads);
        drop(set);
        ledger.close(runtime);
    });
}

mutants! {
    mpsc_between_tasks: [
        "chan-push-silent", "chan-sleep-no-look", "chan-admit-silent", "chan-last-sender-silent", "chan-cancel-keeps-room",
    ];
    mpsc_end_between_tasks: ["chan-close-silent"];
    what_a_poll_owes_is_settled: [
        "owner-debt-kept-by-poll", "owner-debt-kept-by-section", "owner-debt-kept-by-sysmon", "owner-debt-kept-by-another",
        "owner-lone-debtor-untold",
    ];
    mutex_between_tasks: ["semaphore-cancel-keeps-turn"];
    semaphore_between_tasks: ["semaphore-join-load-store", "semaphore-release-past-queue", "semaphore-cancel-keeps-permits"];
    notify_one_between_tasks: ["notify-not-handed-on", "notify-no-permit-after-all"];
    notify_all_between_tasks: ["notify-join-no-second-look", "notify-waiting-stays"];
    oneshot_between_tasks: ["oneshot-register-no-recheck", "oneshot-finish-closed"];
    watch_between_tasks: ["watch-join-not-looked", "watch-bit-not-set", "watch-not-closed", "watch-end-untold"];
    join_set_between_machines: ["joinset-wait-looks-once", "joinset-wake-before-list"];
    local_set_hears_of_other_threads: ["local-listen-unarmed", "local-ring-before-push"];
}
