//! `GUMPTION_SCHEDTRACE=1000[,detail]`: a thread that prints a line of [`crate::schedtrace`] every so often to stderr.
//!
//! A thread of its own, because it must print while every machine is stuck and a current-thread runtime has no sysmon. It
//! ends with the scheduler.

use crate::schedtrace::{self, Request, TaskRow, TaskStatus};
use crate::scheduler::Scheduler;
use crate::stats::SchedulerStats;
use crate::status::State;
use crate::sync::{Arc, thread};
use crate::task::{self, Row};
use std::borrow::Cow;
use std::io::{self, Write};

/// A wish for scheduler traces.
#[derive(Debug, Clone, Copy)]
pub struct Tracer(Request);

impl Tracer {
    /// What the environment asks for.
    pub fn from_environment() -> io::Result<Option<Self>> {
        let value = match std::env::var("GUMPTION_SCHEDTRACE") {
            Ok(value) => value,
            Err(std::env::VarError::NotPresent) => return Ok(None),
            Err(error) => {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("GUMPTION_SCHEDTRACE: {error}")));
            }
        };
        let request = Request::parse(&value).map_err(|wrong| io::Error::new(io::ErrorKind::InvalidInput, wrong))?;
        Ok(request.map(Self))
    }

    /// Starts to print.
    pub(crate) fn start(self, scheduler: &Arc<Scheduler>) -> io::Result<()> {
        let traced = scheduler.clone();
        let Request { interval, detail } = self.0;
        let printing = thread::Builder::new().name("gumption-schedtrace".to_owned()).spawn(move || {
            while !traced.printer.wait(interval) {
                let text = text(&traced, detail);
                // Without a stderr there is nobody to tell.
                if io::stderr().write_all(text.as_bytes()).is_err() {
                    return;
                }
            }
        })?;
        scheduler.printer.started(printing);
        Ok(())
    }
}

/// The line, or with `detail` the lines.
pub(crate) fn text(scheduler: &Scheduler, detail: bool) -> String {
    let stats = scheduler.stats();
    let tasks = detail.then(|| rows(scheduler, &stats));
    schedtrace::line(&stats, detail, tasks.as_deref())
}

fn rows(scheduler: &Scheduler, stats: &SchedulerStats) -> Vec<TaskRow> {
    let mut rows = Vec::new();
    let mut list = |row: Row| {
        let id = row.id.as_u64();
        let running = stats.machines.iter().find(|machine| machine.task == Some(id));
        let status = match running {
            _ if row.bits.is_complete() => TaskStatus::Dead,
            Some(machine) => match machine.processor.map(|p| scheduler.processors[p].status.state()) {
                Some(State::Blocked) => TaskStatus::Blocked,
                _ => TaskStatus::Running,
            },
            None if row.bits.wakes() > 0 => TaskStatus::Runnable,
            None => TaskStatus::Waiting,
        };
        // What a task that runs waited for last is not looked up: its descriptor may be another's by now.
        let described = || scheduler.seat.reactor().describe(row.wait, row.resource);
        let described = (status == TaskStatus::Waiting).then(described).flatten();
        let wait_reason = described.map_or(Cow::Borrowed(row.wait.text()), Cow::Owned);
        rows.push(TaskRow {
            id,
            status,
            wait_reason,
            machine: running.map(|machine| machine.id),
            locked_machine: scheduler.locked.machine_of(id),
            name: row.name(),
        });
    };
    scheduler.registry.snapshot(&mut list);
    // Those of sets of local tasks, which belong to no runtime.
    task::local_tasks(list);
    rows
}
