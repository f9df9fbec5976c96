//! Dropping a future of a stream, at any of its await points, loses nothing and leaves nothing behind.
//!
//! Programs are random: a list of operations, each with the number of polls after which it is dropped. The other side is slow
//! and irregular, so that the operations wait. What was read or written is held against the whole stream in the end:
//!
//! - an operation that was dropped before it was done has taken no byte, where its documentation says that it is cancel safe;
//! - where it is not (`read_exact`, `write_all`), the bytes are where they have to be: in the caller's buffer, or sent.
#![cfg(unix)]

mod giving_up;

use giving_up::{run, up_to};
use gumption_core::{spawn, yield_now};
use gumption_io::fs::File;
use gumption_io::io::{AsyncRead, AsyncReadExt, AsyncSeekExt, AsyncWrite, AsyncWriteExt};
use gumption_io::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream, unix::pipe};
use proptest::prelude::*;
use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

/// The stream's bytes: none is 0, so that a zeroed buffer shows what was put into it.
fn pattern(from: usize, len: usize) -> Vec<u8> {
    (from..from + len).map(|i| (i % 251) as u8 + 1).collect()
}

/// What the readers and writers here have beyond the traits.
trait Source: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    fn until_readable(&self) -> impl Future<Output = io::Result<()>>;
    fn read_now(&self, buf: &mut [u8]) -> io::Result<usize>;
    fn until_writable(&self) -> impl Future<Output = io::Result<()>>;
    fn write_now(&self, buf: &[u8]) -> io::Result<usize>;
}

macro_rules! sources {
    ($($stream:ty)+) => {$(
        impl Source for $stream {
            fn until_readable(&self) -> impl Future<Output = io::Result<()>> {
                self.readable()
            }
            fn read_now(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.try_read(buf)
            }
            fn until_writable(&self) -> impl Future<Output = io::Result<()>> {
                self.writable()
            }
            fn write_now(&self, buf: &[u8]) -> io::Result<usize> {
                self.try_write(buf)
            }
        }
    )+};
}

sources! { TcpStream UnixStream }

#[derive(Clone, Copy, Debug)]
enum ReadOp {
    Read,
    ReadExact,
    ReadBuf,
    Readable,
}

#[derive(Clone, Copy, Debug)]
enum WriteOp {
    Write,
    WriteVectored,
    WriteAll,
    Writable,
    Flush,
}

/// An operation, of so many bytes, given up after so many polls.
type Step<Op> = (Op, usize, usize);

fn read_steps() -> impl Strategy<Value = Vec<Step<ReadOp>>> {
    use ReadOp::*;
    let op = prop_oneof![Just(Read), Just(ReadExact), Just(ReadBuf), Just(Readable)];
    prop::collection::vec((op, 1..300usize, 0..4usize), 1..12)
}

fn write_steps() -> impl Strategy<Value = Vec<Step<WriteOp>>> {
    use WriteOp::*;
    let op = prop_oneof![Just(Write), Just(WriteVectored), Just(WriteAll), Just(Writable), Just(Flush)];
    prop::collection::vec((op, 1..60_000usize, 0..4usize), 1..12)
}

/// Sends `chunks` with pauses in between, then the end.
async fn send(mut stream: impl AsyncWrite + Unpin, chunks: Vec<usize>) {
    let mut sent = 0;
    for len in chunks {
        stream.write_all(&pattern(sent, len)).await.unwrap();
        sent += len;
        for _ in 0..len % 4 {
            yield_now().await;
        }
    }
    stream.shutdown().await.unwrap();
}

/// One operation of the trait; what it put where it can be seen.
async fn read_step(stream: &mut (impl AsyncRead + Unpin), (op, len, polls): Step<ReadOp>) -> Vec<u8> {
    let mut buf = vec![0; len];
    match op {
        ReadOp::Read | ReadOp::Readable => {
            let read = up_to(polls, stream.read(&mut buf)).await.map_or(0, |read| read.unwrap());
            buf.truncate(read);
        }
        ReadOp::ReadBuf => {
            let mut into = Vec::with_capacity(len);
            let given_up = up_to(polls, stream.read_buf(&mut into)).await.is_none();
            assert!(!given_up || into.is_empty(), "a read that was given up has read");
            buf = into;
        }
        ReadOp::ReadExact => {
            if let Some(Err(error)) = up_to(polls, stream.read_exact(&mut buf)).await {
                assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
            }
            let read = buf.iter().position(|&byte| byte == 0).unwrap_or(len);
            buf.truncate(read);
        }
    }
    buf
}

/// Reads the whole stream by `steps`, over and over.
async fn read_all(mut stream: impl AsyncRead + Unpin, total: usize, steps: Vec<Step<ReadOp>>) {
    let mut got = Vec::new();
    for step in steps.into_iter().cycle() {
        got.extend(read_step(&mut stream, step).await);
        // One that is not given up, for programs that give up everything.
        let mut one = [0];
        if stream.read(&mut one).await.unwrap() == 0 {
            break;
        }
        got.push(one[0]);
    }
    assert!(got == pattern(0, total), "of {total} bytes {} came, or in another order", got.len());
}

/// The same with what a socket has beyond the traits in between.
async fn read_socket(mut stream: impl Source, total: usize, steps: Vec<Step<ReadOp>>) {
    let mut got = Vec::new();
    for step in steps.into_iter().cycle() {
        if let ReadOp::Readable = step.0 {
            if up_to(step.2, stream.until_readable()).await.is_some_and(|ready| ready.is_ok()) {
                let mut buf = vec![0; step.1];
                match stream.read_now(&mut buf) {
                    Ok(read) => got.extend(&buf[..read]),
                    Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
                }
            }
        } else {
            got.extend(read_step(&mut stream, step).await);
        }
        let mut one = [0];
        if stream.read(&mut one).await.unwrap() == 0 {
            break;
        }
        got.push(one[0]);
    }
    assert!(got == pattern(0, total), "of {total} bytes {} came, or in another order", got.len());
}

/// Counts the bytes that its writer took: of a `write_all` that was dropped nobody else knows.
struct Counted<'a, W>(&'a mut W, &'a mut usize);

impl<W: AsyncWrite + Unpin> AsyncWrite for Counted<'_, W> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut *self.0).poll_write(cx, buf);
        if let Poll::Ready(Ok(written)) = polled {
            *self.1 += written;
        }
        polled
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_shutdown(cx)
    }
}

/// Writes by `steps`, ends the stream, and returns how many bytes it has written.
async fn write_steps_to(mut stream: impl Source, steps: Vec<Step<WriteOp>>) -> usize {
    let mut sent = 0;
    for (op, len, polls) in steps {
        let data = pattern(sent, len);
        match op {
            WriteOp::Write => sent += up_to(polls, stream.write(&data)).await.map_or(0, |sent| sent.unwrap()),
            WriteOp::WriteVectored => {
                let (one, two) = data.split_at(len / 2);
                let bufs = [IoSlice::new(one), IoSlice::new(two)];
                sent += up_to(polls, stream.write_vectored(&bufs)).await.map_or(0, |sent| sent.unwrap());
            }
            WriteOp::WriteAll => {
                if let Some(written) = up_to(polls, Counted(&mut stream, &mut sent).write_all(&data)).await {
                    written.unwrap();
                }
            }
            WriteOp::Writable => {
                if up_to(polls, stream.until_writable()).await.is_some_and(|ready| ready.is_ok()) {
                    match stream.write_now(&data) {
                        Ok(written) => sent += written,
                        Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
                    }
                }
            }
            WriteOp::Flush => {
                if let Some(flushed) = up_to(polls, stream.flush()).await {
                    flushed.unwrap();
                }
            }
        }
    }
    // Whoever gave up before is still served.
    stream.write_all(&pattern(sent, 1000)).await.unwrap();
    stream.shutdown().await.unwrap();
    sent + 1000
}

/// Reads slowly, to the end.
async fn receive(mut stream: impl AsyncRead + Unpin, bite: usize) -> Vec<u8> {
    let mut all = Vec::new();
    let mut buf = vec![0; bite];
    loop {
        yield_now().await;
        match stream.read(&mut buf).await.unwrap() {
            0 => return all,
            read => all.extend_from_slice(&buf[..read]),
        }
    }
}

async fn write_socket(stream: impl Source, peer: impl Source, steps: Vec<Step<WriteOp>>, bite: usize) {
    let receiving = spawn(receive(peer, bite));
    let sent = write_steps_to(stream, steps).await;
    let received = receiving.await.unwrap();
    assert!(received == pattern(0, sent), "of {sent} bytes {} came, or in another order", received.len());
}

/// A connection with little room for what nobody has read.
async fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_send_buffer_size(16 << 10).unwrap();
    socket.set_nodelay(true).unwrap();
    let ours = socket.connect(listener.local_addr().unwrap()).await.unwrap();
    (ours, listener.accept().await.unwrap().0)
}

/// Every one of `count` clients is served, whatever `accept` and the clients' connects give up in between.
async fn served<L, C: Source, Accepting, Connecting>(
    count: usize,
    steps: Vec<(usize, usize)>,
    listener: L,
    accept: impl Fn(Arc<L>) -> Accepting,
    connect: impl Fn() -> Connecting + Clone + Send + 'static,
) where
    Accepting: Future<Output = io::Result<C>>,
    Connecting: Future<Output = io::Result<C>> + Send,
{
    let listener = Arc::new(listener);
    let served = Arc::new(AtomicUsize::new(0));
    let clients = {
        let (steps, served) = (steps.clone(), served.clone());
        spawn(async move {
            for client in 0..count {
                let (_, polls) = steps[client % steps.len()];
                let mut stream = match up_to(polls, connect()).await {
                    Some(connected) => connected.unwrap(),
                    // The connection may have come about all the same; it is closed.
                    None => connect().await.unwrap(),
                };
                stream.write_all(&[1]).await.unwrap();
                assert_eq!(stream.read_u8().await.unwrap(), 2);
                served.fetch_add(1, Ordering::SeqCst);
            }
        })
    };
    let mut clients = clients;
    // The last is not given up, for programs that give up everything.
    for polls in steps.into_iter().map(|(polls, _)| polls).chain([usize::MAX]).cycle() {
        let mut accepting = pin!(up_to(polls, accept(listener.clone())));
        let accepted = poll_fn(|cx| match Pin::new(&mut clients).poll(cx) {
            Poll::Ready(clients) => Poll::Ready(Err(clients)),
            Poll::Pending => accepting.as_mut().poll(cx).map(Ok),
        });
        match accepted.await {
            Ok(Some(accepted)) => {
                let mut stream = accepted.unwrap();
                spawn(async move {
                    // An end from a client that gave up.
                    if let Ok(1) = stream.read_u8().await {
                        stream.write_all(&[2]).await.unwrap();
                    }
                });
            }
            Ok(None) => yield_now().await,
            Err(clients) => {
                clients.unwrap();
                break;
            }
        }
    }
    assert_eq!(served.load(Ordering::SeqCst), count);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, max_shrink_iters: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn reads_of_tcp(
        multi in any::<bool>(), chunks in prop::collection::vec(0..2000usize, 1..20), steps in read_steps(),
    ) {
        run(multi, async {
            let (stream, peer) = tcp().await;
            let total = chunks.iter().sum();
            let sending = spawn(send(peer, chunks));
            read_socket(stream, total, steps).await;
            sending.await.unwrap();
        });
    }

    #[test]
    fn reads_of_unix_streams_and_pipes(
        multi in any::<bool>(), chunks in prop::collection::vec(0..2000usize, 1..20), steps in read_steps(),
    ) {
        run(multi, async {
            let total = chunks.iter().sum();
            let (stream, peer) = UnixStream::pair().unwrap();
            let sending = spawn(send(peer, chunks.clone()));
            read_socket(stream, total, steps.clone()).await;
            sending.await.unwrap();
            let (sender, receiver) = pipe::pipe().unwrap();
            let sending = spawn(send(sender, chunks));
            read_all(receiver, total, steps).await;
            sending.await.unwrap();
        });
    }

    #[test]
    fn reads_of_files(multi in any::<bool>(), total in 0..4000usize, steps in read_steps()) {
        run(multi, async {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("file");
            std::fs::write(&path, pattern(0, total)).unwrap();
            let mut file = File::open(&path).await.unwrap();
            // Opening, asking and seeking may be given up, too.
            for polls in 0..3 {
                up_to(polls, File::open(&path)).await;
                up_to(polls, file.metadata()).await;
                up_to(polls, file.sync_all()).await;
            }
            assert_eq!(file.stream_position().await.unwrap(), 0);
            read_all(file, total, steps).await;
        });
    }

    #[test]
    fn writes_of_tcp(multi in any::<bool>(), steps in write_steps(), bite in 1..20_000usize) {
        run(multi, async {
            let (stream, peer) = tcp().await;
            write_socket(stream, peer, steps, bite.max(200)).await;
        });
    }

    #[test]
    fn writes_of_unix_streams(multi in any::<bool>(), steps in write_steps(), bite in 1..20_000usize) {
        run(multi, async {
            let (stream, peer) = UnixStream::pair().unwrap();
            write_socket(stream, peer, steps, bite.max(200)).await;
        });
    }

    #[test]
    fn accepts_and_connects(
        multi in any::<bool>(), count in 1..12usize, steps in prop::collection::vec((0..3usize, 0..3usize), 1..6),
    ) {
        run(multi, async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let to = listener.local_addr().unwrap();
            let accept = |listener: Arc<TcpListener>| async move { Ok(listener.accept().await?.0) };
            served(count, steps.clone(), listener, accept, move || TcpStream::connect(to)).await;

            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("socket");
            let listener = UnixListener::bind(&path).unwrap();
            let accept = |listener: Arc<UnixListener>| async move { Ok(listener.accept().await?.0) };
            served(count, steps, listener, accept, move || UnixStream::connect(path.clone())).await;
        });
    }
}
