//! Models of the pipe in memory, `gumption_io::io::duplex`: a reader, a writer, and one lock around what they wait for.
//!
//! Each end does what it can until it must wait, and is then left where it stands. It has lost a wake if, with the other
//! end at rest, too, its bell has not rung although a poll would now be answered.
//!
//! The pipe itself is one mutex, so that orderings are the mutex's; what is checked is that nothing happens unseen between a
//! look and the waker's coming into the pipe, since wakers are cloned outside the lock.
#![cfg(gumption_loom)]

use gumption_core::sync::thread;
use gumption_io::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};
use gumption_loom_tests::bell::{Bell, bell};
use gumption_loom_tests::{UNBOUNDED, model, mutants};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// How an end stands: waiting, with the bell that it left, or done.
type Stand = Option<&'static Bell>;

fn poll_read(end: &mut DuplexStream, waker: &Waker) -> Poll<usize> {
    let mut memory = [0; 4];
    let mut buf = ReadBuf::new(&mut memory);
    match Pin::new(end).poll_read(&mut Context::from_waker(waker), &mut buf) {
        Poll::Ready(result) => {
            result.expect("a pipe's reads do not fail");
            Poll::Ready(buf.filled().len())
        }
        Poll::Pending => Poll::Pending,
    }
}

/// Reads until it must wait or the pipe has ended; counts into `read`.
fn read(end: &mut DuplexStream, read: &mut usize) -> Stand {
    loop {
        let (bell, waker) = bell();
        match poll_read(end, &waker) {
            Poll::Pending => return Some(bell),
            Poll::Ready(0) => return None,
            Poll::Ready(count) => *read += count,
        }
    }
}

/// Writes `count` bytes one by one until it must wait, the bytes are out, or nobody reads.
fn write(end: &mut DuplexStream, count: usize) -> Stand {
    for _ in 0..count {
        let (bell, waker) = bell();
        match Pin::new(&mut *end).poll_write(&mut Context::from_waker(&waker), b"x") {
            Poll::Pending => return Some(bell),
            Poll::Ready(Ok(count)) => assert_eq!(count, 1),
            Poll::Ready(Err(error)) => {
                assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
                return None;
            }
        }
    }
    None
}

fn join<R>(thread: thread::JoinHandle<R>) -> R {
    match thread.join() {
        Ok(result) => result,
        Err(_) => panic!("a thread has panicked"),
    }
}

/// Two bytes through a pipe of one: whoever waits in the end has been woken, or has nothing to come for.
#[test]
fn pipe_wait_vs_change() {
    model(UNBOUNDED, || {
        let (mut near, mut far) = duplex(1);
        let writer = thread::spawn(move || {
            let stand = write(&mut near, 2);
            (near, stand)
        });
        let mut count = 0;
        let reader_stand = read(&mut far, &mut count);
        let (mut near, writer_stand) = join(writer);
        if let Some(bell) = reader_stand
            && !bell.has_rung()
        {
            assert!(poll_read(&mut far, Waker::noop()).is_pending(), "the reader has missed a byte");
        }
        if let Some(bell) = writer_stand
            && !bell.has_rung()
        {
            assert!(write(&mut near, 1).is_some(), "the writer has missed that there is room");
        }
    });
}

/// The writer writes and goes: the reader sees the byte and then the end, or is told to look again.
#[test]
fn pipe_close_vs_read() {
    model(UNBOUNDED, || {
        let (mut near, mut far) = duplex(1);
        let writer = thread::spawn(move || {
            let _stand = write(&mut near, 1);
            drop(near);
        });
        let mut count = 0;
        let stand = read(&mut far, &mut count);
        join(writer);
        match stand {
            Some(bell) => assert!(bell.has_rung(), "the reader sleeps through the end"),
            None => assert_eq!(count, 1, "the end came before the byte"),
        }
    });
}

/// The reader goes: a writer that waits for room is told.
#[test]
fn pipe_close_vs_write() {
    model(UNBOUNDED, || {
        let (mut near, far) = duplex(1);
        let reader = thread::spawn(move || drop(far));
        let stand = write(&mut near, 2);
        join(reader);
        if let Some(bell) = stand {
            assert!(bell.has_rung(), "the writer sleeps though nobody will read");
        }
        assert!(write(&mut near, 1).is_none(), "a pipe without a reader takes nothing");
    });
}

mutants! {
    pipe_wait_vs_change: ["io-pipe-no-second-look", "io-pipe-read-silent", "io-pipe-write-silent"];
    pipe_close_vs_read: ["io-pipe-close-silent"];
    pipe_close_vs_write: ["io-pipe-close-silent"];
}
