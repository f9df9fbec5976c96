//! Which core this thread is on, and on which core a socket's packets come in: nobody says here.

use std::os::fd::RawFd;

/// How many polls to make, however many are asked for: without knowing where packets come in, one is best.
pub(crate) fn polls(_: usize) -> usize {
    1
}

/// Unknown.
pub(crate) fn current() -> Option<u32> {
    None
}

/// Unknown.
pub(crate) fn of_packets(_: RawFd) -> Option<u32> {
    None
}
