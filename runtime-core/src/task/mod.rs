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
//! | `state.rs` | [`Bits`], the state word and every transition on it |
//! | `record.rs` | [`Task`], the record: header and registry entry in one |
//! | `body.rs` | the future, its output, and the vtable |
//! | `runnable.rs` | [`Runnable`], and what a run does |
//! | `waker.rs` | the waker |
//! | `join.rs` | [`JoinHandle`], [`AbortHandle`] |
//! | `error.rs`, `id.rs` | [`JoinError`], [`Id`] |
//! | `registry.rs` | [`Registry`], where tasks are made and found |
//! | `arena.rs`, `memory.rs` | the pages of the records; [`Caches`] of what is free |
//! | `local.rs` | what a thread knows of the task that it runs |
//!
//! This room knows neither queues nor machines nor processors. It is told where runnable tasks go (a [`Sink`]) and which
//! caches this thread may use, and it promises: a task that was woken is submitted; it is polled by one machine at a time;
//! its future is dropped once; its memory is recycled when, and only when, the last reference to it is gone.
//!
//! Models: `loom-tests/tests/task.rs`, `loom-tests/tests/registry.rs`.

mod arena;
mod body;
mod error;
mod id;
mod join;
mod local;
mod memory;
mod record;
mod registry;
mod runnable;
mod state;
mod waker;

#[cfg(all(test, not(any(gumption_loom, gumption_shuttle))))]
mod tests;

pub use body::{TaskLayout, Vtable};
pub use error::JoinError;
pub use id::{Id, id, try_id};
pub use join::{AbortHandle, JoinHandle};
pub use local::{LocalProcessor, set_processor, with_current};
pub use memory::Caches;
pub use record::{Row, Task};
pub use registry::{Registry, Sink};
pub use runnable::{Ending, Ran, Runnable};
pub use state::Bits;

pub(crate) use local::coarse_now;
