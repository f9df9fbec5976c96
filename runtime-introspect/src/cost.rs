//! What looking costs: the CPU time of those who look, by what they look for.
//!
//! An observer whose cost nobody knows is not switched on where it is needed. So whoever does something here that walks, samples,
//! unwinds or writes says what for ([`of`]), on its own thread, and the CPU time of that thread until it is through is added to that
//! part. It is counted when the part is over, so a window of ten seconds is told of at its end. A part within another is counted
//! there and not in the other: the sum of all parts is what all of it cost.
//!
//! | part | |
//! | --- | --- |
//! | `dump` | walking the tasks, grouping and naming them |
//! | `capture` | polling tasks that wait for their stacks; what user code does in those polls is in it |
//! | `leaks` | looking for what can never run again, and for suspects |
//! | `sample` | the diagnosis' windows |
//! | `health` | the debug server's look once a second, with its leaks |
//! | `profile` | CPU profiles: collecting, unwinding, naming |
//! | `serve` | all else that the debug server does for a request: metrics, stats, texts |
//!
//! What it does not count is what happens on machines: counters and marks (the benches measure those), and the handlers of signals
//! that a dump with stacks or a CPU profile sends. The clock is the kernel's for this thread; where there is none nothing is counted.

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::threads::own_cpu;

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Dump,
    Capture,
    Leaks,
    Sample,
    Health,
    Profile,
    Serve,
}

const PARTS: [(Part, &str); 7] = [
    (Part::Dump, "dump"),
    (Part::Capture, "capture"),
    (Part::Leaks, "leaks"),
    (Part::Sample, "sample"),
    (Part::Health, "health"),
    (Part::Profile, "profile"),
    (Part::Serve, "serve"),
];

static SPENT: [AtomicU64; PARTS.len()] = [const { AtomicU64::new(0) }; PARTS.len()];

thread_local! {
    /// What this thread does for whom, and from which time of its clock on that is not counted yet.
    static DOING: Cell<Option<(Part, u64)>> = const { Cell::new(None) };
}

/// A part, until it is dropped, on the thread that began it.
#[derive(Debug)]
pub(crate) struct Spending {
    outer: Option<Part>,
    of_this_thread: PhantomData<*const ()>,
}

/// From here on this thread looks for that.
#[must_use]
pub(crate) fn of(part: Part) -> Spending {
    let now = clock();
    let outer = DOING.replace(Some((part, now))).map(|(outer, since)| {
        add(outer, now, since);
        outer
    });
    Spending { outer, of_this_thread: PhantomData }
}

impl Drop for Spending {
    fn drop(&mut self) {
        let now = clock();
        if let Some((part, since)) = DOING.replace(self.outer.map(|outer| (outer, now))) {
            add(part, now, since);
        }
    }
}

/// *Nanoseconds* of each part so far.
pub(crate) fn spent() -> impl Iterator<Item = (&'static str, u64)> {
    // Ordering: Relaxed; statistics.
    PARTS.iter().map(|(part, name)| (*name, SPENT[*part as usize].load(Ordering::Relaxed)))
}

fn add(part: Part, now: u64, since: u64) {
    // Ordering: Relaxed; a statistic.
    SPENT[part as usize].fetch_add(now.saturating_sub(since), Ordering::Relaxed);
}

/// *Nanoseconds* of CPU that this thread has used.
fn clock() -> u64 {
    own_cpu().map_or(0, |used| u64::try_from(used.as_nanos()).unwrap_or(u64::MAX))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    fn burn(ns: u64) {
        let until = clock() + ns;
        while clock() < until {}
    }

    fn so_far(part: Part) -> u64 {
        spent().zip(PARTS).find(|(_, (of, _))| *of == part).map_or(0, |((_, ns), _)| ns)
    }

    #[test]
    fn a_part_within_another_is_counted_there() {
        const NS: u64 = 2_000_000;
        let doing = || DOING.get().map(|(part, _)| part);
        let before = (so_far(Part::Profile), so_far(Part::Capture));
        {
            let _outer = of(Part::Profile);
            burn(NS);
            {
                let _inner = of(Part::Capture);
                assert_eq!(doing(), Some(Part::Capture));
                burn(NS);
            }
            assert_eq!(doing(), Some(Part::Profile));
            burn(NS);
        }
        assert_eq!(doing(), None);
        // Other tests of this process may have added to them meanwhile.
        let (outer, inner) = (so_far(Part::Profile) - before.0, so_far(Part::Capture) - before.1);
        assert!(inner >= NS && outer >= 2 * NS, "{outer} {inner}");
    }
}
