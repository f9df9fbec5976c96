//! Tasks that are locked to a machine: Go's `LockOSThread`.
//!
//! Some code cares which thread it runs on: thread-local state of a C library, namespaces, a GUI. A task that holds an
//! [`OsThread`] is polled on the same machine every time, and that machine polls nothing else: between the task's polls
//! it gives its processor up and sleeps. Whoever finds the task runnable hands its own processor over together with the
//! task. That costs two thread switches for each wake of the task, and is the pathology `locked-thread` when it is not
//! meant.
//!
//! The table says which machine a task is locked to; it is looked at only for tasks whose record carries the flag.

use crate::context;
use crate::machine::Gift;
use crate::processor::Owned;
use crate::scheduler::Scheduler;
use crate::stats::MachineState;
use crate::sync::{Arc, broken};
use crate::task::{self, Runnable};
use crate::worker::Worker;
use std::ptr::{self, NonNull};

/// Keeps the task on its thread until it is dropped. Made by [`lock_os_thread`].
///
/// Dropped elsewhere than in its task, it frees the task at the end of the task's next run.
#[derive(Debug)]
#[must_use = "the task is unlocked when this is dropped"]
pub struct OsThread {
    lock: Option<(Arc<Scheduler>, u64)>,
}

/// Locks the running task to the thread that runs it, until the guard is dropped.
///
/// From here on the task is polled on this thread only, and the thread polls only this task: Go's `LockOSThread`. Locks
/// nest. Outside a task of a multi-thread runtime this does nothing, as the caller's thread is its own already.
///
/// A task that ends while it is locked (its guard was forgotten) takes its thread with it, as in Go: the thread may be in
/// a state that no other task should see.
pub fn lock_os_thread() -> OsThread {
    let lock = context::machine(|machine| {
        let (scheduler, machine) = machine?;
        if !scheduler.may_start_machines() {
            return None;
        }
        task::with_task(|task| {
            let id = task.id()?.as_u64();
            scheduler.locked.lock(id, machine.id);
            machine.set_locked(id);
            machine.note_held(NonNull::from(task));
            task.set_locked();
            Some((scheduler.handle(), id))
        })?
    });
    OsThread { lock }
}

impl Drop for OsThread {
    fn drop(&mut self) {
        let Some((locker, id)) = self.lock.take() else { return };
        let Some(free) = locker.locked.unlock(id) else { return };
        context::machine(|machine| {
            let Some((scheduler, machine)) = machine else { return };
            if !ptr::eq(scheduler, &*locker) || machine.id != free {
                return;
            }
            let _elsewhere = task::with_task(|task| {
                if task.id().is_some_and(|running| running.as_u64() == id)
                    && scheduler.locked.settle(id, machine, false)
                {
                    machine.set_locked(0);
                    task.clear_locked();
                }
            });
        });
    }
}

impl Worker<'_> {
    /// Whether `task` is the one that this machine is locked to.
    pub(crate) fn is_locked_to(&self, task: &Runnable) -> bool {
        task.task().id().is_some_and(|id| id.as_u64() == self.machine.locked())
    }

    /// `task` is locked to another machine: hands it over with our processor. This machine goes on without one.
    #[cold]
    pub(crate) fn pass_to_locked_machine(&mut self, p: Owned<'_>, task: Runnable) {
        let scheduler = self.scheduler;
        let owner = task.task().id().and_then(|id| scheduler.locked.machine_of(id.as_u64()));
        let Some(owner) = owner.map(|owner| scheduler.machines.get(owner)) else {
            // Unlocked from outside its own poll: an ordinary task again.
            task.task().clear_locked();
            return scheduler.enqueue(p, task);
        };
        let processor = p.id;
        p.counters.hand_offs.inc();
        self.give_up(p);
        let gift = Gift { processor, spinning: false, task: Some(task) };
        match scheduler.locked.give(&owner, gift) {
            None => scheduler.rouse(&owner),
            // Unlocked just now: back to an ordinary task, on whichever processor.
            Some(Gift { task, .. }) => {
                if let Some(task) = task {
                    task.task().clear_locked();
                    scheduler.inject_one(task);
                }
                scheduler.hand_off(processor);
            }
        }
    }

    /// The machine is locked to a task whose poll is over: gives its processor up and waits for the task, and runs it
    /// whenever it comes, until it is locked no longer. False ends the machine: its task ended without unlocking.
    #[cold]
    pub(crate) fn stay_with_locked_task(&mut self, mut ended: bool) -> bool {
        let scheduler = self.scheduler;
        loop {
            let locked = self.machine.locked();
            if locked == 0 {
                return true;
            }
            if scheduler.locked.settle(locked, self.machine, ended) {
                // Unlocked from outside its own run, or gone. Of a task that goes on the flag is cleared when it is found.
                self.machine.set_locked(0);
                return !ended;
            }
            if let Some(p) = context::owned(scheduler) {
                let processor = p.id;
                p.counters.hand_offs.inc();
                self.give_up(p);
                scheduler.hand_off(processor);
            }
            // Before each sleep: the token of the end may have been taken together with a gift's.
            if scheduler.shutdown.is_closed() && !broken("shutdown-locked-looks-away") {
                return true;
            }
            self.machine.set_doing(MachineState::Locked);
            self.machine.parker.park();
            if let Some(gift) = self.machine.receive() {
                let task = self.accept(gift);
                if let (Some(task), Some(p)) = (task, context::owned(scheduler)) {
                    ended = self.poll(p, task);
                }
            } else if scheduler.shutdown.is_closed() {
                return true;
            }
        }
    }
}
