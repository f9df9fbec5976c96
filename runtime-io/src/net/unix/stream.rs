//! [`UnixStream`]: a byte stream between two processes, or two tasks, of one machine.
//!
//! Made by [`connect`](UnixStream::connect), by a listener's [`accept`](crate::net::UnixListener::accept), or in
//! [pairs](UnixStream::pair). Reading and writing is [`AsyncRead`] and [`AsyncWrite`], one task per direction; waiting for
//! readiness and the `try_` methods go through `&self` and serve any number of tasks. To read in one task and write in
//! another, [`split`](UnixStream::split) it.
//!
//! What was written is in the kernel's hands, so there is nothing to flush, and nothing waits for the peer to read it.
//! Shutting down ends the writing half: the peer reads what there is, and then the end.
//!
//! The file refuses to buffer. The invariant that makes its futures safe to drop: bytes leave the kernel, or enter it, only
//! in the poll that reports them.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::net;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BufMut;
use gumption_core::wait::WaitReason;

use super::socketaddr::{SocketAddr, from_path};
use super::ucred::{UCred, peer_of};
use crate::evented::{Direction, Evented};
use crate::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Ready};
use crate::net::call;
use crate::net::shared::{check_nonblocking, reason_for, to_owned_fd};
use crate::uninit;

/// A connected Unix stream socket.
///
/// Dropping it closes the connection in both directions.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
/// use gumption_io::net::UnixStream;
///
/// let (a, b) = UnixStream::pair()?;
/// a.writable().await?;
/// a.try_write(b"hello")?;
/// b.readable().await?;
/// let mut message = [0; 16];
/// assert_eq!(b.try_read(&mut message)?, 5);
/// # Ok(()) }) }
/// ```
pub struct UnixStream {
    io: Evented<mio::net::UnixStream>,
}

impl UnixStream {
    /// Connects to the listener at a path. On Linux a zero byte in front makes the rest an abstract name.
    ///
    /// # Errors
    ///
    /// `NotFound` if there is no such file, `ConnectionRefused` if nobody listens there, `WouldBlock` if the listener's queue
    /// is full: the system has no way to wait for that to change.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// use gumption_io::net::UnixStream;
    ///
    /// let nobody = UnixStream::connect("/no/such/socket").await.unwrap_err();
    /// assert_eq!(nobody.kind(), std::io::ErrorKind::NotFound);
    /// # Ok(()) }) }
    /// ```
    pub async fn connect<P: AsRef<Path>>(path: P) -> io::Result<UnixStream> {
        // The path is gone before the first await, so that the future does not hold it.
        let address = from_path(path.as_ref())?;
        Self::connect_addr(&address).await
    }

    /// Connects to the listener at an address.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// use gumption_io::net::{UnixListener, UnixStream};
    ///
    /// let path = std::env::temp_dir().join(format!("gumption-doc-connect-{}", std::process::id()));
    /// let listener = UnixListener::bind(&path)?;
    /// let stream = UnixStream::connect_addr(&listener.local_addr()?).await?;
    /// # drop(stream);
    /// std::fs::remove_file(&path)?;
    /// # Ok(()) }) }
    /// ```
    pub async fn connect_addr(socket_addr: &SocketAddr) -> io::Result<UnixStream> {
        Self::connecting(mio::net::UnixStream::connect_addr(&socket_addr.0)?).await
    }

    /// Waits for a connection attempt that is under way.
    pub(super) async fn connecting(stream: mio::net::UnixStream) -> io::Result<Self> {
        let stream = Self::new(stream)?;
        stream.io.readiness(Interest::WRITABLE, WaitReason::IoConnect).await?;
        match stream.io.take_error()? {
            Some(error) => Err(error),
            None => Ok(stream),
        }
    }

    #[track_caller]
    pub(super) fn new(stream: mio::net::UnixStream) -> io::Result<Self> {
        Ok(Self { io: Evented::new(stream)? })
    }

    /// What a listener has accepted: writable, and its client has mostly said something.
    pub(super) fn accepted(stream: mio::net::UnixStream) -> io::Result<Self> {
        Self::assumed(stream, Ready::READABLE | Ready::WRITABLE)
    }

    /// A stream that is taken for `ready` before its first event.
    #[track_caller]
    fn assumed(stream: mio::net::UnixStream, ready: Ready) -> io::Result<Self> {
        Ok(Self { io: Evented::new(stream)?.assume_ready(ready) })
    }

    /// Two sockets, connected to each other.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, b) = gumption_io::net::UnixStream::pair()?;
    /// # drop((a, b));
    /// # Ok(()) }) }
    /// ```
    #[track_caller]
    pub fn pair() -> io::Result<(UnixStream, UnixStream)> {
        let (a, b) = mio::net::UnixStream::pair()?;
        Ok((Self::assumed(a, Ready::WRITABLE)?, Self::assumed(b, Ready::WRITABLE)?))
    }

    /// Takes over a socket of the standard library.
    ///
    /// # Errors
    ///
    /// If it is in blocking mode: call [`set_nonblocking(true)`](net::UnixStream::set_nonblocking) first. If the runtime has
    /// ended.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// use gumption_io::net::UnixStream;
    ///
    /// let (a, _b) = std::os::unix::net::UnixStream::pair()?;
    /// a.set_nonblocking(true)?;
    /// let a = UnixStream::from_std(a)?;
    /// # drop(a);
    /// # Ok(()) }) }
    /// ```
    #[track_caller]
    pub fn from_std(stream: net::UnixStream) -> io::Result<UnixStream> {
        let registered = Self::new(mio::net::UnixStream::from_std(stream))?;
        check_nonblocking(registered.as_fd())?;
        Ok(registered)
    }

    /// Gives the socket back to the standard library. It stays in non-blocking mode.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, _b) = gumption_io::net::UnixStream::pair()?;
    /// let a = a.into_std()?;
    /// a.set_nonblocking(false)?;
    /// # Ok(()) }) }
    /// ```
    pub fn into_std(self) -> io::Result<net::UnixStream> {
        Ok(to_owned_fd(self.io.into_inner()?).into())
    }

    /// Waits until the socket is ready for one of the things in `interest`, and tells for which.
    ///
    /// It may be wrong: be prepared that the `try_` method called next says `WouldBlock`, and come back then.
    ///
    /// # Cancel safety
    ///
    /// Once the socket is ready, this completes at once until a read or write has found otherwise.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// use gumption_io::io::Interest;
    ///
    /// let (a, _b) = gumption_io::net::UnixStream::pair()?;
    /// let ready = a.ready(Interest::READABLE | Interest::WRITABLE).await?;
    /// assert!(ready.is_writable() && !ready.is_readable());
    /// # Ok(()) }) }
    /// ```
    pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        Ok(self.io.readiness(interest, reason_for(interest)).await?.ready)
    }

    /// Waits until the socket is readable: [`ready`](Self::ready) for that alone.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, b) = gumption_io::net::UnixStream::pair()?;
    /// drop(b);
    /// a.readable().await?;
    /// assert_eq!(a.try_read(&mut [0; 16])?, 0, "the end of the stream");
    /// # Ok(()) }) }
    /// ```
    pub async fn readable(&self) -> io::Result<()> {
        self.ready(Interest::READABLE).await.map(drop)
    }

    /// Waits until the socket is writable: [`ready`](Self::ready) for that alone.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, _b) = gumption_io::net::UnixStream::pair()?;
    /// a.writable().await?;
    /// assert_eq!(a.try_write(b"hello")?, 5);
    /// # Ok(()) }) }
    /// ```
    pub async fn writable(&self) -> io::Result<()> {
        self.ready(Interest::WRITABLE).await.map(drop)
    }

    /// [`readable`](Self::readable) as a poll. Only the last task that asked, or that reads, is woken.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, b) = gumption_io::net::UnixStream::pair()?;
    /// drop(b);
    /// std::future::poll_fn(|cx| a.poll_read_ready(cx)).await?;
    /// # Ok(()) }) }
    /// ```
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.poll_ready(cx, Direction::Read, WaitReason::IoRead).map_ok(drop)
    }

    /// [`writable`](Self::writable) as a poll. Only the last task that asked, or that writes, is woken.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, _b) = gumption_io::net::UnixStream::pair()?;
    /// std::future::poll_fn(|cx| a.poll_write_ready(cx)).await?;
    /// # Ok(()) }) }
    /// ```
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.poll_ready(cx, Direction::Write, WaitReason::IoWrite).map_ok(drop)
    }

    /// Reads what there is into `buf`, and returns how much: 0 at the end of the stream, `WouldBlock` if the socket is not
    /// [`readable`](Self::readable).
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, _b) = gumption_io::net::UnixStream::pair()?;
    /// let nothing = a.try_read(&mut [0; 16]).unwrap_err();
    /// assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
    /// # Ok(()) }) }
    /// ```
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io.try_io(Interest::READABLE, |mut io| io.read(buf))
    }

    /// [`try_read`](Self::try_read) into several buffers, one after the other.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// use std::io::IoSliceMut;
    ///
    /// let (a, b) = gumption_io::net::UnixStream::pair()?;
    /// b.writable().await?;
    /// b.try_write(b"hello")?;
    /// a.readable().await?;
    /// let (mut first, mut rest) = ([0; 1], [0; 8]);
    /// let n = a.try_read_vectored(&mut [IoSliceMut::new(&mut first), IoSliceMut::new(&mut rest)])?;
    /// assert_eq!((n, first, &rest[..4]), (5, *b"h", &b"ello"[..]));
    /// # Ok(()) }) }
    /// ```
    pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.io.try_io(Interest::READABLE, |mut io| io.read_vectored(bufs))
    }

    /// [`try_read`](Self::try_read) into a buffer's spare room, which need not be initialised, and advances the buffer.
    ///
    /// A buffer without spare room reads 0 bytes.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, b) = gumption_io::net::UnixStream::pair()?;
    /// b.writable().await?;
    /// b.try_write(b"hello")?;
    /// a.readable().await?;
    /// let mut message = Vec::with_capacity(64);
    /// assert_eq!(a.try_read_buf(&mut message)?, 5);
    /// assert_eq!(message, b"hello");
    /// # Ok(()) }) }
    /// ```
    pub fn try_read_buf<B: BufMut>(&self, buf: &mut B) -> io::Result<usize> {
        self.io.try_io(Interest::READABLE, |io| {
            // SAFETY: `read` returns how much it wrote to the front.
            unsafe { uninit::fill_buf_mut(buf, |room| Ok((uninit::read(io, room)?, ()))) }.map(|(n, ())| n)
        })
    }

    /// Writes as much of `buf` as there is room for, and returns how much: `WouldBlock` if the socket is not
    /// [`writable`](Self::writable).
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, b) = gumption_io::net::UnixStream::pair()?;
    /// a.writable().await?;
    /// assert_eq!(a.try_write(b"hello")?, 5);
    /// # drop(b);
    /// # Ok(()) }) }
    /// ```
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        self.io.try_io(Interest::WRITABLE, |mut io| io.write(buf))
    }

    /// [`try_write`](Self::try_write) from several buffers, one after the other.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// use std::io::IoSlice;
    ///
    /// let (a, b) = gumption_io::net::UnixStream::pair()?;
    /// a.writable().await?;
    /// assert_eq!(a.try_write_vectored(&[IoSlice::new(b"he"), IoSlice::new(b"llo")])?, 5);
    /// # drop(b);
    /// # Ok(()) }) }
    /// ```
    pub fn try_write_vectored(&self, buf: &[IoSlice<'_>]) -> io::Result<usize> {
        self.io.try_io(Interest::WRITABLE, |mut io| io.write_vectored(buf))
    }

    /// Does `f`, which does io on this socket's descriptor by means of its own, if the socket is ready for `interest`.
    ///
    /// If `f` says `WouldBlock` the readiness is taken back; so it must say it only if the socket did. A socket that is not
    /// ready gives `WouldBlock`, and `f` is not called.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// use gumption_io::io::Interest;
    ///
    /// let (a, b) = gumption_io::net::UnixStream::pair()?;
    /// a.writable().await?;
    /// assert_eq!(a.try_io(Interest::WRITABLE, || socket2::SockRef::from(&a).send(b"x"))?, 1);
    /// # drop(b);
    /// # Ok(()) }) }
    /// ```
    pub fn try_io<R>(&self, interest: Interest, f: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        self.io.try_io(interest, |io| io.try_io(f))
    }

    /// Does `f`, which does io on this socket's descriptor by means of its own, as soon as the socket is ready for
    /// `interest`, and again each time that it has said `WouldBlock`.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// use gumption_io::io::Interest;
    ///
    /// let (a, b) = gumption_io::net::UnixStream::pair()?;
    /// assert_eq!(a.async_io(Interest::WRITABLE, || socket2::SockRef::from(&a).send(b"x")).await?, 1);
    /// # drop(b);
    /// # Ok(()) }) }
    /// ```
    pub async fn async_io<R>(&self, interest: Interest, mut f: impl FnMut() -> io::Result<R>) -> io::Result<R> {
        self.io.async_io(interest, reason_for(interest), |io| io.try_io(&mut f)).await
    }

    /// The address of this end.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, _b) = gumption_io::net::UnixStream::pair()?;
    /// assert!(a.local_addr()?.is_unnamed());
    /// # Ok(()) }) }
    /// ```
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr().map(SocketAddr)
    }

    /// The address of the other end.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, _b) = gumption_io::net::UnixStream::pair()?;
    /// assert!(a.peer_addr()?.is_unnamed());
    /// # Ok(()) }) }
    /// ```
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.io.peer_addr().map(SocketAddr)
    }

    /// Which user, group and process was at the other end when the connection was made.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, b) = gumption_io::net::UnixStream::pair()?;
    /// assert_eq!(a.peer_cred()?, b.peer_cred()?);
    /// # Ok(()) }) }
    /// ```
    pub fn peer_cred(&self) -> io::Result<UCred> {
        peer_of(self.as_fd())
    }

    /// Takes the error that the system keeps for this socket.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, _b) = gumption_io::net::UnixStream::pair()?;
    /// assert!(a.take_error()?.is_none());
    /// # Ok(()) }) }
    /// ```
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.io.take_error()
    }

    /// Ends one direction. A peer that has gone is no error.
    pub(super) fn shut_down(&self, how: Shutdown) -> io::Result<()> {
        match self.io.shutdown(how) {
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            result => result,
        }
    }

    pub(super) fn poll_read_shared(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.io.poll_read_with(cx, WaitReason::IoRead, buf, |io, room| call::recv(io.as_raw_fd(), room))
    }

    pub(super) fn poll_write_shared(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.io.poll_write_with(cx, WaitReason::IoWrite, buf.len(), |io| call::send(io.as_raw_fd(), buf))
    }

    pub(super) fn poll_write_vectored_shared(
        &self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.io.poll_write_vectored(cx, WaitReason::IoWrite, bufs)
    }
}

impl AsyncRead for UnixStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.poll_read_shared(cx, buf)
    }
}

impl AsyncWrite for UnixStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_shared(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored_shared(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Nothing to do: what was written is the kernel's.
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.shut_down(Shutdown::Write))
    }
}

impl TryFrom<net::UnixStream> for UnixStream {
    type Error = io::Error;

    /// [`UnixStream::from_std`].
    fn try_from(stream: net::UnixStream) -> io::Result<Self> {
        Self::from_std(stream)
    }
}

impl fmt::Debug for UnixStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (*self.io).fmt(f)
    }
}

impl AsRef<Self> for UnixStream {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl AsRawFd for UnixStream {
    fn as_raw_fd(&self) -> RawFd {
        self.io.as_raw_fd()
    }
}

impl AsFd for UnixStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        (*self.io).as_fd()
    }
}
