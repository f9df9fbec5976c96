//! `Blocked` over streams whose pace the test sets. The real ones, and shutdown around them: `tests/stdio.rs`.

use super::blocked::{Blocked, CHUNK};
use crate::io::ReadBuf;
use gumption_core::runtime::{Builder, Runtime};
use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::Poll;

fn runtime() -> Runtime {
    Runtime::new().expect("the system has threads")
}

/// Blocks until the test sends what a read answers; a dropped sender is the end.
struct Fed(Receiver<io::Result<Vec<u8>>>);

impl Read for Fed {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let bytes = self.0.recv().unwrap_or(Ok(Vec::new()))?;
        buf[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

async fn read(stream: &mut Blocked<Fed>, room: usize) -> io::Result<Vec<u8>> {
    let mut memory = vec![0; room];
    let mut buf = ReadBuf::new(&mut memory);
    poll_fn(|cx| stream.poll_read(cx, &mut buf)).await?;
    Ok(buf.filled().to_vec())
}

#[test]
fn a_read_that_was_dropped_brings_its_bytes_to_the_next() {
    runtime().block_on(async {
        let (feed, fed) = channel();
        let mut stream = Blocked::new(Fed(fed), 0);
        let mut first = Box::pin(read(&mut stream, 8));
        assert!(poll_fn(|cx| Poll::Ready(first.as_mut().poll(cx))).await.is_pending());
        drop(first);
        feed.send(Ok(b"hello".to_vec())).unwrap();
        // A smaller buffer: the rest waits for the one after.
        assert_eq!(read(&mut stream, 2).await.unwrap(), b"he");
        assert_eq!(read(&mut stream, 8).await.unwrap(), b"llo");
        drop(feed);
        assert_eq!(read(&mut stream, 8).await.unwrap(), b"");
        assert_eq!(read(&mut stream, 8).await.unwrap(), b"", "an end may be asked for again");
    });
}

#[test]
fn a_read_passes_errors_on_and_tries_again_when_interrupted() {
    runtime().block_on(async {
        let (feed, fed) = channel();
        let mut stream = Blocked::new(Fed(fed), 0);
        feed.send(Err(io::ErrorKind::Interrupted.into())).unwrap();
        feed.send(Err(io::ErrorKind::ConnectionReset.into())).unwrap();
        feed.send(Ok(b"after".to_vec())).unwrap();
        assert_eq!(read(&mut stream, 8).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(read(&mut stream, 8).await.unwrap(), b"after");
        assert_eq!(read(&mut stream, 0).await.unwrap(), b"", "no room, no read");
    });
}

/// What is written, in calls; blocks for a permit each if it has a gate.
#[derive(Clone)]
struct Log {
    written: Arc<Mutex<Vec<Vec<u8>>>>,
    flushed: Arc<Mutex<usize>>,
    gate: Option<Arc<Mutex<Receiver<io::Result<()>>>>>,
}

impl Log {
    fn new() -> Self {
        Self { written: Arc::default(), flushed: Arc::default(), gate: None }
    }

    fn gated() -> (Self, Sender<io::Result<()>>) {
        let (permits, gate) = channel();
        (Self { gate: Some(Arc::new(Mutex::new(gate))), ..Self::new() }, permits)
    }
}

impl Write for Log {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if let Some(gate) = &self.gate {
            gate.lock().unwrap().recv().expect("the test gives a permit")?;
        }
        self.written.lock().unwrap().push(buf.to_vec());
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        *self.flushed.lock().unwrap() += 1;
        Ok(())
    }
}

#[test]
fn writes_are_chunked_and_flushed_once() {
    let log = Log::new();
    runtime().block_on(async {
        let mut stream = Blocked::new(log.clone(), 1);
        let bytes = vec![7; CHUNK + 5];
        let mut left = &bytes[..];
        while !left.is_empty() {
            let count = poll_fn(|cx| stream.poll_write(cx, left)).await.unwrap();
            left = &left[count..];
        }
        assert_eq!(poll_fn(|cx| stream.poll_write(cx, b"")).await.unwrap(), 0);
        poll_fn(|cx| stream.poll_flush(cx)).await.unwrap();
        poll_fn(|cx| stream.poll_flush(cx)).await.unwrap();
    });
    let lengths: Vec<usize> = log.written.lock().unwrap().iter().map(Vec::len).collect();
    assert_eq!(lengths, [CHUNK, 5]);
    assert_eq!(*log.flushed.lock().unwrap(), 1, "nothing was written between the two");
}

#[test]
fn a_writes_error_is_told_by_the_next_call_and_once() {
    let (log, permits) = Log::gated();
    runtime().block_on(async {
        let mut stream = Blocked::new(log.clone(), 1);
        assert_eq!(poll_fn(|cx| stream.poll_write(cx, b"lost")).await.unwrap(), 4);
        // The writer is in its call: a second write has to wait.
        assert!(poll_fn(|cx| Poll::Ready(stream.poll_write(cx, b"more"))).await.is_pending());
        permits.send(Err(io::ErrorKind::StorageFull.into())).unwrap();
        let error = poll_fn(|cx| stream.poll_flush(cx)).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        permits.send(Ok(())).unwrap();
        assert_eq!(poll_fn(|cx| stream.poll_write(cx, b"kept")).await.unwrap(), 4);
        poll_fn(|cx| stream.poll_flush(cx)).await.unwrap();
    });
    assert_eq!(*log.written.lock().unwrap(), [b"kept".to_vec()]);
}

#[test]
fn what_was_accepted_is_written_though_the_pool_never_ran_it() {
    let log = Log::new();
    let runtime: Runtime =
        Builder::new_multi_thread().max_blocking_threads(1).enable_all().build().expect("the system has threads");
    // The pool's only thread is busy until the runtime's end, so that the write cannot begin.
    let (end, ended) = channel::<()>();
    let busy = runtime.handle().spawn_blocking(move || ended.recv().expect_err("nothing is sent"));
    let mut stream = Blocked::new(log.clone(), 1);
    runtime.block_on(async {
        assert_eq!(poll_fn(|cx| stream.poll_write(cx, b"accepted")).await.unwrap(), 8);
    });
    assert_eq!(log.written.lock().unwrap().len(), 0);
    runtime.shutdown_background();
    assert_eq!(*log.written.lock().unwrap(), [b"accepted".to_vec()]);
    drop(end);
    drop(busy);

    // The stream went with it, and says so, in whatever runtime it is asked.
    let other: Runtime = self::runtime();
    let error = other.block_on(async { poll_fn(|cx| stream.poll_flush(cx)).await.unwrap_err() });
    assert!(error.to_string().contains("being shutdown"), "{error}");
    let error = other.block_on(async { poll_fn(|cx| stream.poll_write(cx, b"more")).await.unwrap_err() });
    assert!(error.to_string().contains("being shutdown"), "{error}");
}
