//! The word that says who owns a processor: idle, with a machine, or in a blocking section and up for grabs.
//!
//! | state | who owns the processor | who may change it |
//! | --- | --- | --- |
//! | `Idle` | the idle set, or whoever took it from there | that taker, to `Running` |
//! | `Running` | the machine that runs it | that machine |
//! | `Blocked` | the machine in its blocking section, until sysmon takes it | both, by exchange |
//! | `Spare` | nobody: it is not in use | sysmon, to `Idle` on its way to a machine |
//!
//! A blocking section is Go's `entersyscall`: a store going in, an exchange coming out, about 9 ns together. Sysmon
//! takes the processor with an exchange from the very word that it saw a round ago; the tick in the word makes sure that
//! it is the same section (`syscall_exit_vs_retake`).
//!
//! Model: `loom-tests/tests/ownership.rs`.

use crate::sync::{AtomicU64, Ordering, broken, weaken};

const STATE: u64 = 0b11;
const TICK: u64 = 0b100;

/// Who owns a processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The idle set, or whoever took it from there.
    Idle,
    /// A machine.
    Running,
    /// A machine in a blocking section; sysmon may take it.
    Blocked,
    /// Nobody: not in use.
    Spare,
}

/// What the end of a blocking section found.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The machine still owns the processor.
    Kept,
    /// Sysmon has taken it.
    Lost,
}

/// A word seen in state [`State::Blocked`], to be taken if it is still the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seen(u64);

/// The word.
#[derive(Debug)]
pub struct Status(AtomicU64);

impl Status {
    /// A processor that nobody uses yet.
    pub fn new() -> Self {
        Self(AtomicU64::new(State::Spare as u64))
    }

    /// Who owns it now; advice unless the caller does.
    #[inline]
    pub fn state(&self) -> State {
        // Ordering: Relaxed, advice.
        Self::decode(self.0.load(Ordering::Relaxed))
    }

    fn decode(word: u64) -> State {
        match word & STATE {
            0 => State::Idle,
            1 => State::Running,
            2 => State::Blocked,
            _ => State::Spare,
        }
    }

    /// The owner (a machine, the idle set's taker, sysmon for a spare) moves it to `state`.
    pub fn set(&self, state: State) {
        debug_assert_ne!(state, State::Blocked, "only `enter_blocking` opens a section");
        // Ordering: Relaxed read, nobody else writes; Release, because a machine that takes it from the idle set gets
        // what we did to it through that set's lock, and one that reads the word must not see more than we have done.
        let word = self.0.load(Ordering::Relaxed);
        self.0.store((word & !STATE) | state as u64, Ordering::Release);
    }

    /// The owning machine enters a blocking section; what it gets it must show at the end. From here on it must not
    /// touch the processor's owner half.
    #[inline]
    pub fn enter_blocking(&self) -> Seen {
        // Ordering: Relaxed read, we own it. Release pairs with the Acquire in `retake`: sysmon's machine sees all that
        // we did to the owner half.
        let word = self.0.load(Ordering::Relaxed);
        let blocked = (word & !STATE).wrapping_add(TICK) | State::Blocked as u64;
        self.0.store(blocked, weaken("owner-enter-relaxed", Ordering::Release));
        Seen(blocked)
    }

    /// The machine leaves its blocking section.
    #[inline]
    pub fn exit_blocking(&self, entered: Seen) -> Exit {
        let mine = entered.0;
        let running = (mine & !STATE).wrapping_add(TICK) | State::Running as u64;
        if broken("owner-exit-load-store") {
            // Ordering: a mutant.
            if self.0.load(Ordering::Acquire) != mine {
                return Exit::Lost;
            }
            self.0.store(running, Ordering::Release);
            return Exit::Kept;
        }
        // Ordering: AcqRel; Acquire pairs with thieves that touched its queues (they use the queues' own orderings) and
        // with an owner before us that gave it back, Release with the next `retake`.
        match self.0.compare_exchange(mine, running, Ordering::AcqRel, Ordering::Relaxed) {
            Ok(_) => Exit::Kept,
            Err(_) => Exit::Lost,
        }
    }

    /// Blocking sections entered, left and retaken so far, wrapping; for observers.
    pub fn tick(&self) -> u64 {
        // Ordering: Relaxed, for observers.
        self.0.load(Ordering::Relaxed) / TICK
    }

    /// Sysmon puts a spare processor to use: true, and the caller owns it (it is `Idle`).
    #[must_use]
    pub fn take_spare(&self) -> bool {
        // Ordering: Relaxed; the exchange decides.
        let word = self.0.load(Ordering::Relaxed);
        let idle = (word & !STATE) | State::Idle as u64;
        // Ordering: Acquire pairs with the Release in `set`: whoever runs it next sees what its last owner did to the
        // owner half before it retired.
        Self::decode(word) == State::Spare
            && self
                .0
                .compare_exchange(word, idle, weaken("owner-spare-relaxed", Ordering::Acquire), Ordering::Relaxed)
                .is_ok()
    }

    /// The word if it is in a blocking section now.
    pub fn blocked(&self) -> Option<Seen> {
        // Ordering: Relaxed; `retake` decides.
        let word = self.0.load(Ordering::Relaxed);
        (Self::decode(word) == State::Blocked).then_some(Seen(word))
    }

    /// Sysmon takes a processor whose section has lasted since `seen`: true, and the caller owns it (it is `Idle`).
    #[must_use]
    pub fn retake(&self, seen: Seen) -> bool {
        let idle = (seen.0 & !STATE).wrapping_add(TICK) | State::Idle as u64;
        // Ordering: Acquire pairs with the Release in `enter_blocking`; Release with the Acquire of whoever runs it next.
        self.0
            .compare_exchange(seen.0, idle, weaken("owner-retake-relaxed", Ordering::AcqRel), Ordering::Relaxed)
            .is_ok()
    }
}

impl Default for Status {
    fn default() -> Self {
        Self::new()
    }
}
