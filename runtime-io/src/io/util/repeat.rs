//! [`Repeat`]: one byte, for ever.
//!
//! It never waits, but takes a step of the budget at each call, so that a loop over it lets others run.

use super::poll_step;
use crate::io::{AsyncRead, ReadBuf};
use bytes::BufMut;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// A reader that gives one byte for ever; made by [`repeat`].
#[derive(Debug)]
pub struct Repeat {
    byte: u8,
}

/// A reader that gives `byte` for ever.
///
/// ```
/// # use gumption_core::runtime::Runtime;
/// use gumption_io::io::{AsyncReadExt, repeat};
/// # let runtime: Runtime = Runtime::new()?;
/// # runtime.block_on(async {
/// let mut buf = [0; 3];
/// repeat(7).read_exact(&mut buf).await?;
/// assert_eq!(buf, [7, 7, 7]);
/// # Ok::<(), std::io::Error>(()) })?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn repeat(byte: u8) -> Repeat {
    Repeat { byte }
}

impl AsyncRead for Repeat {
    #[inline]
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        ready!(poll_step(cx));
        buf.put_bytes(self.byte, buf.remaining());
        Poll::Ready(Ok(()))
    }
}
