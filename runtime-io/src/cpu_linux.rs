//! Which core this thread is on, and on which core a socket's packets come in: Linux knows both.
//!
//! Advice, for [`crate::sources`] to move sources by. A thread may be on another core a moment later.

use std::mem;
use std::os::fd::RawFd;

/// How many polls to make if so many are asked for: so many.
pub(crate) fn polls(asked: usize) -> usize {
    asked
}

/// The core that this thread is on.
pub(crate) fn current() -> Option<u32> {
    // SAFETY: it has no preconditions; glibc reads a word that the kernel keeps in the thread's own memory.
    u32::try_from(unsafe { libc::sched_getcpu() }).ok()
}

/// The core on which the last packet of a socket was taken in: that of the network card's interrupt, or over loopback that of
/// the sender. None for what is no socket, and for sockets without packets.
pub(crate) fn of_packets(fd: RawFd) -> Option<u32> {
    let mut cpu: libc::c_int = -1;
    let mut len = mem::size_of_val(&cpu) as libc::socklen_t;
    // SAFETY: both pointers are to locals that live through the call, and `len` is the size of the first.
    let failed =
        unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_INCOMING_CPU, (&raw mut cpu).cast(), &raw mut len) };
    if failed == 0 { u32::try_from(cpu).ok() } else { None }
}
