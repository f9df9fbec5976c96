//! [`Stderr`]: the process's standard error.

use super::blocked::Blocked;
use crate::io::AsyncWrite;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Standard error; made by [`stderr`].
///
/// A write is done when its bytes, at most 2 MiB of them, are handed to a thread of the blocking pool; its error is
/// told by the next write or by a flush. What was accepted is written even if the runtime ends right after it. Writes
/// of several tasks, each with its own `Stderr`, may interleave between calls of `write`, so `write_all` is not atomic.
#[derive(Debug)]
pub struct Stderr {
    std: Blocked<io::Stderr>,
}

/// Standard error.
///
/// Its writes are to be polled in a runtime.
///
/// ```
/// # use gumption_core::runtime::Runtime;
/// use gumption_io::io::{AsyncWriteExt, stderr};
/// # let runtime: Runtime = Runtime::new()?;
/// # runtime.block_on(async {
/// let mut out = stderr();
/// out.write_all(b"hello\n").await?;
/// out.flush().await?;
/// # Ok::<(), std::io::Error>(()) })?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn stderr() -> Stderr {
    Stderr { std: Blocked::new(io::stderr(), 2) }
}

impl AsyncWrite for Stderr {
    #[track_caller]
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.std.poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.std.poll_flush(cx)
    }

    /// Flushes. The stream stays open: it is the process's.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

#[cfg(unix)]
mod sys {
    use super::Stderr;
    use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

    impl AsRawFd for Stderr {
        fn as_raw_fd(&self) -> RawFd {
            std::io::stderr().as_raw_fd()
        }
    }

    impl AsFd for Stderr {
        fn as_fd(&self) -> BorrowedFd<'_> {
            // SAFETY: standard error stays open; std holds that.
            unsafe { BorrowedFd::borrow_raw(self.as_raw_fd()) }
        }
    }
}
