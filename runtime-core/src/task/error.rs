//! [`JoinError`]: why a task has no output.
//!
//! Two reasons only: it was aborted (by a handle, or by the end of its runtime) before it returned, or it panicked. Both are
//! values for whoever joins; a panic never crosses into the machine that ran the task. Shapes and texts are tokio's, which
//! programs match on.

use super::Id;
use std::any::Any;
use std::{fmt, io};

type Payload = Box<dyn Any + Send + 'static>;

/// Why a task has no output.
pub struct JoinError {
    reason: Reason,
    id: Id,
}

enum Reason {
    Cancelled,
    Panic(Unshared),
}

/// A payload that is only reached by value, or for a downcast to a `Sync` type.
struct Unshared(Payload);

// SAFETY: a shared `Unshared` gives access to nothing but a `String` or a `&'static str` inside, both `Sync`.
unsafe impl Sync for Unshared {}

impl Unshared {
    fn text(&self) -> Option<&str> {
        let payload = &*self.0;
        payload.downcast_ref::<String>().map(String::as_str).or_else(|| payload.downcast_ref::<&'static str>().copied())
    }
}

impl JoinError {
    pub(super) fn cancelled(id: Id) -> Self {
        Self { reason: Reason::Cancelled, id }
    }

    pub(super) fn panic(id: Id, payload: Payload) -> Self {
        Self { reason: Reason::Panic(Unshared(payload)), id }
    }

    /// Whether the task was aborted.
    pub fn is_cancelled(&self) -> bool {
        matches!(self.reason, Reason::Cancelled)
    }

    /// Whether the task panicked.
    pub fn is_panic(&self) -> bool {
        matches!(self.reason, Reason::Panic(_))
    }

    /// The panic's payload, for [`std::panic::resume_unwind`].
    ///
    /// # Panics
    /// When the task did not panic.
    #[track_caller]
    pub fn into_panic(self) -> Box<dyn Any + Send + 'static> {
        self.try_into_panic().expect("`JoinError` reason is not a panic.")
    }

    /// The panic's payload, or the error itself when the task did not panic.
    pub fn try_into_panic(self) -> Result<Box<dyn Any + Send + 'static>, Self> {
        match self.reason {
            Reason::Panic(payload) => Ok(payload.0),
            Reason::Cancelled => Err(self),
        }
    }

    /// The task's id.
    pub fn id(&self) -> Id {
        self.id
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Reason::Cancelled => write!(f, "task {} was cancelled", self.id),
            Reason::Panic(payload) => match payload.text() {
                Some(text) => write!(f, "task {} panicked with message {text:?}", self.id),
                None => write!(f, "task {} panicked", self.id),
            },
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Reason::Cancelled => write!(f, "JoinError::Cancelled({:?})", self.id),
            Reason::Panic(payload) => match payload.text() {
                Some(text) => write!(f, "JoinError::Panic({:?}, {text:?}, ...)", self.id),
                None => write!(f, "JoinError::Panic({:?}, ...)", self.id),
            },
        }
    }
}

impl std::error::Error for JoinError {}

impl From<JoinError> for io::Error {
    fn from(error: JoinError) -> Self {
        Self::other(match error.reason {
            Reason::Cancelled => "task was cancelled",
            Reason::Panic(_) => "task panicked",
        })
    }
}
