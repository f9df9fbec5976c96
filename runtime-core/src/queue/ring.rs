//! [`Ring`]: the run queue of one P, bounded, with one owner and any number of thieves.
//!
//! The owner pushes at the tail and pops at the head, so a P runs its tasks in the order in which they became ready.
//! A thief takes half of what is there, oldest first. Who may own a ring is not decided here: the owner's methods are
//! `unsafe`, and it is the P that they belong to whose ownership makes a caller the owner.
//!
//! The head is two cursors in one word, `steal` and `real`. `real` is where the next pop or steal begins. `steal` trails
//! it while a thief copies: a thief *claims* by moving `real` forward, copies the slots between the two, and *releases*
//! by moving `steal` up to `real`. The owner never overwrites from `steal` on, so a claimed slot is still until it was
//! copied, and slots are plain memory: nobody ever reads one that it has not claimed. That is tokio's form of Go's
//! `runq`; Go's copies first and claims after, which needs racy slots and which no checker can see into.
//!
//! ```text
//!         claimed by a thief      ready              free
//!       |<------------------>|<---------->|<--------------------- ...
//!     steal                 real         tail
//! ```
//!
//! Cursors are `u32`, run through all their values and wrap; a slot is a cursor masked. One thief at a time copies from
//! a ring; a second one is told [`Steal::Busy`] and tries elsewhere, which is cheaper than waiting.
//!
//! The invariant: `steal <= real <= tail <= steal + RING_CAPACITY` in wrapping distance, and exactly one party has
//! claimed any slot below `real`. Models: `steal_vs_pop` and `overflow_loses_nothing` in `loom-tests/tests/queues.rs`.

use super::{Chain, Node};
use crate::policy::{RING_CAPACITY, RING_START};
use crate::sync::{AtomicU32, AtomicU64, Ordering, UnsafeCell, broken, load_own, weaken};
use crossbeam_utils::CachePadded;
use std::fmt;
use std::mem::{MaybeUninit, offset_of};
use std::ptr::NonNull;

const CAPACITY: u32 = RING_CAPACITY as u32;
const MASK: u32 = CAPACITY - 1;
const _: () = assert!(RING_CAPACITY.is_power_of_two() && RING_CAPACITY <= 1 << 16);

/// A bounded queue of nodes: one owner, many thieves.
pub struct Ring<T> {
    /// `steal` in the high half, `real` in the low one.
    head: CachePadded<AtomicU64>,
    /// Written by the owner alone, and on a line of its own: pushes do not disturb thieves that read the head.
    tail: CachePadded<AtomicU32>,
    /// Within the ring and of a fixed size: masking a cursor is all the bounds check that an access needs.
    slots: [UnsafeCell<MaybeUninit<NonNull<T>>>; RING_CAPACITY],
}

impl<T> Ring<T> {
    /// Where a debugger finds the head.
    pub const HEAD_AT: usize = offset_of!(Self, head);
    /// And the tail.
    pub const TAIL_AT: usize = offset_of!(Self, tail);
}

// SAFETY: a slot is written by the owner and read by the one that claimed it, ordered by head and tail; what it holds is
// the right to a node, which `Node` says may be passed between threads.
unsafe impl<T: Node> Send for Ring<T> {}
// SAFETY: as above.
unsafe impl<T: Node> Sync for Ring<T> {}

/// What came of trying to steal from a ring.
#[must_use = "a stolen node that is forgotten never runs"]
#[derive(Debug)]
pub enum Steal<T> {
    /// There was nothing.
    Empty,
    /// There is something, and another thief is copying.
    Busy,
    /// The thief holds `first`, the oldest; the `more` that followed it are in the thief's own ring.
    Taken {
        /// The oldest node of the victim.
        first: NonNull<T>,
        /// How many others moved.
        more: u32,
    },
}

/// What became of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Pushed {
    /// It was one node, and is the only one in the ring: the owner comes to it next.
    Alone,
    /// There are others in the ring, or left in the chain for want of room.
    Among,
}

const fn pack(steal: u32, real: u32) -> u64 {
    (steal as u64) << 32 | real as u64
}

const fn unpack(head: u64) -> (u32, u32) {
    ((head >> 32) as u32, head as u32)
}

impl<T: Node> Ring<T> {
    /// An empty ring.
    pub fn new() -> Self {
        Self::starting_at(RING_START)
    }

    /// An empty ring whose cursors begin at `cursor`: for tests of what happens where they wrap.
    pub fn starting_at(cursor: u32) -> Self {
        Self {
            head: CachePadded::new(AtomicU64::new(pack(cursor, cursor))),
            tail: CachePadded::new(AtomicU32::new(cursor)),
            slots: std::array::from_fn(|_| UnsafeCell::new(MaybeUninit::uninit())),
        }
    }

    /// Adds `node` as the youngest. `Err` gives it back: the ring is full, or as good as full because a thief has not
    /// finished copying.
    ///
    /// # Safety
    /// The caller owns the ring, holds `node`, and gives it up on `Ok`.
    #[inline]
    pub unsafe fn push(&self, node: NonNull<T>) -> Result<(), NonNull<T>> {
        // SAFETY: the caller is the owner, and only the owner stores the tail.
        let tail = unsafe { load_own(&self.tail) };
        if self.room(tail) == 0 {
            return Err(node);
        }
        // SAFETY: there is room at `tail`, and the caller is the owner.
        unsafe { self.write(tail, node) };
        self.publish(tail.wrapping_add(1));
        Ok(())
    }

    /// Moves as many nodes as fit from the front of `chain`, shown to thieves all at once. Returns how many.
    ///
    /// # Safety
    /// The caller owns the ring.
    #[inline]
    pub unsafe fn push_chain(&self, chain: &mut Chain<T>) -> usize {
        // SAFETY: the caller is the owner, and only the owner stores the tail.
        let mut tail = unsafe { load_own(&self.tail) };
        let room = self.room(tail) as usize;
        let mut moved = 0;
        while moved < room {
            let Some(node) = chain.pop_front() else { break };
            // SAFETY: `moved` is below the room that there was, which only the owner can make smaller.
            unsafe { self.write(tail, node) };
            tail = tail.wrapping_add(1);
            moved += 1;
            if broken("queue-chain-piecemeal") {
                self.publish(tail);
            }
        }
        if moved > 0 {
            self.publish(tail);
        }
        moved
    }

    /// [`push_chain`](Self::push_chain), for a caller that goes on to run what is in the ring: whether somebody else has to
    /// hear of the batch.
    ///
    /// # Safety
    /// The caller owns the ring.
    #[inline]
    pub unsafe fn push_batch(&self, chain: &mut Chain<T>) -> Pushed {
        let only = chain.len() == 1 && self.is_empty();
        // SAFETY: the caller's promise.
        unsafe { self.push_chain(chain) };
        // An empty ring may have no room: while a thief that has claimed half of it still copies, and the rest was popped.
        let went_in = chain.is_empty() || broken("queue-alone-without-room");
        if only && went_in { Pushed::Alone } else { Pushed::Among }
    }

    /// Takes the oldest node, which the caller holds from here on.
    ///
    /// # Safety
    /// The caller owns the ring.
    #[inline]
    pub unsafe fn pop(&self) -> Option<NonNull<T>> {
        // Ordering: Relaxed; the owner wrote slots and tail itself, and a stale head fails the exchange.
        let mut head = self.head.load(Ordering::Relaxed);
        // SAFETY: the caller is the owner, and only the owner stores the tail.
        let tail = unsafe { load_own(&self.tail) };
        loop {
            let (steal, real) = unpack(head);
            if real == tail {
                return None;
            }
            let after = real.wrapping_add(1);
            let next = if steal == real { pack(after, after) } else { pack(steal, after) };
            match self.take(head, next, "queue-pop-no-cas", "queue-pop-relaxed") {
                // SAFETY: the exchange claimed `real`, below the tail.
                Ok(()) => return Some(unsafe { self.read(real) }),
                Err(newer) => head = newer,
            }
        }
    }

    /// Takes the older half, rounded down: what Go moves to the global queue when a ring is full. `None` when that is
    /// nothing, or when a thief is copying and so about to make room.
    ///
    /// # Safety
    /// The caller owns the ring.
    pub unsafe fn pop_half(&self) -> Option<Chain<T>> {
        // Ordering: Relaxed; as in `pop`.
        let head = self.head.load(Ordering::Relaxed);
        // SAFETY: as in `pop`.
        let tail = unsafe { load_own(&self.tail) };
        let (steal, real) = unpack(head);
        let n = tail.wrapping_sub(real) / 2;
        let copied = steal == real || broken("queue-overflow-ignores-thief");
        if !copied || n == 0 {
            return None;
        }
        let after = real.wrapping_add(n);
        self.take(head, pack(after, after), "queue-overflow-no-claim", "queue-overflow-relaxed").ok()?;
        let mut chain = Chain::new();
        for i in 0..n {
            // SAFETY: the exchange claimed these slots; only this thread, as the owner, could overwrite them.
            unsafe { chain.push_back(self.read(real.wrapping_add(i))) };
        }
        Some(chain)
    }

    /// Takes the older half of this ring, rounded up, for the owner of `dst`: the oldest node into the caller's hands and
    /// the others into `dst`, in their order, as far as they fit.
    ///
    /// # Safety
    /// The caller owns `dst`, which is not this ring.
    pub unsafe fn steal_into(&self, dst: &Ring<T>) -> Steal<T> {
        debug_assert!(!std::ptr::eq(self, dst), "a ring steals from itself");
        // SAFETY: the caller owns `dst`, and only the owner stores the tail.
        let dst_tail = unsafe { load_own(&dst.tail) };
        let room = dst.room(dst_tail);
        let (real, n) = match self.claim(room + 1) {
            Ok(claimed) => claimed,
            Err(without) => return without,
        };
        if broken("queue-release-early") {
            self.release();
        }
        // SAFETY: `claim` claimed the slots from `real` on, and `n` is at least one.
        let first = unsafe { self.read(real) };
        let more = n - 1;
        for i in 0..more {
            // SAFETY: these were claimed too, and `dst`, which the caller owns, has room for `room` nodes.
            unsafe { dst.write(dst_tail.wrapping_add(i), self.read(real.wrapping_add(i + 1))) };
        }
        self.release();
        if more > 0 {
            dst.publish(dst_tail.wrapping_add(more));
        }
        Steal::Taken { first, more }
    }

    /// How many nodes are in it: advice, from any thread.
    #[inline]
    pub fn len(&self) -> u32 {
        // Ordering: Relaxed, both; partners are the scheduler's SeqCst fences. After them the tail is at least that of
        // the last push before them, and a head beyond a node's place says that the node was taken: so a node that is
        // there is never missed. Read at different times, the two may be apart by less than nothing or more than all.
        let (_, real) = unpack(self.head.load(Ordering::Relaxed));
        let apart = self.tail.load(Ordering::Relaxed).wrapping_sub(real) as i32;
        apart.clamp(0, CAPACITY as i32) as u32
    }

    /// Whether [`len`](Self::len) is 0: advice, from any thread.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A thief's claim on the older half, at most `most` nodes: where it begins and how many, or why there is none.
    #[inline]
    fn claim(&self, most: u32) -> Result<(u32, u32), Steal<T>> {
        loop {
            // Ordering: Acquire; partner is the Release exchange of whoever moved the head there, whose tail was no
            // less: the tail read next is not behind this head.
            let head = self.head.load(weaken("queue-claim-relaxed", Ordering::Acquire));
            // Ordering: Acquire; partner is `publish`: the slots below this tail are written.
            let tail = self.tail.load(weaken("queue-thief-tail-relaxed", Ordering::Acquire));
            let (steal, real) = unpack(head);
            let ready = tail.wrapping_sub(real);
            if ready == 0 {
                return Err(Steal::Empty);
            }
            if steal != real && !broken("queue-claim-ignores-thief") {
                return Err(Steal::Busy);
            }
            let n = (ready - ready / 2).min(most);
            let next = pack(steal, real.wrapping_add(n));
            if broken("queue-steal-load-store") {
                if self.head.load(Ordering::Acquire) == head {
                    self.head.store(next, Ordering::Release);
                    return Ok((real, n));
                }
                continue;
            }
            // Ordering: Relaxed; the head that it replaces is the one acquired above, and until `release` nothing but
            // the claim itself is told to anybody.
            if self.head.compare_exchange(head, next, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                return Ok((real, n));
            }
        }
    }

    /// Ends a claim: the slots have been read, the owner may overwrite them.
    #[inline]
    fn release(&self) {
        // Ordering: Relaxed; the exchange decides.
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            let (_, real) = unpack(head);
            // Ordering: Release; partner is the Acquire in `room`: the reads of the slots come before the owner's next
            // writes to them. Relaxed on failure; the owner popped meanwhile, and nothing of it is needed.
            let order = weaken("queue-release-relaxed", Ordering::Release);
            match self.head.compare_exchange(head, pack(real, real), order, Ordering::Relaxed) {
                Ok(_) => return,
                Err(newer) => head = newer,
            }
        }
    }

    /// The owner moves the head from `head` to `next`. `Err` is the head that a thief made of it meanwhile.
    #[inline(always)]
    fn take(&self, head: u64, next: u64, unclaimed: &'static str, relaxed: &'static str) -> Result<(), u64> {
        if broken(unclaimed) {
            self.head.store(next, Ordering::Release);
            return Ok(());
        }
        // Ordering: Release; partner is the thieves' Acquire in `claim`, who then see a tail that is not behind this
        // head. Relaxed on failure; see `pop`.
        match self.head.compare_exchange(head, next, weaken(relaxed, Ordering::Release), Ordering::Relaxed) {
            Ok(_) => Ok(()),
            Err(newer) => Err(newer),
        }
    }

    /// How many slots the owner, whose tail is at `tail`, may write.
    #[inline(always)]
    fn room(&self, tail: u32) -> u32 {
        // Ordering: Acquire; partner is `release`: a thief's reads of the slots below `steal` are over.
        let (steal, _) = unpack(self.head.load(weaken("queue-room-relaxed", Ordering::Acquire)));
        CAPACITY - tail.wrapping_sub(steal)
    }

    /// Shows thieves everything below `tail`.
    #[inline(always)]
    fn publish(&self, tail: u32) {
        // Ordering: Release; partner is the thieves' Acquire of the tail in `claim`: they see the slots, and the nodes.
        self.tail.store(tail, weaken("queue-tail-relaxed", Ordering::Release));
    }

    /// # Safety
    /// The caller owns the ring and `room` has said that `cursor` is free.
    #[inline(always)]
    unsafe fn write(&self, cursor: u32, node: NonNull<T>) {
        // SAFETY: the owner alone writes, and whoever read this slot before has released it.
        self.slots[(cursor & MASK) as usize].with_mut(|slot| unsafe { (*slot).write(node) });
    }

    /// # Safety
    /// The caller has claimed `cursor`.
    #[inline(always)]
    unsafe fn read(&self, cursor: u32) -> NonNull<T> {
        // SAFETY: a claimed slot is below a published tail, so it was written, and it is not overwritten until released.
        self.slots[(cursor & MASK) as usize].with(|slot| unsafe { (*slot).assume_init() })
    }
}

impl<T: Node> Default for Ring<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Node> fmt::Debug for Ring<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring").field("len", &self.len()).finish_non_exhaustive()
    }
}
