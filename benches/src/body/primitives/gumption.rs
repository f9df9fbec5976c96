//! The bodies over Gumption's primitives.

/// Those that there are; tokio's in the place of the others.
mod sync {
    pub(super) use ::gumption::sync::{Mutex, Notify, Semaphore, broadcast, mpsc, oneshot, watch};
    pub(super) use ::tokio::sync::RwLock;
}

#[allow(clippy::duplicate_mod, reason = "one text, two sets of primitives")]
#[path = "bodies/mod.rs"]
mod bodies;

all!();
