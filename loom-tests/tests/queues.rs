//! Models of the run queues: every ordering that a node's journey rests on.
//!
//! The nodes carry a payload in a checked cell. Whoever is given a node writes to it, so that a node handed out twice, or
//! handed out before its contents, is a race that loom reports; and each model counts the nodes that came out, so that
//! one handed out to nobody is a failed assertion. Rings have 4 slots here and start near the end of their cursors'
//! range, so that every model wraps. No model's main thread looks at a node before it joined the others.
//!
//! Owner and thief are what the runtime would make them: the owner is one thread throughout, a thief has a ring of its
//! own. `fairness_tick_runs_global` belongs to the scheduler's models.
#![cfg(gumption_loom)]

use gumption_core::internals::{Chain, Injector, Link, NextSlot, Node, Pushed, Put, Ring, Steal};
use gumption_core::sync::{Arc, AtomicBool, Ordering, UnsafeCell, fence, thread};
use gumption_loom_tests::{UNBOUNDED, model, mutants};
use std::ptr::NonNull;

/// A node that notices who touches it.
struct Parcel {
    link: Link<Parcel>,
    id: usize,
    /// How often it was handed out.
    opened: UnsafeCell<u32>,
}

// SAFETY: the link is a field, and parcels live until the model's end.
unsafe impl Node for Parcel {
    unsafe fn link(this: NonNull<Self>) -> *const Link<Self> {
        // SAFETY: the caller passes a live node.
        unsafe { &raw const (*this.as_ptr()).link }
    }
}

/// A pointer that may cross threads.
#[derive(Clone, Copy)]
struct Ticket(NonNull<Parcel>);
// SAFETY: it is the queues that are under test.
unsafe impl Send for Ticket {}

/// A new parcel, which the caller holds.
///
/// loom's clocks tick at atomic operations only: without one here, a parcel made right after a Release store would count
/// as published by that store.
fn parcel(id: usize) -> NonNull<Parcel> {
    AtomicBool::new(false).load(Ordering::Relaxed);
    NonNull::from(Box::leak(Box::new(Parcel { link: Link::new(), id, opened: UnsafeCell::new(0) })))
}

/// What a thread does with a node that it was given: touch all of it, and remember it.
fn open(node: NonNull<Parcel>, got: &mut Vec<usize>) {
    // SAFETY: this thread holds the node; that this is so is what loom checks here.
    let parcel = unsafe { node.as_ref() };
    let times = parcel.opened.with_mut(|opened| {
        // SAFETY: as above.
        unsafe { *opened += 1 };
        // SAFETY: as above.
        unsafe { *opened }
    });
    assert_eq!(times, 1, "parcel {} was handed out twice", parcel.id);
    got.push(parcel.id);
}

fn open_all(chain: &mut Chain<Parcel>, got: &mut Vec<usize>) {
    while let Some(node) = chain.pop_front() {
        open(node, got);
    }
}

/// Asserts that `got` is each of `0..n` once.
fn assert_whole(mut got: Vec<usize>, n: usize) {
    got.sort_unstable();
    assert_eq!(got, (0..n).collect::<Vec<_>>(), "each node comes out once");
}

fn drain(ring: &Ring<Parcel>, got: &mut Vec<usize>) {
    // SAFETY: the caller owns the ring.
    while let Some(node) = unsafe { ring.pop() } {
        open(node, got);
    }
}

/// A thief's visit: steals once into a ring of its own, and empties that.
fn visit(victim: &Ring<Parcel>, times: usize) -> Vec<usize> {
    let own = Ring::new();
    let mut got = Vec::new();
    for _ in 0..times {
        // SAFETY: `own` is this thread's.
        if let Steal::Taken { first, more } = unsafe { victim.steal_into(&own) } {
            assert_eq!(own.len(), more);
            open(first, &mut got);
            drain(&own, &mut got);
        }
    }
    got
}

/// Pushes parcels `ids`; those that do not fit are opened at once.
fn push(ring: &Ring<Parcel>, ids: std::ops::Range<usize>, got: &mut Vec<usize>) {
    for id in ids {
        // SAFETY: the caller owns the ring, and the parcel is new.
        if let Err(node) = unsafe { ring.push(parcel(id)) } {
            open(node, got);
        }
    }
}

/// The owner pushes and pops past the ring's end while one thief steals twice.
#[test]
fn steal_vs_pop() {
    model(3, || {
        let ring = Arc::new(Ring::<Parcel>::new());
        let thief = {
            let ring = Arc::clone(&ring);
            thread::spawn(move || visit(&ring, 2))
        };
        let mut got = Vec::new();
        push(&ring, 0..3, &mut got);
        // SAFETY: this thread owns the ring.
        if let Some(node) = unsafe { ring.pop() } {
            open(node, &mut got);
        }
        push(&ring, 3..6, &mut got);
        drain(&ring, &mut got);
        assert!(ring.is_empty());
        got.extend(thief.join().unwrap());
        assert_whole(got, 6);
    });
}

/// The same with the roles turned: the owner is the spawned thread, which makes loom look from the other side.
#[test]
fn pop_vs_steal() {
    model(3, || {
        let ring = Arc::new(Ring::<Parcel>::new());
        let owner = {
            let ring = Arc::clone(&ring);
            thread::spawn(move || {
                let mut got = Vec::new();
                push(&ring, 0..3, &mut got);
                // SAFETY: this thread owns the ring.
                if let Some(node) = unsafe { ring.pop() } {
                    open(node, &mut got);
                }
                push(&ring, 3..6, &mut got);
                drain(&ring, &mut got);
                got
            })
        };
        let mut got = visit(&ring, 2);
        got.extend(owner.join().unwrap());
        assert_whole(got, 6);
    });
}

/// The same with two thieves, who can meet inside each other's claims.
#[test]
fn steal_vs_pop_two_thieves() {
    model(2, || {
        let ring = Arc::new(Ring::<Parcel>::new());
        let thieves: Vec<_> = (0..2)
            .map(|_| {
                let ring = Arc::clone(&ring);
                thread::spawn(move || visit(&ring, 1))
            })
            .collect();
        let mut got = Vec::new();
        push(&ring, 0..4, &mut got);
        // SAFETY: this thread owns the ring.
        if let Some(node) = unsafe { ring.pop() } {
            open(node, &mut got);
        }
        push(&ring, 4..5, &mut got);
        drain(&ring, &mut got);
        for thief in thieves {
            got.extend(thief.join().unwrap());
        }
        assert_whole(got, 5);
    });
}

/// A batch is shown to thieves whole: one that sees any of it may take half of all of it.
#[test]
fn chain_push_is_one_step() {
    model(UNBOUNDED, || {
        let ring = Arc::new(Ring::<Parcel>::new());
        let thief = {
            let ring = Arc::clone(&ring);
            thread::spawn(move || visit(&ring, 1))
        };
        let mut chain = Chain::new();
        for id in 0..5 {
            // SAFETY: the parcel is new.
            unsafe { chain.push_back(parcel(id)) };
        }
        let mut got = Vec::new();
        // SAFETY: this thread owns the ring.
        assert_eq!(unsafe { ring.push_chain(&mut chain) }, 4);
        open_all(&mut chain, &mut got);
        drain(&ring, &mut got);
        let stolen = thief.join().unwrap();
        if let Some(&oldest) = stolen.first() {
            // The owner had popped those before the oldest: that many were left of the four.
            let left = 4 - oldest;
            assert_eq!(stolen.len(), left - left / 2, "a thief saw a part of a batch");
        }
        got.extend(stolen);
        assert_whole(got, 5);
    });
}

/// A full ring's older half goes to the injector while a thief steals from the ring.
#[test]
fn overflow_loses_nothing() {
    model(3, || {
        let ring = Arc::new(Ring::<Parcel>::new());
        let injector = Arc::new(Injector::<Parcel>::new());
        let thief = {
            let (ring, injector) = (Arc::clone(&ring), Arc::clone(&injector));
            thread::spawn(move || {
                let mut got = visit(&ring, 1);
                open_all(&mut injector.take(1), &mut got);
                got
            })
        };
        let mut got = Vec::new();
        for id in 0..6 {
            // SAFETY: this thread owns the ring, and the parcel is new.
            if let Err(node) = unsafe { ring.push(parcel(id)) } {
                // SAFETY: as above.
                match unsafe { ring.pop_half() } {
                    Some(mut batch) => {
                        // SAFETY: as above.
                        unsafe { batch.push_back(node) };
                        injector.push(batch);
                    }
                    // A thief is copying: this one alone.
                    // SAFETY: as above.
                    None => unsafe { injector.push_one(node) },
                }
            }
        }
        drain(&ring, &mut got);
        got.extend(thief.join().unwrap());
        open_all(&mut injector.take(usize::MAX), &mut got);
        assert!(injector.is_empty());
        assert_whole(got, 6);
    });
}

/// A thief claims half of a full ring and copies while the owner pops the rest: the ring is empty and has no room. A batch
/// of one that comes now is not alone in the ring: it is left to the caller, who has another place for it.
#[test]
fn empty_ring_without_room() {
    model(3, || {
        let ring = Arc::new(Ring::<Parcel>::new());
        let thief = {
            let ring = Arc::clone(&ring);
            thread::spawn(move || visit(&ring, 1))
        };
        let mut got = Vec::new();
        push(&ring, 0..4, &mut got);
        drain(&ring, &mut got);
        // SAFETY: the parcel is new.
        let mut batch = unsafe { Chain::of(parcel(4)) };
        // SAFETY: this thread owns the ring.
        match unsafe { ring.push_batch(&mut batch) } {
            // What the scheduler does: nobody hears of it, and the batch is done with.
            Pushed::Alone => drop(batch),
            Pushed::Among => open_all(&mut batch, &mut got),
        }
        drain(&ring, &mut got);
        got.extend(thief.join().unwrap());
        assert_whole(got, 5);
    });
}

/// The owner puts, kicks and takes; a thief takes what it saw, another whatever is there.
#[test]
fn next_slot_taken_once() {
    model(UNBOUNDED, || {
        let slot = Arc::new(NextSlot::<Parcel>::new());
        let thief = {
            let slot = Arc::clone(&slot);
            thread::spawn(move || {
                let mut got = Vec::new();
                if let Some(seen) = slot.peek()
                    && let Some(node) = slot.steal(seen)
                {
                    open(node, &mut got);
                }
                if let Some(node) = slot.steal_any() {
                    open(node, &mut got);
                }
                got
            })
        };
        let mut got = Vec::new();
        for id in 0..2 {
            // SAFETY: this thread owns the slot, and the parcel is new.
            if let Put::Kicked(old) = unsafe { slot.put(parcel(id)) } {
                open(old, &mut got);
            }
        }
        // SAFETY: as above.
        if let Some(node) = unsafe { slot.take() } {
            open(node, &mut got);
        }
        // SAFETY: as above.
        assert!(unsafe { slot.take() }.is_none(), "only the owner fills the slot");
        got.extend(thief.join().unwrap());
        assert_whole(got, 2);
    });
}

/// The same node is put back between a thief's look and its steal: it is taken once per put.
#[test]
fn next_slot_same_node_again() {
    model(UNBOUNDED, || {
        let slot = Arc::new(NextSlot::<Parcel>::new());
        let ticket = Ticket(parcel(0));
        let thief = {
            let slot = Arc::clone(&slot);
            thread::spawn(move || {
                let Some(node) = slot.peek().and_then(|seen| slot.steal(seen)) else { return 0 };
                // SAFETY: this thread holds the node.
                unsafe { node.as_ref() }.opened.with_mut(|opened| unsafe { *opened += 1 });
                1
            })
        };
        let mut puts = 0;
        let mut taken = 0;
        for _ in 0..2 {
            // SAFETY: this thread owns the slot, and holds the node: it is new, or was taken below.
            let put = unsafe { slot.put(ticket.0) };
            assert!(matches!(put, Put::Filled));
            puts += 1;
            // SAFETY: as above.
            let Some(node) = (unsafe { slot.take() }) else { break };
            // SAFETY: this thread holds the node.
            unsafe { node.as_ref() }.opened.with_mut(|opened| unsafe { *opened += 1 });
            taken += 1;
        }
        taken += thief.join().unwrap();
        assert_eq!(taken, puts, "each put is taken once");
    });
}

/// Filling an empty slot is a store and nothing else: it says `Filled` whatever a thief does, and hands out nothing.
#[test]
fn next_slot_empty_push_wakes_nobody() {
    model(UNBOUNDED, || {
        let slot = Arc::new(NextSlot::<Parcel>::new());
        let thief = {
            let slot = Arc::clone(&slot);
            thread::spawn(move || {
                let mut got = Vec::new();
                for _ in 0..2 {
                    if let Some(node) = slot.steal_any() {
                        open(node, &mut got);
                    }
                }
                got
            })
        };
        let mut got = Vec::new();
        for id in 0..2 {
            // SAFETY: this thread owns the slot, and the parcel is new.
            let put = unsafe { slot.put(parcel(id)) };
            assert!(matches!(put, Put::Filled), "the slot was empty, and only its owner fills it");
            // SAFETY: as above.
            if let Some(node) = unsafe { slot.take() } {
                open(node, &mut got);
            }
        }
        got.extend(thief.join().unwrap());
        assert_whole(got, 2);
    });
}

/// A batch of three is split by a taker of one. The rest is there for whoever hears of the split, and the count never
/// says that nothing is left.
///
/// The observer is the spawned thread: loom looks for races with the *last* access to an atomic only, so an observer that
/// ran first would be hidden behind the splitter's own reads of the count.
#[test]
fn batch_split_remainder_visible() {
    model(UNBOUNDED, || {
        let injector = Arc::new(Injector::<Parcel>::new());
        let split = Arc::new(AtomicBool::new(false));
        let mut batch = Chain::new();
        for id in 0..3 {
            // SAFETY: the parcel is new.
            unsafe { batch.push_back(parcel(id)) };
        }
        injector.push(batch);
        let observer = {
            let (injector, split) = (Arc::clone(&injector), Arc::clone(&split));
            thread::spawn(move || {
                // The idle protocol's look: at no time does the count say that there is nothing.
                fence(Ordering::SeqCst);
                let len = injector.len();
                assert!((2..=3).contains(&len), "two nodes are in the injector or on their way back, not {len}");
                let mut got = Vec::new();
                // Ordering: Acquire; partner is the splitter's Release.
                if split.load(Ordering::Acquire) {
                    open_all(&mut injector.take(1), &mut got);
                    assert_eq!(got.len(), 1, "the rest is visible once the split is known");
                }
                got
            })
        };
        let mut got = Vec::new();
        open_all(&mut injector.take(1), &mut got);
        assert_eq!(got, [0], "a batch keeps its order");
        // Ordering: Release; partner is the observer's Acquire.
        split.store(true, Ordering::Release);
        got.extend(observer.join().unwrap());
        open_all(&mut injector.take(usize::MAX), &mut got);
        assert_eq!(injector.len(), 0);
        assert_whole(got, 3);
    });
}

/// The count is never below what is there: it does not wrap, and a push that is over is never read as nothing.
#[test]
fn injector_count_covers_its_nodes() {
    model(3, || {
        let injector = Arc::new(Injector::<Parcel>::new());
        let taker = {
            let injector = Arc::clone(&injector);
            thread::spawn(move || {
                let mut got = Vec::new();
                open_all(&mut injector.take(2), &mut got);
                assert!(injector.len() <= 2, "the count has wrapped");
                got
            })
        };
        let pusher = {
            let injector = Arc::clone(&injector);
            thread::spawn(move || {
                // SAFETY: the parcel is new.
                unsafe { injector.push_one(parcel(0)) };
            })
        };
        let mut got = Vec::new();
        // SAFETY: the parcel is new.
        unsafe { injector.push_one(parcel(1)) };
        open_all(&mut injector.take(1), &mut got);
        assert!(injector.len() <= 2, "the count has wrapped");
        got.extend(taker.join().unwrap());
        pusher.join().unwrap();
        open_all(&mut injector.take(2), &mut got);
        assert_eq!(injector.len(), 0);
        assert_whole(got, 2);
    });
}

/// `is_empty` behind a fence misses no node that was pushed before the matching fence, even while thieves move the head.
#[test]
fn emptiness_behind_a_fence() {
    model(3, || {
        let ring = Arc::new(Ring::<Parcel>::new());
        let told = Arc::new(AtomicBool::new(false));
        let thief = {
            let ring = Arc::clone(&ring);
            thread::spawn(move || visit(&ring, 1))
        };
        let idler = {
            let (ring, told) = (Arc::clone(&ring), Arc::clone(&told));
            thread::spawn(move || {
                // Ordering: Relaxed; the fences of both sides order it, as in the idle protocol.
                let told = told.load(Ordering::Relaxed);
                fence(Ordering::SeqCst);
                (told, ring.is_empty())
            })
        };
        let mut got = Vec::new();
        push(&ring, 0..3, &mut got);
        fence(Ordering::SeqCst);
        told.store(true, Ordering::Relaxed);
        let (told, empty) = idler.join().unwrap();
        let stolen = thief.join().unwrap();
        // A thief takes two of three, so one was there throughout.
        assert!(!(told && empty), "a node that nobody took was missed");
        drain(&ring, &mut got);
        got.extend(stolen);
        assert_whole(got, 3);
    });
}

mutants! {
    steal_vs_pop: [
        "queue-tail-relaxed", "queue-claim-relaxed", "queue-thief-tail-relaxed", "queue-release-relaxed",
        "queue-room-relaxed", "queue-steal-load-store", "queue-pop-no-cas", "queue-pop-relaxed", "queue-release-early",
    ];
    pop_vs_steal: [
        "queue-tail-relaxed", "queue-claim-relaxed", "queue-thief-tail-relaxed", "queue-release-relaxed",
        "queue-room-relaxed", "queue-steal-load-store", "queue-pop-no-cas", "queue-pop-relaxed",
    ];
    steal_vs_pop_two_thieves: ["queue-claim-ignores-thief", "queue-steal-load-store", "queue-pop-no-cas", "queue-tail-relaxed"];
    chain_push_is_one_step: ["queue-chain-piecemeal", "queue-tail-relaxed", "queue-steal-load-store"];
    overflow_loses_nothing: ["queue-overflow-ignores-thief", "queue-overflow-no-claim", "queue-overflow-relaxed"];
    empty_ring_without_room: ["queue-alone-without-room"];
    next_slot_taken_once: [
        "queue-slot-take-no-rmw", "queue-slot-kick-no-rmw", "queue-slot-put-relaxed", "queue-slot-kick-relaxed",
        "queue-slot-steal-relaxed", "queue-slot-steal-no-cas",
    ];
    next_slot_same_node_again: ["queue-slot-take-no-rmw", "queue-slot-steal-no-cas"];
    next_slot_empty_push_wakes_nobody: ["queue-slot-put-relaxed", "queue-slot-take-no-rmw"];
    batch_split_remainder_visible: ["queue-injector-remainder-late"];
    injector_count_covers_its_nodes: ["queue-injector-len-late"];
}
