//! A dump as folded stacks: `root;frame;leaf count`, a line for each different one, for flame graphs and for `sort`.
//!
//! The root is the place where the tasks were spawned, then the functions from the outermost inwards (or the future's type, where
//! there is no stack), and last what is waited for in brackets. The futures of `block_on` are among them, by where that was called.
//! A task that waits in several places is in a line for each of them, and so counts several times. Semicolons and line breaks inside
//! names give way, because a line is split there.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{Dump, Node, Site, Stack, State};

impl Dump {
    /// As folded stacks, in the order of their text.
    pub fn to_folded(&self) -> String {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for runtime in &self.runtimes {
            for group in &runtime.groups {
                let doing = doing(group.state, &group.reason);
                for path in paths(&group.spawned_at, &group.type_name, group.stack.as_ref(), doing) {
                    *counts.entry(path).or_default() += group.count;
                }
            }
            for task in runtime.mains.iter().chain(&runtime.tasks) {
                let doing = doing(task.state, task.wait.as_ref().map_or("", |wait| &wait.reason));
                for path in paths(&task.spawned_at, &task.type_name, task.stack.as_ref(), doing) {
                    *counts.entry(path).or_default() += 1;
                }
            }
        }
        counts.into_iter().fold(String::new(), |mut text, (path, count)| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{path} {count}");
            text
        })
    }
}

fn doing(state: State, reason: &str) -> &str {
    if state.is_waiting() { reason } else { state.text() }
}

fn paths(site: &Site, type_name: &str, stack: Option<&Stack>, doing: &str) -> Vec<String> {
    let mut root = plain(&site.to_string());
    match stack.filter(|stack| !stack.roots.is_empty()) {
        None => {
            push(&mut root, type_name);
            push(&mut root, &format!("[{doing}]"));
            vec![root]
        }
        Some(stack) => {
            let mut paths = Vec::new();
            stack.roots.iter().for_each(|node| descend(&root, node, doing, &mut paths));
            paths
        }
    }
}

fn descend(above: &str, node: &Node, doing: &str, paths: &mut Vec<String>) {
    let mut path = above.to_owned();
    push(&mut path, &node.frame.function);
    let waits = node.waits.as_ref().map(|(reason, _)| &**reason);
    if let Some(doing) = waits.or(Some(doing).filter(|_| node.callees.is_empty())) {
        let mut path = path.clone();
        push(&mut path, &format!("[{doing}]"));
        paths.push(path);
    }
    node.callees.iter().for_each(|callee| descend(&path, callee, doing, paths));
}

fn push(path: &mut String, name: &str) {
    path.push(';');
    path.push_str(&plain(name));
}

fn plain(name: &str) -> String {
    name.replace(';', ":").replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dump::{Frame, Group, RuntimeDump, TaskDump, Wait};

    fn node(function: &str, waits: Option<&'static str>, callees: Vec<Node>) -> Node {
        let frame = Frame { function: function.into(), ..Frame::default() };
        Node { frame, repeated: 1, waits: waits.map(|reason| (reason.into(), 0)), callees }
    }

    #[test]
    fn alike_stacks_are_one_line_and_a_task_in_two_places_is_two() {
        let site = Site { file: "src/main.rs".into(), line: 40, column: 1 };
        let select = Stack {
            roots: vec![node(
                "app::both",
                None,
                vec![node("app::fetch", Some("chan receive"), vec![]), node("app::f;g", Some("sleep"), vec![])],
            )],
        };
        let waits = |id, stack| TaskDump {
            id,
            state: State::Waiting,
            wait: Some(Wait { reason: "select".into(), ..Wait::default() }),
            spawned_at: site.clone(),
            type_name: "app::main::{{closure}}".into(),
            stack,
            ..TaskDump::default()
        };
        let tasks = vec![waits(1, Some(select.clone())), waits(2, Some(select)), waits(3, None)];
        let group = Group {
            count: 12_001,
            state: State::Runnable,
            spawned_at: site.clone(),
            type_name: "T".into(),
            ..Group::default()
        };
        let runtime = RuntimeDump { tasks, groups: vec![group], ..RuntimeDump::default() };
        let dump = Dump { runtimes: vec![runtime], ..Dump::default() };
        let text = "src/main.rs:40;T;[runnable] 12001\n\
            src/main.rs:40;app::both;app::f:g;[sleep] 2\n\
            src/main.rs:40;app::both;app::fetch;[chan receive] 2\n\
            src/main.rs:40;app::main::{{closure}};[select] 1\n";
        assert_eq!(dump.to_folded(), text);
        assert_eq!(Dump::default().to_folded(), "");
    }
}
