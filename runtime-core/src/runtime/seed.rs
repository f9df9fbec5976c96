//! [`RngSeed`]: where the random choices of a runtime start, so that a run can be had again.
//!
//! Two things are chosen at random: the victims of thieves (each processor has a generator of its own) and the branch of
//! `select!` that is polled first (a generator of each thread). Without a seed the former start at a
//! constant and the latter with the thread's number. With one, each thread that enters the runtime to run futures, a machine or a
//! `block_on`, goes on with the next seed of a sequence, and puts back what it had when it leaves.
//!
//! That makes a current-thread runtime's choices a function of the seed. With several threads the sequence is the same, but
//! who gets which part of it, and what thieves find, is up to the operating system.
//!
//! A thread's generator is its own; the sequence is behind a lock that is taken once for each entry.

use crate::rand::{self, Rand};
use crate::sync::Mutex;
use std::hash::{DefaultHasher, Hasher};

/// Where random choices start, see [`Builder::rng_seed`](super::Builder::rng_seed).
#[derive(Clone, Debug)]
pub struct RngSeed(u64);

impl RngSeed {
    /// The seed that these bytes make: the same bytes, the same seed.
    ///
    /// ```
    /// # use gumption_core::runtime::RngSeed;
    /// let seed = RngSeed::from_bytes(b"make me a seed");
    /// ```
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut hasher = DefaultHasher::new();
        hasher.write(bytes);
        Self(hasher.finish())
    }

    pub(crate) fn number(&self) -> u64 {
        self.0
    }
}

/// The seeds of those who enter a runtime.
#[derive(Debug)]
pub(crate) struct Seeds(Mutex<Rand>);

impl Seeds {
    pub(crate) fn new(seed: &RngSeed) -> Self {
        Self(Mutex::new(Rand::new(seed.number())))
    }

    /// This thread chooses by the next seed of the sequence, until the guard is dropped.
    pub(crate) fn plant(&self) -> Planted {
        let next = self.0.lock().next_u64();
        Planted(rand::replace_thread_rng(Rand::new(next)))
    }
}

/// Puts the thread's generator back when it is dropped.
#[must_use]
#[derive(Debug)]
pub(crate) struct Planted(Option<Rand>);

impl Drop for Planted {
    fn drop(&mut self) {
        if let Some(before) = self.0.take() {
            let _planted = rand::replace_thread_rng(before);
        }
    }
}

#[cfg(all(test, not(any(gumption_loom, gumption_shuttle))))]
mod tests {
    use super::*;
    use crate::thread_rng_n;

    #[test]
    fn choices_follow_the_seed_and_are_put_back() {
        let choices = || [0; 20].map(|_| thread_rng_n(100));
        let seeds = || Seeds::new(&RngSeed::from_bytes(b"a seed"));
        let (one, other) = (seeds(), seeds());
        let first = {
            let _planted = one.plant();
            choices()
        };
        let _outer = other.plant();
        assert_eq!(first, choices());
        let next = {
            let _inner = other.plant();
            choices()
        };
        assert_ne!(first, next, "each entry goes on with another seed");
        let _planted = one.plant();
        assert_eq!(next, choices());
    }
}
