//! [`Word`]: the state of a semaphore in 64 bits, and the steps that it can take.
//!
//! Three flags below 61 bits that are a number of free permits or, with [`OWNED`], the id of the task that has all of them. A task's
//! id has 56 bits, and one more says whether its guard travels; a thread that runs no task owns as 0. The steps are pure: who makes them true, by an exchange or a store, and with
//! which ordering, is `mod.rs`'s and `acquire.rs`'s business.
//!
//! The invariant of every word that is ever stored: with [`WAITERS`] or [`OWNED`] no permit is free.

use super::error::TryAcquireError;

/// Nobody gets in any more.
pub(super) const CLOSED: u64 = 1;
/// Somebody waits: permits go to them, and the word changes under the queue's lock only.
pub(super) const WAITERS: u64 = 2;
/// One has all permits, and stands here with its task's id.
pub(super) const OWNED: u64 = 4;
const SHIFT: u32 = 3;

/// The most permits that it can hold: as tokio's, and as many as it has bits for.
pub(super) const MAX_PERMITS: usize = usize::MAX >> SHIFT;

/// See the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Word(pub(super) u64);

impl Word {
    /// Open, nobody waits, this many are free.
    #[inline(always)]
    pub(super) const fn free(permits: u64) -> Self {
        Self(permits << SHIFT)
    }

    /// Open, nobody waits, this task has all.
    #[inline(always)]
    pub(super) const fn owned(task: u64) -> Self {
        Self(task << SHIFT | OWNED)
    }

    #[inline(always)]
    pub(super) const fn is_closed(self) -> bool {
        self.0 & CLOSED != 0
    }

    #[inline(always)]
    pub(super) const fn has_waiters(self) -> bool {
        self.0 & WAITERS != 0
    }

    /// Who has all: a task's id, or 0 for a thread that runs none, as [`Guard::owner`](super::guard::Guard::owner) writes it.
    #[inline(always)]
    pub(super) const fn owner(self) -> Option<u64> {
        if self.0 & OWNED == 0 { None } else { Some(self.0 >> SHIFT) }
    }

    /// Owned, and neither closed nor waited for.
    #[inline(always)]
    pub(super) const fn is_plainly_owned(self) -> bool {
        self.0 & (OWNED | WAITERS | CLOSED) == OWNED
    }

    /// The free permits.
    #[inline(always)]
    pub(super) const fn permits(self) -> u64 {
        if self.0 & OWNED == 0 { self.0 >> SHIFT } else { 0 }
    }

    /// With `permits` free ones fewer, if it is open and has them. Nothing is always to be had.
    #[inline(always)]
    pub(super) const fn take(self, permits: u64) -> Option<Self> {
        if self.is_closed() || self.permits() < permits { None } else { Some(self.without(permits)) }
    }

    /// With `permits` free ones fewer, which there are.
    #[inline(always)]
    pub(super) const fn without(self, permits: u64) -> Self {
        Self(self.0 - (permits << SHIFT))
    }

    /// With `permits` free ones more.
    ///
    /// # Panics
    /// If a semaphore may not have so many.
    #[inline(always)]
    #[track_caller]
    pub(super) fn with(self, permits: u64) -> Self {
        const MOST: u64 = MAX_PERMITS as u64;
        // Compared this way round, because the sum may not fit.
        if permits > MOST - self.permits().min(MOST) {
            too_many(permits);
        }
        Self(self.0 + (permits << SHIFT))
    }

    /// With nobody having all, and none free.
    pub(super) const fn disowned(self) -> Self {
        Self(self.0 & (WAITERS | CLOSED))
    }

    /// With `task` having all.
    pub(super) const fn owned_by(self, task: u64) -> Self {
        Self(self.0 & (WAITERS | CLOSED) | task << SHIFT | OWNED)
    }

    /// With none free and somebody waiting, who has gathered what was free.
    pub(super) const fn joined(self) -> Self {
        if self.0 & OWNED == 0 { Self(self.0 & CLOSED | WAITERS) } else { Self(self.0 | WAITERS) }
    }

    /// With somebody waiting or not.
    pub(super) const fn waited_for(self, waiters: bool) -> Self {
        if waiters { Self(self.0 | WAITERS) } else { Self(self.0 & !WAITERS) }
    }

    /// Why [`take`](Self::take) said no.
    #[inline]
    pub(super) const fn refusal(self) -> TryAcquireError {
        if self.is_closed() { TryAcquireError::Closed } else { TryAcquireError::NoPermits }
    }
}

#[cold]
#[track_caller]
fn too_many(added: u64) -> ! {
    panic!("number of added permits ({added}) would overflow MAX_PERMITS ({})", MAX_PERMITS)
}
