//! The time at which a task became runnable, for the wakes that are stamped: those made by a run
//! that is timed ([`crate::sampler`]), so that a stamp costs no clock of its own, and one in eight from outside.
//!
//! It is kept in the record's `since`, marked by the top bit: a task that is runnable waits for nothing else, and the line
//! is at hand when it is run. Observers get the time without the mark ([`time_of`]).

use crate::task::Task;

const MARK: u64 = 1 << 63;

/// Notes that `task` became runnable at `now` (ns). By whoever has the right to run it.
#[inline]
pub fn set(task: &Task, now: u64) {
    let (reason, resource) = task.wait();
    task.set_wait(reason, resource, now | MARK);
}

/// When `task` became runnable, if its wake was stamped; once. By whoever runs it.
#[inline]
pub fn take(task: &Task) -> Option<u64> {
    let since = task.since();
    if since & MARK == 0 {
        return None;
    }
    let (reason, resource) = task.wait();
    task.set_wait(reason, resource, since & !MARK);
    Some(since & !MARK)
}

/// The time in a record's `since`.
pub const fn time_of(since: u64) -> u64 {
    since & !MARK
}
