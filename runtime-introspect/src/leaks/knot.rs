//! The knot: which tasks can never run, given what each of them needs.
//!
//! A pure computation over facts that others have read. Each waiter has a [`Need`]; some tasks are known to be dead to begin with. All
//! waiters are taken for dead, and then each is let go whose need somebody outside can still meet, and with it those who need
//! it, until nothing changes. What remains is the largest set whose every member waits for members: a *knot*. In it there are
//! cycles, and tasks that wait behind a cycle or behind one that was dead before.
//!
//! ```text
//!   1 ⇄ 2 ← 3        a cycle, and one behind it
//!   4 → 5 → (6 runs) nobody: 6 may let 5 go, and 5 then 4
//!   7 → 8 dead       one behind a dead one
//! ```
//!
//! It refuses to know what a task is. The invariant: the result depends on the needs alone, not on their order.

use std::collections::{HashMap, HashSet};

/// What must happen before a waiter can run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// This task runs.
    Task(u64),
    /// Permits come back: the waiter is stuck when of those that are held more than `spare` are held by the dead.
    Permits {
        /// Tasks, and how many each of them holds.
        holders: Vec<(u64, u64)>,
        /// So many need not come back.
        spare: u64,
    },
}

impl Need {
    fn is_stuck(&self, is_dead: impl Fn(u64) -> bool) -> bool {
        match self {
            Self::Task(task) => is_dead(*task),
            Self::Permits { holders, spare } => {
                let dead = holders.iter().filter(|(task, _)| is_dead(*task));
                dead.fold(0u64, |sum, (_, permits)| sum.saturating_add(*permits)) > *spare
            }
        }
    }

    /// The tasks that can meet it.
    pub(crate) fn tasks(&self) -> impl Iterator<Item = u64> {
        let (one, several) = match self {
            Self::Task(task) => (Some(*task), &[][..]),
            Self::Permits { holders, .. } => (None, &holders[..]),
        };
        one.into_iter().chain(several.iter().map(|(task, _)| *task))
    }
}

/// Where a dead waiter's needs lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Into the cycle of this number.
    Cycle(usize),
    /// To this task, which is dead by itself.
    Dead(u64),
}

/// Tasks that can never run.
#[derive(Debug, Default)]
pub(crate) struct Knot {
    /// Each cycle, from its smallest id on, in the order of waiting.
    pub(crate) cycles: Vec<Vec<u64>>,
    /// Every waiter that is dead, and where it leads; members of a cycle lead into it.
    pub(crate) ends: HashMap<u64, End>,
}

/// The dead among those who need, beside the `dead` that need nothing.
pub(crate) fn dead_waiters(needs: &HashMap<u64, Need>, dead: &HashSet<u64>) -> HashSet<u64> {
    let mut stuck: HashSet<u64> = needs.keys().copied().collect();
    let mut dependents: HashMap<u64, Vec<u64>> = HashMap::new();
    for (waiter, need) in needs {
        for task in need.tasks() {
            dependents.entry(task).or_default().push(*waiter);
        }
    }
    let mut asked: Vec<u64> = stuck.iter().copied().collect();
    while let Some(waiter) = asked.pop() {
        let remains = needs[&waiter].is_stuck(|task| dead.contains(&task) || stuck.contains(&task));
        if !remains && stuck.remove(&waiter) {
            asked.extend(dependents.get(&waiter).into_iter().flatten().filter(|task| stuck.contains(task)));
        }
    }
    stuck
}

impl Knot {
    /// The knot of those who need, with the `dead` that need nothing.
    pub(crate) fn of(needs: &HashMap<u64, Need>, dead: &HashSet<u64>) -> Self {
        let stuck = dead_waiters(needs, dead);
        // Of several that a waiter needs, any dead one leads on; the smallest, so that the same facts make the same cycles.
        let next =
            |waiter: u64| needs[&waiter].tasks().filter(|task| dead.contains(task) || stuck.contains(task)).min();
        let mut knot = Self::default();
        let mut starts: Vec<u64> = stuck.iter().copied().collect();
        starts.sort_unstable();
        for start in starts {
            let mut path = Vec::new();
            let mut on_path = HashMap::new();
            let mut at = start;
            let end = loop {
                if let Some(end) = knot.ends.get(&at) {
                    break Some(*end);
                }
                if dead.contains(&at) {
                    break Some(End::Dead(at));
                }
                if let Some(place) = on_path.insert(at, path.len()) {
                    let mut cycle: Vec<u64> = path[place..].to_vec();
                    let smallest = cycle.iter().enumerate().min_by_key(|(_, task)| **task).map_or(0, |(at, _)| at);
                    cycle.rotate_left(smallest);
                    knot.cycles.push(cycle);
                    break Some(End::Cycle(knot.cycles.len() - 1));
                }
                path.push(at);
                match next(at) {
                    Some(task) => at = task,
                    None => break None,
                }
            };
            if let Some(end) = end {
                knot.ends.extend(path.into_iter().map(|waiter| (waiter, end)));
            }
        }
        knot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tasks(needs: &[(u64, u64)]) -> HashMap<u64, Need> {
        needs.iter().map(|(waiter, task)| (*waiter, Need::Task(*task))).collect()
    }

    fn sorted(ids: impl IntoIterator<Item = u64>) -> Vec<u64> {
        let mut ids: Vec<u64> = ids.into_iter().collect();
        ids.sort_unstable();
        ids
    }

    #[test]
    fn a_cycle_and_who_waits_behind_it_are_dead_and_who_waits_for_a_living_one_is_not() {
        let needs = tasks(&[(2, 1), (1, 2), (3, 2), (4, 5), (5, 6), (7, 8)]);
        let knot = Knot::of(&needs, &HashSet::from([8]));
        assert_eq!(knot.cycles, [[1, 2]]);
        assert_eq!(sorted(knot.ends.keys().copied()), [1, 2, 3, 7]);
        assert_eq!((knot.ends[&3], knot.ends[&7]), (End::Cycle(0), End::Dead(8)));
    }

    #[test]
    fn one_that_waits_for_itself_is_a_cycle_of_one() {
        assert_eq!(Knot::of(&tasks(&[(9, 9)]), &HashSet::new()).cycles, [[9]]);
    }

    #[test]
    fn a_living_holder_of_enough_permits_unties_a_knot() {
        let held = |holders: &[(u64, u64)], spare| Need::Permits { holders: holders.to_vec(), spare };
        // 1 and 2 hold one of three permits each; 3 runs.
        let shared = [(1, 1), (2, 1), (3, 1)];
        let both = |spare| HashMap::from([(1, held(&shared, spare)), (2, held(&shared, spare))]);
        assert!(dead_waiters(&both(2), &HashSet::new()).is_empty(), "each wants one, and 3 will give one back");
        assert_eq!(sorted(dead_waiters(&both(1), &HashSet::new())), [1, 2], "each wants two");
        assert_eq!(sorted(dead_waiters(&both(2), &HashSet::from([3]))), [1, 2], "3 is dead");
        assert_eq!(Knot::of(&both(1), &HashSet::new()).cycles, [[1]], "1 waits for its own, 2 for 1's");
    }

    #[test]
    fn the_order_of_the_facts_changes_nothing() {
        let pairs: Vec<(u64, u64)> = (0..200).map(|task| (task, (task * 7 + 3) % 210)).collect();
        let one = Knot::of(&tasks(&pairs), &HashSet::new());
        let reversed: Vec<(u64, u64)> = pairs.iter().rev().copied().collect();
        let other = Knot::of(&tasks(&reversed), &HashSet::new());
        assert_eq!(one.cycles, other.cycles);
        assert_eq!(sorted(one.ends.into_keys()), sorted(other.ends.into_keys()));
    }
}
