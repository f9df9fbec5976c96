//! [`wait_here`]: a thread that drives no tasks waits for one of the primitives' futures.
//!
//! What stands behind every `blocking_recv`, `blocking_send`, `blocking_lock`: no runtime, no processor, only this thread's
//! [`Parker`] and a waker that leaves it a token. It refuses to block a thread that drives tasks, because those would wait with it,
//! and says so in the caller's name. It is for the façade's primitives, whose futures run no code of the user's that could wait
//! in turn.
//!
//! The parker of a thread is kept for its next wait, so that a value which is there already costs no allocation; a wait inside a
//! wait finds it taken and makes its own: one token is never waited for twice.
//!
//! The protocol is the parker's: `loom-tests/tests/idle.rs`.

use crate::context;
use crate::coop;
use crate::parker::{Parker, Unparked};
use crate::policy;
use crate::sync::thread_local;
use crate::texts;
use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

/// Where this thread sleeps, and how it is woken.
struct Bed {
    thread: Arc<ThreadWaker>,
    waker: Waker,
}

struct ThreadWaker(Parker);

impl Wake for ThreadWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let here = self.0.unpark();
        debug_assert_eq!(here, Unparked::Here, "a thread that waits for a future sleeps on its own parker");
    }
}

impl Bed {
    fn new() -> Self {
        let thread = Arc::new(ThreadWaker(Parker::new()));
        Self { waker: thread.clone().into(), thread }
    }
}

thread_local! {
    static BED: Cell<Option<Bed>> = const { Cell::new(None) };
}

/// Waits for `future` on this thread.
///
/// # Panics
/// If the thread drives tasks.
#[track_caller]
pub fn wait_here<F: Future>(future: F) -> F::Output {
    assert!(!context::is_driving(), "{}", texts::BLOCKS_INSIDE);
    // A thread that is ending has no bed to keep, and makes one.
    let bed = BED.try_with(Cell::take).unwrap_or(None).unwrap_or_else(Bed::new);
    let mut cx = Context::from_waker(&bed.waker);
    let mut future = pin!(future);
    loop {
        // Of its own: inside a blocking section there is a task's budget to come back to.
        match coop::with_budget(|| future.as_mut().poll(&mut cx)).0 {
            Poll::Ready(output) => {
                keep(bed);
                return output;
            }
            Poll::Pending => bed.thread.0.park(),
        }
    }
}

/// Keeps a bed for the next wait. A token that a late waker leaves there costs that one a poll.
fn keep(bed: Bed) {
    if !policy::CHECKED {
        let _ = BED.try_with(|kept| kept.set(Some(bed)));
    }
}

#[cfg(all(test, not(any(gumption_loom, gumption_shuttle))))]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::thread;

    /// Ready at the second poll; woken by another thread.
    async fn once() {
        let mut asked = false;
        poll_fn(|cx| {
            if std::mem::replace(&mut asked, true) {
                return Poll::Ready(());
            }
            let waker = cx.waker().clone();
            thread::spawn(move || waker.wake());
            Poll::Pending
        })
        .await;
    }

    #[test]
    fn a_wait_inside_a_wait_takes_no_token_of_the_outer_one() {
        for _ in 0..100 {
            let mut asked = false;
            wait_here(poll_fn(|cx| {
                if std::mem::replace(&mut asked, true) {
                    return Poll::Ready(());
                }
                cx.waker().wake_by_ref();
                wait_here(once());
                Poll::Pending
            }));
        }
    }
}
