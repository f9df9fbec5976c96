//! [`Split`]: a reader, cut at a byte.
//!
//! What it has read of a segment that is not whole yet is kept in here, so that a call that is dropped loses nothing.

use super::read_until::poll_read_until;
use crate::io::AsyncBufRead;
use pin_project_lite::pin_project;
use std::future::poll_fn;
use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pin_project! {
    /// What is between a byte's occurrences in a reader, one after the other; made by
    /// [`split`](super::AsyncBufReadExt::split).
    #[derive(Debug)]
    #[must_use = "streams do nothing unless polled"]
    pub struct Split<R> {
        #[pin]
        reader: R,
        buf: Vec<u8>,
        delimiter: u8,
        read: usize,
    }
}

impl<R: AsyncBufRead> Split<R> {
    pub(super) fn new(reader: R, delimiter: u8) -> Self {
        Self { reader, buf: Vec::new(), delimiter, read: 0 }
    }

    /// Polls for the next segment: [`next_segment`](Self::next_segment) for hand-written futures.
    pub fn poll_next_segment(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<Option<Vec<u8>>>> {
        let me = self.project();
        let count = ready!(poll_read_until(cx, me.reader, *me.delimiter, me.buf, me.read))?;
        if count == 0 && me.buf.is_empty() {
            return Poll::Ready(Ok(None));
        }
        if me.buf.last() == Some(me.delimiter) {
            me.buf.pop();
        }
        Poll::Ready(Ok(Some(mem::take(me.buf))))
    }
}

impl<R: AsyncBufRead + Unpin> Split<R> {
    /// The next segment without the byte that ends it, `None` after the last.
    ///
    /// # Errors
    ///
    /// The reader's.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: what was read of a segment stays here for the next call.
    ///
    /// ```
    /// # use gumption_core::runtime::Runtime;
    /// use gumption_io::io::AsyncBufReadExt;
    /// # let runtime: Runtime = Runtime::new()?;
    /// # runtime.block_on(async {
    /// let mut segments = std::io::Cursor::new("a,,b").split(b',');
    /// assert_eq!(segments.next_segment().await?.as_deref(), Some(&b"a"[..]));
    /// assert_eq!(segments.next_segment().await?.as_deref(), Some(&b""[..]));
    /// assert_eq!(segments.next_segment().await?.as_deref(), Some(&b"b"[..]));
    /// assert_eq!(segments.next_segment().await?, None);
    /// # Ok::<(), std::io::Error>(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub async fn next_segment(&mut self) -> io::Result<Option<Vec<u8>>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next_segment(cx)).await
    }
}
