//! [`Wakeup`]: ends a turn of the netpoller from any thread, at one system call per turn.
//!
//! ```text
//!   unpark: flag set already? --yes--> leave: a wake-up is on its way
//!                | no, it is now
//!                v
//!           fire the waker  ----->  the poll ends with the waker's event  -->  seen(): clear the flag, return
//! ```
//!
//! **A set flag means a waker's event that no turn has seen yet**: of a hundred unparks before the next turn only the
//! first makes a system call. The turn clears the flag when it has seen the event and *before* it returns, so who finds
//! it still set may leave: the M in the seat looks at the world again after that clear, and both are exchanges of the
//! same word, so the later one sees what came before the earlier. If two threads race, the one that sets the flag makes
//! the call.
//!
//! Who may call: [`Wakeup::seen`] whoever turns the driver, `unpark` anybody, also when the netpoller has gone. What it
//! refuses: to swallow a waker's error; to go on would be to hang in silence.
//!
//! Model: `netpoller_unpark_kept` in `loom-tests/tests/netpoller.rs`, with a stand-in for mio's waker.

use std::io;

use gumption_core::driver::Unpark;
use gumption_core::sync::{AtomicBool, Ordering, broken, weaken};

/// What ends a poll: mio's waker.
pub trait Fire: Send + Sync {
    /// Ends the poll in progress, or the next one.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn fire(&self) -> io::Result<()>;
}

impl Fire for mio::Waker {
    fn fire(&self) -> io::Result<()> {
        self.wake()
    }
}

/// Ends a turn from any thread.
#[derive(Debug)]
pub struct Wakeup<F> {
    /// Whether the waker has been, or is being, fired and no turn has seen it yet.
    notified: AtomicBool,
    waker: F,
}

impl<F: Fire> Wakeup<F> {
    /// With nothing on its way.
    pub fn new(waker: F) -> Self {
        Self { notified: AtomicBool::new(false), waker }
    }

    /// A turn has seen the waker's event.
    pub fn seen(&self) {
        // Ordering: Acquire pairs with the Release in `unpark`: the M in the seat sees what was done before any unpark
        // that found the flag set. An RMW, so that it reads the last of them and not an older one.
        if broken("io-seen-store") {
            self.notified.store(false, Ordering::Release);
        } else if !broken("io-seen-skipped") {
            self.notified.swap(false, weaken("io-seen-relaxed", Ordering::Acquire));
        }
    }

    /// Whether a wake-up is on its way.
    pub fn is_pending(&self) -> bool {
        // Ordering: Relaxed, for an observer.
        self.notified.load(Ordering::Relaxed)
    }
}

impl<F: Fire> Unpark for Wakeup<F> {
    fn unpark(&self) {
        // Ordering: Relaxed, a mutant: a plain load may read a flag that is being cleared, and publishes nothing.
        if broken("io-unpark-load") && self.notified.load(Ordering::Relaxed) {
            return;
        }
        // Ordering: Release pairs with the Acquire in `seen`: what this thread did before is seen by the M in the seat
        // after it clears the flag, also when this swap finds it set and makes no call.
        if self.notified.swap(true, weaken("io-unpark-relaxed", Ordering::Release)) {
            return;
        }
        if let Err(error) = self.waker.fire() {
            // Ordering: Relaxed; the next one tries again.
            self.notified.store(false, Ordering::Relaxed);
            panic!("the netpoller's waker failed: {error}");
        }
    }
}
