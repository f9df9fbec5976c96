//! TCP: so many connections, each with one request under way.
//!
//! One operation is one request of 64 bytes and its answer, the same 64 bytes. Client and server are tasks of the same
//! runtime, so an operation is two writes, two reads that succeed, and two wakes that come out of the kernel's readiness
//! queue. The system calls are the larger part of its CPU time, and the same for all: `limit_epoll_1t` is nothing else. The
//! rest is who polls the kernel, how the ready task comes to a worker, and how often a worker is woken for it: with 64 connections there
//! is always a little to do but seldom enough for all workers, with 512 every poll brings a batch, and with one there
//! is nothing to share and each hand-off to another thread is pure loss.
//!
//! The server reads into a larger buffer, as an echo server does; the client reads exactly its answer. Connecting,
//! accepting and closing are outside the measured time.

use std::future::Future;

use super::split;
use crate::measured::{Meter, Spent};
use crate::net::Net;

/// Bytes of a request and of its answer.
pub(crate) const MESSAGE: usize = 64;

/// The server's buffer.
pub(crate) const BUFFER: usize = 1024;

/// So many connections, each with its own client task and server task.
pub fn echo<P: Net, const CONNECTIONS: u64>(peer: &P, ops: u64) -> Spent {
    peer.run(requests::<P, _, _>(CONNECTIONS, ops, ask::<P>, serve::<P>))
}

/// Opens so many connections, serves each with a task, and shares the operations out to as many client tasks. A client
/// gives its connection back, so that no closing is measured; a server ends when its client has closed.
pub(crate) async fn requests<P, C, S>(
    connections: u64,
    ops: u64,
    client: fn(P::Stream, u64) -> C,
    server: fn(P::Stream) -> S,
) -> Spent
where
    P: Net,
    C: Future<Output = P::Stream> + Send + 'static,
    S: Future<Output = ()> + Send + 'static,
{
    raise_file_limit();
    let (listener, address) = P::listen().await.expect("a port to be had");
    let acceptor = P::spawn(async move {
        let mut servers = Vec::new();
        for _ in 0..connections {
            let stream = P::accept(&listener).await.expect("the client connects");
            servers.push(P::spawn(server(stream)));
        }
        servers
    });
    let mut streams = Vec::new();
    for _ in 0..connections {
        streams.push(P::connect(address).await.expect("the server listens"));
    }
    let servers = acceptor.await;

    let meter = Meter::start();
    let clients: Vec<_> =
        streams.into_iter().zip(split(ops, connections)).map(|(stream, n)| P::spawn(client(stream, n))).collect();
    let mut streams = Vec::with_capacity(clients.len());
    for client in clients {
        streams.push(client.await);
    }
    let spent = meter.stop();

    drop(streams);
    for server in servers {
        server.await;
    }
    spent
}

async fn ask<P: Net>(mut stream: P::Stream, requests: u64) -> P::Stream {
    let mut answer = [0; MESSAGE];
    for n in 0..requests {
        let request = [n as u8; MESSAGE];
        P::write_all(&mut stream, &request).await.expect("the server listens");
        P::read_exact(&mut stream, &mut answer).await.expect("the server answers");
        assert_eq!(answer, request);
    }
    stream
}

async fn serve<P: Net>(mut stream: P::Stream) {
    let mut buf = [0; BUFFER];
    loop {
        let n = P::read(&mut stream, &mut buf).await.expect("the client asks or closes");
        if n == 0 {
            break;
        }
        P::write_all(&mut stream, &buf[..n]).await.expect("the client waits");
    }
}

/// Both ends of 512 connections are more files than the usual soft limit allows; the hard limit has room.
pub(crate) fn raise_file_limit() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls get a pointer to a rlimit that lives through them.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) == 0 && limit.rlim_cur < limit.rlim_max {
            limit.rlim_cur = limit.rlim_max;
            // If it is refused, opening the sockets says so.
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
        }
    }
}
