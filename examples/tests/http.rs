//! The HTTP programs: their self-checks, then curl, wrk and h2load against them.

mod support;

use std::process::{Command, Stdio};
use support::{Server, checks_itself, installed, refuses_nonsense, run, say, succeed};

const HYPER: &str = env!("CARGO_BIN_EXE_http-hyper");
const AXUM: &str = env!("CARGO_BIN_EXE_http-axum");

#[test]
fn axum_checks_itself() {
    checks_itself(AXUM, 11);
    refuses_nonsense(AXUM);
}

#[test]
fn axum_answers_curl() {
    if !installed("curl") {
        return;
    }
    let server = Server::listen(AXUM);
    let hello = succeed("curl", &["-sS", "--fail", &server.url("/hello/curl")]);
    assert_eq!(hello, "hello curl, you are number 1\n");
    say(&format!("curl to axum: {}", hello.trim_end()));
    let json = ["-H", "content-type: application/json", "-d", "[20, 22]"];
    let sum = succeed("curl", &[&["-sS", "--fail"][..], &json, &[&server.url("/sum")]].concat());
    assert_eq!(sum, "42.0");
    // Said to be JSON by nobody.
    let url = server.url("/sum");
    let code = succeed("curl", &["-sS", "-o", "/dev/null", "-w", "%{http_code}", "-d", "[20, 22]", &url]);
    assert_eq!(code, "415");
    server.interrupt();
}

#[test]
fn hyper_checks_itself() {
    checks_itself(HYPER, 7);
    refuses_nonsense(HYPER);
}

#[test]
fn hyper_answers_curl_over_both_versions() {
    if !installed("curl") {
        return;
    }
    let server = Server::listen(HYPER);
    let file = std::env::temp_dir().join(format!("gumption-echo-{}", std::process::id()));
    let bytes: Vec<u8> = (0..3_000_000u32).map(|i| (i % 253) as u8).collect();
    std::fs::write(&file, &bytes).expect("there is room for a file");
    for (flag, version) in [("--http1.1", "HTTP/1.1"), ("--http2-prior-knowledge", "HTTP/2.0")] {
        let hello = succeed("curl", &["-sS", "--fail", flag, &server.url("/")]);
        assert_eq!(hello, format!("Gumption says hello over {version}\n"));
        say(&format!("curl {flag}: {}", hello.trim_end()));

        let data = format!("@{}", file.display());
        let echo = run("curl", &["-sS", "--fail", flag, "--data-binary", &data, &server.url("/echo")]);
        assert!(echo.status.success(), "{}", String::from_utf8_lossy(&echo.stderr));
        assert!(echo.stdout == bytes, "{version}: {} bytes came back", echo.stdout.len());

        let code = succeed("curl", &["-sS", "-o", "/dev/null", "-w", "%{http_code}", flag, &server.url("/nowhere")]);
        assert_eq!(code, "404");
    }
    std::fs::remove_file(&file).expect("it is ours");
    server.interrupt();
}

#[test]
fn hyper_stands_up_to_wrk() {
    if installed("wrk") {
        under_wrk(&Server::listen(HYPER));
    }
}

#[test]
fn hyper_stands_up_to_h2load() {
    if !installed("h2load") {
        return;
    }
    let server = Server::listen(HYPER);
    // 16 connections, 8 streams at once on each, 4000 requests in all.
    let report = succeed("h2load", &["-n", "4000", "-c", "16", "-m", "8", "-t", "2", &server.url("/")]);
    let line = report.lines().find(|line| line.starts_with("requests:")).unwrap_or_default();
    assert!(line.contains("4000 succeeded, 0 failed, 0 errored, 0 timeout"), "{report}");
    say(&format!("h2load: {line}"));
    server.interrupt();
}

/// A second of wrk: answers, and no error of any kind. That an answer takes long is none.
fn under_wrk(server: &Server) {
    let report = succeed("wrk", &["-t", "2", "-c", "32", "-d", "1s", "--timeout", "60s", &server.url("/")]);
    let requests = report.lines().find(|line| line.contains(" requests in ")).unwrap_or_default().trim();
    assert!(!requests.is_empty() && !requests.starts_with("0 "), "{report}");
    // wrk has these lines only if there is something to tell.
    assert!(!report.contains("Socket errors") && !report.contains("Non-2xx"), "{report}");
    say(&format!("wrk: {requests}"));
}

#[test]
fn an_address_in_use_is_told() {
    let server = Server::listen(HYPER);
    let output = Command::new(HYPER)
        .args(["--listen", &server.address.to_string()])
        .stdin(Stdio::null())
        .output()
        .expect("the program starts");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("AddrInUse"), "{output:?}");
}
