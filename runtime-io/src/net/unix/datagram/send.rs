//! Sending datagrams over a Unix socket.
//!
//! A datagram is handed over whole, or not at all: `Ok` means that it is in the receiver's queue. If that is full, the
//! sender waits. See the parent for what wakes it, and for the invariant.

use std::io;
use std::path::Path;
use std::task::{Context, Poll};

use gumption_core::wait::WaitReason;

use super::UnixDatagram;
use crate::evented::Direction;
use crate::io::Interest;

impl UnixDatagram {
    /// Sends a datagram to the connected peer, and returns its length.
    ///
    /// # Errors
    ///
    /// `NotConnected` without [`connect`](Self::connect), `ConnectionRefused` if the peer has gone.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it completes, nothing was sent.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, _b) = gumption_io::net::UnixDatagram::pair()?;
    /// assert_eq!(a.send(b"hello").await?, 5);
    /// # Ok(()) }) }
    /// ```
    pub async fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.io.async_io(Interest::WRITABLE, WaitReason::IoWrite, |io| io.send(buf)).await
    }

    /// [`send`](Self::send) as a poll. Only the last task that asked is woken.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, _b) = gumption_io::net::UnixDatagram::pair()?;
    /// assert_eq!(std::future::poll_fn(|cx| a.poll_send(cx, b"hello")).await?, 5);
    /// # Ok(()) }) }
    /// ```
    pub fn poll_send(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.io.poll_io(cx, Direction::Write, WaitReason::IoWrite, |io| io.send(buf))
    }

    /// [`send`](Self::send) without waiting: `WouldBlock` if the socket is not [`writable`](Self::writable).
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, _b) = gumption_io::net::UnixDatagram::pair()?;
    /// a.writable().await?;
    /// assert_eq!(a.try_send(b"hello")?, 5);
    /// # Ok(()) }) }
    /// ```
    pub fn try_send(&self, buf: &[u8]) -> io::Result<usize> {
        self.io.try_io(Interest::WRITABLE, |io| io.send(buf))
    }

    /// Sends a datagram to the socket at a path, and returns its length.
    ///
    /// # Errors
    ///
    /// `NotFound` if there is no such file, `ConnectionRefused` if nobody has it open.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it completes, nothing was sent.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// use gumption_io::net::UnixDatagram;
    ///
    /// let path = std::env::temp_dir().join(format!("gumption-doc-send-to-{}", std::process::id()));
    /// let server = UnixDatagram::bind(&path)?;
    /// UnixDatagram::unbound()?.send_to(b"hello", &path).await?;
    /// assert_eq!(server.recv(&mut [0; 16]).await?, 5);
    /// std::fs::remove_file(&path)?;
    /// # Ok(()) }) }
    /// ```
    pub async fn send_to<P: AsRef<Path>>(&self, buf: &[u8], target: P) -> io::Result<usize> {
        self.io.async_io(Interest::WRITABLE, WaitReason::IoWrite, |io| io.send_to(buf, target.as_ref())).await
    }

    /// [`send_to`](Self::send_to) as a poll. Only the last task that asked is woken.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// use gumption_io::net::UnixDatagram;
    ///
    /// let path = std::env::temp_dir().join(format!("gumption-doc-poll-send-to-{}", std::process::id()));
    /// let server = UnixDatagram::bind(&path)?;
    /// let client = UnixDatagram::unbound()?;
    /// assert_eq!(std::future::poll_fn(|cx| client.poll_send_to(cx, b"hello", &path)).await?, 5);
    /// # drop(server);
    /// std::fs::remove_file(&path)?;
    /// # Ok(()) }) }
    /// ```
    pub fn poll_send_to<P: AsRef<Path>>(&self, cx: &mut Context<'_>, buf: &[u8], target: P) -> Poll<io::Result<usize>> {
        self.io.poll_io(cx, Direction::Write, WaitReason::IoWrite, |io| io.send_to(buf, target.as_ref()))
    }

    /// [`send_to`](Self::send_to) without waiting: `WouldBlock` if the socket is not [`writable`](Self::writable), or the
    /// receiver's queue is full.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let socket = gumption_io::net::UnixDatagram::unbound()?;
    /// socket.writable().await?;
    /// let nobody = socket.try_send_to(b"hello", "/no/such/socket").unwrap_err();
    /// assert_eq!(nobody.kind(), std::io::ErrorKind::NotFound);
    /// # Ok(()) }) }
    /// ```
    pub fn try_send_to<P: AsRef<Path>>(&self, buf: &[u8], target: P) -> io::Result<usize> {
        self.io.try_io(Interest::WRITABLE, |io| io.send_to(buf, target))
    }
}
