//! [`Record`]: a resource's facts, for ever at its address.
//!
//! Two cache lines in a table that only grows, written by the primitive and read by observers at any time. It is a seqlock whose
//! sequence word is the id: another one in each life, and marked while it belongs to nobody. A reader copies everything and believes
//! the copy if the id was the same before and after; so site and kind always belong together, and no reader follows a pointer
//! into a primitive that may be gone. What changes during a life is one word each, and as fresh as a relaxed load.
//!
//! Who writes what: [`Table`](super::Table) begins and ends lives; the primitive stores facts, each word by one thread at a time
//! (under the primitive's own lock, or a word that has one writer), except the sums of [`waited`](Record::waited) and
//! [`held`](Record::held), which anybody adds to. What a broadcast's receivers have [lost](Record::lost) is in words that its kind has
//! no other use for.
//!
//! Model: `loom-tests/tests/resources.rs`.

use super::holders::{Holders, Shares};
use super::waits::Waits;
use crate::sync::{AtomicPtr, AtomicU64, Ordering, broken, fence};
use std::fmt;
use std::panic::Location;
use std::ptr::{from_ref, null_mut};

macro_rules! kinds {
    ($($(#[$meta:meta])+ $name:ident = $text:literal;)+) => {
        /// What a resource is.
        #[non_exhaustive]
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "kebab-case")]
        #[repr(u8)]
        pub enum Kind {
            $($(#[$meta])+ $name,)+
        }

        impl Kind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// In words, as a dump shows it.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

kinds! {
    /// Something from elsewhere.
    Other = "resource";
    /// A lock for one.
    Mutex = "mutex";
    /// A lock for one writer or many readers.
    RwLock = "rwlock";
    /// Permits.
    Semaphore = "semaphore";
    /// Notifications without a value.
    Notify = "notify";
    /// A channel with a capacity, from many to one.
    Mpsc = "chan";
    /// A channel without a capacity, from many to one.
    UnboundedMpsc = "unbounded chan";
    /// A channel for one value.
    Oneshot = "oneshot";
    /// A value and its changes.
    Watch = "watch";
    /// A channel from many to each of many.
    Broadcast = "broadcast";
    /// A place where tasks meet.
    Barrier = "barrier";
    /// A cell that one of many fills.
    OnceCell = "once cell";
    /// A cell that is filled once, from outside.
    SetOnce = "set once";
    /// Tasks to be joined.
    JoinSet = "join set";
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// What an observer reads of a resource.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Facts {
    /// Its number, as waiting tasks name it.
    pub id: u64,
    /// What it is.
    pub kind: Kind,
    /// Where it was made.
    pub site: &'static Location<'static>,
    /// The id of the task that has it for itself alone, or that took it and gave its guard to somebody else; 0 for nobody, or a
    /// thread without a task.
    pub owner: u64,
    /// As far as can be told, the owner has not given it to somebody else, and what its waiters say is what they wait for: its
    /// guard borrows, no guard of it was ever let go by another than took it, and no wait for it went from one task to another.
    pub firm: bool,
    /// How many share it, or how many of its permits are taken.
    pub holders: u64,
    /// How many wait for it.
    pub waiters: u64,
    /// It was handed to its owner, who waited for it, and has not run since as far as it goes: its waker is on the way. If that one says
    /// that it waits for this, that is over.
    pub waking: bool,
    /// How many values are in it. Of a lock, 1 if it was handed to its owner, who waited for it and has not come for it yet.
    pub depth: u64,
    /// How many values or permits fit; 0 if that has no limit or no meaning.
    pub capacity: u64,
    /// Values that were sent, changes that were made, notifications.
    pub sends: u64,
    /// Values that were received, tasks that were notified.
    pub receives: u64,
    /// Waits that have ended.
    pub waits: u64,
    /// How long those took together.
    pub wait_ns: u64,
    /// Times that it was held and that were measured.
    pub holds: u64,
    /// How long those were together.
    pub hold_ns: u64,
    /// Waits that began in a run in which no leaf had made progress: the task was woken, and nothing came of it. Or it ran for the
    /// first time. Kept by [`Notify`](Kind::Notify).
    pub vain: u64,
    /// Values that were overwritten before a receiver had come to them, once for each such receiver. Kept by
    /// [`Broadcast`](Kind::Broadcast).
    pub lost: u64,
    /// The task that received when that was last found; 0 for nobody, or a thread without a task.
    pub laggard: u64,
}

impl fmt::Display for Facts {
    /// `mutex 1025 (src/db.rs:10:5), held by task 7, 3 wait`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({})", self.kind, self.id, self.site)?;
        if self.owner != 0 {
            write!(f, ", held by task {}", self.owner)?;
        }
        if self.kind == Kind::Semaphore {
            write!(f, ", {} of {} permits taken", self.holders, self.capacity)?;
        } else if self.holders != 0 {
            write!(f, ", held by {}", self.holders)?;
        }
        match (self.depth, self.capacity) {
            _ if self.kind == Kind::Semaphore => {}
            (1, _) if matches!(self.kind, Kind::Mutex | Kind::RwLock) => f.write_str(", who has yet to come for it")?,
            (0, 0) => {}
            (depth, 0) => write!(f, ", {depth} inside")?,
            (depth, capacity) => write!(f, ", {depth} of {capacity} inside")?,
        }
        if self.lost > 0 {
            write!(f, ", {} lost", self.lost)?;
        }
        match self.waiters {
            0 => Ok(()),
            1 => f.write_str(", 1 waits"),
            waiters => write!(f, ", {waiters} wait"),
        }
    }
}

/// In [`set_owner`](Record::set_owner): the owner's guard keeps the resource alive by itself, so that it may be sent anywhere.
pub const MOVABLE: u64 = 1 << 56;
/// Beside the owner: it was handed the resource, and has not come for it yet.
const UNTAKEN: u64 = 1 << 57;
/// And it has not said since that it waits for it.
const WAKING: u64 = 1 << 58;
const OWNER: u64 = MOVABLE - 1;
/// Beside the kind: it is not [`firm`](Facts::firm) any more.
const LOOSE: u64 = 1 << 8;
const KIND: u64 = LOOSE - 1;
/// Beside the id: the record belongs to nobody.
const FREE: u64 = 1 << 63;

/// Where a resource's facts are written down.
#[derive(Debug)]
#[repr(align(128))]
pub struct Record {
    /// The id of its life; with [`FREE`], of its latest.
    id: AtomicU64,
    /// Who has shares, once there was somebody to ask.
    sharers: AtomicPtr<Holders>,
    kind: AtomicU64,
    site: AtomicPtr<Location<'static>>,
    owner: AtomicU64,
    holders: AtomicU64,
    waiters: AtomicU64,
    depth: AtomicU64,
    capacity: AtomicU64,
    sends: AtomicU64,
    receives: AtomicU64,
    waits: AtomicU64,
    wait_ns: AtomicU64,
    holds: AtomicU64,
    hold_ns: AtomicU64,
    vain: AtomicU64,
}

/// The bits of an id that say which record; the rest counts its lives. Together 56, as many as a task's wait word has for it.
const INDEX_BITS: u32 = 24;
const LIFE_BITS: u32 = 32;

/// How many records there can be: 16 million, in 2 GiB.
pub(super) const MOST: u32 = 1 << INDEX_BITS;

/// The record that an id belongs to.
pub(super) const fn index_of(id: u64) -> u32 {
    id as u32 & (MOST - 1)
}

impl Record {
    /// A record that belongs to nobody. Its first id will be `index` and a 1 above it.
    pub fn free(index: u32) -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            id: AtomicU64::new(FREE | u64::from(index)),
            sharers: AtomicPtr::new(null_mut()),
            kind: zero(),
            site: AtomicPtr::new(from_ref(Location::caller()).cast_mut()),
            owner: zero(),
            holders: zero(),
            waiters: zero(),
            depth: zero(),
            capacity: zero(),
            sends: zero(),
            receives: zero(),
            waits: zero(),
            wait_ns: zero(),
            holds: zero(),
            hold_ns: zero(),
            vain: zero(),
        }
    }

    /// Begins a life. The caller has the record to itself.
    pub fn begin(&self, kind: Kind, site: &'static Location<'static>) {
        // Ordering: Relaxed; the words are the caller's own, but for readers, whom the fence and the id tell.
        let latest = self.id.load(Ordering::Relaxed) & !FREE;
        let life = (latest >> INDEX_BITS).wrapping_add(1) & ((1 << LIFE_BITS) - 1);
        let id = u64::from(index_of(latest)) | life.max(1) << INDEX_BITS;
        if !broken("resource-no-release-fence") {
            // Ordering: Release pairs with the Acquire fence of `facts`: who saw one of the stores below sees that the id of the
            // last life has gone.
            fence(Ordering::Release);
        }
        // Ordering: Relaxed; enclosed by the fence above and the store below.
        self.kind.store(kind as u64, Ordering::Relaxed);
        self.site.store(from_ref(site).cast_mut(), Ordering::Relaxed);
        for fact in self.facts_words() {
            fact.store(0, Ordering::Relaxed);
        }
        if let (Some(holders), false) = (self.sharers(), broken("holders-of-the-last-life")) {
            holders.reset();
        }
        let published = if broken("resource-id-relaxed") { Ordering::Relaxed } else { Ordering::Release };
        // Ordering: Release pairs with the Acquire of `facts`.
        self.id.store(id, published);
    }

    /// Ends a life. The caller has the record to itself from here on.
    pub fn end(&self) {
        // Ordering: Relaxed; the fence of the next `begin` comes after it.
        self.id.store(self.id.load(Ordering::Relaxed) | FREE, Ordering::Relaxed);
    }

    /// What it is and how long it was waited for in all, for who has it to itself.
    pub(super) fn waits(&self) -> (Kind, Waits) {
        // Ordering: Relaxed; its owner's own words.
        let kind = self.kind.load(Ordering::Relaxed);
        let kind = Kind::ALL.get((kind & KIND) as usize).copied().unwrap_or(Kind::Other);
        (kind, Waits { count: self.waits.load(Ordering::Relaxed), ns: self.wait_ns.load(Ordering::Relaxed) })
    }

    /// Which record it is, of its table. For who has it to itself.
    pub(super) fn index(&self) -> u32 {
        // Ordering: Relaxed; its owner's own word.
        index_of(self.id.load(Ordering::Relaxed))
    }

    fn facts_words(&self) -> [&AtomicU64; 12] {
        [
            &self.owner,
            &self.holders,
            &self.waiters,
            &self.depth,
            &self.capacity,
            &self.sends,
            &self.receives,
            &self.waits,
            &self.wait_ns,
            &self.holds,
            &self.hold_ns,
            &self.vain,
        ]
    }

    /// The number of this life's resource.
    #[inline]
    pub fn id(&self) -> u64 {
        // Ordering: Relaxed; for the resource's own threads, to which its pointer was published.
        self.id.load(Ordering::Relaxed)
    }

    /// A consistent copy; none if the record belongs to nobody or changed hands meanwhile.
    pub fn facts(&self) -> Option<Facts> {
        // Ordering: Acquire pairs with the Release of `begin`.
        let id = self.id.load(Ordering::Acquire);
        if id & FREE != 0 {
            return None;
        }
        // Ordering: Relaxed; enclosed by the load above and the fence below.
        let kind = self.kind.load(Ordering::Relaxed);
        let site = self.site.load(Ordering::Relaxed);
        let words = self.facts_words().map(|fact| fact.load(Ordering::Relaxed));
        if !broken("resource-no-acquire-fence") {
            // Ordering: Acquire pairs with the Release fence of `begin`.
            fence(Ordering::Acquire);
        }
        // Ordering: Relaxed; ordered by the fence.
        if self.id.load(Ordering::Relaxed) != id {
            return None;
        }
        let [owner, holders, waiters, depth, capacity, sends, receives, waits, wait_ns, holds, hold_ns, vain] = words;
        let firm = kind & LOOSE == 0 && owner & MOVABLE == 0;
        let depth = if owner & UNTAKEN == 0 { depth } else { 1 };
        let kind = *Kind::ALL.get((kind & KIND) as usize)?;
        let (vain, hold_ns, lost, laggard) =
            if kind == Kind::Broadcast { (0, 0, vain, hold_ns) } else { (vain, hold_ns, 0, 0) };
        // SAFETY: never null, always a static.
        let site = unsafe { &*site };
        Some(Facts {
            id,
            kind,
            site,
            owner: owner & OWNER,
            firm,
            waking: owner & WAKING != 0,
            holders,
            waiters,
            depth,
            capacity,
            sends,
            receives,
            waits,
            wait_ns,
            holds,
            hold_ns,
            vain,
            lost,
            laggard,
        })
    }

    /// Who has shares, if that is written down.
    #[inline]
    pub fn sharers(&self) -> Option<&Holders> {
        // Ordering: Acquire pairs with the Release of `make_sharers`. SAFETY: null, or a leaked box.
        unsafe { self.sharers.load(Ordering::Acquire).as_ref() }
    }

    /// Has it written down who has shares, from here on.
    #[cold]
    pub fn make_sharers(&self) {
        if self.sharers().is_some() {
            return;
        }
        let new = Box::into_raw(Box::new(Holders::new()));
        // Ordering: Release pairs with the Acquire of `sharers`.
        let made = self.sharers.compare_exchange(null_mut(), new, Ordering::Release, Ordering::Relaxed);
        if made.is_err() {
            // SAFETY: nobody else has seen it.
            drop(unsafe { Box::from_raw(new) });
        }
    }

    /// Who has shares of the resource `id`, and who waits for some in front; none if the record is not that resource's, or nobody is
    /// written down.
    pub fn shares(&self, id: u64) -> Option<Shares> {
        // Ordering: Acquire pairs with the Release of `begin`, as in `facts`.
        let before = self.id.load(Ordering::Acquire);
        let shares = self.sharers()?.read();
        if !broken("holders-no-acquire-fence") {
            // Ordering: Acquire pairs with the Release fence of `begin`, as in `facts`.
            fence(Ordering::Acquire);
        }
        // Ordering: Relaxed; ordered by the fence.
        (before == id && self.id.load(Ordering::Relaxed) == id).then_some(shares)
    }

    /// It is not [`firm`](Facts::firm) any more, in this life.
    #[cold]
    pub fn set_loose(&self) {
        // Ordering: Relaxed, as every fact. What makes it loose is seen by who sees the wake, the drop of a waker or the hand-over
        // that follows.
        self.kind.fetch_or(LOOSE, Ordering::Relaxed);
    }

    /// Who has it for itself alone, and took it: a task's id, with [`MOVABLE`] or without, or 0.
    #[inline]
    pub fn set_owner(&self, task: u64) {
        // Ordering: Relaxed, as every fact.
        self.owner.store(task, Ordering::Relaxed);
    }

    /// Who is handed it, and still says that it waits for it. By who goes on to wake it.
    ///
    /// That it is [`waking`](Facts::waking) stands in the owner's own word, so that the one is never read without the other, and who
    /// hands it over need not touch what the task says.
    #[inline]
    pub fn hand_to(&self, task: u64) {
        let waking = if broken("resource-handed-not-waking") { 0 } else { WAKING };
        self.set_owner(task | UNTAKEN | waking);
    }

    /// Who was handed it has come for it, or has given up. By itself: until it lets go, nobody else writes the owner.
    #[inline]
    pub fn owner_comes(&self) {
        // Ordering: Relaxed, as every fact.
        self.owner.store(self.owner.load(Ordering::Relaxed) & !(UNTAKEN | WAKING), Ordering::Relaxed);
    }

    /// The running `task` says that it waits for it. If it was handed it, it is awake, and waits in vain: a future of its own has
    /// it, and is not polled.
    #[inline]
    pub fn asked_by(&self, task: u64) {
        // Ordering: Relaxed, as every fact.
        let owner = self.owner.load(Ordering::Relaxed);
        if owner & WAKING != 0 && owner & OWNER == task {
            // Ordering: Relaxed; the owner's own word, as in `owner_comes`.
            self.owner.store(owner & !WAKING, Ordering::Relaxed);
        }
    }

    /// Whether nobody is known to have it for itself alone.
    #[inline]
    pub fn is_ownerless(&self) -> bool {
        // Ordering: Relaxed, as every fact.
        self.owner.load(Ordering::Relaxed) == 0
    }

    /// How many share it, or how many permits are taken.
    #[inline]
    pub fn set_holders(&self, holders: u64) {
        // Ordering: Relaxed, as every fact but the owner: it orders nothing.
        self.holders.store(holders, Ordering::Relaxed);
    }

    /// How many wait for it.
    #[inline]
    pub fn set_waiters(&self, waiters: u64) {
        // Ordering: Relaxed; see `set_holders`.
        self.waiters.store(waiters, Ordering::Relaxed);
    }

    /// How many values are in it.
    #[inline]
    pub fn set_depth(&self, depth: u64) {
        // Ordering: Relaxed; see `set_holders`.
        self.depth.store(depth, Ordering::Relaxed);
    }

    /// How many values or permits fit.
    #[inline]
    pub fn set_capacity(&self, capacity: u64) {
        // Ordering: Relaxed; see `set_holders`.
        self.capacity.store(capacity, Ordering::Relaxed);
    }

    /// How many values were sent so far.
    #[inline]
    pub fn set_sends(&self, sends: u64) {
        // Ordering: Relaxed; see `set_holders`.
        self.sends.store(sends, Ordering::Relaxed);
    }

    /// How many values were received so far.
    #[inline]
    pub fn set_receives(&self, receives: u64) {
        // Ordering: Relaxed; see `set_holders`.
        self.receives.store(receives, Ordering::Relaxed);
    }

    /// So many more wait for it: for a primitive whose waiters are under several locks. Not beside
    /// [`set_waiters`](Self::set_waiters).
    #[inline]
    pub fn add_waiters(&self, waiters: u64) {
        // Ordering: Relaxed; see `set_holders`.
        self.waiters.fetch_add(waiters, Ordering::Relaxed);
    }

    /// So many fewer wait for it.
    #[inline]
    pub fn sub_waiters(&self, waiters: u64) {
        // Ordering: Relaxed; see `set_holders`.
        self.waiters.fetch_sub(waiters, Ordering::Relaxed);
    }

    /// Another value was sent; by one thread at a time, as [`set_sends`](Self::set_sends).
    #[inline]
    pub fn count_send(&self) {
        // Ordering: Relaxed; see `set_holders`.
        self.sends.store(self.sends.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// So many more values were received; by one thread at a time, as [`set_receives`](Self::set_receives).
    #[inline]
    pub fn count_receives(&self, more: u64) {
        // Ordering: Relaxed; see `set_holders`.
        self.receives.store(self.receives.load(Ordering::Relaxed) + more, Ordering::Relaxed);
    }

    /// Somebody waits for it again whose last run, for all that it did, might as well not have been; by one thread at a time.
    #[inline]
    pub fn count_vain(&self) {
        // Ordering: Relaxed; see `set_holders`.
        self.vain.store(self.vain.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// A receiver, which is the task `by` or none, has come too late for so many values. Not beside [`held`](Self::held) and
    /// [`count_vain`](Self::count_vain), whose words these are: a broadcast is held by nobody and notifies nobody.
    #[cold]
    pub fn lost(&self, values: u64, by: u64) {
        // Ordering: Relaxed; see `set_holders`.
        self.vain.fetch_add(values, Ordering::Relaxed);
        self.hold_ns.store(by, Ordering::Relaxed);
    }

    /// A wait for it has ended, after `ns` nanoseconds.
    #[inline]
    pub fn waited(&self, ns: u64) {
        // Ordering: Relaxed; see `set_holders`.
        self.waits.fetch_add(1, Ordering::Relaxed);
        self.wait_ns.fetch_add(ns, Ordering::Relaxed);
    }

    /// How many waits have ended, and after how many nanoseconds in all: for who keeps the sums under a lock of its own, in place of
    /// [`waited`](Self::waited).
    #[inline]
    pub fn set_waited(&self, waits: u64, ns: u64) {
        // Ordering: Relaxed; see `set_holders`.
        self.waits.store(waits, Ordering::Relaxed);
        self.wait_ns.store(ns, Ordering::Relaxed);
    }

    /// How often it was held, and for how many nanoseconds in all: in place of [`held`](Self::held).
    #[inline]
    pub fn set_held(&self, holds: u64, ns: u64) {
        // Ordering: Relaxed; see `set_holders`.
        self.holds.store(holds, Ordering::Relaxed);
        self.hold_ns.store(ns, Ordering::Relaxed);
    }

    /// It was held for `ns` nanoseconds.
    #[inline]
    pub fn held(&self, ns: u64) {
        // Ordering: Relaxed; see `set_holders`.
        self.holds.fetch_add(1, Ordering::Relaxed);
        self.hold_ns.fetch_add(ns, Ordering::Relaxed);
    }
}

#[cfg(all(test, not(any(gumption_loom, gumption_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_waking_until_it_asks_again_and_untaken_until_it_comes() {
        let record = Record::free(0);
        record.begin(Kind::Mutex, Location::caller());
        let told = || record.facts().map(|facts| (facts.owner, facts.waking, facts.depth, facts.firm)).unwrap();
        assert!(record.is_ownerless());
        record.set_owner(7);
        assert_eq!(told(), (7, false, 0, true));
        record.asked_by(7);
        assert_eq!(told(), (7, false, 0, true), "it took it, and asks for it again");
        record.hand_to(8);
        assert_eq!(told(), (8, true, 1, true));
        assert!(!record.is_ownerless());
        record.asked_by(7);
        assert_eq!(told(), (8, true, 1, true), "another one asks");
        record.asked_by(8);
        assert_eq!(told(), (8, false, 1, true), "it is awake, and has not come");
        record.owner_comes();
        assert_eq!(told(), (8, false, 0, true));
        record.hand_to(9 | MOVABLE);
        assert_eq!(told(), (9, true, 1, false));
        record.owner_comes();
        assert_eq!(told(), (9, false, 0, false));
        record.hand_to(0);
        assert!(!record.is_ownerless(), "a thread that runs no task was handed it");
        record.owner_comes();
        assert!(record.is_ownerless());
    }
}
