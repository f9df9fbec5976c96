//! hyper 1.x on Gumption: [`Io`], [`Executor`] and [`Timer`] for `hyper::rt` (feature `hyper`).
//!
//! hyper knows no runtime. It asks for a stream, for somebody who spawns, and for a clock, each by a trait of its own:
//!
//! | hyper asks for | we give |
//! | --- | --- |
//! | `rt::Read`, `rt::Write` | [`Io`] around anything with [`AsyncRead`] and [`AsyncWrite`]; our streams also as they are |
//! | `rt::Executor` | [`Executor`]: spawns on the runtime that it is called in, or on a given one |
//! | `rt::Timer` | [`Timer`]: our sleeps, moved rather than made anew |
//!
//! [`Io`] works the other way round, too: what hyper hands back after an upgrade is read and written through it by our
//! traits.
//!
//! With this feature, and only with it, tokio comes into the tree: hyper itself depends on its `sync` module, for
//! channels that need no runtime. No runtime of tokio's is built, started or needed.
//!
//! ```
//! # use gumption_core::runtime::Runtime;
//! use gumption_io::hyper::{Executor, Io, Timer};
//! use gumption_io::io::{AsyncReadExt, AsyncWriteExt, duplex};
//! # let runtime: Runtime = Runtime::new()?;
//! # runtime.block_on(async {
//! let (client, mut server) = duplex(64);
//! // What `hyper::client::conn::http1::handshake` and `hyper::server::conn::http1::Builder` ask for:
//! fn stream(_: &(impl hyper::rt::Read + hyper::rt::Write)) {}
//! fn timer(_: impl hyper::rt::Timer) {}
//! stream(&Io::new(client));
//! timer(Timer::new());
//! hyper::rt::Executor::execute(&Executor::new(), async { println!("spawned by hyper") });
//! # Ok::<(), std::io::Error>(()) })?;
//! # Ok::<(), std::io::Error>(())
//! ```

use crate::fs;
use crate::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use crate::net::{TcpStream, UnixStream, tcp, unix};
use gumption_core::runtime::Handle;
use gumption_core::time;
use hyper::rt::ReadBufCursor;
use pin_project_lite::pin_project;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

pin_project! {
    /// A stream of ours for hyper, or one of hyper's for us.
    #[derive(Debug, Clone, Default)]
    pub struct Io<T> {
        #[pin]
        inner: T,
    }
}

impl<T> Io<T> {
    /// `inner`, seen by the other side's traits.
    pub const fn new(inner: T) -> Self {
        Self { inner }
    }

    /// The stream.
    pub fn inner(&self) -> &T {
        &self.inner
    }

    /// The stream, to be changed.
    pub fn inner_mut(&mut self) -> &mut T {
        &mut self.inner
    }

    /// The stream, back.
    pub fn into_inner(self) -> T {
        self.inner
    }
}

/// Reads from a stream of ours into hyper's buffer.
fn poll_read_ours<T: AsyncRead + ?Sized>(
    stream: Pin<&mut T>,
    cx: &mut Context<'_>,
    mut cursor: ReadBufCursor<'_>,
) -> Poll<io::Result<()>> {
    // SAFETY: a `ReadBuf` writes no uninitialized bytes.
    let mut buf = ReadBuf::uninit(unsafe { cursor.as_mut() });
    let memory = buf.memory();
    ready!(stream.poll_read(cx, &mut buf))?;
    assert_eq!(memory, buf.memory(), "the reader has put another buffer in place of ours");
    let count = buf.filled().len();
    // SAFETY: that much of the cursor's memory is filled, hence initialized.
    unsafe { cursor.advance(count) };
    Poll::Ready(Ok(()))
}

impl<T: AsyncRead> hyper::rt::Read for Io<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        poll_read_ours(self.project().inner, cx, buf)
    }
}

impl<T: AsyncWrite> hyper::rt::Write for Io<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.project().inner.poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().inner.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().inner.poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.project().inner.poll_write_vectored(cx, bufs)
    }
}

impl<T: hyper::rt::Read> AsyncRead for Io<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // SAFETY: hyper's buffer writes no uninitialized bytes either.
        let mut theirs = hyper::rt::ReadBuf::uninit(unsafe { buf.unfilled_mut() });
        ready!(self.project().inner.poll_read(cx, theirs.unfilled()))?;
        // The cursor was taken by value: it cannot have been swapped for another buffer's.
        let count = theirs.filled().len();
        // SAFETY: that much behind the filled part is filled, hence initialized.
        unsafe { buf.assume_init(count) };
        buf.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl<T: hyper::rt::Write> AsyncWrite for Io<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.project().inner.poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().inner.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().inner.poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.project().inner.poll_write_vectored(cx, bufs)
    }
}

/// Our own streams need no [`Io`] around them.
macro_rules! direct {
    ($($read:ty),* ; $($write:ty),*) => {
        $(impl hyper::rt::Read for $read {
            fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
                poll_read_ours(self, cx, buf)
            }
        })*
        $(impl hyper::rt::Write for $write {
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                AsyncWrite::poll_write(self, cx, buf)
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                AsyncWrite::poll_flush(self, cx)
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                AsyncWrite::poll_shutdown(self, cx)
            }

            fn is_write_vectored(&self) -> bool {
                AsyncWrite::is_write_vectored(self)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                AsyncWrite::poll_write_vectored(self, cx, bufs)
            }
        })*
    };
}

direct!(
    fs::File, DuplexStream, TcpStream, tcp::ReadHalf<'_>, tcp::OwnedReadHalf, UnixStream, unix::ReadHalf<'_>,
    unix::OwnedReadHalf, unix::pipe::Receiver;
    fs::File, DuplexStream, TcpStream, tcp::WriteHalf<'_>, tcp::OwnedWriteHalf, UnixStream, unix::WriteHalf<'_>,
    unix::OwnedWriteHalf, unix::pipe::Sender
);

/// Spawns what hyper has to spawn: HTTP/2's streams, a client's connections.
#[derive(Debug, Clone, Default)]
pub struct Executor {
    runtime: Option<Handle>,
}

impl Executor {
    /// Spawns on the runtime that it is called in, which with hyper is the one that polls the connection.
    pub const fn new() -> Self {
        Self { runtime: None }
    }
}

/// Spawns on this runtime, wherever it is called.
impl From<Handle> for Executor {
    fn from(runtime: Handle) -> Self {
        Self { runtime: Some(runtime) }
    }
}

impl<F> hyper::rt::Executor<F> for Executor
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    /// The task's spawn site is hyper's line, because that says what it is.
    ///
    /// # Panics
    ///
    /// Outside a runtime, if the executor is not for a given one.
    #[track_caller]
    fn execute(&self, future: F) {
        // Detached, as hyper expects.
        match &self.runtime {
            Some(runtime) => drop(runtime.spawn(future)),
            None => drop(gumption_core::spawn(future)),
        }
    }
}

/// hyper's time limits by our timers. Its sleeps are made and polled in a runtime.
#[derive(Debug, Clone, Copy, Default)]
pub struct Timer {
    _private: (),
}

impl Timer {
    /// A timer of the runtime that it is called in.
    pub const fn new() -> Self {
        Self { _private: () }
    }
}

pin_project! {
    /// What [`Timer`] hands to hyper.
    struct Sleep {
        #[pin]
        inner: time::Sleep,
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().inner.poll(cx)
    }
}

impl hyper::rt::Sleep for Sleep {}

impl hyper::rt::Timer for Timer {
    #[track_caller]
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(Sleep { inner: time::sleep(duration) })
    }

    #[track_caller]
    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(Sleep { inner: time::sleep_until(time::Instant::from_std(deadline)) })
    }

    fn now(&self) -> Instant {
        time::Instant::now().into_std()
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn hyper::rt::Sleep>>, new_deadline: Instant) {
        match sleep.as_mut().downcast_mut_pin::<Sleep>() {
            Some(ours) => ours.project().inner.reset(time::Instant::from_std(new_deadline)),
            // Another timer's.
            None => *sleep = self.sleep_until(new_deadline),
        }
    }
}
