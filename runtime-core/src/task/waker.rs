//! The waker of a task: a pointer to its record.
//!
//! Clone and drop are one relaxed and one acquire-release addition to the record's state word; a wake is one addition, and
//! by value, where the waker goes away with it, still one. The wake that finds the task idle submits it; all others are
//! done. The waker that a poll lends is not counted: it lives no longer than the poll, during which the task is held by
//! its pending wake. What counts wakers apart from other references is the leak proof of `state.rs`.
//!
//! One static vtable for all tasks, so `will_wake` is true between any two wakers of one task.

use super::local::with_current;
use super::state::Woke;
use super::{Runnable, Task};
use std::mem::ManuallyDrop;
use std::ptr::{NonNull, from_ref};
use std::task::{RawWaker, RawWakerVTable, Waker};

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

/// The waker that a poll lends.
///
/// # Safety
/// The caller has the right to run `task` for as long as it uses the waker.
#[inline(always)]
pub(super) unsafe fn lend(task: NonNull<Task>) -> ManuallyDrop<Waker> {
    // SAFETY: the functions keep `RawWaker`'s contract for a pointer to a task that is referenced.
    ManuallyDrop::new(unsafe { Waker::new(task.as_ptr().cast_const().cast(), &VTABLE) })
}

/// Whether `waker` is a task's own, of the task that this thread runs.
#[inline]
pub(crate) fn is_own(waker: &Waker) -> bool {
    std::ptr::eq(waker.vtable(), &VTABLE)
        && with_current(|task| std::ptr::eq(waker.data(), from_ref(task).cast())).unwrap_or(false)
}

/// `f` of the task that `waker` wakes, if it is a task's own.
#[inline]
pub(crate) fn with_woken(waker: &Waker, f: impl FnOnce(&Task)) {
    if std::ptr::eq(waker.vtable(), &VTABLE) {
        // SAFETY: the data is a task's, which the waker keeps.
        f(unsafe { task(waker.data()).as_ref() });
    }
}

/// A waker by its data, uncounted: for the hook of a capture, whose data is the same.
///
/// # Safety
/// As [`lend`]; what is returned must not be dropped.
pub(super) unsafe fn lend_raw(data: *const ()) -> Waker {
    // SAFETY: as `lend`.
    unsafe { Waker::new(data, &VTABLE) }
}

/// # Safety
/// `data` is a waker's.
#[inline(always)]
unsafe fn task(data: *const ()) -> NonNull<Task> {
    // SAFETY: every waker is made of a non-null pointer.
    unsafe { NonNull::new_unchecked(data.cast_mut().cast()) }
}

unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: the waker that is cloned, or the poll that lent it, keeps the record.
    unsafe { task(data).as_ref() }.state.clone_waker();
    RawWaker::new(data, &VTABLE)
}

unsafe fn wake(data: *const ()) {
    // SAFETY: the waker keeps the record until it is counted down in this step; with `Submit` the pending wake keeps it
    // from there on, with `Release` it is ours.
    unsafe {
        let task = task(data);
        match task.as_ref().state.wake_by_value() {
            Woke::Submit => Runnable::from_raw(task).submit(),
            Woke::Nothing => {}
            Woke::Release => Task::release(task),
        }
    }
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: the waker keeps the record.
    unsafe {
        let task = task(data);
        match task.as_ref().state.wake() {
            Woke::Submit => Runnable::from_raw(task).submit(),
            Woke::Nothing | Woke::Release => {}
        }
    }
}

unsafe fn drop_waker(data: *const ()) {
    // SAFETY: the waker keeps the record until it is counted down.
    unsafe {
        let task = task(data);
        let dropped = task.as_ref().state.drop_waker();
        Task::release_if_last(task, dropped);
    }
}
