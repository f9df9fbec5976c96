//! [`model`]: loom, with the ways in which it can pass without having looked closed off.
//!
//! loom explores every interleaving that needs at most `bound` preemptions (switches away from a thread that could have
//! gone on), and every value that a load may legally return. Three things make such a run worth less than it looks, and
//! each is a failure here:
//!
//! * a limit on time or permutations (`LOOM_MAX_DURATION`, `LOOM_MAX_PERMUTATIONS`) cuts the exploration short, which
//!   loom itself reports as success;
//! * `LOOM_MAX_PREEMPTIONS` set lower than what the model asks for: here it only raises the bound;
//! * a model in which nothing runs side by side: one iteration explores nothing.
//!
//! The invariant: when [`model`] returns, the whole space under the printed bound has been explored.

use crate::report::{name_of, say};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// A preemption bound for models of two threads: none.
pub const UNBOUNDED: usize = usize::MAX;

/// How many scheduling decisions one execution may take. loom's own 1 000 is little for a composed protocol.
const MAX_BRANCHES: usize = 50_000;

/// Explores `f` exhaustively with at most `bound` preemptions, or with as many as `LOOM_MAX_PREEMPTIONS` if that is more.
///
/// # Panics
/// If `f` does in any execution, if an execution deadlocks or races, or if the exploration was not complete.
pub fn model<F>(bound: usize, f: F)
where
    F: Fn() + Send + Sync + 'static,
{
    let name = name_of(&f);
    let mut builder = loom::model::Builder::new();
    builder.max_branches = builder.max_branches.max(MAX_BRANCHES);
    builder.preemption_bound = match (bound, builder.preemption_bound) {
        (UNBOUNDED, _) => None,
        (bound, Some(asked)) => Some(bound.max(asked)),
        (bound, None) => Some(bound),
    };
    let (time_limit, permutation_limit) = (builder.max_duration, builder.max_permutations);
    let bound = builder.preemption_bound.map_or("unbounded".to_string(), |bound| format!("at most {bound}"));

    let iterations = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&iterations);
    let start = Instant::now();
    builder.check(move || {
        counter.fetch_add(1, Ordering::Relaxed);
        f();
    });
    let (elapsed, iterations) = (start.elapsed(), iterations.load(Ordering::Relaxed));

    let cut =
        time_limit.is_some_and(|limit| elapsed >= limit) || permutation_limit.is_some_and(|n| iterations + 1 >= n);
    assert!(!cut, "model {name} was not exhausted: a limit cut it off after {iterations} executions");
    assert!(iterations > 1, "model {name} was not exhausted: a single execution shows nothing side by side");
    say(&format!("model {name}: {iterations} executions, preemptions {bound}, {:.2} s", elapsed.as_secs_f64()));
}
