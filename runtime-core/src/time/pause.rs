//! `pause`, `resume`, `advance`: time as a test wants it.
//!
//! The names and semantics are those of `tokio::time` with `test-util`. Here they are always there: a program that does not
//! call them pays one load of a word that is never written, see [`RuntimeClock`](crate::timer::RuntimeClock).
//!
//! This file finds the thread's runtime and turns what its clock answers into panics. How a clock that stands meets the
//! scheduler is `paused.rs`.
//!
//! Invariant: a clock is stopped only in a runtime of one thread.

use super::Duration;
use crate::entered;
use crate::scheduler::Scheduler;
use crate::texts;
use crate::timer::{ClockError, RuntimeClock};
use crate::yield_now;
use std::fmt;

/// Why time could not be paused, resumed or advanced.
enum Refused {
    NoRuntime,
    Flavor,
    Clock(ClockError),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRuntime => f.write_str(texts::NO_CLOCK),
            Self::Flavor => f.write_str(texts::CLOCK_OF_MANY),
            Self::Clock(error) => error.fmt(f),
        }
    }
}

#[track_caller]
fn change(change: impl FnOnce(&RuntimeClock) -> Result<(), ClockError>) {
    let changed = entered::current(|scheduler| {
        let scheduler: &Scheduler = scheduler.ok_or(Refused::NoRuntime)?;
        if !scheduler.may_pause() {
            return Err(Refused::Flavor);
        }
        scheduler.change_clock(change).map_err(Refused::Clock)
    });
    if let Err(refused) = changed {
        panic!("{refused}");
    }
}

/// Stops the runtime's clock.
///
/// From here on [`Instant::now`](super::Instant::now) is the same moment in every task of this runtime, until the clock is
/// moved by [`advance`], moves by itself, or goes on by [`resume`]. `std`'s clock, and with it sockets, processes and other
/// runtimes, are not affected. [`Builder::start_paused`](crate::runtime::Builder::start_paused) stops it from the beginning.
///
/// # Auto-advance
///
/// When the runtime has nothing else to do, the clock jumps to the earliest timer. So tests do not wait for anything, and
/// timers fire one after the other, in the order of their deadlines, each at exactly its time.
///
/// ```
/// use gumption_core::runtime::Builder;
/// use gumption_core::time::{Duration, Instant, sleep};
///
/// # let mut builder = Builder::<gumption_core::driver::ThreadDriver>::new_current_thread();
/// let runtime = builder.enable_time().start_paused(true).build()?;
/// runtime.block_on(async {
///     let start = Instant::now();
///     sleep(Duration::from_secs(24 * 60 * 60)).await;
///     assert_eq!(start.elapsed(), Duration::from_secs(24 * 60 * 60));
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// Not while a closure of [`spawn_blocking`](crate::spawn_blocking) runs: real work takes no time on a clock that stands.
///
/// ```
/// # use gumption_core::runtime::Builder;
/// # use gumption_core::time::{Duration, Instant, sleep, timeout};
/// # let mut builder = Builder::<gumption_core::driver::ThreadDriver>::new_current_thread();
/// # let runtime = builder.enable_time().start_paused(true).build()?;
/// # runtime.block_on(async {
/// let start = Instant::now();
/// let slow = gumption_core::spawn_blocking(|| std::thread::sleep(Duration::from_millis(20)));
/// assert!(timeout(Duration::from_millis(1), slow).await.is_ok());
/// assert_eq!(start.elapsed(), Duration::ZERO);
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// What comes from outside by no closure (a byte on a socket, a message of a thread of your own) does not hold the clock: it
/// jumps while that is on its way. A runtime without timers waits for it.
///
/// # Panics
///
/// If the clock stands already, outside a runtime, and on a multi-thread runtime.
#[track_caller]
pub fn pause() {
    change(RuntimeClock::pause);
}

/// Lets the clock go on from where it stands.
///
/// ```
/// use gumption_core::runtime::Builder;
/// use gumption_core::time::{self, Duration, Instant};
///
/// let runtime = Builder::<gumption_core::driver::ThreadDriver>::new_current_thread().enable_time().build()?;
/// runtime.block_on(async {
///     let start = Instant::now();
///     time::pause();
///     time::advance(Duration::from_secs(10)).await;
///     time::resume();
///     assert!(start.elapsed() >= Duration::from_secs(10), "it does not go back");
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Panics
///
/// If the clock does not stand, outside a runtime, and on a multi-thread runtime.
#[track_caller]
pub fn resume() {
    change(RuntimeClock::resume);
}

/// Moves a clock that stands, in one jump, and lets other tasks run once.
///
/// Every timer that is due then fires, the earliest first, all at the new time. The tasks that this wakes have not
/// necessarily run when `advance` returns: to wait until they have, [`sleep`](super::sleep) for the same time instead, and
/// the clock will go there timer by timer.
///
/// ```
/// use gumption_core::runtime::Builder;
/// use gumption_core::time::{self, Duration, Instant};
///
/// # let mut builder = Builder::<gumption_core::driver::ThreadDriver>::new_current_thread();
/// let runtime = builder.enable_time().start_paused(true).build()?;
/// runtime.block_on(async {
///     let start = Instant::now();
///     let hour = gumption_core::spawn(time::sleep(Duration::from_secs(3600)));
///     time::advance(Duration::from_secs(7200)).await;
///     hour.await.unwrap();
///     assert_eq!(start.elapsed(), Duration::from_secs(7200));
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Panics
///
/// If the clock does not stand, outside a runtime, and if `duration` leads beyond the clock's end, 584 years after the
/// process began.
pub async fn advance(duration: Duration) {
    change(|clock| clock.advance(duration));
    yield_now().await;
}
