//! [`Holders`]: who has shares of a resource: permits of a semaphore, read locks.
//!
//! An owner has a word in the [`Record`](super::Record); sharers are many. The first few of them, from the first wait on, are written down
//! here: which task, how many permits, and whether the guard travels. It is two cache lines beside a record, made when somebody first
//! waits for something that can be shared, and kept with the record for ever after, as type-stable as that.
//!
//! ```text
//!   record ──▶ | front | place | place | ..       the front is 0, or  |         | task | spare   |
//!                           ^                      a place is 0, or    | travels | task | permits |
//!              a permit remembers its place, and clears it
//! ```
//!
//! Who takes permits enters, in whichever place is free, and who gives them back leaves; no lock, no order among them. One who took
//! permits before anybody waited, or while all places were taken, is not here: the record's count of holders says how many those
//! are. The front of the queue is written by who has the primitive's lock, and so is the place of one who waited: before it
//! is woken, and after its wait has stopped being exact ([`serve`](Holders::serve)).
//!
//! The invariants: while a task is written down with so many permits, it took them, and nobody has given them back; and who reads
//! that does not find it waiting, exactly, for what it was given. What an observer reads is of one life of the record, by the
//! record's own sequence word. Models: `holder_place_vs_reuse` in `loom-tests/tests/resources.rs`,
//! `who_waits_is_not_proven_to_have_what_it_waits_for` in `loom-tests/tests/registry.rs`.

use crate::policy;
use crate::sync::{AtomicU64, Ordering, broken, weaken};
use crate::wait::answered;
use std::task::Waker;

/// Places: with the front, as many as fit into two cache lines.
const PLACES: usize = if policy::CHECKED { 2 } else { 15 };

const PERMIT_BITS: u32 = 16;
const TASK_BITS: u32 = 47;
const TRAVELS: u64 = 1 << 63;
const PERMITS: u64 = (1 << PERMIT_BITS) - 1;

/// Who has shares of a resource.
#[derive(Debug)]
#[repr(align(128))]
pub struct Holders {
    /// The task that waits in front and whose wait is exact, and below it how many permits may stay away and it gets what it asked
    /// for; or 0. One word, so that the one is never read with the other of somebody else.
    front: AtomicU64,
    places: [AtomicU64; PLACES],
}

/// Where a holder is written down; the default is nowhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place(u8);

/// One that has a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The task that took it.
    pub task: u64,
    /// How many permits.
    pub permits: u64,
    /// Its guard was made to be sent away.
    pub travels: bool,
}

/// The queue's front and the holders, of one moment or nearly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shares {
    /// The task that waits in front, if its wait is exact, or 0.
    pub front: u64,
    /// How many permits may stay away and the front gets what it asked for. `u64::MAX` if that is more than a place can have.
    pub spare: u64,
    /// Those who are written down.
    pub holders: Vec<Holder>,
}

impl Holder {
    fn pack(self) -> Option<u64> {
        let fits =
            self.task != 0 && self.task >> TASK_BITS == 0 && self.permits >> PERMIT_BITS == 0 && self.permits > 0;
        let travels = if self.travels { TRAVELS } else { 0 };
        fits.then_some(travels | self.task << PERMIT_BITS | self.permits)
    }

    fn unpack(word: u64) -> Option<Self> {
        (word != 0).then_some(Self {
            task: (word & !TRAVELS) >> PERMIT_BITS,
            permits: word & PERMITS,
            travels: word & TRAVELS != 0,
        })
    }
}

impl Place {
    /// Whether it is one.
    #[inline(always)]
    pub const fn is_some(self) -> bool {
        self.0 != 0
    }
}

impl Holders {
    /// Nobody.
    pub fn new() -> Self {
        let zero = |_| AtomicU64::new(0);
        Self { front: AtomicU64::new(0), places: std::array::from_fn(zero) }
    }

    /// Forgets all of them, at the beginning of the record's life.
    pub(super) fn reset(&self) {
        for word in self.places.iter().chain([&self.front]) {
            // Ordering: Relaxed; enclosed by the record's fence and its id.
            word.store(0, Ordering::Relaxed);
        }
    }

    /// Writes a holder down who waited and is served, if there is room. By who has the queue's lock, before it uses the waker: `own`,
    /// if that was the task's own.
    ///
    /// First the task's wait is not exact any more, then it is written down. The other way round somebody may read in between that it
    /// waits for what it has: for long, if the thread that serves it is suspended there.
    pub fn serve(&self, holder: Holder, own: Option<&Waker>) -> Place {
        let early = broken("holders-serve-unanswered").then(|| self.enter(holder));
        if let Some(own) = own {
            answered(own);
        }
        early.unwrap_or_else(|| self.enter(holder))
    }

    /// Writes a holder down, if there is room.
    pub fn enter(&self, holder: Holder) -> Place {
        let Some(word) = holder.pack() else { return Place::default() };
        // Tasks begin in different places.
        let first = holder.task as usize;
        // Ordering: Release pairs with the Acquire fence of `Record::shares`: who reads that a task has them sees that it does not wait
        // for them any more. An RMW, so that no two get one place.
        let release = weaken("holders-enter-relaxed", Ordering::Release);
        for at in (0..PLACES).map(|offset| (first + offset) % PLACES) {
            let place = &self.places[at];
            // Ordering: Relaxed; a guess for the exchange.
            if place.load(Ordering::Relaxed) == 0 {
                let entered = match broken("holders-enter-no-cas") {
                    true => {
                        place.store(word, Ordering::Relaxed);
                        true
                    }
                    false => place.compare_exchange(0, word, release, Ordering::Relaxed).is_ok(),
                };
                if entered {
                    return Place(at as u8 + 1);
                }
            }
        }
        Place::default()
    }

    fn at(&self, place: Place) -> Option<&AtomicU64> {
        self.places.get(usize::from(place.0).checked_sub(1)?)
    }

    /// Who is written down there.
    pub fn holder(&self, place: Place) -> Option<Holder> {
        // Ordering: Relaxed; who has the place wrote it, or got it from who did.
        Holder::unpack(self.at(place)?.load(Ordering::Relaxed))
    }

    /// The holder there has so many permits from here on; none: it leaves, and has no place any more.
    pub fn change(&self, place: Place, permits: u64) {
        let Some(word) = self.at(place) else { return };
        // More than fit count as those that do: the place stays taken, as its holder believes.
        let permits = permits.min(PERMITS);
        let holder = self.holder(place).map(|holder| Holder { permits, ..holder });
        // Ordering: Relaxed, as every fact. Only who has the place writes it.
        word.store(holder.and_then(Holder::pack).unwrap_or(0), Ordering::Relaxed);
    }

    /// Who waits in front, by who has the queue's lock: a task in an exact wait or 0, and how many permits may stay away and it is
    /// served all the same.
    #[inline]
    pub fn set_front(&self, task: u64, spare: u64) {
        let fits = task != 0 && task >> TASK_BITS == 0;
        let front = if fits { task << PERMIT_BITS | spare.min(PERMITS) } else { 0 };
        // Ordering: Relaxed, as every fact.
        self.front.store(front, Ordering::Relaxed);
    }

    /// A copy; for [`Record::shares`](super::Record::shares), which knows of whose life it is.
    pub(super) fn read(&self) -> Shares {
        // Ordering: Relaxed; enclosed by the record's loads of its id.
        let mut holders: Vec<Holder> =
            self.places.iter().filter_map(|place| Holder::unpack(place.load(Ordering::Relaxed))).collect();
        holders.sort_unstable_by_key(|holder| (holder.task, holder.permits, holder.travels));
        let front = self.front.load(Ordering::Relaxed);
        let spare = if front & PERMITS == PERMITS { u64::MAX } else { front & PERMITS };
        Shares { front: front >> PERMIT_BITS, spare, holders }
    }
}

impl Default for Holders {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(any(gumption_loom, gumption_shuttle))))]
mod tests {
    use super::*;

    fn holder(task: u64, permits: u64) -> Holder {
        Holder { task, permits, travels: task.is_multiple_of(2) }
    }

    #[test]
    fn who_enters_is_read_until_it_leaves() {
        let holders = Holders::new();
        let places: Vec<Place> = (1..=PLACES as u64).map(|task| holders.enter(holder(task, task))).collect();
        assert!(places.iter().all(|place| place.is_some()));
        assert_eq!(holders.enter(holder(99, 1)), Place::default(), "all places are taken");
        assert_eq!(holders.read().holders.len(), PLACES);
        holders.change(places[0], 7);
        assert_eq!(holders.holder(places[0]), Some(holder(1, 7)));
        for place in &places {
            holders.change(*place, 0);
        }
        assert_eq!(holders.read(), Shares::default());
        assert_eq!(holders.holder(places[0]), None);
    }

    #[test]
    fn what_does_not_fit_into_a_place_is_not_written_down() {
        let holders = Holders::new();
        for (task, permits) in [(0, 1), (1, 0), (1, 1 << PERMIT_BITS), (1 << TASK_BITS, 1)] {
            assert!(!holders.enter(holder(task, permits)).is_some());
        }
        let most = holder((1 << TASK_BITS) - 1, (1 << PERMIT_BITS) - 1);
        let place = holders.enter(most);
        assert_eq!(holders.holder(place), Some(most));
        holders.change(place, 1 << PERMIT_BITS);
        assert_eq!(
            holders.holder(place),
            Some(most),
            "what one has more than fits is left out, and the place stays its own"
        );
    }

    #[test]
    fn the_front_is_read_as_it_was_set_and_too_much_to_spare_is_no_end_of_it() {
        let holders = Holders::new();
        let read = || (holders.read().front, holders.read().spare);
        for (set, seen) in [((7, 2), (7, 2)), ((7, PERMITS - 1), (7, PERMITS - 1)), ((0, 3), (0, 0))] {
            holders.set_front(set.0, set.1);
            assert_eq!(read(), seen);
        }
        holders.set_front((1 << TASK_BITS) - 1, PERMITS);
        assert_eq!(read(), ((1 << TASK_BITS) - 1, u64::MAX));
        holders.set_front(1 << TASK_BITS, 0);
        assert_eq!(read(), (0, 0), "it does not fit");
    }
}
