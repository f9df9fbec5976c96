//! How long people waited, in words.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Waits, recorded from anywhere.
#[derive(Clone, Debug, Default)]
pub struct Lateness(Arc<Mutex<Vec<Duration>>>);

impl Lateness {
    /// One more wait.
    pub fn record(&self, waited: Duration) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(waited);
    }

    /// How many waits there were, and their median, 99th percentile and maximum.
    pub fn summary(&self) -> Summary {
        let mut waits = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        waits.sort_unstable();
        let at = |share: f64| {
            let index = (waits.len() as f64 * share) as usize;
            waits.get(index.min(waits.len().saturating_sub(1))).copied().unwrap_or_default()
        };
        Summary { count: waits.len(), median: at(0.5), p99: at(0.99), worst: at(1.0) }
    }
}

/// Waits in four numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// How many.
    pub count: usize,
    /// The median.
    pub median: Duration,
    /// The 99th percentile.
    pub p99: Duration,
    /// The longest.
    pub worst: Duration,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "median {}, p99 {}, worst {}", millis(self.median), millis(self.p99), millis(self.worst))
    }
}

/// A duration for people: three digits and a unit.
pub fn millis(duration: Duration) -> String {
    let us = duration.as_secs_f64() * 1e6;
    match us {
        _ if us < 1_000.0 => format!("{us:.0} us"),
        _ if us < 10_000.0 => format!("{:.1} ms", us / 1e3),
        _ if us < 1_000_000.0 => format!("{:.0} ms", us / 1e3),
        _ => format!("{:.2} s", us / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_orders_its_waits() {
        let lateness = Lateness::default();
        for ms in (1..=100).rev() {
            lateness.record(Duration::from_millis(ms));
        }
        let summary = lateness.summary();
        assert_eq!(summary.count, 100);
        assert_eq!((summary.median, summary.worst), (Duration::from_millis(51), Duration::from_millis(100)));
        assert_eq!(summary.to_string(), "median 51 ms, p99 100 ms, worst 100 ms");
    }

    #[test]
    fn no_waits_are_no_time() {
        assert_eq!(Lateness::default().summary().worst, Duration::ZERO);
        assert_eq!(millis(Duration::from_micros(20)), "20 us");
        assert_eq!(millis(Duration::from_micros(2_340)), "2.3 ms");
    }
}
