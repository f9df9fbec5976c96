//! Static probes (USDT) for bpftrace, `perf` and gdb: places in the running program where the kernel can be told to look.
//!
//! With the feature `usdt`, on Linux on x86_64 and aarch64; everywhere else, and without the feature, a probe is nothing at all.
//! A program has them in its `.note.stapsdt` section: `readelf -n` lists them, under the provider `gumption`.
//!
//! | probe | arguments | fires |
//! | --- | --- | --- |
//! | `task__spawn` | task, spawning task or 0, path of the spawn site, its length, line | when a task is made |
//! | `task__wake` | task, waking task or 0 | when a wake makes a task runnable; after the poll, by 0, if it came during that |
//! | `poll__start` | task, P, path, length, line | before a poll, an observer's included |
//! | `poll__end` | task, P, 0 pending, 1 over | after it |
//! | `task__block` | task, P, wait reason, resource | after a poll that returned `Pending`, before anybody else can run the task; not after an observer's |
//! | `task__exit` | task, 0 returned, 1 panicked, 2 aborted | at a task's end |
//! | `park`, `unpark` | M | before a machine sleeps, after it got up |
//! | `steal` | thieving P, robbed P, tasks | when a machine has taken tasks from another P |
//! | `retake`, `handoff` | P | when sysmon takes a P out of a blocking section; when a P that has no machine is passed on |
//! | `blocking__enter`, `blocking__exit` | P; and 1 if it was kept | around a blocking section |
//! | `timer__fire` | P whose timers they are, timers | when timers have fired |
//! | `io__turn` | events | when the driver was asked for events |
//!
//! The future of a `block_on` is polled, waits, is woken and ends as a task does, and fires the probes of that by its own number; but
//! not `task__spawn`, for it is none.
//!
//! A P that is not known, because the thread has none, is `2^64 - 1`. The numbers of the wait reasons are
//! [`WaitReason`](crate::wait::WaitReason)'s.
//!
//! **What it costs.** A probe that nobody watches is a load and a branch on its *semaphore*, which the kernel counts up when
//! somebody attaches: below a nanosecond. Arguments are worked out behind that branch, and the place itself is out of line, so each
//! probe is in the program once, however often its caller is inlined. One that is watched costs what the kernel's trap costs,
//! about half a microsecond.
//!
//! Rejected: the crates `probe`, whose semaphore is one for each place, which bpftrace does not find all, and `usdt`, which
//! brings a parser along.

use crate::context;
use crate::task::{Ending, Id, Task};

/// No processor.
const NONE: u64 = u64::MAX;

/// The number of this thread's processor.
pub(crate) fn processor() -> u64 {
    context::owner(|owner| owner.map_or(NONE, |(_, p)| p.id as u64))
}

/// The number of a task that may be none.
pub(crate) fn number(task: Option<Id>) -> u64 {
    task.map_or(0, Id::as_u64)
}

/// A task, the one number besides, and where it was spawned.
pub(crate) fn with_site(task: &Task, besides: u64) -> [u64; 5] {
    let site = task.site();
    let path = site.file();
    [number(task.id()), besides, path.as_ptr().addr() as u64, path.len() as u64, u64::from(site.line())]
}

/// How a task ended.
pub(crate) fn ending(ending: Ending) -> u64 {
    match ending {
        Ending::Returned => 0,
        Ending::Panicked => 1,
        Ending::Aborted => 2,
    }
}

macro_rules! probes {
    ($($function:ident = $name:literal $arguments:tt;)+) => {
        $(
            /// A probe; the arguments are asked for when somebody watches.
            #[inline(always)]
            pub(crate) fn $function(arguments: impl FnOnce() -> [u64; count!($arguments)]) {
                imp::$function(arguments);
            }
        )+

        #[cfg(not(all(
            feature = "usdt",
            target_os = "linux",
            any(target_arch = "x86_64", target_arch = "aarch64"),
            not(any(gumption_loom, gumption_shuttle))
        )))]
        mod imp {
            $(
                #[inline(always)]
                pub(super) fn $function(_: impl FnOnce() -> [u64; count!($arguments)]) {}
            )+
        }

        #[cfg(all(
            feature = "usdt",
            target_os = "linux",
            any(target_arch = "x86_64", target_arch = "aarch64"),
            not(any(gumption_loom, gumption_shuttle))
        ))]
        mod imp {
            use crate::sync::{Ordering, StaticU16};

            /// How many watch each probe, as the kernel counts.
            #[allow(non_upper_case_globals)]
            mod watchers {
                use super::StaticU16;
                $(
                    #[unsafe(link_section = ".probes")]
                    pub(super) static $function: StaticU16 = StaticU16::new(0);
                )+
            }

            /// Which probe.
            #[allow(non_camel_case_types)]
            enum Probe {
                $($function),+
            }

            /// All places, in one function: one that a linker threw away because nobody calls it would leave a note without a
            /// place.
            #[cold]
            #[inline(never)]
            fn fire(probe: Probe, arguments: &[u64]) {
                match probe {
                    $(Probe::$function => place!($name, $function, arguments, $arguments),)+
                }
            }

            $(
                #[inline(always)]
                pub(super) fn $function(arguments: impl FnOnce() -> [u64; count!($arguments)]) {
                    // Ordering: Relaxed; the kernel writes it, at some time.
                    if watchers::$function.load(Ordering::Relaxed) != 0 {
                        fire(Probe::$function, &arguments());
                    }
                }
            )+
        }
    };
}

/// How many arguments.
macro_rules! count {
    ((a)) => {
        1
    };
    ((a b)) => {
        2
    };
    ((a b c)) => {
        3
    };
    ((a b c d)) => {
        4
    };
    ((a b c d e)) => {
        5
    };
}

/// Where an argument is, as tools read it: eight bytes, unsigned, in a register.
#[cfg(all(feature = "usdt", target_os = "linux", target_arch = "x86_64", not(any(gumption_loom, gumption_shuttle))))]
macro_rules! at {
    ($argument:literal) => {
        concat!("8@%{", $argument, "}")
    };
}
/// Where an argument is, as tools read it: eight bytes, unsigned, in a register.
#[cfg(all(feature = "usdt", target_os = "linux", target_arch = "aarch64", not(any(gumption_loom, gumption_shuttle))))]
macro_rules! at {
    ($argument:literal) => {
        concat!("8@{", $argument, "}")
    };
}

/// The place: a `nop`, and a note that says where it is, who counts its watchers and where the arguments are.
#[cfg(all(
    feature = "usdt",
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(any(gumption_loom, gumption_shuttle))
))]
macro_rules! place {
    ($name:literal, $semaphore:ident, $arguments:ident, (a)) => {
        place!(@ $name, $semaphore, [at!(0)], in(reg) $arguments[0])
    };
    ($name:literal, $semaphore:ident, $arguments:ident, (a b)) => {
        place!(@ $name, $semaphore, [at!(0), " ", at!(1)], in(reg) $arguments[0], in(reg) $arguments[1])
    };
    ($name:literal, $semaphore:ident, $arguments:ident, (a b c)) => {
        place!(@ $name, $semaphore, [at!(0), " ", at!(1), " ", at!(2)], in(reg) $arguments[0], in(reg) $arguments[1], in(reg) $arguments[2])
    };
    ($name:literal, $semaphore:ident, $arguments:ident, (a b c d)) => {
        place!(@ $name, $semaphore, [at!(0), " ", at!(1), " ", at!(2), " ", at!(3)], in(reg) $arguments[0], in(reg) $arguments[1], in(reg) $arguments[2], in(reg) $arguments[3])
    };
    ($name:literal, $semaphore:ident, $arguments:ident, (a b c d e)) => {
        place!(@ $name, $semaphore, [at!(0), " ", at!(1), " ", at!(2), " ", at!(3), " ", at!(4)], in(reg) $arguments[0], in(reg) $arguments[1], in(reg) $arguments[2], in(reg) $arguments[3], in(reg) $arguments[4])
    };
    (@ $name:literal, $semaphore:ident, [$($where:tt)+], $($operands:tt)+) => {
        // SAFETY: a `nop`; the rest goes into sections that no code reads.
        unsafe {
            std::arch::asm!(
                "990: nop",
                ".pushsection .note.stapsdt, \"\", \"note\"",
                ".balign 4",
                ".4byte 992f - 991f, 994f - 993f, 3",
                "991: .asciz \"stapsdt\"",
                "992: .balign 4",
                "993: .8byte 990b",
                ".8byte _.stapsdt.base",
                ".8byte {semaphore}",
                ".asciz \"gumption\"",
                concat!(".asciz \"", $name, "\""),
                concat!(".asciz \"", $($where)+, "\""),
                "994: .balign 4",
                ".popsection",
                // By its distance from this, tools find the place in a program that was moved, as by prelink.
                ".ifndef _.stapsdt.base",
                ".pushsection .stapsdt.base, \"aGR\", \"progbits\", .stapsdt.base, comdat",
                ".weak _.stapsdt.base",
                ".hidden _.stapsdt.base",
                "_.stapsdt.base: .space 1",
                ".size _.stapsdt.base, 1",
                ".popsection",
                ".endif",
                $($operands)+,
                semaphore = sym watchers::$semaphore,
                options(nostack, preserves_flags)
            );
        }
    };
}

probes! {
    task_spawn = "task__spawn" (a b c d e);
    task_wake = "task__wake" (a b);
    poll_start = "poll__start" (a b c d e);
    poll_end = "poll__end" (a b c);
    task_block = "task__block" (a b c d);
    task_exit = "task__exit" (a b);
    park = "park" (a);
    unpark = "unpark" (a);
    steal = "steal" (a b c);
    retake = "retake" (a);
    handoff = "handoff" (a);
    blocking_enter = "blocking__enter" (a);
    blocking_exit = "blocking__exit" (a b);
    timer_fire = "timer__fire" (a b);
    io_turn = "io__turn" (a);
}
