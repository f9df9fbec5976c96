//! Looking at the next datagram without taking it.
//!
//! A peek reads the datagram at the head of the queue and leaves it there: the next receive gets it again. Of two tasks that
//! peek at once both see the same one, and of one that peeks and one that receives, the first may see what the second has
//! taken in the meantime; so what a peek said is certain only while nobody else receives.
//!
//! See the parent for the three forms; the invariant is there, too.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use gumption_core::wait::WaitReason;
use socket2::SockRef;

use super::UdpSocket;
use super::receive::{RECEIVE, ip};
use crate::evented::Direction;
use crate::io::{Interest, ReadBuf};
use crate::uninit;

fn sender(io: &mio::net::UdpSocket) -> io::Result<SocketAddr> {
    ip(&SockRef::from(io).peek_sender()?)
}

impl UdpSocket {
    /// Copies the next datagram from the connected peer into `buf`, and leaves it in the queue.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let socket = gumption_io::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// socket.connect(socket.local_addr()?).await?;
    /// socket.send(b"hello").await?;
    /// let mut datagram = [0; 16];
    /// assert_eq!(socket.peek(&mut datagram).await?, 5);
    /// assert_eq!(socket.recv(&mut datagram).await?, 5);
    /// # Ok(()) }) }
    /// ```
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io.async_io(RECEIVE, WaitReason::IoRead, |io| io.peek(buf)).await
    }

    /// [`peek`](Self::peek) as a poll. Only the last task that asked is woken.
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
    /// std::future::poll_fn(|cx| socket.poll_peek(cx, &mut datagram)).await?;
    /// assert_eq!(datagram.filled(), b"hello");
    /// # Ok(()) }) }
    /// ```
    pub fn poll_peek(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.io.poll_io(cx, Direction::Read, WaitReason::IoRead, |io| {
            // SAFETY: `peek` returns how much it wrote to the front.
            unsafe { uninit::fill_read_buf(buf, |room| Ok((SockRef::from(io).peek(room)?, ()))) }
        })
    }

    /// [`peek`](Self::peek) without waiting: `WouldBlock` if the socket is not [`readable`](Self::readable).
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let socket = gumption_io::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// let nothing = socket.try_peek(&mut [0; 16]).unwrap_err();
    /// assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
    /// # Ok(()) }) }
    /// ```
    pub fn try_peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io.try_io(Interest::READABLE, |io| io.peek(buf))
    }

    /// Copies the next datagram into `buf`, leaves it in the queue, and returns its length and who sent it.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let socket = gumption_io::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// socket.send_to(b"hello", socket.local_addr()?).await?;
    /// let mut start = [0; 1];
    /// let (n, sender) = socket.peek_from(&mut start).await?;
    /// assert_eq!((n, start, sender), (1, *b"h", socket.local_addr()?));
    /// assert_eq!(socket.recv_from(&mut [0; 16]).await?.0, 5);
    /// # Ok(()) }) }
    /// ```
    pub async fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.io.async_io(RECEIVE, WaitReason::IoRead, |io| io.peek_from(buf)).await
    }

    /// [`peek_from`](Self::peek_from) as a poll. Only the last task that asked is woken.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// use gumption_io::io::ReadBuf;
    ///
    /// let socket = gumption_io::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// socket.send_to(b"hello", socket.local_addr()?).await?;
    /// let mut room = [0; 16];
    /// let mut datagram = ReadBuf::new(&mut room);
    /// let sender = std::future::poll_fn(|cx| socket.poll_peek_from(cx, &mut datagram)).await?;
    /// assert_eq!((datagram.filled(), sender), (&b"hello"[..], socket.local_addr()?));
    /// # Ok(()) }) }
    /// ```
    pub fn poll_peek_from(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<SocketAddr>> {
        self.io.poll_io(cx, Direction::Read, WaitReason::IoRead, |io| {
            // SAFETY: `peek_from` returns how much it wrote to the front.
            ip(&unsafe { uninit::fill_read_buf(buf, |room| SockRef::from(io).peek_from(room)) }?)
        })
    }

    /// [`peek_from`](Self::peek_from) without waiting: `WouldBlock` if the socket is not [`readable`](Self::readable).
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let socket = gumption_io::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// let nothing = socket.try_peek_from(&mut [0; 16]).unwrap_err();
    /// assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
    /// # Ok(()) }) }
    /// ```
    pub fn try_peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.io.try_io(Interest::READABLE, |io| io.peek_from(buf))
    }

    /// Who sent the next datagram, which stays in the queue.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let socket = gumption_io::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// socket.send_to(b"hello", socket.local_addr()?).await?;
    /// assert_eq!(socket.peek_sender().await?, socket.local_addr()?);
    /// # Ok(()) }) }
    /// ```
    pub async fn peek_sender(&self) -> io::Result<SocketAddr> {
        self.io.async_io(RECEIVE, WaitReason::IoRead, sender).await
    }

    /// [`peek_sender`](Self::peek_sender) as a poll. Only the last task that asked is woken.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let socket = gumption_io::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// socket.send_to(b"hello", socket.local_addr()?).await?;
    /// let sender = std::future::poll_fn(|cx| socket.poll_peek_sender(cx)).await?;
    /// assert_eq!(sender, socket.local_addr()?);
    /// # Ok(()) }) }
    /// ```
    pub fn poll_peek_sender(&self, cx: &mut Context<'_>) -> Poll<io::Result<SocketAddr>> {
        self.io.poll_io(cx, Direction::Read, WaitReason::IoRead, sender)
    }

    /// [`peek_sender`](Self::peek_sender) without waiting: `WouldBlock` if the socket is not [`readable`](Self::readable).
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let socket = gumption_io::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// let nothing = socket.try_peek_sender().unwrap_err();
    /// assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
    /// # Ok(()) }) }
    /// ```
    pub fn try_peek_sender(&self) -> io::Result<SocketAddr> {
        self.io.try_io(Interest::READABLE, sender)
    }
}
