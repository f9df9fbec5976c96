//! The two system calls that a stream socket lives on, without the C library's cancellation points around them.
//!
//! glibc's `recv` and `send` switch thread cancellation on and off about each call, which nobody here uses: 4 % of the time of
//! an echo server over loopback (`perf record` of `table --only tcp_echo_64`). `syscall` does not.

use std::io;
use std::os::fd::RawFd;

fn result(returned: libc::c_long) -> io::Result<usize> {
    usize::try_from(returned).map_err(|_negative| io::Error::last_os_error())
}

/// Receives into `room`.
#[inline]
pub(crate) fn recv(fd: RawFd, room: &mut [u8]) -> io::Result<usize> {
    let nobody = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: the pointer and the length are of one slice that lives through the call and is ours to write to; the sender's
    // address is not asked for.
    result(unsafe { libc::syscall(libc::SYS_recvfrom, fd, room.as_mut_ptr(), room.len(), 0, nobody, nobody) })
}

/// Sends what is taken of `bytes`; a peer that has gone is an error and no signal.
#[inline]
pub(crate) fn send(fd: RawFd, bytes: &[u8]) -> io::Result<usize> {
    let nobody = std::ptr::null::<libc::c_void>();
    // SAFETY: the pointer and the length are of one slice that lives through the call; the receiver is the connected peer.
    result(unsafe { libc::syscall(libc::SYS_sendto, fd, bytes.as_ptr(), bytes.len(), libc::MSG_NOSIGNAL, nobody, 0) })
}
