//! A look at what `leaks()` finds, and what to compare it with.
#![allow(dead_code, reason = "no test needs all of it")]

use gumption::introspect::leaks::{Leaks, leaks};
use gumption::runtime::{Builder, Runtime};
use std::time::{Duration, Instant};

pub fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

/// Looks until `enough` says so, for as long as any machine may need.
pub fn look(runtime: &Runtime, enough: impl Fn(&Leaks) -> bool) -> Leaks {
    let patience = Instant::now() + Duration::from_secs(60);
    loop {
        let found = leaks(runtime.handle());
        if enough(&found) {
            return found;
        }
        assert!(Instant::now() < patience, "it was not found: {found:#?}");
        std::thread::yield_now();
    }
}

/// The ids of the tasks of each circle.
pub fn circles(found: &Leaks) -> Vec<Vec<u64>> {
    let ids = |cycle: &gumption::introspect::leaks::Cycle| cycle.steps.iter().map(|step| step.task.id).collect();
    found.deadlocks.iter().map(ids).collect()
}

pub fn sorted(mut ids: Vec<u64>) -> Vec<u64> {
    ids.sort_unstable();
    ids
}

/// The facts of the resource that was made in this line of this file.
pub fn made_at(file: &str, line: u32) -> Option<gumption::wait::Facts> {
    let is_here = |facts: &gumption::wait::Facts| (facts.site.file(), facts.site.line()) == (file, line);
    gumption::wait::snapshot().into_iter().find(is_here)
}
