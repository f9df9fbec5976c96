//! [`UnixDatagram`]: datagrams between processes of one machine.
//!
//! As UDP, with paths for addresses and without losses: a datagram is not dropped when the receiver's queue is full, the
//! sender waits. It is also ordered. A socket without an address of its own can send, and cannot be answered.
//!
//! The three forms of each operation, and what they promise, are [`UdpSocket`](crate::net::UdpSocket)'s. One thing differs:
//! how much a *receiver* has room for is not something that the sender's readiness tells. A socket that is connected is told
//! when its peer has room again; one that sends to a path is woken only by its own buffer, so [`send_to`] a receiver
//! that has stopped reading may be polled in vain now and then.
//!
//! The file has the socket itself; its children have `send.rs` and `receive.rs`. The invariant is UDP's: a datagram leaves
//! or enters the kernel's queue only in the poll that then completes.
//!
//! [`send_to`]: UnixDatagram::send_to

mod receive;
mod send;

use std::fmt;
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::net;
use std::path::Path;
use std::task::{Context, Poll};

use gumption_core::sync::{AtomicBool, Ordering};
use gumption_core::wait::WaitReason;

use super::SocketAddr;
use crate::evented::{Direction, Evented};
use crate::io::{Interest, Ready};
use crate::net::shared::{check_nonblocking, reason_for, to_owned_fd};

/// A Unix datagram socket.
///
/// Every method takes `&self`: share it between tasks in an [`Arc`](std::sync::Arc). A file at its path stays when it is
/// dropped: remove it yourself.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
/// use gumption_io::net::UnixDatagram;
///
/// let (a, b) = UnixDatagram::pair()?;
/// a.send(b"hello").await?;
/// let mut datagram = [0; 16];
/// let n = b.recv(&mut datagram).await?;
/// assert_eq!(&datagram[..n], b"hello");
/// # Ok(()) }) }
/// ```
pub struct UnixDatagram {
    io: Evented<mio::net::UnixDatagram>,
    /// Whether receiving has been shut down.
    ended: AtomicBool,
}

impl UnixDatagram {
    #[track_caller]
    pub(super) fn new(socket: mio::net::UnixDatagram) -> io::Result<Self> {
        Ok(Self::over(Evented::new(socket)?))
    }

    fn over(io: Evented<mio::net::UnixDatagram>) -> Self {
        Self { io, ended: AtomicBool::new(false) }
    }

    /// Binds a socket to a path.
    ///
    /// # Errors
    ///
    /// `AddrInUse` if there is a file already.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// use gumption_io::net::UnixDatagram;
    ///
    /// let path = std::env::temp_dir().join(format!("gumption-doc-datagram-{}", std::process::id()));
    /// let socket = UnixDatagram::bind(&path)?;
    /// assert_eq!(socket.local_addr()?.as_pathname(), Some(path.as_path()));
    /// std::fs::remove_file(&path)?;
    /// # Ok(()) }) }
    /// ```
    #[track_caller]
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixDatagram> {
        Self::new(mio::net::UnixDatagram::bind(path)?)
    }

    /// Two sockets, connected to each other.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, b) = gumption_io::net::UnixDatagram::pair()?;
    /// # drop((a, b));
    /// # Ok(()) }) }
    /// ```
    #[track_caller]
    pub fn pair() -> io::Result<(UnixDatagram, UnixDatagram)> {
        let (a, b) = mio::net::UnixDatagram::pair()?;
        // There is room in a new queue, before an event says so.
        let writable =
            |io: mio::net::UnixDatagram| io::Result::Ok(Self::over(Evented::new(io)?.assume_ready(Ready::WRITABLE)));
        Ok((writable(a)?, writable(b)?))
    }

    /// A socket without an address, for a client.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let socket = gumption_io::net::UnixDatagram::unbound()?;
    /// assert!(socket.local_addr()?.is_unnamed());
    /// # Ok(()) }) }
    /// ```
    #[track_caller]
    pub fn unbound() -> io::Result<UnixDatagram> {
        Self::new(mio::net::UnixDatagram::unbound()?)
    }

    /// Takes over a socket of the standard library.
    ///
    /// # Errors
    ///
    /// If it is in blocking mode: call [`set_nonblocking(true)`](net::UnixDatagram::set_nonblocking) first. If the runtime
    /// has ended.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// use gumption_io::net::UnixDatagram;
    ///
    /// let socket = std::os::unix::net::UnixDatagram::unbound()?;
    /// socket.set_nonblocking(true)?;
    /// let socket = UnixDatagram::from_std(socket)?;
    /// # drop(socket);
    /// # Ok(()) }) }
    /// ```
    #[track_caller]
    pub fn from_std(datagram: net::UnixDatagram) -> io::Result<UnixDatagram> {
        let registered = Self::new(mio::net::UnixDatagram::from_std(datagram))?;
        check_nonblocking(registered.as_fd())?;
        Ok(registered)
    }

    /// Gives the socket back to the standard library. It stays in non-blocking mode.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let socket = gumption_io::net::UnixDatagram::unbound()?.into_std()?;
    /// socket.set_nonblocking(false)?;
    /// # Ok(()) }) }
    /// ```
    pub fn into_std(self) -> io::Result<net::UnixDatagram> {
        Ok(to_owned_fd(self.io.into_inner()?).into())
    }

    /// Connects the socket to a path: from now on [`send`](Self::send) sends there, and only what comes from there is
    /// received.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// use gumption_io::net::UnixDatagram;
    ///
    /// let path = std::env::temp_dir().join(format!("gumption-doc-datagram-connect-{}", std::process::id()));
    /// let server = UnixDatagram::bind(&path)?;
    /// let client = UnixDatagram::unbound()?;
    /// client.connect(&path)?;
    /// client.send(b"hello").await?;
    /// assert_eq!(server.recv(&mut [0; 16]).await?, 5);
    /// std::fs::remove_file(&path)?;
    /// # Ok(()) }) }
    /// ```
    pub fn connect<P: AsRef<Path>>(&self, path: P) -> io::Result<()> {
        self.io.connect(path)
    }

    /// Waits until the socket is ready for one of the things in `interest`, and tells for which.
    ///
    /// It may be wrong: be prepared that the `try_` method called next says `WouldBlock`, and come back then.
    ///
    /// # Cancel safety
    ///
    /// Once the socket is ready, this completes at once until a `try_` method has found otherwise.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// use gumption_io::io::Interest;
    ///
    /// let (a, _b) = gumption_io::net::UnixDatagram::pair()?;
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
    /// let (a, b) = gumption_io::net::UnixDatagram::pair()?;
    /// a.send(b"hello").await?;
    /// b.readable().await?;
    /// assert_eq!(b.try_recv(&mut [0; 16])?, 5);
    /// # Ok(()) }) }
    /// ```
    pub async fn readable(&self) -> io::Result<()> {
        self.ready(Interest::READABLE).await.map(drop)
    }

    /// Waits until the socket is writable: [`ready`](Self::ready) for that alone.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, _b) = gumption_io::net::UnixDatagram::pair()?;
    /// a.writable().await?;
    /// assert_eq!(a.try_send(b"hello")?, 5);
    /// # Ok(()) }) }
    /// ```
    pub async fn writable(&self) -> io::Result<()> {
        self.ready(Interest::WRITABLE).await.map(drop)
    }

    /// [`readable`](Self::readable) as a poll. Only the last task that asked is woken.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, b) = gumption_io::net::UnixDatagram::pair()?;
    /// a.send(b"hello").await?;
    /// std::future::poll_fn(|cx| b.poll_recv_ready(cx)).await?;
    /// # Ok(()) }) }
    /// ```
    pub fn poll_recv_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.poll_ready(cx, Direction::Read, WaitReason::IoRead).map_ok(drop)
    }

    /// [`writable`](Self::writable) as a poll. Only the last task that asked is woken.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, _b) = gumption_io::net::UnixDatagram::pair()?;
    /// std::future::poll_fn(|cx| a.poll_send_ready(cx)).await?;
    /// # Ok(()) }) }
    /// ```
    pub fn poll_send_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.poll_ready(cx, Direction::Write, WaitReason::IoWrite).map_ok(drop)
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
    /// let (a, _b) = gumption_io::net::UnixDatagram::pair()?;
    /// a.writable().await?;
    /// assert_eq!(a.try_io(Interest::WRITABLE, || socket2::SockRef::from(&a).send(b"x"))?, 1);
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
    /// let (a, _b) = gumption_io::net::UnixDatagram::pair()?;
    /// assert_eq!(a.async_io(Interest::WRITABLE, || socket2::SockRef::from(&a).send(b"x")).await?, 1);
    /// # Ok(()) }) }
    /// ```
    pub async fn async_io<R>(&self, interest: Interest, mut f: impl FnMut() -> io::Result<R>) -> io::Result<R> {
        self.io.async_io(interest, reason_for(interest), |io| io.try_io(&mut f)).await
    }

    /// The address of this socket.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, _b) = gumption_io::net::UnixDatagram::pair()?;
    /// assert!(a.local_addr()?.is_unnamed());
    /// # Ok(()) }) }
    /// ```
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr().map(SocketAddr)
    }

    /// The address of the peer that it is connected to, or `NotConnected`.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, _b) = gumption_io::net::UnixDatagram::pair()?;
    /// assert!(a.peer_addr()?.is_unnamed());
    /// # Ok(()) }) }
    /// ```
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.io.peer_addr().map(SocketAddr)
    }

    /// Takes the error that the system keeps for this socket.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let socket = gumption_io::net::UnixDatagram::unbound()?;
    /// assert!(socket.take_error()?.is_none());
    /// # Ok(()) }) }
    /// ```
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.io.take_error()
    }

    /// Ends receiving, sending, or both. Who waits to receive gets what is queued already, and then empty datagrams.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// use std::net::Shutdown;
    ///
    /// let (a, _b) = gumption_io::net::UnixDatagram::pair()?;
    /// a.shutdown(Shutdown::Both)?;
    /// assert_eq!(a.send(b"hello").await.unwrap_err().kind(), std::io::ErrorKind::BrokenPipe);
    /// # Ok(()) }) }
    /// ```
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        if how != Shutdown::Write {
            // Ordering: Relaxed. The event that the shutdown makes comes after it, and whoever is woken by that sees it.
            self.ended.store(true, Ordering::Relaxed);
        }
        self.io.shutdown(how)
    }

    /// What was received. Linux says "would block" of an empty queue even if nothing can come any more, and "readable" at
    /// the same time; a blocking call would return nothing.
    fn or_end<R>(&self, received: io::Result<R>, nothing: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        match received {
            // Ordering: Relaxed, as in `shutdown`.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && self.ended.load(Ordering::Relaxed) => nothing(),
            received => received,
        }
    }
}

impl TryFrom<net::UnixDatagram> for UnixDatagram {
    type Error = io::Error;

    /// [`UnixDatagram::from_std`].
    fn try_from(socket: net::UnixDatagram) -> io::Result<Self> {
        Self::from_std(socket)
    }
}

impl fmt::Debug for UnixDatagram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (*self.io).fmt(f)
    }
}

impl AsRawFd for UnixDatagram {
    fn as_raw_fd(&self) -> RawFd {
        self.io.as_raw_fd()
    }
}

impl AsFd for UnixDatagram {
    fn as_fd(&self) -> BorrowedFd<'_> {
        (*self.io).as_fd()
    }
}
