//! [`OwnedReadHalf`] and [`OwnedWriteHalf`]: a [`UnixStream`] owned by two, for reading and for writing.
//!
//! One reference count between them, and the descriptor closes with the second. The writing half shuts the writing down when
//! it is dropped, so that the peer sees the end even while the reading half lives on; unless it was
//! [forgotten](OwnedWriteHalf::forget), shut down already, or [reunited](OwnedReadHalf::reunite) with the other.
//!
//! The invariant: exactly one reading and one writing half refer to a stream, hence a reunion of halves of the same stream
//! finds no third owner. Nothing else hands out the shared pointer.

use std::error::Error;
use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::BufMut;

use super::{SocketAddr, stream::UnixStream};
use crate::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Ready};

/// The owned reading half of a [`UnixStream`], from [`UnixStream::into_split`].
///
/// ```
/// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
/// let (a, b) = gumption_io::net::UnixStream::pair()?;
/// let (reading, _writing) = a.into_split();
/// let reader = gumption_core::spawn(async move {
///     reading.readable().await?;
///     reading.try_read(&mut [0; 16])
/// });
/// b.writable().await?;
/// b.try_write(b"hello")?;
/// assert_eq!(reader.await.expect("the reader does not panic")?, 5);
/// # Ok(()) }) }
/// ```
#[derive(Debug)]
pub struct OwnedReadHalf {
    stream: Arc<UnixStream>,
}

/// The owned writing half of a [`UnixStream`], from [`UnixStream::into_split`].
///
/// Dropping it shuts the writing down.
///
/// ```
/// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
/// let (a, b) = gumption_io::net::UnixStream::pair()?;
/// let (_reading, writing) = a.into_split();
/// drop(writing);
/// b.readable().await?;
/// assert_eq!(b.try_read(&mut [0; 16])?, 0, "the end of the stream");
/// # Ok(()) }) }
/// ```
#[derive(Debug)]
pub struct OwnedWriteHalf {
    stream: Arc<UnixStream>,
    shut_down_on_drop: bool,
}

/// The two halves were not of one stream; here they are again.
///
/// ```
/// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
/// let (a, b) = gumption_io::net::UnixStream::pair()?;
/// let ((read_a, _write_a), (_read_b, write_b)) = (a.into_split(), b.into_split());
/// let error = read_a.reunite(write_b).unwrap_err();
/// let (_read_a, _write_b) = (error.0, error.1);
/// # Ok(()) }) }
/// ```
#[derive(Debug)]
pub struct ReuniteError(
    /// The reading half.
    pub OwnedReadHalf,
    /// The writing half.
    pub OwnedWriteHalf,
);

impl fmt::Display for ReuniteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tried to reunite halves that are not from the same socket")
    }
}

impl Error for ReuniteError {}

impl UnixStream {
    /// Two halves that own the stream together, one that reads and one that writes, for two tasks.
    ///
    /// Dropping the writing half shuts the writing down; the stream closes with the second of them.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, b) = gumption_io::net::UnixStream::pair()?;
    /// let (_reading, writing) = a.into_split();
    /// drop(writing);
    /// b.readable().await?;
    /// assert_eq!(b.try_read(&mut [0; 16])?, 0, "the end of the stream");
    /// # Ok(()) }) }
    /// ```
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        let stream = Arc::new(self);
        (OwnedReadHalf { stream: stream.clone() }, OwnedWriteHalf { stream, shut_down_on_drop: true })
    }
}

fn reunite(read: OwnedReadHalf, mut write: OwnedWriteHalf) -> Result<UnixStream, ReuniteError> {
    if !Arc::ptr_eq(&read.stream, &write.stream) {
        return Err(ReuniteError(read, write));
    }
    write.shut_down_on_drop = false;
    drop(write);
    match Arc::try_unwrap(read.stream) {
        Ok(stream) => Ok(stream),
        Err(_) => unreachable!("a stream has two halves, and both are here"),
    }
}

impl OwnedReadHalf {
    /// Puts the two halves of a stream together again.
    ///
    /// # Errors
    ///
    /// If they are not of the same stream; the error has both.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, _b) = gumption_io::net::UnixStream::pair()?;
    /// let (reading, writing) = a.into_split();
    /// let a = reading.reunite(writing).expect("they are of one stream");
    /// # drop(a);
    /// # Ok(()) }) }
    /// ```
    pub fn reunite(self, other: OwnedWriteHalf) -> Result<UnixStream, ReuniteError> {
        reunite(self, other)
    }

    /// Waits for readiness, as [`UnixStream::ready`].
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// use gumption_io::io::Interest;
    ///
    /// let (a, b) = gumption_io::net::UnixStream::pair()?;
    /// drop(b);
    /// assert!(a.into_split().0.ready(Interest::READABLE).await?.is_read_closed());
    /// # Ok(()) }) }
    /// ```
    pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        self.stream.ready(interest).await
    }

    /// Waits until there is something to read, as [`UnixStream::readable`].
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, b) = gumption_io::net::UnixStream::pair()?;
    /// drop(b);
    /// a.into_split().0.readable().await?;
    /// # Ok(()) }) }
    /// ```
    pub async fn readable(&self) -> io::Result<()> {
        self.stream.readable().await
    }

    /// Reads what there is, as [`UnixStream::try_read`].
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, _b) = gumption_io::net::UnixStream::pair()?;
    /// let (reading, _writing) = a.into_split();
    /// let nothing = reading.try_read(&mut [0; 16]).unwrap_err();
    /// assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
    /// # Ok(()) }) }
    /// ```
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.stream.try_read(buf)
    }

    /// Reads what there is, as [`UnixStream::try_read_buf`].
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, _b) = gumption_io::net::UnixStream::pair()?;
    /// let (reading, _writing) = a.into_split();
    /// let nothing = reading.try_read_buf(&mut Vec::with_capacity(16)).unwrap_err();
    /// assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
    /// # Ok(()) }) }
    /// ```
    pub fn try_read_buf<B: BufMut>(&self, buf: &mut B) -> io::Result<usize> {
        self.stream.try_read_buf(buf)
    }

    /// Reads what there is, as [`UnixStream::try_read_vectored`].
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, _b) = gumption_io::net::UnixStream::pair()?;
    /// let (reading, _writing) = a.into_split();
    /// let mut room = [0; 16];
    /// let nothing = reading.try_read_vectored(&mut [std::io::IoSliceMut::new(&mut room)]).unwrap_err();
    /// assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
    /// # Ok(()) }) }
    /// ```
    pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.stream.try_read_vectored(bufs)
    }

    /// The address of the other end.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, _b) = gumption_io::net::UnixStream::pair()?;
    /// assert!(a.into_split().0.peer_addr()?.is_unnamed());
    /// # Ok(()) }) }
    /// ```
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }

    /// The address of this end.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, _b) = gumption_io::net::UnixStream::pair()?;
    /// assert!(a.into_split().0.local_addr()?.is_unnamed());
    /// # Ok(()) }) }
    /// ```
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.stream.local_addr()
    }
}

impl OwnedWriteHalf {
    /// Puts the two halves of a stream together again.
    ///
    /// # Errors
    ///
    /// If they are not of the same stream; the error has both.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, _b) = gumption_io::net::UnixStream::pair()?;
    /// let (reading, writing) = a.into_split();
    /// let a = writing.reunite(reading).expect("they are of one stream");
    /// # drop(a);
    /// # Ok(()) }) }
    /// ```
    pub fn reunite(self, other: OwnedReadHalf) -> Result<UnixStream, ReuniteError> {
        reunite(other, self)
    }

    /// Drops the half without shutting the writing down: the peer sees the end only when the reading half goes, too.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, b) = gumption_io::net::UnixStream::pair()?;
    /// let (_reading, writing) = a.into_split();
    /// writing.forget();
    /// assert_eq!(b.try_read(&mut [0; 16]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    /// # Ok(()) }) }
    /// ```
    pub fn forget(mut self) {
        self.shut_down_on_drop = false;
    }

    /// Waits for readiness, as [`UnixStream::ready`].
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// use gumption_io::io::Interest;
    ///
    /// let (a, _b) = gumption_io::net::UnixStream::pair()?;
    /// assert!(a.into_split().1.ready(Interest::WRITABLE).await?.is_writable());
    /// # Ok(()) }) }
    /// ```
    pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        self.stream.ready(interest).await
    }

    /// Waits until there is room, as [`UnixStream::writable`].
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, _b) = gumption_io::net::UnixStream::pair()?;
    /// a.into_split().1.writable().await?;
    /// # Ok(()) }) }
    /// ```
    pub async fn writable(&self) -> io::Result<()> {
        self.stream.writable().await
    }

    /// Writes what there is room for, as [`UnixStream::try_write`].
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, _b) = gumption_io::net::UnixStream::pair()?;
    /// let (_reading, writing) = a.into_split();
    /// writing.writable().await?;
    /// assert_eq!(writing.try_write(b"hello")?, 5);
    /// # Ok(()) }) }
    /// ```
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        self.stream.try_write(buf)
    }

    /// Writes what there is room for, as [`UnixStream::try_write_vectored`].
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, _b) = gumption_io::net::UnixStream::pair()?;
    /// let (_reading, writing) = a.into_split();
    /// writing.writable().await?;
    /// assert_eq!(writing.try_write_vectored(&[std::io::IoSlice::new(b"hello")])?, 5);
    /// # Ok(()) }) }
    /// ```
    pub fn try_write_vectored(&self, buf: &[IoSlice<'_>]) -> io::Result<usize> {
        self.stream.try_write_vectored(buf)
    }

    /// The address of the other end.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, _b) = gumption_io::net::UnixStream::pair()?;
    /// assert!(a.into_split().1.peer_addr()?.is_unnamed());
    /// # Ok(()) }) }
    /// ```
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }

    /// The address of this end.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, _b) = gumption_io::net::UnixStream::pair()?;
    /// assert!(a.into_split().1.local_addr()?.is_unnamed());
    /// # Ok(()) }) }
    /// ```
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.stream.local_addr()
    }
}

impl Drop for OwnedWriteHalf {
    fn drop(&mut self) {
        if self.shut_down_on_drop {
            // There is nobody to tell, and a stream that cannot be shut down has ended already.
            let _ = self.stream.shut_down(Shutdown::Write);
        }
    }
}

impl AsyncRead for OwnedReadHalf {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_read_shared(cx, buf)
    }
}

impl AsyncWrite for OwnedWriteHalf {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.stream.poll_write_shared(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream.poll_write_vectored_shared(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Nothing to do: what was written is the kernel's.
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = self.stream.shut_down(Shutdown::Write);
        if result.is_ok() {
            self.shut_down_on_drop = false;
        }
        Poll::Ready(result)
    }
}

impl AsRef<UnixStream> for OwnedReadHalf {
    fn as_ref(&self) -> &UnixStream {
        &self.stream
    }
}

impl AsRef<UnixStream> for OwnedWriteHalf {
    fn as_ref(&self) -> &UnixStream {
        &self.stream
    }
}
