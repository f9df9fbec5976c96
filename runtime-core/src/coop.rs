//! Cooperative budget: a task that never has to wait still lets others run.
//!
//! Each run of a task begins with a budget of [`COOP_BUDGET`](crate::policy::COOP_BUDGET) steps. A leaf future (a
//! channel, a lock, a socket, a timer) asks for a step with [`poll_proceed`] before it looks whether it is ready, and
//! gives the step back if it was not. When the budget is gone, `poll_proceed` wakes the task and answers `Pending`: the
//! task goes to the queue's tail. The names and semantics are those of `tokio::task::coop`.
//!
//! The scheduler calls [`begin`] before it polls a task and [`end`] after: two stores to one thread-local word.
//! `end` also says whether the run was cut short here, and [`finish`] how many leaves it polled and how many of them made
//! progress, for the counters: both are in the word anyway, or cost an addition where it is written. A thread that runs no task has no budget to
//! exhaust: there, and inside [`unconstrained`], everything may proceed.
//!
//! It does not know what a task is and never looks at a clock: a future that computes between its leaves is sysmon's
//! business, not the budget's.
//!
//! Invariant: the word is only the current thread's. There is no protocol and no model.

use crate::policy;
use crate::sync::thread_local;
use pin_project_lite::pin_project;
use std::cell::Cell;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// The budget word: no limit.
const UNLIMITED: u64 = u64::MAX;
/// The budget word's flag: a leaf has been told to wait because the budget was gone.
const YIELDED: u64 = 1 << 30;
/// The steps that are left, in the word's lower half.
const STEPS: u64 = YIELDED - 1;
/// One leaf that was polled in vain, in the word's upper half: counted where its step is put back, in the same store.
const VAIN: u64 = 1 << 32;

thread_local! {
    static BUDGET: Cell<u64> = const { Cell::new(UNLIMITED) };
}

/// The word, or `UNLIMITED` while the thread's locals are being destroyed.
#[inline]
fn get() -> u64 {
    BUDGET.try_with(Cell::get).unwrap_or(UNLIMITED)
}

#[inline]
fn set(word: u64) {
    // A thread whose locals are being destroyed runs no tasks: there is nothing to limit.
    let _ = BUDGET.try_with(|budget| budget.set(word));
}

/// A task's run begins: a full budget. The scheduler's, like [`end`].
#[inline]
pub fn begin() {
    set(u64::from(policy::COOP_BUDGET));
}

/// A task's run has ended; whether an exhausted budget made it yield.
#[inline]
pub fn end() -> bool {
    finish().yielded
}

/// A task's run has ended; what it did with its budget.
#[inline]
pub fn finish() -> Spent {
    let word = get();
    set(UNLIMITED);
    if word == UNLIMITED {
        return Spent::default();
    }
    Spent {
        yielded: word & YIELDED != 0,
        ready: u64::from(policy::COOP_BUDGET).saturating_sub(word & STEPS),
        vain: word / VAIN,
    }
}

/// What a run did with its budget.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Spent {
    /// An exhausted budget made it yield.
    pub yielded: bool,
    /// Leaves that made progress.
    pub ready: u64,
    /// Leaves that were polled and were not ready.
    pub vain: u64,
}

/// Whether a task runs here of whose leaves none has made progress in this run.
#[inline]
pub fn is_untouched() -> bool {
    get() & (STEPS | YIELDED) == u64::from(policy::COOP_BUDGET)
}

/// Puts back, when dropped, the budget that was there when it was made.
struct Restore(u64);

impl Drop for Restore {
    fn drop(&mut self) {
        set(self.0);
    }
}

/// Runs `body` with a full budget of its own and puts the caller's back afterwards: a `block_on` on a worker's thread. Also
/// whether an exhausted budget made it yield.
pub fn with_budget<R>(body: impl FnOnce() -> R) -> (R, bool) {
    let _restore = Restore(get());
    begin();
    let result = body();
    (result, end())
}

/// Runs `body` without a limit and puts the caller's budget back afterwards.
pub fn with_unconstrained<R>(body: impl FnOnce() -> R) -> R {
    let _restore = Restore(get());
    set(UNLIMITED);
    body()
}

/// Whether the current task may take another step before it has to yield.
#[inline]
pub fn has_budget_remaining() -> bool {
    let word = get();
    word == UNLIMITED || word & STEPS > 0
}

/// Gives a step back to the budget when dropped, unless [`made_progress`](Self::made_progress) was called.
#[derive(Debug)]
#[must_use]
pub struct RestoreOnPending {
    /// What the word was before the step.
    before: Cell<u64>,
    /// The budget is this thread's.
    _this_thread: PhantomData<*mut ()>,
}

impl RestoreOnPending {
    #[inline]
    fn to(word: u64) -> Self {
        Self { before: Cell::new(word), _this_thread: PhantomData }
    }

    /// The step was used: the leaf was ready.
    pub fn made_progress(&self) {
        self.before.set(UNLIMITED);
    }
}

impl Drop for RestoreOnPending {
    fn drop(&mut self) {
        // `UNLIMITED` stands for nothing to put back: without a limit nothing was taken.
        let word = self.before.get();
        if word != UNLIMITED {
            set(word.wrapping_add(VAIN));
        }
    }
}

/// Whether a task runs here, with a budget.
#[inline]
pub(crate) fn is_limited() -> bool {
    get() != UNLIMITED
}

/// Takes a step of the current task's budget.
///
/// `Pending` if it is exhausted: the task has been woken, and the caller must return `Pending` too. Otherwise the step is
/// taken, and the caller must call [`made_progress`](RestoreOnPending::made_progress) if it goes on to return `Ready`;
/// dropping the [`RestoreOnPending`] without that gives the step back.
#[inline]
pub fn poll_proceed(cx: &mut Context<'_>) -> Poll<RestoreOnPending> {
    let word = get();
    if word == UNLIMITED {
        return Poll::Ready(RestoreOnPending::to(UNLIMITED));
    }
    if word & STEPS == 0 {
        set(word | YIELDED);
        cx.waker().wake_by_ref();
        return Poll::Pending;
    }
    set(word - 1);
    Poll::Ready(RestoreOnPending::to(word))
}

/// Takes a step of the budget, or yields to the scheduler if it is exhausted: for a loop that computes.
pub async fn consume_budget() {
    std::future::poll_fn(|cx| {
        let step = ready!(poll_proceed(cx));
        step.made_progress();
        Poll::Ready(())
    })
    .await;
}

pin_project! {
    /// Future of [`unconstrained`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Unconstrained<F> {
        #[pin]
        inner: F,
    }
}

impl<F: Future> Future for Unconstrained<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let inner = self.project().inner;
        with_unconstrained(|| inner.poll(cx))
    }
}

/// Lifts the budget for `inner`: it may starve the other tasks of its processor, which is now the caller's care.
pub fn unconstrained<F>(inner: F) -> Unconstrained<F> {
    Unconstrained { inner }
}

pin_project! {
    /// Future of [`cooperative`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Coop<F: Future> {
        #[pin]
        inner: F,
    }
}

impl<F: Future> Future for Coop<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let step = ready!(poll_proceed(cx));
        let output = ready!(self.project().inner.poll(cx));
        step.made_progress();
        Poll::Ready(output)
    }
}

/// Makes a leaf of `inner`: each poll of it takes a step of the budget, and yields if there is none.
pub fn cooperative<F: Future>(inner: F) -> Coop<F> {
    Coop { inner }
}

#[cfg(all(test, not(any(gumption_loom, gumption_shuttle))))]
mod tests {
    use super::*;
    use crate::time::testing::{Flag, waker};

    fn steps() -> usize {
        let flag = Flag::default();
        let waker = waker(&flag);
        let mut cx = Context::from_waker(&waker);
        let mut steps = 0;
        while let Poll::Ready(step) = poll_proceed(&mut cx) {
            step.made_progress();
            steps += 1;
            assert!(steps <= 1_000_000, "the budget never ends");
        }
        assert_eq!(flag.wakes(), 1, "a forced yield wakes the task itself");
        steps
    }

    #[test]
    fn a_run_has_a_budget_and_says_that_it_was_cut_short() {
        begin();
        assert!(has_budget_remaining());
        assert_eq!(steps(), usize::from(policy::COOP_BUDGET));
        assert!(!has_budget_remaining());
        assert!(end());
        assert!(has_budget_remaining(), "outside a run there is no limit");
        begin();
        assert!(!end(), "the next run starts afresh");
    }

    #[test]
    fn a_run_tells_what_its_leaves_did() {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        begin();
        assert!(is_untouched());
        for ready in [true, false, false, true, false] {
            let Poll::Ready(step) = poll_proceed(&mut cx) else { panic!("there is budget") };
            if ready {
                step.made_progress();
            }
            drop(step);
            assert!(!is_untouched());
        }
        assert_eq!(finish(), Spent { yielded: false, ready: 2, vain: 3 });
        assert!(!is_untouched(), "outside a run there is nothing to touch");
        begin();
        drop(poll_proceed(&mut cx));
        assert!(is_untouched(), "a leaf that was not ready is no progress");
        assert_eq!(finish(), Spent { yielded: false, ready: 0, vain: 1 });
        assert_eq!(finish(), Spent::default());
    }

    #[test]
    fn a_step_without_progress_is_given_back() {
        let flag = Flag::default();
        let waker = waker(&flag);
        let mut cx = Context::from_waker(&waker);
        begin();
        for _ in 0..1000 {
            assert!(poll_proceed(&mut cx).is_ready());
        }
        assert_eq!(steps(), usize::from(policy::COOP_BUDGET));
        end();
    }

    #[test]
    fn unconstrained_takes_nothing_and_puts_the_budget_back() {
        let flag = Flag::default();
        let waker = waker(&flag);
        let mut cx = Context::from_waker(&waker);
        begin();
        assert_eq!(steps(), usize::from(policy::COOP_BUDGET));
        let mut free = std::pin::pin!(unconstrained(cooperative(std::future::ready(7))));
        assert_eq!(free.as_mut().poll(&mut cx), Poll::Ready(7));
        assert!(!has_budget_remaining());
        assert!(std::pin::pin!(cooperative(std::future::ready(7))).poll(&mut cx).is_pending());
        assert_eq!(with_budget(steps), (usize::from(policy::COOP_BUDGET), true));
        assert!(!has_budget_remaining());
        end();
    }

    #[test]
    fn consume_budget_yields_at_the_end() {
        let flag = Flag::default();
        let waker = waker(&flag);
        let mut cx = Context::from_waker(&waker);
        begin();
        let mut ready = 0;
        while std::pin::pin!(consume_budget()).poll(&mut cx).is_ready() {
            ready += 1;
        }
        assert_eq!(ready, usize::from(policy::COOP_BUDGET));
        assert_eq!(flag.wakes(), 1);
        end();
    }
}
