//! Which runs are timed, and what each timed one stands for.
//!
//! Timing a run takes two clock reads, 46 ns. One run in eight is timed, as Go does with its goroutines; while runs are
//! shorter than a microsecond one in 64, because there the reads would cost more than anything else that is measured. A
//! sample of the latter stands for eight runs in the histogram, so that its shape stays true.
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
}

impl Sampler {
    /// Times the first run.
    pub fn new() -> Self {
        Self { left: Cell::new(0), interval: Cell::new(policy::SAMPLING), began: Cell::new(0) }
    }

    /// A run begins: whether it is one to be timed.
    #[inline]
    pub fn count(&self) -> bool {
        let left = self.left.get();
        if left == 0 {
            self.left.set(self.interval.get() - 1);
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
        let sampler = Sampler::new();
        let mut weight = 0;
        let mut timed = 0;
        for run in 0..64_000u64 {
            if sampler.count() {
                sampler.begin(run);
                weight += sampler.end(100);
                timed += 1;
            }
        }
        assert!((990..=1_010).contains(&timed), "{timed} of 64000 short runs were timed");
        assert!((7_900..=8_100).contains(&weight), "they stand for {weight} samples of one in eight");
        let mut long = 0;
        for run in 0..8_000u64 {
            if sampler.count() {
                sampler.begin(run);
                let _ = sampler.end(5_000);
                long += 1;
            }
        }
        assert!((950..=1_000).contains(&long), "{long} of 8000 long runs were timed");
    }
}
