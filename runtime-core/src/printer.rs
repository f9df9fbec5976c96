//! What a scheduler knows of the thread that prints its trace: how that thread sleeps, and how it is told to end.
//!
//! What it prints is in [`crate::tracer`].

use crate::parker::Parker;
use crate::sync::{AtomicBool, Mutex, Ordering, thread};
use std::time::Duration;

/// How the printing thread sleeps, and is told to end.
#[derive(Debug)]
pub struct Printer {
    parker: Parker,
    ended: AtomicBool,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
}

impl Printer {
    /// Nothing is printed yet.
    pub fn new() -> Self {
        Self { parker: Parker::new(), ended: AtomicBool::new(false), thread: Mutex::new(None) }
    }

    /// Sleeps for `interval`; true if the printing is to end.
    pub(crate) fn wait(&self, interval: Duration) -> bool {
        let _ = self.parker.park_timeout(interval);
        // Ordering: Relaxed; comes with the parker's token.
        self.ended.load(Ordering::Relaxed)
    }

    /// Its thread runs.
    pub(crate) fn started(&self, thread: thread::JoinHandle<()>) {
        *self.thread.lock() = Some(thread);
    }

    /// Ends the printing, and waits for its thread.
    pub(crate) fn stop(&self) {
        // Ordering: Relaxed; published by the parker's token.
        self.ended.store(true, Ordering::Relaxed);
        let _here = self.parker.unpark();
        let thread = self.thread.lock().take();
        if let Some(thread) = thread {
            // Its panic has been printed.
            let _panic = thread.join();
        }
    }
}
