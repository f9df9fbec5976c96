//! The bodies over Gumption's primitives.

use ::gumption::sync;

#[allow(clippy::duplicate_mod, reason = "one text, two sets of primitives")]
#[path = "bodies/mod.rs"]
mod bodies;

all!();
