//! The `goroutine` profile: what all tasks are doing, counted, as a profile of one moment.
//!
//! Made from a [`Dump`], of either level, and so as good as that: with stacks if stacks were asked for, without any task being
//! stopped. It goes by Go's name because that is where a Go user looks; what it counts are tasks, and with
//! them the futures of `block_on`, as Go counts main.
//!
//! ```text
//!   [chan receive]          what it waits for, or its state: so `-top` is a table of why nothing runs
//!   app::inbox::next        the stack, innermost first
//!   app::serve
//!   app::serve::{{closure}} at src/main.rs:20      without a stack: the future's type, where it was spawned
//! ```
//!
//! A task that waits in several places at once has a tree and no stack; pprof knows lines only. Such a task is counted once, on its
//! longest way, which leads to the handler and not to the server's look at the socket, and in the brackets is all that it waits
//! for: `[sleep or IO read]`. So the sum is their number, those included that a limit of the dump cut off.
//!
//! The labels say `state`, `wait`, `spawned_at` and `runtime`, and what labels the tasks have of their own: `-tagfocus trace_id=..`.

use std::borrow::Cow;
use std::sync::Arc;

use super::model::{Call, Label, Line, Profile, Sample, ValueKind};
use crate::dump::text::reason;
use crate::dump::{Dump, RuntimeDump, Site, Stack, State};

/// The tasks of `dump` as a profile.
pub fn goroutine(dump: &Dump) -> Profile {
    let mut profile = Profile::new([ValueKind::new("task", "count")]);
    profile.time_ns = i64::try_from(dump.taken_unix_ms).unwrap_or(0).saturating_mul(1_000_000);
    profile.period = Some((ValueKind::new("task", "count"), 1));
    profile.comments.clone_from(&dump.notes);
    for runtime in &dump.runtimes {
        rows(runtime, &mut |row| profile.push(row.sample(runtime)));
        if runtime.cut > 0 {
            profile.push(Sample {
                stack: vec![Call::named("[cut off by the dump's limit]")],
                values: vec![count(runtime.cut)],
                labels: vec![runtime_label(runtime)],
            });
        }
    }
    profile.merge();
    profile
}

fn count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// What is counted: a group, or one task.
struct Row<'a> {
    count: u64,
    state: State,
    reason: &'a str,
    spawned_at: &'a Site,
    type_name: &'a str,
    stack: Option<&'a Stack>,
    labels: &'a [(String, String)],
}

fn rows(runtime: &RuntimeDump, f: &mut impl FnMut(Row<'_>)) {
    for group in &runtime.groups {
        f(Row {
            count: group.count,
            state: group.state,
            reason: &group.reason,
            spawned_at: &group.spawned_at,
            type_name: &group.type_name,
            stack: group.stack.as_ref(),
            labels: &group.labels,
        });
    }
    for task in runtime.mains.iter().chain(&runtime.tasks).chain(&runtime.closures) {
        f(Row {
            count: 1,
            state: task.state,
            reason: task.wait.as_ref().map_or("", |wait| &*wait.reason),
            spawned_at: &task.spawned_at,
            type_name: &task.type_name,
            stack: task.stack.as_ref(),
            labels: &task.labels,
        });
    }
}

impl Row<'_> {
    fn sample(&self, runtime: &RuntimeDump) -> Sample {
        // A reason is why it waits; what runs or is about to waits for nothing.
        let waits = matches!(self.state, State::Waiting | State::Stranded) && !self.reason.is_empty();
        let why = if waits { reason(self.reason, self.stack) } else { Cow::Borrowed(self.state.text()) };
        let mut stack = vec![Call::named(format!("[{why}]"))];
        match self.stack {
            Some(tree) => stack.extend(line_of(tree)),
            None => stack.push(spawned(self.type_name, self.spawned_at)),
        }
        let mut labels = vec![
            Label::text("state", self.state.to_string()),
            Label::text("spawned_at", self.spawned_at.to_string()),
            runtime_label(runtime),
        ];
        if waits {
            labels.push(Label::text("wait", self.reason));
        }
        // A task's own label of one of these names stays beside it: pprof has several values for a key.
        labels.extend(self.labels.iter().map(|(key, value)| Label::text(key.clone(), &**value)));
        Sample { stack, values: vec![count(self.count)], labels }
    }
}

/// The frame that stands for a task of which nothing is known but what it was made of, and where.
pub(super) fn spawned(type_name: &str, at: &Site) -> Call {
    Call { address: 0, lines: vec![Line { function: type_name.into(), file: Arc::from(&*at.file), line: at.line }] }
}

fn runtime_label(runtime: &RuntimeDump) -> Label {
    Label::text("runtime", runtime.name.clone().unwrap_or_else(|| runtime.id.to_string()))
}

/// The frames of a tree's longest way, innermost first.
fn line_of(tree: &Stack) -> Vec<Call> {
    let way = tree.longest().into_iter().rev();
    way.flat_map(|node| (0..node.repeated.max(1)).map(|_| Call::from(&node.frame))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dump::{Frame, Group, Level, Node, TaskDump, Wait};

    fn node(function: &str, callees: Vec<Node>) -> Node {
        let frame = Frame { function: function.into(), file: Some("src/a.rs".into()), line: 3 };
        Node { frame, repeated: 1, waits: None, callees }
    }

    fn names(sample: &Sample) -> Vec<String> {
        sample.stack.iter().map(|call| call.lines[0].function.to_string()).collect()
    }

    #[test]
    fn every_task_is_counted_once() {
        let tree = Stack {
            roots: vec![node(
                "serve",
                vec![node("select", vec![node("a", vec![]), node("b", vec![node("c", vec![])])])],
            )],
        };
        let waits = |reason: &'static str| Some(Wait { reason: reason.into(), ..Wait::default() });
        let task = |stack: Option<Stack>, labels: Vec<(String, String)>| TaskDump {
            type_name: "app::serve".into(),
            wait: waits("select"),
            stack,
            labels,
            ..TaskDump::default()
        };
        let tenant = vec![("tenant".to_owned(), "acme".to_owned())];
        let listed = RuntimeDump {
            id: 1,
            level: Level::Tasks,
            tasks: vec![task(Some(tree.clone()), vec![]), task(Some(tree), vec![]), task(None, tenant)],
            ..RuntimeDump::default()
        };
        let grouped = RuntimeDump {
            id: 2,
            name: Some("db".into()),
            groups: vec![Group { count: 7, state: State::Runnable, reason: "sleep".into(), ..Group::default() }],
            cut: 5,
            ..RuntimeDump::default()
        };
        let profile = goroutine(&Dump { runtimes: vec![listed, grouped], ..Dump::default() });
        assert_eq!(profile.total(0), 3 + 7 + 5);
        let stacks: Vec<_> = profile.samples.iter().map(|sample| (names(sample), sample.values[0])).collect();
        let expected = [
            (vec!["[select]", "c", "b", "select", "serve"], 2),
            (vec!["[select]", "app::serve"], 1),
            (vec!["[runnable]", ""], 7),
            (vec!["[cut off by the dump's limit]"], 5),
        ];
        let expected = expected.map(|(names, count)| (names.into_iter().map(str::to_owned).collect::<Vec<_>>(), count));
        assert_eq!(stacks, expected);
        assert_eq!(profile.clone().only("tenant", "acme").total(0), 1);
        assert_eq!(profile.clone().only("runtime", "db").total(0), 12);
        assert_eq!(profile.only("wait", "sleep").total(0), 0, "what is runnable does not wait");
    }
}
