//! [`Semaphore`]: permits, and who waits for them, in the order they came.
//!
//! The base of the locks of this room: a mutex is one permit, a read-write lock as many as there may be readers, a bounded channel
//! one for each place. The public `Semaphore` is a thin shell around it. Crate-private: it trusts its callers to give back
//! what they took, and the way they took it.
//!
//! ```text
//!   word:  | permits, or the owner's task id | OWNED | WAITERS | CLOSED |        one atomic
//!   queue: lock { front -> waiter -> waiter -> back }                            nodes in the waiting futures
//! ```
//!
//! **Uncontended**, taking is one compare-and-swap of the word and giving back another; no lock, no allocation, no clock.
//!
//! **Contended**, who finds too few permits takes those that are there, sets `WAITERS`, and joins the end of the queue. From then
//! on nobody takes past the queue: permits that come back go to the waiter in front, piecemeal, until it has what it asked for,
//! then to the next. So the order of the first polls is the order of being served, and one that asks for many is not
//! starved by those that ask for few. A permit handed over is never free in between: its taker is woken as its owner. (A
//! lock that lets runners barge in, as Go's does, saves that switch of tasks; it would break what tokio's documentation promises, and
//! the hand-over costs less here than elsewhere: the taker goes to the releaser's next slot, which wakes no machine.)
//!
//! **Exclusively**: who takes *all* permits may do so as an owner. Its task's id then stands in the word in the permits'
//! place, so that an observer reads who holds the lock from the very step that took it, at no cost. With it stands whether
//! its guard was made to be sent away ([`Guard`]).
//!
//! The invariants: while `WAITERS` is set, the word changes under the queue's lock only, and no permit is free; the queue is empty
//! exactly when `WAITERS` is not set and its lock is free. A waiter is *linked* until the holder of the queue's lock has written to
//! its node for the last time; from then on the node is its future's alone.
//!
//! Model: `loom-tests/tests/semaphore.rs`. Against a model of a few lines: `tests/semaphore_model.rs`.

mod acquire;
mod error;
mod guard;
mod queue;
mod word;

pub use error::{AcquireError, TryAcquireError};
pub(crate) use guard::Guard;

use super::short::{ShortGuard, ShortLock};
use super::wakes::Wakes;
use gumption_core::contention::{self, ReleaseWatcher, Released};
use gumption_core::resource::{
    Holder, Kind, MOVABLE, Place, Record, Resource, coarse_now, current_task, is_from_block_on,
};
use gumption_core::sync::{AtomicU64, Ordering, UncheckedU64, broken, const_unless_checked, fence, weaken};
use gumption_core::wait::WaitReason;
use queue::Queue;
use std::fmt;
use word::Word;

/// In [`Semaphore::limit`]: permits were added or forgotten.
const UNSETTLED: u64 = 1 << 63;

/// What is asked for, and how the wait for it is called.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    pub(crate) permits: u64,
    /// All there are, and their taker becomes the owner. Given back by [`Semaphore::release_owned`].
    pub(crate) owned: bool,
    /// What becomes of the owner's guard.
    pub(crate) guard: Guard,
    pub(crate) reason: WaitReason,
}

/// Permits and a fair queue for them.
pub(crate) struct Semaphore {
    word: AtomicU64,
    resource: Resource,
    queue: ShortLock<Queue>,
    /// How many permits there are, taken ones included: for observers.
    limit: UncheckedU64,
}

impl Semaphore {
    /// The most permits that it can hold: as tokio's, and as many as the word has bits for.
    pub(crate) const MAX_PERMITS: usize = word::MAX_PERMITS;

    const_unless_checked! {
        /// A semaphore with `permits` permits.
        ///
        /// # Panics
        /// If there are more than [`MAX_PERMITS`](Self::MAX_PERMITS).
        #[track_caller]
        pub(crate) fn new(permits: usize, kind: Kind) -> Self {
            assert!(permits <= Self::MAX_PERMITS, "a semaphore may not have more than MAX_PERMITS permits (usize::MAX >> 3)");
            Self::with_word(Word::free(permits as u64), permits as u64, kind)
        }

        /// A semaphore that is closed.
        #[track_caller]
        pub(crate) fn new_closed(kind: Kind) -> Self {
            Self::with_word(Word(word::CLOSED), 0, kind)
        }

        #[track_caller]
        fn with_word(word: Word, limit: u64, kind: Kind) -> Self {
            Self {
                word: AtomicU64::new(word.0),
                resource: Resource::new(kind),
                queue: ShortLock::new(Queue::new()),
                limit: UncheckedU64::new(limit),
            }
        }
    }

    /// The permits that are free.
    pub(crate) fn available_permits(&self) -> usize {
        // Ordering: Acquire pairs with the Release of `release`: who sees that all have come back sees what their holders did.
        Word(self.word.load(Ordering::Acquire)).permits() as usize
    }

    /// Says to observers that there are `permits` more than before; giving them is [`release`](Self::release).
    pub(crate) fn note_added(&self, permits: usize) {
        self.unsettle();
        // Ordering: Relaxed; a fact for observers.
        self.limit.fetch_add(permits as u64, Ordering::Relaxed);
    }

    /// Permits come and go by others than those who take them: observers shall conclude nothing from who has them.
    fn unsettle(&self) {
        // Ordering: Relaxed; a fact for observers.
        self.limit.fetch_or(UNSETTLED, Ordering::Relaxed);
        if let Some(record) = self.resource.record() {
            record.set_loose();
        }
    }

    /// Says to observers that `permits` of those taken will not come back.
    pub(crate) fn note_forgotten(&self, permits: usize) {
        self.unsettle();
        // Ordering: Relaxed; a fact for observers.
        self.limit.fetch_sub(permits as u64, Ordering::Relaxed);
    }

    /// Takes permits if they are free.
    ///
    /// # Panics
    /// If more are asked for than there can be.
    #[inline]
    #[track_caller]
    pub(crate) fn try_acquire(&self, permits: usize, guard: Guard) -> Result<Place, TryAcquireError> {
        self.try_take(Request::of(permits, guard, WaitReason::Semaphore))
    }

    /// Takes all permits, as their owner, if they are free.
    #[inline]
    pub(crate) fn try_acquire_owned(&self, all: usize, guard: Guard) -> Result<(), TryAcquireError> {
        self.try_take(Request::owned(all, guard, WaitReason::Mutex)).map(|_nowhere| ())
    }

    #[inline(always)]
    fn try_take(&self, request: Request) -> Result<Place, TryAcquireError> {
        let acquire = weaken("semaphore-acquire-relaxed", Ordering::Acquire);
        if request.owned {
            let free = Word::free(request.permits);
            // Ordering: Relaxed; a look, because an exchange that fails costs as much as one that succeeds.
            let word = Word(self.word.load(Ordering::Relaxed));
            if word != free {
                return Err(refused(word));
            }
            let task = request.guard.owner(current_task());
            // Ordering: Acquire pairs with the Release of `release_owned` and of every `release` that is in these permits.
            let taken = self.word.compare_exchange(free.0, Word::owned(task).0, acquire, Ordering::Relaxed);
            return match taken {
                Ok(_) => {
                    if let Some(record) = self.resource.record() {
                        record.set_owner(task);
                    }
                    Ok(Place::default())
                }
                Err(word) => Err(refused(Word(word))),
            };
        }
        // Ordering: Relaxed; a guess for the exchange below.
        let mut word = Word(self.word.load(Ordering::Relaxed));
        loop {
            let Some(next) = word.take(request.permits) else {
                return Err(refused(word));
            };
            // Ordering: Acquire pairs with the Release of every `release` that is in these permits.
            match self.word.compare_exchange_weak(word.0, next.0, acquire, Ordering::Relaxed) {
                Ok(_) => return Ok(self.enter(request.permits, request.guard)),
                Err(now) => word = Word(now),
            }
        }
    }

    /// Writes the running task down as one who has taken permits, if holders of this are written down.
    #[inline(always)]
    fn enter(&self, permits: u64, guard: Guard) -> Place {
        match self.resource.record() {
            Some(record) => enter(record, permits, guard),
            None => Place::default(),
        }
    }

    /// [`release`](Self::release), by a guard or a permit that was written down there.
    #[inline]
    #[track_caller]
    pub(crate) fn release_from(&self, place: Place, permits: usize) {
        if place.is_some() {
            self.change(place, 0);
        }
        self.release(permits);
    }

    /// Who is written down there has so many permits from here on.
    #[cold]
    pub(crate) fn change(&self, place: Place, permits: usize) {
        let Some(record) = self.resource.record() else { return };
        let Some(sharers) = record.sharers() else { return };
        let is_elsewhere = |task: u64| task != current_task() && !is_from_block_on(task);
        if sharers.holder(place).is_some_and(|holder| !holder.travels && is_elsewhere(holder.task)) {
            // A guard that borrows, and went elsewhere all the same.
            record.set_loose();
        }
        sharers.change(place, permits as u64);
    }

    /// Writes down a part of the permits of whoever is written down there, as one that has been split off.
    #[cold]
    pub(crate) fn enter_part(&self, of: Place, permits: usize) -> Place {
        let sharers = self.resource.record().and_then(Record::sharers);
        let holder = sharers.and_then(|sharers| Some((sharers, sharers.holder(of)?)));
        holder.map_or(Place::default(), |(sharers, holder)| sharers.enter(Holder { permits: permits as u64, ..holder }))
    }

    /// Gives permits back, or adds some: to those who wait, in order, and the rest to everybody.
    ///
    /// # Panics
    /// If there are more than [`MAX_PERMITS`](Self::MAX_PERMITS) then.
    #[inline]
    #[track_caller]
    pub(crate) fn release(&self, permits: usize) {
        let permits = permits as u64;
        // Ordering: Relaxed; a guess for the exchange below.
        let mut word = Word(self.word.load(Ordering::Relaxed));
        while !word.has_waiters() || broken("semaphore-release-past-queue") {
            let release = weaken("semaphore-release-relaxed", Ordering::Release);
            // Ordering: Release pairs with the Acquire of who takes them.
            match self.word.compare_exchange_weak(word.0, word.with(permits).0, release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => word = Word(now),
            }
        }
        self.release_to_queue(permits);
    }

    /// Gives up what was taken as its owner: `permits` of it come back (all but one when a writer becomes a reader).
    #[inline]
    pub(crate) fn release_owned(&self, permits: usize) {
        // Ordering: Relaxed; the owner's own exchange, or its hand-over's, wrote what matters of it.
        let word = Word(self.word.load(Ordering::Relaxed));
        if let Some(record) = self.resource.record() {
            let is_elsewhere = |task: u64| task != current_task() && !is_from_block_on(task);
            if word.owner().is_some_and(|owner| owner & MOVABLE == 0 && is_elsewhere(owner)) {
                // A guard that borrows, and went elsewhere all the same.
                record.set_loose();
            }
            record.set_owner(0);
        }
        let release = weaken("semaphore-release-relaxed", Ordering::Release);
        // Ordering: Release pairs with the Acquire of who takes them.
        if !word.is_plainly_owned()
            || self.word.compare_exchange(word.0, Word::free(permits as u64).0, release, Ordering::Relaxed).is_err()
        {
            self.hand_over(permits as u64);
        }
    }

    /// Takes up to `permits` free ones away for ever; how many.
    pub(crate) fn forget_permits(&self, permits: usize) -> usize {
        // Ordering: Relaxed; a guess for the exchange below.
        let mut word = Word(self.word.load(Ordering::Relaxed));
        loop {
            let taken = word.permits().min(permits as u64);
            if taken == 0 {
                return 0;
            }
            // Ordering: AcqRel keeps what was released with the permits released to who takes the rest.
            match self.word.compare_exchange_weak(word.0, word.without(taken).0, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => {
                    self.note_forgotten(taken as usize);
                    return taken as usize;
                }
                Err(now) => word = Word(now),
            }
        }
    }

    /// Whether it is closed.
    pub(crate) fn is_closed(&self) -> bool {
        // Ordering: Acquire pairs with the Release of `close`.
        Word(self.word.load(Ordering::Acquire)).is_closed()
    }

    /// Refuses everybody from here on, those who wait too.
    pub(crate) fn close(&self) {
        let mut wakes = Wakes::new();
        let now = coarse_now();
        let mut queue = self.queue.lock();
        // Under the queue's lock, so that nobody joins the queue who has seen it open. Ordering: Release for who sees it
        // closed, Acquire for what came with the permits in it, which the store below passes on.
        let mut word = Word(self.word.fetch_or(word::CLOSED, Ordering::AcqRel) | word::CLOSED);
        while !queue.is_empty() && !broken("semaphore-close-leaves-queue") {
            while !wakes.is_full() {
                match queue.dismiss(now) {
                    Some(dismissed) => wakes.extend(dismissed.waker),
                    None => break,
                }
            }
            if queue.is_empty() {
                word = word.waited_for(false);
            }
            self.note(&mut queue, word);
            // A store, as in `distribute`. Ordering: Release; see there.
            self.word.store(word.0, Ordering::Release);
            drop(queue);
            wakes.wake_all();
            queue = self.queue.lock();
            // Ordering: Acquire, as above.
            word = Word(self.word.load(Ordering::Acquire));
        }
    }

    /// The slow way of a release: somebody waits, or did a moment ago.
    #[cold]
    #[inline(never)]
    #[track_caller]
    fn release_to_queue(&self, permits: u64) {
        let watcher = contention::releases();
        let delay_ns = self.distribute(self.queue.lock(), permits);
        self.tell(watcher, delay_ns);
    }

    /// Tells who watches what a release cost others, or spared them. After those were woken.
    #[inline]
    fn tell(&self, watcher: Option<&'static ReleaseWatcher>, delay_ns: Option<u64>) {
        if let (Some(watcher), Some(delay_ns)) = (watcher, delay_ns) {
            (watcher.released)(&Released { resource: &self.resource, delay_ns });
        }
    }

    /// The slow way of an owner's release: mostly the whole goes to one.
    #[cold]
    #[inline(never)]
    fn hand_over(&self, permits: u64) {
        let now = coarse_now();
        let watcher = contention::releases();
        let mut queue = self.queue.lock();
        // Ordering: Acquire, as in `distribute`.
        let word = Word(self.word.load(Ordering::Acquire)).disowned();
        let delay_ns = watcher.filter(|_| !queue.is_empty()).map(|_| queue.cost_of_hold(now));
        queue.note_hold(now);
        let mut rest = permits;
        let record = self.resource.record();
        let served = queue.serve(&mut rest, now, record);
        let next = match served.as_ref().and_then(|served| served.owner) {
            Some(task) => word.owned_by(task),
            None => {
                // Who came to wait meanwhile may have written the old one down again.
                record.into_iter().for_each(|record| record.set_owner(0));
                word
            }
        };
        let waited_for = !queue.is_empty();
        let more = waited_for && rest > 0;
        let next = next.waited_for(waited_for || broken("semaphore-empty-queue-flagged"));
        let next = if more { next } else { next.with(rest) };
        // Before others see the word: a fast taker writes itself down, too.
        self.note(&mut queue, next);
        let release = weaken("semaphore-hand-over-relaxed", Ordering::Release);
        // A store: what is owned is written by its owner, or under this lock. Ordering: Release pairs with the Acquire of who
        // takes what is free in it.
        self.word.store(next.0, release);
        if more {
            self.distribute(queue, rest);
        } else {
            drop(queue);
        }
        if let Some(waker) = served.and_then(|served| served.waker) {
            waker.wake();
        }
        self.tell(watcher, delay_ns);
    }

    /// Serves the queue in order, and frees what nobody waits for. How long those have waited that were served, *nanoseconds*;
    /// none if nobody was.
    #[track_caller]
    fn distribute<'a>(&'a self, mut queue: ShortGuard<'a, Queue>, permits: u64) -> Option<u64> {
        let now = coarse_now();
        let mut waited = None;
        let mut wakes = Wakes::new();
        let mut rest = permits;
        loop {
            // Ordering: Acquire, so that what came with the permits in it goes on to who takes them from the store below.
            let mut word = Word(self.word.load(Ordering::Acquire));
            if !word.has_waiters() {
                // The last waiter went while this one came for the lock, under which no other joins.
                self.free(word, rest);
                return waited;
            }
            while rest > 0 && !wakes.is_full() {
                let Some(served) = queue.serve(&mut rest, now, self.resource.record()) else { break };
                *waited.get_or_insert(0) += served.waited;
                wakes.extend(served.waker);
                if let Some(task) = served.owner {
                    word = word.owned_by(task);
                }
            }
            let more = rest > 0 && !queue.is_empty();
            let next = word.waited_for(!queue.is_empty() || broken("semaphore-empty-queue-flagged"));
            let next = if more { next } else { next.with(rest) };
            // Before others see the word: a fast taker writes itself down, too.
            self.note(&mut queue, next);
            let release = weaken("semaphore-distribute-relaxed", Ordering::Release);
            // A store: while there are waiters the word is written under this lock only.
            // Ordering: Release pairs with the Acquire of who takes what is free in it.
            self.word.store(next.0, release);
            drop(queue);
            wakes.wake_all();
            if !more {
                return waited;
            }
            queue = self.queue.lock();
        }
    }

    /// Adds free permits to a word that has no waiters, and gets none meanwhile.
    #[track_caller]
    fn free(&self, mut word: Word, permits: u64) {
        // Ordering: Release pairs with the Acquire of who takes them.
        while let Err(now) =
            self.word.compare_exchange_weak(word.0, word.with(permits).0, Ordering::Release, Ordering::Relaxed)
        {
            word = Word(now);
        }
    }

    /// The owner has come for what it was handed, or gives it up unseen.
    #[inline]
    fn note_taken(&self) {
        if let Some(record) = self.resource.record() {
            record.owner_comes();
        }
    }

    #[inline]
    fn note(&self, queue: &mut Queue, word: Word) {
        // Ordering: Relaxed; a fact for observers.
        let limit = self.limit.load(Ordering::Relaxed);
        if let (true, Some(record)) = (limit & UNSETTLED != 0, self.resource.record()) {
            record.set_loose();
        }
        queue.note(&self.resource, word, limit & !UNSETTLED);
    }
}

/// See [`Semaphore::enter`].
#[cold]
fn enter(record: &Record, permits: u64, guard: Guard) -> Place {
    let holder = Holder { task: current_task(), permits, travels: guard == Guard::Travels };
    record.sharers().map_or(Place::default(), |sharers| sharers.enter(holder))
}

/// Why a word was no good. Who is told that it is closed sees what came before that.
#[inline]
fn refused(word: Word) -> TryAcquireError {
    let why = word.refusal();
    if why == TryAcquireError::Closed && !broken("semaphore-refusal-relaxed") {
        // Ordering: Acquire pairs with the Release of `close`, behind the load that saw it.
        fence(Ordering::Acquire);
    }
    why
}

/// What the locks say to an [`AcquireError`].
#[cold]
pub(crate) fn never_closed() -> ! {
    unreachable!("nobody closes the semaphore of a lock")
}

impl Request {
    #[inline(always)]
    #[track_caller]
    fn of(permits: usize, guard: Guard, reason: WaitReason) -> Self {
        assert!(
            permits <= Semaphore::MAX_PERMITS,
            "a semaphore may not have more than MAX_PERMITS permits ({})",
            Semaphore::MAX_PERMITS
        );
        Self { permits: permits as u64, owned: false, guard, reason }
    }

    #[inline(always)]
    const fn owned(all: usize, guard: Guard, reason: WaitReason) -> Self {
        Self { permits: all as u64, owned: true, guard, reason }
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore").field("permits", &self.available_permits()).finish()
    }
}
