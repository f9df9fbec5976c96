//! [`Queue`]: who waits for a semaphore, in order, and what observers are told about it.
//!
//! The part of a semaphore that its lock guards: the list of [`Waiter`]s, and sums for observers, which are kept here because one who
//! has the lock is their only writer. It neither wakes nor touches the word.
//!
//! A waiter's *missing* word says how many permits it still lacks, and whether it is linked. While it is linked, the lock's holder
//! alone uses the node's ticket. The store that unlinks it is the last access; the future that sees it, by an Acquire load and
//! without the lock, has the node for itself and may be gone at once.

use super::guard::Guard;
use super::word::Word;
use crate::sync::list::{Entry, Links, List};
use gumption_core::resource::{Holder, Kind, MOVABLE, Place, Record, Resource};
use gumption_core::sync::{AtomicU64, Ordering, UnsafeCell, broken, const_unless_checked, weaken};
use std::ptr::NonNull;
use std::task::Waker;

/// A waiter's flag: its node is in the queue.
pub(super) const LINKED: u64 = 1 << 63;

/// After how many waits the sums of times are written down: they are for averages.
const SUMS_ARE_TOLD_EVERY: u64 = 16;

/// What one who waits leaves with its node.
#[derive(Debug)]
pub(super) struct Ticket {
    pub(super) waker: Option<Waker>,
    /// Its task, or 0.
    pub(super) task: u64,
    /// The waker is that task's own, so that what the task says about its wait is exact.
    pub(super) own: bool,
    /// How it is written down as the owner.
    pub(super) guard: Guard,
    /// Where it is written down as one of several, once it is served.
    pub(super) place: Place,
    /// It shall be written down as the owner.
    pub(super) owned: bool,
    /// How many permits it asked for.
    pub(super) wanted: u64,
    /// Since when, by the coarse clock.
    pub(super) since: u64,
}

/// A node of the queue.
#[derive(Debug)]
pub(super) struct Waiter {
    links: Links<Waiter>,
    /// How many permits it lacks, and [`LINKED`].
    pub(super) missing: AtomicU64,
    pub(super) ticket: UnsafeCell<Ticket>,
}

// SAFETY: the list's pointers are used under the queue's lock, the ticket by one at a time, as the file says.
unsafe impl Send for Waiter {}

// SAFETY: `links` is the field.
unsafe impl Entry for Waiter {
    unsafe fn links(this: NonNull<Self>) -> NonNull<Links<Self>> {
        // SAFETY: a field of a node that is alive.
        unsafe { NonNull::new_unchecked(&raw mut (*this.as_ptr()).links) }
    }
}

impl Waiter {
    #[inline(always)]
    pub(super) fn new(wanted: u64, owned: bool, guard: Guard) -> Self {
        Self {
            links: Links::new(),
            missing: AtomicU64::new(wanted),
            ticket: UnsafeCell::new(Ticket {
                waker: None,
                task: 0,
                own: false,
                guard,
                place: Place::default(),
                owned,
                wanted,
                since: 0,
            }),
        }
    }
}

/// Whether an owner is a thread that runs no task.
fn is_no_task(owner: Option<u64>) -> bool {
    owner.is_some_and(|owner| owner & !MOVABLE == 0)
}

/// One who has all it asked for.
pub(super) struct Served {
    pub(super) waker: Option<Waker>,
    /// Its task, if it is the owner now.
    pub(super) owner: Option<u64>,
    /// How long it waited, *nanoseconds* of the coarse clock.
    pub(super) waited: u64,
}

/// See the file.
#[derive(Debug)]
pub(super) struct Queue {
    list: List<Waiter>,
    len: u64,
    /// Since when it is owned, as far as anybody waited; 0 if it is not.
    owned_since: u64,
    waits: u64,
    wait_ns: u64,
    /// How many waits had ended when the sums were last written down.
    told: u64,
    holds: u64,
    hold_ns: u64,
}

impl Queue {
    const_unless_checked! {
        pub(super) fn new() -> Self {
            Self { list: List::new(), len: 0, owned_since: 0, waits: 0, wait_ns: 0, told: 0, holds: 0, hold_ns: 0 }
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Puts a waiter at the end, who lacks `missing` permits.
    ///
    /// # Safety
    /// It is not linked; it stays alive and in its place until it is unlinked.
    pub(super) unsafe fn push(&mut self, waiter: NonNull<Waiter>, missing: u64) {
        // SAFETY: alive by the caller's promise.
        let node = unsafe { waiter.as_ref() };
        // Ordering: Relaxed; the future's own thread, which has linked it, and lock holders read it.
        node.missing.store(missing | LINKED, Ordering::Relaxed);
        // SAFETY: not linked by the caller's promise.
        unsafe { self.list.push_back(waiter) };
        self.len += 1;
    }

    /// It is owned while somebody waits: its hold counts from here on, if not from earlier.
    #[inline]
    pub(super) fn note_owned(&mut self, now: u64) {
        if self.owned_since == 0 {
            self.owned_since = now;
        }
    }

    /// Takes a waiter out that gives up; how many permits it had gathered.
    ///
    /// # Safety
    /// It is linked, in this queue.
    pub(super) unsafe fn remove(&mut self, waiter: NonNull<Waiter>, wanted: u64) -> u64 {
        // SAFETY: the caller's promise.
        let removed = unsafe { self.list.remove(waiter) };
        debug_assert!(removed, "a linked waiter is in the queue");
        self.len -= 1;
        // SAFETY: as above. Ordering: Relaxed; it was last written under this lock.
        wanted - (unsafe { waiter.as_ref() }.missing.load(Ordering::Relaxed) & !LINKED)
    }

    /// Gives permits to the first waiter; its waker, if it has all then, and is out of the queue. None if there are
    /// too few for it, which leaves none in `permits`, or nobody waits.
    #[inline]
    pub(super) fn serve(&mut self, permits: &mut u64, now: u64, record: Option<&Record>) -> Option<Served> {
        let first = self.list.front()?;
        // SAFETY: who is in the queue is alive, here and below.
        let node = unsafe { first.as_ref() };
        // Ordering: Relaxed; it was last written under this lock.
        let missing = node.missing.load(Ordering::Relaxed) & !LINKED;
        if *permits < missing {
            // Ordering: Relaxed; it stays under this lock.
            node.missing.store((missing - *permits) | LINKED, Ordering::Relaxed);
            *permits = 0;
            return None;
        }
        *permits -= missing;
        Some(self.unlink(first, 0, now, record))
    }

    /// Takes the first waiter out with what it has; its waker.
    pub(super) fn dismiss(&mut self, now: u64) -> Option<Served> {
        let first = self.list.front()?;
        // SAFETY: who is in the queue is alive. Ordering: Relaxed; it was last written under this lock.
        let missing = unsafe { first.as_ref() }.missing.load(Ordering::Relaxed) & !LINKED;
        Some(self.unlink(first, missing, now, None))
    }

    #[inline]
    fn unlink(&mut self, first: NonNull<Waiter>, missing: u64, now: u64, record: Option<&Record>) -> Served {
        let _ = self.list.pop_front();
        self.len -= 1;
        // SAFETY: it was in the queue, so it is alive until the store below.
        let node = unsafe { first.as_ref() };
        // Ordering: Release pairs with the Acquire by which its future reads it: the node is the future's from here on, and
        // the permits' former holders come before it.
        let release = weaken("semaphore-serve-relaxed", Ordering::Release);
        if broken("semaphore-unlink-early") {
            node.missing.store(missing, release);
        }
        let served = node.ticket.with_mut(|ticket| {
            // SAFETY: the lock's holder uses the tickets of linked waiters.
            let ticket = unsafe { &mut *ticket };
            let owner = (ticket.owned && missing == 0).then_some(ticket.guard.owner(ticket.task));
            let waited = if ticket.since == 0 { 0 } else { now.saturating_sub(ticket.since) };
            let waker = ticket.waker.take();
            match (owner, record) {
                (Some(owner), Some(record)) => record.hand_to(owner),
                (None, Some(record)) => {
                    if let Some(sharers) = record.sharers() {
                        let travels = ticket.guard == Guard::Travels;
                        let holder = Holder { task: ticket.task, permits: ticket.wanted, travels };
                        ticket.place = sharers.serve(holder, waker.as_ref().filter(|_| ticket.own));
                    }
                }
                (_, None) => {}
            }
            Served { waker, owner, waited }
        });
        node.missing.store(missing, release);
        self.waits += 1;
        self.wait_ns += served.waited;
        if served.owner.is_some() {
            self.owned_since = now;
        }
        served
    }

    /// How long those who wait did so while the present owner had it, all together. Who came after the first few is taken to have
    /// come evenly, up to the last: it is counted under the lock.
    pub(super) fn cost_of_hold(&self, now: u64) -> u64 {
        const COUNTED: u64 = 64;
        let since = |waiter: NonNull<Waiter>| {
            // SAFETY: who is in the queue is alive, and the lock's holder uses its ticket.
            unsafe { waiter.as_ref().ticket.with(|ticket| (*ticket).since) }
        };
        let cost = |since: u64| if since == 0 { 0 } else { now.saturating_sub(since.max(self.owned_since)) };
        let (mut sum, mut last, mut counted) = (0, 0, 0);
        let mut waiter = self.list.front();
        while let (true, Some(at)) = (counted < COUNTED, waiter) {
            last = cost(since(at));
            sum += last;
            counted += 1;
            // SAFETY: it is in this list.
            waiter = unsafe { self.list.after(at) };
        }
        let rest = self.len.saturating_sub(counted);
        match self.list.back() {
            Some(back) if rest > 0 => sum + (last + cost(since(back))) / 2 * rest,
            _ => sum,
        }
    }

    /// An owner gives up: what was known of its time ends.
    #[inline]
    pub(super) fn note_hold(&mut self, now: u64) {
        if self.owned_since != 0 {
            self.holds += 1;
            self.hold_ns += now.saturating_sub(self.owned_since);
            self.owned_since = 0;
        }
    }

    /// Writes down for observers how things stand with this word and of `limit` permits. The sums of times are written down once in
    /// a while, and when nobody waits any more.
    #[inline]
    pub(super) fn note(&mut self, resource: &Resource, word: Word, limit: u64) {
        let Some(record) = resource.record() else {
            return;
        };
        record.set_waiters(self.len);
        let owner = word.owner();
        if self.len == 0 || self.waits >= self.told + SUMS_ARE_TOLD_EVERY {
            self.told = self.waits;
            record.set_waited(self.waits, self.wait_ns);
            record.set_held(self.holds, self.hold_ns);
        }
        match resource.kind() {
            // A thread that is no task has no id to be found by.
            Kind::Mutex | Kind::OnceCell => record.set_holders(u64::from(is_no_task(owner))),
            kind @ (Kind::RwLock | Kind::Semaphore) => {
                record.set_holders(match owner {
                    Some(_) => u64::from(is_no_task(owner)),
                    None => limit.saturating_sub(word.permits() + self.gathered()),
                });
                if kind == Kind::Semaphore {
                    record.set_capacity(limit);
                }
                if let Some(sharers) = record.sharers() {
                    let (front, wanted) = self.front();
                    sharers.set_front(front, limit.saturating_sub(wanted));
                }
            }
            // How full a channel is, it says itself.
            _ => {}
        }
    }

    /// The task that waits in front, or 0 if its wait is not exact, and how many permits it asked for.
    fn front(&self) -> (u64, u64) {
        self.list.front().map_or((0, 0), |first| {
            // SAFETY: who is in the queue is alive, and the lock's holder uses its ticket.
            let ticket = unsafe { first.as_ref() };
            // SAFETY: as above.
            ticket.ticket.with(|ticket| unsafe { (if (*ticket).own { (*ticket).task } else { 0 }, (*ticket).wanted) })
        })
    }

    /// How many permits the first waiter has gathered: nobody holds them, and they are not free.
    fn gathered(&self) -> u64 {
        self.list.front().map_or(0, |first| {
            // SAFETY: who is in the queue is alive.
            let node = unsafe { first.as_ref() };
            // Ordering: Relaxed; it was last written under this lock.
            let missing = node.missing.load(Ordering::Relaxed) & !LINKED;
            // SAFETY: the lock's holder uses the tickets of linked waiters.
            node.ticket.with(|ticket| unsafe { (*ticket).wanted }) - missing
        })
    }
}
