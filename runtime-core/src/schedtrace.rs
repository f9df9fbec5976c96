//! Go's schedtrace, field for field, so that what parses Go's parses ours.
//!
//! ```text
//! SCHED 66ms: gomaxprocs=4 idleprocs=0 threads=5 spinningthreads=0 needspinning=1 idlethreads=0 runqueue=56 [ 29 17 20 170 ] schedticks=[ 4 3 5 5 ]
//! ```
//!
//! That is `GUMPTION_SCHEDTRACE=1000`. With `,detail` the first line goes on with four more gauges instead of the
//! lists, and a line follows for every P, every M and, if the caller has them, every G. The text is that of Go 1.27's
//! `schedtrace` in proc.go; a field that has no meaning here prints what Go prints when nothing is the matter:
//! `gcwaiting=false`, `stopwait=0`, `mallocing=0`, `throwing=0`, `preemptoff=`, `locks=0`, `dying=0`. Go's own rules
//! hold too: queue lengths leave the next slot out, and a G's wait reason is stale unless its status is 4.
//!
//! | P status | ours | | G status | ours |
//! | --- | --- | --- | --- | --- |
//! | 0 idle | idle | | 1 runnable | runnable |
//! | 1 running | running, or a spare in use | | 2 running | running |
//! | 2 syscall | in a blocking section | | 3 syscall | in a blocking section |
//! | 4 dead | dead: not printed | | 4 waiting | waiting |
//! | | | | 6 dead | over, and still referred to |
//!
//! Parse it by key and not by position: Go has added fields in the middle before. What lives here is a pure function
//! from a snapshot to text. It refuses to read the scheduler, to print, and to keep time; sysmon does those.
//!
//! The invariant: every field of Go's line is there, in Go's order, with Go's punctuation.

use std::borrow::Cow;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use crate::stats::{MachineState, ProcessorState, SchedulerStats};

/// What `GUMPTION_SCHEDTRACE` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// How often to print.
    pub interval: Duration,
    /// Whether to print a line per P, M and G.
    pub detail: bool,
}

impl Request {
    /// Reads the variable's value: milliseconds, then `,detail` or Go's `,scheddetail=1` if wanted. `0` and the empty
    /// string ask for nothing.
    pub fn parse(value: &str) -> Result<Option<Self>, String> {
        let wrong =
            |what: &str| format!("GUMPTION_SCHEDTRACE: {what} in {value:?}; right would be 1000 or 1000,detail");
        let mut parts = value.split(',').map(str::trim);
        let interval = match parts.next().unwrap_or_default() {
            "" => 0,
            number => number.parse::<u64>().map_err(|_| wrong("no number of milliseconds"))?,
        };
        let mut detail = false;
        for part in parts {
            match part {
                "detail" | "scheddetail=1" => detail = true,
                "scheddetail=0" => detail = false,
                _ => return Err(wrong("an unknown word")),
            }
        }
        Ok((interval > 0).then_some(Self { interval: Duration::from_millis(interval), detail }))
    }
}

/// What a G is doing, with Go's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum TaskStatus {
    /// In a queue.
    Runnable = 1,
    /// On an M.
    Running = 2,
    /// On an M that is in a blocking section.
    Blocked = 3,
    /// Waiting to be woken.
    Waiting = 4,
    /// Over, and still referred to.
    Dead = 6,
}

/// A G, as its line needs it.
#[derive(Clone, Debug)]
pub struct TaskRow {
    /// Its id.
    pub id: u64,
    /// What it is doing.
    pub status: TaskStatus,
    /// What it waits for, or waited for last, in Go's words (`chan receive`), with the resource if it is one of io.
    pub wait_reason: Cow<'static, str>,
    /// The M that runs it.
    pub machine: Option<usize>,
    /// The M that it is locked to.
    pub locked_machine: Option<usize>,
    /// Its name, if it has one, which a Go routine has not: at the end of the line.
    pub name: Option<Arc<str>>,
}

/// The line, or with `detail` the lines; the last one ends with a newline as Go's does.
///
/// `tasks` adds a G line each, in detail only. Writing to a `String` cannot fail, so the results below are ignored.
pub fn line(stats: &SchedulerStats, detail: bool, tasks: Option<&[TaskRow]>) -> String {
    let mut text = String::with_capacity(256);
    let totals = &stats.totals;
    let _ = write!(
        text,
        "SCHED {}ms: gomaxprocs={} idleprocs={} threads={} spinningthreads={} needspinning={} idlethreads={} runqueue={}",
        stats.uptime_ns / 1_000_000,
        stats.config.processors,
        totals.idle_processors,
        stats.machines.iter().filter(|row| row.state != MachineState::Dead).count(),
        totals.spinning,
        u8::from(totals.need_spinning),
        totals.parked_machines,
        totals.global_queue_len,
    );
    if detail {
        details(&mut text, stats, tasks.unwrap_or_default());
    } else {
        let live = || stats.processors.iter().filter(|row| row.state != ProcessorState::Dead);
        text.push_str(" [ ");
        live().for_each(|row| _ = write!(text, "{} ", row.queue_len));
        text.push_str("] schedticks=[ ");
        live().for_each(|row| _ = write!(text, "{} ", row.tick));
        text.push_str("]\n");
    }
    text
}

fn details(text: &mut String, stats: &SchedulerStats, tasks: &[TaskRow]) {
    let _ = writeln!(
        text,
        " gcwaiting=false nmidlelocked={} stopwait=0 sysmonwait={}",
        stats.machines.iter().filter(|row| row.state == MachineState::Locked && row.task.is_none()).count(),
        stats.totals.sysmon_asleep,
    );
    for row in stats.processors.iter().filter(|row| row.state != ProcessorState::Dead) {
        let _ = writeln!(
            text,
            "  P{}: status={} schedtick={} syscalltick={} m={} runqsize={} gfreecnt={} timerslen={}",
            row.id,
            go_status(row.state),
            row.tick,
            row.blocking_tick,
            or_nil(row.machine),
            row.queue_len,
            row.free_tasks,
            row.timers_len,
        );
    }
    for row in stats.machines.iter().filter(|row| row.state != MachineState::Dead) {
        let _ = writeln!(
            text,
            "  M{}: p={} curg={} mallocing=0 throwing=0 preemptoff= locks=0 dying=0 spinning={} blocked={} lockedg={}",
            row.id,
            or_nil(row.processor),
            or_nil(row.task),
            row.state == MachineState::Spinning,
            matches!(row.state, MachineState::Parked | MachineState::InPoller | MachineState::PoolIdle),
            or_nil(row.locked_task),
        );
    }
    for row in tasks {
        let _ = write!(
            text,
            "  G{}: status={}({}) m={} lockedm={}",
            row.id,
            row.status as u32,
            row.wait_reason,
            or_nil(row.machine),
            or_nil(row.locked_machine),
        );
        let _ = match &row.name {
            Some(name) => writeln!(text, " name={name:?}"),
            None => writeln!(text),
        };
    }
}

fn go_status(state: ProcessorState) -> u32 {
    match state {
        ProcessorState::Idle => 0,
        ProcessorState::Running | ProcessorState::Spare => 1,
        ProcessorState::Blocked => 2,
        ProcessorState::Dead => 4,
    }
}

fn or_nil(id: Option<impl ToString>) -> String {
    id.map_or_else(|| "nil".to_owned(), |id| id.to_string())
}

#[cfg(test)]
#[path = "schedtrace_tests.rs"]
mod tests;
