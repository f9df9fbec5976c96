//! The scheduler: what all machines of a runtime share, and what can be read off it without moving anything.
//!
//! This file knows neither how a task gets to a queue ([`crate::submit`]) nor who runs it ([`crate::worker`]): those
//! import it. The two ways in which it must reach up to them, the sink of woken tasks and the body of a machine's
//! thread, are given to it when it is made ([`Ways`]).

use crate::config::{Config, Flavor, StealPolicy};
use crate::context;
use crate::counters::{Counters, SharedCounter};
use crate::driver::Driver;
use crate::idle::{Idle, ProcessorId};
use crate::locked::LockedTasks;
use crate::machine::{Gift, Machine};
use crate::machines::Machines;
use crate::mains::Mains;
use crate::pool::BlockingPool;
use crate::printer::Printer;
use crate::processor::Processor;
use crate::queue::Injector;
use crate::rand::Order;
use crate::runtime::histogram::Buckets;
use crate::runtime::{Id, NOBODY, Seeds};
use crate::seat::Seat;
use crate::shutdown::Shutdown;
use crate::status::State;
use crate::striped::Striped;
use crate::sync::{Arc, AtomicBool, AtomicU64, AtomicUsize, Mutex, Ordering};
use crate::sysmon::Sysmon;
use crate::task::{Registry, Runnable, Sink, Task};
use crate::timer::{Clock, RuntimeClock};

use crossbeam_utils::CachePadded;
use std::mem::offset_of;

/// The body of a machine's thread.
pub(crate) type RunMachine = fn(Arc<Scheduler>, Arc<Machine>, Gift);

/// How a scheduler reaches up to the files that import this one.
#[derive(Clone, Copy)]
pub(crate) struct Ways {
    /// The sink of woken tasks; its first argument is the scheduler.
    pub(crate) submit: unsafe fn(*const (), Runnable),
    /// The body of a machine's thread.
    pub(crate) run_machine: RunMachine,
}

/// What all machines of a runtime share.
pub struct Scheduler {
    pub(crate) id: Id,
    pub(crate) config: Config,
    /// What is measured goes by this clock.
    pub(crate) clock: Clock,
    /// Timers go by this one, which tests pause.
    pub(crate) time: RuntimeClock,
    /// When the scheduler was made, ns.
    pub(crate) started: u64,
    /// The clock of the timers as sysmon, or a busy worker, last read it. At most about half a millisecond behind while anything runs.
    coarse: CachePadded<AtomicU64>,
    /// The regular processors, then the spares.
    pub(crate) processors: Box<[Processor]>,
    pub(crate) order: Order,
    pub(crate) idle: Idle,
    /// Spare processors in use.
    spares_in_use: AtomicUsize,
    pub(crate) injector: Injector<Task>,
    pub(crate) registry: Registry,
    pub(crate) seat: Seat,
    pub(crate) machines: Machines,
    pub(crate) locked: LockedTasks,
    pub(crate) sysmon: Sysmon,
    pub(crate) pool: BlockingPool,
    pub(crate) shutdown: Shutdown,
    /// Held while queues are emptied at the end.
    pub(crate) draining: Mutex<()>,
    pub(crate) printer: Printer,
    /// The body of a machine's thread, see [`Ways`].
    pub(crate) run_machine: RunMachine,
    /// How long each poll lasted, a row for each processor, if somebody asked.
    pub(crate) poll_times: Option<Box<[Buckets]>>,
    /// How long each task waited for its poll, a row for each processor, if somebody asked.
    pub(crate) latencies: Option<Box<[Buckets]>>,
    /// Where those who enter start their random choices, if they were given a seed.
    pub(crate) seeds: Option<Seeds>,
    /// Of several threads that block on a current-thread runtime the one that has an index, see
    /// [`worker_index`](crate::runtime::worker_index).
    pub(crate) senior: AtomicUsize,
    /// A task's panic ended the runtime.
    pub(crate) panicked: AtomicBool,
    /// What threads without a processor have done.
    pub(crate) off_processor: Striped<Counters<SharedCounter>>,
    /// The futures of `block_on`. The last field: what is dropped above may have wakers of them.
    pub(crate) mains: Mains,
}

// SAFETY: the registry's sink holds a pointer to this scheduler, which is `Sync` field by field otherwise.
unsafe impl Sync for Scheduler {}
// SAFETY: as above; the pointer is to itself and moves nowhere, the scheduler lives in an `Arc`.
unsafe impl Send for Scheduler {}

impl std::fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scheduler").field("processors", &self.config.processors).finish_non_exhaustive()
    }
}

impl Scheduler {
    /// Where a debugger finds the coarse clock.
    pub(crate) const COARSE_AT: usize = offset_of!(Self, coarse);

    /// A scheduler with every regular processor idle and no machine yet.
    pub(crate) fn new(config: Config, drivers: Vec<Box<dyn Driver>>, ways: Ways) -> Arc<Self> {
        let in_all = config.processors + config.spares;
        let clock = Clock::get();
        let started = clock.now();
        // SAFETY: the sink is replaced by the real one before there is a task.
        let registry = unsafe { Registry::new(Sink { data: std::ptr::null(), submit: ways.submit }) };
        let scheduler = Arc::new(Self {
            id: Id::next(),
            clock,
            time: RuntimeClock::new(),
            started,
            coarse: CachePadded::new(AtomicU64::new(0)),
            processors: (0..in_all).map(|id| Processor::new(id, config.seed, registry.caches(), started)).collect(),
            order: Order::new(in_all),
            idle: Idle::new(in_all),
            spares_in_use: AtomicUsize::new(0),
            injector: Injector::new(),
            registry,
            seat: Seat::new(drivers),
            machines: Machines::new(),
            locked: LockedTasks::new(),
            sysmon: Sysmon::new(),
            pool: BlockingPool::new(config.max_blocking_threads, config.keep_alive),
            shutdown: Shutdown::new(),
            draining: Mutex::new(()),
            printer: Printer::new(),
            run_machine: ways.run_machine,
            poll_times: config.poll_times.build(in_all),
            latencies: config.latencies.build(in_all),
            seeds: config.rng_seed.as_ref().map(Seeds::new),
            senior: AtomicUsize::new(NOBODY),
            panicked: AtomicBool::new(false),
            off_processor: Striped::default(),
            config,
            mains: Mains::new(),
        });
        scheduler.mains.belong_to(&scheduler);
        let sink = Sink { data: (&raw const *scheduler).cast(), submit: ways.submit };
        // SAFETY: no task has been spawned; the scheduler outlives its live tasks, because shutdown waits for them and
        // for submits in flight.
        unsafe { scheduler.registry.set_sink(sink) };
        if scheduler.config.start_paused {
            // A new clock does not stand yet.
            let _paused = scheduler.time.pause();
        }
        for p in &scheduler.processors[..scheduler.config.processors] {
            p.status.set(State::Idle);
            scheduler.rested(p);
            scheduler.idle.release(p.id);
        }
        scheduler
    }

    /// Another handle on this scheduler, for a new thread.
    pub(crate) fn handle(&self) -> Arc<Self> {
        // SAFETY: schedulers are made in `new` and live in an `Arc`, whose count is above zero while `self` is borrowed.
        unsafe {
            Arc::increment_strong_count(self);
            Arc::from_raw(self)
        }
    }

    /// Where the coarse clock is kept, for leaves that note since when they wait.
    pub(crate) fn coarse_clock(&self) -> &AtomicU64 {
        &self.coarse
    }

    /// The clock of the timers as it was read last, ns.
    pub(crate) fn coarse_now(&self) -> u64 {
        // Ordering: Relaxed, a time that may be late.
        self.coarse.load(Ordering::Relaxed)
    }

    /// Reads the clock of the timers, ns, and leaves it for those who can do with a late one.
    pub(crate) fn read_clock(&self) -> u64 {
        let now = self.time.now();
        // Ordering: Relaxed, a time that may be late; writers race harmlessly.
        self.coarse.store(now, Ordering::Relaxed);
        now
    }

    /// The earliest deadline of all timers that a sitter answers for, ns; `u64::MAX` if there are none.
    pub(crate) fn earliest_timer(&self) -> u64 {
        let answers_for = self.processors.iter().filter(|p| self.fires_for(p));
        answers_for.map(|p| p.timers.min_when()).min().unwrap_or(u64::MAX)
    }

    /// Whether others than its machine fire the timers of `p`. Without the stealing of timers they do so only for one that
    /// has no machine, or one in a blocking section.
    pub(crate) fn fires_for(&self, p: &Processor) -> bool {
        self.config.timer_steal || p.status.state() != State::Running
    }

    /// Whether a machine that searches now would find something.
    pub(crate) fn work_visible(&self) -> bool {
        let steals = self.config.steal != StealPolicy::Off;
        !self.injector.is_empty() || (steals && self.processors.iter().any(Processor::has_stealable))
    }

    /// Whether work may start a new machine: a current-thread runtime has none but its callers.
    pub(crate) fn may_start_machines(&self) -> bool {
        self.config.flavor == Flavor::MultiThread
    }

    /// Whether a task that yields, alone on its processor, lets events in before it goes on: tokio's rule, which programs of
    /// one thread rely on. With several, another processor would have taken them.
    #[inline]
    pub(crate) fn yields_to_driver(&self) -> bool {
        self.config.flavor == Flavor::CurrentThread && self.seat.has_sources()
    }

    /// The future of a `block_on` that runs tasks has yielded. If no task is queued either, events come first.
    pub(crate) fn let_events_in(&self) {
        if !self.yields_to_driver() || !self.injector.is_empty() {
            return;
        }
        if let Some(p) = context::owned_of_scheduler(self)
            && p.ring.is_empty()
            && p.next.peek().is_none()
        {
            p.local().until_events.set(0);
        }
    }

    /// Whether every processor in use is idle.
    pub(crate) fn all_idle(&self) -> bool {
        // Ordering: Relaxed, advice; the idle word is read by the caller's own rules.
        self.idle.idle() >= self.config.processors + self.spares_in_use.load(Ordering::Relaxed)
    }

    /// Puts a spare processor to use, if there is one left: the caller owns it.
    pub(crate) fn take_spare(&self) -> Option<ProcessorId> {
        let spare = self.processors[self.config.processors..].iter().find(|p| p.status.take_spare())?;
        spare.withdraw_requests();
        // Ordering: Relaxed, advice.
        self.spares_in_use.fetch_add(1, Ordering::Relaxed);
        Some(spare.id)
    }

    /// A spare processor is out of use. The caller owns it, and has emptied it.
    pub(crate) fn spare_retired(&self, p: &Processor) {
        // Ordering: Relaxed, advice.
        self.spares_in_use.fetch_sub(1, Ordering::Relaxed);
        p.status.set(State::Spare);
    }
}
