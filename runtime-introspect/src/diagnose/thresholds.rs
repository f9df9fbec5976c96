//! Every limit that a verdict rests on, in one table.
//!
//! A limit is a ratio. It has a name that reports print, a sense (a signal must reach it, or must stay below it), and a
//! source: where the number comes from and what was measured on either side of it. Rules ask this table and contain no
//! number themselves, which is what lets the tests halve and double each limit and demand that some verdict changes.
//!
//! To tune a limit for one program, build a [`Thresholds`] and change it; do not edit a rule.
//!
//! Its invariant: a sick bundled workload stays above its limits, and the fixed one and the healthy controls stay
//! below at least one limit of every rule, with a factor of two on either side wherever the signal can go that far.

use serde::Serialize;

/// Which side of a limit is the sick one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sense {
    /// Sick at or above the limit.
    AtLeast,
    /// Sick at or below the limit.
    AtMost,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The limit's signal, as reports print it.
    pub signal: &'static str,
    /// The limit.
    pub value: f64,
    /// The sick side.
    pub sense: Sense,
    /// Where the number comes from.
    pub source: &'static str,
}

macro_rules! table {
    ($($(#[$doc:meta])* $name:ident: $signal:literal $sense:ident $value:literal, $source:literal;)*) => {
        /// The name of a limit.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Limit { $($(#[$doc])* $name),* }

        impl Limit {
            /// Every limit.
            pub const ALL: &'static [Limit] = &[$(Limit::$name),*];

            /// Its row of the table, as shipped.
            pub fn row(self) -> Row {
                match self {
                    $(Limit::$name => Row { signal: $signal, value: $value, sense: Sense::$sense, source: $source }),*
                }
            }
        }
    };
}

table! {
    /// How long a woken task sat in the next slot of a stuck P while another P idled, in ticks.
    TrapTicks: "trapped/tick" AtLeast 10.0,
        "ten rounds of sysmon that each should have ended it; a trap lasts as long as the poll, a rescue one tick";
    /// How long nobody watched the driver behind a stuck poll while another P idled, in ticks.
    CaptiveTicks: "driver.unwatched/tick" AtLeast 10.0,
        "tokio's two pipes are wedged for as long as the poll lasts; sysmon looks after half a tick";
    /// How long a timer of a stuck P was due while another P idled, in ticks.
    OverdueTicks: "timer.overdue/tick" AtLeast 10.0,
        "as a trap's: thieves, sysmon and the sitter each fire a stuck P's timers within a tick";
    /// Machines that a task is locked to, and that were handed a P or gave one up for it, against polls.
    LockedPasses: "hand_offs.locked/polls" AtLeast 0.4,
        "Go: 1.5 to 2.2 thread switches a round trip of two polls; measured 0.9 to 1.0 here, 0 without the lock";
    /// The same hand-offs, in a tick.
    LockedRate: "hand_offs.locked/tick" AtLeast 3.0,
        "one locked task that wakes a thousand times a second makes 2; a conversation makes 30 and more";
    /// CPU time of one poll, in ticks.
    HogTicks: "poll.cpu/tick" AtLeast 10.0,
        "Go preempts after 10 ms and its sysmon tick is 1 ms; CPU time, so that a descheduled thread is no hog";
    /// Time asleep in the kernel inside one poll, in ticks.
    BlockTicks: "poll.asleep/tick" AtLeast 10.0,
        "the same ten ticks as a hog's, counted while the kernel had the thread asleep";
    /// One poll against a short poll of the same run.
    PollUnits: "poll/unit" AtLeast 100.0,
        "a machine a hundred times slower stretches every poll alike; a stuck poll is long beside its own kind";
    /// Share of the poll that slept: at most this for a hog.
    HogAsleep: "poll.asleep/(asleep+cpu)" AtMost 0.2,
        "measured 0.00 for a computing poll; between 0.2 and 0.8 both causes are named";
    /// Share of the poll that slept: at least this for a blocking call.
    BlockAsleep: "poll.asleep/(asleep+cpu)" AtLeast 0.8,
        "measured 0.99 for a sleeping poll";
    /// Share of the poll in which runnable work was in sight and nobody took it.
    Stalled: "poll.stalled/poll" AtLeast 0.25,
        "tokio's neighbours of a 200 ms poll wait 0.86 of it; with a spare P after a 10 ms slice 0.05 remain";
    /// System calls on sources that failed for want of a descriptor, against polls.
    NoDescriptorPolls: "errors.no.descriptor/polls" AtLeast 0.5,
        "a loop that spins fails until its budget ends the poll, measured 125; one that rests fails once a poll, seldom";
    /// The same, in a tick.
    NoDescriptorRate: "errors.no.descriptor/tick" AtLeast 3.0,
        "resting a millisecond after each failure makes 1, which is no spin; measured 160k to 340k a second in one";
    /// Mann-Kendall tau of the machines in blocking sections over eight windows.
    PinnedTau: "machines.blocked.tau" AtLeast 0.9,
        "as a backlog's: 26 of 28 pairs of windows rise; a storm's machines are all there at once";
    /// Share of the sections entered in those windows that were left again.
    PinnedReturned: "sections.left/entered" AtMost 0.2,
        "a call that never returns leaves 0; calls that are merely slow return as many as enter, once they have begun to";
    /// Share of the blocked machines whose tasks were spawned in one place.
    PinnedSite: "machines.blocked.at.one.site/blocked" AtLeast 0.8,
        "one foreign function called from one place; a service that comes under load blocks in many";
    /// Blocked machines per processor.
    PinnedDepth: "machines.blocked/processors" AtLeast 4.0,
        "a handful of long calls at the start is a trend too; measured 15 at the eighth window, and at most 1 in a fixed run";
    /// Machines per processor.
    StormMachines: "machines/processors" AtLeast 10.0,
        "Go: 404 threads on 4 P for 400 reads; capped at 8 permits it is 12 on 4";
    /// Share of the machines that sit in a blocking section.
    StormBlocked: "machines.blocked/machines" AtLeast 0.9,
        "Go: 400 of 404; a storm is made of nothing else";
    /// Blocking sections that lost their P.
    StormHandOffs: "hand_offs/blocking_sections" AtLeast 0.5,
        "short sections keep their P and start no machine; every second one lost it: they last";
    /// Timers due in a window, per processor: below it a burst is no storm.
    StormTimers: "timers.fired/processors" AtLeast 100.0,
        "a handful of timers in one turn is any program; two ring's halves are work for one P";
    /// Share of the window that saw half of its timers fire.
    TimerHalf: "time.of.half.the.fires/window" AtMost 0.15,
        "one shared deadline: half of the fires within 0.01 to 0.03; spread evenly it is 0.5";
    /// Deepest run queues against the timers of the window.
    TimerHerd: "runnable.max/timers.fired" AtLeast 0.1,
        "a storm's herd stands in the queues at once: 0.4 and more; jittered timers leave 0.01";
    /// Share of running time that Ms spent looking for work.
    SpinShare: "spin/(spin+run)" AtLeast 0.6,
        "more looking than doing; with spinners bounded by half the busy Ps it stays under 0.33";
    /// Steal attempts a poll.
    Probes: "steal_attempts/poll" AtLeast 16.0,
        "measured 13 to 89 at P = cores and 3600 to 8800 at 128 P without a bound; single digits with it";
    /// Spinning Ms per core.
    Spinners: "spinning/cores" AtLeast 0.5,
        "half of the machine's cores look for work at any time; one lingering spinner is 1/cores";
    /// Processors per core.
    Oversubscribed: "processors/cores" AtLeast 2.0,
        "sweeps grow with P while the work does not; at P = cores a sweep is cheap";
    /// Share of the spawned tasks that overflowed into the global queue.
    Overflow: "overflow_tasks/spawned" AtLeast 0.5,
        "linear loop: 0.95 to 0.99; recursive split: 0.10 to 0.17 in Go and tokio, 0 with a grain";
    /// Spawns by the P that spawned most, glance by glance.
    Producer: "spawned.by.one/spawned" AtLeast 0.9,
        "one loop spawns on one P at a time";
    /// Polls of each P on end that took nothing from a global queue in which tasks waited.
    UnservedPolls: "polls.without.a.take/processors" AtLeast 976.0,
        "sixteen times Go's 61, after each of which one of the Ps takes one; measured at most 61 with it";
    /// Polls of each P on end without a turn of the driver, while sources were registered and nobody sat in it.
    UnturnedPolls: "polls.without.a.turn/processors" AtLeast 976.0,
        "sixteen times tokio's 61, after each of which each of the Ps looks for events; measured at most 61 with it";
    /// Mann-Kendall tau of the live tasks over eight windows.
    BacklogTau: "live.tau" AtLeast 0.9,
        "26 of 28 pairs of windows rise; chance alone gives 0.9 once in ten thousand";
    /// Growth of the live tasks over eight windows.
    BacklogGrowth: "live.last/live.first" AtLeast 1.5,
        "a ramp that ends looks like growth for a while; half as much again in eight windows does not";
    /// Share of the live tasks that only wait for a P.
    BacklogRunnable: "runnable/live" AtLeast 0.8,
        "measured 0.99 for a backlog; a leak's tasks wait for something else and are not runnable";
    /// Backlog per processor.
    BacklogDepth: "live/processors" AtLeast 16.0,
        "one task more in each window is a trend too, but no backlog";
    /// Closures of the blocking pool that run and wait for closures that are queued behind them.
    PoolWaits: "closures.waiting.for.queued/running" AtLeast 0.9,
        "an edge of the wait graph each, exact; one that does not wait will end, and then a queued one runs";
    /// Closures that ended in a window, against those that run.
    PoolEnded: "closures.ended/running" AtMost 0.1,
        "a deadlock ends none; a legal pool at its limit ends some in every window";
    /// Tasks that were woken while they ran, against polls.
    SelfWakes: "wakes.self/polls" AtLeast 0.9,
        "measured 0.4 to 1.8 million polls for one wake from outside in a loop that yields; 2 polls where it waits";
    /// The same, in a tick.
    SelfWakeRate: "wakes.self/tick" AtLeast 20.0,
        "a task that yields now and then is polite; a loop on a flag makes hundreds in a tick on the slowest machine";
    /// Leaves that made progress, against polls.
    UsefulPolls: "leaf.ready/polls" AtMost 0.05,
        "a loop on a flag gets nothing done: 0.000; a task that yields between two messages gets one done each time";
    /// The median poll, against one that does nothing.
    PollEffort: "poll.half/empty" AtMost 20.0,
        "work that yields is no drift: pieces of 20 us are 400 empty polls, a look at a flag is 1 to 4";
    /// How much of the time a lock had an owner.
    LockOwned: "lock.owned/glances" AtLeast 0.9,
        "measured 0.98 and more in a convoy; a lock that is free one time in ten is not what everybody waits for";
    /// How much of the time somebody waited for it.
    LockWaited: "lock.waited/glances" AtLeast 0.9,
        "measured 0.98 and more in a convoy; a line that is empty one time in ten is no convoy";
    /// How much of the time that it was owned its owner was in a poll.
    OwnerRuns: "owner.running/owned" AtMost 0.2,
        "a hold that lasts ten times as long as it computes: 30 to 307 measured in tokio; 1 where nothing is awaited inside";
    /// How much of that time the owner could run, and stood in a queue.
    OwnerQueues: "owner.runnable/owned" AtLeast 0.5,
        "else it waits for something else inside, which is a lock held over io and no convoy";
    /// Values that a task took from elsewhere while a channel of its had one for it.
    PassedBy: "received.elsewhere/look" AtLeast 1000.0,
        "a fair choice of two passes by 3 times in the 99th percentile; a biased one 20 000 times and for ever";
    /// Polls of leaves, against those that made progress.
    LeafWaste: "leaf.polls/ready" AtLeast 10.0,
        "measured 995 for 2000 children under one waker, 2 with a waker each; a select of four has 4";
    /// Polls of leaves that made no progress, against polls of tasks.
    LeafCrowd: "leaf.vain/polls" AtLeast 10.0,
        "one task looks at many things each time that it runs; two or three is any program";
    /// Tasks woken by a notification.
    Herd: "woken/notified" AtLeast 16.0,
        "measured 400 to 500 of 500 for each unit; a notification for one wakes 1";
    /// Of those, tasks that came to wait again with nothing done.
    HerdVain: "waits.in.vain/woken" AtLeast 0.5,
        "all but one for a unit that one can take; 0 where each that wakes does something at a channel or a lock";
    /// What share of all polls that is.
    HerdPolls: "woken/polls" AtLeast 0.25,
        "a herd that is a small part of the work harms nobody";
    /// The length that so many polls keep that a good part of the herd's are among them, against one that does nothing.
    HerdEffort: "poll/empty" AtMost 100.0,
        "the median where the herd is most polls, else what seven in eight keep; measured 6, and 800 to 1200 for 20 us of work";
    /// Mann-Kendall tau of the tasks of one group over eight windows.
    LeakTau: "waiting.tau" AtLeast 0.9,
        "as a backlog's: 26 of 28 pairs of windows rise";
    /// Growth of the group over eight windows.
    LeakGrowth: "waiting.last/waiting.first" AtLeast 1.5,
        "as a backlog's: a ramp that ends grows for a while; half as much again in eight windows is no ramp";
    /// Tasks that left the group, against those that entered it, over those windows.
    LeakLeft: "left/entered" AtMost 0.2,
        "a leak gives none back: 0.00; a group that is merely slow gives back as many once it has begun to";
    /// Tasks in the group, per processor.
    LeakDepth: "waiting/processors" AtLeast 16.0,
        "as a backlog's: one more in each window is a trend, but no leak yet";
    /// Of the tasks that two censuses found, those in the same wait.
    LeakStill: "same.wait/waiting" AtLeast 0.9,
        "who has done nothing between two censuses; a task that was woken once in between is not counted";
    /// Of the tasks that two censuses found, those in another wait of the same kind.
    LeakTicks: "new.wait/waiting" AtLeast 0.5,
        "a timer that fires every window or oftener begins a wait each time: 1.0; a long sleep 0.0";
    /// Of the group, the tasks that nobody has a handle to.
    LeakUnheld: "without.a.handle/waiting" AtLeast 0.9,
        "exact, from the count of references: nobody can cancel them, ever; a scope or a set holds 1 handle each";
    /// Of the group, the tasks whose channel has nothing for them.
    LeakBarren: "channel.has.nothing/waiting" AtLeast 0.9,
        "empty to a receiver, full to a sender; one that was served and stands in a queue for a P is no leak";
    /// How many more there are in the group for each task that ended, over those windows: at least.
    StairStep: "left.behind/ended" AtLeast 0.5,
        "1.00 and 3.00 measured for requests that leave one and three; below, most of what ends leaves nothing";
    /// The same: at most.
    StairMost: "left.behind/ended" AtMost 10.0,
        "where hardly anything ends nothing is left behind: connections that come to be more, workers that are started";
    /// Of the tasks in rings that two censuses found there, those in the same wait for the same task.
    RingStill: "same.ring/in.a.ring" AtLeast 0.9,
        "who is in a deadlock never does anything again: 1.0; a ring that was only seen because rows moved is gone by then";
    /// Mann-Kendall tau of the tasks in rings of handles over eight windows.
    RingTau: "in.a.ring.tau" AtLeast 0.9,
        "as a leak's: 26 of 28 pairs of windows rise";
    /// Growth of those over eight windows.
    RingGrowth: "in.a.ring.last/in.a.ring.first" AtLeast 1.5,
        "as a leak's: half as much again in eight windows";
    /// Tasks in rings of handles, per processor.
    RingDepth: "in.a.ring/processors" AtLeast 16.0,
        "as a leak's; a ring or two that do not come to be more are a deadlock";
    /// Tasks without a waker at the last census, against those of this one.
    StrandedBefore: "without.a.waker.before/without.a.waker" AtLeast 0.5,
        "a task that has lost its last waker stays so for ever; half of them, because they may come to be more";
    /// Of the tasks without a waker, those that nobody has a handle to.
    StrandedUnheld: "without.a.handle/without.a.waker" AtLeast 0.9,
        "a task that waits for nothing on purpose (`pending().await`) is one that somebody means to abort";
    /// Of the tasks of a group, those that wait at a channel whose receiving task has ended.
    OrphanShare: "receiver.ended/waiting" AtLeast 0.9,
        "all of them once the workers are gone; 0 where another one receives, which the channel says at its next wait";
    /// Panics so far, against tasks that received from such channels and have ended.
    OrphanPanics: "panics/receivers.ended" AtLeast 0.5,
        "one for each: 1.0; a receiver that was handed from task to task has many ends behind it and no panic";
    /// Mann-Kendall tau of a channel's depth over eight windows.
    DepthTau: "depth.tau" AtLeast 0.9,
        "as a backlog's: 26 of 28 pairs of windows rise";
    /// Growth of the depth over eight windows.
    DepthGrowth: "depth.last/depth.first" AtLeast 1.5,
        "as a backlog's: a burst that is being worked off grows for a while";
    /// Values sent into the channel against values received from it, over those windows.
    DepthFlow: "sends/receives" AtLeast 1.2,
        "measured 2.0 for a producer twice as fast; 1.00 wherever the depth has found its level";
    /// Values in the channel, per processor.
    Depth: "depth/processors" AtLeast 16.0,
        "as a backlog's: a handful more in each window is a trend, but no queue yet";
    /// Values of a broadcast that were overwritten before a receiver came to them, against values sent.
    LagLost: "lost/sends" AtLeast 0.1,
        "measured 0.5 and more for a receiver half as fast as the sender, 0 where it keeps up; a burst is over by the next window";
    /// Values that some receiver of the broadcast has still to see, against its capacity.
    LagDepth: "depth/capacity" AtLeast 0.5,
        "who is too slow is always a whole capacity behind: 1.0; who merely missed a burst has caught up since";
    /// How long every P was in one poll and slept at one futex, in ticks.
    JamTicks: "all.asleep.at.one.futex/tick" AtLeast 10.0,
        "the ten ticks of a hog; a lock of the standard library is held for microseconds, and its holder runs";
    /// Of that time, the part with runnable work in sight.
    JamStalled: "jam.stalled/jam" AtLeast 0.25,
        "as a stuck poll's; the holder of the lock stands in a queue, and with it everybody else";
    /// How long the end of the runtime has waited for the same poll or closure, in ticks.
    EndTicks: "shutdown.waits.for.one/tick" AtLeast 20.0,
        "twice the longest slice: a poll that ends by itself is over by then, and it must last three windows besides";
    /// Share of the window in which half of its tasks ended.
    SawExits: "time.of.half.the.exits/window" AtMost 0.15,
        "as a storm's timers: everybody ends within 0.01 to 0.05 of a window; spread evenly it is 0.5";
    /// The same of the tasks that were spawned.
    SawArrivals: "time.of.half.the.arrivals/window" AtLeast 0.25,
        "an even load has 0.4 to 0.5; tasks that come in bursts may well go in bursts";
    /// Most live tasks against fewest, within the window.
    SawSwing: "live.max/live.min" AtLeast 3.0,
        "a tooth: from hundreds to a few and back; a service under an even load swings by half";
    /// Most live tasks, per processor.
    SawDepth: "live.max/processors" AtLeast 16.0,
        "as a backlog's: a handful of tasks that end together is any program";
    /// Of the live tasks, those that could run.
    SawRunnable: "runnable/live" AtMost 0.25,
        "they wait for the bell, and not for a P: 0.02 measured; 0.9 behind a hog, from which they are let go all at once, too";
    /// Most memory in RAM against that of the first glance.
    PeakGain: "rss.peak/rss.first" AtLeast 3.0,
        "a burst of 50 000 requests of 4 KiB: 10 and more; what a program warms up by is less than it is";
    /// Of what was gained at the peak, what is still in RAM.
    PeakKept: "rss.kept/rss.gained" AtLeast 0.8,
        "measured 1.00 with one survivor in a hundred, 0.00 to 0.03 without any";
    /// Most live tasks of the window against the most that there ever were.
    PeakLive: "live.max/live.peak" AtMost 0.05,
        "what tells it from a leak: one task in twenty is left, and the memory of all; measured 0.01";
}

/// The limits in force.
#[derive(Clone, Debug)]
pub struct Thresholds {
    values: Vec<f64>,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { values: Limit::ALL.iter().map(|limit| limit.row().value).collect() }
    }
}

impl Thresholds {
    /// The limit in force for `limit`.
    pub fn get(&self, limit: Limit) -> f64 {
        self.values[limit as usize]
    }

    /// The same limits with one of them replaced.
    #[must_use]
    pub fn with(mut self, limit: Limit, value: f64) -> Self {
        self.values[limit as usize] = value;
        self
    }
}
