//! SIGQUIT to a process whose every processor is hogged: its tasks are on stderr, and it goes on, or aborts.
//!
//! The process is this test's own program, started again to run one test of it, which outside of that does nothing.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gumption::introspect::Inspect;
use gumption::introspect::dump::Level;
use gumption::introspect::sigquit::{self, After};
use gumption::runtime::Builder;
use gumption::time::{Duration, sleep};

const CHILD: &str = "GUMPTION_TEST_SIGQUIT";
const PROCESSORS: usize = 2;

#[test]
fn the_process() {
    let Ok(after) = std::env::var(CHILD) else { return };
    let after = if after == "abort" { After::Abort } else { After::Continue };
    sigquit::install(after).expect("it can be installed");
    let runtime = Builder::new_multi_thread().processors(PROCESSORS).enable_all().build().expect("it starts");
    let patient = gumption::task::Builder::new().name("patient");
    let patient = patient.spawn_on(async { sleep(Duration::from_secs(86_400)).await }, runtime.handle());
    drop(patient.expect("it can be named"));
    while !runtime.dump(Level::Tasks).tasks.iter().all(|task| task.state.is_waiting()) {
        std::thread::yield_now();
    }
    let stop = Arc::new(AtomicBool::new(false));
    let hogs: Vec<_> = (0..PROCESSORS)
        .map(|_| {
            let stop = stop.clone();
            runtime.spawn(async move {
                // It has stderr to itself, as one that prints has.
                let _stderr = io::stderr().lock();
                println!("hogged");
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            })
        })
        .collect();
    // Any line from outside ends it.
    io::stdin().lock().read_line(&mut String::new()).expect("there is a stdin");
    stop.store(true, Ordering::Relaxed);
    for hog in hogs {
        runtime.block_on(hog).expect("it ends");
    }
    println!("over");
}

/// A process, the lines of its stdout, and its stderr.
struct Process {
    child: Child,
    lines: io::Lines<BufReader<std::process::ChildStdout>>,
    stderr: BufReader<std::process::ChildStderr>,
}

impl Process {
    fn start(after: &str) -> Self {
        let this = std::env::current_exe().expect("it runs");
        let mut child = Command::new(this)
            .args(["--exact", "the_process", "--nocapture"])
            .env(CHILD, after)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        Self { child, lines, stderr }
    }

    fn until_it_says(&mut self, what: &str) {
        let said = self.lines.by_ref().map(|line| line.expect("it is text")).find(|line| line.ends_with(what));
        assert!(said.is_some(), "it never said {what:?}");
    }

    fn quit(&self) {
        // SAFETY: our own child, which has not been waited for.
        let sent = unsafe { libc::kill(self.child.id() as libc::pid_t, libc::SIGQUIT) };
        assert_eq!(sent, 0);
    }

    /// What it writes to stderr until a line begins so, that one included.
    fn told_until(&mut self, beginning: &str) -> String {
        let mut told = String::new();
        loop {
            let before = told.len();
            assert!(self.stderr.read_line(&mut told).expect("it is text") > 0, "it ended: {told}");
            if told[before..].starts_with(beginning) {
                return told;
            }
        }
    }

    fn end(mut self) -> (ExitStatus, String) {
        let mut rest = String::new();
        self.stderr.read_to_string(&mut rest).expect("it is text");
        (self.child.wait().expect("it is our child"), rest)
    }
}

fn is_whole(dump: &str) {
    for part in ["SIGQUIT: ", "\nruntime ", "\"patient\" [sleep, ", " [running", "tests/sigquit.rs:", "\nP0 running"] {
        assert!(dump.contains(part), "{part:?} is not in {dump}");
    }
}

#[test]
fn the_tasks_are_told_while_every_processor_is_hogged_and_the_process_goes_on() {
    let mut process = Process::start("continue");
    // Only one hog at a time has stdout's reader hear of it before it spins: the other waits for stderr, which is a hog, too.
    process.until_it_says("hogged");
    for _ in 0..2 {
        process.quit();
        is_whole(&process.told_until("M1 "));
    }
    let mut stdin = process.child.stdin.take().expect("a pipe");
    stdin.write_all(b"end\n").expect("it reads");
    process.until_it_says("over");
    let (status, _) = process.end();
    assert!(status.success(), "{status}");
}

#[test]
fn the_tasks_are_told_and_the_process_aborts() {
    let mut process = Process::start("abort");
    process.until_it_says("hogged");
    process.quit();
    is_whole(&process.told_until("M1 "));
    let (status, _) = process.end();
    assert_eq!(status.signal(), Some(libc::SIGABRT), "{status}");
}
