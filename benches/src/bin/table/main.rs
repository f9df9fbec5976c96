//! The table: every bench on every peer, in one run.
//!
//! ```text
//! cargo run --release -p gumption-benches --bin table -- [--quick] [--only NAME]... [--rounds N] [--json]
//! ```
//!
//! A round runs each bench once on each peer, one after the other, and the rounds repeat: whatever the machine does
//! meanwhile, it does to all peers alike. Each measurement is a fresh process ([`child`]), so that no peer inherits
//! another's heap, threads or warmed-up kernel; each peer's turn moves round from round to round. The parent sleeps
//! while a child runs, kills it when it takes too long, and reports it as failed rather than hang.
//!
//! With `--against EXE` it compares two builds of itself instead, on Gumption alone, in pairs ([`observer`]): that is how
//! `observer-cost.sh` finds what the counters cost.
//!
//! With `--watching` it compares Gumption with itself while its profiles are on ([`watched`]).
//!
//! Exit codes: 0 all was measured (a missed target is a result, not an error), 1 a measurement failed, 2 bad arguments.

mod child;
mod observer;
mod report;
mod watched;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use gumption_benches::catalogue::{self, BENCHES, Bench};
use gumption_benches::peers::{self, PEERS};
use gumption_benches::subject::Contender;

use crate::child::Job;
use crate::report::Results;

/// Benches of Gumption beside tokio and async-executor, interleaved in one run.
#[derive(Parser, Debug)]
#[command(name = "table")]
struct Args {
    /// Few operations and three rounds: a look, not a measurement.
    #[arg(long)]
    quick: bool,

    /// Only benches whose name contains this; may be given several times.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,

    /// Only this peer; may be given several times.
    #[arg(long, value_name = "PEER")]
    peer: Vec<String>,

    /// Rounds: 5, with --quick 3, with --against 15, with --watching 7.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: Option<u32>,

    /// Workers of each runtime; as many as there are cores if not given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    workers: Option<u16>,

    /// Seconds after which one measurement is killed and reported as failed.
    #[arg(long, value_name = "S", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,

    /// Print one JSON object instead of the table.
    #[arg(long)]
    json: bool,

    /// List the benches, and what one operation of each is.
    #[arg(long)]
    list: bool,

    /// Compare this build's Gumption with the one in another build of this program.
    #[arg(long, value_name = "EXE")]
    against: Option<PathBuf>,

    /// Compare Gumption with nothing switched on to Gumption with its profiles on; with --against also to a build without
    /// counters.
    #[arg(long)]
    watching: bool,

    /// What is switched on in the process that measures.
    #[arg(long, hide = true, default_value = "nothing")]
    watch: String,

    /// Be the process that measures one bench on one peer: BENCH PEER WORKERS OPS.
    #[arg(long, hide = true, num_args = 4)]
    child: Option<Vec<String>>,
}

impl Args {
    fn rounds(&self) -> u32 {
        self.rounds.unwrap_or(match (&self.against, self.quick) {
            (Some(_), _) => 15,
            (None, true) => 3,
            (None, false) => 5,
        })
    }

    fn workers(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(4, usize::from);
        self.workers.map_or_else(cores, usize::from)
    }

    fn ops(&self, bench: &Bench) -> u64 {
        if self.quick { bench.few } else { bench.ops }
    }

    fn benches(&self) -> Result<Vec<&'static Bench>, String> {
        if let Some(name) = self.only.iter().find(|name| !BENCHES.iter().any(|bench| bench.name.contains(*name))) {
            let names: Vec<_> = BENCHES.iter().map(|bench| bench.name).collect();
            return Err(format!("no bench is called {name}; there are {}", names.join(", ")));
        }
        let wanted = |bench: &&Bench| self.only.is_empty() || self.only.iter().any(|name| bench.name.contains(name));
        Ok(BENCHES.iter().filter(wanted).collect())
    }

    fn peers(&self) -> Result<Vec<&'static Contender>, String> {
        if let Some(name) = self.peer.iter().find(|name| peers::find(name).is_none()) {
            let names: Vec<_> = PEERS.iter().map(|peer| peer.name).collect();
            return Err(format!("no peer is called {name}; there are {}", names.join(", ")));
        }
        let wanted = |peer: &&Contender| self.peer.is_empty() || self.peer.iter().any(|name| peer.name == name);
        Ok(PEERS.iter().filter(wanted).collect())
    }

    fn job(&self, exe: &std::path::Path, bench: &'static Bench, peer: &'static Contender) -> Job {
        Job {
            exe: exe.to_path_buf(),
            bench,
            peer: peer.name,
            workers: self.workers(),
            ops: self.ops(bench),
            limit: Duration::from_secs(self.limit),
            watch: "nothing",
        }
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let outcome = if let Some(child) = &args.child {
        child::measure(child, &args.watch).map(|()| ExitCode::SUCCESS)
    } else if args.list {
        for bench in BENCHES {
            println!("{:<22}{}", bench.name, bench.op);
        }
        Ok(ExitCode::SUCCESS)
    } else if args.watching {
        watched::compare(&args, args.against.as_deref())
    } else if let Some(other) = &args.against {
        observer::compare(&args, other)
    } else {
        table(&args)
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("table: {error}");
        ExitCode::from(2)
    })
}

fn table(args: &Args) -> Result<ExitCode, String> {
    let (benches, mut peers) = (args.benches()?, args.peers()?);
    // No column for who has none of the benches.
    peers.retain(|peer| benches.iter().any(|bench| (peer.has)(bench.id)));
    let exe = std::env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
    let mut results = Results::new(&benches, &peers);
    let rounds = args.rounds();
    for round in 0..rounds {
        for bench in &benches {
            progress(&format!("round {} of {rounds}: {}", round + 1, bench.name));
            for turn in 0..peers.len() {
                let peer = peers[(turn + round as usize) % peers.len()];
                if (peer.has)(bench.id) {
                    results.add(bench, peer, args.job(&exe, bench, peer).run());
                }
            }
        }
    }
    progress("");
    if args.json {
        println!("{}", results.json(args.workers(), rounds));
    } else {
        print!("{}", results.table(args.workers(), rounds));
    }
    Ok(if results.failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// A bench by name, or what is wrong with the name.
fn bench_called(name: &str) -> Result<&'static Bench, String> {
    catalogue::find(name).ok_or_else(|| format!("no bench is called {name}"))
}

/// Shows on a terminal what is being measured, in place; elsewhere nothing.
fn progress(what: &str) {
    if std::io::stderr().is_terminal() {
        eprint!("\r\x1b[K{what}");
    }
}
