//! [`copy_bidirectional()`]: a proxy between two streams.
//!
//! Each direction copies until its reader ends, then shuts its writer down, so that a half-closed stream is half-closed
//! on the other side too, and the other direction goes on. An error of either ends both.

use super::DEFAULT_BUF_SIZE;
use super::copy::CopyBuffer;
use crate::io::{AsyncRead, AsyncWrite};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// How far one direction has come.
enum Transfer {
    Running(CopyBuffer),
    ShuttingDown(u64),
    Done(u64),
}

impl Transfer {
    fn poll<R, W>(&mut self, cx: &mut Context<'_>, reader: &mut R, writer: &mut W) -> Poll<io::Result<u64>>
    where
        R: AsyncRead + Unpin + ?Sized,
        W: AsyncWrite + Unpin + ?Sized,
    {
        loop {
            match self {
                Self::Running(buffer) => {
                    let copied = ready!(buffer.poll_copy(cx, Pin::new(&mut *reader), Pin::new(&mut *writer)))?;
                    *self = Self::ShuttingDown(copied);
                }
                Self::ShuttingDown(copied) => {
                    ready!(Pin::new(&mut *writer).poll_shutdown(cx))?;
                    *self = Self::Done(*copied);
                }
                Self::Done(copied) => return Poll::Ready(Ok(*copied)),
            }
        }
    }
}

/// Copies from `a` to `b` and from `b` to `a` until both have ended; how many bytes each way.
///
/// When one of them ends, the other is shut down for writing and the copy the other way goes on.
///
/// # Errors
///
/// The first of either stream; the copy the other way ends with it.
///
/// # Cancel safety
///
/// Not cancel safe: dropped before it is done, it loses what it has read and not yet written.
///
/// ```
/// # use gumption_core::runtime::Runtime;
/// use gumption_io::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional, duplex};
/// # let runtime: Runtime = Runtime::new()?;
/// # runtime.block_on(async {
/// let (mut client, mut front) = duplex(64);
/// let (mut back, mut server) = duplex(64);
/// let proxy = gumption_core::spawn(async move { copy_bidirectional(&mut front, &mut back).await });
/// client.write_all(b"ping").await?;
/// client.shutdown().await?;
/// let mut request = String::new();
/// server.read_to_string(&mut request).await?;
/// assert_eq!(request, "ping");
/// server.write_all(b"pong!").await?;
/// drop(server);
/// let mut answer = String::new();
/// client.read_to_string(&mut answer).await?;
/// assert_eq!(answer, "pong!");
/// assert_eq!(proxy.await.expect("it does not panic")?, (4, 5));
/// # Ok::<(), std::io::Error>(()) })?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub async fn copy_bidirectional<A, B>(a: &mut A, b: &mut B) -> io::Result<(u64, u64)>
where
    A: AsyncRead + AsyncWrite + Unpin + ?Sized,
    B: AsyncRead + AsyncWrite + Unpin + ?Sized,
{
    copy_bidirectional_with_sizes(a, b, DEFAULT_BUF_SIZE, DEFAULT_BUF_SIZE).await
}

/// [`copy_bidirectional`](copy_bidirectional()) with buffers of these sizes.
///
/// # Panics
///
/// If a size is 0.
pub async fn copy_bidirectional_with_sizes<A, B>(
    a: &mut A,
    b: &mut B,
    a_to_b_buf_size: usize,
    b_to_a_buf_size: usize,
) -> io::Result<(u64, u64)>
where
    A: AsyncRead + AsyncWrite + Unpin + ?Sized,
    B: AsyncRead + AsyncWrite + Unpin + ?Sized,
{
    assert!(a_to_b_buf_size > 0, "`a_to_b_buf_size` must be greater than 0");
    assert!(b_to_a_buf_size > 0, "`b_to_a_buf_size` must be greater than 0");
    let mut there = Transfer::Running(CopyBuffer::new(a_to_b_buf_size));
    let mut back = Transfer::Running(CopyBuffer::new(b_to_a_buf_size));
    poll_fn(|cx| {
        // Both, before either's `Pending` is returned; one that is done says so again.
        let there = there.poll(cx, a, b)?;
        let back = back.poll(cx, b, a)?;
        Poll::Ready(Ok((ready!(there), ready!(back))))
    })
    .await
}
