//! [`TcpStream`]: a connection, as both ends see it.
//!
//! Here: how it comes to be (connecting, accepting, taking over a descriptor), its addresses, the stream traits. In
//! `stream/ready.rs`: waiting for readiness and trying, for those who do their own reading. In `stream/options.rs`: what
//! `setsockopt` says.
//!
//! **Connecting is one wait.** The socket is non-blocking from the start, `connect` returns at once, and the kernel says
//! "writable" when the handshake has ended; how it ended is in `SO_ERROR`, which is read once. A task that waits says
//! `IO connect`. Dropping that wait closes the socket.
//!
//! **Reading and writing are [`Evented`]'s loop.** A read that returns 0 for a buffer that has room is the end of the
//! stream; for an empty buffer it says nothing. What is read is in the caller's buffer or still in the kernel, so a read or
//! a write that is cancelled has moved no byte.
//!
//! Flushing does nothing: there is no buffer here. Shutting down ends the writing direction (`FIN`) and leaves the other.
//! Dropping closes; what the kernel has taken it still sends, unless [`set_zero_linger`](TcpStream::set_zero_linger) says to
//! reset instead.

mod options;
mod ready;

use std::fmt;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use gumption_core::wait::WaitReason;
use socket2::SockRef;

use crate::evented::{Direction, Evented};
use crate::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Ready};
use crate::net::addr::{ToSocketAddrs, no_address, to_socket_addrs};
use crate::net::call;
use crate::net::shared::check_nonblocking;

/// A TCP connection.
///
/// Made by [`connect`](Self::connect), by [`TcpListener::accept`](crate::net::TcpListener::accept), or by a
/// [`TcpSocket`](crate::net::TcpSocket), which takes options first. Read and write it with the methods of
/// [`AsyncReadExt`](crate::io::AsyncReadExt) and [`AsyncWriteExt`](crate::io::AsyncWriteExt); to do both at once,
/// [`split`](Self::split) it. `shutdown` ends the writing direction, dropping it closes both.
///
/// ```
/// use gumption_io::io::{AsyncReadExt, AsyncWriteExt};
/// use gumption_io::net::{TcpListener, TcpStream};
///
/// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
/// # Runtime::new()?.block_on(async {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let mut client = TcpStream::connect(listener.local_addr()?).await?;
/// let (mut server, _) = listener.accept().await?;
///
/// client.write_all(b"hello").await?;
/// client.shutdown().await?;
///
/// let mut heard = Vec::new();
/// server.read_to_end(&mut heard).await?;
/// assert_eq!(heard, b"hello");
/// # Ok::<(), std::io::Error>(())
/// # })?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct TcpStream {
    io: Evented<mio::net::TcpStream>,
}

impl TcpStream {
    /// Connects to `addr`: to each of its addresses in turn, until one answers.
    ///
    /// To set options or a local address first, use a [`TcpSocket`](crate::net::TcpSocket).
    ///
    /// ```
    /// use gumption_io::net::{TcpListener, TcpStream};
    ///
    /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
    /// # Runtime::new()?.block_on(async {
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// assert_eq!(stream.peer_addr()?, listener.local_addr()?);
    /// # Ok::<(), std::io::Error>(())
    /// # })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// That of the last address, which may hide a more telling one of an earlier; that a name resolves to none.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    pub async fn connect<A: ToSocketAddrs>(addr: A) -> io::Result<TcpStream> {
        let mut last = None;
        for addr in to_socket_addrs(addr).await? {
            let attempt = async { Self::connecting(mio::net::TcpStream::connect(addr)?).await };
            match attempt.await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(no_address))
    }

    /// Waits until `connecting`, on which `connect` has been called, has succeeded or failed.
    pub(super) async fn connecting(connecting: mio::net::TcpStream) -> io::Result<TcpStream> {
        let stream = Self::registered(connecting)?;
        poll_fn(|cx| stream.io.poll_ready(cx, Direction::Write, WaitReason::IoConnect)).await?;
        match stream.io.take_error()? {
            None => Ok(stream),
            Some(error) => {
                stream.io.note_error(&error);
                Err(error)
            }
        }
    }

    #[track_caller]
    pub(super) fn registered(io: mio::net::TcpStream) -> io::Result<TcpStream> {
        Ok(TcpStream { io: Evented::new(io)? })
    }

    /// A stream that was accepted. It can be written, and mostly holds the first bytes already, whose event would queue behind
    /// those of every other connection: so it is read at once, and waits only if there is nothing.
    #[track_caller]
    pub(super) fn accepted(io: mio::net::TcpStream) -> io::Result<TcpStream> {
        Ok(TcpStream { io: Evented::new(io)?.assume_ready(Ready::READABLE | Ready::WRITABLE) })
    }

    /// Takes over a stream of std's, which must be non-blocking.
    ///
    /// ```
    /// use gumption_io::net::TcpStream;
    ///
    /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
    /// # Runtime::new()?.block_on(async {
    /// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// let stream = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// stream.set_nonblocking(true)?;
    /// let stream = TcpStream::from_std(stream)?;
    /// assert_eq!(stream.peer_addr()?, listener.local_addr()?);
    /// # Ok::<(), std::io::Error>(())
    /// # })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If it is in blocking mode, or the runtime has ended.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn from_std(stream: std::net::TcpStream) -> io::Result<TcpStream> {
        let registered = Self::registered(mio::net::TcpStream::from_std(stream))?;
        check_nonblocking(registered.as_fd())?;
        Ok(registered)
    }

    /// Gives the stream to std. It stays non-blocking until somebody calls
    /// [`set_nonblocking`](std::net::TcpStream::set_nonblocking).
    ///
    /// ```
    /// use gumption_io::net::{TcpListener, TcpStream};
    ///
    /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
    /// # Runtime::new()?.block_on(async {
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// let stream: std::net::TcpStream = stream.into_std()?;
    /// stream.set_nonblocking(false)?;
    /// # Ok::<(), std::io::Error>(())
    /// # })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn into_std(self) -> io::Result<std::net::TcpStream> {
        self.io.into_inner().map(std::net::TcpStream::from)
    }

    /// The address at this end.
    ///
    /// ```
    /// # use gumption_io::net::{TcpListener, TcpStream};
    /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
    /// # Runtime::new()?.block_on(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// assert!(stream.local_addr()?.ip().is_loopback());
    /// # Ok::<(), std::io::Error>(())
    /// # })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr()
    }

    /// The address at the other end.
    ///
    /// ```
    /// # use gumption_io::net::{TcpListener, TcpStream};
    /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
    /// # Runtime::new()?.block_on(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// assert_eq!(stream.peer_addr()?, listener.local_addr()?);
    /// # Ok::<(), std::io::Error>(())
    /// # })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.io.peer_addr()
    }

    /// Reads what has come without taking it, or waits until something has. The next read gives the same bytes again.
    ///
    /// ```
    /// # use gumption_io::io::{AsyncReadExt, AsyncWriteExt};
    /// # use gumption_io::net::{TcpListener, TcpStream};
    /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
    /// # Runtime::new()?.block_on(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let mut client = TcpStream::connect(listener.local_addr()?).await?;
    /// # let (mut stream, _) = listener.accept().await?;
    /// # client.write_all(b"GET /").await?;
    /// let mut first = [0; 1];
    /// assert_eq!(stream.peek(&mut first).await?, 1);
    /// assert_eq!(&first, b"G");
    ///
    /// let mut all = [0; 5];
    /// stream.read_exact(&mut all).await?;
    /// assert_eq!(&all, b"GET /");
    /// # Ok::<(), std::io::Error>(())
    /// # })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io.async_io(Interest::READABLE, WaitReason::IoRead, |io| io.peek(buf)).await
    }

    /// [`peek`](Self::peek) for who polls by hand: appends to `buf` and returns how much. Of the tasks that poll to read or
    /// peek, the last is woken.
    ///
    /// ```
    /// # use gumption_io::io::{AsyncWriteExt, ReadBuf};
    /// # use gumption_io::net::{TcpListener, TcpStream};
    /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
    /// # Runtime::new()?.block_on(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let mut client = TcpStream::connect(listener.local_addr()?).await?;
    /// # let (stream, _) = listener.accept().await?;
    /// # client.write_all(b"hello").await?;
    /// let mut memory = [0; 8];
    /// let mut buf = ReadBuf::new(&mut memory);
    /// let seen = std::future::poll_fn(|cx| stream.poll_peek(cx, &mut buf)).await?;
    /// assert_eq!(buf.filled().len(), seen);
    /// assert!(b"hello".starts_with(buf.filled()));
    /// # Ok::<(), std::io::Error>(())
    /// # })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn poll_peek(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<usize>> {
        let peeked = ready!(self.io.poll_io(cx, Direction::Read, WaitReason::IoRead, |io| {
            // SAFETY: the system call writes there, and nothing that is uninitialized.
            SockRef::from(io).peek(unsafe { buf.unfilled_mut() })
        }))?;
        // SAFETY: the system call has written that many.
        unsafe { buf.assume_init(peeked) };
        buf.advance(peeked);
        Poll::Ready(Ok(peeked))
    }

    /// Reads through a shared reference, for the stream and its halves.
    #[inline]
    pub(super) fn poll_read_shared(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.io.poll_read_with(cx, WaitReason::IoRead, buf, |io, room| call::recv(io.as_raw_fd(), room))
    }

    /// Writes through a shared reference.
    #[inline]
    pub(super) fn poll_write_shared(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.io.poll_write_with(cx, WaitReason::IoWrite, buf.len(), |io| call::send(io.as_raw_fd(), buf))
    }

    /// Writes several buffers through a shared reference.
    #[inline]
    pub(super) fn poll_write_vectored_shared(
        &self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.io.poll_write_vectored(cx, WaitReason::IoWrite, bufs)
    }

    /// Ends the writing direction.
    pub(super) fn shutdown_write(&self) -> io::Result<()> {
        match self.io.shutdown(Shutdown::Write) {
            // The peer has reset it: there is nothing left to shut down.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            result => result,
        }
    }
}

impl TryFrom<std::net::TcpStream> for TcpStream {
    type Error = io::Error;

    fn try_from(stream: std::net::TcpStream) -> io::Result<Self> {
        Self::from_std(stream)
    }
}

impl AsyncRead for TcpStream {
    #[inline]
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.poll_read_shared(cx, buf)
    }
}

impl AsyncWrite for TcpStream {
    #[inline]
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_shared(cx, buf)
    }

    #[inline]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored_shared(cx, bufs)
    }

    #[inline]
    fn is_write_vectored(&self) -> bool {
        true
    }

    #[inline]
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.shutdown_write())
    }
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (*self.io).fmt(f)
    }
}

impl AsRef<Self> for TcpStream {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl AsRawFd for TcpStream {
    fn as_raw_fd(&self) -> RawFd {
        self.io.as_raw_fd()
    }
}

impl AsFd for TcpStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.io.as_fd()
    }
}
