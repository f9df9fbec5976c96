//! Models of the registry: what an observer reads of a record that ends, is freed and lives again meanwhile.
//!
//! Each life of a record has a site, a birth time and a type of its own, so a copy that mixes two lives is noticed. The
//! threads that spawn and complete are ordered among themselves; the observer is ordered by nothing but the seqlock.
#![cfg(gumption_loom)]

use gumption_core::internals::{Caches, Ran, Registry, Runnable, Sink};
use gumption_core::resource::{Holder, Kind, Record};
use gumption_core::sync::{AtomicU64, Condvar, Mutex, Ordering, thread};
use gumption_core::task::{Id, JoinHandle, LocalProcessor, Row, set_processor};
use gumption_core::wait::{WaitReason, blocked_with};
use gumption_loom_tests::{UNBOUNDED, model, mutants};
use std::future::{Future, Ready, poll_fn, ready};
use std::panic::Location;
use std::pin::Pin;
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

fn registry() -> Arc<Registry> {
    unsafe fn submit(_: *const (), task: Runnable) {
        drive(task);
    }
    // SAFETY: the sink needs no data, and every model ends its tasks before it drops the registry.
    Arc::new(unsafe { Registry::new(Sink { data: std::ptr::null(), submit }) })
}

fn drive(mut task: Runnable) {
    while let Ran::Woken(again) = task.run() {
        task = again;
    }
}

fn first() -> &'static Location<'static> {
    Location::caller()
}
fn second() -> &'static Location<'static> {
    Location::caller()
}

/// One of two kinds of life: the types, sites and times of birth differ.
fn spawn(registry: &Registry, caches: Option<&mut Caches>, life: u64) -> (Runnable, Id, Joined) {
    macro_rules! spawn {
        ($future:expr, $site:expr, $variant:path) => {{
            let (task, join) = match caches {
                Some(caches) => registry.spawn(caches, $future, $site, life),
                None => registry.spawn_remote($future, $site, life),
            };
            let id = join.id();
            (task, id, $variant(join))
        }};
    }
    if life % 2 == 1 {
        spawn!(ready(life as u32), first(), Joined::First)
    } else {
        spawn!(ready(life), second(), Joined::Second)
    }
}

enum Joined {
    First(#[expect(dead_code, reason = "kept for its drop")] JoinHandle<u32>),
    Second(JoinHandle<u64>),
}

/// That everything in the copy belongs to one life, of the kind that its time of birth says.
fn demand_whole(row: &Row) {
    let odd = row.since % 2 == 1;
    let (site, name) = if odd {
        (first(), std::any::type_name::<Ready<u32>>())
    } else {
        (second(), std::any::type_name::<Ready<u64>>())
    };
    assert!(std::ptr::eq(row.site, site) || row.site == site, "torn: {row:?}");
    assert_eq!(row.type_name(), name, "torn: {row:?}");
}

/// A record lives, ends and lives again, twice, under an observer's eyes: each copy is of one life.
#[test]
fn dump_vs_complete_vs_reuse() {
    model(3, || {
        let registry = registry();
        // The record is there before the observer; its lives are not.
        let (task, _, join) = spawn(&registry, None, 1);
        let record = NonNull::from(task.task()).addr();
        drive(task);
        drop(join);
        let observer = thread::spawn({
            let registry = registry.clone();
            move || {
                let mut rows = Vec::new();
                registry.snapshot(|row| {
                    demand_whole(&row);
                    rows.push((row.id, row.since));
                });
                drop(registry);
                rows
            }
        });
        let mut lives = Vec::new();
        for life in 2..=3 {
            let (task, id, join) = spawn(&registry, None, life);
            assert_eq!(NonNull::from(task.task()).addr(), record, "the model rests on the record's reuse");
            lives.push((id, life));
            drive(task);
            drop(join);
        }
        for row in observer.join().unwrap() {
            assert!(lives.contains(&row), "{row:?} is none of {lives:?}");
        }
    });
}

/// A thread's own caches, as a processor's machine has them.
struct Owner {
    caches: Box<Caches>,
    clock: Box<AtomicU64>,
}

impl Owner {
    fn new(registry: &Registry) -> Self {
        Self { caches: Box::new(registry.caches()), clock: Box::new(AtomicU64::new(0)) }
    }

    /// Has what is released by `f` on this thread go to these caches.
    fn release<R>(&mut self, f: impl FnOnce() -> R) -> R {
        let local = LocalProcessor { caches: NonNull::from(&mut *self.caches), clock: NonNull::from(&*self.clock) };
        // SAFETY: the caches are used by nobody else until they are taken back below.
        unsafe { set_processor(Some(local)) };
        let result = f();
        // SAFETY: as above.
        unsafe { set_processor(None) };
        result
    }
}

/// A record is spawned on one processor, ends on another, whose caches get it, and lives again there.
#[test]
fn record_migrates_between_processors() {
    model(2, || {
        let registry = registry();
        let hand = Arc::new((Mutex::new(None), Condvar::new()));
        let observer = thread::spawn({
            let registry = registry.clone();
            move || registry.snapshot(|row| demand_whole(&row))
        });
        let receiver = thread::spawn({
            let (registry, hand) = (registry.clone(), hand.clone());
            move || {
                let mut owner = Owner::new(&registry);
                let (task, join): (Runnable, Joined) = {
                    let mut given = hand.0.lock();
                    loop {
                        match given.take() {
                            Some(given) => break given,
                            None => given = hand.1.wait(given),
                        }
                    }
                };
                let record = NonNull::from(task.task()).addr();
                owner.release(|| {
                    drive(task);
                    drop(join);
                });
                let (task, _, join) = spawn(&registry, Some(&mut owner.caches), 2);
                assert_eq!(NonNull::from(task.task()).addr(), record, "the model rests on the record's reuse");
                owner.release(|| {
                    drive(task);
                    drop(join);
                });
            }
        });
        let mut owner = Owner::new(&registry);
        let (task, _, join) = spawn(&registry, Some(&mut owner.caches), 1);
        *hand.0.lock() = Some((task, join));
        hand.1.notify_one();
        observer.join().unwrap();
        receiver.join().unwrap();
        drop(owner);
        registry.snapshot(|row| panic!("a record is left behind: {row:?}"));
    });
}

/// An observer that aborts a task by its id never aborts the record's next task.
#[test]
fn abort_by_id_vs_reuse() {
    model(4, || {
        let registry = registry();
        let (task, id, join) = spawn(&registry, None, 1);
        let record = task.into_raw();
        /// The record's address, for another thread.
        struct Seen(NonNull<gumption_core::internals::Task>);
        // SAFETY: a record may be looked at from anywhere.
        unsafe impl Send for Seen {}
        let seen = Seen(record);
        let observer = thread::spawn(move || {
            let seen = seen;
            // SAFETY: records live as long as their registry, which main drops last.
            if let Some(handle) = unsafe { seen.0.as_ref() }.abort_handle(id) {
                handle.abort();
            }
        });
        // SAFETY: the right to run comes from `into_raw`.
        drive(unsafe { Runnable::from_raw(record) });
        drop(join);
        let (task, _, join) = spawn(&registry, None, 2);
        drive(task);
        let Joined::Second(mut join) = join else { unreachable!("the second life is of the second kind") };
        let result = Pin::new(&mut join).poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(result, Poll::Ready(Ok(2))), "the record's next task was aborted: {result:?}");
        drop(join);
        observer.join().unwrap();
        registry.snapshot(|row| panic!("a record is left behind: {row:?}"));
    });
}

/// A task that says that it waits for resource 7, exactly, each time that it runs; the third time it ends. In its second run it calls
/// `again`. Its waker is in the slot.
fn waits(registry: &Registry, again: impl Fn() + Send + 'static) -> (JoinHandle<()>, Arc<Mutex<Option<Waker>>>) {
    let slot = Arc::new(Mutex::new(None));
    let (kept, mut runs) = (slot.clone(), 0);
    let future = poll_fn(move |cx| {
        runs += 1;
        match runs {
            1 => *kept.lock() = Some(cx.waker().clone()),
            2 => again(),
            _ => return Poll::Ready(()),
        }
        blocked_with(WaitReason::Mutex, 7, true);
        Poll::Pending
    });
    let (task, join) = registry.spawn_remote(future, first(), 1);
    drive(task);
    (join, slot)
}

fn row(registry: &Registry) -> Row {
    let mut rows = Vec::new();
    registry.snapshot(|row| rows.push(row));
    rows[0]
}

/// A task is woken, lets go of what it owned, and waits again, exactly as before: who finds it in that wait twice sees that it owns
/// nothing any more. On this rest the proofs of `gumption_introspect::leaks`.
#[test]
fn a_wait_confirmed_shows_what_came_before_it() {
    model(3, || {
        let registry = registry();
        let owned = Arc::new(AtomicU64::new(1));
        let (join, slot) = waits(&registry, {
            let owned = owned.clone();
            // It lets go what it owned.
            move || owned.store(0, Ordering::Relaxed)
        });
        let waits_first = row(&registry).since;
        let observer = thread::spawn({
            let (registry, owned) = (registry.clone(), owned.clone());
            move || {
                let seen = row(&registry);
                let Some(again) = seen.again() else { return };
                let same = seen.exact && again.exact && seen.bits.is_idle() && again.bits.is_idle();
                if same && seen.since == again.since && seen.since != waits_first {
                    assert_eq!(owned.load(Ordering::Relaxed), 0, "it was let go before that wait");
                }
            }
        });
        let waker = slot.lock().take().expect("it is kept");
        waker.wake_by_ref();
        observer.join().unwrap();
        waker.wake();
        drop(join);
    });
}

/// A task has a lock, lets it go, and waits for it; then it is handed it, and not woken yet. Who confirms that it waits, reads who owns
/// the lock, and confirms it once more, as [`gumption_introspect::leaks`] does, finds it waiting for itself only as one that is on its way.
#[test]
fn who_was_handed_a_lock_is_not_proven_to_wait_for_itself() {
    model(UNBOUNDED, || {
        let registry = registry();
        let record = gumption_core::sync::Arc::new(Record::free(0));
        record.begin(Kind::Mutex, first());
        record.set_owner(9);
        let (join, slot) = waits(&registry, {
            let record = record.clone();
            move || record.set_owner(0)
        });
        let waits_first = row(&registry).since;
        let observer = thread::spawn({
            let (registry, record) = (registry.clone(), record.clone());
            move || {
                let seen = row(&registry);
                let still = || {
                    let again = seen.again();
                    again.is_some_and(|row| row.exact && row.bits.is_idle() && row.since == seen.since)
                };
                // In its first wait it has it.
                if seen.since == waits_first || !still() {
                    return;
                }
                let facts = record.facts().expect("it lives");
                assert!(facts.owner != 9 || facts.waking || !still(), "it does not wait for what it has");
            }
        });
        let waker = slot.lock().take().expect("it is kept");
        waker.wake_by_ref();
        record.hand_to(9);
        observer.join().unwrap();
        waker.wake();
        drop(join);
    });
}

/// A task that is woken may run before or after it is confirmed as idle, not meanwhile: what was done before it was confirmed is seen
/// by that run.
#[test]
fn who_is_confirmed_idle_runs_later() {
    model(3, || {
        let registry = registry();
        let (asked, answer) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(9)));
        let (join, slot) = waits(&registry, {
            let (asked, answer) = (asked.clone(), answer.clone());
            move || answer.store(asked.load(Ordering::Relaxed), Ordering::Relaxed)
        });
        let waits_first = row(&registry).since;
        let observer = thread::spawn({
            let (registry, asked) = (registry.clone(), asked.clone());
            move || {
                let seen = row(&registry);
                asked.store(1, Ordering::Relaxed);
                let again = seen.again();
                again.is_some_and(|row| row.exact && row.bits.is_idle() && row.since == waits_first)
            }
        });
        let waker = slot.lock().take().expect("it is kept");
        waker.wake_by_ref();
        if observer.join().unwrap() {
            assert_eq!(answer.load(Ordering::Relaxed), 1, "it was idle, and had not run since");
        }
        waker.wake();
        drop(join);
    });
}

/// A task has a permit, gives it back, and waits for it; then it is given it, and not woken yet. Who confirms that it waits, reads who
/// has the permit, and confirms it once more, as [`gumption_introspect::leaks`] does, never finds it waiting for itself.
#[test]
fn who_waits_is_not_proven_to_have_what_it_waits_for() {
    model(2, || {
        let registry = registry();
        let record = gumption_core::sync::Arc::new(Record::free(0));
        record.begin(Kind::Semaphore, first());
        record.make_sharers();
        let has_it = Holder { task: 9, permits: 1, travels: false };
        let place = record.sharers().expect("they were made").enter(has_it);
        let (join, slot) = waits(&registry, {
            let record = record.clone();
            move || record.sharers().expect("they were made").change(place, 0)
        });
        let waits_first = row(&registry).since;
        let observer = thread::spawn({
            let (registry, record) = (registry.clone(), record.clone());
            move || {
                let seen = row(&registry);
                let still = || {
                    let again = seen.again();
                    again.is_some_and(|row| row.exact && row.bits.is_idle() && row.since == seen.since)
                };
                // In its first wait it has it.
                if seen.since == waits_first || !still() {
                    return;
                }
                let shares = record.shares(record.id()).expect("they were made");
                assert!(!shares.holders.contains(&has_it) || !still(), "it does not wait for what it has");
            }
        });
        let waker = slot.lock().take().expect("it is kept");
        waker.wake_by_ref();
        let _kept = record.sharers().expect("they were made").serve(has_it, Some(&waker));
        observer.join().unwrap();
        waker.wake();
        drop(join);
    });
}

mutants! {
    who_is_confirmed_idle_runs_later: ["task-confirm-late-bits"];
    who_waits_is_not_proven_to_have_what_it_waits_for: [
        "holders-serve-unanswered", "holders-enter-relaxed", "wait-answered-stays-exact", "task-confirm-no-rmw",
        "holders-no-acquire-fence",
    ];
    a_wait_confirmed_shows_what_came_before_it: ["task-confirm-no-rmw"];
    who_was_handed_a_lock_is_not_proven_to_wait_for_itself: ["resource-handed-not-waking", "task-confirm-no-rmw"];
    dump_vs_complete_vs_reuse: [
        "registry-no-release-fence", "registry-publish-relaxed", "registry-no-acquire-fence", "registry-no-seq",
    ];
    record_migrates_between_processors: ["registry-no-release-fence", "registry-no-acquire-fence", "registry-no-seq"];
    abort_by_id_vs_reuse: ["registry-abort-any-life", "registry-upgrade-relaxed"];
}
