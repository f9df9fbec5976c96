//! A walk over the tasks of several runtimes, those of local sets included.
//!
//! Each row is whole, the rows are not of one moment: see [`dump`](crate::dump). Who wants to conclude something from several of them
//! reads them twice; [`leaks`](crate::leaks) says how.

use gumption_core::runtime::{Handle, running};
use gumption_core::task::{Row, local_tasks};

use super::model::Party;

/// A task, and whose it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) row: Row,
    /// The number of its runtime; 0 for a local set's.
    pub(crate) runtime: u64,
    /// When it was seen, ns of the clock that its times are by.
    pub(crate) now: u64,
}

impl Seen {
    pub(crate) fn id(&self) -> u64 {
        self.row.id.as_u64()
    }

    /// How long it has been in its wait, ns.
    pub(crate) fn age_ns(&self) -> u64 {
        self.now.saturating_sub(self.row.since)
    }

    pub(crate) fn party(&self) -> Party {
        Party {
            id: self.id(),
            name: self.row.name().map(|name| name.to_string()),
            spawned_at: self.row.site.into(),
            type_name: self.row.type_name().into(),
            runtime: self.runtime,
            is_main: self.row.is_main(),
        }
    }
}

/// Every runtime of the process, and `handle`'s, if that is none of them any more.
pub(crate) fn everywhere(handle: Option<&Handle>) -> Vec<Handle> {
    let mut handles = running();
    if let Some(handle) = handle
        && handles.iter().all(|known| known.id() != handle.id())
    {
        handles.push(handle.clone());
    }
    handles
}

/// Calls with every task of these runtimes, and of the process' local sets.
pub(crate) fn tasks(handles: &[Handle], mut each: impl FnMut(Seen)) {
    let mut latest = 0;
    for handle in handles {
        let (runtime, now) = (number(handle), handle.clock_ns());
        latest = latest.max(now);
        handle.for_each_task(|row| each(Seen { row, runtime, now }));
    }
    local_tasks(|row| each(Seen { row, runtime: 0, now: latest }));
}

/// The same with the futures that `block_on` polls on these runtimes: all that can wait for somebody else, and have what others wait
/// for.
pub(crate) fn parties(handles: &[Handle], mut each: impl FnMut(Seen)) {
    for handle in handles {
        let (runtime, now) = (number(handle), handle.clock_ns());
        handle.for_each_main(|main| each(Seen { row: main.row, runtime, now }));
    }
    tasks(handles, each);
}

/// The number of a handle's runtime.
pub(crate) fn number(handle: &Handle) -> u64 {
    handle.id().as_u64()
}

/// Calls with every closure of these runtimes' blocking pools.
pub(crate) fn closures(handles: &[Handle], mut each: impl FnMut(Seen)) {
    for handle in handles {
        let (runtime, now) = (number(handle), handle.clock_ns());
        handle.for_each_closure(|row| each(Seen { row, runtime, now }));
    }
}
