//! [`Sources`]: the side of the netpoller that leaves reach: where a source registers, and what is known of all.
//!
//! ```text
//!   Evented<TcpStream> --register--> Sources { slab, mio's registry } --epoll_ctl--> the kernel
//!        waits in a Record of the slab  <--set--  Netpoller::turn  <--events--
//! ```
//!
//! One per runtime. Every [`Evented`](crate::evented::Evented) keeps it alive, so a socket may outlive its runtime: what
//! waits on it then is told that the runtime has ended.
//!
//! It counts the errors of system calls by number, on the path that fails and on no other.

use std::io;

use gumption_core::driver::{ErrorCount, Reactor, ReactorStats};
use gumption_core::sync::{AtomicU64, Ordering};
use mio::event::Source;

use crate::interest::{Interest, Ready};
use crate::readiness::Noted;
use crate::slab::{Key, Refused, Slab};

/// Errors are counted by number up to here: above what any Unix has.
const ERRNOS: usize = 256;

/// All sources of a runtime.
#[derive(Debug)]
pub struct Sources {
    slab: Slab,
    registry: mio::Registry,
    stale: AtomicU64,
    errors: Box<[AtomicU64]>,
}

/// What a source says that is used after its runtime has ended.
pub(crate) fn ended() -> io::Error {
    io::Error::other("the runtime that this io resource was registered with has ended")
}

impl Sources {
    pub(crate) fn new(registry: mio::Registry) -> Self {
        Self {
            slab: Slab::new(),
            registry,
            stale: AtomicU64::new(0),
            errors: (0..ERRNOS).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Registers `source`: its events go to the record from here on.
    pub(crate) fn register(&self, source: &mut impl Source, interest: Interest) -> io::Result<Key> {
        let key = self.slab.take().map_err(|refused| match refused {
            Refused::Closed => ended(),
            Refused::Full => io::Error::other("more io resources are registered than the netpoller can tell apart"),
        })?;
        if let Err(error) = self.registry.register(source, key.token(), interest.to_mio()) {
            self.slab.give_back(key);
            return Err(error);
        }
        gumption_core::runtime::source_registered();
        Ok(key)
    }

    /// Deregisters `source`. An event that is under way finds the record's generation changed.
    pub(crate) fn deregister(&self, source: &mut impl Source, key: Key) -> io::Result<()> {
        let done = self.registry.deregister(source);
        self.slab.give_back(key);
        done
    }

    /// Passes an event of the kernel on: whether it woke somebody.
    pub(crate) fn dispatch(&self, event: &mio::event::Event) -> bool {
        let noted = match self.slab.lookup(event.token()) {
            Some((record, generation)) => record.set(generation, Ready::from_event(event)),
            None => Noted::Stale,
        };
        match noted {
            Noted::Woke(woken) => woken > 0,
            Noted::Stale => {
                // Ordering: Relaxed, a count.
                self.stale.fetch_add(1, Ordering::Relaxed);
                false
            }
        }
    }

    /// Counts an error of a system call on a source.
    #[cold]
    pub(crate) fn note_error(&self, error: &io::Error) {
        let errno = error.raw_os_error().and_then(|errno| usize::try_from(errno).ok()).unwrap_or(0);
        if let Some(count) = self.errors.get(errno).or(self.errors.first()) {
            // Ordering: Relaxed, a count.
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Reactor for Sources {
    fn close(&self) {
        self.slab.close();
    }

    fn has_sources(&self) -> bool {
        self.slab.counts().0 > 0
    }

    fn stats(&self) -> ReactorStats {
        let (sources, registered) = self.slab.counts();
        // Ordering: Relaxed, counts.
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let errors = self.errors.iter().zip(0..).map(|(count, errno)| ErrorCount { errno, count: read(count) });
        ReactorStats {
            sources,
            registered,
            stale_events: read(&self.stale),
            errors: errors.filter(|error| error.count > 0).collect(),
        }
    }
}
