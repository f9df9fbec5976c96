//! [`LocalRuntime`]: a runtime of one thread that stays there, so that its tasks need not be `Send`.
//!
//! It is a current-thread [`Runtime`] that cannot be moved to another thread or shared with one. All that runs or drops tasks
//! of a current-thread runtime is whoever calls `block_on` of the runtime itself, and whoever ends it; both need the
//! `LocalRuntime`, and that stays here. Its [`Handle`]s may go anywhere: through them other threads spawn futures that are `Send`,
//! and block on futures beside the runtime.
//!
//! Unlike in a [`LocalSet`](crate::task::LocalSet), local tasks are tasks like all others: the same queue, counters and lists.

use super::{Builder, EnterGuard, Handle, MakeDriver, Runtime, RuntimeMetrics};
use crate::driver::ThreadDriver;
use crate::stats::SchedulerStats;
use crate::task::JoinHandle;
use std::fmt;
use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::time::Duration;

/// What there is to choose for a [`LocalRuntime`]: nothing yet.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct LocalOptions {
    _this_thread: PhantomData<*mut u8>,
}

/// A runtime that stays on the thread that built it.
///
/// ```
/// use gumption_core::runtime::LocalRuntime;
/// use gumption_core::task::spawn_local;
/// use std::rc::Rc;
///
/// let runtime: LocalRuntime = LocalRuntime::new()?;
/// let length = runtime.block_on(async {
///     let name = Rc::new("local");
///     spawn_local(async move { name.len() }).await
/// });
/// assert_eq!(length.unwrap(), 5);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct LocalRuntime<D = ThreadDriver> {
    runtime: Runtime<D>,
    _this_thread: PhantomData<*mut u8>,
}

impl<D> UnwindSafe for LocalRuntime<D> {}
impl<D> RefUnwindSafe for LocalRuntime<D> {}

impl<D: MakeDriver> LocalRuntime<D> {
    /// A runtime with the defaults of [`Builder`].
    ///
    /// # Errors
    ///
    /// What the operating system says when it refuses a poller.
    pub fn new() -> io::Result<Self> {
        Builder::<D>::new_current_thread().enable_all().build_local(LocalOptions::default())
    }
}

impl<D> LocalRuntime<D> {
    /// `runtime` was built to be local to this thread.
    pub(super) fn new_on_this_thread(runtime: Runtime<D>) -> Self {
        Self { runtime, _this_thread: PhantomData }
    }

    /// The handle: clone it to reach the runtime from elsewhere.
    pub fn handle(&self) -> &Handle {
        self.runtime.handle()
    }

    /// Makes this the runtime of `spawn`, `spawn_local`, `sleep` and the like on this thread until the guard is dropped.
    pub fn enter(&self) -> EnterGuard<'_> {
        self.runtime.enter()
    }

    /// Spawns a task that stays on this thread. It runs inside [`block_on`](Self::block_on).
    #[track_caller]
    pub fn spawn_local<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let scheduler = self.handle().scheduler();
        // SAFETY: this stays on the thread that it was built on, to which its scheduler is local.
        unsafe { scheduler.spawn_on_its_thread(future, None, Location::caller()) }
    }

    /// Runs a closure that blocks on a thread of the blocking pool.
    #[track_caller]
    pub fn spawn_blocking<F, R>(&self, f: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.runtime.spawn_blocking(f)
    }

    /// Runs a future to its end on this thread, and the tasks meanwhile.
    ///
    /// # Panics
    ///
    /// If the future panics, and when it is called from inside a runtime, whose thread it would block.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// Every counter and gauge, now; about a microsecond, and nothing is stopped or woken.
    pub fn stats(&self) -> SchedulerStats {
        self.runtime.stats()
    }

    /// The counters under tokio's names.
    pub fn metrics(&self) -> RuntimeMetrics {
        self.handle().metrics()
    }

    /// Ends the runtime: drops the tasks, and waits at most `limit` for closures that block.
    ///
    /// # Panics
    ///
    /// As [`Runtime::shutdown_timeout`].
    #[track_caller]
    pub fn shutdown_timeout(self, limit: Duration) {
        self.runtime.shutdown_timeout(limit);
    }

    /// Ends the runtime without waiting for anything.
    pub fn shutdown_background(self) {
        self.runtime.shutdown_background();
    }
}

impl<D> fmt::Debug for LocalRuntime<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalRuntime").field("handle", self.handle()).finish()
    }
}
