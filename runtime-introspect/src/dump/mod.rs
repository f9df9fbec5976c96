//! Dumps: what every task is doing, taken without stopping any.
//!
//! A dump is a walk over the records of a runtime's tasks (`Handle::for_each_task`): relaxed loads of words that their owners
//! write anyway. No machine is woken, none waits, and no lock is held while user code runs. So each row is whole, and the
//! rows are not of one moment: a task that starts or ends meanwhile may be missing, all others are there exactly once.

pub mod diff;
mod folded;
mod format;
mod gather;
mod group;
mod json;
pub mod model;
mod options;
pub mod ring;
mod row;
mod scene;
pub mod text;

pub use format::Format;
pub use gather::dump;
pub use json::NotADump;
pub use model::{
    Ancestor, Dump, Frame, Group, Level, MachineDump, Node, ProcessorDump, ResourceDump, RuntimeDump, Site, Stack,
    State, TaskDump, Wait,
};
pub use options::{Filter, Options};
pub use text::{Shape, Text};
