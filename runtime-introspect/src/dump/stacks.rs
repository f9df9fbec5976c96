//! [`Stacks`]: where the tasks of a dump wait and where its machines are, if that was asked for.
//!
//! Both are costly, and both touch what they look at: waiting tasks are polled ([`stack::capture_all`]), machines are interrupted
//! ([`stack::on_cpu`]). So each has a switch of its own, off by default; the tasks that a filter leaves out, or a limit cuts off, are
//! never touched; and all of it together has the dump's deadline. Who has no stack is told why.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use gumption_core::runtime::Handle;
use gumption_core::task::Row;

use super::scene::{Seen, Spreading};
use super::{Options, RuntimeDump, Stack};
use crate::stack::{self, NotCaptured, symbols};

/// Stacks of tasks, or why there is none.
pub(super) type ById = HashMap<u64, Result<Stack, Cow<'static, str>>, Spreading>;

/// How long a thread may take to answer a signal.
const ANSWERS: Duration = Duration::from_millis(500);

/// The state of a thread of the blocking pool, in words.
const POOL: &str = "blocking pool";

pub(super) struct Stacks<'a> {
    handle: Option<&'a Handle>,
    options: &'a Options,
    since: Instant,
    /// Why tasks have no stack, and how many.
    without: RefCell<BTreeMap<Cow<'static, str>, u64>>,
    /// Whether there is a stack at all.
    any: RefCell<bool>,
}

impl<'a> Stacks<'a> {
    pub(super) fn of(handle: &'a Handle, options: &'a Options, since: Instant) -> Self {
        Self { handle: Some(handle), options, since, without: RefCell::default(), any: RefCell::default() }
    }

    /// Of tasks that may be polled on their own threads only.
    pub(super) fn of_nobody(options: &'a Options) -> Self {
        Self { handle: None, options, since: Instant::now(), without: RefCell::default(), any: RefCell::default() }
    }

    fn left(&self) -> Duration {
        self.options.deadline.saturating_sub(self.since.elapsed())
    }

    /// Where those of these tasks wait that do.
    pub(super) fn of_tasks(&self, rows: &[(Row, Seen)]) -> ById {
        if !self.options.stacks {
            return ById::default();
        }
        let waiting: Vec<Row> = rows.iter().filter(|(_, seen)| seen.state.is_waiting()).map(|(row, _)| *row).collect();
        let captured = match self.handle {
            Some(handle) => stack::capture_all(handle, &waiting, self.left()),
            None => waiting.iter().map(|row| (row.id.as_u64(), Err(NotCaptured::Tied))).collect(),
        };
        let told = captured.into_iter().map(|(id, stack)| (id, stack.map_err(|why| why.text())));
        let told: ById = told.collect();
        let mut without = self.without.borrow_mut();
        for stack in told.values() {
            match stack {
                Ok(_) => *self.any.borrow_mut() = true,
                Err(why) => *without.entry(why.clone()).or_default() += 1,
            }
        }
        told
    }

    /// Where the machines are that run something; entered there, and by the tasks that they run.
    pub(super) fn of_machines(&self, dump: &mut RuntimeDump) -> ById {
        let mut by_task = ById::default();
        if !self.options.on_cpu {
            return by_task;
        }
        let runs = |machine: &&mut super::MachineDump| machine.task.is_some() && machine.thread_id != 0;
        let mut machines: Vec<_> = dump.machines.iter_mut().filter(runs).collect();
        let threads: Vec<u64> = machines.iter().map(|machine| machine.thread_id).collect();
        let stacks = stack::on_cpu::running(&threads, self.left().min(ANSWERS));
        for (machine, stack) in machines.iter_mut().zip(stacks) {
            match stack {
                Ok((stack, task)) => {
                    // Since it was looked at it may have gone on to another task, or to none. A closure of the pool is no task.
                    if machine.state != POOL {
                        machine.task = task;
                    }
                    let Some(runs) = machine.task else { continue };
                    by_task.insert(runs, Ok(stack.clone()));
                    machine.stack = Some(stack);
                    *self.any.borrow_mut() = true;
                }
                Err(why) => {
                    let why = why.text();
                    dump.notes.push(format!("M{} has no stack: {why}", machine.id));
                    by_task.extend(machine.task.map(|task| (task, Err(why))));
                }
            }
        }
        by_task
    }

    /// Where these mains are in their polls: pairs of ids and threads.
    pub(super) fn of_mains(&self, polled: &[(u64, u64)]) -> ById {
        if !self.options.on_cpu || polled.is_empty() {
            return ById::default();
        }
        let threads: Vec<u64> = polled.iter().map(|(_, thread)| *thread).collect();
        let found = stack::on_cpu::running(&threads, self.left().min(ANSWERS));
        let told = polled.iter().zip(found).filter_map(|((id, _), found)| match found {
            // Its thread may have left the poll since.
            Ok((stack, Some(polls))) if polls == *id => {
                *self.any.borrow_mut() = true;
                Some((*id, Ok(stack)))
            }
            Ok(_) => None,
            Err(why) => Some((*id, Err(why.text()))),
        });
        told.collect()
    }

    /// How many tasks have no stack and why, and how good the names are.
    pub(super) fn notes(&self) -> Vec<String> {
        let said = |(why, count): (&Cow<'static, str>, &u64)| match count {
            1 => format!("1 task has no stack: {why}"),
            count => format!("{count} tasks have no stack, each because {why}"),
        };
        let mut notes: Vec<String> = self.without.borrow().iter().map(said).collect();
        if *self.any.borrow() {
            notes.extend(symbols::quality().note().map(str::to_owned));
        }
        notes
    }
}
