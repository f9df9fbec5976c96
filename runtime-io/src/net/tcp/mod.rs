//! TCP: listeners, streams, and the socket that is not yet either.
//!
//! | file | what |
//! | --- | --- |
//! | `listener` | [`TcpListener`](super::TcpListener): accepting, and what its errors mean |
//! | `stream`, `stream/` | [`TcpStream`](super::TcpStream): connecting, reading and writing; readiness; options |
//! | `halves`, `split`, `split_owned` | the two halves of a stream, borrowed and owned |
//! | `socket` | [`TcpSocket`](super::TcpSocket): options before `bind`, `listen` and `connect` |
//!
//! All of it is a thin layer: a system call that does not block, under `Evented` (`evented.rs`), which waits. What is
//! decided here is only what an error of `accept` means, and what dropping a half does.
//!
//! Who may call: anybody, from any thread. To make a stream or a listener takes a runtime; to use one does not.

mod halves;
pub(super) mod listener;
pub(super) mod socket;
mod split;
mod split_owned;
pub(super) mod stream;

pub use split::{ReadHalf, WriteHalf};
pub use split_owned::{OwnedReadHalf, OwnedWriteHalf, ReuniteError};
