//! The two system calls that a stream socket lives on, as the C library has them.

use std::io::{self, Read, Write};
use std::mem::ManuallyDrop;
use std::net::TcpStream;
use std::os::fd::{FromRawFd, RawFd};

/// A stream's descriptor, borrowed: std makes the same calls for every kind of stream socket.
fn borrowed(fd: RawFd) -> ManuallyDrop<TcpStream> {
    // SAFETY: the caller's descriptor is open through the call, and is not closed here.
    ManuallyDrop::new(unsafe { TcpStream::from_raw_fd(fd) })
}

/// Receives into `room`.
#[inline]
pub(crate) fn recv(fd: RawFd, room: &mut [u8]) -> io::Result<usize> {
    (&*borrowed(fd)).read(room)
}

/// Sends what is taken of `bytes`; a peer that has gone is an error and no signal.
#[inline]
pub(crate) fn send(fd: RawFd, bytes: &[u8]) -> io::Result<usize> {
    (&*borrowed(fd)).write(bytes)
}
