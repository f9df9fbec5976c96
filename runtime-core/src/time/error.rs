//! What can go wrong with time: a deadline passes.
//!
//! The type is tokio's `time::error::Elapsed`. Errors of the timer itself have no type here: a heap has no capacity
//! limit, and a runtime that has shut down is not something that a sleeping task can handle, so that one panics.
//!
//! Invariant: an `Elapsed` is made by `Timeout` and by nothing else.

use std::fmt;
use std::io;

/// The deadline of a [`Timeout`](super::Timeout) came before its future was ready.
#[derive(Debug, PartialEq, Eq)]
pub struct Elapsed(());

impl Elapsed {
    pub(super) fn new() -> Self {
        Self(())
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("deadline has elapsed")
    }
}

impl std::error::Error for Elapsed {}

impl From<Elapsed> for io::Error {
    fn from(_: Elapsed) -> Self {
        io::ErrorKind::TimedOut.into()
    }
}
