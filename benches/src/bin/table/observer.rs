//! Two builds of Gumption against each other, in pairs.
//!
//! The counters are to cost at most 1 %, and one round wanders by more than that. So the two builds run side by side
//! many times, the order changing from pair to pair, and what counts is the median of the *pairs'* differences, with an
//! interval around it that holds the true one with 95 % confidence. If the interval is wider than the claim, the answer is
//! more rounds on a quieter machine, not a verdict: the last column says `unclear` then.
//!
//! `--peer tokio` measures the noise instead: a peer that both builds have in common differs by nothing.
//!
//! Only the throughput benches are compared: a latency is not where a counter's two nanoseconds show, nor is
//! a request over a socket, nearly all of which is the kernel's.

use std::path::Path;
use std::process::ExitCode;

use gumption_benches::catalogue::Bench;
use gumption_benches::peers;
use gumption_benches::sample::{median, median_interval};
use serde_json::json;

use crate::report::{aligned, short};
use crate::{Args, progress};

/// What the counters may cost, in percent.
const LIMIT: f64 = 1.0;

/// One bench's rounds on both builds; entries of the same index are a pair.
struct Pairs {
    bench: &'static Bench,
    ours: Vec<f64>,
    theirs: Vec<f64>,
    failures: Vec<String>,
}

impl Pairs {
    /// By how many percent this build was slower than the other, pair by pair.
    fn differences(&self) -> Vec<f64> {
        self.ours.iter().zip(&self.theirs).map(|(ours, theirs)| (ours / theirs - 1.0) * 100.0).collect()
    }

    fn verdict(&self) -> &'static str {
        let (low, high) = median_interval(&self.differences());
        match () {
            () if high <= LIMIT => "met",
            () if low > LIMIT => "MISSED",
            () => "unclear",
        }
    }

    fn row(&self) -> Vec<String> {
        let differences = self.differences();
        let (low, high) = median_interval(&differences);
        vec![
            self.bench.name.to_owned(),
            short(median(&self.ours)),
            short(median(&self.theirs)),
            format!("{:+.2} %", median(&differences)),
            format!("{low:+.2} to {high:+.2} %"),
            self.verdict().to_owned(),
        ]
    }

    fn json(&self) -> serde_json::Value {
        let differences = self.differences();
        let (low, high) = median_interval(&differences);
        json!({
            "bench": self.bench.name,
            "this": median(&self.ours),
            "other": median(&self.theirs),
            "percent": median(&differences),
            "interval": [low, high],
            "verdict": self.verdict(),
            "failures": self.failures,
        })
    }
}

/// Runs the pairs and prints what they say.
pub(crate) fn compare(args: &Args, other: &Path) -> Result<ExitCode, String> {
    let name = args.peer.first().map_or("gumption", String::as_str);
    let peer = peers::find(name).ok_or_else(|| format!("this build has no {name} in it"))?;
    let this = std::env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
    if !other.is_file() {
        return Err(format!("{} is no program", other.display()));
    }
    let mut all: Vec<Pairs> = (args.benches()?.into_iter())
        .filter(|bench| bench.rows.len() == 1 && bench.rows[0].unit == "ns")
        .map(|bench| Pairs { bench, ours: Vec::new(), theirs: Vec::new(), failures: Vec::new() })
        .collect();
    for round in 0..args.rounds() {
        for pairs in &mut all {
            progress(&format!("pair {} of {}: {}", round + 1, args.rounds(), pairs.bench.name));
            let ours = args.job(&this, pairs.bench, peer);
            let theirs = args.job(other, pairs.bench, peer);
            let (ours, theirs) = if round % 2 == 0 {
                let ours = ours.run();
                (ours, theirs.run())
            } else {
                let theirs = theirs.run();
                (ours.run(), theirs)
            };
            match (ours, theirs) {
                (Ok(ours), Ok(theirs)) => {
                    pairs.ours.push(ours[0]);
                    pairs.theirs.push(theirs[0]);
                }
                (Err(error), _) => pairs.failures.push(format!("this build: {error}")),
                (_, Err(error)) => pairs.failures.push(format!("the other build: {error}")),
            }
        }
    }
    progress("");
    print(args, &all);
    let failed = all.iter().any(|pairs| !pairs.failures.is_empty());
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn print(args: &Args, all: &[Pairs]) {
    if args.json {
        let rows: Vec<_> = all.iter().map(Pairs::json).collect();
        println!("{}", json!({ "pairs": args.rounds(), "limit_percent": LIMIT, "rows": rows }));
        return;
    }
    let header = ["bench", "this (ns)", "other (ns)", "difference", "95 % of the median", ""];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    rows.extend(all.iter().map(Pairs::row));
    println!("{} pairs; a positive difference says that this build is slower; limit {LIMIT} %", args.rounds());
    print!("{}", aligned(&rows));
    for pairs in all {
        for failure in &pairs.failures {
            println!("FAILED: {}: {failure}", pairs.bench.name);
        }
    }
}
