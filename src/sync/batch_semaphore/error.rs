//! [`AcquireError`] and [`TryAcquireError`]: why there are no permits.
//!
//! A word says it of itself (`word.rs`), a turn that was waited for in vain comes to it (`acquire.rs`), and the public semaphore
//! hands both on as they are. Their texts are tokio's.

use std::fmt;

/// A semaphore was closed, so that nobody gets permits of it any more.
///
/// The error of [`Semaphore::acquire`](super::super::Semaphore::acquire) and its kin.
#[derive(Debug)]
pub struct AcquireError(pub(super) ());

/// Permits could not be taken at once.
///
/// The error of [`Semaphore::try_acquire`](super::super::Semaphore::try_acquire) and its kin.
#[derive(Debug, PartialEq, Eq)]
pub enum TryAcquireError {
    /// The semaphore is closed.
    Closed,
    /// Too few permits are free.
    NoPermits,
}

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("semaphore closed")
    }
}

impl std::error::Error for AcquireError {}

impl fmt::Display for TryAcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "semaphore closed",
            Self::NoPermits => "no permits available",
        })
    }
}

impl std::error::Error for TryAcquireError {}
