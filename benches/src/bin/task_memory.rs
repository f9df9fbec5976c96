//! What a task that waits costs in memory.
//!
//! ```text
//! cargo run --release -p gumption-benches --bin task_memory [--no-default-features --features gumption] -- [--tasks N] [--json]
//! ```
//!
//! For each kind of task a process of its own spawns so many (a million, if not told otherwise), waits until all are idle, and tells by
//! how much its resident memory has grown, for each task. Beside it: what of that is the registry's, records and what
//! observers keep of a task; the rest is the future with its header, and what the future itself has allocated or linked. Without
//! default features the counters are compiled out, and with them what observers keep of each task.
//!
//! It prints and judges nothing: exit code 0 if all was measured, 1 if not, 2 for bad arguments.

use std::future::pending;
use std::process::{Command, ExitCode};
use std::time::Duration;

use clap::{Parser, ValueEnum};
use gumption::runtime::{Builder, Runtime};

/// What a task that waits costs in memory.
#[derive(Parser, Debug)]
#[command(name = "task_memory")]
struct Args {
    /// Tasks of each kind.
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    tasks: u64,

    /// One object in place of the table.
    #[arg(long)]
    json: bool,

    /// Be the process that measures one kind.
    #[arg(long, hide = true)]
    child: Option<Kind>,
}

/// What the tasks do.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    Pending,
    Sleep,
    Receive,
    Kilobyte,
}

impl Kind {
    const fn text(self) -> &'static str {
        match self {
            Self::Pending => "nothing, for ever",
            Self::Sleep => "sleeps for a day",
            Self::Receive => "receives from a channel of its own",
            Self::Kilobyte => "keeps 1024 bytes over an await",
        }
    }

    fn spawn(self) {
        match self {
            Self::Pending => drop(gumption::spawn(pending::<()>())),
            Self::Sleep => drop(gumption::spawn(gumption::time::sleep(Duration::from_secs(86_400)))),
            Self::Receive => {
                let (sender, mut receiver) = gumption::sync::mpsc::channel::<u64>(1);
                // Its sender is never dropped.
                std::mem::forget(sender);
                drop(gumption::spawn(async move { receiver.recv().await }));
            }
            Self::Kilobyte => drop(gumption::spawn(async {
                let kept = [1u8; 1024];
                pending::<()>().await;
                std::hint::black_box(&kept);
            })),
        }
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let outcome = match args.child {
        Some(kind) => measure(kind, args.tasks).map(|measured| println!("{} {}", measured.resident, measured.records)),
        None => table(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("task_memory: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Bytes of all tasks together.
struct Measured {
    resident: u64,
    records: u64,
}

fn measure(kind: Kind, tasks: u64) -> Result<Measured, String> {
    let runtime = Builder::new_multi_thread().enable_all().build().map_err(|error| error.to_string())?;
    // What the first task brings along is not a task's.
    spawn(&runtime, kind, 1);
    let (before, records_before) = (resident()?, runtime.stats().totals.task_memory.records);
    spawn(&runtime, kind, tasks);
    Ok(Measured {
        resident: resident()?.saturating_sub(before),
        records: runtime.stats().totals.task_memory.records - records_before,
    })
}

/// Spawns tasks, and waits until all there are wait.
fn spawn(runtime: &Runtime, kind: Kind, tasks: u64) {
    runtime.block_on(async {
        for _ in 0..tasks {
            kind.spawn();
        }
    });
    let (mut live, mut idle) = (1, 0);
    while idle < live {
        (live, idle) = (0, 0);
        runtime.handle().for_each_task(|row| {
            live += 1;
            idle += u64::from(row.bits.is_idle());
        });
    }
}

/// Bytes of this process that are in memory.
fn resident() -> Result<u64, String> {
    let status = std::fs::read_to_string("/proc/self/status").map_err(|error| error.to_string())?;
    let kilobytes =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok());
    kilobytes.map(|kilobytes: u64| kilobytes * 1024).ok_or_else(|| "/proc/self/status has no VmRSS".to_owned())
}

fn table(args: &Args) -> Result<(), String> {
    let exe = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut rows = Vec::new();
    for kind in Kind::value_variants() {
        let name = kind.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
        let child = Command::new(&exe)
            .args(["--tasks", &args.tasks.to_string(), "--child", &name])
            .output()
            .map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&child.stdout);
        let mut values = text.split_ascii_whitespace().map(|value| value.parse::<u64>());
        let (Some(Ok(resident)), Some(Ok(records)), true) = (values.next(), values.next(), child.status.success())
        else {
            return Err(format!("{name}: {} {}", child.status, String::from_utf8_lossy(&child.stderr).trim()));
        };
        rows.push((name, kind.text(), resident as f64 / args.tasks as f64, records as f64 / args.tasks as f64));
    }
    let observed = cfg!(feature = "stats");
    if args.json {
        let rows: Vec<_> = (rows.iter())
            .map(
                |(name, _, resident, records)| serde_json::json!({"task": name, "bytes": resident, "records": records}),
            )
            .collect();
        println!("{}", serde_json::json!({"tasks": args.tasks, "counters": observed, "rows": rows}));
        return Ok(());
    }
    println!(
        "{} tasks of a kind, counters compiled {}; bytes for each",
        args.tasks,
        if observed { "in" } else { "out" }
    );
    println!("{:<36} {:>10} {:>16}", "what it does", "resident", "of it records");
    for (_, text, resident, records) in rows {
        println!("{text:<36} {resident:>10.0} {records:>16.1}");
    }
    Ok(())
}
