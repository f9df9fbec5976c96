//! [`Lease`]: a closure's hold on a file's descriptor, and [`Owner`], which can wait until it is the only one left.
//!
//! A closure goes on when its future is dropped, so a file may be given up by its user while closures still hold its descriptor.
//! `into_std` must hand the descriptor over by itself and cannot fail, so it waits until the last lease has ended.
//!
//! ```text
//! lease ends:  give up the reference;  take the waker (lock)
//! owner waits: leave the waker (lock); look whether it is alone; else Pending
//! ```
//!
//! The invariant: an owner that waits is woken by the last lease to end. Whichever of the two critical sections comes first,
//! either the owner sees the reference given up, or the lease finds the waker. No lock is held while a waker is called.

use gumption_core::sync::Mutex;
use std::fs::File as StdFile;
use std::ops::Deref;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// The waker of an owner that waits to be alone.
type Waiting = Arc<Mutex<Option<Waker>>>;

/// What a [`File`](super::File) has of its descriptor.
pub(super) struct Owner {
    file: Arc<StdFile>,
    waiting: Waiting,
}

/// What a closure has of it.
pub(super) struct Lease {
    /// `None` only while it is dropped.
    file: Option<Arc<StdFile>>,
    waiting: Waiting,
}

impl Owner {
    pub(super) fn new(file: StdFile) -> Self {
        Self { file: Arc::new(file), waiting: Arc::new(Mutex::new(None)) }
    }

    pub(super) fn lease(&self) -> Lease {
        Lease { file: Some(self.file.clone()), waiting: self.waiting.clone() }
    }

    /// The file, if there is no lease.
    pub(super) fn into_inner(self) -> Result<StdFile, Self> {
        Arc::try_unwrap(self.file).map_err(|file| Self { file, waiting: self.waiting })
    }

    /// Ready when there is no lease. The last waker is woken.
    pub(super) fn poll_alone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // Foreign code is called before and after the lock, not under it.
        let new = cx.waker().clone();
        let _old = self.waiting.lock().replace(new);
        if Arc::get_mut(&mut self.file).is_some() { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Deref for Owner {
    type Target = StdFile;

    fn deref(&self) -> &StdFile {
        &self.file
    }
}

impl Deref for Lease {
    type Target = StdFile;

    fn deref(&self) -> &StdFile {
        match &self.file {
            Some(file) => file,
            None => unreachable!("a lease was used after its end"),
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.file = None;
        let waker = self.waiting.lock().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
