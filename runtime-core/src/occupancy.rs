//! [`Occupancy`]: when a processor was in use, and when at rest.
//!
//! A processor is *in use* from when a machine takes it until it is idle again, whatever that machine did with it: ran
//! tasks, searched, sat in a blocking section. It begins in use, while the scheduler is made, and comes to rest for the
//! first time before there is a machine: as a worker of tokio's, which starts, looks round and parks. A retake moves it
//! from machine to machine in use. So the number of changes is odd while it rests and even while it is in use, and the
//! runtime's end makes it even for good.
//!
//! Two reads of the clock (46 ns) for each time that a machine takes a processor, which costs a wake-up of a thread (5 µs)
//! or a search (1 µs) anyway.
//!
//! Who may call: `taken`, `rested` and `ended` whoever owns the processor, one at a time; the rest anybody. It refuses to be
//! read by the scheduler: these are counters. The single-writer rule is [`crate::counters`]'; there is no protocol here.

use crate::counters::{Counter, Tally};

/// When a processor was in use.
#[derive(Debug, Default)]
pub struct Occupancy {
    /// Times it came to rest, or was taken.
    changes: Counter,
    /// Times it came to rest without having run anything since it was taken.
    noops: Counter,
    /// Time in use, ns, up to when it last came to rest.
    busy: Counter,
    /// Times added up of when it was taken, less those when it came to rest: since when it is in use, or 0.
    since: Counter,
    /// The tick with which it was taken.
    tick: Counter,
}

impl Occupancy {
    /// In use since `now`, by whoever makes it.
    pub fn new(now: u64) -> Self {
        let new = Self::default();
        new.since.add(now.max(1));
        new
    }

    /// A machine has it from `now` on, if none had.
    pub fn taken(&self, now: u64, tick: u32) {
        if self.since.get() == 0 {
            self.since.add(now.max(1));
            self.set_tick(tick);
            self.changes.inc();
        }
    }

    /// No machine has it from `now` on, if one had.
    pub fn rested(&self, now: u64, tick: u32) {
        let since = self.since.get();
        if since != 0 {
            self.busy.add(now.saturating_sub(since));
            self.since.add(since.wrapping_neg());
            self.changes.inc();
            if self.tick.get() == u64::from(tick) {
                self.noops.inc();
            }
        }
    }

    /// The runtime has ended: nobody will take it any more. It counts as taken for that.
    pub fn ended(&self) {
        if self.changes.get() % 2 == 1 {
            self.changes.inc();
        }
    }

    /// Times it was taken or came to rest; odd while it rests.
    pub fn changes(&self) -> u64 {
        self.changes.get()
    }

    /// Times it came to rest.
    pub fn rests(&self) -> u64 {
        self.changes.get().div_ceil(2)
    }

    /// Times it came to rest without having run anything.
    pub fn noops(&self) -> u64 {
        self.noops.get()
    }

    /// Time in use up to `now`, ns.
    pub fn busy(&self, now: u64) -> u64 {
        let in_progress = match self.since.get() {
            0 => 0,
            since => now.saturating_sub(since),
        };
        self.busy.get() + in_progress
    }

    fn set_tick(&self, tick: u32) {
        self.tick.add(u64::from(tick).wrapping_sub(self.tick.get()));
    }
}

#[cfg(all(test, feature = "stats"))]
mod tests {
    use super::*;

    #[test]
    fn a_processor_begins_in_use_and_ends_even() {
        let seen = Occupancy::new(10);
        assert_eq!((seen.changes(), seen.rests(), seen.busy(15)), (0, 0, 5));
        seen.rested(20, 0);
        assert_eq!((seen.changes(), seen.rests(), seen.noops(), seen.busy(100)), (1, 1, 1, 10));
        seen.rested(30, 0);
        assert_eq!(seen.changes(), 1, "at rest already");
        seen.taken(100, 0);
        seen.taken(110, 3);
        assert_eq!((seen.changes(), seen.rests(), seen.busy(130)), (2, 1, 40), "a retake is no change");
        seen.rested(150, 4);
        assert_eq!((seen.changes(), seen.rests(), seen.noops(), seen.busy(999)), (3, 2, 1, 60));
        seen.ended();
        seen.ended();
        assert_eq!((seen.changes(), seen.rests()), (4, 2));
    }
}
