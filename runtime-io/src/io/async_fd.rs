//! [`AsyncFd`]: any descriptor that the system can poll, with an owner of any type.
//!
//! For what has no type of its own here: an `eventfd`, an `inotify`, a TUN device, the socket of a C library. The owner keeps
//! its type and does the system calls; `AsyncFd` registers the descriptor with the runtime's netpoller and says when it is
//! ready.
//!
//! ```text
//!   readable().await -> guard -> guard.try_io(|fd| read(fd)) -> WouldBlock: cleared, wait again
//!                                                            -> anything else: done
//! ```
//!
//! **Who clears readiness is the caller**, because only it knows what a system call said. A guard that is dropped without
//! a word leaves the descriptor ready. To clear what has not run dry is to wait for an event that never comes, since
//! polls are edge-triggered; so only what *this* guard saw is cleared, and an event that came after it stays.
//! [`clear_ready_matching`](AsyncFdReadyGuard::clear_ready_matching) clears some of it and keeps the rest.
//!
//! The file has the registration; `async_fd/guard.rs` has the guards, `async_fd/error.rs` the two errors. It refuses to
//! close the descriptor (its owner does, after it has been deregistered), to make it non-blocking, and to own a
//! descriptor that the system cannot poll: a regular file is an error.
//!
//! The invariant: the descriptor is deregistered before its owner is dropped or given back, whatever way that goes.

mod error;
mod guard;

pub use error::{AsyncFdRegisterError, TryIoError};
pub use guard::{AsyncFdReadyGuard, AsyncFdReadyMutGuard};

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::task::{Context, Poll, ready};

use gumption_core::wait::WaitReason;
use mio::event::Source;
use mio::unix::SourceFd;

use crate::evented::{Direction, Evented};
use crate::io::Interest;
use crate::net::shared::reason_for;

/// The name of [`AsyncFdRegisterError`] before.
#[doc(hidden)]
#[deprecated(note = "use `AsyncFdRegisterError`")]
pub type AsyncFdTryNewError<T> = AsyncFdRegisterError<T>;

/// What the netpoller knows of the owner: a number. Dropping it closes nothing.
#[derive(Debug)]
struct Number(RawFd);

impl AsRawFd for Number {
    fn as_raw_fd(&self) -> RawFd {
        self.0
    }
}

impl Source for Number {
    fn register(&mut self, to: &mio::Registry, token: mio::Token, interest: mio::Interest) -> io::Result<()> {
        SourceFd(&self.0).register(to, token, interest)
    }

    fn reregister(&mut self, to: &mio::Registry, token: mio::Token, interest: mio::Interest) -> io::Result<()> {
        SourceFd(&self.0).reregister(to, token, interest)
    }

    fn deregister(&mut self, from: &mio::Registry) -> io::Result<()> {
        SourceFd(&self.0).deregister(from)
    }
}

/// Watches a descriptor of any kind for readiness, and owns what owns it.
///
/// The descriptor must be one that the system can poll, and should be in non-blocking mode: one that is not may block at
/// the second of two reads. Readiness is a hint, and remembered: after a
/// system call that would have blocked it has to be cleared, which [`AsyncFdReadyGuard::try_io`], [`async_io`] and
/// [`try_io`] do. Any number of tasks may wait through `&self`; the poll functions wake the last task that asked.
///
/// [`async_io`]: Self::async_io
/// [`try_io`]: Self::try_io
///
/// # Examples
///
/// A standard library's socket, read by the standard library's means:
///
/// ```
/// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
/// use gumption_io::io::unix::AsyncFd;
/// use std::io::{Read, Write};
/// use std::os::unix::net::UnixStream;
///
/// let (a, mut b) = UnixStream::pair()?;
/// a.set_nonblocking(true)?;
/// // SAFETY: the stream owns its descriptor, and nobody replaces it.
/// let a = unsafe { AsyncFd::register(a) }?;
///
/// b.write_all(b"hello")?;
/// let mut message = [0; 16];
/// let n = loop {
///     let mut guard = a.readable().await?;
///     match guard.try_io(|a| a.get_ref().read(&mut message)) {
///         Ok(result) => break result?,
///         Err(_would_block) => continue,
///     }
/// };
/// assert_eq!(&message[..n], b"hello");
/// # Ok(()) }) }
/// ```
pub struct AsyncFd<T: AsRawFd> {
    // Before `inner`, so that it is dropped before: deregistered, then closed.
    io: Evented<Number>,
    inner: T,
}

impl<T: AsRawFd> AsyncFd<T> {
    /// Registers a descriptor for reading and writing, and takes its owner.
    ///
    /// # Errors
    ///
    /// If the system cannot poll it (`PermissionDenied` for a regular file on Linux), or if the runtime has ended. The error has
    /// the owner. A descriptor that is registered already may be refused, too (`AlreadyExists`), but not for sure.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    ///
    /// # Safety
    ///
    /// `inner.as_raw_fd()` is a descriptor that is open, and that stays open and the same for as long as this owns `inner`:
    /// until it is dropped, forgotten, or [taken apart](Self::into_inner).
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// use gumption_io::io::unix::AsyncFd;
    /// use std::os::fd::OwnedFd;
    ///
    /// let (a, _b) = std::os::unix::net::UnixStream::pair()?;
    /// a.set_nonblocking(true)?;
    /// // SAFETY: an `OwnedFd` is open for as long as it lives.
    /// let a = unsafe { AsyncFd::register(OwnedFd::from(a)) }?;
    /// assert!(a.writable().await?.ready().is_writable());
    /// # Ok(()) }) }
    /// ```
    #[track_caller]
    pub unsafe fn register(inner: T) -> Result<Self, AsyncFdRegisterError<T>> {
        // SAFETY: the caller's promise.
        unsafe { Self::register_with_interest(inner, Interest::READABLE | Interest::WRITABLE) }
    }

    /// Registers a descriptor for what is in `interest`, and takes its owner.
    ///
    /// # Errors
    ///
    /// As [`register`](Self::register).
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    ///
    /// # Safety
    ///
    /// As [`register`](Self::register).
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// use gumption_io::io::{Interest, unix::AsyncFd};
    ///
    /// let (reader, writer) = std::io::pipe()?;
    /// // SAFETY: the reader owns its descriptor, and nobody replaces it.
    /// let reader = unsafe { AsyncFd::register_with_interest(reader, Interest::READABLE) }?;
    /// drop(writer);
    /// assert!(reader.readable().await?.ready().is_read_closed());
    /// # Ok(()) }) }
    /// ```
    #[track_caller]
    pub unsafe fn register_with_interest(inner: T, interest: Interest) -> Result<Self, AsyncFdRegisterError<T>> {
        match Evented::try_with_interest(Number(inner.as_raw_fd()), interest) {
            Ok(io) => Ok(Self { io, inner }),
            Err((_number, cause)) => Err(AsyncFdRegisterError { inner, cause }),
        }
    }

    /// [`register`](Self::register), without the promise that it takes.
    #[track_caller]
    #[deprecated(note = "`AsyncFd::register` says what has to be promised")]
    pub fn new(inner: T) -> io::Result<Self> {
        // SAFETY: none that could be shown: that is why it is deprecated. A foreign descriptor is polled, and nothing else.
        unsafe { Ok(Self::register(inner)?) }
    }

    /// [`register_with_interest`](Self::register_with_interest), without the promise that it takes.
    #[track_caller]
    #[deprecated(note = "`AsyncFd::register_with_interest` says what has to be promised")]
    pub fn with_interest(inner: T, interest: Interest) -> io::Result<Self> {
        // SAFETY: as in `new`.
        unsafe { Ok(Self::register_with_interest(inner, interest)?) }
    }

    /// [`register`](Self::register), without the promise that it takes.
    #[track_caller]
    #[deprecated(note = "`AsyncFd::register` says what has to be promised")]
    pub fn try_new(inner: T) -> Result<Self, AsyncFdRegisterError<T>> {
        // SAFETY: as in `new`.
        unsafe { Self::register(inner) }
    }

    /// [`register_with_interest`](Self::register_with_interest), without the promise that it takes.
    #[track_caller]
    #[deprecated(note = "`AsyncFd::register_with_interest` says what has to be promised")]
    pub fn try_with_interest(inner: T, interest: Interest) -> Result<Self, AsyncFdRegisterError<T>> {
        // SAFETY: as in `new`.
        unsafe { Self::register_with_interest(inner, interest) }
    }

    /// The owner.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// # let (reader, _writer) = std::io::pipe()?;
    /// # use gumption_io::io::{Interest, unix::AsyncFd};
    /// // SAFETY: the reader owns its descriptor, and nobody replaces it.
    /// let reader = unsafe { AsyncFd::register_with_interest(reader, Interest::READABLE) }?;
    /// let _another = reader.get_ref().try_clone()?;
    /// # Ok(()) }) }
    /// ```
    pub fn get_ref(&self) -> &T {
        &self.inner
    }

    /// The owner, to be changed but not exchanged: its descriptor has to stay the same.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// # let (reader, writer) = std::io::pipe()?;
    /// # use gumption_io::io::{Interest, unix::AsyncFd};
    /// // SAFETY: the reader owns its descriptor, and nobody replaces it.
    /// let mut reader = unsafe { AsyncFd::register_with_interest(reader, Interest::READABLE) }?;
    /// drop(writer);
    /// assert_eq!(std::io::Read::read(reader.get_mut(), &mut [0; 16])?, 0);
    /// # Ok(()) }) }
    /// ```
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.inner
    }

    /// Deregisters the descriptor and gives its owner back.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// # let (reader, _writer) = std::io::pipe()?;
    /// # use gumption_io::io::{Interest, unix::AsyncFd};
    /// // SAFETY: the reader owns its descriptor, and nobody replaces it.
    /// let reader = unsafe { AsyncFd::register_with_interest(reader, Interest::READABLE) }?;
    /// let reader: std::io::PipeReader = reader.into_inner();
    /// # Ok(()) }) }
    /// ```
    pub fn into_inner(self) -> T {
        let Self { io, inner } = self;
        drop(io);
        inner
    }

    /// Whether the descriptor is readable, or its stream has ended. Only the last task that asked is woken.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// # let (reader, writer) = std::io::pipe()?;
    /// # use gumption_io::io::{Interest, unix::AsyncFd};
    /// // SAFETY: the reader owns its descriptor, and nobody replaces it.
    /// let reader = unsafe { AsyncFd::register_with_interest(reader, Interest::READABLE) }?;
    /// drop(writer);
    /// let guard = std::future::poll_fn(|cx| reader.poll_read_ready(cx)).await?;
    /// assert!(guard.ready().is_read_closed());
    /// # Ok(()) }) }
    /// ```
    pub fn poll_read_ready<'a>(&'a self, cx: &mut Context<'_>) -> Poll<io::Result<AsyncFdReadyGuard<'a, T>>> {
        let event = ready!(self.io.poll_ready(cx, Direction::Read, WaitReason::IoRead))?;
        Poll::Ready(Ok(AsyncFdReadyGuard::new(self, event)))
    }

    /// [`poll_read_ready`](Self::poll_read_ready), with a guard that gives the owner out to be changed.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// # let (reader, writer) = std::io::pipe()?;
    /// # use gumption_io::io::{Interest, unix::AsyncFd};
    /// # use std::task::ready;
    /// // SAFETY: the reader owns its descriptor, and nobody replaces it.
    /// let mut reader = unsafe { AsyncFd::register_with_interest(reader, Interest::READABLE) }?;
    /// drop(writer);
    /// let read = std::future::poll_fn(|cx| {
    ///     let mut guard = ready!(reader.poll_read_ready_mut(cx))?;
    ///     std::task::Poll::Ready(std::io::Read::read(guard.get_inner_mut(), &mut [0; 16]))
    /// });
    /// assert_eq!(read.await?, 0);
    /// # Ok(()) }) }
    /// ```
    pub fn poll_read_ready_mut<'a>(
        &'a mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyMutGuard<'a, T>>> {
        let event = ready!(self.io.poll_ready(cx, Direction::Read, WaitReason::IoRead))?;
        Poll::Ready(Ok(AsyncFdReadyMutGuard::new(self, event)))
    }

    /// Whether the descriptor is writable, or nobody reads any more. Only the last task that asked is woken.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// # let (_reader, writer) = std::io::pipe()?;
    /// # use gumption_io::io::{Interest, unix::AsyncFd};
    /// // SAFETY: the writer owns its descriptor, and nobody replaces it.
    /// let writer = unsafe { AsyncFd::register_with_interest(writer, Interest::WRITABLE) }?;
    /// let guard = std::future::poll_fn(|cx| writer.poll_write_ready(cx)).await?;
    /// assert!(guard.ready().is_writable());
    /// # Ok(()) }) }
    /// ```
    pub fn poll_write_ready<'a>(&'a self, cx: &mut Context<'_>) -> Poll<io::Result<AsyncFdReadyGuard<'a, T>>> {
        let event = ready!(self.io.poll_ready(cx, Direction::Write, WaitReason::IoWrite))?;
        Poll::Ready(Ok(AsyncFdReadyGuard::new(self, event)))
    }

    /// [`poll_write_ready`](Self::poll_write_ready), with a guard that gives the owner out to be changed.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// # let (_reader, writer) = std::io::pipe()?;
    /// # use gumption_io::io::{Interest, unix::AsyncFd};
    /// # use std::task::ready;
    /// // SAFETY: the writer owns its descriptor, and nobody replaces it.
    /// let mut writer = unsafe { AsyncFd::register_with_interest(writer, Interest::WRITABLE) }?;
    /// let written = std::future::poll_fn(|cx| {
    ///     let mut guard = ready!(writer.poll_write_ready_mut(cx))?;
    ///     std::task::Poll::Ready(std::io::Write::write(guard.get_inner_mut(), b"hello"))
    /// });
    /// assert_eq!(written.await?, 5);
    /// # Ok(()) }) }
    /// ```
    pub fn poll_write_ready_mut<'a>(
        &'a mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyMutGuard<'a, T>>> {
        let event = ready!(self.io.poll_ready(cx, Direction::Write, WaitReason::IoWrite))?;
        Poll::Ready(Ok(AsyncFdReadyMutGuard::new(self, event)))
    }

    /// Waits until the descriptor is ready for one of the things in `interest`. It has to have been registered for it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing: readiness stays until somebody clears it.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// # let (a, _b) = std::os::unix::net::UnixStream::pair()?;
    /// # a.set_nonblocking(true)?;
    /// # use gumption_io::io::{Interest, unix::AsyncFd};
    /// // SAFETY: the stream owns its descriptor, and nobody replaces it.
    /// let a = unsafe { AsyncFd::register(a) }?;
    /// let guard = a.ready(Interest::READABLE | Interest::WRITABLE).await?;
    /// assert!(guard.ready().is_writable() && !guard.ready().is_readable());
    /// # Ok(()) }) }
    /// ```
    pub async fn ready(&self, interest: Interest) -> io::Result<AsyncFdReadyGuard<'_, T>> {
        let event = self.io.readiness(interest, reason_for(interest)).await?;
        Ok(AsyncFdReadyGuard::new(self, event))
    }

    /// [`ready`](Self::ready), with a guard that gives the owner out to be changed.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// # let (_reader, writer) = std::io::pipe()?;
    /// # use gumption_io::io::{Interest, unix::AsyncFd};
    /// // SAFETY: the writer owns its descriptor, and nobody replaces it.
    /// let mut writer = unsafe { AsyncFd::register_with_interest(writer, Interest::WRITABLE) }?;
    /// let mut guard = writer.ready_mut(Interest::WRITABLE).await?;
    /// assert_eq!(std::io::Write::write(guard.get_inner_mut(), b"hello")?, 5);
    /// # Ok(()) }) }
    /// ```
    pub async fn ready_mut(&mut self, interest: Interest) -> io::Result<AsyncFdReadyMutGuard<'_, T>> {
        let event = self.io.readiness(interest, reason_for(interest)).await?;
        Ok(AsyncFdReadyMutGuard::new(self, event))
    }

    /// [`ready`](Self::ready) for reading.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// # let (reader, writer) = std::io::pipe()?;
    /// # use gumption_io::io::{Interest, unix::AsyncFd};
    /// // SAFETY: the reader owns its descriptor, and nobody replaces it.
    /// let reader = unsafe { AsyncFd::register_with_interest(reader, Interest::READABLE) }?;
    /// drop(writer);
    /// assert!(reader.readable().await?.ready().is_read_closed());
    /// # Ok(()) }) }
    /// ```
    pub async fn readable(&self) -> io::Result<AsyncFdReadyGuard<'_, T>> {
        self.ready(Interest::READABLE).await
    }

    /// [`ready_mut`](Self::ready_mut) for reading.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// # let (reader, writer) = std::io::pipe()?;
    /// # use gumption_io::io::{Interest, unix::AsyncFd};
    /// // SAFETY: the reader owns its descriptor, and nobody replaces it.
    /// let mut reader = unsafe { AsyncFd::register_with_interest(reader, Interest::READABLE) }?;
    /// drop(writer);
    /// assert!(reader.readable_mut().await?.ready().is_read_closed());
    /// # Ok(()) }) }
    /// ```
    pub async fn readable_mut(&mut self) -> io::Result<AsyncFdReadyMutGuard<'_, T>> {
        self.ready_mut(Interest::READABLE).await
    }

    /// [`ready`](Self::ready) for writing.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// # let (_reader, writer) = std::io::pipe()?;
    /// # use gumption_io::io::{Interest, unix::AsyncFd};
    /// // SAFETY: the writer owns its descriptor, and nobody replaces it.
    /// let writer = unsafe { AsyncFd::register_with_interest(writer, Interest::WRITABLE) }?;
    /// assert!(writer.writable().await?.ready().is_writable());
    /// # Ok(()) }) }
    /// ```
    pub async fn writable(&self) -> io::Result<AsyncFdReadyGuard<'_, T>> {
        self.ready(Interest::WRITABLE).await
    }

    /// [`ready_mut`](Self::ready_mut) for writing.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// # let (_reader, writer) = std::io::pipe()?;
    /// # use gumption_io::io::{Interest, unix::AsyncFd};
    /// // SAFETY: the writer owns its descriptor, and nobody replaces it.
    /// let mut writer = unsafe { AsyncFd::register_with_interest(writer, Interest::WRITABLE) }?;
    /// assert!(writer.writable_mut().await?.ready().is_writable());
    /// # Ok(()) }) }
    /// ```
    pub async fn writable_mut(&mut self) -> io::Result<AsyncFdReadyMutGuard<'_, T>> {
        self.ready_mut(Interest::WRITABLE).await
    }

    /// Does `f` as soon as the descriptor is ready for `interest`, and again each time that it has said `WouldBlock`.
    ///
    /// It must say it only if the descriptor did.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// # let (reader, mut writer) = std::io::pipe()?;
    /// # use gumption_io::io::{Interest, unix::AsyncFd};
    /// // SAFETY: the reader owns its descriptor, and nobody replaces it.
    /// let reader = unsafe { AsyncFd::register_with_interest(reader, Interest::READABLE) }?;
    /// std::io::Write::write_all(&mut writer, b"hello")?;
    /// let mut message = [0; 5];
    /// let n = reader.async_io(Interest::READABLE, |mut reader| std::io::Read::read(&mut reader, &mut message)).await?;
    /// assert_eq!(n, 5);
    /// # Ok(()) }) }
    /// ```
    pub async fn async_io<R>(&self, interest: Interest, mut f: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        self.io.async_io(interest, reason_for(interest), |_| f(&self.inner)).await
    }

    /// [`async_io`](Self::async_io), with the owner to be changed.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// # let (_reader, writer) = std::io::pipe()?;
    /// # use gumption_io::io::{Interest, unix::AsyncFd};
    /// // SAFETY: the writer owns its descriptor, and nobody replaces it.
    /// let mut writer = unsafe { AsyncFd::register_with_interest(writer, Interest::WRITABLE) }?;
    /// let n = writer.async_io_mut(Interest::WRITABLE, |writer| std::io::Write::write(writer, b"hello")).await?;
    /// assert_eq!(n, 5);
    /// # Ok(()) }) }
    /// ```
    pub async fn async_io_mut<R>(
        &mut self,
        interest: Interest,
        mut f: impl FnMut(&mut T) -> io::Result<R>,
    ) -> io::Result<R> {
        self.io.async_io(interest, reason_for(interest), |_| f(&mut self.inner)).await
    }

    /// Does `f` if the descriptor is ready for `interest`, and clears that if it says `WouldBlock`.
    ///
    /// A descriptor that is not ready gives `WouldBlock`, and `f` is not called.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// # let (reader, _writer) = std::io::pipe()?;
    /// # use gumption_io::io::{Interest, unix::AsyncFd};
    /// // SAFETY: the reader owns its descriptor, and nobody replaces it.
    /// let reader = unsafe { AsyncFd::register_with_interest(reader, Interest::READABLE) }?;
    /// let nothing = reader.try_io(Interest::READABLE, |_| Ok(())).unwrap_err();
    /// assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
    /// # Ok(()) }) }
    /// ```
    pub fn try_io<R>(&self, interest: Interest, f: impl FnOnce(&T) -> io::Result<R>) -> io::Result<R> {
        self.io.try_io(interest, |_| f(&self.inner))
    }

    /// [`try_io`](Self::try_io), with the owner to be changed.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// # let (_reader, writer) = std::io::pipe()?;
    /// # use gumption_io::io::{Interest, unix::AsyncFd};
    /// // SAFETY: the writer owns its descriptor, and nobody replaces it.
    /// let mut writer = unsafe { AsyncFd::register_with_interest(writer, Interest::WRITABLE) }?;
    /// let _ = writer.writable().await?;
    /// assert_eq!(writer.try_io_mut(Interest::WRITABLE, |writer| std::io::Write::write(writer, b"hello"))?, 5);
    /// # Ok(()) }) }
    /// ```
    pub fn try_io_mut<R>(&mut self, interest: Interest, f: impl FnOnce(&mut T) -> io::Result<R>) -> io::Result<R> {
        self.io.try_io(interest, |_| f(&mut self.inner))
    }
}

impl<T: AsRawFd> AsRawFd for AsyncFd<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.inner.as_raw_fd()
    }
}

impl<T: AsRawFd> AsFd for AsyncFd<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: who registered it has promised that it is open for as long as this owns its owner.
        unsafe { BorrowedFd::borrow_raw(self.as_raw_fd()) }
    }
}

impl<T: AsRawFd + fmt::Debug> fmt::Debug for AsyncFd<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncFd").field("inner", &self.inner).finish()
    }
}
