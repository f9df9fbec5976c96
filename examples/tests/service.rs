//! The service, as a child process: what it answers, and above all how it stops.
//!
//! Nothing here waits by the clock: a request is known to be under way because `/stats` says so, and the drain to have begun
//! because the service says so on standard error.

mod support;

use serde_json::Value;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use support::{Server, installed, run, say, succeed};

const SERVICE: &str = env!("CARGO_BIN_EXE_service");

fn service(arguments: &[&str]) -> Server {
    Server::start(Command::new(SERVICE).args(["--listen", "127.0.0.1:0"]).args(arguments))
}

/// A client that keeps its connection.
struct Client(BufReader<TcpStream>);

impl Client {
    fn connect(address: SocketAddr) -> io::Result<Self> {
        TcpStream::connect(address).map(|stream| Self(BufReader::new(stream)))
    }

    fn send(&mut self, path: &str) -> io::Result<()> {
        self.0.get_mut().write_all(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes())
    }

    /// An answer's status, its body, and whether the server will close now. `None` if the connection has ended instead.
    fn receive(&mut self) -> io::Result<Option<(u16, String, bool)>> {
        let mut line = String::new();
        if self.0.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status line");
        let (mut length, mut closes) = (0, false);
        loop {
            let mut header = String::new();
            self.0.read_line(&mut header)?;
            let header = header.trim_end().to_ascii_lowercase();
            if let Some(value) = header.strip_prefix("content-length: ") {
                length = value.parse().expect("a length");
            }
            closes |= header == "connection: close";
            if header.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body)?;
        Ok(Some((status, String::from_utf8(body).expect("text"), closes)))
    }

    fn get(&mut self, path: &str) -> (u16, String) {
        self.send(path).expect("the server reads");
        let (status, body, _) = self.receive().expect("the server answers").expect("the server stays");
        (status, body)
    }
}

fn stats(client: &mut Client) -> Value {
    let (status, body) = client.get("/stats");
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).expect("JSON")
}

/// Waits until `count` requests are under way, beside the one that asks.
fn under_way(client: &mut Client, count: u64) {
    while stats(client)["requests_under_way"] != count + 1 {
        thread::yield_now();
    }
}

#[test]
fn it_answers() {
    let server = service(&["--processors", "2"]);
    let mut client = Client::connect(server.address).expect("it listens");
    assert_eq!(client.get("/healthz"), (200, "ok\n".into()));
    assert_eq!(client.get("/work?ms=1"), (200, "worked for 1 ms\n".into()));
    assert_eq!(client.get("/work?x=2&ms=0"), (200, "worked for 0 ms\n".into()));
    for wrong in ["/work", "/work?ms=", "/work?ms=-1", "/work?ms=600001"] {
        assert_eq!(client.get(wrong).0, 400, "{wrong}");
    }
    assert_eq!(client.get("/nowhere").0, 404);
    assert!(client.get("/").1.contains("/healthz"));
    let stats = stats(&mut client);
    assert_eq!((&stats["connections"], &stats["requests_under_way"]), (&1.into(), &1.into()));
    assert_eq!(stats["requests_answered"], 9);
    assert_eq!(stats["runtime"]["config"]["processors"], 2, "{stats}");
    drop(client);
    server.signal("-TERM");
    assert_eq!(server.end().0.code(), Some(0));
}

#[test]
fn it_answers_curl() {
    if !installed("curl") {
        return;
    }
    let server = service(&[]);
    for path in ["/", "/healthz", "/work?ms=5"] {
        let answer = succeed("curl", &["-sS", "--fail", &server.url(path)]);
        say(&format!("curl {path}: {}", answer.trim_end()));
    }
    let stats: Value = serde_json::from_str(&succeed("curl", &["-sS", &server.url("/stats")])).expect("JSON");
    assert_eq!(stats["requests_answered"], 3);
    assert_eq!(run("curl", &["-sS", "--fail", "-X", "DELETE", &server.url("/")]).status.code(), Some(22));
    let head = succeed("curl", &["-sS", "--head", &server.url("/healthz")]);
    assert!(head.starts_with("HTTP/1.1 200 OK") && head.contains("content-length: 3"), "{head}");
    server.interrupt();
}

#[test]
fn a_request_under_way_is_answered_and_nobody_else_gets_in() {
    let mut server = service(&["--drain", "60s"]);
    let mut slow = Client::connect(server.address).expect("it listens");
    let mut idle = Client::connect(server.address).expect("it listens");
    slow.send("/work?ms=4000").expect("the server reads");
    under_way(&mut idle, 1);

    server.signal("-TERM");
    let line = server.error_line();
    assert!(line.starts_with("SIGTERM: 2 connections, 1 requests under way"), "{line}");
    let refused = Client::connect(server.address).err().expect("nobody listens");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    // Who had nothing under way is let go before the drain is over: the slow request is still under way, or was when
    // this was closed, since the answer to it is only read below.
    assert!(idle.receive().expect("an end in order").is_none());

    let (status, body, closes) = slow.receive().expect("an answer").expect("an answer");
    assert_eq!((status, body.as_str(), closes), (200, "worked for 4000 ms\n", true));
    assert!(slow.receive().expect("an end in order").is_none());
    let (status, rest) = server.end();
    assert_eq!((status.code(), rest.as_str()), (Some(0), "drained\n"));
}

#[test]
fn curl_is_answered_while_it_drains() {
    if !installed("curl") {
        return;
    }
    let mut server = service(&["--drain", "60s"]);
    let slow = Command::new("curl")
        .args(["-sS", "--fail", "-i", &server.url("/work?ms=4000")])
        .stdout(Stdio::piped())
        .spawn()
        .expect("curl starts");
    under_way(&mut Client::connect(server.address).expect("it listens"), 1);
    server.signal("-TERM");
    server.error_line();
    let refused = run("curl", &["-sS", &server.url("/")]);
    // curl's code for a connection that is refused.
    assert_eq!(refused.status.code(), Some(7), "{refused:?}");
    say(&format!("curl while it drains: {}", String::from_utf8_lossy(&refused.stderr).trim_end()));
    let answer = slow.wait_with_output().expect("curl ends");
    let answer = String::from_utf8_lossy(&answer.stdout).replace('\r', "");
    assert!(answer.contains("\nconnection: close\n") && answer.ends_with("\nworked for 4000 ms\n"), "{answer}");
    say(&format!("curl, which had asked before: {}", answer.lines().last().unwrap_or_default()));
    assert_eq!(server.end().0.code(), Some(0));
}

#[test]
fn a_request_longer_than_the_deadline_is_cut() {
    let mut server = service(&["--drain", "150ms"]);
    let mut slow = Client::connect(server.address).expect("it listens");
    slow.send("/work?ms=600000").expect("the server reads");
    under_way(&mut Client::connect(server.address).expect("it listens"), 1);
    server.signal("-TERM");
    assert!(server.error_line().contains("at most 150ms"));
    assert!(!matches!(slow.receive(), Ok(Some(_))), "there is no answer");
    let (status, rest) = server.end();
    assert_eq!(status.code(), Some(1));
    assert_eq!(rest, "the deadline has come: cut 1 connections, 1 requests unanswered\n");
}

#[test]
fn a_second_signal_does_not_wait() {
    let mut server = service(&["--drain", "1440min"]);
    let mut slow = Client::connect(server.address).expect("it listens");
    slow.send("/work?ms=600000").expect("the server reads");
    under_way(&mut Client::connect(server.address).expect("it listens"), 1);
    server.signal("-TERM");
    server.error_line();
    server.signal("-INT");
    let (status, rest) = server.end();
    assert_eq!(status.code(), Some(1));
    assert_eq!(rest, "ctrl-c: cut 1 connections, 1 requests unanswered\n");
}

#[test]
fn a_client_that_says_nothing_is_let_go() {
    let server = service(&["--head", "50ms"]);
    let mut silent = Client::connect(server.address).expect("it listens");
    let mut slow = Client::connect(server.address).expect("it listens");
    slow.0.get_mut().write_all(b"GET / HTTP/1.1\r\nhost: loc").expect("the kernel takes it");
    assert!(!matches!(silent.receive(), Ok(Some((200, ..)))), "it has asked nothing");
    assert!(!matches!(slow.receive(), Ok(Some((200, ..)))), "it has asked half of something");
    server.interrupt();
}

#[test]
fn a_client_that_goes_takes_its_request_along() {
    let server = service(&[]);
    let mut observer = Client::connect(server.address).expect("it listens");
    let mut gone = Client::connect(server.address).expect("it listens");
    gone.send("/work?ms=600000").expect("the server reads");
    under_way(&mut observer, 1);
    drop(gone);
    under_way(&mut observer, 0);
    // Nothing is left to be drained, or it would take ten minutes.
    server.interrupt();
}

/// A client that asks again and again on one connection until the server ends it: how many answers it got, all of them whole. It
/// counts them, and itself when it has got the first.
fn until_the_end(address: SocketAddr, answered: &AtomicUsize, begun: &AtomicUsize) -> usize {
    let mut client = Client::connect(address).expect("it listens");
    let mut answers = 0;
    loop {
        // The server may close between an answer and the next request. It may not close in the middle of an answer.
        if client.send("/work?ms=1").is_err() {
            return answers;
        }
        match client.0.fill_buf() {
            Ok([]) => return answers,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return answers,
            other => assert!(other.is_ok(), "{other:?}"),
        }
        // From its first byte on an answer is owed whole.
        let (status, body, closes) = client.receive().expect("a whole answer").expect("a whole answer");
        assert_eq!((status, body.as_str()), (200, "worked for 1 ms\n"));
        answers += 1;
        answered.fetch_add(1, Ordering::Relaxed);
        if answers == 1 {
            begun.fetch_add(1, Ordering::Relaxed);
        }
        if closes {
            assert!(client.receive().expect("an end in order").is_none());
            return answers;
        }
    }
}

#[test]
fn it_stops_under_load_without_half_an_answer() {
    let server = service(&["--drain", "60s"]);
    let address = server.address;
    let (answered, begun) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        let clients: Vec<_> = (0..8).map(|_| scope.spawn(|| until_the_end(address, &answered, &begun))).collect();
        // Before the signal none is through, unless it fails.
        let fails = || clients.iter().any(thread::ScopedJoinHandle::is_finished);
        while (answered.load(Ordering::Relaxed) < 400 || begun.load(Ordering::Relaxed) < 8) && !fails() {
            thread::yield_now();
        }
        server.signal("-TERM");
        for client in clients {
            assert!(client.join().expect("whole answers") > 0);
        }
    });
    let (status, rest) = server.end();
    assert_eq!(status.code(), Some(0), "{rest}");
    assert!(rest.ends_with("drained\n"), "{rest}");
    say(&format!("8 keep-alive clients: {} answers, each whole, until SIGTERM", answered.into_inner()));
}

#[test]
fn it_stops_under_wrk() {
    if !installed("wrk") {
        return;
    }
    let server = service(&["--drain", "60s"]);
    let wrk = Command::new("wrk")
        .args(["-t", "1", "-c", "32", "-d", "2s", &server.url("/healthz")])
        .stdout(Stdio::piped())
        .spawn()
        .expect("wrk starts");
    let mut client = Client::connect(server.address).expect("it listens");
    while stats(&mut client)["requests_answered"].as_u64() < Some(2000) {
        thread::yield_now();
    }
    server.signal("-TERM");
    let (status, rest) = server.end();
    assert_eq!(status.code(), Some(0), "{rest}");
    let report = wrk.wait_with_output().expect("wrk ends").stdout;
    let report = String::from_utf8_lossy(&report);
    let requests = report.lines().find(|line| line.contains(" requests in ")).unwrap_or_default().trim();
    assert!(!report.contains("Non-2xx") && !requests.is_empty(), "{report}");
    say(&format!("wrk, its server gone in the middle: {requests}"));
}

#[test]
fn it_comes_back_from_having_no_descriptors_left() {
    let limited = format!("ulimit -n 40; exec {SERVICE} --listen 127.0.0.1:0 --processors 2");
    let mut server = Server::start(Command::new("sh").args(["-c", &limited]));
    // More than it has descriptors for. The kernel takes them all, and keeps what the service does not accept.
    let mut clients: Vec<_> = (0..60).map(|_| Client::connect(server.address).expect("the kernel accepts")).collect();
    let line = server.error_line();
    assert!(line.starts_with("accept: ") && line.contains("os error 24"), "{line}");
    // Those inside are served meanwhile.
    assert_eq!(clients[0].get("/healthz"), (200, "ok\n".into()));
    // And when they go the others get in: the last few, who all have room at once.
    let mut late = clients.split_off(56);
    drop(clients);
    for client in &mut late {
        assert_eq!(client.get("/healthz"), (200, "ok\n".into()));
    }
    drop(late);
    server.signal("-TERM");
    let (status, rest) = server.end();
    assert_eq!(status.code(), Some(0), "{rest}");
}

#[test]
fn nonsense_is_refused() {
    let taken = service(&[]);
    let address = taken.address.to_string();
    for (wrong, said) in [
        (&["--listen", "nowhere"][..], "invalid value 'nowhere' for '--listen <ADDRESS>'"),
        (&["--drain", "10"], "right would be 250ms, 10s or 2min"),
        (&["--processors", "0"], "0 is not in 1..=256"),
        (&["--drian", "1s"], "'--drain'"),
        (&["--listen", &address], "cannot listen on 127.0.0.1:"),
    ] {
        let output = run(SERVICE, wrong);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(said), "{error}");
    }
}
