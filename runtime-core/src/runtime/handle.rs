//! [`Handle`]: a runtime from elsewhere. Cloning it keeps the scheduler's memory, not its machines.

use super::{Id, RuntimeFlavor, RuntimeMetrics, Shared, hooks};
use crate::abort::AbortOnPanic;
use crate::capture::Captured;
use crate::config::Flavor;
use crate::context;
use crate::entered::{self, EnterGuard};
use crate::mains::MainRow;
use crate::pool::Submitted;
use crate::scheduler::Scheduler;
use crate::stats::SchedulerStats;
use crate::sync::thread;
use crate::sysmon::LongPoll;
use crate::task::{JoinHandle, Row, Tags, Witness};
use crate::texts;
use crate::tracer;
use crate::wait::WaitReason;
use crate::watch::Watch;
use std::fmt;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// A handle on a runtime.
#[derive(Clone)]
pub struct Handle(Shared);

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("processors", &self.0.config.processors).finish_non_exhaustive()
    }
}

// As for `Runtime`.
impl std::panic::UnwindSafe for Handle {}
impl std::panic::RefUnwindSafe for Handle {}

impl From<Shared> for Handle {
    fn from(scheduler: Shared) -> Self {
        Self(scheduler)
    }
}

/// This thread is in no runtime, see [`Handle::try_current`].
#[derive(PartialEq, Eq)]
pub struct TryCurrentError {
    thread_ends: bool,
}

impl TryCurrentError {
    /// Whether the thread has not entered a runtime.
    pub fn is_missing_context(&self) -> bool {
        !self.thread_ends
    }

    /// Whether the thread is ending, and has forgotten which runtime it was in: the caller is the destructor of another
    /// thread-local.
    pub fn is_thread_local_destroyed(&self) -> bool {
        self.thread_ends
    }
}

impl fmt::Debug for TryCurrentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.thread_ends { "ThreadLocalDestroyed" } else { "NoContext" })
    }
}

impl fmt::Display for TryCurrentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.thread_ends { texts::THREAD_ENDS } else { texts::NO_RUNTIME })
    }
}

impl std::error::Error for TryCurrentError {}

impl Handle {
    pub(crate) fn scheduler(&self) -> &Scheduler {
        &self.0
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0
    }

    /// The runtime of this thread.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn current() -> Self {
        match Self::try_current() {
            Ok(handle) => handle,
            Err(error) => panic!("{error}"),
        }
    }

    /// The runtime of this thread.
    ///
    /// # Errors
    ///
    /// Outside a runtime.
    pub fn try_current() -> Result<Self, TryCurrentError> {
        let current = entered::current(|shared| shared.cloned()).map(Self);
        current.ok_or_else(|| TryCurrentError { thread_ends: entered::is_gone() })
    }

    /// Makes this the runtime of `spawn`, `sleep` and the like on this thread until the guard is dropped.
    pub fn enter(&self) -> EnterGuard<'_> {
        entered::enter(&self.0)
    }

    /// The runtime's number.
    ///
    /// ```
    /// # use gumption_core::runtime::Runtime;
    /// let (one, other): (Runtime, Runtime) = (Runtime::new()?, Runtime::new()?);
    /// assert_eq!(one.handle().id(), one.handle().clone().id());
    /// assert_ne!(one.handle().id(), other.handle().id());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn id(&self) -> Id {
        self.0.id
    }

    /// The runtime's name, if [`Builder::name`](super::Builder::name) gave it one.
    pub fn name(&self) -> Option<&str> {
        self.0.config.name.as_deref()
    }

    /// Which threads run tasks.
    pub fn runtime_flavor(&self) -> RuntimeFlavor {
        match self.0.config.flavor {
            Flavor::CurrentThread => RuntimeFlavor::CurrentThread,
            Flavor::MultiThread => RuntimeFlavor::MultiThread,
        }
    }

    /// Spawns a task. On a runtime that is shut down it is cancelled at once.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.0.spawn(future, Location::caller())
    }

    /// Runs a closure that blocks on a thread of the blocking pool. On a runtime that is shut down it is cancelled.
    ///
    /// # Panics
    ///
    /// If the operating system refuses the pool's first thread.
    #[track_caller]
    pub fn spawn_blocking<F, R>(&self, f: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let (join, submitted) = self.submit_blocking(f, false, None, Location::caller());
        match submitted {
            Submitted::Queued => {}
            Submitted::Closed(task) => self.0.cancel_told(task),
            Submitted::Refused(task, error) => {
                self.0.cancel_told(task);
                panic!("{}: {error}", texts::NO_THREAD);
            }
        }
        join
    }

    /// [`spawn_blocking`](Self::spawn_blocking) for leaves that report errors. A `mandatory` closure that was accepted is
    /// run even if the runtime is shut down before it begins, and the shutdown waits for it.
    ///
    /// # Errors
    ///
    /// On a runtime that is shut down, and if the operating system refuses the pool's first thread.
    #[doc(hidden)]
    #[track_caller]
    pub fn try_spawn_blocking<F, R>(&self, mandatory: bool, f: F) -> io::Result<JoinHandle<R>>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.try_submit_blocking(f, mandatory, None, Location::caller())
    }

    /// [`spawn_blocking`](Self::spawn_blocking) of a closure that may have a name, or labels, for callers that report errors.
    pub(crate) fn try_spawn_blocking_tagged<F, R>(
        &self,
        f: F,
        tags: Option<&Tags<'_>>,
        site: &'static Location<'static>,
    ) -> io::Result<JoinHandle<R>>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.try_submit_blocking(f, false, tags, site)
    }

    fn try_submit_blocking<F, R>(
        &self,
        f: F,
        mandatory: bool,
        tags: Option<&Tags<'_>>,
        site: &'static Location<'static>,
    ) -> io::Result<JoinHandle<R>>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let (join, submitted) = self.submit_blocking(f, mandatory, tags, site);
        let (task, error) = match submitted {
            Submitted::Queued => return Ok(join),
            Submitted::Closed(task) => (task, texts::shut_down()),
            Submitted::Refused(task, error) => (task, error),
        };
        self.0.cancel_told(task);
        Err(error)
    }

    fn submit_blocking<F, R>(
        &self,
        f: F,
        mandatory: bool,
        tags: Option<&Tags<'_>>,
        site: &'static Location<'static>,
    ) -> (JoinHandle<R>, Submitted)
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let pool = &self.0.pool;
        let (task, join) = pool.registry.spawn_remote(Closure(Some(f)), site, self.0.coarse_now());
        if let Some(tags) = tags {
            tags.put_on(task.task());
        }
        let submitted = pool.submit(task, mandatory, |number| self.start_blocking_thread(number));
        (join.because(WaitReason::BlockingPool), submitted)
    }

    /// Whether the runtime is shut down, or about to be: for leaves that report it.
    #[doc(hidden)]
    pub fn is_shut_down(&self) -> bool {
        self.0.shutdown.is_closed()
    }

    /// Sysmon, to be driven by hand in a runtime that has none: for the models.
    #[doc(hidden)]
    pub fn watch(&self) -> Watch<'_> {
        Watch::new(&self.0)
    }

    fn start_blocking_thread(&self, number: usize) -> io::Result<thread::JoinHandle<()>> {
        let config = &self.0.config;
        let mut builder = thread::Builder::new().name(config.names.blocking(number));
        if let Some(stack) = config.stack_size {
            builder = builder.stack_size(stack);
        }
        let handle = self.clone();
        builder.spawn(move || {
            // A hook's panic: whoever waits for the pool's threads would wait for ever.
            let _abort = AbortOnPanic::new("a thread of the blocking pool");
            let _entered = handle.enter();
            hooks::call(&handle.0.config.hooks.thread_start);
            handle.0.pool.work(number, |task| handle.0.run_closure(task), || handle.0.closure_ended());
            hooks::call(&handle.0.config.hooks.thread_stop);
        })
    }

    /// Runs a future to its end on this thread, which must not be a machine; see
    /// [`Runtime::block_on`](super::Runtime::block_on). On a current-thread runtime this runs no tasks.
    ///
    /// # Panics
    ///
    /// If the future panics, and when it is called from inside a runtime, whose thread it would block.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.block_on_outside(future)
    }

    /// Ends the runtime, once. A thread that drives tasks must not wait for it, and one that panics must not panic again.
    #[track_caller]
    pub(super) fn shut_down(&self, limit: Option<Duration>) {
        let waits = limit != Some(Duration::ZERO);
        if !waits || self.0.shutdown.is_closed() || !context::is_driving() {
            return self.0.shut_down(limit);
        }
        self.0.shut_down(Some(Duration::ZERO));
        if !std::thread::panicking() {
            // A `&'static str` for a payload, as programs expect.
            std::panic::panic_any(texts::DROPPED_INSIDE);
        }
    }

    /// Every counter and gauge, now; about a microsecond per processor, and nothing is stopped or woken.
    pub fn stats(&self) -> SchedulerStats {
        self.0.stats()
    }

    /// A copy of every task's record, for observers: nothing is stopped, and nobody waits. Tasks that start or end meanwhile may
    /// be missed; those of local sets are [elsewhere](crate::task::local_tasks).
    #[doc(hidden)]
    pub fn for_each_task(&self, f: impl FnMut(Row)) {
        self.0.registry.snapshot(f);
    }

    /// The same of the blocking pool's closures: those that run, and those that wait for a thread.
    #[doc(hidden)]
    pub fn for_each_closure(&self, f: impl FnMut(Row)) {
        self.0.pool.registry.snapshot(f);
    }

    /// The futures that `block_on` polls on this runtime, each on the thread that called it: for observers.
    #[doc(hidden)]
    pub fn for_each_main(&self, f: impl FnMut(MainRow)) {
        self.0.mains.for_each(f);
    }

    /// Polls the task of `row` once, on this thread, before the eyes of a witness: where it waits. For observers.
    ///
    /// To the task it is a poll for no reason, as every future must bear them; what its code does in a poll it does on this
    /// thread then, and takes as long as it takes.
    #[doc(hidden)]
    pub fn capture(&self, row: &Row, witness: &mut dyn Witness) -> Captured {
        Scheduler::capture(&self.0, row, witness)
    }

    /// The clock that `since` of a task's [`Row`] is by, now, ns. Nobody else sees the reading.
    #[doc(hidden)]
    pub fn clock_ns(&self) -> u64 {
        self.0.time.now()
    }

    /// What a task of this runtime waits for that said this, in words, if its reactor knows more than the reason:
    /// `IO read fd 7 tcp 127.0.0.1:4000`.
    #[doc(hidden)]
    pub fn describe(&self, reason: WaitReason, resource: u64) -> Option<String> {
        self.0.seat.reactor().describe(reason, resource)
    }

    /// The line of [`schedtrace`](crate::schedtrace) now: what `GUMPTION_SCHEDTRACE` prints. With `detail` a line for each P, M
    /// and G, too.
    pub fn schedtrace(&self, detail: bool) -> String {
        tracer::text(&self.0, detail)
    }

    /// The counters under tokio's names.
    pub fn metrics(&self) -> RuntimeMetrics {
        RuntimeMetrics::new(self.clone())
    }

    /// The polls that lasted longer than the slice, the oldest first; the last 64 are kept.
    pub fn long_polls(&self) -> Vec<LongPoll> {
        self.0.sysmon.long_polls()
    }
}

/// A closure as a future that is ready at its first poll.
struct Closure<F>(Option<F>);

// The closure is never pinned: it is moved out to be called.
impl<F> Unpin for Closure<F> {}

impl<F: FnOnce() -> R, R> Future for Closure<F> {
    type Output = R;

    fn poll(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<R> {
        match self.0.take() {
            Some(f) => {
                // A closure blocks as it likes: the cooperative budget is for tasks that share a processor.
                Poll::Ready(crate::coop::with_unconstrained(f))
            }
            None => unreachable!("a blocking closure was polled after its end"),
        }
    }
}
