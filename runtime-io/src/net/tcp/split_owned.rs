//! The halves of an owned stream: [`OwnedReadHalf`] and [`OwnedWriteHalf`], for two tasks.
//!
//! Two `Arc`s of one stream. **Dropping the write half shuts that direction down**, so that the other side sees the end of what
//! was said while the read half still listens; [`forget`](OwnedWriteHalf::forget) keeps it open. The stream closes with the last half.
//! [`reunite`](OwnedReadHalf::reunite) makes one stream of two halves that belong together.
//!
//! Invariant: a stream has exactly two such `Arc`s, one in each half, until one is dropped; no half can be cloned.

use std::error::Error;
use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::BufMut;

use super::halves::{read_half, write_half};
use crate::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Ready};
use crate::net::TcpStream;

/// The half that reads of a stream, of [`TcpStream::into_split`].
#[derive(Debug)]
pub struct OwnedReadHalf {
    stream: Arc<TcpStream>,
}

/// The half that writes of a stream, of [`TcpStream::into_split`]. Shutting it down, or dropping it, ends the stream's writing
/// direction.
#[derive(Debug)]
pub struct OwnedWriteHalf {
    stream: Arc<TcpStream>,
    shutdown_on_drop: bool,
}

/// Two halves that are not of one stream; they are given back.
#[derive(Debug)]
pub struct ReuniteError(pub OwnedReadHalf, pub OwnedWriteHalf);

impl TcpStream {
    /// Makes two halves of the stream, for two tasks, at the price of an allocation. Dropping the write half ends that
    /// direction; [`reunite`](OwnedReadHalf::reunite) puts the stream together again.
    ///
    /// ```
    /// use gumption_io::io::{AsyncReadExt, AsyncWriteExt};
    /// # use gumption_io::net::{TcpListener, TcpStream};
    ///
    /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
    /// # Runtime::new()?.block_on(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let client = TcpStream::connect(listener.local_addr()?).await?;
    /// # let (mut server, _) = listener.accept().await?;
    /// let (_read, mut write) = client.into_split();
    /// let writer = gumption_core::spawn(async move { write.write_all(b"hello").await });
    ///
    /// let mut heard = String::new();
    /// server.read_to_string(&mut heard).await?;
    /// assert_eq!(heard, "hello");
    /// writer.await??;
    /// # Ok::<(), std::io::Error>(())
    /// # })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        let stream = Arc::new(self);
        (OwnedReadHalf { stream: stream.clone() }, OwnedWriteHalf { stream, shutdown_on_drop: true })
    }
}

fn reunite(read: OwnedReadHalf, write: OwnedWriteHalf) -> Result<TcpStream, ReuniteError> {
    if !Arc::ptr_eq(&read.stream, &write.stream) {
        return Err(ReuniteError(read, write));
    }
    write.forget();
    match Arc::try_unwrap(read.stream) {
        Ok(stream) => Ok(stream),
        Err(_) => unreachable!("a stream has two halves, and the other is dropped"),
    }
}

read_half!(OwnedReadHalf, stream, "into_split");
write_half!(OwnedWriteHalf, stream, "into_split");

impl OwnedReadHalf {
    /// Puts the stream together again, of its two halves.
    ///
    /// ```
    /// use gumption_io::net::{TcpListener, TcpStream};
    ///
    /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
    /// # Runtime::new()?.block_on(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// let (read, write) = stream.into_split();
    /// let stream: TcpStream = read.reunite(write).expect("two halves of one stream");
    /// # Ok::<(), std::io::Error>(())
    /// # })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If they are not of one stream.
    pub fn reunite(self, other: OwnedWriteHalf) -> Result<TcpStream, ReuniteError> {
        reunite(self, other)
    }
}

impl OwnedWriteHalf {
    /// Puts the stream together again; see [`OwnedReadHalf::reunite`].
    ///
    /// # Errors
    ///
    /// If the halves are not of one stream.
    pub fn reunite(self, other: OwnedReadHalf) -> Result<TcpStream, ReuniteError> {
        reunite(other, self)
    }

    /// Drops the half without ending the writing direction, which then ends with the read half.
    ///
    /// ```
    /// use gumption_io::io::{AsyncReadExt, AsyncWriteExt};
    /// use gumption_io::net::{TcpListener, TcpStream};
    ///
    /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
    /// # Runtime::new()?.block_on(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// # let (mut peer, _) = listener.accept().await?;
    /// let (read, write) = stream.into_split();
    /// write.forget();
    /// // The other side has not seen an end.
    /// let end = peer.try_read(&mut [0; 1]).unwrap_err();
    /// assert_eq!(end.kind(), std::io::ErrorKind::WouldBlock);
    /// drop(read);
    /// assert_eq!(peer.read(&mut [0; 1]).await?, 0);
    /// # Ok::<(), std::io::Error>(())
    /// # })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn forget(mut self) {
        self.shutdown_on_drop = false;
    }

    /// There is nothing left for the drop to end.
    fn note_shutdown(&mut self) {
        self.shutdown_on_drop = false;
    }
}

impl Drop for OwnedWriteHalf {
    fn drop(&mut self) {
        if self.shutdown_on_drop {
            // Fails if the connection is gone, which is as much of an end.
            let _ = self.stream.shutdown_write();
        }
    }
}

impl fmt::Display for ReuniteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tried to reunite halves that are not from the same socket")
    }
}

impl Error for ReuniteError {}
