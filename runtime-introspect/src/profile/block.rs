//! The block profile: how long tasks wait, for what, and where.
//!
//! Off until [`set_block_rate`] says that one wait in so many is sampled. A wait is what is between two runs of a task: it begins
//! when the task says what it waits for, on its way out of the leaf, and ends when it runs again (so what it waited in a run
//! queue belongs to it, as in Go) or is aborted. A wait that has not ended is not in the profile: `goroutine` shows those.
//!
//! **Decided at the beginning.** Go decides when a wait is over whether it was long enough to count, because a goroutine still has
//! its stack then. A task has its stack only while it is polled: where the wait begins, before anybody knows how
//! long it will be. So the rate counts waits, not nanoseconds, and a sample stands for that many waits of its length: unbiased,
//! with a larger spread for what is rare and long. With 1 every wait is there, and the counts are exact.
//!
//! **What is told apart.** The reason, the stack (the async one: inside the poll they are the same), where the task was spawned, its
//! labels, and of what it waits for the kind and where that was made, which is by what a lock is found again in the mutex
//! profile. A task that waits for several things waits where the ways to these part; one that waits for something with a timeout
//! waits for the thing. Sleeping and IO are here, which Go leaves out: `-tagignore=reason=sleep`. Yielding is no wait.
//!
//! **Cost.** Off: a load and a branch that is never taken. On: each wait a call and a count; each sampled one two clocks, a stack
//! (half a microsecond), an entry in a table until it ends, and one in the tally.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use gumption_core::contention::{Place as Said, Said as Beginning, WaitEnd, WaitWatcher, watch_waits};
use gumption_core::task::{Id, labels};
use gumption_core::wait::WaitReason;

use super::frames::{self, Owner};
use super::model::{Profile, ValueKind};
use super::rate::{Countdown, Rate};
use super::tally::{Made, Place, Sum, Tally};

/// A rate for every day: a wait is dozens of nanoseconds at least, a sample two thousand.
pub const BLOCK_RATE: u64 = 1000;

/// Parts of the table of sampled waits that have not ended.
const PARTS: usize = 64;
/// Sampled waits that a part holds at most: a million together.
const OPEN: usize = 1 << 14;

static RATE: Rate = Rate::off();
static TALLY: LazyLock<Tally> = LazyLock::new(Tally::new);
static PART: [Mutex<Option<HashMap<u64, Wait>>>; PARTS] = [const { Mutex::new(None) }; PARTS];
/// Sampled waits for which there was no room.
static MISSED: AtomicU64 = AtomicU64::new(0);
static WATCHER: WaitWatcher = WaitWatcher { begins, ends };

thread_local! {
    static HERE: Countdown = const { Countdown::new() };
}

/// A sampled wait that has not ended.
struct Wait {
    began: Instant,
    stands_for: u64,
    addresses: Box<[u64]>,
    owner: Owner,
}

/// One wait in `rate` is sampled from now on; 0, which it is at the beginning, switches the profile off and keeps what it has.
/// What the rate was before.
///
/// [`block`] is what has come of it.
pub fn set_block_rate(rate: u64) -> u64 {
    if rate > 0 {
        frames::prepare();
    }
    let before = RATE.set(rate);
    watch_waits((rate > 0).then_some(&WATCHER));
    if rate == 0 {
        // Nobody hears of their end any more.
        PART.iter().for_each(|part| *lock(part) = None);
    }
    before
}

/// One wait in how many is sampled; 0 for none.
pub fn block_rate() -> u64 {
    RATE.get()
}

/// How long tasks waited: all sampled waits that have ended since the profile was first switched on.
pub fn block() -> Profile {
    let mut profile = Profile::new([ValueKind::new("contentions", "count"), ValueKind::new("delay", "nanoseconds")]);
    let rate = RATE.get();
    profile.period = Some((ValueKind::new("contentions", "count"), i64::try_from(rate).unwrap_or(i64::MAX)));
    profile.comments.push(match rate {
        0 => "the block profile is off: no wait is sampled".into(),
        1 => "every wait is sampled".into(),
        rate => format!("one wait in {rate} is sampled, and stands for as many"),
    });
    // Ordering: Relaxed; a statistic.
    let missed = MISSED.load(Ordering::Relaxed);
    if missed > 0 {
        profile.comments.push(format!("{missed} sampled waits are missing: too many lasted at once"));
    }
    TALLY.read(&mut profile);
    profile
}

fn lock(part: &Mutex<Option<HashMap<u64, Wait>>>) -> MutexGuard<'_, Option<HashMap<u64, Wait>>> {
    part.lock().unwrap_or_else(PoisonError::into_inner)
}

fn part(task: Id) -> MutexGuard<'static, Option<HashMap<u64, Wait>>> {
    lock(&PART[task.as_u64() as usize % PARTS])
}

/// A task says that it waits: whether the end is to be told.
fn begins(said: &Beginning) -> bool {
    if said.watched {
        goes_on(said);
        return true;
    }
    // One decision for each wait, at what is said first.
    if !said.first || said.reason == WaitReason::Yield {
        return false;
    }
    let Some(stands_for) = RATE.sample(&HERE) else { return false };
    let owner = Owner { site: said.site, type_name: said.type_name };
    let wait = Wait { began: Instant::now(), stands_for, addresses: frames::here(), owner };
    let mut part = part(said.task);
    let waits = part.get_or_insert_default();
    let room = waits.len() < OPEN;
    if room {
        waits.insert(said.task.as_u64(), wait);
    } else {
        // Ordering: Relaxed; a statistic.
        MISSED.fetch_add(1, Ordering::Relaxed);
    }
    room
}

/// A task whose wait is sampled says what else it waits for.
fn goes_on(said: &Beginning) {
    if said.place == Said::Nothing {
        return;
    }
    let addresses = frames::here();
    if let Some(wait) = part(said.task).as_mut().and_then(|waits| waits.get_mut(&said.task.as_u64())) {
        wait.addresses = match said.place {
            Said::Another => frames::fork(&wait.addresses, &addresses),
            _ => addresses,
        };
    }
}

fn ends(task: Id, reason: WaitReason, resource: u64, how: WaitEnd) {
    let Some(wait) = part(task).as_mut().and_then(|waits| waits.remove(&task.as_u64())) else { return };
    if how == WaitEnd::None {
        return;
    }
    let delay_ns = u64::try_from(wait.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let Wait { stands_for, addresses, owner, .. } = wait;
    let resource = if names_a_resource(reason) { Made::of(resource) } else { None };
    let place = Place { what: reason.text(), addresses, owner: Some(owner), labels: labels::of(task), resource };
    TALLY.add(place, Sum { count: stands_for, delay_ns: delay_ns.saturating_mul(stands_for) });
}

/// Whether what is waited for is named by a resource's id, and not by a task's or a descriptor's.
fn names_a_resource(reason: WaitReason) -> bool {
    use WaitReason::{Barrier, ChanRecv, ChanSend, Mutex, Notify, OnceCell, RwLockRead, RwLockWrite, Semaphore, Watch};
    let named = [Barrier, ChanRecv, ChanSend, Mutex, Notify, OnceCell, RwLockRead, RwLockWrite, Semaphore, Watch];
    named.contains(&reason)
}
