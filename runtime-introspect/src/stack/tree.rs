//! The tree: the ways to all the places where a task waits, merged where they are the same.
//!
//! A task that waits in a `select!` or a `join!` waits in several places; their ways share their beginning. What is waited
//! for stands at the end of each way. Two waits that end at the same function and line (a `select!` of two channels) are two
//! nodes, as long as there are few; beyond [`SIDE_BY_SIDE`] they are one, which says how many: a task that waits for a
//! thousand futures at one line does not get a thousand nodes, and looks the same as its neighbour that waits for
//! nine hundred.
//!
//! A way that is deeper than [`DEEPEST`] is told at its ends, with a node in between that says how much is missing.
//!
//! Refuses to know what an address is: it merges steps.

use std::borrow::Cow;
use std::sync::Arc;

use gumption_core::wait::WaitReason;

use super::fold::Step;
use super::model::{Frame, Node, Stack};

/// Waits at one place that are told apart.
const SIDE_BY_SIDE: usize = 8;
/// Steps of a way that are told. A node inside a node is two levels of JSON, and what reads that back (serde_json) takes 128.
const DEEPEST: usize = 48;

/// What is known of a wait.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Said {
    /// A primitive said it: for what, and the number of the resource.
    Reason(WaitReason, u64),
    /// Nobody said anything, in the code of these packages.
    Foreign(Arc<str>),
    /// Nobody said anything.
    #[default]
    Nothing,
}

/// Waits of one task, on their way into a tree.
#[derive(Debug, Default)]
pub(super) struct Tree {
    roots: Vec<Growing>,
}

#[derive(Debug)]
struct Growing {
    step: Step,
    waits: Vec<Said>,
    callees: Vec<Growing>,
}

impl Tree {
    /// Adds a way, and what is waited for at its end.
    pub(super) fn add(&mut self, way: &[Step], waits: Said) {
        let way = at_its_ends(way);
        let Some((last, before)) = way.split_last() else { return };
        let mut level = &mut self.roots;
        for step in before {
            level = &mut grow(level, step).callees;
        }
        grow(level, last).waits.push(waits);
    }

    /// The whole.
    pub(super) fn finish(self) -> Stack {
        Stack { roots: nodes(self.roots) }
    }
}

/// A way as it is told.
fn at_its_ends(way: &[Step]) -> Cow<'_, [Step]> {
    let Some(over) = way.len().checked_sub(DEEPEST).filter(|over| *over > 0) else { return Cow::Borrowed(way) };
    let (outer, rest) = way.split_at(DEEPEST / 2);
    // One place is the gap's own.
    let (missing, inner) = rest.split_at(over + 1);
    let function = format!("({} calls left out)", missing.len()).into();
    let gap = Step { frame: Frame { function, file: None, line: 0 }, repeated: 1 };
    Cow::Owned([outer, &[gap], inner].concat())
}

/// The child for a step, which may be there already.
fn grow<'a>(level: &'a mut Vec<Growing>, step: &Step) -> &'a mut Growing {
    let at = level.iter().position(|child| child.step == *step).unwrap_or_else(|| {
        level.push(Growing { step: step.clone(), waits: Vec::new(), callees: Vec::new() });
        level.len() - 1
    });
    &mut level[at]
}

fn nodes(mut grown: Vec<Growing>) -> Vec<Node> {
    // In the order of the source: `join!` takes turns in whom it polls first, and the same waits are to look the same.
    grown.sort_by(|a, b| {
        let place = |growing: &Growing| (growing.step.frame.file.clone(), growing.step.frame.line);
        place(a).cmp(&place(b)).then_with(|| a.step.frame.function.cmp(&b.step.frame.function))
    });
    let mut nodes = Vec::with_capacity(grown.len());
    for growing in grown {
        let node = |waits, callees| Node {
            frame: growing.step.frame.clone(),
            repeated: growing.step.repeated,
            waits,
            callees,
        };
        let (first, others) = texts(&growing.waits);
        let callees = self::nodes(growing.callees);
        nodes.push(node(first, callees));
        nodes.extend(others.into_iter().map(|waits| node(Some(waits), Vec::new())));
    }
    nodes
}

type Waits = (Cow<'static, str>, u64);

/// What a node says that it waits for, and what the nodes beside it say.
fn texts(waits: &[Said]) -> (Option<Waits>, Vec<Waits>) {
    // Where nobody said anything, it need not be called unknown.
    if waits.iter().all(|wait| *wait == Said::Nothing) {
        return (None, Vec::new());
    }
    let mut distinct: Vec<&Said> = waits.iter().collect();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() <= SIDE_BY_SIDE {
        let mut texts = distinct.into_iter().map(Said::text);
        let first = texts.next();
        return (first, texts.collect());
    }
    // By reason, with a round number of how many: see above.
    let mut reasons: Vec<(Cow<'static, str>, usize)> = Vec::new();
    for (reason, _) in distinct.into_iter().map(Said::text) {
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, count)) => *count += 1,
            None => reasons.push((reason, 1)),
        }
    }
    let mut texts = reasons.into_iter().map(|(reason, count)| match count {
        1 => (reason, 0),
        _ => (Cow::Owned(format!("{reason} in {} or more places", 1 << count.ilog2())), 0),
    });
    let first = texts.next();
    (first, texts.collect())
}

impl Said {
    fn text(&self) -> Waits {
        let unknown = WaitReason::Unknown.text();
        match self {
            Self::Reason(reason, resource) => (Cow::Borrowed(reason.text()), *resource),
            Self::Foreign(packages) => (Cow::Owned(format!("{unknown}, in {packages}")), 0),
            Self::Nothing => (Cow::Borrowed(unknown), 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dump::{Dump, RuntimeDump, TaskDump};

    fn step(function: &str) -> Step {
        Step { frame: Frame { function: function.into(), file: None, line: 1 }, repeated: 1 }
    }

    fn told(nodes: &[Node]) -> String {
        let one = |node: &Node| {
            let waits = node.waits.as_ref().map(|(text, id)| format!("[{text} {id}]")).unwrap_or_default();
            let inner = if node.callees.is_empty() { String::new() } else { format!("({})", told(&node.callees)) };
            format!("{}{waits}{inner}", node.frame.function)
        };
        nodes.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    type Way<'a> = (&'a [&'a str], Option<(WaitReason, u64)>);

    fn tree(ways: &[Way<'_>]) -> String {
        let mut tree = Tree::default();
        for (way, waits) in ways {
            let said = waits.map_or(Said::Nothing, |(reason, resource)| Said::Reason(reason, resource));
            tree.add(&way.iter().map(|name| step(name)).collect::<Vec<_>>(), said);
        }
        told(&tree.finish().roots)
    }

    use WaitReason::{ChanRecv, Mutex, Sleep};

    #[test]
    fn ways_part_where_they_differ() {
        let grown = tree(&[
            (&["serve", "guarded"], Some((Mutex, 8))),
            (&["serve", "fetch"], Some((ChanRecv, 7))),
            (&["serve"], Some((Sleep, 0))),
        ]);
        assert_eq!(
            grown, "serve[sleep 0](fetch[chan receive 7] guarded[sync.Mutex.Lock 8])",
            "by the source, not by the order of polls"
        );
    }

    #[test]
    fn waits_at_one_place_stand_side_by_side() {
        assert_eq!(
            tree(&[(&["serve"], Some((ChanRecv, 7))), (&["serve"], Some((ChanRecv, 8)))]),
            "serve[chan receive 7] serve[chan receive 8]"
        );
        assert_eq!(
            tree(&[(&["serve"], Some((ChanRecv, 7))), (&["serve"], None)]),
            "serve[chan receive 7] serve[unknown 0]"
        );
        assert_eq!(tree(&[(&["serve"], None)]), "serve", "nobody said anything");
    }

    #[test]
    fn a_way_that_is_too_deep_is_told_at_its_ends_and_can_be_read_back() {
        let way: Vec<Step> = (0..300).map(|number| step(&format!("f{number}"))).collect();
        let mut tree = Tree::default();
        tree.add(&way, Said::Reason(Mutex, 3));
        let stack = tree.finish();
        let shown = told(&stack.roots);
        assert!(shown.starts_with("f0(f1(") && shown.contains("f23((253 calls left out)(f277("), "{shown}");
        assert!(shown.contains("f299[sync.Mutex.Lock 3]"), "{shown}");
        let task = TaskDump { stack: Some(stack), ..TaskDump::default() };
        let runtime = RuntimeDump { tasks: vec![task], ..RuntimeDump::default() };
        let dump = Dump { schema: Dump::SCHEMA, runtimes: vec![runtime], ..Dump::default() };
        assert_eq!(Dump::from_json(&dump.to_json()).expect("it nests no deeper than readers do"), dump);
    }

    #[test]
    fn somebody_elses_primitive_is_named_by_its_package() {
        let mut tree = Tree::default();
        tree.add(&[step("serve")], Said::Foreign("async-channel".into()));
        assert_eq!(told(&tree.finish().roots), "serve[unknown, in async-channel 0]");
        let mut tree = Tree::default();
        for said in [Said::Nothing, Said::Foreign("b".into()), Said::Reason(Sleep, 0), Said::Foreign("b".into())] {
            tree.add(&[step("serve")], said);
        }
        assert_eq!(
            told(&tree.finish().roots),
            "serve[sleep 0] serve[unknown, in b 0] serve[unknown 0]",
            "what is known first, each once"
        );
    }

    #[test]
    fn a_thousand_places_are_one_node() {
        let many: Vec<Way<'_>> = (0..900).map(|id| (&["all"][..], Some((ChanRecv, id + 1)))).collect();
        assert_eq!(tree(&many), "all[chan receive in 512 or more places 0]");
        let same: Vec<Way<'_>> = (0..900).map(|_| (&["all"][..], Some((Mutex, 3)))).collect();
        assert_eq!(tree(&same), "all[sync.Mutex.Lock 3]", "one lock is one thing");
    }
}
