//! [`Builder`]: a task with a name.
//!
//! A name is for people: dumps and lists of tasks show it beside the place of the spawn. It is kept outside the task's
//! record (`names.rs`), so that a task without one pays nothing for it; one with a name pays a lock and an entry in a map when it
//! is spawned, and again when its record is freed.
//!
//! The functions are those that spawn without a name, and return what those return, in an `io::Result`: tokio's signature.

use super::{JoinHandle, LocalSet};
use crate::runtime::Handle;
use std::future::Future;
use std::io;
use std::panic::Location;

/// Spawns a task that has a name.
///
/// ```
/// # let runtime = gumption_core::runtime::Builder::<gumption_core::driver::ThreadDriver>::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let named = gumption_core::task::Builder::new().name("answer").spawn(async { 42 })?;
/// assert_eq!(named.await.unwrap(), 42);
/// # Ok::<(), std::io::Error>(())
/// # })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[must_use = "builders do nothing unless used to spawn a task"]
pub struct Builder<'a> {
    name: Option<&'a str>,
}

impl<'a> Builder<'a> {
    /// A task without a name.
    pub fn new() -> Self {
        Self::default()
    }

    /// What the task is called where tasks are listed. Names need not be unique.
    pub fn name(&self, name: &'a str) -> Self {
        Self { name: Some(name) }
    }

    /// Spawns the task on the runtime of this thread.
    ///
    /// # Errors
    ///
    /// None today; tokio's signature.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> io::Result<JoinHandle<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Ok(crate::spawn::spawn_named(future, self.name, Location::caller()))
    }

    /// Spawns the task on the given runtime.
    ///
    /// # Errors
    ///
    /// None today; tokio's signature.
    #[track_caller]
    pub fn spawn_on<F>(self, future: F, handle: &Handle) -> io::Result<JoinHandle<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Ok(handle.scheduler().spawn_named(future, self.name, Location::caller()))
    }

    /// Spawns the task on the [`LocalSet`] or local runtime of this thread.
    ///
    /// # Errors
    ///
    /// None today; tokio's signature.
    ///
    /// # Panics
    ///
    /// Outside both.
    #[track_caller]
    pub fn spawn_local<F>(self, future: F) -> io::Result<JoinHandle<F::Output>>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        Ok(super::spawn_local::spawn_named(future, self.name, Location::caller()))
    }

    /// Spawns the task on the given [`LocalSet`].
    ///
    /// # Errors
    ///
    /// None today; tokio's signature.
    #[track_caller]
    pub fn spawn_local_on<F>(self, future: F, local_set: &LocalSet) -> io::Result<JoinHandle<F::Output>>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        Ok(local_set.spawn_named(future, self.name, Location::caller()))
    }

    /// Runs a closure that blocks on the blocking pool of this thread's runtime.
    ///
    /// # Errors
    ///
    /// If the runtime is shut down, or the operating system refuses the pool's first thread.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn spawn_blocking<F, R>(self, f: F) -> io::Result<JoinHandle<R>>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.spawn_blocking_on(f, &Handle::current())
    }

    /// Runs a closure that blocks on the blocking pool of the given runtime.
    ///
    /// # Errors
    ///
    /// If the runtime is shut down, or the operating system refuses the pool's first thread.
    #[track_caller]
    pub fn spawn_blocking_on<F, R>(self, f: F, handle: &Handle) -> io::Result<JoinHandle<R>>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        handle.try_spawn_blocking_named(f, self.name, Location::caller())
    }
}
