//! The debug server over real sockets: what is answered, to whom, and what is refused.

mod client;
mod endpoints;
mod hogged;
mod limits;

use std::io::Write as _;
use std::net::SocketAddr;

use client::{ask, connect, get, is_closed, read, send};
use gumption_core::runtime::{Builder, Runtime};
use gumption_introspect::serve::{ENDPOINTS, Limits};
use gumption_introspect::{Server, Serving};

fn runtime(name: &str, processors: usize) -> Runtime {
    let mut builder: Builder = Builder::new_multi_thread();
    builder.processors(processors).name(name).build().expect("a runtime starts")
}

/// A server for one runtime, without a limit on the rate.
fn serving(runtime: &Runtime) -> Serving {
    Serving::new().runtimes([runtime.handle().clone()]).limits(often())
}

fn often() -> Limits {
    let mut limits = Limits::default();
    limits.requests_per_second = 1_000_000;
    limits.burst = 1_000_000;
    limits
}

fn served(runtime: &Runtime) -> (Server, SocketAddr) {
    let server = serving(runtime).bind("127.0.0.1:0").expect("loopback is free");
    let at = server.local_addr();
    (server, at)
}

#[test]
fn the_index_lists_every_endpoint_with_what_it_means() {
    let runtime = runtime("indexed", 2);
    let (_server, at) = served(&runtime);
    let page = get(at, "/");
    assert_eq!(page.status, 200, "{}", page.text());
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let html = page.text();
    assert!(html.contains("(indexed)") && !html.contains("<script"), "{html}");
    for endpoint in ENDPOINTS {
        assert!(endpoint.about.len() > 10, "{}", endpoint.path);
        assert!(html.contains(endpoint.path), "{}", endpoint.path);
    }
    for other in ["/debug/pprof", "/debug/pprof/"] {
        assert!(get(at, other).text().contains("(indexed)"), "{other}");
    }
}

#[test]
fn the_scheduler_is_shown_as_go_shows_it() {
    let runtime = runtime("traced", 3);
    let (_server, at) = served(&runtime);
    let line = get(at, "/debug/sched");
    assert!(line.text().starts_with("SCHED ") && line.text().contains("gomaxprocs=3"), "{}", line.text());
    let details = get(at, "/debug/sched?detail=1").text();
    assert!(details.lines().filter(|line| line.starts_with("  P")).count() >= 3, "{details}");
    let stats = get(at, "/debug/stats").json();
    let row = &stats["runtimes"][0];
    assert_eq!(row["name"], "traced");
    assert_eq!(row["stats"]["config"]["processors"], 3);
    assert_eq!(stats["runtimes"].as_array().map(Vec::len), Some(1));
}

#[test]
fn all_runtimes_of_the_process_or_the_one_that_is_named() {
    let (first, second) = (runtime("first-of-two", 1), runtime("second-of-two", 1));
    let server = Serving::new().limits(often()).bind("127.0.0.1:0").expect("loopback is free");
    let at = server.local_addr();
    let all = get(at, "/debug/stats").text();
    assert!(all.contains("first-of-two") && all.contains("second-of-two"), "{all}");
    let sched = get(at, "/debug/sched").text();
    assert!(sched.contains("(first-of-two)"), "several have a title each: {sched}");
    let named = get(at, "/debug/stats?runtime=second-of-two").json();
    assert_eq!(named["runtimes"].as_array().map(Vec::len), Some(1));
    assert_eq!(named["runtimes"][0]["name"], "second-of-two");
    let number = get(at, &format!("/debug/stats?runtime={}", first.handle().id())).json();
    assert_eq!(number["runtimes"][0]["name"], "first-of-two");
    let wrong = get(at, "/debug/stats?runtime=third");
    assert_eq!(wrong.status, 404);
    assert!(wrong.text().contains("first-of-two"), "{}", wrong.text());
    drop(second);
    let gone = get(at, "/debug/stats?runtime=second-of-two");
    assert_eq!(gone.status, 404, "{}", gone.text());
}

#[test]
fn what_is_asked_wrong_is_told_what_would_be_right() {
    let runtime = runtime("asked", 1);
    let (_server, at) = served(&runtime);
    for (target, status, right) in [
        ("/nothing", 404, "/ lists"),
        ("/debug", 404, "/ lists"),
        ("/debug/sched?details=1", 400, "detail"),
        ("/debug/sched?detail=yes", 400, "1 or 0"),
        ("/debug/sched?detail=1&detail=0", 400, "more than once"),
        ("/debug/stats?x=1", 400, "no parameter"),
        ("/debug/sched?detail=%zz", 400, "%XX"),
        ("/debug/diagnose?seconds=-1", 400, "100ms"),
        ("/debug/diagnose?seconds=inf", 400, "100ms"),
        ("/debug/diagnose?seconds=1e99", 400, "100ms"),
        ("/debug/diagnose?seconds=10h", 400, "at most 300"),
        ("/debug/diagnose?load=heavy", 400, "unknown, constant"),
        ("/debug/pprof/trace", 501, "/debug/pprof/profile"),
    ] {
        let answer = get(at, target);
        assert_eq!(answer.status, status, "{target}: {}", answer.text());
        assert!(answer.text().contains(right), "{target}: {}", answer.text());
        assert_eq!(answer.text().lines().count(), 1, "{target}: {}", answer.text());
    }
    let post = ask(at, "POST", "/debug/stats", "");
    assert_eq!((post.status, post.header("allow")), (405, Some("GET, HEAD")));
}

#[test]
fn a_connection_serves_many_requests_and_head_has_no_body() {
    let runtime = runtime("kept", 1);
    let (_server, at) = served(&runtime);
    let mut socket = connect(at);
    let request = format!("GET /debug/sched HTTP/1.1\r\nHost: {at}\r\n\r\n");
    for _ in 0..5 {
        socket.write_all(request.as_bytes()).unwrap();
        let answer = read(&mut socket, true);
        assert_eq!((answer.status, answer.header("connection")), (200, Some("keep-alive")));
    }
    // Two at a stroke, and a HEAD whose end is where the next begins.
    let head = request.replace("GET", "HEAD");
    socket.write_all([&head, &request].map(|request| request.as_bytes()).concat().as_slice()).unwrap();
    assert_eq!(read(&mut socket, false).status, 200);
    assert!(read(&mut socket, true).text().starts_with("SCHED "));
    // HTTP/1.0 closes.
    let old = send(at, b"GET /debug/sched HTTP/1.0\r\n\r\n");
    assert_eq!((old.status, old.header("connection")), (200, Some("close")));
}

#[test]
fn names_that_are_not_loopback_are_turned_away() {
    let runtime = runtime("named", 1);
    let (_server, at) = served(&runtime);
    let named = |host: &str| send(at, format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes());
    for host in ["localhost", "127.0.0.1", "localhost:6060", "[::1]:80"] {
        assert_eq!(named(host).status, 200, "{host}");
    }
    for host in ["evil.example", "127.0.0.1.evil.example:6060", "", "0.0.0.0"] {
        let answer = named(host);
        assert_eq!(answer.status, 403, "{host}");
        assert!(answer.text().contains("127.0.0.1"), "{}", answer.text());
    }
    assert_eq!(send(at, b"GET / HTTP/1.1\r\n\r\n").status, 400, "no Host at all");
    assert_eq!(send(at, b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n").status, 400);
}

#[test]
fn a_token_is_asked_for_everywhere() {
    let runtime = runtime("tokened", 1);
    let server = serving(&runtime).token("s3cret=&").bind("127.0.0.1:0").expect("loopback is free");
    let at = server.local_addr();
    for endpoint in ENDPOINTS.iter().map(|endpoint| endpoint.path).chain(["/nothing"]) {
        let answer = get(at, endpoint);
        assert_eq!(answer.status, 401, "{endpoint}: {}", answer.text());
        assert!(answer.header("www-authenticate").is_some_and(|how| how.starts_with("Bearer")));
    }
    let with = |header: &str| ask(at, "GET", "/debug/sched", &format!("Authorization: {header}\r\n")).status;
    assert_eq!(with("Bearer s3cret=&"), 200);
    assert_eq!(with("bearer s3cret=&"), 200);
    assert_eq!(with("Bearer s3cret"), 401);
    assert_eq!(with("Basic s3cret=&"), 401);
    assert_eq!(get(at, "/debug/sched?token=s3cret%3D%26").status, 200);
    assert_eq!(get(at, "/debug/sched?token=s3cret").status, 401);
    // A name is no matter where a token is.
    let named = b"GET / HTTP/1.1\r\nHost: debug.example\r\nAuthorization: Bearer s3cret=&\r\n\r\n";
    assert_eq!(send(at, named).status, 200);
    let index = get(at, "/?token=s3cret%3D%26").text();
    assert!(index.contains("/debug/stats?token=s3cret%3D%26"), "links go on with it: {index}");
}

#[test]
fn what_changes_something_takes_a_token() {
    let runtime = runtime("changed", 1);
    let (_open, at) = served(&runtime);
    let refused = ask(at, "POST", "/debug/profile/block?rate=1", "");
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("GUMPTION_DEBUG_TOKEN"), "{}", refused.text());
    let server = serving(&runtime).token("t").bind("127.0.0.1:0").expect("loopback is free");
    let at = server.local_addr();
    let post = |target: &str| ask(at, "POST", target, "Authorization: Bearer t\r\n");
    assert_eq!(ask(at, "POST", "/debug/profile/mutex?rate=7", "").status, 401);
    for kind in ["block", "mutex"] {
        let on = post(&format!("/debug/profile/{kind}?rate=1000"));
        assert_eq!(on.status, 200, "{}", on.text());
        let off = post(&format!("/debug/profile/{kind}?rate=0"));
        assert!(off.text().contains("it was 1000"), "{}", off.text());
        assert_eq!(post(&format!("/debug/profile/{kind}")).status, 400);
        assert_eq!(post(&format!("/debug/profile/{kind}?rate=-1")).status, 400);
        let get = ask(at, "GET", &format!("/debug/profile/{kind}?rate=1"), "Authorization: Bearer t\r\n");
        assert_eq!((get.status, get.header("allow")), (405, Some("POST")));
    }
}

#[test]
fn it_listens_elsewhere_only_with_a_token() {
    let refused = Serving::new().bind("0.0.0.0:0").expect_err("everybody could look");
    assert_eq!(refused.kind(), std::io::ErrorKind::PermissionDenied);
    assert!(refused.to_string().contains("GUMPTION_DEBUG_TOKEN"), "{refused}");
    assert!(Serving::new().token(" ").bind("127.0.0.1:0").is_err(), "an empty token is none");
    let open = Serving::new().token("t").bind("0.0.0.0:0").expect("it may");
    let at = SocketAddr::from(([127, 0, 0, 1], open.local_addr().port()));
    assert_eq!(get(at, "/").status, 401);
    let taken = Serving::new().bind(at).expect_err("the port is taken");
    assert!(taken.to_string().contains(&at.to_string()), "{taken}");
}

#[test]
fn a_dropped_server_is_gone() {
    let runtime = runtime("dropped", 1);
    let (server, at) = served(&runtime);
    let silent = connect(at);
    let mut waiting = connect(at);
    let long = format!("GET /debug/diagnose?seconds=300 HTTP/1.1\r\nHost: {at}\r\n\r\n");
    waiting.write_all(long.as_bytes()).unwrap();
    drop(server);
    assert!(std::net::TcpStream::connect(at).is_err(), "nobody listens");
    assert!(is_closed(silent), "its connections are closed");
    // The port is free again.
    drop(serving(&runtime).bind(at).expect("the port is free"));
}
