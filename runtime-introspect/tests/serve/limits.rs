//! Who asks too much, too slowly, too often or in too many places is told so, and hurts nobody else.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::thread;
use std::time::{Duration, Instant};

use gumption_introspect::serve::Limits;

use crate::client::{PATIENCE, ask, connect, get, is_closed, read, send};
use crate::{often, runtime, served, serving};

fn sched(at: std::net::SocketAddr) -> u16 {
    get(at, "/debug/sched").status
}

#[test]
fn what_is_too_large_is_refused() {
    let runtime = runtime("large", 1);
    let (_server, at) = served(&runtime);
    let long = "x".repeat(Limits::default().head_bytes);
    assert_eq!(get(at, &format!("/{long}")).status, 431);
    assert_eq!(ask(at, "GET", "/", &format!("X-Long: {long}\r\n")).status, 431);
    let many = "X-Many: 1\r\n".repeat(Limits::default().headers);
    assert_eq!(ask(at, "GET", "/", &many).status, 431);
    let names: Vec<String> = (0..100).map(|n| format!("p{n}=1")).collect();
    assert_eq!(get(at, &format!("/debug/sched?{}", names.join("&"))).status, 400);
    for body in [
        "Content-Length: 5\r\n",
        "Content-Length: 18446744073709551616\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Expect: 100-continue\r\n",
    ] {
        assert_eq!(ask(at, "POST", "/debug/sched", body).status, 413, "{body}");
    }
    // A body that is sent all the same, and is larger than any buffer, does not keep the answer from coming.
    let mut socket = connect(at);
    let head = format!("POST / HTTP/1.1\r\nHost: {at}\r\nContent-Length: 1000000\r\n\r\n");
    socket.write_all(head.as_bytes()).unwrap();
    drop(socket.write_all(&vec![b'x'; 1_000_000]));
    assert_eq!(read(&mut socket, true).status, 413);
    assert_eq!(sched(at), 200);
}

#[test]
fn a_request_that_does_not_come_in_is_given_up() {
    let runtime = runtime("slow", 1);
    let mut limits = often();
    limits.head_time = Duration::from_millis(100);
    limits.idle_time = Duration::from_secs(3);
    let server = serving(&runtime).limits(limits).bind("127.0.0.1:0").unwrap();
    let at = server.local_addr();
    // A byte now and then: the deadline is for all of them.
    let mut drip = connect(at);
    let answer = loop {
        if drip.write_all(b"G").is_err() {
            break None;
        }
        drip.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
        if drip.peek(&mut [0]).is_ok() {
            drip.set_read_timeout(Some(crate::client::PATIENCE)).unwrap();
            break Some(read(&mut drip, true));
        }
    };
    assert!(answer.is_none_or(|answer| matches!(answer.status, 400 | 408)), "refused");
    let mut half = connect(at);
    half.write_all(b"GET / HTTP/1.1\r\nHost: loc").unwrap();
    assert_eq!(read(&mut half, true).status, 408);
    // Silence gets no answer, and an end.
    assert!(is_closed(connect(at)));
    // One that goes away in the middle.
    let mut gone = connect(at);
    gone.write_all(b"GET / HT").unwrap();
    gone.shutdown(Shutdown::Both).unwrap();
    assert_eq!(sched(at), 200);
}

#[test]
fn silent_connections_keep_nobody_out() {
    let runtime = runtime("crowd", 1);
    let mut limits = often();
    limits.connections = 4;
    let server = serving(&runtime).limits(limits).bind("127.0.0.1:0").unwrap();
    let at = server.local_addr();
    let mut crowd: Vec<_> = (0..64).map(|_| connect(at)).collect();
    for guest in &mut crowd {
        // Half a request each; who was shut out already cannot.
        drop(guest.write_all(b"GET / HTTP/1.1\r\n"));
    }
    for _ in 0..16 {
        assert_eq!(sched(at), 200);
    }
}

#[test]
fn places_that_are_all_in_use_are_not_taken_away() {
    let runtime = runtime("full", 1);
    let mut limits = often();
    limits.connections = 2;
    limits.windows = 2;
    let server = serving(&runtime).limits(limits).bind("127.0.0.1:0").unwrap();
    let at = server.local_addr();
    let asking = || {
        let mut socket = connect(at);
        let request = format!("GET /debug/diagnose?seconds=300 HTTP/1.1\r\nHost: {at}\r\n\r\n");
        socket.write_all(request.as_bytes()).unwrap();
        socket
    };
    // A third is told that there is no place, if the first two were heard before it came; else it takes the place of one.
    let begun = Instant::now();
    let (held, refused) = loop {
        assert!(begun.elapsed() < PATIENCE, "two long answers never had both places");
        let held = [asking(), asking()];
        thread::sleep(Duration::from_millis(20));
        let answer = send(at, format!("GET / HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n").as_bytes());
        if answer.status == 503 {
            break (held, answer);
        }
    };
    assert!(refused.header("retry-after").is_some(), "{}", refused.head);
    // Who goes away ends its own answer, five minutes early.
    drop(held);
    let begun = Instant::now();
    while sched_or_refused(at) != Some(200) {
        assert!(begun.elapsed() < PATIENCE, "a place that was left is never free");
        thread::sleep(Duration::from_millis(5));
    }
}

/// The status, if the connection held for so long.
fn sched_or_refused(at: std::net::SocketAddr) -> Option<u16> {
    let mut socket = connect(at);
    let request = format!("GET /debug/sched HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).ok()?;
    let mut text = Vec::new();
    drop(socket.read_to_end(&mut text));
    String::from_utf8_lossy(&text).split(' ').nth(1)?.parse().ok()
}

#[test]
fn windows_are_counted() {
    let runtime = runtime("windows", 1);
    let mut limits = often();
    limits.windows = 1;
    let server = serving(&runtime).limits(limits).bind("127.0.0.1:0").unwrap();
    let at = server.local_addr();
    let request = format!("GET /debug/diagnose?seconds=300 HTTP/1.1\r\nHost: {at}\r\n\r\n");
    // The second one is told to come again, if the first one was first; else that was told so, and another takes its place.
    let begun = Instant::now();
    let (_first, refused) = loop {
        assert!(begun.elapsed() < PATIENCE, "nobody was ever told to come again");
        let mut first = connect(at);
        first.write_all(request.as_bytes()).unwrap();
        thread::sleep(Duration::from_millis(20));
        let answer = get(at, "/debug/diagnose?seconds=0");
        if answer.status != 200 {
            break (first, answer);
        }
    };
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("5")), "{}", refused.text());
    assert_eq!(sched(at), 200, "what is cheap is answered");
}

#[test]
fn requests_are_counted() {
    let runtime = runtime("counted", 1);
    let mut limits = Limits::default();
    limits.burst = 8;
    // None comes back while this lasts.
    limits.requests_per_second = 0;
    let server = serving(&runtime).limits(limits).bind("127.0.0.1:0").unwrap();
    let at = server.local_addr();
    for _ in 0..8 {
        assert_eq!(sched(at), 200);
    }
    let refused = get(at, "/debug/sched");
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("1")), "{}", refused.text());
}
