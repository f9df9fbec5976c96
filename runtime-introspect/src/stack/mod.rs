//! Stacks: where a task waits, and where a thread is.
//!
//! | file | what |
//! | --- | --- |
//! | [`on_cpu`] | where a thread is: interrupts it, unwinds a copy of its stack |
//! | [`slots`] | where a signal's handler puts what it has interrupted |
//! | [`unwind`] | from registers and a stack to addresses |
//! | `modules`, `arch`, [`os`] | unwind tables; registers; system calls |

mod arch;
mod modules;
pub mod on_cpu;
pub mod os;
pub mod slots;
pub mod unwind;

pub use arch::Registers;
