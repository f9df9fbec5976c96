//! [`Guard`]: what becomes of that which an owner holds, as far as observers care.
//!
//! Whether an owner is still the one who can let go, is to be read off the kind of its guard: one that borrows the lock mostly stays
//! with the task that made it, one that keeps the lock alive was made to be sent away. It stands in the word beside the
//! owner's id.

use gumption_core::resource::MOVABLE;

/// What lets an owner's permits go, as far as observers care who will do so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Guard {
    /// It borrows the lock, so it mostly stays where it was made.
    Borrows,
    /// It keeps the lock alive, in order to be sent away.
    Travels,
}

impl Guard {
    /// How an owner with such a guard is written down.
    #[inline(always)]
    pub(super) const fn owner(self, task: u64) -> u64 {
        match self {
            Self::Borrows => task,
            Self::Travels => task | MOVABLE,
        }
    }
}
