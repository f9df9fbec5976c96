//! What watching costs: each bench on Gumption with nothing switched on, and with each of its profiles.
//!
//! The columns are [`watching::NAMES`], and before them, with `--against EXE`, a build without counters: there the
//! observer is compiled out. Each round runs each bench once in each of these ways, a fresh process each time, the order
//! turning from round to round; a ratio is the median of the *rounds'* ratios to `nothing`, which is what every user has. So
//! the noise of a machine that others use hits all columns alike, as far as it lasts longer than a round.
//!
//! Only the throughput benches are run: see [`crate::observer`].

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use gumption_benches::catalogue::Bench;
use gumption_benches::peers;
use gumption_benches::sample::{median, median_interval};
use gumption_benches::watching;
use serde_json::json;

use crate::report::{aligned, short};
use crate::{Args, progress};

/// One way to run.
struct Way {
    /// What the table calls it.
    name: &'static str,
    exe: PathBuf,
    watch: &'static str,
}

/// One bench's rounds, by way; none where a measurement failed.
struct Row {
    bench: &'static Bench,
    rounds: Vec<Vec<Option<f64>>>,
    failures: Vec<String>,
}

impl Row {
    fn values(&self, way: usize) -> Vec<f64> {
        self.rounds.iter().filter_map(|round| round[way]).collect()
    }

    /// How many times as long as `base` did `way` take, round by round.
    fn ratios(&self, way: usize, base: usize) -> Vec<f64> {
        self.rounds.iter().filter_map(|round| Some(round[way]? / round[base]?)).collect()
    }
}

fn ways(this: &Path, without: Option<&Path>) -> Vec<Way> {
    let without = without.map(|exe| Way { name: "compiled out", exe: exe.to_path_buf(), watch: "nothing" });
    let with = watching::NAMES.map(|name| Way { name, exe: this.to_path_buf(), watch: name });
    without.into_iter().chain(with).collect()
}

/// Runs the rounds and prints what they say.
pub(crate) fn compare(args: &Args, without: Option<&Path>) -> Result<ExitCode, String> {
    let peer = peers::find("gumption").ok_or("this build has no gumption in it")?;
    let this = std::env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
    if let Some(exe) = without.filter(|exe| !exe.is_file()) {
        return Err(format!("{} is no program", exe.display()));
    }
    let ways = ways(&this, without);
    let mut rows: Vec<Row> = (args.benches()?.into_iter())
        .filter(|bench| bench.rows.len() == 1 && bench.rows[0].unit == "ns")
        .map(|bench| Row { bench, rounds: Vec::new(), failures: Vec::new() })
        .collect();
    let rounds = args.rounds.unwrap_or(if args.quick { 3 } else { 7 });
    for round in 0..rounds as usize {
        for row in &mut rows {
            progress(&format!("round {} of {rounds}: {}", round + 1, row.bench.name));
            let mut values = vec![None; ways.len()];
            for turn in 0..ways.len() {
                let at = (turn + round) % ways.len();
                let mut job = args.job(&ways[at].exe, row.bench, peer);
                job.watch = ways[at].watch;
                match job.run() {
                    Ok(measured) => values[at] = Some(measured[0]),
                    Err(error) => row.failures.push(format!("{}: {error}", ways[at].name)),
                }
            }
            row.rounds.push(values);
        }
    }
    progress("");
    let base = ways.iter().position(|way| way.name == "nothing").ok_or("nothing to compare with")?;
    match args.json {
        true => println!("{}", json(&ways, &rows, base, rounds)),
        false => print(&ways, &rows, base, rounds),
    }
    let failed = rows.iter().any(|row| !row.failures.is_empty());
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn print(ways: &[Way], rows: &[Row], base: usize, rounds: u32) {
    let mut header = vec!["bench".to_owned(), format!("{} (ns)", ways[base].name)];
    header.extend(ways.iter().enumerate().filter(|(way, _)| *way != base).map(|(_, way)| way.name.to_owned()));
    let mut table = vec![header];
    for row in rows {
        let mut cells = vec![row.bench.name.to_owned(), short(median(&row.values(base)))];
        for way in (0..ways.len()).filter(|&way| way != base) {
            let ratios = row.ratios(way, base);
            let (low, high) = median_interval(&ratios);
            cells.push(format!("{:.2} [{low:.2} {high:.2}]", median(&ratios)));
        }
        table.push(cells);
    }
    println!("{rounds} rounds; a ratio above 1 says how many times as long it takes as with nothing switched on;");
    println!("in brackets 95 % of the median, or of fewer than six rounds the smallest and the largest");
    print!("{}", aligned(&table));
    for row in rows {
        for failure in &row.failures {
            println!("FAILED: {}: {failure}", row.bench.name);
        }
    }
}

fn json(ways: &[Way], rows: &[Row], base: usize, rounds: u32) -> serde_json::Value {
    let of = |row: &Row| {
        let cells = ways.iter().enumerate().map(|(way, Way { name, .. })| {
            let ratios = row.ratios(way, base);
            let (low, high) = median_interval(&ratios);
            let cell = json!({ "ns": median(&row.values(way)), "ratio": median(&ratios), "interval": [low, high] });
            ((*name).to_owned(), cell)
        });
        json!({
            "bench": row.bench.name,
            "ways": cells.collect::<serde_json::Map<_, _>>(),
            "failures": row.failures,
        })
    };
    json!({ "rounds": rounds, "rows": rows.iter().map(of).collect::<Vec<_>>() })
}
