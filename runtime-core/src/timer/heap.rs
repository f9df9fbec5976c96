//! A 4-ary min-heap of `(when, item)`.
//!
//! Four children to a node: half the levels of a binary heap, and the children of one node share a cache line or two
//! (a pair is 16 bytes). It is the shape that Go's timers have. The keys lie beside the items, so that sifting never
//! follows an item's pointer.
//!
//! The heap knows nothing of timers, threads or clocks. Only [`Timers`](super::Timers) uses it, under its lock. It
//! does not find or remove an item in the middle: a cancelled timer is marked dead in its entry and leaves through
//! [`remove_if`](Heap::remove_if) or when it reaches the top.
//!
//! Invariant: no node's key is smaller than its parent's. Items of equal keys leave in no promised order. It is
//! checked against a `BTreeMap` below; it has no model because it is never shared.

/// Children of a node.
const ARITY: usize = 4;

/// A min-heap of `T` by a `u64` key.
#[derive(Debug)]
pub(super) struct Heap<T> {
    nodes: Vec<(u64, T)>,
}

impl<T> Default for Heap<T> {
    fn default() -> Self {
        Self { nodes: Vec::new() }
    }
}

impl<T> Heap<T> {
    /// How many items it holds.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The smallest key and its item.
    pub(super) fn peek(&self) -> Option<&(u64, T)> {
        self.nodes.first()
    }

    /// Adds an item.
    pub(super) fn push(&mut self, key: u64, item: T) {
        self.nodes.push((key, item));
        self.sift_up(self.nodes.len() - 1);
    }

    /// Takes the item of the smallest key.
    pub(super) fn pop(&mut self) -> Option<(u64, T)> {
        if self.nodes.is_empty() {
            return None;
        }
        let top = self.nodes.swap_remove(0);
        self.sift_down(0);
        Some(top)
    }

    /// Gives the top item a new key, which may not be smaller than the one it has. Nothing happens in an empty heap.
    pub(super) fn postpone_top(&mut self, key: u64) {
        if let Some(top) = self.nodes.first_mut() {
            debug_assert!(key >= top.0, "a key moves forward only");
            top.0 = key;
            self.sift_down(0);
        }
    }

    /// Takes out the items that `wanted` picks and gives them to `taken`, in linear time.
    pub(super) fn remove_if(&mut self, mut wanted: impl FnMut(&T) -> bool, mut taken: impl FnMut(T)) {
        let before = self.nodes.len();
        for (_, item) in self.nodes.extract_if(.., |node| wanted(&node.1)) {
            taken(item);
        }
        if self.nodes.len() == before || self.nodes.len() < 2 {
            return;
        }
        let last_parent = (self.nodes.len() - 2) / ARITY;
        for at in (0..=last_parent).rev() {
            self.sift_down(at);
        }
    }

    /// Takes every item, in no particular order.
    pub(super) fn take_all(&mut self) -> Vec<(u64, T)> {
        std::mem::take(&mut self.nodes)
    }

    fn sift_up(&mut self, mut at: usize) {
        while at > 0 {
            let parent = (at - 1) / ARITY;
            if self.nodes[parent].0 <= self.nodes[at].0 {
                break;
            }
            self.nodes.swap(parent, at);
            at = parent;
        }
    }

    fn sift_down(&mut self, mut at: usize) {
        loop {
            let first = at * ARITY + 1;
            let end = (first + ARITY).min(self.nodes.len());
            let Some(least) = (first..end).min_by_key(|&child| self.nodes[child].0) else { break };
            if self.nodes[at].0 <= self.nodes[least].0 {
                break;
            }
            self.nodes.swap(at, least);
            at = least;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Heap;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[derive(Clone, Debug)]
    enum Step {
        Push(u64),
        Pop,
        Postpone(u64),
        Remove(u32),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            5 => (0u64..40).prop_map(Step::Push),
            3 => Just(Step::Pop),
            1 => (0u64..20).prop_map(Step::Postpone),
            1 => (2u32..5).prop_map(Step::Remove),
        ]
    }

    fn well_formed(heap: &Heap<u32>) -> bool {
        (1..heap.nodes.len()).all(|at| heap.nodes[(at - 1) / super::ARITY].0 <= heap.nodes[at].0)
    }

    proptest! {
        #[test]
        fn behaves_as_a_sorted_map(steps in proptest::collection::vec(step(), 0..300)) {
            let mut heap = Heap::default();
            // Item to key: an item says which of several equal keys has left.
            let mut model: BTreeMap<u32, u64> = BTreeMap::new();
            for (number, step) in (0u32..).zip(steps) {
                match step {
                    Step::Push(key) => {
                        heap.push(key, number);
                        model.insert(number, key);
                    }
                    Step::Pop => {
                        let least = model.values().min().copied();
                        let popped = heap.pop();
                        prop_assert_eq!(popped.map(|(key, _)| key), least);
                        if let Some((key, item)) = popped {
                            prop_assert_eq!(model.remove(&item), Some(key));
                        }
                    }
                    Step::Postpone(by) => {
                        if let Some(&(key, item)) = heap.peek() {
                            heap.postpone_top(key + by);
                            model.insert(item, key + by);
                        } else {
                            heap.postpone_top(by);
                        }
                    }
                    Step::Remove(nth) => {
                        let mut taken = Vec::new();
                        heap.remove_if(|item| item % nth == 0, |item| taken.push(item));
                        taken.sort_unstable();
                        prop_assert!(taken.iter().eq(model.keys().filter(|item| *item % nth == 0)));
                        model.retain(|item, _| item % nth != 0);
                    }
                }
                prop_assert!(well_formed(&heap));
                prop_assert_eq!(heap.len(), model.len());
                prop_assert_eq!(heap.peek().map(|top| top.0), model.values().min().copied());
            }
            let mut rest: Vec<u32> = heap.take_all().into_iter().map(|(_, item)| item).collect();
            rest.sort_unstable();
            prop_assert_eq!(rest, model.into_keys().collect::<Vec<_>>());
            prop_assert_eq!(heap.len(), 0);
        }
    }
}
