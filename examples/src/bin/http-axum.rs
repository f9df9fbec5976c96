//! An axum router, served by hyper on Gumption.
//!
//! axum's `serve` is tied to tokio; its router is not. With `default-features = false` there is no tokio in axum at all, and
//! a `Router` is a tower service: a request in, a future of a response out. hyper serves services of its own kind, and
//! `TowerToHyperService` makes the one from the other. So three lines stand in for `axum::serve`:
//!
//! ```text
//!   TcpListener::accept        gumption    a stream
//!   TowerToHyperService(app)   hyper-util  a service, cheap to clone: a router is an Arc
//!   http1::Builder             hyper       bytes <-> requests, with gumption::hyper::Timer as its clock
//! ```
//!
//! Handlers are plain async functions. They run in the connection's task, so they may use whatever Gumption has: this one
//! sleeps, computes in a declared blocking section (another M takes the P meanwhile), spawns, and reads the runtime's
//! own numbers. What a handler is given is extracted from the request: path, JSON, shared state. What cannot be
//! extracted is the client's fault and answered with 4xx before the handler is called, which the self-check shows.
//!
//! ```text
//! cargo run -p gumption-examples --bin http-axum -- --listen 127.0.0.1:8080      # then, elsewhere:
//! curl http://127.0.0.1:8080/hello/world
//! curl http://127.0.0.1:8080/sum -H 'content-type: application/json' -d '[1, 2, 3.5]'
//! curl http://127.0.0.1:8080/primes/100000
//! ```

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use gumption::hyper::Timer;
use gumption::net::{TcpListener, TcpStream};
use gumption::runtime::{Handle, Runtime};
use gumption_examples::Lesson;
use gumption_examples::program::{Mode, peer_has_gone, serve_until_interrupted};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{Request, client, server};
use hyper_util::service::TowerToHyperService;
use serde::Serialize;
use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

type Failed = Box<dyn Error + Send + Sync>;

/// What all handlers share.
#[derive(Default)]
struct Shared {
    greeted: AtomicU64,
}

/// What the runtime says of itself.
#[derive(Serialize)]
struct Tasks {
    live: u64,
    spawned: u64,
}

async fn hello(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> String {
    // Statistics: nothing is ordered by it.
    let nth = shared.greeted.fetch_add(1, Ordering::Relaxed) + 1;
    format!("hello {name}, you are number {nth}\n")
}

async fn sum(Json(numbers): Json<Vec<f64>>) -> Json<f64> {
    Json(numbers.iter().sum())
}

/// How many primes there are up to `limit`, in a section that may take its time: the P goes on with other tasks.
async fn primes(Path(limit): Path<usize>) -> Result<String, (StatusCode, &'static str)> {
    if limit > 10_000_000 {
        return Err((StatusCode::UNPROCESSABLE_ENTITY, "at most 10000000\n"));
    }
    let count = gumption::blocking(|| {
        let mut composite = vec![false; limit + 1];
        let mut count = 0;
        for n in 2..=limit {
            if !composite[n] {
                count += 1;
                (n * n..=limit).step_by(n).for_each(|multiple| composite[multiple] = true);
            }
        }
        count
    });
    Ok(format!("{count}\n"))
}

/// The handler's work in two tasks of its own.
async fn halves(Json(numbers): Json<Vec<f64>>) -> Result<Json<f64>, StatusCode> {
    let (left, right) = numbers.split_at(numbers.len() / 2);
    let (left, right) = (left.to_vec(), right.to_vec());
    let left = gumption::spawn(async move { left.iter().sum::<f64>() });
    let right = gumption::spawn(async move { right.iter().sum::<f64>() });
    let (left, right) = (left.await, right.await);
    // A task that panicked fails this request and nothing else.
    match (left, right) {
        (Ok(left), Ok(right)) => Ok(Json(left + right)),
        _ => Err(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

async fn tasks() -> Json<Tasks> {
    let totals = Handle::current().stats().totals;
    Json(Tasks { live: totals.tasks_live, spawned: totals.spawned })
}

async fn nowhere() -> impl IntoResponse {
    (StatusCode::NOT_FOUND, "there are /hello/{name}, /sum, /halves, /primes/{limit} and /tasks\n")
}

fn app() -> Router {
    Router::new()
        .route("/hello/{name}", get(hello))
        .route("/sum", post(sum))
        .route("/halves", post(halves))
        .route("/primes/{limit}", get(primes))
        .route("/tasks", get(tasks))
        .fallback(nowhere)
        .with_state(Arc::new(Shared::default()))
}

/// What `axum::serve` does.
async fn serve(listener: TcpListener, app: Router) {
    let app = TowerToHyperService::new(app);
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // One client's trouble, or no descriptor left. The listener rests by itself before it tries again.
                eprintln!("accept: {error}");
                continue;
            }
        };
        let app = app.clone();
        gumption::spawn(async move {
            let http = server::conn::http1::Builder::new().timer(Timer::new()).serve_connection(stream, app);
            if let Err(error) = http.await
                && !peer_has_gone(&error)
            {
                eprintln!("a connection ended badly: {error}");
            }
        });
    }
}

/// One request over `sender`; status and body. JSON if there is a body to send.
async fn ask(
    sender: &mut client::conn::http1::SendRequest<Full<Bytes>>,
    path: &str,
    json: Option<&'static str>,
) -> Result<(u16, String), Failed> {
    let request = match json {
        Some(json) => Request::post(path).header("content-type", "application/json").body(Full::from(json)),
        None => Request::get(path).body(Full::default()),
    };
    let mut request = request?;
    request.headers_mut().insert("host", hyper::header::HeaderValue::from_static("localhost"));
    sender.ready().await?;
    let response = sender.send_request(request).await?;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await?.to_bytes();
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}

async fn check() -> Result<ExitCode, Failed> {
    let mut lesson = Lesson::check_only("axum: a router, and hyper under it");
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let stream = TcpStream::connect(listener.local_addr()?).await?;
    let serving = gumption::spawn(serve(listener, app()));
    let (mut sender, connection) = client::conn::http1::handshake(stream).await?;
    let connection = gumption::spawn(connection);

    let mut expect = async |what: &str, path: &str, json, status: u16, body: &str| -> Result<(), Failed> {
        lesson.check(what, ask(&mut sender, path, json).await?, (status, body.to_owned()));
        Ok(())
    };
    expect("a part of the path", "/hello/axum", None, 200, "hello axum, you are number 1\n").await?;
    expect("state is shared", "/hello/again", None, 200, "hello again, you are number 2\n").await?;
    expect("JSON in and out", "/sum", Some("[1, 2, 3.5]"), 200, "6.5").await?;
    expect("tasks of a handler", "/halves", Some("[1, 2, 3.5]"), 200, "6.5").await?;
    expect("a blocking section", "/primes/100000", None, 200, "9592\n").await?;
    expect("too much is refused", "/primes/10000001", None, 422, "at most 10000000\n").await?;
    expect("another method", "/sum", None, 405, "").await?;
    let routes = "there are /hello/{name}, /sum, /halves, /primes/{limit} and /tasks\n";
    expect("the fallback", "/nowhere", None, 404, routes).await?;
    let (status, _) = ask(&mut sender, "/sum", Some("[1, 2")).await?;
    lesson.check("half of an array", status, 400);
    let (status, _) = ask(&mut sender, "/primes/many", None).await?;
    lesson.check("not a number", status, 400);
    // The listener, the connection's two ends, the two halves. What `block_on` runs is no task.
    let (status, tasks) = ask(&mut sender, "/tasks", None).await?;
    lesson.check("the runtime counts its tasks", (status, tasks.ends_with(",\"spawned\":5}")), (200, true));

    drop(sender);
    connection.await??;
    serving.abort();
    Ok(lesson.result())
}

fn main() -> Result<ExitCode, Failed> {
    match Mode::from_arguments() {
        Mode::Check => Runtime::new()?.block_on(check()),
        Mode::Listen(address) => Ok(serve_until_interrupted(address, |listener| serve(listener, app()))?),
    }
}
