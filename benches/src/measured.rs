//! [`Measured`]: what a body gives back, and the two clocks that it is read from.
//!
//! A body times itself, because only it knows what is setting up and what is the operation. Most read the clock on the wall;
//! those that say what CPU time was spent have a `Meter`, which reads both clocks at once, or [`cpu_time`] alone. The
//! bodies, the catalogue that names them and the subject that runs them all take their results from here.
//!
//! CPU time is the whole process's, user and system: a bench runs in a process of its own, so all of it is the peer's and the
//! body's.

use std::time::{Duration, Instant};

/// What a body measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Measured {
    /// The time of all operations together.
    Total(Duration),
    /// The latency of each.
    Each(Vec<Duration>),
    /// The time of all operations together, and the CPU time that they took.
    Spent(Spent),
}

/// What a run took, by two clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spent {
    /// By the clock on the wall.
    pub wall: Duration,
    /// Of all the process's threads, user and system time.
    pub cpu: Duration,
}

/// User and system time that this process has used up.
#[must_use]
pub fn cpu_time() -> Duration {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the pointer is to a rusage that lives through the call, which fills it or, on error, leaves the zeroes.
    let usage = unsafe {
        let outcome = libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
        debug_assert_eq!(outcome, 0, "RUSAGE_SELF is always valid");
        usage.assume_init()
    };
    [usage.ru_utime, usage.ru_stime]
        .iter()
        .map(|time| Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1000))
        .sum()
}

/// Reads both clocks at the start of a run and at its end.
pub(crate) struct Meter {
    start: Instant,
    used: Duration,
}

impl Meter {
    pub(crate) fn start() -> Self {
        let used = cpu_time();
        Self { start: Instant::now(), used }
    }

    pub(crate) fn stop(self) -> Spent {
        Spent { wall: self.start.elapsed(), cpu: cpu_time().saturating_sub(self.used) }
    }
}
