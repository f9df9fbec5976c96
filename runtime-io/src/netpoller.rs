//! The netpoller: the core's driver seam over mio's poll.
//!
//! One M at a time, the one in the poller's seat, sleeps in [`Netpoller::turn`]. Four things end the sleep: a source
//! that became ready, an unpark, the deadline, or a signal that interrupted the system call, after which the sleep goes
//! on with what time is left.
//!
//! ```text
//! turn: arm the deadline -> poll -> clear the flag if the waker fired -> count events -> return, or sleep on
//! ```
//!
//! **Unparks are cheap when they come in crowds.** `notified` says that a wake-up is on its way to the poll, so of a
//! hundred unparks before the next turn only the first makes a system call. The turn clears the flag when it sees the
//! waker's event, *before* it returns: whoever finds the flag still set may leave, because the M in the seat looks at
//! the world again after that clear. This is the one invariant here: **a set flag means a waker's event that no turn
//! has seen yet**. It holds too if two threads race, since the one that sets the flag makes the call.
//!
//! **Events come in portions.** A turn that only looks (timeout zero, asked by a busy M) takes at most
//! [`EVENTS_BUSY`], a turn that sleeps at most [`EVENTS_BLOCKING`]: never more tasks at once than a run queue holds. What
//! is left stays ready in the kernel for the next turn.
//!
//! Who may call: the scheduler, through [`Driver`]; anybody, through the unparker, which outlives the netpoller. What
//! it refuses: to choose when to poll, to run a task, to swallow an error. The seat's protocol is modelled over the core's
//! `ThreadDriver` in `loom-tests/tests/seat.rs`; mio's system calls are beyond loom and are tested here.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gumption_core::driver::{Driver, Reactor, Turn, Unpark};
use gumption_core::policy::{EVENTS_BLOCKING, EVENTS_BUSY};
use gumption_core::runtime::MakeDriver;
use gumption_core::sync::{AtomicBool, Ordering};
use mio::{Events, Poll, Token, Waker};

use crate::deadline::Deadline;
use crate::sources::Sources;

const WAKE: Token = Token(usize::MAX);
const DEADLINE: Token = Token(usize::MAX - 1);

/// The driver that sleeps in the operating system's poll.
#[derive(Debug)]
pub struct Netpoller {
    poll: Poll,
    busy: Events,
    idle: Events,
    deadline: Deadline,
    wakeup: Arc<Wakeup>,
    sources: Arc<Sources>,
}

/// Ends a turn from any thread.
#[derive(Debug)]
struct Wakeup {
    /// Whether the waker has been, or is being, fired and no turn has seen it yet.
    notified: AtomicBool,
    waker: Waker,
}

/// What one poll saw.
struct Seen {
    turn: Turn,
    woken: bool,
}

impl Netpoller {
    /// A poll with a waker and a deadline timer. Fails if the process is out of descriptors.
    pub fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let deadline = Deadline::new(poll.registry(), DEADLINE)?;
        let waker = Waker::new(poll.registry(), WAKE)?;
        let sources = Arc::new(Sources::new(poll.registry().try_clone()?));
        Ok(Self {
            poll,
            busy: Events::with_capacity(EVENTS_BUSY),
            idle: Events::with_capacity(EVENTS_BLOCKING),
            deadline,
            wakeup: Arc::new(Wakeup { notified: AtomicBool::new(false), waker }),
            sources,
        })
    }

    fn poll_once(&mut self, left: Option<Duration>) -> io::Result<Seen> {
        let timeout = self.deadline.arm(left)?;
        let events = if left == Some(Duration::ZERO) { &mut self.busy } else { &mut self.idle };
        match self.poll.poll(events, timeout) {
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
    fn make() -> io::Result<Box<dyn Driver>> {
        Ok(Box::new(Self::new()?))
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

impl Wakeup {
    /// A turn has seen the waker's event.
    fn seen(&self) {
        // Ordering: AcqRel, pairs with the swap in `unpark`. Acquire: the M in the seat sees what was done before any
        // unpark that found the flag set. An RMW, so that it reads the last of them and not an older one.
        self.notified.swap(false, Ordering::AcqRel);
    }
}

impl Unpark for Wakeup {
    fn unpark(&self) {
        // Ordering: AcqRel, pairs with the swap in `seen`. Release: what this thread did before is seen by the M in
        // the seat after it clears the flag, also when this swap finds it set and makes no call. An RMW always, even if
        // the flag is set already: a plain load could read a flag that is being cleared and would publish nothing.
        if self.notified.swap(true, Ordering::AcqRel) {
            return;
        }
        if let Err(error) = self.waker.wake() {
            // Ordering: Release, pairs with the swap in `unpark`: the next one tries again.
            self.notified.store(false, Ordering::Release);
            // The sleeper cannot be told; to go on would be to hang in silence.
            panic!("the netpoller's waker failed: {error}");
        }
    }
}

#[cfg(all(test, unix))]
#[path = "netpoller_tests.rs"]
mod tests;
