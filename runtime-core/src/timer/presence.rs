//! A witness, for loom, of who is still inside a timer's entry.
//!
//! An entry is freed, or becomes another timer's, when both of its holders are done with it, and nearly all that they do
//! to it before is atomic: loom, which sees neither `Box` nor reads of freed memory, would find nothing wrong with an
//! entry freed too early, twice or never. So in that build each access also reads a cell, having all of the entry writes
//! to it, and a counted token must be given back. In the other builds this is nothing.
//!
//! Invariant: every `touch` happens before or after every `claim`.

/// Part of every entry.
#[cfg(gumption_loom)]
pub(super) struct Presence {
    seen: crate::sync::UnsafeCell<()>,
    /// loom counts these: one that is not dropped is a leak.
    _token: crate::sync::Arc<()>,
}

#[cfg(gumption_loom)]
impl Presence {
    /// Of a new entry.
    pub(super) fn new() -> Self {
        Self { seen: crate::sync::UnsafeCell::new(()), _token: crate::sync::Arc::new(()) }
    }
    /// An access to the entry.
    pub(super) fn touch(&self) {
        self.seen.with(|_| ());
    }
    /// The caller has all of the entry.
    pub(super) fn claim(&self) {
        self.seen.with_mut(|_| ());
    }
}

/// Part of every entry: nothing, outside loom.
#[cfg(not(gumption_loom))]
pub(super) struct Presence;

#[cfg(not(gumption_loom))]
impl Presence {
    /// Of a new entry.
    pub(super) fn new() -> Self {
        Self
    }
    /// An access to the entry.
    #[inline(always)]
    pub(super) fn touch(&self) {}
    /// The caller has all of the entry.
    #[inline(always)]
    pub(super) fn claim(&self) {}
}
