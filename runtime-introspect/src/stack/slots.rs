//! [`Slots`]: where a signal's handler puts what somebody else shall look at, of threads that may be anywhere.
//!
//! A handler may not wait, allocate or lock. So all memory is there beforehand, in slots that pass from hand to hand by one
//! exchange of a word; a handler that finds no free slot counts that and is gone. What is in a slot is the user's affair:
//! here [`Copied`](super::copied::Copied).
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
//! The invariant: **what is in a slot has one owner at a time**, by the state word: the handler from `Filling` to `Done`, who
//! takes it from `Done` to `Free`. A late signal finds nothing that was asked of its thread, and does nothing.
//!
//! Asking and withdrawing touch nothing but the word, and order nothing: as exchanges they hand on what the slot's last owner
//! has released. Models: `loom-tests/tests/slots.rs`.

use std::fmt;

use gumption_core::sync::{AtomicU64, Ordering, UncheckedU64, UnsafeCell, broken, weaken};

const FREE: u64 = 0;
const ASKED: u64 = 1;
const FILLING: u64 = 2;
const DONE: u64 = 3;
const READING: u64 = 4;
const FORSAKEN: u64 = 5;
/// The thread is in the bits above the state.
const THREAD: u32 = 32;

struct Slot<T> {
    state: AtomicU64,
    content: UnsafeCell<T>,
}

/// A pool of slots. Handlers reach it through a static, so outside of models it lives for ever.
pub struct Slots<T> {
    slots: Box<[Slot<T>]>,
    /// Samples for which no slot was free.
    missed: UncheckedU64,
}

impl<T> fmt::Debug for Slots<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slots").field("slots", &self.slots.len()).finish_non_exhaustive()
    }
}

// SAFETY: a slot's content is only touched by whom its state word names as its owner, and goes from one to the next.
unsafe impl<T: Send> Sync for Slots<T> {}

/// A slot that waits for a thread's answer; dropped, it waits no longer.
#[derive(Debug)]
pub struct Asked<'a, T> {
    slots: &'a Slots<T>,
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

impl<T> Slots<T> {
    /// A pool of `count` slots, each with what `content` makes to be written over.
    pub fn new(count: usize, mut content: impl FnMut() -> T) -> Self {
        let slot = |_| Slot { state: AtomicU64::new(FREE), content: UnsafeCell::new(content()) };
        Self { slots: (0..count).map(slot).collect(), missed: UncheckedU64::new(0) }
    }

    /// *Samples* that were lost because no slot was free.
    pub fn missed(&self) -> u64 {
        // Ordering: Relaxed; a statistic.
        self.missed.load(Ordering::Relaxed)
    }

    /// Sets a slot aside for `thread`'s answer, until what this gives is dropped; none if all are in use.
    pub fn ask(&self, thread: u64) -> Option<Asked<'_, T>> {
        let asked = thread << THREAD | ASKED;
        // Ordering: Relaxed; the content is not touched. An exchange, so that the Acquire of `answer` still pairs with the
        // Release of the slot's last owner.
        let index = self.slots.iter().position(|slot| slot.passes(FREE, asked, Ordering::Relaxed))?;
        Some(Asked { slots: self, index, thread })
    }

    /// In a handler on `thread`: answers all who have asked it (signals that come at once are one). How many those were.
    ///
    /// `fill` must be what a handler may do. It does not unwind.
    pub fn answer(&self, thread: u64, mut fill: impl FnMut(&mut T)) -> usize {
        let (asked, filling) = (thread << THREAD | ASKED, thread << THREAD | FILLING);
        // Ordering: Acquire pairs with the Release of the slot's last owner, in `take` or below: this writes after that one is
        // through.
        let claim = weaken("slots-answer-relaxed", Ordering::Acquire);
        let mut answered = 0;
        for slot in self.slots.iter().filter(|slot| slot.passes(asked, filling, claim)) {
            // SAFETY: the state is `Filling`, by this thread.
            slot.content.with_mut(|content| fill(unsafe { &mut *content }));
            // Ordering: Release pairs with the Acquire of `take`: who sees `Done` sees what was filled in.
            let done = weaken("slots-done-relaxed", Ordering::Release);
            if !slot.passes(filling, DONE, done) {
                let free = if broken("slots-forsaken-kept") { DONE } else { FREE };
                // Forsaken. Ordering: Release pairs with the Acquire of `answer`: the next owner writes after this one.
                slot.state.store(free, weaken("slots-forsaken-relaxed", Ordering::Release));
            }
            answered += 1;
        }
        answered
    }

    /// In a handler: fills a free slot, if there is one.
    ///
    /// `fill` must be what a handler may do. It does not unwind.
    pub fn record(&self, fill: impl FnOnce(&mut T)) -> bool {
        // Ordering: Acquire pairs with the Release of `take`: this writes after that one is through.
        let claim = weaken("slots-record-relaxed", Ordering::Acquire);
        let Some(slot) = self.slots.iter().find(|slot| slot.passes(FREE, FILLING, claim)) else {
            // Ordering: Relaxed; a statistic.
            self.missed.fetch_add(1, Ordering::Relaxed);
            return false;
        };
        // SAFETY: the state is `Filling`, by this thread.
        slot.content.with_mut(|content| fill(unsafe { &mut *content }));
        // Ordering: Release pairs with the Acquire of `take`: who sees `Done` sees what was filled in.
        slot.state.store(DONE, weaken("slots-recorded-relaxed", Ordering::Release));
        true
    }

    /// Shows `each` what handlers have recorded, and frees the slots. How many there were.
    pub fn drain(&self, mut each: impl FnMut(&T)) -> usize {
        self.slots.iter().filter(|slot| slot.take(&mut each).is_some()).count()
    }
}

impl<T> Asked<'_, T> {
    /// The answer, if it has come: `f` sees it.
    ///
    /// # Errors
    ///
    /// It has not come: the question stands.
    pub fn take<R>(self, f: impl FnOnce(&T) -> R) -> Result<R, Self> {
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

impl<T> Drop for Asked<'_, T> {
    fn drop(&mut self) {
        let slot = &self.slots.slots[self.index];
        match slot.withdraw(self.thread) {
            Withdrawn::Free | Withdrawn::Forsaken => {}
            // At the last moment.
            Withdrawn::Answered => drop(slot.take(|_| ())),
        }
    }
}

impl<T> Slot<T> {
    /// Whether the state was `from`, and is `to` now.
    fn passes(&self, from: u64, to: u64, ordering: Ordering) -> bool {
        // Ordering: the caller says what it pairs with. Relaxed where it fails: nothing is touched then.
        self.state.compare_exchange(from, to, ordering, Ordering::Relaxed).is_ok()
    }

    fn take<R>(&self, f: impl FnOnce(&T) -> R) -> Option<R> {
        // Ordering: Acquire pairs with the Release of `answer` and `record`: this reads what was filled in.
        if !self.passes(DONE, READING, weaken("slots-take-relaxed", Ordering::Acquire)) {
            return None;
        }
        // SAFETY: `Reading`, by this thread.
        let result = self.content.with(|content| f(unsafe { &*content }));
        // Ordering: Release pairs with the Acquire of `answer` and `record`: the next owner writes after this has read.
        self.state.store(FREE, weaken("slots-free-relaxed", Ordering::Release));
        Some(result)
    }

    fn withdraw(&self, thread: u64) -> Withdrawn {
        if broken("slots-withdraw-unlooked") {
            self.state.store(FREE, Ordering::Relaxed);
            return Withdrawn::Free;
        }
        // Ordering: Relaxed, both; the content is not touched, and exchanges hand on what the last owner has released.
        if self.passes(thread << THREAD | ASKED, FREE, Ordering::Relaxed) {
            Withdrawn::Free
        } else if self.passes(thread << THREAD | FILLING, FORSAKEN, Ordering::Relaxed) {
            Withdrawn::Forsaken
        } else {
            Withdrawn::Answered
        }
    }
}
