//! [`Home`]: in which of the runtime's polls a source is registered, and when it moves.
//!
//! With a poll per processor, an event goes to the processor whose poll the source is in. It should be the one where its task
//! runs, so that task, socket and event share a core's caches; and better still the one on whose core the socket's packets
//! come in. Two rules, both asked only when a task is about to wait, so that a source which is always ready is never
//! asked about:
//!
//! | the task waits | then |
//! | --- | --- |
//! | on another processor than the source's, [`STRAYS`] times in a row | the source follows it: thieves keep what they steal again and again |
//! | on the source's, every [`CHECKS`]th time | the kernel is asked where its packets come in; if that is another processor's core, the source moves there every second time, and its task comes after |
//!
//! The second rule brings the two ends of a connection over loopback together, and a connection to the core that its
//! network card's queue interrupts. Every *second* time, because both ends would otherwise change places for ever. Work
//! stealing keeps the balance: who has nothing to do steals, and what is stolen often moves for good.
//!
//! Measured where both ends of 64 connections are in one runtime of 4 processors: `table --only tcp_echo` with
//! `Builder::pollers(1)` beside the default.
//!
//! It orders nothing: a source that is in an odd place is served all the same. The one invariant: one thread at a time
//! moves a source ([`Moving`]).

use gumption_core::sync::{AtomicBool, AtomicU32, Ordering};

/// Waits elsewhere, in a row, after which a source follows its task.
pub(crate) const STRAYS: u32 = 4;

/// Waits at home between two questions where the packets come in. The question costs about 100 ns.
pub(crate) const CHECKS: u32 = 16;

/// Where a source is registered, and what speaks for moving it.
#[derive(Debug, Default)]
pub(crate) struct Home {
    poll: AtomicU32,
    strays: AtomicU32,
    waits: AtomicU32,
    moving: AtomicBool,
}

/// The right to move a source.
#[must_use]
pub(crate) struct Moving<'a>(&'a Home);

impl Home {
    /// The poll that it is registered in.
    pub(crate) fn poll(&self) -> usize {
        // Ordering: Relaxed; changed by who has `Moving`, and read for certain by the owner alone.
        self.poll.load(Ordering::Relaxed) as usize
    }

    /// It is registered in `poll` now.
    pub(crate) fn settle(&self, poll: usize) {
        // Ordering: Relaxed, as in `poll`; the counts are advice.
        self.poll.store(poll as u32, Ordering::Relaxed);
        self.strays.store(0, Ordering::Relaxed);
    }

    /// A task on `here` is about to wait: where the source should go. `of_packets` says in which poll's core its packets
    /// come in.
    #[inline]
    pub(crate) fn waits(&self, here: usize, of_packets: impl FnOnce() -> Option<usize>) -> Option<usize> {
        // Ordering: Relaxed throughout: counts that may lose a step when two tasks wait for two halves.
        if self.poll() != here {
            let strays = self.strays.load(Ordering::Relaxed) + 1;
            self.strays.store(strays, Ordering::Relaxed);
            return (strays >= STRAYS).then_some(here);
        }
        if self.strays.load(Ordering::Relaxed) != 0 {
            // Ordering: Relaxed, as above.
            self.strays.store(0, Ordering::Relaxed);
        }
        // Ordering: Relaxed, as above.
        let waits = self.waits.load(Ordering::Relaxed).wrapping_add(1);
        self.waits.store(waits, Ordering::Relaxed);
        if !waits.is_multiple_of(CHECKS) {
            return None;
        }
        let there = of_packets()?;
        // The address is as good as a coin here, and differs between the ends of a connection.
        let coin = (std::ptr::from_ref(self).addr() >> 7 ^ (waits / CHECKS) as usize) & 1 == 0;
        (there != here && coin).then_some(there)
    }

    /// Starts to move it, unless somebody does already.
    pub(crate) fn begin_move(&self) -> Option<Moving<'_>> {
        // Ordering: Acquire pairs with the Release in `drop`: we see where the last mover left it.
        (!self.moving.swap(true, Ordering::Acquire)).then_some(Moving(self))
    }
}

impl Drop for Moving<'_> {
    fn drop(&mut self) {
        // Ordering: Release pairs with the Acquire in `begin_move`.
        self.0.moving.store(false, Ordering::Release);
    }
}
