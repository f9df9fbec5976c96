//! A moment on the runtime's clock.
//!
//! A newtype over [`std::time::Instant`] with the methods of `tokio::time::Instant`, so that programs which name that type
//! compile, and so that there is one place, [`Instant::now`], through which tasks read the clock. It differs from `std`'s
//! where tokio's does: differences of instants saturate at zero instead of panicking.
//!
//! Invariant: [`from_std`](Instant::from_std) and [`into_std`](Instant::into_std) are inverse to each other.

use crate::home::with_home;
use crate::timer::{Clock, RuntimeClock};
use std::fmt;
use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::time::Duration;

/// A moment on a clock that never goes back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(std::time::Instant);

impl Instant {
    /// This moment, on the clock of the runtime that this thread is in: `std`'s, unless it was [paused](super::pause).
    ///
    /// ```
    /// use gumption_core::time::{Duration, Instant};
    ///
    /// let start = Instant::now();
    /// let later = Instant::now() + Duration::from_secs(1);
    /// assert!(later - start >= Duration::from_secs(1));
    /// assert_eq!(start - later, Duration::ZERO, "no panic");
    /// ```
    #[inline]
    pub fn now() -> Self {
        // All that a program pays for being able to stop its clocks: one relaxed load of a word that nobody writes.
        if RuntimeClock::is_any_apart() { Self::now_here() } else { Self(std::time::Instant::now()) }
    }

    /// [`now`](Self::now) in a process in which some runtime's clock was paused.
    #[cold]
    fn now_here() -> Self {
        let apart = with_home(|home| home.clock().is_apart().then(|| home.clock().now()));
        match apart {
            Ok(Some(ns)) => Self(Clock::get().instant(ns)),
            Ok(None) | Err(_) => Self(std::time::Instant::now()),
        }
    }

    /// The same moment as `std`'s type has it.
    pub fn from_std(std: std::time::Instant) -> Self {
        Self(std)
    }

    /// The same moment in `std`'s type.
    pub fn into_std(self) -> std::time::Instant {
        self.0
    }

    /// A moment that no program lives to see: what a deadline becomes that cannot be expressed.
    pub(super) fn far_future() -> Self {
        // tokio's 30 years: far more fails on some systems' clocks.
        Self::now() + Duration::from_secs(86_400 * 365 * 30)
    }

    /// `self + duration`, or the far future if that cannot be expressed.
    pub(super) fn plus(self, duration: Duration) -> Self {
        self.checked_add(duration).unwrap_or_else(Self::far_future)
    }

    /// How much later it is than `earlier`; zero if it is not.
    pub fn duration_since(&self, earlier: Self) -> Duration {
        self.0.saturating_duration_since(earlier.0)
    }

    /// How much later it is than `earlier`; `None` if it is earlier.
    pub fn checked_duration_since(&self, earlier: Self) -> Option<Duration> {
        self.0.checked_duration_since(earlier.0)
    }

    /// How much later it is than `earlier`; zero if it is not.
    pub fn saturating_duration_since(&self, earlier: Self) -> Duration {
        self.0.saturating_duration_since(earlier.0)
    }

    /// How long ago it was.
    pub fn elapsed(&self) -> Duration {
        Self::now().saturating_duration_since(*self)
    }

    /// `self + duration`, or `None` if that cannot be expressed.
    pub fn checked_add(&self, duration: Duration) -> Option<Self> {
        self.0.checked_add(duration).map(Self)
    }

    /// `self - duration`, or `None` if that cannot be expressed.
    pub fn checked_sub(&self, duration: Duration) -> Option<Self> {
        self.0.checked_sub(duration).map(Self)
    }
}

impl From<std::time::Instant> for Instant {
    fn from(std: std::time::Instant) -> Self {
        Self(std)
    }
}

impl From<Instant> for std::time::Instant {
    fn from(instant: Instant) -> Self {
        instant.0
    }
}

impl Add<Duration> for Instant {
    type Output = Self;
    fn add(self, duration: Duration) -> Self {
        Self(self.0 + duration)
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, duration: Duration) {
        self.0 += duration;
    }
}

impl Sub for Instant {
    type Output = Duration;
    fn sub(self, earlier: Self) -> Duration {
        self.0.saturating_duration_since(earlier.0)
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;
    fn sub(self, duration: Duration) -> Self {
        Self(self.0 - duration)
    }
}

impl SubAssign<Duration> for Instant {
    fn sub_assign(&mut self, duration: Duration) {
        self.0 -= duration;
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
