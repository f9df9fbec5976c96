//! The scheduler: what all machines share, and the way of a runnable task to somebody who runs it.
//!
//! ```text
//!   wake or spawn on a machine                 wake or spawn elsewhere        a driver's turn, due timers
//!        |                                            |                               |
//!   next slot (silent when empty)                injector                     one batch: own queue or injector
//!        | kicked                                     |                               |
//!   run queue --full: oldest half--> injector         |                               |
//!        +---------------------------+----------------+-------------------------------+
//!                                    |
//!                        Idle::submitted: fence, one load; wake one sleeper or nobody
//! ```
//!
//! A wake or spawn from inside a poll goes to the **next slot** and wakes nobody if that was empty: the running task
//! will very likely be done within a microsecond, and then its own machine runs the newcomer with a warm cache. It is
//! never a trap: thieves may take it when sysmon has seen the poll last, when the processor is in a blocking section, or
//! when a lingering thief saw it unchanged.
//!
//! Who may call: tasks' wakers through the registry's sink, [`crate::worker`], [`crate::sysmon`], the runtime's handles.
//! What this file refuses to do: run a task, or decide which comes next.
//!
//! Models: `loom-tests/tests/{idle,ownership,shutdown}.rs`; the composed scheduler under shuttle in
//! `loom-tests/tests/shuttle_scheduler.rs`.

use crate::config::Flavor;
use crate::context::{self, Cause, Place};
use crate::counters::{self, Counters, SharedCounter};
use crate::idle::{ProcessorId, Wake, Watcher};
use crate::machine::{Gift, Machine};
use crate::parker::Unparked;
use crate::probes;
use crate::processor::{Owned, Processor};
use crate::queue::{Chain, Pushed};
use crate::scheduler::Scheduler;
use crate::seat::Sitter;
use crate::shutdown::Submitting;
use crate::stats::MachineState;
use crate::status::State;
use crate::sync::broken;
use crate::task::{JoinHandle, Runnable, Tags, Task};
use std::panic::Location;

impl Scheduler {
    /// Spawns a task from wherever this thread is. A closed runtime cancels it at once.
    pub(crate) fn spawn<F>(&self, future: F, site: &'static Location<'static>) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        // SAFETY: future and output may be on any thread.
        unsafe { self.spawn_unchecked(future, None, site) }
    }

    /// [`spawn`](Self::spawn) of a task that may have a name, or labels.
    pub(crate) fn spawn_tagged<F>(
        &self,
        future: F,
        tags: Option<&Tags<'_>>,
        site: &'static Location<'static>,
    ) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        // SAFETY: as above.
        unsafe { self.spawn_unchecked(future, tags, site) }
    }

    /// Spawns a task that stays on the thread of its local runtime.
    ///
    /// # Safety
    ///
    /// The runtime is local to this thread.
    pub(crate) unsafe fn spawn_on_its_thread<F>(
        &self,
        future: F,
        tags: Option<&Tags<'_>>,
        site: &'static Location<'static>,
    ) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        // SAFETY: whoever runs tasks of a local runtime, and whoever ends it, has the `LocalRuntime`, which stays here.
        unsafe { self.spawn_unchecked(future, tags, site) }
    }

    /// # Safety
    ///
    /// Future and output may be where this scheduler's tasks run and are dropped.
    #[inline(always)]
    unsafe fn spawn_unchecked<F>(
        &self,
        future: F,
        tags: Option<&Tags<'_>>,
        site: &'static Location<'static>,
    ) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        if self.config.watched.spawns {
            // SAFETY: the caller's promise.
            return unsafe { self.spawn_watched(future, tags, site) };
        }
        // The future travels through an Option because only one of the two arms may consume it.
        let mut future = Some(future);
        let local = context::place(self, |place| match place {
            Place::Owner(p) => {
                let future = future.take()?;
                // SAFETY: these are our processor's caches, which nobody else touches.
                let caches = unsafe { p.caches().as_mut() };
                // SAFETY: the caller's promise.
                let (task, join) = unsafe { self.registry.spawn_local(caches, future, site, self.coarse_now()) };
                if let Some(tags) = tags {
                    tags.put_on(task.task());
                }
                p.counters.spawned_local.inc();
                self.stamp(p, &task);
                self.ready_next(p, task);
                Some(join)
            }
            Place::Batch(..) | Place::Remote => None,
        });
        match (local, future) {
            (Some(join), _) => join,
            // SAFETY: the caller's promise.
            (None, Some(future)) => unsafe { self.spawn_remote(future, tags, site) },
            (None, None) => unreachable!("a spawn consumed its future and made no task"),
        }
    }

    /// # Safety
    ///
    /// As [`spawn_unchecked`](Self::spawn_unchecked).
    unsafe fn spawn_remote<F>(
        &self,
        future: F,
        tags: Option<&Tags<'_>>,
        site: &'static Location<'static>,
    ) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let submitting = self.shutdown.submitting();
        // SAFETY: the caller's promise.
        let (task, join) = unsafe { self.registry.spawn_local_remote(future, site, self.coarse_now()) };
        if let Some(tags) = tags {
            tags.put_on(task.task());
        }
        self.remote().spawned_remote.inc();
        self.stamp_from_outside(&task);
        self.launch_remote(task, submitting);
        join
    }

    /// Queues a new task from a thread without a processor; one of a closed scheduler is cancelled.
    fn launch_remote(&self, task: Runnable, submitting: Submitting<'_>) {
        if submitting.is_closed() && !broken("shutdown-closed-spawn-queued") {
            self.cancel_unrun(task);
        } else {
            self.inject_one(task);
        }
    }

    /// Queues a new task from wherever this thread is.
    pub(crate) fn launch(&self, task: Runnable) {
        let mut task = Some(task);
        context::place(self, |place| {
            if let Place::Owner(p) = place
                && let Some(task) = task.take()
            {
                self.ready_next(p, task);
            }
        });
        if let Some(task) = task {
            self.launch_remote(task, self.shutdown.submitting());
        }
    }

    /// The counters of a thread without a processor.
    #[inline]
    pub(crate) fn remote(&self) -> &Counters<SharedCounter> {
        self.off_processor.mine()
    }

    /// A task became runnable because of a wake.
    fn woken(&self, task: Runnable) {
        if self.config.watched.wakes {
            self.wake_watched(&task);
        }
        context::place(self, |place| match place {
            Place::Batch(batch, cause) => {
                if cause == Cause::Outside {
                    self.stamp_from_outside(&task);
                }
                // SAFETY: the right to run it moves into the batch.
                unsafe { batch.push_back(task.into_raw()) }
            }
            Place::Owner(p) => {
                p.counters.wakes_local.inc();
                self.stamp(p, &task);
                self.ready_next(p, task);
            }
            Place::Remote => {
                let _submitting = self.shutdown.submitting();
                self.remote().wakes_remote.inc();
                self.stamp_from_outside(&task);
                self.inject_one(task);
            }
        });
    }

    /// A wake or spawn from a timed run carries a time that is there already, so that its own run can tell how long the task
    /// waited: when the timed run began, or what the coarse clock says, if that run lasts.
    #[inline]
    fn stamp(&self, p: Owned<'_>, task: &Runnable) {
        if counters::ENABLED
            && !self.config.watched.latency
            && let Some(began) = p.local().sampler.began()
        {
            task.task().stamp_ready(began.max(self.coarse_now()));
        }
    }

    /// The same of one in eight that no poll does on a processor: events, timers, other threads. There is no time to be had for
    /// nothing there, and all of them have just done something dearer than an eighth of a look at the clock.
    #[inline]
    fn stamp_from_outside(&self, task: &Runnable) {
        if counters::ENABLED && !self.config.watched.latency && context::is_sampled() {
            task.task().stamp_ready(self.clock.now());
        }
    }

    /// From inside a poll: `task` runs next here.
    #[inline]
    fn ready_next(&self, p: Owned<'_>, task: Runnable) {
        if self.config.next_slot_cap == 0 {
            // One processor: who has it runs the queue next, and there is nobody else to hear of it.
            let alone = self.config.flavor == Flavor::CurrentThread;
            return if alone { self.enqueue_quietly(p, task) } else { self.enqueue(p, task) };
        }
        match p.put_next(task) {
            Some(kicked) => self.enqueue(p, kicked),
            None if broken("queue-slot-put-announced") => {
                self.wake(self.idle.submitted(self.may_start_machines()), Some(p));
            }
            None => {}
        }
    }

    /// Puts a task at the tail of our run queue and makes sure that an idle processor hears of it.
    pub(crate) fn enqueue(&self, p: Owned<'_>, task: Runnable) {
        self.enqueue_quietly(p, task);
        self.tell_of_queue(p);
    }

    /// Puts a task at the tail of our run queue; for a caller that runs the queue next, or wakes somebody itself.
    pub(crate) fn enqueue_quietly(&self, p: Owned<'_>, task: Runnable) {
        if let Some(overflow) = p.push(task) {
            p.counters.global_pushes.add(overflow.len() as u64);
            self.injector.push(overflow);
        }
    }

    /// Puts a batch into our run queue, what does not fit into the global queue, and wakes one machine for all of it: none
    /// for a task that is alone here, because the caller goes on to run it.
    pub(crate) fn enqueue_batch(&self, p: Owned<'_>, mut batch: Chain<Task>) {
        if batch.is_empty() {
            return;
        }
        p.counters.wakes_local.add(batch.len() as u64);
        if p.push_batch(&mut batch) == Pushed::Alone && p.next.peek().is_none() {
            return;
        }
        if !batch.is_empty() {
            p.counters.global_pushes.add(batch.len() as u64);
            self.injector.push(batch);
        }
        self.tell_of_queue(p);
    }

    /// Makes sure that an idle processor hears of what is in our run queue.
    pub(crate) fn tell_of_queue(&self, p: Owned<'_>) {
        self.wake(self.idle.submitted(self.may_start_machines()), Some(p));
    }

    /// Puts a batch into the global queue, for a thread without a processor.
    pub(crate) fn inject_batch(&self, batch: Chain<Task>) {
        if batch.is_empty() {
            return;
        }
        let _submitting = self.shutdown.submitting();
        self.remote().wakes_remote.add(batch.len() as u64);
        self.remote().global_pushes.add(batch.len() as u64);
        self.injector.push(batch);
        self.wake(self.idle.submitted(self.may_start_machines()), None);
    }

    /// Puts a task into the global queue and makes sure that an idle processor hears of it.
    pub(crate) fn inject_one(&self, task: Runnable) {
        self.remote().global_pushes.inc();
        // SAFETY: the right to run it moves into the queue.
        unsafe { self.injector.push_one(task.into_raw()) };
        self.wake(self.idle.submitted(self.may_start_machines()), None);
    }

    /// The one place that wakes machines for work, and that counts it. Observers never come here.
    pub(crate) fn wake(&self, wake: Wake, by: Option<Owned<'_>>) {
        match wake {
            Wake::Nobody => {}
            Wake::Machine(m, processor) => {
                match by {
                    Some(p) => p.counters.unparks.inc(),
                    None => self.remote().unparks.inc(),
                }
                self.hand(&self.machines.get(m), Gift { processor, spinning: true, task: None });
            }
            Wake::NewMachine(processor) => self.start_machine(processor, true),
        }
    }

    /// Gives a sleeping machine its processor and wakes it, wherever it sleeps.
    pub(crate) fn hand(&self, machine: &Machine, gift: Gift) {
        machine.give(gift);
        self.rouse(machine);
    }

    /// Wakes a machine, wherever it sleeps.
    pub(crate) fn rouse(&self, machine: &Machine) {
        if let Unparked::Elsewhere(poller) = machine.parker.unpark() {
            self.seat.pollers()[poller].unpark();
        }
    }

    /// A processor has lost its machine (retaken, handed off): finds it another, or makes it idle. A machine is woken
    /// wherever a searching one would find work for it, as Go's `handoffp` does.
    pub(crate) fn hand_off(&self, processor: ProcessorId) {
        probes::handoff(|| [processor as u64]);
        let p = &self.processors[processor];
        // SAFETY: the caller owns it. Its machine may still name itself, if it was retaken.
        unsafe { Owned::assume(p) }.set_machine(None);
        if p.has_queued() || p.next.peek().is_some() || !self.injector.is_empty() {
            return self.start_with(processor);
        }
        self.release(processor);
        if !broken("seat-unkept-by-hand-off") {
            self.keep_seat_taken();
        }
    }

    /// Makes a processor idle that has no machine, and looks once more, like any idler.
    fn release(&self, processor: ProcessorId) {
        self.empty(processor);
        self.rested(&self.processors[processor]);
        self.idle.release(processor);
        if self.work_visible() {
            self.wake(self.idle.submitted(self.may_start_machines()), None);
        }
    }

    /// Makes sure that somebody keeps the time and sleeps no longer than to the earliest timer, and that somebody is in
    /// every poll with sources: a machine is woken, finds nothing to run, and sits there; or the sitter is rung and looks
    /// again. To be called when nobody may be left who would: a sitter goes for good, a processor goes idle without its
    /// machine, sysmon is about to sleep.
    pub(crate) fn keep_seat_taken(&self) {
        // Includes a SeqCst fence: what follows is recent enough.
        let sitter = self.seat.sitter();
        if let Sitter::AsleepUntil(until) = sitter
            && self.oversleeps(until)
        {
            self.seat.unpark();
        }
        // Whoever is sent takes the role, too, when it finds nothing to run.
        if self.shutdown.is_closed() || self.keep_polls_watched() || sitter != Sitter::Nobody {
            return;
        }
        let needed =
            self.earliest_timer() != u64::MAX || (self.seat.has_sources() && !broken("seat-sources-forgotten"));
        self.wake(self.idle.submitted(needed && self.may_start_machines()), None);
    }

    /// A machine is about to sleep: behind the fence of whoever goes idle.
    pub(crate) fn goes_to_sleep(&self) {
        if self.seat.pollers().len() > 1 && self.all_idle() {
            self.keep_polls_watched();
        }
    }

    /// With several polls: sends a machine into each that has sources and nobody in it, and whose processors are idle. To be
    /// called behind a fence. Whether any was sent.
    fn keep_polls_watched(&self) -> bool {
        let polls = self.seat.pollers().len();
        // With one, whoever goes idle while nobody keeps the time sits there.
        polls > 1 && (0..polls).filter(|&poller| self.keep_watched(poller)).count() > 0
    }

    fn keep_watched(&self, poller: usize) -> bool {
        let (polls, regular) = (self.seat.pollers().len(), self.config.processors);
        // Somebody in use will look, and sit there when it goes idle.
        let all_idle = || (poller..regular).step_by(polls).all(|p| self.idle.is_idle(p));
        if !self.seat.is_unwatched(poller) || !all_idle() || broken("seat-unwatched-ignored") {
            return false;
        }
        // Nobody is called out of another poll, only to leave that one unwatched.
        let free = |m| !self.machines.get(m).parker.is_elsewhere();
        let spawn = self.may_start_machines() && self.machines.alive() < self.config.max_machines;
        match self.idle.take_to_watch(poller, spawn, free) {
            Watcher::Nobody => return false,
            Watcher::Machine(m) => {
                self.remote().unparks.inc();
                self.hand(&self.machines.get(m), Gift { processor: poller, spinning: false, task: None });
            }
            Watcher::NewMachine => self.start_machine(poller, false),
        }
        true
    }

    /// A source came into a poll: it was registered, perhaps by a thread that is no machine, in a runtime that has none yet
    /// or where none of them may sit; or it was moved. Somebody has to sit there. While a processor of that poll is in use
    /// nothing needs to be done: its machine sits when it goes idle, and whoever makes it idle without its machine looks at
    /// the sources behind a fence.
    pub(crate) fn source_registered(&self, poller: usize) {
        if broken("seat-registration-unheard") {
            return;
        }
        // Includes a SeqCst fence: either we see that processor idle, or whoever made it so sees our source.
        let nobody = self.seat.sitter() == Sitter::Nobody;
        if self.seat.pollers().len() == 1 {
            if nobody && self.all_idle() {
                self.keep_seat_taken();
            }
        } else if !self.shutdown.is_closed() {
            self.keep_watched(poller);
        }
    }

    /// Gives a processor that nobody owns but the caller to a machine: a sleeping one, or a new one.
    pub(crate) fn start_with(&self, processor: ProcessorId) {
        match self.idle.take_machine(processor) {
            Some(m) => {
                self.remote().unparks.inc();
                self.hand(&self.machines.get(m), Gift { processor, spinning: false, task: None });
            }
            None if self.may_start_machines() => self.start_machine(processor, false),
            None => self.release(processor),
        }
    }

    /// Moves what is queued at a processor, which the caller owns, to the global queue.
    fn empty(&self, processor: ProcessorId) {
        // SAFETY: the caller owns it: it was retaken or handed off, and no machine has it yet.
        let p = unsafe { Owned::assume(&self.processors[processor]) };
        let mut batch = Chain::new();
        if let Some(task) = p.take_next() {
            p.counters.next_kicked.inc();
            // SAFETY: the right to run it moves into the batch.
            unsafe { batch.push_back(task.into_raw()) };
        }
        while let Some(task) = p.pop() {
            // SAFETY: as above.
            unsafe { batch.push_back(task.into_raw()) };
        }
        if !batch.is_empty() {
            p.counters.global_pushes.add(batch.len() as u64);
            self.injector.push(batch);
        }
    }

    /// Starts a machine for each processor that is idle: for who wants to hear of the threads when the runtime is built.
    pub(crate) fn start_all_machines(&self) {
        let idle: Vec<_> = std::iter::from_fn(|| self.idle.take_processor(None)).collect();
        idle.into_iter().for_each(|processor| self.start_machine(processor, false));
    }

    /// Starts a machine for `processor`. If none can be had the processor becomes idle: its work stays queued for the
    /// machines that there are.
    fn start_machine(&self, processor: ProcessorId, spinning: bool) {
        let started = !self.shutdown.is_closed()
            && self.machines.add(self.config.max_machines).is_some_and(|machine| {
                let scheduler = self.handle();
                let gift = Gift { processor, spinning, task: None };
                let body = {
                    let machine = machine.clone();
                    move || (scheduler.run_machine)(scheduler.clone(), machine, gift)
                };
                let name = self.config.names.machine(machine.id);
                self.machines.start(&machine, name, self.config.stack_size, body).is_ok()
            });
        if !started {
            if spinning {
                self.idle.stop_spinning();
            }
            // Thieves pass idle processors by, so it must keep nothing.
            self.empty(processor);
            // Somebody may have trusted this spinner: whoever sleeps can have the processor.
            self.idle.release(processor);
            if self.work_visible() {
                self.wake(self.idle.submitted(false), None);
            }
        }
    }

    /// The caller, who owns `p`, has no use for it: for the counters.
    pub(crate) fn rested(&self, p: &Processor) {
        if counters::ENABLED {
            p.occupancy.rested(self.clock.now(), p.tick());
        }
    }

    /// The calling thread, which is `machine`, owns `p` from here on: it took it from the idle set or was handed it.
    pub(crate) fn take_over<'a>(&'a self, p: &'a Processor, machine: &Machine) -> Owned<'a> {
        p.status.set(State::Running);
        if counters::ENABLED {
            p.occupancy.taken(self.clock.now(), p.tick());
        }
        let p = context::own(self, p);
        p.local().sampler.abandon();
        p.set_machine(Some(machine.id));
        machine.set_processor(Some(p.id));
        machine.set_doing(MachineState::Running);
        self.sysmon.processor_taken();
        p
    }
}

/// The sink of woken tasks.
///
/// # Safety
///
/// `data` is the scheduler of a live task.
pub(crate) unsafe fn submit(data: *const (), task: Runnable) {
    // SAFETY: `data` was made from a scheduler in `new`, and it outlives its live tasks; the task is live until we push
    // it, and from then on `Submitting` keeps shutdown waiting.
    let scheduler = unsafe { &*data.cast::<Scheduler>() };
    scheduler.woken(task);
}
