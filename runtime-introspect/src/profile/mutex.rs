//! The mutex profile: who keeps others waiting, and for how long.
//!
//! Off until [`set_mutex_fraction`] says that one release in so many is sampled, of those that somebody waited for: a
//! release that nobody waits for is none of them, and costs nothing. Where the block profile names the waiters, this one names
//! the holder: its stack at the release, which is where the guard is dropped, where it was spawned, its labels, and the lock by
//! kind and by where it was made; by the label `resource` the two profiles are joined.
//!
//! The delay of a sample is, as in Go, what the release ends of others' waiting:
//!
//! * a **mutex**, and a **read-write lock** held for writing: the waiting, of everybody in the queue, that passed while this holder
//!   had it. The sum over all holders is all that was waited;
//! * **permits** of a semaphore, and a read lock: nobody knows which of several holders was waited for, so it is the whole
//!   wait of those that this release lets go.
//!
//! Times are of the runtime's coarse clock, whose step is up to a millisecond, and more on a machine that does not run sysmon in
//! time: what is shorter counts as 0, or as a step. A release by a thread that runs no tasks has no clock, and counts without a delay.
//!
//! **Cost.** Off: a load where a release finds somebody waiting. On: each of those a count; each sampled one a walk over up to
//! 64 waiters under the lock's own lock, and a stack after it.

use std::sync::LazyLock;

use gumption_core::contention::{ReleaseWatcher, Released, watch_releases};
use gumption_core::task::{labels, with_current};

use super::frames::{self, Owner};
use super::model::{Profile, ValueKind};
use super::rate::{Countdown, Rate};
use super::tally::{Made, Place, Sum, Tally};

/// A fraction for every day: a sample costs some microseconds, part of them under the lock's own lock.
pub const MUTEX_FRACTION: u64 = 1000;

static RATE: Rate = Rate::off();
static TALLY: LazyLock<Tally> = LazyLock::new(Tally::new);
static WATCHER: ReleaseWatcher = ReleaseWatcher { wants, released };

thread_local! {
    static HERE: Countdown = const { Countdown::new() };
}

/// One release in `fraction` is sampled from now on, of those that somebody waited for; 0, which it is at the beginning,
/// switches the profile off and keeps what it has. What the fraction was before.
///
/// [`mutex`] is what has come of it.
pub fn set_mutex_fraction(fraction: u64) -> u64 {
    if fraction > 0 {
        frames::prepare();
    }
    let before = RATE.set(fraction);
    watch_releases((fraction > 0).then_some(&WATCHER));
    before
}

/// One release in how many is sampled; 0 for none.
pub fn mutex_fraction() -> u64 {
    RATE.get()
}

/// Who kept others waiting: all sampled releases since the profile was first switched on.
pub fn mutex() -> Profile {
    let mut profile = Profile::new([ValueKind::new("contentions", "count"), ValueKind::new("delay", "nanoseconds")]);
    let fraction = RATE.get();
    profile.period = Some((ValueKind::new("contentions", "count"), i64::try_from(fraction).unwrap_or(i64::MAX)));
    profile.comments.push(match fraction {
        0 => "the mutex profile is off: no release is sampled".into(),
        1 => "every release that somebody waited for is sampled".into(),
        fraction => format!("one release in {fraction} is sampled, and stands for as many"),
    });
    TALLY.read(&mut profile);
    profile
}

fn wants() -> bool {
    RATE.sample(&HERE).is_some()
}

fn released(release: &Released<'_>) {
    // As it was when it was wanted, but for a moment in which it is being changed.
    let stands_for = RATE.get().max(1);
    let owner = with_current(|task| (task.id(), Owner { site: task.site(), type_name: task.type_name() }));
    let place = Place {
        what: release.resource.kind().text(),
        addresses: frames::here(),
        owner: owner.map(|(_, owner)| owner),
        labels: owner.and_then(|(id, _)| labels::of(id?)),
        resource: Some(Made { kind: release.resource.kind(), site: release.resource.site() }),
    };
    TALLY.add(place, Sum { count: stands_for, delay_ns: release.delay_ns.saturating_mul(stands_for) });
}
