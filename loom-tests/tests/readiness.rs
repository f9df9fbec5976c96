//! Models of readiness: the kernel's event, the tasks that wait and the end of a source, which meet in one word.
//!
//! The code under test is `gumption_io::internals::Readiness`. The kernel is a count of bytes: an event thread adds one and
//! then sets the word, as epoll does it for mio. A reader does what `Evented::poll_io` does: it looks or waits, takes what
//! there is, and clears what it saw when there is nothing. It has lost an event if in the end there are bytes that it has
//! not taken, while the waker that it left last has not been rung.
//!
//! Whoever wakes rings a [`Bell`](gumption_loom_tests::bell::Bell), which lends no ordering to anybody, and counts the
//! wakers: each is dropped once. That the slot has one visitor at a time is loom's own check of its cell.
//!
//! Events come from spawned threads, and the main thread waits, or the other way round: loom hides a reader's orderings
//! otherwise, see the crate's `README.md`.
#![cfg(gumption_loom)]

use gumption_core::sync::{Arc, AtomicUsize, Mutex, Ordering, thread};
use gumption_io::internals::{Noted, POLLER, Place, Readiness, Ready, Seen, Slab, Who};
use gumption_loom_tests::bell::{Bell, bell};
use gumption_loom_tests::{UNBOUNDED, model, mutants};

const READ: Ready = Ready::READABLE;
/// Names of waiters.
const ANN: Who = 8;
const BEN: Who = 16;

/// A direction of a source, and the kernel behind it.
#[derive(Debug)]
struct Source {
    readiness: Readiness,
    bytes: AtomicUsize,
}

/// One task's wait: what it was told, and the bell that it left.
struct Wait {
    who: Who,
    place: Place,
    told: Option<Seen>,
    bell: &'static Bell,
}

impl Source {
    fn new() -> Arc<Self> {
        Arc::new(Self { readiness: Readiness::new(), bytes: AtomicUsize::new(0) })
    }

    /// A byte comes, and its event is passed on to the source of `generation`.
    fn event(&self, generation: u32) -> Noted {
        // Ordering: Relaxed; it is the event that publishes it.
        self.bytes.fetch_add(1, Ordering::Relaxed);
        self.readiness.set(generation, READ)
    }

    fn wait(&self, who: Who) -> Wait {
        let (bell, waker) = bell();
        let mut place = Place::default();
        let told = self.readiness.wait(READ, who, &mut place, &waker);
        Wait { who, place, told, bell }
    }

    /// Reads all there is beyond `taken` until it must wait; the bell that it left then.
    fn read(&self, taken: &mut usize) -> &'static Bell {
        loop {
            let (bell, waker) = bell();
            let Some(seen) = self.readiness.wait(READ, POLLER, &mut Place::default(), &waker) else { return bell };
            // Ordering: Relaxed; whoever has seen an event sees its byte.
            let bytes = self.bytes.load(Ordering::Relaxed);
            if bytes == *taken {
                self.readiness.clear(seen);
            }
            *taken = bytes;
        }
    }

    /// Nobody is at the slot. In the end always so.
    fn is_unlocked(&self) -> bool {
        format!("{:?}", self.readiness).contains("locked: false")
    }
}

impl Wait {
    /// Waits again, as a future that is polled for another reason does.
    fn again(&mut self, source: &Source) {
        let (bell, waker) = bell();
        self.told = source.readiness.wait(READ, self.who, &mut self.place, &waker);
        self.bell = bell;
    }

    fn knows(&self) -> bool {
        self.told.is_some() || self.bell.has_rung()
    }

    /// The future goes; no waker of it may be left once everybody is gone.
    fn forget(&mut self, source: &Source) {
        source.readiness.forget(self.who, &mut self.place);
    }
}

fn spawn<R: 'static>(source: &Arc<Source>, body: impl FnOnce(&Source) -> R + 'static) -> thread::JoinHandle<R> {
    let source = Arc::clone(source);
    thread::spawn(move || body(&source))
}

fn join<R>(thread: thread::JoinHandle<R>) -> R {
    match thread.join() {
        Ok(result) => result,
        Err(_) => panic!("a thread has panicked"),
    }
}

/// An event and one task that reads: with an event from before that is over, with one that comes, with two in a row, and
/// with two from two threads at a time; then the same with the end of the runtime in place of an event.
#[test]
fn readiness_vs_wait() {
    for (before, events, bound) in [(0, 1, UNBOUNDED), (1, 1, UNBOUNDED), (1, 2, 3)] {
        model(bound, move || {
            let source = Source::new();
            let mut taken = 0;
            let poller = spawn(&source, move |source| {
                for _ in 0..events {
                    let _ = source.event(0);
                }
            });
            // One whose byte has been read already: the reader finds nothing, and clears.
            for _ in 0..before {
                let _ = source.readiness.set(0, READ);
            }
            // Polled once more for another reason: comes to the slot behind the event.
            let _first = source.read(&mut taken);
            let bell = source.read(&mut taken);
            join(poller);
            assert!(taken == events || bell.has_rung(), "an event was lost: {taken} of {events} bytes read");
            source.readiness.reset(1);
            assert!(source.is_unlocked());
            assert_eq!(bell.wakers(), 0, "every waker is dropped once");
        });
    }
    model(3, || {
        let source = Source::new();
        let mut taken = 0;
        let pollers = [(); 2].map(|()| spawn(&source, |source| source.event(0)));
        let bell = source.read(&mut taken);
        let noted = pollers.map(join);
        assert!(!noted.contains(&Noted::Stale));
        assert!(taken == 2 || bell.has_rung(), "an event was lost: {taken} of 2 bytes read");
        assert!(source.is_unlocked());
    });
    model(UNBOUNDED, || {
        let source = Source::new();
        let closer = spawn(&source, |source| source.readiness.close());
        let mut ann = source.wait(ANN);
        let mut ben = source.wait(BEN);
        join(closer);
        for wait in [&mut ann, &mut ben] {
            assert!(wait.knows(), "the end was not heard of");
            wait.forget(&source);
            assert_eq!(wait.bell.wakers(), 0);
        }
        assert!(source.readiness.look(READ).is_some_and(|seen| seen.closed));
    });
}

/// The same with the event in the main thread, and the reader in another.
#[test]
fn wait_vs_readiness() {
    model(UNBOUNDED, || {
        let source = Source::new();
        let reader = spawn(&source, |source| {
            let mut taken = 0;
            let bell = source.read(&mut taken);
            (taken, bell)
        });
        let _ = source.event(0);
        let (taken, bell) = join(reader);
        assert!(taken == 1 || bell.has_rung(), "an event was lost");
    });
    model(UNBOUNDED, || {
        let source = Source::new();
        let looker = spawn(&source, |source| {
            if source.readiness.look(READ).is_some() {
                // Ordering: Relaxed; the look has seen the event.
                assert_eq!(source.bytes.load(Ordering::Relaxed), 1, "seen, and not what led to it");
            }
        });
        let _ = source.event(0);
        join(looker);
    });
}

/// Two tasks wait, one of them twice, while an event comes: both are told or woken, whoever of them has the slot. Then
/// with the event between the two, which puts the second into the list beside the slot.
#[test]
fn two_waiters_vs_event() {
    model(3, || {
        let source = Source::new();
        let ben = spawn(&source, |source| source.wait(BEN));
        let poller = spawn(&source, |source| source.event(0));
        let mut ann = source.wait(ANN);
        if !ann.knows() {
            ann.again(&source);
        }
        let (mut ben, _noted) = (join(ben), join(poller));
        for wait in [&mut ann, &mut ben] {
            assert!(wait.knows(), "an event was lost on {}", wait.who);
            wait.forget(&source);
        }
        assert_eq!((ann.bell.wakers(), ben.bell.wakers()), (0, 0), "every waker is dropped once");
        assert!(source.is_unlocked());
    });
    model(UNBOUNDED, || {
        let source = Source::new();
        let poller = spawn(&source, |source| source.event(0));
        let mut waits = [ANN, BEN].map(|who| source.wait(who));
        if !waits[1].knows() {
            waits[1].again(&source);
        }
        if waits[1].told.is_some() {
            // Ordering: Relaxed; it was told of the event.
            assert_eq!(source.bytes.load(Ordering::Relaxed), 1, "told, and not what led to it");
        }
        let _noted = join(poller);
        for wait in &mut waits {
            assert!(wait.knows(), "an event was lost on {}", wait.who);
            wait.forget(&source);
            assert_eq!(wait.bell.wakers(), 0, "every waker is dropped once");
        }
    });
}

/// One of two tasks gives up while an event comes: the other one hears of it, wherever either stood, and the one that has
/// given up leaves nothing behind. Then both give up at a time, beside a third that stays.
#[test]
fn forget_vs_event() {
    for first in [true, false] {
        model(UNBOUNDED, move || {
            let source = Source::new();
            let poller = spawn(&source, |source| source.event(0));
            let mut waits = [ANN, BEN].map(|who| source.wait(who));
            let [ann, ben] = &mut waits;
            let (goes, stays) = if first { (ann, ben) } else { (ben, ann) };
            goes.forget(&source);
            let _noted = join(poller);
            assert_eq!(goes.bell.wakers(), 0, "it has left nothing");
            assert!(stays.knows(), "an event was lost");
            stays.forget(&source);
            assert_eq!(stays.bell.wakers(), 0);
            assert!(source.is_unlocked());
        });
    }
    model(3, || {
        let source = Source::new();
        let passer = |who: Who| {
            move |source: &Source| {
                let mut wait = source.wait(who);
                wait.forget(source);
                wait.bell
            }
        };
        let ann = spawn(&source, passer(ANN));
        let mut stays = source.wait(24);
        let ben = passer(BEN)(&source);
        let ann = join(ann);
        let _ = source.event(0);
        assert!(stays.knows(), "an event was lost");
        stays.forget(&source);
        assert_eq!([ann, ben, stays.bell].map(Bell::wakers), [0; 3]);
        assert!(source.is_unlocked());
    });
}

/// An event for a source that goes meets the reset and the waiters of the next one, in the same thread or another: they
/// are never told that theirs is ready, and hear of its own event, even if the old one is still at the slot.
#[test]
fn stale_event_dropped() {
    for (waiters, bound) in [(0, UNBOUNDED), (1, 4), (2, 3)] {
        model(bound, move || {
            let source = Source::new();
            let late = spawn(&source, |source| source.readiness.set(0, READ));
            let mut old: Vec<_> = [ANN, BEN][..waiters].iter().map(|&who| source.wait(who)).collect();
            old.iter_mut().for_each(|wait| wait.forget(&source));
            source.readiness.reset(1);
            let mut new = source.wait(ANN);
            assert!(new.told.is_none(), "an event of before made the new source ready");
            assert!(source.readiness.look(READ).is_none());
            let own = source.event(1);
            assert_ne!(own, Noted::Stale);
            assert!(new.bell.has_rung(), "the new source's own event was lost");
            let _noted = join(late);
            new.forget(&source);
            assert!(source.is_unlocked());
            for wait in old.iter().chain([&new]) {
                assert_eq!(wait.bell.wakers(), 0, "every waker is dropped once");
            }
        });
    }
    model(3, || {
        let source = Source::new();
        // The slab's lock: the record goes from one owner to the next through it.
        let free = Arc::new(Mutex::new(false));
        let late = spawn(&source, |source| source.readiness.set(0, READ));
        let next = {
            let free = Arc::clone(&free);
            spawn(&source, move |source| {
                let is_free = *free.lock();
                is_free.then(|| {
                    let wait = source.wait(ANN);
                    assert!(wait.told.is_none(), "an event of before made the new source ready");
                    wait
                })
            })
        };
        let old = source.wait(POLLER);
        source.readiness.reset(1);
        *free.lock() = true;
        let (next, _noted) = (join(next), join(late));
        assert!(source.readiness.look(READ).is_none());
        if let Some(mut next) = next {
            let _ = source.event(1);
            assert!(next.bell.has_rung(), "the new source's own event was lost");
            next.forget(&source);
            assert_eq!(next.bell.wakers(), 0);
        }
        assert_eq!(old.bell.wakers(), 0);
        assert!(source.is_unlocked());
    });
}

/// The event takes the waiter out while the source goes, whose poll functions leave their waker behind: it is dropped or
/// woken once, and what uses the record next finds it as new: with a free slot, and nobody in it.
#[test]
fn deregister_vs_event() {
    for listed in [false, true] {
        model(4, move || {
            let source = Source::new();
            let poller = spawn(&source, |source| source.event(0));
            let polled = source.wait(POLLER);
            let other = listed.then(|| {
                let mut other = source.wait(ANN);
                other.forget(&source);
                other.bell
            });
            source.readiness.reset(1);
            let mut next = source.wait(BEN);
            assert!(next.told.is_none());
            next.forget(&source);
            let _noted = join(poller);
            assert_eq!(polled.bell.wakers(), 0, "every waker is dropped once");
            assert_eq!(next.bell.wakers(), 0);
            assert_eq!(other.map_or(0, Bell::wakers), 0);
            assert!(source.is_unlocked(), "the slot is locked for good");
            assert!(source.readiness.look(READ).is_none());
            let mut last = source.wait(BEN);
            assert_eq!(source.event(1), Noted::Woke(1));
            assert!(last.bell.has_rung());
            last.forget(&source);
        });
    }
}

/// A source is registered, and waited on, while the runtime ends: it is refused, or its task is told or woken.
#[test]
fn register_vs_close() {
    model(UNBOUNDED, || {
        let slab = Arc::new(Slab::new());
        // Who registers opens the second page.
        assert!(slab.take().is_ok() && slab.take().is_ok());
        let registrant = {
            let slab = Arc::clone(&slab);
            thread::spawn(move || {
                let key = slab.take().ok()?;
                let (bell, waker) = bell();
                let mut place = Place::default();
                // SAFETY: the slab lives.
                let record = unsafe { key.record() };
                let told = record.write.wait(Ready::WRITABLE, ANN, &mut place, &waker);
                Some((key, place, told, bell))
            })
        };
        slab.close();
        if let Some((key, mut place, told, bell)) = join(registrant) {
            assert!(told.is_some() || bell.has_rung(), "the end was not heard of");
            // SAFETY: the slab lives.
            unsafe { key.record() }.write.forget(ANN, &mut place);
            slab.give_back(key);
            assert_eq!(bell.wakers(), 0);
        }
        assert!(slab.take().is_err(), "a closed slab takes no source");
    });
}

/// A waker whose drop runs code that uses the same source: a task of another runtime, whose last waker this is, and which
/// owned the future of a wait.
struct Meddler {
    source: Arc<Source>,
    place: std::sync::Mutex<Place>,
}

impl std::task::Wake for Meddler {
    fn wake(self: std::sync::Arc<Self>) {}
}

impl Drop for Meddler {
    fn drop(&mut self) {
        let mut place = *self.place.lock().unwrap();
        self.source.readiness.forget(BEN, &mut place);
    }
}

/// A waiter of the list waits again while an event comes, and again after it: wakers are dropped outside all locks.
#[test]
fn wakers_go_outside_locks() {
    model(3, || {
        let source = Source::new();
        // Two in front, so that BEN is in the list.
        let mut ann = source.wait(ANN);
        let poller = spawn(&source, |source| source.event(0));
        let mut place = Place::default();
        for _ in 0..2 {
            let meddler = Meddler { source: source.clone(), place: std::sync::Mutex::new(place) };
            let meddler = std::sync::Arc::new(meddler);
            let waker = std::task::Waker::from(meddler.clone());
            let told = source.readiness.wait(READ, BEN, &mut place, &waker);
            *meddler.place.lock().unwrap() = place;
            if told.is_some() {
                break;
            }
        }
        let _noted = join(poller);
        source.readiness.forget(BEN, &mut place);
        ann.forget(&source);
        source.readiness.reset(1);
        assert!(source.is_unlocked());
    });
}

mutants! {
    readiness_vs_wait: [
        "io-unlock-relaxed", "io-unlock-ignores-event", "io-event-relaxed", "io-event-unlock-relaxed",
        "io-clear-ignores-tick", "io-wait-relaxed", "io-list-no-second-look",
    ];
    wait_vs_readiness: ["io-look-relaxed", "io-event-relaxed"];
    two_waiters_vs_event: ["io-lock-relaxed", "io-list-no-second-look", "io-list-relaxed"];
    forget_vs_event: ["io-forget-relaxed"];
    stale_event_dropped: ["io-generation-checked-early", "io-generation-ignored"];
    deregister_vs_event: ["io-reset-unlocks", "io-reset-keeps-waiter"];
    register_vs_close: ["io-close-unheard", "io-taken-after-close"];
    wakers_go_outside_locks: ["io-list-drops-inside"];
}
