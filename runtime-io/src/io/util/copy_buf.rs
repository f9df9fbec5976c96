//! [`copy_buf()`]: [`copy`](super::copy()) from a reader that has a buffer, so that none is needed in between.
//!
//! A byte leaves the reader's buffer when the writer has taken it: this copy loses nothing when it is dropped.

use crate::io::{AsyncBufRead, AsyncWrite};
use gumption_core::coop;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

struct CopyBuf<'a, R: ?Sized, W: ?Sized> {
    reader: &'a mut R,
    writer: &'a mut W,
    copied: u64,
    unflushed: bool,
}

impl<R, W> CopyBuf<'_, R, W>
where
    R: AsyncBufRead + Unpin + ?Sized,
    W: AsyncWrite + Unpin + ?Sized,
{
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        let step = ready!(coop::poll_proceed(cx));
        loop {
            let bytes = match Pin::new(&mut *self.reader).poll_fill_buf(cx) {
                Poll::Ready(Ok(bytes)) => bytes,
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => continue,
                Poll::Ready(Err(error)) => {
                    step.made_progress();
                    return Poll::Ready(Err(error));
                }
                // It may be waiting for an answer to what lies in the writer's buffer.
                Poll::Pending => {
                    if self.unflushed {
                        ready!(Pin::new(&mut *self.writer).poll_flush(cx))?;
                        step.made_progress();
                        self.unflushed = false;
                    }
                    return Poll::Pending;
                }
            };
            step.made_progress();
            if bytes.is_empty() {
                ready!(Pin::new(&mut *self.writer).poll_flush(cx))?;
                return Poll::Ready(Ok(self.copied));
            }
            let count = match ready!(Pin::new(&mut *self.writer).poll_write(cx, bytes)) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Poll::Ready(Err(error)),
            };
            self.copied += count as u64;
            self.unflushed = true;
            Pin::new(&mut *self.reader).consume(count);
        }
    }
}

/// Copies everything from `reader` to `writer`, through the reader's own buffer, and flushes; how many bytes.
///
/// # Errors
///
/// The reader's, the writer's, and `WriteZero` if the writer takes no more bytes.
///
/// # Cancel safety
///
/// Cancel safe but for the number: dropped before it is done, what is not written is still in the reader.
///
/// ```
/// # use gumption_core::runtime::Runtime;
/// use gumption_io::io::{BufReader, copy_buf};
/// # let runtime: Runtime = Runtime::new()?;
/// # runtime.block_on(async {
/// let mut reader = BufReader::with_capacity(2, &b"hello"[..]);
/// let mut writer = Vec::new();
/// assert_eq!(copy_buf(&mut reader, &mut writer).await?, 5);
/// assert_eq!(writer, b"hello");
/// # Ok::<(), std::io::Error>(()) })?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub async fn copy_buf<'a, R, W>(reader: &'a mut R, writer: &'a mut W) -> io::Result<u64>
where
    R: AsyncBufRead + Unpin + ?Sized,
    W: AsyncWrite + Unpin + ?Sized,
{
    let mut copy = CopyBuf { reader, writer, copied: 0, unflushed: false };
    poll_fn(|cx| copy.poll(cx)).await
}
