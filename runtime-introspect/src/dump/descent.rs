//! Who spawned whom: the ancestors of the tasks that a dump lists.
//!
//! A record knows its parent's id and nothing more, and the parent may be a task that is not listed. So the records are walked
//! again, once for each generation, for as long as there is anybody left to be found: at most four times, and mostly not at all.

use std::collections::{HashMap, HashSet};
use std::panic::Location;

use gumption_core::task::Row;

use super::scene::{Seen, Spreading};
use super::{Ancestor, Site, TaskDump};

/// Calls its argument with every record.
pub(super) type Records<'a> = &'a mut dyn FnMut(&mut dyn FnMut(&Row));

/// How far back a task's descent is told.
const ANCESTORS: usize = 4;

/// Tells of each task who spawned it. Ancestors may be tasks that are not listed, so the records are walked once for each
/// generation, as long as there is anybody to be found.
pub(super) fn descend(rows: &[(Row, Seen)], tasks: &mut [TaskDump], records: Records<'_>) {
    let mut known: HashMap<u64, (u64, &'static Location<'static>), Spreading> =
        rows.iter().map(|(row, _)| (row.id.as_u64(), (row.parent, row.site))).collect();
    let mut wanted: HashSet<u64, Spreading> =
        rows.iter().map(|(row, _)| row.parent).filter(|id| *id != 0 && !known.contains_key(id)).collect();
    for _ in 0..ANCESTORS {
        if wanted.is_empty() {
            break;
        }
        let mut next: HashSet<u64, Spreading> = HashSet::default();
        records(&mut |row| {
            if wanted.contains(&row.id.as_u64()) && !row.bits.is_complete() {
                known.insert(row.id.as_u64(), (row.parent, row.site));
                next.insert(row.parent);
            }
        });
        next.retain(|id| *id != 0 && !known.contains_key(id));
        wanted = next;
    }
    for ((row, _), task) in rows.iter().zip(tasks) {
        let mut id = row.parent;
        while id != 0 && task.ancestors.len() < ANCESTORS {
            let found = known.get(&id).copied();
            task.ancestors.push(Ancestor { id, spawned_at: found.map(|(_, site)| Site::from(site)) });
            id = found.map_or(0, |(parent, _)| parent);
        }
    }
}
