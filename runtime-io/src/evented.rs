//! [`Evented`]: an io resource that is registered with its runtime's netpoller, and the loop that every leaf needs.
//!
//! ```text
//!   is it ready? --no--> say what we wait for, leave the waker, Pending
//!        | yes                        ^
//!        v                            |
//!   the system call --would block--> clear what was seen, ask again
//!        | anything else
//!        v
//!   the caller
//! ```
//!
//! The system call is made only after the kernel has said "ready", and readiness is believed until a call would block. A
//! stream also stops believing after a read that did not fill its buffer or a write that was cut short: with
//! edge-triggered polls (epoll, kqueue) a new event comes with new bytes, so the call that would only say
//! `WouldBlock` is saved.
//!
//! Two kinds of waiters, as in tokio: the poll functions keep the last waker per direction; the futures of
//! [`readiness`](Evented::readiness) keep one each, and take it back when they are dropped. A leaf that makes progress
//! pays a step of the cooperative budget. Errors other than `WouldBlock` are counted by number on their way out.
//!
//! Who may use it: every socket, pipe and descriptor of this crate. What it refuses: to know what kind of resource it
//! has; and to be made outside a runtime, which is a panic that says so.
//!
//! The hand-off between poller and waiters is [`crate::readiness`]'s.

use std::future::Future;
use std::io::{self, IoSlice, Read, Write};
use std::marker::PhantomPinned;
use std::ops::Deref;
use std::os::fd::{AsRawFd, RawFd};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use gumption_core::coop;
use gumption_core::runtime;
use gumption_core::wait::{WaitReason, blocked_on};
use mio::event::Source;
use pin_project_lite::pin_project;

use crate::interest::{Interest, Ready};
use crate::io::ReadBuf;
use crate::readiness::{POLLER, Place, Readiness, Seen};
use crate::slab::{Key, Record};
use crate::sources::{Sources, ended};

/// A registered resource. Dropping it deregisters and closes it.
#[derive(Debug)]
pub(crate) struct Evented<E: Source> {
    /// Taken by `into_inner` and by nothing else.
    io: Option<E>,
    /// What a dump shows that it is waited for: the descriptor, unless it was named otherwise.
    resource: u64,
    registration: Registration,
}

/// Where a resource is registered, as what.
#[derive(Debug)]
struct Registration {
    fd: RawFd,
    key: Key,
    interest: Interest,
    sources: Arc<Sources>,
}

// Nobody's code runs while the record or the registry is being changed, so a panic leaves both in order.
impl<E: Source> UnwindSafe for Evented<E> {}
impl<E: Source> RefUnwindSafe for Evented<E> {}

impl Registration {
    fn record(&self) -> &Record {
        // SAFETY: we keep the slab.
        unsafe { self.key.record() }
    }

    /// A task is about to wait.
    #[inline]
    fn waits(&self) {
        self.sources.waits(self.fd, self.key, self.interest);
    }

    fn end(&self) -> io::Result<()> {
        self.sources.deregister(self.fd, self.key)
    }
}

/// One half of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Read,
    Write,
}

/// What a source was ready for, and when: to be given back to [`Evented::clear_readiness`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadyEvent {
    pub(crate) ready: Ready,
    read: Option<Seen>,
    write: Option<Seen>,
}

impl ReadyEvent {
    fn of(read: Option<Seen>, write: Option<Seen>) -> Option<io::Result<Self>> {
        if read.is_none() && write.is_none() {
            return None;
        }
        let both = || [read, write].into_iter().flatten();
        // A runtime's last events are still true, so they come first.
        let ready = both().fold(Ready::EMPTY, |all, seen| all | seen.ready);
        if ready.is_empty() && both().any(|seen| seen.closed) {
            return Some(Err(ended()));
        }
        Some(Ok(Self { ready, read, write }))
    }

    /// The same event, of which only `ready` is to be cleared.
    pub(crate) fn with_ready(self, ready: Ready) -> Self {
        let within = |seen: Option<Seen>| seen.map(|seen| Seen { ready: seen.ready & ready, ..seen });
        Self { ready: self.ready & ready, read: within(self.read), write: within(self.write) }
    }
}

impl<E: Source + AsRawFd> Evented<E> {
    /// Registers `io` for reading and writing with the runtime of this thread.
    ///
    /// # Errors
    ///
    /// If the runtime has ended, and what the kernel says: a regular file cannot be polled.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub(crate) fn new(io: E) -> io::Result<Self> {
        Self::with_interest(io, Interest::READABLE | Interest::WRITABLE)
    }

    /// Registers `io` for `interest`, as [`new`](Self::new) does for both.
    #[track_caller]
    pub(crate) fn with_interest(io: E, interest: Interest) -> io::Result<Self> {
        Self::try_with_interest(io, interest).map_err(|(_io, error)| error)
    }

    /// The same, giving `io` back on an error.
    #[track_caller]
    pub(crate) fn try_with_interest(io: E, interest: Interest) -> Result<Self, (E, io::Error)> {
        let sources = match runtime::reactor::<Sources>() {
            Ok(sources) => sources,
            Err(error) => panic!("{error}"),
        };
        let fd = io.as_raw_fd();
        match sources.register(fd, interest) {
            Ok(key) => Ok(Self {
                registration: Registration { fd, key, interest, sources },
                resource: fd as u64,
                io: Some(io),
            }),
            Err(error) => {
                sources.note_error(&error);
                Err((io, error))
            }
        }
    }
}

impl<E: Source> Evented<E> {
    /// Who waits here waits for `resource` and not for the descriptor: a signal's number, a process.
    pub(crate) fn naming(mut self, resource: u64) -> Self {
        self.resource = resource;
        self
    }

    /// Takes the source to be ready before the kernel has said so: for one whose state is known when it is made, such as a
    /// connection that was accepted. A guess that was wrong costs one call that would block.
    pub(crate) fn assume_ready(self, ready: Ready) -> Self {
        // Nobody waits for it yet, and it is not stale while we have it.
        let _noted = self.record().set(self.registration.key.generation(), ready);
        self
    }

    fn record(&self) -> &Record {
        self.registration.record()
    }

    fn direction(&self, direction: Direction) -> &Readiness {
        match direction {
            Direction::Read => &self.record().read,
            Direction::Write => &self.record().write,
        }
    }

    /// Counts an error of a system call on it. The methods below do it for what passes through them.
    pub(crate) fn note_error(&self, error: &io::Error) {
        self.registration.sources.note_error(error);
    }

    /// The resource, deregistered.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub(crate) fn into_inner(mut self) -> io::Result<E> {
        match self.io.take() {
            Some(io) => {
                self.registration.end()?;
                Ok(io)
            }
            None => Err(io::Error::other("the resource has been taken already")),
        }
    }

    /// What was seen is over.
    pub(crate) fn clear_readiness(&self, event: ReadyEvent) {
        if let Some(seen) = event.read {
            self.record().read.clear(seen);
        }
        if let Some(seen) = event.write {
            self.record().write.clear(seen);
        }
    }

    /// Whether a direction is ready; the last waker of each direction is woken when it may be.
    pub(crate) fn poll_ready(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        reason: WaitReason,
    ) -> Poll<io::Result<ReadyEvent>> {
        let coop = ready!(coop::poll_proceed(cx));
        let event = ready!(self.poll_event(cx, direction, reason));
        coop.made_progress();
        Poll::Ready(event)
    }

    #[inline]
    fn poll_event(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        reason: WaitReason,
    ) -> Poll<io::Result<ReadyEvent>> {
        let readiness = self.direction(direction);
        let asked = match direction {
            Direction::Read => Ready::READABLE | Ready::READ_CLOSED,
            Direction::Write => Ready::WRITABLE | Ready::WRITE_CLOSED,
        };
        let seen = readiness.look(asked).or_else(|| {
            self.registration.waits();
            readiness.wait(asked, POLLER, &mut Place::default(), cx.waker())
        });
        let event = match direction {
            Direction::Read => ReadyEvent::of(seen, None),
            Direction::Write => ReadyEvent::of(None, seen),
        };
        match event {
            Some(event) => Poll::Ready(event),
            None => {
                blocked_on(reason, self.resource);
                Poll::Pending
            }
        }
    }

    /// Waits until the source is ready for something of `interest`. Any number of tasks may: one event ends the wait of all
    /// of them, with nothing ready for who comes when another has used it up.
    pub(crate) fn readiness(&self, interest: Interest, reason: WaitReason) -> Readying<'_> {
        let asked = Ready::from_interest(interest);
        Readying {
            registration: &self.registration,
            resource: self.resource,
            reason,
            for_read: asked & Ready::READ_SIDE,
            for_write: asked - Ready::READ_SIDE,
            read: Place::default(),
            write: Place::default(),
            since: None,
            pinned: PhantomPinned,
        }
    }
}

impl<E: Source> Evented<E> {
    /// Calls `f` when the direction is ready, until it does not block.
    pub(crate) fn poll_io<R>(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        reason: WaitReason,
        mut f: impl FnMut(&E) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        loop {
            let coop = ready!(coop::poll_proceed(cx));
            let event = ready!(self.poll_event(cx, direction, reason))?;
            let result = f(self);
            // A call in vain is paid for, too: a half that is closed stays ready, whatever a call on it says.
            coop.made_progress();
            if !self.is_over(&result, event) {
                return Poll::Ready(result);
            }
        }
    }

    /// Waits for `interest` and calls `f`, until it does not block. Any number of tasks may.
    pub(crate) async fn async_io<R>(
        &self,
        interest: Interest,
        reason: WaitReason,
        mut f: impl FnMut(&E) -> io::Result<R>,
    ) -> io::Result<R> {
        loop {
            let event = self.readiness(interest, reason).await?;
            let step = |cx: &mut Context<'_>| {
                let coop = ready!(coop::poll_proceed(cx));
                let result = f(self);
                // As in `poll_io`.
                coop.made_progress();
                Poll::Ready(if self.is_over(&result, event) { None } else { Some(result) })
            };
            if let Some(result) = std::future::poll_fn(step).await {
                return result;
            }
        }
    }

    /// Calls `f` if the source is ready for something of `interest`; otherwise says `WouldBlock`.
    pub(crate) fn try_io<R>(&self, interest: Interest, f: impl FnOnce(&E) -> io::Result<R>) -> io::Result<R> {
        let asked = Ready::from_interest(interest);
        let (read, write) = (asked & Ready::READ_SIDE, asked - Ready::READ_SIDE);
        let event = ReadyEvent::of(self.record().read.look(read), self.record().write.look(write));
        let event = event.unwrap_or_else(|| Err(io::ErrorKind::WouldBlock.into()))?;
        let result = f(self);
        self.is_over(&result, event);
        result
    }

    /// Whether the result says that the readiness was over; it is cleared then. Other errors are counted.
    fn is_over<R>(&self, result: &io::Result<R>, event: ReadyEvent) -> bool {
        match result {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.clear_readiness(event);
                true
            }
            Err(error) => {
                self.note_error(error);
                false
            }
            Ok(_) => false,
        }
    }

    /// Reads into what is left of `buf`.
    pub(crate) fn poll_read<'a>(
        &'a self,
        cx: &mut Context<'_>,
        reason: WaitReason,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>>
    where
        &'a E: Read,
    {
        self.poll_read_with(cx, reason, buf, |mut io: &'a E, room| io.read(room))
    }

    /// Reads into what is left of `buf` by `read`, a system call that writes to its buffer and does not look into it.
    pub(crate) fn poll_read_with<'a>(
        &'a self,
        cx: &mut Context<'_>,
        reason: WaitReason,
        buf: &mut ReadBuf<'_>,
        mut read: impl FnMut(&'a E, &mut [u8]) -> io::Result<usize>,
    ) -> Poll<io::Result<()>> {
        let coop = ready!(coop::poll_proceed(cx));
        loop {
            let event = ready!(self.poll_event(cx, Direction::Read, reason))?;
            // SAFETY: the system call behind `read` writes to it and does not read; what it has not written is not
            // marked as filled below.
            let room = unsafe { &mut *(buf.unfilled_mut() as *mut [std::mem::MaybeUninit<u8>] as *mut [u8]) };
            let result = read(self.io(), room);
            if self.is_over(&result, event) {
                continue;
            }
            let read = result?;
            if 0 < read && read < room.len() {
                self.clear_readiness(event);
            }
            // SAFETY: the system call has written that many.
            unsafe { buf.assume_init(read) };
            buf.advance(read);
            coop.made_progress();
            return Poll::Ready(Ok(()));
        }
    }

    /// Writes what is taken of `buf`.
    pub(crate) fn poll_write<'a>(
        &'a self,
        cx: &mut Context<'_>,
        reason: WaitReason,
        buf: &[u8],
    ) -> Poll<io::Result<usize>>
    where
        &'a E: Write,
    {
        self.poll_write_with(cx, reason, buf.len(), |mut io: &'a E| io.write(buf))
    }

    /// Writes what is taken of `bufs`.
    pub(crate) fn poll_write_vectored<'a>(
        &'a self,
        cx: &mut Context<'_>,
        reason: WaitReason,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>>
    where
        &'a E: Write,
    {
        let offered = bufs.iter().map(|buf| buf.len()).sum();
        self.poll_write_with(cx, reason, offered, |mut io: &'a E| io.write_vectored(bufs))
    }

    /// Writes by `write`, a system call that is offered so many bytes.
    pub(crate) fn poll_write_with<'a>(
        &'a self,
        cx: &mut Context<'_>,
        reason: WaitReason,
        offered: usize,
        mut write: impl FnMut(&'a E) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let coop = ready!(coop::poll_proceed(cx));
        loop {
            let event = ready!(self.poll_event(cx, Direction::Write, reason))?;
            let result = write(self.io());
            if self.is_over(&result, event) {
                continue;
            }
            if result.as_ref().is_ok_and(|&written| 0 < written && written < offered) {
                self.clear_readiness(event);
            }
            coop.made_progress();
            return Poll::Ready(result);
        }
    }

    #[inline]
    fn io(&self) -> &E {
        match &self.io {
            Some(io) => io,
            None => unreachable!("only into_inner takes it, and that consumes us"),
        }
    }
}

impl<E: Source> Deref for Evented<E> {
    type Target = E;
    fn deref(&self) -> &E {
        self.io()
    }
}

impl<E: Source> Drop for Evented<E> {
    fn drop(&mut self) {
        if let Some(io) = self.io.take() {
            // The descriptor is about to be closed, which the kernel takes for the same.
            let _ = self.registration.end();
            drop(io);
        }
    }
}

pin_project! {
    /// The wait for readiness of one task, among any number.
    #[must_use = "futures do nothing unless polled"]
    #[derive(Debug)]
    pub(crate) struct Readying<'a> {
        registration: &'a Registration,
        resource: u64,
        reason: WaitReason,
        for_read: Ready,
        for_write: Ready,
        read: Place,
        write: Place,
        // The ticks of both halves when it began to wait.
        since: Option<(u32, u32)>,
        // Its address is its name among the waiters.
        #[pin]
        pinned: PhantomPinned,
    }

    impl PinnedDrop for Readying<'_> {
        fn drop(this: Pin<&mut Self>) {
            let who = std::ptr::from_ref(&*this).addr();
            let this = this.project();
            this.registration.record().read.forget(who, this.read);
            this.registration.record().write.forget(who, this.write);
        }
    }
}

impl Future for Readying<'_> {
    type Output = io::Result<ReadyEvent>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let who = std::ptr::from_ref(&*self).addr();
        let this = self.project();
        let seen = ReadyEvent::of(
            this.registration.record().read.look(*this.for_read),
            this.registration.record().write.look(*this.for_write),
        );
        if let Some(event) = seen {
            return Poll::Ready(event);
        }
        let record = this.registration.record();
        let tick = |readiness: &Readiness, asked: Ready| if asked.is_empty() { 0 } else { readiness.tick() };
        let ticks = (tick(&record.read, *this.for_read), tick(&record.write, *this.for_write));
        if this.since.is_some_and(|since| since != ticks) {
            // What came was used up by another task that waited for it, too. Ours was to wait for an event, and that was one.
            return Poll::Ready(Ok(ReadyEvent { ready: Ready::EMPTY, read: None, write: None }));
        }
        *this.since = Some(ticks);
        let wait = |readiness: &Readiness, asked: Ready, place: &mut Place| {
            if asked.is_empty() { None } else { readiness.wait(asked, who, place, cx.waker()) }
        };
        this.registration.waits();
        let read = wait(&this.registration.record().read, *this.for_read, this.read);
        let write = wait(&this.registration.record().write, *this.for_write, this.write);
        match ReadyEvent::of(read, write) {
            Some(event) => Poll::Ready(event),
            None => {
                blocked_on(*this.reason, *this.resource);
                Poll::Pending
            }
        }
    }
}

#[cfg(all(test, unix, not(any(gumption_loom, gumption_shuttle))))]
#[path = "evented_tests.rs"]
mod tests;
