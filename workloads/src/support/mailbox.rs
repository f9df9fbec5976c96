//! A mailbox: one thing at a time, from whoever puts it to the one task that takes it.
//!
//! The smallest conversation that there is, for workloads that are about who runs and not about channels. A second `put`
//! before the first is taken replaces it; a second task that takes replaces the first one's waker.

use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};

/// A place for one thing, shared by clones.
pub struct Mailbox<T>(Arc<Mutex<State<T>>>);

struct State<T> {
    thing: Option<T>,
    waits: Option<Waker>,
}

impl<T> Mailbox<T> {
    /// Puts `thing` in and wakes who waits for it.
    pub fn put(&self, thing: T) {
        let waits = {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            state.thing = Some(thing);
            state.waits.take()
        };
        if let Some(waits) = waits {
            waits.wake();
        }
    }

    /// Takes what is put in, as soon as there is something.
    pub async fn take(&self) -> T {
        poll_fn(|cx| {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match state.thing.take() {
                Some(thing) => Poll::Ready(thing),
                None => {
                    state.waits = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

impl<T> Default for Mailbox<T> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(State { thing: None, waits: None })))
    }
}

impl<T> Clone for Mailbox<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for Mailbox<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mailbox")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_is_taken_once() {
        let runtime = gumption::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (there, back) = (Mailbox::default(), Mailbox::default());
        let (asked, answer) = (there.clone(), back.clone());
        runtime.block_on(async move {
            let peer = gumption::spawn(async move {
                while let Some(n) = asked.take().await {
                    answer.put(n + 1);
                }
            });
            let mut n = 0;
            while n < 100 {
                there.put(Some(n));
                n = back.take().await;
            }
            there.put(None);
            peer.await.unwrap();
            assert_eq!(n, 100);
        });
    }
}
