//! [`Members`]: the tasks of one [`LocalSet`](super::LocalSet), and what their thread needs to run them.
//!
//! A set has a registry of its own, so its tasks have records, states and wait reasons like all others, and no runtime need
//! be there when they are made. The registry's sink decides where a woken task goes: to the queue here if this thread is polling
//! the set at that moment, which costs no atomic operation, and to the [`Inbox`] otherwise.
//!
//! Everything but the inbox is the set's thread's alone, and kept in plain cells. That thread is whoever holds the `Rc`, so
//! neither the set nor its guards are `Send`; a waker reaches the sink by a pointer to the inbox, and finds the cells only
//! through the thread-local that says which set is polled (`local_current.rs`).
//!
//! The end: [`close`](Members::close) cancels every task on this thread. A task whose waker has won the right to submit it and
//! has not pushed it yet is in no queue; the end waits until it turns up, as the drain of a runtime does. What is spawned after
//! that is cancelled at once.
//!
//! The invariant: `live` tasks are not complete, and each is idle, queued here or in the inbox, on its way there, or running.
//! Model: `local_set_drop_vs_remote_wake` in `loom-tests/tests/local_set.rs`.

use super::local_inbox::Inbox;
use super::{Caches, Ending, JoinHandle, Ran, Registry, Runnable, Sink, Tags, Task, local, local_current};
use crate::coop;
use crate::policy;
use crate::queue::Chain;
use crate::runtime::UnhandledPanic;
use crate::sync::{Arc, broken, thread};
use std::cell::{Cell, RefCell, UnsafeCell};
use std::future::Future;
use std::panic::Location;
use std::ptr::NonNull;
use std::task::Waker;

/// The tasks of one set.
pub(super) struct Members {
    queue: RefCell<Chain<Task>>,
    live: Cell<usize>,
    closed: Cell<bool>,
    on_panic: Cell<UnhandledPanic>,
    /// A task panicked, and `on_panic` says that this is the end.
    panicked: Cell<bool>,
    /// Dropped before the registry, see there.
    caches: UnsafeCell<Caches>,
    registry: Registry,
    inbox: Arc<Inbox>,
}

impl Members {
    pub(super) fn new() -> Self {
        let inbox = Arc::new(Inbox::new());
        let sink = Sink { data: (&raw const *inbox).cast(), submit };
        // SAFETY: `close` is called before the last `Rc` of this is dropped, and leaves no task that is not complete; until
        // then the inbox is here. The caches are dropped first.
        let registry = unsafe { Registry::new_local(sink) };
        Self {
            queue: RefCell::new(Chain::new()),
            live: Cell::new(0),
            closed: Cell::new(false),
            on_panic: Cell::new(UnhandledPanic::Ignore),
            panicked: Cell::new(false),
            caches: UnsafeCell::new(registry.caches()),
            registry,
            inbox,
        }
    }

    pub(super) fn set_on_panic(&self, behavior: UnhandledPanic) {
        self.on_panic.set(behavior);
    }

    /// The caches, for the thread's records to come from and go to.
    pub(super) fn caches(&self) -> NonNull<Caches> {
        match NonNull::new(self.caches.get()) {
            Some(caches) => caches,
            None => unreachable!("a field has an address"),
        }
    }

    /// Makes a task, to be run when the set is polled next.
    pub(super) fn spawn<F>(
        &self,
        future: F,
        tags: Option<&Tags<'_>>,
        site: &'static Location<'static>,
    ) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        // SAFETY: the caches are this thread's, and no borrow of them nests: nothing of the user's runs meanwhile. The task
        // runs and is dropped on this thread; its output leaves it only with a join handle, which is `Send` if that may be.
        let (task, join) =
            unsafe { self.registry.spawn_local(self.caches().as_mut(), future, site, local::coarse_now()) };
        if let Some(tags) = tags {
            tags.put_on(task.task());
        }
        if self.closed.get() {
            let _aborted = task.cancel();
            return join;
        }
        self.live.set(self.live.get() + 1);
        self.push(task);
        if !local_current::is_polling(&raw const *self.inbox) {
            self.inbox.ring();
        }
        join
    }

    /// Queues a task that this thread woke or made.
    pub(super) fn push(&self, task: Runnable) {
        // SAFETY: the right to run it moves into the queue.
        unsafe { self.queue.borrow_mut().push_back(task.into_raw()) };
    }

    pub(super) fn is_empty(&self) -> bool {
        self.live.get() == 0
    }

    /// Whether a waker found this inbox in its sink.
    pub(super) fn has_inbox(&self, inbox: *const Inbox) -> bool {
        std::ptr::eq(&raw const *self.inbox, inbox)
    }

    /// Picks up what was woken elsewhere; `waker` is woken for what comes later.
    pub(super) fn listen(&self, waker: &Waker) {
        self.inbox.listen(waker, &mut self.queue.borrow_mut());
    }

    /// Runs queued tasks; true if there are more than may run in one poll. To be called while the set is current.
    #[track_caller]
    pub(super) fn run(&self) -> bool {
        for _ in 0..policy::LOCAL_TASKS_PER_POLL {
            self.demand_no_panic();
            let Some(task) = self.pop() else { return false };
            match coop::with_budget(|| task.run()).0 {
                Ran::Idle => {}
                Ran::Woken(task) => self.push(task),
                Ran::Complete(ending) => self.ended(ending),
            }
        }
        self.demand_no_panic();
        !self.queue.borrow().is_empty()
    }

    #[track_caller]
    fn demand_no_panic(&self) {
        assert!(
            !self.panicked.get(),
            "a spawned task panicked and the LocalSet is configured to shutdown on unhandled panic"
        );
    }

    fn pop(&self) -> Option<Runnable> {
        // SAFETY: what is in the queue was put there with the right to run it.
        self.queue.borrow_mut().pop_front().map(|task| unsafe { Runnable::from_raw(task) })
    }

    fn ended(&self, ending: Ending) {
        self.live.set(self.live.get() - 1);
        if ending == Ending::Panicked && self.on_panic.get() == UnhandledPanic::ShutdownRuntime {
            self.panicked.set(true);
            self.closed.set(true);
            // Others may be inside their own polls further up this thread's stack: they are left to the end of the set.
            self.cancel_waiting();
        }
    }

    /// Cancels what is queued or idle. Whether there was anything.
    fn cancel_waiting(&self) -> bool {
        let mut any = false;
        self.inbox.take(&mut self.queue.borrow_mut());
        self.registry.for_each(|task| {
            if let Some(task) = task.try_claim() {
                self.push(task);
            }
        });
        // Each drop may wake others of the set, which are then queued here.
        while let Some(task) = self.pop() {
            any = true;
            // Its panic, if it has one, is the joiner's.
            let _ended = task.cancel();
            self.live.set(self.live.get() - 1);
        }
        any
    }

    /// Cancels every task, and those that are spawned from here on.
    pub(super) fn close(&self) {
        self.closed.set(true);
        while !self.is_empty() {
            let any = self.cancel_waiting();
            if broken("local-close-looks-once") {
                return;
            }
            if !any {
                // On their way into the inbox: their wakers are between two steps on other threads.
                thread::yield_now();
            }
        }
    }
}

/// The sink of woken tasks.
///
/// # Safety
///
/// `data` is the inbox of the set of a live task.
unsafe fn submit(data: *const (), task: Runnable) {
    let inbox = data.cast::<Inbox>();
    let Some(task) = local_current::push_if_polling(inbox, task) else { return };
    // SAFETY: the task is not complete, and its set keeps the inbox until all its tasks are.
    let inbox = unsafe {
        Arc::increment_strong_count(inbox);
        Arc::from_raw(inbox)
    };
    inbox.push(task);
}
