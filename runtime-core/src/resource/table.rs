//! [`Table`]: the records of all resources, and which of them are free.
//!
//! Pages of records that are never moved and never freed, each twice as large as the one before, so that a record's index finds it
//! in two steps and a reader walks them without a lock. Memory is bounded by the most resources that were ever
//! waited for and alive together: 128 bytes each.
//!
//! Free records lie in a few small stocks, one for each stripe of threads, and in the centre what those have too many of. So
//! a resource takes a record, and gives it back, with one uncontended lock each, if its thread has none in its
//! [`Pocket`](super::pocket::Pocket). Locks are held for
//! a constant number of steps, or one page's making. Order: a stock, then the centre.
//!
//! When all 16 million records are taken, further resources share one, of kind [`Other`](Kind::Other): they have an id and no
//! facts of their own. That is a loss for the observer and for nobody else.
//!
//! Who may call: [`Resource`](super::Resource), on its first wait and in its drop; observers.

use super::holders::Shares;
use super::record::{Facts, Kind, MOST, Record, index_of};
use crate::policy;
use crate::striped::Striped;
use crate::sync::{AtomicPtr, AtomicU32, Lazy, Mutex, Ordering};
use std::panic::Location;
use std::ptr::null_mut;

/// The records of page 0; page `k` has `FIRST << k`.
const FIRST: u32 = policy::RESOURCE_PAGE;
const PAGES: usize = (MOST / FIRST).ilog2() as usize;

/// The records of this process. Resources belong to no runtime: a channel may join two.
pub(super) static TABLE: Lazy<Table> = Lazy::new(Table::new);

/// Where resources' records are.
#[derive(Debug)]
pub struct Table {
    pages: [AtomicPtr<Record>; PAGES],
    /// How many records there are: all below it may be read.
    made: AtomicU32,
    centre: Mutex<Vec<u32>>,
    stocks: Striped<Mutex<Vec<u32>>>,
    /// For those that find every other taken.
    shared: Record,
}

/// The page of a record, and its place there.
const fn place(index: u32) -> (usize, usize) {
    let page = (index / FIRST + 1).ilog2();
    (page as usize, (index - FIRST * ((1 << page) - 1)) as usize)
}

const fn page_len(page: usize) -> usize {
    (FIRST as usize) << page
}

impl Table {
    /// A table without records, for ever.
    pub fn new() -> Self {
        let shared = Record::free(MOST - 1);
        shared.begin(Kind::Other, Location::caller());
        Self {
            pages: std::array::from_fn(|_| AtomicPtr::new(null_mut())),
            made: AtomicU32::new(0),
            centre: Mutex::new(Vec::new()),
            stocks: Striped::new(|| Mutex::new(Vec::new())),
            shared,
        }
    }

    /// A record that begins a life as the given thing.
    pub fn begin(&self, kind: Kind, site: &'static Location<'static>) -> &Record {
        let mut stock = self.stocks.mine().lock();
        let index = match stock.pop() {
            Some(index) => index,
            None => {
                let mut centre = self.centre.lock();
                if centre.is_empty() {
                    self.grow(&mut centre);
                }
                let left = centre.len().saturating_sub(policy::RESOURCE_STOCK / 2);
                stock.extend(centre.drain(left..));
                match stock.pop() {
                    Some(index) => index,
                    None => return &self.shared,
                }
            }
        };
        drop(stock);
        let record = self.at(index);
        record.begin(kind, site);
        record
    }

    /// Whether it is the one that resources share when all are taken, and which never ends.
    pub fn is_shared(&self, record: &Record) -> bool {
        std::ptr::eq(record, &self.shared)
    }

    /// Ends a record's life, and gives it back.
    pub fn end(&self, record: &Record) {
        if self.is_shared(record) {
            return;
        }
        record.end();
        self.give_back(record);
    }

    /// Gives a record back whose life has ended.
    pub fn give_back(&self, record: &Record) {
        let index = record.index();
        let mut stock = self.stocks.mine().lock();
        stock.push(index);
        if stock.len() > policy::RESOURCE_STOCK {
            let half = stock.len() / 2;
            self.centre.lock().extend(stock.drain(half..));
        }
    }

    /// Another page's records into the centre; none if there are as many as there can be.
    fn grow(&self, centre: &mut Vec<u32>) {
        // Ordering: Relaxed; it changes under the centre's lock only.
        let made = self.made.load(Ordering::Relaxed);
        let (page, _) = place(made);
        if page == PAGES {
            return;
        }
        let len = page_len(page) as u32;
        let records: Box<[Record]> = (made..made + len).map(Record::free).collect();
        // Ordering: Relaxed; published by the store below.
        self.pages[page].store(Box::leak(records).as_mut_ptr(), Ordering::Relaxed);
        // Ordering: Release pairs with the Acquire of `readable`. Who gets an index otherwise gets it through a lock.
        self.made.store(made + len, Ordering::Release);
        centre.extend((made..made + len).rev());
    }

    fn at(&self, index: u32) -> &Record {
        let (page, place) = place(index);
        // Ordering: Relaxed; who has an index has it from `made` or from a lock, after the page was stored. SAFETY: such an
        // index is below `made`, so that its page is there, and pages stay.
        unsafe { &*self.pages[page].load(Ordering::Relaxed).add(place) }
    }

    fn readable(&self) -> u32 {
        // Ordering: Acquire pairs with the Release of `grow`.
        self.made.load(Ordering::Acquire)
    }

    /// The facts of every resource.
    pub fn snapshot(&self) -> Vec<Facts> {
        (0..self.readable()).filter_map(|index| self.at(index).facts()).collect()
    }

    /// The facts of one.
    pub fn find(&self, id: u64) -> Option<Facts> {
        let index = index_of(id);
        let facts = if index < self.readable() { self.at(index).facts() } else { None };
        facts.filter(|facts| facts.id == id)
    }

    /// Who has shares of one.
    pub fn shares(&self, id: u64) -> Option<Shares> {
        let index = index_of(id);
        if index < self.readable() { self.at(index).shares(id) } else { None }
    }
}

impl Default for Table {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(any(gumption_loom, gumption_shuttle))))]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::sync::OnceLock;

    #[test]
    fn every_index_has_one_place() {
        let mut index = 0;
        for page in 0..4 {
            for offset in 0..page_len(page) {
                assert_eq!(place(index), (page, offset));
                index += 1;
            }
        }
        assert_eq!(place(MOST - FIRST - 1), (PAGES - 1, page_len(PAGES - 1) - 1), "the last one of the last page");
    }

    #[test]
    fn records_are_given_back_and_ids_are_not_used_twice() {
        // Its pages are for ever, so it is one that lives as long.
        static TABLE: OnceLock<Table> = OnceLock::new();
        let table = TABLE.get_or_init(Table::new);
        let mut seen = HashSet::new();
        let here = Location::caller();
        for round in 0..5 {
            let records: Vec<_> = (0..3 * FIRST).map(|_| table.begin(Kind::Notify, here)).collect();
            for record in &records {
                assert!(seen.insert(record.id()), "used twice, in round {round}");
                assert_eq!(table.find(record.id()).map(|facts| facts.kind), Some(Kind::Notify));
            }
            assert_eq!(table.snapshot().len(), records.len());
            let first = records[0].id();
            for record in records {
                table.end(record);
            }
            assert!(table.find(first).is_none());
            assert!(table.snapshot().is_empty());
        }
        assert!(table.readable() <= 8 * FIRST, "memory is bounded by the most at a time");
    }
}
