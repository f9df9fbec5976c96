//! The poller's seat: the right to sleep in the driver, held by one machine at most.
//!
//! The seat is a role, not a thread. Whichever machine goes idle while the seat is empty takes it, gives up its
//! processor like any idler, and sleeps in the driver until an event, a wake, or the earliest timer of *all*
//! processors. Sysmon takes it for a moment when nobody sits there, and busy processors on their cadence.
//!
//! One word says who sleeps until when:
//!
//! | word | meaning |
//! | --- | --- |
//! | `EMPTY` | nobody is in the driver |
//! | `AWAKE` | somebody is, and will look at every timer before it sleeps |
//! | a deadline | somebody sleeps, or is about to, until then (ns; `u64::MAX` is for ever) |
//!
//! **An earlier timer is never slept through.** Who arms a timer publishes its processor's earliest deadline, passes a
//! fence, and reads the word; who sits publishes its deadline in the word, passes a fence, and reads every processor's
//! earliest deadline again. One of the two sees the other: the sitter does not sleep, or is woken
//! (`earlier_timer_vs_poller_falling_asleep`).
//!
//! **Released before the tasks are pushed.** What a turn made runnable is published only after the seat is free, else an
//! idler that finds it taken might sleep while nobody polls.
//!
//! **Never empty for good.** Who goes idle while the seat is empty sits. So an idle scheduler has a sitter, unless its last
//! machine went otherwise: for good, or to sleep where its locked task finds it; or it had none yet. Whoever does that
//! calls `keep_seat_taken`, and so do sysmon, before it sleeps until it is woken, and whoever registers a source while
//! nobody is awake: while there are sources or timers somebody sits, for whom a machine is started if need be.
//!
//! Models: `loom-tests/tests/seat.rs`, and with the whole scheduler `loom-tests/tests/shuttle_io.rs`.

use crate::driver::{Driver, Reactor, Turn, Unpark};
use crate::histogram::{Histogram, HistogramSnapshot};
use crate::sync::{AtomicU64, Ordering, UnsafeCell, broken, fence, weaken};
use std::io;
use std::time::Duration;

const EMPTY: u64 = 0;
const AWAKE: u64 = 1;

/// The seat and the driver in it.
pub struct Seat {
    word: AtomicU64,
    /// When the last turn ended, ns of the scheduler's clock.
    last_turn: AtomicU64,
    /// From the end of a turn to the beginning of the next; written by whoever sits.
    turn_gap: Histogram,
    driver: UnsafeCell<Box<dyn Driver>>,
    unparker: std::sync::Arc<dyn Unpark>,
    reactor: std::sync::Arc<dyn Reactor>,
}

// SAFETY: the driver is reached only through `Seated`, of which there is one at a time; it is `Send`.
unsafe impl Sync for Seat {}
// SAFETY: everything in it is `Send`.
unsafe impl Send for Seat {}

/// The right to turn the driver. Dropping it frees the seat.
#[must_use]
pub struct Seated<'a>(&'a Seat);

/// What an observer sees of the seat.
#[derive(Debug, Clone)]
pub struct Observed {
    /// Nanoseconds from the end of one turn to the beginning of the next.
    pub turn_gap: HistogramSnapshot,
    /// When the last turn ended, ns of the scheduler's clock; none while somebody sits.
    pub left_at: Option<u64>,
}

/// Who sits, for an armer of a timer or for sysmon.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sitter {
    /// Nobody.
    Nobody,
    /// Somebody who is awake and will look at the timers.
    Awake,
    /// Somebody who sleeps until this time.
    AsleepUntil(u64),
}

impl Seat {
    /// An empty seat in front of `driver`.
    pub fn new(driver: Box<dyn Driver>) -> Self {
        Self {
            word: AtomicU64::new(EMPTY),
            last_turn: AtomicU64::new(0),
            turn_gap: Histogram::default(),
            unparker: driver.unparker(),
            reactor: driver.reactor(),
            driver: UnsafeCell::new(driver),
        }
    }

    /// Takes the seat if it is empty.
    pub fn try_take(&self) -> Option<Seated<'_>> {
        if broken("seat-take-load-store") {
            // Ordering: a mutant.
            if self.word.load(Ordering::Acquire) != EMPTY {
                return None;
            }
            self.word.store(AWAKE, Ordering::Release);
            return Some(Seated(self));
        }
        // Ordering: Relaxed first, so that a taken seat costs its visitors no exclusive line. Acquire pairs with the
        // Release of the last sitter: we see what it did to the driver.
        if self.word.load(Ordering::Relaxed) == EMPTY
            && self
                .word
                .compare_exchange(EMPTY, AWAKE, weaken("seat-take-relaxed", Ordering::Acquire), Ordering::Relaxed)
                .is_ok()
        {
            return Some(Seated(self));
        }
        None
    }

    /// Who sits there. To be asked after publishing a timer; includes the armer's fence.
    pub fn sitter(&self) -> Sitter {
        // Ordering: SeqCst fence; pairs with the one in `Seated::sleep`.
        if !broken("seat-no-armer-fence") {
            fence(Ordering::SeqCst);
        }
        // Ordering: Relaxed; the fence makes it recent enough.
        match self.word.load(Ordering::Relaxed) {
            EMPTY => Sitter::Nobody,
            AWAKE => Sitter::Awake,
            until => Sitter::AsleepUntil(until),
        }
    }

    /// Ends the sitter's sleep; kept if it has not begun.
    pub fn unpark(&self) {
        self.unparker.unpark();
    }

    /// What there is to be seen, for observers.
    pub fn observe(&self) -> Observed {
        // Ordering: Relaxed, an observer's look.
        let empty = self.word.load(Ordering::Relaxed) == EMPTY;
        Observed { turn_gap: self.turn_gap.snapshot(), left_at: empty.then(|| self.last_turn()) }
    }

    /// What leaves register with.
    pub fn reactor(&self) -> &std::sync::Arc<dyn Reactor> {
        &self.reactor
    }

    /// When the last turn ended, in ns of the scheduler's clock.
    pub fn last_turn(&self) -> u64 {
        // Ordering: Relaxed, advice for sysmon.
        self.last_turn.load(Ordering::Relaxed)
    }
}

impl Seated<'_> {
    /// Sleeps in the driver until an event, a wake, or the time that `earliest` gives (ns of the clock `now`; `MAX` for
    /// none). `earliest` is asked again after the deadline is published.
    pub fn sleep(&mut self, now: impl Fn() -> u64, earliest: impl Fn() -> u64) -> io::Result<Turn> {
        let mut until = earliest();
        let limit = loop {
            // Ordering: Release is not needed for data; Relaxed, the fence below orders it with the read after.
            self.0.word.store(until.max(AWAKE + 1), Ordering::Relaxed);
            // Ordering: SeqCst fence; pairs with the one in `sitter`.
            if !broken("seat-no-sitter-fence") {
                fence(Ordering::SeqCst);
            }
            let again = if broken("seat-no-second-look") { until } else { earliest() };
            if again >= until {
                break (until != u64::MAX).then(|| Duration::from_nanos(until.saturating_sub(now())));
            }
            until = again;
        };
        self.count_gap(now());
        let turn = self.turn(limit);
        // Ordering: Relaxed; only tells armers that we look at the timers before we sleep again.
        self.0.word.store(AWAKE, Ordering::Relaxed);
        // Ordering: Relaxed, advice for sysmon.
        self.0.last_turn.store(now(), Ordering::Relaxed);
        turn
    }

    /// Looks for events without sleeping.
    pub fn poll(&mut self, now: u64) -> io::Result<Turn> {
        self.count_gap(now);
        // Ordering: Relaxed, advice for sysmon.
        self.0.last_turn.store(now, Ordering::Relaxed);
        self.turn(Some(Duration::ZERO))
    }

    fn count_gap(&self, now: u64) {
        self.0.turn_gap.record(now.saturating_sub(self.0.last_turn()));
    }

    fn turn(&mut self, limit: Option<Duration>) -> io::Result<Turn> {
        // SAFETY: `self` is the one sitter, and borrowed mutably.
        self.0.driver.with_mut(|driver| unsafe { (*driver).turn(limit) })
    }
}

impl Drop for Seated<'_> {
    fn drop(&mut self) {
        if broken("seat-never-freed") {
            return;
        }
        // Ordering: Release pairs with the Acquire in `try_take`.
        self.0.word.store(EMPTY, Ordering::Release);
    }
}
