//! [`Timers`]: each thread of the process gets a signal whenever it has used so much CPU.
//!
//! One timer for each thread, on that thread's CPU clock, whose signal goes to that very thread: what Go does on Linux. A
//! timer for the whole process (`setitimer`) would be cheaper and wrong: the kernel picks whom its signal goes to, and
//! favours some; and at a hundred a second for all threads together, many threads are seen seldom. A thread that
//! sleeps uses no CPU, and is left in peace.
//!
//! Any thread can make the timers of all. Threads that start later are found by [`Timers::keep_up`]; those that end take nothing
//! along, their timers go with the next look. Linux only: elsewhere there is no such clock.

use std::collections::HashMap;
use std::ffi::c_int;
use std::io;

/// The timers of the process' threads.
#[derive(Debug)]
pub(super) struct Timers {
    signal: c_int,
    period_ns: i64,
    /// By the kernel's number of the thread.
    of: HashMap<u64, Timer>,
    /// At the last look: threads that the kernel refused a timer, and what it said last.
    pub(super) refused: Option<(u64, String)>,
    /// The thread that has none: who takes the profile.
    apart: u64,
}

impl Timers {
    /// No timer yet. `signal` is to have a handler, and to keep it.
    pub(super) fn new(signal: c_int, period_ns: i64, apart: u64) -> Self {
        Self { signal, period_ns, of: HashMap::new(), refused: None, apart }
    }

    /// A timer for each thread that has none; none for those that are gone. How many there are.
    ///
    /// # Errors
    ///
    /// If nobody can be told which threads there are.
    pub(super) fn keep_up(&mut self) -> io::Result<usize> {
        let mut alive = Vec::with_capacity(self.of.len() + 8);
        for entry in std::fs::read_dir("/proc/self/task")? {
            let name = entry?.file_name();
            alive.extend(name.to_str().and_then(|name| name.parse::<u64>().ok()));
        }
        alive.sort_unstable();
        self.of.retain(|thread, _| alive.binary_search(thread).is_ok());
        self.refused = None;
        for &thread in alive.iter().filter(|&&thread| thread != self.apart) {
            if self.of.contains_key(&thread) {
                continue;
            }
            match Timer::start(thread, self.signal, self.period_ns) {
                Ok(timer) => drop(self.of.insert(thread, timer)),
                // It ended between the two looks.
                Err(error) if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ESRCH)) => {}
                Err(error) => self.refused = Some((self.refused.take().map_or(0, |(n, _)| n) + 1, error.to_string())),
            }
        }
        Ok(self.of.len())
    }
}

pub(super) use imp::{SUPPORTED, Timer};

#[cfg(target_os = "linux")]
mod imp {
    use std::ffi::c_int;
    use std::io;

    pub const SUPPORTED: bool = true;

    /// A timer of the kernel's, which goes off until it is dropped.
    #[derive(Debug)]
    pub struct Timer(libc::timer_t);

    // SAFETY: a number that the kernel gave this process; any thread may use it.
    unsafe impl Send for Timer {}

    impl Timer {
        /// Every `period_ns` of CPU that `thread` uses, it gets `signal`. The first one comes after a part of that, another for each
        /// thread, so that they do not all come at once.
        pub fn start(thread: u64, signal: c_int, period_ns: i64) -> io::Result<Self> {
            let tid = c_int::try_from(thread).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
            // The kernel's own encoding of another thread's CPU clock, see `diagnose::threads`.
            let clock: libc::clockid_t = (!tid << 3) | 6;
            // SAFETY: plain data, for which all zeros are a value.
            let mut event: libc::sigevent = unsafe { std::mem::zeroed() };
            event.sigev_signo = signal;
            event.sigev_notify = libc::SIGEV_THREAD_ID;
            event.sigev_notify_thread_id = tid;
            let mut timer: libc::timer_t = std::ptr::null_mut();
            // SAFETY: both are valid for the call.
            if unsafe { libc::timer_create(clock, &raw mut event, &raw mut timer) } != 0 {
                return Err(io::Error::last_os_error());
            }
            let timer = Self(timer);
            let time = |ns: i64| libc::timespec { tv_sec: ns / 1_000_000_000, tv_nsec: ns % 1_000_000_000 };
            let first = period_ns / 16 * (1 + i64::from(tid) % 16);
            let when = libc::itimerspec { it_interval: time(period_ns), it_value: time(first.max(1)) };
            // SAFETY: the timer is ours; nothing is asked back.
            if unsafe { libc::timer_settime(timer.0, 0, &raw const when, std::ptr::null_mut()) } != 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(timer)
        }
    }

    impl Drop for Timer {
        fn drop(&mut self) {
            // SAFETY: ours, and not used again. A signal that is on its way finds its handler.
            unsafe { libc::timer_delete(self.0) };
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod imp {
    use std::ffi::c_int;
    use std::io;

    pub const SUPPORTED: bool = false;

    /// There are none here.
    #[derive(Debug)]
    pub struct Timer;

    impl Timer {
        pub fn start(_thread: u64, _signal: c_int, _period_ns: i64) -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }
    }
}
