//! Gumption: a work-stealing M:N task runtime with Go's G, M and P, and Go's ability to see inside.
//!
//! Names and semantics are tokio's wherever tokio has the thing, so this crate can stand in for it:
//! `tokio = { package = "gumption" }`. What tokio has not is on [`Runtime`](runtime::Runtime) and
//! [`Handle`](runtime::Handle) ([`stats`](runtime::Runtime::stats) and more), in [`stats`], and in [`introspect`].
//!
//! ```
//! use gumption::runtime::Runtime;
//! use gumption::time::{Duration, sleep};
//!
//! let runtime = Runtime::new()?;
//! let sum = runtime.block_on(async {
//!     let tasks: Vec<_> = (0..10).map(|i| gumption::spawn(async move { i * i })).collect();
//!     sleep(Duration::from_millis(1)).await;
//!     let mut sum = 0;
//!     for task in tasks {
//!         sum += task.await.expect("the task neither panics nor is aborted");
//!     }
//!     sum
//! });
//! assert_eq!(sum, 285);
//! println!("{}", runtime.stats());
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # Features
//!
//! Everything is always there: an item is compiled because it is used, and what nobody calls costs a binary nothing.
//! tokio's feature names exist, so that a manifest which asks tokio for them can ask Gumption, and switch nothing: `full`,
//! `fs`, `io-std`, `io-util`, `macros`, `net`, `parking_lot`, `process`, `rt`, `rt-multi-thread`, `signal`, `sync`, `test-util`,
//! `time`, and of the unstable ones `io-uring`, `schedule-latency`, `taskdump` and `tracing`. These switch something:
//!
//! | feature | what |
//! | --- | --- |
//! | `stats` (default) | counters and histograms of each processor; without it `stats()` has gauges only |
//! | `futures-io` | the io traits of the `futures` crates on our streams, and ours on theirs |
//! | `hyper` | hyper 1.x: a stream, an executor, a timer |
//!
//! The rooms behind this façade: `gumption-core` (the scheduler), `gumption-io` (the netpoller),
//! `gumption-introspect` (everything that reads). `ARCHITECTURE.md` is the map.

/// What the guide shows is built.
#[cfg(doctest)]
#[doc = include_str!("../docs/moving-from-tokio.md")]
struct MovingFromTokio;

// The macros name this crate by its name, in its own unit tests, too.
#[allow(unused_extern_crates)]
extern crate self as gumption;

pub use gumption_macros::{main, test};

pub mod macros;

pub use gumption_core::task_local;
pub use gumption_core::{LongPoll, OsThread, blocking, lock_os_thread, spawn};
pub use gumption_core::{counters, histogram, schedtrace, stats};
pub use gumption_introspect as introspect;

/// Builders, runtimes and handles.
pub mod runtime {
    use crate::observed::Observed;
    pub use gumption_core::runtime::{
        EnterGuard, Handle, HistogramConfiguration, HistogramScale, Id, InvalidHistogramConfiguration, LocalOptions,
        LogHistogram, LogHistogramBuilder, RngSeed, RuntimeFlavor, RuntimeMetrics, SpinLimit, SpinPolicy, StealPolicy,
        TaskMeta, TryCurrentError, UnhandledPanic, is_rt_shutdown_err, running, worker_index,
    };

    /// A runtime whose idle machines sleep in the netpoller; see [`gumption_core::runtime::Runtime`].
    pub type Runtime = gumption_core::runtime::Runtime<Observed>;

    /// A runtime that stays on the thread that built it; see [`gumption_core::runtime::LocalRuntime`].
    pub type LocalRuntime = gumption_core::runtime::LocalRuntime<Observed>;

    /// Builds a [`Runtime`]; see [`gumption_core::runtime::Builder`].
    pub type Builder = gumption_core::runtime::Builder<Observed>;
}

/// Tasks: spawning, joining, aborting, yielding, blocking.
pub mod task {
    pub use gumption_core::coop::{Unconstrained, consume_budget, unconstrained};
    pub use gumption_core::task::{
        AbortHandle, Builder, Id, JoinError, JoinHandle, JoinSet, LocalEnterGuard, LocalKey, LocalSet, futures, id,
        join_set, labels, local_tasks, spawn_local, try_id,
    };
    pub use gumption_core::{block_in_place, spawn, spawn_blocking, yield_now};

    /// The cooperative budget.
    pub mod coop {
        pub use gumption_core::coop::{
            Coop, RestoreOnPending, Unconstrained, consume_budget, cooperative, has_budget_remaining, poll_proceed,
            unconstrained,
        };
    }
}

/// The io traits of the `futures` crates on our streams, and ours on theirs.
#[cfg(feature = "futures-io")]
pub mod compat {
    pub use gumption_io::compat::*;
}

/// hyper 1.x on Gumption: a stream, an executor, a timer.
#[cfg(feature = "hyper")]
pub mod hyper {
    pub use gumption_io::hyper::*;
}

/// The file system, through the blocking pool.
pub mod fs {
    pub use gumption_io::fs::*;
}

/// Asynchronous reading and writing.
pub mod io {
    pub use gumption_io::io::*;
}

/// Sockets and addresses.
pub mod net {
    pub use gumption_io::net::*;
}

/// Child processes.
pub mod process {
    pub use gumption_io::process::*;
}

mod observed;

pub mod sync;

/// Signals: [`ctrl_c`](signal::ctrl_c), and on Unix any other.
pub mod signal {
    pub use gumption_io::signal::*;
}

/// What a task waits for: how a primitive says it, and how it reads.
pub mod wait {
    pub use gumption_core::resource::{Facts, Kind, Record, Resource, find, snapshot};
    pub use gumption_core::wait::*;
    pub use gumption_io::describe::{describe, waits_for};
}

/// Sleeps, timeouts, intervals.
pub mod time {
    pub use gumption_core::time::*;
}

/// The program in the README is compiled and run with the documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
