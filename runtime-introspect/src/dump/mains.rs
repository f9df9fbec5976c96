//! Mains: the futures that `block_on` polls, each told in full at either level, because there are as many as threads at most.
//!
//! What is told of one is what is told of a task, from a record like a task's; and which thread it is. Their own ids lead to them from
//! wherever an owner, a parent or the target of a wait is named.
//!
//! One that waits has no stack here: only its thread may poll it, and that is asleep. One that is in a poll has that of its
//! thread, if stacks of what runs were asked for.

use gumption_core::runtime::{Handle, MainRow};

use super::gather::{Chosen, Walk};
use super::scene::Seen;
use super::stacks::ById;
use super::{Level, RuntimeDump, State, ThreadDump};

/// The mains of a runtime.
fn of(handle: &Handle) -> Vec<MainRow> {
    let mut mains = Vec::new();
    handle.for_each_main(|main| mains.push(main));
    mains
}

impl Walk<'_> {
    /// Tells of the mains of the runtime.
    pub(super) fn mains(&self, handle: &Handle, dump: &mut RuntimeDump) {
        let mains = of(handle);
        let main = |id: u64| mains.iter().find(|main| main.row.id.as_u64() == id);
        let mut chosen: Chosen = self.choose(&mut |each| mains.iter().for_each(|main| each(&main.row)));
        for (row, seen) in &mut chosen.rows {
            if seen.state == State::Runnable && main(row.id.as_u64()).is_some_and(|main| main.polled) {
                *seen = Seen { state: State::Running, in_state_ns: None, ..*seen };
            }
        }
        let polled = chosen.rows.iter().filter(|(_, seen)| seen.state == State::Running);
        let polled: Vec<(u64, u64)> =
            polled.filter_map(|(row, _)| main(row.id.as_u64()).map(|main| (row.id.as_u64(), main.thread_id))).collect();
        let running: ById = self.stacks.of_mains(&polled);
        dump.mains = self.tell(&chosen.rows, &running, &mut dump.notes);
        for told in &mut dump.mains {
            told.thread = main(told.id).map(|main| ThreadDump { name: main.thread.clone(), id: main.thread_id });
        }
        // There the counts are those of the groups.
        if dump.level == Level::Tasks {
            dump.filtered += chosen.filtered;
            dump.cut += chosen.cut;
        }
    }
}
