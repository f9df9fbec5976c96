//! What has changed from one dump of a process to the next.
//!
//! Tasks are compared by their ids, which are never used twice, so a task is *new*, or *gone*, or in both. Of those in both, one
//! is in the *same wait* if it waits for the same thing since the same moment and has not been polled in between: that, and not a
//! line of text that looks alike, is what tells a leak from a server that has been idle twice. The others have *moved*.
//!
//! By the place where they were spawned tasks are counted, also in dumps that list none (level [`Groups`](super::Level::Groups)),
//! and if it is known how many requests were served in between, their growth is told per request: a place that leaks one task
//! a request says 1.
//!
//! | | dumps of level `Tasks` | of level `Groups`, of two processes, or cut off |
//! | --- | --- | --- |
//! | growth by place | yes | yes, but of what was cut off |
//! | new, gone, same wait, moved | yes | no; a note says why |
//!
//! Plain data in, plain data out.

mod text;

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Dump, Level, RuntimeDump, Site, State, TaskDump};

/// What is known besides the dumps.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Options {
    /// *Requests* that were served in between.
    pub requests: Option<f64>,
    /// How long a wait must have lasted at the later dump to be listed as the same.
    pub min_age: Duration,
}

/// What has changed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Diff {
    /// *Milliseconds* between the dumps.
    pub span_ms: u64,
    /// *Tasks* that were alive.
    pub before: u64,
    /// *Tasks* that are alive.
    pub after: u64,
    /// *Requests* that were served in between, if that was said.
    pub requests: Option<f64>,
    /// Where tasks are spawned; what has grown most comes first.
    pub sites: Vec<Growth>,
    /// Whether tasks were compared one by one: the lists below mean nothing otherwise.
    pub by_task: bool,
    /// Tasks of the later dump that are not in the earlier.
    pub new: Vec<Changed>,
    /// Tasks of the earlier dump that are not in the later, as they were then.
    pub gone: Vec<Changed>,
    /// Tasks that are still in the same wait, the oldest first.
    pub same: Vec<Changed>,
    /// *Tasks* that are in both, and not in the same wait.
    pub moved: u64,
    /// *Tasks* in the same wait that are not listed, for it is too young.
    pub young: u64,
    /// What is less exact than it could be, and why.
    pub notes: Vec<String>,
}

/// How the tasks that are spawned in one place have become more or fewer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Growth {
    /// The place.
    pub spawned_at: Site,
    /// *Tasks* before.
    pub before: u64,
    /// *Tasks* after.
    pub after: u64,
    /// *Tasks* more, or fewer.
    pub growth: i64,
    /// *Tasks* more for each request.
    pub per_request: Option<f64>,
    /// *Tasks* that are new.
    pub new: u64,
    /// *Tasks* that have gone.
    pub gone: u64,
    /// *Tasks* in the same wait, too young or not.
    pub same: u64,
    /// The same by what they wait for, or what else they do; what has grown most comes first.
    pub classes: Vec<ClassGrowth>,
}

/// How the tasks of one place that do the same have become more or fewer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassGrowth {
    /// What they wait for, or their state.
    pub class: String,
    /// *Tasks* before.
    pub before: u64,
    /// *Tasks* after.
    pub after: u64,
}

/// A task of one of the dumps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// Its id.
    pub id: u64,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Its runtime.
    pub runtime: u64,
    /// What it waits for, or its state.
    pub class: String,
    /// *Nanoseconds* that it had been doing that, if that is known.
    pub state_ns: Option<u64>,
    /// Where it was spawned.
    pub spawned_at: Site,
}

/// Why two dumps cannot be compared.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Incomparable {
    /// The one that is said to be the earlier was taken later.
    Order,
    /// There cannot be so many requests.
    Requests(f64),
}

impl fmt::Display for Incomparable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order => f.write_str("the first dump was taken after the second; right would be the other order"),
            Self::Requests(number) => write!(f, "{number} requests: right would be a number above 0"),
        }
    }
}

impl std::error::Error for Incomparable {}

/// What has changed from `before` to `after`.
///
/// # Errors
///
/// If they are in the wrong order, or the number of requests is none.
pub fn diff(before: &Dump, after: &Dump, options: &Options) -> Result<Diff, Incomparable> {
    let Some(span_ms) = after.taken_unix_ms.checked_sub(before.taken_unix_ms) else { return Err(Incomparable::Order) };
    if let Some(number) = options.requests.filter(|number| !(number.is_finite() && *number > 0.0)) {
        return Err(Incomparable::Requests(number));
    }
    let live = |dump: &Dump| dump.runtimes.iter().map(|runtime| runtime.live).fold(0, u64::saturating_add);
    let mut sites = Sites::default();
    count(before, &mut sites, |class| &mut class.before);
    count(after, &mut sites, |class| &mut class.after);
    let mut diff =
        Diff { span_ms, before: live(before), after: live(after), requests: options.requests, ..Diff::default() };
    let cut: u64 =
        [before, after].iter().flat_map(|dump| &dump.runtimes).map(|runtime| runtime.cut).fold(0, u64::saturating_add);
    if cut > 0 {
        diff.notes.push(format!("{cut} tasks were cut off from the dumps, and are counted nowhere here"));
    }
    match obstacle(before, after, cut) {
        Some(why) => diff.notes.push(format!("tasks were not compared one by one: {why}")),
        None => by_task(before, after, options, &mut sites, &mut diff),
    }
    diff.sites = sites.finish(options.requests);
    Ok(diff)
}

/// Why ids say nothing, if so.
fn obstacle(before: &Dump, after: &Dump, cut: u64) -> Option<&'static str> {
    let has_groups = |dump: &Dump| dump.runtimes.iter().any(|runtime| runtime.level == Level::Groups);
    if before.pid != after.pid {
        return Some("the dumps are of two processes");
    }
    if has_groups(before) || has_groups(after) {
        return Some("a dump of groups does not list them");
    }
    (cut > 0).then_some("a task that was cut off would be taken for one that is new or gone")
}

/// What a task does, in words: the class of what it waits for, or its state.
fn class(state: State, reason: &str) -> Cow<'_, str> {
    match state {
        State::Waiting => Cow::Borrowed(reason),
        State::Stranded => Cow::Owned(format!("{reason}, stranded")),
        state => Cow::Borrowed(state.text()),
    }
}

fn class_of(task: &TaskDump) -> Cow<'_, str> {
    class(task.state, task.wait.as_ref().map_or("", |wait| &wait.reason))
}

/// How many more; a file may have any numbers.
fn grown(before: u64, after: u64) -> i64 {
    (i128::from(after) - i128::from(before)).clamp(i64::MIN.into(), i64::MAX.into()) as i64
}

/// Places in the making.
#[derive(Default)]
struct Sites(BTreeMap<Site, (Growth, BTreeMap<String, ClassGrowth>)>);

impl Sites {
    fn at(&mut self, site: &Site) -> &mut (Growth, BTreeMap<String, ClassGrowth>) {
        let fresh = || (Growth { spawned_at: site.clone(), ..Growth::default() }, BTreeMap::new());
        self.0.entry(site.clone()).or_insert_with(fresh)
    }

    fn class(&mut self, site: &Site, class: &str) -> &mut ClassGrowth {
        let classes = &mut self.at(site).1;
        classes.entry(class.to_owned()).or_insert_with(|| ClassGrowth { class: class.to_owned(), before: 0, after: 0 })
    }

    fn finish(self, requests: Option<f64>) -> Vec<Growth> {
        let sum = |numbers: &mut dyn Iterator<Item = u64>| numbers.fold(0, u64::saturating_add);
        let finish = |(mut growth, classes): (Growth, BTreeMap<String, ClassGrowth>)| {
            growth.classes = classes.into_values().collect();
            growth.classes.sort_by_key(|class| Reverse((grown(class.before, class.after), class.after)));
            growth.before = sum(&mut growth.classes.iter().map(|class| class.before));
            growth.after = sum(&mut growth.classes.iter().map(|class| class.after));
            growth.growth = grown(growth.before, growth.after);
            growth.per_request = requests.map(|requests| growth.growth as f64 / requests);
            growth
        };
        let mut sites: Vec<Growth> = self.0.into_values().map(finish).collect();
        sites.sort_by_key(|site| Reverse((site.growth, site.after)));
        sites
    }
}

fn count(dump: &Dump, sites: &mut Sites, which: impl Fn(&mut ClassGrowth) -> &mut u64) {
    for runtime in &dump.runtimes {
        for group in &runtime.groups {
            let number = which(sites.class(&group.spawned_at, &class(group.state, &group.reason)));
            *number = number.saturating_add(group.count);
        }
        for task in &runtime.tasks {
            *which(sites.class(&task.spawned_at, &class_of(task))) += 1;
        }
    }
}

fn by_task(before: &Dump, after: &Dump, options: &Options, sites: &mut Sites, diff: &mut Diff) {
    fn tasks(dump: &Dump) -> impl Iterator<Item = (&RuntimeDump, &TaskDump)> {
        dump.runtimes.iter().flat_map(|runtime| runtime.tasks.iter().map(move |task| (runtime, task)))
    }
    diff.by_task = true;
    let mut earlier: HashMap<u64, (&RuntimeDump, &TaskDump)> =
        tasks(before).map(|(runtime, task)| (task.id, (runtime, task))).collect();
    for (runtime, task) in tasks(after) {
        let Some((_, then)) = earlier.remove(&task.id) else {
            sites.at(&task.spawned_at).0.new += 1;
            diff.new.push(Changed::of(runtime, task));
            continue;
        };
        if !is_same_wait(then, task) {
            diff.moved += 1;
            continue;
        }
        sites.at(&task.spawned_at).0.same += 1;
        if u128::from(task.state_ns.unwrap_or(0)) < options.min_age.as_nanos() {
            diff.young += 1;
        } else {
            diff.same.push(Changed::of(runtime, task));
        }
    }
    for (runtime, task) in earlier.into_values() {
        sites.at(&task.spawned_at).0.gone += 1;
        diff.gone.push(Changed::of(runtime, task));
    }
    diff.new.sort_by_key(|task| task.id);
    diff.gone.sort_by_key(|task| task.id);
    diff.same.sort_by_key(|task| (Reverse(task.state_ns), task.id));
}

/// Whether a task that waited then is in that wait still.
pub fn is_same_wait(then: &TaskDump, now: &TaskDump) -> bool {
    let (Some(a), Some(b)) = (&then.wait, &now.wait) else { return false };
    then.id == now.id && then.polls == now.polls && (a.since, &a.reason, a.resource) == (b.since, &b.reason, b.resource)
}

impl Changed {
    fn of(runtime: &RuntimeDump, task: &TaskDump) -> Self {
        Self {
            id: task.id,
            name: task.name.clone(),
            runtime: runtime.id,
            class: class_of(task).into_owned(),
            state_ns: task.state_ns,
            spawned_at: task.spawned_at.clone(),
        }
    }
}

#[cfg(test)]
#[path = "diff_tests.rs"]
mod tests;
