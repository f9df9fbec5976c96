//! [`duplex`] and [`simplex`]: a pipe in memory, both ways or one.
//!
//! Bytes that are written at one end lie in a buffer of a fixed size until they are read at the other; a full one makes
//! the writer wait, an empty one the reader. A pipe is closed by a shutdown of its writing end, after which what lies
//! in it is still read and then the end; and by dropping either end, after which writes fail with `BrokenPipe`.
//!
//! A pipe is one mutex around the buffer and two wakers, those of the last reader and the last writer that were told to
//! wait. Wakers are foreign code: they are cloned before the lock is taken, and woken and dropped after it is released.
//!
//! What a task waits for is a channel of bytes, not a descriptor: `chan receive` and `chan send`, with the pipe's
//! address.
//!
//! The one invariant: whoever waits has its waker in the pipe, and whatever changes what it waits for (bytes read,
//! bytes written, closed) takes it out, under the same lock, and wakes it. Models: `loom-tests/tests/pipe.rs`.

use super::split::{ReadHalf, WriteHalf, split};
use crate::io::{AsyncRead, AsyncWrite, ReadBuf};
use bytes::{Buf, BytesMut};
use gumption_core::coop;
use gumption_core::sync::{Arc, Mutex, broken};
use gumption_core::wait::{WaitReason, blocked_on};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

/// One end of a pipe both ways; made by [`duplex`].
#[derive(Debug)]
pub struct DuplexStream {
    read: Arc<Pipe>,
    write: Arc<Pipe>,
}

/// A pipe one way, reader and writer in one; made by [`new_unsplit`](Self::new_unsplit), and in two halves by
/// [`simplex`].
#[derive(Debug)]
pub struct SimplexStream {
    pipe: Pipe,
}

#[derive(Debug)]
struct Pipe {
    state: Mutex<State>,
    capacity: usize,
}

#[derive(Debug, Default)]
struct State {
    bytes: BytesMut,
    closed: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// What a poll found.
enum Found<T> {
    /// The answer, and who waits for what changed by it.
    Ready(io::Result<T>, Option<Waker>),
    /// Nothing to read, or no room.
    Nothing,
}

impl Pipe {
    #[track_caller]
    fn new(capacity: usize) -> Self {
        assert!(capacity > 0, "`max_buf_size` must be greater than 0");
        Self { state: Mutex::default(), capacity }
    }

    /// Asks `look` under the lock until it has an answer or this task's waker is in `place`, with a step of the budget.
    fn poll<T>(
        &self,
        cx: &mut Context<'_>,
        reason: WaitReason,
        place: fn(&mut State) -> &mut Option<Waker>,
        mut look: impl FnMut(&mut State) -> Found<T>,
    ) -> Poll<io::Result<T>> {
        let step = ready!(coop::poll_proceed(cx));
        let mut ours = None;
        loop {
            let mut state = self.state.lock();
            let blind = ours.is_some() && broken("io-pipe-no-second-look");
            let found = if blind { Found::Nothing } else { look(&mut state) };
            if let Found::Ready(answer, other) = found {
                drop(state);
                step.made_progress();
                if let Some(other) = other {
                    other.wake();
                }
                return Poll::Ready(answer);
            }
            let place = place(&mut state);
            if !place.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                // Cloned only by a task that waits, and outside the lock; then everything is looked at again.
                let Some(ours) = ours.take() else {
                    drop(state);
                    ours = Some(cx.waker().clone());
                    continue;
                };
                let replaced = place.replace(ours);
                drop(state);
                drop(replaced);
            }
            blocked_on(reason, std::ptr::from_ref(self).addr() as u64);
            return Poll::Pending;
        }
    }

    fn poll_read(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.poll(
            cx,
            WaitReason::ChanRecv,
            |state| &mut state.reader,
            |state| {
                let count = state.bytes.len().min(buf.remaining());
                if count > 0 {
                    buf.put_slice(&state.bytes[..count]);
                    state.bytes.advance(count);
                    let waiting = if broken("io-pipe-read-silent") { None } else { state.writer.take() };
                    return Found::Ready(Ok(()), waiting);
                }
                if state.closed || buf.remaining() == 0 { Found::Ready(Ok(()), None) } else { Found::Nothing }
            },
        )
    }

    fn poll_write(&self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.poll(
            cx,
            WaitReason::ChanSend,
            |state| &mut state.writer,
            |state| {
                if state.closed {
                    return Found::Ready(Err(io::ErrorKind::BrokenPipe.into()), None);
                }
                if bufs.iter().all(|buf| buf.is_empty()) {
                    return Found::Ready(Ok(0), None);
                }
                let room = self.capacity - state.bytes.len();
                let mut left = room;
                for buf in bufs {
                    let count = buf.len().min(left);
                    state.bytes.extend_from_slice(&buf[..count]);
                    left -= count;
                }
                if room == 0 {
                    return Found::Nothing;
                }
                let waiting = if broken("io-pipe-write-silent") { None } else { state.reader.take() };
                Found::Ready(Ok(room - left), waiting)
            },
        )
    }

    /// The writer has no more bytes, or is gone.
    fn close_write(&self) {
        let (waiting, stale) = self.close();
        drop(stale);
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }

    /// The reader is gone.
    fn close_read(&self) {
        let (stale, waiting) = self.close();
        drop(stale);
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }

    /// Closes, and takes out the reader's and the writer's waker.
    fn close(&self) -> (Option<Waker>, Option<Waker>) {
        let mut state = self.state.lock();
        state.closed = true;
        if broken("io-pipe-close-silent") {
            return (None, None);
        }
        (state.reader.take(), state.writer.take())
    }
}

/// Two streams; what is written to the one is read from the other. At most `max_buf_size` bytes lie between them each
/// way.
///
/// # Panics
///
/// If `max_buf_size` is 0.
///
/// ```
/// # use gumption_core::runtime::Runtime;
/// use gumption_io::io::{AsyncReadExt, AsyncWriteExt, duplex};
/// # let runtime: Runtime = Runtime::new()?;
/// # runtime.block_on(async {
/// let (mut client, mut server) = duplex(64);
/// client.write_all(b"ping").await?;
/// let mut buf = [0; 4];
/// server.read_exact(&mut buf).await?;
/// assert_eq!(&buf, b"ping");
/// server.write_all(b"pong").await?;
/// client.read_exact(&mut buf).await?;
/// assert_eq!(&buf, b"pong");
/// # Ok::<(), std::io::Error>(()) })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[track_caller]
pub fn duplex(max_buf_size: usize) -> (DuplexStream, DuplexStream) {
    let there = Arc::new(Pipe::new(max_buf_size));
    let back = Arc::new(Pipe::new(max_buf_size));
    (DuplexStream { read: back.clone(), write: there.clone() }, DuplexStream { read: there, write: back })
}

/// A pipe one way: what is written to the one half is read from the other. At most `max_buf_size` bytes lie in it.
///
/// The halves are those of [`split()`], which share the stream: dropping one does not close the pipe, a shutdown of the
/// writing one does.
///
/// # Panics
///
/// If `max_buf_size` is 0.
///
/// ```
/// # use gumption_core::runtime::Runtime;
/// use gumption_io::io::{AsyncReadExt, AsyncWriteExt, simplex};
/// # let runtime: Runtime = Runtime::new()?;
/// # runtime.block_on(async {
/// let (mut reader, mut writer) = simplex(64);
/// writer.write_all(b"hello").await?;
/// writer.shutdown().await?;
/// let mut text = String::new();
/// reader.read_to_string(&mut text).await?;
/// assert_eq!(text, "hello");
/// # Ok::<(), std::io::Error>(()) })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[track_caller]
pub fn simplex(max_buf_size: usize) -> (ReadHalf<SimplexStream>, WriteHalf<SimplexStream>) {
    split(SimplexStream::new_unsplit(max_buf_size))
}

impl SimplexStream {
    /// A pipe one way, in one piece: what is written to it is read from it.
    ///
    /// # Panics
    ///
    /// If `max_buf_size` is 0.
    #[track_caller]
    pub fn new_unsplit(max_buf_size: usize) -> SimplexStream {
        SimplexStream { pipe: Pipe::new(max_buf_size) }
    }
}

/// Both kinds of stream, over the pipe that they read and the pipe that they write.
macro_rules! over_pipes {
    ($stream:ident, $read:ident, $write:ident) => {
        impl AsyncRead for $stream {
            fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
                self.$read.poll_read(cx, buf)
            }
        }

        impl AsyncWrite for $stream {
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                self.$write.poll_write(cx, &[IoSlice::new(buf)])
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                self.$write.poll_write(cx, bufs)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.$write.close_write();
                Poll::Ready(Ok(()))
            }
        }
    };
}

over_pipes!(DuplexStream, read, write);
over_pipes!(SimplexStream, pipe, pipe);

impl Drop for DuplexStream {
    fn drop(&mut self) {
        self.write.close_write();
        self.read.close_read();
    }
}
