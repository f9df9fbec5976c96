//! The verbs that look at another process: at a workload that serves its inside, and at what is none.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gumption"));
    command.args(args).stdin(Stdio::null());
    for name in ["GUMPTION_DEBUG", "GUMPTION_DEBUG_TOKEN", "GUMPTION_DEBUG_RING", "GUMPTION_SIGQUIT"] {
        command.env_remove(name);
    }
    command
}

fn gumption(args: &[&str]) -> Output {
    command(args).output().expect("it starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("it is text")
}

/// The page of a verb that must succeed.
fn page(args: &[&str]) -> String {
    let output = gumption(args);
    assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// The page of a verb, once it has `wished` in it: a program that has just begun may have nothing to show yet.
fn page_with(args: &[&str], wished: &str) -> String {
    let begun = Instant::now();
    loop {
        let page = page(args);
        if page.contains(wished) {
            return page;
        }
        assert!(begun.elapsed() < PATIENCE, "{args:?} without {wished:?}: {page}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The one line of a verb that must fail.
fn refusal(args: &[&str]) -> String {
    let output = gumption(args);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
    assert_eq!(said.lines().count(), 1, "{args:?}: {said}");
    assert!(output.stdout.is_empty(), "{args:?}");
    said
}

/// A workload that runs, and ends with the test.
struct Running(Child, BufReader<ChildStderr>);

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
        let stderr = BufReader::new(child.stderr.take().expect("it is piped"));
        Self(child, stderr)
    }

    /// Where it says that it serves.
    fn address(&mut self) -> String {
        let mut line = String::new();
        self.1.read_line(&mut line).expect("it speaks");
        let address = line.trim().strip_prefix("see http://").and_then(|rest| rest.strip_suffix('/'));
        address.unwrap_or_else(|| panic!("{line:?} is no address")).to_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn a_running_workload_is_looked_at_from_outside() {
    let mut running =
        Running::start(command(&["run", "hog", "--processors", "2", "--seconds", "600", "--serve", "127.0.0.1:0"]));
    let at = running.address();
    let groups = page_with(&["dump", &at], "spawned at");
    assert!(groups.contains("hog.rs"), "{groups}");
    let tasks = page_with(&["dump", &format!("http://{at}/"), "--level", "2", "--limit", "5"], "created ");
    assert!(tasks.contains("task "), "{tasks}");
    page_with(&["dump", &at, "--go", "--level", "2"], "goroutine ");
    assert!(page(&["dump", &at, "--folded"]).lines().all(|line| line.rsplit_once(' ').is_some()));
    page_with(&["dump", &at, "--only", "label=tenant:nobody", "--only", "min-age=1h"], "filtered out");

    // From a file to the process as it is now.
    let before = page(&["dump", &at, "--level", "2", "--json"]);
    let file = std::env::temp_dir().join(format!("gumption-remote-{}.json", std::process::id()));
    std::fs::write(&file, before).expect("there is a place for it");
    let path = file.to_str().expect("it is text");
    let changed = page(&["diff", path, &at, "--requests", "10"]);
    assert!(changed.contains("task"), "{changed}");
    let changed: Value = serde_json::from_str(&page(&["diff", path, &at, "--json"])).expect("it is JSON");
    assert_eq!(changed["by_task"], true, "{changed}");
    assert!(refusal(&["diff", &at, path]).contains("other order"));
    assert!(refusal(&["diff", path, &at, "--requests", "0"]).contains("above 0"));
    std::fs::write(&file, "{}").expect("it was there");
    assert!(refusal(&["diff", path, &at]).contains("dump --level 2 --json"));
    std::fs::remove_file(&file).expect("it was there");

    let doctor: Value =
        serde_json::from_str(&page(&["doctor", &at, "--seconds", "2.4", "--json"])).expect("it is JSON");
    let diagnosis = &doctor["runtimes"][0]["diagnosis"];
    assert!(diagnosis["verdicts"].is_array() && diagnosis["conclusion"].is_string(), "{doctor}");
    assert!(page(&["doctor", &at, "--seconds", "0.2"]).contains("verdict  insufficient-data"));
    assert!(page(&["leaks", &at]).starts_with("runtime "));
    let leaks: Value = serde_json::from_str(&page(&["leaks", &at, "--json", "--runtime", "1"])).expect("it is JSON");
    assert_eq!(leaks["runtimes"][0]["leaks"]["proven"].as_array().map(Vec::len), Some(0), "{leaks}");
    assert!(refusal(&["leaks", &at, "--runtime", "nobody"]).contains("404"));
}

#[test]
fn a_token_is_asked_for_and_given() {
    let mut served = command(&["run", "hog", "--processors", "2", "--seconds", "600", "--serve", "127.0.0.1:0"]);
    served.env("GUMPTION_DEBUG_TOKEN", "s3cret");
    let mut running = Running::start(served);
    let at = running.address();
    let said = refusal(&["dump", &at]);
    assert!(said.contains("401") && said.contains("--token"), "{said}");
    assert!(refusal(&["dump", &at, "--token", "wrong"]).contains("401"));
    page_with(&["dump", &at, "--token", "s3cret"], "spawned at");
    let output = command(&["leaks", &at]).env("GUMPTION_DEBUG_TOKEN", "s3cret").output().expect("it starts");
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn what_is_no_debug_server_is_named() {
    assert!(refusal(&["dump", "https://127.0.0.1:1"]).contains("http://127.0.0.1:6060"));
    assert!(refusal(&["dump", "not an address"]).contains("127.0.0.1:6060"));
    assert!(refusal(&["diff", "nowhere.json!", "127.0.0.1:1"]).contains("neither a file nor an address"));
    assert!(refusal(&["dump", "127.0.0.1:6060", "--only", "color=red"]).contains("label"));
    assert!(refusal(&["dump", "127.0.0.1:6060", "--level", "3"]).contains("1..=2"));
    assert!(refusal(&["doctor", "127.0.0.1:6060", "--seconds", "never"]).contains("0 to 300"));
    assert!(refusal(&["run", "hog", "--serve", "127.0.0.1"]).contains("127.0.0.1:6060"));
    assert!(refusal(&["run", "hog", "--serve", "0.0.0.0:0"]).contains("GUMPTION_DEBUG_TOKEN"));
    // A port where nobody listens.
    let free = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("loopback is free");
    assert!(refusal(&["leaks", &free.to_string()]).contains("cannot be read"));
    // Somebody else.
    let other = TcpListener::bind("127.0.0.1:0").expect("loopback is free");
    let at = other.local_addr().expect("it is bound").to_string();
    let answering = std::thread::spawn(move || {
        let (mut socket, _) = other.accept().expect("a client comes");
        let mut asked = [0; 1024];
        let read = socket.read(&mut asked).expect("it asks");
        assert!(read > 0);
        socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nServer: other\r\n\r\nhi").expect("it listens");
    });
    assert!(refusal(&["leaks", &at]).contains("no debug server of Gumption's"));
    answering.join().expect("it was asked");
}

#[test]
fn the_environment_starts_a_server_without_a_change_of_the_program() {
    // A port that was free a moment ago; another one, if somebody else was faster.
    let begun = Instant::now();
    loop {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("loopback is free");
        let mut asked = command(&["run", "hog", "--processors", "2", "--seconds", "600"]);
        asked.env("GUMPTION_DEBUG", free.port().to_string()).env("GUMPTION_DEBUG_RING", "50ms");
        let mut running = Running::start(asked);
        if listens(&mut running, free) {
            let at = free.to_string();
            page_with(&["dump", &at], "hog.rs");
            // The next program that wants the port is told whose it is not.
            let mut second = command(&["run", "hog", "--processors", "2", "--seconds", "1"]);
            let output = second.env("GUMPTION_DEBUG", &at).output().expect("it starts");
            let said = text(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{said}");
            assert!(said.contains("GUMPTION_DEBUG") && said.contains(&at), "{said}");
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "no port stays free");
    }
}

/// Waits until it listens; false if it has ended.
fn listens(running: &mut Running, at: SocketAddr) -> bool {
    loop {
        if TcpStream::connect(at).is_ok() {
            return true;
        }
        if running.0.try_wait().expect("it is ours").is_some() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn an_environment_that_is_wrong_is_told_what_would_be_right() {
    for (name, value, right) in [
        ("GUMPTION_DEBUG", "yes", "127.0.0.1:6060"),
        ("GUMPTION_DEBUG", "0.0.0.0:0", "GUMPTION_DEBUG_TOKEN"),
        ("GUMPTION_DEBUG_RING", "5s", "GUMPTION_DEBUG=127.0.0.1:6060"),
        ("GUMPTION_SIGQUIT", "die", "off, continue, abort or"),
    ] {
        let output = command(&["run", "hog", "--seconds", "1"]).env(name, value).output().expect("it starts");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{name}={value}: {said}");
        assert!(said.contains(name) && said.contains(right), "{name}={value}: {said}");
    }
}
