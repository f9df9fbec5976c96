//! A small random number generator for victims, and the coprime strides that visit every victim once.
//!
//! Xorshift, as Go's `cheaprand`: 1 ns, no shared state, good enough to spread thieves. Deterministic from its seed, so
//! that a checked schedule replays. Each thread has one of its own for whoever needs a coin to toss outside the scheduler,
//! as `select!` does: seeded with the thread's number, for the same reason.

use crate::sync::{thread, thread_local};
use std::cell::Cell;
use std::hash::{DefaultHasher, Hash, Hasher};

thread_local! {
    static THREADS: Rand = {
        let mut hasher = DefaultHasher::new();
        thread::current().id().hash(&mut hasher);
        Rand::new(hasher.finish())
    };
}

/// A number below `n`, from this thread's generator; 0 while the thread's locals are being destroyed.
#[inline]
pub fn thread_rng_n(n: u32) -> u32 {
    // The product's upper half: a scaling without a division.
    THREADS.try_with(|rand| ((u64::from(rand.next_u32()) * u64::from(n)) >> 32) as u32).unwrap_or(0)
}

/// This thread goes on with another generator: the one before, unless the thread's locals are being destroyed.
pub(crate) fn replace_thread_rng(rand: Rand) -> Option<Rand> {
    THREADS.try_with(|threads| Rand(Cell::new(threads.0.replace(rand.0.get())))).ok()
}

/// A generator that one thread uses.
#[derive(Debug)]
pub struct Rand(Cell<u64>);

impl Rand {
    /// A generator; equal seeds give equal sequences.
    pub fn new(seed: u64) -> Self {
        // Splitmix's finaliser, so that seeds 0, 1, 2... start far apart; never zero, which xorshift would keep.
        let z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Self(Cell::new((z ^ (z >> 31)) | 1))
    }

    /// The next two numbers.
    pub fn next_u64(&self) -> u64 {
        u64::from(self.next_u32()) << 32 | u64::from(self.next_u32())
    }

    /// The next number.
    pub fn next_u32(&self) -> u32 {
        let mut x = self.0.get();
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.0.set(x);
        (x >> 32) as u32
    }
}

/// An order of `0..n` that visits each once: a random start, a random stride coprime to `n` (Go's `randomOrder`).
#[derive(Debug)]
pub struct Order {
    coprimes: Box<[u32]>,
    n: u32,
}

impl Order {
    /// The orders of `n` victims.
    pub fn new(n: usize) -> Self {
        let n = n as u32;
        Self { coprimes: (1..=n).filter(|&i| gcd(i, n) == 1).collect(), n }
    }

    /// One order, chosen by `random`.
    pub fn visit(&self, random: u32) -> impl Iterator<Item = usize> + '_ {
        let mut position = if self.n == 0 { 0 } else { random % self.n };
        let stride =
            self.coprimes.get((random / self.n.max(1)) as usize % self.coprimes.len().max(1)).copied().unwrap_or(1);
        (0..self.n).map(move |_| {
            let here = position;
            position = (position + stride) % self.n;
            here as usize
        })
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_visits_each_victim_once() {
        let rand = Rand::new(7);
        for n in 1..40 {
            let order = Order::new(n);
            for _ in 0..20 {
                let mut seen: Vec<_> = order.visit(rand.next_u32()).collect();
                seen.sort_unstable();
                assert_eq!(seen, (0..n).collect::<Vec<_>>());
            }
        }
    }
}
