//! [`Sieve`]: which tasks a dump tells of, by its filter, while the records are walked.
//!
//! The cheap conditions come first, and the place where a task was spawned is judged once for each place, not for each task.

use std::collections::HashMap;

use gumption_core::task::Row;

use super::Filter;
use super::scene::{Seen, Spreading};

pub(super) struct Sieve<'a> {
    filter: &'a Filter,
    all: bool,
    sites: HashMap<usize, bool, Spreading>,
    /// How many did not pass.
    pub(super) filtered: u64,
}

impl<'a> Sieve<'a> {
    pub(super) fn new(filter: &'a Filter) -> Self {
        Self { filter, all: filter.is_empty(), sites: HashMap::default(), filtered: 0 }
    }

    /// Whether a task passes.
    #[inline]
    pub(super) fn passes(&mut self, row: &Row, seen: Seen) -> bool {
        let passes = self.all
            || (self.filter.admits(seen.state, seen.reason, seen.in_state_ns)
                && self.site_passes(row)
                && self.filter.admits_labels(row));
        self.filtered += u64::from(!passes);
        passes
    }

    fn site_passes(&mut self, row: &Row) -> bool {
        let site = std::ptr::from_ref(row.site).addr();
        *self.sites.entry(site).or_insert_with(|| self.filter.admits_site(row.site))
    }
}
