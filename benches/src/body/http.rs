//! HTTP: hello-world on hyper, over connections that are kept alive.
//!
//! One operation is one GET and its answer of 13 bytes, headers aside, on one of 64 connections, each with one request
//! under way. The server is hyper 1.x as its documentation shows it, on each runtime through the adapter that its users
//! have. Its parsing and writing of headers comes on top of what an echo costs and is the same for all, so the ratios are
//! nearer to 1.
//!
//! The clients are tasks of the same runtime with a socket and no HTTP library: they send the same bytes and read
//! until the answer's last. That is the quietest of the ways that were tried. Outside the runtime, 64 blocking threads or a
//! few epoll threads compete with the workers for the same cores, and whoever the kernel happens to prefer decides: rounds
//! then differed by up to 40 % on one runtime, against 6 % so. A request and its answer are thus measured whole, both
//! ends, as in `tcp`, and the client's share of the CPU time is in the `cpu` line.
//!
//! No timer is given to hyper, so no timeout is armed per request.

use std::convert::Infallible;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};

use super::tcp::{BUFFER, requests};
use crate::measured::Spent;
use crate::net::Net;

const CONNECTIONS: u64 = 64;
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
const STATUS: &[u8] = b"HTTP/1.1 200 OK\r\n";
const BODY: &[u8] = b"Hello, World!";

/// 64 connections, each with its own client task and hyper's server task.
pub fn hello<P: Net>(peer: &P, ops: u64) -> Spent {
    peer.run(requests::<P, _, _>(CONNECTIONS, ops, ask::<P>, serve::<P>))
}

async fn ask<P: Net>(mut stream: P::Stream, requests: u64) -> P::Stream {
    let mut answer = [0; BUFFER];
    for _ in 0..requests {
        P::write_all(&mut stream, REQUEST).await.expect("the server listens");
        let mut got = 0;
        while !answer[..got].ends_with(BODY) {
            let n = P::read(&mut stream, &mut answer[got..]).await.expect("the server answers");
            assert_ne!(n, 0, "the server closed the connection, or its answer is longer than it should be");
            got += n;
        }
        assert!(answer.starts_with(STATUS));
    }
    stream
}

async fn serve<P: Net>(stream: P::Stream) {
    let connection = http1::Builder::new().serve_connection(P::http(stream), service_fn(greet));
    connection.await.expect("a client that speaks HTTP and closes between two requests");
}

async fn greet(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::new(Bytes::from_static(BODY))))
}
