//! [`UnixListener`]: accepting local connections.
//!
//! The listener is a socket at a path (or, on Linux, an abstract name). Binding makes the file; **nothing removes it**,
//! neither dropping the listener nor ending the process, and binding fails where a file is already. So a service removes
//! its old socket before it binds, or uses an abstract name.
//!
//! Accepting while the process or the system is out of descriptors is the classic way to spin: the connection stays in
//! the queue and the socket stays ready. The error goes to the caller each time, and the accept *after* it waits first,
//! see [`Backoff`].
//!
//! Any number of tasks may wait in `accept` at once; each connection goes to one. The invariant: a connection leaves the
//! kernel's queue only in the poll that returns it, so a cancelled `accept` loses none.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::net;
use std::path::Path;
use std::task::{Context, Poll, ready};

use gumption_core::wait::WaitReason;

use super::socketaddr::{SocketAddr, from_path};
use super::stream::UnixStream;
use crate::evented::{Direction, Evented};
use crate::io::Interest;
use crate::net::backoff::Backoff;
use crate::net::shared::{check_nonblocking, to_owned_fd};

/// A socket that accepts local connections.
///
/// The file at its path stays when the listener is dropped: remove it yourself.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
/// use gumption_io::net::{UnixListener, UnixStream};
///
/// let path = std::env::temp_dir().join(format!("gumption-doc-listener-{}", std::process::id()));
/// let listener = UnixListener::bind(&path)?;
/// let client = UnixStream::connect(&path).await?;
/// let (server, _address) = listener.accept().await?;
/// assert_eq!(server.local_addr()?.as_pathname(), Some(path.as_path()));
/// # drop(client);
/// std::fs::remove_file(&path)?;
/// # Ok(()) }) }
/// ```
pub struct UnixListener {
    io: Evented<mio::net::UnixListener>,
    backoff: Backoff,
}

impl UnixListener {
    #[track_caller]
    pub(super) fn new(listener: mio::net::UnixListener) -> io::Result<Self> {
        Ok(Self { io: Evented::new(listener)?, backoff: Backoff::default() })
    }

    /// Binds a listener to a path. On Linux a zero byte in front makes the rest an abstract name, of no file.
    ///
    /// # Errors
    ///
    /// `AddrInUse` if there is a file already, be it a socket that nobody listens to any more.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// use gumption_io::net::UnixListener;
    ///
    /// let path = std::env::temp_dir().join(format!("gumption-doc-bind-{}", std::process::id()));
    /// let listener = UnixListener::bind(&path)?;
    /// let taken = UnixListener::bind(&path).unwrap_err();
    /// assert_eq!(taken.kind(), std::io::ErrorKind::AddrInUse);
    /// # drop(listener);
    /// std::fs::remove_file(&path)?;
    /// # Ok(()) }) }
    /// ```
    #[track_caller]
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixListener> {
        Self::bind_addr(&from_path(path.as_ref())?)
    }

    /// Binds a listener to an address.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// use gumption_io::net::UnixListener;
    ///
    /// let path = std::env::temp_dir().join(format!("gumption-doc-bind-addr-{}", std::process::id()));
    /// let address = std::os::unix::net::SocketAddr::from_pathname(&path)?.into();
    /// let listener = UnixListener::bind_addr(&address)?;
    /// # drop(listener);
    /// std::fs::remove_file(&path)?;
    /// # Ok(()) }) }
    /// ```
    #[track_caller]
    pub fn bind_addr(socket_addr: &SocketAddr) -> io::Result<UnixListener> {
        Self::new(mio::net::UnixListener::bind_addr(&socket_addr.0)?)
    }

    /// Takes over a listener of the standard library.
    ///
    /// # Errors
    ///
    /// If it is in blocking mode: call [`set_nonblocking(true)`](net::UnixListener::set_nonblocking) first. If the runtime
    /// has ended.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// use gumption_io::net::UnixListener;
    ///
    /// let path = std::env::temp_dir().join(format!("gumption-doc-from-std-{}", std::process::id()));
    /// let listener = std::os::unix::net::UnixListener::bind(&path)?;
    /// listener.set_nonblocking(true)?;
    /// let listener = UnixListener::from_std(listener)?;
    /// # drop(listener);
    /// std::fs::remove_file(&path)?;
    /// # Ok(()) }) }
    /// ```
    #[track_caller]
    pub fn from_std(listener: net::UnixListener) -> io::Result<UnixListener> {
        let registered = Self::new(mio::net::UnixListener::from_std(listener))?;
        check_nonblocking(registered.as_fd())?;
        Ok(registered)
    }

    /// Gives the listener back to the standard library. It stays in non-blocking mode.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let path = std::env::temp_dir().join(format!("gumption-doc-into-std-{}", std::process::id()));
    /// let listener = gumption_io::net::UnixListener::bind(&path)?.into_std()?;
    /// listener.set_nonblocking(false)?;
    /// std::fs::remove_file(&path)?;
    /// # Ok(()) }) }
    /// ```
    pub fn into_std(self) -> io::Result<net::UnixListener> {
        Ok(to_owned_fd(self.io.into_inner()?).into())
    }

    /// The address that the listener is bound to.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let path = std::env::temp_dir().join(format!("gumption-doc-local-{}", std::process::id()));
    /// let listener = gumption_io::net::UnixListener::bind(&path)?;
    /// assert_eq!(listener.local_addr()?.as_pathname(), Some(path.as_path()));
    /// std::fs::remove_file(&path)?;
    /// # Ok(()) }) }
    /// ```
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr().map(SocketAddr)
    }

    /// Takes the error that the system keeps for this socket.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let path = std::env::temp_dir().join(format!("gumption-doc-error-{}", std::process::id()));
    /// let listener = gumption_io::net::UnixListener::bind(&path)?;
    /// assert!(listener.take_error()?.is_none());
    /// std::fs::remove_file(&path)?;
    /// # Ok(()) }) }
    /// ```
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.io.take_error()
    }

    /// Waits for a connection.
    ///
    /// # Errors
    ///
    /// If the process or the system is out of descriptors, among others. The connection then waits in the queue, and so
    /// does the next `accept` before it tries again, from a millisecond up to a second: a loop that only logs the error
    /// does not spin.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it completes, no connection is lost.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// use gumption_io::net::{UnixListener, UnixStream};
    ///
    /// let path = std::env::temp_dir().join(format!("gumption-doc-accept-{}", std::process::id()));
    /// let listener = UnixListener::bind(&path)?;
    /// let client = gumption_core::spawn(UnixStream::connect(path.clone()));
    /// let (server, client_address) = listener.accept().await?;
    /// assert!(client_address.is_unnamed());
    /// # drop((server, client));
    /// std::fs::remove_file(&path)?;
    /// # Ok(()) }) }
    /// ```
    pub async fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        self.backoff.wait(self.resource()).await;
        let accepted = self.io.async_io(Interest::READABLE, WaitReason::IoAccept, |io| io.accept()).await;
        self.accepted(accepted)
    }

    /// [`accept`](Self::accept) as a poll. Only the last task that asked is woken.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// use gumption_io::net::{UnixListener, UnixStream};
    ///
    /// let path = std::env::temp_dir().join(format!("gumption-doc-poll-accept-{}", std::process::id()));
    /// let listener = UnixListener::bind(&path)?;
    /// let client = UnixStream::connect(&path).await?;
    /// let (server, _) = std::future::poll_fn(|cx| listener.poll_accept(cx)).await?;
    /// # drop((server, client));
    /// std::fs::remove_file(&path)?;
    /// # Ok(()) }) }
    /// ```
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(UnixStream, SocketAddr)>> {
        ready!(self.backoff.poll(cx, self.resource()));
        let accepted = ready!(self.io.poll_io(cx, Direction::Read, WaitReason::IoAccept, |io| io.accept()));
        Poll::Ready(self.accepted(accepted))
    }

    /// What comes after the system call: the back-off is told, and the connection is registered.
    fn accepted(
        &self,
        accepted: io::Result<(mio::net::UnixStream, net::SocketAddr)>,
    ) -> io::Result<(UnixStream, SocketAddr)> {
        let accepted = accepted.and_then(|(io, address)| Ok((UnixStream::accepted(io)?, SocketAddr(address))));
        self.backoff.note(&accepted);
        accepted
    }

    /// What a task says that it waits for.
    fn resource(&self) -> u64 {
        self.io.as_raw_fd() as u64
    }
}

impl TryFrom<net::UnixListener> for UnixListener {
    type Error = io::Error;

    /// [`UnixListener::from_std`].
    fn try_from(listener: net::UnixListener) -> io::Result<Self> {
        Self::from_std(listener)
    }
}

impl fmt::Debug for UnixListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (*self.io).fmt(f)
    }
}

impl AsRawFd for UnixListener {
    fn as_raw_fd(&self) -> RawFd {
        self.io.as_raw_fd()
    }
}

impl AsFd for UnixListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        (*self.io).as_fd()
    }
}
