//! What a task waits for, in its own words: a [`WaitReason`] (`wait/reason.rs`), said at the right moment.
//!
//! Every primitive that returns `Pending` says why before it does, by [`blocked_on`]: a reason, and a number for the resource
//! (an address, a file descriptor, another task's id) by which an observer finds who else waits for it or who holds it. It is
//! public, so that a primitive from elsewhere can say it too. Nothing is ever guessed: what a task said is forgotten
//! when it runs again, and one that says nothing waits for [`Unknown`](WaitReason::Unknown).
//!
//! A task that waits for several things at once says several. The rule for what remains: a sleep gives way to anything else,
//! because it is nearly always the timeout of that; two different things are a [`Select`](WaitReason::Select), and its resource
//! is how many.
//!
//! What is more, a wait can be **exact**. A primitive that has left the poll's own waker with the resource says so by
//! [`blocked_with`], and takes it back by [`unblocked`] as soon as the waker is no longer there by the task's own doing. So of an
//! idle task whose wait is exact and that has one waker it is known, and not believed, that this resource alone can make it run:
//! the step from a wait to a proof. A timeout beside it, a foreign future, an executor in between each hold a waker more, or
//! another one.
//!
//! The cost is one thread-local access and two relaxed stores to a cache line that the poll has already written, and no
//! clock: the time is the processor's coarse one.

pub(crate) mod reason;

use reason::RESOURCE;
pub use reason::WaitReason;
pub(crate) use reason::{CAPTURED, EXACT, REASON, RESOURCE_SHIFT};

use crate::contention::waits::{self, WaitEnd};
use crate::sync::broken;
use crate::task;
use std::task::Waker;

/// Says what the running task is about to wait for.
///
/// To be called by a primitive right before it returns `Pending`; outside a task it does nothing.
#[inline]
pub fn blocked_on(reason: WaitReason, resource: u64) {
    blocked_with(reason, resource, false);
}

/// [`blocked_on`], by a primitive that has left a waker with the resource. `own` says whether it is the one that the poll of the
/// running task lends, and a clone of it: see [`is_own`].
///
/// Who says so calls [`unblocked`] when the resource has it no more. So an exact wait is one whose waker is with the resource, or on its
/// way back from it. Which of the two, who wants to conclude something asks the resource: a lock says that its owner is
/// [waking](crate::resource::Facts::waking), a task that it is complete. Who is given permits is [`answered`]: so who waits for
/// those says it before others can find its waker.
#[inline]
pub fn blocked_with(reason: WaitReason, resource: u64, own: bool) {
    // Outside a task there is nobody to say it of.
    let _ = task::with_current(|task| {
        if task.is_captured() {
            task.captured_says(reason, resource);
            return;
        }
        let before = task.wait_word();
        let word = waits::said(task, before, reason, next(before, reason, resource, own));
        task.set_wait_word(word, task::coarse_now());
    });
}

/// The word of a task that said `said` and now says that it waits for `resource`.
#[inline]
const fn next(said: u64, reason: WaitReason, resource: u64, own: bool) -> u64 {
    let (first, of) = WaitReason::unpack(said);
    let (both, of_both) = first.and(of, reason, resource);
    let exact = match (first, both, reason) {
        (WaitReason::Unknown | WaitReason::Sleep, ..) => own,
        (_, WaitReason::Select, _) => false,
        // A sleep gives way to what was said, and says nothing about its waker.
        (.., WaitReason::Sleep | WaitReason::Unknown) => WaitReason::is_exact(said),
        _ => own && WaitReason::is_exact(said),
    };
    both.pack(of_both) | if exact { EXACT } else { 0 }
}

/// Takes back what the running task has said in [`blocked_with`], if that is all that it said.
pub fn unblocked(reason: WaitReason, resource: u64) {
    let _ = task::with_current(|task| {
        let (said, of) = task.wait();
        if said as u8 != reason as u8 || of != resource & RESOURCE {
            return;
        }
        if task.is_captured() {
            // The word is put back as it was; that it is exact is over.
            task.clear_exact();
        } else {
            task.clear_wait(WaitEnd::None);
        }
    });
}

/// Takes back that what the running task has said is exact.
pub fn blocked_otherwise() {
    let _ = task::with_current(|task| task.clear_exact());
}

/// Says that the resource is about to wake a task by `waker`, of which [`is_own`] was true, and which is still there: the task's wait
/// is not exact any more, whatever it is for.
///
/// Before anybody can see what the task is given.
#[inline]
pub fn answered(waker: &Waker) {
    if !broken("wait-answered-stays-exact") {
        task::with_woken(waker, |task| task.clear_exact());
    }
}

/// Whether `waker` wakes the running task and nothing else: it is a clone of the one that the task's poll lends.
#[inline]
pub fn is_own(waker: &Waker) -> bool {
    task::is_own_waker(waker)
}

#[cfg(test)]
mod tests {
    use super::WaitReason::{self, Mutex, Select, Sleep, Unknown};
    use super::next;

    #[test]
    fn a_wait_is_exact_as_long_as_all_that_was_said_is() {
        let told = |word| (WaitReason::unpack(word), WaitReason::is_exact(word));
        let lock = next(Unknown.pack(0), Mutex, 7, true);
        assert_eq!(told(lock), ((Mutex, 7), true));
        assert_eq!(told(next(Unknown.pack(0), Mutex, 7, false)), ((Mutex, 7), false));
        assert_eq!(told(next(lock, Sleep, 0, false)), ((Mutex, 7), true), "the timeout's waker is counted");
        assert_eq!(told(next(Sleep.pack(0), Mutex, 7, true)), ((Mutex, 7), true));
        assert_eq!(told(next(lock, Mutex, 7, true)), ((Mutex, 7), true));
        assert_eq!(told(next(lock, Mutex, 7, false)), ((Mutex, 7), false));
        assert_eq!(told(next(lock, Mutex, 8, true)), ((Select, 2), false));
        assert_eq!(told(next(next(lock, Mutex, 8, true), Mutex, 9, true)), ((Select, 3), false));
    }
}
