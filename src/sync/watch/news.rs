//! [`News`]: which version of a value is the latest, and who waits for the next.
//!
//! One word holds it together:
//!
//! ```text
//!   | version | CLOSED | one bit per room: somebody may wait in it |
//! ```
//!
//! Receivers wait in a few *rooms*, each with a lock of its own, so that hundreds of them on all processors do not queue for
//! one. A receiver always waits in the same room; rooms are dealt in turn.
//!
//! Who sends counts the version up, in one exchange, and learns from it in which rooms somebody may be; nobody waiting costs it
//! nothing more. Who waits goes into its room and sets the room's bit, and learns from that exchange whether its version is still
//! the latest. The two are exchanges on one word, so one of them comes first: either the sender sees the bit, or the receiver
//! sees the version. No fence, and nothing to look at twice.
//!
//! Invariant: while somebody waits in a room who was not told to go, the room's bit is set, or a sender who has seen it is on its
//! way there; as bits change under the room's lock only, a bit that is seen set there needs no second exchange.
//!
//! Who may call: the halves of the channel. Models: `loom-tests/tests/watch.rs`.

use super::super::notify::tell_all;
use super::super::waiters::{Look, Told, Waiter, Waiters};
use gumption_core::policy;
use gumption_core::resource::{Kind, Resource};
use gumption_core::sync::{AtomicU64, Mutex, Ordering, broken, weaken};
use gumption_core::wait::WaitReason;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};

/// In how many rooms receivers wait. tokio's number; with one lock for all, a thousand receivers on four processors
/// mostly wait for that.
const ROOMS: usize = if policy::CHECKED { 2 } else { 8 };
const BITS: u64 = (1 << ROOMS) - 1;
const CLOSED: u64 = 1 << ROOMS;
/// One version.
const STEP: u64 = CLOSED << 1;

/// A version of the value; there are 2^55 before one comes again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Version(u64);

impl Version {
    /// How many versions came before.
    pub(super) const fn count(self) -> u64 {
        self.0 / STEP
    }

    /// The one before.
    pub(super) const fn before(self) -> Self {
        Self(self.0.wrapping_sub(STEP))
    }
}

/// What the word says.
#[derive(Clone, Copy)]
pub(super) struct State(u64);

impl State {
    pub(super) const fn version(self) -> Version {
        Version(self.0 & !(BITS | CLOSED))
    }

    /// Whether there is no sender left.
    pub(super) const fn is_closed(self) -> bool {
        self.0 & CLOSED != 0
    }

    /// What a receiver that has seen `version` finds.
    fn find(self, version: Version) -> Option<Found> {
        if self.version() != version {
            Some(Found::Version(self.version()))
        } else if self.is_closed() {
            Some(Found::Closed)
        } else {
            None
        }
    }
}

/// What ends a wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Found {
    Version(Version),
    /// There will be no other.
    Closed,
}

/// In which rooms somebody must be told.
#[must_use]
#[derive(Clone, Copy)]
pub(super) struct Rooms(u64);

/// The word, and the rooms.
#[derive(Debug)]
pub(super) struct News {
    word: AtomicU64,
    rooms: [Mutex<Waiters>; ROOMS],
    pub(super) resource: Resource,
}

impl News {
    #[track_caller]
    pub(super) fn new() -> Self {
        Self {
            word: AtomicU64::new(0),
            rooms: std::array::from_fn(|_| Mutex::new(Waiters::new())),
            resource: Resource::new(Kind::Watch),
        }
    }

    #[inline]
    pub(super) fn state(&self) -> State {
        // Ordering: Acquire pairs with the Release of `publish` and `close`.
        State(self.word.load(weaken("watch-load-relaxed", Ordering::Acquire)))
    }

    /// The next version is there. The caller has the value's lock, which puts versions and values in one order.
    #[inline]
    pub(super) fn publish(&self) -> Rooms {
        // Ordering: Release pairs with the Acquire of `state` and `join`: who sees the version sees what came before it.
        let before = self.word.fetch_add(STEP, weaken("watch-publish-relaxed", Ordering::Release));
        if let Some(record) = self.resource.record() {
            record.set_sends(State(before).version().count() + 1);
        }
        Rooms(before & BITS)
    }

    /// The last sender goes.
    pub(super) fn close(&self) -> Rooms {
        if broken("watch-not-closed") {
            return Rooms(BITS);
        }
        // Ordering: Release; as `publish`.
        Rooms(self.word.fetch_or(CLOSED, Ordering::Release) & BITS)
    }

    /// Wakes those that wait. Not under a lock.
    #[inline]
    pub(super) fn announce(&self, rooms: Rooms) {
        if rooms.0 != 0 {
            self.announce_in(rooms);
        }
    }

    #[cold]
    fn announce_in(&self, Rooms(rooms): Rooms) {
        for (index, room) in self.rooms.iter().enumerate().filter(|(index, _)| rooms & 1 << index != 0) {
            let mut waiters = room.lock();
            if !broken("watch-bit-cleared-late") {
                self.clear(index);
            }
            let count = waiters.dismiss();
            if let Some(record) = self.resource.record() {
                record.sub_waiters(count as u64);
            }
            tell_all(room, waiters);
            if broken("watch-bit-cleared-late") {
                self.clear(index);
            }
        }
    }

    /// Nobody waits in this room, whose lock the caller has.
    fn clear(&self, room: usize) {
        // Ordering: Relaxed; the lock orders it among those that wait there.
        self.word.fetch_and(!(1 << room), Ordering::Relaxed);
    }

    /// Goes into the room, unless there is something to be found by who has seen `version`.
    ///
    /// # Safety
    /// The waiter is as [`Waiters::push`] asks for, and [`leave`](Self::leave) is called before it ends.
    unsafe fn join(&self, room: usize, version: Version, waiter: NonNull<Waiter>, cx: &Context<'_>) -> Option<Found> {
        let bit = 1 << room;
        let waker = Some(cx.waker().clone());
        // Before it is counted among the waiters.
        let _ = self.resource.id();
        let mut waiters = self.rooms[room].lock();
        // Ordering: Acquire, for the version. It shows every change of the bit: they are under the lock that we have.
        let mut word = self.word.load(Ordering::Acquire);
        if word & bit == 0 && !broken("watch-bit-not-set") {
            // Ordering: Acquire pairs with the Release of `publish`. What it announces is under the lock.
            word = self.word.fetch_or(bit, weaken("watch-join-relaxed", Ordering::Acquire));
        }
        if let Some(found) = State(word).find(version)
            && !broken("watch-join-not-looked")
        {
            // A bit that stays behind costs the next sender a look. The waker is dropped after the lock, being older.
            return Some(found);
        }
        // SAFETY: the caller's promise.
        unsafe { waiters.push(waiter, waker) };
        if let Some(record) = self.resource.record() {
            record.add_waiters(1);
        }
        None
    }

    /// Whether one that has joined was told, and is out of the room.
    ///
    /// # Safety
    /// It has [joined](Self::join) in this room, and was not told when it last looked.
    unsafe fn look(&self, room: usize, waiter: NonNull<Waiter>, cx: &Context<'_>) -> bool {
        let mut spare = None;
        loop {
            let mut waiters = self.rooms[room].lock();
            // SAFETY: the caller's promise.
            let look = unsafe { waiters.look(waiter, cx.waker(), &mut spare) };
            drop(waiters);
            match look {
                Look::Told | Look::Left => return true,
                Look::Waits => return false,
                Look::OtherWaker => spare = Some(cx.waker().clone()),
            }
        }
    }

    /// Takes one that has joined out of its room, if it is still there.
    ///
    /// # Safety
    /// As [`look`](Self::look).
    unsafe fn leave(&self, room: usize, waiter: NonNull<Waiter>) {
        // SAFETY: alive, as the caller is its future.
        let this = unsafe { waiter.as_ref() };
        if this.told() != Told::Nothing {
            return;
        }
        let mut waiters = self.rooms[room].lock();
        if this.told() != Told::Nothing {
            return;
        }
        // SAFETY: the caller's promise, and not told.
        let was_waiting = unsafe { waiters.remove(waiter) };
        if was_waiting && let Some(record) = self.resource.record() {
            record.sub_waiters(1);
        }
    }
}

/// A wait for a version other than the one that was seen; it marks what it finds as seen.
#[must_use]
pub(super) struct Change<'a> {
    news: &'a News,
    seen: &'a mut Version,
    room: usize,
    joined: bool,
    waiter: Waiter,
}

impl<'a> Change<'a> {
    /// For a receiver that has seen a version, and waits in the room of this number.
    pub(super) fn new(news: &'a News, seen: &'a mut Version, number: usize) -> Self {
        Self { news, seen, room: number % ROOMS, joined: false, waiter: Waiter::new() }
    }

    /// Leaves the room.
    fn end(&mut self) {
        if std::mem::take(&mut self.joined) {
            // SAFETY: it has joined, and was not told when it last looked.
            unsafe { self.news.leave(self.room, NonNull::from(&mut self.waiter)) };
            self.waiter.reset();
        }
    }

    fn look(&mut self, cx: &Context<'_>) -> Option<Found> {
        loop {
            if let Some(found) = self.news.state().find(*self.seen) {
                self.end();
                return Some(found);
            }
            let waiter = NonNull::from(&mut self.waiter);
            if !self.joined {
                // SAFETY: it is pinned, untold, and `end` is called when it is dropped.
                let found = unsafe { self.news.join(self.room, *self.seen, waiter, cx) };
                self.joined = found.is_none();
                return found;
            }
            // SAFETY: it has joined, and was not told when it last looked.
            if self.waiter.told() == Told::Nothing && unsafe { !self.news.look(self.room, waiter, cx) } {
                return None;
            }
            // By a sender whose version had been seen before we joined: once more.
            self.joined = false;
            self.waiter.reset();
        }
    }
}

impl Future for Change<'_> {
    /// Whether there is another version: false, if there will be none.
    type Output = bool;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        // SAFETY: nothing is moved out of it.
        let this = unsafe { self.get_unchecked_mut() };
        match this.look(cx) {
            Some(Found::Version(version)) => {
                *this.seen = version;
                Poll::Ready(true)
            }
            Some(Found::Closed) => Poll::Ready(false),
            None => {
                this.news.resource.waits(WaitReason::Watch);
                Poll::Pending
            }
        }
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        self.end();
    }
}
