//! One walk over the tasks, one over the resources that they wait for, and the edges between them.
//!
//! Of the many that wait for one thing the first few are told, and the others counted, so that ten thousand idle connections are a
//! number and not ten thousand lines, and a million that wait for a million things are no answer of a gigabyte; who owns something that is waited for is always there. The graph of a running program
//! is as of many moments, like every dump.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use gumption_core::resource::{self, Facts, Kind};
use gumption_core::runtime::Handle;
use gumption_core::task::Row;
use gumption_core::wait::WaitReason;

use super::look::{self, Seen};
use super::model::{Edge, End, Graph, Relation, TaskNode};
use crate::dump::State;

/// Tasks that are told of those that wait for the same.
const PER_RESOURCE: u32 = 16;
/// Waits that are told at all.
const MOST: usize = 100_000;

/// Who waits for whom among this runtime's tasks, its blocking pool's closures, the process' local sets, and whoever has what they
/// wait for.
///
/// ```
/// # use gumption_core::runtime::Runtime;
/// use gumption_introspect::graph::graph;
///
/// let runtime: Runtime = Runtime::new()?;
/// println!("{}", graph(runtime.handle()).dot());
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn graph(handle: &Handle) -> Graph {
    gather(&look::everywhere(Some(handle)), Some(look::number(handle)))
}

/// Who waits for whom in this process.
pub fn everywhere() -> Graph {
    gather(&look::everywhere(None), None)
}

/// What a task waits for, if that can be drawn.
fn target(row: &Row) -> Option<End> {
    use WaitReason as W;
    if !row.bits.is_idle() || row.resource == 0 {
        return None;
    }
    match row.wait {
        W::Join | W::BlockingPool => Some(End::Task(row.resource)),
        W::ChanRecv | W::ChanSend | W::Mutex | W::RwLockRead | W::RwLockWrite | W::Semaphore | W::Notify => {
            Some(End::Resource(row.resource))
        }
        W::Barrier | W::OnceCell | W::Watch => Some(End::Resource(row.resource)),
        _ => None,
    }
}

/// Whether it waits for nothing else.
fn is_exact(row: &Row) -> bool {
    row.exact && row.bits.wakers() == 1
}

#[derive(Default)]
struct Gathered {
    graph: Graph,
    tasks: BTreeMap<u64, TaskNode>,
    waiting: HashMap<End, u32>,
}

impl Gathered {
    fn add(&mut self, seen: &Seen) {
        let row = &seen.row;
        if row.bits.is_idle() && row.wait == WaitReason::Select {
            self.graph.several += 1;
        }
        let Some(to) = target(row) else { return };
        if self.graph.edges.len() >= MOST {
            self.graph.cut += 1;
            return;
        }
        let told = self.waiting.entry(to).or_default();
        if *told == PER_RESOURCE {
            self.graph.cut += 1;
            return;
        }
        *told += 1;
        self.tasks.insert(seen.id(), node(seen, false, &HashSet::new()));
        let from = End::Task(seen.id());
        self.graph.edges.push(Edge { from, to, relation: Relation::WaitsFor, exact: is_exact(row) });
    }

    /// The edges from a resource to who has it; whom they lead to.
    fn owned(&mut self, facts: &Facts) -> Vec<u64> {
        self.graph.resources.push(facts.into());
        let relation = match facts.kind {
            Kind::Mutex | Kind::RwLock | Kind::OnceCell | Kind::Semaphore => Relation::AcquiredBy,
            _ => Relation::ReceivedBy,
        };
        let is_lock = relation == Relation::AcquiredBy;
        let mut holders = Vec::new();
        if facts.owner != 0 {
            holders.push((facts.owner, is_lock && facts.firm));
        } else if let (true, Some(shares)) = (is_lock, resource::shares(facts.id)) {
            holders.extend(shares.holders.iter().map(|holder| (holder.task, facts.firm && !holder.travels)));
            // Who has several permits is told once, and as exact only if all of them are.
            holders.sort_unstable();
            holders.dedup_by_key(|(task, _)| *task);
        }
        let from = End::Resource(facts.id);
        let edge = |(task, exact)| Edge { from, to: End::Task(task), relation, exact };
        self.graph.edges.extend(holders.iter().copied().map(edge));
        holders.into_iter().map(|(task, _)| task).collect()
    }
}

fn node(seen: &Seen, is_closure: bool, running: &HashSet<u64>) -> TaskNode {
    let row = &seen.row;
    let idle = row.bits.is_idle();
    TaskNode {
        task: seen.party(),
        is_closure,
        state: match () {
            () if row.bits.is_stranded() => State::Stranded,
            () if idle => State::Waiting,
            () if running.contains(&seen.id()) => State::Running,
            () => State::Runnable,
        },
        wait: if idle { row.wait.text().into() } else { "".into() },
        age_ns: if idle { seen.age_ns() } else { 0 },
        wakers: row.bits.wakers(),
    }
}

fn gather(handles: &[Handle], of: Option<u64>) -> Graph {
    let mut all = Gathered::default();
    look::parties(handles, |seen| {
        if seen.runtime == 0 || of.is_none_or(|of| of == seen.runtime) {
            all.add(&seen);
        }
    });
    // Whom edges lead to and nobody has told of yet.
    let mut unknown = BTreeSet::new();
    let ends: Vec<End> = all.waiting.keys().copied().collect();
    for end in ends {
        let leads_to = match end {
            End::Task(task) => vec![task],
            End::Resource(id) => resource::find(id).map(|facts| all.owned(&facts)).unwrap_or_default(),
        };
        unknown.extend(leads_to.into_iter().filter(|task| !all.tasks.contains_key(task)));
    }
    // What processors and the pool's threads run, for those who own something and do not wait.
    let machines = handles.iter().flat_map(|handle| handle.stats().machines);
    let running: HashSet<u64> = machines.filter_map(|machine| machine.task).collect();
    let tell = |tasks: &mut BTreeMap<u64, TaskNode>, seen: Seen, is_closure| {
        if unknown.contains(&seen.id()) {
            tasks.insert(seen.id(), node(&seen, is_closure, &running));
        }
    };
    if !unknown.is_empty() {
        look::parties(handles, |seen| tell(&mut all.tasks, seen, false));
        look::closures(handles, |seen| tell(&mut all.tasks, seen, true));
    }
    let Gathered { mut graph, tasks, .. } = all;
    graph.tasks = tasks.into_values().collect();
    graph.resources.sort_by_key(|resource| resource.id);
    graph.edges.sort_by_key(|edge| (edge.from, edge.to));
    graph
}
