//! Tasks: Go's G, for a future.
//!
//! ```text
//!             Runnable (the right to run, in a queue or a machine)
//!                 |
//! Waker ----+     v                     body, from a size class
//! JoinHandle+-> Task (64 B record) ---> +-------------------------+
//! AbortHandle-+ state|vtable|body|link  | join waker | future     |
//! observers ..> id|site|wait|since      |            | or output  |
//!                                       +-------------------------+
//! ```
//!
//! | file | noun |
//! | --- | --- |
//! | `bits.rs`, `state.rs` | [`Bits`], a value of the state word, and every transition from one to the next |
//! | `record.rs` | [`Task`], the record: header and registry entry in one |
//! | `body.rs` | the future, its output, and the vtable |
//! | `runnable.rs` | [`Runnable`], and what a run does |
//! | `waker.rs` | the waker |
//! | `capture.rs` | a poll that shows a [`Witness`] where a task waits |
//! | `release.rs` | what a task leaves when its last reference goes |
//! | `annex.rs` | what only observers ask of a task |
//! | `join.rs` | [`JoinHandle`], [`AbortHandle`] |
//! | `error.rs`, `id.rs` | [`JoinError`], [`Id`] |
//! | `registry.rs` | [`Registry`], where tasks are made and found |
//! | `arena.rs`, `memory.rs` | the pages of the records; [`Caches`] of what is free |
//! | `main.rs` | the future of a `block_on`, which has a record and is no task |
//! | `debug.rs` | what a debugger is told of all this |
//! | `local.rs` | what a thread knows of the task that it runs |
//!
//! These know neither queues nor machines nor processors. They are told where runnable tasks go (a [`Sink`]) and which
//! caches this thread may use, and promise: a task that was woken is submitted; it is polled by one machine at a time;
//! its future is dropped once; its memory is recycled when, and only when, the last reference to it is gone.
//!
//! On top of that, and of the runtime, is what users hold besides handles:
//!
//! | file | noun |
//! | --- | --- |
//! | `join_set.rs`, `finished.rs` | [`JoinSet`], and what its tasks tell it |
//! | `local_set.rs`, `local_members.rs`, `local_inbox.rs`, `local_current.rs` | [`LocalSet`], a scheduler for one thread |
//! | `spawn_local.rs` | [`spawn_local`] |
//! | `local_key.rs` | [`LocalKey`], values that go along with a future |
//! | `builder.rs`, `names.rs` | [`Builder`], and the names of tasks |
//! | `labels.rs`, `label_set.rs` | [`labels`], which tasks hand on to the tasks that they spawn |
//!
//! Models: `loom-tests/tests/{task,registry,capture,join_set,local_set}.rs`.

mod annex;
mod arena;
mod bits;
mod body;
mod builder;
pub(crate) mod capture;
pub(crate) mod debug;
mod error;
mod finished;
mod id;
mod join;
pub mod join_set;
mod label_set;
pub mod labels;
mod local;
mod local_current;
mod local_inbox;
mod local_key;
mod local_members;
mod local_set;
mod main;
mod memory;
mod names;
mod record;
mod registry;
mod release;
mod runnable;
mod spawn_local;
mod state;
mod waker;

#[cfg(all(test, not(any(gumption_loom, gumption_shuttle))))]
mod tests;

pub use bits::Bits;
pub use body::{TaskLayout, Vtable};
pub use builder::Builder;
pub use capture::Witness;
pub use error::JoinError;
pub use id::{Id, id, try_id};
pub use join::{AbortHandle, JoinHandle};
pub use join_set::JoinSet;
pub use local::{LocalProcessor, set_processor, with_current};
pub use local_current::LocalEnterGuard;
pub use local_key::{AccessError, LocalKey};
pub use local_set::LocalSet;
pub use main::Outcome;
pub use memory::Caches;
pub use record::{Row, Task};
pub use registry::{Registry, Sink, local_tasks};
pub use runnable::{Ending, Ran, Runnable};
pub use spawn_local::spawn_local;

pub(crate) use builder::Tags;
pub(crate) use local::{coarse_now, current_id, with_task};
pub(crate) use local_current::is_polling_any as is_polling_local_set;
pub(crate) use main::{Driven, remember_main, was_main_here};
pub(crate) use waker::{is_own as is_own_waker, with_woken};

/// The futures of this module that have a name.
pub mod futures {
    pub use super::local_key::TaskLocalFuture;
}
