//! The process's own streams: [`stdin`], [`stdout`], [`stderr`].
//!
//! They may be a terminal, a file or a pipe that somebody else has, and non-blocking mode would be theirs, too: so they
//! are read and written by std, on threads of the blocking pool. `blocked.rs` is how; the other files are the three
//! names. What a task waits for is `IO read` or `IO write` of descriptor 0, 1 or 2.

mod blocked;
mod stderr;
mod stdin;
mod stdout;

#[cfg(test)]
mod tests;

pub use stderr::{Stderr, stderr};
pub use stdin::{Stdin, stdin};
pub use stdout::{Stdout, stdout};
