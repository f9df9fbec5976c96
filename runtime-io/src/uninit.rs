//! Receiving into memory that nothing has written yet.
//!
//! A buffer that grows ([`bytes::BufMut`]) or that is filled bit by bit ([`ReadBuf`]) offers room that is not initialised, and
//! zeroing it before each read would cost as much as the read. Here is the one place where such room meets a system call:
//! [`read`] is `read(2)` into it, and [`fill_buf_mut`] and [`fill_read_buf`] do what comes afterwards, which is to
//! declare initialised and filled exactly what the kernel has written.
//!
//! Sockets, pipes and descriptors of this crate call this; nobody else does. It refuses to make a reference to bytes that
//! are not there: room is `[MaybeUninit<u8>]` all the way down.
//!
//! The invariant: a buffer is advanced by what the call reported as written to its front, and by nothing if the call failed.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd};

use bytes::BufMut;

use crate::io::ReadBuf;

/// `read(2)`: how many bytes it wrote to the front of `room`.
pub(crate) fn read(fd: impl AsFd, room: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
    // SAFETY: `room` is writable for its length, and the descriptor is open for as long as it is borrowed.
    let n = unsafe { libc::read(fd.as_fd().as_raw_fd(), room.as_mut_ptr().cast(), room.len()) };
    // Negative, and only then, is an error.
    usize::try_from(n).map_err(|_| io::Error::last_os_error())
}

/// Receives into what `buf` has free in one piece, and advances it.
///
/// # Safety
///
/// The number that `receive` returns is how many bytes at the front of its argument it has initialised.
pub(crate) unsafe fn fill_buf_mut<B: BufMut, R>(
    buf: &mut B,
    receive: impl FnOnce(&mut [MaybeUninit<u8>]) -> io::Result<(usize, R)>,
) -> io::Result<(usize, R)> {
    // SAFETY: only ever written to, by the caller's promise: nothing that was initialised is made uninitialised.
    let room = unsafe { buf.chunk_mut().as_uninit_slice_mut() };
    let (n, more) = receive(room)?;
    // SAFETY: the caller's promise.
    unsafe { buf.advance_mut(n) };
    Ok((n, more))
}

/// Receives into what is left of `buf`, and advances it.
///
/// # Safety
///
/// As for [`fill_buf_mut`].
pub(crate) unsafe fn fill_read_buf<R>(
    buf: &mut ReadBuf<'_>,
    receive: impl FnOnce(&mut [MaybeUninit<u8>]) -> io::Result<(usize, R)>,
) -> io::Result<R> {
    // SAFETY: only ever written to, by the caller's promise.
    let (n, more) = receive(unsafe { buf.unfilled_mut() })?;
    // SAFETY: the caller's promise.
    unsafe { buf.assume_init(n) };
    buf.advance(n);
    Ok(more)
}
