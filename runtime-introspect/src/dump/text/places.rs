//! [`Places`]: a stack as text.
//!
//! One chain of calls is written as Go writes one, from where it waits outwards. A task that waits in several places at once has
//! a tree, and a tree is read from its root: so there it is from the outermost function inwards, each on a line.

use std::fmt::{self, Display, Formatter};

use super::Shape;
use crate::dump::{Frame, Node, Stack};

/// A stack, to be displayed in a shape.
pub(crate) struct Places<'a>(pub(crate) &'a Stack, pub(crate) Shape);

impl Display for Places<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(stack, shape) = self;
        match chain(stack) {
            Some(nodes) => nodes.iter().rev().try_for_each(|node| call(f, node)),
            None if *shape == Shape::Go => {
                // Go has no goroutine that waits in two places.
                first(stack).iter().rev().try_for_each(|node| call(f, node))?;
                writeln!(f, "...{} other places elided...", leaves(&stack.roots).saturating_sub(1))
            }
            None => tree(f, "", stack),
        }
    }
}

impl Places<'_> {
    /// The same behind `#`, as a profile has it.
    pub(crate) fn commented(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(stack, shape) = self;
        let line = |f: &mut Formatter<'_>, node: &&Node| {
            write!(f, "#\t{}", node.frame.function)?;
            again(f, node)?;
            match place(&node.frame) {
                Some(place) => writeln!(f, "\t{place}"),
                None => writeln!(f),
            }
        };
        match chain(stack) {
            Some(nodes) => nodes.iter().rev().try_for_each(|node| line(f, node)),
            None if *shape == Shape::Go => first(stack).iter().rev().try_for_each(|node| line(f, node)),
            None => tree(f, "#\t", stack),
        }
    }
}

/// The calls from the outermost inwards, if there is one chain.
fn chain(stack: &Stack) -> Option<Vec<&Node>> {
    let nodes = first(stack);
    (stack.roots.len() <= 1 && nodes.iter().all(|node| node.callees.len() <= 1)).then_some(nodes)
}

/// The first chain.
fn first(stack: &Stack) -> Vec<&Node> {
    let mut nodes = Vec::new();
    let mut next = stack.roots.first();
    while let Some(node) = next {
        nodes.push(node);
        next = node.callees.first();
    }
    nodes
}

fn leaves(nodes: &[Node]) -> usize {
    nodes.iter().map(|node| if node.callees.is_empty() { 1 } else { leaves(&node.callees) }).sum()
}

/// `app::serve()`, and its place below.
fn call(f: &mut Formatter<'_>, node: &Node) -> fmt::Result {
    write!(f, "{}()", node.frame.function)?;
    again(f, node)?;
    writeln!(f)?;
    writeln!(f, "\t{}", place(&node.frame).as_deref().unwrap_or("??:0"))
}

fn tree(f: &mut Formatter<'_>, before: &str, stack: &Stack) -> fmt::Result {
    stack.roots.iter().try_for_each(|root| branch(f, before, "", "", root))
}

/// A function and below it what it called. `own` stands before its line, `below` before the lines of what it called.
fn branch(f: &mut Formatter<'_>, before: &str, own: &str, below: &str, node: &Node) -> fmt::Result {
    write!(f, "{before}{own}{}", node.frame.function)?;
    again(f, node)?;
    if let Some(place) = place(&node.frame) {
        write!(f, " ({place})")?;
    }
    match &node.waits {
        Some((reason, 0)) => write!(f, " [{reason}]")?,
        Some((reason, resource)) => write!(f, " [{reason} {resource}]")?,
        None => {}
    }
    writeln!(f)?;
    // A chain inside a tree stays in one column.
    let [all @ .., last] = &node.callees[..] else { return Ok(()) };
    if all.is_empty() {
        return branch(f, before, below, below, last);
    }
    for callee in all {
        branch(f, before, &format!("{below}├─ "), &format!("{below}│  "), callee)?;
    }
    branch(f, before, &format!("{below}└─ "), &format!("{below}   "), last)
}

fn again(f: &mut Formatter<'_>, node: &Node) -> fmt::Result {
    if node.repeated > 1 { write!(f, " ({} times)", node.repeated) } else { Ok(()) }
}

fn place(frame: &Frame) -> Option<String> {
    frame.file.as_ref().map(|file| format!("{file}:{}", frame.line))
}
