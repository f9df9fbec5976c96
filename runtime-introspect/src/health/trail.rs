//! [`Trail`]: whether leaks grow, from looks that are rarer than windows.
//!
//! Looking for leaks walks all tasks, so it is done every few windows at best, and in the windows between nothing seems to grow.
//! So growth is judged over three stretches of [`STRETCH`] windows, one behind the other: the leaks must be more at the end of
//! each than at its beginning. The least of the three counts, as a part of the tasks that were spawned in it.
//!
//! Invariant: points are in the order of their times, and as many are kept as three stretches need.

use std::collections::VecDeque;

/// Windows in a stretch: longer than the time between two looks, which is 15 of them in the debug server.
pub(super) const STRETCH: u64 = 20;

/// Stretches that must all show it.
const STRETCHES: usize = 3;

#[derive(Clone, Copy, Debug)]
struct Point {
    at: u64,
    leaked: u64,
    spawned: u64,
}

/// Where the leaks were.
#[derive(Clone, Debug, Default)]
pub(super) struct Trail(VecDeque<Point>);

impl Trail {
    /// Where they are now, and how fast they grow: tasks leaked for one that is spawned, at least. 0 until there are three stretches of
    /// `stretch` ns.
    pub(super) fn step(&mut self, at: u64, leaked: u64, spawned: u64, stretch: u64) -> f64 {
        let now = Point { at, leaked, spawned };
        let mut end = now;
        let mut least = f64::INFINITY;
        for _ in 0..STRETCHES {
            let begins = end.at.saturating_sub(stretch);
            let Some(begin) = self.0.iter().rev().find(|point| point.at <= begins && point.at < end.at).copied() else {
                self.0.push_back(now);
                return 0.0;
            };
            let more = end.leaked.saturating_sub(begin.leaked) as f64;
            least = least.min(more / end.spawned.saturating_sub(begin.spawned).max(1) as f64);
            end = begin;
        }
        self.0.retain(|point| point.at >= end.at);
        self.0.push_back(now);
        least
    }
}
