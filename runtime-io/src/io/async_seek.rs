//! [`AsyncSeek`]: something with a position that can be moved.
//!
//! The shape is tokio's to the letter, in two steps, because a seek of a file runs on another thread: `start_seek` says
//! where to, `poll_complete` waits until it is there. `poll_complete` without a seek under way waits for whatever else
//! is under way and tells the position.
//!
//! Here are also the ones that never wait: pointers, and `Cursor`.

use std::io::{self, Seek, SeekFrom};
use std::ops::DerefMut;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Seeks asynchronously.
///
/// The counterpart of [`std::io::Seek`]. Use the methods of [`AsyncSeekExt`](super::AsyncSeekExt); this trait is what a
/// stream implements.
pub trait AsyncSeek {
    /// Begins to move to `position`, in bytes. A position behind the end is allowed, what it means is the stream's.
    ///
    /// # Errors
    ///
    /// If the position is before the begin, and `Other` if something is under way: call
    /// [`poll_complete`](Self::poll_complete) until it is ready first.
    fn start_seek(self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()>;

    /// Waits for the seek that was begun and returns the new position, from the begin of the stream.
    ///
    /// If none was begun, the answer is the stream's choice: most tell the current position.
    fn poll_complete(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>>;
}

macro_rules! deref_async_seek {
    () => {
        fn start_seek(mut self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
            Pin::new(&mut **self).start_seek(position)
        }

        fn poll_complete(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
            Pin::new(&mut **self).poll_complete(cx)
        }
    };
}

impl<T: ?Sized + AsyncSeek + Unpin> AsyncSeek for Box<T> {
    deref_async_seek!();
}

impl<T: ?Sized + AsyncSeek + Unpin> AsyncSeek for &mut T {
    deref_async_seek!();
}

impl<P> AsyncSeek for Pin<P>
where
    P: DerefMut,
    P::Target: AsyncSeek,
{
    fn start_seek(self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        self.as_deref_mut().start_seek(position)
    }

    fn poll_complete(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        self.as_deref_mut().poll_complete(cx)
    }
}

impl<T: AsRef<[u8]> + Unpin> AsyncSeek for io::Cursor<T> {
    #[inline]
    fn start_seek(mut self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        Seek::seek(&mut *self, position).map(drop)
    }

    #[inline]
    fn poll_complete(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<u64>> {
        Poll::Ready(Ok(self.position()))
    }
}
