//! [`Tally`]: how often something happened and how long it took, by place.
//!
//! What the profiles of waits and of locks have in common. A sampled event is added on the thread where it happens, which is a
//! machine's: into one of a few stripes, by thread, behind a mutex that is held for one step of a map. A reader empties a
//! stripe by taking the map out, and adds it to what it has under a lock of its own; so a machine never waits for more than
//! another's step. The sums only grow: a profile is all that happened since the first event, and what happened between two
//! moments is the difference of two profiles.
//!
//! Places are bounded. Labels with many values (a trace id in each request) make many places: when a stripe has too many, new
//! places lose their labels, and then everything but their name. [`Tally::read`] says how many events that concerned.

use std::collections::HashMap;
use std::panic::Location;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gumption_core::resource::{Kind, find};
use gumption_core::task::labels::Set;

use super::frames::{self, Owner};
use super::model::{Call, Label, Profile, Sample};

/// Stripes: as many threads add at once without meeting.
const STRIPES: usize = 16;
/// Places that a stripe holds at most, between two readings, and that a reader holds for each stripe.
const PLACES: usize = 4096;

/// Where something happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    /// What, in words.
    pub(super) what: &'static str,
    /// The stack, innermost first.
    pub(super) addresses: Box<[u64]>,
    /// The task.
    pub(super) owner: Option<Owner>,
    /// The task's labels.
    pub(super) labels: Option<Arc<Set>>,
    /// What it was about.
    pub(super) resource: Option<Made>,
}

/// What a resource is, and where it was made: tells the ones of a program apart, and not the thousand of one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Made {
    pub(super) kind: Kind,
    pub(super) site: &'static Location<'static>,
}

impl Made {
    /// Of the resource with this id, if it still exists.
    pub(super) fn of(id: u64) -> Option<Self> {
        find(id).map(|facts| Self { kind: facts.kind, site: facts.site })
    }
}

/// How often, and how long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) count: u64,
    pub(super) delay_ns: u64,
}

impl Sum {
    fn add(&mut self, other: Self) {
        self.count = self.count.saturating_add(other.count);
        self.delay_ns = self.delay_ns.saturating_add(other.delay_ns);
    }
}

/// A part of the sums.
#[derive(Default)]
struct Part {
    sums: HashMap<Place, Sum>,
    /// Events whose place lost something.
    curtailed: u64,
}

impl Part {
    fn add(&mut self, mut place: Place, sum: Sum, most: usize) {
        if let Some(known) = self.sums.get_mut(&place) {
            return known.add(sum);
        }
        if self.sums.len() >= most {
            self.curtailed += 1;
            place.labels = None;
            if self.sums.len() >= 2 * most && !self.sums.contains_key(&place) {
                place = Place { addresses: Box::default(), owner: None, resource: None, ..place };
            }
        }
        self.sums.entry(place).or_default().add(sum);
    }
}

/// See the file.
pub(super) struct Tally {
    stripes: [Mutex<Part>; STRIPES],
    read: Mutex<Part>,
}

fn lock(part: &Mutex<Part>) -> MutexGuard<'_, Part> {
    part.lock().unwrap_or_else(PoisonError::into_inner)
}

/// This thread's stripe.
fn stripe() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        // Ordering: Relaxed; a number dealt out.
        static MINE: usize = NEXT.fetch_add(1, Ordering::Relaxed) % STRIPES;
    }
    MINE.try_with(|&mine| mine).unwrap_or(0)
}

impl Tally {
    pub(super) fn new() -> Self {
        Self { stripes: Default::default(), read: Mutex::default() }
    }

    /// Something happened.
    pub(super) fn add(&self, place: Place, sum: Sum) {
        lock(&self.stripes[stripe()]).add(place, sum, PLACES);
    }

    /// Adds a sample for each place to `profile`, and a comment if there were too many places.
    pub(super) fn read(&self, profile: &mut Profile) {
        let mut read = lock(&self.read);
        for stripe in &self.stripes {
            let part = std::mem::take(&mut *lock(stripe));
            read.curtailed += part.curtailed;
            for (place, sum) in part.sums {
                read.add(place, sum, STRIPES * PLACES);
            }
        }
        for (place, sum) in &read.sums {
            profile.push(place.sample(*sum));
        }
        if read.curtailed > 0 {
            profile.comments.push(format!("too many places: {} events are without labels or stack", read.curtailed));
        }
        drop(read);
        // Addresses of one call at one line are one place to who reads.
        profile.merge();
    }
}

impl Place {
    fn sample(&self, sum: Sum) -> Sample {
        let mut stack = vec![Call::named(format!("[{}]", self.what))];
        if !self.addresses.is_empty() {
            stack.extend(frames::folded(&self.addresses, self.owner));
        } else if let Some(owner) = self.owner {
            stack.push(super::goroutine::spawned(owner.type_name, &owner.site.into()));
        }
        let mut labels = vec![Label::text("reason", self.what)];
        if let Some(owner) = self.owner {
            labels.push(Label::text("spawned_at", crate::dump::Site::from(owner.site).to_string()));
        }
        if let Some(Made { kind, site }) = self.resource {
            labels.push(Label::text("resource", format!("{kind} {}:{}", site.file(), site.line())));
        }
        let own = self.labels.iter().flat_map(|labels| labels.iter());
        labels.extend(own.map(|(key, value)| Label::text(key.to_owned(), value)));
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        Sample { stack, values: vec![number(sum.count), number(sum.delay_ns)], labels }
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::ValueKind;
    use super::*;

    fn place(what: &'static str, address: u64, label: Option<&str>) -> Place {
        let labels = label.map(|label| Arc::new([("trace", label)].into_iter().collect::<Set>()));
        Place { what, addresses: Box::new([address]), owner: None, labels, resource: None }
    }

    fn read(tally: &Tally) -> Profile {
        let mut profile =
            Profile::new([ValueKind::new("contentions", "count"), ValueKind::new("delay", "nanoseconds")]);
        tally.read(&mut profile);
        profile
    }

    #[test]
    fn threads_add_and_readers_lose_nothing() {
        let tally = Tally::new();
        let total = std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    (0..1000).for_each(|i| tally.add(place("join", i % 7, None), Sum { count: 2, delay_ns: 3 }))
                });
            }
            (0..20).map(|_| read(&tally).total(0)).last()
        });
        assert!(total <= Some(8000));
        let profile = read(&tally);
        assert_eq!((profile.total(0), profile.total(1)), (8000, 12_000));
        assert_eq!(profile.samples.len(), 7);
        assert!(profile.comments.is_empty());
        assert_eq!(read(&tally).total(0), 8000, "it only grows");
    }

    #[test]
    fn too_many_places_lose_labels_and_no_event() {
        let mut part = Part::default();
        for i in 0..10_000 {
            part.add(place("join", i, Some(&i.to_string())), Sum { count: 1, delay_ns: 1 }, 8);
        }
        assert!(part.sums.len() <= 2 * 8 + 1, "{} places", part.sums.len());
        assert_eq!(part.sums.values().map(|sum| sum.count).sum::<u64>(), 10_000);
        assert_eq!(part.curtailed, 10_000 - 8);
    }
}
