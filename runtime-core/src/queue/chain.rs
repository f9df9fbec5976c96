//! [`Chain`]: a batch of nodes, linked through the nodes themselves.
//!
//! Batches are how work crosses between queues: the older half of a full ring goes to the injector as one chain, a share
//! of the injector comes back as one, a poll of the network gives one. A chain is three words, allocates nothing, and is
//! handed on whole by one push.
//!
//! A chain *holds* its nodes: whoever owns the chain is the only one who may touch their links, which is why no method
//! here is atomic. It passes between threads only through something that orders memory (the injector, a mutex). It is
//! not `Clone`, and dropping one that is not empty forgets the nodes in it: a task that never runs, of which nobody would
//! hear. So that is a panic, in every build: it costs a look at a pointer.
//!
//! Every operation is constant time except [`split_off`](Chain::split_off), which walks the nodes that stay.
//!
//! The invariant: `len` nodes are reachable from `head` by their links, the last of them is `tail`, and its link is
//! empty.

use super::Node;
use std::fmt;
use std::ptr::NonNull;

/// An intrusive singly linked batch of nodes, oldest first.
#[must_use = "a chain that is dropped forgets its nodes"]
pub struct Chain<T: Node> {
    head: Option<NonNull<T>>,
    tail: Option<NonNull<T>>,
    len: usize,
}

// SAFETY: a chain is the right to its nodes, which `Node` says may be passed between threads.
unsafe impl<T: Node> Send for Chain<T> {}

impl<T: Node> Chain<T> {
    /// A chain of nothing.
    #[inline]
    pub const fn new() -> Self {
        Self { head: None, tail: None, len: 0 }
    }

    /// A chain of one node.
    ///
    /// # Safety
    /// The caller holds `node` and gives that up.
    #[inline]
    pub unsafe fn of(node: NonNull<T>) -> Self {
        let mut chain = Self::new();
        // SAFETY: the caller's promise.
        unsafe { chain.push_back(node) };
        chain
    }

    /// How many nodes it holds.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    /// Adds `node` as the youngest.
    ///
    /// # Safety
    /// The caller holds `node` and gives that up.
    #[inline]
    pub unsafe fn push_back(&mut self, node: NonNull<T>) {
        // SAFETY: the caller holds `node`, so it is live and the link is ours to write.
        unsafe { (*T::link(node)).set(None) };
        match self.tail {
            // SAFETY: the chain holds its tail.
            Some(tail) => unsafe { (*T::link(tail)).set(Some(node)) },
            None => self.head = Some(node),
        }
        self.tail = Some(node);
        self.len += 1;
    }

    /// Takes the oldest node, which the caller holds from here on.
    #[inline]
    pub fn pop_front(&mut self) -> Option<NonNull<T>> {
        let node = self.head?;
        // SAFETY: the chain holds its head.
        self.head = unsafe { (*T::link(node)).get() };
        if self.head.is_none() {
            self.tail = None;
        }
        self.len -= 1;
        Some(node)
    }

    /// Moves all of `other` behind the youngest node.
    #[inline]
    pub fn append(&mut self, other: &mut Self) {
        let Some(head) = other.head.take() else { return };
        match self.tail {
            // SAFETY: the chain holds its tail.
            Some(tail) => unsafe { (*T::link(tail)).set(Some(head)) },
            None => self.head = Some(head),
        }
        self.tail = other.tail.take();
        self.len += std::mem::take(&mut other.len);
    }

    /// Keeps the oldest `keep` nodes and returns the rest.
    pub fn split_off(&mut self, keep: usize) -> Self {
        if keep >= self.len {
            return Self::new();
        }
        if keep == 0 {
            return std::mem::take(self);
        }
        let mut last = self.head;
        for _ in 1..keep {
            // SAFETY: the chain holds the nodes that it walks.
            last = last.and_then(|node| unsafe { (*T::link(node)).get() });
        }
        let Some(last) = last else { return Self::new() };
        // SAFETY: as above.
        let head = unsafe { (*T::link(last)).get() };
        let rest = Self { head, tail: self.tail, len: self.len - keep };
        // SAFETY: as above.
        unsafe { (*T::link(last)).set(None) };
        self.tail = Some(last);
        self.len = keep;
        rest
    }
}

impl<T: Node> Default for Chain<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Node> Drop for Chain<T> {
    #[inline]
    fn drop(&mut self) {
        if !self.is_empty() {
            forgotten(self.len);
        }
    }
}

#[cold]
#[track_caller]
fn forgotten(nodes: usize) {
    assert!(
        std::thread::panicking(),
        "a batch is dropped with {nodes} in it that nobody will run: a bug in the scheduler"
    );
}

impl<T: Node> fmt::Debug for Chain<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain").field("len", &self.len).finish_non_exhaustive()
    }
}

impl<T: Node> Iterator for Chain<T> {
    type Item = NonNull<T>;

    #[inline]
    fn next(&mut self) -> Option<NonNull<T>> {
        self.pop_front()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len, Some(self.len))
    }
}
