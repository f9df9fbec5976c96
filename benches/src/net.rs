//! Sockets, as far as a bench body may know them.
//!
//! [`Net`] stands beside [`Peer`]: a listener, a stream and a datagram socket of the peer's own, and the few calls that an
//! echo needs. Each peer implements it with what its documentation shows to a user (`read_exact`, `write_all`, `send`,
//! `recv`), so a body's system calls are those that such a user's program makes. Nothing is boxed and no call goes
//! through a `dyn`.
//!
//! What it refuses to hide: an error. A socket that fails during a bench ends the bench.
//!
//! The one invariant: every stream, accepted or connected, has Nagle's algorithm off, on every peer.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use crate::Peer;

/// An address on the loopback interface with a port that the kernel chooses.
pub const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A runtime with sockets.
pub trait Net: Peer {
    /// A listening TCP socket.
    type Listener: Send + Sync + 'static;

    /// A TCP connection.
    type Stream: Send + 'static;

    /// A UDP socket.
    type Datagrams: Send + 'static;

    /// The stream as hyper reads and writes it.
    type Http: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static;

    /// Hands a stream to hyper, through the adapter that users of the runtime have.
    fn http(stream: Self::Stream) -> Self::Http;

    /// Listens on [`ANY_PORT`] and says on which one.
    fn listen() -> impl Future<Output = io::Result<(Self::Listener, SocketAddr)>> + Send;

    /// Accepts one connection.
    fn accept(listener: &Self::Listener) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// Connects.
    fn connect(to: SocketAddr) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// Reads what there is; 0 is the end.
    fn read(stream: &mut Self::Stream, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> + Send;

    /// Reads until the buffer is full.
    fn read_exact(stream: &mut Self::Stream, buf: &mut [u8]) -> impl Future<Output = io::Result<()>> + Send;

    /// Writes all of it.
    fn write_all(stream: &mut Self::Stream, bytes: &[u8]) -> impl Future<Output = io::Result<()>> + Send;

    /// Two UDP sockets on the loopback interface, each connected to the other.
    fn datagram_pair() -> impl Future<Output = io::Result<(Self::Datagrams, Self::Datagrams)>> + Send;

    /// Sends one datagram.
    fn send(socket: &Self::Datagrams, bytes: &[u8]) -> impl Future<Output = io::Result<usize>> + Send;

    /// Receives one datagram.
    fn recv(socket: &Self::Datagrams, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> + Send;
}

/// Two blocking UDP sockets, connected to each other: for a peer that takes over std's sockets.
///
/// # Errors
/// If the kernel has none to give.
pub fn std_datagram_pair() -> io::Result<(std::net::UdpSocket, std::net::UdpSocket)> {
    let (one, other) = (std::net::UdpSocket::bind(ANY_PORT)?, std::net::UdpSocket::bind(ANY_PORT)?);
    one.connect(other.local_addr()?)?;
    other.connect(one.local_addr()?)?;
    Ok((one, other))
}
