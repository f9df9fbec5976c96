//! Which core this thread is on, and on which core a socket's packets come in: nobody says here.

use std::os::fd::RawFd;

/// Without knowing where packets come in, one poll is best.
pub(crate) const MOST_POLLS: usize = 1;

/// Unknown.
pub(crate) fn current() -> Option<u32> {
    None
}

/// Unknown.
pub(crate) fn of_packets(_: RawFd) -> Option<u32> {
    None
}
