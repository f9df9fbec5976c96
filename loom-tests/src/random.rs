//! [`check_random_and_pct`]: shuttle, with the two kinds of schedule that find different mistakes.
//!
//! Random schedules find what many orders can show; PCT (probabilistic concurrency testing) finds what needs one thread
//! to be starved at exactly the right place, which random ones practically never do. Each model runs under random,
//! PCT of depth 2 and PCT of depth 3, `iterations` schedules each.
//!
//! Seeds are fixed, so that a run repeats; `SHUTTLE_RANDOM_SEED` chooses another one. Shuttle knows sequentially
//! consistent executions only: what it passes says nothing about orderings, which are loom's part.
//!
//! The number of schedules is the only stop, so it must be known to be enough: a mutant runs with a *tenth* of the
//! schedules (see [`mutants!`](crate::mutants)), and must be caught within those.
//!
//! The invariant: a model that passed ran all its schedules to their end.

use crate::report::{name_of, say};
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use std::sync::Arc;
use std::time::Instant;

/// Divides the number of schedules; the harness sets it for mutants.
pub(crate) const DIVISOR: &str = "GUMPTION_SCHEDULES_DIVISOR";

const SEED: u64 = 0x6d70_7469_6f6e;

/// Twice what the deepest model needs; shuttle's default is too little for the scheduler's stack frames.
const STACK_BYTES: usize = 1 << 18;

/// Runs `f` under `iterations` random schedules, and as many PCT schedules of depth 2 and of depth 3.
///
/// # Panics
/// If `f` does under any schedule, or if one deadlocks.
pub fn check_random_and_pct<F>(iterations: usize, f: F)
where
    F: Fn() + Send + Sync + 'static,
{
    let name = name_of(&f);
    let divisor = std::env::var(DIVISOR).ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let iterations = (iterations / divisor).max(1);
    let f = Arc::new(f);
    let start = Instant::now();
    run(&name, "random", RandomScheduler::new_from_seed(SEED, iterations), iterations, &f);
    run(&name, "PCT(2)", PctScheduler::new_from_seed(SEED, 2, iterations), iterations, &f);
    run(&name, "PCT(3)", PctScheduler::new_from_seed(SEED, 3, iterations), iterations, &f);
    let seconds = start.elapsed().as_secs_f64();
    say(&format!("model {name}: {iterations} schedules each of random, PCT(2) and PCT(3), {seconds:.2} s"));
}

fn run<F>(name: &str, kind: &str, scheduler: impl Scheduler + 'static, iterations: usize, f: &Arc<F>)
where
    F: Fn() + Send + Sync + 'static,
{
    let mut config = shuttle::Config::new();
    config.stack_size = STACK_BYTES;
    config.failure_persistence = shuttle::FailurePersistence::None;
    config.silence_warnings = true;
    let f = Arc::clone(f);
    let ran = shuttle::Runner::new(scheduler, config).run(move || f());
    assert_eq!(ran, iterations, "model {name} was not exhausted: {kind} stopped early");
}
