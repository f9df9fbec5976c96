//! `Timeout`: a future and a deadline for it.
//!
//! The future is polled first, so one that is ready wins over a deadline that has passed. The deadline is looked at in every
//! poll, also in one in which the future used up the task's budget: otherwise a future that never lets go of the budget
//! would never time out.
//!
//! A duration that leads past the end of all time is no deadline at all, and costs no timer.
//!
//! Dropping a `Timeout` drops the future and then cancels the timer, which is one RMW: a request that beats its timeout costs no
//! trip to a heap. Invariant: at most one of the two outcomes is reported, and the future is not polled after it.

use super::error::Elapsed;
use super::{Duration, Instant, Sleep, sleep_until};
use crate::coop;
use pin_project_lite::pin_project;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll};

pin_project! {
    /// Future of [`timeout`] and [`timeout_at`]. It is cancel safe if its future is.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Timeout<T> {
        #[pin]
        value: T,
        #[pin]
        delay: Option<Sleep>,
    }
}

/// `future`, for `duration` at most: its output, or [`Elapsed`].
///
/// A future that is ready at the first poll is never late, even with a `duration` of zero. To let go of the deadline, drop
/// this or take the future out with [`into_inner`](Timeout::into_inner).
///
/// ```
/// use gumption_core::runtime::Runtime;
/// use gumption_core::time::{Duration, sleep, timeout};
///
/// let runtime: Runtime = Runtime::new()?;
/// runtime.block_on(async {
///     assert_eq!(timeout(Duration::ZERO, async { 7 }).await, Ok(7));
///     assert!(timeout(Duration::from_millis(1), sleep(Duration::from_secs(60))).await.is_err());
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Panics
/// Where [`sleep`](super::sleep) does.
#[track_caller]
pub fn timeout<F: IntoFuture>(duration: Duration, future: F) -> Timeout<F::IntoFuture> {
    let value = future.into_future();
    // Not in a closure, whose panic would name this file.
    if let Some(deadline) = Instant::now().checked_add(duration) {
        return Timeout { value, delay: Some(Sleep::from_now(deadline, duration)) };
    }
    Timeout { value, delay: None }
}

/// `future`, until `deadline` at most.
///
/// ```
/// use gumption_core::runtime::Runtime;
/// use gumption_core::time::{Duration, Instant, sleep, timeout_at};
///
/// let runtime: Runtime = Runtime::new()?;
/// runtime.block_on(async {
///     let deadline = Instant::now() + Duration::from_millis(2);
///     assert!(timeout_at(deadline, sleep(Duration::from_secs(60))).await.is_err());
///     assert!(Instant::now() >= deadline);
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Panics
/// Where [`sleep`](super::sleep) does.
#[track_caller]
pub fn timeout_at<F: IntoFuture>(deadline: Instant, future: F) -> Timeout<F::IntoFuture> {
    Timeout { value: future.into_future(), delay: Some(sleep_until(deadline)) }
}

impl<T> Timeout<T> {
    /// The future.
    pub fn get_ref(&self) -> &T {
        &self.value
    }

    /// The future.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.value
    }

    /// The future, without the deadline.
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T: Future> Future for Timeout<T> {
    type Output = Result<T::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let had_budget = coop::has_budget_remaining();
        if let Poll::Ready(value) = this.value.poll(cx) {
            return Poll::Ready(Ok(value));
        }
        let Some(delay) = this.delay.as_pin_mut() else { return Poll::Pending };
        let expired = if had_budget && !coop::has_budget_remaining() {
            coop::with_unconstrained(|| delay.poll(cx))
        } else {
            delay.poll(cx)
        };
        expired.map(|()| Err(Elapsed::new()))
    }
}
