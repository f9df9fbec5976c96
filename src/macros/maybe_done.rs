//! [`MaybeDone`]: a future, and then its output, in the same place.
//!
//! What `join!` keeps each of its futures in until all are done. It may be polled after it is done, which does nothing.

// The projection's macro takes no comments on fields.
#![allow(missing_docs)]

use pin_project_lite::pin_project;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pin_project! {
    /// A future, or its output.
    // In C's layout the future's own bytes are never read to tell the states apart: they may be borrowed by the future.
    #[derive(Debug)]
    #[project = Projected]
    #[project_replace = Replaced]
    #[repr(C)]
    pub enum MaybeDone<F: Future> {
        /// Not done.
        Running { #[pin] future: F },
        /// Done.
        Done { output: F::Output },
        /// Done, and the output taken.
        Taken,
    }
}

/// A future that has not been polled.
pub fn maybe_done<F: IntoFuture>(future: F) -> MaybeDone<F::IntoFuture> {
    MaybeDone::Running { future: future.into_future() }
}

impl<F: Future> MaybeDone<F> {
    /// Polls it unless it is done; whether it is.
    #[inline]
    pub fn poll_done(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> bool {
        let Projected::Running { future } = self.as_mut().project() else { return true };
        let Poll::Ready(output) = future.poll(cx) else { return false };
        self.set(Self::Done { output });
        true
    }

    /// Takes the output.
    ///
    /// # Panics
    ///
    /// If there is none, or no more.
    #[inline]
    pub fn take(self: Pin<&mut Self>) -> F::Output {
        match self.project_replace(Self::Taken) {
            Replaced::Done { output } => output,
            Replaced::Running { .. } | Replaced::Taken => panic!("an output was taken that was not there"),
        }
    }
}

impl<F: Future<Output = Result<T, E>>, T, E> MaybeDone<F> {
    /// Polls it unless it is done; an error is taken out at once.
    #[inline]
    pub fn poll_ok(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        let Projected::Running { future } = self.as_mut().project() else { return Poll::Ready(Ok(())) };
        let output = ready!(future.poll(cx));
        match output {
            Ok(_) => {
                self.set(Self::Done { output });
                Poll::Ready(Ok(()))
            }
            Err(error) => {
                self.set(Self::Taken);
                Poll::Ready(Err(error))
            }
        }
    }

    /// Takes the value.
    ///
    /// # Panics
    ///
    /// If there is none, or no more.
    #[inline]
    pub fn take_ok(self: Pin<&mut Self>) -> T {
        match self.take() {
            Ok(value) => value,
            Err(_) => panic!("an error is taken when it comes"),
        }
    }
}
