//! [`Annex`]: the part of a task's record that only observers read.
//!
//! The record is one cache line and full. What is asked of a task besides (who spawned it and when, how often it was polled and
//! for how long, where it ran last) is here, half a line for each record, behind the records of the same page: as type-stable
//! as they are, found from a record by arithmetic, and out of the way of wakers, who touch the record only. A spawn
//! writes it once, a run once, the end of a timed run once more; the cost is in the table of
//! `benches/` that has the observer compiled out and in.
//!
//! Its words belong to the task whose id is in the record. [`Task::read`](super::Task::read) copies them between its two looks
//! at that id, so they are this task's and no other's, save `busy`, which a run that ends late may add to the next.
//!
//! A build without counters has none: there an annex has no bytes, and says nothing.
//!
//! It orders nothing and decides nothing, so the checkers do not see it.

pub(crate) use imp::Annex;

/// A copy of an [`Annex`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Facts {
    pub(super) parent: u64,
    pub(super) born: u64,
    pub(super) polls: u64,
    pub(super) last_processor: Option<usize>,
    pub(super) busy_ns: u64,
}

#[cfg(feature = "stats")]
mod imp {
    use super::Facts;
    use crate::sync::{Ordering, UncheckedU64};

    /// The P of a run is in the lowest bits of the word that counts runs.
    const PROCESSOR_BITS: u32 = 16;
    /// No run yet, or one without a P.
    const NO_PROCESSOR: u64 = (1 << PROCESSOR_BITS) - 1;

    /// What observers want to know of a task besides its record.
    #[derive(Debug)]
    #[repr(C, align(32))]
    pub(crate) struct Annex {
        /// The id of the task that spawned it, or 0.
        parent: UncheckedU64,
        /// When it was spawned, ns of the coarse clock.
        born: UncheckedU64,
        /// How often it was polled, and where last.
        runs: UncheckedU64,
        /// How long, ns: an estimate.
        busy: UncheckedU64,
    }

    impl Annex {
        pub(in super::super) const fn new() -> Self {
            Self {
                parent: UncheckedU64::new(0),
                born: UncheckedU64::new(0),
                runs: UncheckedU64::new(0),
                busy: UncheckedU64::new(0),
            }
        }

        /// A task's life begins, by its spawner.
        #[inline(always)]
        pub(in super::super) fn begin(&self, parent: u64, born: u64) {
            // Ordering: Relaxed; the record's fence and id enclose it.
            self.parent.store(parent, Ordering::Relaxed);
            self.born.store(born, Ordering::Relaxed);
            self.runs.store(NO_PROCESSOR, Ordering::Relaxed);
            self.busy.store(0, Ordering::Relaxed);
        }

        /// A run begins on P `processor`, or on none ([`usize::MAX`]), by whoever has the right to run.
        #[inline(always)]
        pub(crate) fn count_run(&self, processor: usize) {
            // Ordering: Relaxed; one writer at a time, whom the right to run orders.
            let runs = self.runs.load(Ordering::Relaxed) | NO_PROCESSOR;
            // One more carries into the count and leaves 0 where the P goes.
            self.runs.store(runs + 1 + (processor as u64 & NO_PROCESSOR), Ordering::Relaxed);
        }

        /// A timed run is over, which stands for `ns`. Whoever ran the task has given up the right to.
        #[inline]
        pub(crate) fn add_busy(&self, ns: u64) {
            // Ordering: Relaxed; an RMW, because the next run may be over as well.
            self.busy.fetch_add(ns, Ordering::Relaxed);
        }

        pub(in super::super) fn read(&self) -> Facts {
            // Ordering: Relaxed; enclosed by the fences of `Task::read`.
            let runs = self.runs.load(Ordering::Relaxed);
            let processor = runs & NO_PROCESSOR;
            Facts {
                parent: self.parent.load(Ordering::Relaxed),
                born: self.born.load(Ordering::Relaxed),
                polls: runs >> PROCESSOR_BITS,
                last_processor: (processor != NO_PROCESSOR).then_some(processor as usize),
                busy_ns: self.busy.load(Ordering::Relaxed),
            }
        }
    }
}

#[cfg(not(feature = "stats"))]
mod imp {
    use super::Facts;

    /// What observers want to know of a task besides its record: nothing in this build.
    #[derive(Debug)]
    pub(crate) struct Annex;

    impl Annex {
        pub(in super::super) const fn new() -> Self {
            Self
        }

        /// A task's life begins; nothing notes it.
        #[inline(always)]
        pub(in super::super) fn begin(&self, _parent: u64, _born: u64) {}

        /// A run begins; nothing counts it.
        #[inline(always)]
        pub(crate) fn count_run(&self, _processor: usize) {}

        /// A timed run is over; there are none.
        #[inline(always)]
        pub(crate) fn add_busy(&self, _ns: u64) {}

        pub(in super::super) fn read(&self) -> Facts {
            Facts::default()
        }
    }
}

#[cfg(all(test, feature = "stats", not(any(gumption_loom, gumption_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn it_counts_from_the_beginning_of_each_life() {
        let annex = Annex::new();
        for life in 1..4 {
            annex.begin(life, 10 * life);
            let fresh = annex.read();
            assert_eq!((fresh.parent, fresh.born, fresh.polls, fresh.last_processor), (life, 10 * life, 0, None));
            assert_eq!(annex.read().polls, 0);
            annex.count_run(3);
            assert_eq!((annex.read().polls, annex.read().last_processor), (1, Some(3)));
            annex.count_run(7);
            annex.add_busy(100);
            annex.add_busy(20);
            let used = annex.read();
            assert_eq!((used.parent, used.polls, used.last_processor, used.busy_ns), (life, 2, Some(7), 120));
        }
    }
}
