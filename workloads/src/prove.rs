//! Asks `leaks()` for the proofs that a workload is held to (`proof.rs`).
//!
//! The workload asks when its load has ended, and nothing that still goes on can be taken for left over; it is asked again until
//! both agree, because tasks are still coming to their ends then. One that is called dead too early is never taken back: then
//! the numbers disagree for good. Of all other runs it is asked while the load is at its height.

use std::time::{Duration, Instant};

use gumption::introspect::leaks::{Leaks, leaks};
use gumption::runtime::Handle;

use crate::proof::Proven;
use crate::workload::Run;

/// How long the tasks that are not dead may take to come to their ends.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks.
const REST: Duration = Duration::from_millis(5);

impl Run {
    /// Has it proven that `truth` tasks are dead: all that are left over, and there are some.
    pub fn prove_tasks(&self, truth: impl Fn() -> u64) {
        self.prove(Leaks::dead, truth);
    }

    /// Has it proven that `truth` circles of tasks wait for themselves.
    pub fn prove_circles(&self, truth: impl Fn() -> u64) {
        self.prove(|leaks| leaks.deadlocks.len() as u64, truth);
    }

    fn prove(&self, count: impl Fn(&Leaks) -> u64, truth: impl Fn() -> u64) {
        let begun = Instant::now();
        let last = loop {
            let proven = count(&leaks(&self.handle));
            let last = Proven { truth: truth(), proven };
            if last.truth == last.proven || begun.elapsed() > PATIENCE {
                break last;
            }
            std::thread::sleep(REST);
        };
        *self.proven.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(last);
    }
}

/// How many tasks of a runtime are proven dead.
pub fn dead(handle: &Handle) -> u64 {
    leaks(handle).dead()
}
