//! [`Watcher`]: looks again and again, and suspects what only ever gets more.
//!
//! One look cannot tell a leak from a pool that is idle: both wait. Several can. A task that is found in the *same wait* by every look
//! has done nothing in between, and one that has waited ten times as long as ninety-nine of a hundred other waits of its kind is
//! *stuck*. A kind is a fingerprint: where a task was spawned, its type, what it waits for. What is suspected is a kind whose
//! tasks, and whose stuck tasks, became more with each of the last [`LOOKS`] looks.
//!
//! | stuck | looks | verdict |
//! | --- | --- | --- |
//! | a worker that idles, ten thousand parked connections | the same number each time | healthy |
//! | a request's task that nobody answers | more each time | suspected |
//!
//! Waits for what happens outside (sockets, timers, signals, processes) are never suspected: how long those take is not for the program
//! to say. A circle of waits with an edge that is only likely (a guard that may have been sent away) is suspected when it is
//! there, unchanged, at every one of the last looks.
//!
//! Beyond [`TRACKED`] tasks it remembers a part of them, chosen by id, and begins to count anew with it: a rise stays a rise. It judges by its own looks only: how far
//! those are apart is the caller's choice, seconds to minutes.

use std::collections::HashMap;
use std::ptr::from_ref;

use gumption_core::runtime::Handle;
use gumption_core::wait::WaitReason;

use super::model::{Leaks, Suspect};
use super::prove;
use crate::cost;
use crate::graph::look::{self, Seen};

/// Looks that must agree.
pub const LOOKS: usize = 3;
/// Tasks whose waits are remembered at most.
const TRACKED: usize = 65_536;
/// Waits that must have ended before "ten times as long" means something.
const KNOWN_WAITS: u64 = 20;
/// How many times as long as the 99th percentile.
const TIMES: u64 = 10;

/// Looks at one runtime again and again. See the module.
#[derive(Debug, Default)]
pub struct Watcher {
    kinds: HashMap<Kind, History>,
    circles: HashMap<Vec<(u64, u64)>, usize>,
    /// One task in `1 << shift` is remembered.
    shift: u32,
    looks: u64,
}

/// Where a task was spawned, by the address of the place; its type; what it waits for.
type Kind = (usize, &'static str, WaitReason);

#[derive(Debug, Default)]
struct History {
    /// The beginnings of the waits that the last look found.
    waits: HashMap<u64, u64>,
    /// Waits that have ended, by the power of two of their nanoseconds.
    ended: Lengths,
    /// How many were stuck at the last looks, the latest last.
    stuck: Vec<u64>,
    /// How many there were.
    waiting: Vec<u64>,
}

#[derive(Debug)]
struct Lengths {
    buckets: [u64; 64],
    count: u64,
}

impl Default for Lengths {
    fn default() -> Self {
        Self { buckets: [0; 64], count: 0 }
    }
}

impl Lengths {
    fn add(&mut self, ns: u64) {
        self.buckets[ns.checked_ilog2().unwrap_or(0) as usize] += 1;
        self.count += 1;
    }

    /// An upper bound of the 99th percentile, if enough is known.
    fn p99(&self) -> Option<u64> {
        if self.count < KNOWN_WAITS {
            return None;
        }
        let above = self.count / 100;
        let mut seen = 0;
        for (power, bucket) in self.buckets.iter().enumerate().rev() {
            seen += bucket;
            if seen > above {
                return Some(2u64.saturating_pow(power as u32 + 1));
            }
        }
        None
    }
}

/// Whether what is waited for happens outside the program, or is its turn.
fn is_outside(reason: WaitReason) -> bool {
    use WaitReason as W;
    matches!(reason, W::Sleep | W::IoRead | W::IoWrite | W::IoAccept | W::IoConnect | W::Signal | W::Process | W::Yield)
}

/// Whether this task is one of those in `1 << shift` that are remembered.
fn is_tracked(id: u64, shift: u32) -> bool {
    let mixed = id.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed ^ mixed >> 32) & ((1 << shift) - 1) == 0
}

impl Watcher {
    /// One that has not looked yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// How often it has looked.
    pub fn looks(&self) -> u64 {
        self.looks
    }

    /// Looks: what [`leaks`](super::leaks) finds now, and what is suspected by this look and those before.
    ///
    /// ```
    /// # use gumption_core::runtime::Runtime;
    /// use gumption_introspect::leaks::Watcher;
    ///
    /// let runtime: Runtime = Runtime::new()?;
    /// let mut watcher = Watcher::new();
    /// for _ in 0..3 {
    ///     let found = watcher.look(runtime.handle());
    ///     assert!(found.suspects.is_empty(), "{found}");
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn look(&mut self, handle: &Handle) -> Leaks {
        let _cost = cost::of(cost::Part::Leaks);
        self.looks += 1;
        let (mut found, circles) = prove::with_likely(handle);
        let mut kinds: HashMap<Kind, Vec<Seen>> = HashMap::new();
        let (asked, now) = (look::number(handle), handle.clock_ns());
        let (mut shift, mut counted) = (self.shift, 0);
        look::tasks(std::slice::from_ref(handle), |seen| {
            let row = &seen.row;
            let is_candidate = row.bits.is_idle() && !row.bits.is_stranded() && !is_outside(row.wait);
            if is_candidate && (seen.runtime == asked || seen.runtime == 0) && is_tracked(seen.id(), shift) {
                counted += 1;
                kinds.entry((from_ref(row.site).addr(), row.type_name(), row.wait)).or_default().push(seen);
                if counted > TRACKED {
                    shift += 1;
                    kinds.values_mut().for_each(|tasks| tasks.retain(|seen| is_tracked(seen.id(), shift)));
                    counted = kinds.values().map(Vec::len).sum();
                }
            }
        });
        if shift != self.shift {
            self.shift = shift;
            // Numbers of another part are not to be compared with.
            self.kinds.values_mut().for_each(History::begin_anew);
        }
        for (_, history) in self.kinds.iter_mut().filter(|(kind, _)| !kinds.contains_key(kind)) {
            let _none = history.judge(&[], now, shift);
        }
        for (kind, tasks) in kinds {
            found.suspects.extend(self.kinds.entry(kind).or_default().judge(&tasks, now, shift));
        }
        found.suspects.sort_by_key(|suspect| std::cmp::Reverse(suspect.count));
        let before = std::mem::take(&mut self.circles);
        for (waits, suspect) in circles {
            let looks = before.get(&waits).copied().unwrap_or(0) + 1;
            self.circles.insert(waits, looks);
            found.suspects.extend((looks >= LOOKS).then_some(suspect));
        }
        found
    }
}

impl History {
    /// Forgets how many there were.
    fn begin_anew(&mut self) {
        self.stuck.clear();
        self.waiting.clear();
    }

    /// Takes the tasks of this kind that wait now, each of which stands for `1 << shift`; whether they are suspected.
    fn judge(&mut self, tasks: &[Seen], now: u64, shift: u32) -> Option<Suspect> {
        let stand_for = 1u64 << shift;
        let mut last = std::mem::take(&mut self.waits);
        // The others are not looked at any more, which does not mean that they have ended.
        last.retain(|id, _| is_tracked(*id, shift));
        self.waits = tasks.iter().map(|seen| (seen.id(), seen.row.since)).collect();
        // It may have ended just now: what is taken for too long makes the rule milder.
        for (_, since) in last.iter().filter(|(id, since)| self.waits.get(id) != Some(since)) {
            self.ended.add(now.saturating_sub(*since));
        }
        let limit = self.ended.p99().map(|p99| p99.saturating_mul(TIMES));
        let is_stuck = |seen: &&Seen| {
            last.get(&seen.id()) == Some(&seen.row.since) && limit.is_none_or(|limit| seen.age_ns() > limit)
        };
        let mut stuck: Vec<&Seen> = tasks.iter().filter(is_stuck).collect();
        let rises = |numbers: &mut Vec<u64>, number: usize| {
            numbers.push(number as u64);
            if numbers.len() > LOOKS {
                numbers.remove(0);
            }
            numbers.len() == LOOKS && numbers[0] > 0 && numbers.windows(2).all(|two| two[0] < two[1])
        };
        if !(rises(&mut self.stuck, stuck.len()) & rises(&mut self.waiting, tasks.len())) {
            return None;
        }
        prove::oldest_first(&mut stuck);
        let oldest = stuck.first()?;
        let longer = match limit {
            Some(_) => {
                format!("each for more than {TIMES} times the 99th percentile of {} other waits", self.ended.count)
            }
            None => "and no wait of this kind was seen to end".to_owned(),
        };
        let numbers: Vec<String> = self.stuck.iter().map(|stuck| (stuck * stand_for).to_string()).collect();
        Some(Suspect {
            count: stuck.len() as u64 * stand_for,
            why: format!("more of them are stuck at each look ({}), {longer}", numbers.join(", ")),
            spawned_at: oldest.row.site.into(),
            type_name: oldest.row.type_name().into(),
            wait: oldest.row.wait.text().into(),
            oldest_ns: oldest.age_ns(),
            tasks: prove::listed(&stuck),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_99th_percentile_of_few_waits_is_not_known() {
        let mut lengths = Lengths::default();
        (0..KNOWN_WAITS - 1).for_each(|_| lengths.add(1_000));
        assert_eq!(lengths.p99(), None);
        lengths.add(1_000);
        assert_eq!(lengths.p99(), Some(1_024));
        (0..200).for_each(|_| lengths.add(1_000));
        lengths.add(1 << 40);
        assert_eq!(lengths.p99(), Some(1_024), "one of two hundred is beyond it");
    }
}
