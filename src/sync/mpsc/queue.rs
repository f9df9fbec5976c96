//! [`Queue`]: where the values of a channel lie, in the order in which they were sent.
//!
//! A chain of blocks of 32 slots and two positions that only grow. Senders write at the **tail**, one at a time, because they hold
//! the channel's lock ([`super::chan`]); the receiver reads at the **head** without any lock. What joins the two is one word,
//! the published tail: everything in front of it has been written whole. So a value is never half there: a position that the
//! receiver can see is a value that it can have, and it reads the word again only when it has taken all that it saw.
//!
//! ```text
//!   Head (receiver's own)            published tail            Tail (under the lock)
//!     |                                     |                    |
//!     v                                     v                    v
//!   [ . . x x | x x x x | x x x x | x x x x | x . . . ] -> null        spares: [ ] -> [ ]
//!     ^ entered, the block before it becomes a spare
//! ```
//!
//! Nothing is allocated before the first value. A block that the receiver has left goes to a stack of *spares*, from which
//! senders take all at once when they need one: so neither end of a steady stream calls the allocator, and there is no ABA,
//! because nobody pops a single block. What exceeds a few kilobytes of spares is freed.
//!
//! It refuses to know how many values there may be, who waits, and what closing is. Invariant: `head <= published tail <= tail`,
//! and a slot between the first two is written and belongs to the receiver.
//!
//! Why not tokio's scheme, in which each sender claims a position by `fetch_add` and marks its slot as ready afterwards: a
//! claimed slot that is not yet written is a hole, which the receiver must be able to wait for, and each send has four RMWs
//! (count, position, ready bit, the receiver's waker) on three lines against the two of a lock, which covers all four.
//!
//! Model: `loom-tests/tests/mpsc.rs`, `mpsc_blocks_are_used_again`.

use gumption_core::policy;
use gumption_core::sync::{AtomicPtr, AtomicUsize, Ordering, UnsafeCell, broken, weaken};
use std::mem::MaybeUninit;
use std::ptr::null_mut;

/// Slots of a block: as many as tokio has. A power of two, so that positions may wrap.
const SLOTS: usize = if policy::CHECKED { 2 } else { 32 };

/// Where positions begin: under the checkers so close to their end that every model wraps them.
pub(super) const START: usize = if policy::CHECKED { 0_usize.wrapping_sub(SLOTS) } else { 0 };

/// Spares are kept up to this many bytes, and one at least.
const SPARE_BYTES: usize = 8 << 10;

pub(super) struct Block<T> {
    /// The block behind this one; of a spare, the spare below it.
    next: UnsafeCell<*mut Block<T>>,
    slots: [UnsafeCell<MaybeUninit<T>>; SLOTS],
}

impl<T> Block<T> {
    fn new() -> *mut Self {
        let block = Box::into_raw(Box::<Self>::new_uninit()).cast::<Self>();
        // SAFETY: allocated for it. In place, because a block of large values does not fit on the stack.
        unsafe {
            (&raw mut (*block).next).write(UnsafeCell::new(null_mut()));
            for slot in 0..SLOTS {
                (&raw mut (*block).slots[slot]).write(UnsafeCell::new(MaybeUninit::uninit()));
            }
        }
        block
    }

    /// # Safety
    /// From `new`, with no value in it, and nobody has it any more.
    unsafe fn free(block: *mut Self) {
        // SAFETY: the caller's promise. The accesses tell the checkers that nobody else's may follow.
        unsafe {
            (*block).next.with_mut(|_| ());
            drop(Box::from_raw(block));
        }
    }
}

/// What both ends see of it.
pub(super) struct Queue<T> {
    /// Everything in front of this position has been written.
    tail: AtomicUsize,
    /// Blocks that the receiver has left, a stack.
    spares: AtomicPtr<Block<T>>,
    /// The first block of all: written before the first value is published.
    first: UnsafeCell<*mut Block<T>>,
}

/// The senders' end: under the channel's lock.
pub(super) struct Tail<T> {
    position: usize,
    block: *mut Block<T>,
    /// Spares that were taken off the stack.
    spares: *mut Block<T>,
}

/// The receiver's end.
pub(super) struct Head<T> {
    position: usize,
    /// The published tail, when it was read last.
    seen: usize,
    block: *mut Block<T>,
    /// Spares that were put on the stack since it was seen empty.
    spares: usize,
}

// SAFETY: an end is moved between threads with the values that it leads to.
unsafe impl<T: Send> Send for Tail<T> {}
// SAFETY: as above; and through a shared reference only positions are read.
unsafe impl<T: Send> Send for Head<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Head<T> {}
// SAFETY: the two ends hand each other values, which move.
unsafe impl<T: Send> Send for Queue<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Queue<T> {}

impl<T> Tail<T> {
    pub(super) const fn new() -> Self {
        Self { position: START, block: null_mut(), spares: null_mut() }
    }

    /// How many values were ever written, counted from [`START`].
    pub(super) const fn position(&self) -> usize {
        self.position
    }

    /// Whether the next value is the first of a block.
    pub(super) const fn is_at_block_edge(&self) -> bool {
        self.position.is_multiple_of(SLOTS)
    }
}

impl<T> Head<T> {
    pub(super) const fn new() -> Self {
        Self { position: START, seen: START, block: null_mut(), spares: 0 }
    }

    /// How many values were ever read, counted from [`START`].
    pub(super) const fn position(&self) -> usize {
        self.position
    }

    /// Whether the next value is the first of a block.
    pub(super) const fn is_at_block_edge(&self) -> bool {
        self.position.is_multiple_of(SLOTS)
    }
}

impl<T> Queue<T> {
    /// As many spares as are kept.
    const MOST_SPARES: usize = {
        let most = SPARE_BYTES / size_of::<Block<T>>();
        if most == 0 || policy::CHECKED { 1 } else { most }
    };

    pub(super) fn new() -> Self {
        Self { tail: AtomicUsize::new(START), spares: AtomicPtr::new(null_mut()), first: UnsafeCell::new(null_mut()) }
    }

    /// How many values are in front of the published tail, behind `head`.
    pub(super) fn len(&self, head: &Head<T>) -> usize {
        // Ordering: Acquire, so that who is told of a value can have it; pairs with the Release of `push`.
        self.tail.load(Ordering::Acquire).wrapping_sub(head.position)
    }

    /// Writes a value and publishes it.
    ///
    /// # Safety
    /// `tail` is this queue's.
    #[inline]
    pub(super) unsafe fn push(&self, tail: &mut Tail<T>, value: T) {
        let slot = tail.position % SLOTS;
        if slot == 0 {
            // SAFETY: the caller's promise.
            unsafe { self.extend(tail) };
        }
        let published = tail.position.wrapping_add(1);
        if broken("chan-publish-early") {
            self.tail.store(published, Ordering::Release);
        }
        // SAFETY: the block is the last one, and this slot lies behind the published tail, where only the lock's holder is.
        unsafe { (*tail.block).slots[slot].with_mut(|slot| (*slot).write(value)) };
        tail.position = published;
        // Ordering: Release pairs with the Acquire of `pop`: value, link and first block are there for who sees it.
        self.tail.store(published, weaken("chan-publish-relaxed", Ordering::Release));
    }

    /// Puts an empty block at the end.
    ///
    /// # Safety
    /// As [`push`](Self::push).
    #[cold]
    unsafe fn extend(&self, tail: &mut Tail<T>) {
        if tail.spares.is_null() {
            // Ordering: Acquire pairs with the Release of `retire`: the receiver's reads of its slots are over.
            tail.spares = self.spares.swap(null_mut(), weaken("chan-spare-take-relaxed", Ordering::Acquire));
        }
        let block = match tail.spares {
            spare if spare.is_null() => Block::new(),
            spare => {
                // SAFETY: taken off the stack, so it is the lock's holder's, with no value in it.
                tail.spares = unsafe { (*spare).next.with_mut(|next| std::mem::replace(&mut *next, null_mut())) };
                spare
            }
        };
        // SAFETY: the receiver reads a link, or the first block, only when it has seen a value behind it.
        unsafe {
            match tail.block {
                last if last.is_null() => self.first.with_mut(|first| *first = block),
                last => (*last).next.with_mut(|next| *next = block),
            }
        }
        tail.block = block;
    }

    /// Takes the next value out.
    ///
    /// # Safety
    /// `head` is this queue's.
    #[inline]
    pub(super) unsafe fn pop(&self, head: &mut Head<T>) -> Option<T> {
        if head.position == head.seen {
            // Ordering: Acquire pairs with the Release of `push`.
            head.seen = self.tail.load(Ordering::Acquire);
            if head.position == head.seen {
                return None;
            }
        }
        if head.is_at_block_edge() {
            // SAFETY: there is a value behind the edge.
            unsafe { self.advance(head) };
        }
        // SAFETY: in front of the published tail, and read once, because the position moves on.
        let value = unsafe { (*head.block).slots[head.position % SLOTS].with(|slot| (*slot).assume_init_read()) };
        head.position = head.position.wrapping_add(1);
        Some(value)
    }

    /// Enters the next block, and leaves the one before.
    ///
    /// # Safety
    /// `head` is this queue's, and has seen a value in the next block.
    #[cold]
    unsafe fn advance(&self, head: &mut Head<T>) {
        // SAFETY: link and first block were written before the value that was seen.
        unsafe {
            match head.block {
                left if left.is_null() => head.block = self.first.with(|first| *first),
                left => {
                    head.block = (*left).next.with(|next| *next);
                    self.retire(head, left);
                }
            }
        }
    }

    /// A block that the receiver has left becomes a spare, or is freed.
    ///
    /// # Safety
    /// All values of the block have been taken, and the senders have gone on to the next.
    unsafe fn retire(&self, head: &mut Head<T>, block: *mut Block<T>) {
        // Ordering: Relaxed; the pointer is only compared, and stored as a link.
        let mut top = self.spares.load(Ordering::Relaxed);
        loop {
            if top.is_null() {
                head.spares = 0;
            }
            if head.spares == Self::MOST_SPARES {
                // SAFETY: the caller's promise.
                return unsafe { Block::free(block) };
            }
            // SAFETY: still the receiver's.
            unsafe { (*block).next.with_mut(|next| *next = top) };
            // Ordering: Release pairs with the Acquire of `extend`. Only the receiver pushes, so that a failure means that
            // senders have taken all of them.
            match self.spares.compare_exchange(
                top,
                block,
                weaken("chan-spare-put-relaxed", Ordering::Release),
                Ordering::Relaxed,
            ) {
                Ok(_) => {
                    head.spares += 1;
                    return;
                }
                Err(now) => top = now,
            }
        }
    }

    /// Frees all blocks.
    ///
    /// # Safety
    /// Both ends are this queue's, all values have been taken, and neither end is used again, except for `len` and `position`.
    pub(super) unsafe fn free(&self, head: &mut Head<T>, tail: &mut Tail<T>) {
        // Ordering: Relaxed; the ends are the caller's, who has synchronized with all who pushed.
        let stack = self.spares.swap(null_mut(), Ordering::Relaxed);
        let spares = std::mem::replace(&mut tail.spares, null_mut());
        let used = match head.block {
            // SAFETY: no push beside this.
            none if none.is_null() => self.first.with(|first| unsafe { *first }),
            block => block,
        };
        head.block = null_mut();
        tail.block = null_mut();
        for mut block in [stack, spares, used] {
            while !block.is_null() {
                // SAFETY: the three chains have no block in common, and all of them are the caller's.
                unsafe {
                    let next = (*block).next.with(|next| *next);
                    Block::free(block);
                    block = next;
                }
            }
        }
    }
}
