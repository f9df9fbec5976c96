//! What is kept of tasks: their wakers, what they wait for, their records and their memory.

use super::{Bench, Drops, finished, waits};
use crate::policy;
use crate::sync::{Arc, AtomicU64, AtomicUsize, Mutex, Ordering, thread};
use crate::task::state::{Begun, Ended, State};
use crate::task::{Ending, Id, JoinHandle, LocalProcessor, Ran, Runnable, Task, set_processor, try_id, with_current};
use crate::wait::{WaitReason, blocked_on};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::future::{pending, poll_fn, ready};
use std::panic::Location;
use std::pin::pin;
use std::ptr::{NonNull, from_ref};
use std::task::{Context, Poll, Waker};

#[test]
fn a_waker_outlives_its_runtime_and_the_next_one_on_its_pages() {
    let drops = Drops::default();
    let slot = Arc::new(Mutex::new(None));
    let bench = Bench::new();
    let join = bench.spawn(waits(&slot, drops.guard()));
    bench.drain();
    drop(bench);
    assert_eq!(drops.count(), 1);
    let waker = slot.lock().take().unwrap();
    waker.wake_by_ref();
    let next = Bench::new();
    let joins: Vec<_> = (0..2 * policy::RECORD_MAGAZINE).map(|_| next.spawn(ready(1))).collect();
    assert!(joins.iter().all(|other| other.id() != join.id()));
    let second = waker.clone();
    second.wake();
    assert!(join.is_finished());
    drop(join);
    waker.wake();
    assert_eq!(next.drain().len(), joins.len());
}

#[test]
fn a_task_without_wakers_is_stranded_and_one_with_a_waker_is_not() {
    let bench = Bench::new();
    let drops = Drops::default();
    let slot = Arc::new(Mutex::new(None));
    let stranded = bench.spawn(pending::<()>());
    let waiting = bench.spawn(waits(&slot, drops.guard()));
    assert!(bench.rows().iter().all(|row| !row.bits.is_stranded()), "queued");
    bench.drain();
    let of = |id| bench.rows().into_iter().find(|row| row.id == id).unwrap().bits;
    assert!(of(stranded.id()).is_stranded());
    assert!(!of(waiting.id()).is_stranded());
    assert_eq!(of(waiting.id()).wakers(), 1);
    let waker = slot.lock().take().unwrap();
    assert!(waker.will_wake(&waker.clone()));
    drop(waker);
    assert!(of(waiting.id()).is_stranded());
    stranded.abort();
    assert!(!of(stranded.id()).is_stranded());
}

#[test]
fn a_task_says_what_it_waits_for_and_forgets_it_when_it_runs() {
    let bench = Bench::new();
    let slot = Arc::new(Mutex::new(None));
    let kept = Arc::clone(&slot);
    let mut says = true;
    let join = bench.spawn(poll_fn(move |cx| {
        *kept.lock() = Some(cx.waker().clone());
        if std::mem::take(&mut says) {
            blocked_on(WaitReason::Sleep, 9);
            blocked_on(WaitReason::ChanRecv, 77);
        }
        Poll::<()>::Pending
    }));
    let row = bench.rows()[0];
    assert_eq!((row.id, row.wait, row.resource, row.since), (join.id(), WaitReason::Unknown, 0, 5));
    assert!(row.site.file().ends_with("records.rs"));
    assert!(row.type_name().contains("PollFn"));
    let clock = AtomicU64::new(123);
    let mut caches = bench.registry.caches();
    let local = LocalProcessor { caches: NonNull::from(&mut caches), clock: NonNull::from(&clock) };
    // SAFETY: taken back before the two go.
    let before = unsafe { set_processor(Some(local)) };
    bench.drain();
    // SAFETY: as before.
    let _ours = unsafe { set_processor(before) };
    let row = bench.rows()[0];
    assert_eq!((row.wait, row.resource, row.since), (WaitReason::ChanRecv, 77, 123));
    slot.lock().take().unwrap().wake();
    bench.drain();
    assert_eq!(bench.rows()[0].wait, WaitReason::Unknown);
}

#[test]
fn the_running_task_has_an_id_in_its_poll_and_in_its_drops() {
    struct Witness(Arc<Mutex<Vec<Option<Id>>>>);
    impl Drop for Witness {
        fn drop(&mut self) {
            self.0.lock().push(try_id());
        }
    }
    let bench = Bench::new();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (inside, output) = (Witness(Arc::clone(&seen)), Witness(Arc::clone(&seen)));
    let join = bench.spawn(async move {
        inside.0.lock().push(try_id());
        drop(inside);
        output
    });
    let id = join.id();
    drop(join);
    bench.drain();
    assert_eq!(*seen.lock(), [Some(id); 3]);
    assert_eq!(try_id(), None);
}

#[test]
fn a_join_says_whom_it_waits_for() {
    let bench = Bench::new();
    let child = bench.spawn(pending::<()>());
    let id = child.id();
    let parent = bench.spawn(child);
    bench.drain();
    let row = bench.rows().into_iter().find(|row| row.id == parent.id()).unwrap();
    assert_eq!((row.wait, row.resource), (WaitReason::Join, id.as_u64()));
}

#[test]
fn records_are_used_again_under_new_ids() {
    let bench = Bench::new();
    let mut ids = BTreeSet::new();
    for _ in 0..3 * policy::RECORD_MAGAZINE {
        let join = bench.spawn(ready(()));
        assert!(ids.insert(join.id()), "an id came twice");
        assert_eq!(bench.rows().len(), 1);
        bench.drain();
    }
    let joins: Vec<_> = (0..5_000).map(|_| bench.spawn(ready(()))).collect();
    let rows: BTreeSet<_> = bench.rows().into_iter().map(|row| row.id).collect();
    assert_eq!(rows, joins.iter().map(JoinHandle::id).collect());
    let capacity = bench.registry.capacity();
    assert!(capacity >= 5_000);
    bench.drain();
    drop(joins);
    drop((0..5_000).map(|_| bench.spawn(ready(()))).collect::<Vec<_>>());
    assert_eq!(bench.registry.capacity(), capacity, "the second wave fits into the first one's records");
}

#[test]
fn a_stale_record_gives_no_handle() {
    let bench = Bench::new();
    let join = bench.spawn(pending::<()>());
    let id = join.id();
    let mut handles = Vec::new();
    bench.registry.for_each(|task| handles.extend(task.abort_handle(id)));
    assert_eq!(handles.len(), 1);
    handles[0].abort();
    assert_eq!(bench.drain(), [Ending::Aborted]);
    drop((join, handles));
    let next = bench.spawn(pending::<()>());
    bench.registry.for_each(|task| assert!(task.abort_handle(id).is_none()));
    next.abort();
    assert_eq!(bench.drain(), [Ending::Aborted]);
}

/// A future of a given alignment and size.
#[repr(align(128))]
struct Wide(u8);

#[test]
fn bodies_of_every_size_and_alignment() {
    fn check<const N: usize>(bench: &Bench) {
        let bytes = [7_u8; N];
        let mut join = bench.spawn(async move {
            std::future::ready(()).await;
            bytes
        });
        assert_eq!(bench.drain(), [Ending::Returned]);
        assert_eq!(finished(&mut join).unwrap(), bytes);
    }
    let bench = Bench::new();
    check::<0>(&bench);
    check::<100>(&bench);
    check::<480>(&bench);
    check::<900>(&bench);
    check::<1500>(&bench);
    check::<4000>(&bench);
    check::<20_000>(&bench);
    let wide = Wide(3);
    let mut join = bench.spawn(async move {
        let address = from_ref(&wide).addr();
        (address, wide)
    });
    assert_eq!(bench.drain(), [Ending::Returned]);
    let (address, wide) = finished(&mut join).unwrap();
    assert_eq!((address % 128, wide.0), (0, 3));
}

#[test]
fn size_classes_fit_and_are_tight() {
    for size in 1..=4096 {
        let class = policy::memory_class(size, 8).unwrap();
        assert!(policy::memory_size(class) >= size);
        assert!(class == 0 || policy::memory_size(class - 1) < size);
        assert!((8..=256).contains(&policy::memory_magazine(class)));
    }
    assert_eq!(policy::memory_class(4097, 8), None);
    assert_eq!(policy::memory_class(64, 32), None);
    assert_eq!(policy::memory_size(policy::MEMORY_CLASSES as u8 - 1), 4096);
}

#[test]
fn a_processors_caches_serve_its_thread() {
    let bench = Bench::new();
    let clock = AtomicU64::new(0);
    let mut caches = bench.registry.caches();
    let local = LocalProcessor { caches: NonNull::from(&mut caches), clock: NonNull::from(&clock) };
    let mut addresses = BTreeSet::new();
    for _ in 0..100 {
        // SAFETY: no task code runs while the caches are borrowed.
        let (task, join) =
            bench.registry.spawn(unsafe { &mut *local.caches.as_ptr() }, ready([0_u8; 40]), Location::caller(), 0);
        addresses.insert(from_ref(task.task()).addr());
        // SAFETY: taken back below.
        let before = unsafe { set_processor(Some(local)) };
        assert!(matches!(task.run(), Ran::Complete(Ending::Returned)));
        drop(join);
        // SAFETY: as above.
        let _ours = unsafe { set_processor(before) };
    }
    assert_eq!(addresses.len(), 1, "the record that was just freed is the next one used");
}

#[test]
fn what_is_spawned_here_and_ends_there_comes_back() {
    let bench = Bench::new();
    let clock = AtomicU64::new(0);
    let (mut here, mut there) = (bench.registry.caches(), bench.registry.caches());
    let there = LocalProcessor { caches: NonNull::from(&mut there), clock: NonNull::from(&clock) };
    let (mut records, mut bodies) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..20_000 {
        let (task, join) = bench.registry.spawn(&mut here, ready([0_u8; 40]), Location::caller(), 0);
        records.insert(from_ref(task.task()).addr());
        // SAFETY: the right to run is ours, and the body is there.
        bodies.insert(unsafe { task.task().body() }.addr());
        // SAFETY: taken back below; no task code runs while the caches are borrowed.
        let before = unsafe { set_processor(Some(there)) };
        assert!(matches!(task.run(), Ran::Complete(Ending::Returned)));
        drop(join);
        // SAFETY: as above.
        let _theirs = unsafe { set_processor(before) };
    }
    // Two magazines here, two there, one on the way, and what is left of a page.
    assert!(records.len() <= 5 * policy::RECORD_MAGAZINE + 1024, "{} records", records.len());
    assert!(bodies.len() <= 5 * 256, "{} bodies", bodies.len());
}

#[test]
fn many_wakes_are_folded_and_still_answered_once() {
    let state = State::free();
    state.spawn();
    let Begun::Poll(seen) = state.begin() else { panic!("not aborted") };
    for _ in 0..100_000 {
        let _ = state.wake();
    }
    assert!(state.peek().wakes() < 1 << 14);
    assert_eq!((state.peek().wakers(), state.peek().refs()), (0, 2), "wakes stay in their field");
    assert_eq!(state.end(seen), Ended::Woken);
    let Begun::Poll(seen) = state.begin() else { panic!("not aborted") };
    assert_eq!(state.peek().wakes(), 1);
    assert_eq!(state.end(seen), Ended::Idle);
    assert!(state.peek().is_stranded());
}

#[test]
fn two_threads_wake_and_two_run_and_nothing_is_lost() {
    const WAKES: usize = 20_000;
    let bench = Bench::new();
    let slot = Arc::new(Mutex::new(None::<Waker>));
    let (told, heard) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut join = {
        let (slot, told, heard) = (Arc::clone(&slot), Arc::clone(&told), Arc::clone(&heard));
        bench.spawn(poll_fn(move |cx| {
            *slot.lock() = Some(cx.waker().clone());
            // Relaxed: only the wake makes the teller's store visible.
            let seen = told.load(Ordering::Relaxed);
            heard.store(seen, Ordering::Relaxed);
            if seen >= 2 * WAKES { Poll::Ready(seen) } else { Poll::Pending }
        }))
    };
    assert!(bench.drain().is_empty());
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..WAKES {
                    told.fetch_add(1, Ordering::Relaxed);
                    let waker = slot.lock().clone().unwrap();
                    waker.wake();
                }
            });
            scope.spawn(|| {
                while !join.is_finished() {
                    bench.drain();
                    thread::yield_now();
                }
            });
        }
    });
    assert_eq!(finished(&mut join).unwrap(), 2 * WAKES);
    assert_eq!(heard.load(Ordering::Relaxed), 2 * WAKES);
}

#[test]
fn an_observer_never_sees_a_torn_row() {
    let bench = Bench::new();
    let stop = AtomicUsize::new(0);
    let rows = Cell::new(0_usize);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut caches = bench.registry.caches();
            // At least as many as it takes, and on until the observer has had its fill.
            while stop.load(Ordering::Relaxed) == 0 {
                let even = bench.registry.spawn(&mut caches, ready(0_u8), SITE_OF_U8, 1);
                assert!(matches!(even.0.run(), Ran::Complete(Ending::Returned)));
                drop(even.1);
                let odd = bench.registry.spawn(&mut caches, ready(0_u64), SITE_OF_U64, 2);
                assert!(matches!(odd.0.run(), Ran::Complete(Ending::Returned)));
                drop(odd.1);
            }
        });
        while rows.get() < 1_000 {
            bench.registry.snapshot(|row| {
                rows.set(rows.get() + 1);
                let expected = if row.since == 1 { (SITE_OF_U8, "u8") } else { (SITE_OF_U64, "u64") };
                assert!(std::ptr::eq(row.site, expected.0));
                assert!(row.type_name().contains(expected.1));
            });
        }
        stop.store(1, Ordering::Relaxed);
    });
}

static SITE_OF_U8: &Location<'static> = Location::caller();
static SITE_OF_U64: &Location<'static> = Location::caller();

#[test]
fn a_record_is_a_cache_line() {
    assert_eq!((size_of::<Task>(), align_of::<Task>()), (64, 64));
    assert_eq!(size_of::<Option<Runnable>>(), size_of::<usize>());
}

#[test]
fn a_pinned_task_says_so() {
    let bench = Bench::new();
    let mut join = bench.spawn(async {
        with_current(Task::set_locked);
        assert_eq!(with_current(Task::is_locked), Some(true));
        with_current(Task::clear_locked);
    });
    let polled = pin!(&mut join).poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending());
    bench.drain();
    assert!(finished(&mut join).is_ok());
}
