//! Labels: key and value pairs that a task carries, and that the tasks which it spawns carry on.
//!
//! `labels::set("tenant", "acme")` in a request's task makes every dump, profile and report say `tenant="acme"` of that
//! task and of all that it spawns from then on, in whatever library. They are Go's profiler labels, with two differences: they are
//! set by a call and not by passing a context along, and they belong to the task, not to the thread or to a slot that is used
//! again: **a label never shows on another task.**
//!
//! | | |
//! | --- | --- |
//! | set | by the running task, or by the spawner ([`Builder::label`](super::Builder::label)), before the task runs |
//! | inherited | by each task that the running task spawns, `spawn_blocking` and local tasks included: the labels of that moment |
//! | read | by anybody, with [`of`] and the task's id |
//! | gone | with the task's record: when the task has ended and the last handle on it is dropped, unless somebody [`keep`]s them |
//!
//! The future of a `block_on` is no task: it has no labels, and what it spawns inherits none.
//!
//! **Where.** As the names of tasks (`names.rs`): a record has no room, so sets are kept beside, by the task's id, and the
//! record has a flag in its state word. A task without labels pays a test of a flag for each spawn, in a line that its poll has
//! written; one with labels pays a lock, an entry in a map and the count of a reference for each task that it spawns, and the
//! same when that task's record is freed: together 75 to 100 ns, half of what the spawn and its join cost. Each [`set`] copies the few labels
//! that there are.
//!
//! The table is in parts by the low bits of the id, each behind a mutex that is held for one step of a map. No user code runs
//! under it. `std`'s in every build: nothing is ordered by it, and the checkers need not see it. A signal handler must not
//! read labels; it notes the task's id, and whoever evaluates that looks here.

pub use super::label_set::Set;
use super::{Id, Task, local};
use crate::policy;
use crate::sync::{Ordering, StaticMutex, StaticU64};
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::sync::{Arc, MutexGuard, PoisonError};

/// A part of the table.
struct Part {
    sets: HashMap<u64, Arc<Set>, ById>,
    /// Tasks that are gone and whose sets are kept, the oldest first.
    kept: VecDeque<u64>,
}

static TABLE: [StaticMutex<Part>; policy::LABEL_PARTS] =
    [const { StaticMutex::new(Part { sets: HashMap::with_hasher(ById(0)), kept: VecDeque::new() }) };
        policy::LABEL_PARTS];

/// How many want the labels of tasks that are gone.
static KEEPERS: StaticU64 = StaticU64::new(0);

fn part(id: Id) -> MutexGuard<'static, Part> {
    lock(&TABLE[id.as_u64() as usize % policy::LABEL_PARTS])
}

fn lock(part: &'static StaticMutex<Part>) -> MutexGuard<'static, Part> {
    part.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Hashes ids, which are ascending numbers, by a multiplication: nobody can choose them.
#[derive(Clone, Copy)]
struct ById(u64);

impl BuildHasher for ById {
    type Hasher = Self;
    fn build_hasher(&self) -> Self {
        *self
    }
}

impl Hasher for ById {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(u64::from(byte)));
    }
    fn write_u64(&mut self, number: u64) {
        // Fibonacci hashing; the map's own mask takes the low bits, its tags the high ones.
        self.0 = (self.0 ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(32);
    }
}

/// Sets a label of the running task. Tasks that it spawns from now on have it, too; those that it has spawned do not change.
///
/// False outside a task, where there is nobody to have it: also in the future of a `block_on`.
///
/// ```
/// # let runtime = gumption_core::runtime::Builder::<gumption_core::driver::ThreadDriver>::new_current_thread().build()?;
/// # runtime.block_on(async {
/// use gumption_core::task::labels;
/// gumption_core::spawn(async {
///     labels::set("tenant", "acme");
///     let child = gumption_core::spawn(async { labels::get("tenant") });
///     assert_eq!(child.await.unwrap().as_deref(), Some("acme"));
/// })
/// .await
/// .unwrap();
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn set(key: &str, value: &str) -> bool {
    change_current(true, |set| set.with(key, value.into())).is_some()
}

/// Sets several labels of the running task at once. False outside a task.
pub fn set_all<K: AsRef<str>, V: AsRef<str>>(labels: impl IntoIterator<Item = (K, V)>) -> bool {
    // The iterator is the caller's code: not under the lock.
    let labels: Set = labels.into_iter().collect();
    change_current(true, |set| set.with_all(&labels)).is_some()
}

/// Takes a label of the running task away. False outside a task.
pub fn remove(key: &str) -> bool {
    change_current(false, |set| set.without(key)).is_some()
}

/// Takes all labels of the running task away. False outside a task.
pub fn clear() -> bool {
    change_current(false, |_| Set::default()).is_some()
}

/// A label of the running task.
pub fn get(key: &str) -> Option<Arc<str>> {
    current()?.shared(key).cloned()
}

/// All labels of the running task. None if it has none, and outside a task.
pub fn current() -> Option<Arc<Set>> {
    local::with_task(of_task).flatten()
}

/// The labels of a task: for observers. None if it has none, or is gone and nobody [`keep`]s its labels.
///
/// Never another task's, however late it is asked: ids are not used twice.
pub fn of(id: Id) -> Option<Arc<Set>> {
    part(id).sets.get(&id.as_u64()).filter(|set| !set.is_empty()).cloned()
}

/// Sets a label of the running task until the guard is dropped, which puts back what the key was before: for one step of a
/// task's work. Outside a task it does nothing.
///
/// The guard may be held across an `.await`, and dropped anywhere: it remembers whose label it is. Of two guards for the same key
/// the inner one is to be dropped first.
///
/// ```
/// # let runtime = gumption_core::runtime::Builder::<gumption_core::driver::ThreadDriver>::new_current_thread().build()?;
/// # runtime.block_on(async {
/// # use gumption_core::task::labels;
/// # gumption_core::spawn(async {
/// {
///     let _step = labels::scope("step", "checkout");
///     assert_eq!(labels::get("step").as_deref(), Some("checkout"));
/// }
/// assert_eq!(labels::get("step"), None);
/// # }).await.unwrap();
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use = "the label goes when this is dropped"]
pub fn scope(key: &str, value: &str) -> Scope {
    scope_all([(key, value)])
}

/// [`scope`] of several labels.
#[must_use = "the labels go when this is dropped"]
pub fn scope_all<K: AsRef<str>, V: AsRef<str>>(labels: impl IntoIterator<Item = (K, V)>) -> Scope {
    let labels: Set = labels.into_iter().collect();
    let mut before = Vec::new();
    let task = change_current(true, |set| {
        before = labels.iter().map(|(key, _)| (key.into(), set.shared(key).cloned())).collect();
        set.with_all(&labels)
    });
    Scope(task.map(|task| Held { task, before }))
}

/// A label for the time being, see [`scope`].
#[must_use = "the label goes when this is dropped"]
pub struct Scope(Option<Held>);

/// What a guard puts back.
struct Held {
    task: Id,
    before: Vec<(Box<str>, Option<Arc<str>>)>,
}

impl Drop for Scope {
    fn drop(&mut self) {
        let Some(Held { task, before }) = self.0.take() else { return };
        // If the record is gone there is nothing to put back.
        change(&mut part(task), task, false, |set| {
            before.into_iter().fold(set.clone(), |set, (key, before)| match before {
                Some(before) => set.with(&key, before),
                None => set.without(&key),
            })
        });
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.0.iter().flat_map(|held| held.before.iter().map(|(key, _)| key));
        f.debug_tuple("Scope").field(&keys.collect::<Vec<_>>()).finish()
    }
}

/// Has the labels of tasks that go from now on kept, for [`of`] to find, until the guard is dropped: for a profiler, which
/// evaluates its samples later.
///
/// They are bounded: of the tasks that are gone the last [`policy::LABELS_KEPT`] that had labels are known, and the labels of
/// those before them are lost.
#[must_use = "labels are kept until this is dropped"]
pub fn keep() -> Keep {
    // Ordering: Relaxed; asked under the lock of each part, and whoever frees a record just now may still miss it.
    KEEPERS.fetch_add(1, Ordering::Relaxed);
    Keep(())
}

/// Wants the labels of tasks that are gone, see [`keep`].
#[derive(Debug)]
pub struct Keep(());

impl Drop for Keep {
    fn drop(&mut self) {
        // Ordering: Relaxed; whoever has the lock of a part after us sees it, and whoever had it before us has kept what we
        // throw away.
        KEEPERS.fetch_sub(1, Ordering::Relaxed);
        for each in &TABLE {
            let mut part = lock(each);
            // Ordering: Relaxed; whoever has kept something here for somebody else saw that one, and so do we behind the lock.
            if KEEPERS.load(Ordering::Relaxed) > 0 {
                return;
            }
            let kept = std::mem::take(&mut part.kept);
            let gone: Vec<_> = kept.iter().map(|id| part.sets.remove(id)).collect();
            drop(part);
            drop(gone);
        }
    }
}

/// Changes the labels of the running task; its id. If it has none, only to `enter` them: a task without labels stays one.
fn change_current(enter: bool, change_to: impl FnOnce(&Set) -> Set) -> Option<Id> {
    local::with_task(|task| {
        let id = task.id()?;
        if enter || task.bits().is_labelled() {
            change(&mut part(id), id, enter, change_to);
            task.set_labelled();
        }
        Some(id)
    })
    .flatten()
}

/// Changes the labels of a task. If it has none, only to `enter` them.
fn change(part: &mut Part, id: Id, enter: bool, change_to: impl FnOnce(&Set) -> Set) {
    match part.sets.get_mut(&id.as_u64()) {
        Some(set) => *set = Arc::new(change_to(set)),
        None if enter => {
            part.sets.insert(id.as_u64(), Arc::new(change_to(&Set::default())));
        }
        None => {}
    }
}

/// The labels of a task that the caller has.
fn of_task(task: &Task) -> Option<Arc<Set>> {
    if task.bits().is_labelled() { task.id().and_then(of) } else { None }
}

/// A task that was just made inherits the labels of the task that runs on this thread. By the spawner, before anybody else
/// has it.
#[inline(always)]
pub(super) fn inherit(child: &Task) {
    // Outside a task there is nothing to inherit.
    let _ = local::with_current(|task| {
        if task.bits().is_labelled() {
            inherit_from(task, child);
        }
    });
}

#[cold]
fn inherit_from(task: &Task, child: &Task) {
    if task.is_main() {
        // It has none of its own; it is in a task that has.
        let _ = local::with_task(|task| inherit_from(task, child));
        return;
    }
    if let (Some(set), Some(id)) = (of_task(task), child.id()) {
        part(id).sets.insert(id.as_u64(), set);
        child.set_labelled();
    }
}

/// Gives a task labels on top of those that it inherited. By the spawner, before anybody else has it.
#[cold]
pub(super) fn add(task: &Task, labels: &Set) {
    if let Some(id) = task.id() {
        change(&mut part(id), id, true, |set| set.with_all(labels));
        task.set_labelled();
    }
}

/// The record of a task with labels is freed.
#[cold]
pub(super) fn forget(id: Id) {
    let id_number = id.as_u64();
    let mut part = part(id);
    // Ordering: Relaxed, as in `Keep`'s drop: the lock orders it.
    let gone = if KEEPERS.load(Ordering::Relaxed) == 0 {
        part.sets.remove(&id_number)
    } else {
        part.kept.push_back(id_number);
        let over = part.kept.len() > policy::LABELS_KEPT / policy::LABEL_PARTS;
        let oldest = if over { part.kept.pop_front() } else { None };
        oldest.and_then(|oldest| part.sets.remove(&oldest))
    };
    // Not under the lock: it may be the last reference.
    drop(part);
    drop(gone);
}
