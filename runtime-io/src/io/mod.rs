//! Asynchronous byte streams: the four traits, the buffer that a read fills, and the tools over them.
//!
//! | trait | std's | what a leaf implements |
//! | --- | --- | --- |
//! | [`AsyncRead`] | `Read` | a socket, a pipe, a file |
//! | [`AsyncWrite`] | `Write` | the same, with a shutdown |
//! | [`AsyncBufRead`] | `BufRead` | a reader with a buffer of its own |
//! | [`AsyncSeek`] | `Seek` | a file |
//!
//! Names, shapes and semantics are tokio's, so that a library that is written against `tokio::io` compiles against this
//! module: the shape is the contract here, and nothing in it is improved upon. Everything that implements a trait from
//! outside this crate (sockets in `net`, files in `fs`, children's pipes in `process`) does so by these.
//!
//! But for the standard streams, this module knows no descriptors, no netpoller and no scheduler: a leaf says what it
//! waits for, and a tool over a leaf only hands its `Pending` on.

mod async_buf_read;
mod async_fd;
mod async_read;
mod async_seek;
mod async_write;
mod read_buf;
mod stdio;
mod util;

pub use crate::interest::{Interest, Ready};
pub use async_buf_read::AsyncBufRead;
pub use async_read::AsyncRead;
pub use async_seek::AsyncSeek;
pub use async_write::AsyncWrite;
pub use read_buf::ReadBuf;
pub use std::io::{Error, ErrorKind, Result, SeekFrom};
pub use stdio::{Stderr, Stdin, Stdout, stderr, stdin, stdout};
pub use util::{
    AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, AsyncWriteExt, BufReader, BufStream, BufWriter, Chain, DuplexStream,
    Empty, Join, Lines, ReadHalf, Repeat, SimplexStream, Sink, Split, Take, WriteHalf, copy, copy_bidirectional,
    copy_bidirectional_with_sizes, copy_buf, duplex, empty, join, repeat, simplex, sink, split,
};

/// Readiness of any descriptor.
pub mod unix {
    #[doc(hidden)]
    #[allow(deprecated, reason = "tokio's users still name it")]
    pub use super::async_fd::AsyncFdTryNewError;
    pub use super::async_fd::{AsyncFd, AsyncFdReadyGuard, AsyncFdReadyMutGuard, AsyncFdRegisterError, TryIoError};
}
