//! [`Registry`]: where a runtime's tasks are made and found.
//!
//! A spawn takes a record, a body and an id from the processor's [`Caches`], fills them with a handful of stores and is
//! done: no shared counter, no lock, no clock, no list to enter, because the record was in the list all along. A thread
//! without a processor does the same with caches behind a mutex, of which there are a few for such threads to spread over.
//!
//! Observers walk the pages without a lock and without holding anything up. Every task that is alive throughout the walk is
//! seen exactly once; one that starts or ends meanwhile may or may not be.
//!
//! The registry knows one thing about the scheduler: its [`Sink`], to which a wake hands the right to run.
//!
//! The invariant, which is its maker's duty: a registry outlives its tasks. What may outlive the registry are handles and
//! wakers of complete tasks.
//!
//! Models: `loom-tests/tests/registry.rs`.

use super::arena::{self, Arena};
use super::body::Body;
use super::main::Driven;
use super::record::{Birth, Row};
use super::{Caches, JoinHandle, Runnable, Task, labels, local, try_id};
use crate::probes;
use crate::stats::TaskMemoryStats;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::ptr::NonNull;

/// Where the tasks of a registry go when they become runnable.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Sink {
    /// Passed to `submit`.
    pub data: *const (),
    /// Takes the right to run. Called from any thread, inside whatever woke the task.
    pub submit: unsafe fn(*const (), Runnable),
}

// SAFETY: the pointer is only passed on; `Registry::new` asks that this may be done from any thread.
unsafe impl Send for Sink {}
// SAFETY: as above.
unsafe impl Sync for Sink {}

/// The tasks of one runtime.
pub struct Registry {
    arena: NonNull<Arena>,
}

// SAFETY: the arena may be used from any thread.
unsafe impl Send for Registry {}
// SAFETY: as above.
unsafe impl Sync for Registry {}

impl Registry {
    /// An empty registry.
    ///
    /// # Safety
    /// For as long as a task is not complete, the sink may be called from any thread, and the registry is not dropped. Its
    /// caches are dropped before it.
    pub unsafe fn new(sink: Sink) -> Self {
        let arena = arena::take();
        // SAFETY: no task of an arena from the pool is alive.
        unsafe { arena.as_ref().set_sink(Some(sink)) };
        Self { arena }
    }

    /// An empty registry of the tasks of a set, which no runtime lists: [`local_tasks`] does.
    ///
    /// # Safety
    /// As [`new`](Self::new).
    pub(super) unsafe fn new_local(sink: Sink) -> Self {
        // SAFETY: the caller's promise.
        let registry = unsafe { Self::new(sink) };
        registry.arena().set_local(true);
        registry
    }

    /// Changes the sink.
    ///
    /// # Safety
    /// As [`new`](Self::new), and no task is alive.
    pub unsafe fn set_sink(&self, sink: Sink) {
        // SAFETY: the caller's promise.
        unsafe { self.arena().set_sink(Some(sink)) };
    }

    #[inline(always)]
    fn arena(&self) -> &Arena {
        // SAFETY: the arena is the registry's until it is dropped.
        unsafe { self.arena.as_ref() }
    }

    /// Caches for one processor.
    pub fn caches(&self) -> Caches {
        Caches::new(self.arena)
    }

    /// Makes a task, from this registry's `caches`. It is runnable, and the caller has the right to run it.
    #[inline(always)]
    pub fn spawn<F>(
        &self,
        caches: &mut Caches,
        future: F,
        site: &'static Location<'static>,
        since: u64,
    ) -> (Runnable, JoinHandle<F::Output>)
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        // SAFETY: the future may run and be dropped on any thread.
        unsafe { self.spawn_local(caches, future, site, since) }
    }

    /// Makes a task that may be tied to a thread, or to a lifetime.
    ///
    /// # Safety
    /// The task runs, completes and is joined only where the future and its output may be, and completes before anything
    /// that it borrows ends.
    #[inline(always)]
    pub unsafe fn spawn_local<F: Future>(
        &self,
        caches: &mut Caches,
        future: F,
        site: &'static Location<'static>,
        since: u64,
    ) -> (Runnable, JoinHandle<F::Output>) {
        debug_assert!(caches.serve(self.arena), "the caches of another registry");
        let vtable = Body::<F>::vtable();
        let body = caches.take_body(vtable.class, vtable.memory());
        // SAFETY: the memory is ours and fits.
        unsafe { Body::init(body, future) };
        let task = caches.take_record();
        let id = caches.ids.next();
        // SAFETY: the record is free and ours. In return for that come the right to run and the join handle's reference.
        unsafe {
            task.as_ref().begin_life(Birth { vtable, body, id, site, parent: local::current_id(), since });
            labels::inherit(task.as_ref());
            probes::task_spawn(|| probes::with_site(task.as_ref(), probes::number(try_id())));
            (Runnable::from_raw(task), JoinHandle::from_ref(task))
        }
    }

    /// [`spawn`](Self::spawn) by a thread without a processor.
    pub fn spawn_remote<F>(
        &self,
        future: F,
        site: &'static Location<'static>,
        since: u64,
    ) -> (Runnable, JoinHandle<F::Output>)
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.arena().with_remote(|caches| self.spawn(caches, future, site, since))
    }

    /// [`spawn_local`](Self::spawn_local) by a thread without a processor.
    ///
    /// # Safety
    /// As there.
    pub unsafe fn spawn_local_remote<F: Future>(
        &self,
        future: F,
        site: &'static Location<'static>,
        since: u64,
    ) -> (Runnable, JoinHandle<F::Output>) {
        // SAFETY: the caller's promise.
        self.arena().with_remote(|caches| unsafe { self.spawn_local(caches, future, site, since) })
    }

    /// Makes the record of a `block_on`'s future; `driver` is where its wakes go. It inherits nothing, and nobody is told of it.
    ///
    /// # Safety
    /// It runs where its future may be polled, and is complete before what it borrows ends.
    pub(crate) unsafe fn begin_main<F: Future>(
        &self,
        driven: Driven<'_, F>,
        driver: NonNull<()>,
        site: &'static Location<'static>,
        since: u64,
    ) -> Runnable {
        let vtable = Body::<Driven<'_, F>>::main_vtable();
        let parent = local::current_id();
        self.arena().with_remote(|caches| {
            let body = caches.take_body(vtable.class, vtable.memory());
            // SAFETY: the memory is ours and fits.
            unsafe { Body::init(body, driven) };
            let task = caches.take_record();
            let id = caches.ids.next();
            // SAFETY: the record is free and ours. In return for that come the right to run and the join handle's reference; nobody
            // will ask how it ends.
            unsafe {
                task.as_ref().begin_life(Birth { vtable, body, id, site, parent, since });
                task.as_ref().set_driver(driver);
                // What is spawned in there inherits the labels of the task that is around it, whatever they are then.
                let _ = local::with_task(|_| task.as_ref().set_labelled());
                drop(JoinHandle::<()>::from_ref(task));
                Runnable::from_raw(task)
            }
        })
    }

    /// Every record that holds a task, which may be complete and still be referenced.
    ///
    /// The record may change its task at any time: use [`read`](Task::read) for what belongs together.
    pub fn for_each(&self, mut f: impl FnMut(&Task)) {
        self.arena().for_each(|task| {
            if task.id().is_some() {
                f(task);
            }
        });
    }

    /// A consistent copy of every task.
    pub fn snapshot(&self, mut f: impl FnMut(Row)) {
        self.arena().for_each(|task| {
            if let Some(row) = task.read() {
                f(row);
            }
        });
    }

    /// Whether a row is of this registry: of a record in its pages.
    pub fn has(&self, row: &Row) -> bool {
        arena::arena_of(NonNull::from(row.record)) == self.arena
    }

    /// The memory that the tasks live in, for observers.
    pub fn memory(&self) -> TaskMemoryStats {
        let (records, free) = self.arena().memory();
        TaskMemoryStats { records, free }
    }

    /// Records that were ever made: the most tasks that were alive together, in pages.
    pub fn capacity(&self) -> usize {
        self.arena().capacity()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let mut live = 0;
        if cfg!(debug_assertions) && !std::thread::panicking() {
            self.arena().for_each(|task| live += usize::from(!task.bits().is_complete()));
        }
        debug_assert!(live == 0, "{live} tasks outlive their registry");
        self.arena().set_local(false);
        // SAFETY: no task is alive.
        unsafe {
            // A debugger takes it for the scheduler.
            self.arena().set_sink(None);
            arena::give(self.arena);
        }
    }
}

/// The tasks of all [`LocalSet`](super::LocalSet)s of the process: for observers, as each runtime's own.
///
/// Takes no lock that a task could wait for; tasks that start or end meanwhile may be missed.
pub fn local_tasks(mut f: impl FnMut(Row)) {
    arena::for_each_local(|arena| {
        arena.for_each(|task| {
            if let Some(row) = task.read() {
                f(row);
            }
        });
    });
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").finish_non_exhaustive()
    }
}
