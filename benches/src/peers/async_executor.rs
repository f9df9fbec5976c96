//! async-executor, set up as smol does it.
//!
//! One [`Executor`], so many threads that each run it under `async_io::block_on`, timers and sockets from async-io, blocking calls
//! on the `blocking` crate's pool. There is no ambient executor in that world; smol has a global one. Here each worker
//! notes its executor in a thread-local, which is what tokio and Gumption do to find theirs.
//!
//! The executor is leaked, once per runtime started, so that tasks may be `'static` without a reference count on the
//! spawn path.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

use async_executor::{Executor, Task};
use async_io::Async;
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use smol_hyper::rt::FuturesIo;
use tokio::sync::oneshot;

use crate::Peer;
use crate::body::primitives::{self, Primitives};
use crate::net::{ANY_PORT, Net, std_datagram_pair};

thread_local! {
    static CURRENT: Cell<Option<&'static Executor<'static>>> = const { Cell::new(None) };
}

fn current() -> &'static Executor<'static> {
    CURRENT.get().expect("called from a worker")
}

struct Worker {
    stop: oneshot::Sender<()>,
    thread: thread::JoinHandle<()>,
}

/// async-executor, several threads.
pub struct Smol {
    executor: &'static Executor<'static>,
    workers: Vec<Worker>,
}

impl Peer for Smol {
    const NAME: &'static str = "async-executor";
    const BLOCK_IN_PLACE: bool = false;
    const PRIMITIVES: Primitives<Self> = primitives::tokio::all();

    type Join<T: Send + 'static> = Task<T>;

    fn start(workers: usize) -> std::io::Result<Self> {
        let executor: &'static Executor<'static> = Box::leak(Box::new(Executor::new()));
        let mut peer = Self { executor, workers: Vec::with_capacity(workers) };
        for n in 0..workers {
            let (stop, stopped) = oneshot::channel();
            let thread = thread::Builder::new().name(format!("smol-{n}")).spawn(move || {
                CURRENT.set(Some(executor));
                // An error says that the sender was dropped: a stop like any other.
                let _ = async_io::block_on(executor.run(stopped));
            })?;
            peer.workers.push(Worker { stop, thread });
        }
        Ok(peer)
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        async_io::block_on(future)
    }

    fn spawn_from_outside<F>(&self, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.executor.spawn(future)
    }

    fn spawn<F>(future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        current().spawn(future)
    }

    fn detach<F: Future<Output = ()> + Send + 'static>(future: F) {
        current().spawn(future).detach();
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        futures_lite::future::yield_now()
    }

    async fn sleep(duration: Duration) {
        async_io::Timer::after(duration).await;
    }

    fn blocking<R: Send + 'static>(section: impl FnOnce() -> R + Send + 'static) -> impl Future<Output = R> + Send {
        blocking::unblock(section)
    }

    fn block_in_place<R>(section: impl FnOnce() -> R) -> R {
        section()
    }
}

impl Net for Smol {
    type Listener = Async<TcpListener>;
    type Stream = Async<TcpStream>;
    type Datagrams = Async<UdpSocket>;
    type Http = FuturesIo<Async<TcpStream>>;

    fn http(stream: Self::Stream) -> Self::Http {
        FuturesIo::new(stream)
    }

    async fn listen() -> io::Result<(Self::Listener, SocketAddr)> {
        let listener = Async::<TcpListener>::bind(ANY_PORT)?;
        let address = listener.get_ref().local_addr()?;
        Ok((listener, address))
    }

    async fn accept(listener: &Self::Listener) -> io::Result<Self::Stream> {
        let (stream, _) = listener.accept().await?;
        stream.get_ref().set_nodelay(true)?;
        Ok(stream)
    }

    async fn connect(to: SocketAddr) -> io::Result<Self::Stream> {
        let stream = Async::<TcpStream>::connect(to).await?;
        stream.get_ref().set_nodelay(true)?;
        Ok(stream)
    }

    async fn read(stream: &mut Self::Stream, buf: &mut [u8]) -> io::Result<usize> {
        stream.read(buf).await
    }

    async fn read_exact(stream: &mut Self::Stream, buf: &mut [u8]) -> io::Result<()> {
        stream.read_exact(buf).await
    }

    async fn write_all(stream: &mut Self::Stream, bytes: &[u8]) -> io::Result<()> {
        stream.write_all(bytes).await
    }

    async fn datagram_pair() -> io::Result<(Self::Datagrams, Self::Datagrams)> {
        let (one, other) = std_datagram_pair()?;
        Ok((Async::new(one)?, Async::new(other)?))
    }

    async fn send(socket: &Self::Datagrams, bytes: &[u8]) -> io::Result<usize> {
        socket.send(bytes).await
    }

    async fn recv(socket: &Self::Datagrams, buf: &mut [u8]) -> io::Result<usize> {
        socket.recv(buf).await
    }
}

impl Drop for Smol {
    fn drop(&mut self) {
        for worker in self.workers.drain(..) {
            drop(worker.stop);
            if worker.thread.join().is_err() {
                eprintln!("an async-executor worker panicked");
            }
        }
    }
}
