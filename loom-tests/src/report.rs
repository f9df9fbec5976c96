//! Where a run says what it did: one line per model and per mutant, on the process's real stderr.
//!
//! The test runner captures what `println!` prints in a test that passes, and it is the passing ones that a reader of the
//! log wants listed. Nothing here decides anything.
//!
//! The invariant: one line is one write, so that lines of tests that run side by side do not mix.

use std::io::Write;

/// Writes `line` past the test runner's capture.
pub(crate) fn say(line: &str) {
    // A log that cannot be written must not fail the check that it would have told about.
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// The name of the running test: the test runner names its threads so. Failing that, the function that `f` is in.
pub(crate) fn name_of<F>(_f: &F) -> String {
    let thread = std::thread::current();
    if let Some(name) = thread.name().filter(|name| *name != "main") {
        return name.to_string();
    }
    let path = std::any::type_name::<F>();
    let function = path.split("::{{closure}}").next().unwrap_or(path);
    function.rsplit("::").next().unwrap_or(function).to_string()
}
