//! Who waits for whom: tasks, what they wait for, and who has that.
//!
//! ```text
//!   task 7 ──waits for──▶ mutex 1025 ──acquired by──▶ task 9 ──waits for──▶ task 12's end
//! ```
//!
//! The picture is drawn from two kinds of records, both read without a lock: what each task says about its wait, and what each
//! resource says about its owner. Every edge says whether it is **exact**:
//!
//! | edge | exact if | otherwise |
//! | --- | --- | --- |
//! | task → resource, task → task that it joins | the task has left its own waker there, and that is its only one ([`Row::exact`](gumption_core::task::Row)) | it may wait for something besides: a timeout, a foreign future |
//! | resource → task | the resource is [`firm`](gumption_core::resource::Facts::firm) | "acquired by": its guard may be somewhere else by now |
//! | channel, notification, socket → anybody | never | whoever has the other end can end the wait, and nobody knows who that is |
//!
//! Exact edges are those that [`leaks`](crate::leaks) may build a proof on. A task that waits for several things at once says how
//! many, and not which: it has no edges here, and takes part in no proof.
//!
//! This room reads and refuses to judge. Models: those of the records, `loom-tests/tests/{registry,resources}.rs`.

mod dot;
mod gather;
pub(crate) mod look;
mod model;

pub use gather::{everywhere, graph};
pub use model::{Edge, End, Graph, Party, Relation, TaskNode};
