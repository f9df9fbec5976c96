//! [`Stacks`]: where the machines of a dump are, if that was asked for.
//!
//! It is costly, and touches what it looks at: machines are interrupted ([`stack::on_cpu`]). So it is off by default, and has the
//! dump's deadline. Who has no stack is told why.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use super::gather::ById;
use super::{Options, RuntimeDump};
use crate::stack::{self, symbols};

/// How long a thread may take to answer a signal.
const ANSWERS: Duration = Duration::from_millis(500);

pub(super) struct Stacks<'a> {
    options: &'a Options,
    since: Instant,
    /// Whether there is a stack at all.
    any: RefCell<bool>,
}

impl<'a> Stacks<'a> {
    pub(super) fn of(options: &'a Options, since: Instant) -> Self {
        Self { options, since, any: RefCell::default() }
    }

    fn left(&self) -> Duration {
        self.options.deadline.saturating_sub(self.since.elapsed())
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
        let stacks = stack::on_cpu(&threads, self.left().min(ANSWERS));
        for (machine, stack) in machines.iter_mut().zip(stacks) {
            let stack = stack.map_err(|why| why.text());
            if let Some(task) = machine.task {
                by_task.insert(task, stack.clone());
            }
            match stack {
                Ok(stack) => {
                    machine.stack = Some(stack);
                    *self.any.borrow_mut() = true;
                }
                Err(why) => dump.notes.push(format!("M{} has no stack: {why}", machine.id)),
            }
        }
        by_task
    }

    /// How good the names are.
    pub(super) fn notes(&self) -> Option<String> {
        self.any.borrow().then(|| symbols::quality().note().map(str::to_owned)).flatten()
    }
}
