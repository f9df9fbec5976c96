//! [`List`]: who waits, in order, without an allocation.
//!
//! A doubly linked list whose nodes lie in the waiting futures, which are pinned, so that a node keeps its address until its
//! future is dropped, and the future's drop takes the node out. Every operation is a constant number of steps.
//!
//! It is for use under the lock of one primitive, and knows no lock itself. What it refuses to do: own, allocate, wake. Its
//! invariant: a node is in at most one list, and stays where it is until it is taken out. Whoever puts one in promises that; this
//! is the only file of the room with pointers between nodes.

use std::marker::PhantomPinned;
use std::ptr::NonNull;

/// What links a node to its neighbours: a field of every [`Entry`].
#[derive(Debug)]
pub(crate) struct Links<T> {
    previous: Option<NonNull<T>>,
    next: Option<NonNull<T>>,
    /// Its neighbours point to it, also while its future is borrowed: it must not be taken for an exclusive reference.
    _pinned: PhantomPinned,
}

impl<T> Links<T> {
    /// The links of a node in no list.
    pub(crate) const fn new() -> Self {
        Self { previous: None, next: None, _pinned: PhantomPinned }
    }
}

/// A node of a [`List`].
///
/// # Safety
/// [`links`](Self::links) returns the same field of the same node every time, without making a reference to the node.
pub(crate) unsafe trait Entry: Sized {
    /// A pointer to the node's links.
    ///
    /// # Safety
    /// `this` points to a node that is alive.
    unsafe fn links(this: NonNull<Self>) -> NonNull<Links<Self>>;
}

/// Nodes in order.
#[derive(Debug)]
pub(crate) struct List<T> {
    front: Option<NonNull<T>>,
    back: Option<NonNull<T>>,
}

// SAFETY: a list is two pointers; what may be done with the nodes is said by each operation's caller.
unsafe impl<T: Send> Send for List<T> {}

impl<T: Entry> List<T> {
    /// An empty list.
    pub(crate) const fn new() -> Self {
        Self { front: None, back: None }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.front.is_none()
    }

    /// The first node.
    pub(crate) const fn front(&self) -> Option<NonNull<T>> {
        self.front
    }

    /// The last node.
    pub(crate) const fn back(&self) -> Option<NonNull<T>> {
        self.back
    }

    /// All nodes; this list is empty afterwards. A node that was in it is removed from the new list from then on.
    pub(crate) const fn take(&mut self) -> Self {
        std::mem::replace(self, Self::new())
    }

    /// Puts all nodes of `other` at the end, in their order; `other` is empty afterwards.
    pub(crate) fn append(&mut self, other: &mut Self) {
        let Some(first) = other.front.take() else { return };
        match self.back {
            // SAFETY: a node of a list is alive.
            Some(last) => unsafe {
                T::links(last).as_mut().next = Some(first);
                T::links(first).as_mut().previous = Some(last);
            },
            None => self.front = Some(first),
        }
        self.back = other.back.take();
    }

    /// Puts a node at the end.
    ///
    /// # Safety
    /// The node is in no list, and alive and at its address until it has been taken out.
    pub(crate) unsafe fn push_back(&mut self, node: NonNull<T>) {
        // SAFETY: alive by the caller's promise.
        unsafe { Self::set(node, self.back, None) };
        match self.back.replace(node) {
            // SAFETY: a node of this list is alive.
            Some(last) => unsafe { T::links(last).as_mut().next = Some(node) },
            None => self.front = Some(node),
        }
    }

    /// Puts a node at the beginning.
    ///
    /// # Safety
    /// As [`push_back`](Self::push_back).
    pub(crate) unsafe fn push_front(&mut self, node: NonNull<T>) {
        // SAFETY: alive by the caller's promise.
        unsafe { Self::set(node, None, self.front) };
        match self.front.replace(node) {
            // SAFETY: a node of this list is alive.
            Some(first) => unsafe { T::links(first).as_mut().previous = Some(node) },
            None => self.back = Some(node),
        }
    }

    /// Takes the first node out.
    pub(crate) fn pop_front(&mut self) -> Option<NonNull<T>> {
        let node = self.front?;
        // SAFETY: it is in this list.
        unsafe { self.unlink(node) };
        Some(node)
    }

    /// Takes the last node out.
    pub(crate) fn pop_back(&mut self) -> Option<NonNull<T>> {
        let node = self.back?;
        // SAFETY: it is in this list.
        unsafe { self.unlink(node) };
        Some(node)
    }

    /// Takes a node out; whether it was in.
    ///
    /// # Safety
    /// The node is alive, and in this list or in none.
    pub(crate) unsafe fn remove(&mut self, node: NonNull<T>) -> bool {
        // SAFETY: alive by the caller's promise.
        let links = unsafe { T::links(node).as_ref() };
        // A node in no list has no neighbours and is at no end; one that is alone in this list is at both.
        if links.previous.is_none() && self.front != Some(node) {
            return false;
        }
        // SAFETY: it has a place in a list, which is this one by the caller's promise.
        unsafe { self.unlink(node) };
        true
    }

    /// The node behind `node`.
    ///
    /// # Safety
    /// The node is in this list.
    pub(crate) unsafe fn after(&self, node: NonNull<T>) -> Option<NonNull<T>> {
        // SAFETY: a node of this list is alive.
        unsafe { T::links(node).as_ref().next }
    }

    /// # Safety
    /// The node is in this list.
    unsafe fn unlink(&mut self, node: NonNull<T>) {
        // SAFETY: a node of this list is alive.
        let (previous, next) = unsafe {
            let links = T::links(node).as_mut();
            (links.previous.take(), links.next.take())
        };
        match previous {
            // SAFETY: a neighbour is in this list, and alive.
            Some(previous) => unsafe { T::links(previous).as_mut().next = next },
            None => self.front = next,
        }
        match next {
            // SAFETY: as above.
            Some(next) => unsafe { T::links(next).as_mut().previous = previous },
            None => self.back = previous,
        }
    }

    /// # Safety
    /// The node is alive, and in no list.
    unsafe fn set(node: NonNull<T>, previous: Option<NonNull<T>>, next: Option<NonNull<T>>) {
        // SAFETY: the caller's promise.
        let links = unsafe { T::links(node).as_mut() };
        debug_assert!(links.previous.is_none() && links.next.is_none(), "a node is in one list at a time");
        links.previous = previous;
        links.next = next;
    }
}

#[cfg(all(test, not(any(gumption_loom, gumption_shuttle))))]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    struct Number {
        links: Links<Number>,
        number: usize,
    }

    // SAFETY: `links` is the field.
    unsafe impl Entry for Number {
        unsafe fn links(this: NonNull<Self>) -> NonNull<Links<Self>> {
            // SAFETY: a field of a node that is alive.
            unsafe { NonNull::new_unchecked(&raw mut (*this.as_ptr()).links) }
        }
    }

    /// Every sequence of operations, drawn by a small generator, against a deque.
    #[test]
    fn it_is_a_deque_that_can_lose_from_the_middle() {
        let nodes: Vec<NonNull<Number>> =
            (0..8).map(|number| NonNull::from(Box::leak(Box::new(Number { links: Links::new(), number })))).collect();
        let (mut list, mut model) = (List::<Number>::new(), VecDeque::new());
        // The nodes live to the end, and are in this list only: the promise of each unsafe call below.
        let mut seed = 1_u64;
        for _ in 0..20_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (what, which) = ((seed >> 33) % 7, (seed >> 40) as usize % nodes.len());
            let node = nodes[which];
            let is_in = model.contains(&which);
            match what {
                0 | 1 if !is_in => {
                    // SAFETY: as said above.
                    unsafe { list.push_back(node) };
                    model.push_back(which);
                }
                2 if !is_in => {
                    // SAFETY: as said above.
                    unsafe { list.push_front(node) };
                    model.push_front(which);
                }
                3 => assert_eq!(number(list.pop_front()), model.pop_front()),
                4 => assert_eq!(number(list.pop_back()), model.pop_back()),
                5 => {
                    // SAFETY: as said above.
                    assert_eq!(unsafe { list.remove(node) }, is_in);
                    model.retain(|&other| other != which);
                }
                6 if seed >> 50 & 15 == 1 => {
                    // The front half into another list, and back behind the rest.
                    let mut front = List::new();
                    for _ in 0..model.len() / 2 {
                        if let Some(node) = list.pop_front() {
                            // SAFETY: as said above; it is in no list here.
                            unsafe { front.push_back(node) };
                        }
                    }
                    list.append(&mut front);
                    assert!(front.is_empty());
                    let half = model.len() / 2;
                    model.rotate_left(half);
                }
                6 if seed >> 50 & 31 == 0 => {
                    let mut taken = list.take();
                    assert!(list.is_empty());
                    while let Some(first) = model.pop_front() {
                        assert_eq!(number(taken.pop_front()), Some(first));
                    }
                    assert!(taken.is_empty());
                }
                _ => {}
            }
            assert_eq!(number(list.front()), model.front().copied());
            assert_eq!(number(list.back()), model.back().copied());
            let mut at = list.front();
            for &expected in &model {
                assert_eq!(number(at), Some(expected));
                // SAFETY: it is in the list.
                at = at.and_then(|node| unsafe { list.after(node) });
            }
            assert!(at.is_none());
        }
        for node in nodes {
            // SAFETY: leaked above, and the list is not used any more.
            drop(unsafe { Box::from_raw(node.as_ptr()) });
        }
    }

    fn number(node: Option<NonNull<Number>>) -> Option<usize> {
        // SAFETY: the nodes live to the end of the test.
        node.map(|node| unsafe { node.as_ref().number })
    }
}
