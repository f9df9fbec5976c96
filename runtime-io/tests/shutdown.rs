//! A runtime ends with its connections alive, and sockets outlive their runtime.
//!
//! Ending drops every task, and with it the task's sockets, so that peers see the end; it does not wait for bytes. A
//! socket that is held outside goes on existing: whatever would wait on it is an error that says why, at once and also for
//! who waits already. Making a socket outside a runtime is a panic that says so.

use gumption_core::runtime::Handle;
use gumption_io::io::{AsyncReadExt, AsyncWriteExt, Interest};
use gumption_io::net::{TcpListener, TcpSocket, TcpStream};
use std::future::{Future, poll_fn};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
type Builder = gumption_core::runtime::Builder<gumption_io::Netpoller>;

/// A way to end a runtime, with its name.
type Way = (&'static str, fn(Runtime));

/// A way to make a socket, with its name.
type Making<'a> = (&'static str, Box<dyn Fn() + 'a>);

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn multi_thread() -> Runtime {
    Builder::new_multi_thread().processors(2).enable_all().build().unwrap()
}

const FLAVOURS: [fn() -> Runtime; 2] = [current_thread, multi_thread];

/// Runs `f` on a thread of its own and fails, instead of hanging, if it does not end.
fn ends<R: Send + 'static>(what: &str, f: impl FnOnce() -> R + Send + 'static) -> R {
    let (done, wait) = mpsc::channel();
    let thread = thread::spawn(move || done.send(f()));
    match wait.recv_timeout(Duration::from_secs(60)) {
        Ok(result) => result,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("{what} hangs"),
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            std::panic::resume_unwind(thread.join().expect_err("it sent nothing"))
        }
    }
}

/// An executor without a runtime: it polls when it is woken.
fn block_on_elsewhere<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        thread::park();
    }
}

/// Says over a channel when the future has answered `Pending` for the first time.
async fn telling<F: Future>(waits: mpsc::Sender<()>, future: F) -> F::Output {
    let mut future = pin!(future);
    let mut waits = Some(waits);
    poll_fn(|cx| {
        let polled = future.as_mut().poll(cx);
        if polled.is_pending()
            && let Some(waits) = waits.take()
        {
            // Nobody may listen any more.
            let _ = waits.send(());
        }
        polled
    })
    .await
}

/// Counts that it was dropped.
struct Dropped(Arc<AtomicUsize>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn pair(runtime: &Runtime) -> (TcpStream, std::net::TcpStream) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = runtime.block_on(TcpStream::connect(listener.local_addr().unwrap())).unwrap();
    (ours, listener.accept().unwrap().0)
}

fn assert_ended<T: std::fmt::Debug>(result: io::Result<T>) {
    let error = result.unwrap_err();
    assert_eq!(error.to_string(), gumption_core::texts::SHUT_DOWN);
}

fn text(panic: Box<dyn std::any::Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic.downcast_ref::<&str>().unwrap().to_string(),
    }
}

/// Tasks that wait in accept, read, write, `readable`, and for both of two halves; the peers' ends of the connections.
fn busy(runtime: &Runtime, dropped: &Arc<AtomicUsize>) -> (Vec<std::net::TcpStream>, usize) {
    let (waits, waiting) = mpsc::channel();
    let mut peers = Vec::new();
    let mut tasks = Vec::new();
    let mut spawn = |future: Pin<Box<dyn Future<Output = ()> + Send>>| {
        let (waits, guard) = (waits.clone(), Dropped(dropped.clone()));
        tasks.push(runtime.spawn(async move {
            let _guard = guard;
            telling(waits, future).await;
        }));
    };
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    spawn(Box::pin(async move {
        let _ = listener.accept().await;
    }));
    for _ in 0..4 {
        let (mut stream, peer) = pair(runtime);
        peers.push(peer);
        spawn(Box::pin(async move {
            let _ = stream.read(&mut [0]).await;
        }));
        let (mut stream, peer) = pair(runtime);
        peers.push(peer);
        // More than buffers hold: the peer does not read.
        spawn(Box::pin(async move {
            let _ = stream.write_all(&vec![0; 32 << 20]).await;
        }));
        let (stream, peer) = pair(runtime);
        peers.push(peer);
        spawn(Box::pin(async move {
            let _ = stream.readable().await;
        }));
        let (stream, peer) = pair(runtime);
        peers.push(peer);
        let (mut reader, mut writer) = stream.into_split();
        spawn(Box::pin(async move {
            let _ = reader.read(&mut [0]).await;
        }));
        spawn(Box::pin(async move {
            let _ = writer.write_all(&vec![0; 32 << 20]).await;
        }));
    }
    let count = tasks.len();
    // A current-thread runtime runs its tasks while somebody is inside.
    runtime.block_on(async {
        for _ in 0..count {
            while waiting.try_recv().is_err() {
                gumption_core::yield_now().await;
            }
        }
    });
    (peers, count)
}

/// Each peer sees the end of its connection, after what was sent.
fn all_closed(peers: Vec<std::net::TcpStream>) {
    for mut peer in peers {
        peer.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut buf = vec![0; 1 << 20];
        loop {
            match peer.read(&mut buf) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
                    break;
                }
            }
        }
    }
}

#[test]
fn ending_with_live_connections_drops_every_task_and_closes_every_socket() {
    for make in FLAVOURS {
        let ways: [Way; 4] = [
            ("a drop", |runtime| drop(runtime)),
            ("a drop on another thread", |runtime| thread::spawn(move || drop(runtime)).join().unwrap()),
            ("a shutdown with a limit", |runtime| runtime.shutdown_timeout(Duration::from_secs(60))),
            ("a shutdown in the background", Runtime::shutdown_background),
        ];
        for (what, end) in ways {
            ends(what, move || {
                let dropped = Arc::default();
                let runtime = make();
                let (peers, tasks) = busy(&runtime, &dropped);
                end(runtime);
                // In the background the last machine may still be at it; the peers see when it is done.
                all_closed(peers);
                while dropped.load(Ordering::SeqCst) < tasks {
                    thread::yield_now();
                }
            });
        }
    }
}

#[test]
fn ending_under_load_ends() {
    for make in FLAVOURS {
        ends("a shutdown under load", move || {
            let runtime = make();
            let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
            let to = listener.local_addr().unwrap();
            let server = async move {
                loop {
                    let Ok((mut stream, _)) = listener.accept().await else { return };
                    gumption_core::spawn(async move {
                        let mut buf = [0; 512];
                        while let Ok(read @ 1..) = stream.read(&mut buf).await {
                            if stream.write_all(&buf[..read]).await.is_err() {
                                break;
                            }
                        }
                    });
                }
            };
            runtime.spawn(server);
            let echoes = Arc::new(AtomicUsize::new(0));
            let clients: Vec<_> = (0..4)
                .map(|_| {
                    let echoes = echoes.clone();
                    // Until its connection is closed or refused.
                    thread::spawn(move || {
                        while let Ok(mut stream) = std::net::TcpStream::connect(to) {
                            for _ in 0..50 {
                                let mut buf = [7; 64];
                                if stream.write_all(&buf).and_then(|()| stream.read_exact(&mut buf)).is_err() {
                                    return;
                                }
                                echoes.fetch_add(1, Ordering::SeqCst);
                            }
                        }
                    })
                })
                .collect();
            runtime.block_on(async {
                while echoes.load(Ordering::SeqCst) < 500 {
                    gumption_core::yield_now().await;
                }
            });
            drop(runtime);
            for client in clients {
                client.join().unwrap();
            }
        });
    }
}

#[test]
fn sockets_outlive_their_runtime_and_say_so() {
    for make in FLAVOURS {
        ends("a socket of an ended runtime", move || {
            let runtime = make();
            let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
            let (mut stream, mut peer) = pair(&runtime);
            let (halves, _other_peer) = pair(&runtime);
            let (mut reader, mut writer) = halves.into_split();
            drop(runtime);

            let mut byte = [0];
            // Data that is there makes no difference: nobody would tell of it.
            peer.write_all(b"x").unwrap();
            assert_ended(block_on_elsewhere(stream.read(&mut byte)));
            // What was known of it last is true still: it may be written to, until it would have to wait.
            assert_ended(block_on_elsewhere(stream.write_all(&vec![0; 32 << 20])));
            assert_ended(block_on_elsewhere(stream.write(b"x")));
            assert_ended(block_on_elsewhere(stream.peek(&mut byte)));
            assert_ended(block_on_elsewhere(stream.readable()));
            assert_ended(block_on_elsewhere(stream.ready(Interest::READABLE | Interest::WRITABLE)));
            assert_ended(stream.try_read(&mut byte));
            assert_ended(stream.try_write(b"x"));
            assert_ended(block_on_elsewhere(listener.accept()));
            assert_ended(block_on_elsewhere(reader.read(&mut byte)));
            assert_ended(block_on_elsewhere(writer.write_all(&vec![0; 32 << 20])));

            // What does not wait works still.
            assert_eq!(stream.peer_addr().unwrap(), peer.local_addr().unwrap());
            block_on_elsewhere(stream.shutdown()).unwrap();
            peer.read_to_end(&mut Vec::new()).unwrap();
            let mut std = stream.into_std().unwrap();
            std.set_nonblocking(false).unwrap();
            std.read_exact(&mut byte).unwrap();
            assert_eq!(&byte, b"x");
            // And it may move to another runtime.
            std.set_nonblocking(true).unwrap();
            let runtime = make();
            runtime.block_on(async {
                let mut stream = TcpStream::from_std(std).unwrap();
                let (waits, waiting) = mpsc::channel();
                let peer = thread::spawn(move || {
                    waiting.recv().unwrap();
                    peer.write_all(b"y").unwrap();
                });
                telling(waits, stream.read_exact(&mut byte)).await.unwrap();
                assert_eq!(&byte, b"y");
                peer.join().unwrap();
            });
        });
    }
}

#[test]
fn who_waits_from_outside_when_the_runtime_ends_is_told() {
    for make in FLAVOURS {
        ends("a wait at the runtime's end", move || {
            let runtime = make();
            let (waits, waiting) = mpsc::channel();
            let mut waiters = Vec::new();
            let mut peers = Vec::new();
            for inside in [false, true] {
                let handle = runtime.handle().clone();
                let mut wait = |future: Pin<Box<dyn Future<Output = io::Result<()>> + Send>>| {
                    let (waits, handle) = (waits.clone(), handle.clone());
                    waiters.push(thread::spawn(move || {
                        let future = telling(waits, future);
                        if inside { handle.block_on(future) } else { block_on_elsewhere(future) }
                    }));
                };
                let (mut stream, peer) = pair(&runtime);
                peers.push(peer);
                wait(Box::pin(async move { stream.read(&mut [0]).await.map(|_| ()) }));
                let (mut stream, peer) = pair(&runtime);
                peers.push(peer);
                wait(Box::pin(async move { stream.write_all(&vec![0; 32 << 20]).await }));
                let (stream, peer) = pair(&runtime);
                peers.push(peer);
                wait(Box::pin(async move { stream.readable().await }));
                let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
                wait(Box::pin(async move { listener.accept().await.map(|_| ()) }));
            }
            for _ in &waiters {
                waiting.recv().unwrap();
            }
            drop(runtime);
            for waiter in waiters {
                assert_ended(waiter.join().unwrap());
            }
        });
    }
}

#[test]
fn a_socket_is_woken_on_any_executor_while_its_runtime_lives() {
    ends("a socket on a foreign executor", || {
        let runtime = multi_thread();
        let (mut stream, mut peer) = pair(&runtime);
        let (waits, waiting) = mpsc::channel();
        let reader = thread::spawn(move || {
            let mut byte = [0];
            block_on_elsewhere(telling(waits, async { stream.read_exact(&mut byte).await.map(|_| ()) })).unwrap();
            byte
        });
        waiting.recv().unwrap();
        peer.write_all(b"x").unwrap();
        assert_eq!(&reader.join().unwrap(), b"x");
    });
}

#[test]
fn making_a_socket_outside_a_runtime_is_a_panic_that_says_so() {
    let to: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let std = || {
        let std = std::net::TcpListener::bind(to).unwrap();
        std.set_nonblocking(true).unwrap();
        std
    };
    let makings: [Making<'_>; 4] = [
        ("bind", Box::new(move || drop(block_on_elsewhere(TcpListener::bind(to))))),
        ("from_std", Box::new(move || drop(TcpListener::from_std(std())))),
        ("connect", Box::new(move || drop(block_on_elsewhere(TcpStream::connect(std().local_addr().unwrap()))))),
        (
            "listen",
            Box::new(move || {
                let socket = TcpSocket::new_v4().unwrap();
                socket.bind(to).unwrap();
                drop(socket.listen(1));
            }),
        ),
    ];
    for (what, making) in &makings {
        let panic = catch_unwind(AssertUnwindSafe(making)).expect_err(what);
        let text = text(panic);
        assert!(text.contains("must be called from the context of a Tokio 1.x runtime"), "{what}: {text}");
    }
    // On a runtime that runs by itself: a connection has to be waited for.
    let runtime = multi_thread();
    let _entered = runtime.handle().enter();
    for (_, making) in &makings {
        making();
    }
}

#[test]
fn a_socket_that_was_made_by_entering_is_used_anywhere() {
    let runtime = multi_thread();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let std = listener.accept().unwrap().0;
    std.set_nonblocking(true).unwrap();
    let mut stream = {
        let _entered = runtime.enter();
        TcpStream::from_std(std).unwrap()
    };
    ends("a socket that was made by entering", move || {
        peer.write_all(b"x").unwrap();
        let mut byte = [0];
        block_on_elsewhere(stream.read_exact(&mut byte)).unwrap();
        assert_eq!(&byte, b"x");
    });
}

#[test]
fn making_a_socket_in_a_runtime_that_has_ended_is_an_error() {
    for make in FLAVOURS {
        let handle: Handle = make().handle().clone();
        let _entered = handle.enter();
        let std = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let to = std.local_addr().unwrap();
        std.set_nonblocking(true).unwrap();
        assert_ended(TcpListener::from_std(std));
        assert_ended(block_on_elsewhere(TcpListener::bind("127.0.0.1:0")));
        assert_ended(block_on_elsewhere(TcpStream::connect(to)));
    }
}
