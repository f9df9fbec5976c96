//! One measurement: a process of its own, and the parent's side of it.
//!
//! The child starts the peer, warms up with a tenth of the operations, measures once, and prints its rows' values as one
//! line of JSON. The parent owns the child: it reads that line on a thread, kills the child when the limit is over,
//! and always reaps it. A child that is killed, crashes or prints anything else is a failed measurement with a reason.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use gumption_benches::catalogue::Bench;
use gumption_benches::{peers, watching};

use crate::bench_called;

/// Operations of the warm-up, as a share of the measured ones.
const WARM_UP: u64 = 10;

/// One measurement to make.
pub(crate) struct Job {
    pub(crate) exe: PathBuf,
    pub(crate) bench: &'static Bench,
    pub(crate) peer: &'static str,
    pub(crate) workers: usize,
    pub(crate) ops: u64,
    pub(crate) limit: Duration,
    /// What is switched on meanwhile: one of `watching::NAMES`.
    pub(crate) watch: &'static str,
}

impl Job {
    /// Runs the child and returns the values of the bench's rows.
    pub(crate) fn run(&self) -> Result<Vec<f64>, String> {
        // Builds that know nothing of it can be compared with as well.
        let watch: &[&str] = if self.watch == "nothing" { &[] } else { &["--watch", self.watch] };
        let mut child = Command::new(&self.exe)
            .args(watch)
            .args(["--child", self.bench.name, self.peer, &self.workers.to_string(), &self.ops.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot run {}: {error}", self.exe.display()))?;
        let mut stdout = child.stdout.take().expect("it was asked for");
        let (send, line) = channel();
        let reader = thread::spawn(move || {
            let mut text = String::new();
            let outcome = stdout.read_to_string(&mut text).map(|_| text);
            // The parent no longer listens if it has given up on the child.
            let _ = send.send(outcome);
        });
        let text = line.recv_timeout(self.limit);
        if text.is_err() {
            child.kill().map_err(|error| format!("cannot kill a child that hangs: {error}"))?;
        }
        let status = child.wait().map_err(|error| format!("lost a child: {error}"))?;
        reader.join().map_err(|_| "the reader panicked".to_owned())?;
        match text {
            Err(RecvTimeoutError::Timeout) => Err(format!("killed after {} s", self.limit.as_secs())),
            Err(RecvTimeoutError::Disconnected) => Err("the reader panicked".to_owned()),
            Ok(Err(error)) => Err(format!("unreadable output: {error}")),
            Ok(Ok(_)) if !status.success() => Err(format!("the child failed: {status}")),
            Ok(Ok(text)) => self.parse(&text),
        }
    }

    fn parse(&self, text: &str) -> Result<Vec<f64>, String> {
        let values: Vec<f64> = serde_json::from_str(text).map_err(|error| format!("unreadable output: {error}"))?;
        if values.len() == self.bench.rows.len() {
            Ok(values)
        } else {
            Err(format!("{} values for {} rows", values.len(), self.bench.rows.len()))
        }
    }
}

/// The child's side: measures and prints.
pub(crate) fn measure(args: &[String], watch: &str) -> Result<(), String> {
    let [bench, peer, workers, ops] = args else {
        return Err("a child needs BENCH PEER WORKERS OPS".to_owned());
    };
    let bench = bench_called(bench)?;
    let peer = peers::find(peer).ok_or_else(|| format!("no peer is called {peer}"))?;
    let workers = workers.parse().map_err(|error| format!("workers: {error}"))?;
    let ops: u64 = ops.parse().map_err(|error| format!("operations: {error}"))?;
    watching::begin(watch)?;
    let subject = (peer.start)(workers).map_err(|error| format!("cannot start {}: {error}", peer.name))?;
    subject.measure(bench.id, (ops / WARM_UP).max(1));
    let values = bench.values(&subject.measure(bench.id, ops), ops);
    let line = serde_json::to_string(&values).map_err(|error| error.to_string())?;
    println!("{line}");
    Ok(())
}
