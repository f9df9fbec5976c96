//! Time for tasks: sleeping, deadlines, ticks.
//!
//! Names, signatures and semantics are those of `tokio::time`. A [`Sleep`] is one timer of the processor that polled it
//! first; [`Timeout`] and [`Interval`] are a `Sleep` and a rule. Deadlines have nanosecond resolution and are never early; how
//! late they are depends on how soon a processor, a thief, sysmon or the sleeper in the driver looks.
//!
//! In a test the clock can be stopped ([`pause`]): then nothing waits, and every run of the test reads the same times. It is the
//! clock of one runtime; [`Instant::now`] is that of the runtime that the thread is in.
//!
//! This room turns tokio's vocabulary into calls on [`Timers`](crate::timer::Timers) and says what a task waits for. It
//! keeps no thread, no heap and no clock. Creating a `Sleep` outside a runtime panics, as in tokio.
//!
//! Invariant: a `Sleep` reaches its runtime only through its timer's entry, so it may outlive the runtime: dropping it
//! then is safe, and polling it panics with words that say why.

pub mod error;
mod instant;
mod interval;
mod pause;
mod sleep;
#[cfg(all(test, not(any(gumption_loom, gumption_shuttle))))]
pub(crate) mod testing;
#[cfg(all(test, not(any(gumption_loom, gumption_shuttle))))]
mod tests;
mod timeout;

pub use instant::Instant;
pub use interval::{Interval, MissedTickBehavior, interval, interval_at};
pub use pause::{advance, pause, resume};
pub use sleep::{Sleep, sleep, sleep_until};
pub use std::time::Duration;
pub use timeout::{Timeout, timeout, timeout_at};
