//! The capture: a poll of an idle task that shows an observer where it waits.
//!
//! A task that waits has no stack: its future is a value, and only a poll walks from the outermost function to the leaves that
//! wait. So that is what an observer does: it takes the right to run (as a wake would), polls once, and gives the
//! right up (as every poll does). The waker of that poll is a *hook*: another vtable over the same record. Every
//! leaf that is still not ready sees a waker that is not the one that it has (`will_wake` is false), and clones it to have it
//! from here on; the hook's `clone` tells the [`Witness`], who looks at the stack of the very thread that it is called on, and
//! **returns the real waker**. Leaves that wake the waker in place of keeping it are seen the same way. So the scheme
//! sees into futures that know nothing of it, and to them it is nothing but a poll for no reason, which every future must
//! bear.
//!
//! What is special about the poll: the task's wait word stays, because what it waits for has not changed; a mark in it makes
//! [`blocked_on`](crate::wait::blocked_on) tell the witness and not the record. That a wait is exact stays true, too, for the
//! resource has a clone of the task's own waker again; unless the task turns out to have gone on.
//!
//! Rejected: leaves that know of captures and return before they register (tokio's task dumps). They are blind to everybody else's
//! leaves, and the task has to be polled once more, because a foreign leaf may have let it go on.
//!
//! The invariant: **a capture is a run**. It begins with the claim, and ends as any run does: idle, woken meanwhile
//! (the right to run is handed back), or complete. What a user's poll may do wrong in a run it may do wrong here.
//!
//! Who may call: [`crate::capture`]. Models: `loom-tests/tests/capture.rs`.

use super::state::{Begun, Ended};
use super::{Ran, Runnable, Task, waker};
use crate::sync::{broken, thread_local};
use crate::wait::WaitReason;
use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::task::{Context, RawWaker, RawWakerVTable, Waker};

/// Who is shown where a task waits. Called on the capturing thread, in the middle of the user's poll: a witness looks
/// at the stack and keeps what it saw. One that panics makes the task panic.
pub trait Witness {
    /// A leaf that is not ready takes the waker: whoever called it is on this thread's stack.
    fn leaf(&mut self);

    /// A primitive says what it waits for, on its way out of the leaf; mostly the one that was last told of.
    fn said(&mut self, reason: WaitReason, resource: u64);
}

static HOOK: RawWakerVTable = RawWakerVTable::new(clone, wake, wake, |_| {});

type Ptr = NonNull<dyn Witness>;

thread_local! {
    static WITNESS: Cell<Option<Ptr>> = const { Cell::new(None) };
}

/// `witness` is this thread's until dropped.
struct Shown {
    outer: Option<Ptr>,
}

impl Shown {
    /// # Safety
    /// What is returned is dropped before `witness` may be used elsewhere.
    unsafe fn to(witness: &mut dyn Witness) -> Self {
        // SAFETY: only the lifetime changes, and the caller answers for it.
        let witness: Ptr = unsafe { std::mem::transmute(NonNull::from(witness)) };
        Self { outer: WITNESS.try_with(|cell| cell.replace(Some(witness))).unwrap_or(None) }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        // On a thread that is ending there is no witness.
        let _ = WITNESS.try_with(|cell| cell.set(self.outer));
    }
}

/// Tells this thread's witness, if it has one that is not being told already.
fn tell(f: impl FnOnce(&mut dyn Witness)) {
    let Ok(Some(witness)) = WITNESS.try_with(Cell::take) else { return };
    // SAFETY: `Shown::to`'s promise; it is out of its cell, so nobody else has it.
    f(unsafe { &mut *witness.as_ptr() });
    let _ = WITNESS.try_with(|cell| cell.set(Some(witness)));
}

/// A primitive said what a captured task waits for.
#[cold]
pub(crate) fn said(reason: WaitReason, resource: u64) {
    tell(|witness| witness.said(reason, resource));
}

/// # Safety
/// `data` is the hook's, of a capture in progress.
unsafe fn clone(data: *const ()) -> RawWaker {
    tell(|witness| witness.leaf());
    // SAFETY: the capture lends a waker, and this is its data.
    let real = ManuallyDrop::new(unsafe { waker::lend_raw(data) });
    if broken("capture-clone-uncounted") {
        return RawWaker::new(data, real.vtable());
    }
    let counted = ManuallyDrop::new(Waker::clone(&real));
    let vtable = if broken("capture-hook-escapes") { &HOOK } else { counted.vtable() };
    RawWaker::new(counted.data(), vtable)
}

/// # Safety
/// As [`clone`].
unsafe fn wake(data: *const ()) {
    tell(|witness| witness.leaf());
    // SAFETY: as `clone`.
    ManuallyDrop::new(unsafe { waker::lend_raw(data) }).wake_by_ref();
}

impl Runnable {
    /// Polls the task as [`run`](Self::run) does, before the eyes of a witness.
    pub fn run_before(self, witness: &mut dyn Witness) -> Ran {
        let task = self.into_raw();
        // SAFETY: the right to run was ours, and keeps the task alive until it is given up. The witness is shown until then.
        unsafe {
            super::local::as_task(task, || {
                let _shown = Shown::to(witness);
                run(task)
            })
        }
    }
}

/// # Safety
/// The caller has the right to run and gives it up.
unsafe fn run(this: NonNull<Task>) -> Ran {
    // SAFETY: as `runnable::run`, whose steps these are.
    unsafe {
        let task = this.as_ref();
        let seen = match task.state.begin() {
            Begun::Poll(seen) => seen,
            Begun::Cancel => return super::runnable::cancel_run(this),
        };
        task.begin_capture();
        let data = this.as_ptr().cast_const().cast();
        let hook = ManuallyDrop::new(Waker::new(data, &HOOK));
        super::runnable::poll_with(this, &mut Context::from_waker(&hook), || {
            task.end_capture();
            if broken("capture-forgets-wakes") {
                let _ended = task.state.end(seen);
                return Ended::Idle;
            }
            task.state.end(seen)
        })
    }
}
