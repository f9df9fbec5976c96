//! How long tasks waited for resources that are gone: what is left of their records, by kind.
//!
//! A record forgets when its life ends, and a sum over those that live would go back then. So the end of a life adds what had been
//! waited for to the sums here, if anything had: locks, semaphores and channels with room count that; what is waited for once,
//! as a oneshot, does not, and comes and goes without touching this file.
//!
//! The invariant: **a wait is in no two places**. It is added here after the record's life is over, so a reader that sums up what
//! is here first, and then what lives, may miss one that is on its way, and counts none twice. Striped by threads, and hidden from
//! the checkers: sums order nothing else.

use super::record::{Facts, Kind};
use super::waits::Waits;
use crate::policy;
use crate::striped::thread_number;
use crate::sync::{Ordering, UncheckedU64};
use crossbeam_utils::CachePadded;

const KINDS: usize = Kind::ALL.len();

struct Sum {
    count: UncheckedU64,
    ns: UncheckedU64,
}

type Stripe = CachePadded<[Sum; KINDS]>;

static GONE: [Stripe; policy::STRIPES] =
    [const { CachePadded::new([const { Sum { count: UncheckedU64::new(0), ns: UncheckedU64::new(0) } }; KINDS]) };
        policy::STRIPES];

/// The life of a record of this kind is over, and so many waits for it had ended.
#[inline]
pub(super) fn add(kind: Kind, waits: Waits) {
    if waits.count == 0 {
        return;
    }
    let Some(sum) = GONE[thread_number() % GONE.len()].get(kind as usize) else { return };
    // Ordering: Release pairs with the Acquire in `of`, for each of the two: who sees either sees that the life is over.
    sum.ns.fetch_add(waits.ns, Ordering::Release);
    sum.count.fetch_add(waits.count, Ordering::Release);
}

/// What is here, by kind in the order of [`Kind::ALL`], and then what `living` have.
pub(super) fn of(living: impl FnOnce() -> Vec<Facts>) -> Vec<(Kind, Waits)> {
    let mut sums: Vec<(Kind, Waits)> = Kind::ALL.iter().map(|kind| (*kind, Waits::default())).collect();
    let mut add = |kind: Kind, waits: Waits| {
        if let Some((_, sum)) = sums.get_mut(kind as usize) {
            sum.count = sum.count.saturating_add(waits.count);
            sum.ns = sum.ns.saturating_add(waits.ns);
        }
    };
    for stripe in &GONE {
        for (kind, sum) in Kind::ALL.iter().zip(stripe.iter()) {
            // Ordering: Acquire pairs with the Release of `add`: whose count or time is here, that life is seen to be over.
            let (count, ns) = (sum.count.load(Ordering::Acquire), sum.ns.load(Ordering::Acquire));
            add(*kind, Waits { count, ns });
        }
    }
    for facts in living() {
        add(facts.kind, Waits { count: facts.waits, ns: facts.wait_ns });
    }
    sums
}

#[cfg(all(test, not(any(gumption_loom, gumption_shuttle))))]
mod tests {
    use super::super::{Resource, waits};
    use super::*;

    fn barriers() -> Waits {
        waits().into_iter().find(|(kind, _)| *kind == Kind::Barrier).expect("a row for every kind").1
    }

    #[test]
    fn kinds_are_numbered_by_their_place() {
        assert!(Kind::ALL.iter().enumerate().all(|(at, kind)| *kind as usize == at));
    }

    #[test]
    fn what_was_waited_outlives_the_resource() {
        // No other test of this crate waits at a barrier.
        let before = barriers();
        let resource = Resource::new(Kind::Barrier);
        resource.id();
        let record = resource.record().expect("it has an id");
        record.waited(5);
        record.waited(7);
        let now = Waits { count: before.count + 2, ns: before.ns + 12 };
        assert_eq!(barriers(), now, "while it lives");
        drop(resource);
        assert_eq!(barriers(), now, "and after");
        let never = Resource::new(Kind::Barrier);
        never.id();
        drop(never);
        assert_eq!(barriers(), now, "who never waited adds nothing");
    }
}
