//! [`TcpListener`]: a socket that takes connections in.
//!
//! Accepting is a loop over `accept4(2)` behind readiness. What its errors mean is decided here:
//!
//! | errors | what is wrong | what we do |
//! | --- | --- | --- |
//! | `ECONNABORTED`, `EPROTO`, and what Linux hands on from the network | one connection, which is gone | count, take the next |
//! | `EMFILE`, `ENFILE`, `ENOBUFS`, `ENOMEM`, anything else | the system, or the listener | give it to the caller; the next accept rests first |
//!
//! The caller sees the second kind, as in tokio, and may log, shed load or give up; and a caller that only goes on does not
//! spin, because the listener rests ([`Backoff`]). Every error is counted by its number in the netpoller's counters, the
//! first kind too.
//!
//! The first kind is bounded: so many in a row that they cannot all be connections of one queue are given to the caller.
//!
//! A task that accepts says `IO accept` with the listener's descriptor, also while it rests. Nothing is taken out of the
//! queue before the call that returns it, so an accept that is cancelled loses no connection.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::task::{Context, Poll, ready};

use gumption_core::policy::LISTEN_BACKLOG;
use gumption_core::wait::WaitReason;

use crate::evented::{Direction, Evented};
use crate::io::Interest;
use crate::net::TcpStream;
use crate::net::addr::{ToSocketAddrs, try_each};
use crate::net::backoff::Backoff;
use crate::net::shared::check_nonblocking;

/// Connections that are gone already, in one accept, before others get their turn.
const GONE: usize = 128;

/// Listens for TCP connections.
///
/// # When the system refuses
///
/// A process that has run out of descriptors cannot accept: the call fails at once and the connection stays in the queue. As in
/// tokio the caller gets the error. But the listener then rests before it tries again, 1 ms at first, twice as long
/// after each failure in a row, at most one second, until an accept succeeds: a loop that logs and goes on costs next to
/// nothing, and whoever has connections to close gets to do it. A connection that was gone before it was accepted is no error
/// here; the next one is accepted instead.
///
/// ```
/// use gumption_io::io::{AsyncReadExt, AsyncWriteExt};
/// use gumption_io::net::{TcpListener, TcpStream};
///
/// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
/// # Runtime::new()?.block_on(async {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let addr = listener.local_addr()?;
///
/// gumption_core::spawn(async move {
///     loop {
///         match listener.accept().await {
///             Ok((mut stream, _peer)) => {
///                 gumption_core::spawn(async move { stream.write_all(b"hello").await });
///             }
///             // The listener rests before the next try.
///             Err(error) => eprintln!("accept: {error}"),
///         }
///     }
/// });
///
/// let mut heard = String::new();
/// TcpStream::connect(addr).await?.read_to_string(&mut heard).await?;
/// assert_eq!(heard, "hello");
/// # Ok::<(), std::io::Error>(())
/// # })?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct TcpListener {
    io: Evented<mio::net::TcpListener>,
    backoff: Backoff,
}

impl TcpListener {
    /// Binds to `addr`, to the first of its addresses that can be had, and listens, with `SO_REUSEADDR` and room for 128
    /// connections that nobody has accepted. Port 0 has the system choose one.
    ///
    /// To set options first, use a [`TcpSocket`](crate::net::TcpSocket).
    ///
    /// ```
    /// use gumption_io::net::TcpListener;
    ///
    /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
    /// # Runtime::new()?.block_on(async {
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// assert_ne!(listener.local_addr()?.port(), 0);
    /// # Ok::<(), std::io::Error>(())
    /// # })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// Asks for a queue of 4096 connections that have not been accepted yet, or what the system allows;
    /// [`TcpSocket::listen`](crate::net::TcpSocket::listen) takes another number.
    ///
    /// # Errors
    ///
    /// That of the last address; that a name resolves to none.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    pub async fn bind<A: ToSocketAddrs>(addr: A) -> io::Result<TcpListener> {
        try_each(addr, |addr| {
            let listener = mio::net::TcpListener::bind(addr)?;
            // Again: mio and std ask for a queue of 128.
            socket2::SockRef::from(&listener).listen(LISTEN_BACKLOG)?;
            Self::registered(listener)
        })
        .await
    }

    #[track_caller]
    pub(super) fn registered(io: mio::net::TcpListener) -> io::Result<TcpListener> {
        Ok(TcpListener { io: Evented::new(io)?, backoff: Backoff::default() })
    }

    /// Waits for a connection and takes it, with the address at its other end. Any number of tasks may wait.
    ///
    /// Cancelling it loses no connection.
    ///
    /// ```
    /// use gumption_io::net::{TcpListener, TcpStream};
    ///
    /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
    /// # Runtime::new()?.block_on(async {
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let client = TcpStream::connect(listener.local_addr()?).await?;
    /// let (_server, peer) = listener.accept().await?;
    /// assert_eq!(peer, client.local_addr()?);
    /// # Ok::<(), std::io::Error>(())
    /// # })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the system refuses ([see above](Self#when-the-system-refuses)), and if the runtime has ended.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        self.backoff.wait(self.resource()).await;
        let accepted = self.io.async_io(Interest::READABLE, WaitReason::IoAccept, |io| self.accept_next(io)).await;
        self.accepted(accepted)
    }

    /// [`accept`](Self::accept) for who polls by hand. Of the tasks that do, the last is woken.
    ///
    /// ```
    /// use gumption_io::net::{TcpListener, TcpStream};
    ///
    /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
    /// # Runtime::new()?.block_on(async {
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let client = TcpStream::connect(listener.local_addr()?).await?;
    /// let (_server, peer) = std::future::poll_fn(|cx| listener.poll_accept(cx)).await?;
    /// assert_eq!(peer, client.local_addr()?);
    /// # Ok::<(), std::io::Error>(())
    /// # })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        ready!(self.backoff.poll(cx, self.resource()));
        let accepted = ready!(self.io.poll_io(cx, Direction::Read, WaitReason::IoAccept, |io| self.accept_next(io)));
        Poll::Ready(self.accepted(accepted))
    }

    /// Accepts past connections that are gone.
    fn accept_next(&self, io: &mio::net::TcpListener) -> io::Result<(mio::net::TcpStream, SocketAddr)> {
        for _ in 0..GONE {
            match io.accept() {
                Err(error) if error.raw_os_error().is_some_and(is_of_one_connection) => self.io.note_error(&error),
                other => return other,
            }
        }
        io.accept()
    }

    /// Registers what was accepted, and lets the back-off know how it went.
    fn accepted(&self, accepted: io::Result<(mio::net::TcpStream, SocketAddr)>) -> io::Result<(TcpStream, SocketAddr)> {
        let accepted = accepted.and_then(|(io, peer)| Ok((TcpStream::accepted(io)?, peer)));
        self.backoff.note(&accepted);
        accepted
    }

    /// What a task says that it waits for.
    fn resource(&self) -> u64 {
        self.io.as_raw_fd() as u64
    }

    /// Takes over a listener of std's, which must be non-blocking.
    ///
    /// ```
    /// use gumption_io::net::TcpListener;
    ///
    /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
    /// # Runtime::new()?.block_on(async {
    /// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// listener.set_nonblocking(true)?;
    /// let listener = TcpListener::from_std(listener)?;
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
    pub fn from_std(listener: std::net::TcpListener) -> io::Result<TcpListener> {
        let registered = Self::registered(mio::net::TcpListener::from_std(listener))?;
        check_nonblocking(registered.as_fd())?;
        Ok(registered)
    }

    /// Gives the listener to std. It stays non-blocking until somebody calls
    /// [`set_nonblocking`](std::net::TcpListener::set_nonblocking).
    ///
    /// ```
    /// use gumption_io::net::TcpListener;
    ///
    /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
    /// # Runtime::new()?.block_on(async {
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let listener: std::net::TcpListener = listener.into_std()?;
    /// listener.set_nonblocking(false)?;
    /// # Ok::<(), std::io::Error>(())
    /// # })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn into_std(self) -> io::Result<std::net::TcpListener> {
        self.io.into_inner().map(std::net::TcpListener::from)
    }

    /// The address that it listens at: with the real port, if it was bound to port 0.
    ///
    /// ```
    /// use gumption_io::net::TcpListener;
    ///
    /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
    /// # Runtime::new()?.block_on(async {
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// println!("listening at {}", listener.local_addr()?);
    /// # Ok::<(), std::io::Error>(())
    /// # })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr()
    }

    /// How many hops a packet may take (`IP_TTL`); accepted connections inherit it.
    ///
    /// ```
    /// # use gumption_io::net::TcpListener;
    /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
    /// # Runtime::new()?.block_on(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// assert!(listener.ttl()? > 0);
    /// # Ok::<(), std::io::Error>(())
    /// # })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn ttl(&self) -> io::Result<u32> {
        self.io.ttl()
    }

    /// How many hops a packet may take (`IP_TTL`).
    ///
    /// ```
    /// # use gumption_io::net::TcpListener;
    /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
    /// # Runtime::new()?.block_on(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// listener.set_ttl(100)?;
    /// assert_eq!(listener.ttl()?, 100);
    /// # Ok::<(), std::io::Error>(())
    /// # })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.io.set_ttl(ttl)
    }
}

/// What Linux hands on from a connection's network; accept(2) has the list.
#[cfg(any(target_os = "linux", target_os = "android"))]
const OF_THE_NETWORK: &[i32] = &[
    libc::ENETDOWN,
    libc::ENOPROTOOPT,
    libc::EHOSTDOWN,
    libc::ENONET,
    libc::EHOSTUNREACH,
    libc::EOPNOTSUPP,
    libc::ENETUNREACH,
];
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const OF_THE_NETWORK: &[i32] = &[];

/// Whether an error of `accept` is of the connection that was next, which is gone.
fn is_of_one_connection(errno: i32) -> bool {
    matches!(errno, libc::ECONNABORTED | libc::EPROTO | libc::EINTR) || OF_THE_NETWORK.contains(&errno)
}

impl TryFrom<std::net::TcpListener> for TcpListener {
    type Error = io::Error;

    fn try_from(listener: std::net::TcpListener) -> io::Result<Self> {
        Self::from_std(listener)
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (*self.io).fmt(f)
    }
}

impl AsRawFd for TcpListener {
    fn as_raw_fd(&self) -> RawFd {
        self.io.as_raw_fd()
    }
}

impl AsFd for TcpListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.io.as_fd()
    }
}
