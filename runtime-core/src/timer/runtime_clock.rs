//! A runtime's own clock: the process's, unless somebody has stopped it.
//!
//! Tests stop it ([`pause`](RuntimeClock::pause)), move it by hand ([`advance`](RuntimeClock::advance)), and let the
//! scheduler move it to the next timer when nothing else is left to do ([`jump`](RuntimeClock::jump)). Then a program that
//! sleeps for a day takes no time, and every run of it reads the same times. After [`resume`](RuntimeClock::resume) the
//! clock goes on from where it stands, ahead of the process's or behind it.
//!
//! What it shows is in the same unit and of the same epoch as [`Clock`], so that deadlines need no translation; only *now* is
//! another. It is what timers are compared with and what [`Instant::now`](crate::time::Instant::now) reads inside the
//! runtime. What is measured (how long a poll took, how long a thread waited) stays on [`Clock`].
//!
//! **What it costs while nobody stops it**: one relaxed load of a word that is never written, of the runtime's for the
//! scheduler's own readings, of the process's for `Instant::now`. Everything else is behind that load, under a mutex.
//!
//! It decides nothing: who may stop it is the runtime's business, and when it may jump the scheduler's (`rest.rs`).
//!
//! Invariant: it never goes back, whichever thread asks; and a jump passes no armed timer, because it is made under the lock of the
//! heap that holds them all ([`Timers::at_earliest`](super::Timers::at_earliest)).
//!
//! Models: `a_jump_passes_no_armed_timer` in `loom-tests/tests/timers.rs`; that who sleeps hears of a clock that was moved,
//! `stopped_clock_vs_sitter_falling_asleep` in `loom-tests/tests/seat.rs`.

use super::Clock;
use crate::sync::{AtomicBool, Mutex, Ordering, StaticU64};
use crate::texts;
use std::fmt;
use std::time::Duration;

/// Whether any clock of the process was ever paused. It outlives every runtime, and no protocol runs through it.
static EVER_PAUSED: StaticU64 = StaticU64::new(0);

/// A clock that can be paused.
#[derive(Debug)]
pub struct RuntimeClock {
    process: Clock,
    /// Whether it was ever paused; never unset.
    apart: AtomicBool,
    hands: Mutex<Hands>,
}

/// Where a clock that was paused stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hands {
    /// It goes, so many ns ahead of the process's clock; modulo 2^64, for it may be behind.
    Going { ahead: u64 },
    /// It stands.
    Standing { at: u64 },
}

/// Why a clock could not be paused, resumed or moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockError {
    /// It is paused already.
    Paused,
    /// It is not paused.
    Running,
    /// It does not go that far.
    TooFar,
}

impl fmt::Display for ClockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Paused => texts::CLOCK_STANDS,
            Self::Running => texts::CLOCK_GOES,
            Self::TooFar => texts::CLOCK_ENDS,
        })
    }
}

impl std::error::Error for ClockError {}

impl RuntimeClock {
    /// The process's clock, as long as nobody pauses it.
    pub fn new() -> Self {
        Self { process: Clock::get(), apart: AtomicBool::new(false), hands: Mutex::new(Hands::Going { ahead: 0 }) }
    }

    /// Whether any clock of the process was ever paused.
    #[inline]
    pub fn is_any_apart() -> bool {
        // Ordering: Relaxed. A thread that learnt of the pause by any other way sees this word, too, for it was written
        // before; to one that did not, the pause is yet to come.
        EVER_PAUSED.load(Ordering::Relaxed) != 0
    }

    /// Whether this one was ever paused.
    #[inline]
    pub fn is_apart(&self) -> bool {
        // Ordering: Relaxed, as in `is_any_apart`. What was written with it is under the lock.
        self.apart.load(Ordering::Relaxed)
    }

    /// Nanoseconds since the epoch.
    #[inline]
    pub fn now(&self) -> u64 {
        // While it was never paused, this load is all that pausing costs.
        if self.is_apart() { self.look().0 } else { self.process.now() }
    }

    /// What it shows, if it stands.
    #[inline]
    pub fn standing_at(&self) -> Option<u64> {
        if !self.is_apart() {
            return None;
        }
        let (now, stands) = self.look();
        stands.then_some(now)
    }

    #[cold]
    fn look(&self) -> (u64, bool) {
        let hands = *self.hands.lock();
        (self.shown(hands), matches!(hands, Hands::Standing { .. }))
    }

    fn shown(&self, hands: Hands) -> u64 {
        match hands {
            Hands::Going { ahead } => self.process.now().wrapping_add(ahead),
            Hands::Standing { at } => at,
        }
    }

    /// Stops it.
    ///
    /// # Errors
    /// If it stands already.
    pub fn pause(&self) -> Result<(), ClockError> {
        let mut hands = self.hands.lock();
        if let Hands::Standing { .. } = *hands {
            return Err(ClockError::Paused);
        }
        // Ordering: Relaxed, both, see the loads.
        EVER_PAUSED.store(1, Ordering::Relaxed);
        self.apart.store(true, Ordering::Relaxed);
        *hands = Hands::Standing { at: self.shown(*hands) };
        Ok(())
    }

    /// Lets it go on from where it stands.
    ///
    /// # Errors
    /// If it does not stand.
    pub fn resume(&self) -> Result<(), ClockError> {
        let mut hands = self.hands.lock();
        let Hands::Standing { at } = *hands else { return Err(ClockError::Running) };
        *hands = Hands::Going { ahead: at.wrapping_sub(self.process.now()) };
        Ok(())
    }

    /// Moves it.
    ///
    /// # Errors
    /// If it does not stand, or does not go that far.
    pub fn advance(&self, by: Duration) -> Result<(), ClockError> {
        let mut hands = self.hands.lock();
        let Hands::Standing { at } = *hands else { return Err(ClockError::Running) };
        let to = u64::try_from(by.as_nanos()).ok().and_then(|by| at.checked_add(by)).ok_or(ClockError::TooFar)?;
        *hands = Hands::Standing { at: to };
        Ok(())
    }

    /// Moves it to `to`, if it stands and has not come there yet. To be called in
    /// [`Timers::at_earliest`](super::Timers::at_earliest).
    pub fn jump(&self, to: u64) {
        let mut hands = self.hands.lock();
        if let Hands::Standing { at } = &mut *hands {
            *at = to.max(*at);
        }
    }
}

impl Default for RuntimeClock {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(any(gumption_loom, gumption_shuttle))))]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn it_is_the_process_clock_until_it_is_paused() {
        let clock = RuntimeClock::new();
        let before = Clock::get().now();
        let now = clock.now();
        assert!(before <= now && now <= Clock::get().now());
        assert_eq!((clock.is_apart(), clock.standing_at()), (false, None));
        assert_eq!(clock.resume(), Err(ClockError::Running));
        assert_eq!(clock.advance(SECOND), Err(ClockError::Running));
        clock.jump(u64::MAX);
        assert!(clock.now() <= Clock::get().now());
    }

    #[test]
    fn it_stands_where_it_was_paused_and_moves_when_told() {
        let clock = RuntimeClock::new();
        assert_eq!(clock.pause(), Ok(()));
        assert!(clock.is_apart() && RuntimeClock::is_any_apart());
        let at = clock.now();
        assert_eq!((clock.pause(), clock.standing_at()), (Err(ClockError::Paused), Some(at)));
        assert_eq!(clock.advance(SECOND), Ok(()));
        assert_eq!(clock.now(), at + 1_000_000_000);
        clock.jump(at);
        assert_eq!(clock.now(), at + 1_000_000_000, "never back");
        clock.jump(at + 2_000_000_000);
        assert_eq!(clock.now(), at + 2_000_000_000);
        assert_eq!(clock.advance(Duration::MAX), Err(ClockError::TooFar));
        assert_eq!(clock.advance(Duration::from_nanos(u64::MAX)), Err(ClockError::TooFar));
        assert_eq!(clock.now(), at + 2_000_000_000);
    }

    #[test]
    fn resumed_it_goes_on_from_where_it_stood() {
        let clock = RuntimeClock::new();
        assert_eq!(clock.pause(), Ok(()));
        assert_eq!(clock.advance(3600 * SECOND), Ok(()));
        let stood = clock.now();
        assert_eq!(clock.resume(), Ok(()));
        let first = clock.now();
        let second = clock.now();
        assert!(stood <= first && first <= second);
        assert!(clock.now() > Clock::get().now(), "an hour ahead");
        assert_eq!((clock.standing_at(), clock.pause()), (None, Ok(())));
        assert!(clock.now() >= second);
    }

    /// It may also fall behind, by having stood.
    #[test]
    fn a_clock_that_stood_goes_on_behind() {
        let clock = RuntimeClock::new();
        assert_eq!(clock.pause(), Ok(()));
        let at = clock.now();
        while Clock::get().now() == at {}
        assert_eq!(clock.resume(), Ok(()));
        let process = Clock::get().now();
        assert!(clock.now() >= at);
        assert!(clock.now().wrapping_sub(process) != 0 && clock.is_apart());
    }
}
