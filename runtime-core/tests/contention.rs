//! What a watcher of waits is told, and what it is not told.

use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use gumption_core::Captured;
use gumption_core::contention::{Place, Said, WaitEnd, WaitWatcher, watch_waits};
use gumption_core::runtime::{Builder, Runtime};
use gumption_core::task::{Id, Witness};
use gumption_core::wait::WaitReason::{self, ChanRecv, Join, Mutex as Lock, Select, Sleep};
use gumption_core::wait::{blocked_on, unblocked};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Told {
    Begins(WaitReason, Place, Flags),
    Ends(WaitReason, u64, WaitEnd),
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Flags {
    first: bool,
    watched: bool,
}

static TOLD: Mutex<Vec<Told>> = Mutex::new(Vec::new());
static ALL: WaitWatcher = WaitWatcher { begins: |said| begins(said, true), ends };
static NONE: WaitWatcher = WaitWatcher { begins: |said| begins(said, false), ends };

fn lock<T>(mutex: &'static Mutex<T>) -> MutexGuard<'static, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn begins(said: &Said, wanted: bool) -> bool {
    assert!(said.site.file().ends_with("contention.rs"), "{}", said.site);
    assert!(said.type_name.contains("contention"), "{}", said.type_name);
    let flags = Flags { first: said.first, watched: said.watched };
    lock(&TOLD).push(Told::Begins(said.reason, said.place, flags));
    wanted
}

fn ends(_task: Id, reason: WaitReason, resource: u64, how: WaitEnd) {
    lock(&TOLD).push(Told::Ends(reason, resource, how));
}

fn told(watcher: Option<&'static WaitWatcher>, program: impl Future<Output = ()> + Send + 'static) -> Vec<Told> {
    told_in(watcher, |runtime| runtime.block_on(async { runtime.spawn(program).await.unwrap() }))
}

/// The watcher is the process'; what one test's tasks say is for that test.
fn told_in(watcher: Option<&'static WaitWatcher>, program: impl FnOnce(&Runtime)) -> Vec<Told> {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = lock(&ALONE);
    let runtime: Runtime = Builder::new_current_thread().build().unwrap();
    lock(&TOLD).clear();
    watch_waits(watcher);
    program(&runtime);
    watch_waits(None);
    drop(runtime);
    std::mem::take(&mut lock(&TOLD))
}

/// Says all of `reasons` in one run, is woken, and goes on.
async fn waits_for(reasons: &'static [(WaitReason, u64)]) {
    let mut asked = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut asked, true) {
            return Poll::Ready(());
        }
        for &(reason, resource) in reasons {
            blocked_on(reason, resource);
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

const FIRST: Flags = Flags { first: true, watched: false };
const AFTER: Flags = Flags { first: false, watched: true };

#[test]
fn the_end_is_told_once_and_with_what_was_said_at_last() {
    let one = told(Some(&ALL), waits_for(&[(ChanRecv, 7)]));
    assert_eq!(one, [Told::Begins(ChanRecv, Place::Only, FIRST), Told::Ends(ChanRecv, 7, WaitEnd::Over)]);
    let three = told(Some(&ALL), waits_for(&[(ChanRecv, 7), (Lock, 8), (Sleep, 0)]));
    let expected = [
        Told::Begins(ChanRecv, Place::Only, FIRST),
        Told::Begins(Lock, Place::Another, AFTER),
        Told::Begins(Sleep, Place::Nothing, AFTER),
        Told::Ends(Select, 2, WaitEnd::Over),
    ];
    assert_eq!(three, expected);
    let timeout = told(Some(&ALL), waits_for(&[(Sleep, 0), (Join, 9), (Sleep, 0), (Join, 9)]));
    let expected = [
        Told::Begins(Sleep, Place::Only, FIRST),
        Told::Begins(Join, Place::Only, AFTER),
        Told::Begins(Sleep, Place::Nothing, AFTER),
        Told::Begins(Join, Place::Nothing, AFTER),
        Told::Ends(Join, 9, WaitEnd::Over),
    ];
    assert_eq!(timeout, expected);
}

#[test]
fn no_end_is_told_that_nobody_wanted() {
    assert_eq!(told(None, waits_for(&[(ChanRecv, 7)])), []);
    assert_eq!(told(Some(&NONE), waits_for(&[(ChanRecv, 7)])), [Told::Begins(ChanRecv, Place::Only, FIRST)]);
}

#[test]
fn a_wait_that_ends_in_an_observers_poll_was_one() {
    struct Blind;
    impl Witness for Blind {
        fn leaf(&mut self) {}
        fn said(&mut self, _: WaitReason, _: u64) {}
    }
    let told = told_in(Some(&ALL), |runtime| {
        let mut asked = false;
        let task = runtime.spawn(poll_fn(move |cx| {
            if std::mem::replace(&mut asked, true) {
                return Poll::Ready(());
            }
            // Somebody has its waker, and never wakes it.
            std::mem::forget(cx.waker().clone());
            blocked_on(ChanRecv, 7);
            Poll::Pending
        }));
        runtime.block_on(gumption_core::yield_now());
        let mut rows = Vec::new();
        runtime.handle().for_each_task(|row| rows.push(row));
        let row = rows.iter().find(|row| row.id == task.id()).unwrap();
        assert_eq!(runtime.handle().capture(row, &mut Blind), Captured::Ended);
    });
    assert_eq!(told, [Told::Begins(ChanRecv, Place::Only, FIRST), Told::Ends(ChanRecv, 7, WaitEnd::Over)]);
}

#[test]
fn what_was_no_wait_is_told_as_none() {
    let returns = told(Some(&ALL), async { blocked_on(ChanRecv, 7) });
    assert_eq!(returns, [Told::Begins(ChanRecv, Place::Only, FIRST), Told::Ends(ChanRecv, 7, WaitEnd::None)]);
    let takes_back = told(Some(&ALL), async {
        blocked_on(ChanRecv, 7);
        unblocked(ChanRecv, 7);
    });
    assert_eq!(takes_back, returns);
}
