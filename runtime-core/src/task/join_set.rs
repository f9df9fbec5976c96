//! [`JoinSet`]: tasks that are spawned together, and joined in the order in which they end.
//!
//! The set keeps a join handle for each task that was not joined yet, each in a numbered place. A task that ends tells its
//! number (`finished.rs`); whoever joins takes the numbers and looks only at those places. So the cost of a join does not
//! depend on how many tasks still run, and a set that has grown to its size allocates nothing for a spawn.
//!
//! What is dropped with a set is aborted; [`detach_all`](JoinSet::detach_all) lets the tasks go on instead. The set is the
//! one owner of its handles: nobody else can join its tasks, and an [`AbortHandle`] cannot take one out of it.
//!
//! A task that waits here waits for [`Join`](WaitReason::Join), with resource 0: for several tasks.
//!
//! Models: `loom-tests/tests/join_set.rs`.

use super::finished::Finished;
use super::{AbortHandle, Id, JoinError, JoinHandle, LocalSet};
use crate::coop;
use crate::runtime::Handle;
use crate::wait::{WaitReason, blocked_on};
use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

/// A collection of tasks that all return a `T`.
///
/// ```
/// # let runtime = gumption_core::runtime::Builder::<gumption_core::driver::ThreadDriver>::new_current_thread().build()?;
/// # runtime.block_on(async {
/// use gumption_core::task::JoinSet;
///
/// let mut set = JoinSet::new();
/// for i in 0..10 {
///     set.spawn(async move { i * i });
/// }
/// let mut sum = 0;
/// while let Some(joined) = set.join_next().await {
///     sum += joined.expect("no task panics or is aborted");
/// }
/// assert_eq!(sum, 285);
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct JoinSet<T> {
    finished: Arc<Finished>,
    /// Places of which was told and that nobody has looked at yet, the first to end first.
    told: VecDeque<u32>,
    places: Vec<Place<T>>,
    /// The first of the free places.
    free: Option<u32>,
    len: usize,
}

struct Place<T> {
    waker: Waker,
    holds: Holds<T>,
}

enum Holds<T> {
    Task(JoinHandle<T>),
    /// Nothing; the next free place.
    Free(Option<u32>),
}

impl<T> JoinSet<T> {
    /// A set of no tasks.
    pub fn new() -> Self {
        Self { finished: Arc::default(), told: VecDeque::new(), places: Vec::new(), free: None, len: 0 }
    }

    /// How many tasks are in the set: running ones, and ended ones that were not joined yet.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no task is in the set.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn handles(&self) -> impl Iterator<Item = &JoinHandle<T>> {
        self.places.iter().filter_map(|place| match &place.holds {
            Holds::Task(handle) => Some(handle),
            Holds::Free(_) => None,
        })
    }

    /// Lets go of all handles; the places stay for further tasks.
    fn empty(&mut self, mut each: impl FnMut(JoinHandle<T>)) {
        self.told.clear();
        for number in 0..self.places.len() {
            if let Some(handle) = self.remove(number as u32) {
                each(handle);
            }
        }
    }

    fn remove(&mut self, number: u32) -> Option<JoinHandle<T>> {
        let place = &mut self.places[number as usize];
        if let Holds::Free(_) = place.holds {
            return None;
        }
        let before = std::mem::replace(&mut place.holds, Holds::Free(self.free));
        self.free = Some(number);
        self.len -= 1;
        match before {
            Holds::Task(handle) => Some(handle),
            Holds::Free(_) => None,
        }
    }
}

impl<T: 'static> JoinSet<T> {
    /// Prepares a task with a name.
    pub fn build_task(&mut self) -> Builder<'_, T> {
        Builder { set: self, builder: super::Builder::new() }
    }

    /// Spawns a task on the runtime of this thread, as [`spawn`](crate::spawn).
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn spawn<F>(&mut self, task: F) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        self.insert(crate::spawn(task))
    }

    /// Spawns a task on the given runtime.
    #[track_caller]
    pub fn spawn_on<F>(&mut self, task: F, handle: &Handle) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        self.insert(handle.spawn(task))
    }

    /// Spawns a task on the [`LocalSet`] or local runtime of this thread, as [`spawn_local`](super::spawn_local).
    ///
    /// # Panics
    ///
    /// Outside both.
    #[track_caller]
    pub fn spawn_local<F>(&mut self, task: F) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        self.insert(super::spawn_local(task))
    }

    /// Spawns a task on the given [`LocalSet`].
    #[track_caller]
    pub fn spawn_local_on<F>(&mut self, task: F, local_set: &LocalSet) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        self.insert(local_set.spawn_local(task))
    }

    /// Runs a closure that blocks on the blocking pool of this thread's runtime. One that has begun cannot be aborted.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn spawn_blocking<F>(&mut self, f: F) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        self.insert(crate::spawn_blocking(f))
    }

    /// Runs a closure that blocks on the blocking pool of the given runtime. One that has begun cannot be aborted.
    #[track_caller]
    pub fn spawn_blocking_on<F>(&mut self, f: F, handle: &Handle) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        self.insert(handle.spawn_blocking(f))
    }

    /// Takes over the handle of a task that was spawned by itself: for the models.
    #[doc(hidden)]
    pub fn insert(&mut self, mut handle: JoinHandle<T>) -> AbortHandle {
        let abort = handle.abort_handle();
        let number = match self.free {
            Some(number) => number,
            None => {
                let number = u32::try_from(self.places.len()).expect("a set holds at most 2^32 tasks");
                self.places.push(Place { waker: self.finished.waker(number), holds: Holds::Free(None) });
                number
            }
        };
        let place = &mut self.places[number as usize];
        handle.set_join_waker(&place.waker);
        if let Holds::Free(next) = std::mem::replace(&mut place.holds, Holds::Task(handle)) {
            self.free = next;
        }
        self.len += 1;
        abort
    }

    /// The result of a task that has ended, in the order in which they do; waits for one. `None` if the set is empty.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is taken out of the set before it is returned.
    pub async fn join_next(&mut self) -> Option<Result<T, JoinError>> {
        poll_fn(|cx| self.poll_join_next(cx)).await
    }

    /// [`join_next`](Self::join_next), with the task's id. That of a task without an output is in the [`JoinError`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe, as `join_next`.
    pub async fn join_next_with_id(&mut self) -> Option<Result<(Id, T), JoinError>> {
        poll_fn(|cx| self.poll_join_next_with_id(cx)).await
    }

    /// The result of a task that has ended, if one has.
    pub fn try_join_next(&mut self) -> Option<Result<T, JoinError>> {
        self.try_join_next_with_id().map(|joined| joined.map(|(_, output)| output))
    }

    /// [`try_join_next`](Self::try_join_next), with the task's id.
    pub fn try_join_next_with_id(&mut self) -> Option<Result<(Id, T), JoinError>> {
        if self.told.is_empty() {
            self.finished.take(&mut self.told);
        }
        while let Some(number) = self.told.pop_front() {
            if let Some(joined) = self.join(number) {
                return Some(joined);
            }
        }
        None
    }

    /// Polls for the result of a task that has ended.
    ///
    /// `Pending` if none has: the waker is woken when one does; of several calls only that of the last. `Ready(None)` if
    /// the set is empty.
    pub fn poll_join_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, JoinError>>> {
        let joined = ready!(self.poll_join_next_with_id(cx));
        Poll::Ready(joined.map(|joined| joined.map(|(_, output)| output)))
    }

    /// [`poll_join_next`](Self::poll_join_next), with the task's id.
    pub fn poll_join_next_with_id(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<(Id, T), JoinError>>> {
        loop {
            if self.is_empty() {
                return Poll::Ready(None);
            }
            if self.told.is_empty() && !self.finished.take_or_wait(cx.waker(), &mut self.told) {
                blocked_on(WaitReason::Join, 0);
                return Poll::Pending;
            }
            // Before the number is taken: a forced yield takes nothing.
            let step = ready!(coop::poll_proceed(cx));
            while let Some(number) = self.told.pop_front() {
                if let Some(joined) = self.join(number) {
                    step.made_progress();
                    return Poll::Ready(Some(joined));
                }
            }
        }
    }

    /// Takes the task out of a place if it has ended.
    fn join(&mut self, number: u32) -> Option<Result<(Id, T), JoinError>> {
        let Holds::Task(handle) = &mut self.places[number as usize].holds else { return None };
        let joined = handle.take_finished()?;
        let id = handle.id();
        drop(self.remove(number));
        Some(joined.map(|output| (id, output)))
    }

    /// Aborts all tasks, and waits until each has ended.
    pub async fn shutdown(&mut self) {
        self.abort_all();
        while self.join_next().await.is_some() {}
    }

    /// Waits for all tasks: their outputs, in the order in which they ended.
    ///
    /// Dropping the future aborts the tasks.
    ///
    /// # Panics
    ///
    /// If a task panicked, with its panic, or was aborted. The others are aborted then.
    pub async fn join_all(mut self) -> Vec<T> {
        let mut outputs = Vec::with_capacity(self.len());
        while let Some(joined) = self.join_next().await {
            match joined {
                Ok(output) => outputs.push(output),
                Err(error) => match error.try_into_panic() {
                    Ok(payload) => resume_unwind(payload),
                    Err(error) => panic!("{error}"),
                },
            }
        }
        outputs
    }

    /// Aborts all tasks. They stay in the set, to be joined: as cancelled, or with an output if they were faster.
    pub fn abort_all(&mut self) {
        self.handles().for_each(JoinHandle::abort);
    }

    /// Takes all tasks out of the set, and lets them run on.
    pub fn detach_all(&mut self) {
        self.empty(drop);
    }
}

impl<T> Drop for JoinSet<T> {
    /// Aborts the tasks.
    fn drop(&mut self) {
        self.empty(|handle| handle.abort());
    }
}

impl<T> fmt::Debug for JoinSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinSet").field("len", &self.len()).finish()
    }
}

impl<T> Default for JoinSet<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// Spawns each future of an iterator.
///
/// # Panics
///
/// Outside a runtime.
impl<T, F> FromIterator<F> for JoinSet<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    #[track_caller]
    fn from_iter<I: IntoIterator<Item = F>>(futures: I) -> Self {
        let mut set = Self::new();
        set.extend(futures);
        set
    }
}

/// Spawns each future of an iterator.
///
/// # Panics
///
/// Outside a runtime.
impl<T, F> Extend<F> for JoinSet<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    #[track_caller]
    fn extend<I: IntoIterator<Item = F>>(&mut self, futures: I) {
        for future in futures {
            self.spawn(future);
        }
    }
}

/// A task to be spawned into a [`JoinSet`]. Made by [`JoinSet::build_task`].
#[must_use = "builders do nothing unless used to spawn a task"]
pub struct Builder<'a, T> {
    set: &'a mut JoinSet<T>,
    builder: super::Builder<'a>,
}

impl<'a, T: 'static> Builder<'a, T> {
    /// What the task is called where tasks are listed.
    pub fn name(self, name: &'a str) -> Self {
        Self { builder: self.builder.name(name), ..self }
    }

    /// [`JoinSet::spawn`].
    ///
    /// # Errors
    ///
    /// None today.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> io::Result<AbortHandle>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        Ok(self.set.insert(self.builder.spawn(future)?))
    }

    /// [`JoinSet::spawn_on`].
    ///
    /// # Errors
    ///
    /// None today.
    #[track_caller]
    pub fn spawn_on<F>(self, future: F, handle: &Handle) -> io::Result<AbortHandle>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        Ok(self.set.insert(self.builder.spawn_on(future, handle)?))
    }

    /// [`JoinSet::spawn_blocking`].
    ///
    /// # Errors
    ///
    /// As [`task::Builder::spawn_blocking`](super::Builder::spawn_blocking).
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn spawn_blocking<F>(self, f: F) -> io::Result<AbortHandle>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        Ok(self.set.insert(self.builder.spawn_blocking(f)?))
    }

    /// [`JoinSet::spawn_blocking_on`].
    ///
    /// # Errors
    ///
    /// As [`task::Builder::spawn_blocking_on`](super::Builder::spawn_blocking_on).
    #[track_caller]
    pub fn spawn_blocking_on<F>(self, f: F, handle: &Handle) -> io::Result<AbortHandle>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        Ok(self.set.insert(self.builder.spawn_blocking_on(f, handle)?))
    }

    /// [`JoinSet::spawn_local`].
    ///
    /// # Errors
    ///
    /// None today.
    ///
    /// # Panics
    ///
    /// Outside a [`LocalSet`] and a local runtime.
    #[track_caller]
    pub fn spawn_local<F>(self, future: F) -> io::Result<AbortHandle>
    where
        F: Future<Output = T> + 'static,
    {
        Ok(self.set.insert(self.builder.spawn_local(future)?))
    }

    /// [`JoinSet::spawn_local_on`].
    ///
    /// # Errors
    ///
    /// None today.
    #[track_caller]
    pub fn spawn_local_on<F>(self, future: F, local_set: &LocalSet) -> io::Result<AbortHandle>
    where
        F: Future<Output = T> + 'static,
    {
        Ok(self.set.insert(self.builder.spawn_local_on(future, local_set)?))
    }
}

impl<T> fmt::Debug for Builder<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("join_set::Builder").field("joinset", &self.set).field("builder", &self.builder).finish()
    }
}
