//! Waiting until a [`TcpStream`] is ready, and trying without waiting.
//!
//! For those who want one buffer for a thousand idle connections, or who have a system call of their own: wait with
//! [`ready`](TcpStream::ready), [`readable`](TcpStream::readable) or [`writable`](TcpStream::writable), of which any number of
//! tasks may wait on one stream, then try; `WouldBlock` means to wait again. A stream that is said to be ready need not
//! be, and stays ready until a try has come back with `WouldBlock`.
//!
//! Nothing here takes a byte before it returns, so all of it may be cancelled. Waiting pays no step of the cooperative budget,
//! as in tokio: a stream that is ready is said to be ready each time that it is asked. So a loop of `readable` and
//! `try_read` on a stream that never runs dry has to yield by itself, with
//! [`consume_budget`](gumption_core::coop::consume_budget). But a task whose budget is used up waits for its next run here,
//! which in tokio it does not: there, who takes the `Pending` of a read for a stream that has run dry, and waits for it to
//! be readable, never gets out of its loop.

use std::future::{Future, poll_fn};
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::task::{Context, Poll, ready};

use bytes::BufMut;
use gumption_core::coop::poll_proceed;
use gumption_core::wait::WaitReason;
use socket2::SockRef;

use super::TcpStream;
use crate::evented::Direction;
use crate::io::{Interest, Ready};
use crate::net::shared::reason_for;

/// `wait`, by a task that has a budget left; it takes nothing of that.
async fn within_budget<F: Future>(wait: F) -> F::Output {
    let mut wait = std::pin::pin!(wait);
    poll_fn(|cx| {
        // Given back when dropped: no progress is reported.
        let _step = ready!(poll_proceed(cx));
        wait.as_mut().poll(cx)
    })
    .await
}

impl TcpStream {
    /// Waits until the stream is ready for something of `interest`, and says for what.
    ///
    /// ```
    /// use gumption_io::io::Interest;
    /// # use gumption_io::net::{TcpListener, TcpStream};
    ///
    /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
    /// # Runtime::new()?.block_on(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// let ready = stream.ready(Interest::READABLE | Interest::WRITABLE).await?;
    /// if ready.is_readable() {
    ///     // try_read
    /// }
    /// if ready.is_writable() {
    ///     // try_write
    /// }
    /// # assert!(ready.is_writable() && !ready.is_readable());
    /// # Ok::<(), std::io::Error>(())
    /// # })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        Ok(within_budget(self.io.readiness(interest, reason_for(interest))).await?.ready)
    }

    /// Waits until there is something to read, or the end of it.
    ///
    /// ```
    /// use std::io::ErrorKind;
    /// # use gumption_io::io::AsyncWriteExt;
    /// # use gumption_io::net::{TcpListener, TcpStream};
    ///
    /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
    /// # Runtime::new()?.block_on(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let mut client = TcpStream::connect(listener.local_addr()?).await?;
    /// # let (stream, _) = listener.accept().await?;
    /// # client.write_all(b"hello").await?;
    /// # drop(client);
    /// let mut heard = Vec::new();
    /// loop {
    ///     stream.readable().await?;
    ///     // Only now, so that a stream that waits has no buffer.
    ///     let mut buf = [0; 4096];
    ///     match stream.try_read(&mut buf) {
    ///         Ok(0) => break,
    ///         Ok(n) => heard.extend_from_slice(&buf[..n]),
    ///         Err(error) if error.kind() == ErrorKind::WouldBlock => {}
    ///         Err(error) => return Err(error),
    ///     }
    /// }
    /// assert_eq!(heard, b"hello");
    /// # Ok::<(), std::io::Error>(())
    /// # })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub async fn readable(&self) -> io::Result<()> {
        within_budget(self.io.readiness(Interest::READABLE, WaitReason::IoRead)).await.map(drop)
    }

    /// [`readable`](Self::readable) for who polls by hand. Of the tasks that poll to read, the last is woken.
    ///
    /// ```
    /// # use gumption_io::io::AsyncWriteExt;
    /// # use gumption_io::net::{TcpListener, TcpStream};
    /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
    /// # Runtime::new()?.block_on(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let mut client = TcpStream::connect(listener.local_addr()?).await?;
    /// # let (stream, _) = listener.accept().await?;
    /// # client.write_all(b"hello").await?;
    /// std::future::poll_fn(|cx| stream.poll_read_ready(cx)).await?;
    /// let mut buf = [0; 16];
    /// assert!(stream.try_read(&mut buf)? > 0);
    /// # Ok::<(), std::io::Error>(())
    /// # })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.io.poll_ready(cx, Direction::Read, WaitReason::IoRead))?;
        Poll::Ready(Ok(()))
    }

    /// Reads what has come; `WouldBlock` if nothing has. 0 is the end, unless `buf` is empty.
    ///
    /// ```
    /// use std::io::ErrorKind;
    /// # use gumption_io::net::{TcpListener, TcpStream};
    ///
    /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
    /// # Runtime::new()?.block_on(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// let mut buf = [0; 16];
    /// assert_eq!(stream.try_read(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
    /// # Ok::<(), std::io::Error>(())
    /// # })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io.try_io(Interest::READABLE, |mut io| io.read(buf))
    }

    /// [`try_read`](Self::try_read) into several buffers, one after the other.
    ///
    /// ```
    /// use std::io::IoSliceMut;
    /// # use gumption_io::io::AsyncWriteExt;
    /// # use gumption_io::net::{TcpListener, TcpStream};
    ///
    /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
    /// # Runtime::new()?.block_on(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let mut client = TcpStream::connect(listener.local_addr()?).await?;
    /// # let (stream, _) = listener.accept().await?;
    /// # client.write_all(b"headbody").await?;
    /// let (mut head, mut body) = ([0; 4], [0; 4]);
    /// stream.readable().await?;
    /// let read = stream.try_read_vectored(&mut [IoSliceMut::new(&mut head), IoSliceMut::new(&mut body)])?;
    /// # assert_eq!((read, &head, &body), (8, b"head", b"body"));
    /// # Ok::<(), std::io::Error>(())
    /// # })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.io.try_io(Interest::READABLE, |mut io| io.read_vectored(bufs))
    }

    /// [`try_read`](Self::try_read) into what `buf` has free in one piece, which is not zeroed first, and advances it.
    ///
    /// ```
    /// # use gumption_io::io::AsyncWriteExt;
    /// # use gumption_io::net::{TcpListener, TcpStream};
    /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
    /// # Runtime::new()?.block_on(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let mut client = TcpStream::connect(listener.local_addr()?).await?;
    /// # let (stream, _) = listener.accept().await?;
    /// # client.write_all(b"hello").await?;
    /// let mut buf = Vec::with_capacity(4096);
    /// stream.readable().await?;
    /// assert_eq!(stream.try_read_buf(&mut buf)?, buf.len());
    /// assert_eq!(buf, b"hello");
    /// # Ok::<(), std::io::Error>(())
    /// # })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn try_read_buf<B: BufMut>(&self, buf: &mut B) -> io::Result<usize> {
        self.io.try_io(Interest::READABLE, |io| {
            // SAFETY: the system call writes there, and nothing that is uninitialized.
            let read = SockRef::from(io).recv(unsafe { buf.chunk_mut().as_uninit_slice_mut() })?;
            // SAFETY: it has written that many.
            unsafe { buf.advance_mut(read) };
            Ok(read)
        })
    }

    /// Waits until some bytes can be written, or the other side takes no more.
    ///
    /// ```
    /// use std::io::ErrorKind;
    /// # use gumption_io::net::{TcpListener, TcpStream};
    ///
    /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
    /// # Runtime::new()?.block_on(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// let written = loop {
    ///     stream.writable().await?;
    ///     match stream.try_write(b"hello") {
    ///         Err(error) if error.kind() == ErrorKind::WouldBlock => {}
    ///         done => break done?,
    ///     }
    /// };
    /// assert_eq!(written, 5);
    /// # Ok::<(), std::io::Error>(())
    /// # })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub async fn writable(&self) -> io::Result<()> {
        within_budget(self.io.readiness(Interest::WRITABLE, WaitReason::IoWrite)).await.map(drop)
    }

    /// [`writable`](Self::writable) for who polls by hand. Of the tasks that poll to write, the last is woken.
    ///
    /// ```
    /// # use gumption_io::net::{TcpListener, TcpStream};
    /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
    /// # Runtime::new()?.block_on(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// std::future::poll_fn(|cx| stream.poll_write_ready(cx)).await?;
    /// assert_eq!(stream.try_write(b"hello")?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// # })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.io.poll_ready(cx, Direction::Write, WaitReason::IoWrite))?;
        Poll::Ready(Ok(()))
    }

    /// Writes what the kernel takes of `buf`; `WouldBlock` if it takes nothing. Example at [`writable`](Self::writable).
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        self.io.try_io(Interest::WRITABLE, |mut io| io.write(buf))
    }

    /// [`try_write`](Self::try_write) from several buffers, one after the other.
    ///
    /// ```
    /// use std::io::IoSlice;
    /// # use gumption_io::net::{TcpListener, TcpStream};
    ///
    /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
    /// # Runtime::new()?.block_on(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// stream.writable().await?;
    /// let written = stream.try_write_vectored(&[IoSlice::new(b"head"), IoSlice::new(b"body")])?;
    /// assert_eq!(written, 8);
    /// # Ok::<(), std::io::Error>(())
    /// # })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.io.try_io(Interest::WRITABLE, |mut io| io.write_vectored(bufs))
    }

    /// Calls `f`, a system call of the caller's own on this stream, if the stream is ready for something of `interest`;
    /// otherwise `WouldBlock`.
    ///
    /// `f` must say `WouldBlock` exactly if the system call did, because the stream then counts as not ready until the
    /// kernel says otherwise.
    ///
    /// ```
    /// use gumption_io::io::Interest;
    /// # use gumption_io::net::{TcpListener, TcpStream};
    ///
    /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
    /// # Runtime::new()?.block_on(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// stream.writable().await?;
    /// let sent = stream.try_io(Interest::WRITABLE, || socket2::SockRef::from(&stream).send(b"hello"))?;
    /// assert_eq!(sent, 5);
    /// # Ok::<(), std::io::Error>(())
    /// # })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn try_io<R>(&self, interest: Interest, f: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        self.io.try_io(interest, |_| f())
    }

    /// Waits for `interest` and calls `f`, as [`try_io`](Self::try_io) does, until it does not say `WouldBlock`.
    ///
    /// ```
    /// use gumption_io::io::Interest;
    /// # use gumption_io::net::{TcpListener, TcpStream};
    ///
    /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
    /// # Runtime::new()?.block_on(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// let sent = stream.async_io(Interest::WRITABLE, || socket2::SockRef::from(&stream).send(b"hello")).await?;
    /// assert_eq!(sent, 5);
    /// # Ok::<(), std::io::Error>(())
    /// # })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub async fn async_io<R>(&self, interest: Interest, mut f: impl FnMut() -> io::Result<R>) -> io::Result<R> {
        self.io.async_io(interest, reason_for(interest), |_| f()).await
    }
}
