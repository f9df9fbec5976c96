//! What the scheduler does while its clock stands: nothing takes time, and when nothing is left to do the clock jumps.
//!
//! The clock itself ([`RuntimeClock`](crate::timer::RuntimeClock)) is moved here and nowhere else: by the program
//! (`time::{pause, resume, advance}`), and by whoever keeps the time ([`crate::seat`]) when the runtime has come to rest. Only a
//! runtime of one processor may stop it, so "the earliest timer" is the top of one heap, and "at rest" is what one
//! keeper can see:
//!
//! | nothing else to do | how the keeper knows |
//! | --- | --- |
//! | no closure of `spawn_blocking` runs or is queued | the pool says so, under its lock |
//! | no task runs | every processor is idle, its own included |
//! | no task is runnable, no `block_on` was woken | it is still on the list of sleepers, and has no token |
//! | no event came in | its turn of the poll, which did not wait, woke nobody |
//!
//! In this order: a closure's end wakes its joiner first and leaves the pool second, so a keeper that finds the pool quiet
//! finds the joiner's token, too, and the clock does not move between a closure's end and the joiner's next poll. As long as
//! one of the four does not hold the keeper sleeps without a limit, for no timer can come due by itself, and whoever changes
//! one of them rings ([`Seat::ring`](crate::seat::Seat::ring)): the pool when a closure ends, the program when it moves the
//! clock, a second machine when it goes to rest or for good.
//!
//! The jump is made under the heap's lock, to the earliest timer that still stands. So it passes no timer, wherever that
//! is armed; one that is armed a moment later for a time that has passed is due at once, and rings like any other.
//!
//! A program that never stops the clock pays one relaxed load of a word that nobody writes for each reading of the clock and
//! for each machine that goes to sleep.
//!
//! Invariant: while the clock stands it moves only to a timer's deadline or by `advance`, and never while a closure
//! blocks.
//!
//! Models: `a_jump_passes_no_armed_timer` (`loom-tests/tests/timers.rs`), `stopped_clock_vs_sitter_falling_asleep` and
//! `no_jump_before_a_joiner_runs` (`loom-tests/tests/seat.rs`), and with the whole scheduler
//! `closures_hold_a_clock_that_stands` (`loom-tests/tests/shuttle_scheduler.rs`).

use crate::config::Flavor;
use crate::policy;
use crate::queue::Chain;
use crate::scheduler::Scheduler;
use crate::task::Task;
use crate::timer::{ClockError, RuntimeClock};
use std::time::Duration;

impl Scheduler {
    /// Whether this runtime's clock may be stopped. With several processors there is no moment at which all of them have
    /// done what there was to do at one time and begin what is to be done at the next.
    pub(crate) fn may_pause(&self) -> bool {
        self.config.flavor == Flavor::CurrentThread
    }

    /// Stops the clock, lets it go on, or moves it, as `change` does.
    pub(crate) fn change_clock(
        &self,
        change: impl FnOnce(&RuntimeClock) -> Result<(), ClockError>,
    ) -> Result<(), ClockError> {
        change(&self.time)?;
        // For those who go by a late reading: what is due now should fire before the next task runs.
        self.read_clock();
        self.seat.ring();
        Ok(())
    }

    /// How long the keeper of the time sleeps if the earliest timer is due at `until`. To be asked behind the keeper's fence.
    pub(crate) fn sleeps_for(&self, until: u64) -> Option<Duration> {
        if until == u64::MAX {
            return None;
        }
        match self.time.standing_at() {
            None => Some(Duration::from_nanos(until.saturating_sub(self.read_clock()))),
            Some(now) if until <= now || self.is_at_rest() => Some(Duration::ZERO),
            Some(_) => None,
        }
    }

    /// Whether the keeper of the time may move the clock if, after this, it finds no token and nothing that it woke.
    pub(crate) fn may_jump(&self) -> bool {
        self.time.standing_at().is_some() && self.is_at_rest()
    }

    /// Whether the keeper of the time, who sleeps until `until`, has to be rung by somebody who goes idle: it would sleep past
    /// a timer, or it waits for this very rest to move the clock.
    pub(crate) fn oversleeps(&self, until: u64) -> bool {
        self.earliest_timer() < until || self.time.standing_at().is_some()
    }

    fn is_at_rest(&self) -> bool {
        self.pool.is_quiet() && self.all_idle()
    }

    /// Moves the clock to the earliest timer, and fires what is due then, gathering what that wakes.
    pub(crate) fn jump(&self, batch: &mut Chain<Task>) {
        // A runtime whose clock may stop has one processor.
        let timers = &self.processors[0].timers;
        if timers.at_earliest(|when| self.time.jump(when)) {
            self.fire_due_timers(batch, self.read_clock());
        }
    }

    /// How many timers one look at a heap fires: all of them where somebody has moved the clock and looks at what that did.
    pub(crate) fn timers_per_turn(&self) -> usize {
        if self.time.is_apart() { usize::MAX } else { policy::TIMERS_PER_TURN }
    }

    /// A closure of the blocking pool has ended, and its joiner has been woken.
    pub(crate) fn closure_ended(&self) {
        if self.time.standing_at().is_some() {
            self.seat.ring();
        }
    }
}
