//! Shutting a scheduler down: closing it, getting every machine out, and dropping what is left.
//!
//! The order and its reasons are in [`crate::shutdown`]. The machine that goes last drains, so futures are dropped on a
//! thread of the runtime, inside its context; a current-thread runtime, and one that never started a machine, is drained
//! by the thread that ends it. That thread also helps while a machine is kept by a blocking section, which may be waiting
//! for a task that nobody runs any more.

use crate::entered;
use crate::idle::ProcessorId;
use crate::machine::{Gift, Machine};
use crate::machines::Over;
use crate::policy;
use crate::processor::Owned;
use crate::queue::Chain;
use crate::running;
use crate::scheduler::Scheduler;
use crate::sync::{broken, thread};
use crate::task::{Runnable, Task};
use std::ptr::NonNull;
use std::time::{Duration, Instant};

impl Scheduler {
    /// Ends the scheduler; waits for the machines and the blocking pool, at most `limit`.
    pub(crate) fn shut_down(&self, limit: Option<Duration>) {
        if !self.shutdown.close() {
            return;
        }
        // One beyond the clock's range never comes.
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        for task in self.pool.close() {
            self.cancel_told(task);
        }
        self.sysmon.stop();
        self.printer.stop();
        self.remote().unparks.add(self.idle.take_all_machines().len() as u64);
        // All of them, wherever they sleep or are about to: whoever takes this token sees the end.
        for machine in self.machines.all() {
            if !broken("shutdown-nobody-roused") {
                self.rouse(&machine);
            }
        }
        match self.wait_for_machines(deadline) {
            Over::Done => self.join_threads(),
            Over::Yours => {
                self.drain();
                self.machines.drained();
                self.join_threads();
            }
            Over::NotYet => {}
        }
        if self.pool.wait(deadline) && self.is_over() {
            running::leave(self);
        }
    }

    /// Whether it is closed, and no machine and no thread of the pool is left.
    pub(crate) fn is_over(&self) -> bool {
        self.shutdown.is_closed() && self.machines.are_over() && self.pool.is_over()
    }

    /// Waits for the last machine to drain. A machine may be in a blocking section that waits for a task, which nobody runs
    /// any more: so now and then what can be dropped without that machine is dropped from here.
    fn wait_for_machines(&self, deadline: Option<Instant>) -> Over {
        let mut pause = policy::SHUTDOWN_HELP;
        loop {
            let next = Instant::now().checked_add(pause);
            let until = match (deadline, next) {
                (Some(deadline), Some(next)) => Some(deadline.min(next)),
                (one, other) => one.or(other),
            };
            match self.machines.wait_for_end(until) {
                Over::NotYet if deadline.is_none_or(|deadline| Instant::now() < deadline) => {}
                over => return over,
            }
            self.drop_stranded();
            pause = pause.saturating_mul(2);
        }
    }

    /// Cancels what is queued where no machine is at work, and what is idle. Tasks that are being polled stay.
    fn drop_stranded(&self) {
        let closed = self.handle();
        let _entered = entered::enter(&closed);
        let mut ours = Vec::new();
        for p in &self.processors {
            // Sysmon does this no more.
            if p.status.blocked().is_some_and(|seen| p.status.retake(seen)) {
                p.counters.retakes.inc();
                // SAFETY: retaken, so it is ours.
                unsafe { Owned::assume(p) }.set_machine(None);
                ours.push(p.id);
            }
        }
        while let Some(p) = self.idle.take_processor(None) {
            ours.push(p);
        }
        let mut left = self.take_queued(&ours);
        self.claim_idle(&mut left);
        for p in ours {
            self.idle.release(p);
        }
        while let Some(task) = left.pop_front() {
            self.cancel(task);
        }
    }

    /// Takes the right to run every task that waits. How many others are live.
    fn claim_idle(&self, claimed: &mut Chain<Task>) -> usize {
        let mut others = 0;
        self.registry.for_each(|task| {
            if let Some(task) = task.try_claim() {
                self.remote().claims.inc();
                // SAFETY: the right to run it, just claimed, moves into the batch.
                unsafe { claimed.push_back(task.into_raw()) };
            } else if !task.bits().is_complete() {
                others += 1;
            }
        });
        others
    }

    fn join_threads(&self) {
        let threads = if broken("shutdown-threads-not-joined") { Vec::new() } else { self.machines.take_threads() };
        for thread in threads {
            // A machine's panic is a bug of ours and has been printed; the runtime ends anyway.
            let _panic = thread.join();
        }
    }

    /// A machine's thread is about to end. The last one of a closed scheduler drains it.
    pub(crate) fn machine_ends(&self, machine: &Machine) {
        if self.machines.end(machine, || self.shutdown.is_closed()) {
            self.drain();
            self.machines.drained();
        }
    }

    /// A thread that was the machine of a `block_on` goes on without the runtime.
    pub(crate) fn caller_leaves(&self, machine: &Machine) {
        self.resign(machine);
        self.machine_ends(machine);
    }

    /// Drops every task. Nobody runs any more; wakes and spawns from outside may still come.
    pub(crate) fn drain(&self) {
        let drained = self.handle();
        let _entered = entered::enter(&drained);
        let all: Vec<_> = (0..self.processors.len()).collect();
        loop {
            let mut left = self.take_queued(&all);
            // Of the live ones that cannot be claimed some are in the batch already, others on their way into a queue.
            let live = left.len() + self.claim_idle(&mut left);
            let quiet = left.is_empty() && (live == 0 || broken("shutdown-drain-looks-once"));
            while let Some(task) = left.pop_front() {
                self.cancel(task);
            }
            if quiet && self.shutdown.is_quiet() && self.injector.is_empty() {
                break;
            }
            thread::yield_now();
        }
        for p in &self.processors {
            p.timers.clear();
            p.occupancy.ended();
        }
        // After the tasks: a socket that is used while its task is dropped works as ever.
        self.seat.reactor().close();
    }

    fn cancel(&self, task: NonNull<Task>) {
        // SAFETY: it was in a queue, or claimed, with the right to run it.
        let task = unsafe { Runnable::from_raw(task) };
        self.cancel_told(task);
        self.remote().cancelled_runs.inc();
        self.remote().aborted.inc();
    }

    /// What is in the global queue, was handed to a machine, or is in the queue or slot of one of these processors, which
    /// the caller owns.
    fn take_queued(&self, processors: &[ProcessorId]) -> Chain<Task> {
        // The last machine, which owns everything, may come while the closer still helps.
        let _one_at_a_time = self.draining.lock();
        let mut all = Chain::new();
        loop {
            let mut batch = self.injector.take(usize::MAX);
            if batch.is_empty() {
                break;
            }
            self.remote().global_pops.add(batch.len() as u64);
            all.append(&mut batch);
        }
        // A locked task may have been handed to a machine that has ended without looking.
        for machine in self.machines.all() {
            if !broken("shutdown-gift-forgotten")
                && let Some(Gift { task: Some(task), .. }) = machine.receive()
            {
                // SAFETY: the right to run it moves into the batch.
                unsafe { all.push_back(task.into_raw()) };
            }
        }
        for p in processors.iter().map(|&p| &self.processors[p]) {
            if let Some(task) = p.next.steal_any() {
                self.remote().next_stolen.inc();
                // SAFETY: the right to run it moves into the batch.
                unsafe { all.push_back(task) };
            }
            // SAFETY: the caller owns it, and nobody else who does is here.
            while let Some(task) = unsafe { p.ring.pop() } {
                self.remote().queue_pops.inc();
                // SAFETY: as above.
                unsafe { all.push_back(task) };
            }
        }
        all
    }
}
