//! The names of the tasks that have one.
//!
//! A record has no room for a name, and few tasks have one: so names are kept beside, by the task's id, and the record has a
//! flag in its state word that says whether to look here. A name is entered by the spawner, before anybody else knows the task,
//! and leaves when the record is freed, so that a task that has ended and is still referred to has its name, too. Ids are never
//! used twice: an observer that comes late finds no name, and never another task's.
//!
//! The table is in a few parts by the low bits of the id, each behind a mutex that is held for one step of a map. `std`'s in
//! every build: nothing is ordered by it, and the checkers need not see it.

use super::Id;
use crate::sync::StaticMutex;
use std::collections::BTreeMap;
use std::sync::{Arc, MutexGuard, PoisonError};

const PARTS: usize = 16;

type Part = BTreeMap<u64, Arc<str>>;

static NAMES: [StaticMutex<Part>; PARTS] = [const { StaticMutex::new(BTreeMap::new()) }; PARTS];

fn part(id: Id) -> MutexGuard<'static, Part> {
    NAMES[id.as_u64() as usize % PARTS].lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives a task its name.
pub(super) fn enter(id: Id, name: &str) {
    let name = Arc::from(name);
    part(id).insert(id.as_u64(), name);
}

/// The name of a task.
pub(super) fn find(id: Id) -> Option<Arc<str>> {
    part(id).get(&id.as_u64()).cloned()
}

/// Forgets the name of a task.
pub(super) fn forget(id: Id) {
    let name = part(id).remove(&id.as_u64());
    drop(name);
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
}
