//! The schedulers of this process, for observers that nobody handed one to.
//!
//! A scheduler enters when its runtime is built, and leaves when its shutdown has seen the end of everything; one whose shutdown
//! hangs, or was told not to wait, stays until somebody looks, or another one enters, and finds that it is over. So what does
//! not end can still be seen, and what has ended does not pile up. Under the checkers nobody enters: each explored run has schedulers of its own.
//!
//! One lock, taken at those moments only, and never while a scheduler is dropped. The locks of machines and pools are taken inside
//! it, and it inside none.

use crate::policy;
use crate::scheduler::Scheduler;
use crate::sync::{Arc, StaticMutex};
use std::sync::{MutexGuard, PoisonError};

static RUNNING: StaticMutex<Vec<Arc<Scheduler>>> = StaticMutex::new(Vec::new());

fn list() -> MutexGuard<'static, Vec<Arc<Scheduler>>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Those that are not over, in the order in which they were built.
pub(crate) fn running() -> Vec<Arc<Scheduler>> {
    let mut running = list();
    let over = take_over(&mut running);
    let living = running.clone();
    drop(running);
    drop(over);
    living
}

/// Takes those out that are over, for the caller to drop without the lock.
fn take_over(running: &mut Vec<Arc<Scheduler>>) -> Vec<Arc<Scheduler>> {
    running.extract_if(.., |scheduler| scheduler.is_over()).collect()
}

/// A runtime has been built.
pub(crate) fn enter(scheduler: &Arc<Scheduler>) {
    if policy::CHECKED {
        return;
    }
    let mut running = list();
    let over = take_over(&mut running);
    running.push(scheduler.clone());
    drop(running);
    drop(over);
}

/// A runtime is over.
pub(crate) fn leave(scheduler: &Scheduler) {
    if policy::CHECKED {
        return;
    }
    let mut running = list();
    let place = running.iter().position(|listed| std::ptr::eq(&**listed, scheduler));
    let left = place.map(|place| running.remove(place));
    drop(running);
    drop(left);
}

#[cfg(all(test, not(any(gumption_loom, gumption_shuttle))))]
mod tests {
    use super::*;
    use crate::runtime::Runtime;
    use std::time::{Duration, Instant};

    #[test]
    fn one_that_nobody_waited_for_leaves_when_another_enters() {
        let runtime: Runtime = Runtime::new().unwrap();
        let handle = runtime.handle().clone();
        let scheduler = handle.scheduler();
        let is_listed = || list().iter().any(|listed| std::ptr::eq(&**listed, scheduler));
        assert!(is_listed());
        runtime.shutdown_background();
        let limit = Instant::now() + Duration::from_secs(60);
        while !scheduler.is_over() {
            assert!(Instant::now() < limit, "the end of a runtime");
            std::thread::yield_now();
        }
        let _other: Runtime = Runtime::new().unwrap();
        assert!(!is_listed());
    }
}
