//! [`BufReader`]: few large reads instead of many small ones.
//!
//! A read that is at least as large as the buffer goes past it while it is empty. Bytes that lie in the buffer are the
//! reader's no more: [`into_inner`](BufReader::into_inner) loses them.
//!
//! A seek asks the stream in two steps, as [`AsyncSeek`] has it, and empties the buffer once it is done. A seek from
//! the current position is one from where the *caller* is, which is behind the stream by what lies in the buffer.
//!
//! The one invariant: `pos <= cap <= buf.len()`, and `buf[pos..cap]` is read from the stream and not yet by the caller.

use super::DEFAULT_BUF_SIZE;
use crate::io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};
use pin_project_lite::pin_project;
use std::fmt;
use std::io::{self, IoSlice, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pin_project! {
    /// A reader with a buffer. A writer under it is written to directly.
    ///
    /// ```
    /// # use gumption_core::runtime::Runtime;
    /// use gumption_io::io::{AsyncBufReadExt, BufReader};
    /// # let runtime: Runtime = Runtime::new()?;
    /// # runtime.block_on(async {
    /// let mut reader = BufReader::new(&b"one\ntwo"[..]);
    /// let mut line = String::new();
    /// reader.read_line(&mut line).await?;
    /// assert_eq!((line.as_str(), reader.buffer()), ("one\n", &b"two"[..]));
    /// # Ok::<(), std::io::Error>(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub struct BufReader<R> {
        #[pin]
        pub(super) inner: R,
        pub(super) buf: Box<[u8]>,
        pub(super) pos: usize,
        pub(super) cap: usize,
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
    /// The stream moves to where the caller is; from there it goes on by so much.
    Back(i64),
    /// The stream moves to its goal.
    Under,
}

impl<R: AsyncRead> BufReader<R> {
    /// A reader with a buffer of 8 KiB.
    pub fn new(inner: R) -> Self {
        Self::with_capacity(DEFAULT_BUF_SIZE, inner)
    }

    /// A reader with a buffer of `capacity` bytes.
    ///
    /// # Panics
    ///
    /// If that is 0.
    #[track_caller]
    pub fn with_capacity(capacity: usize, inner: R) -> Self {
        assert!(capacity > 0, "capacity must be greater than zero");
        Self { inner, buf: vec![0; capacity].into_boxed_slice(), pos: 0, cap: 0, seek: Seek::Idle }
    }

    /// The reader.
    pub fn get_ref(&self) -> &R {
        &self.inner
    }

    /// The reader. What is read from it directly does not come from the buffer.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    /// The reader, pinned. What is read from it directly does not come from the buffer.
    pub fn get_pin_mut(self: Pin<&mut Self>) -> Pin<&mut R> {
        self.project().inner
    }

    /// The reader, back. What lies in the buffer is lost.
    pub fn into_inner(self) -> R {
        self.inner
    }

    /// What lies in the buffer.
    pub fn buffer(&self) -> &[u8] {
        &self.buf[self.pos..self.cap]
    }

    fn discard_buffer(self: Pin<&mut Self>) {
        let me = self.project();
        *me.pos = 0;
        *me.cap = 0;
    }
}

impl<R: AsyncRead> AsyncRead for BufReader<R> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.pos == self.cap && buf.remaining() >= self.buf.len() {
            return self.project().inner.poll_read(cx, buf);
        }
        let bytes = ready!(self.as_mut().poll_fill_buf(cx))?;
        let count = bytes.len().min(buf.remaining());
        buf.put_slice(&bytes[..count]);
        self.consume(count);
        Poll::Ready(Ok(()))
    }
}

impl<R: AsyncRead> AsyncBufRead for BufReader<R> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let me = self.project();
        if *me.pos == *me.cap {
            let mut buf = ReadBuf::new(me.buf);
            ready!(me.inner.poll_read(cx, &mut buf))?;
            *me.cap = buf.filled().len();
            *me.pos = 0;
        }
        Poll::Ready(Ok(&me.buf[*me.pos..*me.cap]))
    }

    fn consume(self: Pin<&mut Self>, amt: usize) {
        let me = self.project();
        *me.pos = me.pos.saturating_add(amt).min(*me.cap);
    }
}

impl<R: AsyncRead + AsyncSeek> AsyncSeek for BufReader<R> {
    /// Always accepted; what the stream has against it is said by `poll_complete`.
    fn start_seek(self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        *self.project().seek = Seek::Asked(position);
        Ok(())
    }

    fn poll_complete(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        loop {
            let buffered = (self.cap - self.pos) as i64;
            let mut me = self.as_mut().project();
            // An error ends the seek.
            match std::mem::replace(me.seek, Seek::Idle) {
                Seek::Idle => return me.inner.poll_complete(cx),
                Seek::Asked(SeekFrom::Current(by)) => match by.checked_sub(buffered) {
                    Some(by) => {
                        me.inner.as_mut().start_seek(SeekFrom::Current(by))?;
                        *me.seek = Seek::Under;
                    }
                    // Too far for one step.
                    None => {
                        me.inner.as_mut().start_seek(SeekFrom::Current(-buffered))?;
                        *me.seek = Seek::Back(by);
                    }
                },
                Seek::Asked(position) => {
                    me.inner.as_mut().start_seek(position)?;
                    *me.seek = Seek::Under;
                }
                Seek::Back(by) => {
                    if me.inner.as_mut().poll_complete(cx)?.is_pending() {
                        *me.seek = Seek::Back(by);
                        return Poll::Pending;
                    }
                    self.as_mut().discard_buffer();
                    let mut me = self.as_mut().project();
                    me.inner.as_mut().start_seek(SeekFrom::Current(by))?;
                    *me.seek = Seek::Under;
                }
                Seek::Under => {
                    let Poll::Ready(position) = me.inner.as_mut().poll_complete(cx)? else {
                        *me.seek = Seek::Under;
                        return Poll::Pending;
                    };
                    self.discard_buffer();
                    return Poll::Ready(Ok(position));
                }
            }
        }
    }
}

impl<R: AsyncRead + AsyncWrite> AsyncWrite for BufReader<R> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.get_pin_mut().poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_pin_mut().poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.get_ref().is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_pin_mut().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_pin_mut().poll_shutdown(cx)
    }
}

impl<R: fmt::Debug> fmt::Debug for BufReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufReader")
            .field("reader", &self.inner)
            .field("buffer", &format_args!("{}/{}", self.cap - self.pos, self.buf.len()))
            .finish()
    }
}
