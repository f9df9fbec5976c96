//! [`Waits`]: waits that are over, added up.
//!
//! A record says it of one resource while that lives (`record.rs`), the past keeps it for those that are gone, by kind
//! (`past.rs`), and an observer is told the two together. A wait that goes on is in none of them.

/// Waits that are over, and how long they took together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waits {
    /// How many.
    pub count: u64,
    /// *Nanoseconds*, by the coarse clock: what is shorter than its step is 0.
    pub ns: u64,
}
