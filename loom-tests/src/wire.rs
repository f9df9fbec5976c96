//! [`Wire`]: a driver and a kernel in miniature, for models of the composed scheduler with io.
//!
//! It is the netpoller without the system: the real `Slab` of real `Readiness` words, whose events come from a queue that
//! the model's threads fill ([`Line::write`]) and a turn empties, a few at a time. [`Fd`] stands for a socket: it registers,
//! reads by the same steps as `Evented::poll_io`, and deregisters when it is dropped.
//!
//! Edge-triggered, as epoll is used: one event per write, lost if nobody passes it on. A sleep ends for an event or an
//! unpark, and never for its limit, because time does not pass; models with timers have no use for it.
//!
//! The invariant: a turn that returns has passed on every event that it took from the queue.

use gumption_core::driver::{Driver, Reactor, Turn, Unpark};
use gumption_core::runtime::{self, MakeDriver};
use gumption_core::sync::{AtomicUsize, Condvar, Mutex, Ordering};
use gumption_io::internals::{Key, Noted, POLLER, Place, Readiness, Ready, Refused, Slab, Token, Who};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// Most events that a turn takes: fewer than models make.
const PORTION: usize = 2;
const READ: Ready = Ready::READABLE;

/// The driver, its reactor, and its unparker.
#[derive(Debug, Default)]
pub struct Wire {
    slab: Slab,
    kernel: Mutex<Kernel>,
    sleeper: Condvar,
}

#[derive(Debug, Default)]
struct Kernel {
    events: VecDeque<Token>,
    unparked: bool,
}

/// What sits in the seat.
#[derive(Debug)]
pub struct WireDriver(Arc<Wire>);

impl MakeDriver for WireDriver {
    fn make(_: usize) -> io::Result<Vec<Box<dyn Driver>>> {
        Ok(vec![Box::new(Self(Arc::default()))])
    }
}

impl Driver for WireDriver {
    fn turn(&mut self, timeout: Option<Duration>) -> io::Result<Turn> {
        let events: Vec<_> = {
            let mut kernel = self.0.kernel.lock();
            while timeout.is_none() && !kernel.unparked && kernel.events.is_empty() {
                kernel = self.0.sleeper.wait(kernel);
            }
            kernel.unparked = false;
            let portion = kernel.events.len().min(PORTION);
            kernel.events.drain(..portion).collect()
        };
        let mut turn = Turn { events: events.len(), useful: 0 };
        for token in events {
            let Some((record, generation)) = self.0.slab.lookup(token) else { continue };
            if let Noted::Woke(woken) = record.set(generation, READ) {
                turn.useful += usize::from(woken > 0);
            }
        }
        Ok(turn)
    }

    fn unparker(&self) -> Arc<dyn Unpark> {
        self.0.clone()
    }

    fn reactor(&self) -> Arc<dyn Reactor> {
        self.0.clone()
    }
}

impl Unpark for Wire {
    fn unpark(&self) {
        self.kernel.lock().unparked = true;
        self.sleeper.notify_one();
    }
}

impl Reactor for Wire {
    fn close(&self) {
        self.slab.close();
    }

    fn sources(&self, _: usize) -> usize {
        self.slab.counts().0 as usize
    }
}

/// The runtime has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed;

/// A source, for who reads.
#[derive(Debug)]
pub struct Fd {
    wire: Arc<Wire>,
    key: Key,
    line: Line,
}

/// The other end of a source. It may outlive it.
#[derive(Debug, Clone)]
pub struct Line {
    wire: Arc<Wire>,
    token: Token,
    bytes: Arc<AtomicUsize>,
    written: Arc<AtomicUsize>,
}

impl Line {
    /// One byte comes, and an event.
    pub fn write(&self) {
        self.bytes.fetch_add(1, Ordering::AcqRel);
        self.written.fetch_add(1, Ordering::AcqRel);
        self.wire.kernel.lock().events.push_back(self.token);
        self.wire.sleeper.notify_one();
    }
}

/// A wait that takes its waker back.
struct Waiting<'a> {
    readiness: &'a Readiness,
    who: Who,
    place: Place,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.readiness.forget(self.who, &mut self.place);
    }
}

impl Fd {
    /// Registers with the runtime of this thread.
    ///
    /// # Errors
    /// If it has ended.
    ///
    /// # Panics
    /// Outside a runtime on a [`WireDriver`].
    pub fn open() -> Result<Self, Closed> {
        let wire = runtime::reactor::<Wire>().unwrap();
        let key = wire.slab.take().map_err(|refused| {
            assert_eq!(refused, Refused::Closed);
            Closed
        })?;
        let line = Line { wire: wire.clone(), token: key.token(), bytes: Arc::default(), written: Arc::default() };
        runtime::source_registered();
        Ok(Self { wire, key, line })
    }

    /// The other end.
    pub fn line(&self) -> Line {
        self.line.clone()
    }

    fn readiness(&self) -> &Readiness {
        // SAFETY: we keep the slab.
        unsafe { &self.key.record().read }
    }

    fn poll_read(&self, who: Who, place: &mut Place, most: usize, cx: &mut Context<'_>) -> Poll<Result<usize, Closed>> {
        loop {
            let seen = self.readiness().look(READ);
            let Some(seen) = seen.or_else(|| self.readiness().wait(READ, who, place, cx.waker())) else {
                return Poll::Pending;
            };
            let written = self.line.written.load(Ordering::Acquire);
            assert!(seen.closed || written > 0, "ready for an event that was another source's");
            let take = |bytes: usize| (bytes > 0).then(|| bytes - bytes.min(most));
            match self.line.bytes.fetch_update(Ordering::AcqRel, Ordering::Acquire, take) {
                Ok(bytes) => return Poll::Ready(Ok(bytes.min(most))),
                Err(_) if seen.closed && seen.ready.is_empty() => return Poll::Ready(Err(Closed)),
                Err(_) => self.readiness().clear(seen),
            }
        }
    }

    /// Reads all there is, at least a byte, as the poll functions do: one task at a time.
    ///
    /// # Errors
    /// If the runtime has ended.
    pub async fn read(&self) -> Result<usize, Closed> {
        poll_fn(|cx| self.poll_read(POLLER, &mut Place::default(), usize::MAX, cx)).await
    }

    /// Takes one byte, as `accept` takes a connection: any number of tasks, each by another name.
    ///
    /// # Errors
    /// If the runtime has ended.
    pub async fn accept(&self, who: Who) -> Result<(), Closed> {
        let mut waiting = Waiting { readiness: self.readiness(), who, place: Place::default() };
        poll_fn(|cx| self.poll_read(who, &mut waiting.place, 1, cx).map_ok(|_one| ())).await
    }
}

impl Drop for Fd {
    fn drop(&mut self) {
        self.wire.slab.give_back(self.key);
    }
}
