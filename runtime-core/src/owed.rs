//! [`owe`]: what a poll owes to others, and does at its end instead of at once.
//!
//! A receiver takes a hundred values out of a channel in one poll. To hand out the room for each by itself is a lock, a wake and a
//! switch for every value; to do it once is the same for all of them. But the receiver cannot know which value is its last,
//! and those who wait must not wait for its next receive, which may never come. So it leaves a debt with its processor, and
//! the debt is settled
//!
//! | when | by |
//! | --- | --- |
//! | the poll ends | the worker, before it runs anything else |
//! | the poll enters a blocking section | that thread, before it gives the processor up |
//! | the poll lasts | sysmon, in the second round that sees it: a thread that blocks without saying so holds nobody up |
//! | another debt comes | that thread, at once: a processor has place for one |
//!
//! Who has no processor or no task, or shares one thread with everybody, is refused, and does at once what it would have owed.
//! (With sysmon switched off, which is for models, a poll that lasts keeps its debt.) The tasks that settling makes runnable are
//! queued as one batch, with one wake of a machine for all of them: none for one that is alone, if the thread goes on to run
//! it.
//!
//! What may be owed is only something that whoever has the lock could do at any time, as often as they like: a debt may be settled
//! while the poll goes on. Invariant: who found its debt still there, behind a fence, will be seen by whoever settles it.
//!
//! Models: `owed_is_settled` in `loom-tests/tests/mpsc.rs`; the four ways above with the whole scheduler,
//! `what_a_poll_owes_is_settled` in `loom-tests/tests/shuttle_sync.rs`.

use crate::context::{self, Cause};
use crate::coop;
use crate::processor::Owned;
use crate::queue::Chain;
use crate::scheduler::Scheduler;
use crate::sync::{AtomicPtr, Ordering, broken, fence, quietly};
use crate::task::Task;
use std::ptr::{NonNull, null_mut};

/// A debt: a field of what it is about.
#[derive(Debug)]
pub struct Owed {
    settle: unsafe fn(NonNull<Owed>),
}

impl Owed {
    /// A debt that `settle` settles. It is called once for each time that [`owe`] called `keep`.
    pub const fn new(settle: unsafe fn(NonNull<Owed>)) -> Self {
        Self { settle }
    }
}

/// A processor's place for one.
#[derive(Debug)]
pub struct Debt(AtomicPtr<Owed>);

impl Default for Debt {
    fn default() -> Self {
        Self(AtomicPtr::new(null_mut()))
    }
}

impl Debt {
    /// Leaves a debt here. What it replaces is to be settled at once. The caller has passed a SeqCst fence since it changed
    /// what the settling looks at.
    #[must_use]
    pub fn leave(&self, owed: NonNull<Owed>, keep: impl FnOnce()) -> Option<NonNull<Owed>> {
        // Ordering: Relaxed; behind the caller's fence, which pairs with the one in `take`: if it is still here, whoever takes it
        // sees what the caller changed.
        if self.0.load(Ordering::Relaxed) == owed.as_ptr() {
            return None;
        }
        keep();
        // Ordering: AcqRel; Release pairs with the Acquire of `take`, and Acquire is for what comes out here.
        NonNull::new(self.0.swap(owed.as_ptr(), Ordering::AcqRel))
    }

    /// Takes what is here, to settle it.
    #[inline]
    pub fn take(&self) -> Option<NonNull<Owed>> {
        // Ordering: Relaxed; the owner put it there, and sysmon comes again.
        if self.0.load(Ordering::Relaxed).is_null() { None } else { self.take_shared() }
    }

    #[cold]
    fn take_shared(&self) -> Option<NonNull<Owed>> {
        // Ordering: AcqRel; Acquire pairs with the Release of `leave`.
        let owed = NonNull::new(self.0.swap(null_mut(), Ordering::AcqRel));
        if !broken("owner-debt-no-fence") {
            // Ordering: SeqCst pairs with the fence of who found its debt still there: we see what it changed.
            fence(Ordering::SeqCst);
        }
        owed
    }
}

/// Leaves a debt for the end of the running poll; false if there is nobody to leave it with. `keep` is called if it was not
/// there yet, and makes sure that `owed` lives until it is settled.
///
/// # Safety
/// `owed` is alive, and after `keep` until its `settle` has been called.
pub unsafe fn owe(owed: NonNull<Owed>, keep: impl FnOnce()) -> bool {
    if !coop::is_limited() {
        return false;
    }
    let before = context::owner(|owner| match owner {
        Some((scheduler, p)) if scheduler.may_start_machines() => Ok(p.debt.leave(owed, keep)),
        _ => Err(()),
    });
    if let Ok(Some(before)) = before
        && !broken("owner-debt-kept-by-another")
    {
        together(|| settle(before));
    }
    before.is_ok()
}

/// What the thread does after it has let others go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// The next task.
    RunsNext,
    /// What it was doing: for all that it knows, for long.
    GoesOn,
}

/// Runs `f`, whose wakes become runnable as one batch.
pub fn together<R>(f: impl FnOnce() -> R) -> R {
    in_batch(Then::GoesOn, f)
}

fn in_batch<R>(then: Then, f: impl FnOnce() -> R) -> R {
    /// Queues the batch, whatever `f` did.
    struct Batch<'a>(&'a Scheduler, Chain<Task>, Then);
    impl Drop for Batch<'_> {
        fn drop(&mut self) {
            let batch = std::mem::take(&mut self.1);
            if batch.is_empty() {
                return;
            }
            // The processor may be another by now, or none.
            let Some(p) = context::owned_of_scheduler(self.0) else { return self.0.inject_batch(batch) };
            self.0.enqueue_batch(p, batch);
            if self.2 == Then::GoesOn && !broken("owner-lone-debtor-untold") {
                self.0.tell_of_queue(p);
            }
        }
    }
    // SAFETY: a machine's scheduler outlives its context, and this runs inside it.
    let scheduler = context::owner(|owner| owner.map(|(scheduler, _)| unsafe { &*std::ptr::from_ref(scheduler) }));
    match scheduler {
        Some(scheduler) if !context::is_collecting() => {
            let mut batch = Batch(scheduler, Chain::new(), then);
            context::collect(&mut batch.1, Cause::Poll, f)
        }
        _ => f(),
    }
}

fn settle(owed: NonNull<Owed>) {
    // SAFETY: taken out of its place, so alive by the promise of `owe`, and settled once. A waker's panic has nobody to go to.
    quietly(|| unsafe { (owed.as_ref().settle)(owed) });
}

impl Scheduler {
    /// Settles what the poll on this thread's processor owes; whether there was anything.
    #[inline]
    pub(crate) fn settle(&self, p: Owned<'_>, then: Then) -> bool {
        match p.debt.take() {
            None => false,
            Some(owed) => {
                in_batch(then, || settle(owed));
                true
            }
        }
    }

    /// Settles what the poll on a processor owes that does not come to its end; whether there was anything.
    pub(crate) fn settle_for(&self, debt: &Debt) -> bool {
        let Some(owed) = debt.take() else { return false };
        let mut batch = Chain::new();
        context::collect_for(self, &mut batch, Cause::Poll, || settle(owed));
        self.inject_batch(batch);
        true
    }
}
