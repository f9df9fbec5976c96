//! hyper on Gumption: requests and answers through `Io`, an upgrade back to our traits, time limits by `Timer`, tasks
//! by `Executor`.

use gumption_core::runtime::Runtime;
use gumption_io::Netpoller;
use gumption_io::hyper::{Executor, Io, Timer};
use gumption_io::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use gumption_io::net::{TcpListener, TcpStream};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::rt::{Executor as _, Timer as _};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, client, server};
use std::convert::Infallible;
use std::sync::mpsc;
use std::time::Duration;

fn runtime() -> Runtime<Netpoller> {
    Runtime::new().expect("the system has threads")
}

/// Says which path was asked for, and how many bytes came along.
async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await?.to_bytes();
    Ok(Response::new(Full::from(format!("{path} {}", body.len()))))
}

/// Asks `paths` over one connection, each with a body of a MiB, and returns the answers.
async fn ask<T>(stream: T, paths: &[&str]) -> Vec<String>
where
    T: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (mut sender, connection) = client::conn::http1::handshake(stream).await.expect("a handshake of no bytes");
    let connection = gumption_core::spawn(connection);
    let mut answers = Vec::new();
    for path in paths {
        sender.ready().await.expect("the connection lives");
        let body = Full::new(Bytes::from(vec![7; 1 << 20]));
        let request = Request::post(*path).header("host", "here").body(body).expect("a request");
        let response = sender.send_request(request).await.expect("an answer");
        assert_eq!(response.status(), StatusCode::OK);
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        answers.push(String::from_utf8(body.to_vec()).expect("text"));
    }
    drop(sender);
    connection.await.expect("it does not panic").expect("the connection ends in order");
    answers
}

#[test]
fn requests_and_bodies_pass_through_a_narrow_stream() {
    runtime().block_on(async {
        // Far smaller than a body, so that both sides wait for each other again and again.
        let (client, server) = duplex(1000);
        let served = gumption_core::spawn(async move {
            server::conn::http1::Builder::new().serve_connection(Io::new(server), service_fn(answer)).await
        });
        assert_eq!(ask(Io::new(client), &["/a", "/b"]).await, ["/a 1048576", "/b 1048576"]);
        served.await.expect("it does not panic").expect("the connection ends in order");
    });
}

#[test]
fn our_streams_need_no_wrapper() {
    runtime().block_on(async {
        let (client, server) = duplex(1000);
        let served =
            gumption_core::spawn(server::conn::http1::Builder::new().serve_connection(server, service_fn(answer)));
        assert_eq!(ask(client, &["/"]).await, ["/ 1048576"]);
        served.await.expect("it does not panic").expect("the connection ends in order");
    });
}

#[test]
fn many_connections_over_tcp_are_served_and_shut_down_in_order() {
    runtime().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let serve = gumption_core::spawn(async move {
            let mut connections = Vec::new();
            for _ in 0..16 {
                let (stream, _) = listener.accept().await.expect("a client");
                connections.push(gumption_core::spawn(
                    server::conn::http1::Builder::new()
                        .timer(Timer::new())
                        .serve_connection(stream, service_fn(answer)),
                ));
            }
            for connection in connections {
                connection.await.expect("it does not panic").expect("the connection ends in order");
            }
        });
        let clients: Vec<_> = (0..16)
            .map(|i| {
                gumption_core::spawn(async move {
                    let stream = TcpStream::connect(address).await.expect("a server");
                    // Half of them with the wrapper, half without.
                    match i % 2 {
                        0 => ask(stream, &["/a", "/b", "/c"]).await,
                        _ => ask(Io::new(stream), &["/a", "/b", "/c"]).await,
                    }
                })
            })
            .collect();
        for client in clients {
            assert_eq!(client.await.expect("it does not panic"), ["/a 1048576", "/b 1048576", "/c 1048576"]);
        }
        serve.await.expect("it does not panic");
    });
}

#[test]
fn an_upgraded_stream_is_read_and_written_by_our_traits() {
    async fn echo(mut request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        gumption_core::spawn(async move {
            let mut stream = Io::new(hyper::upgrade::on(&mut request).await.expect("an upgrade"));
            let mut line = [0; 4];
            stream.read_exact(&mut line).await.expect("four bytes");
            stream.write_all(&line).await.expect("they are taken");
            stream.shutdown().await.expect("an end");
        });
        let response = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
        Ok(response
            .header("connection", "upgrade")
            .header("upgrade", "echo")
            .body(Full::default())
            .expect("a response"))
    }

    runtime().block_on(async {
        let (client, server) = duplex(64);
        gumption_core::spawn(
            server::conn::http1::Builder::new().serve_connection(Io::new(server), service_fn(echo)).with_upgrades(),
        );
        let (mut sender, connection) =
            client::conn::http1::handshake::<_, Full<Bytes>>(Io::new(client)).await.expect("a handshake of no bytes");
        gumption_core::spawn(connection.with_upgrades());
        let request =
            Request::get("/").header("host", "here").header("connection", "upgrade").header("upgrade", "echo");
        let response = sender.send_request(request.body(Full::default()).expect("a request")).await.expect("an answer");
        assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
        let mut stream = Io::new(hyper::upgrade::on(response).await.expect("an upgrade"));
        stream.write_all(b"ping").await.expect("they are taken");
        let mut back = Vec::new();
        stream.read_to_end(&mut back).await.expect("the echo");
        assert_eq!(back, b"ping");
    });
}

#[test]
fn the_timer_ends_a_connection_that_never_asks() {
    runtime().block_on(async {
        let (mut client, server): (DuplexStream, DuplexStream) = duplex(64);
        let served = gumption_core::spawn(
            server::conn::http1::Builder::new()
                .timer(Timer::new())
                .header_read_timeout(Duration::from_millis(5))
                .serve_connection(Io::new(server), service_fn(answer)),
        );
        client.write_all(b"GET / HT").await.expect("the pipe has room");
        let error = served.await.expect("it does not panic").expect_err("the rest never comes");
        assert!(error.is_timeout(), "{error:?}");
    });
}

#[test]
fn a_sleep_that_is_reset_keeps_to_its_new_deadline() {
    runtime().block_on(async {
        let timer = Timer::new();
        let begin = timer.now();
        let mut sleep = timer.sleep(Duration::from_secs(3600));
        // Polled before, so that it is armed.
        assert!(std::future::poll_fn(|cx| std::task::Poll::Ready(sleep.as_mut().poll(cx))).await.is_pending());
        timer.reset(&mut sleep, begin + Duration::from_millis(2));
        sleep.as_mut().await;
        assert!(timer.now() >= begin + Duration::from_millis(2));
        // A past deadline, and one that another timer has made.
        timer.sleep_until(begin).await;
        let mut foreign: std::pin::Pin<Box<dyn hyper::rt::Sleep>> = Box::pin(Never);
        timer.reset(&mut foreign, begin);
        foreign.await;
    });
}

/// A sleep that is not ours.
struct Never;

impl hyper::rt::Sleep for Never {}

impl Future for Never {
    type Output = ();

    fn poll(self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> std::task::Poll<()> {
        std::task::Poll::Pending
    }
}

#[test]
fn the_executor_spawns_where_it_is_told() {
    let runtime = runtime();
    let (send, receive) = mpsc::channel();
    let here = send.clone();
    runtime.block_on(async { Executor::new().execute(async move { here.send("of the caller").expect("a listener") }) });
    assert_eq!(receive.recv(), Ok("of the caller"));
    // From a thread that is in no runtime.
    Executor::from(runtime.handle().clone()).execute(async move { send.send("given").expect("a listener") });
    assert_eq!(receive.recv(), Ok("given"));
    assert_eq!(receive.recv(), Err(mpsc::RecvError), "the tasks ended and dropped what they had");
}
