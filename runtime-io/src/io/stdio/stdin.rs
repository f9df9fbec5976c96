//! [`Stdin`]: the process's standard input.

use super::blocked::Blocked;
use crate::io::{AsyncRead, ReadBuf};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Standard input; made by [`stdin`].
///
/// A read blocks a thread of the blocking pool until there is input, and nothing can call it back. A task that reads
/// can be cancelled; the read goes on, and what it brings is there for the next read of this `Stdin`. Several of them
/// take turns at std's one buffer: keep one.
///
/// **Shutdown.** A runtime that is dropped waits for the pool's closures, and so for somebody to press enter.
/// `shutdown_background` does not wait, and `shutdown_timeout` no longer than it is told; the process's exit does not
/// either. A program that reads a terminal should end its runtime by one of these, or read on a thread of its own.
#[derive(Debug)]
pub struct Stdin {
    std: Blocked<io::Stdin>,
}

/// Standard input.
///
/// Its reads are to be polled in a runtime.
///
/// ```no_run
/// # use gumption_core::runtime::Runtime;
/// use gumption_io::io::{AsyncBufReadExt, BufReader, stdin};
/// # let runtime: Runtime = Runtime::new()?;
/// # runtime.block_on(async {
/// let mut lines = BufReader::new(stdin()).lines();
/// while let Some(line) = lines.next_line().await? {
///     println!("you said {line:?}");
/// }
/// # Ok::<(), std::io::Error>(()) })?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn stdin() -> Stdin {
    Stdin { std: Blocked::new(io::stdin(), 0) }
}

impl AsyncRead for Stdin {
    #[track_caller]
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.std.poll_read(cx, buf)
    }
}

#[cfg(unix)]
mod sys {
    use super::Stdin;
    use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

    impl AsRawFd for Stdin {
        fn as_raw_fd(&self) -> RawFd {
            std::io::stdin().as_raw_fd()
        }
    }

    impl AsFd for Stdin {
        fn as_fd(&self) -> BorrowedFd<'_> {
            // SAFETY: standard input stays open; std holds that.
            unsafe { BorrowedFd::borrow_raw(self.as_raw_fd()) }
        }
    }
}
