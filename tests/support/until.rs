//! Waiting in tests: for a condition, with a limit that no machine needs, and a word on what was waited for.
#![allow(dead_code, reason = "no test needs all of it")]

use gumption::runtime::Handle;
use gumption::wait::WaitReason;
use std::fmt::Display;
use std::time::{Duration, Instant};

/// How long a test waits for what must come.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// Between two looks: long enough to leave the processors to those who are waited for.
const REST: Duration = Duration::from_millis(1);

/// Asks until there is an answer.
#[track_caller]
pub fn until_some<T>(what: impl Display, mut ask: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain for: {what}");
        std::thread::sleep(REST);
    }
}

/// Waits until it holds.
#[track_caller]
pub fn until(what: impl Display, mut holds: impl FnMut() -> bool) {
    until_some(what, || holds().then_some(()));
}

/// Waits until so many of a runtime's tasks wait for something of a kind.
#[track_caller]
pub fn until_waiting(handle: &Handle, count: usize, reason: WaitReason) {
    until(format_args!("{count} tasks that wait for {reason}"), || {
        let mut waiting = 0;
        handle.for_each_task(|row| waiting += usize::from(row.bits.is_idle() && row.wait == reason));
        waiting == count
    });
}
