//! [`split()`]: any stream as a reading and a writing half, for two tasks.
//!
//! The halves share the stream behind a mutex, which is held for the length of one poll. A stream that can be split
//! without one (`TcpStream::into_split`) should be. Dropping a half closes nothing: the stream is dropped with the last
//! half, and the writing half ends it by a shutdown.
//!
//! The one invariant: the stream does not move while there are halves, so that it may be polled pinned.

use crate::io::{AsyncRead, AsyncWrite, ReadBuf};
use gumption_core::sync::{Arc, Mutex};
use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

/// The reading half of a stream; made by [`split()`].
pub struct ReadHalf<T> {
    shared: Arc<Shared<T>>,
}

/// The writing half of a stream; made by [`split()`].
pub struct WriteHalf<T> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    stream: Mutex<T>,
    is_write_vectored: bool,
}

/// A stream as a reading and a writing half.
///
/// ```
/// # use gumption_core::runtime::Runtime;
/// use gumption_io::io::{AsyncReadExt, AsyncWriteExt, duplex, split};
/// # let runtime: Runtime = Runtime::new()?;
/// # runtime.block_on(async {
/// let (here, mut there) = duplex(1);
/// let (mut reader, mut writer) = split(here);
/// let writes = gumption_core::spawn(async move { writer.write_all(b"ping").await.map(|()| writer) });
/// let mut ping = [0; 4];
/// there.read_exact(&mut ping).await?;
/// let writer = writes.await.expect("it does not panic")?;
/// there.write_u8(1).await?;
/// assert_eq!(reader.read_u8().await?, 1);
/// let _stream = reader.unsplit(writer);
/// # Ok::<(), std::io::Error>(()) })?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn split<T>(stream: T) -> (ReadHalf<T>, WriteHalf<T>)
where
    T: AsyncRead + AsyncWrite,
{
    let is_write_vectored = stream.is_write_vectored();
    let shared = Arc::new(Shared { stream: Mutex::new(stream), is_write_vectored });
    (ReadHalf { shared: shared.clone() }, WriteHalf { shared })
}

impl<T> Shared<T> {
    fn with<R>(&self, f: impl FnOnce(Pin<&mut T>) -> R) -> R {
        let mut stream = self.stream.lock();
        // SAFETY: it is moved out only by `unsplit`, which demands `Unpin`.
        f(unsafe { Pin::new_unchecked(&mut *stream) })
    }
}

impl<T> ReadHalf<T> {
    /// Whether both are halves of the same stream.
    pub fn is_pair_of(&self, other: &WriteHalf<T>) -> bool {
        other.is_pair_of(self)
    }

    /// The stream, made whole again.
    ///
    /// # Panics
    ///
    /// If the halves are not of the same stream; see [`is_pair_of`](Self::is_pair_of).
    #[track_caller]
    pub fn unsplit(self, writer: WriteHalf<T>) -> T
    where
        T: Unpin,
    {
        assert!(self.is_pair_of(&writer), "unsplit of two halves that are not of the same stream");
        drop(writer);
        match Arc::try_unwrap(self.shared) {
            Ok(shared) => shared.stream.into_inner(),
            Err(_) => unreachable!("a third half"),
        }
    }
}

impl<T> WriteHalf<T> {
    /// Whether both are halves of the same stream.
    pub fn is_pair_of(&self, other: &ReadHalf<T>) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl<T: AsyncRead> AsyncRead for ReadHalf<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.shared.with(|stream| stream.poll_read(cx, buf))
    }
}

impl<T: AsyncWrite> AsyncWrite for WriteHalf<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.shared.with(|stream| stream.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.shared.with(|stream| stream.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.shared.is_write_vectored
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shared.with(|stream| stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shared.with(|stream| stream.poll_shutdown(cx))
    }
}

impl<T: fmt::Debug> fmt::Debug for ReadHalf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("split::ReadHalf").finish()
    }
}

impl<T: fmt::Debug> fmt::Debug for WriteHalf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("split::WriteHalf").finish()
    }
}
