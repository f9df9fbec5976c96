//! SIGQUIT to a process whose every processor is hogged: its tasks are on stderr, and it goes on, or aborts.
//!
//! The process is this test's own program, started again to run one test of it, which outside of that does nothing.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Instant;

use gumption::introspect::Inspect;
use gumption::introspect::dump::Level;
use gumption::introspect::sigquit::{self, After};
use gumption::runtime::Builder;
use gumption::time::{Duration, sleep};

const CHILD: &str = "GUMPTION_TEST_SIGQUIT";
const PROCESSORS: usize = 2;
/// For all that is waited for, however busy the machine.
const LIMIT: Duration = Duration::from_secs(120);

#[test]
fn the_process() {
    let Ok(after) = std::env::var(CHILD) else { return };
    let after = if after == "abort" { After::Abort } else { After::Continue };
    sigquit::install(after).expect("it can be installed");
    let runtime = Builder::new_multi_thread().processors(PROCESSORS).enable_all().build().expect("it starts");
    let patient = gumption::task::Builder::new().name("patient");
    let patient = patient.spawn_on(async { sleep(Duration::from_secs(86_400)).await }, runtime.handle());
    drop(patient.expect("it can be named"));
    let handle = runtime.handle().clone();
    let keeper = thread::Builder::new().name("keeper".into());
    let keeper = keeper.spawn(move || handle.block_on(async { sleep(Duration::from_secs(86_400)).await }));
    drop(keeper.expect("a thread"));
    let waits = || {
        let dump = runtime.dump(Level::Tasks);
        dump.mains.len() == 1 && dump.tasks.iter().chain(&dump.mains).all(|task| task.state.is_waiting())
    };
    while !waits() {
        thread::yield_now();
    }
    let stop = Arc::new(AtomicBool::new(false));
    let (begun, held) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let hogs: Vec<_> = (0..PROCESSORS)
        .map(|_| {
            let (stop, begun, held) = (stop.clone(), begun.clone(), held.clone());
            runtime.spawn(async move {
                begun.fetch_add(1, Ordering::Relaxed);
                // One of them has stderr to itself, as one that prints has; the other waits for it and is a hog, too.
                let _stderr = io::stderr().lock();
                held.store(true, Ordering::Relaxed);
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            })
        })
        .collect();
    // Not said by a hog: when the first one runs, the second may not have been spawned.
    while begun.load(Ordering::Relaxed) < PROCESSORS || !held.load(Ordering::Relaxed) {
        thread::yield_now();
    }
    println!("hogged");
    // Any line from outside ends it.
    io::stdin().lock().read_line(&mut String::new()).expect("there is a stdin");
    stop.store(true, Ordering::Relaxed);
    for hog in hogs {
        runtime.block_on(hog).expect("it ends");
    }
    println!("over");
}

/// A process that is killed if it is not waited for, and the lines of its stdout and its stderr.
struct Process {
    child: Child,
    stdout: Lines,
    stderr: Lines,
}

/// The lines of a pipe, as a thread of its own reads them.
struct Lines {
    name: &'static str,
    lines: Receiver<String>,
}

impl Lines {
    fn of(name: &'static str, pipe: impl Read + Send + 'static) -> Self {
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(pipe).lines() {
                if sender.send(line.expect("it is text")).is_err() {
                    return;
                }
            }
        });
        Self { name, lines }
    }

    /// What comes until `it_is` so of the line before and of the line; that one included.
    fn until(&self, what: &str, it_is: impl Fn(&str, &str) -> bool) -> String {
        let (deadline, mut told, mut last) = (Instant::now() + LIMIT, String::new(), String::new());
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    told += &line;
                    told.push('\n');
                    if it_is(&last, &line) {
                        return told;
                    }
                    last = line;
                }
                Err(RecvTimeoutError::Timeout) => {
                    panic!("{}: {what} did not come in {LIMIT:?}, but: {told}", self.name)
                }
                Err(RecvTimeoutError::Disconnected) => panic!("{}: it ended without {what}: {told}", self.name),
            }
        }
    }
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
        let stdout = Lines::of("stdout", child.stdout.take().expect("a pipe"));
        let stderr = Lines::of("stderr", child.stderr.take().expect("a pipe"));
        Self { child, stdout, stderr }
    }

    fn until_it_says(&self, what: &str) {
        self.stdout.until(what, |_, line| line.ends_with(what));
    }

    fn quit(&self) {
        // SAFETY: our own child, which has not been waited for.
        let sent = unsafe { libc::kill(self.child.id() as libc::pid_t, libc::SIGQUIT) };
        assert_eq!(sent, 0);
    }

    /// A dump, whose last lines are the machines', and an empty one.
    fn dump(&self) -> String {
        self.stderr.until("the end of a dump", |last, line| last.starts_with('M') && line.is_empty())
    }

    fn end(&mut self) -> ExitStatus {
        let deadline = Instant::now() + LIMIT;
        loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                return status;
            }
            assert!(Instant::now() < deadline, "it did not end in {LIMIT:?}");
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended, or a test failed and is in no need of it.
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

fn is_whole(dump: &str) {
    let parts = ["SIGQUIT: ", "\nruntime ", "\"patient\" [sleep, ", " [running", "tests/sigquit.rs:"];
    for part in parts.iter().chain(&["\nP0 running", "\nP1 running", "] (block_on) on thread \"keeper\" tid "]) {
        assert!(dump.contains(part), "{part:?} is not in {dump}");
    }
}

#[test]
fn the_tasks_are_told_while_every_processor_is_hogged_and_the_process_goes_on() {
    let mut process = Process::start("continue");
    process.until_it_says("hogged");
    for _ in 0..2 {
        process.quit();
        is_whole(&process.dump());
    }
    let mut stdin = process.child.stdin.take().expect("a pipe");
    stdin.write_all(b"end\n").expect("it reads");
    process.until_it_says("over");
    let status = process.end();
    assert!(status.success(), "{status}");
}

#[test]
fn the_tasks_are_told_and_the_process_aborts() {
    let mut process = Process::start("abort");
    process.until_it_says("hogged");
    process.quit();
    is_whole(&process.dump());
    let status = process.end();
    assert_eq!(status.signal(), Some(libc::SIGABRT), "{status}");
}
