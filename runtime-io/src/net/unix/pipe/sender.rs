//! [`Sender`]: the writing end of a pipe.
//!
//! Up to `PIPE_BUF` bytes (4096 on Linux) are written in one piece or not at all; more may be cut anywhere. Nothing is to be
//! flushed, and there is no shutting down: dropping the last sender is what ends the stream.
//!
//! One task may write by [`AsyncWrite`]; any number may wait for room and use the `try_` methods. It refuses to read, also
//! where the descriptor could. The parent has the checks, and the invariant.

use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::pin::Pin;
use std::task::{Context, Poll};

use gumption_core::wait::WaitReason;

use super::{End, adopted, blocking};
use crate::evented::{Direction, Evented};
use crate::io::{AsyncWrite, Interest, Ready};
use crate::net::shared::{reason_for, to_owned_fd};

/// The writing end of a pipe: of [`pipe`](super::pipe) or a FIFO.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
/// use gumption_io::net::unix::pipe;
///
/// let (sender, receiver) = pipe::pipe()?;
/// drop(receiver);
/// sender.writable().await?;
/// assert_eq!(sender.try_write(b"x").unwrap_err().kind(), std::io::ErrorKind::BrokenPipe);
/// # Ok(()) }) }
/// ```
#[derive(Debug)]
pub struct Sender {
    io: Evented<mio::unix::pipe::Sender>,
}

impl Sender {
    #[track_caller]
    pub(super) fn new(sender: mio::unix::pipe::Sender) -> io::Result<Self> {
        Ok(Self { io: Evented::with_interest(sender, Interest::WRITABLE)? })
    }

    /// Takes over a pipe that was opened as a file, and puts it into non-blocking mode.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if it is no pipe, or not open for writing.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// use gumption_io::net::unix::pipe::Sender;
    ///
    /// let no_pipe = Sender::from_file(std::fs::File::open("/dev/null")?).unwrap_err();
    /// assert_eq!(no_pipe.kind(), std::io::ErrorKind::InvalidInput);
    /// # Ok(()) }) }
    /// ```
    #[track_caller]
    pub fn from_file(file: File) -> io::Result<Sender> {
        Self::from_owned_fd(file.into())
    }

    /// Takes over a pipe's descriptor, and puts it into non-blocking mode.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if it is no pipe, or not open for writing.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// use gumption_io::net::unix::pipe::Sender;
    ///
    /// let (_reader, writer) = std::io::pipe()?;
    /// let sender = Sender::from_owned_fd(writer.into())?;
    /// sender.writable().await?;
    /// # Ok(()) }) }
    /// ```
    #[track_caller]
    pub fn from_owned_fd(owned_fd: OwnedFd) -> io::Result<Sender> {
        Self::from_owned_fd_unchecked(adopted(owned_fd, End::Sender)?)
    }

    /// Takes over what the caller knows to be a pipe, open for writing, in non-blocking mode.
    ///
    /// If it is not, writing may block the thread, or fail.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    ///
    /// ```no_run
    /// # async fn example() -> std::io::Result<()> {
    /// use gumption_io::net::unix::pipe::Sender;
    /// use std::os::unix::fs::OpenOptionsExt;
    ///
    /// let fifo = std::fs::OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK).open("/run/commands")?;
    /// let sender = Sender::from_file_unchecked(fifo)?;
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn from_file_unchecked(file: File) -> io::Result<Sender> {
        Self::from_owned_fd_unchecked(file.into())
    }

    /// [`from_file_unchecked`](Self::from_file_unchecked) for a descriptor.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// use gumption_io::net::unix::pipe::{self, Sender};
    ///
    /// let (sender, _receiver) = pipe::pipe()?;
    /// let sender = Sender::from_owned_fd_unchecked(sender.into_nonblocking_fd()?)?;
    /// sender.writable().await?;
    /// # Ok(()) }) }
    /// ```
    #[track_caller]
    pub fn from_owned_fd_unchecked(owned_fd: OwnedFd) -> io::Result<Sender> {
        Self::new(mio::unix::pipe::Sender::from(owned_fd))
    }

    /// Waits until the pipe is ready for what is in `interest`, and tells for what.
    ///
    /// # Cancel safety
    ///
    /// Once the pipe is ready, this completes at once until a write has found otherwise.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// use gumption_io::io::Interest;
    /// use gumption_io::net::unix::pipe;
    ///
    /// let (sender, _receiver) = pipe::pipe()?;
    /// assert!(sender.ready(Interest::WRITABLE).await?.is_writable());
    /// # Ok(()) }) }
    /// ```
    pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        Ok(self.io.readiness(interest, reason_for(interest)).await?.ready)
    }

    /// Waits until there is room, or no receiver.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (sender, _receiver) = gumption_io::net::unix::pipe::pipe()?;
    /// sender.writable().await?;
    /// assert_eq!(sender.try_write(b"hello")?, 5);
    /// # Ok(()) }) }
    /// ```
    pub async fn writable(&self) -> io::Result<()> {
        self.ready(Interest::WRITABLE).await.map(drop)
    }

    /// [`writable`](Self::writable) as a poll. Only the last task that asked, or that writes, is woken.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (sender, _receiver) = gumption_io::net::unix::pipe::pipe()?;
    /// std::future::poll_fn(|cx| sender.poll_write_ready(cx)).await?;
    /// # Ok(()) }) }
    /// ```
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.poll_ready(cx, Direction::Write, WaitReason::IoWrite).map_ok(drop)
    }

    /// Writes as much of `buf` as there is room for, and returns how much: `WouldBlock` if the pipe is not
    /// [`writable`](Self::writable).
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (sender, _receiver) = gumption_io::net::unix::pipe::pipe()?;
    /// sender.writable().await?;
    /// assert_eq!(sender.try_write(b"hello")?, 5);
    /// # Ok(()) }) }
    /// ```
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        self.io.try_io(Interest::WRITABLE, |mut io| io.write(buf))
    }

    /// [`try_write`](Self::try_write) from several buffers, one after the other.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// use std::io::IoSlice;
    ///
    /// let (sender, _receiver) = gumption_io::net::unix::pipe::pipe()?;
    /// sender.writable().await?;
    /// assert_eq!(sender.try_write_vectored(&[IoSlice::new(b"he"), IoSlice::new(b"llo")])?, 5);
    /// # Ok(()) }) }
    /// ```
    pub fn try_write_vectored(&self, buf: &[IoSlice<'_>]) -> io::Result<usize> {
        self.io.try_io(Interest::WRITABLE, |mut io| io.write_vectored(buf))
    }

    /// Does `f`, which writes to this pipe's descriptor by means of its own, if the pipe is writable.
    ///
    /// If `f` says `WouldBlock` the readiness is taken back; so it must say it only if the pipe did. A pipe that is not
    /// writable gives `WouldBlock`, and `f` is not called.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (sender, _receiver) = gumption_io::net::unix::pipe::pipe()?;
    /// sender.writable().await?;
    /// assert_eq!(sender.try_io(|| Ok(7))?, 7);
    /// # Ok(()) }) }
    /// ```
    pub fn try_io<R>(&self, f: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        self.io.try_io(Interest::WRITABLE, |io| io.try_io(f))
    }

    /// The descriptor, in blocking mode: for a child process, or a thread.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (sender, _receiver) = gumption_io::net::unix::pipe::pipe()?;
    /// let mut writer = std::io::PipeWriter::from(sender.into_blocking_fd()?);
    /// std::io::Write::write_all(&mut writer, b"hello")?;
    /// # Ok(()) }) }
    /// ```
    pub fn into_blocking_fd(self) -> io::Result<OwnedFd> {
        blocking(self.into_nonblocking_fd()?)
    }

    /// The descriptor, in non-blocking mode.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (sender, _receiver) = gumption_io::net::unix::pipe::pipe()?;
    /// let fd: std::os::fd::OwnedFd = sender.into_nonblocking_fd()?;
    /// # drop(fd);
    /// # Ok(()) }) }
    /// ```
    pub fn into_nonblocking_fd(self) -> io::Result<OwnedFd> {
        self.io.into_inner().map(to_owned_fd)
    }
}

impl AsyncWrite for Sender {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.io.poll_write(cx, WaitReason::IoWrite, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.io.poll_write_vectored(cx, WaitReason::IoWrite, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Nothing to do: what was written is the kernel's.
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Nothing to do: a pipe ends when its last sender is dropped.
    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsRawFd for Sender {
    fn as_raw_fd(&self) -> RawFd {
        self.io.as_raw_fd()
    }
}

impl AsFd for Sender {
    fn as_fd(&self) -> BorrowedFd<'_> {
        (*self.io).as_fd()
    }
}
