//! [`Backoff`]: a listener rests after the system has refused to accept.
//!
//! Out of descriptors or memory (`EMFILE`, `ENFILE`, `ENOBUFS`, `ENOMEM`), `accept` fails at once, the connection stays in the
//! queue, and the listener stays ready. A loop that goes on after an error, as most do, then takes a whole processor and keeps
//! it from the very tasks that could close something. Here the caller sees the error, and the *next* accept waits before it
//! asks again: [`ACCEPT_BACKOFF_MIN`], doubled by each failure in a row up to [`ACCEPT_BACKOFF_MAX`], forgotten at the
//! first success.
//!
//! It is one rest for the listener and not one for each task: all that accept wait until the same moment, and an error that comes
//! while it lasts, from a call that had begun before, does not make it longer.
//!
//! What it costs who never fails is one load that shares its line with the listener. The rest is behind a lock. No one's code
//! (a waker's clone or drop) runs under that lock.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use gumption_core::policy::{ACCEPT_BACKOFF_MAX, ACCEPT_BACKOFF_MIN};
use gumption_core::runtime::Handle;
use gumption_core::sync::{AtomicBool, Mutex, Ordering};
use gumption_core::time::{Instant, Sleep, sleep_until};
use gumption_core::wait::{WaitReason, blocked_on};

/// Whether a listener rests, and until when.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    /// Whether the last accept failed. A hint; the truth is in `state`.
    failed: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The last rest; none after a success.
    delay: Option<Duration>,
    until: Option<Instant>,
    /// What the last caller of [`Backoff::poll`] waits for.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Backoff {
    /// Until when to rest, if at all.
    fn until(&self) -> Option<Instant> {
        // Ordering: Relaxed. Who does not see another thread's failure yet makes one call more.
        if !self.failed.load(Ordering::Relaxed) {
            return None;
        }
        let until = self.state.lock().until?;
        // A thread without a runtime has no timers: it finds the error again.
        (until > Instant::now() && Handle::try_current().is_ok()).then_some(until)
    }

    /// Waits until the rest is over. The task says that it waits for `fd` to accept.
    pub(crate) async fn wait(&self, fd: u64) {
        while let Some(until) = self.until() {
            let mut sleep = std::pin::pin!(sleep_until(until));
            std::future::poll_fn(|cx| resting(sleep.as_mut().poll(cx), fd)).await;
        }
    }

    /// The same for who polls by hand; the last caller is woken.
    pub(crate) fn poll(&self, cx: &mut Context<'_>, fd: u64) -> Poll<()> {
        while let Some(until) = self.until() {
            let kept = self.state.lock().timer.take();
            let mut timer = match kept {
                Some(timer) if timer.deadline() == until => timer,
                _ => Box::pin(sleep_until(until)),
            };
            if resting(timer.as_mut().poll(cx), fd).is_pending() {
                let before = self.state.lock().timer.replace(timer);
                drop(before);
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    }

    /// Looks at what accepting came to: an error of the system begins a rest, success ends all.
    #[inline]
    pub(crate) fn note<R>(&self, result: &io::Result<R>) {
        match result {
            // Ordering: Relaxed, as in `until`.
            Ok(_) if !self.failed.load(Ordering::Relaxed) => {}
            Ok(_) => self.succeeded(),
            // Without a number it is ours, and says that the runtime has ended.
            Err(error) if error.raw_os_error().is_none() => {}
            Err(_) => self.failed(),
        }
    }

    #[cold]
    fn failed(&self) {
        let now = Instant::now();
        let mut state = self.state.lock();
        if state.until.is_some_and(|until| now < until) {
            return;
        }
        let delay = state.delay.map_or(ACCEPT_BACKOFF_MIN, |delay| (delay * 2).min(ACCEPT_BACKOFF_MAX));
        state.delay = Some(delay);
        state.until = Some(now + delay);
        // Ordering: Relaxed, as in `until`.
        self.failed.store(true, Ordering::Relaxed);
    }

    #[cold]
    fn succeeded(&self) {
        let mut state = self.state.lock();
        state.delay = None;
        state.until = None;
        // Ordering: Relaxed, as in `until`.
        self.failed.store(false, Ordering::Relaxed);
    }
}

/// A rest that is not over: the task waits to accept, whatever else it says.
fn resting(rest: Poll<()>, fd: u64) -> Poll<()> {
    if rest.is_pending() {
        blocked_on(WaitReason::IoAccept, fd);
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSED: i32 = libc::EMFILE;

    fn refused(backoff: &Backoff) -> Duration {
        // As if the rest before had passed.
        backoff.state.lock().until = None;
        backoff.note::<()>(&Err(io::Error::from_raw_os_error(REFUSED)));
        backoff.state.lock().delay.expect("it rests")
    }

    #[test]
    fn rests_double_up_to_a_second_and_a_success_ends_them() {
        let backoff = Backoff::default();
        let mut expected = ACCEPT_BACKOFF_MIN;
        for _ in 0..20 {
            assert_eq!(refused(&backoff), expected);
            expected = (expected * 2).min(ACCEPT_BACKOFF_MAX);
        }
        assert_eq!(expected, ACCEPT_BACKOFF_MAX);
        backoff.note(&Ok(()));
        assert_eq!(backoff.state.lock().until, None);
        assert_eq!(refused(&backoff), ACCEPT_BACKOFF_MIN);
    }

    #[test]
    fn errors_within_a_rest_do_not_make_it_longer() {
        let backoff = Backoff::default();
        backoff.state.lock().until = Some(Instant::now() + Duration::from_secs(3600));
        backoff.note::<()>(&Err(io::Error::from_raw_os_error(REFUSED)));
        assert_eq!(backoff.state.lock().delay, None);
    }

    #[test]
    fn the_end_of_the_runtime_is_no_reason_to_rest() {
        let backoff = Backoff::default();
        backoff.note::<()>(&Err(io::Error::other("ended")));
        assert_eq!(backoff.state.lock().delay, None);
        assert_eq!(backoff.until(), None);
    }
}
