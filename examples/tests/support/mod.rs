//! A program of this package as a child process, and real clients beside it.
//!
//! A test asks for port 0 and reads from the child's first line where it listens; a child ends with the test, however
//! that ends. A client that is not installed is told of on standard error and not run: `.ci/run` installs them.
//!
//! Each test program uses a part of this.
#![allow(dead_code)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStderr, Command, ExitStatus, Output, Stdio};

/// A program that serves.
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// What it prints after it has said so.
    pub stdout: BufReader<std::process::ChildStdout>,
    stderr: BufReader<ChildStderr>,
}

impl Server {
    /// Starts `command` and waits until it says where it listens.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut stderr = BufReader::new(child.stderr.take().expect("it is piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("its output is text");
        let Some(address) = line.trim_end().strip_prefix("listening on ") else {
            let mut error = String::new();
            // It has ended, or it ends now.
            let _ = child.kill();
            stderr.read_to_string(&mut error).expect("its output is text");
            panic!("it said {line:?} and {error:?} instead of where it listens");
        };
        let address = address.parse().expect("it says an address");
        Self { child, address, stdout, stderr }
    }

    /// Starts `program` on a free port.
    pub fn listen(program: &str) -> Self {
        Self::start(Command::new(program).args(["--listen", "127.0.0.1:0"]))
    }

    /// The address of `path`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Sends a signal.
    pub fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(status.expect("there is a kill").success());
    }

    /// The next line on standard error; empty at its end.
    pub fn error_line(&mut self) -> String {
        let mut line = String::new();
        self.stderr.read_line(&mut line).expect("its output is text");
        line
    }

    /// Waits for its end; how it ended, and what else it said on standard error.
    pub fn end(mut self) -> (ExitStatus, String) {
        let mut error = String::new();
        self.stderr.read_to_string(&mut error).expect("its output is text");
        (self.child.wait().expect("it is our child"), error)
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("it is our child").is_some()
    }

    /// Interrupts it, as ctrl-c does: it must end in order.
    pub fn interrupt(self) {
        self.signal("-INT");
        let (status, error) = self.end();
        assert_eq!(status.code(), Some(0), "{error}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail if it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Says something past the test harness, which keeps what a passing test prints.
pub fn say(what: &str) {
    let _ = writeln!(std::io::stderr(), "{what}");
}

/// Whether `client` can be started. If not, says so.
pub fn installed(client: &str) -> bool {
    let found = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(client).is_file()));
    if !found {
        say(&format!("{client} is not installed: not run"));
    }
    found
}

/// Runs a client to its end.
pub fn run(client: &str, arguments: &[&str]) -> Output {
    Command::new(client).args(arguments).stdin(Stdio::null()).output().expect("the client starts")
}

/// Runs a client that must succeed; what it printed.
pub fn succeed(client: &str, arguments: &[&str]) -> String {
    let output = run(client, arguments);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{client} {}: {}\n{out}{err}", arguments.join(" "), output.status);
    out.into_owned()
}

/// Runs `program`'s self-check, which must hold, and has `count` lines. An argument that makes no sense must be refused.
pub fn checks_itself(program: &str, count: usize) {
    let output = run(program, &[]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains(&format!("self-check: {count} of {count} hold")), "{text}");
}

/// Arguments that make no sense end with exit code 2 and say what would be right.
pub fn refuses_nonsense(program: &str) {
    for wrong in [&["--lisen"][..], &["--listen"], &["--listen", "nowhere"]] {
        let output = run(program, wrong);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains("--listen 127.0.0.1:8080"), "{text}");
        assert!(wrong.last().is_some_and(|wrong| text.contains(wrong)), "{text}");
    }
}
