//! The harness of the models: how an invariant is explored, and how it is shown that the exploration can fail.
//!
//! A *model* is a test named after an invariant: a few threads that run the runtime's own code (never a copy of it) and
//! assert what must hold. The same sources are built three ways:
//!
//! | build | what a model is | what it proves |
//! | --- | --- | --- |
//! | `--cfg gumption_loom` | `model`: every interleaving up to a preemption bound, every stale read | orderings |
//! | `--cfg gumption_shuttle` | `check_random_and_pct`: thousands of schedules, 4 to 10 threads | logic |
//! | neither | nothing: the test files are empty | that they still build |
//!
//! A model that cannot fail proves nothing, so each has *mutants*: the same code with one step left out or one ordering
//! weakened, chosen by name through `GUMPTION_MUTANT` (see `gumption_core::sync::broken`). [`mutants!`] runs the test
//! binary again as a child process for each, and demands that the child fails, and that the code really asked for that
//! name: a misspelt mutant is not a caught one. A child process, because loom reports a deadlock from inside a coroutine
//! and the unwinding aborts the process.
//!
//! Everything that was explored and caught is written to stderr past the test runner's capture, one line each, so that a
//! log of a run says what was verified and under which bound.
//!
//! `README.md` beside this crate is the table of what is verified and what is assumed.

#[cfg(any(gumption_loom, gumption_shuttle))]
pub mod bell;
#[cfg(gumption_loom)]
mod exhaustive;
#[cfg(any(gumption_loom, gumption_shuttle))]
mod mutant;
#[cfg(gumption_shuttle)]
mod random;
#[cfg(any(gumption_loom, gumption_shuttle))]
mod report;
#[cfg(gumption_shuttle)]
pub mod stage;
#[cfg(gumption_shuttle)]
pub mod wire;
#[cfg(any(gumption_loom, gumption_shuttle))]
pub mod workers;

#[cfg(gumption_loom)]
pub use exhaustive::{UNBOUNDED, model};
#[cfg(any(gumption_loom, gumption_shuttle))]
pub use mutant::demand_caught;
#[cfg(gumption_shuttle)]
pub use random::check_random_and_pct;

/// One test for each model, which demands that every mutant listed makes that model fail.
///
/// ```ignore
/// mutants! {
///     steal_vs_pop: ["queue-tail-relaxed", "queue-pop-no-cas"];
///     next_slot_taken_once: ["queue-slot-take-no-rmw"];
/// }
/// ```
///
/// The models are functions beside the macro's call. The tests appear as `mutants::steal_vs_pop` and so on.
#[macro_export]
macro_rules! mutants {
    ($($model:ident: [$($mutant:literal),+ $(,)?];)+) => {
        mod mutants {
            $(
                #[test]
                fn $model() {
                    let _the_model_exists: fn() = super::$model;
                    $crate::demand_caught(stringify!($model), &[$($mutant),+]);
                }
            )+
        }
    };
}
