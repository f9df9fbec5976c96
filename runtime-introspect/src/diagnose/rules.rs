//! The rules, from the most specific cause to the most general effect.
//!
//! The order is the order of evaluation. A new rule goes where its cause belongs: before whatever it implies.
//!
//! | room | rules |
//! | --- | --- |
//! | [`standing`] | a poll that stands: `runnext-trap`, `driver-captive`, `timer-starvation`, `blocking-in-task`, `hog` |
//! | [`threads`] | threads that belong to one task: `locked-thread`, `ffi-pinned` |
//! | [`passed_by`] | a source of work that every processor passes by: `global-queue-starvation`, `netpoll-starvation` |
//! | [`flow`] | numbers that flow: `accept-emfile-spin`, `syscall-storm`, `timer-storm`, `steal-storm`, |
//! | | `one-producer`, `unbounded-spawn` |

mod flow;
mod passed_by;
mod standing;
mod threads;

use super::rule::Rule;

/// Every rule, in the order of evaluation.
pub static RULES: &[&Rule] = &[
    &standing::RUNNEXT_TRAP,
    &standing::DRIVER_CAPTIVE,
    &standing::TIMER_STARVATION,
    &threads::LOCKED_THREAD,
    &standing::BLOCKING_IN_TASK,
    &standing::HOG,
    &threads::FFI_PINNED,
    &flow::ACCEPT_EMFILE_SPIN,
    &passed_by::GLOBAL_QUEUE_STARVATION,
    &passed_by::NETPOLL_STARVATION,
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
