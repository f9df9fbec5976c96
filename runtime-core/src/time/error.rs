//! What can go wrong with time: a deadline passes.
//!
//! [`Elapsed`] is what a [`Timeout`](super::Timeout) ends with. [`Error`] is the type of tokio's timer errors, with its
//! constructors and questions, so that code which names it compiles; nothing here returns one: a heap has no capacity limit,
//! every deadline can be armed, and a runtime that has shut down is not something that a sleeping task can handle, so that
//! one panics.
//!
//! Invariant: an `Elapsed` is made by `Timeout` and by nothing else.

use std::fmt;
use std::io;

/// What a timer can fail with.
///
/// ```
/// use gumption_core::time::error::Error;
///
/// let error = Error::at_capacity();
/// assert!(error.is_at_capacity() && !error.is_shutdown() && !error.is_invalid());
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Error(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Shutdown,
    AtCapacity,
    Invalid,
}

impl Error {
    /// The runtime has shut down.
    pub fn shutdown() -> Self {
        Self(Kind::Shutdown)
    }

    /// Whether the runtime has shut down.
    pub fn is_shutdown(&self) -> bool {
        self.0 == Kind::Shutdown
    }

    /// There is no room for another timer.
    pub fn at_capacity() -> Self {
        Self(Kind::AtCapacity)
    }

    /// Whether there was no room for another timer.
    pub fn is_at_capacity(&self) -> bool {
        self.0 == Kind::AtCapacity
    }

    /// The deadline is too far off.
    pub fn invalid() -> Self {
        Self(Kind::Invalid)
    }

    /// Whether the deadline was too far off.
    pub fn is_invalid(&self) -> bool {
        self.0 == Kind::Invalid
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Shutdown => "the timer is shut down: its runtime has ended",
            Kind::AtCapacity => "the timer is at capacity and cannot take another entry",
            Kind::Invalid => "the timer's duration exceeds the longest possible",
        })
    }
}

impl std::error::Error for Error {}

/// The deadline of a [`Timeout`](super::Timeout) came before its future was ready.
///
/// ```
/// use gumption_core::runtime::Runtime;
/// use gumption_core::time::{Duration, timeout};
///
/// let runtime: Runtime = Runtime::new()?;
/// let never = std::future::pending::<()>();
/// let elapsed = runtime.block_on(async { timeout(Duration::from_millis(1), never).await }).unwrap_err();
/// assert_eq!(elapsed.to_string(), "deadline has elapsed");
/// assert_eq!(std::io::Error::from(elapsed).kind(), std::io::ErrorKind::TimedOut);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct Elapsed(());

impl Elapsed {
    pub(super) fn new() -> Self {
        Self(())
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("deadline has elapsed")
    }
}

impl std::error::Error for Elapsed {}

impl From<Elapsed> for io::Error {
    fn from(_: Elapsed) -> Self {
        io::ErrorKind::TimedOut.into()
    }
}
