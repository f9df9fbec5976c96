//! The answers: `/`, `/healthz`, `/work?ms=`, `/stats`. What asks for anything else is told what there is.
//!
//! Each request has a trace, its own or the one that came with it, and its route, in the labels of the task that answers it.
//!
//! Handlers run in their connection's task. A client that goes away takes its handler along: the future is dropped
//! where it waits. So what is counted is counted by guards, which come to their end either way.
//!
//! This file knows nothing of sockets, signals and deadlines.

use gumption::introspect::trace_context;
use gumption::runtime::Handle;
use gumption::stats::SchedulerStats;
use gumption::task::labels;
use gumption::time::{Duration, sleep};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use serde::Serialize;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

const LONGEST_WORK_MS: u64 = 600_000;
const ROUTES: &str = "there are /, /healthz, /work?ms= and /stats\n";

/// What all connections share: counts. Nothing is ordered by them, so all accesses are relaxed.
#[derive(Default)]
pub struct Service {
    /// Connections.
    pub open: Gauge,
    /// Requests whose head was read and whose answer is not made yet.
    pub under_way: Gauge,
    answered: AtomicU64,
}

/// How many there are now.
#[derive(Clone, Default)]
pub struct Gauge(Arc<AtomicUsize>);

/// One of them, while it lives.
pub struct Counted(Gauge);

impl Gauge {
    /// One more, until that is dropped.
    pub fn enter(&self) -> Counted {
        self.0.fetch_add(1, Ordering::Relaxed);
        Counted(self.clone())
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What `/stats` says: of the service, and all that the runtime says.
#[derive(Serialize)]
struct Stats {
    connections: usize,
    /// This one included.
    requests_under_way: usize,
    requests_answered: u64,
    runtime: SchedulerStats,
}

fn response(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    response(status, "text/plain; charset=utf-8", body)
}

/// Answers one request. Never an error: what is wrong with a request is told to the client.
pub async fn answer(service: Arc<Service>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let _under_way = service.under_way.enter();
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    // The connection's task, and what it spawns, say whose request it is: `gumption dump` shows it, and can be asked for one trace.
    let _trace = trace_context::request(header("traceparent"), header("tracestate"));
    let _route = labels::scope("route", request.uri().path());
    let response = if matches!(*request.method(), Method::GET | Method::HEAD) {
        match request.uri().path() {
            "/" => text(StatusCode::OK, ROUTES),
            "/healthz" => text(StatusCode::OK, "ok\n"),
            "/work" => work(request.uri().query().unwrap_or_default()).await,
            "/stats" => stats(&service),
            _ => text(StatusCode::NOT_FOUND, ROUTES),
        }
    } else {
        let mut refusal = text(StatusCode::METHOD_NOT_ALLOWED, "GET and HEAD only\n");
        refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        refusal
    };
    service.answered.fetch_add(1, Ordering::Relaxed);
    Ok(response)
}

/// Takes the time that it is told to take, as a request to a database would: waiting.
async fn work(query: &str) -> Response<Full<Bytes>> {
    let millis = query.split('&').find_map(|pair| pair.strip_prefix("ms=")).and_then(|ms| ms.parse::<u64>().ok());
    match millis {
        Some(millis) if millis <= LONGEST_WORK_MS => {
            sleep(Duration::from_millis(millis)).await;
            text(StatusCode::OK, format!("worked for {millis} ms\n"))
        }
        _ => text(StatusCode::BAD_REQUEST, format!("/work?ms=N, with N at most {LONGEST_WORK_MS}\n")),
    }
}

fn stats(service: &Service) -> Response<Full<Bytes>> {
    let stats = Stats {
        connections: service.open.count(),
        requests_under_way: service.under_way.count(),
        requests_answered: service.answered.load(Ordering::Relaxed),
        runtime: Handle::current().stats(),
    };
    match serde_json::to_vec(&stats) {
        Ok(json) => response(StatusCode::OK, "application/json", json),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    }
}
