//! The netpoller: the core's driver seam over mio's poll.
//!
//! One M at a time, the one in the poller's seat, sleeps in [`Netpoller::turn`]. Four things end the sleep: a source
//! that became ready, an unpark, the deadline, or a signal that interrupted the system call, after which the sleep goes
//! on with what time is left.
//!
//! ```text
//! turn: arm the deadline -> poll -> note that the waker fired -> count events -> return, or sleep on
//! ```
//!
//! **Unparks are cheap when they come in crowds**: of those before one turn the first makes a system call, the others
//! find that it is on its way ([`crate::wakeup`]).
//!
//! **Events come in portions.** A turn that only looks (timeout zero, asked by a busy M) takes at most
//! [`EVENTS_BUSY`], a turn that sleeps at most [`EVENTS_BLOCKING`]: never more tasks at once than a run queue holds. What
//! is left stays ready in the kernel for the next turn.
//!
//! **A look in a poll without sources makes no system call**, unless an unpark is pending: nothing else can have happened there. Every
//! 61st run of a task looks, so a runtime that computes does not pay for io that it has none of.
//!
//! Who may call: the scheduler, through [`Driver`]; anybody, through the unparker, which outlives the netpoller. What
//! it refuses: to choose when to poll, to run a task, to swallow an error. The seat's protocol is modelled over the core's
//! `ThreadDriver` in `loom-tests/tests/seat.rs`, the unparks in `netpoller.rs` there; mio's system calls are beyond loom
//! and are tested here.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gumption_core::driver::{Driver, Reactor, Turn, Unpark};
use gumption_core::runtime::{EventLimits, MakeDriver};
use mio::{Events, Poll, Token, Waker};

use crate::cpu;
use crate::deadline::Deadline;
use crate::sources::Sources;
use crate::wakeup::Wakeup;

const WAKE: Token = Token(usize::MAX);
const DEADLINE: Token = Token(usize::MAX - 1);

/// The driver that sleeps in the operating system's poll.
#[derive(Debug)]
pub struct Netpoller {
    poll: Poll,
    /// Which one of the runtime's.
    index: usize,
    busy: Events,
    idle: Events,
    deadline: Deadline,
    wakeup: Arc<Wakeup<Waker>>,
    sources: Arc<Sources>,
}

/// What one poll saw.
struct Seen {
    turn: Turn,
    woken: bool,
}

impl Netpoller {
    /// A poll with a waker and a deadline timer, and sources of its own. Fails if the process is out of descriptors.
    pub fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let sources = Arc::new(Sources::new(vec![poll.registry().try_clone()?]));
        Self::over(poll, 0, sources, EventLimits::default())
    }

    fn over(poll: Poll, index: usize, sources: Arc<Sources>, limits: EventLimits) -> io::Result<Self> {
        let deadline = Deadline::new(poll.registry(), DEADLINE)?;
        let waker = Waker::new(poll.registry(), WAKE)?;
        Ok(Self {
            index,
            poll,
            busy: Events::with_capacity(limits.busy),
            idle: Events::with_capacity(limits.sleeping),
            deadline,
            wakeup: Arc::new(Wakeup::new(waker)),
            sources,
        })
    }

    fn poll_once(&mut self, left: Option<Duration>) -> io::Result<Seen> {
        let looks = left == Some(Duration::ZERO);
        if looks && self.sources.sources(self.index) == 0 && !self.wakeup.is_pending() {
            return Ok(Seen { turn: Turn::default(), woken: false });
        }
        let timeout = self.deadline.arm(left)?;
        let events = if looks { &mut self.busy } else { &mut self.idle };
        let polled = self.poll.poll(events, timeout);
        self.sources.turned(self.index, looks);
        match polled {
            Ok(()) => {}
            // A signal: there are no events, and the caller sleeps on if there is time left.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => events.clear(),
            Err(error) => return Err(error),
        }
        let mut seen = Seen { turn: Turn::default(), woken: false };
        for event in events.iter() {
            match event.token() {
                WAKE => seen.woken = true,
                // The sources are edge-triggered and setting the timer clears it, so there is nothing to read.
                DEADLINE => {}
                _ => {
                    seen.turn.events += 1;
                    seen.turn.useful += usize::from(self.sources.dispatch(event));
                }
            }
        }
        if seen.woken {
            self.wakeup.seen();
        }
        Ok(seen)
    }
}

impl MakeDriver for Netpoller {
    fn make(pollers: usize, limits: EventLimits) -> io::Result<Vec<Box<dyn Driver>>> {
        let polls = (0..cpu::polls(pollers)).map(|_| Poll::new()).collect::<io::Result<Vec<_>>>()?;
        let registries = polls.iter().map(|poll| poll.registry().try_clone()).collect::<io::Result<_>>()?;
        let sources = Arc::new(Sources::new(registries));
        let driver = |(index, poll)| -> io::Result<Box<dyn Driver>> {
            Ok(Box::new(Self::over(poll, index, sources.clone(), limits)?))
        };
        polls.into_iter().enumerate().map(driver).collect()
    }
}

impl Driver for Netpoller {
    fn turn(&mut self, timeout: Option<Duration>) -> io::Result<Turn> {
        let mut left = timeout;
        // No end: no limit, or one beyond the clock's range, which is the same.
        let end = timeout.filter(|limit| !limit.is_zero()).and_then(|limit| Instant::now().checked_add(limit));
        loop {
            let seen = self.poll_once(left)?;
            if seen.woken || seen.turn.events > 0 || left == Some(Duration::ZERO) {
                return Ok(seen.turn);
            }
            // The deadline, a signal, or a poll whose own limit is shorter than ours.
            if let Some(end) = end {
                let rest = end.saturating_duration_since(Instant::now());
                if rest.is_zero() {
                    return Ok(seen.turn);
                }
                left = Some(rest);
            }
        }
    }

    fn unparker(&self) -> Arc<dyn Unpark> {
        self.wakeup.clone()
    }

    fn reactor(&self) -> Arc<dyn Reactor> {
        self.sources.clone()
    }
}

#[cfg(all(test, unix))]
#[path = "netpoller_tests.rs"]
mod tests;
