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
use std::os::fd::RawFd;

use gumption_core::driver::{ErrorCount, Reactor, ReactorStats};
use gumption_core::runtime;
use gumption_core::sync::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use gumption_core::texts;
use gumption_core::wait::WaitReason;
use mio::unix::SourceFd;

use crate::cpu;
use crate::describe::waits_for;
use crate::interest::{Interest, Ready};
use crate::readiness::Noted;
use crate::slab::{Key, Refused, Slab};

/// Errors are counted by number up to here: above what any Unix has.
const ERRNOS: usize = 256;

/// All sources of a runtime.
#[derive(Debug)]
pub struct Sources {
    slab: Slab,
    polls: Box<[Poll]>,
    stale: AtomicU64,
    errors: Box<[AtomicU64]>,
}

/// One of the runtime's polls.
#[derive(Debug)]
struct Poll {
    registry: mio::Registry,
    /// Sources that are registered with it.
    sources: AtomicUsize,
    /// The core on which it was turned last, plus one; 0 if that is not known.
    cpu: AtomicU32,
}

/// What a source says that is used after its runtime has ended.
pub(crate) fn ended() -> io::Error {
    texts::shut_down()
}

impl Sources {
    pub(crate) fn new(registries: Vec<mio::Registry>) -> Self {
        let poll = |registry| Poll { registry, sources: AtomicUsize::new(0), cpu: AtomicU32::new(0) };
        Self {
            slab: Slab::new(),
            polls: registries.into_iter().map(poll).collect(),
            stale: AtomicU64::new(0),
            errors: (0..ERRNOS).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Registers `fd`: its events go to the record from here on.
    pub(crate) fn register(&self, fd: RawFd, interest: Interest) -> io::Result<Key> {
        let key = self.slab.take().map_err(|refused| match refused {
            Refused::Closed => ended(),
            Refused::Full => io::Error::other("more io resources are registered than the netpoller can tell apart"),
        })?;
        // Where it is registered: there it will probably be waited for. From outside, where there is room.
        let home = runtime::current_poller(self).unwrap_or_else(|| self.least_used());
        if let Err(error) = self.add(home, fd, key, interest) {
            self.slab.give_back(key);
            return Err(error);
        }
        // SAFETY: the slab is ours.
        unsafe { key.record() }.home.settle(home);
        runtime::source_registered(home);
        Ok(key)
    }

    fn add(&self, poll: usize, fd: RawFd, key: Key, interest: Interest) -> io::Result<()> {
        let poll = &self.polls[poll];
        poll.registry.register(&mut SourceFd(&fd), key.token(), interest.to_mio())?;
        // Ordering: Relaxed, a gauge; `source_registered` follows, whose fence pairs with that of whoever goes to sleep.
        poll.sources.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn remove(&self, poll: usize, fd: RawFd) -> io::Result<()> {
        let poll = &self.polls[poll];
        // Ordering: Relaxed, as in `add`.
        poll.sources.fetch_sub(1, Ordering::Relaxed);
        poll.registry.deregister(&mut SourceFd(&fd))
    }

    fn least_used(&self) -> usize {
        let sources = |&poll: &usize| self.sources(poll);
        (0..self.polls.len()).min_by_key(sources).unwrap_or(0)
    }

    /// Deregisters `fd`. An event that is under way finds the record's generation changed.
    pub(crate) fn deregister(&self, fd: RawFd, key: Key) -> io::Result<()> {
        // SAFETY: the slab is ours.
        let done = self.remove(unsafe { key.record() }.home.poll(), fd);
        self.slab.give_back(key);
        done
    }

    /// A task is about to wait for the source: whether it should be in another poll. See [`crate::home`].
    #[inline]
    pub(crate) fn waits(&self, fd: RawFd, key: Key, interest: Interest) {
        if self.polls.len() > 1
            && let Some(here) = runtime::current_poller(self)
        {
            // SAFETY: the slab is ours.
            let home = &unsafe { key.record() }.home;
            if let Some(to) = home.waits(here, || self.poll_on(cpu::of_packets(fd)?)) {
                self.move_to(to, fd, key, interest);
            }
        }
    }

    #[cold]
    fn move_to(&self, to: usize, fd: RawFd, key: Key, interest: Interest) {
        // SAFETY: the slab is ours.
        let home = &unsafe { key.record() }.home;
        let add = |poll| self.add(poll, fd, key, interest);
        // It is there: only its owner, who is waiting, could have taken it out.
        let remove = |poll| drop(self.remove(poll, fd));
        if home.move_to(to, add, remove) {
            // Its processor may be asleep somewhere else.
            runtime::source_registered(to);
        }
    }

    /// The poll that was turned last on a core.
    fn poll_on(&self, cpu: u32) -> Option<usize> {
        // Ordering: Relaxed, advice.
        self.polls.iter().position(|poll| poll.cpu.load(Ordering::Relaxed) == cpu + 1)
    }

    /// A poll has been turned by this thread: in passing, or to sleep there. Thieves and sysmon, who pass by, are on no core of
    /// its processor's.
    #[inline]
    pub(crate) fn turned(&self, poll: usize, in_passing: bool) {
        if self.polls.len() > 1 && (!in_passing || runtime::current_poller(self) == Some(poll)) {
            let cpu = &self.polls[poll].cpu;
            let here = cpu::current().map_or(0, |cpu| cpu + 1);
            // Ordering: Relaxed, advice. Written only when it changes, so that readers keep the line.
            if cpu.load(Ordering::Relaxed) != here {
                cpu.store(here, Ordering::Relaxed);
            }
        }
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

    fn describe(&self, reason: WaitReason, resource: u64) -> Option<String> {
        Some(waits_for(reason, resource))
    }

    fn sources(&self, poller: usize) -> usize {
        // Ordering: Relaxed, a gauge.
        self.polls.get(poller).map_or(0, |poll| poll.sources.load(Ordering::Relaxed))
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
