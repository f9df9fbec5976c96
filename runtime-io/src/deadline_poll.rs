//! Deadlines on systems other than Linux: the poll's own timeout.
//!
//! kqueue takes nanoseconds and needs no help; where a poll takes milliseconds mio rounds up, and a short sleep lasts
//! up to one longer. This file has the shape of its Linux sibling, so that the netpoller is the same text everywhere:
//! a `Deadline` is made once, and `arm` is asked before each poll what timeout to use.
//!
//! Only the netpoller calls this. It owns nothing and refuses nothing. The invariant of the shape: the timeout that
//! `arm` returns is never shorter than the time that is left.

use std::io;
use std::time::Duration;

use mio::{Registry, Token};

/// Nothing: the poll's timeout is used as it is.
#[derive(Debug)]
pub(crate) struct Deadline;

impl Deadline {
    /// Registers nothing.
    pub(crate) fn new(_registry: &Registry, _token: Token) -> io::Result<Self> {
        Ok(Self)
    }

    /// The timeout for a sleep of at most `left`.
    pub(crate) fn arm(&mut self, left: Option<Duration>) -> io::Result<Option<Duration>> {
        Ok(left)
    }
}
