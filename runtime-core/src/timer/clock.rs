//! The clock: nanoseconds since the process first asked.
//!
//! Deadlines travel through the scheduler as a `u64` of nanoseconds: one word that fits an atomic, compares in one
//! instruction, and leaves room for flags in a timer's state word. This file converts between that and
//! [`Instant`]. It starts no thread and keeps no time of its own; who wants a cheaper, coarser time caches a reading.
//!
//! There is one epoch for the whole process and not one for each runtime, so a deadline means the same moment in all
//! of them: a `Sleep` made in one runtime and polled in another needs no translation. Moments before the epoch are 0.
//!
//! Invariant: `now()` never goes back, and `at(instant(ns)) == ns` for every `ns` that `Instant` can express.

use std::time::{Duration, Instant};

/// The process's epoch, set by whoever asks first. No protocol runs through it, so it is `std`'s in every build.
static EPOCH: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();

/// Reads the time and converts it. A copy of the process's epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    epoch: Instant,
}

impl Clock {
    /// The process's clock. Every call returns the same one.
    #[inline]
    pub fn get() -> Self {
        Self { epoch: *EPOCH.get_or_init(Instant::now) }
    }

    /// Nanoseconds since the epoch.
    #[inline]
    pub fn now(&self) -> u64 {
        self.at(Instant::now())
    }

    /// `instant` in nanoseconds since the epoch: 0 if it lies before, `u64::MAX` if more than 584 years after.
    #[inline]
    pub fn at(&self, instant: Instant) -> u64 {
        u64::try_from(instant.saturating_duration_since(self.epoch).as_nanos()).unwrap_or(u64::MAX)
    }

    /// The moment `ns` after the epoch.
    #[inline]
    pub fn instant(&self, ns: u64) -> Instant {
        self.epoch + Duration::from_nanos(ns)
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn converts_both_ways_and_saturates() {
        let clock = Clock::get();
        assert_eq!(clock, Clock::get());
        assert_eq!(clock.at(clock.instant(123_456_789)), 123_456_789);
        assert_eq!(clock.at(clock.instant(0)), 0);
        if let Some(before) = clock.instant(0).checked_sub(Duration::from_secs(1)) {
            assert_eq!(clock.at(before), 0);
        }
        let first = clock.now();
        assert!(clock.now() >= first);
    }
}
