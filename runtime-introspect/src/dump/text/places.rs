//! [`Places`]: a stack as text.
//!
//! One chain of calls is written as Go writes one, from where it waits outwards. A task that waits in several places at once has
//! a tree, and a tree is read from its root: so there it is from the outermost function inwards, each on a line, and what is
//! waited for in a function stands among what it called:
//!
//! ```text
//! app::start (src/main.rs:113)
//! ├─ [IO read fd 29]
//! └─ app::answer (src/routes.rs:95)
//!    app::work (src/routes.rs:113) [sleep]
//! ```

use std::borrow::Cow;
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
                stack.longest().iter().rev().try_for_each(|node| call(f, node))?;
                writeln!(f, "...{} other places elided...", stack.places().saturating_sub(1))
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
            None if *shape == Shape::Go => stack.longest().iter().rev().try_for_each(|node| line(f, node)),
            None => tree(f, "#\t", stack),
        }
    }
}

/// The calls from the outermost inwards, if there is one chain, at whose end it waits.
fn chain(stack: &Stack) -> Option<Vec<&Node>> {
    (stack.places() <= 1).then(|| stack.longest())
}

/// `app::serve()`, and its place below.
fn call(f: &mut Formatter<'_>, node: &Node) -> fmt::Result {
    write!(f, "{}()", node.frame.function)?;
    again(f, node)?;
    writeln!(f)?;
    writeln!(f, "\t{}", place(&node.frame).as_deref().unwrap_or("??:0"))
}

fn tree(f: &mut Formatter<'_>, before: &str, stack: &Stack) -> fmt::Result {
    let roots: Vec<Branch<'_>> = merged(&stack.roots).into_iter().map(Branch::Calls).collect();
    branches(f, before, "", &roots)
}

/// What leaves a function: a wait of its own, or a call.
enum Branch<'a> {
    Waits(&'a Waits),
    Calls(Vec<&'a Node>),
}

type Waits = (Cow<'static, str>, u64);

/// Waits at one place are nodes side by side (the model's way); here they are one.
fn merged(nodes: &[Node]) -> Vec<Vec<&Node>> {
    let mut merged: Vec<Vec<&Node>> = Vec::new();
    for node in nodes {
        let same = |with: &&mut Vec<&Node>| with[0].frame == node.frame && with[0].repeated == node.repeated;
        match merged.last_mut().filter(same) {
            Some(with) => with.push(node),
            None => merged.push(vec![node]),
        }
    }
    merged
}

/// One branch goes on in the column of what it leaves, several are drawn.
fn branches(f: &mut Formatter<'_>, before: &str, below: &str, all: &[Branch<'_>]) -> fmt::Result {
    let [others @ .., last] = all else { return Ok(()) };
    if others.is_empty() {
        return branch(f, before, below, below, last);
    }
    for other in others {
        branch(f, before, &format!("{below}├─ "), &format!("{below}│  "), other)?;
    }
    branch(f, before, &format!("{below}└─ "), &format!("{below}   "), last)
}

/// A function and below it what leaves it. `own` stands before its line, `below` before the lines of that.
fn branch(f: &mut Formatter<'_>, before: &str, own: &str, below: &str, branch: &Branch<'_>) -> fmt::Result {
    write!(f, "{before}{own}")?;
    let nodes = match branch {
        Branch::Waits(waits) => {
            waited(f, waits)?;
            return writeln!(f);
        }
        Branch::Calls(nodes) => nodes,
    };
    let Some(node) = nodes.first() else { return Ok(()) };
    write!(f, "{}", node.frame.function)?;
    again(f, node)?;
    if let Some(place) = place(&node.frame) {
        write!(f, " ({place})")?;
    }
    let waits = nodes.iter().filter_map(|node| node.waits.as_ref()).map(Branch::Waits);
    let calls = nodes.iter().flat_map(|node| merged(&node.callees)).map(Branch::Calls);
    let all: Vec<Branch<'_>> = waits.chain(calls).collect();
    match &all[..] {
        [Branch::Waits(waits)] => {
            f.write_str(" ")?;
            waited(f, waits)?;
            writeln!(f)
        }
        all => {
            writeln!(f)?;
            branches(f, before, below, all)
        }
    }
}

/// `[chan receive 16777217]`, `[IO read fd 29]`, `[join task 7]`.
fn waited(f: &mut Formatter<'_>, (reason, resource): &Waits) -> fmt::Result {
    let what = match &**reason {
        reason if reason.starts_with("IO ") => " fd",
        "join" => " task",
        _ => "",
    };
    match resource {
        0 => write!(f, "[{reason}]"),
        number => write!(f, "[{reason}{what} {number}]"),
    }
}

fn again(f: &mut Formatter<'_>, node: &Node) -> fmt::Result {
    if node.repeated > 1 { write!(f, " ({} times)", node.repeated) } else { Ok(()) }
}

fn place(frame: &Frame) -> Option<String> {
    frame.file.as_ref().map(|file| format!("{file}:{}", frame.line))
}
