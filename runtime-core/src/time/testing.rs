//! What the tests of timers share: a home whose clock stands still until it is moved, and a waker that counts.
//!
//! `Place` is a [`Home`] with one heap. Its `now` is a number that a test sets, so that no test depends on how fast the
//! machine is; where the code reads the real clock, tests choose deadlines far on either side of it.

use crate::sync::Arc;
use crate::sync::{AtomicU64, AtomicUsize, Ordering};
use crate::timer::{Clock, Fired, Home, RuntimeClock, Timers};
use std::task::{Wake, Waker};

/// Counts wakes.
#[derive(Clone, Default)]
pub(crate) struct Flag(Arc<AtomicUsize>);

impl Flag {
    pub(crate) fn wakes(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
    /// How many wakers of this flag there are, clones of one counted once.
    pub(crate) fn wakers(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }
}

impl Wake for Counting {
    fn wake(self: Arc<Self>) {
        self.0.0.fetch_add(1, Ordering::SeqCst);
    }
}

struct Counting(Flag);

/// A waker that counts in `flag`.
pub(crate) fn waker(flag: &Flag) -> Waker {
    Arc::new(Counting(flag.clone())).into()
}

/// A home of one heap.
pub(crate) struct Place {
    pub(crate) timers: Timers,
    now: AtomicU64,
    clock: RuntimeClock,
    pub(crate) armed: AtomicUsize,
    pub(crate) earliest: AtomicUsize,
    pub(crate) cancelled: AtomicUsize,
}

impl Place {
    /// A home whose clock shows the present.
    pub(crate) fn new() -> Self {
        Self {
            timers: Timers::new(),
            now: AtomicU64::new(Clock::get().now()),
            clock: RuntimeClock::new(),
            armed: AtomicUsize::new(0),
            earliest: AtomicUsize::new(0),
            cancelled: AtomicUsize::new(0),
        }
    }

    /// Moves the clock and fires what is due.
    pub(crate) fn advance(&self, by: std::time::Duration) -> Fired {
        let by = u64::try_from(by.as_nanos()).unwrap();
        let now = self.now.fetch_add(by, Ordering::SeqCst) + by;
        self.timers.fire(now, usize::MAX)
    }
}

impl Home for Place {
    fn timers(&self) -> &Timers {
        &self.timers
    }
    fn now(&self) -> u64 {
        self.now.load(Ordering::SeqCst)
    }
    fn clock(&self) -> &RuntimeClock {
        &self.clock
    }
    fn armed(&self, _when: u64, earliest: bool) {
        self.armed.fetch_add(1, Ordering::SeqCst);
        self.earliest.fetch_add(usize::from(earliest), Ordering::SeqCst);
    }
    fn cancelled(&self) {
        self.cancelled.fetch_add(1, Ordering::SeqCst);
    }
}
