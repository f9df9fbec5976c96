//! Channels, locks and signals: each runtime with its own.
//!
//! The API is the same, so the bodies are one text, compiled once per set of primitives: `bodies/` is included as a module beside
//! a `sync` of the same name, tokio's or Gumption's, and what differs in a row is the primitive *and* the scheduler that its wakes go
//! through. async-executor runs tokio's, as its users do: they need no runtime.
//!
//! A peer says which set is its own by [`Peer::PRIMITIVES`](crate::Peer::PRIMITIVES). Adding a bench is a function in `bodies/`, its
//! name in the list below, and its lines in the catalogue.

use std::time::Duration;

macro_rules! primitives {
    ($($family:ident: $($bench:ident)+;)+) => {
        /// The bodies over one set of primitives, as run on one peer.
        #[allow(missing_docs, reason = "the bodies say what each one is")]
        pub struct Primitives<P> {
            $($(pub $bench: fn(&P, u64) -> Duration,)+)+
        }

        /// The list of the bodies in the `bodies` beside it.
        macro_rules! all {
            () => {
                /// The bodies over these primitives.
                #[must_use]
                pub const fn all<P: crate::Peer>() -> crate::body::primitives::Primitives<P> {
                    crate::body::primitives::Primitives { $($($bench: bodies::$family::$bench::<P>,)+)+ }
                }
            };
        }
    };
}

primitives! {
    channels: ping_pong channel_hop fan_in unbounded_stream oneshot_ready oneshot_hop broadcast_8 watch_hop watch_8;
    locks: mutex_contended mutex_held mutex_free rwlock_free rwlock_readers semaphore_free notify_hop;
}

#[cfg(feature = "gumption")]
pub mod gumption;
pub mod tokio;
