//! [`copy()`], and the buffer that [`copy_bidirectional`](super::copy_bidirectional()) shares with it.
//!
//! Reads as long as there is room, writes as long as there is something. Bytes that are here are written rather than
//! more waited for: a `Pending` read counts only while nothing lies in the buffer. When the writer waits, the buffer is
//! topped up for one larger write. When the reader waits and something was written since, the writer is flushed,
//! because the reader may be waiting for an answer to what lies in the writer's buffer.
//!
//! The one invariant: `pos <= cap`, and `buf[pos..cap]` is read and not yet written.

use super::DEFAULT_BUF_SIZE;
use crate::io::{AsyncRead, AsyncWrite, ReadBuf};
use gumption_core::coop;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Bytes on their way from one stream to another.
#[derive(Debug)]
pub(super) struct CopyBuffer {
    buf: Box<[u8]>,
    pos: usize,
    cap: usize,
    ended: bool,
    unflushed: bool,
    copied: u64,
}

impl CopyBuffer {
    pub(super) fn new(size: usize) -> Self {
        Self { buf: vec![0; size].into_boxed_slice(), pos: 0, cap: 0, ended: false, unflushed: false, copied: 0 }
    }

    /// Reads what fits behind what is there, once.
    fn poll_fill<R>(&mut self, cx: &mut Context<'_>, mut reader: Pin<&mut R>) -> Poll<io::Result<()>>
    where
        R: AsyncRead + ?Sized,
    {
        let mut buf = ReadBuf::new(&mut self.buf);
        buf.set_filled(self.cap);
        loop {
            match ready!(reader.as_mut().poll_read(cx, &mut buf)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
                Ok(()) => break,
            }
        }
        let filled = buf.filled().len();
        self.ended = filled == self.cap;
        self.cap = filled;
        Poll::Ready(Ok(()))
    }

    /// Writes what is there, once.
    fn poll_write<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        mut reader: Pin<&mut R>,
        mut writer: Pin<&mut W>,
    ) -> Poll<io::Result<()>>
    where
        R: AsyncRead + ?Sized,
        W: AsyncWrite + ?Sized,
    {
        let count = loop {
            match writer.as_mut().poll_write(cx, &self.buf[self.pos..self.cap]) {
                Poll::Ready(Ok(count)) => break count,
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    if self.has_room() {
                        ready!(self.poll_fill(cx, reader.as_mut()))?;
                    }
                    return Poll::Pending;
                }
            }
        };
        if count == 0 {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::WriteZero, "write zero byte into writer")));
        }
        self.pos += count;
        self.copied += count as u64;
        self.unflushed = true;
        Poll::Ready(Ok(()))
    }

    fn has_room(&self) -> bool {
        !self.ended && self.cap < self.buf.len()
    }

    /// Copies until the reader ends and everything is flushed; how many bytes.
    pub(super) fn poll_copy<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        mut reader: Pin<&mut R>,
        mut writer: Pin<&mut W>,
    ) -> Poll<io::Result<u64>>
    where
        R: AsyncRead + ?Sized,
        W: AsyncWrite + ?Sized,
    {
        // One step for a poll, however much it copies: the streams, too, count their steps.
        let step = ready!(coop::poll_proceed(cx));
        loop {
            if self.has_room() {
                match self.poll_fill(cx, reader.as_mut()) {
                    Poll::Ready(result) => {
                        step.made_progress();
                        result?;
                    }
                    Poll::Pending if self.pos < self.cap => {}
                    Poll::Pending => {
                        if self.unflushed {
                            ready!(writer.as_mut().poll_flush(cx))?;
                            step.made_progress();
                            self.unflushed = false;
                        }
                        return Poll::Pending;
                    }
                }
            }
            while self.pos < self.cap {
                ready!(self.poll_write(cx, reader.as_mut(), writer.as_mut()))?;
                step.made_progress();
            }
            self.pos = 0;
            self.cap = 0;
            if self.ended {
                ready!(writer.as_mut().poll_flush(cx))?;
                step.made_progress();
                return Poll::Ready(Ok(self.copied));
            }
        }
    }
}

/// Copies everything from `reader` to `writer`, through a buffer of 8 KiB, and flushes; how many bytes.
///
/// # Errors
///
/// The reader's, the writer's, and `WriteZero` if the writer takes no more bytes.
///
/// # Cancel safety
///
/// Not cancel safe: dropped before it is done, it loses what it has read and not yet written.
///
/// ```
/// # use gumption_core::runtime::Runtime;
/// use gumption_io::io::copy;
/// # let runtime: Runtime = Runtime::new()?;
/// # runtime.block_on(async {
/// let mut writer = Vec::new();
/// assert_eq!(copy(&mut &b"hello"[..], &mut writer).await?, 5);
/// assert_eq!(writer, b"hello");
/// # Ok::<(), std::io::Error>(()) })?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub async fn copy<'a, R, W>(reader: &'a mut R, writer: &'a mut W) -> io::Result<u64>
where
    R: AsyncRead + Unpin + ?Sized,
    W: AsyncWrite + Unpin + ?Sized,
{
    let mut buffer = CopyBuffer::new(DEFAULT_BUF_SIZE);
    poll_fn(|cx| buffer.poll_copy(cx, Pin::new(&mut *reader), Pin::new(&mut *writer))).await
}
