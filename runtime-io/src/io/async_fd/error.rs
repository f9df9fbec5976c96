//! What can go wrong with an `AsyncFd`: registering it, and an operation that found it not ready after all.
//!
//! Both are plain values. The first gives the descriptor's owner back, so that nothing is closed by an error; the second
//! says nothing but "wait again", and is a type of its own so that it cannot be mistaken for the operation's result.

use std::error::Error;
use std::fmt;
use std::io;

/// A descriptor that could not be registered, with its owner.
///
/// ```
/// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
/// use gumption_io::io::unix::AsyncFd;
///
/// let file = std::fs::File::open("/proc/self/exe")?;
/// // SAFETY: the file owns its descriptor, and nobody replaces it.
/// let error = unsafe { AsyncFd::register(file) }.unwrap_err();
/// let (file, cause) = error.into_parts();
/// assert_eq!(cause.kind(), std::io::ErrorKind::PermissionDenied);
/// # drop(file);
/// # Ok(()) }) }
/// ```
pub struct AsyncFdRegisterError<T> {
    pub(super) inner: T,
    pub(super) cause: io::Error,
}

impl<T> AsyncFdRegisterError<T> {
    /// The owner, and what the system said.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// # use gumption_io::io::unix::AsyncFd;
    /// let file = std::fs::File::open("/proc/self/exe")?;
    /// // SAFETY: the file owns its descriptor, and nobody replaces it.
    /// let (file, _cause) = unsafe { AsyncFd::register(file) }.unwrap_err().into_parts();
    /// assert!(file.metadata()?.is_file());
    /// # Ok(()) }) }
    /// ```
    pub fn into_parts(self) -> (T, io::Error) {
        (self.inner, self.cause)
    }
}

impl<T> fmt::Display for AsyncFdRegisterError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl<T> fmt::Debug for AsyncFdRegisterError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.cause, f)
    }
}

impl<T> Error for AsyncFdRegisterError<T> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.cause)
    }
}

impl<T> From<AsyncFdRegisterError<T>> for io::Error {
    fn from(error: AsyncFdRegisterError<T>) -> Self {
        error.cause
    }
}

/// The operation would have blocked: the readiness is cleared, wait again.
///
/// ```
/// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
/// # use gumption_io::io::{Interest, unix::AsyncFd};
/// # let (reader, writer) = std::io::pipe()?;
/// // SAFETY: the writer owns its descriptor, and nobody replaces it.
/// let writer = unsafe { AsyncFd::register_with_interest(writer, Interest::WRITABLE) }?;
/// let mut guard = writer.writable().await?;
/// let result = guard.try_io(|_| Err::<(), _>(std::io::ErrorKind::WouldBlock.into()));
/// assert!(result.is_err());
/// # drop(reader);
/// # Ok(()) }) }
/// ```
#[derive(Debug)]
pub struct TryIoError(pub(super) ());
