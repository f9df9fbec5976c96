//! HTTP/1 and HTTP/2 on one port, server and client, by hyper.
//!
//! hyper is HTTP and nothing else: it knows no sockets, no tasks, no clock. It asks for those by three traits, and
//! `gumption::hyper` (feature `hyper`) has them:
//!
//! ```text
//!   hyper asks for          and gets               which is
//!   rt::Read, rt::Write     a gumption TcpStream   readiness from the netpoller, told to the task that reads
//!   rt::Executor            hyper::Executor        gumption::spawn: HTTP/2 runs each request of a connection as a task
//!   rt::Timer               hyper::Timer           sleeps in the heap of the P that runs the connection
//! ```
//!
//! A connection is one task here: it reads a request, calls the service, writes the answer. HTTP/1 does that in turn; to
//! ask for eight things at once takes eight connections. HTTP/2 has *streams*: eight requests are under way on one
//! connection, in any order, each with its own task and its own window for bytes (flow control). The self-check counts
//! connections to show it.
//!
//! Which of the two a client speaks shows in its first bytes: an HTTP/2 client that knows its server (*prior knowledge*)
//! begins with `PRI * HTTP/2.0`, which is no request of HTTP/1. `hyper_util::server::conn::auto` looks and takes its way.
//!
//! ```text
//! cargo run -p gumption-examples --bin http-hyper                                # the self-check
//! cargo run -p gumption-examples --bin http-hyper -- --listen 127.0.0.1:8080     # then, elsewhere:
//! curl --http1.1 http://127.0.0.1:8080/
//! curl --http2-prior-knowledge http://127.0.0.1:8080/echo --data-binary @some-file
//! ```

use futures_util::future::{join_all, try_join_all};
use gumption::hyper::{Executor, Timer};
use gumption::net::{TcpListener, TcpStream};
use gumption::runtime::Runtime;
use gumption_examples::Lesson;
use gumption_examples::program::{Mode, peer_has_gone, serve_until_interrupted};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Version, client};
use hyper_util::server::conn::auto;
use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

type Failed = Box<dyn Error + Send + Sync>;
/// A body of either kind: what we make, and what comes in and goes straight out again.
type Body = BoxBody<Bytes, hyper::Error>;

fn text(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).map_err(|never| match never {}).boxed()
}

/// The service: what HTTP version, for the curious; and an echo.
async fn answer(request: Request<Incoming>) -> Result<Response<Body>, hyper::Error> {
    let mut response = match (request.method(), request.uri().path()) {
        (&Method::GET, "/") => Response::new(text(format!("Gumption says hello over {:?}\n", request.version()))),
        // The request's body is the response's: a frame goes out when it has come in, and none is kept. If the client
        // does not read, our writes wait; then we do not read, and its own writes wait.
        (&Method::POST, "/echo") => Response::new(request.into_body().boxed()),
        _ => {
            let mut response = Response::new(text("there are GET / and POST /echo\n"));
            *response.status_mut() = StatusCode::NOT_FOUND;
            response
        }
    };
    response.headers_mut().insert("server", hyper::header::HeaderValue::from_static("gumption"));
    Ok(response)
}

/// Accepts for ever. `accepted` counts.
async fn serve(listener: TcpListener, accepted: Arc<AtomicUsize>) {
    let mut http = auto::Builder::new(Executor::new());
    // With a timer hyper holds clients to its limits: a head that does not come, a peer that does not answer pings.
    http.http1().timer(Timer::new()).header_read_timeout(Duration::from_secs(10));
    http.http2().timer(Timer::new()).keep_alive_interval(Duration::from_secs(20));
    let http = Arc::new(http);
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // One client's trouble, or no descriptor left. The listener rests by itself before it tries again.
                eprintln!("accept: {error}");
                continue;
            }
        };
        // Statistics: nothing is ordered by it.
        accepted.fetch_add(1, Ordering::Relaxed);
        if let Err(error) = stream.set_nodelay(true) {
            eprintln!("nodelay: {error}");
        }
        let http = http.clone();
        gumption::spawn(async move {
            // Our stream as it is: it has hyper's traits. Streams of others go into a `gumption::hyper::Io`.
            if let Err(error) = http.serve_connection(stream, service_fn(answer)).await
                && !peer_has_gone(&*error)
            {
                eprintln!("a connection ended badly: {error:?}");
            }
        });
    }
}

fn get(path: &str) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
    Request::get(format!("http://localhost{path}")).header("host", "localhost").body(Full::default())
}

async fn read(response: Response<Incoming>) -> Result<(Version, String), hyper::Error> {
    let version = response.version();
    let body = response.into_body().collect().await?.to_bytes();
    Ok((version, String::from_utf8_lossy(&body).into_owned()))
}

/// Two requests over HTTP/1: one after the other, over the same connection.
async fn over_http1(address: SocketAddr) -> Result<Vec<(Version, String)>, Failed> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = client::conn::http1::handshake(stream).await?;
    // A client's connection is a task as well: it moves the bytes, the sender only hands it requests.
    let connection = gumption::spawn(connection);
    let mut answers = Vec::new();
    for _ in 0..2 {
        // HTTP/1 can take the next request when the last answer has been read.
        sender.ready().await?;
        answers.push(read(sender.send_request(get("/")?).await?).await?);
    }
    drop(sender);
    connection.await??;
    Ok(answers)
}

/// `requests` over HTTP/2, all at once, over the same connection, and `bytes` through the echo among them.
async fn over_http2(
    address: SocketAddr,
    requests: usize,
    bytes: Bytes,
) -> Result<(Vec<(Version, String)>, Bytes), Failed> {
    let stream = TcpStream::connect(address).await?;
    let (sender, connection) = client::conn::http2::Builder::new(Executor::new()).handshake(stream).await?;
    let connection = gumption::spawn(connection);
    let echo = async {
        let request = Request::post("http://localhost/echo").body(Full::new(bytes))?;
        let response = sender.clone().send_request(request).await?;
        Ok::<_, Failed>(response.into_body().collect().await?.to_bytes())
    };
    let hellos = (0..requests).map(|_| {
        let mut sender = sender.clone();
        async move { Ok::<_, Failed>(read(sender.send_request(get("/")?).await?).await?) }
    });
    let (echoed, answers) = futures_util::future::try_join(echo, try_join_all(hellos)).await?;
    drop(sender);
    connection.await??;
    Ok((answers, echoed))
}

async fn check() -> Result<ExitCode, Failed> {
    let mut lesson = Lesson::check_only("hyper: HTTP/1 and HTTP/2 on one port");
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let accepted = Arc::new(AtomicUsize::new(0));
    let serving = gumption::spawn(serve(listener, accepted.clone()));
    let count = || accepted.load(Ordering::Relaxed);

    println!("two requests over HTTP/1, one after the other");
    let answers = over_http1(address).await?;
    let hello = |version| format!("Gumption says hello over {version:?}\n");
    lesson.check("answers", answers, vec![(Version::HTTP_11, hello(Version::HTTP_11)); 2]);
    lesson.check("connections", count(), 1);

    println!("eight over HTTP/2, at once, beside 4 MiB through the echo");
    let bytes = Bytes::from_iter((0..4 << 20).map(|i: u32| (i % 251) as u8));
    let (answers, echoed) = over_http2(address, 8, bytes.clone()).await?;
    lesson.check("answers", answers, vec![(Version::HTTP_2, hello(Version::HTTP_2)); 8]);
    // More than a stream's window, which is a MiB here: window updates went back and forth.
    lesson.check("bytes came back as they went", echoed == bytes, true);
    lesson.check("connections, since the beginning", count(), 2);

    println!("sixteen clients of each kind at once");
    let clients = (0..32).map(|i| {
        gumption::spawn(async move {
            match i % 2 {
                0 => over_http1(address).await.map(|answers| answers.len()),
                _ => over_http2(address, 2, Bytes::from_static(b"x")).await.map(|(answers, _)| answers.len()),
            }
        })
    });
    let mut answered = 0;
    for client in join_all(clients).await {
        answered += client??;
    }
    lesson.check("answers", answered, 64);
    lesson.check("connections, since the beginning", count(), 34);
    serving.abort();
    Ok(lesson.result())
}

fn main() -> Result<ExitCode, Failed> {
    match Mode::from_arguments() {
        Mode::Check => Runtime::new()?.block_on(check()),
        Mode::Listen(address) => Ok(serve_until_interrupted(address, |listener| serve(listener, Arc::default()))?),
    }
}
