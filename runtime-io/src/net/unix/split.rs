//! [`ReadHalf`] and [`WriteHalf`]: a [`UnixStream`] borrowed twice, for reading and for writing.
//!
//! They cost nothing, since reading and writing are independent in the stream already; what they give is two values where
//! `AsyncRead` and `AsyncWrite` each want a `&mut`. They live as long as the borrow: for two tasks there are the
//! [owned halves](super::OwnedReadHalf).
//!
//! The invariant: one reading and one writing half of a stream, so that the one waker per direction that the stream keeps is
//! enough. Nothing here has a state of its own, and dropping a half does nothing.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BufMut;

use super::{SocketAddr, stream::UnixStream};
use crate::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Ready};

/// The reading half of a borrowed [`UnixStream`], from [`UnixStream::split`].
///
/// ```
/// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
/// let (mut a, b) = gumption_io::net::UnixStream::pair()?;
/// let (reading, _writing) = a.split();
/// b.writable().await?;
/// b.try_write(b"hello")?;
/// reading.readable().await?;
/// assert_eq!(reading.try_read(&mut [0; 16])?, 5);
/// # Ok(()) }) }
/// ```
#[derive(Debug)]
pub struct ReadHalf<'a>(&'a UnixStream);

/// The writing half of a borrowed [`UnixStream`], from [`UnixStream::split`].
///
/// ```
/// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
/// let (mut a, _b) = gumption_io::net::UnixStream::pair()?;
/// let (_reading, writing) = a.split();
/// writing.writable().await?;
/// assert_eq!(writing.try_write(b"hello")?, 5);
/// # Ok(()) }) }
/// ```
#[derive(Debug)]
pub struct WriteHalf<'a>(&'a UnixStream);

impl UnixStream {
    /// Two halves that borrow the stream, one that reads and one that writes.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (mut a, _b) = gumption_io::net::UnixStream::pair()?;
    /// let (reading, writing) = a.split();
    /// writing.writable().await?;
    /// # drop(reading);
    /// # Ok(()) }) }
    /// ```
    pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        (ReadHalf(self), WriteHalf(self))
    }
}

impl ReadHalf<'_> {
    /// Waits for readiness, as [`UnixStream::ready`].
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// use gumption_io::io::Interest;
    ///
    /// let (mut a, b) = gumption_io::net::UnixStream::pair()?;
    /// drop(b);
    /// assert!(a.split().0.ready(Interest::READABLE).await?.is_read_closed());
    /// # Ok(()) }) }
    /// ```
    pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        self.0.ready(interest).await
    }

    /// Waits until there is something to read, as [`UnixStream::readable`].
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (mut a, b) = gumption_io::net::UnixStream::pair()?;
    /// drop(b);
    /// a.split().0.readable().await?;
    /// # Ok(()) }) }
    /// ```
    pub async fn readable(&self) -> io::Result<()> {
        self.0.readable().await
    }

    /// Reads what there is, as [`UnixStream::try_read`].
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (mut a, _b) = gumption_io::net::UnixStream::pair()?;
    /// let nothing = a.split().0.try_read(&mut [0; 16]).unwrap_err();
    /// assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
    /// # Ok(()) }) }
    /// ```
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buf)
    }

    /// Reads what there is, as [`UnixStream::try_read_buf`].
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (mut a, _b) = gumption_io::net::UnixStream::pair()?;
    /// let nothing = a.split().0.try_read_buf(&mut Vec::with_capacity(16)).unwrap_err();
    /// assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
    /// # Ok(()) }) }
    /// ```
    pub fn try_read_buf<B: BufMut>(&self, buf: &mut B) -> io::Result<usize> {
        self.0.try_read_buf(buf)
    }

    /// Reads what there is, as [`UnixStream::try_read_vectored`].
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (mut a, _b) = gumption_io::net::UnixStream::pair()?;
    /// let mut room = [0; 16];
    /// let nothing = a.split().0.try_read_vectored(&mut [std::io::IoSliceMut::new(&mut room)]).unwrap_err();
    /// assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
    /// # Ok(()) }) }
    /// ```
    pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.0.try_read_vectored(bufs)
    }

    /// The address of the other end.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (mut a, _b) = gumption_io::net::UnixStream::pair()?;
    /// assert!(a.split().0.peer_addr()?.is_unnamed());
    /// # Ok(()) }) }
    /// ```
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.peer_addr()
    }

    /// The address of this end.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (mut a, _b) = gumption_io::net::UnixStream::pair()?;
    /// assert!(a.split().0.local_addr()?.is_unnamed());
    /// # Ok(()) }) }
    /// ```
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl WriteHalf<'_> {
    /// Waits for readiness, as [`UnixStream::ready`].
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// use gumption_io::io::Interest;
    ///
    /// let (mut a, _b) = gumption_io::net::UnixStream::pair()?;
    /// assert!(a.split().1.ready(Interest::WRITABLE).await?.is_writable());
    /// # Ok(()) }) }
    /// ```
    pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        self.0.ready(interest).await
    }

    /// Waits until there is room, as [`UnixStream::writable`].
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (mut a, _b) = gumption_io::net::UnixStream::pair()?;
    /// a.split().1.writable().await?;
    /// # Ok(()) }) }
    /// ```
    pub async fn writable(&self) -> io::Result<()> {
        self.0.writable().await
    }

    /// Writes what there is room for, as [`UnixStream::try_write`].
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (mut a, b) = gumption_io::net::UnixStream::pair()?;
    /// drop(b);
    /// a.writable().await?;
    /// let gone = a.split().1.try_write(b"hello").unwrap_err();
    /// assert_eq!(gone.kind(), std::io::ErrorKind::BrokenPipe);
    /// # Ok(()) }) }
    /// ```
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        self.0.try_write(buf)
    }

    /// Writes what there is room for, as [`UnixStream::try_write_vectored`].
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (mut a, _b) = gumption_io::net::UnixStream::pair()?;
    /// a.writable().await?;
    /// assert_eq!(a.split().1.try_write_vectored(&[std::io::IoSlice::new(b"hello")])?, 5);
    /// # Ok(()) }) }
    /// ```
    pub fn try_write_vectored(&self, buf: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(buf)
    }

    /// The address of the other end.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (mut a, _b) = gumption_io::net::UnixStream::pair()?;
    /// assert!(a.split().1.peer_addr()?.is_unnamed());
    /// # Ok(()) }) }
    /// ```
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.peer_addr()
    }

    /// The address of this end.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (mut a, _b) = gumption_io::net::UnixStream::pair()?;
    /// assert!(a.split().1.local_addr()?.is_unnamed());
    /// # Ok(()) }) }
    /// ```
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl AsyncRead for ReadHalf<'_> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.0.poll_read_shared(cx, buf)
    }
}

impl AsyncWrite for WriteHalf<'_> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.0.poll_write_shared(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_write_vectored_shared(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    /// Nothing to do: what was written is the kernel's.
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.0.shut_down(Shutdown::Write))
    }
}

impl AsRef<UnixStream> for ReadHalf<'_> {
    fn as_ref(&self) -> &UnixStream {
        self.0
    }
}

impl AsRef<UnixStream> for WriteHalf<'_> {
    fn as_ref(&self) -> &UnixStream {
        self.0
    }
}
