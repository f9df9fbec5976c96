//! Gumption's scheduler: tasks (G), machines (M), processors (P), and what is local to running them.
//!
//! A **task** is a future with an identity. A **machine** is a thread that runs tasks. A **processor** is the right to
//! run them, and everything that is local to running: a run queue, a next slot, timers, counters, caches. There are as
//! many processors as tasks may run at once; a machine needs one, and a machine that blocks can lose it to another, which
//! is why one stuck thread does not take its queue with it.
//!
//! ```text
//!            injector  [G G G ...]            the global queue: from outside, and overflow
//!               |  1/61 and when empty
//!    +----------+----------+----------+
//!    P0         P1         P2         P3      each: next slot, ring of 256, timers, counters, caches
//!    [G]        [ ]        [G]        [ ]
//!    G G G      G          ...   <--steal half-- (M searches)
//!    |          |          |
//!    M0         M4         M2         M3: no P, sleeps in the driver or on its parker
//!
//!    sysmon: no P; retakes, rescues, fires, polls, records, starts spares
//! ```
//!
//! # The rooms
//!
//! | files | what |
//! | --- | --- |
//! | [`task`], [`wait`], [`resource`] | G: the record, the state word, bodies, wakers, handles; what a task waits for |
//! | `queue/` | ring, next slot, global queue, batches |
//! | `processor`, `status` | P: its halves; who owns it |
//! | `machine`, `machines`, `parker`, `pool`, `locked`, `pinned`, `wait_here`, `mains` | M: threads, where they sleep, the blocking pool, locked tasks, waits of a thread, what `block_on` polls |
//! | `idle`, `seat`, [`driver`] | who sleeps, who searches, who polls the outside world |
//! | `context`, `entered`, `home`, `thread_number` | what a thread is to a runtime, and owns |
//! | `scheduler`, `running`, `submit`, `worker`, `steal`, `rest`, `turns`, `watched` | what is shared; submit, run, search, come to rest |
//! | `sysmon`, `watch`, `blocking` | the insurance; declared blocking |
//! | `timer/`, [`time`], `paused`, [`coop`] | deadlines, sleeps, a clock that stands, the cooperative budget |
//! | `shutdown`, `drain` | the end |
//! | `capture` | an observer's poll of a task that waits |
//! | `texts` | what it says when it is used where it cannot be |
//! | [`counters`], [`histogram`], [`stats`], [`schedtrace`], `observe`, `occupancy`, `tracer`, `printer`, `sampler` | what it tells |
//! | [`contention`] | who is told of waits and of releases |
//! | `debugger`, `probes` | what a debugger is told, and the kernel |
//! | [`runtime`] | what a user holds |
//! | [`sync`], [`policy`] | the shim that models check through; every number and its source |
//! | `striped`, `rand` | shared things in a few copies; orders to search in |
//!
//! This crate knows no sockets; `gumption-io` fills in the [`driver`]. Core never calls an observer: it exposes.
//!
//! What is promised: a runnable task in a run queue is seen by an idle processor at once, one in a next slot within about
//! a millisecond; every task is dropped exactly once; counters cost nothing that can be measured. What is verified, and
//! what is assumed, is in `loom-tests/README.md`.

#![debugger_visualizer(gdb_script_file = "../gdb/gumption.py")]

pub mod contention;
pub mod coop;
pub mod counters;
pub mod driver;
pub mod histogram;
pub mod policy;
pub mod resource;
pub mod runtime;
pub mod schedtrace;
pub mod stats;
pub mod sync;
pub mod task;
#[doc(hidden)]
pub mod texts;
mod thread_number;
pub mod time;
pub mod wait;

mod abort;
mod blocking;
mod capture;
mod config;
mod context;
mod debugger;
mod drain;
mod entered;
mod home;
mod idle;
mod locked;
mod machine;
mod machines;
mod mains;
mod observe;
mod occupancy;
mod owed;
mod parker;
mod paused;
mod pinned;
mod pool;
mod printer;
mod probes;
mod processor;
mod queue;
mod rand;
mod rest;
mod running;
mod sampler;
mod scheduler;
mod seat;
mod shutdown;
mod spawn;
mod status;
mod steal;
mod striped;
mod submit;
mod sysmon;
mod timer;
mod tracer;
mod turns;
mod wait_here;
mod watch;
mod watched;
mod worker;

pub use blocking::blocking;
pub use capture::Captured;
pub use pinned::{OsThread, lock_os_thread};
pub use spawn::{block_in_place, spawn, spawn_blocking, yield_now};
pub use sysmon::LongPoll;

#[doc(hidden)]
pub use owed::{Owed, owe, together};
#[doc(hidden)]
pub use rand::thread_rng_n;
#[doc(hidden)]
pub use wait_here::wait_here;

/// What models, property tests and benches of single parts reach; not part of the API.
#[doc(hidden)]
pub mod internals {
    pub use crate::home::{HomeGuard, NoRuntime, set_home, with_home};
    pub use crate::idle::{Idle, MachineId, ProcessorId, Reclaim, Wake, WentIdle};
    pub use crate::machine::Machine;
    pub use crate::machines::{Machines, Over};
    pub use crate::mains::{Bell, Main, Mains};
    pub use crate::owed::Debt;
    pub use crate::parker::{Parked, Parker, Unparked};
    pub use crate::queue::{Chain, Injector, Link, NextSlot, Node, Pushed, Put, Ring, Steal};
    pub use crate::rand::{Order, Rand};
    pub use crate::seat::{Seat, Seated, Sitter};
    pub use crate::shutdown::{Shutdown, Submitting};
    pub use crate::status::{Exit, Seen, State, Status as ProcessorStatus};
    pub use crate::task::{Caches, Ending, Ran, Registry, Runnable, Sink, Task, with_current};
    pub use crate::timer::{
        Armed, Cancel, Clock, ClockError, FAR_FUTURE, Fired, Home, RuntimeClock, Status, Timer, Timers,
    };
    pub use crate::watch::Watch;
}
