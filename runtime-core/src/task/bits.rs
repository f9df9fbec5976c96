//! [`Bits`]: one value of a task's state word, and where in it what is.
//!
//! ```text
//!  63        44 43            20 19        7 6        0
//! +------------+----------------+-----------+----------+
//! |    refs    |     wakers     |   wakes   |  flags   |
//! +------------+----------------+-----------+----------+
//! ```
//!
//! A value says nothing about the next moment; what may be concluded from one is said where it can be asked. How a word
//! becomes another one, and who may do that, is in [`state`](super::state).
//!
//! Three kinds of readers: the transitions in `state.rs`, observers, who get a `Bits` in a [`Row`](super::Row), and debuggers,
//! whom `debug.rs` tells masks and shifts. The invariant is that the fields do not overlap and fill the word.

use std::fmt;

/// The output, or the error in its place, is in the body.
pub(super) const COMPLETE: u64 = 1;
/// The next run drops the future in place of polling it.
pub(super) const ABORTED: u64 = 1 << 1;
/// The join handle lives.
pub(super) const JOIN_INTEREST: u64 = 1 << 2;
/// The join waker is in place and shared; without this flag its cell is the join handle's alone.
pub(super) const JOIN_WAKER: u64 = 1 << 3;
/// The task is pinned to its machine. A hint that the scheduler sets and clears; nothing here acts on it.
pub(super) const LOCKED: u64 = 1 << 4;
/// The task has a name, kept elsewhere.
pub(super) const NAMED: u64 = 1 << 5;
/// The task has, or had, labels, kept elsewhere.
pub(super) const LABELLED: u64 = 1 << 6;

/// Above the flags.
pub(super) const WAKES_SHIFT: u32 = 7;
pub(super) const WAKERS_SHIFT: u32 = 20;
pub(super) const REFS_SHIFT: u32 = 44;

pub(super) const WAKE_ONE: u64 = 1 << WAKES_SHIFT;
pub(super) const WAKER_ONE: u64 = 1 << WAKERS_SHIFT;
pub(super) const REF_ONE: u64 = 1 << REFS_SHIFT;

pub(super) const WAKES_MASK: u64 = (1 << (WAKERS_SHIFT - WAKES_SHIFT)) - 1;
pub(super) const WAKERS_MASK: u64 = (1 << (REFS_SHIFT - WAKERS_SHIFT)) - 1;
pub(super) const REFS_MASK: u64 = (1 << (64 - REFS_SHIFT)) - 1;

const _: () = assert!(LABELLED < WAKE_ONE && WAKE_ONE < WAKER_ONE && WAKER_ONE < REF_ONE);

/// The word of a task that was just spawned: runnable, alive, joined.
pub(super) const SPAWNED: u64 = WAKE_ONE | JOIN_INTEREST | (2 * REF_ONE);
/// The word of a record that holds no task: complete, so that it can be neither claimed nor woken nor aborted.
pub(super) const FREE: u64 = COMPLETE | WAKE_ONE;

/// One value of a task's state word.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Bits(pub(super) u64);

impl Bits {
    /// The raw word, for dumps.
    pub const fn raw(self) -> u64 {
        self.0
    }
    /// Whether the task has ended.
    pub const fn is_complete(self) -> bool {
        self.0 & COMPLETE != 0
    }
    /// Whether its abort was asked for.
    pub const fn is_aborted(self) -> bool {
        self.0 & ABORTED != 0
    }
    /// Whether its join handle lives.
    pub const fn has_join_handle(self) -> bool {
        self.0 & JOIN_INTEREST != 0
    }
    /// Whether somebody waits at its join handle.
    pub const fn has_joiner(self) -> bool {
        self.0 & JOIN_WAKER != 0
    }
    /// Whether it is pinned to a machine.
    pub const fn is_locked(self) -> bool {
        self.0 & LOCKED != 0
    }
    /// Whether it was given a name.
    pub const fn is_named(self) -> bool {
        self.0 & NAMED != 0
    }
    /// Whether it was given labels, or inherited some.
    pub const fn is_labelled(self) -> bool {
        self.0 & LABELLED != 0
    }
    /// Wakes that no poll has answered yet. Above zero the task is queued or runs.
    pub const fn wakes(self) -> u64 {
        self.0 >> WAKES_SHIFT & WAKES_MASK
    }
    /// Wakers that exist. The one that a poll lends is not among them.
    pub const fn wakers(self) -> u64 {
        self.0 >> WAKERS_SHIFT & WAKERS_MASK
    }
    /// References other than wakers.
    pub const fn refs(self) -> u64 {
        self.0 >> REFS_SHIFT
    }
    /// Whether the task waits to be woken.
    pub const fn is_idle(self) -> bool {
        self.wakes() == 0 && !self.is_complete()
    }
    /// Whether the task waits to be woken and nothing is left that could wake it: a leak, proven.
    ///
    /// Exact for the moment at which the word was read, and it stays true: a waker is cloned only from a waker or inside a
    /// poll, and there is neither. Only an abort can end such a task, or an observer's capture, which is
    /// a poll that nobody asked for.
    pub const fn is_stranded(self) -> bool {
        self.is_idle() && self.wakers() == 0
    }

    /// Whether nobody but one holder of a reference is left, and with that nobody who could make another.
    pub(super) const fn is_sole(self) -> bool {
        self.0 >> WAKERS_SHIFT == REF_ONE >> WAKERS_SHIFT
    }
    pub(super) const fn is_last(self) -> bool {
        self.0 >> WAKERS_SHIFT == 0
    }
    pub(super) const fn with_wakes(self, wakes: u64) -> Self {
        Self(self.0 & !(WAKES_MASK << WAKES_SHIFT) | wakes << WAKES_SHIFT)
    }
}

impl fmt::Debug for Bits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bits")
            .field("complete", &self.is_complete())
            .field("aborted", &self.is_aborted())
            .field("join_handle", &self.has_join_handle())
            .field("joiner", &self.has_joiner())
            .field("locked", &self.is_locked())
            .field("named", &self.is_named())
            .field("labelled", &self.is_labelled())
            .field("wakes", &self.wakes())
            .field("wakers", &self.wakers())
            .field("refs", &self.refs())
            .finish()
    }
}
