//! [`Readiness`]: whether one direction of a source is ready, and who waits for it, in one atomic word.
//!
//! Go's netpoller has such a word per direction (`rg` and `wg`: nothing, ready, waiting, or the goroutine); tokio has a
//! mutex per socket. Here the kernel's event, the task that asks and the task that waits meet in this word, and a lock is
//! taken only when a second task waits for the same direction of the same source.
//!
//! ```text
//!   63        32 31      10    9      8       7        6    5      0
//!  | generation |   tick   |CLOSED| MORE | WAITING | LOCKED | ready  |
//! ```
//!
//! | part | means |
//! | --- | --- |
//! | ready | what the kernel has said since it was last cleared |
//! | `LOCKED` | one thread is at the slot; nobody else touches it |
//! | `WAITING` | the slot holds a waiter |
//! | `MORE` | the list of other waiters is not empty |
//! | `CLOSED` | the runtime has ended: nobody will set anything any more |
//! | tick | how many events have come: what is cleared is what was seen, never something newer |
//! | generation | which source the record is for: an event for an earlier one is stale |
//!
//! **An event is never lost.** Who waits puts its waiter into the slot under `LOCKED` and unlocks by an exchange that
//! finds out whether the tick has moved meanwhile; if so it takes the waiter out again and looks anew. Who brings an
//! event sets ready and tick in the same exchange that finds the slot locked or takes it. So one of the two sees the
//! other. Who clears names the tick that it saw: a newer event stays. (The tick has 22 bits: it would take four million
//! events between a look and its clear, or under one lock, to mistake a newer event for the same.)
//!
//! Why that holds in each state that an event can find: *free and empty*: whoever locks later looks at a word that has
//! the event. *Free, with a waiter*: the event takes the lock and the waiter in one exchange, and wakes it. *Locked by a
//! waiter*: its unlocking exchange fails on the new tick, empties the slot and wakes, or looks anew. *Locked by another
//! event*: the slot's waiter is being woken, and comes to see both. *A list*: who enters it sets `MORE` and looks, in one
//! exchange; either that sees the event, or the event sees `MORE`, and then the list's lock shows it the entry.
//!
//! **A stale event touches nothing.** The generation is in the exchanged word, so an event for a source that has been
//! deregistered, while its successor uses the record already, fails to set anything. One that was in time, and is still
//! taking its waiter out, keeps `LOCKED` through the reset; the successor's first waiter goes to the list meanwhile. At
//! worst it wakes the successor's list for nothing.
//!
//! The list is for a second waiter: two tasks in `accept` of one listener. It costs a lock and wakes all; the first has
//! the slot. Nobody's code runs under `LOCKED` or the list's lock: wakers are cloned before and dropped or woken after.
//! So `LOCKED` lasts for a few instructions, and only [`Readiness::forget`] ever waits for it, never for an event.
//!
//! Who may call: [`Readiness::set`] whoever turns the driver, [`Readiness::reset`] the owner of the source when nobody
//! can wait any more, everything else whoever has a reference to the source.
//!
//! Models: `readiness_vs_wait`, `stale_event_dropped` and `deregister_vs_event` in `loom-tests/tests/readiness.rs`.

use std::task::Waker;

use gumption_core::policy::SLOT_SPINS;
use gumption_core::sync::{AtomicU64, Mutex, Ordering, UnsafeCell, broken, spin_loop, thread, weaken};

use crate::interest::Ready;

const READY: u64 = 0x3f;
const LOCKED: u64 = 1 << 6;
const WAITING: u64 = 1 << 7;
const MORE: u64 = 1 << 8;
const CLOSED: u64 = 1 << 9;
const TICK_SHIFT: u32 = 10;
const TICK: u64 = 0x3f_ffff << TICK_SHIFT;
const GENERATION_SHIFT: u32 = 32;

/// Who waits: the address of a future that is pinned, or [`POLLER`].
pub type Who = usize;

/// Whoever called a poll function last: there is one such waiter at most.
pub const POLLER: Who = 0;

struct Waiter {
    who: Who,
    waker: Waker,
}

/// One direction of a source.
pub struct Readiness {
    word: AtomicU64,
    /// The first waiter; touched under `LOCKED`.
    slot: UnsafeCell<Option<Waiter>>,
    /// The others.
    others: Mutex<Vec<Waiter>>,
}

// SAFETY: the slot is reached only by who has set `LOCKED`; a waker may go to any thread.
unsafe impl Send for Readiness {}
// SAFETY: as above.
unsafe impl Sync for Readiness {}

/// What was seen, and when: to be given back to [`Readiness::clear`].
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What the source is ready for, within what was asked.
    pub ready: Ready,
    /// At which tick.
    pub tick: u32,
    /// Whether the runtime has ended.
    pub closed: bool,
}

/// Where a waiter stands; a future keeps it from poll to poll and gives it to [`Readiness::forget`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    slot: bool,
    list: bool,
}

/// What became of an event.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noted {
    /// It was for a source that has gone.
    Stale,
    /// It was noted; so many waiters were woken.
    Woke(usize),
}

/// How an unlocking ended.
enum Unlocked {
    /// The slot is as the unlocker left it.
    Quiet,
    /// An event has come meanwhile and left the waking to us: the waiter is out of the slot again.
    Event(Option<Waiter>),
}

fn seen(word: u64, asked: Ready) -> Option<Seen> {
    let ready = Ready::from_bits((word & READY) as u8) & asked;
    let closed = word & CLOSED != 0;
    (!ready.is_empty() || closed).then(|| Seen { ready, tick: tick(word), closed })
}

fn tick(word: u64) -> u32 {
    ((word & TICK) >> TICK_SHIFT) as u32
}

fn with_event(word: u64, bits: u64) -> u64 {
    let tick = (word & TICK).wrapping_add(1 << TICK_SHIFT) & TICK;
    (word & !TICK) | tick | bits
}

impl Default for Readiness {
    fn default() -> Self {
        Self::new()
    }
}

impl Readiness {
    /// Not ready, of generation 0, with nobody waiting.
    pub fn new() -> Self {
        Self { word: AtomicU64::new(0), slot: UnsafeCell::new(None), others: Mutex::new(Vec::new()) }
    }

    /// Whether it is ready for something of `asked`, or the runtime has ended.
    #[inline]
    pub fn look(&self, asked: Ready) -> Option<Seen> {
        // Ordering: Acquire pairs with the Release of `set`: whoever sees the event sees what led to it.
        seen(self.word.load(weaken("io-look-relaxed", Ordering::Acquire)), asked)
    }

    /// How many events have come, modulo 2^22.
    pub fn tick(&self) -> u32 {
        // Ordering: Relaxed; who compares two of them wants to know whether they differ, and looks at the word for more.
        tick(self.word.load(Ordering::Relaxed))
    }

    /// Whether it is ready for something of `asked`; if it is not, `waker` is woken when it may be.
    ///
    /// Of the waiters called [`POLLER`] the last is woken; one before it may be, once. Every other waiter is.
    pub fn wait(&self, asked: Ready, who: Who, place: &mut Place, waker: &Waker) -> Option<Seen> {
        let mut mine = Some(Waiter { who, waker: waker.clone() });
        loop {
            // Ordering: Acquire, as in `look`.
            let word = self.word.load(weaken("io-wait-relaxed", Ordering::Acquire));
            if let Some(seen) = seen(word, asked) {
                return Some(seen);
            }
            if word & LOCKED != 0 {
                return self.wait_in_list(asked, who, place, mine, waker);
            }
            // Ordering: Acquire pairs with the Release of the last unlocker: we see its slot.
            let locked = self.word.compare_exchange(
                word,
                word | LOCKED,
                weaken("io-lock-relaxed", Ordering::Acquire),
                Ordering::Relaxed,
            );
            if locked.is_err() {
                continue;
            }
            // SAFETY: `LOCKED` is ours.
            let (placed, full) = self.slot.with_mut(|slot| unsafe { place_in(&mut *slot, &mut mine, who) });
            place.slot |= placed;
            match self.unlock(word, full) {
                Unlocked::Quiet if placed => return None,
                Unlocked::Quiet => return self.wait_in_list(asked, who, place, mine, waker),
                Unlocked::Event(waiter) => {
                    if placed {
                        mine = waiter;
                    } else if let Some(waiter) = waiter {
                        waiter.waker.wake();
                    }
                }
            }
        }
    }

    /// Gives `LOCKED`, taken at `word`, back; `full` says whether the slot holds a waiter.
    fn unlock(&self, word: u64, full: bool) -> Unlocked {
        let mut out = None;
        // Ordering: Relaxed, the exchange below decides.
        let mut now = self.word.load(Ordering::Relaxed);
        loop {
            let moved = now & TICK != word & TICK && !broken("io-unlock-ignores-event");
            if moved && out.is_none() {
                // SAFETY: `LOCKED` is ours.
                out = self.slot.with_mut(|slot| unsafe { (*slot).take() });
            }
            let full = full && !moved;
            let next = now & !LOCKED & !WAITING | if full { WAITING } else { 0 };
            // Ordering: Release: the next to lock sees the slot. Whoever is told of an event looks at the word anew.
            match self.word.compare_exchange(
                now,
                next,
                weaken("io-unlock-relaxed", Ordering::Release),
                Ordering::Relaxed,
            ) {
                Ok(_) if moved => return Unlocked::Event(out),
                Ok(_) => return Unlocked::Quiet,
                Err(newer) => now = newer,
            }
        }
    }

    #[cold]
    fn wait_in_list(
        &self,
        asked: Ready,
        who: Who,
        place: &mut Place,
        mine: Option<Waiter>,
        waker: &Waker,
    ) -> Option<Seen> {
        let mine = mine.unwrap_or_else(|| Waiter { who, waker: waker.clone() });
        let mut before = None;
        let mut others = self.others.lock();
        match others.iter_mut().find(|waiter| waiter.who == who) {
            Some(waiter) => before = Some(std::mem::replace(waiter, mine)),
            None => others.push(mine),
        }
        place.list = true;
        // Ordering: Acquire, as in `look`. Who sees `MORE` locks the list, and finds us there by that lock.
        let word = self.word.fetch_or(MORE, weaken("io-list-relaxed", Ordering::Acquire));
        let seen = if broken("io-list-no-second-look") { None } else { seen(word, asked) };
        let mut after = None;
        if seen.is_some() {
            after = self.take_listed(&mut others, who);
            place.list = false;
        }
        if broken("io-list-drops-inside") {
            drop((before.take(), after.take()));
        }
        drop(others);
        // Wakers may run anybody's code when they are dropped.
        drop((before, after));
        seen
    }

    fn take_listed(&self, others: &mut Vec<Waiter>, who: Who) -> Option<Waiter> {
        let at = others.iter().position(|waiter| waiter.who == who)?;
        let taken = others.swap_remove(at);
        if others.is_empty() {
            // Ordering: Relaxed; advice for `set`, which looks under the lock that we hold.
            self.word.fetch_and(!MORE, Ordering::Relaxed);
        }
        Some(taken)
    }

    /// A waiter gives up, or has what it wanted.
    pub fn forget(&self, who: Who, place: &mut Place) {
        let place = std::mem::take(place);
        if place.list {
            let mut others = self.others.lock();
            let taken = self.take_listed(&mut others, who);
            drop(others);
            drop(taken);
        }
        if !place.slot {
            return;
        }
        let mut spins = 0;
        loop {
            // Ordering: Relaxed, the exchange decides.
            let word = self.word.load(Ordering::Relaxed);
            if word & WAITING == 0 {
                // The slot was empty when it was locked last, or an event is taking ours out.
                return;
            }
            if word & LOCKED != 0 {
                // A few instructions of another waiter, unless its thread was preempted at them.
                if spins < SLOT_SPINS {
                    spins += 1;
                    spin_loop();
                } else {
                    thread::yield_now();
                }
                continue;
            }
            // Ordering: Acquire, as in `wait`.
            let locked = self.word.compare_exchange(
                word,
                word | LOCKED,
                weaken("io-forget-relaxed", Ordering::Acquire),
                Ordering::Relaxed,
            );
            if locked.is_err() {
                continue;
            }
            // SAFETY: `LOCKED` is ours.
            let (taken, full) = self.slot.with_mut(|slot| unsafe {
                let taken = (*slot).take_if(|waiter| waiter.who == who);
                (taken, (*slot).is_some())
            });
            if let Unlocked::Event(Some(waiter)) = self.unlock(word, full) {
                waiter.waker.wake();
            }
            drop(taken);
            return;
        }
    }

    /// An event for the source of `generation`: notes what it is ready for, and wakes who waits.
    pub fn set(&self, generation: u32, ready: Ready) -> Noted {
        let bits = u64::from(ready.bits());
        // Ordering: Relaxed, the exchange decides.
        let mut word = self.word.load(Ordering::Relaxed);
        if broken("io-generation-checked-early") && (word >> GENERATION_SHIFT) as u32 == generation {
            // A mutant: whatever the word has become meanwhile.
            return Noted::Woke(self.event(bits));
        }
        loop {
            if (word >> GENERATION_SHIFT) as u32 != generation && !broken("io-generation-ignored") {
                return Noted::Stale;
            }
            match self.try_event(word, bits) {
                Ok(woken) => return Noted::Woke(woken),
                Err(newer) => word = newer,
            }
        }
    }

    /// The runtime has ended: whoever waits, now or later, is told.
    pub fn close(&self) {
        self.event(CLOSED);
    }

    fn event(&self, bits: u64) -> usize {
        // Ordering: Relaxed, the exchange decides.
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            match self.try_event(word, bits) {
                Ok(woken) => return woken,
                Err(newer) => word = newer,
            }
        }
    }

    /// Sets `bits` if the word is still `word`; how many were woken.
    fn try_event(&self, word: u64, bits: u64) -> Result<usize, u64> {
        let mut next = with_event(word, bits);
        // Who has the slot locked sees the tick when it unlocks.
        let take = word & WAITING != 0 && word & LOCKED == 0;
        if take {
            next = next & !WAITING | LOCKED;
        }
        // Ordering: AcqRel. Release pairs with the Acquire of `look`; Acquire with the last unlocker's Release: we see
        // the waiter in the slot.
        self.word.compare_exchange(word, next, weaken("io-event-relaxed", Ordering::AcqRel), Ordering::Relaxed)?;
        let mut woken = 0;
        if take {
            // SAFETY: `LOCKED` is ours.
            let waiter = self.slot.with_mut(|slot| unsafe { (*slot).take() });
            // Ordering: Release pairs with the Acquire of the next to lock.
            self.word.fetch_and(!LOCKED, weaken("io-event-unlock-relaxed", Ordering::Release));
            if let Some(waiter) = waiter {
                waiter.waker.wake();
                woken += 1;
            }
        }
        if next & MORE != 0 {
            woken += self.wake_others();
        }
        Ok(woken)
    }

    #[cold]
    fn wake_others(&self) -> usize {
        let mut others = self.others.lock();
        // Ordering: Relaxed; who adds to the list sets it again under the lock that we hold.
        self.word.fetch_and(!MORE, Ordering::Relaxed);
        let all = std::mem::take(&mut *others);
        drop(others);
        let woken = all.len();
        all.into_iter().for_each(|waiter| waiter.waker.wake());
        woken
    }

    /// What was `seen` turned out to be over: it would block. Unless another event has come since, and save that a closed
    /// half stays closed.
    pub fn clear(&self, seen: Seen) {
        let over = u64::from((seen.ready - Ready::READ_CLOSED - Ready::WRITE_CLOSED).bits());
        // Ordering: Relaxed, the exchange decides.
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            let newer = tick(word) != seen.tick && !broken("io-clear-ignores-tick");
            if newer || word & over == 0 {
                return;
            }
            // Ordering: Relaxed; clearing tells nobody anything, and an RMW keeps what others released.
            match self.word.compare_exchange(word, word & !over, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return,
                Err(newer) => word = newer,
            }
        }
    }

    /// The source has gone, or another takes the record: not ready, of `generation`, nobody waits.
    ///
    /// Only while nobody can wait: the caller has the source to itself. An event for the source before may still come.
    pub fn reset(&self, generation: u32) {
        let fresh = u64::from(generation) << GENERATION_SHIFT;
        // Ordering: Relaxed, the exchange decides.
        let mut word = self.word.load(Ordering::Relaxed);
        let left = loop {
            // An event of before is taking its waiter out: it unlocks, so we must not.
            let locked = word & LOCKED != 0;
            let take = word & WAITING != 0 && !locked;
            let keep = locked && !broken("io-reset-unlocks");
            let next = if keep || take { fresh | LOCKED } else { fresh };
            // Ordering: Relaxed. The caller comes after all waiters of this source, and before those of the next: it has
            // the one to itself, and the record goes to the other through the slab's lock.
            match self.word.compare_exchange(word, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => break take && !broken("io-reset-keeps-waiter"),
                Err(newer) => word = newer,
            }
        };
        if left {
            // SAFETY: `LOCKED` is ours.
            let waiter = self.slot.with_mut(|slot| unsafe { (*slot).take() });
            // Ordering: Relaxed, as above.
            self.word.fetch_and(!LOCKED, Ordering::Relaxed);
            drop(waiter);
        }
        let others = std::mem::take(&mut *self.others.lock());
        drop(others);
    }
}

/// Puts `mine` into the slot if that is free or already `who`'s: whether it is there now, and whether anybody is.
fn place_in(slot: &mut Option<Waiter>, mine: &mut Option<Waiter>, who: Who) -> (bool, bool) {
    match slot {
        Some(waiter) if waiter.who != who => (false, true),
        _ => {
            // What was there before is left in `mine`, to be dropped outside.
            std::mem::swap(slot, mine);
            (true, slot.is_some())
        }
    }
}

impl std::fmt::Debug for Readiness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Ordering: Relaxed, for an observer.
        let word = self.word.load(Ordering::Relaxed);
        f.debug_struct("Readiness")
            .field("ready", &Ready::from_bits((word & READY) as u8))
            .field("waiting", &(word & (WAITING | MORE) != 0))
            .field("locked", &(word & LOCKED != 0))
            .field("closed", &(word & CLOSED != 0))
            .field("generation", &(word >> GENERATION_SHIFT))
            .finish_non_exhaustive()
    }
}
