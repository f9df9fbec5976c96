//! [`Rate`]: one of how many events is sampled, and which.
//!
//! Each thread counts down to its next sample: an event that is not sampled costs a load and a decrement. The gaps between two
//! samples are random, even between none and twice the mean: a program whose events come in a pattern (every third one is the slow one) would
//! otherwise always be looked at in the same place. With a rate of 1 each event is sampled, and counts are exact; else an event
//! that is sampled stands for as many as the rate says.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::LocalKey;

/// Where a thread stands.
#[derive(Debug)]
pub(super) struct Countdown {
    /// Events until the next sample.
    left: Cell<u64>,
    /// The rate that `left` was drawn for.
    rate: Cell<u64>,
    random: Cell<u64>,
}

impl Countdown {
    /// A thread that has seen no event.
    pub(super) const fn new() -> Self {
        Self { left: Cell::new(0), rate: Cell::new(0), random: Cell::new(0) }
    }

    /// A number below `limit` (xorshift).
    fn draw(&self, limit: u64) -> u64 {
        let mut x = match self.random.get() {
            0 => RandomState::new().hash_one(()) | 1,
            x => x,
        };
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.random.set(x);
        x % limit
    }
}

/// One of how many; 0 for none.
#[derive(Debug)]
pub(super) struct Rate(AtomicU64);

impl Rate {
    pub(super) const fn off() -> Self {
        Self(AtomicU64::new(0))
    }

    pub(super) fn get(&self) -> u64 {
        // Ordering: Relaxed; a setting.
        self.0.load(Ordering::Relaxed)
    }

    /// What it was before.
    pub(super) fn set(&self, rate: u64) -> u64 {
        // Ordering: Relaxed; a setting.
        self.0.swap(rate, Ordering::Relaxed)
    }

    /// An event: for how many it stands if it is one to be sampled.
    pub(super) fn sample(&self, here: &'static LocalKey<Countdown>) -> Option<u64> {
        let rate = self.get();
        if rate <= 1 {
            return (rate == 1).then_some(1);
        }
        // A thread that is ending samples nothing.
        here.try_with(|here| {
            if here.rate.replace(rate) != rate {
                here.left.set(here.draw(rate));
            }
            match here.left.get() {
                0 => {
                    here.left.set(here.draw(2 * rate - 1));
                    Some(rate)
                }
                left => {
                    here.left.set(left - 1);
                    None
                }
            }
        })
        .ok()
        .flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    thread_local! {
        static HERE: Countdown = const { Countdown::new() };
    }

    #[test]
    fn a_sample_stands_for_the_rate() {
        let rate = Rate::off();
        assert_eq!(rate.sample(&HERE), None);
        rate.set(1);
        assert!((0..100).all(|_| rate.sample(&HERE) == Some(1)), "with 1 nothing is left out");
        assert_eq!(rate.set(10), 1);
        let stands_for: u64 = (0..1_000_000).filter_map(|_| rate.sample(&HERE)).sum();
        // 100 000 samples; their number spreads by about 180.
        assert!((980_000..=1_020_000).contains(&stands_for), "{stands_for} of a million");
        // A pattern of ten is not looked at in one place only.
        let mut seen = [0; 10];
        (0..100_000).filter(|_| rate.sample(&HERE).is_some()).for_each(|i| seen[i % 10] += 1);
        assert!(seen.iter().all(|&count| count > 500), "{seen:?}");
    }
}
