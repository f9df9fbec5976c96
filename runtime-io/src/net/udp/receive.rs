//! Receiving datagrams.
//!
//! One call, one datagram, whole or cut off at the buffer's end. The forms with a `buf` in their name write into memory
//! that need not be initialised.
//!
//! Waiting is for errors as well as for data: a connected socket is told here that its peer's port is closed.
//!
//! See the parent for the three forms; the invariant is there, too.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use bytes::BufMut;
use gumption_core::wait::WaitReason;
use socket2::{SockAddr, SockRef};

use super::UdpSocket;
use crate::evented::Direction;
use crate::io::{Interest, ReadBuf};
use crate::uninit;

/// What a receiver waits for.
pub(super) const RECEIVE: Interest = Interest::READABLE.add(Interest::ERROR);

/// Receives into `buf`.
fn receive<B: BufMut>(io: &mio::net::UdpSocket, buf: &mut B) -> io::Result<usize> {
    // SAFETY: `recv` returns how much it wrote to the front.
    unsafe { uninit::fill_buf_mut(buf, |room| Ok((SockRef::from(io).recv(room)?, ()))) }.map(|(n, ())| n)
}

/// Receives into `buf`, with the sender.
fn receive_from<B: BufMut>(io: &mio::net::UdpSocket, buf: &mut B) -> io::Result<(usize, SocketAddr)> {
    // SAFETY: `recv_from` returns how much it wrote to the front.
    let (n, from) = unsafe { uninit::fill_buf_mut(buf, |room| SockRef::from(io).recv_from(room)) }?;
    Ok((n, ip(&from)?))
}

/// The sender as an IP address, which it always is on a UDP socket.
pub(super) fn ip(from: &SockAddr) -> io::Result<SocketAddr> {
    from.as_socket().ok_or_else(|| io::Error::other("the sender has no IP address"))
}

impl UdpSocket {
    /// Receives a datagram from the connected peer into `buf`, and returns its length. What is longer is cut off.
    ///
    /// # Errors
    ///
    /// `ConnectionRefused` if an earlier [`send`](Self::send) met a closed port.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it completes, no datagram is lost.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let socket = gumption_io::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// socket.connect(socket.local_addr()?).await?;
    /// socket.send(b"hello").await?;
    /// let mut datagram = [0; 16];
    /// let n = socket.recv(&mut datagram).await?;
    /// assert_eq!(&datagram[..n], b"hello");
    /// # Ok(()) }) }
    /// ```
    pub async fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io.async_io(RECEIVE, WaitReason::IoRead, |io| io.recv(buf)).await
    }

    /// [`recv`](Self::recv) as a poll. Only the last task that asked is woken.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// use gumption_io::io::ReadBuf;
    ///
    /// let socket = gumption_io::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// socket.connect(socket.local_addr()?).await?;
    /// socket.send(b"hello").await?;
    /// let mut room = [0; 16];
    /// let mut datagram = ReadBuf::new(&mut room);
    /// std::future::poll_fn(|cx| socket.poll_recv(cx, &mut datagram)).await?;
    /// assert_eq!(datagram.filled(), b"hello");
    /// # Ok(()) }) }
    /// ```
    pub fn poll_recv(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.io.poll_io(cx, Direction::Read, WaitReason::IoRead, |io| {
            // SAFETY: `recv` returns how much it wrote to the front.
            unsafe { uninit::fill_read_buf(buf, |room| Ok((SockRef::from(io).recv(room)?, ()))) }
        })
    }

    /// [`recv`](Self::recv) without waiting: `WouldBlock` if the socket is not [`readable`](Self::readable).
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let socket = gumption_io::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// let nothing = socket.try_recv(&mut [0; 16]).unwrap_err();
    /// assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
    /// # Ok(()) }) }
    /// ```
    pub fn try_recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io.try_io(Interest::READABLE, |io| io.recv(buf))
    }

    /// [`recv`](Self::recv) into a buffer's spare room, which need not be initialised, and advances the buffer.
    ///
    /// A buffer without spare room receives an empty piece of the datagram; the rest is lost.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it completes, no datagram is lost.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let socket = gumption_io::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// socket.connect(socket.local_addr()?).await?;
    /// socket.send(b"hello").await?;
    /// let mut datagram = Vec::with_capacity(1500);
    /// assert_eq!(socket.recv_buf(&mut datagram).await?, 5);
    /// assert_eq!(datagram, b"hello");
    /// # Ok(()) }) }
    /// ```
    pub async fn recv_buf<B: BufMut>(&self, buf: &mut B) -> io::Result<usize> {
        self.io.async_io(RECEIVE, WaitReason::IoRead, |io| receive(io, buf)).await
    }

    /// [`recv_buf`](Self::recv_buf) without waiting: `WouldBlock` if the socket is not [`readable`](Self::readable).
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let socket = gumption_io::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// socket.connect(socket.local_addr()?).await?;
    /// socket.send(b"hello").await?;
    /// socket.readable().await?;
    /// let mut datagram = Vec::with_capacity(1500);
    /// assert_eq!(socket.try_recv_buf(&mut datagram)?, 5);
    /// # Ok(()) }) }
    /// ```
    pub fn try_recv_buf<B: BufMut>(&self, buf: &mut B) -> io::Result<usize> {
        self.io.try_io(Interest::READABLE, |io| receive(io, buf))
    }

    /// Receives a datagram into `buf`, and returns its length and who sent it. What is longer is cut off.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it completes, no datagram is lost.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let socket = gumption_io::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// socket.send_to(b"hello", socket.local_addr()?).await?;
    /// let mut datagram = [0; 16];
    /// let (n, sender) = socket.recv_from(&mut datagram).await?;
    /// assert_eq!((&datagram[..n], sender), (&b"hello"[..], socket.local_addr()?));
    /// # Ok(()) }) }
    /// ```
    pub async fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.io.async_io(RECEIVE, WaitReason::IoRead, |io| io.recv_from(buf)).await
    }

    /// [`recv_from`](Self::recv_from) as a poll. Only the last task that asked is woken.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// use gumption_io::io::ReadBuf;
    ///
    /// let socket = gumption_io::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// socket.send_to(b"hello", socket.local_addr()?).await?;
    /// let mut room = [0; 16];
    /// let mut datagram = ReadBuf::new(&mut room);
    /// let sender = std::future::poll_fn(|cx| socket.poll_recv_from(cx, &mut datagram)).await?;
    /// assert_eq!((datagram.filled(), sender), (&b"hello"[..], socket.local_addr()?));
    /// # Ok(()) }) }
    /// ```
    pub fn poll_recv_from(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<SocketAddr>> {
        self.io.poll_io(cx, Direction::Read, WaitReason::IoRead, |io| {
            // SAFETY: `recv_from` returns how much it wrote to the front.
            ip(&unsafe { uninit::fill_read_buf(buf, |room| SockRef::from(io).recv_from(room)) }?)
        })
    }

    /// [`recv_from`](Self::recv_from) without waiting: `WouldBlock` if the socket is not [`readable`](Self::readable).
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let socket = gumption_io::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// let nothing = socket.try_recv_from(&mut [0; 16]).unwrap_err();
    /// assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
    /// # Ok(()) }) }
    /// ```
    pub fn try_recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.io.try_io(Interest::READABLE, |io| io.recv_from(buf))
    }

    /// [`recv_from`](Self::recv_from) into a buffer's spare room, as [`recv_buf`](Self::recv_buf).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it completes, no datagram is lost.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let socket = gumption_io::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// socket.send_to(b"hello", socket.local_addr()?).await?;
    /// let mut datagram = Vec::with_capacity(1500);
    /// let (n, sender) = socket.recv_buf_from(&mut datagram).await?;
    /// assert_eq!((n, sender), (5, socket.local_addr()?));
    /// # Ok(()) }) }
    /// ```
    pub async fn recv_buf_from<B: BufMut>(&self, buf: &mut B) -> io::Result<(usize, SocketAddr)> {
        self.io.async_io(RECEIVE, WaitReason::IoRead, |io| receive_from(io, buf)).await
    }

    /// [`recv_buf_from`](Self::recv_buf_from) without waiting: `WouldBlock` if the socket is not
    /// [`readable`](Self::readable).
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let socket = gumption_io::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// socket.send_to(b"hello", socket.local_addr()?).await?;
    /// socket.readable().await?;
    /// let mut datagram = Vec::with_capacity(1500);
    /// assert_eq!(socket.try_recv_buf_from(&mut datagram)?, (5, socket.local_addr()?));
    /// # Ok(()) }) }
    /// ```
    pub fn try_recv_buf_from<B: BufMut>(&self, buf: &mut B) -> io::Result<(usize, SocketAddr)> {
        self.io.try_io(Interest::READABLE, |io| receive_from(io, buf))
    }
}
