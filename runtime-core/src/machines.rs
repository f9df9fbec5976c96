//! The machines of one scheduler: starting their threads, counting them, and waiting for them to end.
//!
//! Threads are started when there is a processor to run and no machine sleeps, as Go does, and end when they have slept
//! for the keep-alive time while there are more of them than processors. The number is bounded
//! ([`Builder::max_machines`](crate::runtime::Builder::max_machines)): at the bound, or when the operating system refuses,
//! nothing crashes; the processor stays idle, the work stays queued for the machines that there are, a counter tells how often, and the first
//! time a line on stderr says why.

use crate::machine::Machine;
use crate::stats::MachineState;
use crate::sync::{Arc, AtomicU64, Condvar, Mutex, Ordering, broken, thread};
use std::io;
use std::time::Instant;

/// The machines.
#[derive(Debug)]
pub struct Machines {
    inner: Mutex<Inner>,
    ended: Condvar,
    /// Times that a machine was wanted and could not be had.
    refused: AtomicU64,
}

#[derive(Debug, Default)]
struct Inner {
    all: Vec<Arc<Machine>>,
    threads: Vec<thread::JoinHandle<()>>,
    alive: usize,
    /// Somebody has been told to drain.
    drained: bool,
    /// And is done.
    over: bool,
}

/// What waiting for the machines came to.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// The last one has drained the scheduler.
    Done,
    /// There is none: the caller drains.
    Yours,
    /// The time was up.
    NotYet,
}

impl Default for Machines {
    fn default() -> Self {
        Self::new()
    }
}

impl Machines {
    /// No machine yet.
    pub fn new() -> Self {
        Self { inner: Mutex::new(Inner::default()), ended: Condvar::new(), refused: AtomicU64::new(0) }
    }

    /// A new machine, if fewer than `limit` are alive.
    pub fn add(&self, limit: usize) -> Option<Arc<Machine>> {
        let mut inner = self.inner.lock();
        if inner.alive >= limit {
            drop(inner);
            self.refuse(format_args!("the limit of {limit} machines is reached (Builder::max_machines)"));
            return None;
        }
        inner.alive += 1;
        // A machine that was handed a task too late is kept for the drain.
        let is_free = |machine: &Arc<Machine>| machine.doing() == MachineState::Dead && !machine.has_gift();
        let dead = inner.all.iter().position(is_free);
        let machine = Arc::new(Machine::new(dead.unwrap_or(inner.all.len())));
        match dead {
            Some(place) => inner.all[place] = machine.clone(),
            None => inner.all.push(machine.clone()),
        }
        Some(machine)
    }

    /// Starts the thread of `machine`, which runs `body`. On an error the machine is dead.
    pub fn start(
        &self,
        machine: &Machine,
        name: String,
        stack: Option<usize>,
        body: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        let mut builder = thread::Builder::new().name(name);
        if let Some(stack) = stack {
            builder = builder.stack_size(stack);
        }
        match builder.spawn(body) {
            Ok(handle) => {
                let mut inner = self.inner.lock();
                inner.threads.retain(|thread| !is_finished(thread));
                inner.threads.push(handle);
                Ok(())
            }
            Err(error) => {
                self.refuse(format_args!("the operating system refuses a thread: {error}"));
                let mut inner = self.inner.lock();
                machine.set_doing(MachineState::Dead);
                inner.alive -= 1;
                drop(inner);
                Err(error)
            }
        }
    }

    /// The machine's thread is about to end. True if it was the last one of a scheduler that `is_closed`, and nobody else
    /// has been told so: the caller drains, and then says [`drained`](Self::drained).
    #[must_use]
    pub fn end(&self, machine: &Machine, is_closed: impl FnOnce() -> bool) -> bool {
        let mut inner = self.inner.lock();
        machine.set_doing(MachineState::Dead);
        inner.alive -= 1;
        // Under the lock, so that either we see the end or `wait_for_end` sees that nobody is alive.
        let last = inner.alive == 0 && !inner.drained && is_closed();
        inner.drained |= last && !broken("shutdown-drainer-elected-twice");
        last
    }

    /// Every task has been dropped.
    pub fn drained(&self) {
        let mut inner = self.inner.lock();
        inner.over = true;
        self.ended.notify_all();
    }

    /// Whether every task has been dropped and every machine has ended.
    pub fn are_over(&self) -> bool {
        let inner = self.inner.lock();
        inner.over && inner.alive == 0
    }

    /// Waits until the last machine has drained the closed scheduler, at most until `deadline`. [`Over::Yours`] means that
    /// there is no machine, and that the caller drains.
    pub fn wait_for_end(&self, deadline: Option<Instant>) -> Over {
        let mut inner = self.inner.lock();
        if inner.alive == 0 && !inner.drained {
            inner.drained = true;
            return Over::Yours;
        }
        while !inner.over {
            match deadline {
                None => inner = self.ended.wait(inner),
                Some(at) => {
                    let left = at.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Over::NotYet;
                    }
                    inner = self.ended.wait_timeout(inner, left);
                }
            }
        }
        Over::Done
    }

    /// Machine number `id`.
    pub fn get(&self, id: usize) -> Arc<Machine> {
        self.inner.lock().all[id].clone()
    }

    /// Every machine, the dead ones included.
    pub fn all(&self) -> Vec<Arc<Machine>> {
        self.inner.lock().all.clone()
    }

    /// Machines alive.
    pub fn alive(&self) -> usize {
        self.inner.lock().alive
    }

    /// Times that a machine was wanted and could not be had.
    pub fn refused(&self) -> u64 {
        // Ordering: Relaxed, a count.
        self.refused.load(Ordering::Relaxed)
    }

    /// Counts, and says so the first time: work waits, and whoever looks for the reason should find it.
    fn refuse(&self, why: std::fmt::Arguments<'_>) {
        // Ordering: Relaxed, a count; rare.
        if self.refused.fetch_add(1, Ordering::Relaxed) == 0 {
            eprintln!(
                "gumption: {why}; work waits for the machines that there are, machine_limit_hits counts how often"
            );
        }
    }

    /// The threads, to be joined once nobody starts new ones.
    pub fn take_threads(&self) -> Vec<thread::JoinHandle<()>> {
        std::mem::take(&mut self.inner.lock().threads)
    }
}

#[cfg(not(any(gumption_loom, gumption_shuttle)))]
fn is_finished(thread: &thread::JoinHandle<()>) -> bool {
    thread.is_finished()
}

/// The checkers' handles cannot be asked, and their runs are short.
#[cfg(any(gumption_loom, gumption_shuttle))]
fn is_finished(_thread: &thread::JoinHandle<()>) -> bool {
    false
}
