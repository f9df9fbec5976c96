//! [`Builder`]: every policy of a runtime as a knob.
//!
//! Each knob that shapes scheduling says its default, where that comes from, and what goes wrong at the extremes, because
//! half of them exist to be turned there: for teaching, and for the workloads that show what each policy is for.

mod hooks;
mod metrics;

use super::hooks::Watched;
use super::{
    LocalOptions, LocalRuntime, MakeDriver, RngSeed, Runtime, SpinLimit, SpinPolicy, StealPolicy, UnhandledPanic,
};
use crate::config::{Config, Flavor};
use crate::driver::ThreadDriver;
use crate::running;
use crate::scheduler::{Scheduler, Ways};
use crate::submit;
use crate::texts;
use crate::thread_number::thread_number;
use crate::tracer::Tracer;
use crate::watch;
use crate::worker::Worker;
use std::io;
use std::marker::PhantomData;
use std::num::NonZeroUsize;
use std::time::Duration;

/// Builds a [`Runtime`].
///
/// ```
/// use gumption_core::runtime::Builder;
///
/// let runtime = Builder::<gumption_core::driver::ThreadDriver>::new_multi_thread().processors(2).build()?;
/// assert_eq!(runtime.block_on(async { 1 + 1 }), 2);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Builder<D = ThreadDriver> {
    config: Config,
    processors: Option<usize>,
    spares: Option<usize>,
    max_events: Option<usize>,
    _driver: PhantomData<fn() -> D>,
}

impl<D: MakeDriver> Builder<D> {
    /// A runtime whose tasks run on threads of its own.
    pub fn new_multi_thread() -> Self {
        Self::new(Flavor::MultiThread)
    }

    /// A runtime with one processor, run by whoever calls `block_on`. It starts no thread unless a closure blocks.
    pub fn new_current_thread() -> Self {
        Self::new(Flavor::CurrentThread)
    }

    fn new(flavor: Flavor) -> Self {
        Self { config: Config::new(flavor), processors: None, spares: None, max_events: None, _driver: PhantomData }
    }

    /// Processors: how many tasks run at once. Go's `GOMAXPROCS`, tokio's `worker_threads`.
    ///
    /// Default: [`std::thread::available_parallelism`], which sees CPU affinity and cgroup quotas. Fewer leave cores idle;
    /// many more than cores make processors wait for the operating system in the middle of a slice. A current-thread
    /// runtime has one.
    ///
    /// # Panics
    ///
    /// If `n` is 0.
    #[track_caller]
    pub fn processors(&mut self, n: usize) -> &mut Self {
        assert!(n > 0, "a runtime needs at least 1 processor, got 0");
        self.processors = Some(n);
        self
    }

    /// tokio's name for [`processors`](Self::processors).
    ///
    /// # Panics
    ///
    /// If `n` is 0.
    #[track_caller]
    pub fn worker_threads(&mut self, n: usize) -> &mut Self {
        assert!(n > 0, "Worker threads cannot be set to 0");
        self.processors(n)
    }

    /// Extra processors that sysmon may start while others are stuck in a long poll and work waits.
    ///
    /// Default: as many as there are processors; ours, no other runtime has them. 0 lets every stuck poll cost a processor;
    /// a great many let a program of nothing but long polls start as many threads.
    pub fn spare_processors(&mut self, n: usize) -> &mut Self {
        self.spares = Some(n);
        self
    }

    /// How machines search for work before they sleep.
    ///
    /// Default: Go's rule, at most half as many searching as busy, four passes each, and the last one lingers for about
    /// 3 µs. With [`SpinLimit::AtMost`]`(0)` each piece of work pays a thread's wake-up (about 5 µs); without a bound on
    /// searchers and passes, many idle processors sweep each other's queues and take the cores from those who work
    /// (`steal-storm`).
    pub fn spin(&mut self, policy: SpinPolicy) -> &mut Self {
        self.config.spin = policy;
        self
    }

    /// The limit of [`spin`](Self::spin) alone.
    pub fn spin_limit(&mut self, limit: SpinLimit) -> &mut Self {
        self.config.spin.limit = limit;
        self
    }

    /// What a thief takes.
    ///
    /// Default: half of the victim's queue, as Go and tokio. [`StealPolicy::Off`] leaves work behind whatever poll it is
    /// queued behind.
    pub fn steal_policy(&mut self, policy: StealPolicy) -> &mut Self {
        self.config.steal = policy;
        self
    }

    /// Whether thieves pass over victims that are idle or look empty.
    ///
    /// Default: yes, two loads instead of a probe. Without it every search probes every processor (`steal-storm`).
    pub fn idle_mask(&mut self, on: bool) -> &mut Self {
        self.config.idle_mask = on;
        self
    }

    /// Whether thieves, and sysmon, fire the due timers of a processor that does not get round to it.
    ///
    /// Default: yes, as Go. Without it a timer on a stuck processor is as late as the poll is long.
    pub fn timer_steal(&mut self, on: bool) -> &mut Self {
        self.config.timer_steal = on;
        self
    }

    /// Runs in a row from the next slot before its task goes to the queue's tail.
    ///
    /// Default 3, tokio's; 0 on a current-thread runtime, where tokio has no such slot: tasks run in the order in which they
    /// were spawned and woken, and many a test relies on that. 0 switches the slot off: two tasks that talk go through the
    /// queue, and each message costs a queue's length of latency. `u32::MAX` lets two tasks that wake each other keep everybody else waiting.
    pub fn next_slot_cap(&mut self, cap: u32) -> &mut Self {
        self.config.next_slot_cap = cap;
        self
    }

    /// Whether a task in the next slot of a processor that does not get round to it may be taken by others.
    ///
    /// Default: yes, after about a millisecond. Without it, as in tokio, it waits as long as the poll lasts
    /// (`runnext-trap`).
    pub fn next_slot_rescue(&mut self, on: bool) -> &mut Self {
        self.config.next_slot_rescue = on;
        self
    }

    /// Every how many runs the global queue comes first.
    ///
    /// Default 61, Go's. 1 makes every run pay for a shared queue; a very large number starves tasks that are spawned or
    /// woken from outside while local queues never run empty.
    ///
    /// # Panics
    ///
    /// If `runs` is 0.
    #[track_caller]
    pub fn global_interval(&mut self, runs: u32) -> &mut Self {
        assert!(runs > 0, "global_interval must be greater than 0");
        self.config.global_interval = runs;
        self
    }

    /// Whether sysmon reminds busy processors of a global queue that has waited since its last round. Default: yes.
    ///
    /// Without it, a task from outside waits for up to [`global_interval`](Self::global_interval) runs, however long those
    /// are; tokio shortens its interval while polls are long instead, for two clock reads a batch.
    pub fn global_rescue(&mut self, on: bool) -> &mut Self {
        self.config.global_rescue = on;
        self
    }

    /// tokio's name for [`global_interval`](Self::global_interval).
    ///
    /// # Panics
    ///
    /// If `runs` is 0.
    #[track_caller]
    pub fn global_queue_interval(&mut self, runs: u32) -> &mut Self {
        assert!(runs > 0, "global_queue_interval must be greater than 0");
        self.global_interval(runs)
    }

    /// Every how many runs a busy processor looks for events.
    ///
    /// Default 61, tokio's. 1 makes every run pay a system call; a very large number leaves io to sysmon.
    ///
    /// # Panics
    ///
    /// If `runs` is 0.
    #[track_caller]
    pub fn event_interval(&mut self, runs: u32) -> &mut Self {
        assert!(runs > 0, "event_interval must be greater than 0");
        self.config.event_interval = runs;
        self
    }

    /// Whether sysmon looks for events when nobody has since its last round. Default: yes, as Go (after 10 ms there).
    ///
    /// Without it events wait for a processor to come round to its [`event_interval`](Self::event_interval)
    /// (`netpoll-starvation`), or for the machine that left the driver with a task to be done with it: nobody is woken to
    /// watch the driver meanwhile (`driver-captive`). tokio's `enable_eager_driver_handoff` wakes somebody instead, for
    /// each event.
    pub fn driver_rescue(&mut self, on: bool) -> &mut Self {
        self.config.driver_rescue = on;
        self
    }

    /// Into how many polls of the operating system the processors look.
    ///
    /// Default one for each processor: a socket stays on the core where its task runs. With 1 all share one, and ready tasks
    /// go to whoever looks first. More polls than processors are none. A runtime without sysmon, or whose sysmon does not
    /// look for events ([`driver_rescue`](Self::driver_rescue)), has one in any case, and so has a system without `epoll`.
    ///
    /// # Panics
    ///
    /// If `polls` is 0.
    #[track_caller]
    pub fn pollers(&mut self, polls: usize) -> &mut Self {
        assert!(polls > 0, "pollers must be greater than 0");
        self.config.pollers = Some(polls);
        self
    }

    /// How long a poll may last before it is recorded, and a spare processor may be started for those who wait.
    ///
    /// Default 10 ms, Go's preemption slice. Sysmon notices half a millisecond late at most.
    pub fn slice(&mut self, slice: Duration) -> &mut Self {
        self.config.slice = slice;
        self
    }

    /// Whether sysmon runs. Default: yes, on a multi-thread runtime.
    ///
    /// Without it nothing bounds how long a processor in a blocking section, a full next slot, or a due timer waits behind
    /// a poll that lasts.
    pub fn sysmon(&mut self, on: bool) -> &mut Self {
        self.config.sysmon = on && self.config.flavor == Flavor::MultiThread;
        self
    }

    /// Whether sysmon takes processors from blocking sections that last. Default: yes.
    pub fn retake(&mut self, on: bool) -> &mut Self {
        self.config.retake = on;
        self
    }

    /// Most machines: threads that can run tasks, those in blocking sections included.
    ///
    /// Default 10 000, Go's. At the limit nothing crashes: work waits for the machines that there are, and
    /// `machine_limit_hits` counts.
    ///
    /// # Panics
    ///
    /// If `n` is 0.
    #[track_caller]
    pub fn max_machines(&mut self, n: usize) -> &mut Self {
        assert!(n > 0, "a runtime needs at least 1 machine, got 0");
        self.config.max_machines = n;
        self
    }

    /// Most threads of the blocking pool. Default 512, tokio's. At the limit closures queue; a closure that waits for
    /// another one behind it waits for ever.
    ///
    /// # Panics
    ///
    /// If `n` is 0.
    #[track_caller]
    pub fn max_blocking_threads(&mut self, n: usize) -> &mut Self {
        assert!(n > 0, "Max blocking threads cannot be set to 0");
        self.config.max_blocking_threads = n;
        self
    }

    /// How long an idle thread above the number of processors is kept. Default 10 s, tokio's.
    pub fn thread_keep_alive(&mut self, time: Duration) -> &mut Self {
        self.config.keep_alive = time;
        self
    }

    /// Stack of each thread, in bytes. Default: the standard library's.
    pub fn thread_stack_size(&mut self, bytes: usize) -> &mut Self {
        self.config.stack_size = Some(bytes);
        self
    }

    /// Where the random choices of thieves start. Default 0.
    pub fn seed(&mut self, seed: u64) -> &mut Self {
        self.config.seed = seed;
        self
    }

    /// Where the random choices of thieves and of `select!` start. Default: the former at 0, the latter
    /// with the thread's number.
    ///
    /// Two current-thread runtimes with the same seed make the same choices; see [`RngSeed`].
    pub fn rng_seed(&mut self, seed: RngSeed) -> &mut Self {
        self.config.seed = seed.number();
        self.config.rng_seed = Some(seed);
        self
    }

    /// Io and time: sockets, pipes, signals and children; sleeps, timeouts and intervals. Default: neither, as in tokio.
    ///
    /// Both cost nothing until they are used. Without them whoever does is told by a panic.
    pub fn enable_all(&mut self) -> &mut Self {
        self.enable_io().enable_time()
    }

    /// Io: sockets, pipes, signals and children.
    pub fn enable_io(&mut self) -> &mut Self {
        self.config.enable_io = true;
        self
    }

    /// Time: sleeps, timeouts and intervals.
    pub fn enable_time(&mut self) -> &mut Self {
        self.config.enable_time = true;
        self
    }

    /// Whether the clock stands from the beginning, see [`time::pause`](crate::time::pause). Default: no.
    ///
    /// ```
    /// use gumption_core::runtime::Builder;
    /// use gumption_core::time::{Duration, Instant, sleep};
    ///
    /// let runtime = Builder::<gumption_core::driver::ThreadDriver>::new_current_thread()
    ///     .enable_time()
    ///     .start_paused(true)
    ///     .build()?;
    /// let slept = runtime.block_on(async {
    ///     let start = Instant::now();
    ///     sleep(Duration::from_secs(60)).await;
    ///     start.elapsed()
    /// });
    /// assert_eq!(slept, Duration::from_secs(60));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn start_paused(&mut self, paused: bool) -> &mut Self {
        self.config.start_paused = paused;
        self
    }

    /// Events that are taken from the operating system at a time, at most.
    ///
    /// Default: 256 by a machine that sleeps for them, a run queue's length; 64 by a busy one. With 1 each event costs a
    /// system call; more than a run queue holds overflow to the global queue.
    ///
    /// # Panics
    ///
    /// If `capacity` is 0.
    #[track_caller]
    pub fn max_io_events_per_tick(&mut self, capacity: usize) -> &mut Self {
        assert!(capacity > 0, "max_io_events_per_tick must be non-zero");
        self.max_events = Some(capacity);
        self
    }

    /// Events that a busy machine takes at a time, at most. Default 64, or
    /// [`max_io_events_per_tick`](Self::max_io_events_per_tick) if that is less.
    ///
    /// # Panics
    ///
    /// If `capacity` is 0.
    #[track_caller]
    pub fn max_io_events_per_busy_tick(&mut self, capacity: usize) -> &mut Self {
        assert!(capacity > 0, "max_io_events_per_busy_tick must be non-zero");
        self.config.events.busy = capacity;
        self
    }

    /// What a task's panic does to its runtime. Default: nothing, its joiner is told.
    ///
    /// # Panics
    ///
    /// With [`UnhandledPanic::ShutdownRuntime`] on a multi-thread runtime, as in tokio.
    #[track_caller]
    pub fn unhandled_panic(&mut self, behavior: UnhandledPanic) -> &mut Self {
        assert!(
            self.config.flavor == Flavor::CurrentThread || behavior == UnhandledPanic::Ignore,
            "UnhandledPanic::ShutdownRuntime is only supported in current thread runtime"
        );
        self.config.unhandled_panic = behavior;
        self
    }

    /// tokio's name for [`next_slot_cap(0)`](Self::next_slot_cap): what a task wakes or spawns goes to the tail of the queue.
    ///
    /// tokio has it for tasks that wait behind a long poll, in a slot that nobody can steal from. Here others may, after
    /// about a millisecond ([`next_slot_rescue`](Self::next_slot_rescue)).
    pub fn disable_lifo_slot(&mut self) -> &mut Self {
        self.next_slot_cap(0)
    }

    /// tokio's switch for waking somebody to watch for events whenever the machine that did so has found some. It changes
    /// nothing here: sysmon and thieves look into polls that nobody watches
    /// ([`driver_rescue`](Self::driver_rescue)), without a wake for each event.
    pub fn enable_eager_driver_handoff(&mut self) -> &mut Self {
        self
    }

    /// tokio's switch for timers apart, one wheel for each worker. It changes nothing here: timers always belong to
    /// processors.
    pub fn enable_alt_timer(&mut self) -> &mut Self {
        self
    }

    /// tokio's switch for several queues of the blocking pool. It changes nothing here: there is one queue, for the
    /// reasons in `pool.rs`.
    pub fn enable_sharded_blocking_queue(&mut self) -> &mut Self {
        self
    }

    /// tokio's switch for the file system through io_uring. It changes nothing here: files go through the blocking pool.
    pub fn enable_io_uring(&mut self) -> &mut Self {
        self
    }

    /// Builds the runtime. Machines are started when there is work for them, or at once if somebody wants to hear of them
    /// ([`on_thread_start`](Self::on_thread_start)).
    ///
    /// # Errors
    ///
    /// What the operating system says when it refuses a thread or a poller, and when `GUMPTION_SCHEDTRACE` is set and
    /// cannot be read.
    ///
    /// # Panics
    ///
    /// If a multi-thread runtime was to [start paused](Self::start_paused).
    #[track_caller]
    pub fn build(&mut self) -> io::Result<Runtime<D>> {
        let tracer = Tracer::from_environment()?;
        let mut config = self.config.clone();
        if config.flavor == Flavor::MultiThread {
            config.processors = self.processors.unwrap_or_else(|| {
                // Where the system cannot say, one processor is right everywhere.
                std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
            });
            config.spares = self.spares.unwrap_or(if config.sysmon { config.processors } else { 0 });
        }
        assert!(!config.start_paused || config.flavor == Flavor::CurrentThread, "{}", texts::CLOCK_OF_MANY);
        let sysmon = config.sysmon;
        // Without sysmon nobody would look into the poll of a processor that is stuck.
        let rescued = sysmon && config.driver_rescue;
        let polls = config.pollers.map_or(config.processors, |polls| polls.min(config.processors));
        if let Some(most) = self.max_events {
            config.events.sleeping = most;
            config.events.busy = config.events.busy.min(most);
        }
        let drivers = D::make(if rescued { polls } else { 1 }, config.events)?;
        let ends = config.unhandled_panic == UnhandledPanic::ShutdownRuntime;
        config.watched = Watched {
            spawns: config.hooks.task_spawn.is_some() || config.watched.latency,
            runs: config.hooks.on_runs() || config.watched.latency || config.poll_times.enabled || ends,
            wakes: config.hooks.task_wake.is_some() || config.watched.latency,
            ..config.watched
        };
        let starts_all = config.hooks.thread_start.is_some() && config.flavor == Flavor::MultiThread;
        let ways = Ways { submit: submit::submit, run_machine: Worker::run_thread };
        let scheduler = Scheduler::new(config, drivers, ways);
        if sysmon {
            watch::start(&scheduler)?;
        }
        if let Some(tracer) = tracer {
            tracer.start(&scheduler)?;
        }
        if starts_all {
            scheduler.start_all_machines();
        }
        running::enter(&scheduler);
        let runtime = Runtime::from_handle(scheduler.into());
        D::built(runtime.handle())?;
        Ok(runtime)
    }

    /// Builds a runtime that stays on this thread, so that its tasks need not be `Send`.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    ///
    /// # Panics
    ///
    /// On a builder of a multi-thread runtime.
    #[track_caller]
    pub fn build_local(&mut self, _options: LocalOptions) -> io::Result<LocalRuntime<D>> {
        assert!(self.config.flavor == Flavor::CurrentThread, "multi_thread is not supported for LocalRuntime");
        self.config.local_to = Some(thread_number());
        let built = self.build();
        self.config.local_to = None;
        built.map(LocalRuntime::new_on_this_thread)
    }
}
