//! The way to the blocking pool and back, with errors instead of panics and cancellations.
//!
//! [`run`] is for everything whose result is its caller's alone: it begins when the calling `async fn` is first polled, and is
//! attributed to the line that calls it, so that a dump tells a `rename` from a `read_dir`. [`start`] is for the types that keep
//! the handle and look at it from poll to poll.
//!
//! Three things can keep a closure from ending: the runtime is shut down before (`start` fails), the runtime is shut down before
//! the closure begins (its handle says that it was cancelled), it panics. All three come out as an [`io::Error`]; nothing
//! here can wait for ever, because a pool that is closed cancels what it will not run.
//!
//! Not for closures of users: those go to `spawn_blocking`, which hands their panics on.

use gumption_core::runtime::{Handle, is_rt_shutdown_err};
use gumption_core::task::{JoinError, JoinHandle};
use gumption_core::texts;
use std::future::Future;
use std::io;

/// What the end of the runtime means for a closure that has not begun.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Promise {
    /// Nobody was told that it is done: it is cancelled.
    None,
    /// Somebody was: it is run.
    Made,
}

/// Puts `f` on the pool.
///
/// # Panics
///
/// Outside a runtime.
#[track_caller]
pub(super) fn start<R: Send + 'static>(
    promise: Promise,
    f: impl FnOnce() -> R + Send + 'static,
) -> io::Result<JoinHandle<R>> {
    let started = Handle::current().try_spawn_blocking(promise == Promise::Made, f);
    started.map_err(|error| if is_rt_shutdown_err(&error) { io::Error::other(texts::LOST) } else { error })
}

/// Puts `f` on the pool, and waits for it when awaited.
///
/// # Panics
///
/// Outside a runtime.
#[track_caller]
pub(super) fn run<T: Send + 'static>(
    f: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> impl Future<Output = io::Result<T>> {
    let started = start(Promise::None, f);
    async move { started?.await.map_err(lost)? }
}

/// Why a closure did not end.
pub(super) fn lost(_error: JoinError) -> io::Error {
    io::Error::other(texts::LOST)
}
