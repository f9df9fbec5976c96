//! The names of the tasks that have one.
//!
//! A record has no room for a name, and few tasks have one: so names are kept beside, by the task's id, and the record has a
//! flag in its state word that says whether to look here. A name is entered by the spawner, before anybody else knows the task,
//! and leaves when the record is freed, so that a task that has ended and is still referred to has its name, too. Ids are never
//! used twice: an observer that comes late finds no name, and never another task's.
//!
//! The table is in a few parts by the low bits of the id, each behind a mutex that is held for one step of a map. `std`'s in
//! every build: nothing is ordered by it, and the checkers need not see it.
//!
//! The entries of a part are in a list besides, which a debugger walks: no script could read the map.

use super::Id;
use crate::policy;
use crate::sync::{Ordering, StaticMutex, UncheckedPtr};
use std::collections::BTreeMap;
use std::mem::offset_of;
use std::ptr::{NonNull, null_mut};
use std::sync::{Arc, MutexGuard, PoisonError};

/// An entry, for ever at its address while it is there.
struct Entry {
    next: *mut Entry,
    previous: *mut Entry,
    id: u64,
    name: Arc<str>,
    /// The name, as a debugger reads it.
    text: *const u8,
    len: usize,
}

#[derive(Default)]
struct Part(BTreeMap<u64, NonNull<Entry>>);

// SAFETY: what the pointers of the entries point to is theirs, and reached under the lock of the part only.
unsafe impl Send for Part {}

static NAMES: [StaticMutex<Part>; policy::NAME_PARTS] =
    [const { StaticMutex::new(Part(BTreeMap::new())) }; policy::NAME_PARTS];
/// Where the list of each part begins. Written under the part's lock, read by a debugger.
static FIRST: [UncheckedPtr<Entry>; policy::NAME_PARTS] = [const { UncheckedPtr::new(null_mut()) }; policy::NAME_PARTS];

/// Where the lists begin, and how many there are.
pub(super) fn lists() -> (*const (), usize) {
    (FIRST.as_ptr().cast(), policy::NAME_PARTS)
}

/// Where in an entry a debugger finds the next one, the task's id, the text and its length.
pub(super) const NEXT_AT: usize = offset_of!(Entry, next);
pub(super) const ID_AT: usize = offset_of!(Entry, id);
pub(super) const TEXT_AT: usize = offset_of!(Entry, text);
pub(super) const LEN_AT: usize = offset_of!(Entry, len);

fn part(id: Id) -> MutexGuard<'static, Part> {
    NAMES[id.as_u64() as usize % policy::NAME_PARTS].lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives a task its name.
pub(super) fn enter(id: Id, name: &str) {
    let name = Arc::<str>::from(name);
    let (text, len) = (name.as_ptr(), name.len());
    let mut entry = Box::new(Entry { next: null_mut(), previous: null_mut(), id: id.as_u64(), name, text, len });
    let mut part = part(id);
    let first = &FIRST[id.as_u64() as usize % policy::NAME_PARTS];
    // Ordering: Relaxed, here and below; the lock orders writers, and who reads it stops the process.
    entry.next = first.load(Ordering::Relaxed);
    let entry = NonNull::from(Box::leak(entry));
    // SAFETY: what is in the list is in the map, whose lock we have, and the entry is ours.
    unsafe {
        if let Some(next) = entry.as_ref().next.as_mut() {
            next.previous = entry.as_ptr();
        }
    }
    first.store(entry.as_ptr(), Ordering::Relaxed);
    let before = part.0.insert(id.as_u64(), entry);
    debug_assert!(before.is_none(), "a task is given a name once");
}

/// The name of a task.
pub(super) fn find(id: Id) -> Option<Arc<str>> {
    // SAFETY: what is in the map is there, and not changed but for its links.
    part(id).0.get(&id.as_u64()).map(|entry| unsafe { (*entry.as_ptr()).name.clone() })
}

/// Forgets the name of a task.
pub(super) fn forget(id: Id) {
    let mut part = part(id);
    let Some(entry) = part.0.remove(&id.as_u64()) else { return };
    // SAFETY: it was made of a box and is in the map no more; its neighbours, if there are any, are, and we have the lock.
    let entry = unsafe { Box::from_raw(entry.as_ptr()) };
    // SAFETY: as above.
    unsafe {
        match entry.previous.as_mut() {
            Some(previous) => previous.next = entry.next,
            None => FIRST[id.as_u64() as usize % policy::NAME_PARTS].store(entry.next, Ordering::Relaxed),
        }
        if let Some(next) = entry.next.as_mut() {
            next.previous = entry.previous;
        }
    }
    drop(part);
    drop(entry);
}

#[cfg(all(test, not(any(gumption_loom, gumption_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_until_it_is_forgotten() {
        let id = Id::new(u64::MAX - 5).unwrap();
        assert_eq!(find(id), None);
        enter(id, "worker");
        assert_eq!(find(id).as_deref(), Some("worker"));
        forget(id);
        assert_eq!(find(id), None);
    }

    /// In the list of a part, as a debugger walks it.
    fn listed(id: u64) -> Vec<u64> {
        let part = NAMES[id as usize % policy::NAME_PARTS].lock().unwrap();
        let mut ids = Vec::new();
        let mut next = FIRST[id as usize % policy::NAME_PARTS].load(Ordering::Relaxed);
        // SAFETY: the lock is held, and the list is of entries in the map.
        while let Some(entry) = unsafe { next.as_ref() } {
            assert_eq!(part.0.get(&entry.id).map(|entry| entry.as_ptr().cast_const()), Some(next.cast_const()));
            ids.push(entry.id);
            next = entry.next;
        }
        ids.into_iter().filter(|&id| id > u64::MAX / 2).collect()
    }

    #[test]
    fn a_part_lists_what_it_has_whichever_is_forgotten_first() {
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0]] {
            // In a part of their own.
            let ids = [1u64, 2, 3].map(|n| u64::MAX - 7 - n * policy::NAME_PARTS as u64);
            for id in ids {
                enter(Id::new(id).unwrap(), "x");
            }
            assert_eq!(listed(ids[0]), [ids[2], ids[1], ids[0]]);
            let mut left = vec![ids[2], ids[1], ids[0]];
            for at in order {
                forget(Id::new(ids[at]).unwrap());
                left.retain(|&id| id != ids[at]);
                assert_eq!(listed(ids[0]), left);
            }
        }
    }
}
