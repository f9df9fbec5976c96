//! [`Slab`]: the records of all sources, in pages that stay where they are.
//!
//! The kernel hands back a token with each event: a record's index and the generation of the source that it was given
//! to. Whoever turns the driver goes from token to record by two loads and no lock. Pages are never freed while the slab
//! lives, so an event that comes late finds a record, with another generation, and no freed memory.
//!
//! ```text
//! page      0          1              2
//! index   0..64     64..192       192..448    ...    each twice as long as the one before
//! ```
//!
//! Taking and returning a record takes a lock: once a connection, beside the system calls that make it. The lock also
//! decides between a registration and the end of the runtime: whoever registers after [`Slab::close`] is refused, whoever
//! registered before is closed by it.
//!
//! Invariant: a record that is out has one owner, and its generation is the one in its owner's token.

use std::ptr::{self, NonNull};

use gumption_core::policy::CHECKED;
use gumption_core::sync::{AtomicPtr, Mutex, Ordering, broken};

use crate::home::Home;
use crate::interest::Ready;
use crate::readiness::{Noted, Readiness};

/// Records of the first page; under the checkers so few that models reach the second.
const FIRST_PAGE: usize = if CHECKED { 2 } else { 64 };
const PAGES: usize = 22;

/// Bits of a token that are the index; the rest are the generation. 2^20 sources, or 2^28, are at most 64 << 22.
const INDEX_BITS: u32 = if usize::BITS == 64 { 32 } else { 20 };
const GENERATIONS: u32 = (usize::MAX >> INDEX_BITS) as u32;

/// What is known of one source: both directions.
#[derive(Debug, Default)]
pub struct Record {
    /// For reading.
    pub read: Readiness,
    /// For writing.
    pub write: Readiness,
    /// In which poll it is registered.
    pub home: Home,
}

impl Record {
    /// An event: how many it woke.
    pub fn set(&self, generation: u32, ready: Ready) -> Noted {
        let (for_read, for_write) = (ready & Ready::READ_SIDE, ready - Ready::READ_SIDE);
        let mut woken = 0;
        for (direction, ready) in [(&self.read, for_read), (&self.write, for_write)] {
            if ready.is_empty() {
                continue;
            }
            match direction.set(generation, ready) {
                Noted::Stale => return Noted::Stale,
                Noted::Woke(here) => woken += here,
            }
        }
        Noted::Woke(woken)
    }

    fn reset(&self, generation: u32) {
        self.read.reset(generation);
        self.write.reset(generation);
    }
}

/// A record that is out, and its generation.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    record: NonNull<Record>,
    index: u32,
    generation: u32,
}

// SAFETY: a record may be used from every thread, and lives as long as its slab, which its owner keeps.
unsafe impl Send for Key {}
// SAFETY: as above.
unsafe impl Sync for Key {}

impl Key {
    /// What the kernel gives back with each event.
    pub fn token(self) -> mio::Token {
        mio::Token(self.index as usize | (self.generation as usize) << INDEX_BITS)
    }

    /// Which of the record's sources it is.
    pub fn generation(self) -> u32 {
        self.generation
    }

    /// The record.
    ///
    /// # Safety
    ///
    /// The slab lives.
    pub unsafe fn record<'a>(self) -> &'a Record {
        // SAFETY: pages are freed with the slab only.
        unsafe { self.record.as_ref() }
    }
}

/// The records.
#[derive(Debug)]
pub struct Slab {
    pages: [AtomicPtr<Record>; PAGES],
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Records that have been out and are free again, and their next generations.
    free: Vec<(u32, u32)>,
    /// Records beyond have never been out.
    fresh: u32,
    taken: u64,
    closed: bool,
}

/// Why there is no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The runtime has ended.
    Closed,
    /// All are out.
    Full,
}

fn page_of(index: u32) -> (usize, usize) {
    let shifted = index as usize + FIRST_PAGE;
    let page = (shifted.ilog2() - FIRST_PAGE.ilog2()) as usize;
    (page, shifted - (FIRST_PAGE << page))
}

impl Default for Slab {
    fn default() -> Self {
        Self::new()
    }
}

impl Slab {
    /// No record.
    pub fn new() -> Self {
        Self { pages: std::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())), state: Mutex::new(State::default()) }
    }

    /// Takes a record for a source.
    ///
    /// # Errors
    ///
    /// If the slab is closed, or full.
    pub fn take(&self) -> Result<Key, Refused> {
        let mut state = self.state.lock();
        if state.closed && !broken("io-taken-after-close") {
            return Err(Refused::Closed);
        }
        let (index, generation) = match state.free.pop() {
            Some(free) => free,
            None => {
                let index = state.fresh;
                let (page, offset) = page_of(index);
                if page >= PAGES {
                    return Err(Refused::Full);
                }
                if offset == 0 {
                    let records = (0..FIRST_PAGE << page).map(|_| Record::default()).collect::<Box<[Record]>>();
                    // Ordering: Release pairs with the Acquire in `find`, for whoever turns the driver.
                    self.pages[page].store(Box::into_raw(records).cast::<Record>(), Ordering::Release);
                }
                state.fresh += 1;
                (index, 0)
            }
        };
        state.taken += 1;
        drop(state);
        match self.find(index) {
            Some(record) => Ok(Key { record: NonNull::from(record), index, generation }),
            None => Err(Refused::Full),
        }
    }

    fn find(&self, index: u32) -> Option<&Record> {
        let (page, offset) = page_of(index);
        // Ordering: Acquire pairs with the Release in `take`.
        let records = self.pages.get(page)?.load(Ordering::Acquire);
        // SAFETY: not null, so it is the start of a page of that many records, and lives as long as `self`.
        (!records.is_null()).then(|| unsafe { &*records.add(offset) })
    }

    /// The record that a token of the kernel's is for, and the generation in it.
    pub fn lookup(&self, token: mio::Token) -> Option<(&Record, u32)> {
        let index = (token.0 & ((1 << INDEX_BITS) - 1)) as u32;
        Some((self.find(index)?, (token.0 >> INDEX_BITS) as u32))
    }

    /// Takes a record back. Events for it are stale from here on.
    pub fn give_back(&self, key: Key) {
        let next = if key.generation == GENERATIONS { 0 } else { key.generation + 1 };
        // SAFETY: `self` is its slab.
        unsafe { key.record() }.reset(next);
        self.state.lock().free.push((key.index, next));
    }

    /// Refuses from here on, and tells everybody who waits.
    pub fn close(&self) {
        let fresh = {
            let mut state = self.state.lock();
            state.closed = true;
            state.fresh
        };
        for record in (0..fresh).filter_map(|index| self.find(index)) {
            if broken("io-close-unheard") {
                continue;
            }
            record.read.close();
            record.write.close();
        }
    }

    /// Records that are out, and how many have been, ever.
    pub fn counts(&self) -> (u64, u64) {
        let state = self.state.lock();
        (u64::from(state.fresh) - state.free.len() as u64, state.taken)
    }
}

impl Drop for Slab {
    fn drop(&mut self) {
        for (page, records) in self.pages.iter().enumerate() {
            // Ordering: Relaxed; nobody else is left.
            let records = records.load(Ordering::Relaxed);
            if !records.is_null() {
                let records = ptr::slice_from_raw_parts_mut(records, FIRST_PAGE << page);
                // SAFETY: made in `take` from a box of that many, and freed here only.
                drop(unsafe { Box::from_raw(records) });
            }
        }
    }
}

#[cfg(all(test, not(any(gumption_loom, gumption_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn every_index_has_its_own_place() {
        let mut seen = std::collections::HashSet::new();
        for index in 0..10_000 {
            let (page, offset) = page_of(index);
            assert!(offset < FIRST_PAGE << page);
            assert!(seen.insert((page, offset)));
        }
    }

    #[test]
    fn a_token_of_an_earlier_source_is_stale() {
        let slab = Slab::new();
        let first = slab.take().unwrap();
        let token = first.token();
        slab.give_back(first);
        let second = slab.take().unwrap();
        assert_ne!(second.token(), token);
        let (record, generation) = slab.lookup(token).unwrap();
        assert_eq!(record.set(generation, Ready::READABLE), Noted::Stale);
        let (record, generation) = slab.lookup(second.token()).unwrap();
        assert_eq!(record.set(generation, Ready::READABLE), Noted::Woke(0));
        assert_eq!(slab.counts(), (1, 2));
    }

    #[test]
    fn nothing_is_taken_from_a_closed_slab() {
        let slab = Slab::new();
        let before = slab.take().unwrap();
        slab.close();
        assert_eq!(slab.take().unwrap_err(), Refused::Closed);
        // SAFETY: the slab lives.
        assert!(unsafe { before.record() }.read.look(Ready::READABLE).is_some_and(|seen| seen.closed));
    }
}
