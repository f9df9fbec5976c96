//! Stacks of the calling thread, recorded where something happens and read when somebody asks.
//!
//! Recording ([`here`]) is what a sampled wait or release pays: the thread's own unwinder, half a microsecond, no lock, no
//! symbols. A stack is kept as addresses. [`folded`] makes frames of it, on the thread of whoever reads the profile: what is not
//! the program's is folded away, as in a dump, so that a place in a profile and the same place in a dump have the same names.
//! [`whole`] folds nothing: where time is spent is what a profile of the CPU is about, also if it is spent in the runtime.

use std::cell::RefCell;
use std::panic::Location;

use super::model::{Call, Line};
use crate::stack::fold::{self, Home};
use crate::stack::symbols;
use crate::stack::unwind::{Frames, OwnStack, Unwinder};

struct Recorder {
    unwinder: Unwinder,
    stack: OwnStack,
    frames: Frames,
}

impl Recorder {
    fn new() -> Option<Self> {
        Some(Self { unwinder: Unwinder::new()?, stack: OwnStack::whole()?, frames: Frames::default() })
    }
}

/// A thread's recorder, as far as it has been asked for, and can be had.
enum Asked {
    NotYet,
    Answered(Option<Recorder>),
}

thread_local! {
    static RECORDER: RefCell<Asked> = const { RefCell::new(Asked::NotYet) };
}

/// Has what all threads share read now, which takes milliseconds, and not by the first task whose wait is sampled.
pub(super) fn prepare() {
    drop(Unwinder::new());
}

/// The calls that are under way on this thread, the innermost first, by address. Empty where stacks cannot be had, and on a
/// thread that is ending.
#[inline(never)]
pub(super) fn here() -> Box<[u64]> {
    let recorded = RECORDER.try_with(|recorder| {
        let mut recorder = recorder.try_borrow_mut().ok()?;
        if let Asked::NotYet = *recorder {
            *recorder = Asked::Answered(Recorder::new());
        }
        let Asked::Answered(Some(Recorder { unwinder, stack, frames })) = &mut *recorder else { return None };
        unwinder.record_here(stack, frames);
        Some(Box::from(frames.addresses()))
    });
    recorded.ok().flatten().unwrap_or_default()
}

/// The part of `first` that `other` has in common with it, from the outside, and the call of `first` in which they part: a task
/// that waits in several places waits where these places part.
pub(super) fn fork(first: &[u64], other: &[u64]) -> Box<[u64]> {
    let common = first.iter().rev().zip(other.iter().rev()).take_while(|(a, b)| a == b).count();
    first[first.len().saturating_sub(common + 1)..].into()
}

/// Whose a stack is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Owner {
    /// Where the task was spawned.
    pub(super) site: &'static Location<'static>,
    /// Its future's type.
    pub(super) type_name: &'static str,
}

/// The program's part of a stack of `owner`'s, or of a thread that runs no task; the innermost first.
pub(super) fn folded(addresses: &[u64], owner: Option<Owner>) -> Vec<Call> {
    let steps = match owner {
        Some(owner) => fold::task(addresses, Home { spawned_in: owner.site.file(), type_name: owner.type_name }).steps,
        None => fold::thread(addresses),
    };
    let repeated = steps.iter().flat_map(|step| (0..step.repeated.max(1)).map(|_| Call::from(&step.frame)));
    let mut calls: Vec<Call> = repeated.collect();
    calls.reverse();
    calls
}

/// Every call of a stack, with what was inlined there.
pub(super) fn whole(addresses: &[u64]) -> Vec<Call> {
    let call = |&address: &u64| Call { address, lines: symbols::at(address).iter().map(Line::from).collect() };
    addresses.iter().map(call).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_places_have_one_way_in_common() {
        // Innermost first: `select` is at 20 when it polls the first, at 21 when it polls the second.
        let (first, second) = ([1, 10, 20, 30, 40], [2, 21, 30, 40]);
        assert_eq!(*fork(&first, &second), [20, 30, 40]);
        assert_eq!(*fork(&fork(&first, &second), &[3, 22, 30, 40]), [20, 30, 40], "the third place changes nothing");
        assert_eq!(*fork(&first, &first), first);
        assert!(fork(&[], &first).is_empty());
    }
}
