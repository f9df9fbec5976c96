//! Rings: tasks that wait for one another, each for something that the next one has.
//!
//! A task that waits for a lock waits for whoever has it; one that waits at a join handle waits for the end of that task. Both are
//! *exact*: there is one task that can end the wait, and it is known. So each waiting task has at most one arrow, and a ring of
//! arrows is a deadlock: nobody in it runs before somebody in it has run.
//!
//! ```text
//!   task 7 ── mutex at a.rs:3 ──▶ task 9          locks: a deadlock
//!      ▲───── mutex at a.rs:4 ──────╯
//!   task 7 ── mutex at a.rs:3, handed to it and not taken ──▶ task 7          own: a futurelock
//!   task 7 ── the end of ──▶ task 9 ── the end of ──▶ task 7          handles: each keeps the other
//! ```
//!
//! An arrow counts only if the wait is exact and the task has one waker, for with two it waits for something else as well, a timeout
//! say; and, of a lock, only if its guard cannot have gone to another task. Rows and facts are not read at one instant, so one
//! census proves nothing; [`Ring::still`] counts those who were in the same wait for the same task at the last one, and
//! who therefore did nothing, and gave nothing up, in between.
//!
//! Called by the [census](super). It refuses to judge; proofs are the business of [`leaks`](crate::leaks).

use std::collections::HashMap;
use std::fmt::Write as _;
use std::panic::Location;

use gumption_core::resource::{Facts, Kind};
use gumption_core::task::Row;
use gumption_core::wait::WaitReason;
use serde::Serialize;

use super::{Ids, named, place};

/// Tasks of a ring that are told of one by one.
const TOLD: usize = 8;
/// As many bits of a task's id as a wait has room for.
const NUMBER: u64 = u64::MAX >> 8;

/// Tasks in rings of one kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Ring {
    /// How many.
    pub tasks: u64,
    /// Of those, the ones that were in such a ring at the last census.
    pub known: u64,
    /// Of those, the ones that are in the same wait for the same task as then.
    pub still: u64,
    /// The first of them, and where it was spawned.
    pub task: Option<(u64, String)>,
    /// Its ring, in words.
    pub told: Option<String>,
}

/// The rings of a census.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Rings {
    /// Rings with a lock in them, and small rings of join handles as well: all but the other two kinds.
    pub locks: Ring,
    /// Tasks that wait for a lock that was handed to a future of their own, which they do not poll.
    pub own: Ring,
    /// Rings of join handles alone.
    pub handles: Ring,
}

/// The arrows of the tasks that wait for one other task.
#[derive(Debug, Default)]
pub(super) struct Arrows(HashMap<u64, Arrow, Ids>);

#[derive(Clone, Copy, Debug)]
struct Arrow {
    task: u64,
    site: &'static Location<'static>,
    since: u64,
    join: bool,
    resource: u64,
}

/// Who finds rings, and remembers those of the last census.
#[derive(Debug, Default)]
pub(super) struct Finder {
    /// Of each task in a ring: since when it waits, and for which task.
    before: HashMap<u64, (u64, u64), Ids>,
}

impl Arrows {
    /// Takes in a task that is not complete.
    pub(super) fn see(&mut self, row: &Row) {
        use WaitReason as W;
        let join = row.wait == W::Join;
        if !join && !matches!(row.wait, W::Mutex | W::RwLockRead | W::RwLockWrite | W::OnceCell) {
            return;
        }
        if row.exact && row.bits.is_idle() && row.bits.wakers() == 1 {
            let task = row.id.as_u64();
            let arrow = Arrow { task, site: row.site, since: row.since, join, resource: row.resource };
            self.0.insert(task & NUMBER, arrow);
        }
    }
}

impl Finder {
    /// Finds the rings.
    pub(super) fn find(&mut self, arrows: &Arrows, by_id: &HashMap<u64, &Facts, Ids>) -> Rings {
        let arrows = &arrows.0;
        let facts = |arrow: &Arrow| by_id.get(&arrow.resource).filter(|facts| !arrow.join && facts.firm);
        let next = |task: u64| -> Option<u64> {
            let arrow = arrows.get(&task)?;
            // Who was handed a lock and has not run since waits no more.
            let owner = |facts: &&Facts| Some(facts.owner & NUMBER).filter(|owner| !facts.waking || *owner != task);
            let to = if arrow.join { arrow.resource } else { owner(facts(arrow)?)? };
            arrows.contains_key(&to).then_some(to)
        };
        let mut rings = Rings::default();
        let mut now: HashMap<u64, (u64, u64), Ids> = HashMap::default();
        let mut walked: HashMap<u64, u64, Ids> = HashMap::default();
        // In order, so that the same rings are told of in the same words.
        let mut tasks: Vec<u64> = arrows.keys().copied().collect();
        tasks.sort_unstable();
        for &start in &tasks {
            let mut at = start;
            let met = loop {
                if let Some(walk) = walked.get(&at) {
                    break (*walk == start).then_some(at);
                }
                walked.insert(at, start);
                match next(at) {
                    Some(to) => at = to,
                    None => break None,
                }
            };
            let Some(first) = met else { continue };
            let mut members = vec![first];
            let mut at = first;
            while let Some(to) = next(at).filter(|to| *to != first) {
                members.push(to);
                at = to;
            }
            let least = members.iter().enumerate().min_by_key(|(_, task)| **task).map_or(0, |(place, _)| place);
            members.rotate_left(least);
            let waits: Vec<&Arrow> = members.iter().filter_map(|task| arrows.get(task)).collect();
            let handed = |arrow: &&Arrow| {
                facts(arrow).is_some_and(|facts| facts.depth > 0 && matches!(facts.kind, Kind::Mutex | Kind::RwLock))
            };
            let ring = match waits.as_slice() {
                [one] if handed(one) => &mut rings.own,
                all if all.iter().all(|arrow| arrow.join) => &mut rings.handles,
                _ => &mut rings.locks,
            };
            for (member, arrow) in members.iter().zip(&waits) {
                let wait = (arrow.since, next(*member).unwrap_or_default());
                if let Some(before) = self.before.get(member) {
                    ring.known += 1;
                    ring.still += u64::from(*before == wait);
                }
                now.insert(*member, wait);
            }
            ring.tasks += waits.len() as u64;
            if let (None, Some(first)) = (&ring.task, waits.first()) {
                ring.task = Some((first.task, place(first.site)));
                ring.told = Some(tell(&waits, &|arrow| facts(arrow).copied()));
            }
        }
        self.before = now;
        rings
    }
}

/// `ring task 7 (a.rs:3) -> mutex at b.rs:2 -> task 9 (a.rs:9) -> mutex at b.rs:3 -> task 7`
fn tell<'a>(ring: &[&Arrow], facts: &dyn Fn(&Arrow) -> Option<&'a Facts>) -> String {
    let mut told = String::from("ring");
    for arrow in ring.iter().take(TOLD) {
        let _ = write!(told, " task {} ({}) ->", arrow.task, place(arrow.site));
        let _ = match facts(arrow) {
            Some(facts) => write!(told, " {} ->", named(facts)),
            None => write!(told, " end of"),
        };
    }
    match ring.first() {
        Some(first) if ring.len() <= TOLD => {
            let _ = write!(told, " task {}", first.task);
        }
        _ => {
            let _ = write!(told, " and {} more", ring.len().saturating_sub(TOLD));
        }
    }
    told
}
