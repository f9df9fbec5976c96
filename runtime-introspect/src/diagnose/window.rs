//! What the rules read: windows, and the facts of one window.
//!
//! A [`Window`] is a stretch of the run (a tenth of a second or so) boiled down to sums, means and maxima. Sums come
//! from counters at its two ends; means and maxima come from glances within it, because a gauge read once a window
//! misses what lasts a few milliseconds. A [`Stand`] is a poll that was seen in progress by several glances.
//!
//! Plain data: rules are tested with windows written by hand, and a recorded run can be judged again.

use serde::Serialize;

use super::census::Census;

/// Events of one processor, or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Polls done.
    pub polls: u64,
    /// Tasks spawned from inside a poll.
    pub spawned: u64,
    /// Tasks pushed out of a full run queue into the global one.
    pub overflow_tasks: u64,
    /// Victims looked at by thieves.
    pub steal_attempts: u64,
    /// Time spent looking for work.
    pub spin_ns: u64,
    /// Time spent in polls.
    pub busy_ns: u64,
    /// Timers fired.
    pub timers_fired: u64,
    /// Declared blocking sections entered.
    pub blocking_sections: u64,
    /// Processors that changed hands because of a blocking section, or of a task that is locked to its thread.
    pub hand_offs: u64,
    /// Those of them that a task locked to its thread is the reason for.
    pub passes: u64,
    /// Tasks taken from the global queue.
    pub global_pops: u64,
    /// Times that the driver was asked for events.
    pub driver_turns: u64,
    /// System calls on sources that failed because the process or the system has no file descriptor left.
    pub no_descriptor: u64,
    /// Tasks that were woken while they ran.
    pub self_wakes: u64,
    /// Polls of leaves: channels, locks, sleeps, sockets.
    pub leaf_polls: u64,
    /// Those of them that made progress.
    pub leaf_ready: u64,
    /// Tasks spawned, from wherever.
    pub arrived: u64,
    /// Tasks that ended, however.
    pub ended: u64,
    /// Those of them that panicked.
    pub panicked: u64,
}

impl Counts {
    /// What happened since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Counts) -> Counts {
        self.zip(earlier, u64::saturating_sub)
    }

    /// Both together.
    #[must_use]
    pub fn plus(&self, other: &Counts) -> Counts {
        self.zip(other, u64::saturating_add)
    }

    fn zip(&self, o: &Counts, f: impl Fn(u64, u64) -> u64) -> Counts {
        Counts {
            polls: f(self.polls, o.polls),
            spawned: f(self.spawned, o.spawned),
            overflow_tasks: f(self.overflow_tasks, o.overflow_tasks),
            steal_attempts: f(self.steal_attempts, o.steal_attempts),
            spin_ns: f(self.spin_ns, o.spin_ns),
            busy_ns: f(self.busy_ns, o.busy_ns),
            timers_fired: f(self.timers_fired, o.timers_fired),
            blocking_sections: f(self.blocking_sections, o.blocking_sections),
            hand_offs: f(self.hand_offs, o.hand_offs),
            passes: f(self.passes, o.passes),
            global_pops: f(self.global_pops, o.global_pops),
            driver_turns: f(self.driver_turns, o.driver_turns),
            no_descriptor: f(self.no_descriptor, o.no_descriptor),
            self_wakes: f(self.self_wakes, o.self_wakes),
            leaf_polls: f(self.leaf_polls, o.leaf_polls),
            leaf_ready: f(self.leaf_ready, o.leaf_ready),
            arrived: f(self.arrived, o.arrived),
            ended: f(self.ended, o.ended),
            panicked: f(self.panicked, o.panicked),
        }
    }
}

/// One poll that outlasted several glances.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Stand {
    /// The processor.
    pub processor: usize,
    /// The machine that is in the poll.
    pub machine: Option<usize>,
    /// The task that is polled.
    pub task: Option<u64>,
    /// From the first glance that saw it to the last: never more than the truth.
    pub wall_ns: u64,
    /// CPU time of the thread meanwhile. Where the system does not tell: the wall time that it was not asleep.
    pub cpu_ns: u64,
    /// Time that the kernel had the thread asleep, between glances that both saw it so.
    pub asleep_ns: u64,
    /// Of that, time at a lock or a condition while the kernel kept another thread of the runtime off the CPU: maybe for that one.
    pub excused_ns: u64,
    /// Time with runnable work in sight that nobody took.
    pub stalled_ns: u64,
    /// Longest time on end that the next slot was full while another processor idled.
    pub trapped_ns: u64,
    /// Longest time on end that a timer of the processor was due while another processor idled.
    pub overdue_ns: u64,
    /// Longest time on end that sources were registered and nobody sat in the driver or turned it, while another processor
    /// idled.
    pub captive_ns: u64,
}

/// CPU time, of all threads that drive tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Turns {
    /// That they had.
    pub ran_ns: u64,
    /// That they stood in line for, behind one another, other processes, and other guests of a hypervisor.
    pub stood_ns: u64,
}

impl Turns {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self { ran_ns: self.ran_ns + other.ran_ns, stood_ns: self.stood_ns + other.stood_ns }
    }

    /// What was got of what was wanted: all of it, if nothing is known.
    pub fn share(self) -> f64 {
        let wanted = self.ran_ns + self.stood_ns;
        if wanted == 0 { 1.0 } else { self.ran_ns as f64 / wanted as f64 }
    }
}

/// A task that has a machine to itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Holder {
    /// The task, if it is known.
    pub task: Option<u64>,
    /// Where it was spawned, `file:line`.
    pub site: Option<String>,
}

/// All processors at one lock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Jam {
    /// The address of the futex.
    pub futex: u64,
    /// How long it was so, in nanoseconds, up to the last glance at it.
    pub ns: u64,
    /// Of that, time with runnable work in sight that nobody took.
    pub stalled_ns: u64,
    /// How many processors.
    pub processors: u64,
    /// A task in one of the polls.
    pub task: Option<u64>,
}

/// Whom a runtime that ends waits for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Waited {
    /// The task in the poll, or the closure.
    pub holder: Holder,
    /// For how long, in nanoseconds.
    pub ns: u64,
    /// How many there are of such.
    pub remaining: u64,
}

/// One stretch of the run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Window {
    /// Its number, from 0.
    pub index: usize,
    /// Its length.
    pub wall_ns: u64,
    /// Glances taken within it.
    pub samples: u32,
    /// Processors.
    pub processors: usize,
    /// CPUs that the process may use.
    pub cores: usize,
    /// Events, summed over the processors.
    pub counts: Counts,
    /// Spawns by the processor that spawned most, summed glance by glance.
    pub spawned_by_one: u64,
    /// Live tasks at its end.
    pub live: u64,
    /// Mean of live tasks.
    pub live_mean: f64,
    /// Mean of runnable and running tasks.
    pub runnable_mean: f64,
    /// Most live tasks seen at once.
    pub live_max: u64,
    /// Fewest live tasks seen at once.
    pub live_min: u64,
    /// Most runnable tasks seen at once.
    pub runnable_max: u64,
    /// Mean of idle processors.
    pub idle_mean: f64,
    /// Mean of spinning machines.
    pub spinning_mean: f64,
    /// Mean of the machines alive.
    pub machines_mean: f64,
    /// Mean of the machines in a blocking section.
    pub blocked_mean: f64,
    /// Machines in a blocking section at its end.
    pub blocked: u64,
    /// Of those, the ones whose task was spawned where most of their tasks were.
    pub blocked_at_one_site: u64,
    /// The oldest task among those.
    pub blocked_by: Option<Holder>,
    /// A task that was locked to its machine at the window's end.
    pub locked_by: Option<Holder>,
    /// Most polls on end, for each processor, without a take from the global queue while tasks waited there.
    pub unserved_polls: f64,
    /// Most polls on end, for each processor, without a turn of the driver while sources were registered and nobody sat in
    /// it.
    pub unturned_polls: f64,
    /// Smallest share of the window in which half of its timers fired; `None` if none fired.
    pub timer_half: Option<f64>,
    /// Smallest share of the window in which half of the tasks ended that ended in it; `None` if none did.
    pub exit_half: Option<f64>,
    /// The same of tasks that were spawned.
    pub arrival_half: Option<f64>,
    /// The longest time on end that every processor with a machine was in one poll and slept at one and the same futex.
    pub jam: Option<Jam>,
    /// Whom the end of the runtime waited for at the window's end.
    pub ending: Option<Waited>,
    /// *Bytes* of memory that the process had in RAM at its end; 0 if that is not known.
    pub rss: u64,
    /// *Bytes* of the records of tasks, and of their memory that the runtime keeps for the next ones, at its end.
    pub kept: u64,
    /// Polls seen in progress for at least a few ticks: those that ended in this window, and those that lasted all of it.
    pub stands: Vec<Stand>,
    /// Half of its timed polls were not longer than this; `None` if none was timed.
    pub poll_half_ns: Option<u64>,
    /// Seven in eight of its timed polls were not longer than this.
    pub poll_most_ns: Option<u64>,
    /// What the runtime has got of the CPU time that it could have used; nothing if that is not known.
    pub turns: Turns,
    /// Who waited for what at its end; `None` for a piece of a window at the end of a run.
    pub census: Option<Census>,
}

/// What the caller knows of the load that was offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Load {
    /// Nothing: a rising series may be a rising load.
    Unknown,
    /// It came at one rate, or as fast as it was served.
    Constant,
}

/// Everything that a diagnosis rests on.
#[derive(Clone, Debug, Serialize)]
pub struct Evidence {
    /// The windows in order.
    pub windows: Vec<Window>,
    /// The unit of the watchdog's time: sysmon's period while any processor is busy.
    pub tick_ns: u64,
    /// The unit of work: a short poll of this run. See [`Evidence::unit`].
    pub unit_ns: u64,
    /// The unit of effort: what a poll costs that does nothing, on the machine that this ran on.
    pub empty_ns: u64,
    /// The offered load.
    pub load: Load,
    /// *Bytes* of memory that the process had in RAM at the first glance; 0 if that is not known.
    pub rss: u64,
}

impl Evidence {
    /// The unit of work, given the tenth percentile of the run's polls: that one, but not more than a tick. If even those
    /// outlast ten ticks there is no short poll to compare with, and a tenth of a tick stands in.
    pub fn unit(short_poll_ns: Option<u64>, tick_ns: u64) -> u64 {
        match short_poll_ns {
            Some(short) if short < 10 * tick_ns => short.clamp(1, tick_ns.max(1)),
            _ => (tick_ns / 10).max(1),
        }
    }

    /// Events over the whole run.
    pub fn total(&self) -> Counts {
        self.through(self.windows.len().saturating_sub(1))
    }

    /// Events from the start through window `at`.
    pub fn through(&self, at: usize) -> Counts {
        self.windows.iter().take(at + 1).fold(Counts::default(), |sum, window| sum.plus(&window.counts))
    }
}
