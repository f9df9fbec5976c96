//! A panic of the scheduler itself ends the process.
//!
//! Panics of tasks are caught at their poll and carried to their joiners. What is left is the scheduler's own bugs, and
//! wakers of other libraries that panic when the scheduler calls them: a machine that unwound would take its processor and
//! its queue with it, and the program would hang without a word. Rayon does the same.

/// Aborts the process if it is dropped by a panic.
#[must_use]
pub struct AbortOnPanic(&'static str);

impl AbortOnPanic {
    /// Guards `what` until it is dropped.
    pub fn new(what: &'static str) -> Self {
        Self(what)
    }
}

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() && !crate::policy::CHECKED {
            eprintln!("gumption: {} panicked outside a task; its processor would be lost, so the process ends", self.0);
            std::process::abort();
        }
    }
}
