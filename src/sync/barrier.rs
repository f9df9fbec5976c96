//! [`Barrier`]: a number of tasks meet, and go on together.
//!
//! A count of who has arrived, under the lock of a [`Gate`]; who makes the number full opens it and is the leader. The count starts
//! anew in the same step, so a barrier can be used again at once.
//!
//! A wait that is dropped has arrived all the same, as with tokio: the count does not go back.
//!
//! Observers see how many have arrived, and how many must.
//!
//! Model: `loom-tests/tests/locks.rs`.

use super::gate::{Answer, Gate};
use gumption_core::coop;
use gumption_core::resource::Kind;
use gumption_core::sync::{AtomicUsize, Ordering, broken};
use gumption_core::wait::WaitReason;
use std::future::poll_fn;
use std::task::ready;

/// A meeting place for a number of tasks: all wait until the last one has come.
///
/// It can be used again and again. One of each round is the leader.
///
/// ```
/// use gumption::sync::Barrier;
/// use std::sync::Arc;
///
/// # gumption::runtime::Runtime::new().unwrap().block_on(async {
/// let barrier = Arc::new(Barrier::new(10));
/// let tasks: Vec<_> = (0..10)
///     .map(|_| {
///         let barrier = barrier.clone();
///         gumption::spawn(async move { barrier.wait().await.is_leader() })
///     })
///     .collect();
/// let mut leaders = 0;
/// for task in tasks {
///     leaders += usize::from(task.await.unwrap());
/// }
/// assert_eq!(leaders, 1);
/// # });
/// ```
#[derive(Debug)]
pub struct Barrier {
    size: usize,
    /// Who has arrived in this round; under the gate's lock.
    arrived: AtomicUsize,
    gate: Gate,
}

impl Barrier {
    /// A barrier for `n` tasks; 0 is taken for 1.
    #[track_caller]
    pub fn new(n: usize) -> Self {
        Self { size: n.max(1), arrived: AtomicUsize::new(0), gate: Gate::new(Kind::Barrier) }
    }

    /// Arrives, and waits until all have.
    ///
    /// # Cancel safety
    /// It is not cancel safe: a dropped future has arrived, and the others go on without it.
    pub async fn wait(&self) -> BarrierWaitResult {
        let is_leader = self.gate.pass(WaitReason::Barrier, || self.arrive()).await;
        if !is_leader {
            poll_fn(|cx| {
                ready!(coop::poll_proceed(cx)).made_progress();
                std::task::Poll::Ready(())
            })
            .await;
        }
        BarrierWaitResult(is_leader)
    }

    /// One more has come; under the gate's lock.
    fn arrive(&self) -> Answer {
        // Ordering: Relaxed, here and below; it is under the gate's lock.
        let arrived = self.arrived.load(Ordering::Relaxed) + 1;
        let is_full = arrived == self.size;
        if !is_full || !broken("barrier-count-stays") {
            self.arrived.store(if is_full { 0 } else { arrived }, Ordering::Relaxed);
        }
        self.gate.note_depth(if is_full { 0 } else { arrived }, self.size);
        if is_full { Answer::Open } else { Answer::Wait }
    }
}

/// What [`Barrier::wait`] came to.
#[derive(Clone, Debug)]
pub struct BarrierWaitResult(bool);

impl BarrierWaitResult {
    /// Whether this one is its round's leader: exactly one is.
    pub fn is_leader(&self) -> bool {
        self.0
    }
}
