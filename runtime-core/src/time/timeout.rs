//! `Timeout`: a future and a deadline for it.
//!
//! The future is polled first, so one that is ready wins over a deadline that has passed. The deadline is looked at in every
//! poll, also in one in which the future used up the task's budget: otherwise a future that never lets go of the budget
//! would never time out.
//!
//! Dropping a `Timeout` drops the future and then cancels the timer, which is one RMW: a request that beats its timeout costs no
//! trip to a heap. Invariant: at most one of the two outcomes is reported, and the future is not polled after it.

use super::error::Elapsed;
use super::{Duration, Instant, Sleep, sleep, sleep_until};
use crate::coop;
use pin_project_lite::pin_project;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll};

pin_project! {
    /// Future of [`timeout`] and [`timeout_at`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Timeout<T> {
        #[pin]
        value: T,
        #[pin]
        delay: Sleep,
    }
}

/// `future`, for `duration` at most.
///
/// # Panics
/// Outside a runtime.
#[track_caller]
pub fn timeout<F: IntoFuture>(duration: Duration, future: F) -> Timeout<F::IntoFuture> {
    Timeout { value: future.into_future(), delay: sleep(duration) }
}

/// `future`, until `deadline` at most.
///
/// # Panics
/// Outside a runtime.
#[track_caller]
pub fn timeout_at<F: IntoFuture>(deadline: Instant, future: F) -> Timeout<F::IntoFuture> {
    Timeout { value: future.into_future(), delay: sleep_until(deadline) }
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
        let delay = this.delay;
        let expired = if had_budget && !coop::has_budget_remaining() {
            coop::with_unconstrained(|| delay.poll(cx))
        } else {
            delay.poll(cx)
        };
        expired.map(|()| Err(Elapsed::new()))
    }
}
