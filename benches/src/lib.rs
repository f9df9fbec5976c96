//! The benches: one body per workload, written once, run on every peer.
//!
//! A claim of speed is a ratio against a peer in the same run, so the bodies must not know which runtime runs them.
//! [`Peer`] is all that they may ask of a runtime: start with so many workers, block on, spawn from a task and from
//! outside, detach, yield, sleep, enter a blocking section. `peers/` implements it for Gumption, tokio and
//! async-executor; `body/` holds the workloads; [`catalogue`] names them, says what one operation is and which target
//! each has to meet; [`measured`] is what a body gives back, by which clocks; [`net`] adds what an echo asks of a runtime's
//! sockets; [`limit`] is the same echo on a bare epoll, the machine's own limit; [`subject`] hides the runtime's type so that
//! one list can hold them all.
//!
//! Two programs use this. `benches/*.rs` are criterion benches, for looking closely at one change. The `table` binary
//! is the one command: every workload on every peer, interleaved, each in a fresh process, with the ratios.
//!
//! Channels, locks and signals are measured with each runtime's own (`body/primitives/`: one text over two sets of the same
//! API); async-executor runs tokio's, which need no runtime. Where a body needs a channel only to hold itself together, it is
//! tokio's on every peer.
//!
//! What the bodies refuse to do: set a thread's affinity, tune a peer (each runs with its defaults but for the number
//! of workers), or measure the peer's start and stop.
//!
//! The one invariant: a body returns only when all that it spawned has finished, so nothing leaks into the next one.

use std::future::Future;
use std::time::Duration;

use crate::body::primitives::Primitives;

pub mod body;
pub mod catalogue;
#[cfg(target_os = "linux")]
pub mod limit;
pub mod measured;
pub mod net;
pub mod peers;
pub mod sample;
pub mod subject;
pub mod watching;

/// A runtime, as far as a bench body may know it.
pub trait Peer: Sync + Sized + 'static {
    /// What the tables call it.
    const NAME: &'static str;

    /// Whether the runtime can run a blocking closure where the task stands ([`Peer::block_in_place`]).
    const BLOCK_IN_PLACE: bool;

    /// The bodies over the runtime's own primitives.
    const PRIMITIVES: Primitives<Self>;

    /// A spawned task, awaited for its output. A task that panicked panics its joiner. Dropping it may cancel the task:
    /// use [`Peer::detach`] for a task that nobody joins.
    type Join<T: Send + 'static>: Future<Output = T> + Send + 'static;

    /// Starts a runtime with so many workers. Dropping it stops them.
    ///
    /// # Errors
    /// If the system has no thread left to give.
    fn start(workers: usize) -> std::io::Result<Self>;

    /// Runs a future on the calling thread, which is not a worker.
    fn block_on<F: Future>(&self, future: F) -> F::Output;

    /// Spawns from a thread that is not a worker.
    fn spawn_from_outside<F>(&self, future: F) -> Self::Join<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static;

    /// Spawns from inside a task.
    fn spawn<F>(future: F) -> Self::Join<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static;

    /// Spawns from inside a task a task that nobody joins.
    fn detach<F: Future<Output = ()> + Send + 'static>(future: F);

    /// Gives the other tasks a turn, in the runtime's own way.
    fn yield_now() -> impl Future<Output = ()> + Send;

    /// The runtime's own timer.
    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static;

    /// Runs a blocking closure from a task in the cheapest way that the runtime offers.
    fn blocking<R: Send + 'static>(section: impl FnOnce() -> R + Send + 'static) -> impl Future<Output = R> + Send;

    /// Runs a blocking closure where the task stands. Only where [`Peer::BLOCK_IN_PLACE`] says so: elsewhere it just
    /// calls the closure, and the catalogue leaves the bench out.
    fn block_in_place<R>(section: impl FnOnce() -> R) -> R;

    /// Runs a future as a task and waits for it from outside.
    fn run<F>(&self, future: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.block_on(self.spawn_from_outside(future))
    }
}
