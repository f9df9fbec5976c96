//! How much is still under way: so that a workload can wait, from outside, for all that it started.
//!
//! A guard goes into each task; the last one dropped lets [`Outstanding::wait`] return. A task dropped by shutdown drops
//! its guard too. It is a mutex and a condition variable because the one who waits is an OS thread.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// A count of what is under way.
#[derive(Clone, Debug, Default)]
pub struct Outstanding(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    count: Mutex<u64>,
    none: Condvar,
}

impl Shared {
    fn count(&self) -> MutexGuard<'_, u64> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One thing under way, until dropped.
#[derive(Debug)]
pub struct Guard(Arc<Shared>);

impl Outstanding {
    /// One more.
    pub fn begin(&self) -> Guard {
        *self.0.count() += 1;
        Guard(Arc::clone(&self.0))
    }

    /// How many are under way.
    pub fn count(&self) -> u64 {
        *self.0.count()
    }

    /// Waits until nothing is under way, and calls `nudge` every now and then meanwhile: for those that have to be told.
    pub fn wait_while(&self, mut nudge: impl FnMut()) {
        loop {
            nudge();
            let count = self.0.count();
            if *count == 0 {
                return;
            }
            let pause = std::time::Duration::from_millis(1);
            drop(self.0.none.wait_timeout(count, pause).unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Waits until nothing is under way.
    pub fn wait(&self) {
        let mut count = self.0.count();
        while *count > 0 {
            count = self.0.none.wait(count).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut count = self.0.count();
        *count -= 1;
        if *count == 0 {
            self.0.none.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_for_the_last_guard() {
        let outstanding = Outstanding::default();
        outstanding.wait();
        let (first, second) = (outstanding.begin(), outstanding.begin());
        drop(first);
        assert_eq!(*outstanding.0.count(), 1);
        let thread = std::thread::spawn(move || drop(second));
        outstanding.wait();
        assert_eq!(*outstanding.0.count(), 0);
        thread.join().unwrap();
    }
}
