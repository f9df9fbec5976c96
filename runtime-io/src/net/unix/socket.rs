//! [`UnixSocket`]: a Unix socket that is neither bound nor connected yet.
//!
//! For what the ready-made constructors cannot do: bind a stream before it connects, set options before it listens, take
//! over a descriptor. It is the system's socket in non-blocking mode and nothing else; only when it becomes a
//! [`UnixListener`], [`UnixStream`] or [`UnixDatagram`] is it registered with a runtime, so that is when one is needed.
//!
//! It refuses to make one kind out of the other: listening or connecting wants a stream socket, `datagram` a datagram
//! socket.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::path::Path;

use socket2::{Domain, SockAddr, Socket, Type};

use super::datagram::UnixDatagram;
use super::listener::UnixListener;
use super::stream::UnixStream;

/// A Unix socket before it becomes a [`UnixStream`], [`UnixListener`] or [`UnixDatagram`].
///
/// ```
/// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
/// use gumption_io::net::UnixSocket;
///
/// let path = std::env::temp_dir().join(format!("gumption-doc-socket-{}", std::process::id()));
/// let socket = UnixSocket::new_stream()?;
/// socket.bind(&path)?;
/// let listener = socket.listen(1024)?;
/// # drop(listener);
/// std::fs::remove_file(&path)?;
/// # Ok(()) }) }
/// ```
#[derive(Debug)]
pub struct UnixSocket {
    inner: Socket,
}

impl UnixSocket {
    fn new(ty: Type) -> io::Result<Self> {
        let inner = Socket::new(Domain::UNIX, ty, None)?;
        inner.set_nonblocking(true)?;
        Ok(Self { inner })
    }

    /// A datagram socket.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let datagram = gumption_io::net::UnixSocket::new_datagram()?.datagram()?;
    /// # drop(datagram);
    /// # Ok(()) }) }
    /// ```
    pub fn new_datagram() -> io::Result<UnixSocket> {
        Self::new(Type::DGRAM)
    }

    /// A stream socket.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let nobody = gumption_io::net::UnixSocket::new_stream()?.connect("/no/such/socket").await.unwrap_err();
    /// assert_eq!(nobody.kind(), std::io::ErrorKind::NotFound);
    /// # Ok(()) }) }
    /// ```
    pub fn new_stream() -> io::Result<UnixSocket> {
        Self::new(Type::STREAM)
    }

    /// Binds the socket to a path. On Linux a zero byte in front makes the rest an abstract name.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// use gumption_io::net::UnixSocket;
    ///
    /// let path = std::env::temp_dir().join(format!("gumption-doc-socket-bind-{}", std::process::id()));
    /// let socket = UnixSocket::new_datagram()?;
    /// socket.bind(&path)?;
    /// assert_eq!(socket.datagram()?.local_addr()?.as_pathname(), Some(path.as_path()));
    /// std::fs::remove_file(&path)?;
    /// # Ok(()) }) }
    /// ```
    pub fn bind(&self, path: impl AsRef<Path>) -> io::Result<()> {
        self.inner.bind(&SockAddr::unix(path)?)
    }

    /// Makes it a listener, with room for `backlog` connections that nobody has accepted yet.
    ///
    /// # Errors
    ///
    /// If it is a datagram socket, or not bound.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// assert!(gumption_io::net::UnixSocket::new_datagram()?.listen(1024).is_err());
    /// # Ok(()) }) }
    /// ```
    #[track_caller]
    pub fn listen(self, backlog: u32) -> io::Result<UnixListener> {
        self.must_not_be(Type::DGRAM, "listen cannot be called on a datagram socket")?;
        self.inner.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
        let listener = std::os::unix::net::UnixListener::from(OwnedFd::from(self.inner));
        UnixListener::new(mio::net::UnixListener::from_std(listener))
    }

    /// Connects it to the listener at a path.
    ///
    /// # Errors
    ///
    /// If it is a datagram socket, and as [`UnixStream::connect`].
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// use gumption_io::net::{UnixListener, UnixSocket};
    ///
    /// let path = std::env::temp_dir().join(format!("gumption-doc-socket-connect-{}", std::process::id()));
    /// let listener = UnixListener::bind(&path)?;
    /// let stream = UnixSocket::new_stream()?.connect(&path).await?;
    /// # drop((listener, stream));
    /// std::fs::remove_file(&path)?;
    /// # Ok(()) }) }
    /// ```
    pub async fn connect(self, path: impl AsRef<Path>) -> io::Result<UnixStream> {
        self.must_not_be(Type::DGRAM, "connect cannot be called on a datagram socket")?;
        match self.inner.connect(&SockAddr::unix(path)?) {
            Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => return Err(error),
            _ => {}
        }
        let stream = std::os::unix::net::UnixStream::from(OwnedFd::from(self.inner));
        UnixStream::connecting(mio::net::UnixStream::from_std(stream)).await
    }

    /// Makes it a datagram socket that a runtime knows.
    ///
    /// # Errors
    ///
    /// If it is a stream socket.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// assert!(gumption_io::net::UnixSocket::new_stream()?.datagram().is_err());
    /// # Ok(()) }) }
    /// ```
    #[track_caller]
    pub fn datagram(self) -> io::Result<UnixDatagram> {
        self.must_not_be(Type::STREAM, "datagram cannot be called on a stream socket")?;
        let datagram = std::os::unix::net::UnixDatagram::from(OwnedFd::from(self.inner));
        let datagram = UnixDatagram::new(mio::net::UnixDatagram::from_std(datagram))?;
        match datagram.take_error()? {
            Some(error) => Err(error),
            None => Ok(datagram),
        }
    }

    fn must_not_be(&self, ty: Type, otherwise: &'static str) -> io::Result<()> {
        if self.inner.r#type()? == ty { Err(io::Error::other(otherwise)) } else { Ok(()) }
    }
}

impl AsRawFd for UnixSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.inner.as_raw_fd()
    }
}

impl AsFd for UnixSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}

impl FromRawFd for UnixSocket {
    /// Takes over a socket, which must be in non-blocking mode.
    ///
    /// # Safety
    ///
    /// The descriptor is open and owned by nobody else.
    unsafe fn from_raw_fd(fd: RawFd) -> UnixSocket {
        // SAFETY: the caller's promise.
        UnixSocket { inner: unsafe { Socket::from_raw_fd(fd) } }
    }
}

impl IntoRawFd for UnixSocket {
    fn into_raw_fd(self) -> RawFd {
        self.inner.into_raw_fd()
    }
}
