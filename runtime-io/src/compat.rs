//! The io traits of the `futures` crates on ours, and ours on theirs (feature `futures-io`).
//!
//! Shapes and names are those of `tokio_util::compat`, so that a user of that changes an import:
//!
//! | to give a library | from | call |
//! | --- | --- | --- |
//! | `futures_io::AsyncRead`, `AsyncWrite` | our stream | [`compat`](AsyncReadCompatExt::compat), [`compat_write`](AsyncWriteCompatExt::compat_write) |
//! | our [`AsyncRead`], [`AsyncWrite`] | its stream | [`compat`](FuturesAsyncReadCompatExt::compat), [`compat_write`](FuturesAsyncWriteCompatExt::compat_write) |
//!
//! Our streams have the `futures_io` traits without a wrapper, too.
//!
//! The two differ in two things. `futures_io` reads into `&mut [u8]`, so that a [`ReadBuf`]'s memory is zeroed for it,
//! once; and its `poll_close` is our `poll_shutdown`. What its `poll_seek` does in one call takes two of ours;
//! [`Compat`] remembers which seek is under way, and begins another only for another position.

use crate::fs;
use crate::io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite, DuplexStream, ReadBuf};
use crate::net::{TcpStream, UnixStream, tcp, unix};
use pin_project_lite::pin_project;
use std::io::{self, IoSlice, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pin_project! {
    /// A stream that has the one kind of traits if the one within has the other.
    #[derive(Debug, Clone, Copy)]
    pub struct Compat<T> {
        #[pin]
        inner: T,
        // What is under way, in either direction.
        seek: Option<SeekFrom>,
    }
}

impl<T> Compat<T> {
    fn new(inner: T) -> Self {
        Self { inner, seek: None }
    }

    /// The stream.
    pub fn get_ref(&self) -> &T {
        &self.inner
    }

    /// The stream, to be changed.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.inner
    }

    /// The stream, back.
    pub fn into_inner(self) -> T {
        self.inner
    }
}

/// Wraps an [`AsyncRead`] so that it is a `futures_io::AsyncRead`.
pub trait AsyncReadCompatExt: AsyncRead {
    /// Wraps it. What it has besides (write, seek, a buffer) comes along.
    ///
    /// ```
    /// use gumption_io::compat::AsyncReadCompatExt;
    /// use gumption_io::io::duplex;
    ///
    /// fn for_futures(_: impl futures_io::AsyncRead + futures_io::AsyncWrite) {}
    /// let (client, _server) = duplex(64);
    /// for_futures(client.compat());
    /// ```
    fn compat(self) -> Compat<Self>
    where
        Self: Sized,
    {
        Compat::new(self)
    }
}

impl<T: AsyncRead> AsyncReadCompatExt for T {}

/// Wraps an [`AsyncWrite`] so that it is a `futures_io::AsyncWrite`.
pub trait AsyncWriteCompatExt: AsyncWrite {
    /// Wraps it. What it has besides comes along.
    fn compat_write(self) -> Compat<Self>
    where
        Self: Sized,
    {
        Compat::new(self)
    }
}

impl<T: AsyncWrite> AsyncWriteCompatExt for T {}

/// Wraps a `futures_io::AsyncRead` so that it is an [`AsyncRead`].
pub trait FuturesAsyncReadCompatExt: futures_io::AsyncRead {
    /// Wraps it. What it has besides (write, seek, a buffer) comes along.
    fn compat(self) -> Compat<Self>
    where
        Self: Sized,
    {
        Compat::new(self)
    }
}

impl<T: futures_io::AsyncRead> FuturesAsyncReadCompatExt for T {}

/// Wraps a `futures_io::AsyncWrite` so that it is an [`AsyncWrite`].
pub trait FuturesAsyncWriteCompatExt: futures_io::AsyncWrite {
    /// Wraps it. What it has besides comes along.
    fn compat_write(self) -> Compat<Self>
    where
        Self: Sized,
    {
        Compat::new(self)
    }
}

impl<T: futures_io::AsyncWrite> FuturesAsyncWriteCompatExt for T {}

impl<T: futures_io::AsyncRead> AsyncRead for Compat<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let count = ready!(self.project().inner.poll_read(cx, buf.initialize_unfilled()))?;
        buf.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead> futures_io::AsyncRead for Compat<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buf = ReadBuf::new(buf);
        ready!(self.project().inner.poll_read(cx, &mut buf))?;
        Poll::Ready(Ok(buf.filled().len()))
    }
}

impl<T: futures_io::AsyncBufRead> AsyncBufRead for Compat<T> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        self.project().inner.poll_fill_buf(cx)
    }

    fn consume(self: Pin<&mut Self>, amt: usize) {
        self.project().inner.consume(amt);
    }
}

impl<T: AsyncBufRead> futures_io::AsyncBufRead for Compat<T> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        self.project().inner.poll_fill_buf(cx)
    }

    fn consume(self: Pin<&mut Self>, amt: usize) {
        self.project().inner.consume(amt);
    }
}

impl<T: futures_io::AsyncWrite> AsyncWrite for Compat<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.project().inner.poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().inner.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().inner.poll_close(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.project().inner.poll_write_vectored(cx, bufs)
    }
}

impl<T: AsyncWrite> futures_io::AsyncWrite for Compat<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.project().inner.poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.project().inner.poll_write_vectored(cx, bufs)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().inner.poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().inner.poll_shutdown(cx)
    }
}

impl<T: AsyncSeek> futures_io::AsyncSeek for Compat<T> {
    fn poll_seek(self: Pin<&mut Self>, cx: &mut Context<'_>, pos: SeekFrom) -> Poll<io::Result<u64>> {
        let mut me = self.project();
        if *me.seek != Some(pos) {
            // Another one may be under way, begun by somebody who did not wait for it.
            if me.seek.is_some() {
                ready!(me.inner.as_mut().poll_complete(cx))?;
                *me.seek = None;
            }
            me.inner.as_mut().start_seek(pos)?;
            *me.seek = Some(pos);
        }
        let result = ready!(me.inner.poll_complete(cx));
        *me.seek = None;
        Poll::Ready(result)
    }
}

impl<T: futures_io::AsyncSeek> AsyncSeek for Compat<T> {
    fn start_seek(self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        *self.project().seek = Some(position);
        Ok(())
    }

    fn poll_complete(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        let me = self.project();
        let Some(position) = *me.seek else {
            // Nothing is under way: where are we?
            return me.inner.poll_seek(cx, SeekFrom::Current(0));
        };
        let result = ready!(me.inner.poll_seek(cx, position));
        *me.seek = None;
        Poll::Ready(result)
    }
}

/// Our own streams need no [`Compat`] around them.
macro_rules! direct {
    ($($read:ty),* ; $($write:ty),*) => {
        $(impl futures_io::AsyncRead for $read {
            fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
                let mut buf = ReadBuf::new(buf);
                ready!(AsyncRead::poll_read(self, cx, &mut buf))?;
                Poll::Ready(Ok(buf.filled().len()))
            }
        })*
        $(impl futures_io::AsyncWrite for $write {
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                AsyncWrite::poll_write(self, cx, buf)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                AsyncWrite::poll_write_vectored(self, cx, bufs)
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                AsyncWrite::poll_flush(self, cx)
            }

            fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                AsyncWrite::poll_shutdown(self, cx)
            }
        })*
    };
}

direct!(
    fs::File, DuplexStream, TcpStream, tcp::ReadHalf<'_>, tcp::OwnedReadHalf, UnixStream, unix::ReadHalf<'_>,
    unix::OwnedReadHalf, unix::pipe::Receiver;
    fs::File, DuplexStream, TcpStream, tcp::WriteHalf<'_>, tcp::OwnedWriteHalf, UnixStream, unix::WriteHalf<'_>,
    unix::OwnedWriteHalf, unix::pipe::Sender
);
