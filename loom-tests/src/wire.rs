//! [`Wire`]: a driver and a kernel in miniature, for models of the composed scheduler with io.
//!
//! It is the netpoller without the system: the real `Slab` of real `Readiness` words, whose events come from a queue that
//! the model's threads fill ([`Line::write`]) and a turn empties, a few at a time. [`Fd`] stands for a socket: it registers,
//! reads by the same steps as `Evented::poll_io`, and deregisters when it is dropped.
//!
//! Edge-triggered, as epoll is used: one event per write in each poll that the source is in, lost if nobody passes it on. A
//! source that is ready when it comes into a poll has an event there, one that leaves it takes its events along; and now and
//! then a poll refuses one. A sleep ends for an event or an unpark, and never for its limit, because time does not pass;
//! models with timers have no use for it.
//!
//! It has as many polls as its type says, also without sysmon: what sysmon would be needed for, a model does by hand. A
//! source moves between them by the real rules (`Home`), for which its packets come in at the poll after its own.
//!
//! The invariant: a turn that returns has passed on every event that it took from the queue.

use gumption_core::driver::{Driver, Reactor, Turn, Unpark};
use gumption_core::runtime::{self, EventLimits, MakeDriver};
use gumption_core::sync::{AtomicUsize, Condvar, Mutex, Ordering};
use gumption_io::internals::{Home, Key, Noted, POLLER, Place, Readiness, Ready, Refused, Slab, Token, Who};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// Most events that a turn takes: fewer than models make.
const PORTION: usize = 2;
const READ: Ready = Ready::READABLE;

/// One move in so many is refused.
const REFUSED: usize = 3;

/// The reactor of all polls.
#[derive(Debug)]
pub struct Wire {
    slab: Slab,
    kernel: Mutex<Kernel>,
    polls: Vec<PollSide>,
}

/// What is known of a poll without the kernel's lock.
#[derive(Debug, Default)]
struct PollSide {
    sources: AtomicUsize,
    sleeper: Condvar,
}

#[derive(Debug, Default)]
struct Kernel {
    polls: Vec<InKernel>,
    moves: usize,
}

#[derive(Debug, Default)]
struct InKernel {
    members: Vec<Token>,
    events: VecDeque<Token>,
    unparked: bool,
}

/// What sits in a seat.
#[derive(Debug)]
pub struct WireDriver<const POLLS: usize = 1> {
    wire: Arc<Wire>,
    index: usize,
}

/// Ends a turn.
struct Ring(Arc<Wire>, usize);

impl<const POLLS: usize> MakeDriver for WireDriver<POLLS> {
    fn make(_: usize, _: EventLimits) -> io::Result<Vec<Box<dyn Driver>>> {
        let polls = (0..POLLS).map(|_| InKernel::default()).collect();
        let wire = Arc::new(Wire {
            slab: Slab::new(),
            kernel: Mutex::new(Kernel { polls, moves: 0 }),
            polls: (0..POLLS).map(|_| PollSide::default()).collect(),
        });
        Ok((0..POLLS).map(|index| Box::new(Self { wire: wire.clone(), index }) as Box<dyn Driver>).collect())
    }
}

impl<const POLLS: usize> Driver for WireDriver<POLLS> {
    fn turn(&mut self, timeout: Option<Duration>) -> io::Result<Turn> {
        let events: Vec<_> = {
            let mut kernel = self.wire.kernel.lock();
            while timeout.is_none() && !kernel.polls[self.index].unparked && kernel.polls[self.index].events.is_empty()
            {
                kernel = self.wire.polls[self.index].sleeper.wait(kernel);
            }
            let poll = &mut kernel.polls[self.index];
            poll.unparked = false;
            let portion = poll.events.len().min(PORTION);
            poll.events.drain(..portion).collect()
        };
        let mut turn = Turn { events: events.len(), useful: 0 };
        for token in events {
            let Some((record, generation)) = self.wire.slab.lookup(token) else { continue };
            if let Noted::Woke(woken) = record.set(generation, READ) {
                turn.useful += usize::from(woken > 0);
            }
        }
        Ok(turn)
    }

    fn unparker(&self) -> Arc<dyn Unpark> {
        Arc::new(Ring(self.wire.clone(), self.index))
    }

    fn reactor(&self) -> Arc<dyn Reactor> {
        self.wire.clone()
    }
}

impl Unpark for Ring {
    fn unpark(&self) {
        self.0.kernel.lock().polls[self.1].unparked = true;
        self.0.polls[self.1].sleeper.notify_one();
    }
}

impl Reactor for Wire {
    fn close(&self) {
        self.slab.close();
    }

    fn sources(&self, poller: usize) -> usize {
        self.polls.get(poller).map_or(0, |poll| poll.sources.load(Ordering::Relaxed))
    }
}

impl Wire {
    /// Puts a source into a poll; an event if it is ready by then.
    fn add(&self, poll: usize, token: Token, is_ready: impl FnOnce() -> bool) {
        let ready = {
            let mut kernel = self.kernel.lock();
            let there = &mut kernel.polls[poll];
            assert!(!there.members.contains(&token), "it is in this poll already");
            there.members.push(token);
            let ready = is_ready();
            if ready {
                there.events.push_back(token);
            }
            ready
        };
        if ready {
            self.polls[poll].sleeper.notify_one();
        }
        self.polls[poll].sources.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes it out; with its events, unless a turn has them in its hands already, as far as anybody can tell.
    fn remove(&self, poll: usize, token: Token, events_too: bool) {
        self.polls[poll].sources.fetch_sub(1, Ordering::Relaxed);
        let mut kernel = self.kernel.lock();
        let there = &mut kernel.polls[poll];
        let before = there.members.len();
        there.members.retain(|&member| member != token);
        assert_eq!(there.members.len() + 1, before, "it was in this poll");
        if events_too {
            there.events.retain(|&event| event != token);
        }
    }

    /// Whether the kernel refuses this move.
    fn refuses(&self) -> bool {
        let mut kernel = self.kernel.lock();
        kernel.moves += 1;
        kernel.moves.is_multiple_of(REFUSED)
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
        // Before the byte, which makes the source ready for whoever adds it to a poll.
        self.written.fetch_add(1, Ordering::AcqRel);
        self.bytes.fetch_add(1, Ordering::AcqRel);
        let mut rung = Vec::new();
        {
            let mut kernel = self.wire.kernel.lock();
            for (index, poll) in
                kernel.polls.iter_mut().enumerate().filter(|(_, poll)| poll.members.contains(&self.token))
            {
                poll.events.push_back(self.token);
                rung.push(index);
            }
        }
        rung.into_iter().for_each(|poll| self.wire.polls[poll].sleeper.notify_one());
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
        let least_used = || (0..wire.polls.len()).min_by_key(|&poll| wire.sources(poll)).unwrap();
        let home = runtime::current_poller(&*wire).unwrap_or_else(least_used);
        wire.add(home, key.token(), || false);
        let fd = Self { wire, key, line };
        fd.home().settle(home);
        runtime::source_registered(home);
        Ok(fd)
    }

    fn home(&self) -> &Home {
        // SAFETY: we keep the slab.
        &unsafe { self.key.record() }.home
    }

    /// A task is about to wait for it: by the rules of homes it moves.
    fn waits(&self) {
        if self.wire.polls.len() > 1
            && let Some(here) = runtime::current_poller(&*self.wire)
            && let Some(to) = self.home().waits(here, || Some((here + 1) % self.wire.polls.len()))
        {
            self.move_to(to);
        }
    }

    /// Moves it, as `Sources` does.
    pub fn move_to(&self, to: usize) {
        let token = self.key.token();
        let add = |poll| {
            if self.wire.refuses() {
                return Err(());
            }
            self.wire.add(poll, token, || self.line.bytes.load(Ordering::Acquire) > 0);
            Ok(())
        };
        if self.home().move_to(to, add, |poll| self.wire.remove(poll, token, true)) {
            runtime::source_registered(to);
        }
    }

    /// Moves it to the poll of this thread's processor, or, with `away`, to the next one, also if it is
    /// refused there once. Not if its task moves it at this moment.
    ///
    /// # Panics
    /// On a thread without a processor of its runtime.
    pub fn bring(&self, away: usize) {
        let here = runtime::current_poller(&*self.wire).unwrap();
        let to = (here + away) % self.wire.polls.len();
        for _ in 0..2 {
            self.move_to(to);
        }
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
            let wait = || {
                self.waits();
                self.readiness().wait(READ, who, place, cx.waker())
            };
            let Some(seen) = seen.or_else(wait) else {
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
        self.wire.remove(self.home().poll(), self.key.token(), false);
        self.wire.slab.give_back(self.key);
    }
}
