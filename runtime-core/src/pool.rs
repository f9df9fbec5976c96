//! The blocking pool: closures of `spawn_blocking`, on machines that never own a processor.
//!
//! A closure is an ordinary task whose one poll runs it, so it has a record, a join handle and a row in every report; but
//! it never sees a run queue. Threads are started on demand up to a limit, the youngest idle one is woken first, and one
//! that was idle for the keep-alive time ends. The queue is one mutex, as tokio's: a closure that blocks pays micro- or
//! milliseconds, and a sharded queue lost wake-ups there (tokio#8056).
//!
//! Shutdown drops the closures that have not begun (their joiners see them cancelled) and waits for those that have, which
//! includes those that a thread has been started or woken for: what goes to a pool that is not full is run. A mandatory
//! closure was promised to run, as a file's write that has been reported as done: shutdown runs and awaits it, too.
//!
//! The one invariant: a queued closure has a thread that will come for it, or the limit is reached and every thread will
//! look again: `queued > 0` and an idle thread that nobody has notified is unreachable, because both change under the lock.

use crate::machine::os_thread_id;
use crate::stats::{BlockingPoolStats, MachineState, MachineStats};
use crate::sync::{Condvar, Mutex, broken, thread};
use crate::task::{Registry, Runnable, Sink};
use std::collections::VecDeque;
use std::io;
use std::mem;
use std::panic::Location;
use std::time::{Duration, Instant};

/// The pool.
pub struct BlockingPool {
    /// Closures have records of their own, so that a scheduler's shutdown does not wait for a closure that blocks.
    pub(crate) registry: Registry,
    inner: Mutex<Inner>,
    work: Condvar,
    ended: Condvar,
    limit: usize,
    keep_alive: Duration,
}

#[derive(Default)]
struct Inner {
    queue: VecDeque<Queued>,
    threads: usize,
    idle: usize,
    /// Wake-ups on their way to idle threads.
    notified: usize,
    /// Threads that were started and have not come for a closure yet.
    starting: usize,
    running: usize,
    submitted: u64,
    completed: u64,
    closed: bool,
    rows: Vec<Row>,
    handles: Vec<thread::JoinHandle<()>>,
}

/// A closure that waits for a thread.
struct Queued {
    task: Runnable,
    /// It is run even if the pool closes first.
    mandatory: bool,
}

/// A thread, for observers.
#[derive(Clone, Copy)]
struct Row {
    thread_id: u64,
    task: Option<u64>,
    /// Where that was given to the pool.
    site: Option<&'static Location<'static>>,
    alive: bool,
}

/// What became of a closure.
#[must_use]
pub(crate) enum Submitted {
    /// It will run.
    Queued,
    /// The pool is closed: the caller cancels it.
    Closed(Runnable),
    /// No thread could be started, and there is none.
    Refused(Runnable, io::Error),
}

impl std::fmt::Debug for BlockingPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlockingPool").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl BlockingPool {
    /// A pool of at most `limit` threads.
    pub fn new(limit: usize, keep_alive: Duration) -> Self {
        Self {
            // SAFETY: a closure's task is run before it can be idle, so nothing ever wakes it: the sink is not called. It
            // ends in its one poll, and the pool, in its scheduler, outlives the threads that run them.
            registry: unsafe { Registry::new(Sink { data: std::ptr::null(), submit: never }) },
            inner: Mutex::new(Inner::default()),
            work: Condvar::new(),
            ended: Condvar::new(),
            limit,
            keep_alive,
        }
    }

    /// Queues a closure. If it needs a thread, `start` is called with the thread's number, to start one that runs
    /// [`work`](Self::work).
    pub(crate) fn submit(
        &self,
        task: Runnable,
        mandatory: bool,
        start: impl FnOnce(usize) -> io::Result<thread::JoinHandle<()>>,
    ) -> Submitted {
        let mut inner = self.inner.lock();
        if inner.closed {
            return Submitted::Closed(task);
        }
        inner.submitted += 1;
        inner.queue.push_back(Queued { task, mandatory });
        if inner.idle > inner.notified {
            inner.notified += 1;
            self.work.notify_one();
            return Submitted::Queued;
        }
        if inner.threads == self.limit {
            return Submitted::Queued;
        }
        let row = inner.rows.iter().position(|row| !row.alive).unwrap_or(inner.rows.len());
        match start(row) {
            Ok(handle) => {
                let fresh = Row { thread_id: 0, task: None, site: None, alive: true };
                if row == inner.rows.len() {
                    inner.rows.push(fresh);
                } else {
                    inner.rows[row] = fresh;
                }
                inner.threads += 1;
                inner.starting += 1;
                inner.handles.push(handle);
                Submitted::Queued
            }
            // Some thread will come back for it.
            Err(_) if inner.threads > 0 => Submitted::Queued,
            Err(error) => match inner.queue.pop_back() {
                Some(Queued { task, .. }) => {
                    inner.submitted -= 1;
                    Submitted::Refused(task, error)
                }
                None => Submitted::Queued,
            },
        }
    }

    /// What thread number `row` does: has closures run until there has been none for the keep-alive time, or the pool closes.
    /// `ended` is called after each, when its joiner has been woken and it counts as running no longer.
    pub(crate) fn work(&self, row: usize, run: impl Fn(Runnable), ended: impl Fn()) {
        self.inner.lock().rows[row].thread_id = os_thread_id();
        let mut starting = true;
        while let Some(task) = self.next(mem::take(&mut starting)) {
            let (id, site) = (task.task().id().map(|id| id.as_u64()), task.task().site());
            {
                let row = &mut self.inner.lock().rows[row];
                (row.task, row.site) = (id, Some(site));
            }
            let quiet_too_early = broken("seat-pool-quiet-first");
            if quiet_too_early {
                self.inner.lock().running -= 1;
            }
            run(task);
            let mut inner = self.inner.lock();
            (inner.rows[row].task, inner.rows[row].site) = (None, None);
            // After the joiner was woken: see `paused.rs`.
            if !quiet_too_early {
                inner.running -= 1;
            }
            inner.completed += 1;
            drop(inner);
            ended();
        }
        let mut inner = self.inner.lock();
        inner.rows[row].alive = false;
        inner.threads -= 1;
        self.ended.notify_all();
    }

    /// The next closure; `None` ends the thread.
    fn next(&self, starting: bool) -> Option<Runnable> {
        let mut inner = self.inner.lock();
        inner.starting -= usize::from(starting);
        loop {
            if let Some(Queued { task, .. }) = inner.queue.pop_front() {
                inner.running += 1;
                return Some(task);
            }
            if inner.closed {
                return None;
            }
            inner.idle += 1;
            let until = Instant::now() + self.keep_alive;
            let mut woken = false;
            while !woken && inner.queue.is_empty() && !inner.closed {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                inner = self.work.wait_timeout(inner, left);
                if inner.notified > 0 {
                    inner.notified -= 1;
                    woken = true;
                }
            }
            inner.idle -= 1;
            inner.notified = inner.notified.min(inner.idle);
            if !woken && inner.queue.is_empty() && !inner.closed {
                return None;
            }
        }
    }

    /// Whether no closure runs or waits for a thread.
    pub(crate) fn is_quiet(&self) -> bool {
        let inner = self.inner.lock();
        inner.running == 0 && inner.queue.is_empty()
    }

    /// Whether it is closed, and every thread of it has ended.
    pub(crate) fn is_over(&self) -> bool {
        let inner = self.inner.lock();
        inner.closed && inner.threads == 0
    }

    /// Closes the pool: closures that nobody has come for or is on the way to come back to be cancelled, except the mandatory
    /// ones. Each that stays has a thread that will come for it still, for a thread ends only when the queue is empty.
    pub(crate) fn close(&self) -> Vec<Runnable> {
        let mut inner = self.inner.lock();
        inner.closed = true;
        let dropped: VecDeque<_>;
        // The oldest are those that threads were started or woken for: they count as begun, as in tokio.
        let mut begun = inner.starting + inner.notified;
        (inner.queue, dropped) = mem::take(&mut inner.queue).into_iter().partition(|one| {
            let stays = begun > 0 || one.mandatory;
            begun = begun.saturating_sub(1);
            stays
        });
        inner.completed += dropped.len() as u64;
        self.work.notify_all();
        dropped.into_iter().map(|one| one.task).collect()
    }

    /// Waits for every thread to end, or until `deadline`; true if they have.
    pub(crate) fn wait(&self, deadline: Option<Instant>) -> bool {
        let mut inner = self.inner.lock();
        while inner.threads > 0 {
            match deadline {
                None => inner = self.ended.wait(inner),
                Some(at) => {
                    let left = at.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return false;
                    }
                    inner = self.ended.wait_timeout(inner, left);
                }
            }
        }
        let handles = mem::take(&mut inner.handles);
        drop(inner);
        for handle in handles {
            // Closures' panics go to their joiners; a panic of the thread itself has been printed.
            let _panic = handle.join();
        }
        true
    }

    /// Its gauges and counts.
    pub fn stats(&self) -> BlockingPoolStats {
        let inner = self.inner.lock();
        BlockingPoolStats {
            threads: inner.threads,
            idle: inner.idle,
            running: inner.running,
            queued: inner.queue.len(),
            submitted: inner.submitted,
            completed: inner.completed,
        }
    }

    /// Its threads, numbered on from `first`.
    pub fn machines(&self, first: usize, rows: &mut Vec<MachineStats>) {
        let inner = self.inner.lock();
        rows.extend(inner.rows.iter().enumerate().map(|(i, row)| MachineStats {
            id: first + i,
            state: match (row.alive, row.task) {
                (false, _) => MachineState::Dead,
                (true, Some(_)) => MachineState::BlockingPool,
                (true, None) => MachineState::PoolIdle,
            },
            processor: None,
            task: row.task,
            locked_task: None,
            spawned_at: row.site,
            thread_id: row.thread_id,
        }));
    }
}

/// The sink of closures: a task that was never idle is never submitted.
///
/// # Safety
///
/// None is needed.
unsafe fn never(_data: *const (), _task: Runnable) {
    unreachable!("a closure of the blocking pool was woken while idle")
}
