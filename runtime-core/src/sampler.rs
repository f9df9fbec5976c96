//! Which runs are timed, and what each timed one stands for.
//!
//! Timing a run takes two clock reads, 46 ns. One run in eight is timed, as Go does with its goroutines; while runs are
//! shorter than a microsecond one in 64, because there the reads would cost more than anything else that is measured. A
//! sample of the latter stands for eight runs in the histogram, so that its shape stays true.
//!
//! One in eight on average: the gaps are drawn by lot. With gaps that are all alike a program that goes round in eight runs, or
//! in two, would have the same ones of them timed for ever, and the others never.
//!
//! Owner half of a processor: nobody else looks here.

use crate::policy;
use std::cell::Cell;

/// Picks the runs to time.
#[derive(Debug)]
pub struct Sampler {
    left: Cell<u32>,
    interval: Cell<u32>,
    /// When the run in progress began, ns, if it is timed; else 0.
    began: Cell<u64>,
    gaps: Gaps,
}

/// How many go by between two that are sampled.
#[derive(Debug)]
pub struct Gaps(Cell<u32>);

impl Gaps {
    /// Equal seeds give equal gaps.
    pub const fn new(seed: u32) -> Self {
        Self(Cell::new(seed))
    }

    /// The next gap, so that one in `mean` is sampled: up to twice as many, all alike likely.
    #[inline]
    pub fn next(&self, mean: u32) -> u32 {
        // A linear congruential generator, of which the upper half is good enough for this.
        let x = self.0.get().wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.0.set(x);
        ((x >> 16) * (2 * mean - 1)) >> 16
    }
}

impl Sampler {
    /// Times the first run. Each processor has its own seed.
    pub fn new(seed: u32) -> Self {
        let interval = Cell::new(policy::SAMPLING);
        Self { left: Cell::new(0), interval, began: Cell::new(0), gaps: Gaps::new(seed) }
    }

    /// A run begins: whether it is one to be timed.
    #[inline]
    pub fn count(&self) -> bool {
        let left = self.left.get();
        if left == 0 {
            self.left.set(self.gaps.next(self.interval.get()));
            return true;
        }
        self.left.set(left - 1);
        false
    }

    /// The run that is beginning at `now` is timed.
    pub fn begin(&self, now: u64) {
        self.began.set(now.max(1));
    }

    /// The run in progress is another machine's to end: it lost its processor.
    pub fn abandon(&self) {
        self.began.set(0);
    }

    /// When the run in progress began, if it is timed.
    #[inline]
    pub fn began(&self) -> Option<u64> {
        let began = self.began.get();
        (began != 0).then_some(began)
    }

    /// The timed run is over after `took` ns: for how many timed runs of the usual interval it stands.
    pub fn end(&self, took: u64) -> u64 {
        self.began.set(0);
        let stood_for = u64::from(self.interval.get() / policy::SAMPLING);
        self.interval.set(if took < policy::SHORT_RUN { policy::SAMPLING_SHORT } else { policy::SAMPLING });
        stood_for
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_runs_are_timed_less_often_and_count_for_more() {
        let sampler = Sampler::new(1);
        let mut weight = 0;
        let mut timed = 0;
        for run in 0..64_000u64 {
            if sampler.count() {
                sampler.begin(run);
                weight += sampler.end(100);
                timed += 1;
            }
        }
        assert!((930..=1_070).contains(&timed), "{timed} of 64000 short runs were timed");
        assert!((7_400..=8_600).contains(&weight), "they stand for {weight} samples of one in eight");
        let mut long = 0;
        for run in 0..8_000u64 {
            if sampler.count() {
                sampler.begin(run);
                let _ = sampler.end(5_000);
                long += 1;
            }
        }
        assert!((930..=1_070).contains(&long), "{long} of 8000 long runs were timed");
    }

    #[test]
    fn no_round_of_runs_hides_from_it() {
        for round in [2, 3, 8, 64] {
            let sampler = Sampler::new(1);
            let mut timed = vec![0u32; round];
            for run in 0..round * 8_000 {
                if sampler.count() {
                    sampler.begin(1);
                    let _ = sampler.end(if run % 2 == 0 { 100 } else { 5_000 });
                    timed[run % round] += 1;
                }
            }
            let (least, most) = (timed.iter().min().unwrap(), timed.iter().max().unwrap());
            assert!(*least > 50 && most < &(4 * least), "of a round of {round}: {timed:?}");
        }
    }
}
