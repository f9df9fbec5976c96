//! Sockets, and the addresses that they are given.
//!
//! Names, signatures and semantics are tokio's, so that a service is moved here by one line. What differs is said where it
//! differs, and comes to two things: every wait says what it waits for (`IO read`, `IO accept`, ... with the descriptor), and a
//! listener that the system refuses a descriptor rests before it tries again.
//!
//! | type | what |
//! | --- | --- |
//! | [`TcpListener`], [`TcpStream`], [`TcpSocket`], [`tcp`] | TCP |
//! | [`UdpSocket`] | UDP |
//! | [`UnixListener`], [`UnixStream`], [`UnixDatagram`], [`UnixSocket`], [`unix`] | Unix sockets, and pipes |
//! | [`ToSocketAddrs`], [`lookup_host`] | an address, or a name that the blocking pool resolves |
//!
//! Every socket is registered with the netpoller of the runtime that it was made in and stays with it; it may be used from
//! anywhere, also after that runtime has ended, and then gives an error. To make one outside a runtime is a panic that
//! says so.
//!
//! This module refuses to block: a descriptor in blocking mode is turned away, and the resolver, which knows no other
//! mode, runs on the blocking pool.

pub(crate) mod addr;
pub(crate) mod backoff;
#[cfg(target_os = "linux")]
#[path = "call_linux.rs"]
pub(crate) mod call;
#[cfg(not(target_os = "linux"))]
#[path = "call_std.rs"]
pub(crate) mod call;
pub(crate) mod shared;
pub mod tcp;
mod udp;
pub mod unix;

pub use addr::{ToSocketAddrs, lookup_host};
pub use tcp::listener::TcpListener;
pub use tcp::socket::TcpSocket;
pub use tcp::stream::TcpStream;
pub use udp::UdpSocket;
pub use unix::datagram::UnixDatagram;
pub use unix::listener::UnixListener;
pub use unix::socket::UnixSocket;
pub use unix::stream::UnixStream;
