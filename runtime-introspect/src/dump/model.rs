//! The model of a dump: what a process' runtimes, their tasks and what those wait for looked like at one moment.
//!
//! Plain data, owned, the same in memory and as JSON: a dump that is written and read back is the same dump, so that
//! files, servers and tests speak of one thing. Strings that many rows share are shared.
//!
//! ```text
//!   Dump ── RuntimeDump ─┬─ groups: [Group]      level 1: tasks that look the same, counted
//!                        └─ tasks:  [TaskDump]   level 2: each of them
//!                                      ├─ wait: Wait ── resource: ResourceDump   what it waits for, since when, whose that is
//!                                      └─ stack: Stack ── roots: [Node]          where it waits, as a tree: it may wait in several places
//! ```
//!
//! Filled by [`super`]; stacks are of the [`stack`](crate::stack) room. This file refuses to look at a runtime.

use std::borrow::Cow;
use std::fmt;
use std::panic::Location;

use serde::{Deserialize, Serialize};

use crate::stack::Stack;

/// How much a dump tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Groups of tasks that look the same, with counts: Go's `debug=1`.
    #[default]
    Groups,
    /// Every task: Go's `debug=2`.
    Tasks,
}

/// What a process' runtimes looked like.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Dump {
    /// Version of this shape. See [`Dump::SCHEMA`].
    pub schema: u32,
    /// The process.
    pub pid: u32,
    /// The program's name.
    pub program: String,
    /// When it was taken: *milliseconds* since 1970.
    pub taken_unix_ms: u64,
    /// The runtimes.
    pub runtimes: Vec<RuntimeDump>,
    /// What was left out of all of them, and why.
    pub notes: Vec<String>,
}

impl Dump {
    /// The version that this code writes and reads.
    pub const SCHEMA: u32 = 1;
}

/// One runtime of a dump.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RuntimeDump {
    /// Its number. 0 stands for the local sets of the process, whose tasks belong to no runtime.
    pub id: u64,
    /// Its name, if it was given one.
    pub name: Option<String>,
    /// *Nanoseconds* since it was built; ages and `since` are by this clock.
    pub uptime_ns: u64,
    /// How much was asked for.
    pub level: Level,
    /// *Tasks* that are alive, those that were cut or filtered out included.
    pub live: u64,
    /// The groups, the largest first; at level [`Groups`](Level::Groups).
    pub groups: Vec<Group>,
    /// The tasks, by id; at level [`Tasks`](Level::Tasks).
    pub tasks: Vec<TaskDump>,
    /// The futures that `block_on` polls, that of `main` among them, by id; at both levels each of them. They are no tasks, and not
    /// among those that are alive.
    #[serde(default)]
    pub mains: Vec<TaskDump>,
    /// The blocking pool's closures, by id: those that run, and as [`Runnable`](State::Runnable) those that wait for a thread. At
    /// level [`Tasks`](Level::Tasks).
    pub closures: Vec<TaskDump>,
    /// Its Ps.
    pub processors: Vec<ProcessorDump>,
    /// Its Ms, with the blocking pool's threads.
    pub machines: Vec<MachineDump>,
    /// *Tasks* in the global queue.
    pub global_queue_len: u64,
    /// *Tasks*, and at level [`Tasks`](Level::Tasks) also *mains and closures*, that a filter left out.
    pub filtered: u64,
    /// The same that a limit cut off; at level [`Groups`](Level::Groups) the tasks of groups.
    pub cut: u64,
    /// What is less exact than it could be, and why.
    pub notes: Vec<String>,
}

/// One P.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessorDump {
    /// Which.
    pub id: usize,
    /// What it is doing: `idle`, `running`, `blocked`, `spare`.
    pub state: Cow<'static, str>,
    /// The M that has it.
    pub machine: Option<usize>,
    /// The task that it runs.
    pub task: Option<u64>,
    /// *Tasks* in its run queue, the next slot included.
    pub queue_len: u64,
    /// *Timers* in its heap.
    pub timers: u64,
    /// *Nanoseconds* that the poll in progress had lasted when sysmon last looked, if it has lasted that long.
    pub poll_ns: Option<u64>,
}

/// One M.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineDump {
    /// Which.
    pub id: usize,
    /// What it is doing: `running`, `spinning`, `parked`, `in poller`, ...
    pub state: Cow<'static, str>,
    /// The P that it has.
    pub processor: Option<usize>,
    /// The task, or the closure, that it runs.
    pub task: Option<u64>,
    /// The operating system's number of the thread.
    pub thread_id: u64,
    /// What it runs now, if that was asked for and could be had.
    pub stack: Option<Stack>,
}

/// What a task is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// In a queue. Of the future of a `block_on`: woken, and its thread has not come to it yet.
    Runnable,
    /// In a poll, on a machine, or on the thread of a `block_on`.
    Running,
    /// In a poll that is in a declared blocking section.
    Blocked,
    /// Waits to be woken.
    #[default]
    Waiting,
    /// Waits, and nothing is left that could wake it: it can never run again.
    Stranded,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Runnable, Self::Running, Self::Blocked, Self::Waiting, Self::Stranded];

    /// In a word.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Runnable => "runnable",
            Self::Running => "running",
            Self::Blocked => "blocked",
            Self::Waiting => "waiting",
            Self::Stranded => "stranded",
        }
    }

    /// Whether it waits to be woken, in vain or not.
    pub const fn is_waiting(self) -> bool {
        matches!(self, Self::Waiting | Self::Stranded)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// A place in a source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Site {
    /// The file, as the compiler was given it.
    pub file: Cow<'static, str>,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
}

impl From<&'static Location<'static>> for Site {
    fn from(place: &'static Location<'static>) -> Self {
        Self { file: Cow::Borrowed(place.file()), line: place.line(), column: place.column() }
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// Tasks that look the same.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// *Tasks* in it.
    pub count: u64,
    /// What they do.
    pub state: State,
    /// What they wait for, in words: [`WaitReason::text`](gumption_core::wait::WaitReason::text), or empty.
    pub reason: Cow<'static, str>,
    /// Where they were spawned.
    pub spawned_at: Site,
    /// The type of their future.
    pub type_name: Cow<'static, str>,
    /// *Nanoseconds* that the one has waited that has waited longest.
    pub oldest_ns: u64,
    /// Where they wait, if stacks were asked for and could be had.
    pub stack: Option<Stack>,
    /// Labels that all of them have.
    pub labels: Vec<(String, String)>,
    /// Some of them, by id; first the one that has waited longest.
    pub examples: Vec<u64>,
}

/// One task.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TaskDump {
    /// Its id, never used twice in a process.
    pub id: u64,
    /// Its name, if it was given one.
    pub name: Option<String>,
    /// The type of its future.
    pub type_name: Cow<'static, str>,
    /// What it does.
    pub state: State,
    /// What it waits for; none unless it waits.
    pub wait: Option<Wait>,
    /// Where it was spawned; of the future of a `block_on`, where that was called.
    pub spawned_at: Site,
    /// The task that spawned it, then the one that spawned that, at most four, as far as they live; the last may have ended.
    pub ancestors: Vec<Ancestor>,
    /// *Nanoseconds* since it was spawned, by a clock that is coarse.
    pub age_ns: u64,
    /// *Nanoseconds* that it has been in this state, if that is known: of one that waits, [`Wait::age_ns`]; of one that runs,
    /// how long its poll lasts, once that is long; of one that was never polled, its age.
    pub state_ns: Option<u64>,
    /// Its labels.
    pub labels: Vec<(String, String)>,
    /// *Polls.* How often it was polled.
    pub polls: u64,
    /// *Nanoseconds* in polls: an estimate from those that are timed.
    pub busy_ns: u64,
    /// The P that it ran on last.
    pub last_processor: Option<usize>,
    /// The M that runs it.
    pub machine: Option<usize>,
    /// Of the future of a `block_on`, the thread that polls it; none of a task.
    #[serde(default)]
    pub thread: Option<ThreadDump>,
    /// *Wakers* that exist: 0 of a task that waits means that it never runs again.
    pub wakers: u64,
    /// Where it waits, or where it runs.
    pub stack: Option<Stack>,
    /// Why there is no stack although stacks were asked for.
    pub no_stack: Option<Cow<'static, str>>,
}

/// The thread of a `block_on`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadDump {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// The operating system's number of it.
    pub id: u64,
}

/// Who spawned a task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ancestor {
    /// Its id.
    pub id: u64,
    /// Where it was spawned itself, if it lives.
    pub spawned_at: Option<Site>,
}

/// What a task waits for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Wait {
    /// In words: `chan receive`, `IO read fd 7 tcp 127.0.0.1:4000`.
    pub text: Cow<'static, str>,
    /// The class of it: [`WaitReason::text`](gumption_core::wait::WaitReason::text).
    pub reason: Cow<'static, str>,
    /// The number of what it waits for, 0 for none: a resource's id, a task's for a join, a descriptor for io.
    pub resource: u64,
    /// When the wait began: *nanoseconds* of the runtime's clock. The same in two dumps: the same wait.
    pub since: u64,
    /// *Nanoseconds* that it lasts.
    pub age_ns: u64,
    /// The resource's facts, if it is one of ours.
    pub facts: Option<ResourceDump>,
}

/// What is known of something that tasks wait for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ResourceDump {
    /// Its number.
    pub id: u64,
    /// What it is: `mutex`, `mpsc channel`.
    pub kind: String,
    /// Where it was made.
    pub made_at: Site,
    /// The task that has it, 0 for none or unknown.
    pub owner: u64,
    /// How many share it, or permits that are taken.
    pub holders: u64,
    /// How many wait for it.
    pub waiters: u64,
    /// Values inside.
    pub depth: u64,
    /// How many fit; 0 for no limit.
    pub capacity: u64,
}
