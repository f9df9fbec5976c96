//! [`Caches`]: what a processor keeps so that a spawn asks nobody: free records, free bodies, unused ids.
//!
//! Everything free is kept in *magazines* (Bonwick's): two stacks a kind, so that a processor that alternates between
//! taking and giving at the edge of a full or an empty stack exchanges one with the centre only every whole stack's worth.
//! The stacks are threaded through the free memory itself, and one changes hands in a constant number of steps under the
//! arena's lock (`arena.rs`).
//!
//! Bodies are recycled by *size class*: freeing a body on another thread than the one that allocated it, which in a
//! work-stealing runtime is every other one, costs 370 to 860 ns in glibc's malloc, more than all the rest of a spawn. A
//! body larger than the largest class, or aligned beyond malloc's 16, is a plain allocation. What the caches and the centre
//! keep is bounded ([`policy::MEMORY_CENTRAL_BYTES`]); beyond that memory goes back to the allocator.
//!
//! Who may call: the owner of the processor that owns the caches, and nobody at the same time; threads without a processor
//! share a few sets, each behind a mutex. Nothing here runs user code, so a borrow of the caches never nests.
//!
//! The invariant: a block or a record is on one stack or in one task.

use super::Task;
use super::arena::Arena;
use super::id::Ids;
use crate::policy;
use crate::queue::{Link, Node};
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::fmt;
use std::ptr::NonNull;

/// A free body: its first word is the link.
pub(super) struct Block {
    link: Link<Block>,
}

// SAFETY: the link is the block's first word, and a free block is held by the stack that it is on.
unsafe impl Node for Block {
    unsafe fn link(this: NonNull<Self>) -> *const Link<Self> {
        // SAFETY: the caller's promise.
        unsafe { &raw const (*this.as_ptr()).link }
    }
}

const _: () = assert!(size_of::<Block>() <= policy::MEMORY_STEP && align_of::<Block>() <= policy::MEMORY_ALIGN);

/// An intrusive stack of what is free, the youngest on top, where it is still in the cache.
pub(super) struct Stack<T: Node> {
    top: Option<NonNull<T>>,
    len: usize,
}

// SAFETY: a stack is the right to its nodes, which `Node` says may be passed between threads.
unsafe impl<T: Node> Send for Stack<T> {}

impl<T: Node> Stack<T> {
    pub(super) const fn new() -> Self {
        Self { top: None, len: 0 }
    }
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// # Safety
    /// The caller holds `node` and gives that up.
    #[inline(always)]
    pub(super) unsafe fn push(&mut self, node: NonNull<T>) {
        // SAFETY: the caller's promise.
        unsafe { (*T::link(node)).set(self.top) };
        self.top = Some(node);
        self.len += 1;
    }

    #[inline(always)]
    pub(super) fn pop(&mut self) -> Option<NonNull<T>> {
        let node = self.top?;
        // SAFETY: the stack holds what is on it.
        self.top = unsafe { (*T::link(node)).get() };
        self.len -= 1;
        Some(node)
    }
}

/// Two stacks: one in use, one in reserve, which is full or empty.
struct Magazine<T: Node> {
    used: Stack<T>,
    reserve: Stack<T>,
}

impl<T: Node> Magazine<T> {
    const fn new() -> Self {
        Self { used: Stack::new(), reserve: Stack::new() }
    }

    #[inline(always)]
    fn pop(&mut self) -> Option<NonNull<T>> {
        match self.used.pop() {
            Some(node) => Some(node),
            None => {
                std::mem::swap(&mut self.used, &mut self.reserve);
                self.used.pop()
            }
        }
    }

    /// Adds `node`; what the magazine then has too many of is the caller's.
    ///
    /// # Safety
    /// The caller holds `node` and gives that up.
    #[inline(always)]
    unsafe fn push(&mut self, node: NonNull<T>, limit: usize) -> Option<Stack<T>> {
        let mut spilled = None;
        if self.used.len >= limit {
            let full = std::mem::replace(&mut self.used, Stack::new());
            let reserve = std::mem::replace(&mut self.reserve, full);
            spilled = (reserve.len > 0).then_some(reserve);
        }
        // SAFETY: the caller's promise.
        unsafe { self.used.push(node) };
        spilled
    }
}

/// A processor's free records, free bodies and unused ids.
pub struct Caches {
    arena: NonNull<Arena>,
    records: Magazine<Task>,
    blocks: [Magazine<Block>; policy::MEMORY_CLASSES],
    pub(super) ids: Ids,
}

// SAFETY: everything in the caches is held by them, and the arena may be used from any thread.
unsafe impl Send for Caches {}

impl Caches {
    pub(super) fn new(arena: NonNull<Arena>) -> Self {
        Self {
            arena,
            records: Magazine::new(),
            blocks: [const { Magazine::new() }; policy::MEMORY_CLASSES],
            ids: Ids::default(),
        }
    }

    #[inline(always)]
    pub(super) fn serve(&self, arena: NonNull<Arena>) -> bool {
        self.arena == arena
    }

    fn arena(&self) -> &Arena {
        // SAFETY: an arena outlives every cache of its registry; in production it is never freed.
        unsafe { self.arena.as_ref() }
    }

    /// A free record, the caller's.
    #[inline(always)]
    pub(super) fn take_record(&mut self) -> NonNull<Task> {
        match self.records.pop() {
            Some(record) => record,
            None => self.refill_records(),
        }
    }

    #[cold]
    fn refill_records(&mut self) -> NonNull<Task> {
        self.records.used = self.arena().take_records();
        match self.records.used.pop() {
            Some(record) => record,
            None => unreachable!("an arena gives at least one record"),
        }
    }

    /// # Safety
    /// `record` is free, of this cache's arena, held by the caller, who gives that up.
    #[inline(always)]
    pub(super) unsafe fn give_record(&mut self, record: NonNull<Task>) {
        // SAFETY: the caller's promise.
        if let Some(spilled) = unsafe { self.records.push(record, policy::RECORD_MAGAZINE) } {
            self.arena().give_records(spilled);
        }
    }

    /// Memory for a body of `class`, or of `layout` if it has none.
    #[inline(always)]
    pub(super) fn take_body(&mut self, class: Option<u8>, layout: Layout) -> NonNull<u8> {
        match class {
            Some(class) => match self.blocks[usize::from(class)].pop() {
                Some(block) => block.cast(),
                None => self.refill_blocks(class),
            },
            None => allocate(layout),
        }
    }

    #[cold]
    fn refill_blocks(&mut self, class: u8) -> NonNull<u8> {
        self.blocks[usize::from(class)].used = self.arena().take_blocks(class);
        match self.blocks[usize::from(class)].used.pop() {
            Some(block) => block.cast(),
            None => allocate(class_layout(class)),
        }
    }

    /// # Safety
    /// `body` is memory from [`take_body`](Self::take_body), of any caches, with the same class and layout; nothing in it
    /// is alive, and the caller gives it up.
    #[inline(always)]
    pub(super) unsafe fn give_body(&mut self, body: NonNull<u8>, class: Option<u8>, layout: Layout) {
        let Some(class) = class else {
            // SAFETY: the caller's promise.
            return unsafe { dealloc(body.as_ptr(), layout) };
        };
        let block = body.cast::<Block>();
        // SAFETY: a block of any class has room for a link, aligned for it.
        unsafe { block.write(Block { link: Link::new() }) };
        let limit = policy::memory_magazine(class);
        // SAFETY: the caller's promise.
        if let Some(spilled) = unsafe { self.blocks[usize::from(class)].push(block, limit) } {
            self.arena().give_blocks(class, spilled);
        }
    }
}

impl Drop for Caches {
    fn drop(&mut self) {
        let arena = self.arena;
        // SAFETY: as in `arena()`; by the copied pointer, because the stacks below are borrowed to be changed.
        let arena = unsafe { arena.as_ref() };
        for stack in [&mut self.records.used, &mut self.records.reserve] {
            arena.give_records(std::mem::replace(stack, Stack::new()));
        }
        for (class, magazine) in (0..).zip(&mut self.blocks) {
            for stack in [&mut magazine.used, &mut magazine.reserve] {
                arena.give_blocks(class, std::mem::replace(stack, Stack::new()));
            }
        }
    }
}

impl fmt::Debug for Caches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let blocks: usize = self.blocks.iter().map(|magazine| magazine.used.len + magazine.reserve.len).sum();
        f.debug_struct("Caches")
            .field("records", &(self.records.used.len + self.records.reserve.len))
            .field("blocks", &blocks)
            .finish_non_exhaustive()
    }
}

/// Frees the blocks for good.
pub(super) fn free_blocks(class: u8, mut blocks: Stack<Block>) {
    while let Some(block) = blocks.pop() {
        // SAFETY: blocks of a class are allocated with the class's layout, and this one was on the stack.
        unsafe { dealloc(block.as_ptr().cast(), class_layout(class)) };
    }
}

fn class_layout(class: u8) -> Layout {
    // SAFETY: the alignment is a power of two, and the sizes are small.
    unsafe { Layout::from_size_align_unchecked(policy::memory_size(class), policy::MEMORY_ALIGN) }
}

#[cold]
fn allocate(layout: Layout) -> NonNull<u8> {
    // SAFETY: no body is empty: it holds at least the join waker.
    NonNull::new(unsafe { alloc(layout) }).unwrap_or_else(|| handle_alloc_error(layout))
}
