//! The halves of a borrowed stream: [`ReadHalf`] and [`WriteHalf`].
//!
//! Two references, and nothing more: a read and a write of one stream share no state but the kernel's. The halves borrow the stream
//! mutably, so that nobody reads or writes beside them. Dropping them does nothing; the stream is whole again.
//!
//! For halves that go to two tasks there is `split_owned`.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BufMut;

use super::halves::{read_half, write_half};
use crate::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Ready};
use crate::net::TcpStream;

/// The half that reads of a borrowed stream, of [`TcpStream::split`].
#[derive(Debug)]
pub struct ReadHalf<'a>(&'a TcpStream);

/// The half that writes of a borrowed stream, of [`TcpStream::split`]. Shutting it down ends the stream's writing direction;
/// dropping it does not.
#[derive(Debug)]
pub struct WriteHalf<'a>(&'a TcpStream);

impl TcpStream {
    /// Borrows the stream as two halves, which may be used at once.
    ///
    /// ```
    /// use gumption_io::io::{AsyncReadExt, AsyncWriteExt};
    /// # use gumption_io::net::{TcpListener, TcpStream};
    ///
    /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
    /// # Runtime::new()?.block_on(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let mut client = TcpStream::connect(listener.local_addr()?).await?;
    /// # let (mut stream, _) = listener.accept().await?;
    /// # client.write_all(b"ping").await?;
    /// let (mut read, mut write) = stream.split();
    /// let mut heard = [0; 4];
    /// read.read_exact(&mut heard).await?;
    /// write.write_all(&heard).await?;
    /// # Ok::<(), std::io::Error>(())
    /// # })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        (ReadHalf(self), WriteHalf(self))
    }
}

read_half!(ReadHalf<'_>, 0, "split");
write_half!(WriteHalf<'_>, 0, "split");

impl WriteHalf<'_> {
    /// Dropping it does nothing anyway.
    fn note_shutdown(&mut self) {}
}
