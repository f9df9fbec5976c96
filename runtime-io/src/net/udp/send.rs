//! Sending datagrams.
//!
//! A datagram is handed to the kernel whole, or not at all. Nothing here waits for it to arrive, and `Ok` says no more
//! than that the kernel took it. What waits is the socket's send buffer being full, which for UDP is rare and short.
//!
//! See the parent for the three forms; the invariant is there, too.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use gumption_core::wait::WaitReason;

use super::UdpSocket;
use crate::evented::Direction;
use crate::io::Interest;
use crate::net::ToSocketAddrs;
use crate::net::addr::to_socket_addrs;

impl UdpSocket {
    /// Sends a datagram to the connected peer, and returns its length.
    ///
    /// # Errors
    ///
    /// `ConnectionRefused` if an earlier datagram met a closed port; `NotConnected` or `DestinationAddressRequired` without
    /// [`connect`](Self::connect); an error if the datagram is too long (65 507 bytes over IPv4, less on most ways).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it completes, nothing was sent.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let socket = gumption_io::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// socket.connect(socket.local_addr()?).await?;
    /// assert_eq!(socket.send(b"hello").await?, 5);
    /// # Ok(()) }) }
    /// ```
    pub async fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.io.async_io(Interest::WRITABLE, WaitReason::IoWrite, |io| io.send(buf)).await
    }

    /// [`send`](Self::send) as a poll. Only the last task that asked is woken.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let socket = gumption_io::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// socket.connect(socket.local_addr()?).await?;
    /// assert_eq!(std::future::poll_fn(|cx| socket.poll_send(cx, b"hello")).await?, 5);
    /// # Ok(()) }) }
    /// ```
    pub fn poll_send(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.io.poll_io(cx, Direction::Write, WaitReason::IoWrite, |io| io.send(buf))
    }

    /// [`send`](Self::send) without waiting: `WouldBlock` if the socket is not [`writable`](Self::writable).
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let socket = gumption_io::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// socket.connect(socket.local_addr()?).await?;
    /// socket.writable().await?;
    /// assert_eq!(socket.try_send(b"hello")?, 5);
    /// # Ok(()) }) }
    /// ```
    pub fn try_send(&self, buf: &[u8]) -> io::Result<usize> {
        self.io.try_io(Interest::WRITABLE, |io| io.send(buf))
    }

    /// Sends a datagram to `addr`, and returns its length. If the name resolves to several addresses, the first is taken.
    ///
    /// # Errors
    ///
    /// If the name cannot be resolved, and as [`send`](Self::send).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it completes, nothing was sent.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let socket = gumption_io::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// assert_eq!(socket.send_to(b"hello", socket.local_addr()?).await?, 5);
    /// # Ok(()) }) }
    /// ```
    pub async fn send_to<A: ToSocketAddrs>(&self, buf: &[u8], addr: A) -> io::Result<usize> {
        let Some(target) = to_socket_addrs(addr).await?.next() else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "no addresses to send data to"));
        };
        self.io.async_io(Interest::WRITABLE, WaitReason::IoWrite, |io| io.send_to(buf, target)).await
    }

    /// [`send_to`](Self::send_to) as a poll. Only the last task that asked is woken.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let socket = gumption_io::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// let target = socket.local_addr()?;
    /// assert_eq!(std::future::poll_fn(|cx| socket.poll_send_to(cx, b"hello", target)).await?, 5);
    /// # Ok(()) }) }
    /// ```
    pub fn poll_send_to(&self, cx: &mut Context<'_>, buf: &[u8], target: SocketAddr) -> Poll<io::Result<usize>> {
        self.io.poll_io(cx, Direction::Write, WaitReason::IoWrite, |io| io.send_to(buf, target))
    }

    /// [`send_to`](Self::send_to) without waiting: `WouldBlock` if the socket is not [`writable`](Self::writable).
    ///
    /// An IPv4 socket cannot send to an IPv6 address, and the other way round only to a mapped one.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let socket = gumption_io::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// socket.writable().await?;
    /// assert_eq!(socket.try_send_to(b"hello", socket.local_addr()?)?, 5);
    /// # Ok(()) }) }
    /// ```
    pub fn try_send_to(&self, buf: &[u8], target: SocketAddr) -> io::Result<usize> {
        self.io.try_io(Interest::WRITABLE, |io| io.send_to(buf, target))
    }
}
