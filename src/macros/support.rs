//! What the expansions of the macros name. Hidden: not for anybody else.

use gumption_core::coop;

pub use super::maybe_done::{MaybeDone, maybe_done};
pub use gumption_core::thread_rng_n;
pub use gumption_macros::{join_branches, select_branches};
pub use std::future::{Future, IntoFuture, poll_fn};
pub use std::pin::Pin;
pub use std::result::Result;
pub use std::task::{Context, Poll, ready};

/// Whether the task has budget left. It takes none: the leaves do. Without any, the task has been woken to go on later.
#[inline]
pub fn poll_budget_available(cx: &mut Context<'_>) -> Poll<()> {
    if coop::has_budget_remaining() {
        return Poll::Ready(());
    }
    // There is nothing to take, so this wakes the task, and marks the run as cut short.
    coop::poll_proceed(cx).map(drop)
}
