//! What was measured, and how it is printed.
//!
//! A cell is the median of the rounds with the smallest and the largest beside it: if two cells' ranges overlap, the
//! ratio between them says little. The ratio is tokio's median over Gumption's, so above 1 is faster; a row whose
//! target is missed says so, and nothing rounds in anybody's favour.

use std::fmt::Write;

use gumption_benches::catalogue::{Bench, Row};
use gumption_benches::sample::median;
use gumption_benches::subject::Contender;
use serde_json::json;

/// The rounds of one bench on one peer.
#[derive(Default)]
struct Cell {
    rounds: Vec<Vec<f64>>,
    failures: Vec<String>,
}

/// The middle and the ends of one row's rounds.
#[derive(Clone, Copy)]
struct Spread {
    median: f64,
    min: f64,
    max: f64,
}

impl Cell {
    fn spread(&self, row: usize) -> Option<Spread> {
        let values: Vec<f64> = self.rounds.iter().map(|round| round[row]).collect();
        let min = values.iter().copied().reduce(f64::min)?;
        let max = values.iter().copied().reduce(f64::max)?;
        Some(Spread { median: median(&values), min, max })
    }
}

/// All that was measured.
pub(crate) struct Results {
    benches: Vec<&'static Bench>,
    peers: Vec<&'static str>,
    cells: Vec<Vec<Cell>>,
}

/// One row, with all that is said about it.
struct Line<'a> {
    bench: &'static Bench,
    row: &'static Row,
    name: String,
    spreads: Vec<Option<Spread>>,
    cells: &'a [Cell],
    ratio: Option<f64>,
    met: Option<bool>,
}

impl Results {
    pub(crate) fn new(benches: &[&'static Bench], peers: &[&'static Contender]) -> Self {
        let row = || peers.iter().map(|_| Cell::default()).collect();
        Self {
            benches: benches.to_vec(),
            peers: peers.iter().map(|peer| peer.name).collect(),
            cells: benches.iter().map(|_| row()).collect(),
        }
    }

    pub(crate) fn add(&mut self, bench: &Bench, peer: &Contender, outcome: Result<Vec<f64>, String>) {
        let at = self.benches.iter().position(|known| known.id == bench.id);
        let (Some(bench), Some(peer)) = (at, self.column(peer.name)) else { return };
        let cell = &mut self.cells[bench][peer];
        match outcome {
            Ok(values) => cell.rounds.push(values),
            Err(reason) => cell.failures.push(reason),
        }
    }

    pub(crate) fn failed(&self) -> bool {
        self.cells.iter().flatten().any(|cell| !cell.failures.is_empty())
    }

    fn column(&self, peer: &str) -> Option<usize> {
        self.peers.iter().position(|known| *known == peer)
    }

    fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        let (ours, tokio) = (self.column("gumption"), self.column("tokio"));
        self.benches.iter().zip(&self.cells).flat_map(move |(bench, cells)| {
            bench.rows.iter().enumerate().map(move |(n, row)| {
                let spreads: Vec<_> = cells.iter().map(|cell| cell.spread(n)).collect();
                let median_of = |column: Option<usize>| column.and_then(|c| spreads[c]).map(|spread| spread.median);
                let (ours, tokio) = (median_of(ours), median_of(tokio));
                let name =
                    if row.name.is_empty() { bench.name.to_owned() } else { format!("{} {}", bench.name, row.name) };
                Line {
                    bench,
                    row,
                    name,
                    cells,
                    ratio: ours.zip(tokio).map(|(ours, tokio)| tokio / ours),
                    met: ours.and_then(|ours| row.target.met(ours, tokio)),
                    spreads,
                }
            })
        })
    }

    /// The table for people.
    pub(crate) fn table(&self, workers: usize, rounds: u32) -> String {
        let mut rows = vec![self.header()];
        rows.extend(self.lines().map(|line| {
            let mut row = vec![line.name.clone(), line.row.unit.to_owned()];
            row.extend(line.spreads.iter().zip(line.cells).map(|(spread, cell)| cell_text(*spread, cell)));
            row.push(line.ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{}x", short(ratio))));
            row.push(line.row.target.to_string());
            row.push(match line.met {
                Some(true) => "met".to_owned(),
                Some(false) => "MISSED".to_owned(),
                None => String::new(),
            });
            row
        }));
        let mut text = format!("{workers} workers, {rounds} rounds: median (min-max); the ratio is tokio/gumption\n");
        text.push_str(&aligned(&rows));
        for (bench, cells) in self.benches.iter().zip(&self.cells) {
            for (peer, cell) in self.peers.iter().zip(cells) {
                for failure in &cell.failures {
                    // Writing to a String cannot fail.
                    let _ = writeln!(text, "FAILED: {} on {peer}: {failure}", bench.name);
                }
            }
        }
        if self.column("gumption").is_some() {
            let count = |met| self.lines().filter(|line| line.met == Some(met)).count();
            let _ = writeln!(text, "{} targets met, {} missed", count(true), count(false));
        }
        text
    }

    fn header(&self) -> Vec<String> {
        let names = ["bench", "unit"].into_iter().chain(self.peers.iter().copied());
        names.chain(["ratio", "target", ""]).map(str::to_owned).collect()
    }

    /// The same for programs: one object.
    pub(crate) fn json(&self, workers: usize, rounds: u32) -> String {
        let lines: Vec<_> = self
            .lines()
            .map(|line| {
                let peers: serde_json::Map<_, _> = self
                    .peers
                    .iter()
                    .zip(line.spreads.iter().zip(line.cells))
                    .map(|(peer, (spread, cell))| {
                        let spread = spread.map(|s| json!({ "median": s.median, "min": s.min, "max": s.max }));
                        (
                            (*peer).to_owned(),
                            json!({ "value": spread, "rounds": cell.rounds.len(), "failures": cell.failures }),
                        )
                    })
                    .collect();
                json!({
                    "bench": line.bench.name,
                    "row": line.row.name,
                    "operation": line.bench.op,
                    "unit": line.row.unit,
                    "peers": peers,
                    "ratio": line.ratio,
                    "target": line.row.target.to_string(),
                    "met": line.met,
                })
            })
            .collect();
        json!({ "workers": workers, "rounds": rounds, "rows": lines }).to_string()
    }
}

fn cell_text(spread: Option<Spread>, cell: &Cell) -> String {
    match spread {
        Some(s) => format!("{} ({}-{})", short(s.median), short(s.min), short(s.max)),
        None if cell.failures.is_empty() => "-".to_owned(),
        None => "failed".to_owned(),
    }
}

/// Three figures, or the whole number if it has more.
pub(crate) fn short(value: f64) -> String {
    match value.abs() {
        v if v >= 99.95 => format!("{value:.0}"),
        v if v >= 9.995 => format!("{value:.1}"),
        v if v >= 0.9995 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// Columns as wide as they need to be, the first to the left, the others to the right.
pub(crate) fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |c: usize| rows.iter().filter_map(|row| row.get(c)).map(String::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (c, (cell, width)) in row.iter().zip(&widths).enumerate() {
            // Writing to a String cannot fail.
            let _ = if c == 0 { write!(line, "{cell:<width$}") } else { write!(line, "  {cell:>width$}") };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
