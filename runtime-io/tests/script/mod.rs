//! A stream that does what a script says: the tests' leaf.
#![allow(dead_code, reason = "no test uses all of it")]

use gumption_core::runtime::Runtime;
use gumption_io::Netpoller;
use gumption_io::io::{AsyncRead, AsyncWrite, ReadBuf};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};

/// What the next poll of a direction does. Without a step left a read is at the end, and a write takes everything.
#[derive(Clone, Debug)]
pub enum Step {
    /// A read gives this, in as many polls as the buffer demands.
    Give(Vec<u8>),
    /// A write takes this many bytes at most.
    Take(usize),
    /// Not yet; the task is woken at once.
    Pending,
    /// Not yet, and nobody is woken: for polls by hand.
    Stuck,
    Fail(ErrorKind),
    /// A read is at the end, once.
    End,
}

pub fn give(bytes: impl AsRef<[u8]>) -> Step {
    Step::Give(bytes.as_ref().to_vec())
}

#[derive(Debug, Default)]
pub struct Script {
    pub reads: VecDeque<Step>,
    pub writes: VecDeque<Step>,
    pub written: Vec<u8>,
    /// Each call that wrote, and how much.
    pub calls: Vec<usize>,
    pub flushes: usize,
    pub shut_down: bool,
    pub vectored: bool,
}

impl Script {
    pub fn reading(steps: impl IntoIterator<Item = Step>) -> Self {
        Self { reads: steps.into_iter().collect(), ..Self::default() }
    }

    pub fn writing(steps: impl IntoIterator<Item = Step>) -> Self {
        Self { writes: steps.into_iter().collect(), ..Self::default() }
    }

    pub fn vectored(self) -> Self {
        Self { vectored: true, ..self }
    }
}

impl AsyncRead for Script {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.reads.pop_front() {
            None | Some(Step::End) => Poll::Ready(Ok(())),
            Some(Step::Give(mut bytes)) => {
                let count = bytes.len().min(buf.remaining());
                buf.put_slice(&bytes[..count]);
                if count < bytes.len() {
                    self.reads.push_front(Step::Give(bytes.split_off(count)));
                }
                Poll::Ready(Ok(()))
            }
            Some(Step::Pending) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Some(Step::Stuck) => Poll::Pending,
            Some(Step::Fail(kind)) => Poll::Ready(Err(kind.into())),
            Some(Step::Take(_)) => panic!("a write's step for a read"),
        }
    }
}

impl AsyncWrite for Script {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.write(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.vectored {
            return self.write(cx, bufs);
        }
        let first = bufs.iter().find(|buf| !buf.is_empty()).map_or(&[][..], |buf| &**buf);
        self.write(cx, &[IoSlice::new(first)])
    }

    fn is_write_vectored(&self) -> bool {
        self.vectored
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.flushes += 1;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shut_down = true;
        Poll::Ready(Ok(()))
    }
}

impl Script {
    fn write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        assert!(!self.shut_down, "a write after the shutdown");
        let limit = match self.writes.pop_front() {
            None => usize::MAX,
            Some(Step::Take(limit)) => limit,
            Some(Step::Pending) => {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Some(Step::Stuck) => return Poll::Pending,
            Some(Step::Fail(kind)) => return Poll::Ready(Err(kind.into())),
            Some(Step::Give(_) | Step::End) => panic!("a read's step for a write"),
        };
        let bytes: Vec<u8> = bufs.iter().flat_map(|buf| buf.iter().copied()).take(limit).collect();
        self.calls.push(bytes.len());
        self.written.extend_from_slice(&bytes);
        Poll::Ready(Ok(bytes.len()))
    }
}

/// Runs a future on the runtime of this test program.
pub fn block_on<F: Future>(future: F) -> F::Output {
    static RUNTIME: LazyLock<Runtime<Netpoller>> = LazyLock::new(|| Runtime::new().expect("the system has threads"));
    RUNTIME.block_on(future)
}

/// Polls once with a waker that does nothing, then drops the future: a cancelled call.
pub fn poll_and_drop<F: Future>(future: F) -> Poll<F::Output> {
    let future = std::pin::pin!(future);
    future.poll(&mut Context::from_waker(std::task::Waker::noop()))
}

/// What kind of error it is.
pub fn kind<T: std::fmt::Debug>(result: io::Result<T>) -> ErrorKind {
    result.expect_err("an error").kind()
}
