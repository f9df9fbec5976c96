//! Timers belong to processors.
//!
//! Each P has one [`Timers`]: a 4-ary heap (`heap.rs`) behind a lock that is uncontended in ordinary running, and
//! next to it, outside the lock, the earliest deadline in it, [`min_when`](Timers::min_when). That one word is what
//! everybody looks at: the scheduling loop before each task, a thief, sysmon, and the machine in the poller's seat,
//! which sleeps until the least of all of them. Who finds it due calls [`fire`](Timers::fire), or
//! [`try_fire`](Timers::try_fire) on a heap that is not its own.
//!
//! ```text
//!   Sleep ── Timer ──▶ Entry ◀── Filed ── heap of Timers ◀── P, thieves, sysmon
//!              cancel, postpone:            arm, fire, clear:
//!              one RMW on the entry         under the heap's lock
//! ```
//!
//! A cancel or a later deadline never touches the heap: it is one RMW on the entry (`entry.rs`), from any thread.
//! What that leaves behind in the heap is taken out when it reaches the top, or when a push finds the heap at twice what
//! lived after the last cleaning: amortised O(1) a push, and at most as much dead as alive. Go counts its zombies in
//! the heap's struct instead; a `Sleep` here may outlive its heap and so must not know where it is.
//!
//! A dead entry is kept for the next push, so arming and cancelling in a loop allocates nothing.
//!
//! It knows no task and no runtime. What it needs of the scheduler is the trait [`Home`]. No user code runs under the
//! lock: wakers are cloned before, and woken or dropped after.
//!
//! How late a timer fires is told: its deadline against the clock that the fire goes by, which was read already, added to a
//! histogram that has one writer because the heap's lock does. Three plain stores beside a lock and a wake.
//!
//! Invariant: `min_when` is never later than the earliest deadline armed in the heap (it may be earlier: a cancelled
//! or postponed timer's). It changes only under the lock, so that an older minimum never overwrites a newer one.
//!
//! Models: `loom-tests/tests/timers.rs` (`min_when_never_late` and those of the entry). That a poller who falls asleep
//! sees an earlier timer is the seat's to keep (`earlier_timer_vs_poller_falling_asleep`).

mod clock;
mod entry;
mod heap;
mod presence;
mod runtime_clock;
#[cfg(all(test, not(any(gumption_loom, gumption_shuttle))))]
mod tests;

pub use clock::Clock;
pub use entry::{Cancel, FAR_FUTURE, Status, Timer};
use heap::Heap;
pub use runtime_clock::{ClockError, RuntimeClock};

use crate::histogram::{Histogram, HistogramSnapshot};
use crate::policy;
use crate::sync::{AtomicU64, AtomicUsize, Mutex, MutexGuard, Ordering, broken};
use entry::{Due, Filed};
use std::task::Waker;

/// What a timer needs of the scheduler: the P (or, on a thread without one, the runtime) that it is armed at.
pub trait Home {
    /// The heap to arm a timer in.
    fn timers(&self) -> &Timers;
    /// A recent reading of [`clock`](Self::clock): it may lag, it never leads.
    fn now(&self) -> u64;
    /// The clock that these timers go by.
    fn clock(&self) -> &RuntimeClock;
    /// A timer has been armed in [`timers`](Self::timers). If it is the `earliest` there, whoever sleeps until a later
    /// time must be told.
    fn armed(&self, when: u64, earliest: bool);
    /// A timer has been cancelled before it fired, in whichever heap it was.
    fn cancelled(&self);
    /// Whether it has timers at all.
    fn has_time(&self) -> bool {
        true
    }
}

/// What [`Timers::arm`] did.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Armed {
    /// The timer is in the heap, and no deadline there is earlier.
    Earliest,
    /// The timer is in the heap, behind another.
    Later,
    /// The heap was cleared for good. The timer is idle, and the waker was dropped.
    Closed,
}

/// What [`Timers::fire`] did.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fired {
    /// Timers that fired.
    pub count: usize,
    /// The earliest deadline left, `u64::MAX` if none.
    pub next: u64,
    /// Whether the limit came before the last due timer.
    pub more: bool,
}

/// One processor's timers. Any thread may lock it; the owner does, ordinarily.
pub struct Timers {
    /// The earliest deadline in the heap, `u64::MAX` if it is empty.
    min_when: AtomicU64,
    /// Entries in the heap, dead ones included.
    len: AtomicUsize,
    /// How late timers fired, ns. Written under the lock.
    lateness: Histogram,
    inner: Mutex<Inner>,
}

struct Inner {
    heap: Heap<Filed>,
    /// Entries that nobody holds, for the next pushes.
    spare: Vec<Filed>,
    /// The length at which the next push cleans first.
    clean_at: usize,
    closed: bool,
}

impl Timers {
    /// No timers.
    pub fn new() -> Self {
        Self {
            min_when: AtomicU64::new(u64::MAX),
            len: AtomicUsize::new(0),
            lateness: Histogram::default(),
            inner: Mutex::new(Inner {
                heap: Heap::default(),
                spare: Vec::new(),
                clean_at: policy::TIMERS_CLEAN_SLACK,
                closed: false,
            }),
        }
    }

    /// The earliest deadline, `u64::MAX` if there is none. Any thread.
    #[inline]
    pub fn min_when(&self) -> u64 {
        // Ordering: Relaxed; who acts on it takes the lock. Who sleeps on it has passed a fence that pairs with the one
        // in `Seat::sitter`, which the armer passes after `publish`.
        self.min_when.load(Ordering::Relaxed)
    }

    /// Entries in the heap, dead ones included. Any thread; advice.
    #[inline]
    pub fn len(&self) -> usize {
        // Ordering: Relaxed, advice.
        self.len.load(Ordering::Relaxed)
    }

    /// Whether the heap is empty. Any thread; advice.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How late its timers fired, ns: from the deadline to the time that the fire went by, which may be the coarse clock's and so
    /// up to half a millisecond behind. Without the feature `stats` it is empty.
    pub fn lateness(&self) -> HistogramSnapshot {
        self.lateness.snapshot()
    }

    /// Arms `timer` to wake `waker` at `when`. What it was armed for before is cancelled.
    pub fn arm(&self, timer: &mut Timer, when: u64, waker: Waker) -> Armed {
        let when = when.min(FAR_FUTURE);
        let recycled = timer.recycle();
        let mut inner = self.inner.lock();
        if inner.closed {
            drop(inner);
            if let Some(entry) = recycled {
                // SAFETY: `recycle` gave all of it.
                unsafe { entry.bury() };
            }
            return Armed::Closed;
        }
        if inner.heap.len() >= inner.clean_at {
            inner.clean();
        }
        let entry = recycled.or_else(|| inner.spare.pop()).unwrap_or_else(Filed::allocate);
        // SAFETY: an entry from `recycle`, from the spares or newly allocated is all ours; the heap's lock is held.
        unsafe { entry.begin(timer, when, waker) };
        let earliest = inner.heap.peek().is_none_or(|top| when < top.0);
        inner.heap.push(when, entry);
        if broken("timer-min-published-late") {
            let least = inner.least();
            drop(inner);
            // Ordering: a mutant.
            self.min_when.store(least, Ordering::Relaxed);
        } else {
            self.publish(&inner);
        }
        if earliest { Armed::Earliest } else { Armed::Later }
    }

    /// Fires what is due at `now`, looking at no more than `limit` timers, and wakes their wakers.
    pub fn fire(&self, now: u64, limit: usize) -> Fired {
        self.fire_from(self.inner.lock(), now, limit)
    }

    /// [`fire`](Self::fire), unless somebody is at it.
    pub fn try_fire(&self, now: u64, limit: usize) -> Option<Fired> {
        self.inner.try_lock().map(|inner| self.fire_from(inner, now, limit))
    }

    fn fire_from<'a>(&'a self, mut inner: MutexGuard<'a, Inner>, now: u64, limit: usize) -> Fired {
        let mut left = limit;
        let mut count = 0;
        loop {
            let mut wakers = Batch::default();
            while left > 0 && !wakers.is_full() {
                let Some((when, entry)) = inner.heap.peek() else { break };
                let when = *when;
                if when > now {
                    break;
                }
                left -= 1;
                match entry.expire(now) {
                    Due::Postponed(when) => inner.heap.postpone_top(when),
                    Due::Cancelled => inner.bury_top(),
                    Due::Fired(waker) => {
                        count += 1;
                        self.lateness.record(now - when);
                        inner.release_top();
                        if let Some(waker) = waker {
                            wakers.push(waker);
                        }
                    }
                }
            }
            self.publish(&inner);
            let next = inner.least();
            let more = inner.heap.peek().is_some_and(|top| top.0 <= now);
            drop(inner);
            wakers.wake();
            if !more || left == 0 {
                return Fired { count, next, more };
            }
            inner = self.inner.lock();
        }
    }

    /// Calls `jump` with the deadline of the earliest timer that still stands, and lets nobody arm or fire one meanwhile.
    /// False if there is none. What was cancelled or put off since it was filed is put in order first.
    pub fn at_earliest(&self, jump: impl FnOnce(u64)) -> bool {
        let mut inner = self.inner.lock();
        let earliest = inner.settle();
        self.publish(&inner);
        let Some(when) = earliest else { return false };
        if broken("timer-jump-unlocked") {
            drop(inner);
            jump(when);
        } else {
            jump(when);
        }
        true
    }

    /// Ends every timer as [`Status::Closed`], waking who waits, and lets none be armed again.
    pub fn clear(&self) {
        let mut inner = self.inner.lock();
        inner.closed = true;
        let filed = inner.heap.take_all();
        let spare = std::mem::take(&mut inner.spare);
        self.publish(&inner);
        drop(inner);
        for entry in spare {
            // SAFETY: nobody holds a spare entry.
            unsafe { entry.bury() };
        }
        for (_, entry) in filed {
            let waker = entry.close();
            if entry.release() {
                // SAFETY: `release` said that the future is done with it too.
                unsafe { entry.bury() };
            }
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }

    /// Publishes what the heap has come to. Under the lock.
    fn publish(&self, inner: &Inner) {
        // Ordering: Relaxed, all three; written under the lock only. Partner: `min_when`.
        let least = inner.least();
        if self.min_when.load(Ordering::Relaxed) != least {
            self.min_when.store(least, Ordering::Relaxed);
        }
        self.len.store(inner.heap.len(), Ordering::Relaxed);
    }
}

impl Default for Timers {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Timers {
    fn drop(&mut self) {
        self.clear();
    }
}

impl std::fmt::Debug for Timers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Timers").field("len", &self.len()).field("min_when", &self.min_when()).finish_non_exhaustive()
    }
}

impl Inner {
    fn least(&self) -> u64 {
        self.heap.peek().map_or(u64::MAX, |top| top.0)
    }

    /// Puts the top in order: the deadline of the earliest timer that is not cancelled.
    fn settle(&mut self) -> Option<u64> {
        loop {
            let (filed, entry) = self.heap.peek()?;
            match entry.deadline() {
                None => self.bury_top(),
                Some(when) if when > *filed => self.heap.postpone_top(when),
                Some(when) => return Some(when),
            }
        }
    }

    /// Takes out the top entry, whose timer was cancelled.
    fn bury_top(&mut self) {
        if let Some((_, entry)) = self.heap.pop() {
            keep(&mut self.spare, entry);
        }
    }

    /// Takes out the top entry, whose timer has fired.
    fn release_top(&mut self) {
        if let Some((_, entry)) = self.heap.pop()
            && entry.release()
        {
            keep(&mut self.spare, entry);
        }
    }

    /// Takes out every dead entry.
    #[cold]
    fn clean(&mut self) {
        let spare = &mut self.spare;
        self.heap.remove_if(Filed::is_cancelled, |entry| keep(spare, entry));
        self.clean_at = 2 * self.heap.len() + policy::TIMERS_CLEAN_SLACK;
    }
}

/// Keeps an entry that nobody holds for the next push, or frees it.
fn keep(spare: &mut Vec<Filed>, entry: Filed) {
    if spare.len() < policy::TIMERS_SPARE {
        spare.push(entry);
    } else {
        // SAFETY: the callers found the future to be done with it, and have taken it out of the heap.
        unsafe { entry.bury() };
    }
}

/// Wakers to wake once the lock is released.
#[derive(Default)]
struct Batch {
    wakers: [Option<Waker>; policy::TIMERS_WAKE_BATCH],
    len: usize,
}

impl Batch {
    fn is_full(&self) -> bool {
        self.len == self.wakers.len()
    }

    fn push(&mut self, waker: Waker) {
        self.wakers[self.len] = Some(waker);
        self.len += 1;
    }

    fn wake(mut self) {
        for waker in &mut self.wakers[..self.len] {
            if let Some(waker) = waker.take() {
                waker.wake();
            }
        }
    }
}
