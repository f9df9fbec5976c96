//! [`ChildStdin`], [`ChildStdout`], [`ChildStderr`]: our ends of a child's pipes.
//!
//! Each is the standard library's pipe made non-blocking and registered with the netpoller of the runtime it is made in.
//! Only our end is: the child's own end is another open file, and blocks as programs expect.
//!
//! Given away again, as the stdio of another child ([`TryFrom`] for `Stdio`) or as a descriptor
//! ([`into_owned_fd`](ChildStdout::into_owned_fd)), a pipe is deregistered and blocks again.
//!
//! A pipe has no half-close: shutting a [`ChildStdin`] down does nothing, dropping it is what the child sees as the end.
//! Who may use it: whoever has a [`Child`](super::Child).

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context, Poll};

use gumption_core::wait::WaitReason;
use mio::unix::pipe;

use crate::evented::Evented;
use crate::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};

macro_rules! ends {
    ($($(#[$attribute:meta])* $name:ident: $pipe:ty, $interest:expr;)+) => {$(
        $(#[$attribute])*
        #[derive(Debug)]
        pub struct $name {
            pipe: Evented<$pipe>,
        }

        impl $name {
            /// The standard library's end of a pipe, registered with this runtime and made non-blocking.
            ///
            /// # Errors
            ///
            /// If the system refuses, as it does for a descriptor that is no pipe but a regular file.
            ///
            /// # Panics
            ///
            /// Outside a runtime.
            #[track_caller]
            pub fn from_std(inner: std::process::$name) -> io::Result<Self> {
                let pipe = <$pipe>::from(inner);
                pipe.set_nonblocking(true)?;
                Ok(Self { pipe: Evented::with_interest(pipe, $interest)? })
            }

            /// The descriptor, deregistered and blocking.
            ///
            /// # Errors
            ///
            /// What the system says.
            pub fn into_owned_fd(self) -> io::Result<OwnedFd> {
                let pipe = self.pipe.into_inner()?;
                pipe.set_nonblocking(false)?;
                Ok(pipe.into())
            }
        }

        /// To be another child's stdin, stdout or stderr; blocking again, as programs expect theirs to be.
        impl TryFrom<$name> for Stdio {
            type Error = io::Error;

            fn try_from(end: $name) -> io::Result<Self> {
                end.into_owned_fd().map(Self::from)
            }
        }

        impl AsRawFd for $name {
            fn as_raw_fd(&self) -> RawFd {
                self.pipe.as_raw_fd()
            }
        }

        impl AsFd for $name {
            fn as_fd(&self) -> BorrowedFd<'_> {
                // SAFETY: the pipe is open for as long as it is borrowed.
                unsafe { BorrowedFd::borrow_raw(self.as_raw_fd()) }
            }
        }
    )+};
}

ends! {
    /// Our end of a child's standard input: what is written here, the child reads.
    ///
    /// The child sees the end of its input when this is dropped, as [`Child::wait`](super::Child::wait) does with one that
    /// is still in its place.
    ChildStdin: pipe::Sender, Interest::WRITABLE;
    /// Our end of a child's standard output: what the child writes, is read here.
    ChildStdout: pipe::Receiver, Interest::READABLE;
    /// Our end of a child's standard error: what the child writes, is read here.
    ChildStderr: pipe::Receiver, Interest::READABLE;
}

impl AsyncWrite for ChildStdin {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.pipe.poll_write(cx, WaitReason::IoWrite, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.pipe.poll_write_vectored(cx, WaitReason::IoWrite, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for ChildStdout {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.pipe.poll_read(cx, WaitReason::IoRead, buf)
    }
}

impl AsyncRead for ChildStderr {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.pipe.poll_read(cx, WaitReason::IoRead, buf)
    }
}
