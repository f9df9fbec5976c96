//! What is to be told of a tree where there is room for a line: its longest way, how many places it has, what is waited for in them.
//!
//! A task that waits in several places at once has said in one word what it waits for, and that word is of the last leaf that said
//! anything. A server's connection waits for what its handler waits for, and for its client to go: the word says `IO read`. Who
//! has the tree knows better ([`Stack::reasons`]).
//!
//! Where a stack must be a line (Go's texts, pprof), it is the longest: it is the one that leads farthest into the program.

use gumption_core::wait::WaitReason;

use super::{Node, Stack};

/// Reasons that are named side by side.
const NAMED: usize = 3;

impl Stack {
    /// The way with the most functions, from the outermost inwards; the first of several, but rather one of which it is known what
    /// it waits for.
    pub(crate) fn longest(&self) -> Vec<&Node> {
        let mut longest = Vec::new();
        longer(&self.roots, &mut Vec::new(), &mut longest);
        longest
    }

    /// In how many places it waits.
    pub(crate) fn places(&self) -> usize {
        places(&self.roots)
    }

    /// What is waited for in the places of a tree, each once: first at the end of the longest way, last what is unknown. None if
    /// that is no more than one thing.
    pub(crate) fn reasons(&self) -> Option<String> {
        let mut reasons: Vec<&str> = Vec::new();
        let last = self.longest().last().and_then(|node| node.waits.as_ref());
        reasons.extend(last.map(|(reason, _)| class(reason)));
        said(&self.roots, &mut reasons);
        // A stable sort: the others keep their order.
        reasons.sort_by_key(|reason| *reason == UNKNOWN);
        if reasons.len() < 2 {
            return None;
        }
        let more = reasons.len().saturating_sub(NAMED);
        reasons.truncate(NAMED);
        let named = reasons.join(" or ");
        Some(if more > 0 { format!("{named} or {more} more") } else { named })
    }
}

const UNKNOWN: &str = WaitReason::Unknown.text();

/// A reason without the packages in which nobody said one.
fn class(reason: &str) -> &str {
    if reason.starts_with(UNKNOWN) { UNKNOWN } else { reason }
}

fn longer<'a>(nodes: &'a [Node], way: &mut Vec<&'a Node>, longest: &mut Vec<&'a Node>) {
    let known = |way: &[&Node]| {
        way.last().and_then(|node| node.waits.as_ref()).is_some_and(|(reason, _)| class(reason) != UNKNOWN)
    };
    for node in nodes {
        way.push(node);
        if (way.len(), known(way)) > (longest.len(), known(longest)) {
            longest.clone_from(way);
        }
        longer(&node.callees, way, longest);
        way.pop();
    }
}

fn places(nodes: &[Node]) -> usize {
    let own = |node: &Node| usize::from(node.waits.is_some() || node.callees.is_empty());
    nodes.iter().map(|node| own(node) + places(&node.callees)).sum()
}

fn said<'a>(nodes: &'a [Node], reasons: &mut Vec<&'a str>) {
    for node in nodes {
        if let Some(reason) = node.waits.as_ref().map(|(reason, _)| class(reason)).filter(|one| !reasons.contains(one))
        {
            reasons.push(reason);
        }
        said(&node.callees, reasons);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dump::Frame;

    fn node(function: &str, waits: Option<&'static str>, callees: Vec<Node>) -> Node {
        let frame = Frame { function: function.into(), file: None, line: 0 };
        Node { frame, repeated: 1, waits: waits.map(|reason| (reason.into(), 7)), callees }
    }

    #[test]
    fn a_connection_waits_for_its_handler_first() {
        let handler = node("answer", None, vec![node("work", Some("sleep"), vec![])]);
        let unknown = Some("unknown, in hyper-util");
        let stack =
            Stack { roots: vec![node("start", unknown, vec![]), node("start", Some("IO read"), vec![handler])] };
        let names: Vec<_> = stack.longest().iter().map(|node| &*node.frame.function).collect();
        assert_eq!(names, ["start", "answer", "work"]);
        assert_eq!(stack.places(), 3);
        assert_eq!(stack.reasons().as_deref(), Some("sleep or IO read or unknown"));
    }

    #[test]
    fn one_thing_is_what_the_task_said_itself() {
        let twice =
            Stack { roots: vec![node("a", Some("chan receive"), vec![]), node("a", Some("chan receive"), vec![])] };
        assert_eq!((twice.places(), twice.reasons()), (2, None));
        assert_eq!((Stack::default().places(), Stack::default().reasons()), (0, None));
        let many = ["sleep", "join", "notify", "IO read", "unknown"];
        let many = Stack { roots: many.map(|reason| node("a", Some(reason), vec![])).into() };
        assert_eq!(many.reasons().as_deref(), Some("sleep or join or notify or 2 more"));
        let both = Stack { roots: vec![node("a", Some("unknown"), vec![]), node("b", Some("sleep"), vec![])] };
        assert_eq!(&*both.longest()[0].frame.function, "b");
    }
}
