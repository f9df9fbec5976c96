//! The run queues in the production build, beside references that are easy to believe.
//!
//! Three questions, none of which the checkers answer: does a random program of operations do to a ring what it does to
//! crossbeam's `Worker` and to a plain deque; do chains and the injector keep count and order; and does the real build,
//! on real threads, with 256 slots and cursors that wrap, lose or double a node. The last runs a bounded number of steps
//! and asserts conservation, never speed.
#![cfg(not(any(gumption_loom, gumption_shuttle)))]

use crossbeam_deque::Worker;
use gumption_core::internals::{Chain, Injector, Link, NextSlot, Node, Put, Ring, Steal};
use gumption_core::policy::RING_CAPACITY;
use proptest::prelude::*;
use std::collections::VecDeque;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

struct Parcel {
    link: Link<Parcel>,
    id: usize,
    opened: AtomicU32,
}

// SAFETY: the link is a field, and parcels outlive the queues in every test.
unsafe impl Node for Parcel {
    unsafe fn link(this: NonNull<Self>) -> *const Link<Self> {
        // SAFETY: the caller passes a live node.
        unsafe { &raw const (*this.as_ptr()).link }
    }
}

/// All the parcels of a test, which frees them when it ends.
struct Depot(Vec<NonNull<Parcel>>);

// SAFETY: the nodes are handed out by number and otherwise only freed.
unsafe impl Sync for Depot {}

impl Depot {
    fn new(n: usize) -> Self {
        let parcel = |id| Box::new(Parcel { link: Link::new(), id, opened: AtomicU32::new(0) });
        Self((0..n).map(|id| NonNull::from(Box::leak(parcel(id)))).collect())
    }
    fn get(&self, id: usize) -> NonNull<Parcel> {
        self.0[id]
    }
    fn opened(&self, id: usize) -> u32 {
        // SAFETY: the parcel lives as long as the depot.
        unsafe { self.0[id].as_ref() }.opened.load(Ordering::Relaxed)
    }
}

impl Drop for Depot {
    fn drop(&mut self) {
        for node in &self.0 {
            // SAFETY: each came from a box, and every queue of the test is gone.
            drop(unsafe { Box::from_raw(node.as_ptr()) });
        }
    }
}

fn id(node: NonNull<Parcel>) -> usize {
    // SAFETY: parcels live until their depot goes.
    unsafe { node.as_ref() }.id
}

/// Empties a chain and checks that it knew its length.
fn ids(mut chain: Chain<Parcel>) -> Vec<usize> {
    let n = chain.len();
    let ids: Vec<_> = chain.by_ref().map(id).collect();
    assert_eq!(ids.len(), n);
    assert!(chain.is_empty());
    assert_eq!([chain.len()], [0]);
    ids
}

#[derive(Debug, Clone)]
enum Op {
    Push,
    Pop,
    PushChain(usize),
    PopHalf,
    /// Into a thief's ring that already holds this many.
    Steal(usize),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => Just(Op::Push),
        3 => Just(Op::Pop),
        2 => (0..RING_CAPACITY + 8).prop_map(Op::PushChain),
        1 => Just(Op::PopHalf),
        1 => (0..=RING_CAPACITY).prop_map(Op::Steal),
    ]
}

/// The ring's contract, in terms of a deque and, for what it shares with crossbeam's worker, of that.
struct Reference {
    deque: VecDeque<usize>,
    worker: Worker<usize>,
}

impl Reference {
    fn push(&mut self, id: usize) {
        self.deque.push_back(id);
        self.worker.push(id);
    }
    fn pop(&mut self) -> Option<usize> {
        let expected = self.deque.pop_front();
        assert_eq!(self.worker.pop(), expected);
        expected
    }
}

#[test]
#[should_panic(expected = "a batch is dropped with 2 in it")]
fn a_batch_is_not_forgotten_in_silence() {
    let depot = Depot::new(2);
    let mut chain = Chain::new();
    for id in 0..2 {
        // SAFETY: the test holds what the depot made.
        unsafe { chain.push_back(depot.get(id)) };
    }
    drop(chain);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn ring_does_what_the_references_do(
        ops in prop::collection::vec(op(), 1..200),
        start in prop_oneof![Just(0u32), (u32::MAX - 300)..=u32::MAX, any::<u32>()],
    ) {
        let most = ops.iter().map(|op| match op { Op::PushChain(n) | Op::Steal(n) => *n, _ => 1 }).sum();
        let depot = Depot::new(most);
        let mut fresh = 0..most;
        let ring = Ring::<Parcel>::starting_at(start);
        let mut reference = Reference { deque: VecDeque::new(), worker: Worker::new_fifo() };
        for op in ops {
            // SAFETY: this thread owns every ring here, and `fresh` yields each parcel once.
            unsafe {
                match op {
                    Op::Push => {
                        let next = fresh.next().unwrap();
                        let pushed = ring.push(depot.get(next));
                        prop_assert_eq!(pushed.is_ok(), reference.deque.len() < RING_CAPACITY);
                        match pushed {
                            Ok(()) => reference.push(next),
                            Err(back) => prop_assert_eq!(id(back), next),
                        }
                    }
                    Op::Pop => prop_assert_eq!(ring.pop().map(id), reference.pop()),
                    Op::PushChain(n) => {
                        let mut chain = Chain::new();
                        let mut sent = VecDeque::new();
                        for next in fresh.by_ref().take(n) {
                            chain.push_back(depot.get(next));
                            sent.push_back(next);
                        }
                        let fits = n.min(RING_CAPACITY - reference.deque.len());
                        prop_assert_eq!(ring.push_chain(&mut chain), fits);
                        sent.drain(..fits).for_each(|id| reference.push(id));
                        prop_assert_eq!(ids(chain), Vec::from(sent));
                    }
                    Op::PopHalf => {
                        let half = reference.deque.len() / 2;
                        let taken = ring.pop_half();
                        prop_assert_eq!(taken.is_some(), half > 0);
                        let expected: Vec<_> = (0..half).map_while(|_| reference.pop()).collect();
                        prop_assert_eq!(taken.map(ids).unwrap_or_default(), expected);
                    }
                    Op::Steal(filled) => {
                        let thief = Ring::<Parcel>::starting_at(start.wrapping_mul(7));
                        for next in fresh.by_ref().take(filled) {
                            prop_assert!(thief.push(depot.get(next)).is_ok());
                        }
                        let n = reference.deque.len();
                        let expected = (n - n / 2).min(RING_CAPACITY - filled + 1);
                        match ring.steal_into(&thief) {
                            Steal::Taken { first, more } => {
                                prop_assert_eq!(more as usize + 1, expected);
                                prop_assert_eq!(Some(id(first)), reference.pop());
                            }
                            Steal::Empty => prop_assert_eq!(n, 0),
                            Steal::Busy => prop_assert!(false, "nobody else is stealing"),
                        }
                        prop_assert_eq!(thief.len() as usize, filled + expected.saturating_sub(1));
                        for _ in 0..filled {
                            thief.pop();
                        }
                        while let Some(node) = thief.pop() {
                            prop_assert_eq!(Some(id(node)), reference.pop());
                        }
                    }
                }
            }
            prop_assert_eq!(ring.len() as usize, reference.deque.len());
            prop_assert_eq!(ring.is_empty(), reference.deque.is_empty());
        }
        // SAFETY: as above.
        while let Some(node) = unsafe { ring.pop() } {
            prop_assert_eq!(Some(id(node)), reference.pop());
        }
        prop_assert_eq!(reference.pop(), None);
    }

    #[test]
    fn chain_splits_and_joins_like_a_deque(sizes in prop::collection::vec((0usize..12, 0usize..15), 1..20)) {
        let depot = Depot::new(sizes.iter().map(|(n, _)| n).sum());
        let mut fresh = 0..depot.0.len();
        let mut chain = Chain::new();
        let mut reference = VecDeque::new();
        for (n, keep) in sizes {
            let mut more = Chain::new();
            for next in fresh.by_ref().take(n) {
                // SAFETY: `fresh` yields each parcel once.
                unsafe { more.push_back(depot.get(next)) };
                reference.push_back(next);
            }
            chain.append(&mut more);
            prop_assert!(more.is_empty());
            let mut rest = chain.split_off(keep);
            let expected = reference.split_off(keep.min(reference.len()));
            prop_assert_eq!(chain.len(), reference.len());
            prop_assert_eq!(rest.len(), expected.len());
            // What was split off goes to the front of what is to come, so both halves are used again.
            rest.append(&mut chain);
            chain = rest;
            reference = expected.into_iter().chain(reference).collect();
        }
        prop_assert_eq!(ids(chain), Vec::from(reference));
    }

    #[test]
    fn injector_counts_and_keeps_order(batches in prop::collection::vec(0usize..9, 0..20), shares in prop::collection::vec(0usize..12, 0..30)) {
        let depot = Depot::new(batches.iter().sum());
        let mut fresh = 0..depot.0.len();
        let injector = Injector::<Parcel>::new();
        // Batches, so that a remainder can go to the end as a batch of its own.
        let mut reference: VecDeque<VecDeque<usize>> = VecDeque::new();
        for n in batches {
            let mut batch = Chain::new();
            let expected: VecDeque<_> = fresh.by_ref().take(n).collect();
            for &next in &expected {
                // SAFETY: `fresh` yields each parcel once.
                unsafe { batch.push_back(depot.get(next)) };
            }
            injector.push(batch);
            if n > 0 {
                reference.push_back(expected);
            }
        }
        for max in shares.into_iter().chain([usize::MAX]) {
            let mut expected = Vec::new();
            while expected.len() < max {
                let Some(mut batch) = reference.pop_front() else { break };
                let rest = batch.split_off((max - expected.len()).min(batch.len()));
                expected.extend(batch);
                if !rest.is_empty() {
                    reference.push_back(rest);
                }
            }
            prop_assert_eq!(ids(injector.take(max)), expected);
            prop_assert_eq!(injector.len(), reference.iter().map(VecDeque::len).sum::<usize>());
        }
        prop_assert!(injector.is_empty());
    }
}

#[test]
fn slot_hands_out_what_was_put() {
    let depot = Depot::new(2);
    let slot = NextSlot::new();
    // SAFETY: one thread, which holds what it puts.
    unsafe {
        assert!(slot.take().is_none() && slot.peek().is_none() && slot.steal_any().is_none());
        assert!(matches!(slot.put(depot.get(0)), Put::Filled));
        assert_eq!(slot.peek(), Some(depot.get(0)));
        assert!(matches!(slot.put(depot.get(1)), Put::Kicked(old) if id(old) == 0));
        assert!(slot.steal(depot.get(0)).is_none(), "the slot has another node by now");
        assert_eq!(slot.steal(depot.get(1)), Some(depot.get(1)));
        assert!(slot.take().is_none());
    }
}

/// One P's queues on real threads: an owner that pushes, kicks, pops and overflows, thieves, and outsiders.
///
/// Every parcel goes in once and must come out once; a thread counts what it was given in the parcel itself.
#[test]
fn nothing_is_lost_or_doubled_on_real_threads() {
    const OWNED: usize = 60_000;
    const INJECTED: usize = 10_000;
    const THIEVES: usize = 2;
    let depot = Depot::new(OWNED + INJECTED);
    // The cursors wrap half-way.
    let ring = Ring::<Parcel>::starting_at(u32::MAX - (OWNED / 2) as u32);
    let slot = NextSlot::<Parcel>::new();
    let injector = Injector::<Parcel>::new();
    let over = AtomicBool::new(false);
    let opened = AtomicUsize::new(0);
    let stolen = AtomicUsize::new(0);
    let open = |node: NonNull<Parcel>| {
        // SAFETY: this thread holds the node.
        let before = unsafe { node.as_ref() }.opened.fetch_add(1, Ordering::Relaxed);
        assert_eq!(before, 0, "handed out twice");
        opened.fetch_add(1, Ordering::Relaxed);
    };

    std::thread::scope(|scope| {
        for _ in 0..THIEVES {
            scope.spawn(|| {
                let own = Ring::<Parcel>::starting_at(u32::MAX - 100);
                loop {
                    let last = over.load(Ordering::Acquire);
                    // SAFETY: `own` is this thread's.
                    if let Steal::Taken { first, more } = unsafe { ring.steal_into(&own) } {
                        stolen.fetch_add(1 + more as usize, Ordering::Relaxed);
                        open(first);
                    }
                    if let Some(node) = slot.peek().and_then(|seen| slot.steal(seen)) {
                        stolen.fetch_add(1, Ordering::Relaxed);
                        open(node);
                    }
                    let mut share = injector.take(8);
                    // SAFETY: as above.
                    unsafe {
                        own.push_chain(&mut share);
                        while let Some(node) = own.pop() {
                            open(node);
                        }
                    }
                    share.for_each(&open);
                    assert!(injector.len() <= OWNED + INJECTED, "the count has wrapped");
                    if last {
                        break;
                    }
                    std::thread::yield_now();
                }
            });
        }
        scope.spawn(|| {
            for first in (OWNED..OWNED + INJECTED).step_by(5) {
                let mut batch = Chain::new();
                for next in first..first + 5 {
                    // SAFETY: these parcels are this thread's.
                    unsafe { batch.push_back(depot.get(next)) };
                }
                injector.push(batch);
            }
        });

        for next in 0..OWNED {
            // SAFETY: this thread owns ring and slot, and holds what it was given.
            unsafe {
                let mut ready = Some(depot.get(next));
                if next % 3 == 0 {
                    ready = match slot.put(depot.get(next)) {
                        Put::Filled => None,
                        Put::Kicked(old) => Some(old),
                    };
                }
                if let Some(node) = ready
                    && let Err(node) = ring.push(node)
                {
                    let mut batch = ring.pop_half().unwrap_or_default();
                    batch.push_back(node);
                    injector.push(batch);
                }
                // In bursts, so that the ring is often full and often empty.
                if next % 1_000 > 600 {
                    slot.take().into_iter().chain(ring.pop()).for_each(open);
                    injector.take(1).for_each(open);
                }
                if next % 1_000 == 999 {
                    while let Some(node) = ring.pop() {
                        open(node);
                    }
                }
            }
        }
        over.store(true, Ordering::Release);
    });

    // SAFETY: the other threads have ended.
    unsafe {
        slot.take().into_iter().for_each(open);
        while let Some(node) = ring.pop() {
            open(node);
        }
    }
    injector.take(usize::MAX).for_each(open);
    assert!(injector.is_empty() && ring.is_empty() && slot.peek().is_none());
    assert_eq!(opened.load(Ordering::Relaxed), OWNED + INJECTED);
    assert!((0..OWNED + INJECTED).all(|id| depot.opened(id) == 1));
}
