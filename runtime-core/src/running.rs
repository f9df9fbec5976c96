//! The schedulers of this process, for observers that nobody handed one to.
//!
//! A scheduler enters when its runtime is built, and leaves when its shutdown has seen the end of everything; one whose shutdown
//! hangs, or was told not to wait, stays until somebody looks and finds that it is over. So what does not end can still be
//! seen. Under the checkers nobody enters: each explored run has schedulers of its own.
//!
//! One lock, taken at those moments only, and never while a scheduler is dropped.

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
    let over: Vec<_> = running.extract_if(.., |scheduler| scheduler.is_over()).collect();
    let living = running.clone();
    drop(running);
    drop(over);
    living
}

/// A runtime has been built.
pub(crate) fn enter(scheduler: &Arc<Scheduler>) {
    if !policy::CHECKED {
        list().push(scheduler.clone());
    }
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
