//! [`Take`]: the first bytes of a reader, and then the end.
//!
//! At the limit the reader is not asked any more: it might wait for bytes that nobody wants.

use crate::io::{AsyncBufRead, AsyncRead, ReadBuf};
use pin_project_lite::pin_project;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pin_project! {
    /// A reader that ends after a number of bytes; made by [`take`](super::AsyncReadExt::take).
    #[derive(Debug)]
    #[must_use = "streams do nothing unless you `.await` or poll them"]
    pub struct Take<R> {
        #[pin]
        inner: R,
        left: u64,
    }
}

impl<R: AsyncRead> Take<R> {
    pub(super) fn new(inner: R, limit: u64) -> Self {
        Self { inner, left: limit }
    }

    /// How many bytes may still be read. The reader may end before.
    pub fn limit(&self) -> u64 {
        self.left
    }

    /// Sets how many bytes may be read from now on.
    pub fn set_limit(&mut self, limit: u64) {
        self.left = limit;
    }

    /// The reader.
    pub fn get_ref(&self) -> &R {
        &self.inner
    }

    /// The reader. What is read from it directly is not counted.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    /// The reader, pinned. What is read from it directly is not counted.
    pub fn get_pin_mut(self: Pin<&mut Self>) -> Pin<&mut R> {
        self.project().inner
    }

    /// The reader, back.
    pub fn into_inner(self) -> R {
        self.inner
    }
}

impl<R: AsyncRead> AsyncRead for Take<R> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.left == 0 {
            return Poll::Ready(Ok(()));
        }
        let me = self.project();
        let mut part = buf.take(usize::try_from(*me.left).unwrap_or(usize::MAX));
        let memory = part.memory();
        ready!(me.inner.poll_read(cx, &mut part))?;
        assert_eq!(memory, part.memory(), "the reader has put another buffer in place of ours");
        let count = part.filled().len();
        // SAFETY: that much of `part`, which is the begin of the unfilled part, is filled, hence initialized.
        unsafe { buf.assume_init(count) };
        buf.advance(count);
        *me.left -= count as u64;
        Poll::Ready(Ok(()))
    }
}

impl<R: AsyncBufRead> AsyncBufRead for Take<R> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let me = self.project();
        if *me.left == 0 {
            return Poll::Ready(Ok(&[]));
        }
        let bytes = ready!(me.inner.poll_fill_buf(cx))?;
        let count = usize::try_from(*me.left).unwrap_or(usize::MAX).min(bytes.len());
        Poll::Ready(Ok(&bytes[..count]))
    }

    fn consume(self: Pin<&mut Self>, amt: usize) {
        let me = self.project();
        // Nobody gets behind the limit by a number that is too large.
        let count = usize::try_from(*me.left).unwrap_or(usize::MAX).min(amt);
        *me.left -= count as u64;
        me.inner.consume(count);
    }
}
