//! The end of a scheduler: every task is dropped once, and nobody pushes into what is gone.
//!
//! 1. `close`: no new tasks; every machine is woken and ends after the poll that it is in.
//! 2. The last machine out drains: it cancels what is queued, claims and cancels what is idle, and goes round until no
//!    task is live. A task whose waker has won the right to submit but has not pushed yet is live and in no queue: the
//!    drain waits for it to turn up.
//! 3. It waits until nobody is *submitting*: who pushed the last task may still be looking for a machine to wake.
//!
//! [`Submitting`] is the count for 3, and it decides a spawn's race with 1: the spawner counts itself, passes a fence and
//! reads `closed`; the closer sets `closed`, passes a fence and reads the count. Either the spawner sees the end and
//! cancels its own task, or the drain waits for it. The count is striped, and this holds stripe by stripe. Only threads without a processor count themselves, two exchanges on a
//! path that costs hundreds of nanoseconds anyway; machines are waited for as threads.
//!
//! Model: `loom-tests/tests/shutdown.rs`.

use crate::striped::Striped;
use crate::sync::{AtomicBool, AtomicUsize, Ordering, broken, fence};

/// Whether the scheduler is open, and who is pushing from outside.
#[derive(Debug)]
pub struct Shutdown {
    closed: AtomicBool,
    /// How many are; a thread that counts itself uncounts itself in the same stripe.
    submitting: Striped<AtomicUsize>,
}

/// This thread is pushing a task from outside: the scheduler stays until it is dropped.
#[must_use]
#[derive(Debug)]
pub struct Submitting<'a> {
    shutdown: &'a Shutdown,
    stripe: &'a AtomicUsize,
}

impl Shutdown {
    /// Open.
    pub fn new() -> Self {
        Self { closed: AtomicBool::new(false), submitting: Striped::new(|| AtomicUsize::new(0)) }
    }

    /// Closes. True for the one caller that did it.
    pub fn close(&self) -> bool {
        // Ordering: AcqRel; the fence orders it with the count, the exchange elects one closer.
        let first = !self.closed.swap(true, Ordering::AcqRel);
        // Ordering: SeqCst fence; pairs with the one in `submitting`.
        fence(Ordering::SeqCst);
        first
    }

    /// Whether it is closed; for machines, which are waited for.
    #[inline]
    pub fn is_closed(&self) -> bool {
        // Ordering: Acquire pairs with `close`, so that a machine that stops sees what led to it.
        self.closed.load(Ordering::Acquire)
    }

    /// Counts the caller as submitting.
    #[inline]
    pub fn submitting(&self) -> Submitting<'_> {
        let stripe = self.submitting.mine();
        if !broken("shutdown-submit-uncounted") {
            // Ordering: Relaxed; the fence in `is_closed`, or the queue that the task goes through, orders it.
            stripe.fetch_add(1, Ordering::Relaxed);
        }
        Submitting { shutdown: self, stripe }
    }

    /// Whether nobody is submitting. Final once closed, when no task is live: nobody has anything to submit then.
    pub fn is_quiet(&self) -> bool {
        // Ordering: SeqCst fence; pairs with the one in `Submitting::is_closed`.
        fence(Ordering::SeqCst);
        // Ordering: Acquire pairs with the Release in `Submitting::drop`: what the submitter did is done.
        self.submitting.iter().all(|stripe| stripe.load(Ordering::Acquire) == 0)
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

impl Submitting<'_> {
    /// Whether the scheduler is closed. If not, its drain will see what is pushed before this is dropped.
    pub fn is_closed(&self) -> bool {
        // Ordering: SeqCst fence; pairs with the ones in `close` and `is_quiet`.
        if !broken("shutdown-no-submit-fence") {
            fence(Ordering::SeqCst);
        }
        self.shutdown.is_closed()
    }
}

impl Drop for Submitting<'_> {
    fn drop(&mut self) {
        if !broken("shutdown-submit-uncounted") {
            // Ordering: Release pairs with the Acquire in `is_quiet`.
            self.stripe.fetch_sub(1, Ordering::Release);
        }
    }
}
