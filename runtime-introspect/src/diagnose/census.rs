//! The census: once a window, who waits for what, and how that has changed since the last one.
//!
//! Counters say how much happens; they do not say that the same three hundred tasks have waited for the same thing all along.
//! A census walks the tasks' records and the resources' (both are type-stable, both are read without a lock) and keeps, of
//! each task, when its wait began: a task that is found in the *same wait* by two censuses has done nothing in between.
//!
//! ```text
//!   tasks ──▶ groups      (spawn site, what is waited for): how many, how many still, left, entered
//!   resources ──▶ crowds  notifications: how many each of them woke, how many of those in vain
//!             ──▶ passed  channels with a value that their receiver does not look at
//!             ──▶ queues  channels in which values wait; lags: broadcasts in which they are lost; orphans: those who wait
//!                         where nobody receives any more
//!   both  ──▶ rings       tasks that wait for one another
//!   tasks ──▶ stranded    tasks that nothing is left to wake
//!   closures ──▶ pool     closures that run and wait for closures that are queued
//!   glances ──▶ locks     the most wanted locks, looked at by every glance: whose, and is the owner running
//! ```
//!
//! A census of a hundred thousand tasks takes a few milliseconds of the sampler's thread. Beyond `TRACKED` tasks it remembers
//! a random part of them: shares stay what they are.
//!
//! Called by the sampler. It refuses to judge: rules do that, on the [`Census`] that is part of each window.

mod locks;
mod pool;
mod queues;
mod resources;
mod rings;

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::panic::Location;
use std::time::Duration;

use gumption_core::resource::{self, Facts};
use gumption_core::runtime::{Handle, MainRow};
use gumption_core::stats::SchedulerStats;
use gumption_core::task::Row;
use gumption_core::wait::WaitReason;
use serde::Serialize;

pub use locks::Lock;
pub use pool::Pool;
pub use queues::{Lag, Orphans, Queue};
pub use resources::{Crowd, Passed};
pub use rings::{Ring, Rings};

/// Tasks whose waits are remembered from one census to the next.
const TRACKED: usize = 32_768;
/// Rows of each kind that a census keeps, the largest.
const KEPT: usize = 16;

/// What a task waits for, as far as leaks differ by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// A value from a channel.
    Receive,
    /// Room in a channel.
    Send,
    /// A point in time, and nothing else.
    Sleep,
    /// Something that happens outside, or that was not told: io, a notification, several things.
    #[default]
    Other,
}

impl Class {
    /// The class of a wait; none for waits that are for tasks' own doing (locks, joins, yields), which end when those do.
    fn of(reason: WaitReason) -> Option<Self> {
        use WaitReason as W;
        match reason {
            W::ChanRecv => Some(Self::Receive),
            W::ChanSend => Some(Self::Send),
            W::Sleep => Some(Self::Sleep),
            W::Unknown | W::Select | W::Notify | W::Watch | W::Cancellation | W::Process => Some(Self::Other),
            W::IoRead | W::IoWrite | W::IoConnect => Some(Self::Other),
            _ => None,
        }
    }
}

/// Tasks that were spawned in one place and wait for things of one class.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Group {
    /// Where they were spawned, `file:line`.
    pub site: String,
    /// What they wait for.
    pub class: Class,
    /// How many.
    pub tasks: u64,
    /// Of those, tasks that nobody has a handle to, so that nobody can ever cancel them.
    pub unheld: u64,
    /// Of those, tasks whose channel has nothing for them: it is empty (to receive) or full (to send).
    pub barren: u64,
    /// Tasks that the last census found in the group, too.
    pub known: u64,
    /// Of those, the ones that are in the same wait as then.
    pub still: u64,
    /// Tasks of the last census that are not in the group any more.
    pub left: u64,
    /// Tasks that are new in the group.
    pub entered: u64,
    /// One of them.
    pub task: u64,
    /// What that one waits for.
    pub resource: Option<String>,
}

/// A task that waits for several things at once.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Wide {
    /// For how many.
    pub width: u64,
    /// The task.
    pub task: u64,
    /// Where it was spawned.
    pub site: String,
}

/// Tasks that wait and have no waker left: nothing can make them run again.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Stranded {
    /// How many.
    pub tasks: u64,
    /// How many there were at the last census; all of those are among them, but for any that was aborted.
    pub before: u64,
    /// Of all of them, tasks that nobody has a handle to, so that nobody can abort them.
    pub unheld: u64,
    /// One of them, and where it was spawned.
    pub task: Option<(u64, String)>,
}

/// One census.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Census {
    /// The largest groups.
    pub groups: Vec<Group>,
    /// The most wanted locks.
    pub locks: Vec<Lock>,
    /// The largest crowds.
    pub crowds: Vec<Crowd>,
    /// The channels most passed by.
    pub passed: Vec<Passed>,
    /// The blocking pool.
    pub pool: Pool,
    /// The task that waits for most things at once.
    pub widest: Option<Wide>,
    /// Tasks that wait for one another.
    pub rings: Rings,
    /// Tasks that nothing is left to wake.
    pub stranded: Stranded,
    /// The fullest channels.
    pub queues: Vec<Queue>,
    /// The broadcasts that have lost most.
    pub lags: Vec<Lag>,
    /// Tasks that wait at channels whose receivers have ended.
    pub orphans: Orphans,
}

/// What a census walks.
pub trait Source {
    /// Calls with a copy of every task's record.
    fn tasks(&self, each: &mut dyn FnMut(&Row));
    /// The same of the blocking pool's closures.
    fn closures(&self, each: &mut dyn FnMut(&Row));
    /// The same of the futures that `block_on` polls, and whether it does, on which thread.
    fn mains(&self, each: &mut dyn FnMut(&MainRow));
    /// The facts of every resource that was waited for.
    fn resources(&self) -> Vec<Facts>;
    /// The facts of one.
    fn resource(&self, id: u64) -> Option<Facts>;
}

impl Source for Handle {
    fn tasks(&self, each: &mut dyn FnMut(&Row)) {
        self.for_each_task(|row| each(&row));
    }
    fn closures(&self, each: &mut dyn FnMut(&Row)) {
        self.for_each_closure(|row| each(&row));
    }
    fn mains(&self, each: &mut dyn FnMut(&MainRow)) {
        self.for_each_main(|main| each(&main));
    }
    fn resources(&self) -> Vec<Facts> {
        resource::snapshot()
    }
    fn resource(&self, id: u64) -> Option<Facts> {
        resource::find(id)
    }
}

/// Who takes the census, and remembers the last one.
#[derive(Debug, Default)]
pub struct Taker {
    waits: HashMap<(usize, Class), HashMap<u64, u64, Ids>>,
    /// One task in `1 << shift` is remembered.
    shift: u32,
    resources: resources::Resources,
    pool_ended: u64,
    locks: locks::Watch,
    finder: rings::Finder,
    stranded: u64,
    /// Where the owners of resources were spawned: of those that have ended, too.
    owners: queues::Sites,
}

/// Ids are spread well enough by one multiplication.
#[derive(Clone, Copy, Debug, Default)]
struct IdHasher(u64);
type Ids = BuildHasherDefault<IdHasher>;

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }
    fn write_u64(&mut self, id: u64) {
        self.0 = spread(self.0 ^ id);
    }
}

fn spread(id: u64) -> u64 {
    let mixed = id.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed ^ mixed >> 32
}

fn place(site: &Location<'_>) -> String {
    format!("{}:{}", site.file(), site.line())
}

fn named(facts: &Facts) -> String {
    format!("{} at {}", facts.kind, place(facts.site))
}

/// A group in the making.
struct Forming {
    group: Group,
    site: &'static Location<'static>,
    resource: u64,
    waits: HashMap<u64, u64, Ids>,
    /// How many wait at each channel that has a receiving task, and is not their own.
    owned: HashMap<u64, u64, Ids>,
}

impl Stranded {
    fn see(&mut self, row: &Row) {
        let id = row.id.as_u64();
        self.tasks += 1;
        self.unheld += u64::from(is_unheld(row));
        if self.task.as_ref().is_none_or(|(first, _)| id < *first) {
            self.task = Some((id, place(row.site)));
        }
    }
}

/// Whether nobody has a handle to it.
fn is_unheld(row: &Row) -> bool {
    !row.bits.has_join_handle() && row.bits.refs() <= 1
}

impl Taker {
    /// Looks at the locks that were most wanted at the last census: by every glance. Returns what it took to look for owners, which is
    /// dear, and made up for by looking for none for as long.
    pub fn glance(&mut self, source: &dyn Source, stats: &SchedulerStats) -> Duration {
        self.locks.glance(source, stats)
    }

    /// Takes the census.
    pub fn take(&mut self, source: &dyn Source, stats: &SchedulerStats) -> Census {
        let facts = source.resources();
        let by_id: HashMap<u64, &Facts, Ids> = facts.iter().map(|facts| (facts.id, facts)).collect();
        while stats.totals.tasks_live >> self.shift > TRACKED as u64 {
            self.shift += 1;
        }
        let remembered = (1u64 << self.shift) - 1;
        let mut groups: HashMap<(usize, Class), Forming> = HashMap::new();
        let mut sites: queues::Sites = HashMap::default();
        let mut alive: HashSet<u64, Ids> = HashSet::default();
        let mut arrows = rings::Arrows::default();
        let mut stranded = Stranded { before: self.stranded, ..Stranded::default() };
        let mut waiting: HashMap<u64, u64, Ids> = HashMap::default();
        let named = |facts: &Facts| [facts.owner, facts.laggard];
        let owners: HashSet<u64, Ids> = facts.iter().flat_map(named).filter(|owner| *owner != 0).collect();
        let mut widest: Option<Wide> = None;
        source.tasks(&mut |row| {
            let id = row.id.as_u64();
            if owners.contains(&id) {
                sites.insert(id, row.site);
            }
            if row.bits.is_complete() {
                return;
            }
            if owners.contains(&id) {
                alive.insert(id);
            }
            arrows.see(row);
            if row.bits.is_stranded() {
                stranded.see(row);
            }
            if row.wait == WaitReason::Notify && !waiting.contains_key(&row.resource) {
                waiting.insert(row.resource, id);
                sites.insert(id, row.site);
            }
            if row.wait == WaitReason::Select && widest.as_ref().is_none_or(|wide| wide.width < row.resource) {
                widest = Some(Wide { width: row.resource, task: id, site: place(row.site) });
            }
            // One that was woken and stands in a queue still says what it waited for; one that runs says nothing.
            let says_nothing = row.wait == WaitReason::Unknown && !row.bits.is_idle();
            let Some(class) = Class::of(row.wait).filter(|_| !says_nothing) else { return };
            let key = (std::ptr::from_ref(row.site).addr(), class);
            let forming = groups.entry(key).or_insert_with(|| Forming {
                group: Group { class, task: id, ..Group::default() },
                site: row.site,
                resource: row.resource,
                waits: HashMap::default(),
                owned: HashMap::default(),
            });
            let group = &mut forming.group;
            group.tasks += 1;
            group.unheld += u64::from(is_unheld(row));
            let facts = by_id.get(&row.resource).filter(|_| matches!(class, Class::Receive | Class::Send));
            if facts.is_some_and(|facts| facts.owner != 0 && facts.owner != id) {
                *forming.owned.entry(row.resource).or_default() += 1;
            }
            let barren = facts.is_some_and(|facts| match class {
                Class::Receive => facts.depth == 0,
                Class::Send => facts.capacity > 0 && facts.depth >= facts.capacity,
                Class::Sleep | Class::Other => false,
            });
            group.barren += u64::from(barren);
            if spread(id) & remembered == 0 {
                forming.waits.insert(id, row.since);
            }
        });
        for (owner, site) in std::mem::take(&mut self.owners) {
            if owners.contains(&owner) {
                sites.entry(owner).or_insert(site);
            }
        }
        let orphans = queues::orphans(&groups, &by_id, &alive, &sites);
        let orphans =
            orphans.map(|(site, class, found)| self.remember(site, class, found, &groups)).unwrap_or_default();
        let groups = self.compare(groups, &by_id);
        let rings = self.finder.find(&arrows, &by_id);
        self.stranded = stranded.tasks;
        let queues = queues::queues(&facts, |facts| self.resources.flow_before(facts), &sites);
        let lags = queues::lags(&facts, |facts| self.resources.losses_before(facts), &sites);
        let site = |task: u64| sites.get(&task).map(|site| (task, place(site)));
        let crowds = self.resources.crowds(&facts, &waiting, &site);
        let passed = self.resources.passed(&facts, &site);
        let locks = self.locks.rewatch(&facts, |facts| self.resources.waits_before(facts));
        self.resources.remember(&facts);
        let pool = Pool::count(source, stats, self.pool_ended);
        self.pool_ended = stats.totals.blocking_pool.completed;
        self.owners = sites.iter().filter(|(id, _)| owners.contains(id)).map(|(id, site)| (*id, *site)).collect();
        Census { groups, locks, crowds, passed, pool, widest, rings, stranded, queues, lags, orphans }
    }

    /// How many of the orphans' group the last census found, and in the same wait.
    fn remember(
        &self,
        site: usize,
        class: Class,
        mut found: Orphans,
        groups: &HashMap<(usize, Class), Forming>,
    ) -> Orphans {
        let waits = groups.get(&(site, class)).map(|forming| &forming.waits);
        let before = self.waits.get(&(site, class));
        for (id, since) in waits.into_iter().flatten() {
            if let Some(then) = before.and_then(|before| before.get(id)) {
                found.known += 1;
                found.still += u64::from(then == since);
            }
        }
        found
    }

    fn compare(&mut self, forming: HashMap<(usize, Class), Forming>, by_id: &HashMap<u64, &Facts, Ids>) -> Vec<Group> {
        let mut before = std::mem::take(&mut self.waits);
        let mut groups: Vec<Group> = Vec::with_capacity(forming.len());
        for (key, Forming { mut group, site, resource, waits, owned: _ }) in forming {
            let last = before.remove(&key).unwrap_or_default();
            for (id, since) in &waits {
                if let Some(then) = last.get(id) {
                    group.known += 1;
                    group.still += u64::from(then == since);
                }
            }
            group.left = last.len() as u64 - group.known;
            group.entered = waits.len() as u64 - group.known;
            group.site = place(site);
            if group.class != Class::Sleep {
                group.resource = by_id.get(&resource).map(|facts| named(facts));
            }
            groups.push(group);
            self.waits.insert(key, waits);
        }
        groups.sort_by(|a, b| b.tasks.cmp(&a.tasks).then_with(|| a.site.cmp(&b.site)));
        groups.truncate(KEPT);
        groups
    }
}
