//! Level 1: tasks that look the same, counted.
//!
//! What makes two tasks look the same is where they were spawned, the type of their future, what they do and what they wait for,
//! and where, if stacks are asked for. While the records are walked a group is known by addresses and small numbers, and
//! neither compared nor stored as text: a million tasks in ten groups cost a million look-ups of a few nanoseconds and ten
//! strings. At the end groups of the same text are one, because a compiler may keep one place, or one type, at two addresses.
//!
//! The invariant: the counts of all groups, what was filtered and what was cut are together the tasks that are alive.

use std::borrow::Cow;
use std::collections::HashMap;
use std::panic::Location;
use std::sync::Arc;

use gumption_core::task::labels::Set;
use gumption_core::task::{Row, Vtable};
use gumption_core::wait::WaitReason;

use super::scene::{Seen, Spreading};
use super::{Group, Node, Site, Stack, State, row};

/// What makes a group in words: where it was spawned, the type, what it does, what it waits for, and the number of its stack.
type Text = (Site, Cow<'static, str>, State, Cow<'static, str>, Option<u32>);

/// How many of a group's tasks are named, besides the one that has waited longest.
const EXAMPLES: usize = 4;

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    site: usize,
    vtable: usize,
    state: u8,
    reason: u8,
    stack: Option<u32>,
}

struct Forming {
    site: &'static Location<'static>,
    vtable: &'static Vtable,
    state: State,
    reason: Option<WaitReason>,
    stack: Option<u32>,
    count: u64,
    oldest_ns: Option<u64>,
    oldest: u64,
    examples: Vec<u64>,
    shared: Shared,
}

/// The labels that all tasks of a group have.
#[derive(Default)]
enum Shared {
    /// There is no task yet.
    #[default]
    Any,
    /// All have these.
    All(Arc<Set>),
    /// None is had by all.
    None,
}

impl Shared {
    /// One more task has these.
    #[inline]
    fn and(&mut self, row: &Row) {
        if matches!(self, Self::None) {
            return;
        }
        *self = match (&*self, row.labels()) {
            (Self::Any, Some(set)) => Self::All(set),
            (Self::All(all), Some(set)) => {
                let in_both = |(key, value): &(&str, &str)| set.get(key) == Some(*value);
                if Arc::ptr_eq(all, &set) || all.iter().all(|pair| in_both(&pair)) {
                    return;
                }
                let both: Set = all.iter().filter(in_both).collect();
                if both.is_empty() { Self::None } else { Self::All(Arc::new(both)) }
            }
            (_, None) | (Self::None, _) => Self::None,
        };
    }
}

/// Groups in the making.
#[derive(Default)]
pub(super) struct Groups {
    by_key: HashMap<Key, usize, Spreading>,
    groups: Vec<Forming>,
    /// Neighbours in the registry are often alike.
    last: Option<(Key, usize)>,
    stacks: Vec<Stack>,
    by_stack: HashMap<Stack, u32>,
}

impl Groups {
    /// The number of a stack.
    pub(super) fn stack(&mut self, stack: &Stack) -> u32 {
        let mut alike = stack.clone();
        // Each its own channel, and yet the same place: what differs between alike tasks is not the group's.
        alike.roots.iter_mut().for_each(forget_resources);
        if let Some(number) = self.by_stack.get(&alike) {
            return *number;
        }
        let number = self.stacks.len() as u32;
        self.stacks.push(alike.clone());
        self.by_stack.insert(alike, number);
        number
    }

    /// Counts a task, and where it waits, if that is known.
    #[inline]
    pub(super) fn add(&mut self, row: &Row, seen: Seen, stack: Option<u32>) {
        let key = Key {
            site: std::ptr::from_ref(row.site).addr(),
            vtable: std::ptr::from_ref(row.vtable).addr(),
            state: seen.state as u8,
            reason: seen.reason.map_or(0, |reason| reason as u8 + 1),
            stack,
        };
        let at = match self.last {
            Some((last, at)) if last == key => at,
            _ => self.find(key, row, seen),
        };
        self.last = Some((key, at));
        let group = &mut self.groups[at];
        group.count += 1;
        group.shared.and(row);
        let id = row.id.as_u64();
        if seen.in_state_ns > group.oldest_ns || group.oldest == 0 {
            group.oldest_ns = seen.in_state_ns;
            group.oldest = id;
        }
        if group.examples.len() < EXAMPLES {
            group.examples.push(id);
        }
    }

    #[cold]
    fn find(&mut self, key: Key, row: &Row, seen: Seen) -> usize {
        *self.by_key.entry(key).or_insert_with(|| {
            self.groups.push(Forming {
                site: row.site,
                vtable: row.vtable,
                state: seen.state,
                reason: seen.reason,
                stack: key.stack,
                count: 0,
                oldest_ns: None,
                oldest: 0,
                examples: Vec::new(),
                shared: Shared::Any,
            });
            self.groups.len() - 1
        })
    }

    /// The largest first, and how many tasks are in those that are beyond `most`.
    pub(super) fn finish(self, most: usize) -> (Vec<Group>, u64) {
        let mut groups: Vec<Group> = Vec::with_capacity(self.groups.len());
        let mut by_text: HashMap<Text, usize> = HashMap::new();
        for forming in self.groups {
            let number = forming.stack;
            let stack = number.and_then(|number| self.stacks.get(number as usize)).cloned();
            let group = forming.told(stack);
            let text = (group.spawned_at.clone(), group.type_name.clone(), group.state, group.reason.clone(), number);
            match by_text.get(&text) {
                Some(&at) => merge(&mut groups[at], group),
                None => {
                    by_text.insert(text, groups.len());
                    groups.push(group);
                }
            }
        }
        groups.sort_by(|a, b| {
            let by_text =
                |group: &Group| (group.spawned_at.clone(), group.state, group.reason.clone(), group.type_name.clone());
            b.count.cmp(&a.count).then_with(|| by_text(a).cmp(&by_text(b)))
        });
        let cut = groups.iter().skip(most).map(|group| group.count).sum();
        groups.truncate(most);
        (groups, cut)
    }
}

impl Forming {
    fn told(mut self, stack: Option<Stack>) -> Group {
        self.examples.retain(|id| *id != self.oldest);
        self.examples.insert(0, self.oldest);
        Group {
            count: self.count,
            state: self.state,
            reason: Cow::Borrowed(self.reason.map_or("", WaitReason::text)),
            spawned_at: Site::from(self.site),
            type_name: Cow::Borrowed((self.vtable.type_name)()),
            oldest_ns: self.oldest_ns.unwrap_or(0),
            stack,
            labels: match &self.shared {
                Shared::All(set) => row::pairs(set),
                Shared::Any | Shared::None => Vec::new(),
            },
            examples: self.examples,
        }
    }
}

fn merge(into: &mut Group, more: Group) {
    into.count += more.count;
    into.labels.retain(|label| more.labels.contains(label));
    let (mut first, then) = if more.oldest_ns > into.oldest_ns {
        (more.examples, std::mem::take(&mut into.examples))
    } else {
        (std::mem::take(&mut into.examples), more.examples)
    };
    first.extend(then);
    first.truncate(EXAMPLES + 1);
    into.examples = first;
    into.oldest_ns = into.oldest_ns.max(more.oldest_ns);
}
/// Leaves of what a leaf waits for what kind of thing it is, and not which.
fn forget_resources(node: &mut Node) {
    if let Some((_, resource)) = &mut node.waits {
        *resource = 0;
    }
    node.callees.iter_mut().for_each(forget_resources);
}
