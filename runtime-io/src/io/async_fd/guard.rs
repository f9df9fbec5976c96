//! [`AsyncFdReadyGuard`] and [`AsyncFdReadyMutGuard`]: what a descriptor was ready for, to be answered.
//!
//! A guard holds one event: what the descriptor was ready for, and when that was seen. Its holder does the system call
//! and then says either that the readiness is over (`clear_ready`, or `clear_ready_matching` for a part of it) or that it is
//! not (`retain_ready`, or nothing). `try_io` does both, by what the call said.
//!
//! What is cleared is what was seen: an event that came since is newer, and stays. And what is cleared in part leaves the
//! rest in the guard, to be cleared later or kept.
//!
//! The two guards differ in how they hold the `AsyncFd`, and in nothing else.

use std::fmt;
use std::io;
use std::os::fd::AsRawFd;

use super::{AsyncFd, TryIoError};
use crate::evented::ReadyEvent;
use crate::io::Ready;

/// A descriptor was ready; say whether it still is. Gives the owner out to be looked at.
///
/// Dropping it leaves the descriptor ready.
#[must_use = "say whether the readiness is over: a descriptor that is not cleared stays ready"]
pub struct AsyncFdReadyGuard<'a, T: AsRawFd> {
    async_fd: &'a AsyncFd<T>,
    event: Option<ReadyEvent>,
}

/// A descriptor was ready; say whether it still is. Gives the owner out to be changed.
///
/// Dropping it leaves the descriptor ready.
#[must_use = "say whether the readiness is over: a descriptor that is not cleared stays ready"]
pub struct AsyncFdReadyMutGuard<'a, T: AsRawFd> {
    async_fd: &'a mut AsyncFd<T>,
    event: Option<ReadyEvent>,
}

/// What both guards do.
macro_rules! guard {
    () => {
        /// Says that the readiness is over: a system call would have blocked.
        ///
        /// ```
        /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
        /// # use gumption_io::io::{Interest, unix::AsyncFd};
        /// # let (reader, writer) = std::io::pipe()?;
        /// // SAFETY: the writer owns its descriptor, and nobody replaces it.
        /// let mut writer = unsafe { AsyncFd::register_with_interest(writer, Interest::WRITABLE) }?;
        /// writer.writable_mut().await?.clear_ready();
        /// assert!(writer.try_io(Interest::WRITABLE, |_| Ok(())).is_err(), "not ready any more");
        /// # drop(reader);
        /// # Ok(()) }) }
        /// ```
        pub fn clear_ready(&mut self) {
            if let Some(event) = self.event.take() {
                self.async_fd.io.clear_readiness(event);
            }
        }

        /// Says that a part of the readiness is over, and keeps the rest.
        ///
        /// ```
        /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
        /// # use gumption_io::io::{Interest, Ready, unix::AsyncFd};
        /// # let (a, b) = std::os::unix::net::UnixStream::pair()?;
        /// # a.set_nonblocking(true)?;
        /// # std::io::Write::write_all(&mut &b, b"x")?;
        /// // SAFETY: the stream owns its descriptor, and nobody replaces it.
        /// let mut a = unsafe { AsyncFd::register(a) }?;
        /// let _ = (a.readable().await?, a.writable().await?);
        /// let mut guard = a.ready_mut(Interest::READABLE | Interest::WRITABLE).await?;
        /// guard.clear_ready_matching(Ready::READABLE);
        /// assert!(guard.ready().is_writable() && !guard.ready().is_readable());
        /// # Ok(()) }) }
        /// ```
        pub fn clear_ready_matching(&mut self, ready: Ready) {
            if let Some(event) = self.event.take() {
                self.async_fd.io.clear_readiness(event.with_ready(ready));
                let rest = event.with_ready(event.ready - ready);
                self.event = Some(rest).filter(|rest| !rest.ready.is_empty());
            }
        }

        /// Says that the descriptor is still ready. Dropping the guard says the same, without saying so.
        ///
        /// ```
        /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
        /// # use gumption_io::io::{Interest, unix::AsyncFd};
        /// # let (reader, writer) = std::io::pipe()?;
        /// // SAFETY: the writer owns its descriptor, and nobody replaces it.
        /// let writer = unsafe { AsyncFd::register_with_interest(writer, Interest::WRITABLE) }?;
        /// writer.writable().await?.retain_ready();
        /// writer.try_io(Interest::WRITABLE, |_| Ok(()))?;
        /// # drop(reader);
        /// # Ok(()) }) }
        /// ```
        pub fn retain_ready(&mut self) {}

        /// What the descriptor was ready for, less what has been cleared through this guard.
        ///
        /// ```
        /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
        /// # use gumption_io::io::{Interest, unix::AsyncFd};
        /// # let (reader, writer) = std::io::pipe()?;
        /// // SAFETY: the writer owns its descriptor, and nobody replaces it.
        /// let writer = unsafe { AsyncFd::register_with_interest(writer, Interest::WRITABLE) }?;
        /// let mut guard = writer.writable().await?;
        /// assert!(guard.ready().is_writable());
        /// guard.clear_ready();
        /// assert!(guard.ready().is_empty());
        /// # drop(reader);
        /// # Ok(()) }) }
        /// ```
        pub fn ready(&self) -> Ready {
            self.event.map_or(Ready::EMPTY, |event| event.ready)
        }
    };
}

impl<'a, T: AsRawFd> AsyncFdReadyGuard<'a, T> {
    pub(super) fn new(async_fd: &'a AsyncFd<T>, event: ReadyEvent) -> Self {
        Self { async_fd, event: Some(event) }
    }

    guard!();

    /// Does `f`; if it says `WouldBlock`, the readiness is cleared and the answer is [`TryIoError`]: wait again.
    ///
    /// It must say it only if the descriptor did, and for what the guard was asked for.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// # use gumption_io::io::{Interest, unix::AsyncFd};
    /// # let (reader, writer) = std::io::pipe()?;
    /// // SAFETY: the writer owns its descriptor, and nobody replaces it.
    /// let writer = unsafe { AsyncFd::register_with_interest(writer, Interest::WRITABLE) }?;
    /// let mut guard = writer.writable().await?;
    /// match guard.try_io(|fd| std::io::Write::write(&mut fd.get_ref(), b"hello")) {
    ///     Ok(result) => assert_eq!(result?, 5),
    ///     Err(_would_block) => println!("wait again"),
    /// }
    /// # drop(reader);
    /// # Ok(()) }) }
    /// ```
    pub fn try_io<R>(&mut self, f: impl FnOnce(&'a AsyncFd<T>) -> io::Result<R>) -> Result<io::Result<R>, TryIoError> {
        match f(self.async_fd) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.clear_ready();
                Err(TryIoError(()))
            }
            result => Ok(result),
        }
    }

    /// The `AsyncFd` that was ready.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// # use gumption_io::io::{Interest, unix::AsyncFd};
    /// # let (reader, writer) = std::io::pipe()?;
    /// // SAFETY: the writer owns its descriptor, and nobody replaces it.
    /// let writer = unsafe { AsyncFd::register_with_interest(writer, Interest::WRITABLE) }?;
    /// assert!(std::ptr::eq(writer.writable().await?.get_ref(), &writer));
    /// # drop(reader);
    /// # Ok(()) }) }
    /// ```
    pub fn get_ref(&self) -> &'a AsyncFd<T> {
        self.async_fd
    }

    /// The owner of the descriptor that was ready.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// # use gumption_io::io::{Interest, unix::AsyncFd};
    /// # let (reader, writer) = std::io::pipe()?;
    /// // SAFETY: the writer owns its descriptor, and nobody replaces it.
    /// let writer = unsafe { AsyncFd::register_with_interest(writer, Interest::WRITABLE) }?;
    /// assert!(std::ptr::eq(writer.writable().await?.get_inner(), writer.get_ref()));
    /// # drop(reader);
    /// # Ok(()) }) }
    /// ```
    pub fn get_inner(&self) -> &'a T {
        self.async_fd.get_ref()
    }
}

impl<'a, T: AsRawFd> AsyncFdReadyMutGuard<'a, T> {
    pub(super) fn new(async_fd: &'a mut AsyncFd<T>, event: ReadyEvent) -> Self {
        Self { async_fd, event: Some(event) }
    }

    guard!();

    /// Does `f`; if it says `WouldBlock`, the readiness is cleared and the answer is [`TryIoError`]: wait again.
    ///
    /// It must say it only if the descriptor did, and for what the guard was asked for.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// # use gumption_io::io::{Interest, unix::AsyncFd};
    /// # let (reader, writer) = std::io::pipe()?;
    /// // SAFETY: the writer owns its descriptor, and nobody replaces it.
    /// let mut writer = unsafe { AsyncFd::register_with_interest(writer, Interest::WRITABLE) }?;
    /// let mut guard = writer.writable_mut().await?;
    /// match guard.try_io(|fd| std::io::Write::write(fd.get_mut(), b"hello")) {
    ///     Ok(result) => assert_eq!(result?, 5),
    ///     Err(_would_block) => println!("wait again"),
    /// }
    /// # drop(reader);
    /// # Ok(()) }) }
    /// ```
    pub fn try_io<R>(&mut self, f: impl FnOnce(&mut AsyncFd<T>) -> io::Result<R>) -> Result<io::Result<R>, TryIoError> {
        match f(self.async_fd) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.clear_ready();
                Err(TryIoError(()))
            }
            result => Ok(result),
        }
    }

    /// The `AsyncFd` that was ready.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// # use gumption_io::io::{Interest, unix::AsyncFd};
    /// # let (reader, writer) = std::io::pipe()?;
    /// // SAFETY: the writer owns its descriptor, and nobody replaces it.
    /// let mut writer = unsafe { AsyncFd::register_with_interest(writer, Interest::WRITABLE) }?;
    /// writer.writable_mut().await?.get_ref().try_io(Interest::WRITABLE, |_| Ok(()))?;
    /// # drop(reader);
    /// # Ok(()) }) }
    /// ```
    pub fn get_ref(&self) -> &AsyncFd<T> {
        self.async_fd
    }

    /// The `AsyncFd` that was ready, to be changed.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// # use gumption_io::io::{Interest, unix::AsyncFd};
    /// # let (reader, writer) = std::io::pipe()?;
    /// // SAFETY: the writer owns its descriptor, and nobody replaces it.
    /// let mut writer = unsafe { AsyncFd::register_with_interest(writer, Interest::WRITABLE) }?;
    /// writer.writable_mut().await?.get_mut().try_io_mut(Interest::WRITABLE, |_| Ok(()))?;
    /// # drop(reader);
    /// # Ok(()) }) }
    /// ```
    pub fn get_mut(&mut self) -> &mut AsyncFd<T> {
        self.async_fd
    }

    /// The owner of the descriptor that was ready.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// # use gumption_io::io::{Interest, unix::AsyncFd};
    /// # let (reader, writer) = std::io::pipe()?;
    /// // SAFETY: the writer owns its descriptor, and nobody replaces it.
    /// let mut writer = unsafe { AsyncFd::register_with_interest(writer, Interest::WRITABLE) }?;
    /// let _another = writer.writable_mut().await?.get_inner().try_clone()?;
    /// # drop(reader);
    /// # Ok(()) }) }
    /// ```
    pub fn get_inner(&self) -> &T {
        self.async_fd.get_ref()
    }

    /// The owner of the descriptor that was ready, to be changed but not exchanged.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// # use gumption_io::io::{Interest, unix::AsyncFd};
    /// # let (reader, writer) = std::io::pipe()?;
    /// // SAFETY: the writer owns its descriptor, and nobody replaces it.
    /// let mut writer = unsafe { AsyncFd::register_with_interest(writer, Interest::WRITABLE) }?;
    /// assert_eq!(std::io::Write::write(writer.writable_mut().await?.get_inner_mut(), b"hello")?, 5);
    /// # drop(reader);
    /// # Ok(()) }) }
    /// ```
    pub fn get_inner_mut(&mut self) -> &mut T {
        self.async_fd.get_mut()
    }
}

impl<T: AsRawFd + fmt::Debug> fmt::Debug for AsyncFdReadyGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadyGuard").field("async_fd", &self.async_fd).finish()
    }
}

impl<T: AsRawFd + fmt::Debug> fmt::Debug for AsyncFdReadyMutGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MutReadyGuard").field("async_fd", &self.async_fd).finish()
    }
}
