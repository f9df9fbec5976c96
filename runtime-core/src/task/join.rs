//! [`JoinHandle`] and [`AbortHandle`]: what a spawner keeps of a task.
//!
//! The join handle owns the output once the task is complete, and until then a cell for one waker in the task's body. Who may
//! touch that cell is said by two flags of the state word (tokio's rules): while `JOIN_WAKER` is clear the cell is the
//! handle's alone; while it is set both sides may read; once the task completes with the flag set it is the completer's. So
//! the two never wait for each other, and every exchange of the waker is at most two steps on one word.
//!
//! Dropping a join handle detaches the task. Of the output there is one dropper: the handle if the task was complete when
//! it let go, otherwise the completer.
//!
//! Semantics and names are tokio's. Models: `join_register_vs_complete`, `abort_vs_run_vs_wake` in
//! `loom-tests/tests/task.rs`.

use super::body::JoinWaker;
use super::local::as_task;
use super::state::Unjoin;
use super::{Id, JoinError, Task};
use crate::coop;
use crate::wait::{WaitReason, blocked_with, is_own};
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker, ready};

/// An owned permission to wait for a task's output.
///
/// Dropping it detaches the task, which runs on.
pub struct JoinHandle<T> {
    task: NonNull<Task>,
    taken: bool,
    /// What its waiter says that it waits for.
    reason: WaitReason,
    output: PhantomData<T>,
}

// SAFETY: the handle is a reference to a `Task`, which is `Sync`, and the way to the output, a `T`.
unsafe impl<T: Send> Send for JoinHandle<T> {}
// SAFETY: through a shared handle the output cannot be reached.
unsafe impl<T: Send> Sync for JoinHandle<T> {}

impl<T> UnwindSafe for JoinHandle<T> {}
impl<T> RefUnwindSafe for JoinHandle<T> {}
impl<T> Unpin for JoinHandle<T> {}

impl<T> JoinHandle<T> {
    /// # Safety
    /// The task's output is a `T`, and the caller gives up the join handle's reference.
    #[inline(always)]
    pub(super) unsafe fn from_ref(task: NonNull<Task>) -> Self {
        Self { task, taken: false, reason: WaitReason::Join, output: PhantomData }
    }

    /// A handle whose waiter waits for something more telling than a task's end.
    pub(crate) fn because(mut self, reason: WaitReason) -> Self {
        self.reason = reason;
        self
    }

    #[inline(always)]
    fn task(&self) -> &Task {
        // SAFETY: the handle has a reference.
        unsafe { self.task.as_ref() }
    }

    /// Asks for the task's future to be dropped at its next suspension point, or before its first poll.
    ///
    /// A task that returns before that has returned: awaiting the handle tells.
    pub fn abort(&self) {
        // SAFETY: the handle has a reference.
        unsafe { Task::abort(self.task) };
    }

    /// Whether the task has ended. An aborted task has not until its future is dropped.
    pub fn is_finished(&self) -> bool {
        self.task().state.load().is_complete()
    }

    /// A handle that can abort the task, and nothing else.
    #[must_use = "abort handles do nothing unless `.abort` is called"]
    pub fn abort_handle(&self) -> AbortHandle {
        self.task().state.add_ref();
        AbortHandle::from_ref(self.task)
    }

    /// The task's id.
    pub fn id(&self) -> Id {
        self.task().id_of_live()
    }

    /// The output of a task that is complete, once.
    pub(super) fn take_finished(&mut self) -> Option<Result<T, JoinError>> {
        // SAFETY: as asked for.
        (self.is_finished() && !self.taken).then(|| unsafe { self.take() })
    }

    /// # Safety
    /// The task is complete, as an acquiring load has said, and its output was not taken.
    unsafe fn take(&mut self) -> Result<T, JoinError> {
        self.taken = true;
        let mut output = MaybeUninit::<Result<T, JoinError>>::uninit();
        // SAFETY: the output is in place and the handle's; it is taken once, as `taken` says, and it is a
        // `Result<T, JoinError>` by the handle's making.
        unsafe {
            (self.task().vtable().take_output)(self.task().body(), output.as_mut_ptr().cast());
            output.assume_init()
        }
    }

    /// Registers the waker of a collection of handles, which is woken at once if the task is complete.
    #[doc(hidden)]
    pub fn set_join_waker(&mut self, waker: &Waker) {
        if self.register(waker) == Registered::Late {
            waker.wake_by_ref();
        }
    }

    /// Has `waker` woken when the task completes.
    fn register(&mut self, waker: &Waker) -> Registered {
        let bits = self.task().state.load();
        if bits.is_complete() {
            return Registered::Late;
        }
        // SAFETY: an uncompleted task has its body.
        let body = unsafe { self.task().body() };
        let shared = bits.has_joiner();
        // SAFETY: the flag says that the cell is shared.
        if shared && unsafe { JoinWaker::will_wake(body, waker) } {
            return Registered::Waits { own: is_own(waker) };
        }
        // Foreign code, which may panic, runs while the cell is in order: before it is taken back and after it is shared.
        let new = waker.clone();
        let own = is_own(&new);
        if shared && !self.task().state.unshare_join_waker() {
            return Registered::Late;
        }
        // SAFETY: without the flag the cell is ours.
        let _old = unsafe { JoinWaker::replace(body, Some(new)) };
        if self.task().state.share_join_waker() {
            return Registered::Waits { own };
        }
        // SAFETY: the task completed without the flag, so the cell, and with it the body, stayed ours.
        let _late = unsafe { JoinWaker::replace(body, None) };
        Registered::Late
    }
}

/// What became of a waker.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Registered {
    /// It will be woken. `own`: it is the running task's, see [`wait`](crate::wait).
    Waits { own: bool },
    /// The task is complete.
    Late,
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let progress = ready!(coop::poll_proceed(cx));
        assert!(!self.taken, "JoinHandle polled after completion");
        if let Registered::Waits { own } = self.register(cx.waker()) {
            blocked_with(self.reason, self.id().as_u64(), own);
            return Poll::Pending;
        }
        progress.made_progress();
        // SAFETY: the task is complete, and its output was not taken.
        Poll::Ready(unsafe { self.take() })
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        // Dropped last: its drop is foreign code and may panic.
        let mut _waker = None;
        loop {
            match self.task().state.unjoin() {
                Unjoin::Done => return,
                // SAFETY: the flag was taken back from a task that was not complete: the cell is ours.
                Unjoin::DropWaker => _waker = unsafe { JoinWaker::replace(self.task().body(), None) },
                Unjoin::Complete { body } => {
                    // SAFETY: the output of a complete task is the handle's, unless it was taken. `body` says whether
                    // the completer still looks at the join waker.
                    unsafe {
                        if !self.taken {
                            // As the task: what the output's drop asks for is its id.
                            let task = self.task();
                            as_task(self.task, || (task.vtable().drop_output)(task.body()));
                        }
                        // With nobody else left the record takes the body along.
                        if body && !self.task().state.peek().is_sole() {
                            Task::free_body(self.task);
                        }
                        Task::drop_ref(self.task);
                    }
                    return;
                }
            }
        }
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").field("id", &self.id()).finish()
    }
}

/// A permission to abort a task, without a way to its output.
pub struct AbortHandle(NonNull<Task>);

// SAFETY: a reference to a `Task`, which is `Sync`.
unsafe impl Send for AbortHandle {}
// SAFETY: as above.
unsafe impl Sync for AbortHandle {}

impl UnwindSafe for AbortHandle {}
impl RefUnwindSafe for AbortHandle {}

impl AbortHandle {
    /// Takes over a reference.
    pub(super) fn from_ref(task: NonNull<Task>) -> Self {
        Self(task)
    }

    fn task(&self) -> &Task {
        // SAFETY: the handle has a reference.
        unsafe { self.0.as_ref() }
    }

    /// Asks for the task's future to be dropped, as [`JoinHandle::abort`].
    pub fn abort(&self) {
        // SAFETY: the handle has a reference.
        unsafe { Task::abort(self.0) };
    }

    /// Whether the task has ended.
    pub fn is_finished(&self) -> bool {
        self.task().state.load().is_complete()
    }

    /// The task's id.
    pub fn id(&self) -> Id {
        self.task().id_of_live()
    }
}

impl Clone for AbortHandle {
    fn clone(&self) -> Self {
        self.task().state.add_ref();
        Self(self.0)
    }
}

impl Drop for AbortHandle {
    fn drop(&mut self) {
        // SAFETY: the handle's reference goes with it.
        unsafe { Task::drop_ref(self.0) };
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortHandle").field("id", &self.id()).finish()
    }
}
