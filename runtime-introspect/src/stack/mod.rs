//! Stacks: where a task waits, and where a thread is.
//!
//! | file | what |
//! | --- | --- |
//! | [`capture`] | where tasks wait: polls each of them once, before the eyes of a `witness` |
//! | [`mod@on_cpu`] | where a thread is: interrupts it, unwinds a copy of its stack |
//! | `copied`, `slots` | what a signal's handler sets aside, and how it gets to who unwinds it |
//! | [`unwind`] | from registers and a stack to addresses |
//! | [`symbols`] | from addresses to functions, and how good those are |
//! | `fold`, `origin` | what of it is the program's |
//! | `tree` | the ways to several places, merged |
//! | `model` | a stack, as plain data |
//! | `modules`, `arch`, [`os`] | unwind tables; registers; system calls |

mod arch;
pub mod capture;
pub(crate) mod copied;
pub(crate) mod fold;
mod model;
mod modules;
pub mod on_cpu;
mod origin;
pub mod os;
pub(crate) mod slots;
pub mod symbols;
mod tree;
pub mod unwind;
mod witness;

pub use arch::Registers;
pub use capture::{NotCaptured, capture_all};
pub use model::{Frame, Node, Stack};
pub use on_cpu::{NoStack, on_cpu};
