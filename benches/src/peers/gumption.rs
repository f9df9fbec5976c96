//! Gumption itself.
//!
//! The façade as a user meets it: `Builder::new_multi_thread().processors(n)`, everything else at its default. The
//! cheapest blocking section is `gumption::blocking`; `block_in_place` is there too, as the like-for-like beside tokio.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use gumption::hyper::Io;
use gumption::io::{AsyncReadExt, AsyncWriteExt};
use gumption::net::{TcpListener, TcpStream, UdpSocket};
use gumption::runtime::{Builder, Runtime};
use gumption::task::JoinHandle;

use crate::Peer;
use crate::body::primitives::{self, Primitives};
use crate::net::{ANY_PORT, Net};

/// Gumption, multi-thread.
pub struct Gumption(Runtime);

/// Gumption's join handle, without the error.
pub struct Join<T>(JoinHandle<T>);

impl<T> Future for Join<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        Pin::new(&mut self.0).poll(cx).map(|outcome| outcome.expect("a bench task failed"))
    }
}

impl Peer for Gumption {
    const NAME: &'static str = "gumption";
    const BLOCK_IN_PLACE: bool = true;
    const PRIMITIVES: Primitives<Self> = primitives::gumption::all();

    type Join<T: Send + 'static> = Join<T>;

    fn start(workers: usize) -> std::io::Result<Self> {
        Builder::new_multi_thread().processors(workers).enable_all().build().map(Self)
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.block_on(future)
    }

    fn spawn_from_outside<F>(&self, future: F) -> Join<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Join(self.0.spawn(future))
    }

    fn spawn<F>(future: F) -> Join<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Join(gumption::spawn(future))
    }

    fn detach<F: Future<Output = ()> + Send + 'static>(future: F) {
        drop(gumption::spawn(future));
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        gumption::task::yield_now()
    }

    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static {
        gumption::time::sleep(duration)
    }

    async fn blocking<R: Send + 'static>(section: impl FnOnce() -> R + Send + 'static) -> R {
        gumption::blocking(section)
    }

    fn block_in_place<R>(section: impl FnOnce() -> R) -> R {
        gumption::task::block_in_place(section)
    }
}

impl Net for Gumption {
    type Listener = TcpListener;
    type Stream = TcpStream;
    type Datagrams = UdpSocket;
    type Http = Io<TcpStream>;

    fn http(stream: TcpStream) -> Io<TcpStream> {
        Io::new(stream)
    }

    async fn listen() -> io::Result<(TcpListener, SocketAddr)> {
        let listener = TcpListener::bind(ANY_PORT).await?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    }

    async fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn connect(to: SocketAddr) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn read(stream: &mut TcpStream, buf: &mut [u8]) -> io::Result<usize> {
        stream.read(buf).await
    }

    async fn read_exact(stream: &mut TcpStream, buf: &mut [u8]) -> io::Result<()> {
        stream.read_exact(buf).await.map(drop)
    }

    async fn write_all(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
        stream.write_all(bytes).await
    }

    async fn datagram_pair() -> io::Result<(UdpSocket, UdpSocket)> {
        let (one, other) = (UdpSocket::bind(ANY_PORT).await?, UdpSocket::bind(ANY_PORT).await?);
        one.connect(other.local_addr()?).await?;
        other.connect(one.local_addr()?).await?;
        Ok((one, other))
    }

    async fn send(socket: &UdpSocket, bytes: &[u8]) -> io::Result<usize> {
        socket.send(bytes).await
    }

    async fn recv(socket: &UdpSocket, buf: &mut [u8]) -> io::Result<usize> {
        socket.recv(buf).await
    }
}
