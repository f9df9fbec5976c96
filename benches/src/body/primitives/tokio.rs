//! The bodies over tokio's primitives.

use ::tokio::sync;

#[allow(clippy::duplicate_mod, reason = "one text, two sets of primitives")]
#[path = "bodies/mod.rs"]
mod bodies;

all!();
