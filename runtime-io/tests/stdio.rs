//! The process's own streams, each test in a child process of its own: this program runs itself.
#![cfg(unix)]

use gumption_core::runtime::Runtime;
use gumption_io::Netpoller;
use gumption_io::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, stderr, stdin, stdout};
use std::io::{BufRead, BufReader as StdBufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const ROLE: &str = "GUMPTION_STDIO_ROLE";
/// Around what a child says: the test runner writes to the same stream.
const BEGIN: &str = "\n<<<begin\n";
const END: &str = "\n>>>end\n";

fn runtime() -> Runtime<Netpoller> {
    Runtime::new().expect("the system has threads")
}

fn child(role: &str) -> Child {
    Command::new(std::env::current_exe().expect("the test program"))
        .args(["--exact", "as_a_child", "--nocapture"])
        .env(ROLE, role)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("this program runs")
}

/// What the child said between the marks.
fn said(text: &str) -> &str {
    let begin = text.find(BEGIN).unwrap_or_else(|| panic!("no begin in {text:?}")) + BEGIN.len();
    let end = text.rfind(END).unwrap_or_else(|| panic!("no end in {text:?}"));
    &text[begin..end]
}

/// Not a test of its own: what the children do.
#[test]
fn as_a_child() {
    let Ok(role) = std::env::var(ROLE) else { return };
    match role.as_str() {
        "upper" => runtime().block_on(async {
            let mut out = stdout();
            out.write_all(BEGIN.as_bytes()).await.unwrap();
            let mut lines = BufReader::new(stdin()).lines();
            while let Some(line) = lines.next_line().await.unwrap() {
                out.write_all(line.to_uppercase().as_bytes()).await.unwrap();
                out.write_all(b"\n").await.unwrap();
                out.flush().await.unwrap();
            }
            out.write_all(END.as_bytes()).await.unwrap();
            out.flush().await.unwrap();
        }),
        "large" => runtime().block_on(async {
            for mut out in [Box::new(stdout()) as Box<dyn gumption_io::io::AsyncWrite + Unpin>, Box::new(stderr())] {
                out.write_all(BEGIN.as_bytes()).await.unwrap();
                out.write_all(&vec![b'x'; 5 << 20]).await.unwrap();
                out.write_all(END.as_bytes()).await.unwrap();
                out.flush().await.unwrap();
            }
        }),
        // Each runtime ends right after its line was accepted.
        "short" => {
            std::io::stdout().write_all(BEGIN.as_bytes()).unwrap();
            for i in 0..100 {
                let runtime = runtime();
                runtime.block_on(async { stdout().write_all(format!("{i}\n").as_bytes()).await.unwrap() });
                match i % 2 {
                    0 => drop(runtime),
                    _ => runtime.shutdown_timeout(Duration::from_secs(3600)),
                }
            }
            std::io::stdout().write_all(END.as_bytes()).unwrap();
        }
        // A read under way that no input ever ends.
        "background" | "timeout" => {
            let runtime = runtime();
            runtime.block_on(async {
                let mut input = stdin();
                let mut byte = [0];
                let mut read = std::pin::pin!(input.read(&mut byte));
                assert!(std::future::poll_fn(|cx| std::task::Poll::Ready(read.as_mut().poll(cx))).await.is_pending());
                // Until a thread of the pool is in it.
                while gumption_core::runtime::Handle::current().stats().totals.blocking_pool.running == 0 {
                    gumption_core::yield_now().await;
                }
            });
            match role.as_str() {
                "background" => runtime.shutdown_background(),
                _ => runtime.shutdown_timeout(Duration::from_millis(1)),
            }
            println!("{BEGIN}over{END}");
        }
        other => panic!("no such role: {other}"),
    }
}

#[test]
fn lines_go_in_and_come_out() {
    let mut child = child("upper");
    let mut input = child.stdin.take().unwrap();
    let mut output = StdBufReader::new(child.stdout.take().unwrap());
    let mut text = String::new();
    // One after the other, each answered before the next is written.
    for word in ["one", "two"] {
        writeln!(input, "{word}").unwrap();
        while !text.ends_with(&format!("{}\n", word.to_uppercase())) {
            assert_ne!(output.read_line(&mut text).unwrap(), 0, "{text:?}");
        }
    }
    drop(input);
    output.read_to_string(&mut text).unwrap();
    assert_eq!(said(&text), "ONE\nTWO\n");
    assert!(child.wait().unwrap().success());
}

#[test]
fn more_than_a_pipe_holds_comes_out_of_both() {
    let mut child = child("large");
    let mut error = child.stderr.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        error.read_to_string(&mut text).map(|_| text)
    });
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    let expected = "x".repeat(5 << 20);
    assert!(said(&text) == expected, "{} bytes", text.len());
    assert!(said(&reader.join().unwrap().unwrap()) == expected);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_line_that_was_accepted_comes_out_though_the_runtime_ended() {
    let output = child("short").wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<usize> = said(&text).lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(lines, (0..100).collect::<Vec<_>>());
}

#[test]
fn a_read_that_never_ends_does_not_keep_the_process() {
    for role in ["background", "timeout"] {
        let mut child = child(role);
        // Held open: the child's read has no end to see.
        let input = child.stdin.take().unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert_eq!(said(&String::from_utf8(output.stdout).unwrap()), "over");
        drop(input);
    }
}
