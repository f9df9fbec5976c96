//! Everything that *reads* a Gumption scheduler.
//!
//! Core exposes: counters, gauges, a registry. This crate makes answers of them. The arrow runs one way: core never
//! calls in here, and nothing in here can make a task run or wait.
//!
//! | room | answers |
//! | --- | --- |
//! | [`diagnose`] | which pathology is this, on what evidence, and what to do about it |
//! | [`dump`] | what is every task doing, where, since when |
//! | [`mod@ring`] | what was it doing when things went wrong: the last dumps, in bounded memory |
//! | [`graph`] | who waits for whom |
//! | [`leaks`] | which tasks can never run again, proven; who waits in a circle; what is suspected |
//! | [`profile`] | where do tasks wait, who keeps them waiting, what computes: for `go tool pprof` |
//! | [`metrics`] | all that is counted, as text for Prometheus |
//! | [`health`] | how well is it, from 0 to 100, and what takes most from it |
//! | [`mod@serve`] | all of it, over HTTP, from threads of its own |
//! | [`trace_context`] | which request of which trace is it |
//! | [`sigquit`] | the same as `dump`, on stderr, when the process gets SIGQUIT |
//! | [`attend`] | what the environment asks for |
//!
//! The rooms share four small files: `json.rs` writes what serde describes, `length.rs` reads and keeps lengths of time, `threads.rs` asks
//! the kernel about threads, `cost.rs` adds up what looking costs.

pub mod attend;
mod cost;
pub mod diagnose;
pub mod dump;
pub mod graph;
pub mod health;
mod inspect;
mod json;
pub mod leaks;
mod length;
pub mod metrics;
pub mod profile;
pub mod ring;
pub mod serve;
pub mod sigquit;
pub mod stack;
mod threads;
pub mod trace_context;

pub use inspect::Inspect;
pub use serve::{Server, Serving, serve};

/// What models of single parts reach; not part of the API.
#[doc(hidden)]
pub mod internals {
    pub use crate::stack::slots::{Asked, Slots};
}
