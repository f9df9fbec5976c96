//! [`Pocket`]: a few free records that a thread keeps at hand.
//!
//! A oneshot that is awaited lives for one wait: it takes a record and gives it back within a microsecond, a million times a
//! second. Two locks of a stock for that, uncontended as they are, would cost a third of the whole round trip; a thread's own
//! pocket costs two accesses to a thread-local. What does not fit goes to the [`Table`](super::Table), and so does all of it when the
//! thread ends.
//!
//! Only [`Resource`](super::Resource) calls this. The invariant: a record in a pocket belongs to nobody, and to this thread alone to
//! begin; observers see it as free. There is no protocol: a pocket is only its thread's.

use super::record::Record;
use super::table::TABLE;
use crate::policy;
use std::cell::Cell;

/// Free records of one thread.
pub(super) struct Pocket {
    records: [Cell<Option<&'static Record>>; policy::RESOURCE_POCKET],
    len: Cell<usize>,
}

impl Pocket {
    pub(super) const fn new() -> Self {
        Self { records: [const { Cell::new(None) }; policy::RESOURCE_POCKET], len: Cell::new(0) }
    }

    /// A free record, if there is one.
    pub(super) fn take(&self) -> Option<&'static Record> {
        let last = self.len.get().checked_sub(1)?;
        self.len.set(last);
        self.records[last].get()
    }

    /// Keeps a free record; whether there was room.
    pub(super) fn keep(&self, record: &'static Record) -> bool {
        let len = self.len.get();
        let Some(place) = self.records.get(len) else { return false };
        place.set(Some(record));
        self.len.set(len + 1);
        true
    }
}

impl Drop for Pocket {
    fn drop(&mut self) {
        while let Some(record) = self.take() {
            TABLE.give_back(record);
        }
    }
}
