//! Every number that the scheduler's behaviour rests on, and where it comes from.
//!
//! A constant here is a default; those that a user may change are knobs of [`Builder`](crate::runtime::Builder), whose
//! documentation says what goes wrong at the extremes. Under loom and shuttle the capacities shrink, so that a model of
//! a few threads reaches the edges (full rings, spills, page ends) that production reaches only under load.

use std::time::Duration;

/// Whether this build is checked by loom or shuttle.
pub const CHECKED: bool = cfg!(any(gumption_loom, gumption_shuttle));

/// Slots of a processor's run queue. Go's and tokio's 256: large enough that a burst of spawns rarely overflows, small
/// enough that half of it copies in well under a microsecond.
pub const RING_CAPACITY: usize = if CHECKED { 4 } else { 256 };

/// Where the cursors of a run queue start: under the checkers so close to their end that every model wraps them.
pub const RING_START: u32 = if CHECKED { u32::MAX - 1 } else { 0 };

/// Runs in a row from the next slot before its task goes to the tail of the queue.
/// tokio's `MAX_LIFO_POLLS_PER_TICK`; "picked out of thin air" there, but 3 turned 68 s into 2 s in tokio#5686's case.
/// On a current-thread runtime it is 0.
pub const NEXT_SLOT_CAP: u32 = 3;

/// Every how many runs the global queue is looked at first. Go's `schedtick % 61`: a prime, so that it does not beat
/// with a program's own periods.
pub const GLOBAL_INTERVAL: u32 = 61;

/// Most tasks taken from the global queue at once: half a ring, as Go does, so that a taken share never overflows back.
pub const GLOBAL_BATCH: usize = RING_CAPACITY / 2;

/// Every how many runs a busy processor polls the driver without blocking. tokio's `event_interval`.
pub const EVENT_INTERVAL: u32 = 61;

/// Every how many runs a processor with timers reads the real clock; in between it believes the coarse one, which
/// sysmon keeps at most half a millisecond behind. A read costs 23 ns, a run about 50.
pub const TIMER_INTERVAL: u32 = 8;

/// Passes that a thief makes over all victims before it gives up. Go's `stealTries`.
pub const STEAL_PASSES: u32 = 4;

/// Pauses between two passes. A pause is 10 to 140 cycles, by processor: a fraction of a microsecond.
pub const STEAL_PAUSE: u32 = if CHECKED { 1 } else { 4 };

/// How long the last spinner lingers, re-reading hints, before it parks: a sleep and a wake cost over 5 µs, a spinning
/// hand-off 71 ns.
pub const LINGER: Duration = Duration::from_micros(3);

/// Rounds of lingering at most: the checkers count, because they have no time.
pub const LINGER_ROUNDS: u32 = if CHECKED { 1 } else { u32::MAX };

/// Pauses in one lingering round, between two looks at the clock.
pub const LINGER_PAUSE: u32 = if CHECKED { 1 } else { 4 };

/// Shortest sysmon sleep: Go's 20 µs, slept while there is something to do.
pub const SYSMON_MIN: Duration = Duration::from_micros(20);

/// Longest sysmon sleep while any processor is busy. Go allows 10 ms; half a millisecond, and a quick second
/// look, bound an orphan by 1 ms for about half a percent of one core.
pub const SYSMON_MAX: Duration = Duration::from_micros(500);

/// How soon a round confirms what the one before suspected: a next slot or a queue that waits behind the same run.
pub const SYSMON_CONFIRM: Duration = Duration::from_micros(50);

/// Fruitless rounds at the shortest sleep before sysmon backs off. Go's 50.
pub const SYSMON_EAGER_ROUNDS: u32 = 50;

/// How long all processors must have been idle before sysmon sleeps until it is woken, so that a bursty program does
/// not pay for waking it at every burst.
pub const SYSMON_DEEP_AFTER: Duration = Duration::from_millis(50);

/// A poll that lasts longer is recorded, and may start a spare processor. Go's `forcePreemptNS`.
pub const SLICE: Duration = Duration::from_millis(10);

/// Long polls that are remembered.
pub const LONG_POLL_RECORDS: usize = 64;

/// Most machines (threads that can run tasks). Go's limit.
pub const MAX_MACHINES: usize = 10_000;

/// Most threads of the blocking pool. tokio's.
pub const MAX_BLOCKING_THREADS: usize = 512;

/// How long an idle thread above the number of processors is kept. tokio's `thread_keep_alive`.
pub const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// How long who ends a runtime waits for its machines before it drops what they do not come to; doubled each time. Shorter
/// than anybody waits for a shutdown, longer than one without blocking sections takes. Models have none of those.
pub const SHUTDOWN_HELP: Duration = if CHECKED { Duration::MAX } else { Duration::from_millis(2) };

/// How long a busy processor's poll must have been left alone before a thief looks into it. A processor whose runs are short
/// comes round to it every 61 of them, a few microseconds; a tenth of sysmon's longest sleep is late enough to be news. None
/// under the checkers, which have no time.
pub const LEFT_ALONE: Duration = if CHECKED { Duration::ZERO } else { Duration::from_micros(50) };

/// Most events that one turn of the driver handles when the caller has other work. tokio#8410: a turn that readies more
/// tasks than a run queue holds overflows them to the global queue and the backlog grows.
pub const EVENTS_BUSY: usize = 64;

/// Most events that one blocking turn handles: what a run queue holds.
pub const EVENTS_BLOCKING: usize = 256;

/// How many connections may wait to be accepted: Linux's own limit since 5.4, as in Go. std and mio ask for 128, and a burst
/// of more is lost in the kernel: the clients believe that they are connected.
pub const LISTEN_BACKLOG: i32 = 4096;

/// How long a listener rests after the system has refused to accept (out of descriptors, out of memory). net/http begins
/// with 5 ms; one is 20 times what closing a connection takes, and already a thousandth of a spinning loop's load.
pub const ACCEPT_BACKOFF_MIN: Duration = Duration::from_millis(1);

/// Longest rest of a listener; net/http's. Each refusal in a row doubles it.
pub const ACCEPT_BACKOFF_MAX: Duration = Duration::from_secs(1);

/// Looks at a locked slot of a source's readiness before a thread that wants it yields its core. The lock lasts for some
/// ten instructions, so after these, microseconds in all, its holder has been preempted.
pub const SLOT_SPINS: u32 = 64;

/// How often the reaper asks after an orphaned process that nothing tells the end of: no pidfd, no bell. Ten looks a second
/// cost nothing measurable, and a zombie that is a tenth of a second old harms nobody.
pub const ORPHAN_SWEEP: Duration = Duration::from_millis(100);

/// Timers fired in one go before the loop looks at its queues again.
pub const TIMERS_PER_TURN: usize = RING_CAPACITY;

/// One run in this many is timed. Go's `gTrackingPeriod`.
pub const SAMPLING: u32 = 8;

/// One run in this many is timed while runs are short: timing costs two clock reads, 46 ns, and at one in eight that is
/// more than a tenth of a 50 ns run. Such samples count for as many more.
pub const SAMPLING_SHORT: u32 = 64;

/// What a short run is, ns: one of which an eighth of the timing is a hundredth.
pub const SHORT_RUN: u64 = 1_000;

/// Dead timers that a heap tolerates beyond as many as live before a push cleans it. Small enough that a heap of few
/// live timers stays in the first cache, large enough that cleaning is amortised; loom reaches it with two.
pub const TIMERS_CLEAN_SLACK: usize = if CHECKED { 2 } else { 64 };

/// Timer entries that a heap keeps for its next pushes: 64 KiB of them. What one cleaning of a thousand timers frees.
pub const TIMERS_SPARE: usize = if CHECKED { 1 } else { 1024 };

/// Wakers collected under a heap's lock before it is released to wake them. tokio's `WakeList` has 32.
pub const TIMERS_WAKE_BATCH: usize = if CHECKED { 1 } else { 32 };

/// Lateness from which a tick of an `Interval` counts as missed. tokio's 5 ms.
pub const MISSED_TICK: Duration = Duration::from_millis(5);

/// Local tasks that one poll of their set runs before it yields to its neighbours. tokio's 61.
pub const LOCAL_TASKS_PER_POLL: usize = if CHECKED { 3 } else { 61 };

/// What a task may do in one run before leaf futures make it yield. tokio's 128.
pub const COOP_BUDGET: u8 = 128;

/// Copies of what threads without a processor share. As many as foreign threads that submit at full speed are likely to
/// be; a copy is a few cache lines and a few free blocks.
pub const STRIPES: usize = if CHECKED { 1 } else { 8 };

/// Ids dealt to a processor at once. Go's `_GoidCacheBatch`.
pub const ID_BATCH: u64 = 16;

/// Bytes, and alignment, of a page of task records. 681 records with what observers want to know of them, 1022 in a build
/// without counters: one page fault's worth of set-up is spread over many spawns, and masking an address finds the page.
pub const PAGE_BYTES: usize = if CHECKED { 4096 } else { 64 << 10 };

/// Most records in a page: as many as fit, or few for a model to walk.
pub const PAGE_RECORDS: usize = if CHECKED { 3 } else { usize::MAX };

/// Free records that pass between a processor and the centre at once. Go moves half of 64 dead Gs (`gfput`); a lock in
/// 256 spawns is below what can be measured, and 16 KiB of records stay warm.
pub const RECORD_MAGAZINE: usize = if CHECKED { 1 } else { 256 };

/// Alignment of recycled task memory: malloc's. Larger alignments leave its fast path (11 ns against 66 to 118).
pub const MEMORY_ALIGN: usize = 16;

/// The finest step between sizes of recycled task memory: 32 bytes up to 512, then 64 up to 1 KiB, then doubling. On
/// average 16 bytes of a small task are slack. A free block holds a link, which is larger under the checkers.
pub const MEMORY_STEP: usize = if CHECKED { 128 } else { 32 };

const MEMORY_SIZES: [usize; MEMORY_CLASSES] = {
    let mut sizes = [0; MEMORY_CLASSES];
    let (mut class, mut size) = (0, 0);
    while class < MEMORY_CLASSES {
        size += if size < 512 {
            MEMORY_STEP
        } else if size < 1024 {
            64
        } else {
            size
        };
        sizes[class] = size;
        class += 1;
    }
    sizes
};

/// Size classes of recycled task memory; anything above the last, 4 KiB, is allocated by itself.
pub const MEMORY_CLASSES: usize = 26;

/// Bytes of one class that pass between a processor and the centre at once, within 8 and 256 blocks.
pub const MEMORY_MAGAZINE_BYTES: usize = 32 << 10;

/// Bytes of free task memory that a runtime keeps outside its processors' caches before it frees: what a burst of a hundred
/// thousand small tasks leaves.
pub const MEMORY_CENTRAL_BYTES: usize = 32 << 20;

/// The class of memory of at least `size` bytes, aligned to at least `align`.
pub const fn memory_class(size: usize, align: usize) -> Option<u8> {
    if align > MEMORY_ALIGN {
        return None;
    }
    let mut class = 0;
    while class < MEMORY_CLASSES {
        if size <= MEMORY_SIZES[class] {
            return Some(class as u8);
        }
        class += 1;
    }
    None
}

/// Bytes of a block of `class`.
pub const fn memory_size(class: u8) -> usize {
    MEMORY_SIZES[class as usize]
}

/// Blocks of `class` that pass between a processor and the centre at once.
pub const fn memory_magazine(class: u8) -> usize {
    MEMORY_MAGAZINES[class as usize]
}

const MEMORY_MAGAZINES: [usize; MEMORY_CLASSES] = {
    let mut blocks = [0; MEMORY_CLASSES];
    let mut class = 0;
    while class < MEMORY_CLASSES {
        let fit = MEMORY_MAGAZINE_BYTES / MEMORY_SIZES[class];
        blocks[class] = if CHECKED {
            1
        } else if fit < 8 {
            8
        } else if fit > 256 {
            256
        } else {
            fit
        };
        class += 1;
    }
    blocks
};

/// How many resources' records the first page of the table has: 32 KiB, taken when a task first waits for a lock or a channel.
pub const RESOURCE_PAGE: u32 = if CHECKED { 2 } else { 256 };

/// How many free records of resources a thread keeps without a lock: as many as it awaits answers at a time in a usual service.
pub const RESOURCE_POCKET: usize = if CHECKED { 2 } else { 32 };

/// How many free records of resources a stripe of threads keeps: as many as a burst of answers awaited at once in one thread.
pub const RESOURCE_STOCK: usize = if CHECKED { 2 } else { 64 };

/// Parts of the table of names, each with its lock. Few tasks have one.
pub const NAME_PARTS: usize = 16;

/// Parts of the table of labels, each with its lock: as many as keep a few dozen processors apart.
pub const LABEL_PARTS: usize = 64;

/// Of how many tasks that are gone the labels are known to who asked for that: more than a CPU profile has samples in ten
/// minutes of one processor, at 100 a second.
pub const LABELS_KEPT: usize = 1 << 16;
