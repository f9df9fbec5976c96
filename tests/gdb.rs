//! The gdb script, on this program while it runs and on a core file of it: each task is listed with what it waits for, where it
//! was spawned and what its future is called.
//!
//! The test runs itself as the program to be debugged. Without gdb, or where it may not attach, there is nothing to test, which
//! it says.
#![cfg(target_os = "linux")]

use gumption::runtime::Builder;
use gumption::sync::{Mutex, mpsc};
use gumption::task::{self, LocalSet};
use gumption::time::{Duration, sleep};
use std::future::pending;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;

const CHILD: &str = "GUMPTION_TEST_GDB_CHILD";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/runtime-core/gdb/gumption.py");

async fn forgotten() {
    pending::<()>().await;
}

/// A runtime with tasks of every kind, until somebody closes our standard input.
fn debuggee() {
    // One that is over: its arena is used again, or stands empty.
    drop(Builder::new_multi_thread().worker_threads(1).build().unwrap());
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (hogs, is_hogged) = std::sync::mpsc::channel();
    let lock = Arc::new(Mutex::new(()));
    let (send, mut receive) = mpsc::channel::<u8>(1);
    LocalSet::new().block_on(&runtime, async move {
        let held = lock.clone().lock_owned().await;
        task::Builder::new().name("lost").spawn(forgotten()).unwrap();
        task::spawn(async move { drop(lock.lock().await) });
        task::spawn(async move { receive.recv().await });
        let sleeps = task::spawn(sleep(Duration::from_secs(3600)));
        task::spawn(async move { sleeps.await.unwrap() });
        let listener = gumption::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        task::spawn(async move { listener.accept().await.map(drop) });
        task::spawn_local(async { pending::<()>().await });
        task::spawn(async move {
            hogs.send(()).unwrap();
            loop {
                std::hint::spin_loop();
            }
        });
        is_hogged.recv().unwrap();
        let (mut waiting, mut local) = (0, 0);
        while (waiting, local) != (6, 1) {
            task::yield_now().await;
            (waiting, local) = (0, 0);
            gumption::runtime::Handle::current().for_each_task(|row| waiting += usize::from(row.bits.is_idle()));
            task::local_tasks(|row| local += usize::from(row.bits.is_idle()));
        }
        println!("ready");
        let _end = std::io::stdin().read(&mut [0; 1]);
        drop((held, send));
        std::process::exit(0);
    });
}

/// The program, at the point where it waits for us.
struct Debuggee(Child);

impl Debuggee {
    fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "gdb_lists_the_tasks_of_a_process_and_of_a_core_file", "--nocapture", "--test-threads=1"])
            .env(CHILD, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out: BufReader<ChildStdout> = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        // The test harness has begun the line.
        while !line.trim_end().ends_with("ready") {
            line.clear();
            assert_ne!(out.read_line(&mut line).unwrap(), 0, "the program ended");
        }
        Self(child)
    }
}

impl Drop for Debuggee {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// What gdb says to commands; none if it is not here.
fn gdb(arguments: &[&str]) -> Option<String> {
    let gdb = Command::new("gdb").args(["-nx", "-batch", "-q"]).args(arguments).stdin(Stdio::null()).output().ok()?;
    Some(String::from_utf8_lossy(&[gdb.stdout, gdb.stderr].concat()).into_owned())
}

/// The lines of tasks are those of [`debuggee`]'s.
fn check(said: &str, what: &str) {
    let tasks: Vec<_> = said.lines().filter(|line| line.starts_with("task ")).collect();
    let has = |wanted: &[&str]| {
        let found = tasks.iter().any(|line| wanted.iter().all(|part| line.contains(part)));
        assert!(found, "{what}: no task with {wanted:?} in\n{said}");
    };
    has(&[" 'lost' [unknown, nobody left to wake it", "tests/gdb.rs:", "forgotten"]);
    has(&["[sync.Mutex.Lock 0x", "tests/gdb.rs:", "debuggee"]);
    has(&["[chan receive 0x", "tests/gdb.rs:"]);
    has(&["[sleep", "tests/gdb.rs:", "Sleep"]);
    has(&["[join task ", "tests/gdb.rs:"]);
    has(&["[IO accept fd ", "tests/gdb.rs:"]);
    has(&["[running on P", "tests/gdb.rs:"]);
    has(&[" (local) [unknown, nobody left to wake it", "tests/gdb.rs:"]);
    has(&[" (block_on) [woken, or being polled", "tests/gdb.rs:", "debuggee"]);
    assert!(said.contains("8 tasks, 1 in block_on"), "{what}: {said}");
    assert_eq!(tasks.len(), 10, "eight, the future of `block_on`, and one that was asked for: {said}");
    let processors = said.lines().filter(|line| line.starts_with("  P")).collect::<Vec<_>>();
    assert!(processors.len() >= 2, "{what}: {said}");
    assert!(processors.iter().any(|line| line.contains("running by M") && line.contains(", task ")), "{what}: {said}");
}

#[test]
fn gdb_lists_the_tasks_of_a_process_and_of_a_core_file() {
    if std::env::var_os(CHILD).is_some() {
        return debuggee();
    }
    let Some(version) = gdb(&["-ex", "python print(1)"]).filter(|said| said.trim() == "1") else {
        return eprintln!("there is no gdb with Python here: nothing is tested");
    };
    drop(version);
    let program = Debuggee::start();
    let (pid, source) = (program.0.id().to_string(), format!("source {SCRIPT}"));
    let core = std::env::temp_dir().join(format!("gumption-gdb-test-{pid}.core"));
    let dump = format!("generate-core-file {}", core.display());
    let look = ["-ex", &*source, "-ex", "info tasks", "-ex", "info processors", "-ex", "info tasks chan receive"];
    let live = gdb(&[&["-p", &*pid], &look[..], &["-ex", &*dump]].concat()).unwrap();
    if live.contains("ptrace: Operation not permitted") {
        return eprintln!("gdb may not attach to processes here: nothing is tested");
    }
    check(&live, "live");
    drop(program);
    let exe = std::env::current_exe().unwrap();
    let dead = gdb(&[&[exe.to_str().unwrap(), core.to_str().unwrap()], &look[..]].concat());
    std::fs::remove_file(&core).unwrap();
    check(&dead.unwrap(), "core file");
    let other = gdb(&["/bin/true", "-ex", &*source, "-ex", "info tasks"]).unwrap();
    assert!(other.contains("no symbol GUMPTION_DEBUG_LAYOUT"), "{other}");
}

/// The script is in the program, for a gdb that is allowed to load it.
#[test]
fn gdb_finds_the_script_in_the_program() {
    let exe = std::env::current_exe().unwrap();
    let trust = ["-iex", "set auto-load safe-path /"];
    let Some(said) = gdb(&[&trust[..], &[exe.to_str().unwrap(), "-ex", "info tasks"]].concat()) else {
        return eprintln!("there is no gdb here: nothing is tested");
    };
    assert!(said.contains("0 tasks"), "{said}");
}
