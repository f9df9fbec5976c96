//! Locks: whose the most wanted ones are, and whether their owners run.
//!
//! A lock that passes from hand to hand a thousand times a window looks, to one census, like one that is held all the time. So
//! each [census](super) picks the locks that most have waited for since the last one, and from then on every *glance* looks at
//! those: owned or not, waited for or not, and its owner in a poll, in a queue, or waiting for something else. What a window
//! has of a lock is the shares of its glances.
//!
//! Whether an owner that is in no poll could run only its record tells, and to find that is a walk over all tasks. So not every
//! glance does it: a walk that took long is followed by as many glances without one as make up for it, and above a few
//! thousand tasks locks are not looked at.
//!
//! An owner in a poll whose thread the kernel keeps off the CPU neither runs nor waits for anything of ours. The next glance tells, by the
//! thread's CPU time, and then the earlier one does not count at all: what other processes do to us is no convoy, and hides none.
//!
//! It refuses to judge; `mutex-convoy` does.

use std::time::{Duration, Instant};

use gumption_core::resource::{Facts, Kind};
use gumption_core::stats::SchedulerStats;
use serde::Serialize;

use super::{Source, named, place};
use crate::threads;

/// Locks that glances look at.
const WATCHED: usize = 8;
/// What a walk may cost a glance, and how many glances may go by without one.
const WALK: Duration = Duration::from_micros(50);
const MOST_UNLOOKED: u32 = 64;
/// Live tasks above which glances do not look for the owners of locks: that is a walk over all of them.
const FEW: u64 = 4_096;

/// A lock, as the glances of a window saw it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Lock {
    /// What it is, and where it was made.
    pub resource: String,
    /// Glances.
    pub glances: u64,
    /// Glances at which it had an owner.
    pub owned: u64,
    /// Glances at which somebody waited for it.
    pub waited: u64,
    /// Glances at which the owner was in a poll, and ran or slept there.
    pub running: u64,
    /// Glances at which an owner that was not in a poll was looked for: not all, because that is a walk over all tasks.
    pub looked: u64,
    /// Of those, the ones at which it could run, and stood in a queue.
    pub runnable: u64,
    /// The last owner that was not running, and where it was spawned.
    pub owner: Option<(u64, String)>,
}

/// The locks that glances look at.
#[derive(Debug, Default)]
pub(super) struct Watch {
    watched: Vec<Watched>,
    /// Glances that look for no owner yet, because the last walk was long.
    unlooked: u32,
}

/// One of them.
#[derive(Debug, Default)]
struct Watched {
    id: u64,
    lock: Lock,
    /// At the last glance the owner was in a poll.
    polled: Option<Polled>,
}

/// A poll of an owner, until the next glance says whether it was one that ran.
#[derive(Clone, Copy, Debug)]
struct Polled {
    thread: u64,
    cpu_ns: u64,
    at: Instant,
    waited: bool,
}

impl Polled {
    /// Whether its thread has been kept off the CPU since: it neither ran nor slept.
    fn is_kept_off(self) -> bool {
        let Some(now) = threads::read(self.thread) else { return false };
        let ran = now.cpu_ns.saturating_sub(self.cpu_ns);
        !now.asleep && u128::from(ran * threads::KEPT_OFF) < self.at.elapsed().as_nanos()
    }
}

impl Watched {
    /// The glance at a poll that did not run says nothing of the lock, but that somebody else had the CPU.
    fn settle(&mut self) {
        if let Some(polled) = self.polled.take().filter(|polled| polled.is_kept_off()) {
            let lock = &mut self.lock;
            lock.glances -= 1;
            lock.owned -= 1;
            lock.running -= 1;
            lock.waited -= u64::from(polled.waited);
        }
    }
}

impl Watch {
    /// Looks at all of them: by every glance. Returns what it took to look for owners, of the CPU's
    /// time: which is dear, and made up for by looking for none for as long.
    pub(super) fn glance(&mut self, source: &dyn Source, stats: &SchedulerStats) -> Duration {
        if self.watched.is_empty() || stats.totals.tasks_live > FEW {
            return Duration::ZERO;
        }
        let mut owners: Vec<(usize, u64, bool)> = Vec::new();
        for (at, watched) in self.watched.iter_mut().enumerate() {
            watched.settle();
            let Some(facts) = source.resource(watched.id) else { continue };
            let lock = &mut watched.lock;
            let waited = facts.waiters > 0;
            lock.glances += 1;
            lock.waited += u64::from(waited);
            if facts.owner == 0 {
                continue;
            }
            lock.owned += 1;
            if let Some(processor) = stats.processors.iter().find(|processor| processor.task == Some(facts.owner)) {
                lock.running += 1;
                let machine = processor.machine.and_then(|id| stats.machines.iter().find(|machine| machine.id == id));
                let thread = machine.map(|machine| machine.thread_id);
                watched.polled = thread.and_then(|thread| {
                    Some(Polled { thread, cpu_ns: threads::cpu(thread)?, at: Instant::now(), waited })
                });
            } else {
                owners.push((at, facts.owner, waited));
            }
        }
        if !owners.is_empty() {
            self.glance_at_mains(source, &mut owners);
        }
        if owners.is_empty() {
            return Duration::ZERO;
        }
        if let Some(left) = self.unlooked.checked_sub(1) {
            self.unlooked = left;
            return Duration::ZERO;
        }
        let (begun, cpu) = (Instant::now(), threads::own_cpu());
        owners.iter().for_each(|(at, ..)| self.watched[*at].lock.looked += 1);
        let watched = &mut self.watched;
        source.tasks(&mut |row| {
            for (at, owner, _) in owners.iter().filter(|(_, owner, _)| *owner == row.id.as_u64()) {
                let lock = &mut watched[*at].lock;
                lock.runnable += u64::from(!row.bits.is_idle() && !row.bits.is_complete());
                lock.owner = Some((*owner, place(row.site)));
            }
        });
        // Records are never freed: where many tasks have lived a walk is long, however few live now.
        let took = match (cpu, threads::own_cpu()) {
            (Some(then), Some(now)) => now.saturating_sub(then),
            _ => begun.elapsed(),
        };
        self.unlooked = u32::try_from(took.as_nanos() / WALK.as_nanos()).unwrap_or(u32::MAX).min(MOST_UNLOOKED);
        took
    }

    /// Those of the owners that are futures of `block_on` run if their threads poll them; else they are none that is looked for.
    fn glance_at_mains(&mut self, source: &dyn Source, owners: &mut Vec<(usize, u64, bool)>) {
        source.mains(&mut |main| {
            owners.retain(|&(at, owner, waited)| {
                if owner != main.row.id.as_u64() {
                    return true;
                }
                let Watched { lock, polled, .. } = &mut self.watched[at];
                if main.polled {
                    lock.running += 1;
                    let thread = main.thread_id;
                    *polled = threads::cpu(thread).map(|cpu_ns| Polled { thread, cpu_ns, at: Instant::now(), waited });
                } else {
                    lock.looked += 1;
                    lock.runnable += u64::from(!main.row.bits.is_idle());
                    lock.owner = Some((owner, place(main.row.site)));
                }
                false
            });
        });
    }

    /// The locks that were watched, and which ones to watch from now on.
    pub(super) fn rewatch(&mut self, facts: &[Facts], waits_before: impl Fn(&Facts) -> u64) -> Vec<Lock> {
        let seen = std::mem::take(&mut self.watched).into_iter().map(|watched| watched.lock).collect();
        let mut wanted: Vec<(u64, &Facts)> = facts
            .iter()
            .filter(|facts| facts.kind == Kind::Mutex)
            .map(|facts| (facts.waiters + facts.waits.saturating_sub(waits_before(facts)), facts))
            .filter(|(wanted, _)| *wanted > 0)
            .collect();
        wanted.sort_by_key(|(wanted, _)| std::cmp::Reverse(*wanted));
        let watch = |(_, facts): &(u64, &Facts)| Watched {
            id: facts.id,
            lock: Lock { resource: named(facts), ..Lock::default() },
            polled: None,
        };
        self.watched = wanted.iter().take(WATCHED).map(watch).collect();
        seen
    }
}
