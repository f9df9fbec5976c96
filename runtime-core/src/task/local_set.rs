//! [`LocalSet`]: tasks that stay on one thread, inside any runtime.
//!
//! A future that is not `Send` may not be a task of a runtime, whose tasks move between threads. A set is a small scheduler
//! for such futures, which itself is a future: whoever polls it, in a `block_on` or in a task that stays where it is, runs its
//! tasks. It has no thread, no timers and no io of its own; those are of the runtime that polls it. It may be made, entered
//! and spawned on without any runtime.
//!
//! Each poll runs what was woken, first come first served, up to a limit, after which the set wakes itself and lets its
//! neighbours run. Each run of a task has a cooperative budget of its own; the future of [`run_until`](LocalSet::run_until) has
//! what its surroundings have left.
//!
//! Dropping a set drops its tasks, on its thread. A set that is neither polled nor dropped keeps them for ever.
//!
//! | file | noun |
//! | --- | --- |
//! | `local_set.rs` | the set, as its user sees it |
//! | `local_members.rs` | its tasks, their queue, and their end |
//! | `local_inbox.rs` | wakes from elsewhere |
//! | `local_current.rs` | which set this thread is in |
//! | `spawn_local.rs` | the free function |
//!
//! Models: `loom-tests/tests/local_set.rs`.

use super::local_current::{self, LocalEnterGuard};
use super::local_members::Members;
use super::{JoinHandle, Tags};
use crate::runtime::{Id, Runtime, UnhandledPanic};
use crate::wait::{WaitReason, blocked_on};
use pin_project_lite::pin_project;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// A set of tasks that are all polled on one thread, so that their futures need not be `Send`.
///
/// ```
/// # let runtime = gumption_core::runtime::Builder::<gumption_core::driver::ThreadDriver>::new_current_thread().build()?;
/// use gumption_core::task::{LocalSet, spawn_local};
/// use std::rc::Rc;
///
/// let set = LocalSet::new();
/// let length = set.block_on(&runtime, async {
///     let name = Rc::new(String::from("local"));
///     spawn_local({
///         let name = name.clone();
///         async move { name.len() }
///     })
///     .await
/// });
/// assert_eq!(length.unwrap(), 5);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// Awaiting the set itself waits until all its tasks have ended:
///
/// ```
/// # let runtime = gumption_core::runtime::Builder::<gumption_core::driver::ThreadDriver>::new_current_thread().build()?;
/// # use gumption_core::task::LocalSet;
/// # runtime.block_on(async {
/// let set = LocalSet::new();
/// let joins: Vec<_> = (0..3).map(|i| set.spawn_local(async move { i })).collect();
/// set.await;
/// assert!(joins.iter().all(|join| join.is_finished()));
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct LocalSet {
    members: Rc<Members>,
    id: Id,
    _this_thread: PhantomData<*const ()>,
}

pin_project! {
    /// A future, and beside it the set.
    struct RunUntil<'a, F> {
        set: &'a LocalSet,
        #[pin]
        future: F,
    }
}

impl LocalSet {
    /// A set of no tasks.
    pub fn new() -> Self {
        Self { members: Rc::new(Members::new()), id: Id::next(), _this_thread: PhantomData }
    }

    /// Makes this the set of [`spawn_local`](super::spawn_local) on this thread, until the guard is dropped.
    ///
    /// The tasks run when the set is polled, not before.
    pub fn enter(&self) -> LocalEnterGuard {
        local_current::enter(&self.members)
    }

    /// Spawns a task into the set. It runs when the set is polled next, which is woken for that.
    #[track_caller]
    pub fn spawn_local<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.spawn_tagged(future, None, Location::caller())
    }

    pub(super) fn spawn_tagged<F>(
        &self,
        future: F,
        tags: Option<&Tags<'_>>,
        site: &'static Location<'static>,
    ) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.members.spawn(future, tags, site)
    }

    /// Runs `future` to its end on `runtime`, and the set's tasks meanwhile. Tasks that have not ended by then stay in the set.
    ///
    /// # Panics
    ///
    /// As [`Runtime::block_on`].
    #[track_caller]
    pub fn block_on<F: Future>(&self, runtime: &Runtime<impl Sized>, future: F) -> F::Output {
        runtime.block_on(self.run_until(future))
    }

    /// Runs `future` to its end, and the set's tasks meanwhile. Tasks that have not ended by then stay in the set.
    ///
    /// Inside `future`, [`spawn_local`](super::spawn_local) spawns into this set. Of several calls that are polled side by side,
    /// the one that was polled last is woken for the set's tasks.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe where `future` is: the tasks wait in the set for its next poll.
    pub async fn run_until<F: Future>(&self, future: F) -> F::Output {
        RunUntil { set: self, future }.await
    }

    /// What becomes of the set when a task in it panics. Default: nothing; the panic is the joiner's.
    ///
    /// With [`UnhandledPanic::ShutdownRuntime`] all tasks are cancelled, and whoever polls the set panics.
    pub fn unhandled_panic(&mut self, behavior: UnhandledPanic) -> &mut Self {
        self.members.set_on_panic(behavior);
        self
    }

    /// A number that no runtime and no other set has.
    pub fn id(&self) -> Id {
        self.id
    }

    /// Runs `f`, and then what was woken, as one poll of the set. With the result of `f`: whether tasks are left to run.
    #[track_caller]
    fn poll_with<R>(&self, cx: &mut Context<'_>, f: impl FnOnce(&mut Context<'_>) -> Poll<R>) -> (Poll<R>, bool) {
        local_current::poll(&self.members, || {
            self.members.listen(cx.waker());
            let polled = f(cx);
            if polled.is_ready() {
                return (polled, false);
            }
            let more = self.members.run();
            if more {
                cx.waker().wake_by_ref();
            }
            (polled, more)
        })
    }
}

impl Future for LocalSet {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let (_, more) = self.poll_with(cx, |_| Poll::<()>::Pending);
        if !more && self.members.is_empty() {
            return Poll::Ready(());
        }
        blocked_on(if more { WaitReason::Yield } else { WaitReason::Join }, 0);
        Poll::Pending
    }
}

impl<F: Future> Future for RunUntil<'_, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        this.set.poll_with(cx, |cx| this.future.poll(cx)).0
    }
}

impl Default for LocalSet {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for LocalSet {
    /// Drops the tasks, on this thread.
    fn drop(&mut self) {
        local_current::poll(&self.members, || self.members.close());
    }
}

impl fmt::Debug for LocalSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalSet").finish_non_exhaustive()
    }
}
