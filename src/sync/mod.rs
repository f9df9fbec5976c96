//! Channels, locks and signals between tasks.
//!
//! Names, signatures and semantics are those of `tokio::sync`. The difference is what an observer sees: every primitive is a
//! [resource](gumption_core::resource) with a creation site, an owner, waiters and a depth, and a task that waits for it says so.
//!
//! None of them knows a runtime: they wake by [`Waker`](std::task::Waker) and run on any executor, or across two. They take
//! part in the cooperative budget of a Gumption task.
//!
//! # How they are built
//!
//! Who waits lies in a list of nodes that are pinned in the waiting futures, so that a wait allocates nothing. A short lock
//! guards the list, and no user code runs under it: wakers are cloned before, and collected to be woken after.
//!
//! | file | what |
//! | --- | --- |
//! | `list`, `wakes` | the list of pinned nodes; wakers to be woken when the lock has been released |
//! | `short` | the lock around them |
//! | `batch_semaphore/` | permits and a fair queue, the base of `semaphore/`, `mutex/`, `rwlock/` and `once_cell` |
//! | `waiters` | who waits for a signal, the base of `notify/`, `watch/` and, by `gate`, of `barrier` and `set_once` |
//! | `mpsc/`, `oneshot/`, `broadcast/` | channels; each its own, because each has one thing that it must be fast at |
//! | `guards` | what the guards of locks have in common |
//!
//! All of it is written against the `sync` shim, and checked by models in `loom-tests/tests/` that are named after the files
//! here.

mod barrier;
mod batch_semaphore;
pub mod broadcast;
mod gate;
mod guards;
#[allow(dead_code, reason = "each primitive uses a part of it")]
mod list;
pub mod mpsc;
mod mutex;
mod notify;
mod once_cell;
pub mod oneshot;
mod rwlock;
mod semaphore;
mod set_once;
mod short;
mod waiters;
mod wakes;
pub mod watch;

pub use barrier::{Barrier, BarrierWaitResult};
pub use batch_semaphore::{AcquireError, TryAcquireError};
pub use mutex::{MappedMutexGuard, Mutex, MutexGuard, OwnedMappedMutexGuard, OwnedMutexGuard, TryLockError};
pub use notify::Notify;
pub use once_cell::{OnceCell, SetError};
pub use rwlock::{
    OwnedRwLockMappedWriteGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock, RwLockMappedWriteGuard,
    RwLockReadGuard, RwLockWriteGuard,
};
pub use semaphore::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
pub use set_once::{SetOnce, SetOnceError};

/// Futures of this room that have a name.
pub mod futures {
    pub use super::notify::{Notified, OwnedNotified};
}

/// What the models reach; not part of the API.
#[doc(hidden)]
pub mod internals {
    pub use super::short::Spinning;
}
