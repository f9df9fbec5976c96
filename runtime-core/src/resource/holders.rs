//! [`Holders`]: who has shares of a resource: permits of a semaphore, read locks.
//!
//! An owner has a word in the [`Record`](super::Record); sharers are many. The first few of them, from the first wait on, are written down
//! here: which task, how many permits, and whether the guard travels. It is two cache lines beside a record, made when somebody first
//! waits for something that can be shared, and kept with the record for ever after, as type-stable as that.
//!
//! ```text
//!   record ──▶ | front | spare | place | place | ..       a place is 0, or  | travels | task | permits |
//!                                   ^
//!                      a permit remembers its place, and clears it
//! ```
//!
//! Who takes permits enters, in whichever place is free, and who gives them back leaves; no lock, no order among them. One who took
//! permits before anybody waited, or while all places were taken, is not here: the record's count of holders says how many those
//! are. The front of the queue is written by who has the primitive's lock.
//!
//! The invariant: while a task is written down with so many permits, it took them, and nobody has given them back. What an observer
//! reads is of one life of the record, by the record's own sequence word. Model: `holder_place_vs_reuse` in
//! `loom-tests/tests/resources.rs`.

use crate::policy;
use crate::sync::{AtomicU64, Ordering, broken};

/// Places: with the front's two words, as many as fit into two cache lines.
const PLACES: usize = if policy::CHECKED { 2 } else { 14 };

const PERMIT_BITS: u32 = 16;
const TASK_BITS: u32 = 47;
const TRAVELS: u64 = 1 << 63;

/// Who has shares of a resource.
#[derive(Debug)]
#[repr(align(128))]
pub struct Holders {
    /// The task that waits in front and whose wait is exact, or 0.
    front: AtomicU64,
    /// How many permits may stay away and the front gets what it asked for.
    spare: AtomicU64,
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
    /// How many permits may stay away and the front gets what it asked for.
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
            permits: word & ((1 << PERMIT_BITS) - 1),
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
        Self { front: AtomicU64::new(0), spare: AtomicU64::new(0), places: std::array::from_fn(zero) }
    }

    /// Forgets all of them, at the beginning of the record's life.
    pub(super) fn reset(&self) {
        for word in self.places.iter().chain([&self.front, &self.spare]) {
            // Ordering: Relaxed; enclosed by the record's fence and its id.
            word.store(0, Ordering::Relaxed);
        }
    }

    /// Writes a holder down, if there is room.
    pub fn enter(&self, holder: Holder) -> Place {
        let Some(word) = holder.pack() else { return Place::default() };
        // Tasks begin in different places.
        let first = holder.task as usize;
        for at in (0..PLACES).map(|offset| (first + offset) % PLACES) {
            let place = &self.places[at];
            // Ordering: Relaxed, as every fact; an RMW, so that no two get one place.
            if place.load(Ordering::Relaxed) == 0 {
                let entered = match broken("holders-enter-no-cas") {
                    true => {
                        place.store(word, Ordering::Relaxed);
                        true
                    }
                    false => place.compare_exchange(0, word, Ordering::Relaxed, Ordering::Relaxed).is_ok(),
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

    /// The holder there has so many permits from here on; none: it leaves.
    pub fn change(&self, place: Place, permits: u64) {
        let Some(word) = self.at(place) else { return };
        let holder = self.holder(place).map(|holder| Holder { permits, ..holder });
        // Ordering: Relaxed, as every fact. Only who has the place writes it.
        word.store(holder.and_then(Holder::pack).unwrap_or(0), Ordering::Relaxed);
    }

    /// Who waits in front, by who has the queue's lock: a task in an exact wait or 0, and how many permits may stay away and it is
    /// served all the same.
    #[inline]
    pub fn set_front(&self, task: u64, spare: u64) {
        // Ordering: Relaxed, as every fact.
        self.spare.store(spare, Ordering::Relaxed);
        self.front.store(task, Ordering::Relaxed);
    }

    /// A copy; for [`Record::shares`](super::Record::shares), which knows of whose life it is.
    pub(super) fn read(&self) -> Shares {
        // Ordering: Relaxed; enclosed by the record's loads of its id.
        let mut holders: Vec<Holder> =
            self.places.iter().filter_map(|place| Holder::unpack(place.load(Ordering::Relaxed))).collect();
        holders.sort_unstable_by_key(|holder| (holder.task, holder.permits, holder.travels));
        Shares { front: self.front.load(Ordering::Relaxed), spare: self.spare.load(Ordering::Relaxed), holders }
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
    }
}
