//! What a debugger is told of tasks: where in a record, a page and an arena things are. See [`crate::debugger`].

use super::body::Vtable;
use super::registry::Sink;
use super::{Task, arena, bits, names, record};
use crate::policy;
use crate::wait::{REASON, RESOURCE_SHIFT};
use std::mem::offset_of;

/// Names and numbers.
pub(crate) const NUMBERS: [(&str, u64); 35] = [
    ("arena.older", arena::OLDER_ARENA_AT as u64),
    ("arena.newest", arena::NEWEST_PAGE_AT as u64),
    ("arena.local", arena::LOCAL_AT as u64),
    ("arena.sink_data", (arena::SINK_AT + offset_of!(Sink, data)) as u64),
    ("arena.sink_submit", (arena::SINK_AT + offset_of!(Sink, submit)) as u64),
    ("page.size", policy::PAGE_BYTES as u64),
    ("page.older", arena::OLDER_PAGE_AT as u64),
    ("page.records", arena::RECORDS_AT as u64),
    ("page.count", arena::RECORDS as u64),
    ("task.size", size_of::<Task>() as u64),
    ("task.state", offset_of!(Task, state) as u64),
    ("task.vtable", record::VTABLE_AT as u64),
    ("task.id", record::ID_AT as u64),
    ("task.site", record::SITE_AT as u64),
    ("task.wait", record::WAIT_AT as u64),
    ("task.since", record::SINCE_AT as u64),
    ("task.since_ready", record::READY),
    ("vtable.type_name", offset_of!(Vtable, type_name) as u64),
    ("vtable.poll", offset_of!(Vtable, poll) as u64),
    ("vtable.is_main", offset_of!(Vtable, is_main) as u64),
    ("state.complete", bits::COMPLETE),
    ("state.aborted", bits::ABORTED),
    ("state.join_handle", bits::JOIN_INTEREST),
    ("state.locked", bits::LOCKED),
    ("state.named", bits::NAMED),
    ("state.labelled", bits::LABELLED),
    ("state.wakes_shift", bits::WAKES_SHIFT as u64),
    ("state.wakers_shift", bits::WAKERS_SHIFT as u64),
    ("state.refs_shift", bits::REFS_SHIFT as u64),
    ("name.next", names::NEXT_AT as u64),
    ("name.id", names::ID_AT as u64),
    ("name.text", names::TEXT_AT as u64),
    ("name.len", names::LEN_AT as u64),
    ("wait.reason", REASON as u64),
    ("wait.resource_shift", RESOURCE_SHIFT as u64),
];

// `None` is a sink without a function: the data of one that is there is where it would be without the `Option`.
const _: () = assert!(size_of::<Option<Sink>>() == size_of::<Sink>());

pub(crate) use arena::list as arenas;

/// Where the lists of names begin, and how many there are.
pub(crate) fn names() -> (*const (), usize) {
    names::lists()
}
