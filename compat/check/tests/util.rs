//! tokio-util, tokio-stream and tokio-test: the tools that most programs on tokio have.

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use gumption_compat_check::soon;
use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::io::{self, Read};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, duplex};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{Semaphore, broadcast, mpsc, watch};
use tokio::time::{Instant, advance, interval, sleep};
use tokio_stream::wrappers::{
    BroadcastStream, IntervalStream, LinesStream, ReceiverStream, TcpListenerStream, WatchStream,
};
use tokio_test::{assert_pending, assert_ready, assert_ready_eq};
use tokio_util::codec::{BytesCodec, Framed, FramedRead, LengthDelimitedCodec, LinesCodec};
use tokio_util::io::{ReaderStream, StreamReader, SyncIoBridge};
use tokio_util::sync::{CancellationToken, PollSemaphore, PollSender, ReusableBoxFuture};
use tokio_util::task::{AbortOnDropHandle, JoinMap, LocalPoolHandle, TaskTracker};
use tokio_util::time::{DelayQueue, FutureExt as _};
use tokio_util::udp::UdpFramed;

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test(flavor = "multi_thread")]
async fn frames_over_tcp() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(TcpListenerStream::new(listener).take(4).for_each(|stream| async {
        let (sink, frames) = Framed::new(stream.unwrap(), LengthDelimitedCodec::new()).split();
        tokio::spawn(frames.map(|frame| frame.map(Bytes::from)).forward(sink));
    }));
    for _ in 0..4 {
        let mut framed = Framed::new(TcpStream::connect(address).await.unwrap(), LengthDelimitedCodec::new());
        for length in [0, 1, 1000, 100_000] {
            framed.send(Bytes::from(vec![9; length])).await.unwrap();
            let frame = soon("a frame", framed.next()).await.unwrap().unwrap();
            assert_eq!(frame.len(), length);
        }
    }
    soon("the server", serving).await.unwrap();
}

#[tokio::test]
async fn lines_bytes_and_datagrams() {
    let (ours, theirs) = duplex(16);
    let sent = ["one", "a line longer than the pipe is wide", ""];
    let reading = tokio::spawn(LinesStream::new(BufReader::new(ours).lines()).map(Result::unwrap).collect::<Vec<_>>());
    let mut lines = Framed::new(theirs, LinesCodec::new());
    for line in sent {
        lines.send(line).await.unwrap();
    }
    drop(lines);
    assert_eq!(soon("all lines", reading).await.unwrap(), sent);

    let mut bytes = FramedRead::new(&b"bytes"[..], BytesCodec::new());
    assert_eq!(bytes.next().await.unwrap().unwrap(), "bytes");

    let bind = || UdpSocket::bind("127.0.0.1:0");
    let (one, two) = tokio::try_join!(bind(), bind()).unwrap();
    let to = two.local_addr().unwrap();
    UdpFramed::new(one, LinesCodec::new()).send(("hello", to)).await.unwrap();
    let (line, _) = soon("a datagram", UdpFramed::new(two, LinesCodec::new()).next()).await.unwrap().unwrap();
    assert_eq!(line, "hello");
}

#[tokio::test]
async fn streams_are_readers_and_readers_streams() {
    let mut reader = StreamReader::new(ReaderStream::with_capacity(&b"some bytes"[..], 4));
    let mut text = String::new();
    reader.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "some bytes");

    let (mut ours, theirs) = duplex(8);
    let bridge = SyncIoBridge::new(theirs);
    let blocking = tokio::task::spawn_blocking(move || -> io::Result<String> {
        let (mut bridge, mut text) = (bridge, String::new());
        bridge.read_to_string(&mut text)?;
        Ok(text)
    });
    ours.write_all(b"more bytes than fit").await.unwrap();
    drop(ours);
    assert_eq!(soon("the bridge", blocking).await.unwrap().unwrap(), "more bytes than fit");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_stop_what_trackers_track() {
    let token = CancellationToken::new();
    let tracker = TaskTracker::new();
    for _ in 0..100 {
        let child = token.child_token();
        tracker.spawn(async move {
            tokio::select! {
                () = child.cancelled() => {}
                () = sleep(HOUR) => unreachable!("nobody waits that long"),
            }
        });
    }
    tracker.close();
    assert_eq!(tracker.len(), 100);
    assert_eq!(token.child_token().run_until_cancelled(async { 7 }).await, Some(7));
    token.cancel();
    soon("all tasks", tracker.wait()).await;
    assert!(tracker.is_empty());
    assert_eq!(token.run_until_cancelled(pending::<()>()).await, None);

    let mut map = JoinMap::new();
    for key in ["a", "b", "c"] {
        map.spawn(key, async move { if key == "b" { pending().await } else { key.to_uppercase() } });
    }
    assert!(map.abort("b"));
    let mut ended = Vec::new();
    while let Some((key, result)) = soon("a task", map.join_next()).await {
        ended.push((key, result.ok()));
    }
    ended.sort_unstable();
    assert_eq!(ended, [("a", Some("A".to_owned())), ("b", None), ("c", Some("C".to_owned()))]);

    let (sender, mut receiver) = mpsc::channel::<()>(1);
    drop(AbortOnDropHandle::new(tokio::spawn(async move { sender.closed().await })));
    assert_eq!(soon("the abort", receiver.recv()).await, None);
}

#[tokio::test]
async fn a_pool_of_local_sets() {
    let pool = LocalPoolHandle::new(2);
    let pinned = pool.spawn_pinned(|| async {
        let count = Rc::new(Cell::new(1));
        let shared = Rc::clone(&count);
        tokio::task::spawn_local(async move { shared.set(shared.get() + 1) }).await.unwrap();
        count.get()
    });
    assert_eq!(soon("the pool", pinned).await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn delays() {
    let began = Instant::now();
    let mut queue = DelayQueue::new();
    let late = queue.insert("late", Duration::from_secs(30));
    queue.insert("early", Duration::from_secs(10));
    let removed = queue.insert("removed", Duration::from_secs(5));
    queue.remove(&removed);
    assert_eq!(queue.next().await.unwrap().into_inner(), "early");
    assert_eq!(began.elapsed().as_secs(), 10);
    queue.reset(&late, Duration::from_secs(50));
    assert_eq!(queue.next().await.unwrap().into_inner(), "late");
    assert_eq!(began.elapsed().as_secs(), 60);

    pending::<()>().timeout(Duration::from_secs(1)).await.unwrap_err();
    let began = Instant::now();
    IntervalStream::new(interval(Duration::from_secs(1))).take(5).for_each(|_| async {}).await;
    assert_eq!(began.elapsed().as_secs(), 4);
    let began = Instant::now();
    let throttled = tokio_stream::StreamExt::throttle(tokio_stream::iter(0..4), Duration::from_secs(1));
    assert_eq!(throttled.collect::<Vec<_>>().await, [0, 1, 2, 3]);
    assert_eq!(began.elapsed().as_secs(), 4);
}

#[tokio::test]
async fn channels_are_streams_and_sinks() {
    let (sender, receiver) = mpsc::channel(2);
    let sending = tokio::spawn(async move {
        let mut sender = PollSender::new(sender);
        for n in 0..10 {
            sender.send(n).await.unwrap();
        }
    });
    let received: Vec<u32> = soon("all numbers", ReceiverStream::new(receiver).collect()).await;
    assert_eq!(received, (0..10).collect::<Vec<_>>());
    sending.await.unwrap();

    let (sender, receiver) = broadcast::channel(16);
    let hearing = tokio::spawn(BroadcastStream::new(receiver).map(Result::unwrap).collect::<Vec<u32>>());
    for n in 0..10 {
        sender.send(n).unwrap();
    }
    drop(sender);
    assert_eq!(soon("a broadcast", hearing).await.unwrap(), (0..10).collect::<Vec<_>>());

    let (sender, receiver) = watch::channel("first");
    let mut changes = WatchStream::new(receiver);
    assert_eq!(changes.next().await, Some("first"));
    sender.send("second").unwrap();
    assert_eq!(changes.next().await, Some("second"));
    drop(sender);
    assert_eq!(changes.next().await, None);
}

#[tokio::test]
async fn what_is_polled_by_hand() {
    let mut semaphore = PollSemaphore::new(Arc::new(Semaphore::new(1)));
    let permit = poll_fn(|cx| semaphore.poll_acquire(cx)).await.unwrap();
    let mut second = tokio_test::task::spawn(poll_fn(|cx| semaphore.poll_acquire(cx)));
    assert_pending!(second.poll());
    drop(permit);
    assert!(second.is_woken());
    assert!(assert_ready!(second.poll()).is_some());

    let mut boxed = ReusableBoxFuture::new(async { 1 });
    boxed.set(async { 2 });
    assert_eq!(boxed.await, 2);
}

#[tokio::test(start_paused = true)]
async fn what_tokio_test_has() {
    let mut script = tokio_test::io::Builder::new();
    let mut scripted = script.write(b"ping").wait(Duration::from_secs(9)).read(b"pong").build();
    scripted.write_all(b"ping").await.unwrap();
    let mut answer = [0; 4];
    scripted.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"pong");

    let mut sleeping = tokio_test::task::spawn(sleep(Duration::from_secs(1)));
    assert_pending!(sleeping.poll());
    advance(Duration::from_millis(1001)).await;
    assert!(sleeping.is_woken());
    assert_ready_eq!(sleeping.poll(), ());
}

#[test]
fn a_runtime_for_one_future() {
    assert_eq!(tokio_test::block_on(async { 1 + 1 }), 2);
}
