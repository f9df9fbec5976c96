//! Folding: from the addresses of a stack to the functions that whoever wrote the program wants to see.
//!
//! A stack of a task has thirty frames, of which three are the program's. Folded away are the runtime's, the standard
//! library's, those of downloaded packages, and C's ([`origin`](super::origin)); what is left loses its `::{{closure}}`, which
//! is how the compiler calls an async function's body. What can be seen must not become nothing, so:
//!
//! * a package that spawned the task is not folded away: a program that was installed from a registry is its user's own;
//! * if nothing of the program is left, the packages' frames stay;
//! * if there is nothing of those either, a task shows its future's type, and a thread everything.
//!
//! A thread's stack, unlike a task's, ends in what it does: the functions that the program called into last are kept,
//! the outermost of them and, if it is another, the innermost.
//!
//! ```text
//!   clone hook             Runtime                              app::serve      main.rs:40
//!   async_channel::recv    Library       ── folded: ──▶           app::fetch    main.rs:17
//!   app::fetch::{{closure}}
//!   core::future::poll_fn  Std
//!   app::serve::{{closure}}
//!   gumption_core::...     Runtime
//! ```
//!
//! Where inlined functions have lost their paths (see [`symbols`]), the outermost of a task has one all the same: its
//! future's type knows it.
//!
//! Recursion is counted: the same function at the same line, several times in a row, is one frame.

use std::sync::Arc;

use super::model::Frame;
use super::origin::{Origin, package, package_name};
use super::symbols;

/// A function on the way from a task's outermost to where it waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) frame: Frame,
    /// How often in a row.
    pub(crate) repeated: u32,
}

/// What is known of the code whose stack it is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Home<'a> {
    /// The file where the task was spawned.
    pub(crate) spawned_in: &'a str,
    /// The type of its future.
    pub(crate) type_name: &'a str,
}

/// The way to where a task waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    /// The outermost function first. Never empty.
    pub(crate) steps: Vec<Step>,
    /// The downloaded packages in whose code it goes on from there: the first, and the last if that is another.
    pub(crate) packages: Option<Arc<str>>,
}

/// The way to where a task waits.
pub(crate) fn task(addresses: &[u64], home: Home<'_>) -> Way {
    of_task(&look_up(addresses), home)
}

/// The way to where a thread is, the outermost function first. Never empty, unless there are no addresses.
pub(crate) fn thread(addresses: &[u64]) -> Vec<Step> {
    of_thread(&look_up(addresses))
}

/// All functions, the outermost first.
fn look_up(addresses: &[u64]) -> Vec<Frame> {
    addresses.iter().rev().flat_map(|&address| symbols::at(address).iter().rev().cloned().collect::<Vec<_>>()).collect()
}

fn of_task(calls: &[Frame], home: Home<'_>) -> Way {
    let own = package(home.spawned_in);
    let is_own = |call: &Frame| own.is_some() && call.file.as_deref().and_then(package) == own;
    let is_kept = |call: &Frame, wanted: Origin| {
        let origin = Origin::of(call);
        is_own(call) && origin != Origin::Runtime || origin == wanted
    };
    let keep = |wanted: Origin| steps(calls.iter().filter(|call| is_kept(call, wanted)));
    let mut kept = keep(Origin::Program);
    if let Some(first) = kept.first_mut().filter(|step| is_nameless(&step.frame) && is_programs_own(home.type_name)) {
        first.frame.function = without_closures(home.type_name).into();
    }
    let last = calls.iter().rposition(|call| is_kept(call, Origin::Program));
    let packages = last.and_then(|last| packages(&calls[last + 1..]));
    let kept = if kept.is_empty() { keep(Origin::Library) } else { kept };
    let steps = if kept.is_empty() { vec![Step { frame: of_type(home.type_name), repeated: 1 }] } else { kept };
    Way { steps, packages }
}

/// The packages of the first and of the last of these calls that are a package's.
fn packages(calls: &[Frame]) -> Option<Arc<str>> {
    let mut names = calls.iter().filter_map(|call| package_name(call.file.as_deref()?));
    let first = names.next()?;
    match names.next_back().filter(|last| *last != first) {
        Some(last) => Some(format!("{first} > {last}").into()),
        None => Some(first.into()),
    }
}

fn of_thread(calls: &[Frame]) -> Vec<Step> {
    let origins: Vec<Origin> = calls.iter().map(Origin::of).collect();
    let wanted = if origins.contains(&Origin::Program) { Origin::Program } else { Origin::Library };
    let Some(last) = origins.iter().rposition(|&origin| origin == wanted) else {
        return steps(calls.iter());
    };
    let own = calls[..=last].iter().zip(&origins).filter(|(_, origin)| **origin == wanted).map(|(call, _)| call);
    let inner = &calls[last + 1..];
    let innermost = if inner.len() > 1 { inner.last() } else { None };
    steps(own.chain(inner.first()).chain(innermost))
}

fn of_type(type_name: &str) -> Frame {
    let function = if type_name.is_empty() { "?" } else { without_closures(type_name) };
    Frame { function: function.into(), file: None, line: 0 }
}

fn steps<'a>(calls: impl Iterator<Item = &'a Frame>) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut last: Option<&Frame> = None;
    for call in calls {
        let frame = shown(call);
        match (steps.last_mut(), last) {
            (Some(step), Some(outer)) if step.frame == frame => {
                // A closure in a function, both at one line, are one place; the same function twice is recursion.
                if outer.function == call.function {
                    step.repeated += 1;
                }
            }
            // What a macro has put into a function, where inlined functions have lost their paths.
            (Some(step), _)
                if is_nameless(&frame) && step.frame.line == frame.line && step.frame.file == frame.file => {}
            _ => steps.push(Step { frame, repeated: 1 }),
        }
        last = Some(call);
    }
    steps
}

fn shown(call: &Frame) -> Frame {
    let name = without_closures(&call.function);
    let function = match NAMELESS.iter().find(|(mark, _)| name.starts_with(mark)) {
        Some((_, text)) => (*text).into(),
        None if name.len() == call.function.len() => Arc::clone(&call.function),
        None => name.into(),
    };
    Frame { function, file: call.file.clone(), line: call.line }
}

/// What is left of the name of an inlined function that has lost its path, and how it is shown.
const NAMELESS: [(&str, &str); 4] = [
    ("{async_fn#", "{async fn}"),
    ("{async_block#", "{async block}"),
    ("{async_closure#", "{async closure}"),
    ("{closure#", CLOSURE),
];
const CLOSURE: &str = "{closure}";

fn is_nameless(frame: &Frame) -> bool {
    NAMELESS.iter().any(|(_, text)| *frame.function == **text)
}

/// Whether a future of this type is the body of one of the program's async functions: then its poll is the outermost of the
/// program's functions.
fn is_programs_own(type_name: &str) -> bool {
    let frame = Frame { function: type_name.into(), file: None, line: 0 };
    type_name.ends_with("{{closure}}") && Origin::of(&frame) == Origin::Program
}

/// A path without the closures at its end: `app::serve::{{closure}}` is `app::serve`.
pub(crate) fn without_closures(mut name: &str) -> &str {
    while let Some((rest, last)) = name.rsplit_once("::") {
        if last != "{{closure}}" && !NAMELESS.iter().any(|(mark, _)| last.starts_with(mark)) {
            break;
        }
        name = rest;
    }
    name
}

#[cfg(test)]
mod tests;
