//! [`Shared`]: what the halves of a watched value have in common.
//!
//! The value under a lock of `std`, the [news](News) of it, and how many senders and receivers there are. The lock is held for
//! writing while a version is published, so that who reads the value under it knows which version it reads.
//!
//! Invariant: the last sender's drop closes the news, and the last receiver's signals the end to those that wait for it; both
//! counts are taken down by an exchange, so that there is one last. A value without receivers may get new ones.

use super::super::notify::{Says, Signal, Wait};
use super::news::News;
use gumption_core::sync::{AtomicUsize, Ordering, RwLock, broken, weaken};
use gumption_core::wait::WaitReason;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

pub(super) struct Shared<T> {
    pub(super) value: RwLock<T>,
    pub(super) common: Common,
}

/// What does not depend on the value's type.
pub(super) struct Common {
    pub(super) news: News,
    senders: AtomicUsize,
    receivers: AtomicUsize,
    /// How many receivers there ever were.
    numbers: AtomicUsize,
    /// That there is no receiver left.
    unheard: Signal,
}

impl<T> Shared<T> {
    /// With one sender, and one receiver, whose number is 0.
    #[track_caller]
    pub(super) fn new(value: T) -> Self {
        let common = Common {
            news: News::new(),
            senders: AtomicUsize::new(1),
            receivers: AtomicUsize::new(1),
            numbers: AtomicUsize::new(1),
            unheard: Signal::new(),
        };
        Self { value: RwLock::new(value), common }
    }
}

impl Common {
    pub(super) fn senders(&self) -> usize {
        // Ordering: Relaxed; a number.
        self.senders.load(Ordering::Relaxed)
    }

    pub(super) fn receivers(&self) -> usize {
        // Ordering: Acquire pairs with the Release of `drop_receiver`: who sees that they are gone sees what they did.
        self.receivers.load(weaken("watch-receivers-relaxed", Ordering::Acquire))
    }

    pub(super) fn add_sender(&self) {
        // Ordering: Relaxed; made from a sender that exists.
        self.senders.fetch_add(1, Ordering::Relaxed);
    }

    /// A sender goes; the last one closes the channel.
    pub(super) fn drop_sender(&self) {
        // Ordering: Release, and Acquire for the last: what any sender did comes before the end.
        if self.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            let rooms = self.news.close();
            self.news.announce(rooms);
        }
    }

    /// A receiver's number.
    pub(super) fn add_receiver(&self) -> usize {
        // Ordering: Relaxed; numbers.
        self.receivers.fetch_add(1, Ordering::Relaxed);
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// Not among the facts: those are of who waits for a version.
    fn says(&self) -> Says<'_> {
        Says { resource: &self.news.resource, reason: WaitReason::Watch, counts: false }
    }

    /// A receiver goes; the last one tells those that wait for that.
    pub(super) fn drop_receiver(&self) {
        // Ordering: Release pairs with the Acquire of `receivers`; Acquire, for what the others did.
        if self.receivers.fetch_sub(1, Ordering::AcqRel) == 1 && !broken("watch-end-untold") {
            self.unheard.signal_all(None);
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.common.news.state();
        f.debug_struct("Shared")
            .field("value", &self.value)
            .field("version", &state.version().count())
            .field("is_closed", &state.is_closed())
            .field("senders", &self.common.senders())
            .field("receivers", &self.common.receivers())
            .field("site", &format_args!("{}", self.common.news.resource.site()))
            .finish()
    }
}

/// A wait until there is no receiver.
#[must_use]
pub(super) struct Unheard<'a> {
    common: &'a Common,
    wait: Wait,
}

impl<'a> Unheard<'a> {
    pub(super) fn new(common: &'a Common) -> Self {
        Self { common, wait: Wait::new(&common.unheard) }
    }
}

impl Future for Unheard<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // SAFETY: `wait` is pinned with it, and replaced only when it has ended.
        let this = unsafe { self.get_unchecked_mut() };
        let unheard = &this.common.unheard;
        loop {
            if this.common.receivers() == 0 {
                return Poll::Ready(());
            }
            // SAFETY: as above.
            let wait = unsafe { Pin::new_unchecked(&mut this.wait) };
            if wait.poll(unheard, this.common.says(), Some(cx)).is_pending() {
                return Poll::Pending;
            }
            // There may be new ones since. This wait is over, and has left nothing behind: begin another, and look again.
            this.wait = Wait::new(unheard);
        }
    }
}

impl Drop for Unheard<'_> {
    fn drop(&mut self) {
        self.wait.end(&self.common.unheard, self.common.says());
    }
}
