//! Captures of a runtime's tasks: who may be captured, and what becomes of the task afterwards.
//!
//! What a capture is, is in [`crate::task::capture`]. Here it meets the scheduler: the capturing thread is an observer's, owns no
//! processor and wakes no machine for what it does; it is in the runtime's context for the time of the poll, as a machine is, so
//! that what the user's code asks for is there, and so that blocking it is refused as it is refused elsewhere.
//!
//! A task that runs or is queued is not captured: its state says enough. One that is woken during the capture goes to the global queue
//! as a wake from outside would send it there. One that ends in the capture ends, is counted, and is told of.
//!
//! Not captured at all: a task that is tied to a thread (of a [`LocalRuntime`](crate::runtime::LocalRuntime), locked to its
//! machine; those of a local set are in a registry of their own), a task of another runtime, and any task of a runtime that
//! shuts down.
//!
//! The invariant is that of any submitter: **the right to run that was taken is given up or put into a queue before the runtime
//! is over**. Hence [`submitting`](crate::shutdown).
//!
//! Models: `loom-tests/tests/capture.rs`, for the state word; `loom-tests/tests/shuttle_capture.rs`, on the whole scheduler. The
//! way back to the queue is that of any wake from outside.

use crate::context;
use crate::coop;
use crate::entered;
use crate::scheduler::Scheduler;
use crate::sync::{Arc, broken};
use crate::task::{Ran, Row, Runnable, Witness};
use crate::watched;

/// What came of a capture.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[must_use]
pub enum Captured {
    /// The task waits, and was shown.
    Waits,
    /// It was woken meanwhile, and is queued. What was shown may be over.
    Woken,
    /// It ended in the capture.
    Ended,
    /// It runs, or is queued: it does not wait.
    Busy,
    /// It is no more.
    Gone,
    /// It may run on one thread only, and this is not it; or it is none of this runtime's.
    Tied,
    /// The runtime shuts down.
    Closing,
}

impl Scheduler {
    /// Captures the task of `row`, on this thread.
    pub(crate) fn capture(this: &Arc<Self>, row: &Row, witness: &mut dyn Witness) -> Captured {
        let submitting = this.shutdown.submitting();
        if submitting.is_closed() {
            return Captured::Closing;
        }
        if !this.registry.has(row) || this.config.local_to.is_some() || row.record.is_locked() {
            return Captured::Tied;
        }
        let Some(task) = row.record.try_claim() else {
            let lives = row.record.id() == Some(row.id) && !row.record.bits().is_complete();
            return if lives { Captured::Busy } else { Captured::Gone };
        };
        this.remote().claims.inc();
        // The claim ordered what the task's last machine wrote before: whether it was locked, whether it is another by now.
        let gone = task.task().id() != Some(row.id) && !broken("capture-any-life");
        if gone || task.task().is_locked() && !broken("capture-locked-looked-early") {
            // A wake for nothing, which it must bear.
            this.inject_one(task);
            return if gone { Captured::Gone } else { Captured::Tied };
        }
        let meta = watched::meta(&task, None);
        let ran = Self::run_captured(this, task, witness);
        this.account_capture(&ran);
        let (captured, ending) = match ran {
            Ran::Idle => (Captured::Waits, None),
            Ran::Woken(task) => {
                this.woken_in_poll(&task);
                if broken("capture-woken-kept") {
                    std::mem::forget(task);
                } else {
                    this.inject_one(task);
                }
                (Captured::Woken, None)
            }
            Ran::Complete(ending) => (Captured::Ended, Some(ending)),
        };
        // What a user's hook does, or the end of the runtime, must not wait for us.
        drop(submitting);
        if let Some(ending) = ending {
            this.tell_of_end(meta, ending);
        }
        captured
    }

    fn run_captured(this: &Arc<Self>, task: Runnable, witness: &mut dyn Witness) -> Ran {
        let _entered = entered::enter(this);
        let _driving = context::set_driving(true);
        coop::with_budget(|| task.run_before(witness)).0
    }
}
