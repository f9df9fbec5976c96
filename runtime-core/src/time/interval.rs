//! `Interval`: ticks with a fixed period, and what to do when some are missed.
//!
//! The first tick is at once (or at the given start). A tick that is polled more than
//! [`policy::MISSED_TICK`](crate::policy::MISSED_TICK) late counts as missed, and [`MissedTickBehavior`] decides where the next
//! one lies. It uses one `Sleep`, and that one timer entry, for its whole life.
//!
//! The deadline arithmetic is pure and separate (`MissedTickBehavior::next`), so that its tests need no clock.
//! Invariant: a tick is never reported before its deadline, and the value reported is that deadline.

use super::{Duration, Instant, Sleep, sleep_until};
use crate::policy;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Ticks every `period`; the first at once.
///
/// # Panics
/// If `period` is zero, or outside a runtime.
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    interval_at(Instant::now(), period)
}

/// Ticks every `period`; the first at `start`.
///
/// # Panics
/// If `period` is zero, or outside a runtime.
#[track_caller]
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    assert!(period > Duration::ZERO, "`period` must be non-zero.");
    Interval { delay: Box::pin(sleep_until(start)), period, missed: MissedTickBehavior::default() }
}

/// Where the next tick lies after one that was missed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum MissedTickBehavior {
    /// Where it would have been: missed ticks come at once, one after the other, until it has caught up.
    #[default]
    Burst,
    /// A period from now: the grid moves.
    Delay,
    /// At the next point of the grid that is still ahead: missed ticks are left out.
    Skip,
}

impl MissedTickBehavior {
    /// The tick after the one of `tick`, which was reported at `now`.
    pub(super) fn next(self, tick: Instant, now: Instant, period: Duration) -> Instant {
        let late = now.saturating_duration_since(tick);
        if late <= policy::MISSED_TICK {
            return tick.plus(period);
        }
        match self {
            Self::Burst => tick.plus(period),
            Self::Delay => now.plus(period),
            Self::Skip => {
                let past_grid = late.as_nanos() % period.as_nanos();
                // The remainder of a division of two durations is less than one of them.
                let past_grid = Duration::new((past_grid / 1_000_000_000) as u64, (past_grid % 1_000_000_000) as u32);
                now.plus(period.saturating_sub(past_grid))
            }
        }
    }
}

/// A sequence of ticks, from [`interval`] and [`interval_at`].
#[derive(Debug)]
pub struct Interval {
    delay: Pin<Box<Sleep>>,
    period: Duration,
    missed: MissedTickBehavior,
}

impl Interval {
    /// Waits for the next tick, and says when it was due. Dropping the future loses no tick.
    pub async fn tick(&mut self) -> Instant {
        poll_fn(|cx| self.poll_tick(cx)).await
    }

    /// Polls for the next tick.
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        ready!(self.delay.as_mut().poll(cx));
        let tick = self.delay.deadline();
        let next = self.missed.next(tick, Instant::now(), self.period);
        self.delay.as_mut().reset_unpolled(next);
        Poll::Ready(tick)
    }

    /// The next tick comes a period from now.
    pub fn reset(&mut self) {
        self.delay.as_mut().reset(Instant::now().plus(self.period));
    }

    /// The next tick comes at once.
    pub fn reset_immediately(&mut self) {
        self.delay.as_mut().reset(Instant::now());
    }

    /// The next tick comes after `after`.
    pub fn reset_after(&mut self, after: Duration) {
        self.delay.as_mut().reset(Instant::now().plus(after));
    }

    /// The next tick comes at `deadline`.
    pub fn reset_at(&mut self, deadline: Instant) {
        self.delay.as_mut().reset(deadline);
    }

    /// What happens after a missed tick.
    pub fn missed_tick_behavior(&self) -> MissedTickBehavior {
        self.missed
    }

    /// Sets what happens after a missed tick.
    pub fn set_missed_tick_behavior(&mut self, behavior: MissedTickBehavior) {
        self.missed = behavior;
    }

    /// The period.
    pub fn period(&self) -> Duration {
        self.period
    }
}
