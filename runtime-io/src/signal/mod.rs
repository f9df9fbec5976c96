//! Signals, told to tasks.
//!
//! A signal reaches the process on whatever thread the kernel likes and interrupts it anywhere, so almost nothing may be
//! done there. What this module does is one swap and one write:
//!
//! ```text
//! kernel --> the handler (signal-hook-registry's) --> every listener's action: swap a flag, write a byte
//!                                                                                                |  a pipe per listener
//! task <-- Signal::recv <-- the pipe's readiness <-- the netpoller of the runtime that it listens in
//! ```
//!
//! **There is no driver for signals.** Each [`Signal`](unix::Signal) is a pipe and an action of its own (`bell.rs`), registered
//! with the netpoller of the runtime in which it was made, like any socket. So several runtimes in one process
//! hear the same signal without knowing of each other, a listener outlives its runtime in whichever polls it next, and
//! who drops a listener unregisters its action. It costs two descriptors a listener: listeners are few.
//!
//! **Signals coalesce.** The kernel merges those that are pending, and so does the flag: whoever takes it has been told of *at
//! least one* signal since it was last taken. What is guaranteed is the other direction, the invariant here: **a signal
//! that is handled after a listener was made, or after it returned from `recv`, is seen by its next `recv`.**
//!
//! The first listener for a signal installs a handler for the life of the process: from then on the signal's default
//! action (to end the process, mostly) does not happen, also when nobody listens any more.
//!
//! This module refuses to guess which thread gets a signal, to mask any, and to run code of the user's in a handler.

pub(crate) mod bell;
pub mod unix;

use std::io;

/// Completes when the process is asked to stop from its terminal (`SIGINT` on Unix).
///
/// The listener is made when the future is first polled, and the first `SIGINT` after that completes it. To catch one that
/// comes between two calls, keep a [`unix::signal`] listener instead.
///
/// From the first call on `SIGINT` does not end the process any more: see [`unix::Signal`].
///
/// # Errors
///
/// If the handler cannot be installed, or descriptors are exhausted, or the runtime has ended.
///
/// # Examples
///
/// ```
/// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
/// use gumption_io::signal;
///
/// # let runtime = Runtime::new()?;
/// # runtime.block_on(async {
/// let interrupted = gumption_core::spawn(signal::ctrl_c());
/// # // Until the listener exists, the signal would end this process.
/// # let mut first = signal::unix::signal(signal::unix::SignalKind::interrupt())?;
/// # while !interrupted.is_finished() {
/// # // SAFETY: sends a signal that is handled to this process.
/// # unsafe { libc::raise(libc::SIGINT) };
/// # first.recv().await;
/// # gumption_core::yield_now().await;
/// # }
/// interrupted.await.expect("does not panic")?;
/// println!("stopping");
/// # Ok::<(), std::io::Error>(())
/// # })?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub async fn ctrl_c() -> io::Result<()> {
    match unix::signal(unix::SignalKind::interrupt())?.recv().await {
        Some(()) => Ok(()),
        None => Err(io::Error::other("ctrl-c was listened for in a runtime that has ended")),
    }
}
