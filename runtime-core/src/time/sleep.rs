//! `Sleep`: a timer with a deadline that one can read and move.
//!
//! Nothing is armed when a `Sleep` is made: the first poll files it with the processor that polls, and there it stays
//! until it fires or a poll after [`reset`](Sleep::reset) files it elsewhere. A deadline already past is found at the first
//! poll: by the processor's recent reading of the clock, which costs nothing, and, when the deadline was given as a moment
//! rather than as a duration from now, by reading the clock. A duration is not checked again; if it is already over, the
//! timer fires at the processor's next look.
//!
//! Moving the deadline of an armed timer later is one RMW on its entry. Moving it earlier cancels it and arms another; on
//! a thread outside the runtime there is no heap to arm it in, so the sleeping task is woken to do it.
//!
//! Invariant: between the first poll and `Ready`, the task that polled last is woken when the deadline comes, or the
//! timer's runtime has shut down and the poll panics. The protocol is in `timer/entry.rs`.

use super::{Duration, Instant};
use crate::coop;
use crate::home::with_home;
use crate::texts;
use crate::timer::{Armed, Cancel, Clock, Status, Timer};
use crate::wait::{WaitReason, blocked_on};
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

/// Where a `Sleep` is between two polls. `Armed` asks the timer for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The next poll arms it; it need not read the clock for it.
    Fresh,
    /// The next poll arms it, unless the clock says that the deadline has passed.
    Unchecked,
    /// The timer's entry says how it stands.
    Armed,
    /// The deadline was past when it was polled.
    Elapsed,
    /// Its runtime has shut down.
    Closed,
}

pin_project! {
    /// Future of [`sleep`] and [`sleep_until`]. It must be pinned before it is polled by hand, and may then be
    /// [moved in time](Sleep::reset) as often as wanted.
    ///
    /// ```
    /// use gumption_core::runtime::Runtime;
    /// use gumption_core::time::{Duration, Instant, sleep};
    /// use std::pin::pin;
    ///
    /// let runtime: Runtime = Runtime::new()?;
    /// runtime.block_on(async {
    ///     let mut nap = pin!(sleep(Duration::from_secs(3600)));
    ///     assert!(!nap.is_elapsed());
    ///     let soon = Instant::now() + Duration::from_millis(1);
    ///     nap.as_mut().reset(soon);
    ///     assert_eq!(nap.deadline(), soon);
    ///     nap.as_mut().await;
    ///     assert!(nap.is_elapsed());
    /// });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[project(!Unpin)]
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Sleep {
        deadline: Instant,
        phase: Phase,
        timer: Timer,
    }

    impl PinnedDrop for Sleep {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            drop(cancel(this.timer));
        }
    }
}

/// Waits until `duration` has passed: never less, and how much more depends on how soon the runtime comes to look.
///
/// The clock runs from this call, not from the first poll. To do something every so often use [`interval`](super::interval).
///
/// ```
/// use gumption_core::runtime::Runtime;
/// use gumption_core::time::{Duration, Instant, sleep};
///
/// let runtime: Runtime = Runtime::new()?;
/// runtime.block_on(async {
///     let start = Instant::now();
///     sleep(Duration::from_millis(2)).await;
///     assert!(start.elapsed() >= Duration::from_millis(2));
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Cancel safety
/// Dropping it cancels the timer, and nothing else happens.
///
/// # Panics
/// Outside a runtime, and in one that was built without [`enable_time`](crate::runtime::Builder::enable_time).
#[track_caller]
pub fn sleep(duration: Duration) -> Sleep {
    Sleep::from_now(Instant::now().plus(duration), duration)
}

/// Waits until `deadline`; a deadline that has passed is over at the first poll.
///
/// ```
/// use gumption_core::runtime::Runtime;
/// use gumption_core::time::{Duration, Instant, sleep_until};
///
/// let runtime: Runtime = Runtime::new()?;
/// runtime.block_on(async {
///     let deadline = Instant::now() + Duration::from_millis(2);
///     sleep_until(deadline).await;
///     assert!(Instant::now() >= deadline);
///     sleep_until(deadline).await;
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Panics
/// As [`sleep`].
#[track_caller]
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep::new(deadline, Phase::Unchecked)
}

/// Cancels the timer and tells the processor, for its counters; the waker that waited.
fn cancel(timer: &mut Timer) -> Option<Waker> {
    match timer.cancel() {
        Cancel::Prevented(waker) => {
            // A thread without a home has no counters to tell.
            let _ = with_home(|home| home.cancelled());
            waker
        }
        Cancel::TooLate => None,
    }
}

impl Sleep {
    /// Until `deadline`, which is `duration` from now.
    #[track_caller]
    pub(super) fn from_now(deadline: Instant, duration: Duration) -> Self {
        Self::new(deadline, if duration.is_zero() { Phase::Unchecked } else { Phase::Fresh })
    }

    #[track_caller]
    fn new(deadline: Instant, phase: Phase) -> Self {
        match with_home(|home| home.has_time()) {
            Ok(true) => {}
            Ok(false) => panic!("{}", texts::NO_TIME),
            Err(none) => panic!("{none}"),
        }
        Self { deadline, phase, timer: Timer::new() }
    }

    /// When it is over.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Whether it is over: the timer has fired, or a poll found the deadline past.
    pub fn is_elapsed(&self) -> bool {
        match self.phase {
            Phase::Elapsed => true,
            Phase::Armed => self.timer.status() == Status::Fired,
            Phase::Fresh | Phase::Unchecked | Phase::Closed => false,
        }
    }

    /// Moves the deadline, whether it has passed or not. A task that waits is woken at the new deadline without another
    /// poll.
    pub fn reset(self: Pin<&mut Self>, deadline: Instant) {
        let this = self.project();
        *this.deadline = deadline;
        if *this.phase == Phase::Closed {
            return;
        }
        let when = Clock::get().at(deadline.into_std());
        if *this.phase == Phase::Armed && this.timer.postpone(when) {
            return;
        }
        *this.phase = Phase::Unchecked;
        if let Some(waker) = cancel(this.timer) {
            // Not to be found by the next look at a heap, but by the next poll.
            if deadline <= Instant::now() {
                *this.phase = Phase::Elapsed;
                return waker.wake();
            }
            match arm(this.timer, when, &waker) {
                Some(Armed::Earliest | Armed::Later) => *this.phase = Phase::Armed,
                Some(Armed::Closed) | None => waker.wake(),
            }
        }
    }

    /// [`reset`](Self::reset) of a timer that nobody waits for: the next poll arms it.
    pub(super) fn reset_unpolled(self: Pin<&mut Self>, deadline: Instant) {
        let this = self.project();
        *this.deadline = deadline;
        if *this.phase == Phase::Closed {
            return;
        }
        *this.phase = Phase::Unchecked;
        if this.timer.status() == Status::Armed {
            drop(cancel(this.timer));
        }
    }

    #[track_caller]
    fn poll_elapsed(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        if matches!(this.phase, Phase::Fresh | Phase::Unchecked) {
            *this.phase = first_poll(this.timer, *this.deadline, *this.phase, cx.waker());
            if *this.phase == Phase::Armed {
                // Armed with this very waker: if it has fired meanwhile, it has woken us.
                blocked_on(WaitReason::Sleep, 0);
                return Poll::Pending;
            }
        }
        let phase = match *this.phase {
            Phase::Armed => match this.timer.poll(cx.waker()) {
                Status::Armed => {
                    blocked_on(WaitReason::Sleep, 0);
                    return Poll::Pending;
                }
                Status::Fired => Phase::Elapsed,
                Status::Closed | Status::Idle => Phase::Closed,
            },
            phase => phase,
        };
        *this.phase = phase;
        if phase == Phase::Closed {
            panic!("{}", texts::SHUT_DOWN);
        }
        Poll::Ready(())
    }
}

/// Arms the timer in the current thread's home. `None` if it has none.
fn arm(timer: &mut Timer, when: u64, waker: &Waker) -> Option<Armed> {
    // The user's code, so not inside `with_home`.
    let waker = waker.clone();
    with_home(|home| {
        let armed = home.timers().arm(timer, when, waker);
        match armed {
            Armed::Earliest => home.armed(when, true),
            Armed::Later => home.armed(when, false),
            Armed::Closed => {}
        }
        armed
    })
    .ok()
}

#[track_caller]
fn first_poll(timer: &mut Timer, deadline: Instant, phase: Phase, waker: &Waker) -> Phase {
    let when = Clock::get().at(deadline.into_std());
    let known = match with_home(|home| home.now()) {
        Ok(known) => known,
        Err(none) => panic!("{none}"),
    };
    if when <= known || phase == Phase::Unchecked && deadline <= Instant::now() {
        return Phase::Elapsed;
    }
    match arm(timer, when, waker) {
        Some(Armed::Earliest | Armed::Later) => Phase::Armed,
        Some(Armed::Closed) | None => Phase::Closed,
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let step = ready!(coop::poll_proceed(cx));
        ready!(self.as_mut().poll_elapsed(cx));
        step.made_progress();
        Poll::Ready(())
    }
}
