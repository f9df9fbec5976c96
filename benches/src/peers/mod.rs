//! The runtimes that the benches compare, one file each.
//!
//! Each peer runs as its documentation shows it to a user, with the number of workers as the only setting. The first of
//! [`PEERS`] is the column that the ratio divides by: Gumption when it is built in. The last
//! ones are no runtimes: they are the machine's limit, where there is one to show.

#[cfg(target_os = "linux")]
use crate::limit::Limit;
use crate::subject::{Contender, contender};

mod async_executor;
#[cfg(feature = "gumption")]
mod gumption;
mod tokio;

pub use self::async_executor::Smol;
#[cfg(feature = "gumption")]
pub use self::gumption::Gumption;
pub use self::tokio::Tokio;

/// All peers that this build knows, in the order of the table's columns.
pub const PEERS: &[Contender] = &[
    #[cfg(feature = "gumption")]
    contender::<Gumption>(),
    contender::<Tokio>(),
    contender::<Smol>(),
    #[cfg(target_os = "linux")]
    Limit::ONE,
    #[cfg(target_os = "linux")]
    Limit::EACH,
];

/// Finds a peer by the name that the tables print.
#[must_use]
pub fn find(name: &str) -> Option<&'static Contender> {
    PEERS.iter().find(|peer| peer.name == name)
}
