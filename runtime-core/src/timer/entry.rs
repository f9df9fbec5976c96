//! One armed timer: the word that the heap's side and the future's side settle it with.
//!
//! An entry is a small allocation of its own with two holders, who never meet in a lock:
//!
//! * the **heap's side**: whoever has the entry out of, or in, a locked [`Timers`](super::Timers). It fires, closes,
//!   re-files or buries it, one thread at a time;
//! * the **future's side**: a [`Timer`], inside a `Sleep`. It registers a waker, postpones, or cancels, from any thread,
//!   and never looks at a heap. A `Sleep` may outlive its runtime: all that it reaches is its entry.
//!
//! The state word is `deadline << 5 | flags` (a deadline years away is kept coarsely, see `word_of`):
//!
//! | flag | set by | means |
//! | --- | --- | --- |
//! | `WAKER` | future | the entry holds a waker, and it goes to the side that ends the timer |
//! | `FIRED` | heap | ended: the deadline came |
//! | `CLOSED` | heap | ended: the runtime shut down |
//! | `CANCELLED` | future | the future is done with the entry; ended, if it was not yet |
//! | `RELEASED` | heap | the heap is done with the entry |
//!
//! **One RMW decides.** Firing is a compare-exchange that adds `FIRED` to a word without `CANCELLED`; cancelling is one
//! `fetch_or` of `CANCELLED`, and what it found says who was first. So a timer fires once at most, and a cancel that
//! returned [`Cancel::Prevented`] is followed by no wake.
//!
//! **One waker, two copies of its bits.** The future keeps the same two words that it put into the entry. It compares
//! with them without reading shared memory, and when its cancel wins it drops the waker from its own copy: by then the
//! entry may already be another timer's. Whoever ends the timer owns the waker; the loser forgets its copy.
//!
//! **The last to leave frees.** An entry is free when both `CANCELLED` and `RELEASED` are set; the RMW or the load that
//! completes the pair acquires what the other side did and frees the memory or keeps it for the next timer.
//!
//! Models: `loom-tests/tests/timers.rs` (`timer_fire_vs_cancel_vs_steal`, `timer_register_vs_fire`,
//! `timer_close_vs_cancel`).

use super::presence::Presence;
use crate::sync::{AtomicU64, Ordering, UnsafeCell, broken, fence, weaken};
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr::NonNull;
use std::task::Waker;

const WAKER: u64 = 1;
const FIRED: u64 = 1 << 1;
const CLOSED: u64 = 1 << 2;
const CANCELLED: u64 = 1 << 3;
const RELEASED: u64 = 1 << 4;
const ENDED: u64 = FIRED | CLOSED;
const SHIFT: u32 = 5;

/// Deadlines up to here, nine years after the epoch, are kept to the nanosecond. Only a paused clock comes that far.
const EXACT: u64 = 1 << (u64::BITS - SHIFT - 1);
/// Later ones are kept in so many ns, rounded up: so the word has room for all that the clock can show.
const COARSE: u64 = 64;

/// The latest deadline that a timer can have, in ns since the clock's epoch: 584 years. Later ones are cut to it.
pub const FAR_FUTURE: u64 = u64::MAX - (COARSE - 1);

/// A word without flags.
const fn word_of(deadline: u64) -> u64 {
    let kept = if deadline <= EXACT { deadline } else { EXACT + (deadline - EXACT).div_ceil(COARSE) };
    kept << SHIFT
}

const fn deadline(word: u64) -> u64 {
    let kept = word >> SHIFT;
    if kept <= EXACT { kept } else { EXACT + (kept - EXACT) * COARSE }
}

/// The shared half of a timer.
pub(super) struct Entry {
    word: AtomicU64,
    /// The future's to write while `WAKER` is clear; the heap's to read once it has ended a timer with `WAKER` set.
    waker: UnsafeCell<MaybeUninit<Waker>>,
    presence: Presence,
}

/// The heap's hold on an entry.
#[derive(Debug)]
pub(super) struct Filed(NonNull<Entry>);

// SAFETY: an entry is two words of waker (`Send + Sync`) and an atomic; the protocol above orders all accesses.
unsafe impl Send for Filed {}

/// What an entry that came to the heap's top turned out to be.
#[must_use]
pub(super) enum Due {
    /// Fired now; the waker that waited for it, if one was registered.
    Fired(Option<Waker>),
    /// Its future has put the deadline off until then. It stays filed.
    Postponed(u64),
    /// Its future is gone. The heap holds all of it.
    Cancelled,
}

impl Filed {
    /// Whether the future is done with the entry; the heap then holds all of it.
    pub(super) fn is_cancelled(&self) -> bool {
        // SAFETY: the heap's hold keeps the entry.
        let entry = unsafe { self.0.as_ref() };
        // Ordering: Acquire pairs with the Release of `Timer::cancel`: what the future did with the entry lies before
        // whatever the heap does to it now.
        entry.word.load(Ordering::Acquire) & CANCELLED != 0
    }

    /// Ends the timer if its deadline is not after `now`. After [`Due::Fired`] the heap is done with the entry and this
    /// handle is to be given to [`release`](Self::release).
    pub(super) fn expire(&self, now: u64) -> Due {
        self.end(FIRED, now)
    }

    /// Ends the timer whatever its deadline, because the runtime shuts down; the waker to tell.
    pub(super) fn close(&self) -> Option<Waker> {
        match self.end(CLOSED, u64::MAX) {
            Due::Fired(waker) => waker,
            Due::Postponed(_) | Due::Cancelled => None,
        }
    }

    /// The deadline as it is now; `None` if the future is done with the entry, and all of it is the heap's.
    pub(super) fn deadline(&self) -> Option<u64> {
        // SAFETY: the heap's hold keeps the entry.
        let entry = unsafe { self.0.as_ref() };
        entry.presence.touch();
        // Ordering: Acquire, as in `is_cancelled`.
        let word = entry.word.load(Ordering::Acquire);
        (word & CANCELLED == 0).then(|| deadline(word))
    }

    fn end(&self, how: u64, now: u64) -> Due {
        // SAFETY: the heap's hold keeps the entry.
        let entry = unsafe { self.0.as_ref() };
        entry.presence.touch();
        // Ordering: Relaxed; the compare-exchange below acquires, and the other two ways out say themselves.
        let mut word = entry.word.load(Ordering::Relaxed);
        loop {
            if word & CANCELLED != 0 {
                // Ordering: Acquire fence pairs with the Release of `Timer::cancel`, as in `is_cancelled`.
                if !broken("timer-bury-relaxed") {
                    fence(Ordering::Acquire);
                }
                return Due::Cancelled;
            }
            if deadline(word) > now {
                // The deadline is the message itself: nothing else is read because of it.
                return Due::Postponed(deadline(word));
            }
            // Ordering: Acquire on success pairs with the Release that set `WAKER` in `Timer::register` (or with the
            // lock, for the waker that the timer was armed with): the cell's bits are whole. Release pairs with the
            // Acquire of the future that sees the timer ended.
            match entry.word.compare_exchange(
                word,
                word | how,
                weaken("timer-fire-relaxed", Ordering::AcqRel),
                Ordering::Relaxed,
            ) {
                Ok(_) => break,
                Err(seen) => word = seen,
            }
        }
        let waker = (word & WAKER != 0).then(|| {
            // SAFETY: `WAKER` was set when this thread ended the timer: the cell is whole, the future writes to it no
            // more, and the waker is this side's.
            entry.waker.with(|cell| unsafe { (*cell).assume_init_read() })
        });
        Due::Fired(waker)
    }

    /// Gives up the hold on an entry whose timer has ended. True if the future was done with it before: then all of it
    /// is the caller's, to [`bury`](Self::bury) or file again.
    #[must_use]
    pub(super) fn release(&self) -> bool {
        // SAFETY: the heap's hold keeps the entry until the RMW below.
        let entry = unsafe { self.0.as_ref() };
        // Ordering: Release pairs with the Acquire of the future that finds `RELEASED` and frees or reuses the entry;
        // Acquire pairs with the Release of the `CANCELLED` that it may find.
        entry.word.fetch_or(RELEASED, weaken("timer-release-relaxed", Ordering::AcqRel)) & CANCELLED != 0
    }

    /// Frees the entry.
    ///
    /// # Safety
    /// All of the entry is the caller's: [`is_cancelled`](Self::is_cancelled), [`Due::Cancelled`] or
    /// [`release`](Self::release) said so, or it was never given to a future.
    pub(super) unsafe fn bury(self) {
        // SAFETY: passed on.
        unsafe { free(self.0) }
    }

    /// A new entry that no future knows yet.
    pub(super) fn allocate() -> Self {
        let entry = Box::new(Entry {
            word: AtomicU64::new(CANCELLED | RELEASED),
            waker: UnsafeCell::new(MaybeUninit::uninit()),
            presence: Presence::new(),
        });
        Self(NonNull::from(Box::leak(entry)))
    }

    /// Makes an armed timer of the entry: the heap's side keeps `self`, `timer` becomes the future's side.
    ///
    /// # Safety
    /// All of the entry is the caller's, and it is published to other threads only through a lock taken or released
    /// after this call. `timer` holds no entry.
    pub(super) unsafe fn begin(&self, timer: &mut Timer, when: u64, waker: Waker) {
        debug_assert!(timer.entry.is_none() && timer.waker.is_none());
        // SAFETY: the caller has all of the entry.
        let entry = unsafe { self.0.as_ref() };
        entry.presence.claim();
        // SAFETY: the same; nobody else knows the entry.
        let bits = entry.waker.with_mut(|cell| unsafe { Bits::put(waker, cell) });
        // Ordering: Relaxed; the lock of `Timers` publishes it to the heap's side.
        entry.word.store(word_of(when) | WAKER, Ordering::Relaxed);
        timer.entry = Some(self.0);
        timer.waker = Some(bits);
        timer.when = when;
    }
}

/// # Safety
/// Neither side has the entry any more.
unsafe fn free(entry: NonNull<Entry>) {
    // SAFETY: every entry was leaked from a `Box`, and the last side frees it once.
    let entry = unsafe { Box::from_raw(entry.as_ptr()) };
    entry.presence.claim();
    entry.waker.with_mut(|_| ());
}

/// The future's own copy of the bits of the waker that lies in its entry. Dropping it drops nothing.
#[derive(Debug)]
struct Bits(ManuallyDrop<Waker>);

impl Bits {
    /// Puts `waker` into the cell and returns its bits.
    ///
    /// # Safety
    /// The cell is the caller's to write.
    unsafe fn put(waker: Waker, cell: *mut MaybeUninit<Waker>) -> Self {
        let bits = Self(ManuallyDrop::new(waker));
        // SAFETY: the caller may write; of the two copies of the bits one is used, as the state word decides.
        unsafe { cell.write(MaybeUninit::new(std::ptr::read(&*bits.0))) };
        bits
    }

    /// The waker itself.
    ///
    /// # Safety
    /// The state word said that the waker is the future's.
    unsafe fn own(self) -> Waker {
        ManuallyDrop::into_inner(self.0)
    }
}

/// The future's side of a timer: idle, or holding the entry that [`Timers::arm`](super::Timers::arm) gave it.
#[derive(Debug, Default)]
pub struct Timer {
    entry: Option<NonNull<Entry>>,
    /// The waker that the entry holds, by its bits; owned by the side that ends the timer.
    waker: Option<Bits>,
    when: u64,
}

// SAFETY: the future's side may move between threads as its owner does; the entry's protocol has no thread of its own.
unsafe impl Send for Timer {}
// SAFETY: `&Timer` only loads the state word.
unsafe impl Sync for Timer {}

/// How a timer stands.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It was never armed, or its last life was cancelled.
    Idle,
    /// It will fire.
    Armed,
    /// It has fired.
    Fired,
    /// The runtime that it was armed in has shut down.
    Closed,
}

/// What a cancel achieved.
#[must_use]
#[derive(Debug)]
pub enum Cancel {
    /// It came first: the timer will not fire, and this is the waker that waited.
    Prevented(Option<Waker>),
    /// The timer had ended, or was never armed.
    TooLate,
}

impl Timer {
    /// An idle timer.
    pub const fn new() -> Self {
        Self { entry: None, waker: None, when: 0 }
    }

    /// The deadline that it was last armed or postponed to.
    pub fn when(&self) -> u64 {
        self.when
    }

    fn entry(&self) -> Option<&Entry> {
        // SAFETY: the future's hold keeps the entry until `cancel`.
        self.entry.map(|entry| unsafe { entry.as_ref() })
    }

    /// How it stands now.
    pub fn status(&self) -> Status {
        let Some(entry) = self.entry() else { return Status::Idle };
        entry.presence.touch();
        // Ordering: Acquire pairs with the Release of the heap's side ending the timer: its firing lies before
        // whatever the future does next.
        status(entry.word.load(Ordering::Acquire))
    }

    /// How it stands, and `waker` is the one that hears of its end from now on if it is armed.
    pub fn poll(&mut self, waker: &Waker) -> Status {
        let now = self.status();
        match now {
            Status::Armed if self.waker.as_ref().is_some_and(|bits| bits.0.will_wake(waker)) => now,
            Status::Armed => self.register(waker.clone()),
            Status::Fired | Status::Closed => {
                // The heap's side took the waker.
                self.waker = None;
                now
            }
            Status::Idle => now,
        }
    }

    #[cold]
    fn register(&mut self, waker: Waker) -> Status {
        let Some(entry) = self.entry.map(|entry| {
            // SAFETY: the future's hold keeps the entry.
            unsafe { entry.as_ref() }
        }) else {
            return Status::Idle;
        };
        let old = self.waker.take();
        if old.is_some() {
            // Ordering: Acquire pairs with the heap's side ending the timer. Nothing of ours needs publishing.
            let found = entry.word.fetch_and(!WAKER, Ordering::Acquire);
            if found & ENDED != 0 {
                return status(found);
            }
        }
        // SAFETY: `WAKER` is clear and was so before the timer ended, if it has: the heap's side stays off the cell.
        let bits = entry.waker.with_mut(|cell| unsafe { Bits::put(waker, cell) });
        // Ordering: Release publishes the cell to the Acquire of the heap's side ending the timer. Acquire: as above.
        let found = entry.word.fetch_or(WAKER, weaken("timer-register-relaxed", Ordering::AcqRel));
        let unheard = found & ENDED != 0 && !broken("timer-register-no-recheck");
        // SAFETY: `WAKER` was cleared while the timer was armed, so the old waker came back to this side.
        let old = old.map(|bits| unsafe { bits.own() });
        if unheard {
            // The timer ended while the cell was ours: nobody was woken, and nobody will take this waker.
            // SAFETY: the heap's side decided by the word that it ended the timer with, which had no `WAKER`.
            drop(unsafe { bits.own() });
            return status(found);
        }
        self.waker = Some(bits);
        // Last, for it is the user's code.
        drop(old);
        Status::Armed
    }

    /// Puts the deadline off without touching a heap; the heap's side re-files the entry when it comes to its top.
    /// False, and nothing happens, if the timer is not armed or `when` is before its deadline.
    #[must_use]
    pub fn postpone(&mut self, when: u64) -> bool {
        let when = when.min(FAR_FUTURE);
        let Some(entry) = self.entry() else { return false };
        if when < self.when {
            return false;
        }
        entry.presence.touch();
        let flags = if self.waker.is_some() { WAKER } else { 0 };
        let postponed = replace(&entry.word, word_of(self.when) | flags, word_of(when) | flags);
        if postponed {
            self.when = when;
        }
        postponed
    }

    /// Ends the timer if it is armed, and lets go of the entry. Afterwards the timer is idle.
    pub fn cancel(&mut self) -> Cancel {
        let Some(pointer) = self.entry.take() else { return Cancel::TooLate };
        let bits = self.waker.take();
        // SAFETY: the future's hold keeps the entry until the RMW below.
        let entry = unsafe { pointer.as_ref() };
        entry.presence.touch();
        // Ordering: Release pairs with the Acquire of the heap's side that finds `CANCELLED` and frees or reuses the
        // entry; Acquire pairs with its `RELEASED`, for this side frees then.
        let found = mark_cancelled(&entry.word);
        if found & RELEASED != 0 {
            // SAFETY: the heap's side is done, and so is this one.
            unsafe { free(pointer) };
        }
        if found & ENDED != 0 {
            return Cancel::TooLate;
        }
        // SAFETY: this side ended the timer, so the waker is its own, and the entry's bits are never looked at again.
        Cancel::Prevented(bits.map(|bits| unsafe { bits.own() }))
    }

    /// The entry, for another life, if the heap's side is done with it; any other is let go.
    pub(super) fn recycle(&mut self) -> Option<Filed> {
        let entry = self.entry()?;
        // Ordering: Acquire pairs with the Release of `Filed::release`: all of the entry is this side's.
        if entry.word.load(Ordering::Acquire) & RELEASED != 0 {
            self.waker = None;
            return self.entry.take().map(Filed);
        }
        drop(self.cancel());
        None
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        drop(self.cancel());
    }
}

/// Sets `CANCELLED` and returns what was there.
#[inline]
fn mark_cancelled(word: &AtomicU64) -> u64 {
    if broken("timer-cancel-load-store") {
        // Ordering: a mutant.
        let found = word.load(Ordering::Acquire);
        word.store(found | CANCELLED, Ordering::Release);
        return found;
    }
    // Ordering: at the caller.
    word.fetch_or(CANCELLED, weaken("timer-refs-relaxed", Ordering::AcqRel))
}

/// Puts `new` in the place of `expected`, if that is there.
#[inline]
fn replace(word: &AtomicU64, expected: u64, new: u64) -> bool {
    if broken("timer-postpone-load-store") {
        // Ordering: a mutant.
        let found = word.load(Ordering::Relaxed) == expected;
        if found {
            word.store(new, Ordering::Release);
        }
        return found;
    }
    // Ordering: Relaxed; the deadline is in the word, and the RMW continues the release sequence of the waker.
    word.compare_exchange(expected, new, Ordering::Relaxed, Ordering::Relaxed).is_ok()
}

fn status(word: u64) -> Status {
    match word & ENDED {
        0 => Status::Armed,
        FIRED => Status::Fired,
        _ => Status::Closed,
    }
}
