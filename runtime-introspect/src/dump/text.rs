//! A dump as text, in the shape that a Go user knows.
//!
//! Level [`Tasks`](Level::Tasks) is a paragraph per task, as a Go traceback has one per goroutine, and its first line is Go's with
//! another word. What Go has no place for is indented:
//!
//! ```text
//! task 7 "uploads" [sync.Mutex.Lock, 5.2ms] {tenant: acme}:
//! app::store::put()
//!         src/store.rs:81
//! app::serve()
//!         src/main.rs:52
//! created by task 3 at src/main.rs:40
//!         waits for mutex 16777217 made at src/store.rs:12, held by task 9, 4 wait
//!         app::serve::{{closure}}, 12 polls, busy 1.5ms, last on P2, 1 waker
//! ```
//!
//! Go tells how long only from a minute on, in whole minutes. Here it is always told, with one rule ([`Age`]): below a minute one
//! number with one decimal in the largest unit that fits (`740ns`, `5.2ms`, `41.0s`), from there on the two largest units
//! (`3m12s`, `2h5m`, `9d3h`). A task whose leaf said nothing has no age. JSON has nanoseconds.
//!
//! The future of a `block_on` is such a paragraph, too, and comes first, as Go's main does; at either level. What is not the same says
//! that it is none of the runtime's tasks:
//!
//! ```text
//! task 1 [join, 3m12s] (block_on) on thread "main" tid 4711:
//! block_on called at src/main.rs:12
//! ```
//!
//! Level [`Groups`](Level::Groups) is pprof's `debug=1`, the largest group first; a task that waits in several places is drawn as a
//! tree, from the outermost function to the innermost. [`Shape::Go`] writes Go's words and nothing else, for tools that read them.
//!
//! Text only: nothing here looks at a runtime. What users named (tasks, labels) is quoted if it could be taken for
//! something else, or could move a terminal's cursor.

mod age;
mod places;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::{self, Display, Formatter, Write};

pub use age::Age;
pub(crate) use places::Places;

use super::{Dump, Group, Level, MachineDump, ProcessorDump, ResourceDump, RuntimeDump, Site, Stack, State, TaskDump};

/// Whose words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// Ours: everything that the dump has.
    #[default]
    Own,
    /// Go's: what a Go traceback or a goroutine profile would have, in its words, for tools that parse them.
    Go,
}

/// A dump, to be displayed in a shape.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a>(pub &'a Dump, pub Shape);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(dump, shape) = self;
        match shape {
            Shape::Own => {
                let alive: u64 = dump.runtimes.iter().map(|runtime| runtime.live).sum();
                writeln!(f, "{} (process {}): {}", dump.program, dump.pid, counted(alive, "task"))?;
                notes(f, &dump.notes)?;
                for runtime in &dump.runtimes {
                    writeln!(f)?;
                    own(f, runtime)?;
                }
                Ok(())
            }
            Shape::Go => go(f, dump),
        }
    }
}

impl Display for Dump {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Text(self, Shape::Own).fmt(f)
    }
}

impl Display for RuntimeDump {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        own(f, self)
    }
}

fn own(f: &mut Formatter<'_>, runtime: &RuntimeDump) -> fmt::Result {
    match (&runtime.name, runtime.id) {
        (Some(name), 0) => write!(f, "{name}")?,
        (Some(name), id) => write!(f, "runtime {id} {name:?}")?,
        (None, id) => write!(f, "runtime {id}")?,
    }
    write!(f, ": {}", counted(runtime.live, "task"))?;
    if runtime.level == Level::Groups {
        write!(f, " in {}", counted(runtime.groups.len() as u64, "group"))?;
    }
    if runtime.id != 0 {
        let queued = runtime.global_queue_len;
        write!(f, ", {queued} in the global queue, up {}", Age(runtime.uptime_ns))?;
    }
    if runtime.filtered > 0 {
        write!(f, ", {} filtered out", runtime.filtered)?;
    }
    if runtime.cut > 0 {
        write!(f, ", {} cut off", runtime.cut)?;
    }
    writeln!(f)?;
    notes(f, &runtime.notes)?;
    for group in &runtime.groups {
        own_group(f, group)?;
    }
    for (what, tasks) in [("task", &runtime.mains), ("task", &runtime.tasks), ("closure", &runtime.closures)] {
        for task in tasks {
            writeln!(f)?;
            header(f, what, task, Shape::Own)?;
            if let Some(stack) = &task.stack {
                Places(stack, Shape::Own).fmt(f)?;
            }
            created(f, task)?;
            details(f, task)?;
        }
    }
    if !runtime.processors.is_empty() || !runtime.machines.is_empty() {
        writeln!(f)?;
    }
    for processor in &runtime.processors {
        writeln!(f, "{processor}")?;
    }
    for machine in &runtime.machines {
        writeln!(f, "{machine}")?;
        if let Some(stack) = &machine.stack {
            Places(stack, Shape::Own).fmt(f)?;
        }
    }
    Ok(())
}

fn notes(f: &mut Formatter<'_>, notes: &[String]) -> fmt::Result {
    notes.iter().try_for_each(|note| writeln!(f, "note: {note}"))
}

fn own_group(f: &mut Formatter<'_>, group: &Group) -> fmt::Result {
    write!(f, "{} @ [", group.count)?;
    status(f, group.state, &reason(&group.reason, group.stack.as_ref()))?;
    write!(f, "] spawned at {}", group.spawned_at)?;
    match group.oldest_ns {
        0 => {}
        ns if group.count == 1 => write!(f, ", {}", Age(ns))?,
        ns => write!(f, ", the oldest {}", Age(ns))?,
    }
    writeln!(f)?;
    if !group.labels.is_empty() {
        write!(f, "# labels: ")?;
        labels(f, &group.labels)?;
        writeln!(f)?;
    }
    match &group.stack {
        Some(stack) => Places(stack, Shape::Own).commented(f)?,
        None => writeln!(f, "#\t{}", group.type_name)?,
    }
    let (one, ids) = (group.count == 1, &group.examples);
    let more = if group.count > ids.len() as u64 { ", ..." } else { "" };
    let ids = ids.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    writeln!(f, "#\ttask{} {ids}{more}", if one { "" } else { "s" })
}

/// `task 7 "uploads" [sync.Mutex.Lock, 5.2ms] {tenant: acme}:`
fn header(f: &mut Formatter<'_>, what: &str, task: &TaskDump, shape: Shape) -> fmt::Result {
    write!(f, "{what} {} ", task.id)?;
    if let Some(name) = task.name.as_ref().filter(|_| shape == Shape::Own) {
        write!(f, "{name:?} ")?;
    }
    write!(f, "[")?;
    let reason = task.wait.as_ref().map_or("", |wait| &wait.reason);
    match shape {
        Shape::Own => status(f, task.state, &self::reason(reason, task.stack.as_ref()))?,
        // A goroutine that waits says for what. One in a blocking section is in a system call for all that Go knows.
        Shape::Go => match task.state {
            State::Waiting => write!(f, "{reason}")?,
            State::Stranded => write!(f, "{reason} (leaked)")?,
            State::Blocked => write!(f, "syscall")?,
            state => write!(f, "{state}")?,
        },
    }
    match (task.state_ns, shape) {
        // Less than a step of the clock.
        (Some(0), Shape::Own) => {}
        (Some(ns), Shape::Own) => write!(f, ", {}", Age(ns))?,
        (Some(ns), Shape::Go) if ns >= 60_000_000_000 => write!(f, ", {} minutes", ns / 60_000_000_000)?,
        _ => {}
    }
    write!(f, "]")?;
    if !task.labels.is_empty() {
        write!(f, " ")?;
        labels(f, &task.labels)?;
    }
    if let Some(thread) = task.thread.as_ref().filter(|_| shape == Shape::Own) {
        write!(f, " (block_on) on thread ")?;
        if let Some(name) = &thread.name {
            write!(f, "{name:?} ")?;
        }
        write!(f, "tid {}", thread.id)?;
    }
    writeln!(f, ":")
}

/// What the task said that it waits for; or all that its stack shows, if that is more.
pub(crate) fn reason<'a>(said: &'a str, stack: Option<&Stack>) -> Cow<'a, str> {
    match stack.and_then(Stack::reasons).filter(|_| said != "select") {
        Some(all) => Cow::Owned(all),
        None => Cow::Borrowed(said),
    }
}

/// What stands in the brackets: the reason of one that waits, the state of any other.
fn status(f: &mut Formatter<'_>, state: State, reason: &str) -> fmt::Result {
    match state {
        State::Waiting => write!(f, "{reason}"),
        State::Stranded => write!(f, "{reason}, stranded"),
        state => write!(f, "{state}"),
    }
}

fn created(f: &mut Formatter<'_>, task: &TaskDump) -> fmt::Result {
    match task.ancestors.first() {
        _ if task.thread.is_some() => writeln!(f, "block_on called at {}", task.spawned_at)?,
        Some(parent) => writeln!(f, "created by task {} at {}", parent.id, task.spawned_at)?,
        None => writeln!(f, "created at {}", task.spawned_at)?,
    }
    // Where its parent comes from; a parent that has ended says nothing.
    let chain: Vec<String> = task
        .ancestors
        .iter()
        .enumerate()
        .filter_map(|(at, ancestor)| {
            let site = ancestor.spawned_at.as_ref()?;
            let by = task.ancestors.get(at + 1).map_or(String::new(), |by| format!(" by task {}", by.id));
            Some(format!("task {} at {site}{by}", ancestor.id))
        })
        .collect();
    match chain.is_empty() {
        true => Ok(()),
        false => writeln!(f, "\tancestors: {}", chain.join(", ")),
    }
}

fn details(f: &mut Formatter<'_>, task: &TaskDump) -> fmt::Result {
    if let Some(wait) = &task.wait {
        match &wait.facts {
            Some(facts) => writeln!(f, "\twaits for {facts}")?,
            None if wait.text != wait.reason => writeln!(f, "\twaits for {}", wait.text)?,
            None => {}
        }
    }
    if task.state == State::Stranded {
        writeln!(f, "\tnothing is left that could wake it")?;
    }
    write!(f, "\t{}", task.type_name)?;
    if task.age_ns > 0 {
        let began = if task.thread.is_some() { "called" } else { "spawned" };
        write!(f, ", {began} {} ago", Age(task.age_ns))?;
    }
    if task.polls > 0 {
        write!(f, ", {}", counted(task.polls, "poll"))?;
    }
    if task.busy_ns > 0 {
        write!(f, ", busy {}", Age(task.busy_ns))?;
    }
    if let Some(machine) = task.machine {
        write!(f, ", on M{machine}")?;
    }
    if let Some(processor) = task.last_processor {
        write!(f, ", last on P{processor}")?;
    }
    if task.state.is_waiting() {
        write!(f, ", {}", counted(task.wakers, "waker"))?;
    }
    writeln!(f)?;
    match &task.no_stack {
        Some(why) => writeln!(f, "\tno stack: {why}"),
        None => Ok(()),
    }
}

impl Display for ResourceDump {
    /// `mutex 16777217 made at src/store.rs:12, held by task 9, 4 wait`
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} made at {}", self.kind, self.id, self.made_at)?;
        if self.owner != 0 {
            write!(f, ", held by task {}", self.owner)?;
        } else if self.holders != 0 {
            write!(f, ", held by {}", self.holders)?;
        }
        match (self.depth, self.capacity) {
            (_, 0) if self.depth == 0 => {}
            (depth, 0) => write!(f, ", {depth} inside")?,
            (depth, capacity) => write!(f, ", {depth} of {capacity} inside")?,
        }
        match self.waiters {
            0 => Ok(()),
            1 => write!(f, ", 1 waits"),
            waiters => write!(f, ", {waiters} wait"),
        }
    }
}

impl Display for ProcessorDump {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "P{} {}", self.id, self.state)?;
        if let Some(machine) = self.machine {
            write!(f, " on M{machine}")?;
        }
        if let Some(task) = self.task {
            write!(f, ", task {task}")?;
        }
        if let Some(ns) = self.poll_ns {
            write!(f, " for {}", Age(ns))?;
        }
        write!(f, ", {} queued, {}", self.queue_len, counted(self.timers, "timer"))
    }
}

impl Display for MachineDump {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "M{} {}, thread {}", self.id, self.state, self.thread_id)?;
        if let Some(processor) = self.processor {
            write!(f, ", P{processor}")?;
        }
        match self.task {
            Some(closure) if self.state == "blocking pool" => write!(f, ", closure {closure}"),
            Some(task) => write!(f, ", task {task}"),
            None => Ok(()),
        }
    }
}

/// What Go would have written of a program with as many goroutines as this one has tasks.
fn go(f: &mut Formatter<'_>, dump: &Dump) -> fmt::Result {
    let groups: Vec<&Group> = dump.runtimes.iter().flat_map(|runtime| &runtime.groups).collect();
    let is_grouped = |runtime: &&RuntimeDump| runtime.level == Level::Groups;
    let mains = |grouped| {
        let runtimes = dump.runtimes.iter().filter(move |runtime| is_grouped(runtime) == grouped);
        runtimes.flat_map(|runtime| &runtime.mains)
    };
    let tasks = dump.runtimes.iter().flat_map(|runtime| runtime.tasks.iter().chain(&runtime.closures));
    // As Go's main is goroutine 1.
    let tasks: Vec<&TaskDump> = mains(false).chain(tasks).collect();
    if dump.runtimes.iter().any(|runtime| is_grouped(&runtime)) {
        let alive: u64 = dump.runtimes.iter().map(|runtime| runtime.live).sum();
        writeln!(f, "goroutine profile: total {}", alive + mains(true).count() as u64)?;
    }
    for main in mains(true) {
        writeln!(f, "1 @")?;
        match &main.stack {
            Some(stack) => Places(stack, Shape::Go).commented(f)?,
            None => writeln!(f, "#\t{}\t{}", main.type_name, main.spawned_at)?,
        }
        writeln!(f)?;
    }
    for group in groups {
        writeln!(f, "{} @", group.count)?;
        if !group.labels.is_empty() {
            let quoted = group.labels.iter().map(|(name, value)| format!("{name:?}:{value:?}")).collect::<Vec<_>>();
            writeln!(f, "# labels: {{{}}}", quoted.join(", "))?;
        }
        match &group.stack {
            Some(stack) => Places(stack, Shape::Go).commented(f)?,
            None => writeln!(f, "#\t{}\t{}", group.type_name, group.spawned_at)?,
        }
        writeln!(f)?;
    }
    let creators: HashMap<u64, &str> = tasks.iter().map(|task| (task.id, &*task.type_name)).collect();
    for (at, task) in tasks.into_iter().enumerate() {
        if at > 0 {
            writeln!(f)?;
        }
        header(f, "goroutine", task, Shape::Go)?;
        match &task.stack {
            Some(stack) => Places(stack, Shape::Go).fmt(f)?,
            // A goroutine has a frame at least.
            None => writeln!(f, "{}()\n\t{}", task.type_name, task.spawned_at)?,
        }
        let Site { file, line, .. } = &task.spawned_at;
        match task.ancestors.first() {
            Some(parent) => {
                // Who reads this wants a function. If the parent is not here, the nearest is what was spawned.
                let by = creators.get(&parent.id).copied().unwrap_or(&task.type_name);
                writeln!(f, "created by {by} in goroutine {}\n\t{file}:{line}", parent.id)?;
            }
            // Nobody has: main.
            None if task.thread.is_some() => {}
            None => writeln!(f, "created by {}\n\t{file}:{line}", task.type_name)?,
        }
    }
    Ok(())
}

/// `{tenant: acme, path: "/a b"}`, quoted where Go would.
fn labels(f: &mut Formatter<'_>, labels: &[(String, String)]) -> fmt::Result {
    f.write_char('{')?;
    for (at, (name, value)) in labels.iter().enumerate() {
        if at > 0 {
            f.write_str(", ")?;
        }
        word(f, name)?;
        f.write_str(": ")?;
        word(f, value)?;
    }
    f.write_char('}')
}

fn word(f: &mut Formatter<'_>, word: &str) -> fmt::Result {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./@%+".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => f.write_str(word),
        false => write!(f, "{word:?}"),
    }
}

/// `1 task`, `7 tasks`.
pub(crate) fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
