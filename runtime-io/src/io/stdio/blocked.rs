//! [`Blocked`]: a reader or writer of std's, on the blocking pool.
//!
//! One closure at a time: it takes the stream and a buffer along and brings them back.
//!
//! ```text
//!            poll_read: nothing in the buffer       poll_read: done
//!   Idle ------------------------------------> Busy ---------------> Idle, the bytes in the buffer
//!            poll_write: copied to the buffer       the next write or flush: done, or the error
//! ```
//!
//! A read that nobody waits for any more goes on, and its bytes are there for the next one: cancelling loses none. A
//! write is accepted as soon as its bytes are in the buffer; whether it succeeded the next write or flush says. What
//! was accepted is written, also if the runtime ends before a thread has come for it: a closure that is dropped unrun
//! writes as it is dropped.
//!
//! One read or write moves at most [`CHUNK`] bytes, so that the buffer, which stays, has an end.
//!
//! The one invariant: the stream is in `Idle`'s parts or in the closure. If the closure's end is never seen, because
//! the pool was closed or std panicked, the stream is gone, and each call says so.

use crate::io::ReadBuf;
use gumption_core::runtime::Handle;
use gumption_core::spawn_blocking;
use gumption_core::task::JoinHandle;
use gumption_core::texts;
use gumption_core::wait::{WaitReason, blocked_on};
use std::io::{self, Read, Write};
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// The most that one system call is asked to move; tokio's.
pub(super) const CHUNK: usize = 2 * 1024 * 1024;

/// A stream of std's for tasks.
#[derive(Debug)]
pub(super) struct Blocked<T> {
    state: State<T>,
    /// Whether something was written since the last flush.
    unflushed: bool,
    descriptor: u64,
}

#[derive(Debug)]
enum State<T> {
    Idle(Parts<T>),
    Busy(JoinHandle<(io::Result<()>, Parts<T>)>),
    Gone,
}

/// What travels.
#[derive(Debug)]
struct Parts<T> {
    std: T,
    /// Memory that is initialized; what of it means something is said by `from` and `to`.
    buf: Vec<u8>,
    from: usize,
    to: usize,
}

/// A write that happens when it is dropped at the latest.
struct Owed<T: Write>(Option<Parts<T>>);

impl<T: Write> Owed<T> {
    fn pay(mut self) -> (io::Result<()>, Parts<T>) {
        let mut parts = self.0.take().expect("it is taken once, here or by the drop");
        (parts.write(), parts)
    }
}

impl<T: Write> Drop for Owed<T> {
    fn drop(&mut self) {
        if let Some(mut parts) = self.0.take() {
            // The runtime has ended: of an error there is nobody left to be told.
            let _ = parts.write();
        }
    }
}

impl<T> Parts<T> {
    fn bytes(&self) -> &[u8] {
        &self.buf[self.from..self.to]
    }
}

impl<T: Read> Parts<T> {
    fn read(&mut self, limit: usize) -> io::Result<()> {
        if self.buf.len() < limit {
            self.buf.resize(limit, 0);
        }
        (self.from, self.to) = (0, 0);
        loop {
            match self.std.read(&mut self.buf[..limit]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => {
                    self.to = result?;
                    return Ok(());
                }
            }
        }
    }
}

impl<T: Write> Parts<T> {
    fn write(&mut self) -> io::Result<()> {
        let result = self.std.write_all(&self.buf[self.from..self.to]);
        (self.from, self.to) = (0, 0);
        result
    }
}

fn gone() -> io::Error {
    texts::shut_down()
}

impl<T> Blocked<T> {
    /// `std`, which is descriptor number `descriptor`.
    pub(super) fn new(std: T, descriptor: u64) -> Self {
        let parts = Parts { std, buf: Vec::new(), from: 0, to: 0 };
        Self { state: State::Idle(parts), unflushed: false, descriptor }
    }

    /// Waits until no closure is under way; the result of the one that was, if there was one.
    fn poll_idle(&mut self, cx: &mut Context<'_>, reason: WaitReason) -> Poll<io::Result<bool>> {
        let handle = match &mut self.state {
            State::Idle(_) => return Poll::Ready(Ok(false)),
            State::Gone => return Poll::Ready(Err(gone())),
            State::Busy(handle) => handle,
        };
        if !handle.is_finished() {
            // Not `poll`, which would say that the task waits for another one.
            handle.set_join_waker(cx.waker());
            blocked_on(reason, self.descriptor);
            return Poll::Pending;
        }
        let (result, state) = match ready!(Pin::new(handle).poll(cx)) {
            Ok((result, parts)) => (result, State::Idle(parts)),
            Err(error) if error.is_cancelled() => (Err(gone()), State::Gone),
            Err(error) => (Err(error.into()), State::Gone),
        };
        self.state = state;
        Poll::Ready(result.map(|()| true))
    }
}

impl<T: Send + 'static> Blocked<T> {
    /// Has `work` done with the parts on the blocking pool; they are here, as `poll_idle` has said.
    #[track_caller]
    fn start<W>(&mut self, work: impl FnOnce(Parts<T>) -> W)
    where
        W: FnOnce() -> (io::Result<()>, Parts<T>) + Send + 'static,
    {
        match mem::replace(&mut self.state, State::Gone) {
            State::Idle(parts) => self.state = State::Busy(spawn_blocking(work(parts))),
            other => self.state = other,
        }
    }
}

impl<T: Read + Send + 'static> Blocked<T> {
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        loop {
            // Bytes of a read that has just ended, none of which says the end of the stream, or of an earlier one.
            let fresh = ready!(self.poll_idle(cx, WaitReason::IoRead))?;
            if let State::Idle(parts) = &mut self.state {
                let count = parts.bytes().len().min(buf.remaining());
                if fresh || count > 0 {
                    buf.put_slice(&parts.bytes()[..count]);
                    parts.from += count;
                    return Poll::Ready(Ok(()));
                }
            }
            let limit = buf.remaining().min(CHUNK);
            self.start(|mut parts| move || (parts.read(limit), parts));
        }
    }
}

impl<T: Write + Send + 'static> Blocked<T> {
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_idle(cx, WaitReason::IoWrite))?;
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        if Handle::current().is_shut_down() {
            // Nothing is written that is not reported as written.
            return Poll::Ready(Err(gone()));
        }
        let count = buf.len().min(CHUNK);
        self.unflushed = true;
        self.start(|mut parts| {
            parts.buf.clear();
            parts.buf.extend_from_slice(&buf[..count]);
            (parts.from, parts.to) = (0, count);
            let owed = Owed(Some(parts));
            move || owed.pay()
        });
        Poll::Ready(Ok(count))
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_idle(cx, WaitReason::IoWrite))?;
            if !mem::take(&mut self.unflushed) {
                return Poll::Ready(Ok(()));
            }
            self.start(|mut parts| move || (parts.std.flush(), parts));
        }
    }
}
