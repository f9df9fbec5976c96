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
/// The ticks lie on a grid: however long the work between two of them takes, the next is due a period after the last one was
/// *due*. What happens when that is past is [`MissedTickBehavior`]'s to say.
///
/// ```
/// use gumption_core::runtime::Builder;
/// use gumption_core::time::{Duration, interval, sleep};
///
/// # let mut builder = Builder::<gumption_core::driver::ThreadDriver>::new_current_thread();
/// let runtime = builder.enable_time().start_paused(true).build()?;
/// runtime.block_on(async {
///     let mut ticks = interval(Duration::from_millis(10));
///     let first = ticks.tick().await;
///     sleep(Duration::from_millis(7)).await;
///     assert_eq!(ticks.tick().await, first + Duration::from_millis(10));
///     assert_eq!(ticks.tick().await, first + Duration::from_millis(20));
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Panics
/// If `period` is zero, and where [`sleep`](super::sleep) does.
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    interval_at(Instant::now(), period)
}

/// Ticks every `period`; the first at `start`.
///
/// ```
/// use gumption_core::runtime::Builder;
/// use gumption_core::time::{Duration, Instant, interval_at};
///
/// # let mut builder = Builder::<gumption_core::driver::ThreadDriver>::new_current_thread();
/// let runtime = builder.enable_time().start_paused(true).build()?;
/// runtime.block_on(async {
///     let start = Instant::now() + Duration::from_secs(1);
///     let mut ticks = interval_at(start, Duration::from_millis(10));
///     assert_eq!(ticks.tick().await, start);
///     assert_eq!(Instant::now(), start);
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Panics
/// If `period` is zero, and where [`sleep`](super::sleep) does.
#[track_caller]
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    assert!(period > Duration::ZERO, "`period` must be non-zero.");
    Interval { delay: Box::pin(sleep_until(start)), period, missed: MissedTickBehavior::default() }
}

/// Where the next tick lies after one that was missed: polled more than 5 ms after it was due.
///
/// With a period of 10 ms, the first tick at 0, and nobody looking from then until 34:
///
/// | behavior | ticks as reported | at |
/// | --- | --- | --- |
/// | `Burst` | 10, 20, 30, 40, 50 | 34, 34, 34, 40, 50 |
/// | `Delay` | 10, 44, 54, 64 | 34, 44, 54, 64 |
/// | `Skip` | 10, 40, 50, 60 | 34, 40, 50, 60 |
///
/// ```
/// use gumption_core::runtime::Builder;
/// use gumption_core::time::{self, Duration, MissedTickBehavior, interval};
///
/// # let mut builder = Builder::<gumption_core::driver::ThreadDriver>::new_current_thread();
/// let runtime = builder.enable_time().start_paused(true).build()?;
/// runtime.block_on(async {
///     let ms = Duration::from_millis(1);
///     let mut ticks = interval(10 * ms);
///     ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
///     let first = ticks.tick().await;
///     time::advance(34 * ms).await;
///     assert_eq!(ticks.tick().await, first + 10 * ms);
///     assert_eq!(ticks.tick().await, first + 40 * ms);
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
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
    /// Waits for the next tick, and says when it was due.
    ///
    /// # Cancel safety
    /// Dropping the future before it is ready loses no tick.
    pub async fn tick(&mut self) -> Instant {
        poll_fn(|cx| self.poll_tick(cx)).await
    }

    /// Polls for the next tick. The task of the last call that was `Pending` is woken.
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        ready!(self.delay.as_mut().poll(cx));
        let tick = self.delay.deadline();
        let next = self.missed.next(tick, Instant::now(), self.period);
        self.delay.as_mut().reset_unpolled(next);
        Poll::Ready(tick)
    }

    /// The next tick comes a period from now, and the grid goes on from there.
    ///
    /// ```
    /// use gumption_core::runtime::Builder;
    /// use gumption_core::time::{self, Duration, Instant, interval};
    ///
    /// # let mut builder = Builder::<gumption_core::driver::ThreadDriver>::new_current_thread();
    /// let runtime = builder.enable_time().start_paused(true).build()?;
    /// runtime.block_on(async {
    ///     let ms = Duration::from_millis(1);
    ///     let mut ticks = interval(100 * ms);
    ///     let first = ticks.tick().await;
    ///     time::advance(50 * ms).await;
    ///     ticks.reset();
    ///     assert_eq!(ticks.tick().await, first + 150 * ms);
    ///     ticks.reset_after(ms);
    ///     assert_eq!(ticks.tick().await, first + 151 * ms);
    ///     ticks.reset_at(first + 160 * ms);
    ///     assert_eq!(ticks.tick().await, first + 160 * ms);
    ///     ticks.reset_immediately();
    ///     assert_eq!(ticks.tick().await, Instant::now());
    ///     assert_eq!(ticks.tick().await, first + 260 * ms);
    /// });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn reset(&mut self) {
        self.delay.as_mut().reset(Instant::now().plus(self.period));
    }

    /// The next tick comes at once, and the grid goes on from there.
    pub fn reset_immediately(&mut self) {
        self.delay.as_mut().reset(Instant::now());
    }

    /// The next tick comes `after` from now, and the grid goes on from there.
    pub fn reset_after(&mut self, after: Duration) {
        self.delay.as_mut().reset(Instant::now().plus(after));
    }

    /// The next tick comes at `deadline`, and the grid goes on from there.
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
