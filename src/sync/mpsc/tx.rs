//! [`Tx`]: a sender's handle of either kind of channel, and [`Weak`], which does not keep it open.
//!
//! Handles are counted beside the references to the memory: when the last `Tx` goes, the receiver is told, after what was sent
//! before. A `Weak` can become a `Tx` only as long as there is one, by a compare-exchange that never raises the count from zero.
//!
//! Model: `loom-tests/tests/mpsc.rs`, `mpsc_last_sender_vs_receive` and `mpsc_upgrade_vs_last_sender`.

use super::chan::Chan;
use gumption_core::sync::{Arc, Ordering, broken, weaken};
use std::fmt;

pub(super) struct Tx<T>(Arc<Chan<T>>);

impl<T> Tx<T> {
    /// The first handle: it is counted already.
    pub(super) fn first(chan: Arc<Chan<T>>) -> Self {
        Self(chan)
    }

    #[inline]
    pub(super) fn chan(&self) -> &Chan<T> {
        &self.0
    }

    pub(super) fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(super) fn downgrade(&self) -> Weak<T> {
        Weak::new(self.0.clone())
    }
}

impl<T> Clone for Tx<T> {
    fn clone(&self) -> Self {
        // Ordering: Relaxed; this handle keeps the count above zero.
        self.0.senders.fetch_add(1, Ordering::Relaxed);
        Self(self.0.clone())
    }
}

impl<T> Drop for Tx<T> {
    fn drop(&mut self) {
        // Ordering: Release pairs with the Acquire of `has_no_senders`; Acquire, for the senders that went before.
        if self.0.senders.fetch_sub(1, weaken("chan-last-sender-relaxed", Ordering::AcqRel)) != 1 {
            return;
        }
        if broken("chan-last-sender-silent") {
            return;
        }
        // A receiver that goes to sleep behind this lock sees the count.
        let receiver = self.0.lock().receiver.take();
        if let Some(receiver) = receiver {
            receiver.wake();
        }
    }
}

impl<T> fmt::Debug for Tx<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tx").field("closed", &self.0.is_closed()).field("resource", &self.0.resource).finish()
    }
}

impl<T> Chan<T> {
    pub(super) fn strong_count(&self) -> usize {
        // Ordering: Acquire; who sees a handle gone sees what was done with it.
        self.senders.load(Ordering::Acquire)
    }

    pub(super) fn weak_count(&self) -> usize {
        // Ordering: Relaxed; a number to be shown.
        self.weak.load(Ordering::Relaxed)
    }
}

pub(super) struct Weak<T>(Arc<Chan<T>>);

impl<T> Weak<T> {
    fn new(chan: Arc<Chan<T>>) -> Self {
        // Ordering: Relaxed; a number to be shown.
        chan.weak.fetch_add(1, Ordering::Relaxed);
        Self(chan)
    }

    pub(super) fn chan(&self) -> &Chan<T> {
        &self.0
    }

    pub(super) fn upgrade(&self) -> Option<Tx<T>> {
        let senders = &self.0.senders;
        // Ordering: Relaxed; the exchange decides.
        let mut count = senders.load(Ordering::Relaxed);
        while count != 0 {
            if broken("chan-upgrade-no-cas") {
                senders.fetch_add(1, Ordering::AcqRel);
                return Some(Tx(self.0.clone()));
            }
            // Ordering: Acquire, so that who has the handle sees what the others did before theirs; Relaxed where it failed.
            match senders.compare_exchange_weak(count, count + 1, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return Some(Tx(self.0.clone())),
                Err(now) => count = now,
            }
        }
        None
    }
}

impl<T> Clone for Weak<T> {
    fn clone(&self) -> Self {
        Self::new(self.0.clone())
    }
}

impl<T> Drop for Weak<T> {
    fn drop(&mut self) {
        // Ordering: Relaxed; a number to be shown.
        self.0.weak.fetch_sub(1, Ordering::Relaxed);
    }
}
