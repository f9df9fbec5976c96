//! [`Store`]: snapshots in so many bytes, the oldest leave first.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::reason::Reason;
use crate::dump::Format;

/// A snapshot that is kept, without its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Its number: 1 is the first that was taken, and no two have the same.
    pub number: u64,
    /// When it was taken: *milliseconds* since 1970.
    pub taken_unix_ms: u64,
    /// Why.
    pub reason: Reason,
    /// As what it is kept.
    pub format: Format,
    /// *Bytes* of its text.
    pub bytes: usize,
}

/// A snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// What is known of it.
    pub kept: Kept,
    /// The dump.
    pub text: Arc<str>,
}

/// What is not there any more, or never was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// *Snapshots* that had to leave for younger ones.
    pub left: u64,
    /// *Snapshots* that were larger than all that may be kept.
    pub too_large: u64,
    /// *Snapshots* that rules would have caused too soon after another.
    pub suppressed: u64,
}

#[derive(Debug)]
pub(super) struct Store {
    most: usize,
    used: usize,
    taken: u64,
    snapshots: VecDeque<Snapshot>,
    pub(super) lost: Lost,
}

impl Store {
    pub(super) fn new(most: usize) -> Self {
        Self { most, used: 0, taken: 0, snapshots: VecDeque::new(), lost: Lost::default() }
    }

    pub(super) fn used(&self) -> usize {
        self.used
    }

    /// Keeps one; its number.
    pub(super) fn keep(&mut self, taken_unix_ms: u64, reason: Reason, format: Format, text: String) -> Option<u64> {
        self.taken += 1;
        let kept = Kept { number: self.taken, taken_unix_ms, reason, format, bytes: text.len() };
        let bytes = size(&kept);
        if bytes > self.most {
            self.lost.too_large += 1;
            return None;
        }
        while self.used + bytes > self.most {
            let Some(oldest) = self.snapshots.pop_front() else { break };
            self.used -= size(&oldest.kept);
            self.lost.left += 1;
        }
        self.used += bytes;
        self.snapshots.push_back(Snapshot { kept, text: text.into() });
        Some(self.taken)
    }

    pub(super) fn list(&self) -> Vec<Kept> {
        self.snapshots.iter().map(|snapshot| snapshot.kept.clone()).collect()
    }

    pub(super) fn get(&self, number: u64) -> Option<Snapshot> {
        let at = self.snapshots.binary_search_by_key(&number, |snapshot| snapshot.kept.number).ok()?;
        self.snapshots.get(at).cloned()
    }

    pub(super) fn nearest(&self, unix_ms: u64) -> Option<Snapshot> {
        self.snapshots.iter().min_by_key(|snapshot| snapshot.kept.taken_unix_ms.abs_diff(unix_ms)).cloned()
    }
}

/// *Bytes* that one takes up: its text with the counts before it, its place in the ring twice (a ring of such places
/// grows by doubling), and what its reason says.
fn size(kept: &Kept) -> usize {
    let reason = match &kept.reason {
        Reason::Period => 0,
        Reason::Rule(name) | Reason::Asked(name) => name.capacity(),
    };
    kept.bytes + 2 * size_of::<usize>() + 2 * size_of::<Snapshot>() + reason
}
