//! [`Builder`]: a task with a name, or with labels.
//!
//! A name is for people: dumps and lists of tasks show it beside the place of the spawn. It is kept outside the task's
//! record (`names.rs`), so that a task without one pays nothing for it; one with a name pays a lock and an entry in a map when it
//! is spawned, and again when its record is freed. Labels ([`labels`]) are kept in the same manner; unlike
//! the name they are inherited by what the task spawns.
//!
//! The functions are those that spawn without a name, and return what those return, in an `io::Result`: tokio's signature.

use super::{JoinHandle, LocalSet, Task, labels};
use crate::runtime::Handle;
use std::future::Future;
use std::io;
use std::panic::Location;

/// What a spawner hangs on a task before anybody else has it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tags<'a> {
    name: Option<&'a str>,
    labels: Option<labels::Set>,
}

impl Tags<'_> {
    /// Hangs them on a task that was just made and that nobody may run yet.
    #[cold]
    pub(crate) fn put_on(&self, task: &Task) {
        if let Some(name) = self.name {
            task.set_name(name);
        }
        if let Some(labels) = &self.labels {
            labels::add(task, labels);
        }
    }
}

/// Spawns a task that has a name, or labels.
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
#[derive(Clone, Debug, Default)]
#[must_use = "builders do nothing unless used to spawn a task"]
pub struct Builder<'a> {
    tags: Tags<'a>,
}

impl<'a> Builder<'a> {
    /// A task without a name.
    pub fn new() -> Self {
        Self::default()
    }

    /// What the task is called where tasks are listed. Names need not be unique.
    pub fn name(&self, name: &'a str) -> Self {
        Self { tags: Tags { name: Some(name), ..self.tags.clone() } }
    }

    /// A label of the task, on top of those that it inherits from the task that spawns it; see [`labels`].
    ///
    /// ```
    /// # let runtime = gumption_core::runtime::Builder::<gumption_core::driver::ThreadDriver>::new_current_thread().build()?;
    /// # runtime.block_on(async {
    /// use gumption_core::task::{Builder, labels};
    /// let task = Builder::new().label("tenant", "acme").label("shard", "7").spawn(async { labels::current() })?;
    /// assert_eq!(task.await.unwrap().unwrap().to_string(), r#"shard="7", tenant="acme""#);
    /// # Ok::<(), std::io::Error>(())
    /// # })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn label(&self, key: &str, value: &str) -> Self {
        let labels = self.tags.labels.clone().unwrap_or_default().with(key, value.into());
        Self { tags: Tags { labels: Some(labels), ..self.tags.clone() } }
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
        Ok(crate::spawn::spawn_tagged(future, Some(&self.tags), Location::caller()))
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
        Ok(handle.scheduler().spawn_tagged(future, Some(&self.tags), Location::caller()))
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
        Ok(super::spawn_local::spawn_tagged(future, Some(&self.tags), Location::caller()))
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
        Ok(local_set.spawn_tagged(future, Some(&self.tags), Location::caller()))
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
        handle.try_spawn_blocking_tagged(f, Some(&self.tags), Location::caller())
    }
}
