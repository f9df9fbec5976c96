//! [`TcpSocket`]: a socket that is neither a stream nor a listener yet, and takes options.
//!
//! socket2's socket, non-blocking, under tokio's names. It is not registered with any runtime: making one and setting its options
//! works anywhere and waits for nothing; [`connect`](TcpSocket::connect) and [`listen`](TcpSocket::listen) register it.
//!
//! Which options exist depends on the system; the `cfg`s here are socket2's.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, RawFd};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use crate::net::{TcpListener, TcpStream};

/// A TCP socket before it is connected or listens: for options that are to be set first.
///
/// ```
/// use gumption_io::net::TcpSocket;
///
/// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
/// # Runtime::new()?.block_on(async {
/// let socket = TcpSocket::new_v4()?;
/// socket.set_reuseaddr(true)?;
/// socket.bind("127.0.0.1:0".parse().unwrap())?;
/// let listener = socket.listen(1024)?;
///
/// let socket = TcpSocket::new_v4()?;
/// socket.set_nodelay(true)?;
/// let stream = socket.connect(listener.local_addr()?).await?;
/// assert!(stream.nodelay()?);
/// # Ok::<(), std::io::Error>(())
/// # })?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct TcpSocket {
    socket: Socket,
}

/// `SOCK_NONBLOCK` and `SOCK_CLOEXEC` in the call that makes the socket, where the system can.
#[cfg(not(any(target_vendor = "apple", target_os = "aix", target_os = "haiku")))]
fn new_nonblocking(domain: Domain) -> io::Result<Socket> {
    Socket::new(domain, Type::STREAM.nonblocking(), Some(Protocol::TCP))
}

#[cfg(any(target_vendor = "apple", target_os = "aix", target_os = "haiku"))]
fn new_nonblocking(domain: Domain) -> io::Result<Socket> {
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// A buffer's size; no system has one of 4 GiB.
fn clamp(size: usize) -> u32 {
    size.try_into().unwrap_or(u32::MAX)
}

impl TcpSocket {
    /// A socket for IPv4.
    ///
    /// ```
    /// use gumption_io::net::TcpSocket;
    ///
    /// let socket = TcpSocket::new_v4()?;
    /// assert!(socket.local_addr()?.is_ipv4());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn new_v4() -> io::Result<TcpSocket> {
        Ok(TcpSocket { socket: new_nonblocking(Domain::IPV4)? })
    }

    /// A socket for IPv6.
    ///
    /// ```
    /// use gumption_io::net::TcpSocket;
    ///
    /// let Ok(socket) = TcpSocket::new_v6() else { return Ok(()) }; // No IPv6 here.
    /// assert!(socket.local_addr()?.is_ipv6());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn new_v6() -> io::Result<TcpSocket> {
        Ok(TcpSocket { socket: new_nonblocking(Domain::IPV6)? })
    }

    /// Has the kernel ask now and then whether an idle connection still lives (`SO_KEEPALIVE`).
    ///
    /// ```
    /// use gumption_io::net::TcpSocket;
    ///
    /// let socket = TcpSocket::new_v4()?;
    /// socket.set_keepalive(true)?;
    /// assert!(socket.keepalive()?);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_keepalive(&self, keepalive: bool) -> io::Result<()> {
        self.socket.set_keepalive(keepalive)
    }

    /// Whether the kernel asks ([`set_keepalive`](Self::set_keepalive)).
    pub fn keepalive(&self) -> io::Result<bool> {
        self.socket.keepalive()
    }

    /// Allows an address that has connections left over from before (`SO_REUSEADDR`); what a server wants.
    ///
    /// [`TcpListener::bind`] sets it; a socket does not by itself.
    ///
    /// ```
    /// use gumption_io::net::TcpSocket;
    ///
    /// let socket = TcpSocket::new_v4()?;
    /// socket.set_reuseaddr(true)?;
    /// assert!(socket.reuseaddr()?);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_reuseaddr(&self, reuseaddr: bool) -> io::Result<()> {
        self.socket.set_reuse_address(reuseaddr)
    }

    /// Whether such an address is allowed ([`set_reuseaddr`](Self::set_reuseaddr)).
    pub fn reuseaddr(&self) -> io::Result<bool> {
        self.socket.reuse_address()
    }

    /// Allows other sockets at the same address and port, if they all say so (`SO_REUSEPORT`): Linux deals the connections out among
    /// them.
    ///
    /// ```
    /// use gumption_io::net::TcpSocket;
    ///
    /// let socket = TcpSocket::new_v4()?;
    /// socket.set_reuseport(true)?;
    /// assert!(socket.reuseport()?);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[cfg(not(any(target_os = "solaris", target_os = "illumos", target_os = "cygwin", target_os = "nuttx")))]
    pub fn set_reuseport(&self, reuseport: bool) -> io::Result<()> {
        self.socket.set_reuse_port(reuseport)
    }

    /// Whether others are allowed ([`set_reuseport`](Self::set_reuseport)).
    #[cfg(not(any(target_os = "solaris", target_os = "illumos", target_os = "cygwin", target_os = "nuttx")))]
    pub fn reuseport(&self) -> io::Result<bool> {
        self.socket.reuse_port()
    }

    /// How many bytes the kernel keeps that are not acknowledged yet (`SO_SNDBUF`). Linux doubles it, and stops to choose it itself.
    ///
    /// ```
    /// use gumption_io::net::TcpSocket;
    ///
    /// let socket = TcpSocket::new_v4()?;
    /// socket.set_send_buffer_size(32 << 10)?;
    /// assert!(socket.send_buffer_size()? >= 32 << 10);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_send_buffer_size(&self, size: u32) -> io::Result<()> {
        self.socket.set_send_buffer_size(size as usize)
    }

    /// The size of the buffer as the kernel counts it ([`set_send_buffer_size`](Self::set_send_buffer_size)).
    pub fn send_buffer_size(&self) -> io::Result<u32> {
        self.socket.send_buffer_size().map(clamp)
    }

    /// How many bytes the kernel keeps that nobody has read (`SO_RCVBUF`). To be set before there is a connection, whose window it
    /// bounds.
    ///
    /// ```
    /// use gumption_io::net::TcpSocket;
    ///
    /// let socket = TcpSocket::new_v4()?;
    /// socket.set_recv_buffer_size(32 << 10)?;
    /// assert!(socket.recv_buffer_size()? >= 32 << 10);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_recv_buffer_size(&self, size: u32) -> io::Result<()> {
        self.socket.set_recv_buffer_size(size as usize)
    }

    /// The size of the buffer as the kernel counts it ([`set_recv_buffer_size`](Self::set_recv_buffer_size)).
    pub fn recv_buffer_size(&self) -> io::Result<u32> {
        self.socket.recv_buffer_size().map(clamp)
    }

    /// Has closing wait for what is still to be sent (`SO_LINGER`).
    ///
    /// **It blocks the thread that drops the stream**; see [`TcpStream::set_linger`].
    ///
    /// ```
    /// # #![allow(deprecated)]
    /// use gumption_io::net::TcpSocket;
    ///
    /// let socket = TcpSocket::new_v4()?;
    /// socket.set_linger(None)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[deprecated = "`SO_LINGER` blocks the thread that drops the socket"]
    pub fn set_linger(&self, dur: Option<Duration>) -> io::Result<()> {
        self.socket.set_linger(dur)
    }

    /// Has closing reset the connection and throw away what is still to be sent (`SO_LINGER` of 0).
    ///
    /// ```
    /// use std::time::Duration;
    /// use gumption_io::net::TcpSocket;
    ///
    /// let socket = TcpSocket::new_v4()?;
    /// socket.set_zero_linger()?;
    /// assert_eq!(socket.linger()?, Some(Duration::ZERO));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_zero_linger(&self) -> io::Result<()> {
        self.socket.set_linger(Some(Duration::ZERO))
    }

    /// How long closing waits for what is still to be sent (`SO_LINGER`).
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        self.socket.linger()
    }

    /// Sends small writes at once (`TCP_NODELAY`); see [`TcpStream::set_nodelay`].
    ///
    /// ```
    /// use gumption_io::net::TcpSocket;
    ///
    /// let socket = TcpSocket::new_v4()?;
    /// socket.set_nodelay(true)?;
    /// assert!(socket.nodelay()?);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.socket.set_tcp_nodelay(nodelay)
    }

    /// Whether small writes are sent at once ([`set_nodelay`](Self::set_nodelay)).
    pub fn nodelay(&self) -> io::Result<bool> {
        self.socket.tcp_nodelay()
    }

    /// The traffic class of what is sent over IPv6 (`IPV6_TCLASS`).
    ///
    /// ```
    /// use gumption_io::net::TcpSocket;
    ///
    /// let Ok(socket) = TcpSocket::new_v6() else { return Ok(()) }; // No IPv6 here.
    /// socket.set_tclass_v6(0x10)?;
    /// assert_eq!(socket.tclass_v6()?, 0x10);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[cfg(any(
        target_os = "android",
        target_os = "dragonfly",
        target_os = "freebsd",
        target_os = "fuchsia",
        target_os = "linux",
        target_os = "macos",
        target_os = "netbsd",
        target_os = "openbsd",
        target_os = "cygwin",
    ))]
    pub fn set_tclass_v6(&self, tclass: u32) -> io::Result<()> {
        self.socket.set_tclass_v6(tclass)
    }

    /// The traffic class of what is sent over IPv6 ([`set_tclass_v6`](Self::set_tclass_v6)).
    #[cfg(any(
        target_os = "android",
        target_os = "dragonfly",
        target_os = "freebsd",
        target_os = "fuchsia",
        target_os = "linux",
        target_os = "macos",
        target_os = "netbsd",
        target_os = "openbsd",
        target_os = "cygwin",
    ))]
    pub fn tclass_v6(&self) -> io::Result<u32> {
        self.socket.tclass_v6()
    }

    /// The type of service of what is sent over IPv4 (`IP_TOS`).
    ///
    /// ```
    /// use gumption_io::net::TcpSocket;
    ///
    /// let socket = TcpSocket::new_v4()?;
    /// socket.set_tos_v4(0x10)?;
    /// assert_eq!(socket.tos_v4()?, 0x10);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[cfg(not(any(
        target_os = "fuchsia",
        target_os = "redox",
        target_os = "solaris",
        target_os = "illumos",
        target_os = "haiku",
    )))]
    pub fn set_tos_v4(&self, tos: u32) -> io::Result<()> {
        self.socket.set_tos_v4(tos)
    }

    /// The type of service of what is sent over IPv4 ([`set_tos_v4`](Self::set_tos_v4)).
    #[cfg(not(any(
        target_os = "fuchsia",
        target_os = "redox",
        target_os = "solaris",
        target_os = "illumos",
        target_os = "haiku",
    )))]
    pub fn tos_v4(&self) -> io::Result<u32> {
        self.socket.tos_v4()
    }

    /// The former name of [`set_tos_v4`](Self::set_tos_v4).
    #[deprecated(note = "renamed to `set_tos_v4`: it is of IPv4 only")]
    #[doc(hidden)]
    #[cfg(not(any(
        target_os = "fuchsia",
        target_os = "redox",
        target_os = "solaris",
        target_os = "illumos",
        target_os = "haiku",
    )))]
    pub fn set_tos(&self, tos: u32) -> io::Result<()> {
        self.set_tos_v4(tos)
    }

    /// The former name of [`tos_v4`](Self::tos_v4).
    #[deprecated(note = "renamed to `tos_v4`: it is of IPv4 only")]
    #[doc(hidden)]
    #[cfg(not(any(
        target_os = "fuchsia",
        target_os = "redox",
        target_os = "solaris",
        target_os = "illumos",
        target_os = "haiku",
    )))]
    pub fn tos(&self) -> io::Result<u32> {
        self.tos_v4()
    }

    /// Uses this network interface and no other (`SO_BINDTODEVICE`); any again with `None`.
    ///
    /// ```
    /// use gumption_io::net::TcpSocket;
    ///
    /// let socket = TcpSocket::new_v4()?;
    /// socket.bind_device(Some(b"lo"))?;
    /// assert_eq!(socket.device()?.as_deref(), Some(&b"lo"[..]));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    pub fn bind_device(&self, interface: Option<&[u8]>) -> io::Result<()> {
        self.socket.bind_device(interface)
    }

    /// The interface that it is bound to ([`bind_device`](Self::bind_device)), without a trailing 0.
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    pub fn device(&self) -> io::Result<Option<Vec<u8>>> {
        self.socket.device()
    }

    /// The address that it is bound to.
    ///
    /// ```
    /// use gumption_io::net::TcpSocket;
    ///
    /// let socket = TcpSocket::new_v4()?;
    /// socket.bind("127.0.0.1:0".parse().unwrap())?;
    /// assert_ne!(socket.local_addr()?.port(), 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        let addr = self.socket.local_addr()?;
        addr.as_socket()
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "invalid address family (not IPv4 or IPv6)"))
    }

    /// What went wrong on the socket since this was last asked (`SO_ERROR`).
    ///
    /// ```
    /// use gumption_io::net::TcpSocket;
    ///
    /// assert!(TcpSocket::new_v4()?.take_error()?.is_none());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.socket.take_error()
    }

    /// Binds to an address: to listen there, or to connect from there.
    ///
    /// ```
    /// use gumption_io::net::TcpSocket;
    ///
    /// let socket = TcpSocket::new_v4()?;
    /// socket.bind("127.0.0.1:0".parse().unwrap())?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn bind(&self, addr: SocketAddr) -> io::Result<()> {
        self.socket.bind(&addr.into())
    }

    /// Connects to `addr`.
    ///
    /// ```
    /// use gumption_io::net::{TcpListener, TcpSocket};
    ///
    /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
    /// # Runtime::new()?.block_on(async {
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let stream = TcpSocket::new_v4()?.connect(listener.local_addr()?).await?;
    /// assert_eq!(stream.peer_addr()?, listener.local_addr()?);
    /// # Ok::<(), std::io::Error>(())
    /// # })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The system's; that the runtime has ended.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    pub async fn connect(self, addr: SocketAddr) -> io::Result<TcpStream> {
        match self.socket.connect(&addr.into()) {
            Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => return Err(error),
            _ => {}
        }
        TcpStream::connecting(mio::net::TcpStream::from_std(self.socket.into())).await
    }

    /// Listens, with room for `backlog` connections that nobody has accepted (bounded by the system).
    ///
    /// ```
    /// use gumption_io::net::TcpSocket;
    ///
    /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
    /// # Runtime::new()?.block_on(async {
    /// let socket = TcpSocket::new_v4()?;
    /// socket.bind("127.0.0.1:0".parse().unwrap())?;
    /// let listener = socket.listen(1024)?;
    /// # Ok::<(), std::io::Error>(())
    /// # })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The system's; that the runtime has ended.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn listen(self, backlog: u32) -> io::Result<TcpListener> {
        self.socket.listen(backlog.try_into().unwrap_or(i32::MAX))?;
        TcpListener::registered(mio::net::TcpListener::from_std(self.socket.into()))
    }

    /// Takes over a stream of std's that is not connected yet, such as another library has made it; it must be non-blocking
    /// before it is connected.
    ///
    /// ```
    /// use gumption_io::net::{TcpListener, TcpSocket};
    /// use socket2::{Domain, Socket, Type};
    ///
    /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
    /// # Runtime::new()?.block_on(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    /// socket.set_nonblocking(true)?;
    /// let socket = TcpSocket::from_std_stream(socket.into());
    /// let stream = socket.connect(listener.local_addr()?).await?;
    /// # Ok::<(), std::io::Error>(())
    /// # })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn from_std_stream(std_stream: std::net::TcpStream) -> TcpSocket {
        TcpSocket { socket: std_stream.into() }
    }
}

impl fmt::Debug for TcpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket.fmt(f)
    }
}

impl AsRawFd for TcpSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

impl AsFd for TcpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl FromRawFd for TcpSocket {
    /// Takes over a descriptor, which must be a TCP socket's, and non-blocking.
    unsafe fn from_raw_fd(fd: RawFd) -> TcpSocket {
        // SAFETY: the caller owns it and hands it over.
        TcpSocket { socket: unsafe { Socket::from_raw_fd(fd) } }
    }
}

impl IntoRawFd for TcpSocket {
    fn into_raw_fd(self) -> RawFd {
        self.socket.into_raw_fd()
    }
}
