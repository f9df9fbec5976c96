//! Deadlines finer than the poll's own, on Linux: a timerfd among the poll's sources.
//!
//! epoll's timeout is in whole milliseconds and mio rounds up, so that a sleep of 50 µs would last 1 ms. A timerfd has
//! nanoseconds. [`Deadline::arm`] is called before each poll with the time that is left, and answers what to tell the
//! poll: for whole milliseconds nothing more is needed (and a timer left over from a sleep that ended early is
//! disarmed); for everything else the timer is set, at the price of one system call, and the poll's own timeout stays
//! behind it as the coarse bound.
//!
//! Only the netpoller calls this, and only from a turn. It refuses to keep time: whether a turn is over, the turn asks
//! the clock. A sibling file with the same shape serves the systems whose poll needs no help.
//!
//! The invariant: the timer is armed if and only if `armed` says so, and never for a sleep other than the current one.
//! Setting a timer clears an expiry that nobody has read, so a stale one cannot end the next sleep. The descriptor is
//! owned and closes with the netpoller, which removes it from the poll as well.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};

/// Above this the poll's own timeout is as good: a millisecond is a thousandth of it.
const FINE_BELOW: Duration = Duration::from_secs(1);

/// The timerfd.
#[derive(Debug)]
pub(crate) struct Deadline {
    timer: OwnedFd,
    armed: bool,
}

impl Deadline {
    /// A disarmed timer, registered as `token`.
    pub(crate) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        // SAFETY: takes no pointers; a result that is not negative is a new descriptor.
        let fd = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_NONBLOCK | libc::TFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `fd` is open, new, and owned by nobody else.
        let timer = unsafe { OwnedFd::from_raw_fd(fd) };
        registry.register(&mut SourceFd(&timer.as_raw_fd()), token, Interest::READABLE)?;
        Ok(Self { timer, armed: false })
    }

    /// Prepares a sleep of at most `left`, and returns the timeout for the poll.
    pub(crate) fn arm(&mut self, left: Option<Duration>) -> io::Result<Option<Duration>> {
        let fine = left.filter(|left| *left < FINE_BELOW && left.subsec_nanos() % 1_000_000 != 0);
        match fine {
            Some(left) => {
                self.set(left)?;
                self.armed = true;
            }
            // A look does not sleep, so a stale timer does no harm and may stay.
            None if self.armed && left != Some(Duration::ZERO) => {
                self.set(Duration::ZERO)?;
                self.armed = false;
            }
            None => {}
        }
        Ok(left)
    }

    /// Sets the timer to expire once after `after`; zero disarms it. Either clears an expiry that is pending.
    fn set(&self, after: Duration) -> io::Result<()> {
        let value = libc::timespec {
            // Below `FINE_BELOW`, so it fits whatever the type.
            tv_sec: after.as_secs() as libc::time_t,
            tv_nsec: after.subsec_nanos() as libc::c_long,
        };
        let spec = libc::itimerspec { it_interval: libc::timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
        // SAFETY: the descriptor is open, `spec` outlives the call, and the old value is not asked for.
        let result = unsafe { libc::timerfd_settime(self.timer.as_raw_fd(), 0, &spec, std::ptr::null_mut()) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}
