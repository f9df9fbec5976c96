//! Receiving datagrams over a Unix socket.
//!
//! One call, one datagram, whole or cut off at the buffer's end. The forms with a `buf` in their name write into memory
//! that need not be initialised. A sender without an address has an unnamed one. See the parent for the invariant.

use std::io;
use std::task::{Context, Poll};

use bytes::BufMut;
use gumption_core::wait::WaitReason;
use socket2::{SockAddr, SockRef};

use super::UnixDatagram;
use crate::evented::Direction;
use crate::io::{Interest, ReadBuf};
use crate::net::unix::SocketAddr;
use crate::uninit;

/// Receives into `buf`.
fn receive<B: BufMut>(io: &mio::net::UnixDatagram, buf: &mut B) -> io::Result<usize> {
    // SAFETY: `recv` returns how much it wrote to the front.
    unsafe { uninit::fill_buf_mut(buf, |room| Ok((SockRef::from(io).recv(room)?, ()))) }.map(|(n, ())| n)
}

/// Receives into `buf`, with the sender.
fn receive_from<B: BufMut>(io: &mio::net::UnixDatagram, buf: &mut B) -> io::Result<(usize, SocketAddr)> {
    // SAFETY: `recv_from` returns how much it wrote to the front.
    let (n, from) = unsafe { uninit::fill_buf_mut(buf, |room| SockRef::from(io).recv_from(room)) }?;
    Ok((n, unix(&from)?))
}

/// The sender as a Unix address. The system gives no address at all for a sender without one.
fn unix(from: &SockAddr) -> io::Result<SocketAddr> {
    match from.as_unix() {
        Some(address) => Ok(SocketAddr(address)),
        None => nobody().map(SocketAddr),
    }
}

/// The address of who has none.
fn nobody() -> io::Result<std::os::unix::net::SocketAddr> {
    std::os::unix::net::SocketAddr::from_pathname("")
}

impl UnixDatagram {
    /// Receives a datagram into `buf`, and returns its length. What is longer is cut off.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it completes, no datagram is lost.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, b) = gumption_io::net::UnixDatagram::pair()?;
    /// a.send(b"hello").await?;
    /// let mut datagram = [0; 16];
    /// assert_eq!(b.recv(&mut datagram).await?, 5);
    /// # Ok(()) }) }
    /// ```
    pub async fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io.async_io(Interest::READABLE, WaitReason::IoRead, |io| self.or_end(io.recv(buf), || Ok(0))).await
    }

    /// [`recv`](Self::recv) as a poll. Only the last task that asked is woken.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// use gumption_io::io::ReadBuf;
    ///
    /// let (a, b) = gumption_io::net::UnixDatagram::pair()?;
    /// a.send(b"hello").await?;
    /// let mut room = [0; 16];
    /// let mut datagram = ReadBuf::new(&mut room);
    /// std::future::poll_fn(|cx| b.poll_recv(cx, &mut datagram)).await?;
    /// assert_eq!(datagram.filled(), b"hello");
    /// # Ok(()) }) }
    /// ```
    pub fn poll_recv(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.io.poll_io(cx, Direction::Read, WaitReason::IoRead, |io| {
            // SAFETY: `recv` returns how much it wrote to the front.
            let received = unsafe { uninit::fill_read_buf(buf, |room| Ok((SockRef::from(io).recv(room)?, ()))) };
            self.or_end(received, || Ok(()))
        })
    }

    /// [`recv`](Self::recv) without waiting: `WouldBlock` if the socket is not [`readable`](Self::readable).
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, _b) = gumption_io::net::UnixDatagram::pair()?;
    /// let nothing = a.try_recv(&mut [0; 16]).unwrap_err();
    /// assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
    /// # Ok(()) }) }
    /// ```
    pub fn try_recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io.try_io(Interest::READABLE, |io| self.or_end(io.recv(buf), || Ok(0)))
    }

    /// [`recv`](Self::recv) into a buffer's spare room, which need not be initialised, and advances the buffer.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it completes, no datagram is lost.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, b) = gumption_io::net::UnixDatagram::pair()?;
    /// a.send(b"hello").await?;
    /// let mut datagram = Vec::with_capacity(64);
    /// assert_eq!(b.recv_buf(&mut datagram).await?, 5);
    /// assert_eq!(datagram, b"hello");
    /// # Ok(()) }) }
    /// ```
    pub async fn recv_buf<B: BufMut>(&self, buf: &mut B) -> io::Result<usize> {
        self.io.async_io(Interest::READABLE, WaitReason::IoRead, |io| self.or_end(receive(io, buf), || Ok(0))).await
    }

    /// [`recv_buf`](Self::recv_buf) without waiting: `WouldBlock` if the socket is not [`readable`](Self::readable).
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, b) = gumption_io::net::UnixDatagram::pair()?;
    /// a.send(b"hello").await?;
    /// b.readable().await?;
    /// assert_eq!(b.try_recv_buf(&mut Vec::with_capacity(64))?, 5);
    /// # Ok(()) }) }
    /// ```
    pub fn try_recv_buf<B: BufMut>(&self, buf: &mut B) -> io::Result<usize> {
        self.io.try_io(Interest::READABLE, |io| self.or_end(receive(io, buf), || Ok(0)))
    }

    /// Receives a datagram into `buf`, and returns its length and who sent it. What is longer is cut off.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it completes, no datagram is lost.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, b) = gumption_io::net::UnixDatagram::pair()?;
    /// a.send(b"hello").await?;
    /// let (n, sender) = b.recv_from(&mut [0; 16]).await?;
    /// assert!(n == 5 && sender.is_unnamed());
    /// # Ok(()) }) }
    /// ```
    pub async fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (n, from) = self
            .io
            .async_io(Interest::READABLE, WaitReason::IoRead, |io| {
                self.or_end(io.recv_from(buf), || Ok((0, nobody()?)))
            })
            .await?;
        Ok((n, SocketAddr(from)))
    }

    /// [`recv_from`](Self::recv_from) as a poll. Only the last task that asked is woken.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// use gumption_io::io::ReadBuf;
    ///
    /// let (a, b) = gumption_io::net::UnixDatagram::pair()?;
    /// a.send(b"hello").await?;
    /// let mut room = [0; 16];
    /// let mut datagram = ReadBuf::new(&mut room);
    /// let sender = std::future::poll_fn(|cx| b.poll_recv_from(cx, &mut datagram)).await?;
    /// assert!(datagram.filled() == b"hello" && sender.is_unnamed());
    /// # Ok(()) }) }
    /// ```
    pub fn poll_recv_from(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<SocketAddr>> {
        self.io.poll_io(cx, Direction::Read, WaitReason::IoRead, |io| {
            // SAFETY: `recv_from` returns how much it wrote to the front.
            let received = unsafe { uninit::fill_read_buf(buf, |room| SockRef::from(io).recv_from(room)) };
            self.or_end(received.and_then(|from| unix(&from)), || nobody().map(SocketAddr))
        })
    }

    /// [`recv_from`](Self::recv_from) without waiting: `WouldBlock` if the socket is not [`readable`](Self::readable).
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, _b) = gumption_io::net::UnixDatagram::pair()?;
    /// let nothing = a.try_recv_from(&mut [0; 16]).unwrap_err();
    /// assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
    /// # Ok(()) }) }
    /// ```
    pub fn try_recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (n, from) =
            self.io.try_io(Interest::READABLE, |io| self.or_end(io.recv_from(buf), || Ok((0, nobody()?))))?;
        Ok((n, SocketAddr(from)))
    }

    /// [`recv_from`](Self::recv_from) into a buffer's spare room, as [`recv_buf`](Self::recv_buf).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it completes, no datagram is lost.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, b) = gumption_io::net::UnixDatagram::pair()?;
    /// a.send(b"hello").await?;
    /// let (n, sender) = b.recv_buf_from(&mut Vec::with_capacity(64)).await?;
    /// assert!(n == 5 && sender.is_unnamed());
    /// # Ok(()) }) }
    /// ```
    pub async fn recv_buf_from<B: BufMut>(&self, buf: &mut B) -> io::Result<(usize, SocketAddr)> {
        self.io
            .async_io(Interest::READABLE, WaitReason::IoRead, |io| {
                self.or_end(receive_from(io, buf), || Ok((0, SocketAddr(nobody()?))))
            })
            .await
    }

    /// [`recv_buf_from`](Self::recv_buf_from) without waiting: `WouldBlock` if the socket is not
    /// [`readable`](Self::readable).
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, b) = gumption_io::net::UnixDatagram::pair()?;
    /// a.send(b"hello").await?;
    /// b.readable().await?;
    /// assert_eq!(b.try_recv_buf_from(&mut Vec::with_capacity(64))?.0, 5);
    /// # Ok(()) }) }
    /// ```
    pub fn try_recv_buf_from<B: BufMut>(&self, buf: &mut B) -> io::Result<(usize, SocketAddr)> {
        self.io.try_io(Interest::READABLE, |io| self.or_end(receive_from(io, buf), || Ok((0, SocketAddr(nobody()?)))))
    }
}
