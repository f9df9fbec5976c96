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
//! network card's queue interrupts. Every *second* time, by a coin, because both ends would otherwise change places for ever.
//! Work stealing keeps the balance: who has nothing to do steals, and what is stolen often moves for good.
//!
//! Measured where both ends of 64 connections are in one runtime of 4 processors: `table --only tcp_echo` with
//! `Builder::pollers(1)` beside the default.
//!
//! It orders nothing: a source that is in an odd place is served all the same. The invariants: one thread at a time moves a
//! source, and while it does the source is in one poll at least (`source_moves_lose_no_event` in
//! `loom-tests/tests/shuttle_polls.rs`).

use gumption_core::policy::CHECKED;
use gumption_core::sync::{AtomicBool, AtomicU32, Ordering, broken};

/// Waits elsewhere, in a row, after which a source follows its task.
const STRAYS: u32 = if CHECKED { 1 } else { 4 };

/// Waits at home between two questions where the packets come in. The question costs about 100 ns.
const CHECKS: u32 = if CHECKED { 2 } else { 16 };

/// Where a source is registered, and what speaks for moving it.
#[derive(Debug, Default)]
pub struct Home {
    poll: AtomicU32,
    strays: AtomicU32,
    waits: AtomicU32,
    moving: AtomicBool,
}

/// The right to move a source.
#[must_use]
struct Moving<'a>(&'a Home);

impl Home {
    /// The poll that it is registered in.
    pub fn poll(&self) -> usize {
        // Ordering: Relaxed; changed by who has `Moving`, and read for certain by the owner alone.
        self.poll.load(Ordering::Relaxed) as usize
    }

    /// It is registered in `poll` now.
    pub fn settle(&self, poll: usize) {
        // Ordering: Relaxed, as in `poll`; the counts are advice.
        self.poll.store(poll as u32, Ordering::Relaxed);
        self.strays.store(0, Ordering::Relaxed);
    }

    /// A task on `here` is about to wait: where the source should go. `of_packets` says in which poll's core its packets
    /// come in.
    #[inline]
    pub fn waits(&self, here: usize, of_packets: impl FnOnce() -> Option<usize>) -> Option<usize> {
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
        (there != here && coin(std::ptr::from_ref(self).addr(), waits / CHECKS)).then_some(there)
    }

    /// Moves the source to another poll: `add` registers it with one, `remove` takes it out. Whether it moved: not if it is
    /// there, the poll does not take it, or somebody moves it already (the other half's task).
    pub fn move_to<E>(&self, to: usize, add: impl FnOnce(usize) -> Result<(), E>, remove: impl FnOnce(usize)) -> bool {
        let Some(_moving) = self.begin_move() else { return false };
        let from = self.poll();
        if from == to {
            return false;
        }
        if broken("io-move-removes-first") {
            remove(from);
            self.settle(to);
            return add(to).is_ok();
        }
        // For a moment it is in both, and an event comes twice, which is one too many and harmless. If the new one does not
        // take it, it stays.
        if add(to).is_err() {
            return false;
        }
        self.settle(to);
        remove(from);
        true
    }

    /// Starts to move it, unless somebody does already.
    fn begin_move(&self) -> Option<Moving<'_>> {
        if broken("io-move-together") {
            return Some(Moving(self));
        }
        // Ordering: Acquire pairs with the Release in `drop`: we see where the last mover left it.
        (!self.moving.swap(true, Ordering::Acquire)).then(|| Moving(self))
    }
}

/// Whether it is this end's turn to move. The two ends of a connection wait equally often, so what tells them apart is where
/// their records are; and they must not agree for long, so every throw is a new one: splitmix's finalizer of both.
fn coin(place: usize, throw: u32) -> bool {
    let mixed = (place as u64 ^ (u64::from(throw) << 48)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed >> 63 == 0
}

impl Drop for Moving<'_> {
    fn drop(&mut self) {
        // Ordering: Release pairs with the Acquire in `begin_move`.
        self.0.moving.store(false, Ordering::Release);
    }
}

#[cfg(all(test, not(any(gumption_loom, gumption_shuttle))))]
mod tests {
    use super::*;

    const NOWHERE: fn() -> Option<usize> = || None;

    fn home(poll: usize) -> Home {
        let home = Home::default();
        home.settle(poll);
        home
    }

    #[test]
    fn a_source_follows_a_task_that_waits_elsewhere_several_times_in_a_row() {
        let home = home(0);
        for _ in 1..STRAYS {
            assert_eq!(home.waits(1, NOWHERE), None);
        }
        assert_eq!(home.waits(1, NOWHERE), Some(1));
        home.settle(1);
        for _ in 1..STRAYS {
            assert_eq!(home.waits(2, NOWHERE), None);
        }
        assert_eq!(home.waits(1, NOWHERE), None, "at home again");
        for _ in 1..STRAYS {
            assert_eq!(home.waits(2, NOWHERE), None, "counted from the beginning");
        }
        assert_eq!(home.waits(2, NOWHERE), Some(2));
    }

    #[test]
    fn the_kernel_is_asked_now_and_then_and_only_at_home() {
        let (home, asked) = (home(0), std::cell::Cell::new(0));
        let ask = || {
            asked.set(asked.get() + 1);
            Some(0)
        };
        for _ in 0..10 * CHECKS {
            assert_eq!(home.waits(0, ask), None, "the packets come in here");
        }
        assert_eq!(asked.get(), 10);
        for _ in 0..10 * CHECKS {
            let _follow = home.waits(1, ask);
        }
        assert_eq!(asked.get(), 10);
    }

    /// Two sources whose packets come in where the other one's task runs, and whose tasks go where their source is: the ends
    /// of a connection over loopback, which wait in turns.
    #[test]
    fn the_two_ends_of_a_connection_come_together_and_stay() {
        let homes: Box<[Home]> = (0..64).map(|_| Home::default()).collect();
        for (i, a) in homes.iter().enumerate() {
            for b in &homes[i + 1..] {
                a.settle(0);
                b.settle(1);
                for _ in 0..64 * CHECKS {
                    // Each decides before it hears of the other's move.
                    let (at_a, at_b) = (a.poll(), b.poll());
                    let (a_to, b_to) = (a.waits(at_a, || Some(at_b)), b.waits(at_b, || Some(at_a)));
                    if let Some(to) = a_to {
                        a.settle(to);
                    }
                    if let Some(to) = b_to {
                        b.settle(to);
                    }
                    assert!(at_a != at_b || a.poll() == b.poll(), "they met and parted");
                }
                assert_eq!(a.poll(), b.poll(), "64 throws of two coins");
                a.waits.store(0, Ordering::Relaxed);
                b.waits.store(0, Ordering::Relaxed);
            }
        }
    }

    #[test]
    fn one_thread_moves_a_source_at_a_time() {
        let home = home(0);
        let moved = home.move_to(
            1,
            |to| {
                assert!(!home.move_to(2, |_| Err(()), |_| unreachable!("somebody moves it already")));
                if to == 1 { Ok(()) } else { Err(()) }
            },
            |from| assert_eq!(from, 0),
        );
        assert!(moved && home.poll() == 1);
        assert!(!home.move_to(1, |_| Err(()), |_| unreachable!("it is there")));
        assert!(!home.move_to(0, |_| Err(()), |_| unreachable!("the poll did not take it")));
        assert_eq!(home.poll(), 1);
        assert!(home.move_to(0, |_| Ok::<(), ()>(()), |from| assert_eq!(from, 1)), "the right to move comes back");
    }
}
