//! Slots: where a signal handler puts the stack that it has interrupted, for somebody else to unwind.
//!
//! A handler must not unwind: it may have interrupted an unwinder, an allocator, the dynamic linker. It copies, and
//! nothing else: the registers, and up to [`COPY`] bytes of stack from the stack pointer. All memory is there beforehand; a
//! handler that finds no free slot counts that and is gone.
//!
//! **Two ways to fill one.** *Asked* ([`Slots::ask`], [`Slots::answer`]): an observer sets a slot aside for one thread and
//! sends it a signal; only that thread fills it. *Free* ([`Slots::record`], [`Slots::drain`]): whoever is interrupted takes
//! any free slot; a collector comes around. A pool is used in one way or the other.
//!
//! ```text
//!            ask                  answer
//!   Free ─────────▶ Asked(tid) ─────────▶ Filling ─────▶ Done ─────▶ Reading ─────▶ Free
//!    │  ◀───────────┘ withdrawn             ▲  │ forsaken: ──────────────────────────▲
//!    └──────────────────────────────────────┘  ▼
//!                     record                Forsaken: who asked has gone; the handler frees it
//! ```
//!
//! **The slot's bytes have one owner at a time**, by the state word: the handler from `Filling` to `Done`, who takes it from
//! `Done` to `Free`. A late signal finds nothing that was asked of its thread, and does nothing.
//!
//! **The stack is read by the kernel** (`process_vm_readv` on the process itself, a system call that handlers may make):
//! where memory ends, the copy ends, on stacks of any origin, whatever another thread unmaps meanwhile. It stops at the
//! thread's own block, which lies behind its stack. Where the kernel refuses, there are registers, no bytes, and
//! [`Copied::is_readable`] says so.

use std::ffi::c_void;
use std::fmt;

use gumption_core::sync::{AtomicU64, Ordering, UnsafeCell};

use super::arch::{self, Registers};
use super::os;

/// *Bytes* of a stack that are copied at most.
pub const COPY: usize = 64 << 10;

const FREE: u64 = 0;
const ASKED: u64 = 1;
const FILLING: u64 = 2;
const DONE: u64 = 3;
const READING: u64 = 4;
const FORSAKEN: u64 = 5;
/// The thread is in the bits above the state.
const THREAD: u32 = 32;

/// What a handler has set aside.
pub struct Copied {
    /// The thread that was interrupted.
    pub thread: u64,
    /// Where it was.
    pub registers: Registers,
    /// What the handler's caller had to add: the task, and of a profile where it was spawned.
    pub notes: [u64; 2],
    length: usize,
    readable: bool,
    bytes: Box<[u8]>,
}

impl Copied {
    /// The stack, from its stack pointer: as far as it was copied.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// Whether the kernel let the handler read the stack.
    pub fn is_readable(&self) -> bool {
        self.readable
    }
}

impl fmt::Debug for Copied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Copied").field("thread", &self.thread).field("length", &self.length).finish_non_exhaustive()
    }
}

struct Slot {
    state: AtomicU64,
    copied: UnsafeCell<Copied>,
}

/// A pool of slots. Handlers reach it through a static, so it lives for ever: [`Slots::new`] leaks it.
pub struct Slots {
    slots: Box<[Slot]>,
    /// Samples for which no slot was free.
    missed: AtomicU64,
}

impl fmt::Debug for Slots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slots").field("slots", &self.slots.len()).finish_non_exhaustive()
    }
}

// SAFETY: a slot's cell is only touched by whom its state word names as its owner.
unsafe impl Sync for Slots {}
// SAFETY: plain memory.
unsafe impl Send for Slots {}

/// A slot that waits for a thread's answer; dropped, it waits no longer.
#[derive(Debug)]
pub struct Asked<'a> {
    slots: &'a Slots,
    index: usize,
    thread: u64,
}

/// Who asked and has waited long enough: is there something after all?
#[must_use]
#[derive(Debug, PartialEq, Eq)]
enum Withdrawn {
    /// The slot is free again.
    Free,
    /// The handler is at it, and will free the slot.
    Forsaken,
    /// It has been answered meanwhile.
    Answered,
}

impl Slots {
    /// A pool of `count` slots. The memory is the kernel's until a handler writes to it.
    pub fn new(count: usize) -> &'static Self {
        Box::leak(Box::new(Self { slots: (0..count).map(|_| Slot::new()).collect(), missed: AtomicU64::new(0) }))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// *Samples* that were lost because no slot was free.
    pub fn missed(&self) -> u64 {
        // Ordering: Relaxed; a statistic.
        self.missed.load(Ordering::Relaxed)
    }

    /// Sets a slot aside for `thread`'s answer, until what this gives is dropped; none if all are in use.
    pub fn ask(&self, thread: u64) -> Option<Asked<'_>> {
        let asked = thread << THREAD | ASKED;
        let index = self.slots.iter().position(|slot| slot.passes(FREE, asked))?;
        Some(Asked { slots: self, index, thread })
    }

    /// In a handler: answers all who have asked this thread (signals that come at once are one). How many those were.
    ///
    /// # Safety
    /// Called in a signal handler, with the context that it was given.
    pub unsafe fn answer(&self, context: *const c_void, notes: [u64; 2]) -> usize {
        let thread = os::this_thread();
        let (asked, filling) = (thread << THREAD | ASKED, thread << THREAD | FILLING);
        let mut answered = 0;
        for slot in self.slots.iter().filter(|slot| slot.passes(asked, filling)) {
            // SAFETY: the state is `Filling`, by this thread; the context is the caller's.
            unsafe { slot.fill(thread, context, notes) };
            if !slot.passes(filling, DONE) {
                // Forsaken. Ordering: Release pairs with the Acquire of `passes`: the next owner's writes come after these.
                slot.state.store(FREE, Ordering::Release);
            }
            answered += 1;
        }
        answered
    }

    /// In a handler: puts this thread's stack into a free slot, if there is one.
    ///
    /// # Safety
    /// Called in a signal handler, with the context that it was given.
    pub unsafe fn record(&self, context: *const c_void, notes: [u64; 2]) -> bool {
        let Some(slot) = self.slots.iter().find(|slot| slot.passes(FREE, FILLING)) else {
            // Ordering: Relaxed; a statistic.
            self.missed.fetch_add(1, Ordering::Relaxed);
            return false;
        };
        // SAFETY: the state is `Filling`, by this thread; the context is the caller's.
        unsafe { slot.fill(os::this_thread(), context, notes) };
        // Ordering: Release pairs with the Acquire of `passes` in `drain`: who sees `Done` sees the copy.
        slot.state.store(DONE, Ordering::Release);
        true
    }

    /// Shows `each` what handlers have recorded, and frees the slots. How many there were.
    pub fn drain(&self, mut each: impl FnMut(&Copied)) -> usize {
        self.slots.iter().filter(|slot| slot.take(&mut each).is_some()).count()
    }
}

impl Asked<'_> {
    /// The thread that was asked.
    pub fn thread(&self) -> u64 {
        self.thread
    }

    /// The answer, if it has come: `f` sees it.
    ///
    /// # Errors
    ///
    /// It has not come: the question stands.
    pub fn take<R>(self, f: impl FnOnce(&Copied) -> R) -> Result<R, Self> {
        match self.slots.slots[self.index].take(f) {
            Some(result) => {
                // The slot is somebody else's from here on.
                std::mem::forget(self);
                Ok(result)
            }
            None => Err(self),
        }
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        let slot = &self.slots.slots[self.index];
        match slot.withdraw(self.thread) {
            Withdrawn::Free | Withdrawn::Forsaken => {}
            // At the last moment.
            Withdrawn::Answered => drop(slot.take(|_| ())),
        }
    }
}

impl Slot {
    fn new() -> Self {
        let registers = Registers::default();
        let nothing =
            Copied { thread: 0, registers, notes: [0; 2], length: 0, readable: false, bytes: vec![0; COPY].into() };
        Self { state: AtomicU64::new(FREE), copied: UnsafeCell::new(nothing) }
    }

    fn passes(&self, from: u64, to: u64) -> bool {
        // Ordering: AcqRel. Acquire pairs with the Release of whoever had the slot before; Release hands over what was
        // written to it. Relaxed where it fails: nothing is touched then.
        self.state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    fn take<R>(&self, f: impl FnOnce(&Copied) -> R) -> Option<R> {
        if !self.passes(DONE, READING) {
            return None;
        }
        // SAFETY: `Reading`, by this thread.
        let result = self.copied.with(|copied| f(unsafe { &*copied }));
        // Ordering: Release pairs with the Acquire of `passes`: whoever fills it next does so after this has read it.
        self.state.store(FREE, Ordering::Release);
        Some(result)
    }

    fn withdraw(&self, thread: u64) -> Withdrawn {
        if self.passes(thread << THREAD | ASKED, FREE) {
            Withdrawn::Free
        } else if self.passes(thread << THREAD | FILLING, FORSAKEN) {
            Withdrawn::Forsaken
        } else {
            Withdrawn::Answered
        }
    }

    /// # Safety
    /// The state is `Filling`, by this thread, in a signal handler with this context.
    unsafe fn fill(&self, thread: u64, context: *const c_void, notes: [u64; 2]) {
        self.copied.with_mut(|copied| {
            // SAFETY: the caller's promise.
            let (copied, registers) = unsafe { (&mut *copied, Registers::interrupted(context)) };
            let (copies, end) = (COPY as u64, arch::thread_end());
            let to_end = end.wrapping_sub(registers.sp);
            let wanted = if end > registers.sp && to_end < copies { to_end } else { copies };
            let read = os::copy_memory(registers.sp, &mut copied.bytes[..wanted as usize]);
            (copied.thread, copied.registers, copied.notes) = (thread, registers, notes);
            (copied.readable, copied.length) = (read.is_some(), read.unwrap_or(0));
        });
    }
}
