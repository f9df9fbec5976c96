//! An axum service with tower-http's layers; reqwest, hyper-util's client over HTTP/1 and HTTP/2, and tokio-tungstenite
//! ask it over plain TCP.

use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::response::sse::{Event, Sse};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use bytes::Bytes;
use futures::{SinkExt, StreamExt, stream};
use gumption_compat_check::soon;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::convert::Infallible;
use std::future::IntoFuture;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use tower_http::services::ServeDir;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;

type Served = Arc<AtomicUsize>;

async fn count(State(served): State<Served>) -> String {
    (served.fetch_add(1, Ordering::Relaxed) + 1).to_string()
}

async fn events() -> Sse<impl futures::Stream<Item = Result<Event, Infallible>>> {
    Sse::new(stream::iter(0..3).then(|i| async move {
        tokio::time::sleep(Duration::from_millis(1)).await;
        Ok(Event::default().data(i.to_string()))
    }))
}

async fn shout(upgrade: WebSocketUpgrade) -> axum::response::Response {
    upgrade.on_upgrade(|mut socket| async move {
        while let Some(Ok(message)) = socket.recv().await {
            if let Message::Text(text) = message {
                // A client that has gone is the end of the loop, by the next message.
                let _ = socket.send(Message::Text(text.to_uppercase().into())).await;
            }
        }
    })
}

struct Service {
    address: SocketAddr,
    served: Served,
    stop: CancellationToken,
    running: JoinHandle<io::Result<()>>,
}

impl Service {
    async fn start() -> Self {
        let served = Served::default();
        let routes = Router::new()
            .route("/", get(|| async { "hello" }))
            .route("/half/{n}", get(|Path(n): Path<u64>| async move { Json(n / 2) }))
            .route("/echo", post(|body: Bytes| async move { body }))
            .route("/sum", post(|Json(numbers): Json<Vec<u64>>| async move { Json(numbers.iter().sum::<u64>()) }))
            .route("/count", get(count))
            .route("/events", get(events))
            .route("/never", get(std::future::pending::<()>))
            .route("/ws", any(shout))
            .nest_service("/files", ServeDir::new(env!("CARGO_MANIFEST_DIR")))
            .layer(TimeoutLayer::with_status_code(http::StatusCode::REQUEST_TIMEOUT, Duration::from_secs(30)))
            .layer(TraceLayer::new_for_http())
            .with_state(Arc::clone(&served));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let serve = axum::serve(listener, routes).with_graceful_shutdown(stop.clone().cancelled_owned());
        Self { address, served, stop, running: tokio::spawn(serve.into_future()) }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    async fn stop(self) {
        self.stop.cancel();
        soon("the service stops", self.running).await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reqwest_asks_axum() {
    let service = Service::start().await;
    let client = reqwest::Client::new();
    let get = |path: &str| client.get(service.url(path)).send();

    let hello = soon("hello", get("/")).await.unwrap();
    assert_eq!(hello.status(), 200);
    assert_eq!(hello.text().await.unwrap(), "hello");
    assert_eq!(get("/half/84").await.unwrap().json::<u64>().await.unwrap(), 42);
    let sum = client.post(service.url("/sum")).json(&[1, 2, 3]).send();
    assert_eq!(soon("a sum", sum).await.unwrap().json::<u64>().await.unwrap(), 6);
    assert_eq!(get("/nothing").await.unwrap().status(), 404);

    let megabyte = Bytes::from(vec![7; 1 << 20]);
    let parts: Vec<_> = (0..16).map(|i| Ok::<_, Infallible>(megabyte.slice(i << 16..(i + 1) << 16))).collect();
    let body = reqwest::Body::wrap_stream(stream::iter(parts));
    let echo = soon("echo", client.post(service.url("/echo")).body(body).send()).await.unwrap();
    let mut echoed = echo.bytes_stream();
    let mut length = 0;
    while let Some(chunk) = soon("a chunk", echoed.next()).await {
        let chunk = chunk.unwrap();
        assert!(chunk.iter().all(|&byte| byte == 7));
        length += chunk.len();
    }
    assert_eq!(length, megabyte.len());

    let events = soon("events", get("/events")).await.unwrap().text().await.unwrap();
    assert_eq!(events, "data: 0\n\ndata: 1\n\ndata: 2\n\n");
    let manifest = soon("a file", get("/files/Cargo.toml")).await.unwrap().text().await.unwrap();
    assert!(manifest.contains("gumption-compat-check"));
    drop(client);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timeout_of_the_client_ends_its_wait() {
    let service = Service::start().await;
    let client = reqwest::Client::builder().timeout(Duration::from_millis(20)).build().unwrap();
    let error = soon("a timeout", client.get(service.url("/never")).send()).await.unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
    service.running.abort();
    assert!(service.running.await.unwrap_err().is_cancelled());
}

#[tokio::test(flavor = "multi_thread")]
async fn many_clients_over_http1_and_http2() {
    let service = Service::start().await;
    let mut clients = JoinSet::new();
    for i in 0..16 {
        let uri: http::Uri = service.url("/count").parse().unwrap();
        clients.spawn(async move {
            let http2 = i % 2 == 0;
            let client: Client<HttpConnector, Full<Bytes>> =
                Client::builder(TokioExecutor::new()).http2_only(http2).build_http();
            for _ in 0..50 {
                let response = client.get(uri.clone()).await.unwrap();
                assert_eq!(response.version(), if http2 { http::Version::HTTP_2 } else { http::Version::HTTP_11 });
                assert!(!response.into_body().collect().await.unwrap().to_bytes().is_empty());
            }
        });
    }
    soon("all clients", clients.join_all()).await;
    assert_eq!(service.served.load(Ordering::Relaxed), 16 * 50);
    service.stop().await;
}

#[tokio::test]
async fn a_web_socket() {
    let service = Service::start().await;
    let url = service.url("/ws").replace("http", "ws");
    let (mut socket, _) = soon("the handshake", tokio_tungstenite::connect_async(url)).await.unwrap();
    for text in ["one", "two"] {
        socket.send(text.into()).await.unwrap();
        let answer = soon("an answer", socket.next()).await.unwrap().unwrap();
        assert_eq!(answer.into_text().unwrap().as_str(), text.to_uppercase());
    }
    socket.close(None).await.unwrap();
    service.stop().await;
}

#[tokio::test]
async fn h2_by_hand() {
    let (client, server) = tokio::io::duplex(1 << 14);
    let serving = tokio::spawn(async move {
        let mut connection = h2::server::handshake(server).await.unwrap();
        while let Some(request) = connection.accept().await {
            let (request, mut respond) = request.unwrap();
            let mut body = respond.send_response(http::Response::new(()), false).unwrap();
            body.send_data(Bytes::from(request.uri().path().to_owned()), true).unwrap();
        }
    });
    let (mut sender, connection) = h2::client::handshake(client).await.unwrap();
    let driving = tokio::spawn(connection);
    for path in ["/a", "/b"] {
        let request = http::Request::get(format!("http://host{path}")).body(()).unwrap();
        let (response, _) = sender.send_request(request, true).unwrap();
        let mut body = soon("a response", response).await.unwrap().into_body();
        let mut text = Vec::new();
        while let Some(data) = soon("data", body.data()).await {
            text.extend(data.unwrap());
        }
        assert_eq!(text, path.as_bytes());
    }
    drop(sender);
    soon("the client's side", driving).await.unwrap().unwrap();
    soon("the server's side", serving).await.unwrap();
}
