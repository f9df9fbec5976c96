//! The runtime as its user sees it: [`Builder`], [`Runtime`], [`Handle`].
//!
//! Names, signatures and semantics are tokio's where tokio has the thing. [`Runtime`] and [`Builder`] carry a type
//! parameter, the driver that idle machines sleep in: the core's own knows no io, and the façade `gumption` fills in the
//! netpoller, so a user never writes it.

mod block_on;
mod builder;
mod handle;
pub(crate) mod histogram;
pub(crate) mod hooks;
mod id;
mod local_runtime;
mod metrics;
mod seed;

pub use crate::config::{EventLimits, SpinLimit, SpinPolicy, StealPolicy, UnhandledPanic};
pub use crate::entered::EnterGuard;
#[doc(hidden)]
pub use crate::mains::MainRow;
pub use builder::Builder;
pub use handle::{Handle, TryCurrentError};
pub use histogram::{
    HistogramConfiguration, HistogramScale, InvalidHistogramConfiguration, LogHistogram, LogHistogramBuilder,
};
pub use hooks::TaskMeta;
pub(crate) use id::NOBODY;
pub use id::{Id, worker_index};
pub use local_runtime::{LocalOptions, LocalRuntime};
pub use metrics::RuntimeMetrics;
pub use seed::RngSeed;
pub(crate) use seed::Seeds;

use crate::driver::{Driver, Reactor, ThreadDriver};
use crate::running;
use crate::stats::SchedulerStats;
use crate::sync::Arc;
use crate::task::JoinHandle;
use crate::texts;
use std::any::Any;
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::time::Duration;

/// Makes the drivers of a runtime.
pub trait MakeDriver {
    /// New drivers: at most so many as asked for, and one at least. They share the reactor of the first, and take as many
    /// events at a time as `limits` says.
    ///
    /// # Errors
    ///
    /// What the operating system says when it refuses a poller.
    fn make(pollers: usize, limits: EventLimits) -> io::Result<Vec<Box<dyn Driver>>>;

    /// A runtime has been built on such drivers, and nobody has it yet: the place for who wants to look at it from the
    /// beginning.
    ///
    /// # Errors
    ///
    /// Its own. The runtime is shut down, and the error is what the builder returns.
    fn built(handle: &Handle) -> io::Result<()> {
        let _ = handle;
        Ok(())
    }
}

impl MakeDriver for ThreadDriver {
    /// One: it has no sources that could be apart.
    fn make(_: usize, _: EventLimits) -> io::Result<Vec<Box<dyn Driver>>> {
        Ok(vec![Box::new(ThreadDriver::new())])
    }
}

/// Which threads run tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RuntimeFlavor {
    /// Whoever calls `block_on`.
    CurrentThread,
    /// Threads of the runtime.
    MultiThread,
}

/// A scheduler with its machines. Dropping it drops every task, each once, and waits for the machines to end.
///
/// ```
/// use gumption_core::runtime::Runtime;
///
/// let runtime: Runtime = Runtime::new()?;
/// let answer = runtime.block_on(async { gumption_core::spawn(async { 6 * 7 }).await });
/// assert_eq!(answer.unwrap(), 42);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Runtime<D = ThreadDriver> {
    handle: Handle,
    _driver: PhantomData<fn() -> D>,
}

impl<D> fmt::Debug for Runtime<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").field("handle", &self.handle).finish()
    }
}

impl<D: MakeDriver> Runtime<D> {
    /// A multi-thread runtime with the defaults of [`Builder`].
    ///
    /// # Errors
    ///
    /// What the operating system says when it refuses a thread or a poller.
    pub fn new() -> io::Result<Self> {
        Builder::<D>::new_multi_thread().enable_all().build()
    }
}

impl<D> Runtime<D> {
    fn from_handle(handle: Handle) -> Self {
        Self { handle, _driver: PhantomData }
    }

    /// The handle: clone it to reach the runtime from elsewhere.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Makes this the runtime of `spawn`, `sleep` and the like on this thread until the guard is dropped.
    pub fn enter(&self) -> EnterGuard<'_> {
        self.handle.enter()
    }

    /// Spawns a task.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle.spawn(future)
    }

    /// Runs a closure that blocks on a thread of the blocking pool.
    #[track_caller]
    pub fn spawn_blocking<F, R>(&self, f: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.handle.spawn_blocking(f)
    }

    /// Runs a future to its end on this thread. On a current-thread runtime the caller also runs the tasks meanwhile.
    ///
    /// The future is no task: it has no [`task::id`](crate::task::id) and is not counted. Dumps show it, by where this was called.
    ///
    /// # Panics
    ///
    /// If the future panics, and when it is called from inside a runtime, whose thread it would block.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.handle.block_on_here(future)
    }

    /// Every counter and gauge, now; about a microsecond per processor, and nothing is stopped or woken.
    pub fn stats(&self) -> SchedulerStats {
        self.handle.stats()
    }

    /// The counters under tokio's names.
    pub fn metrics(&self) -> RuntimeMetrics {
        self.handle.metrics()
    }

    /// Ends the runtime: waits at most `limit` for the machines and for closures that block.
    ///
    /// # Panics
    ///
    /// On a thread that drives tasks, unless `limit` is zero; the runtime then ends by itself.
    #[track_caller]
    pub fn shutdown_timeout(self, limit: Duration) {
        self.handle.shut_down(Some(limit));
    }

    /// Ends the runtime without waiting for anything; allowed inside tasks.
    pub fn shutdown_background(self) {
        self.shutdown_timeout(Duration::ZERO);
    }
}

// A future's panic leaves a runtime as it was: what tasks share with it is behind its own protocols.
impl<D> std::panic::UnwindSafe for Runtime<D> {}
impl<D> std::panic::RefUnwindSafe for Runtime<D> {}

/// The runtimes of this process that are not over, in the order in which they were built: for observers that nobody handed a
/// handle to. One that is being shut down is among them until its last thread has ended.
///
/// ```
/// # use gumption_core::runtime::{self, Runtime};
/// let runtime: Runtime = Runtime::new()?;
/// assert!(runtime::running().iter().any(|handle| handle.id() == runtime.handle().id()));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn running() -> Vec<Handle> {
    running::running().into_iter().map(Handle::from).collect()
}

/// Whether an error says that the runtime of a socket or a file was shut down.
///
/// ```
/// let other = std::io::Error::other("some other error");
/// assert!(!gumption_core::runtime::is_rt_shutdown_err(&other));
/// ```
pub fn is_rt_shutdown_err(error: &io::Error) -> bool {
    let inner = error.get_ref();
    error.kind() == io::ErrorKind::Other
        && inner.is_some_and(|inner| inner.source().is_none() && inner.to_string() == texts::SHUT_DOWN)
}

impl<D> Drop for Runtime<D> {
    /// # Panics
    ///
    /// On a thread that drives tasks, which must not wait; the runtime then ends by itself. In there use
    /// [`shutdown_background`](Self::shutdown_background).
    #[track_caller]
    fn drop(&mut self) {
        self.handle.shut_down(None);
    }
}

/// The reactor of the runtime that this thread is in: what a socket registers with.
///
/// # Errors
///
/// Outside a runtime, and in a runtime whose driver has another kind of reactor or none.
pub fn reactor<R: Reactor>() -> Result<std::sync::Arc<R>, ReactorError> {
    let reactor = crate::entered::current(|scheduler| {
        let scheduler = scheduler.ok_or(ReactorError::NoRuntime)?;
        if scheduler.config.enable_io { Ok(scheduler.seat.reactor().clone()) } else { Err(ReactorError::NoIo) }
    });
    let any: std::sync::Arc<dyn Any + Send + Sync> = reactor?;
    any.downcast().map_err(|_other| ReactorError::NoIo)
}

/// Tells the runtime of this thread that something was registered with one of its polls, or moved there (see [`reactor`]):
/// that is turned from here on, even if every machine sleeps, or there is none yet.
pub fn source_registered(poller: usize) {
    crate::entered::current(|scheduler| {
        if let Some(scheduler) = scheduler {
            scheduler.source_registered(poller);
        }
    });
}

/// The poll of the processor that this thread runs tasks on, if it is one of the runtime whose reactor this is.
pub fn current_poller<R: Reactor>(reactor: &R) -> Option<usize> {
    crate::context::owner(|owner| {
        let (scheduler, p) = owner?;
        let ours = std::ptr::addr_eq(std::sync::Arc::as_ptr(scheduler.seat.reactor()), reactor);
        ours.then(|| scheduler.seat.index_of(p.id))
    })
}

/// Why there is no reactor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReactorError {
    /// This thread is in no runtime.
    NoRuntime,
    /// Its runtime was built without io, or on a driver that has none.
    NoIo,
}

impl fmt::Display for ReactorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRuntime => texts::NO_RUNTIME,
            Self::NoIo => texts::NO_IO,
        })
    }
}

impl std::error::Error for ReactorError {}

/// Another name for what all handles share.
pub(crate) type Shared = Arc<crate::scheduler::Scheduler>;
