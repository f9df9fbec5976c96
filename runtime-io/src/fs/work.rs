//! [`Work`]: what a file has in flight, and what came of it.
//!
//! ```text
//!            start(closure takes the buffer)
//!   Idle ------------------------------------> Busy
//!  (buffer) <--------------------------------- (handle)
//!            poll_outcome (the buffer comes back)
//! ```
//!
//! At most one operation is in flight. Its outcome comes back with the buffer and is looked at by whatever the file is asked
//! to do next, and that decides what becomes of it:
//!
//! | outcome | next: read | write | seek's end | flush | the `&self` operations |
//! | --- | --- | --- | --- | --- | --- |
//! | read | is the answer | its bytes are unread, the cursor goes back | nothing | nothing | nothing |
//! | write, failed | kept | is the answer | kept | is the answer | kept |
//! | seek | its position is noted | the same | is the answer | noted | noted |
//!
//! A *kept* error is the answer of the next write or flush. So each failure of a write is reported exactly once, unless
//! the file is dropped before; what was read and not taken is not lost, because whatever moves the cursor or writes goes back
//! first; a failed read or seek that nobody waited for is forgotten, since nobody was told that it would succeed.
//!
//! An operation that was lost (the runtime ended, the closure panicked) is an error of whoever comes next, and its buffer
//! with it.

use super::buffer::Buffer;
use super::lease::Lease;
use super::pool::{self, Promise};
use gumption_core::task::JoinHandle;
use std::io::{self, IoSlice, Seek, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// What a file has in flight.
pub(super) struct Work {
    state: State,
    /// A write's error that nobody has been told of.
    failed: Option<io::Error>,
    /// Where the last seek ended.
    position: u64,
}

enum State {
    Idle(Buffer),
    Busy(JoinHandle<(Outcome, Buffer)>),
}

/// What came of an operation.
pub(super) enum Outcome {
    Read(io::Result<()>),
    Written(io::Result<()>),
    Sought(io::Result<u64>),
    Resized(io::Result<()>),
    /// It never ended.
    Lost(io::Error),
}

impl Work {
    pub(super) fn new() -> Self {
        Self { state: State::Idle(Buffer::default()), failed: None, position: 0 }
    }

    /// Where the last seek ended.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// The buffer, if nothing is in flight.
    pub(super) fn idle(&mut self) -> Option<&mut Buffer> {
        match &mut self.state {
            State::Idle(buffer) => Some(buffer),
            State::Busy(_) => None,
        }
    }

    /// The kept error.
    pub(super) fn take_failed(&mut self) -> io::Result<()> {
        self.failed.take().map_or(Ok(()), Err)
    }

    /// Keeps a write's error for the next write or flush, which is told of the first.
    pub(super) fn keep(&mut self, written: io::Result<()>) {
        if let Err(error) = written {
            self.failed.get_or_insert(error);
        }
    }

    /// Waits for what is in flight, and takes the buffer back; `None` if nothing is.
    pub(super) fn poll_outcome(&mut self, cx: &mut Context<'_>) -> Poll<Option<Outcome>> {
        let State::Busy(handle) = &mut self.state else { return Poll::Ready(None) };
        let ended = ready!(Pin::new(handle).poll(cx));
        let (outcome, buffer) = ended.unwrap_or_else(|error| (Outcome::Lost(pool::lost(error)), Buffer::default()));
        self.state = State::Idle(buffer);
        if let Outcome::Sought(Ok(position)) = outcome {
            self.position = position;
        }
        Poll::Ready(Some(outcome))
    }

    /// Waits for what is in flight, keeping a write's error.
    pub(super) fn poll_settle(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match ready!(self.poll_outcome(cx)) {
            Some(Outcome::Written(written)) => self.keep(written),
            Some(Outcome::Lost(error)) => return Poll::Ready(Err(error)),
            Some(Outcome::Read(_) | Outcome::Sought(_) | Outcome::Resized(_)) | None => {}
        }
        Poll::Ready(Ok(()))
    }

    /// Waits for what is in flight; the error of a write, this or an earlier one.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.take_failed()?;
        Poll::Ready(match ready!(self.poll_outcome(cx)) {
            Some(Outcome::Written(written)) => written,
            Some(Outcome::Lost(error)) => Err(error),
            Some(Outcome::Read(_) | Outcome::Sought(_) | Outcome::Resized(_)) | None => Ok(()),
        })
    }

    /// Puts an operation in flight; nothing may be.
    ///
    /// If it cannot be started the buffer is lost, as the runtime is.
    fn start(&mut self, promise: Promise, f: impl FnOnce(&mut Buffer) -> Outcome + Send + 'static) -> io::Result<()> {
        let Some(buffer) = self.idle() else { unreachable!("a second operation of a file at once") };
        let mut buffer = std::mem::take(buffer);
        let handle = pool::start(promise, move || {
            let outcome = f(&mut buffer);
            (outcome, buffer)
        })?;
        self.state = State::Busy(handle);
        Ok(())
    }

    /// Starts a read of at most `max` bytes into the buffer, which is empty.
    pub(super) fn start_read(&mut self, file: Lease, max: usize) -> io::Result<()> {
        self.start(Promise::None, move |buffer| Outcome::Read(buffer.read_from(&*file, max)))
    }

    /// Starts a write of at most `max` bytes of `parts`, from where the reader is; how many.
    pub(super) fn start_write(&mut self, file: Lease, parts: &[IoSlice<'_>], max: usize) -> io::Result<usize> {
        let Some(buffer) = self.idle() else { unreachable!("a second operation of a file at once") };
        let back = buffer.discard();
        let len = buffer.fill(parts, max);
        self.start(Promise::Made, move |buffer| {
            let went = if back == 0 { Ok(0) } else { (&*file).seek(SeekFrom::Current(back)) };
            Outcome::Written(went.and_then(|_| buffer.write_to(&*file)))
        })?;
        Ok(len)
    }

    /// Starts a seek, from where the reader is and not from where the cursor has run ahead to.
    ///
    /// tokio adds the two steps up; a seek that fails then leaves the cursor ahead, and what was read and not taken is lost.
    pub(super) fn start_seek(&mut self, file: Lease, to: SeekFrom) -> io::Result<()> {
        if self.idle().is_none() {
            return Err(io::Error::other("other file operation is pending, call poll_complete before start_seek"));
        }
        self.start(Promise::None, move |buffer| {
            Outcome::Sought(buffer.give_back(&*file).and_then(|()| (&*file).seek(to)))
        })
    }

    /// Starts a change of the file's length.
    pub(super) fn start_set_len(&mut self, file: Lease, len: u64) -> io::Result<()> {
        self.start(Promise::None, move |buffer| {
            Outcome::Resized(buffer.give_back(&*file).and_then(|()| file.set_len(len)))
        })
    }
}
