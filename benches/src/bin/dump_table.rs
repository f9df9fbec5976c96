//! What a dump costs, and what it does to those that it looks at.
//!
//! ```text
//! cargo run --release -p gumption-benches --bin dump_table -- [--tasks N] [--seconds S] [--json]
//! ```
//!
//! One runtime has so many idle tasks (a million, if not told otherwise), spawned in a few places and asleep. First they are dumped,
//! several times: groups, groups of a filter, every task. Then the same runtime computes, and the delay of its
//! scheduling is taken in pairs of windows: one without dumps, one in which a thread outside dumps groups, rests as long as that
//! took, and dumps again. A sample of the delay is the time from before a thread outside sends to a task until that task has the
//! message, a few thousand a second. Two loads: half of what the machine can do, and all of it, where the dumping thread takes a
//! core away from somebody.
//!
//! The claims: groups of a million tasks in less than 100 ms; a p99 of the delay that changes by less than one slice, 10 ms. It
//! prints both and judges neither: exit code 0 if all was measured, 2 for bad arguments.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use gumption::introspect::Inspect;
use gumption::introspect::dump::{Filter, Level, Options};
use gumption::runtime::{Builder, Handle, Runtime};
use gumption::sync::mpsc;

/// What a dump costs, and what it does to those that it looks at.
#[derive(Parser, Debug)]
#[command(name = "dump_table")]
struct Args {
    /// Idle tasks.
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    tasks: u64,

    /// Dumps of each kind.
    #[arg(long, value_name = "N", default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,

    /// Length of a window.
    #[arg(long, value_name = "S", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,

    /// Pairs of windows.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    pairs: u32,

    /// One object in place of the table.
    #[arg(long)]
    json: bool,
}

fn main() {
    let args = Args::parse();
    let runtime = Builder::new_multi_thread().enable_all().build().expect("a runtime starts");
    fill(&runtime, args.tasks);
    let handle = runtime.handle().clone();
    let dumps = [
        ("groups", cost(&handle, Level::Groups, &Options::default(), args.rounds)),
        ("groups, filtered", cost(&handle, Level::Groups, &filtered(), args.rounds)),
        ("tasks, the first 20000", cost(&handle, Level::Tasks, &Options::default(), args.rounds)),
    ];
    let window = Duration::from_secs(args.seconds);
    let loads: Vec<_> = [("half", false), ("all", true)]
        .into_iter()
        .map(|(load, all)| {
            let busy = Busy::start(&handle, all);
            let (mut without, mut with) = (Vec::new(), Vec::new());
            for _ in 0..args.pairs {
                without.push(p99(&handle, || thread::sleep(window)));
                with.push(p99(&handle, || dump_for(&handle, window)));
            }
            drop(busy);
            (load, median(&mut without), median(&mut with))
        })
        .collect();
    if args.json {
        let dumps = dumps.map(|(what, [least, median, most])| {
            serde_json::json!({"dump": what, "least_ns": least, "median_ns": median, "most_ns": most})
        });
        let loads: Vec<_> = loads
            .iter()
            .map(|(load, without, with)| serde_json::json!({"load": load, "p99_ns": without, "p99_while_dumping_ns": with}))
            .collect();
        println!("{}", serde_json::json!({"tasks": args.tasks, "dumps": dumps, "delays": loads}));
        return;
    }
    println!("{:<32} {:>10} {:>10} {:>10}", format!("a dump of {} tasks, ms", args.tasks), "least", "median", "most");
    for (what, times) in dumps {
        let [least, median, most] = times.map(ms);
        println!("{what:<32} {least:>10.1} {median:>10.1} {most:>10.1}");
    }
    println!();
    println!("{:<32} {:>10} {:>10} {:>10}", "scheduling delay, p99, ms", "without", "dumping", "change");
    for (load, without, with) in loads {
        let (without, with) = (ms(without), ms(with));
        println!("{:<32} {without:>10.3} {with:>10.3} {:>+10.3}", format!("{load} of the machine"), with - without);
    }
}

fn ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}

fn median(values: &mut [u64]) -> u64 {
    values.sort_unstable();
    values[values.len() / 2]
}

/// Idle tasks of four places, in turns.
fn fill(runtime: &Runtime, tasks: u64) {
    let asleep = || gumption::time::sleep(Duration::from_secs(86_400));
    runtime.block_on(async {
        for n in 0..tasks {
            match n % 4 {
                0 => drop(gumption::spawn(asleep())),
                1 => drop(gumption::spawn(async move { asleep().await })),
                2 => drop(gumption::spawn(async move { asleep().await })),
                _ => drop(gumption::spawn(std::future::pending::<()>())),
            }
        }
    });
    let mut idle = 0;
    while idle < tasks {
        idle = 0;
        runtime.handle().for_each_task(|row| idle += u64::from(row.bits.is_idle()));
    }
}

fn filtered() -> Options {
    let mut filter = Filter::default();
    for (key, value) in [("reason", "sleep"), ("min-age", "1ms")] {
        filter.set(key, value).expect("it is a condition");
    }
    let mut options = Options::default();
    options.filter = filter;
    options
}

/// *Nanoseconds*: the least, the median, the most.
fn cost(handle: &Handle, level: Level, options: &Options, rounds: u32) -> [u64; 3] {
    let mut times: Vec<u64> = (0..rounds)
        .map(|_| {
            let begun = Instant::now();
            drop(handle.dump_with(level, options));
            begun.elapsed().as_nanos() as u64
        })
        .collect();
    let median = median(&mut times);
    [times[0], median, times[times.len() - 1]]
}

/// The 99th percentile of the delays during a window, *nanoseconds*.
fn p99(handle: &Handle, window: impl FnOnce()) -> u64 {
    let (outside, mut inbox) = mpsc::unbounded_channel::<Instant>();
    let probe = handle.spawn(async move {
        let mut delays = Vec::new();
        while let Some(sent) = inbox.recv().await {
            delays.push(sent.elapsed().as_nanos() as u64);
        }
        delays
    });
    let over = Arc::new(AtomicBool::new(false));
    let sender = thread::spawn({
        let over = over.clone();
        move || {
            while !over.load(Ordering::Relaxed) && outside.send(Instant::now()).is_ok() {
                thread::sleep(PROBE);
            }
        }
    });
    window();
    over.store(true, Ordering::Relaxed);
    sender.join().expect("it sends");
    let mut delays = handle.block_on(probe).expect("it receives");
    delays.sort_unstable();
    delays[(delays.len() * 99).div_ceil(100) - 1]
}

/// Between two samples.
const PROBE: Duration = Duration::from_micros(200);

fn dump_for(handle: &Handle, window: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < window {
        let dumping = Instant::now();
        drop(handle.dump(Level::Groups));
        thread::sleep(dumping.elapsed());
    }
}

/// Tasks that compute, until it is dropped.
struct Busy(Arc<AtomicBool>);

impl Busy {
    /// With `all` they take every core, otherwise about half of each.
    fn start(handle: &Handle, all: bool) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        for _ in 0..4 * cores {
            let over = over.clone();
            drop(handle.spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    burn(Duration::from_micros(50));
                    match all {
                        true => gumption::task::yield_now().await,
                        false => gumption::time::sleep(Duration::from_micros(350)).await,
                    }
                }
            }));
        }
        Self(over)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn burn(time: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < time {
        std::hint::spin_loop();
    }
}
