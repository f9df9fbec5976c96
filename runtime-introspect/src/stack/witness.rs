//! The witness of a capture: writes down where a task's leaves take the waker, and where they say what they wait for.
//!
//! Called in the middle of the user's poll, on the capturing thread, perhaps under a lock of the very primitive that is
//! waited for. So it does the least: it unwinds to addresses and keeps them, each different stack once. What they mean is
//! for afterwards ([`told`]), on another thread.
//!
//! **A leaf that takes the waker and a primitive that says its reason are mostly one thing, seen twice**, in either order.
//! They are paired afterwards: a reason belongs to the nameless leaf beside it that was reached on the same way (the same
//! functions of the program at the same lines). A leaf without a reason is one of somebody else's primitives. A reason
//! without a leaf counts, too: that primitive had its waker already.

use std::collections::HashMap;
use std::sync::Arc;

use gumption_core::task::Witness;
use gumption_core::wait::WaitReason;

use super::fold::Step;
use super::model::{Frame, Node, Stack};
use super::tree::{Said, Tree};
use super::unwind::{Frames, OwnStack, Unwinder};

/// Leaves of one task that are looked at: a task that waits for thousands of futures is not worth a second each.
const LEAVES: usize = 256;

/// Something that was seen during a capture, and the number of the stack on which it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) stack: u32,
    /// What was said; none if the waker was taken.
    pub(super) said: Option<(WaitReason, u64)>,
}

/// What was seen of one task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) events: Vec<Event>,
    /// Events beyond [`LEAVES`] leaves.
    pub(super) more: usize,
}

/// The witness of one thread, for one task after the other.
pub(super) struct Recorder {
    unwinder: Unwinder,
    own: OwnStack,
    frames: Frames,
    numbers: HashMap<Box<[u64]>, u32>,
    /// The stacks that are new since they were last asked for.
    fresh: Vec<Box<[u64]>>,
    seen: Seen,
}

impl Recorder {
    /// A recorder for this thread, of what is called from the function that calls this; none where that is not supported.
    #[inline(always)]
    pub(super) fn of_this_thread() -> Option<Self> {
        let own = OwnStack::whole()?.up_to_here();
        Some(Self {
            unwinder: Unwinder::new()?,
            own,
            frames: Frames::default(),
            numbers: HashMap::new(),
            fresh: Vec::new(),
            seen: Seen::default(),
        })
    }

    /// What was seen since the last call, and the stacks that had not been seen before any call: numbers go on.
    pub(super) fn take(&mut self) -> (Seen, Vec<Box<[u64]>>) {
        (std::mem::take(&mut self.seen), std::mem::take(&mut self.fresh))
    }

    #[inline(never)]
    fn record(&mut self, said: Option<(WaitReason, u64)>) {
        if self.seen.events.len() >= 2 * LEAVES {
            self.seen.more += 1;
            return;
        }
        self.unwinder.record_here(&self.own, &mut self.frames);
        let stack = match self.numbers.get(self.frames.addresses()) {
            Some(&number) => number,
            None => {
                let number = self.numbers.len() as u32;
                let addresses: Box<[u64]> = self.frames.addresses().into();
                self.numbers.insert(addresses.clone(), number);
                self.fresh.push(addresses);
                number
            }
        };
        self.seen.events.push(Event { stack, said });
    }
}

impl Witness for Recorder {
    fn leaf(&mut self) {
        self.record(None);
    }

    fn said(&mut self, reason: WaitReason, resource: u64) {
        self.record(Some((reason, resource)));
    }
}

/// The tree of what was seen; `way` knows the way that a stack's number stands for, and `packages` whose code it went on in.
/// None if nothing was seen.
pub(super) fn told<'a>(
    seen: &Seen,
    way: impl Fn(u32) -> &'a [Step],
    packages: impl Fn(u32) -> Option<Arc<str>>,
) -> Option<Stack> {
    if seen.events.is_empty() {
        return None;
    }
    let mut tree = Tree::default();
    for (stack, said) in pairs(&seen.events, &way) {
        let said = match said {
            Some((reason, resource)) => Said::Reason(reason, resource),
            None => packages(stack).map_or(Said::Nothing, Said::Foreign),
        };
        tree.add(way(stack), said);
    }
    let mut stack = tree.finish();
    if seen.more > 0 {
        let function = format!("(and {} more places)", seen.more.div_ceil(2)).into();
        let frame = Frame { function, file: None, line: 0 };
        stack.roots.push(Node { frame, repeated: 1, waits: None, callees: Vec::new() });
    }
    Some(stack)
}

/// Leaves with what was said of them.
fn pairs<'a>(events: &[Event], way: &impl Fn(u32) -> &'a [Step]) -> Vec<(u32, Option<(WaitReason, u64)>)> {
    let mut pairs = Vec::with_capacity(events.len());
    // The last event, if it is one half of a pair.
    let mut open: Option<Event> = None;
    for &event in events {
        open = match open {
            Some(half) if half.said.is_some() != event.said.is_some() && way(half.stack) == way(event.stack) => {
                pairs.push((event.stack, half.said.or(event.said)));
                None
            }
            Some(half) => {
                pairs.push((half.stack, half.said));
                Some(event)
            }
            None => Some(event),
        };
    }
    pairs.extend(open.map(|half| (half.stack, half.said)));
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use WaitReason::{ChanRecv, Mutex};

    fn step(function: &str) -> Vec<Step> {
        vec![Step { frame: Frame { function: function.into(), file: None, line: 1 }, repeated: 1 }]
    }

    #[test]
    fn a_leaf_and_what_it_says_are_one() {
        // Stacks 0 and 1 are of one function, 2 is of another.
        let ways = [step("serve"), step("serve"), step("fetch")];
        let way = |number: u32| &ways[number as usize][..];
        let leaf = |stack| Event { stack, said: None };
        let said = |stack, reason| Event { stack, said: Some((reason, 9)) };

        let (receive, lock) = (Some((ChanRecv, 9)), Some((Mutex, 9)));
        assert_eq!(pairs(&[leaf(0), said(1, ChanRecv), leaf(0), said(1, Mutex)], &way), [(1, receive), (1, lock)]);
        assert_eq!(pairs(&[said(0, ChanRecv), leaf(1), said(0, Mutex), leaf(1)], &way), [(1, receive), (1, lock)]);
        assert_eq!(
            pairs(&[leaf(2), said(0, ChanRecv), leaf(1)], &way),
            [(2, None), (1, receive)],
            "a foreign one first"
        );
        assert_eq!(pairs(&[leaf(0), leaf(0), said(2, Mutex)], &way), [(0, None), (0, None), (2, lock)]);
    }

    #[test]
    fn what_is_too_much_is_said() {
        let ways = [step("all")];
        let seen = Seen { events: vec![Event { stack: 0, said: None }], more: 19_000 };
        let stack = told(&seen, |number| &ways[number as usize][..], |_| None).unwrap();
        assert_eq!(&*stack.roots[1].frame.function, "(and 9500 more places)");
        assert_eq!(told(&Seen::default(), |number| &ways[number as usize][..], |_| None), None);
    }
}
