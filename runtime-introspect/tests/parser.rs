//! Bytes that are thrown at the debug server: whatever they are, they get an answer or a wish for more, and do no harm.
//!
//! The whole way from bytes to an answer is walked without sockets ([`Deaf`]), so that there can be thousands of cases: random
//! bytes, bytes that are nearly a request, requests that were damaged, and a corpus of what has broken other servers.

use std::sync::LazyLock;

use gumption_core::runtime::{Builder, Runtime};
use gumption_introspect::serve::internals::{Deaf, Read, Response, decoded, read};
use gumption_introspect::serve::{ENDPOINTS, Limits};
use proptest::prelude::*;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder: Builder = Builder::new_multi_thread();
    builder.processors(1).build().expect("a runtime starts")
});

/// A server that is never too busy. With a token the first half of the way is walked only.
fn deaf(token: Option<&str>) -> Deaf {
    let mut limits = Limits::default();
    limits.requests_per_second = u32::MAX;
    limits.burst = u32::MAX;
    // Who asks for long windows is refused, so that no case lasts.
    limits.longest_window = std::time::Duration::from_millis(1);
    Deaf::new(limits, token, vec![RUNTIME.handle().clone()])
}

static OPEN: LazyLock<Deaf> = LazyLock::new(|| deaf(None));
static LOCKED: LazyLock<Deaf> = LazyLock::new(|| deaf(Some("t0ken")));

/// What must hold of any answer.
fn check(bytes: &[u8], response: &Response) {
    let (status, _) = response.status.line();
    let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]);
    assert_ne!(status, 500, "an answer panicked on {shown:?}: {}", String::from_utf8_lossy(&response.body));
    assert!([200, 400, 401, 403, 404, 405, 413, 431, 501, 503].contains(&status), "{status} to {shown:?}");
    let head = String::from_utf8(response.head(true)).expect("a head is text");
    assert!(head.starts_with("HTTP/1.1 ") && head.ends_with("\r\n\r\n"));
    assert_eq!(head.matches("\r\n\r\n").count(), 1, "nothing of the request gets into the head: {head:?}");
    assert_eq!(head.matches('\n').count(), head.matches("\r\n").count());
    if status != 200 {
        let text = std::str::from_utf8(&response.body).expect("a refusal is text");
        assert!(text.ends_with('\n') && text.len() > 10, "{text:?}");
    }
}

fn throw(bytes: &[u8]) {
    for server in [&*OPEN, &*LOCKED] {
        if let Some(response) = server.answer(bytes) {
            check(bytes, &response);
        }
    }
}

/// A line that is nearly a request.
fn nearly() -> impl Strategy<Value = Vec<u8>> {
    let method = prop_oneof![
        4 => Just("GET".to_owned()), 1 => Just("HEAD".to_owned()), 1 => Just("POST".to_owned()), 1 => "[A-Z]{0,8}",
    ];
    let known: Vec<String> = ENDPOINTS.iter().map(|endpoint| endpoint.path.to_owned()).collect();
    let path = prop_oneof![4 => proptest::sample::select(known), 1 => "/[ -~]{0,40}", 1 => "\\PC{0,40}"];
    let names: Vec<String> = ENDPOINTS
        .iter()
        .flat_map(|endpoint| endpoint.parameters)
        .map(|parameter| parameter.name.to_owned())
        .chain(["token".to_owned(), "runtime".to_owned()])
        .collect();
    let value = prop_oneof!["[0-9]{1,20}", "[a-z:._%+-]{0,20}", "\\PC{0,20}", Just("t0ken".to_owned())];
    let pair = (prop_oneof![4 => proptest::sample::select(names), 1 => "[ -~]{0,10}"], value);
    let query = proptest::collection::vec(pair, 0..6).prop_map(|pairs| {
        let pairs: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("&")
    });
    let header = prop_oneof![
        Just("Host: localhost".to_owned()),
        Just("Authorization: Bearer t0ken".to_owned()),
        Just("Connection: close".to_owned()),
        "(Host|Connection|Content-Length|Transfer-Encoding|Authorization|Expect|Accept): [ -~]{0,20}",
        "[A-Za-z-]{1,10}: ?[ -~]{0,30}",
        "\\PC{0,30}",
    ];
    let headers = proptest::collection::vec(header, 0..6);
    let version = prop_oneof![6 => Just("HTTP/1.1"), 1 => Just("HTTP/1.0"), 1 => Just("HTTP/2.0"), 1 => Just("")];
    (method, path, query, version, headers).prop_map(|(method, path, query, version, headers)| {
        let mut text = format!("{method} {path}?{query} {version}\r\nHost: localhost\r\n");
        for header in headers {
            text.push_str(&header);
            text.push_str("\r\n");
        }
        text.push_str("\r\n");
        text.into_bytes()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn random_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        throw(&bytes);
    }

    #[test]
    fn what_is_nearly_a_request_does_no_harm(bytes in nearly()) {
        throw(&bytes);
    }

    #[test]
    fn a_damaged_request_does_no_harm(
        bytes in nearly(),
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = bytes;
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        throw(&bytes);
    }

    #[test]
    fn a_request_is_the_same_however_it_is_cut(bytes in nearly(), cut in any::<proptest::sample::Index>()) {
        let limits = Limits::default();
        let whole = read(&bytes, &limits);
        let part = &bytes[..cut.index(bytes.len())];
        match (read(part, &limits), whole) {
            (Ok(Read::Partial), _) => {}
            // What is wrong from the beginning stays wrong.
            (Err(early), Err(late)) => prop_assert_eq!(early.status, late.status),
            (Err(early), Ok(_)) => prop_assert!(false, "refused half of it: {}", early.what),
            (Ok(Read::Whole(early, length)), Ok(Read::Whole(late, again))) => {
                prop_assert_eq!((early.path, early.host, length), (late.path, late.host, again));
            }
            (Ok(Read::Whole(..)), late) => prop_assert!(false, "understood half of it only: {late:?}"),
        }
    }

    #[test]
    fn decoding_is_total_and_undoes_encoding(text in "\\PC{0,40}") {
        let encoded: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let back = decoded(&encoded);
        prop_assert_eq!(back.as_deref(), Some(text.as_str()));
        // Whatever it is: an answer.
        let _any = decoded(&text);
    }
}

/// Requests that have broken servers, and what is answered: 0 for a wish for more.
#[test]
fn the_corpus_gets_the_answers_that_it_should() {
    let get = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes();
    let with = |header: &str| format!("GET / HTTP/1.1\r\nHost: localhost\r\n{header}\r\n\r\n").into_bytes();
    let corpus: Vec<(Vec<u8>, u16)> = vec![
        (b"".to_vec(), 0),
        (b"\r\n\r\n".to_vec(), 0),
        (b"\0\0\0\0".to_vec(), 400),
        (b"GET".to_vec(), 0),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n".to_vec(), 0),
        (b"GET / HTTP/1.1\nHost: localhost\n\n".to_vec(), 200),
        (b"GET /\r\n\r\n".to_vec(), 400),
        (b"GET / HTTP/9.9\r\n\r\n".to_vec(), 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(), 400),
        (b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(), 501),
        (b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(), 501),
        (b"GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(), 400),
        (b"GET //evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(), 404),
        (get("/../../etc/passwd"), 404),
        (get("/debug/../debug/sched"), 404),
        (get("/%2e%2e/"), 404),
        (get("/debug/sched#x"), 200),
        (get("/debug/sched?"), 200),
        (get("/debug/sched?&&&"), 200),
        (get("/debug/sched?="), 400),
        (get("/debug/sched?detail=%"), 400),
        (get("/debug/sched?detail=%1"), 400),
        (get("/debug/sched?detail=%ff"), 400),
        (get("/debug/sched?detail=1%00"), 400),
        (get("/debug/sched?detail=1&detail=1"), 400),
        (get("/debug/tasks?limit=-1"), 400),
        (get("/debug/tasks?limit=99999999999999999999999"), 400),
        (get("/debug/tasks?min_age=nan"), 400),
        (get("/debug/tasks?label=%0d%0aX-Injected:%201"), 200),
        (get("/debug/diagnose?seconds=nan"), 400),
        (get("/debug/diagnose?seconds=1e400"), 400),
        (get("/debug/ring?number=18446744073709551616"), 404),
        (with("Content-Length: 0"), 200),
        (with("Content-Length: -1"), 413),
        (with("Content-Length: 1"), 413),
        (with("Content-Length: 0\r\nContent-Length: 5"), 413),
        (with("Transfer-Encoding: chunked"), 413),
        (with("Host: localhost"), 400),
        (with("X: a\0b"), 400),
        (with("X : a"), 400),
        (with(" folded"), 400),
        (with("Authorization"), 400),
        (with("Authorization:"), 200),
        (with("Host\u{e9}: x"), 400),
    ];
    for (bytes, status) in corpus {
        let answered = OPEN.answer(&bytes).map_or(0, |response| {
            check(&bytes, &response);
            response.status.line().0
        });
        assert_eq!(answered, status, "{:?}", String::from_utf8_lossy(&bytes));
        // A byte more or less does no harm, either.
        for cut in 0..bytes.len() {
            throw(&bytes[..cut]);
        }
    }
    let long = get(&format!("/{}", "x".repeat(100_000)));
    assert_eq!(OPEN.answer(&long).map(|response| response.status.line().0), Some(431));
    let endless = [b"GET / HTTP/1.1\r\n".to_vec(), b"X: y\r\n".repeat(100_000)].concat();
    assert_eq!(OPEN.answer(&endless).map(|response| response.status.line().0), Some(431));
}
