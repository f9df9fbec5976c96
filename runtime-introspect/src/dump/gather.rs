//! Gathering: the walk over a runtime's records, and what becomes of it.
//!
//! ```text
//!   stats()  ─────────▶ Scene: who is on a machine, what time it is
//!   for_each_task() ──▶ each record ──▶ Scene::see ──▶ level 1: Groups::add           count it
//!                                                  ──▶ level 2: Walk::choose          keep it, if it is among the first `rows`
//!                                                               then row::tell        and only now spend anything on it
//!   stack::capture_all(), on_cpu(), if asked ──▶ Stacks: where they wait, where they run
//! ```
//!
//! The walk takes no lock and stops nobody; memory is bounded by the limit on rows, whatever the number of tasks. What costs
//! (text, system calls, ancestors) is spent on the tasks that are listed.
//!
//! Who may call: anybody, from any thread, inside a task of the very runtime or while every machine is stuck. It refuses to wake
//! a machine, and to wait for one.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use gumption_core::runtime::{self, Handle};
use gumption_core::stats::{MachineState, MachineStats, ProcessorState, ProcessorStats};
use gumption_core::task::{self, Row};

use super::descent::{Records, descend};
use super::group::Groups;
use super::scene::{Scene, Seen};
use super::sieve::Sieve;
use super::stacks::{ById, Stacks};
use super::{Dump, Level, MachineDump, Options, ProcessorDump, RuntimeDump, State, TaskDump, row};
use crate::cost;

/// What one runtime does. [`Inspect::dump_with`](crate::Inspect::dump_with) is the same.
pub fn dump(handle: &Handle, level: Level, options: &Options) -> RuntimeDump {
    let _cost = cost::of(cost::Part::Dump);
    let scene = Scene::of(handle);
    let mut dump = RuntimeDump {
        id: handle.id().as_u64(),
        name: handle.name().map(str::to_owned),
        uptime_ns: scene.stats.uptime_ns,
        level,
        processors: scene.stats.processors.iter().filter_map(processor).collect(),
        machines: scene.stats.machines.iter().filter_map(machine).collect(),
        global_queue_len: scene.stats.totals.global_queue_len as u64,
        ..RuntimeDump::default()
    };
    let since = Instant::now();
    let stacks = Stacks::of(handle, options, since);
    let walk = Walk { scene: &scene, options, handle: Some(handle), since, stacks: &stacks };
    let running = stacks.of_machines(&mut dump);
    walk.tasks(&mut dump, &running, &mut |f| handle.for_each_task(|row| f(&row)));
    walk.mains(handle, &mut dump);
    if level == Level::Tasks {
        let chosen = walk.choose(&mut |f| handle.for_each_closure(|row| f(&row)));
        dump.closures = walk.tell(&chosen.rows, &running, &mut dump.notes);
        dump.filtered += chosen.filtered;
        dump.cut += chosen.cut;
    }
    dump.notes.extend(stacks.notes());
    dump
}

impl Dump {
    /// What all runtimes of this process do, and the tasks of its local sets.
    pub fn of_process(level: Level, options: &Options) -> Self {
        Self::of(&runtime::running(), level, options)
    }

    /// What some runtimes do. The tasks of local sets belong to none; they are told of beside them.
    pub fn of(handles: &[Handle], level: Level, options: &Options) -> Self {
        let mut runtimes: Vec<RuntimeDump> = handles.iter().map(|handle| dump(handle, level, options)).collect();
        let local = dump_local(handles.first(), level, options);
        runtimes.extend(Some(local).filter(|local| local.live > 0));
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            schema: Self::SCHEMA,
            pid: std::process::id(),
            program: program(),
            taken_unix_ms: u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX),
            runtimes,
            notes: Vec::new(),
        }
    }
}

/// The tasks of all local sets. Their times are by the clock of the runtime whose thread polls the set; all runtimes' are the same
/// as long as nobody has paused one.
fn dump_local(clock: Option<&Handle>, level: Level, options: &Options) -> RuntimeDump {
    let scene = Scene::at(clock.map_or(0, Handle::clock_ns));
    let mut dump = RuntimeDump { name: Some("local sets".to_owned()), level, ..RuntimeDump::default() };
    let stacks = Stacks::of_nobody(options);
    let walk = Walk { scene: &scene, options, handle: clock, since: Instant::now(), stacks: &stacks };
    walk.tasks(&mut dump, &ById::default(), &mut |f| task::local_tasks(|row| f(&row)));
    dump
}

pub(super) struct Walk<'a> {
    scene: &'a Scene,
    options: &'a Options,
    handle: Option<&'a Handle>,
    since: Instant,
    pub(super) stacks: &'a Stacks<'a>,
}

/// The tasks that are listed, and how many are not.
#[derive(Default)]
pub(super) struct Chosen {
    pub(super) rows: Vec<(Row, Seen)>,
    live: u64,
    pub(super) filtered: u64,
    pub(super) cut: u64,
}

/// *Tasks* whose stacks are asked for at a time while they are grouped: so many copies of records are kept at once.
const BATCH: usize = 4096;

impl Walk<'_> {
    fn tasks(&self, dump: &mut RuntimeDump, running: &ById, records: Records<'_>) {
        match dump.level {
            Level::Groups => self.group(dump, running, records),
            Level::Tasks => {
                let chosen = self.choose(records);
                (dump.live, dump.filtered, dump.cut) = (chosen.live, chosen.filtered, chosen.cut);
                dump.tasks = self.tell(&chosen.rows, running, &mut dump.notes);
                descend(&chosen.rows, &mut dump.tasks, &mut |f| {
                    records(f);
                    if let Some(handle) = self.handle {
                        handle.for_each_main(|main| f(&main.row));
                    }
                });
            }
        }
    }

    fn group(&self, dump: &mut RuntimeDump, running: &ById, records: Records<'_>) {
        let mut sieve = Sieve::new(&self.options.filter);
        let mut groups = Groups::default();
        let mut live = 0;
        let mut batch = Vec::new();
        let with_stacks = self.options.stacks || !running.is_empty();
        records(&mut |row| {
            let Some(seen) = self.scene.see(row) else { return };
            live += 1;
            if !sieve.passes(row, seen) {
                return;
            }
            if !with_stacks {
                return groups.add(row, seen, None);
            }
            batch.push((*row, seen));
            if batch.len() == BATCH {
                self.group_batch(&mut batch, running, &mut groups);
            }
        });
        self.group_batch(&mut batch, running, &mut groups);
        dump.live = live;
        dump.filtered = sieve.filtered;
        (dump.groups, dump.cut) = groups.finish(self.options.rows);
    }

    fn group_batch(&self, batch: &mut Vec<(Row, Seen)>, running: &ById, groups: &mut Groups) {
        let waiting = self.stacks.of_tasks(batch);
        for (row, seen) in batch.drain(..) {
            let id = row.id.as_u64();
            let stack = waiting.get(&id).or_else(|| running.get(&id)).and_then(|stack| stack.as_ref().ok());
            let number = stack.map(|stack| groups.stack(stack));
            groups.add(&row, seen, number);
        }
    }

    /// The tasks that pass the filter, the first of them by [`rank`] if they are too many, in the order of their ids.
    pub(super) fn choose(&self, records: Records<'_>) -> Chosen {
        let most = self.options.rows;
        let mut sieve = Sieve::new(&self.options.filter);
        let mut chosen = Chosen::default();
        records(&mut |row| {
            let Some(seen) = self.scene.see(row) else { return };
            chosen.live += 1;
            if !sieve.passes(row, seen) {
                return;
            }
            chosen.rows.push((*row, seen));
            if chosen.rows.len() >= most.saturating_mul(2).max(1024) {
                chosen.cut += keep_first(&mut chosen.rows, most);
            }
        });
        chosen.cut += keep_first(&mut chosen.rows, most);
        chosen.filtered = sieve.filtered;
        chosen.rows.sort_unstable_by_key(|(row, _)| row.id);
        chosen
    }

    pub(super) fn tell(&self, rows: &[(Row, Seen)], running: &ById, notes: &mut Vec<String>) -> Vec<TaskDump> {
        let mut waiting = self.stacks.of_tasks(rows);
        let mut late = 0usize;
        let mut told = Vec::with_capacity(rows.len());
        for (row, seen) in rows {
            let in_time = late == 0 && self.since.elapsed() < self.options.deadline;
            late += usize::from(!in_time);
            let mut task = row::tell(row, *seen, self.scene, self.handle, in_time);
            match waiting.remove(&task.id).or_else(|| running.get(&task.id).cloned()) {
                Some(Ok(stack)) => task.stack = Some(stack),
                Some(Err(why)) => task.no_stack = Some(why),
                None => {}
            }
            told.push(task);
        }
        if late > 0 {
            let deadline = self.options.deadline;
            notes.push(format!("the deadline of {deadline:?} passed before {late} tasks were told in full"));
        }
        told
    }
}

/// Which are listed first: those that run, those that never will again, those that have been as they are for longest.
fn rank((row, seen): &(Row, Seen)) -> (u8, std::cmp::Reverse<u64>, u64) {
    let first = match seen.state {
        State::Running | State::Blocked => 0,
        State::Stranded => 1,
        State::Runnable | State::Waiting => 2,
    };
    (first, std::cmp::Reverse(seen.in_state_ns.unwrap_or(0)), row.id.as_u64())
}

/// Keeps the first by rank; how many went.
fn keep_first(rows: &mut Vec<(Row, Seen)>, most: usize) -> u64 {
    let over = rows.len().saturating_sub(most);
    if over > 0 {
        rows.select_nth_unstable_by_key(most, rank);
        rows.truncate(most);
    }
    over as u64
}

fn processor(row: &ProcessorStats) -> Option<ProcessorDump> {
    if row.state == ProcessorState::Dead {
        return None;
    }
    Some(ProcessorDump {
        id: row.id,
        state: row.state.name().into(),
        machine: row.machine,
        task: row.task,
        queue_len: row.queue_len as u64 + u64::from(row.next_slot),
        timers: row.timers_len as u64,
        poll_ns: row.current_poll_ns,
    })
}

fn machine(row: &MachineStats) -> Option<MachineDump> {
    if row.state == MachineState::Dead {
        return None;
    }
    Some(MachineDump {
        id: row.id,
        state: row.state.name().replace('_', " ").into(),
        processor: row.processor,
        task: row.task,
        thread_id: row.thread_id,
        stack: None,
    })
}

/// The file name of this program.
fn program() -> String {
    let path = std::env::args_os().next().unwrap_or_default();
    let name = std::path::Path::new(&path).file_name().unwrap_or(&path);
    name.to_string_lossy().into_owned()
}
