//! [`Id`]: the number of a task.
//!
//! Small, ascending, and never used twice in a process, across runtimes too. Numbers are dealt in batches, as Go deals its
//! goroutine ids, so that a spawn touches no shared counter: two processors' numbers interleave in batches, and the order
//! of two ids says nothing about which task is older.
//!
//! That an id is never used twice also makes it the sequence word of the registry's seqlock: a record whose id has not
//! changed between two reads has not changed its task.

use crate::policy;
use crate::sync::{Ordering, StaticU64};
use std::fmt;
use std::num::NonZeroU64;

/// The number of a task, unique in the process for all time.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id(NonZeroU64);

impl Id {
    #[inline(always)]
    pub(crate) fn new(number: u64) -> Option<Self> {
        NonZeroU64::new(number).map(Self)
    }

    /// The id with this number, for observers who had only a word to write it down in; none of 0.
    #[doc(hidden)]
    pub fn from_u64(number: u64) -> Option<Self> {
        Self::new(number)
    }

    /// The number itself.
    #[inline(always)]
    pub fn as_u64(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The id of the task that runs on this thread.
///
/// # Panics
/// Outside a task.
#[track_caller]
pub fn id() -> Id {
    try_id().expect("Can't get a task id when not inside a task")
}

/// The id of the task that runs on this thread, if one does.
pub fn try_id() -> Option<Id> {
    super::local::with_task(|task| task.id()).flatten()
}

/// Numbers that were dealt and not used yet.
#[derive(Debug, Default)]
pub(super) struct Ids {
    next: u64,
    end: u64,
}

impl Ids {
    #[inline(always)]
    pub(super) fn next(&mut self) -> u64 {
        if self.next == self.end {
            self.deal();
        }
        let id = self.next;
        self.next += 1;
        id
    }

    #[cold]
    fn deal(&mut self) {
        static NEXT: StaticU64 = StaticU64::new(1);
        // Ordering: Relaxed; the numbers order nothing.
        self.next = NEXT.fetch_add(policy::ID_BATCH, Ordering::Relaxed);
        self.end = self.next + policy::ID_BATCH;
    }
}
