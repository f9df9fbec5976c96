//! [`Inbox`]: how a task of a [`LocalSet`](super::LocalSet) that was woken elsewhere reaches the set's thread.
//!
//! Two things are under one lock: the tasks that wait to be picked up, and the waker of whoever polls the set, with a flag that
//! says whether it is to be woken. The set *listens* at the start of each poll: in one step it takes what is there and says
//! that it is to be woken for anything later. So it need not look again before it returns `Pending`, and of many wakes only
//! the first rings. A wake on the set's own thread while the set is polled does not come here at all.
//!
//! The lock is held for a few steps. The one thing of others that runs under it is the clone of the waker in
//! [`push`](Inbox::push), which leaves the original in place for the next poll to find; wakers are woken and dropped outside it.
//!
//! Who may call: [`push`](Inbox::push) any thread, inside whatever woke the task; the rest the set's thread. The inbox is in
//! an `Arc`, and whoever pushes holds a count: the pushed task may be run, and the set be dropped, before the push returns.
//!
//! The invariant: a task that is in the inbox has rung, or the set has not listened since and will. Model:
//! `local_set_remote_wake_vs_idle` in `loom-tests/tests/local_set.rs`.

use super::{Runnable, Task};
use crate::queue::Chain;
use crate::sync::{Mutex, broken};
use std::task::Waker;

/// Tasks that were woken outside their set.
pub(super) struct Inbox(Mutex<Inner>);

struct Inner {
    tasks: Chain<Task>,
    waker: Option<Waker>,
    /// Whether the waker is to be woken.
    armed: bool,
}

impl Inner {
    /// The waker, if it is to be woken, which it then is not any more.
    fn disarm(&mut self) -> Option<Waker> {
        if std::mem::take(&mut self.armed) { self.waker.clone() } else { None }
    }
}

impl Inbox {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Inner { tasks: Chain::new(), waker: None, armed: false }))
    }

    /// Puts a task in and wakes the set.
    pub(super) fn push(&self, task: Runnable) {
        if broken("local-ring-before-push") {
            self.ring();
            // SAFETY: the right to run it moves into the chain.
            return unsafe { self.0.lock().tasks.push_back(task.into_raw()) };
        }
        let mut inner = self.0.lock();
        // SAFETY: the right to run it moves into the chain.
        unsafe { inner.tasks.push_back(task.into_raw()) };
        let waker = inner.disarm();
        drop(inner);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Wakes the set.
    pub(super) fn ring(&self) {
        let waker = self.0.lock().disarm();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Moves what is there to `tasks`; what comes later rings `waker`.
    pub(super) fn listen(&self, waker: &Waker, tasks: &mut Chain<Task>) {
        if broken("local-listen-in-two-steps") {
            self.take(tasks);
            let mut inner = self.0.lock();
            inner.waker = Some(waker.clone());
            inner.armed = true;
            return;
        }
        let mut inner = self.0.lock();
        if !inner.waker.as_ref().is_some_and(|old| old.will_wake(waker)) {
            drop(inner);
            let new = waker.clone();
            inner = self.0.lock();
            let old = inner.waker.replace(new);
            inner.listen(tasks);
            drop(inner);
            return drop(old);
        }
        inner.listen(tasks);
    }

    /// Moves what is there to `tasks`.
    pub(super) fn take(&self, tasks: &mut Chain<Task>) {
        tasks.append(&mut self.0.lock().tasks);
    }
}

impl Inner {
    fn listen(&mut self, tasks: &mut Chain<Task>) {
        tasks.append(&mut self.tasks);
        self.armed = !broken("local-listen-unarmed");
    }
}
