//! Unix domain sockets, pipes, and what goes with them.
//!
//! ```text
//!  UnixListener --accept--> UnixStream --split--> ReadHalf, WriteHalf             listener, stream, split
//!  UnixSocket --listen/connect/datagram--> ..    into_split--> Owned halves       socket, split_owned
//!  UnixDatagram                                                                   datagram
//!  pipe::pipe() --> pipe::Sender, pipe::Receiver                                  pipe
//!  SocketAddr, UCred: who the other side is                                       socketaddr, ucred
//! ```
//!
//! The socket types are public in [`net`](crate::net), as tokio has it; this module has the rest. Each is an
//! `Evented` (`evented.rs`) source of mio's and the methods over it. What waits and how it is woken is decided
//! there; nothing in these files keeps a waker, a lock or a buffer of its own.
//!
//! Who may call: anybody inside a runtime. Outside of one, making a socket panics, and says so; using one that was made
//! inside is fine. A runtime that has ended gives errors.

pub(crate) mod datagram;
pub(crate) mod listener;
pub mod pipe;
pub(crate) mod socket;
mod socketaddr;
mod split;
mod split_owned;
pub(crate) mod stream;
mod ucred;

pub use socketaddr::SocketAddr;
pub use split::{ReadHalf, WriteHalf};
pub use split_owned::{OwnedReadHalf, OwnedWriteHalf, ReuniteError};
pub use ucred::UCred;

/// A user's number.
#[allow(non_camel_case_types)]
pub type uid_t = u32;

/// A group's number.
#[allow(non_camel_case_types)]
pub type gid_t = u32;

/// A process's number.
#[allow(non_camel_case_types)]
pub type pid_t = i32;
