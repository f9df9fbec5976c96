//! The graph as DOT, for Graphviz: tasks are boxes, resources ellipses, what is exact is drawn through, what is only likely dashed.
//!
//! `dot -Tsvg`. Names that come from the program are quoted.

use std::fmt::Write;

use super::model::{End, Graph, Relation};
use crate::dump::State;
use crate::dump::text::Age;

impl Graph {
    /// The graph in the language of Graphviz.
    pub fn dot(&self) -> String {
        let mut dot = String::from("digraph waits {\n  rankdir=LR;\n  node [fontname=\"monospace\", fontsize=10];\n");
        // Writing to a string does not fail.
        let _ = self.write_dot(&mut dot);
        dot.push_str("}\n");
        dot
    }

    fn write_dot(&self, dot: &mut String) -> std::fmt::Result {
        for node in &self.tasks {
            let what = match () {
                () if node.is_closure => "closure",
                () if node.task.is_main => "block_on, task",
                () => "task",
            };
            let name = node.task.name.as_deref().map(|name| format!(" {name}")).unwrap_or_default();
            let wait = match node.wait.as_ref() {
                "" => node.state.to_string(),
                wait => format!("{wait}, {}", Age(node.age_ns)),
            };
            let label = quoted(&[&format!("{what} {}{name}", node.task.id), &node.task.spawned_at.to_string(), &wait]);
            let color = if node.state == State::Stranded { ", color=red" } else { "" };
            writeln!(dot, "  t{} [shape=box, label={label}{color}];", node.task.id)?;
        }
        for resource in &self.resources {
            let kind = format!("{} {}", resource.kind, resource.id);
            let waiters = format!("{} waiting", resource.waiters);
            let label = quoted(&[&kind, &resource.made_at.to_string(), &waiters]);
            writeln!(dot, "  r{} [shape=ellipse, label={label}];", resource.id)?;
        }
        for edge in &self.edges {
            let relation = match edge.relation {
                Relation::WaitsFor => "waits for",
                Relation::AcquiredBy => "acquired by",
                Relation::ReceivedBy => "received by",
            };
            let style = if edge.exact { "solid" } else { "dashed" };
            writeln!(dot, "  {} -> {} [label=\"{relation}\", style={style}];", end(edge.from), end(edge.to))?;
        }
        if self.cut > 0 {
            writeln!(dot, "  cut [shape=note, label=\"{} more tasks wait for the same\"];", self.cut)?;
        }
        Ok(())
    }
}

fn end(end: End) -> String {
    match end {
        End::Task(id) => format!("t{id}"),
        End::Resource(id) => format!("r{id}"),
    }
}

/// Lines as one quoted string.
fn quoted(lines: &[&str]) -> String {
    let escaped: Vec<String> = lines.iter().map(|line| line.replace('\\', "\\\\").replace('"', "\\\"")).collect();
    format!("\"{}\"", escaped.join("\\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Edge, Party, TaskNode};

    #[test]
    fn a_name_cannot_break_out_of_its_label() {
        let task = Party { id: 1, name: Some("a\"b\\".into()), ..Party::default() };
        let edge = Edge { from: End::Task(1), to: End::Resource(2), relation: Relation::WaitsFor, exact: false };
        let tasks = vec![TaskNode { task, ..TaskNode::default() }];
        let dot = Graph { tasks, edges: vec![edge], cut: 3, ..Graph::default() }.dot();
        assert!(dot.contains(r#"label="task 1 a\"b\\\n:0"#), "{dot}");
        assert!(dot.contains("t1 -> r2 [label=\"waits for\", style=dashed];"), "{dot}");
        assert!(dot.contains("3 more tasks"), "{dot}");
    }
}
