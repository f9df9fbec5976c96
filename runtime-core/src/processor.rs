//! A processor (P): the right to run tasks, and all that is local to running them.
//!
//! It has two halves. Anybody may look at the **shared half** and steal from it: run queue, next slot, timers, status,
//! requests, counters. The **owner half** ([`Local`]) belongs to whoever owns the processor. The proof of ownership is an
//! [`Owned`], which is made in one place, [`crate::context`], from the fact that this thread's context says so; nothing
//! else may touch the owner half.
//!
//! The one invariant: a processor has one owner at any time (`p_has_one_owner`), by [`crate::status`] and the idle set.
//!
//! What lives here is storage and the moves that need no other processor. Which task to run next is
//! [`crate::worker`]'s business, whom to wake [`crate::idle`]'s.

use crate::counters::Counters;
use crate::histogram::Histogram;
use crate::occupancy::Occupancy;
use crate::owed::Debt;
use crate::queue::{Chain, NextSlot, Pushed, Put, Ring};
use crate::rand::Rand;
use crate::sampler::Sampler;
use crate::status::{State, Status};
use crate::sync::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, UnsafeCell};
use crate::task::{Caches, Runnable, Task};
use crate::timer::Timers;
use crossbeam_utils::CachePadded;
use std::cell::Cell;
use std::marker::PhantomData;
use std::mem::offset_of;
use std::ops::Deref;
use std::ptr::NonNull;

/// Sysmon lets thieves take from the next slot: its task waits behind a poll that lasts.
const OPEN_SLOT: u32 = 1;
/// Sysmon wants a spare processor back.
const RETIRE: u32 = 2;
/// Sysmon has seen tasks wait in the global queue while every processor was busy with its own.
const LOOK_GLOBAL: u32 = 4;
/// No machine.
const NONE: usize = usize::MAX;

/// The right to run tasks.
#[derive(Debug)]
pub struct Processor {
    /// Its number, from 0; spares come after the regular ones.
    pub id: usize,
    /// Who owns it.
    pub status: CachePadded<Status>,
    /// Its run queue.
    pub ring: Ring<Task>,
    /// The task that runs next.
    pub next: NextSlot<Task>,
    /// Its timers.
    pub timers: Timers,
    /// What sysmon asks of the owner, and allows thieves.
    requests: CachePadded<AtomicU32>,
    /// Runs so far, wrapping: sysmon sees by it whether the owner gets anywhere. Written by the owner.
    tick: CachePadded<AtomicU32>,
    /// The running task. For observers and sysmon; no decision of another processor rests on it.
    current: AtomicPtr<Task>,
    /// What the poll in progress owes. Written by the owner, taken out by sysmon, too.
    pub debt: Debt,
    /// The machine that runs it. For observers.
    machine: AtomicUsize,
    /// The machine that had it last. For observers.
    last_machine: AtomicUsize,
    /// When it was in use. Written by the owner.
    pub occupancy: Occupancy,
    /// When sysmon first saw the poll in progress, ns; 0 for none. For observers.
    standing: AtomicU64,
    /// What it has done. Written by the owner, `retakes` and the like by sysmon.
    pub counters: Counters,
    /// Sampled durations of polls, ns.
    pub poll_time: Histogram,
    /// Sampled times from runnable to running, ns.
    pub sched_delay: Histogram,
    local: UnsafeCell<Local>,
}

// SAFETY: everything but `local` is shared by design; `local` is reached only through `Owned`, whose holder owns the
// processor, and ownership moves between threads with Acquire and Release (status word, idle lock).
unsafe impl Sync for Processor {}
// SAFETY: as above; nothing in it is tied to a thread.
unsafe impl Send for Processor {}

/// The owner half.
#[derive(Debug)]
pub struct Local {
    /// Task records and bodies to spawn from.
    pub caches: UnsafeCell<Caches>,
    /// Random victims.
    pub rand: Rand,
    /// Runs in a row from the next slot.
    pub streak: Cell<u32>,
    /// Runs until the global queue comes first.
    pub until_global: Cell<u32>,
    /// Runs until the driver is polled.
    pub until_events: Cell<u32>,
    /// Which runs are timed.
    pub sampler: Sampler,
    /// Whether the machine came here because it was woken, and has run nothing since.
    pub fresh_wake: Cell<bool>,
}

impl Processor {
    /// Where a debugger finds the number of runs.
    pub const TICK_AT: usize = offset_of!(Self, tick);
    /// And the running task.
    pub const CURRENT_AT: usize = offset_of!(Self, current);
    /// And the machine.
    pub const MACHINE_AT: usize = offset_of!(Self, machine);

    /// Processor number `id`, made at `now` (ns) by its first owner, which spawns from `caches`.
    pub fn new(id: usize, seed: u64, caches: Caches, now: u64) -> Self {
        Self {
            id,
            status: CachePadded::new(Status::new()),
            ring: Ring::new(),
            next: NextSlot::new(),
            timers: Timers::new(),
            requests: CachePadded::new(AtomicU32::new(0)),
            tick: CachePadded::new(AtomicU32::new(0)),
            current: AtomicPtr::new(std::ptr::null_mut()),
            debt: Debt::default(),
            machine: AtomicUsize::new(NONE),
            last_machine: AtomicUsize::new(NONE),
            occupancy: Occupancy::new(now),
            standing: AtomicU64::new(0),
            counters: Counters::default(),
            poll_time: Histogram::default(),
            sched_delay: Histogram::default(),
            local: UnsafeCell::new(Local {
                caches: UnsafeCell::new(caches),
                rand: Rand::new(seed ^ id as u64),
                streak: Cell::new(0),
                until_global: Cell::new(0),
                until_events: Cell::new(0),
                sampler: Sampler::new(id as u32),
                fresh_wake: Cell::new(false),
            }),
        }
    }

    /// Runs so far, wrapping.
    pub fn tick(&self) -> u32 {
        // Ordering: Relaxed, advice for sysmon and thieves.
        self.tick.load(Ordering::Relaxed)
    }

    /// The running task's record. Records are never freed, so it may be read, but it may be another task's by then.
    pub fn current(&self) -> Option<NonNull<Task>> {
        // Ordering: Relaxed, for observers.
        NonNull::new(self.current.load(Ordering::Relaxed))
    }

    /// The machine that runs it, if any.
    pub fn machine(&self) -> Option<usize> {
        // Ordering: Relaxed, for observers.
        Some(self.machine.load(Ordering::Relaxed)).filter(|&m| m != NONE)
    }

    /// The machine that runs it, or had it last.
    pub fn last_machine(&self) -> Option<usize> {
        // Ordering: Relaxed, for observers.
        Some(self.last_machine.load(Ordering::Relaxed)).filter(|&m| m != NONE)
    }

    /// Whether a thief can see work in its run queue; advice.
    pub fn has_queued(&self) -> bool {
        !self.ring.is_empty()
    }

    /// Whether a thief can take something from it; advice.
    pub fn has_stealable(&self) -> bool {
        self.has_queued() || (self.next.peek().is_some() && self.lends_slot())
    }

    /// Whether thieves may take the task in the next slot: its owner does not get round to it.
    pub fn lends_slot(&self) -> bool {
        self.slot_is_open() || self.status.state() == State::Blocked
    }

    fn request(&self, what: u32) {
        // Ordering: Release; whoever acts on the request reads it with Acquire or Relaxed and needs no data with it.
        self.requests.fetch_or(what, Ordering::Release);
    }

    fn requested(&self, what: u32) -> bool {
        // Ordering: Relaxed, advice.
        self.requests.load(Ordering::Relaxed) & what != 0
    }

    /// Sysmon: thieves may take the task in the next slot.
    pub fn open_slot(&self) {
        self.request(OPEN_SLOT);
    }

    /// Whether thieves may take the task in the next slot because sysmon says so.
    pub fn slot_is_open(&self) -> bool {
        self.requested(OPEN_SLOT)
    }

    /// Sysmon: tasks have waited in the global queue for a round.
    pub fn ask_to_look_global(&self) {
        self.request(LOOK_GLOBAL);
    }

    /// Whether sysmon wants it back.
    pub fn is_to_retire(&self) -> bool {
        self.requested(RETIRE)
    }

    /// Its owner: what was asked of it before is void.
    pub fn withdraw_requests(&self) {
        // Ordering: Relaxed, requests carry no data.
        self.requests.store(0, Ordering::Relaxed);
    }

    /// Sysmon: this spare processor is no longer needed.
    pub fn ask_to_retire(&self) {
        self.request(RETIRE);
    }

    /// Sysmon: the poll in progress was first seen at `since` (ns), or 0 for none.
    pub fn note_standing(&self, since: u64) {
        // Ordering: Relaxed, for observers; one writer.
        self.standing.store(since, Ordering::Relaxed);
    }

    /// When sysmon first saw the poll in progress, if it has outlasted one of its rounds.
    pub fn standing_since(&self) -> Option<u64> {
        // Ordering: Relaxed, for observers.
        Some(self.standing.load(Ordering::Relaxed)).filter(|&since| since != 0)
    }
}

/// The right to touch a processor's owner half: this thread owns it.
#[derive(Debug, Clone, Copy)]
pub struct Owned<'a>(&'a Processor, PhantomData<*const ()>);

impl Deref for Owned<'_> {
    type Target = Processor;
    fn deref(&self) -> &Processor {
        self.0
    }
}

impl<'a> Owned<'a> {
    /// The proof, from the fact.
    ///
    /// # Safety
    ///
    /// The calling thread owns `processor` for as long as the proof is used: it took it from the idle set, or was
    /// handed it, and has neither given it up nor entered a blocking section.
    pub unsafe fn assume(processor: &'a Processor) -> Self {
        Self(processor, PhantomData)
    }

    /// The processor without the proof.
    pub fn processor(self) -> &'a Processor {
        self.0
    }

    /// The owner half.
    #[inline]
    pub fn local(self) -> &'a Local {
        // SAFETY: `Owned` is the right to it; it is handed out shared, and its fields are cells.
        self.0.local.with(|local| unsafe { &*local })
    }

    /// What tasks are spawned from.
    pub fn caches(self) -> NonNull<Caches> {
        // SAFETY: a cell's pointer is not null.
        self.local().caches.with_mut(|caches| unsafe { NonNull::new_unchecked(caches) })
    }

    /// Puts a task at the tail of the run queue; a full queue gives its oldest half, and the task, to be moved to the
    /// global queue.
    #[inline]
    pub fn push(self, task: Runnable) -> Option<Chain<Task>> {
        // SAFETY: we own the processor.
        match unsafe { self.ring.push(task.into_raw()) } {
            Ok(()) => {
                self.counters.queue_pushes.inc();
                None
            }
            Err(task) => Some(self.overflow(task)),
        }
    }

    #[cold]
    fn overflow(self, task: NonNull<Task>) -> Chain<Task> {
        // SAFETY: we own the processor.
        let oldest = unsafe { self.ring.pop_half() };
        self.counters.overflows.inc();
        // A thief at work pins the queue's tail: then only the newcomer moves.
        let mut chain = oldest.unwrap_or_default();
        self.counters.overflow_tasks.add(chain.len() as u64);
        // SAFETY: the caller had the right to run it, and it is in no queue.
        unsafe { chain.push_back(task) };
        chain
    }

    /// Puts as many tasks of `chain` into the run queue as fit.
    pub fn push_chain(self, chain: &mut Chain<Task>) {
        // SAFETY: we own the processor.
        let moved = unsafe { self.ring.push_chain(chain) };
        self.counters.queue_pushes.add(moved as u64);
    }

    /// [`push_chain`](Self::push_chain), and whether somebody else has to hear of it.
    pub fn push_batch(self, batch: &mut Chain<Task>) -> Pushed {
        let before = batch.len();
        // SAFETY: we own the processor.
        let pushed = unsafe { self.ring.push_batch(batch) };
        self.counters.queue_pushes.add((before - batch.len()) as u64);
        pushed
    }

    /// Takes the task at the head of the run queue.
    #[inline]
    pub fn pop(self) -> Option<Runnable> {
        // SAFETY: we own the processor; what is in the queue was put there with the right to run it.
        let task = unsafe { self.ring.pop().map(|task| Runnable::from_raw(task)) };
        if task.is_some() {
            self.counters.queue_pops.inc();
        }
        task
    }

    /// Puts a task into the next slot; the one that was there comes back.
    #[inline]
    pub fn put_next(self, task: Runnable) -> Option<Runnable> {
        self.counters.next_put.inc();
        // SAFETY: we own the processor.
        match unsafe { self.next.put(task.into_raw()) } {
            Put::Filled => None,
            Put::Kicked(old) => {
                self.counters.next_kicked.inc();
                // SAFETY: it was put there with the right to run it, and is nowhere else now.
                Some(unsafe { Runnable::from_raw(old) })
            }
        }
    }

    /// Takes the task in the next slot.
    #[inline]
    pub fn take_next(self) -> Option<Runnable> {
        // SAFETY: we own the processor; what is in the slot was put there with the right to run it.
        unsafe { self.next.take().map(|task| Runnable::from_raw(task)) }
    }

    /// A run of `task` begins: publishes it and moves the tick, which also withdraws what sysmon allowed thieves.
    #[inline]
    pub fn begin(self, task: NonNull<Task>) {
        // Ordering: Relaxed, for observers; single writer.
        self.0.current.store(task.as_ptr(), Ordering::Relaxed);
        let tick = self.0.tick.load(Ordering::Relaxed);
        self.0.tick.store(tick.wrapping_add(1), Ordering::Relaxed);
        self.counters.ticks.inc();
    }

    /// No task runs: the machine searches, or gives the processor up.
    pub fn clear_current(self) {
        // Ordering: Relaxed, for observers.
        self.0.current.store(std::ptr::null_mut(), Ordering::Relaxed);
    }

    /// Says which machine runs it.
    pub fn set_machine(self, machine: Option<usize>) {
        // Ordering: Relaxed, for observers.
        self.0.machine.store(machine.unwrap_or(NONE), Ordering::Relaxed);
        if let Some(machine) = machine {
            // Ordering: as above.
            self.0.last_machine.store(machine, Ordering::Relaxed);
        }
    }

    /// Answers what sysmon asks for. The usual answer costs one load of a line that sysmon rarely writes.
    #[inline]
    pub fn answer_requests(self) -> Answer {
        // Ordering: Relaxed; requests carry no data.
        if self.0.requests.load(Ordering::Relaxed) == 0 {
            return Answer::GoOn;
        }
        self.answer_some()
    }

    #[cold]
    fn answer_some(self) -> Answer {
        // Ordering: Relaxed; requests carry no data. Retiring is withdrawn by whoever carries it out.
        let requests = self.0.requests.fetch_and(RETIRE, Ordering::Relaxed);
        if requests & RETIRE != 0 {
            Answer::Retire
        } else if requests & LOOK_GLOBAL != 0 {
            Answer::LookGlobal
        } else {
            Answer::GoOn
        }
    }
}

/// What sysmon's requests come to, for the owner.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Nothing to do.
    GoOn,
    /// Take a share of the global queue now.
    LookGlobal,
    /// Go out of use.
    Retire,
}
