//! The rules, from the most specific cause to the most general effect.
//!
//! The order is the order of evaluation. A new rule goes where its cause belongs: before whatever it implies.
//!
//! | room | rules |
//! | --- | --- |
//! | [`standing`] | a poll that stands: `runnext-trap`, `blocking-in-task`, `hog` |
//! | [`flow`] | numbers that flow: `syscall-storm`, `timer-storm`, `steal-storm`, `one-producer`, `unbounded-spawn` |

mod flow;
mod standing;

use super::rule::Rule;

/// Every rule, in the order of evaluation.
pub static RULES: &[&Rule] = &[
    &standing::RUNNEXT_TRAP,
    &standing::BLOCKING_IN_TASK,
    &standing::HOG,
    &flow::SYSCALL_STORM,
    &flow::TIMER_STORM,
    &flow::STEAL_STORM,
    &flow::ONE_PRODUCER,
    &flow::UNBOUNDED_SPAWN,
];

/// The rule for a pathology.
pub fn rule(id: &str) -> Option<&'static Rule> {
    RULES.iter().copied().find(|rule| rule.id == id)
}

/// `part` of `whole`, zero where there is no whole.
pub(super) fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}
