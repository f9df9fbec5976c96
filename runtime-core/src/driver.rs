//! The seam between the scheduler and whatever an M sleeps in when it waits for the outside world.
//!
//! The core knows no sockets. It knows that one M at a time may sit in *the poller's seat*, and that the seat has
//! three properties: it can be slept in until a deadline, anybody can end that sleep, and a turn in it may have made
//! tasks runnable. That is [`Driver`]. `gumption-io` implements it over mio; [`ThreadDriver`], below, implements it
//! over a condition variable for a runtime without io and for the models.
//!
//! ```text
//!        M in the seat                         any thread
//!   driver.turn(Some(300 µs))            unparker.unpark()
//!          |  asleep  <-----------------------  |
//!          v                                    (kept if nobody sleeps: the next turn returns at once)
//!   Turn { events, useful }
//! ```
//!
//! Who may call: [`Driver::turn`] belongs to the M that holds the seat (`&mut` says so), [`Unpark::unpark`] to
//! everybody. What this file refuses to do: decide *who* sits in the seat, or *until when*; that is the scheduler's
//! (`seat.rs`), which must publish the deadline before it reads the timers a last time.
//!
//! The one invariant: **an unpark is never lost**. An unpark that comes before the turn is kept and ends it at once;
//! several unparks before one turn end that one turn. A turn may also end for no reason that the caller can see, so a
//! caller looks at its own state afterwards; but it never ends *for the timeout* before the timeout has passed.
//!
//! Model: `loom-tests/tests/driver.rs`, with the mutant `seat-unpark-kept`; the models of the seat sleep here too.

use std::any::Any;
use std::io;
use std::time::{Duration, Instant};

use crate::sync::{Condvar, Mutex, broken};
use crate::wait::WaitReason;

/// What an M sleeps in while it holds the poller's seat.
pub trait Driver: Send {
    /// Sleeps until an event, an unpark, or `timeout`; `None` has no limit and `Some(Duration::ZERO)` only looks.
    ///
    /// Whatever became ready is woken before this returns: wakers are called on this thread.
    fn turn(&mut self, timeout: Option<Duration>) -> io::Result<Turn>;

    /// A handle that ends the turn in progress, or the next one.
    ///
    /// This is the standard library's `Arc` and not the sync shim's, because loom's has no unsized coercion.
    fn unparker(&self) -> std::sync::Arc<dyn Unpark>;

    /// What the runtime's leaves register with; a driver without io has nothing.
    fn reactor(&self) -> std::sync::Arc<dyn Reactor> {
        std::sync::Arc::new(NoReactor)
    }
}

/// The side of a driver that leaves reach while somebody else sits in it: where a socket registers, and what is known of
/// all that have. It lives as long as anything that is registered.
pub trait Reactor: Any + Send + Sync {
    /// The runtime has dropped its tasks and nobody will turn the driver again: whoever waits is woken to an error.
    fn close(&self) {}

    /// How many sources are registered with one of the runtime's polls. While there are any, an idle scheduler has somebody
    /// in that driver; who registers calls [`source_registered`](crate::runtime::source_registered) afterwards.
    fn sources(&self, poller: usize) -> usize {
        let _ = poller;
        0
    }

    /// What a task waits for that said this, in words, if this reactor knows more than the reason: `IO read fd 7 tcp ...`.
    fn describe(&self, reason: WaitReason, resource: u64) -> Option<String> {
        let _ = (reason, resource);
        None
    }

    /// What is registered, and what went wrong.
    fn stats(&self) -> ReactorStats {
        ReactorStats::default()
    }
}

/// The reactor of a driver without io.
#[derive(Debug, Clone, Copy)]
pub struct NoReactor;

impl Reactor for NoReactor {}

/// A reactor's gauges and counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct ReactorStats {
    /// Sources (sockets, pipes) that are registered now.
    pub sources: u64,
    /// Sources registered since the beginning.
    pub registered: u64,
    /// Events for a source that had gone when they were looked at.
    pub stale_events: u64,
    /// Errors of system calls on sources by number, and how often; `WouldBlock` is none.
    pub errors: Vec<ErrorCount>,
}

/// How often an error came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct ErrorCount {
    /// The system's number, `EMFILE` for one; 0 for errors that have none.
    pub errno: i32,
    /// How often.
    pub count: u64,
}

/// Ends a [`Driver::turn`] from any thread.
pub trait Unpark: Send + Sync {
    /// Ends the turn in progress, or the next one if there is none. Cheap when an unpark is already pending.
    fn unpark(&self);
}

/// What a turn brought.
#[must_use]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// Events that the operating system reported; the driver's own wake-ups and timers do not count.
    pub events: usize,
    /// Those of them that woke a task. Far fewer than `events` means somebody is readied for nothing.
    pub useful: usize,
}

/// The core's own driver: no io, only sleep. Built on the sync shim, so that the models sleep in it too.
#[derive(Debug)]
pub struct ThreadDriver {
    // Not the shim's Arc: see `Driver::unparker`.
    seat: std::sync::Arc<Seat>,
}

/// Where the M of a [`ThreadDriver`] sleeps.
#[derive(Debug, Default)]
struct Seat {
    /// Whether an unpark is pending.
    unparked: Mutex<bool>,
    sleeper: Condvar,
}

impl ThreadDriver {
    /// A driver with no unpark pending.
    pub fn new() -> Self {
        Self { seat: std::sync::Arc::new(Seat { unparked: Mutex::new(false), sleeper: Condvar::new() }) }
    }
}

impl Default for ThreadDriver {
    fn default() -> Self {
        Self::new()
    }
}

impl Driver for ThreadDriver {
    fn turn(&mut self, timeout: Option<Duration>) -> io::Result<Turn> {
        let mut unparked = self.seat.unparked.lock();
        match timeout {
            None => {
                while !*unparked {
                    unparked = self.seat.sleeper.wait(unparked);
                }
            }
            Some(limit) if limit.is_zero() => {}
            Some(limit) => {
                // A limit too far off to be an `Instant` is no limit. The clock decides nothing before the first
                // sleep: under the checkers a sleep ends only by an unpark, and a run must not depend on the clock.
                let end = Instant::now().checked_add(limit);
                let mut left = limit;
                while !*unparked && !left.is_zero() {
                    unparked = self.seat.sleeper.wait_timeout(unparked, left);
                    left = end.map_or(limit, |end| end.saturating_duration_since(Instant::now()));
                }
            }
        }
        *unparked = false;
        Ok(Turn::default())
    }

    fn unparker(&self) -> std::sync::Arc<dyn Unpark> {
        self.seat.clone()
    }
}

impl Unpark for Seat {
    fn unpark(&self) {
        let mut unparked = self.unparked.lock();
        if !broken("seat-unpark-kept") {
            *unparked = true;
        }
        drop(unparked);
        self.sleeper.notify_one();
    }
}

#[cfg(all(test, not(any(gumption_loom, gumption_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn an_unpark_before_the_turn_is_kept_once() {
        let mut driver = ThreadDriver::new();
        let unparker = driver.unparker();
        unparker.unpark();
        unparker.unpark();
        assert_eq!(driver.turn(None).unwrap(), Turn::default(), "would sleep for ever if the unpark were lost");
        let start = Instant::now();
        let limit = Duration::from_millis(3);
        let _ = driver.turn(Some(limit)).unwrap();
        assert!(start.elapsed() >= limit, "two unparks before one turn must end only that one");
    }

    #[test]
    fn a_look_consumes_the_unpark() {
        let mut driver = ThreadDriver::new();
        driver.unparker().unpark();
        let _ = driver.turn(Some(Duration::ZERO)).unwrap();
        let (start, limit) = (Instant::now(), Duration::from_millis(2));
        let _ = driver.turn(Some(limit)).unwrap();
        assert!(start.elapsed() >= limit);
    }

    #[test]
    fn an_unpark_ends_a_turn_from_another_thread() {
        let mut driver = ThreadDriver::new();
        let unparker = driver.unparker();
        let waker = std::thread::spawn(move || unparker.unpark());
        let _ = driver.turn(None).unwrap();
        waker.join().unwrap();
    }
}
