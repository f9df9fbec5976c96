//! [`Receiver`]: the reading end of a pipe.
//!
//! It reads what there is, and 0 bytes at the end, when no sender is left. A FIFO that nobody has opened for writing yet is
//! at its end, too.
//!
//! One task may read by [`AsyncRead`]; any number may wait for data and use the `try_` methods, and each byte goes to one.
//! It refuses to write, also where the descriptor could. The parent has the checks, and the invariant.

use std::fs::File;
use std::io::{self, IoSliceMut, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BufMut;
use gumption_core::wait::WaitReason;

use super::{End, adopted, blocking};
use crate::evented::{Direction, Evented};
use crate::io::{AsyncRead, Interest, ReadBuf, Ready};
use crate::net::shared::{reason_for, to_owned_fd};
use crate::uninit;

/// The reading end of a pipe: of [`pipe`](super::pipe) or a FIFO.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
/// use gumption_io::net::unix::pipe;
///
/// let (sender, receiver) = pipe::pipe()?;
/// drop(sender);
/// receiver.readable().await?;
/// assert_eq!(receiver.try_read(&mut [0; 16])?, 0, "the end");
/// # Ok(()) }) }
/// ```
#[derive(Debug)]
pub struct Receiver {
    io: Evented<mio::unix::pipe::Receiver>,
}

impl Receiver {
    #[track_caller]
    pub(super) fn new(receiver: mio::unix::pipe::Receiver) -> io::Result<Self> {
        Ok(Self { io: Evented::with_interest(receiver, Interest::READABLE)? })
    }

    /// Takes over a pipe that was opened as a file, and puts it into non-blocking mode.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if it is no pipe, or not open for reading.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// use gumption_io::net::unix::pipe::Receiver;
    ///
    /// let no_pipe = Receiver::from_file(std::fs::File::open("/dev/null")?).unwrap_err();
    /// assert_eq!(no_pipe.kind(), std::io::ErrorKind::InvalidInput);
    /// # Ok(()) }) }
    /// ```
    #[track_caller]
    pub fn from_file(file: File) -> io::Result<Receiver> {
        Self::from_owned_fd(file.into())
    }

    /// Takes over a pipe's descriptor, and puts it into non-blocking mode.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if it is no pipe, or not open for reading.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// use gumption_io::net::unix::pipe::Receiver;
    ///
    /// let (reader, writer) = std::io::pipe()?;
    /// let receiver = Receiver::from_owned_fd(reader.into())?;
    /// drop(writer);
    /// receiver.readable().await?;
    /// # Ok(()) }) }
    /// ```
    #[track_caller]
    pub fn from_owned_fd(owned_fd: OwnedFd) -> io::Result<Receiver> {
        Self::from_owned_fd_unchecked(adopted(owned_fd, End::Receiver)?)
    }

    /// Takes over what the caller knows to be a pipe, open for reading, in non-blocking mode.
    ///
    /// If it is not, reading may block the thread, or fail.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    ///
    /// ```no_run
    /// # async fn example() -> std::io::Result<()> {
    /// use gumption_io::net::unix::pipe::Receiver;
    /// use std::os::unix::fs::OpenOptionsExt;
    ///
    /// let fifo = std::fs::OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open("/run/commands")?;
    /// let receiver = Receiver::from_file_unchecked(fifo)?;
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn from_file_unchecked(file: File) -> io::Result<Receiver> {
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
    /// use gumption_io::net::unix::pipe::{self, Receiver};
    ///
    /// let (_, receiver) = pipe::pipe()?;
    /// let receiver = Receiver::from_owned_fd_unchecked(receiver.into_nonblocking_fd()?)?;
    /// receiver.readable().await?;
    /// # Ok(()) }) }
    /// ```
    #[track_caller]
    pub fn from_owned_fd_unchecked(owned_fd: OwnedFd) -> io::Result<Receiver> {
        Self::new(mio::unix::pipe::Receiver::from(owned_fd))
    }

    /// Waits until the pipe is ready for what is in `interest`, and tells for what.
    ///
    /// # Cancel safety
    ///
    /// Once the pipe is ready, this completes at once until a read has found otherwise.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// use gumption_io::io::Interest;
    /// use gumption_io::net::unix::pipe;
    ///
    /// let (sender, receiver) = pipe::pipe()?;
    /// drop(sender);
    /// assert!(receiver.ready(Interest::READABLE).await?.is_read_closed());
    /// # Ok(()) }) }
    /// ```
    pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        Ok(self.io.readiness(interest, reason_for(interest)).await?.ready)
    }

    /// Waits until there is something to read, or the end.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (sender, receiver) = gumption_io::net::unix::pipe::pipe()?;
    /// drop(sender);
    /// receiver.readable().await?;
    /// assert_eq!(receiver.try_read(&mut [0; 16])?, 0);
    /// # Ok(()) }) }
    /// ```
    pub async fn readable(&self) -> io::Result<()> {
        self.ready(Interest::READABLE).await.map(drop)
    }

    /// [`readable`](Self::readable) as a poll. Only the last task that asked, or that reads, is woken.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (sender, receiver) = gumption_io::net::unix::pipe::pipe()?;
    /// drop(sender);
    /// std::future::poll_fn(|cx| receiver.poll_read_ready(cx)).await?;
    /// # Ok(()) }) }
    /// ```
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.poll_ready(cx, Direction::Read, WaitReason::IoRead).map_ok(drop)
    }

    /// Reads what there is into `buf`, and returns how much: 0 at the end, `WouldBlock` if the pipe is not
    /// [`readable`](Self::readable).
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (_sender, receiver) = gumption_io::net::unix::pipe::pipe()?;
    /// let nothing = receiver.try_read(&mut [0; 16]).unwrap_err();
    /// assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
    /// # Ok(()) }) }
    /// ```
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io.try_io(Interest::READABLE, |mut io| io.read(buf))
    }

    /// [`try_read`](Self::try_read) into several buffers, one after the other.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// use std::io::IoSliceMut;
    ///
    /// let (sender, receiver) = gumption_io::net::unix::pipe::pipe()?;
    /// sender.writable().await?;
    /// sender.try_write(b"hello")?;
    /// receiver.readable().await?;
    /// let (mut first, mut rest) = ([0; 1], [0; 8]);
    /// let n = receiver.try_read_vectored(&mut [IoSliceMut::new(&mut first), IoSliceMut::new(&mut rest)])?;
    /// assert_eq!((n, first), (5, *b"h"));
    /// # Ok(()) }) }
    /// ```
    pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.io.try_io(Interest::READABLE, |mut io| io.read_vectored(bufs))
    }

    /// [`try_read`](Self::try_read) into a buffer's spare room, which need not be initialised, and advances the buffer.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (sender, receiver) = gumption_io::net::unix::pipe::pipe()?;
    /// sender.writable().await?;
    /// sender.try_write(b"hello")?;
    /// receiver.readable().await?;
    /// let mut message = Vec::with_capacity(64);
    /// assert_eq!(receiver.try_read_buf(&mut message)?, 5);
    /// # Ok(()) }) }
    /// ```
    pub fn try_read_buf<B: BufMut>(&self, buf: &mut B) -> io::Result<usize> {
        self.io.try_io(Interest::READABLE, |io| {
            // SAFETY: `read` returns how much it wrote to the front.
            unsafe { uninit::fill_buf_mut(buf, |room| Ok((uninit::read(io, room)?, ()))) }.map(|(n, ())| n)
        })
    }

    /// Does `f`, which reads from this pipe's descriptor by means of its own, if the pipe is readable.
    ///
    /// If `f` says `WouldBlock` the readiness is taken back; so it must say it only if the pipe did. A pipe that is not
    /// readable gives `WouldBlock`, and `f` is not called.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (_sender, receiver) = gumption_io::net::unix::pipe::pipe()?;
    /// let nothing = receiver.try_io(|| Ok(7)).unwrap_err();
    /// assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
    /// # Ok(()) }) }
    /// ```
    pub fn try_io<R>(&self, f: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        self.io.try_io(Interest::READABLE, |io| io.try_io(f))
    }

    /// The descriptor, in blocking mode: for a child process, or a thread.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (sender, receiver) = gumption_io::net::unix::pipe::pipe()?;
    /// drop(sender);
    /// let mut reader = std::io::PipeReader::from(receiver.into_blocking_fd()?);
    /// assert_eq!(std::io::Read::read(&mut reader, &mut [0; 16])?, 0);
    /// # Ok(()) }) }
    /// ```
    pub fn into_blocking_fd(self) -> io::Result<OwnedFd> {
        blocking(self.into_nonblocking_fd()?)
    }

    /// The descriptor, in non-blocking mode.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (_sender, receiver) = gumption_io::net::unix::pipe::pipe()?;
    /// let fd: std::os::fd::OwnedFd = receiver.into_nonblocking_fd()?;
    /// # drop(fd);
    /// # Ok(()) }) }
    /// ```
    pub fn into_nonblocking_fd(self) -> io::Result<OwnedFd> {
        self.io.into_inner().map(to_owned_fd)
    }
}

impl AsyncRead for Receiver {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.io.poll_read(cx, WaitReason::IoRead, buf)
    }
}

impl AsRawFd for Receiver {
    fn as_raw_fd(&self) -> RawFd {
        self.io.as_raw_fd()
    }
}

impl AsFd for Receiver {
    fn as_fd(&self) -> BorrowedFd<'_> {
        (*self.io).as_fd()
    }
}
