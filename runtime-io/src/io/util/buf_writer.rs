//! [`BufWriter`]: few large writes instead of many small ones.
//!
//! A write that is at least as large as the buffer goes past it once what lies in it is written. Nothing writes the
//! buffer when the writer is dropped, because that would have to wait: flush, or shut down, before.
//!
//! The one invariant: `buf[written..]` is taken from the caller and not yet by the stream, and the buffer never grows.

use super::DEFAULT_BUF_SIZE;
use crate::io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};
use pin_project_lite::pin_project;
use std::fmt;
use std::io::{self, IoSlice, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pin_project! {
    /// A writer with a buffer. A reader under it is read from directly.
    ///
    /// ```
    /// # use gumption_core::runtime::Runtime;
    /// use gumption_io::io::{AsyncWriteExt, BufWriter};
    /// # let runtime: Runtime = Runtime::new()?;
    /// # runtime.block_on(async {
    /// let mut writer = BufWriter::new(Vec::new());
    /// writer.write_all(b"hello").await?;
    /// assert_eq!(writer.get_ref(), b"");
    /// writer.flush().await?;
    /// assert_eq!(writer.into_inner(), b"hello");
    /// # Ok::<(), std::io::Error>(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub struct BufWriter<W> {
        #[pin]
        pub(super) inner: W,
        pub(super) buf: Vec<u8>,
        pub(super) written: usize,
        pub(super) seek: Seek,
    }
}

/// How far a seek has come.
#[derive(Debug, Clone, Copy)]
pub(super) enum Seek {
    /// There is none.
    Idle,
    /// It was asked for.
    Asked(SeekFrom),
    /// The stream moves.
    Under,
}

impl<W: AsyncWrite> BufWriter<W> {
    /// A writer with a buffer of 8 KiB.
    pub fn new(inner: W) -> Self {
        Self::with_capacity(DEFAULT_BUF_SIZE, inner)
    }

    /// A writer with a buffer of at least `cap` bytes.
    pub fn with_capacity(cap: usize, inner: W) -> Self {
        Self { inner, buf: Vec::with_capacity(cap), written: 0, seek: Seek::Idle }
    }

    /// The writer.
    pub fn get_ref(&self) -> &W {
        &self.inner
    }

    /// The writer. What is written to it directly overtakes what lies in the buffer.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.inner
    }

    /// The writer, pinned. What is written to it directly overtakes what lies in the buffer.
    pub fn get_pin_mut(self: Pin<&mut Self>) -> Pin<&mut W> {
        self.project().inner
    }

    /// The writer, back. What lies in the buffer is lost.
    pub fn into_inner(self) -> W {
        self.inner
    }

    /// What lies in the buffer.
    pub fn buffer(&self) -> &[u8] {
        &self.buf
    }

    /// Room in the buffer, without writing it.
    fn room(&self) -> usize {
        self.buf.capacity() - self.buf.len()
    }

    /// Writes the buffer until it is empty.
    fn poll_flush_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut me = self.project();
        let mut result = Ok(());
        while *me.written < me.buf.len() {
            match ready!(me.inner.as_mut().poll_write(cx, &me.buf[*me.written..])) {
                Ok(0) => result = Err(io::Error::new(io::ErrorKind::WriteZero, "failed to write the buffered data")),
                Ok(count) => *me.written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => result = Err(error),
            }
            if result.is_err() {
                break;
            }
        }
        me.buf.drain(..*me.written);
        *me.written = 0;
        Poll::Ready(result)
    }
}

impl<W: AsyncWrite> AsyncWrite for BufWriter<W> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if buf.len() > self.room() {
            ready!(self.as_mut().poll_flush_buf(cx))?;
        }
        let me = self.project();
        if buf.len() >= me.buf.capacity() {
            return me.inner.poll_write(cx, buf);
        }
        me.buf.extend_from_slice(buf);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.inner.is_write_vectored() {
            let total = bufs.iter().fold(0_usize, |sum, buf| sum.saturating_add(buf.len()));
            if total > self.room() {
                ready!(self.as_mut().poll_flush_buf(cx))?;
            }
            let me = self.project();
            if total >= me.buf.capacity() {
                return me.inner.poll_write_vectored(cx, bufs);
            }
            bufs.iter().for_each(|buf| me.buf.extend_from_slice(buf));
            return Poll::Ready(Ok(total));
        }
        let mut bufs = bufs.iter().filter(|buf| !buf.is_empty());
        let Some(first) = bufs.next() else {
            return Poll::Ready(Ok(0));
        };
        let mut total = ready!(self.as_mut().poll_write(cx, first))?;
        // As many more as fit, if the first one went to the buffer and not past it.
        if first.len() < self.buf.capacity() {
            let mut room = self.room();
            let me = self.project();
            for buf in bufs.take_while(|buf| {
                let fits = buf.len() <= room;
                room -= if fits { buf.len() } else { 0 };
                fits
            }) {
                me.buf.extend_from_slice(buf);
                total += buf.len();
            }
        }
        Poll::Ready(Ok(total))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_flush_buf(cx))?;
        self.get_pin_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_flush_buf(cx))?;
        self.get_pin_mut().poll_shutdown(cx)
    }
}

impl<W: AsyncWrite + AsyncSeek> AsyncSeek for BufWriter<W> {
    /// Always accepted; what the stream has against it is said by `poll_complete`, which writes the buffer first.
    fn start_seek(self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        *self.project().seek = Seek::Asked(position);
        Ok(())
    }

    fn poll_complete(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        if let Seek::Idle = self.seek {
            return self.project().inner.poll_complete(cx);
        }
        ready!(self.as_mut().poll_flush_buf(cx))?;
        let mut me = self.project();
        if let Seek::Asked(position) = *me.seek {
            // What is still under way.
            ready!(me.inner.as_mut().poll_complete(cx))?;
            *me.seek = Seek::Idle;
            me.inner.as_mut().start_seek(position)?;
            *me.seek = Seek::Under;
        }
        let position = ready!(me.inner.poll_complete(cx));
        *me.seek = Seek::Idle;
        Poll::Ready(position)
    }
}

impl<W: AsyncWrite + AsyncRead> AsyncRead for BufWriter<W> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.get_pin_mut().poll_read(cx, buf)
    }
}

impl<W: AsyncWrite + AsyncBufRead> AsyncBufRead for BufWriter<W> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        self.get_pin_mut().poll_fill_buf(cx)
    }

    fn consume(self: Pin<&mut Self>, amt: usize) {
        self.get_pin_mut().consume(amt);
    }
}

impl<W: fmt::Debug> fmt::Debug for BufWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufWriter")
            .field("writer", &self.inner)
            .field("buffer", &format_args!("{}/{}", self.buf.len(), self.buf.capacity()))
            .field("written", &self.written)
            .finish()
    }
}
