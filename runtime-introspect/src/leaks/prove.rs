//! The looks, and what they prove: see [`super`].
//!
//! ```text
//!   look      every task: stranded? in an exact wait with one waker?        copies, cheap, of many moments
//!             the resources that those wait for: whose?                     → needs → a knot, perhaps
//!   confirm   each task of the knot: the same wait?                         a change of its state word each
//!             the resources again: whose?                                   → needs
//!   confirm   each task of the knot: still the same wait?                   a change of its state word each
//!                                                                           → the knot that is told
//! ```
//!
//! A healthy program has no knot at the look, or a small one by chance, so the rest costs nothing.
//!
//! The model of it, on the runtime's own records: `who_waits_is_not_proven_to_have_what_it_waits_for` in
//! `loom-tests/tests/registry.rs`.

use std::collections::{HashMap, HashSet};
use std::panic::Location;
use std::ptr::from_ref;

use gumption_core::resource::{self, Facts, Kind, Shares};
use gumption_core::runtime::Handle;
use gumption_core::task::Row;
use gumption_core::wait::WaitReason;

use super::knot::{End, Knot, Need, dead_waiters};
use super::model::{Cycle, Leaks, Proven, Step, Suspect, Why};
use crate::cost;
use crate::dump::ResourceDump;
use crate::graph::Party;
use crate::graph::look::{self, Seen};

/// What is leaked of this runtime's tasks, and of those of the process' local sets.
///
/// ```
/// # use gumption_core::runtime::Runtime;
/// use gumption_introspect::leaks::leaks;
///
/// let runtime: Runtime = Runtime::new()?;
/// let task = runtime.spawn(std::future::pending::<()>());
/// let found = loop {
///     let found = leaks(runtime.handle());
///     if !found.proven.is_empty() {
///         break found;
///     }
/// };
/// assert_eq!(found.proven[0].tasks[0].id, task.id().as_u64());
/// println!("{found}");
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn leaks(handle: &Handle) -> Leaks {
    let _cost = cost::of(cost::Part::Leaks);
    find(&look::everywhere(Some(handle)), Some(look::number(handle)))
}

/// What is leaked in this process: by all of its runtimes.
pub fn everywhere() -> Leaks {
    let _cost = cost::of(cost::Part::Leaks);
    find(&look::everywhere(None), None)
}

/// A circle that is likely and not proven: each task of it with the beginning of its wait, and what to say about it.
pub(super) type Likely = (Vec<(u64, u64)>, Suspect);

/// [`leaks`], and the circles that are likely.
pub(super) fn with_likely(handle: &Handle) -> (Leaks, Vec<Likely>) {
    let (handles, of) = (look::everywhere(Some(handle)), Some(look::number(handle)));
    let found = find(&handles, of);
    let mut look = Look { likely: true, ..Look::default() };
    look::parties(&handles, |seen| look.add(seen));
    let needs = look.needs();
    let knot = Knot::of(&needs.of, &HashSet::new());
    let known: HashSet<Vec<u64>> =
        found.deadlocks.iter().map(|cycle| cycle.steps.iter().map(|step| step.task.id).collect()).collect();
    // One that waits for what it has acquired itself has most likely sent it away: that is what one acquires permits for.
    let circles = knot.cycles.into_iter().filter(|cycle| cycle.len() > 1 && !known.contains(cycle));
    let likely = circles.filter_map(|cycle| {
        let tasks: Vec<&Seen> = cycle.iter().filter_map(|id| look.waiting.get(id)).collect();
        // What is proven of others is not known here, and not asked for.
        let first = tasks.first().filter(|_| tasks.iter().any(|seen| is_asked(of, seen.runtime)))?;
        let waits = tasks.iter().map(|seen| (seen.id(), seen.row.since)).collect();
        let suspect = Suspect {
            count: tasks.len() as u64,
            why:
                "each waits for what the next one has acquired, in a circle; a guard among them may be elsewhere by now"
                    .into(),
            spawned_at: first.row.site.into(),
            type_name: first.row.type_name().into(),
            wait: first.row.wait.text().into(),
            oldest_ns: tasks.iter().map(|seen| seen.age_ns()).max().unwrap_or(0),
            tasks: listed(&tasks),
        };
        Some((waits, suspect))
    });
    (found, likely.collect())
}

/// Whether what concerns a runtime shall be told when `of` is asked about. Local sets belong to none.
fn is_asked(of: Option<u64>, runtime: u64) -> bool {
    runtime == 0 || of.is_none_or(|of| of == runtime)
}

/// Looks at all of `handles`, because a circle may go through several runtimes, and tells what concerns `of`.
fn find(handles: &[Handle], of: Option<u64>) -> Leaks {
    let mut first = Look::default();
    let mut tasks = 0;
    let is_asked = |runtime: u64| is_asked(of, runtime);
    look::parties(handles, |seen| {
        if !seen.row.bits.is_complete() {
            tasks += u64::from(is_asked(seen.runtime) && !seen.row.is_main());
            first.add(seen);
        }
    });
    let mut found = first.confirm().told(&is_asked);
    found.tasks = tasks;
    found
}

/// Tasks that may be dead, as one look found them.
#[derive(Default)]
struct Look {
    stranded: HashMap<u64, Seen>,
    waiting: HashMap<u64, Seen>,
    /// Resources that are not firm count, too: for what is likely.
    likely: bool,
}

/// What tasks need, and the resources that say so.
#[derive(Default)]
struct Needs {
    of: HashMap<u64, Need>,
    resources: HashMap<u64, Facts>,
    shares: HashMap<u64, Shares>,
}

/// Whether a task waits for one thing, as far as it goes, and is idle.
fn is_exact(row: &Row) -> bool {
    row.exact && row.bits.is_idle() && row.bits.wakers() == 1
}

impl Look {
    fn add(&mut self, seen: Seen) {
        if seen.row.bits.is_stranded() {
            self.stranded.insert(seen.id(), seen);
        } else if is_exact(&seen.row) {
            self.waiting.insert(seen.id(), seen);
        }
    }

    fn dead(&self) -> HashSet<u64> {
        self.stranded.keys().copied().collect()
    }

    /// What those who wait need, as far as it is known exactly.
    fn needs(&self) -> Needs {
        let mut needs = Needs::default();
        let mut read = HashSet::new();
        for (id, seen) in &self.waiting {
            let on = seen.row.resource;
            let need = if seen.row.wait == WaitReason::Join {
                self.is_known(on, true).then_some(Need::Task(on))
            } else {
                if read.insert(on) {
                    needs.read(on);
                }
                needs.of_resource(on, *id, self.likely)
            };
            if let Some(need) = need.filter(|need| need.tasks().any(|task| self.is_known(task, false))) {
                needs.of.insert(*id, need);
            }
        }
        needs
    }

    /// What is true of what the look has shown.
    fn confirm(mut self) -> Proof {
        let guess = self.needs();
        let stuck = dead_waiters(&guess.of, &self.dead());
        let mut dead: HashSet<u64> = stuck.iter().flat_map(|waiter| guess.of[waiter].tasks()).collect();
        let confirm = |seen: &mut Seen, still: fn(&Row) -> bool| match seen.row.again() {
            Some(row) if still(&row) && is_same_wait(&row, &seen.row) => {
                seen.row = row;
                true
            }
            _ => false,
        };
        // One that is dead by itself, and needed, is confirmed, too: for what its last run left.
        self.stranded.retain(|id, seen| !dead.contains(id) || confirm(seen, |row| row.bits.is_stranded()));
        dead.retain(|id| self.stranded.contains_key(id));
        self.waiting.retain(|id, seen| stuck.contains(id) && confirm(seen, is_exact));
        // What is read here is neither from before their last runs nor, if they are confirmed once more, from after.
        let mut needs = self.needs();
        let stuck = dead_waiters(&needs.of, &dead);
        self.waiting.retain(|id, seen| stuck.contains(id) && confirm(seen, is_exact));
        needs.of.retain(|id, _| self.waiting.contains_key(id));
        let knot = Knot::of(&needs.of, &dead);
        Proof { look: self, needs, knot }
    }

    /// Whether a task is one that may be dead; if it shall be joined, that somebody's waker waits for its end.
    fn is_known(&self, id: u64, joined: bool) -> bool {
        let seen = self.waiting.get(&id).or_else(|| self.stranded.get(&id));
        seen.is_some_and(|seen| !joined || seen.row.bits.has_joiner())
    }
}

/// Whether it is a `block_on` that never ends, as programs have it to keep a runtime: it can never run again, and that is what it is for.
/// One that has said what it waits for has meant to.
fn is_kept_for_its_runtime(row: &Row) -> bool {
    row.is_main() && row.wait == WaitReason::Unknown
}

fn is_same_wait(row: &Row, other: &Row) -> bool {
    (row.since, row.wait, row.resource) == (other.since, other.wait, other.resource)
}

impl Needs {
    fn read(&mut self, resource: u64) {
        let Some(facts) = resource::find(resource) else { return };
        if matches!(facts.kind, Kind::Semaphore | Kind::RwLock)
            && let Some(shares) = resource::shares(resource)
        {
            self.shares.insert(resource, shares);
        }
        self.resources.insert(resource, facts);
    }

    /// What `waiter` needs, who waits for `resource`.
    fn of_resource(&self, resource: u64, waiter: u64, likely: bool) -> Option<Need> {
        let facts = self.resources.get(&resource).filter(|facts| facts.firm || likely)?;
        if facts.owner != 0 {
            // Who was handed it, and has not run since, waits no more, whatever it says.
            let waits = !(facts.waking && facts.owner == waiter);
            return waits.then_some(Need::Task(facts.owner));
        }
        let shares = self.shares.get(&resource).filter(|shares| shares.front != 0)?;
        if shares.front != waiter {
            // Nobody overtakes.
            return Some(Need::Task(shares.front));
        }
        let firm = shares.holders.iter().filter(|holder| !holder.travels || likely);
        let holders = firm.map(|holder| (holder.task, holder.permits)).collect();
        Some(Need::Permits { holders, spare: shares.spare })
    }
}

/// What was seen, and confirmed twice.
struct Proof {
    look: Look,
    needs: Needs,
    knot: Knot,
}

/// Dead tasks that have in common where they were spawned, their type, what they wait for, and why they are dead.
type Alike = (*const Location<'static>, &'static str, WaitReason, Option<u64>);

impl Proof {
    fn seen(&self, id: u64) -> Option<&Seen> {
        self.look.waiting.get(&id).or_else(|| self.look.stranded.get(&id))
    }

    fn party(&self, id: u64) -> Party {
        self.seen(id).map_or_else(|| Party { id, ..Party::default() }, Seen::party)
    }

    /// Whether it waits behind another one for what nobody has for itself.
    fn is_behind(&self, seen: &Seen) -> bool {
        let shares = self.needs.shares.get(&seen.row.resource);
        let owner = self.needs.resources.get(&seen.row.resource).map_or(0, |facts| facts.owner);
        owner == 0 && seen.row.wait != WaitReason::Join && shares.is_some_and(|shares| shares.front != seen.id())
    }

    fn resource(&self, seen: &Seen) -> Option<ResourceDump> {
        let known = self.needs.resources.get(&seen.row.resource).copied();
        let facts = match seen.row.wait {
            WaitReason::Join | WaitReason::Sleep | WaitReason::Select | WaitReason::Unknown => None,
            _ => known.or_else(|| resource::find(seen.row.resource)),
        };
        facts.as_ref().map(ResourceDump::from)
    }

    fn told(&self, is_asked: &dyn Fn(u64) -> bool) -> Leaks {
        let mut groups: HashMap<Alike, Vec<&Seen>> = HashMap::new();
        let alike = |seen: &Seen, why| (from_ref(seen.row.site), seen.row.type_name(), seen.row.wait, why);
        let is_told = |seen: &&Seen| is_asked(seen.runtime) && !is_kept_for_its_runtime(&seen.row);
        for seen in self.look.stranded.values().filter(is_told) {
            groups.entry(alike(seen, None)).or_default().push(seen);
        }
        let mut behind: Vec<Vec<&Seen>> = vec![Vec::new(); self.knot.cycles.len()];
        for (id, end) in &self.knot.ends {
            let Some(seen) = self.look.waiting.get(id) else { continue };
            match *end {
                End::Dead(task) if is_asked(seen.runtime) => {
                    groups.entry(alike(seen, Some(task))).or_default().push(seen);
                }
                End::Cycle(cycle) if !self.knot.cycles[cycle].contains(id) => behind[cycle].push(seen),
                End::Dead(_) | End::Cycle(_) => {}
            }
        }
        let mut proven: Vec<Proven> = groups.into_iter().map(|((.., why), tasks)| self.proven(why, tasks)).collect();
        proven.sort_by(|a, b| {
            let order = |proven: &Proven| (std::cmp::Reverse(proven.count), proven.tasks.first().map(|task| task.id));
            order(a).cmp(&order(b))
        });
        let cycles = self.knot.cycles.iter().zip(behind);
        let cycles = cycles.filter(|(cycle, behind)| {
            let seen = cycle.iter().filter_map(|id| self.seen(*id));
            seen.chain(behind.iter().copied()).any(|seen| is_asked(seen.runtime))
        });
        let deadlocks = cycles.map(|(cycle, behind)| self.cycle(cycle, behind)).collect();
        Leaks { proven, deadlocks, ..Leaks::default() }
    }

    fn proven(&self, why: Option<u64>, mut tasks: Vec<&Seen>) -> Proven {
        oldest_first(&mut tasks);
        let count = tasks.len() as u64;
        let why = why.map_or(Why::NoWaker, |task| Why::Behind(self.party(task)));
        let Some(oldest) = tasks.first() else { return Proven { why, ..Proven::default() } };
        Proven {
            count,
            why,
            spawned_at: oldest.row.site.into(),
            type_name: oldest.row.type_name().into(),
            wait: oldest.row.wait.text().into(),
            oldest_ns: oldest.age_ns(),
            resource: self.resource(oldest),
            tasks: listed(&tasks),
        }
    }

    fn cycle(&self, cycle: &[u64], mut behind: Vec<&Seen>) -> Cycle {
        oldest_first(&mut behind);
        let step = |seen: &Seen| Step {
            task: seen.party(),
            wait: seen.row.wait.text().into(),
            age_ns: seen.age_ns(),
            resource: self.resource(seen),
            behind: self.is_behind(seen),
        };
        Cycle {
            steps: cycle.iter().filter_map(|id| self.seen(*id)).map(step).collect(),
            behind: behind.len() as u64,
            behind_tasks: listed(&behind),
        }
    }
}

pub(super) fn oldest_first(tasks: &mut [&Seen]) {
    tasks.sort_by_key(|seen| (std::cmp::Reverse(seen.age_ns()), seen.id()));
}

pub(super) fn listed(tasks: &[&Seen]) -> Vec<Party> {
    tasks.iter().take(Leaks::LISTED).map(|seen| seen.party()).collect()
}
