//! What the types and futures of TCP may be sent to, shared with and caught in: as tokio's.
#![cfg(unix)]

use std::net::SocketAddr;
use std::panic::{RefUnwindSafe, UnwindSafe};

use gumption_io::io::Interest;
use gumption_io::net::tcp::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
use gumption_io::net::{TcpListener, TcpSocket, TcpStream, lookup_host};

fn value<T: Send + Sync + Unpin>() {}
fn caught<T: UnwindSafe + RefUnwindSafe>() {}
fn future<A, F: Future + Send + Sync>(_: fn(A) -> F) {}

#[test]
fn types_and_futures_go_everywhere() {
    value::<TcpListener>();
    value::<TcpSocket>();
    value::<TcpStream>();
    value::<OwnedReadHalf>();
    value::<OwnedWriteHalf>();
    value::<ReadHalf<'_>>();
    value::<WriteHalf<'_>>();
    value::<ReuniteError>();
    caught::<TcpListener>();
    caught::<TcpSocket>();
    caught::<TcpStream>();
    future(TcpListener::bind::<SocketAddr>);
    future(TcpStream::connect::<SocketAddr>);
    future(TcpStream::connect::<String>);
    future(TcpStream::connect::<(&'static str, u16)>);
    future(lookup_host::<String>);
    future(|listener: &'static TcpListener| listener.accept());
    future(|stream: &'static TcpStream| stream.readable());
    future(|stream: &'static TcpStream| stream.writable());
    future(|stream: &'static TcpStream| stream.ready(Interest::READABLE));
    future(|stream: &'static TcpStream| stream.peek(&mut []));
    future(|socket: TcpSocket| socket.connect(SocketAddr::from(([127, 0, 0, 1], 80))));
}
