#!/usr/bin/env bash
# What the counters cost: builds the table with Gumption's `stats` feature and without it, runs every throughput bench
# on both in pairs, and prints the median of the pairs' differences. Options go to the table: --only NAME, --rounds N,
# --quick, --json. The claim to hold: at most 1 % apart. With --watching: what the profiles cost besides.
set -euo pipefail
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-target}
without="$target-without-stats"

cargo build --release -p gumption-benches --bin table --features gumption --target-dir "$target"
cargo build --release -p gumption-benches --bin table --features gumption --target-dir "$without" --no-default-features

exec "$target/release/table" --against "$without/release/table" "$@"
