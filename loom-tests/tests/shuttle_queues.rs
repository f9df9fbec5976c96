//! The run queues with four to six threads, under random and PCT schedules.
//!
//! Two or three threads are what loom can exhaust; mistakes of logic that need more (a claim inside a claim, a batch split
//! twice while two push) are looked for here. Shuttle's memory is sequentially consistent, so no ordering is tested, and
//! only mutants of logic are listed. Each must be caught within a tenth of the schedules that its model runs.
//!
//! As in the loom models a thread touches what it was given in a checked cell, and each model counts what came out.
#![cfg(gumption_shuttle)]

use gumption_core::internals::{Chain, Injector, Link, NextSlot, Node, Put, Ring, Steal};
use gumption_core::sync::{Arc, UnsafeCell, thread};
use gumption_loom_tests::{check_random_and_pct, mutants};
use std::ptr::NonNull;

/// Schedules of each kind and model. The mutant that needs the most is found within a tenth.
const SCHEDULES: usize = 5_000;

struct Parcel {
    link: Link<Parcel>,
    id: usize,
    opened: UnsafeCell<u32>,
}

// SAFETY: the link is a field, and parcels live until the model's end.
unsafe impl Node for Parcel {
    unsafe fn link(this: NonNull<Self>) -> *const Link<Self> {
        // SAFETY: the caller passes a live node.
        unsafe { &raw const (*this.as_ptr()).link }
    }
}

/// A new parcel, which the caller holds.
fn parcel(id: usize) -> NonNull<Parcel> {
    NonNull::from(Box::leak(Box::new(Parcel { link: Link::new(), id, opened: UnsafeCell::new(0) })))
}

fn open(node: NonNull<Parcel>, got: &mut Vec<usize>) {
    // SAFETY: this thread holds the node; that this is so is what is checked here.
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

fn assert_whole(mut got: Vec<usize>, n: usize) {
    got.sort_unstable();
    assert_eq!(got, (0..n).collect::<Vec<_>>(), "each node comes out once");
}

/// What a processor has, and the machine that runs it does.
struct Processor {
    ring: Ring<Parcel>,
    slot: NextSlot<Parcel>,
}

impl Processor {
    fn new() -> Self {
        Self { ring: Ring::new(), slot: NextSlot::new() }
    }

    /// Go's overflow policy.
    fn queue(&self, node: NonNull<Parcel>, injector: &Injector<Parcel>) {
        // SAFETY: only this processor's thread calls this, and it holds the node.
        unsafe {
            if let Err(node) = self.ring.push(node) {
                let mut batch = self.ring.pop_half().unwrap_or_default();
                batch.push_back(node);
                injector.push(batch);
            }
        }
    }

    /// Everything local, next slot first.
    fn run_all(&self, got: &mut Vec<usize>) {
        // SAFETY: only this processor's thread calls this.
        while let Some(node) = unsafe { self.slot.take().or_else(|| self.ring.pop()) } {
            open(node, got);
        }
    }

    /// One visit to `victim`: half of its ring, then its slot.
    fn steal(&self, victim: &Processor, got: &mut Vec<usize>) {
        // SAFETY: only this processor's thread calls this.
        if let Steal::Taken { first, .. } = unsafe { victim.ring.steal_into(&self.ring) } {
            open(first, got);
        }
        if let Some(node) = victim.slot.peek().and_then(|seen| victim.slot.steal(seen)) {
            open(node, got);
        }
    }
}

/// One owner in its slot and ring, three thieves, of which one's loot is stolen from again.
fn one_owner_three_thieves() {
    const N: usize = 10;
    let processors: Arc<Vec<Processor>> = Arc::new((0..4).map(|_| Processor::new()).collect());
    let injector = Arc::new(Injector::<Parcel>::new());
    let thieves: Vec<_> = (1..4)
        .map(|me| {
            let (processors, injector) = (Arc::clone(&processors), Arc::clone(&injector));
            thread::spawn(move || {
                let mut got = Vec::new();
                for _ in 0..2 {
                    processors[me].steal(&processors[0], &mut got);
                    // The last one visits another thief.
                    if me == 3 {
                        processors[me].steal(&processors[1], &mut got);
                    }
                    injector.take(1).for_each(|node| open(node, &mut got));
                }
                processors[me].run_all(&mut got);
                got
            })
        })
        .collect();
    let own = &processors[0];
    let mut got = Vec::new();
    for id in 0..N {
        let mut ready = Some(parcel(id));
        if id % 2 == 0 {
            // SAFETY: this thread owns the first processor and holds the parcel.
            ready = match ready.map(|node| unsafe { own.slot.put(node) }) {
                Some(Put::Kicked(old)) => Some(old),
                Some(Put::Filled) | None => None,
            };
        }
        if let Some(node) = ready {
            own.queue(node, &injector);
        }
        if id == 6 {
            // SAFETY: as above.
            unsafe { own.slot.take().into_iter().chain(own.ring.pop()) }.for_each(|node| open(node, &mut got));
        }
    }
    own.run_all(&mut got);
    for thief in thieves {
        got.extend(thief.join().unwrap());
    }
    injector.take(usize::MAX).for_each(|node| open(node, &mut got));
    assert_whole(got, N);
}

/// Three processors push to themselves and steal from each other in a circle, while two outsiders inject.
fn three_processors_two_outsiders() {
    const EACH: usize = 5;
    let processors: Arc<Vec<Processor>> = Arc::new((0..3).map(|_| Processor::new()).collect());
    let injector = Arc::new(Injector::<Parcel>::new());
    let mut threads = Vec::new();
    for me in 0..3 {
        let (processors, injector) = (Arc::clone(&processors), Arc::clone(&injector));
        threads.push(thread::spawn(move || {
            let mut got = Vec::new();
            for id in 0..EACH {
                processors[me].queue(parcel(me * EACH + id), &injector);
            }
            processors[me].steal(&processors[(me + 1) % 3], &mut got);
            let mut share = injector.take(2);
            // SAFETY: this thread owns its processor.
            unsafe { processors[me].ring.push_chain(&mut share) };
            injector.push(share);
            processors[me].run_all(&mut got);
            got
        }));
    }
    for outsider in 0..2 {
        let injector = Arc::clone(&injector);
        threads.push(thread::spawn(move || {
            let mut batch = Chain::new();
            for id in 0..3 {
                // SAFETY: the parcel is new.
                unsafe { batch.push_back(parcel(3 * EACH + 3 * outsider + id)) };
            }
            injector.push(batch);
            Vec::new()
        }));
    }
    let mut got: Vec<usize> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    injector.take(usize::MAX).for_each(|node| open(node, &mut got));
    assert_eq!(injector.len(), 0);
    assert_whole(got, 3 * EACH + 6);
}

/// Three take shares of two batches that they split again and again, while a third is pushed and an observer watches the count.
fn split_by_three() {
    let injector = Arc::new(Injector::<Parcel>::new());
    let push = |ids: std::ops::Range<usize>| {
        let mut batch = Chain::new();
        for id in ids {
            // SAFETY: the parcel is new.
            unsafe { batch.push_back(parcel(id)) };
        }
        injector.push(batch);
    };
    push(0..6);
    push(6..9);
    let takers: Vec<_> = (0..3)
        .map(|_| {
            let injector = Arc::clone(&injector);
            thread::spawn(move || {
                let mut got = Vec::new();
                injector.take(2).for_each(|node| open(node, &mut got));
                got
            })
        })
        .collect();
    let observer = {
        let injector = Arc::clone(&injector);
        // At least nine were pushed and at most six are taken: there are three at any time.
        thread::spawn(move || assert!((3..=12).contains(&injector.len()), "the count is {}", injector.len()))
    };
    push(9..12);
    let mut got: Vec<usize> = takers.into_iter().flat_map(|taker| taker.join().unwrap()).collect();
    observer.join().unwrap();
    injector.take(usize::MAX).for_each(|node| open(node, &mut got));
    assert_eq!(injector.len(), 0);
    assert_whole(got, 12);
}

#[test]
fn overflow_loses_nothing() {
    check_random_and_pct(SCHEDULES, three_processors_two_outsiders);
}

#[test]
fn steal_vs_pop() {
    check_random_and_pct(SCHEDULES, one_owner_three_thieves);
}

#[test]
fn batch_split_remainder_visible() {
    check_random_and_pct(SCHEDULES, split_by_three);
}

mutants! {
    overflow_loses_nothing: [
        "queue-steal-load-store", "queue-pop-no-cas", "queue-overflow-no-claim",
    ];
    steal_vs_pop: [
        "queue-steal-load-store", "queue-pop-no-cas", "queue-overflow-no-claim",
        "queue-overflow-ignores-thief", "queue-claim-ignores-thief", "queue-release-early",
        "queue-slot-take-no-rmw", "queue-slot-kick-no-rmw", "queue-slot-steal-no-cas",
    ];
    batch_split_remainder_visible: ["queue-injector-remainder-late"];
}
