//! [`AsyncRead`]: something that bytes can be read from, without blocking a thread.
//!
//! The shape is tokio's to the letter. A read does not say how much it read: it fills a [`ReadBuf`], which knows. A
//! read that is `Ready(Ok(()))` and has filled nothing of a buffer that had room is the end of the stream.
//!
//! A leaf that answers `Pending` has registered the context's waker, that of the last call only, and has said what it
//! waits for; it has taken no byte and changed nothing in the buffer that a reader could see.
//!
//! Here are also the readers that never wait: pointers to readers, slices, and `Cursor`.

use super::ReadBuf;
use std::io;
use std::ops::DerefMut;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Reads bytes asynchronously.
///
/// The counterpart of [`std::io::Read`]. Use the methods of [`AsyncReadExt`](super::AsyncReadExt) to read; this trait
/// is what a stream implements.
pub trait AsyncRead {
    /// Reads what is there into `buf`, at most as much as fits.
    ///
    /// `Ready(Ok(()))` if something was read, or if the stream has ended, or if `buf` has no room: compare
    /// [`buf.filled()`](ReadBuf::filled) before and after. `Pending` if there is nothing yet; then nothing was read,
    /// and the task of the last such call is woken when there may be something.
    ///
    /// `ErrorKind::WouldBlock` and `Interrupted` are never returned.
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>>;
}

macro_rules! deref_async_read {
    () => {
        fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut **self).poll_read(cx, buf)
        }
    };
}

impl<T: ?Sized + AsyncRead + Unpin> AsyncRead for Box<T> {
    deref_async_read!();
}

impl<T: ?Sized + AsyncRead + Unpin> AsyncRead for &mut T {
    deref_async_read!();
}

impl<P> AsyncRead for Pin<P>
where
    P: DerefMut,
    P::Target: AsyncRead,
{
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.as_deref_mut().poll_read(cx, buf)
    }
}

impl AsyncRead for &[u8] {
    #[inline]
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let (now, later) = self.split_at(self.len().min(buf.remaining()));
        buf.put_slice(now);
        *self = later;
        Poll::Ready(Ok(()))
    }
}

impl<T: AsRef<[u8]> + Unpin> AsyncRead for io::Cursor<T> {
    #[inline]
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let position = self.position();
        let bytes = (*self).get_ref().as_ref();
        // A position behind the end is allowed, and reads nothing.
        let start = usize::try_from(position).unwrap_or(usize::MAX).min(bytes.len());
        let count = (bytes.len() - start).min(buf.remaining());
        buf.put_slice(&bytes[start..start + count]);
        self.set_position(position + count as u64);
        Poll::Ready(Ok(()))
    }
}
