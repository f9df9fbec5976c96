//! [`Resource`]: what a task can wait for inside the process, as an observer knows it.
//!
//! A lock, a channel, a semaphore holds one of these beside its own state: what kind of thing it is, and where in the source it
//! was made. That is all as long as nobody has to wait. The first task that does gives it an **id** and a
//! [`Record`], in which the primitive writes down, on its slow paths, who owns it, how many wait, how deep it is: the
//! facts that turn `task 7 [sync.Mutex.Lock]` into *which* mutex, made where, held by whom. So a resource that is never
//! contended costs its creator three words, and no allocation, no lock, no counter: it can sit in a `static`.
//!
//! ```text
//!   Mutex { resource: Resource { kind, site, record } , .. }
//!                                            |  null until the first wait
//!                                            v
//!        table:  [ Record | Record | Record | .. ]     type-stable, never freed, read without a lock
//!                   ^
//!        a waiting task's resource word is the record's id
//! ```
//!
//! Who may call: primitives, here and elsewhere (it is public like [`wait`](crate::wait), and for the same reason); observers
//! [`snapshot`] and [`find`]. It refuses to decide anything: no primitive may read a fact back, and facts order nothing. Wait
//! and hold times are by the processor's coarse clock, which costs a load; what is shorter than its step counts as 0.
//!
//! Under the checkers a resource has no record: facts decide nothing, and would only multiply the schedules. The protocol between
//! a record's lives and its readers is checked by itself: `loom-tests/tests/resources.rs`.

mod holders;
mod past;
mod pocket;
mod record;
mod table;
mod waits;

pub use holders::{Holder, Holders, Place, Shares};
use pocket::Pocket;
pub use record::{Facts, Kind, MOVABLE, Record};
use table::TABLE;
pub use table::Table;
pub use waits::Waits;

use crate::policy;
use crate::sync::{Ordering, UncheckedPtr, thread_local};
use crate::task;
use crate::wait::{WaitReason, blocked_on, blocked_with, unblocked};
use std::fmt;
use std::panic::Location;
use std::ptr::{from_ref, null_mut};

thread_local! {
    static POCKET: Pocket = const { Pocket::new() };
}

/// What a primitive carries for its observers.
pub struct Resource {
    site: &'static Location<'static>,
    record: UncheckedPtr<Record>,
    kind: Kind,
}

impl Resource {
    /// A resource that nobody has waited for yet, made where this is called (or, in a function with `#[track_caller]`, where
    /// that is).
    #[track_caller]
    pub const fn new(kind: Kind) -> Self {
        Self { site: Location::caller(), record: UncheckedPtr::new(null_mut()), kind }
    }

    /// Its number, never used twice at a time, and 0 for none: what a waiting task says that it waits for.
    ///
    /// The first call gives it its record: 10 to 50 ns, once. For slow paths.
    pub fn id(&self) -> u64 {
        if policy::CHECKED {
            return from_ref(self).addr() as u64;
        }
        match self.record() {
            Some(record) => record.id(),
            None => self.register(),
        }
    }

    #[cold]
    fn register(&self) -> u64 {
        let record = match POCKET.try_with(Pocket::take) {
            Ok(Some(record)) => {
                record.begin(self.kind, self.site);
                record
            }
            // A thread that is ending has no pocket any more.
            _ => TABLE.begin(self.kind, self.site),
        };
        // Ordering: Release pairs with the Acquire of `record`; Acquire, for the record of who was faster.
        match self.record.compare_exchange(null_mut(), from_ref(record).cast_mut(), Ordering::AcqRel, Ordering::Acquire)
        {
            Ok(_) => record.id(),
            Err(_) => {
                end(record);
                self.record().map_or(0, Record::id)
            }
        }
    }

    /// Says that the running task is about to wait for this resource: right before a primitive returns `Pending`.
    #[inline]
    pub fn waits(&self, reason: WaitReason) {
        blocked_on(reason, self.id());
    }

    /// [`waits`](Self::waits), by a primitive that has left a waker with the resource: see [`blocked_with`].
    #[inline]
    pub fn waits_with(&self, reason: WaitReason, own: bool) {
        blocked_with(reason, self.id(), own);
    }

    /// Takes back what was said by [`waits_with`](Self::waits_with): see [`unblocked`].
    pub fn waits_no_more(&self, reason: WaitReason) {
        if let Some(record) = self.record() {
            unblocked(reason, record.id());
        }
    }

    /// Where its facts are written down; none while nobody has waited for it.
    #[inline(always)]
    pub fn record(&self) -> Option<&'static Record> {
        // Ordering: Acquire pairs with the Release of `register`. SAFETY: null, or a record, which is never freed.
        unsafe { self.record.load(Ordering::Acquire).as_ref() }
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Where it was made.
    pub fn site(&self) -> &'static Location<'static> {
        self.site
    }
}

impl Drop for Resource {
    #[inline]
    fn drop(&mut self) {
        if let Some(record) = self.record() {
            end(record);
        }
    }
}

/// Ends a record's life: it goes into this thread's pocket, or back to the table.
fn end(record: &'static Record) {
    if TABLE.is_shared(record) {
        return;
    }
    let (kind, waits) = record.waits();
    record.end();
    past::add(kind, waits);
    if !POCKET.try_with(|pocket| pocket.keep(record)).unwrap_or(false) {
        TABLE.give_back(record);
    }
}

impl fmt::Debug for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resource").field("kind", &self.kind).field("site", &format_args!("{}", self.site)).finish()
    }
}

/// The running task's id, that of the future of a `block_on`, or 0 outside both: what an owner is written down as.
#[inline]
pub fn current_task() -> u64 {
    task::current_id()
}

/// The running task's id, or 0 outside one: who receives from a channel. The future of a `block_on` is not told of as that, because
/// its caller may go on to receive in the next one: when it is over, its channel is not forsaken.
#[inline]
pub fn current_receiver() -> u64 {
    task::try_id().map_or(0, |id| id.as_u64())
}

/// Whether what `task` has taken, which is not the running one, was not sent away for that: it was the future of a `block_on` of
/// this thread, and is over.
#[cold]
pub fn is_from_block_on(task: u64) -> bool {
    task::was_main_here(task)
}

/// Nanoseconds by the coarse clock of this thread's processor, or 0 without one. No clock is read.
#[inline]
pub fn coarse_now() -> u64 {
    task::coarse_now()
}

/// The facts of every resource that a task has waited for, each as of one moment but for words that change while it is read.
///
/// ```
/// use gumption_core::resource::{Kind, Resource, snapshot};
///
/// let resource = Resource::new(Kind::Mutex);
/// let id = resource.id();
/// assert!(snapshot().iter().any(|facts| facts.id == id && facts.site.file() == file!()));
/// drop(resource);
/// assert!(!snapshot().iter().any(|facts| facts.id == id));
/// ```
pub fn snapshot() -> Vec<Facts> {
    TABLE.snapshot()
}

/// How long tasks have waited for resources of each kind since the process began, those that are gone included: ended waits
/// only, and only for what counts them (locks, semaphores, channels with room).
///
/// Two calls may disagree about a resource that went meanwhile, by its waits and for that moment: the later one may miss them.
pub fn waits() -> Vec<(Kind, Waits)> {
    past::of(snapshot)
}

/// The facts of the resource with this id, if it still exists.
pub fn find(id: u64) -> Option<Facts> {
    TABLE.find(id)
}

/// Who has shares of the resource with this id, and who waits for some in front, as far as it is known: see [`Holders`].
pub fn shares(id: u64) -> Option<Shares> {
    TABLE.shares(id)
}
