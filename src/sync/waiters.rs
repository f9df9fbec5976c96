//! [`Waiters`]: the tasks that wait for a signal, and those that have been signalled but do not know it yet.
//!
//! A [`Waiter`] lies in the waiting future. It is in one of two lists: `waiting`, or, once everybody has been told to go, in
//! `leaving`, from where they are told in batches, the lock being released between two. The second list is what makes a signal
//! to all go to exactly those that waited: who comes between two batches joins the first, and is not told.
//!
//! ```text
//!   push --> waiting --tell_one--> told
//!               |                   ^
//!            dismiss                |
//!               v                   |
//!            leaving --tell_some----+          (and `remove` from either list)
//! ```
//!
//! Everything here is under the lock of the primitive, but for one word of each waiter: **told**, which is stored last, when the
//! waiter has been taken out and its waker taken from it. From then on it belongs to its future alone, which reads the word
//! without the lock, and may be gone the next moment. That is the one invariant; who tells a waiter must not look back.
//!
//! Who may call: [`Notify`](super::Notify) and [`watch`](super::watch). Models: `loom-tests/tests/notify.rs` and `watch.rs`.

use super::list::{Entry, Links, List};
use super::wakes::Wakes;
use gumption_core::sync::{AtomicU32, Ordering, UnsafeCell, broken, const_unless_checked, weaken};
use std::fmt;
use std::ptr::NonNull;
use std::task::Waker;

/// What a waiter was told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Told {
    /// Nothing yet.
    Nothing,
    /// One was meant, and it was the one that had waited longest.
    First,
    /// One was meant, and it was the one that had come last.
    Last,
    /// Everybody was meant.
    All,
}

/// The place of one waiting future.
pub(crate) struct Waiter {
    links: Links<Self>,
    /// Under the lock until it is told, then its future's.
    left: UnsafeCell<Left>,
    told: AtomicU32,
}

/// What a future leaves behind for who tells it.
struct Left {
    waker: Option<Waker>,
    /// The round in which it came; another one than that of the waiters means that it is leaving.
    round: usize,
}

// SAFETY: what is not atomic is accessed under the lock of the primitive until it is told, and by its future afterwards; told by
// Release and read by Acquire.
unsafe impl Send for Waiter {}
// SAFETY: as above.
unsafe impl Sync for Waiter {}

// SAFETY: `links` is the field.
unsafe impl Entry for Waiter {
    unsafe fn links(this: NonNull<Self>) -> NonNull<Links<Self>> {
        // SAFETY: a field of a node that is alive.
        unsafe { NonNull::new_unchecked(&raw mut (*this.as_ptr()).links) }
    }
}

impl Waiter {
    /// One that waits for nothing yet.
    pub(crate) fn new() -> Self {
        Self {
            links: Links::new(),
            left: UnsafeCell::new(Left { waker: None, round: 0 }),
            told: AtomicU32::new(Told::Nothing as u32),
        }
    }

    /// What it was told. Anything but [`Told::Nothing`] makes it its future's own.
    #[inline]
    pub(crate) fn told(&self) -> Told {
        // Ordering: Acquire pairs with the Release of `tell`: the waiter has been let go of, and what came before the signal is
        // seen.
        match self.told.load(weaken("notify-told-relaxed", Ordering::Acquire)) {
            told if told == Told::First as u32 => Told::First,
            told if told == Told::Last as u32 => Told::Last,
            told if told == Told::All as u32 => Told::All,
            _ => Told::Nothing,
        }
    }

    /// Makes it ready for another wait.
    ///
    /// It has been told, or removed, or was never pushed: it is its future's own.
    pub(crate) fn reset(&mut self) {
        // SAFETY: its future's own, which is the caller.
        self.left.with_mut(|left| unsafe { (*left).waker = None });
        // Ordering: Relaxed; it is shared again only through the lock.
        self.told.store(Told::Nothing as u32, Ordering::Relaxed);
    }

    /// Lets it go with what it was told, under the lock.
    ///
    /// # Safety
    /// It is alive, and has just been taken out of its list.
    unsafe fn tell(this: NonNull<Self>, told: Told) -> Option<Waker> {
        // SAFETY: alive until it is told.
        let waiter = unsafe { this.as_ref() };
        if broken("notify-told-first") {
            // Ordering: see below.
            waiter.told.store(told as u32, Ordering::Release);
        }
        // SAFETY: under the lock, and not told yet.
        let waker = waiter.left.with_mut(|left| unsafe { (*left).waker.take() });
        // Ordering: Release pairs with the Acquire of `told`. The last access: its future may free it.
        waiter.told.store(told as u32, Ordering::Release);
        waker
    }
}

impl fmt::Debug for Waiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiter").field("told", &self.told()).finish_non_exhaustive()
    }
}

/// What became of a waiter that looked again.
#[must_use]
pub(crate) enum Look {
    /// It has been told.
    Told,
    /// It was about to be, and is out of the list now.
    Left,
    /// It still waits, and its waker is the right one.
    Waits,
    /// It still waits, with another waker: to be cloned outside the lock.
    OtherWaker,
}

/// Who waits, under a lock.
#[derive(Debug)]
pub(crate) struct Waiters {
    waiting: List<Waiter>,
    leaving: List<Waiter>,
    /// How often everybody was told to go. Those of `waiting` came in this round.
    round: usize,
    /// How many are waiting.
    len: usize,
}

impl Waiters {
    const_unless_checked! {
        /// Nobody.
        pub(crate) fn new() -> Self {
            Self { waiting: List::new(), leaving: List::new(), round: 0, len: 0 }
        }
    }

    /// How many wait and have not been told to go.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Puts one at the end.
    ///
    /// # Safety
    /// It is its future's own, untold, and alive and at its address until it has been told or removed.
    pub(crate) unsafe fn push(&mut self, waiter: NonNull<Waiter>, waker: Option<Waker>) {
        let round = self.round;
        // SAFETY: the caller's promise; it becomes the lock's here.
        unsafe {
            waiter.as_ref().left.with_mut(|left| *left = Left { waker, round });
            self.waiting.push_back(waiter);
        }
        self.len += 1;
    }

    /// Takes one out that was not told, and is its future's own again, with its waker. Whether it was waiting: else it was about
    /// to leave.
    ///
    /// # Safety
    /// It was pushed here, and has not been told.
    pub(crate) unsafe fn remove(&mut self, waiter: NonNull<Waiter>) -> bool {
        // SAFETY: in one of the lists, by the caller's promise, and its round says in which; the lock's until it is told.
        unsafe {
            let was_waiting = waiter.as_ref().left.with(|left| (*left).round) == self.round;
            let list = if was_waiting { &mut self.waiting } else { &mut self.leaving };
            let _was_in = list.remove(waiter);
            debug_assert!(_was_in, "a waiter that was not told is in its list");
            self.len -= usize::from(was_waiting);
            was_waiting
        }
    }

    /// What has become of one since it was pushed. `waker` is the one to be woken from now on. `spare` is a clone of it if the
    /// caller has one; it comes back with what is to be dropped outside the lock.
    ///
    /// # Safety
    /// It was pushed here.
    pub(crate) unsafe fn look(&mut self, waiter: NonNull<Waiter>, waker: &Waker, spare: &mut Option<Waker>) -> Look {
        // SAFETY: alive, as the caller is its future.
        let this = unsafe { waiter.as_ref() };
        if this.told() != Told::Nothing {
            return Look::Told;
        }
        // SAFETY: the lock's, as it has not been told.
        let (round, is_right) = this
            .left
            .with(|left| unsafe { ((*left).round, (*left).waker.as_ref().is_some_and(|left| left.will_wake(waker))) });
        if round != self.round && !broken("notify-leaving-waits") {
            // SAFETY: pushed here, and not told. Its waker stays with it, and is dropped by its future.
            let _ = unsafe { self.remove(waiter) };
            return Look::Left;
        }
        if is_right {
            return Look::Waits;
        }
        if spare.is_none() {
            return Look::OtherWaker;
        }
        // SAFETY: as above.
        this.left.with_mut(|left| unsafe { std::mem::swap(&mut (*left).waker, spare) });
        Look::Waits
    }

    /// Tells the one that has waited longest ([`Told::First`]) or shortest ([`Told::Last`]); none if nobody waits. The waker is to
    /// be woken outside the lock; one that was only enabled has none.
    pub(crate) fn tell_one(&mut self, told: Told) -> Option<Option<Waker>> {
        let waiter = if told == Told::Last { self.waiting.pop_back() } else { self.waiting.pop_front() }?;
        self.len -= 1;
        // SAFETY: it was in the list, and is taken out.
        Some(unsafe { Waiter::tell(waiter, told) })
    }

    /// Tells everybody to go; to be followed by [`tell_some`](Self::tell_some). How many.
    pub(crate) fn dismiss(&mut self) -> usize {
        self.leaving.append(&mut self.waiting);
        self.round = self.round.wrapping_add(1);
        std::mem::take(&mut self.len)
    }

    /// Tells as many of those that are leaving as there is room for their wakers; whether there are more.
    pub(crate) fn tell_some(&mut self, wakes: &mut Wakes) -> bool {
        while !wakes.is_full() {
            let Some(waiter) = self.leaving.pop_front() else { return false };
            // SAFETY: it was in the list, and is taken out.
            if let Some(waker) = unsafe { Waiter::tell(waiter, Told::All) } {
                wakes.push(waker);
            }
        }
        !self.leaving.is_empty()
    }
}
