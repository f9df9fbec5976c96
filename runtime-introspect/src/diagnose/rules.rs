//! The rules, from the most specific cause to the most general effect.
//!
//! The order is the order of evaluation. A new rule goes where its cause belongs: before whatever it implies.
//!
//! | room | rules |
//! | --- | --- |
//! | [`standing`] | a poll that stands: `runnext-trap`, `driver-captive`, `timer-starvation`, `blocking-in-task`, `hog`, |
//! | | `lock-across-await` |
//! | [`ending`] | what stays: `shutdown-hang`, `rss-high-water` |
//! | [`threads`] | threads that belong to one task: `locked-thread`, `ffi-pinned` |
//! | [`passed_by`] | a source of work that every processor passes by: `global-queue-starvation`, `netpoll-starvation` |
//! | [`flow`] | numbers that flow: `accept-emfile-spin`, `syscall-storm`, `timer-storm`, `steal-storm`, |
//! | | `sawtooth`, `one-producer`, `unbounded-spawn` |
//! | [`sharing`] | things that tasks share: `blocking-pool-deadlock`, `mutex-convoy`, `select-bias`, `wake-storm` |
//! | [`effort`] | polls that come to nothing: `busy-yield`, `join-fan-in` |
//! | [`rings`] | tasks that nothing will run again: `lost-wakeup`, `futurelock`, `ref-cycle-leak`, `async-deadlock` |
//! | [`queues`] | what lies in channels, and who is left to take it: `detached-panic`, `slow-consumer`, |
//! | | `lagging-receiver` |
//! | [`leaks`] | tasks that wait for ever, and more of them in each window: `lost-cancel`, `timer-never-stopped`, |
//! | | `chan-never-closed`, `done-channel-hang`, `staircase-leak` |

mod effort;
mod ending;
mod flow;
mod leaks;
mod passed_by;
mod queues;
mod ratio;
mod rings;
mod sharing;
mod standing;
mod threads;

use super::rule::Rule;

/// Every rule, in the order of evaluation.
pub static RULES: &[&Rule] = &[
    &ending::SHUTDOWN_HANG,
    &rings::LOST_WAKEUP,
    &rings::FUTURELOCK,
    &rings::REF_CYCLE_LEAK,
    &rings::ASYNC_DEADLOCK,
    &sharing::BLOCKING_POOL_DEADLOCK,
    &queues::DETACHED_PANIC,
    &standing::LOCK_ACROSS_AWAIT,
    &standing::RUNNEXT_TRAP,
    &standing::DRIVER_CAPTIVE,
    &standing::TIMER_STARVATION,
    &threads::LOCKED_THREAD,
    &standing::BLOCKING_IN_TASK,
    &standing::HOG,
    &threads::FFI_PINNED,
    &flow::ACCEPT_EMFILE_SPIN,
    &effort::BUSY_YIELD,
    &sharing::MUTEX_CONVOY,
    &passed_by::GLOBAL_QUEUE_STARVATION,
    &passed_by::NETPOLL_STARVATION,
    &sharing::SELECT_BIAS,
    &effort::JOIN_FAN_IN,
    &flow::SYSCALL_STORM,
    &flow::TIMER_STORM,
    &flow::SAWTOOTH,
    &sharing::WAKE_STORM,
    &flow::STEAL_STORM,
    &flow::ONE_PRODUCER,
    &flow::UNBOUNDED_SPAWN,
    &queues::SLOW_CONSUMER,
    &queues::LAGGING_RECEIVER,
    &leaks::TIMER_NEVER_STOPPED,
    &leaks::LOST_CANCEL,
    &leaks::CHAN_NEVER_CLOSED,
    &leaks::DONE_CHANNEL_HANG,
    &leaks::STAIRCASE_LEAK,
    &ending::RSS_HIGH_WATER,
];

/// The rule for a pathology.
pub fn rule(id: &str) -> Option<&'static Rule> {
    RULES.iter().copied().find(|rule| rule.id == id)
}
