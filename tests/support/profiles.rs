//! What the tests of profiles have in common: one at a time, and what is read out of one.

use gumption::introspect::profile::{Profile, Sample, Value};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A profile is the process'; one test at a time has it on.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A sample's label; empty if it has none of that name.
pub fn label<'a>(sample: &'a Sample, key: &str) -> &'a str {
    let found = sample.labels.iter().find(|label| label.key == key);
    match found.map(|label| &label.value) {
        Some(Value::Text(text)) => text,
        _ => "",
    }
}

/// The samples with a function in their stack whose name has `function` in it.
pub fn of<'a>(profile: &'a Profile, function: &str) -> Vec<&'a Sample> {
    let there = |sample: &&Sample| {
        sample.stack.iter().flat_map(|call| &call.lines).any(|line| line.function.contains(function))
    };
    profile.samples.iter().filter(there).collect()
}
