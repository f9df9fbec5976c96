//! The free functions that act on the runtime of this thread: `spawn`, `spawn_blocking`, `block_in_place`, `yield_now`.

use crate::blocking::blocking;
use crate::context;
use crate::entered;
use crate::runtime::Handle;
use crate::scheduler::Scheduler;
use crate::task::{self, JoinHandle, Tags};
use crate::texts;
use crate::wait::{WaitReason, blocked_on};
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Spawns a task on the runtime of this thread.
///
/// Inside a task it goes to the processor's next slot: it runs as soon as the spawning task yields, or is stolen by an
/// idle processor if that takes longer than about a millisecond.
///
/// # Panics
///
/// Outside a runtime.
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let site = Location::caller();
    with_scheduler(|scheduler| scheduler.spawn(future, site))
}

/// [`spawn`] of a task that may have a name, or labels.
#[track_caller]
pub(crate) fn spawn_tagged<F>(
    future: F,
    tags: Option<&Tags<'_>>,
    site: &'static Location<'static>,
) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    with_scheduler(|scheduler| scheduler.spawn_tagged(future, tags, site))
}

#[track_caller]
fn with_scheduler<R>(f: impl FnOnce(&Scheduler) -> R) -> R {
    let Some(scheduler) = entered::current(|shared| shared.map(|shared| std::ptr::from_ref(&**shared))) else {
        panic!("{}", texts::NO_RUNTIME);
    };
    // Not inside `current`: a spawn may drop the future, and what the user's code then does may enter another context.
    // SAFETY: it is in an `Arc` that is the context's until its guard, which is on this thread's stack, is dropped.
    f(unsafe { &*scheduler })
}

/// Runs a closure that blocks on a thread of the blocking pool, a machine that never owns a processor.
///
/// # Panics
///
/// Outside a runtime, and if the operating system refuses the pool's first thread.
#[track_caller]
pub fn spawn_blocking<F, R>(f: F) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    Handle::current().spawn_blocking(f)
}

/// tokio's name for [`blocking`]: runs `f`, which may block, on this thread, while the rest of the runtime goes on.
///
/// tokio moves its worker to another thread at every call, which costs microseconds; here that happens only if `f` lasts.
///
/// # Panics
///
/// Inside a current-thread runtime or a [`LocalSet`](crate::task::LocalSet), whose other tasks nobody else could run.
#[track_caller]
pub fn block_in_place<F, R>(f: F) -> R
where
    F: FnOnce() -> R,
{
    let alone = context::machine(|machine| machine.is_some_and(|(scheduler, _)| !scheduler.may_start_machines()));
    let refused = alone || task::is_polling_local_set();
    assert!(!refused, "can call blocking only when running on the multi-threaded runtime");
    blocking(f)
}

/// Lets other tasks run: this one goes to the tail of its processor's queue.
pub async fn yield_now() {
    /// Pending once.
    struct YieldNow(bool);

    impl Future for YieldNow {
        type Output = ();

        fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            if std::mem::replace(&mut self.0, true) {
                return Poll::Ready(());
            }
            blocked_on(WaitReason::Yield, 0);
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    }

    YieldNow(false).await;
}
