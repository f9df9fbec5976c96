//! [`UdpSocket`]: datagrams over IP.
//!
//! A socket that sends and receives whole datagrams, to and from anybody ([`send_to`](UdpSocket::send_to),
//! [`recv_from`](UdpSocket::recv_from)) or, once [connected](UdpSocket::connect), one peer ([`send`](UdpSocket::send),
//! [`recv`](UdpSocket::recv)). Each operation comes in three forms:
//!
//! | form | who may wait | what it does if it cannot go on |
//! | --- | --- | --- |
//! | `recv` | any number of tasks, at once, through `&self` | waits |
//! | `poll_recv` | one task per direction: the last one that asked is woken | registers the waker, `Pending` |
//! | `try_recv` | nobody | `WouldBlock` |
//!
//! There are no halves to split into, since nothing takes `&mut self`: an `Arc` is what two tasks share.
//!
//! The file has the socket itself and its readiness; its children have what is done with it: `send.rs`, `receive.rs`,
//! `peek.rs`, `options.rs`. It refuses to cut a datagram up, to put two together, and to send one twice. A datagram that is
//! longer than the buffer is cut off and the rest is lost: so the kernel has it.
//!
//! The invariant that makes every future here safe to drop: a datagram leaves the kernel's queue, or enters it, only in
//! the poll that then completes. A cancelled `recv` has taken nothing and a cancelled `send` has sent nothing.
//! Readiness is [`Evented`]'s, and modelled with it.

mod options;
mod peek;
mod receive;
mod send;

use std::fmt;
use std::io;
use std::net::{self, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::task::{Context, Poll};

use gumption_core::wait::WaitReason;
use socket2::SockRef;

use crate::evented::{Direction, Evented};
use crate::io::{Interest, Ready};
use crate::net::ToSocketAddrs;
use crate::net::addr::try_each;
use crate::net::shared::{check_nonblocking, reason_for, to_owned_fd};

/// A UDP socket.
///
/// Bind it, then either talk to everybody or [`connect`](Self::connect) it to one peer. Every method takes `&self`: share
/// it between tasks in an [`Arc`](std::sync::Arc), one receiving, one sending.
///
/// # Examples
///
/// An echo server, and one client of it:
///
/// ```
/// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
/// use gumption_io::net::UdpSocket;
///
/// let server = UdpSocket::bind("127.0.0.1:0").await?;
/// let address = server.local_addr()?;
/// gumption_core::spawn(async move {
///     let mut datagram = [0; 1500];
///     while let Ok((n, client)) = server.recv_from(&mut datagram).await {
///         server.send_to(&datagram[..n], client).await.expect("the client is still there");
///     }
/// });
///
/// let client = UdpSocket::bind("127.0.0.1:0").await?;
/// client.connect(address).await?;
/// client.send(b"hello").await?;
/// let mut answer = [0; 16];
/// let n = client.recv(&mut answer).await?;
/// assert_eq!(&answer[..n], b"hello");
/// # Ok(()) }) }
/// ```
pub struct UdpSocket {
    io: Evented<mio::net::UdpSocket>,
}

impl UdpSocket {
    /// Binds a socket to an address. Of several, the first that can be bound is taken.
    ///
    /// Port 0 has the system choose one, which [`local_addr`](Self::local_addr) then tells.
    ///
    /// # Errors
    ///
    /// If the name cannot be resolved, or none of the addresses can be bound: then the last one's error.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// use gumption_io::net::UdpSocket;
    ///
    /// let socket = UdpSocket::bind("127.0.0.1:0").await?;
    /// assert!(socket.local_addr()?.port() > 0);
    /// # Ok(()) }) }
    /// ```
    pub async fn bind<A: ToSocketAddrs>(addr: A) -> io::Result<UdpSocket> {
        try_each(addr, |addr| Self::new(mio::net::UdpSocket::bind(addr)?)).await
    }

    #[track_caller]
    fn new(socket: mio::net::UdpSocket) -> io::Result<Self> {
        Ok(Self { io: Evented::new(socket)? })
    }

    /// Takes over a socket of the standard library, for instance one with options set that this type has not.
    ///
    /// # Errors
    ///
    /// If the socket is in blocking mode: call
    /// [`set_nonblocking(true)`](std::net::UdpSocket::set_nonblocking) first. If the runtime has ended.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// use gumption_io::net::UdpSocket;
    ///
    /// let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
    /// socket.set_nonblocking(true)?;
    /// let socket = UdpSocket::from_std(socket)?;
    /// # drop(socket);
    /// # Ok(()) }) }
    /// ```
    #[track_caller]
    pub fn from_std(socket: net::UdpSocket) -> io::Result<UdpSocket> {
        let registered = Self::new(mio::net::UdpSocket::from_std(socket))?;
        check_nonblocking(registered.as_fd())?;
        Ok(registered)
    }

    /// Gives the socket back to the standard library. It stays in non-blocking mode.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// use gumption_io::net::UdpSocket;
    ///
    /// let socket = UdpSocket::bind("127.0.0.1:0").await?.into_std()?;
    /// socket.set_nonblocking(false)?;
    /// # Ok(()) }) }
    /// ```
    pub fn into_std(self) -> io::Result<net::UdpSocket> {
        Ok(to_owned_fd(self.io.into_inner()?).into())
    }

    /// Connects the socket: from now on [`send`](Self::send) sends there, and only what comes from there is received.
    ///
    /// No datagram is sent for it. Of several addresses the first that the system accepts is taken. Connecting again
    /// changes the peer.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// use gumption_io::net::UdpSocket;
    ///
    /// let (a, b) = (UdpSocket::bind("127.0.0.1:0").await?, UdpSocket::bind("127.0.0.1:0").await?);
    /// a.connect(b.local_addr()?).await?;
    /// assert_eq!(a.peer_addr()?, b.local_addr()?);
    /// # Ok(()) }) }
    /// ```
    pub async fn connect<A: ToSocketAddrs>(&self, addr: A) -> io::Result<()> {
        try_each(addr, |addr| self.io.connect(addr)).await
    }

    /// The address that the socket is bound to.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let socket = gumption_io::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// assert!(socket.local_addr()?.ip().is_loopback());
    /// # Ok(()) }) }
    /// ```
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr()
    }

    /// The peer that the socket is connected to, or `NotConnected`.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let socket = gumption_io::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// assert_eq!(socket.peer_addr().unwrap_err().kind(), std::io::ErrorKind::NotConnected);
    /// # Ok(()) }) }
    /// ```
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.io.peer_addr()
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
    /// let socket = gumption_io::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// let ready = socket.ready(Interest::READABLE | Interest::WRITABLE).await?;
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
    /// use std::io::ErrorKind;
    ///
    /// let socket = gumption_io::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// socket.send_to(b"to myself", socket.local_addr()?).await?;
    /// let mut datagram = [0; 16];
    /// let n = loop {
    ///     socket.readable().await?;
    ///     match socket.try_recv(&mut datagram) {
    ///         Err(error) if error.kind() == ErrorKind::WouldBlock => {}
    ///         result => break result?,
    ///     }
    /// };
    /// assert_eq!(&datagram[..n], b"to myself");
    /// # Ok(()) }) }
    /// ```
    pub async fn readable(&self) -> io::Result<()> {
        self.ready(Interest::READABLE).await.map(drop)
    }

    /// Waits until the socket is writable: [`ready`](Self::ready) for that alone.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let socket = gumption_io::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// socket.writable().await?;
    /// assert_eq!(socket.try_send_to(b"x", socket.local_addr()?)?, 1);
    /// # Ok(()) }) }
    /// ```
    pub async fn writable(&self) -> io::Result<()> {
        self.ready(Interest::WRITABLE).await.map(drop)
    }

    /// [`readable`](Self::readable) as a poll. Only the last task that asked is woken.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let socket = gumption_io::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// socket.send_to(b"x", socket.local_addr()?).await?;
    /// std::future::poll_fn(|cx| socket.poll_recv_ready(cx)).await?;
    /// # Ok(()) }) }
    /// ```
    pub fn poll_recv_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.poll_ready(cx, Direction::Read, WaitReason::IoRead).map_ok(drop)
    }

    /// [`writable`](Self::writable) as a poll. Only the last task that asked is woken.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let socket = gumption_io::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// std::future::poll_fn(|cx| socket.poll_send_ready(cx)).await?;
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
    /// let socket = gumption_io::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// socket.connect(socket.local_addr()?).await?;
    /// socket.writable().await?;
    /// let own = socket2::SockRef::from(&socket);
    /// assert_eq!(socket.try_io(Interest::WRITABLE, || own.send(b"x"))?, 1);
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
    /// let socket = gumption_io::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// socket.connect(socket.local_addr()?).await?;
    /// let own = socket2::SockRef::from(&socket);
    /// assert_eq!(socket.async_io(Interest::WRITABLE, || own.send(b"x")).await?, 1);
    /// # Ok(()) }) }
    /// ```
    pub async fn async_io<R>(&self, interest: Interest, mut f: impl FnMut() -> io::Result<R>) -> io::Result<R> {
        self.io.async_io(interest, reason_for(interest), |io| io.try_io(&mut f)).await
    }

    /// Takes the error that the system keeps for this socket, for instance that the peer's port is closed.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let socket = gumption_io::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// assert!(socket.take_error()?.is_none());
    /// # Ok(()) }) }
    /// ```
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.io.take_error()
    }

    fn as_socket(&self) -> SockRef<'_> {
        SockRef::from(self)
    }
}

impl TryFrom<net::UdpSocket> for UdpSocket {
    type Error = io::Error;

    /// [`UdpSocket::from_std`].
    fn try_from(socket: net::UdpSocket) -> io::Result<Self> {
        Self::from_std(socket)
    }
}

impl fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (*self.io).fmt(f)
    }
}

impl AsRawFd for UdpSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.io.as_raw_fd()
    }
}

impl AsFd for UdpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        (*self.io).as_fd()
    }
}
