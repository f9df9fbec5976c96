//! Who sleeps, who searches, and how nobody is forgotten.
//!
//! The state is one word, `idle processors | spinning machines`, and behind a small lock the set of idle processors and
//! the stack of sleeping machines. Waking a sleeping thread costs 4.6 µs, a queue push 14 ns: this file decides how often
//! the former happens, so it decides how fast the runtime is.
//!
//! # The protocol
//!
//! ```text
//! submitter                             machine that goes idle
//!   push the task                         lock: processor -> idle set, machine -> stack;
//!   fence                      (S1)             word += idle, -= spinning (one step); unlock
//!   read word                             fence                                        (S2)
//!   nobody spins, somebody idles?         nobody spins and work is visible?
//!     lock: take both; word += spinning     lock: take itself back; spin again
//! ```
//!
//! **Nobody is forgotten.** The fences are totally ordered. If S1 comes first, the idler's look at the queues sees the
//! push. If S2 comes first, the submitter sees the idler in the word. And if the submitter left the wake out because it
//! saw a spinner J, then J stopped spinning after that read, hence passes its own fence after S1, hence its look at the
//! queues sees the push: a spinner that goes idle looks (here), and a spinner that found other work looks too
//! ([`Idle::found`]) and wakes a successor if there is more.
//!
//! **No transient spinners.** Go increments its spinner count before it knows whether it will get a P, and undoes it;
//! that needs `needspinning` and lets every spinner re-check. Here *taking a processor* and *counting a spinner* are one
//! step, so only the last one has to look; in return *every* idler looks, also one that never spun
//! (`non_spinning_idler_rechecks`). The step is one exchange that fails if somebody spins already, so that a woken machine
//! and one that has just begun to search by itself are never both counted (`bounded_spinners`).
//!
//! **Nobody is woken in vain.** A spinner that found work wakes a successor only when more work is visible; Go and
//! tokio wake always, and half of those wakes find nothing (tokio#4383).
//!
//! Rejected: SeqCst accesses instead of fences (loom cannot check them; no cheaper on x86); an asymmetric fence by
//! `membarrier` (saves 7 ns a push, charges each park 4 µs); rayon's event counter (its internal jobs may miss a wake-up
//! by design).
//!
//! Nothing here sleeps or wakes: the outcome says whom to wake, and the caller ([`crate::scheduler`]) does it.
//!
//! Models: `loom-tests/tests/idle.rs`.

use crate::sync::{AtomicU64, Mutex, Ordering, broken, fence};
use crossbeam_utils::CachePadded;

/// One idle processor.
const IDLE: u64 = 1;
/// One spinning machine.
const SPIN: u64 = 1 << 32;

/// The number of a machine, its index in the list of machines.
pub type MachineId = usize;
/// The number of a processor.
pub type ProcessorId = usize;

fn idle_of(word: u64) -> usize {
    (word & (SPIN - 1)) as usize
}

fn spinning_of(word: u64) -> usize {
    (word >> 32) as usize
}

/// The word after a machine has taken an idle processor to search with: both counts change in one step.
fn taken_to_search(word: u64) -> u64 {
    let spinner = if broken("idle-take-without-spinning") { 0 } else { SPIN };
    word.wrapping_add(spinner).wrapping_sub(IDLE)
}

/// The idle protocol's state.
#[derive(Debug)]
pub struct Idle {
    word: CachePadded<AtomicU64>,
    /// Written under the lock, read as advice by thieves.
    mask: Box<[AtomicU64]>,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// Machines that sleep, or have said that they will, each with the processor that it gave up; the last to come is the
    /// first to go, its caches are warm.
    machines: Vec<(MachineId, ProcessorId)>,
}

impl Inner {
    fn place(&self, m: MachineId) -> Option<usize> {
        self.machines.iter().rposition(|&(other, _)| other == m)
    }
}

/// Whom a submitter has to wake.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// Somebody is searching already, or every processor is busy.
    Nobody,
    /// This machine, which now owns this processor and counts as spinning.
    Machine(MachineId, ProcessorId),
    /// No machine sleeps: a new one is needed for this processor, counted as spinning already.
    NewMachine(ProcessorId),
}

/// Whom [`Idle::take_to_watch`] took a processor for. Nobody counts as spinning for it.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watcher {
    /// Nobody: the processor is in use, or there is no machine to be had.
    Nobody,
    /// This machine, which now owns the processor.
    Machine(MachineId),
    /// No sleeping machine will do: a new one is needed for the processor, which is taken.
    NewMachine,
}

/// What going idle led to.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WentIdle {
    /// Nothing to do: sleep.
    Sleep,
    /// Work appeared: the machine has this processor and counts as spinning.
    Resume(ProcessorId),
}

/// What taking oneself off the stack of sleepers led to.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reclaim {
    /// The machine has this processor and counts as spinning.
    Processor(ProcessorId),
    /// No processor is idle; the machine is still on the stack.
    AllBusy,
    /// Somebody has woken the machine: a processor and a token are on their way.
    Woken,
}

impl Idle {
    /// The state of `processors` processors (spares included), none of them idle yet.
    pub fn new(processors: usize) -> Self {
        Self {
            word: CachePadded::new(AtomicU64::new(0)),
            mask: (0..processors.div_ceil(64)).map(|_| AtomicU64::new(0)).collect(),
            inner: Mutex::new(Inner { machines: Vec::new() }),
        }
    }

    /// Idle processors now; advice.
    pub fn idle(&self) -> usize {
        // Ordering: Relaxed, a gauge.
        idle_of(self.word.load(Ordering::Relaxed))
    }

    /// Spinning machines now; advice.
    pub fn spinning(&self) -> usize {
        // Ordering: Relaxed, a gauge.
        spinning_of(self.word.load(Ordering::Relaxed))
    }

    /// Sleeping machines now.
    pub fn sleeping(&self) -> usize {
        self.inner.lock().machines.len()
    }

    /// Whether `p` is idle; advice, for thieves to skip it.
    pub fn is_idle(&self, p: ProcessorId) -> bool {
        // Ordering: Relaxed, advice.
        self.mask[p / 64].load(Ordering::Relaxed) & (1 << (p % 64)) != 0
    }

    /// After a push: whom to wake so that somebody looks at it. `spawn` says whether a new machine may be started.
    #[inline]
    pub fn submitted(&self, spawn: bool) -> Wake {
        // Ordering: SeqCst fence S1; pairs with S2 in `go_idle`, `found` and `release`.
        if !broken("idle-no-submit-fence") {
            fence(Ordering::SeqCst);
        }
        // Ordering: Relaxed; S1 makes it recent enough.
        let word = self.word.load(Ordering::Relaxed);
        if spinning_of(word) > 0 || idle_of(word) == 0 {
            return Wake::Nobody;
        }
        self.wake_one(spawn)
    }

    #[cold]
    fn wake_one(&self, spawn: bool) -> Wake {
        let mut inner = self.inner.lock();
        if inner.machines.is_empty() && !spawn {
            return Wake::Nobody;
        }
        // The last to come whose processor is idle still: it sleeps where that processor's events are.
        let place = inner.machines.iter().rposition(|&(_, home)| self.is_idle(home));
        let place = place.or_else(|| inner.machines.len().checked_sub(1));
        let Some(p) = self.take_to_search(place.map(|place| inner.machines[place].1)) else {
            return Wake::Nobody;
        };
        match place {
            Some(place) => Wake::Machine(inner.machines.remove(place).0, p),
            None => Wake::NewMachine(p),
        }
    }

    /// Counts the caller as spinning, if fewer than `limit(busy)` machines spin. `total` is the number of processors.
    pub fn try_spin(&self, total: usize, limit: impl Fn(usize) -> usize) -> bool {
        // Ordering: Relaxed; the exchange below decides.
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            let busy = total.saturating_sub(idle_of(word));
            if !broken("idle-spin-unbounded") && spinning_of(word) >= limit(busy) {
                return false;
            }
            // Ordering: AcqRel pairs with the other changes of the word; the count itself carries no data.
            match self.word.compare_exchange_weak(word, word + SPIN, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
    }

    /// A spinner has found work and stops spinning: whom it has to wake in its place. `more` looks at all queues.
    pub fn found(&self, spawn: bool, more: impl FnOnce() -> bool) -> Wake {
        // Ordering: AcqRel pairs with a submitter's read of the word: it skipped the wake because we were counted.
        let before = self.word.fetch_sub(SPIN, Ordering::AcqRel);
        debug_assert!(spinning_of(before) > 0);
        if spinning_of(before) != 1 || broken("idle-last-spinner-wakes-nobody") {
            return Wake::Nobody;
        }
        // Ordering: SeqCst fence (S2); pairs with S1: what was pushed before we were seen spinning is visible to `more`.
        if !broken("idle-no-found-fence") {
            fence(Ordering::SeqCst);
        }
        if more() { self.submitted(spawn) } else { Wake::Nobody }
    }

    /// Gives `p` up and puts `m` among the sleepers, then looks once more. `work` looks at all queues.
    pub fn go_idle(&self, m: MachineId, p: ProcessorId, spinning: bool, work: impl FnOnce() -> bool) -> WentIdle {
        {
            let mut inner = self.inner.lock();
            // The machine first: a processor that can be claimed has a machine to run it, so a wake never starts a
            // thread while one is on its way to sleep.
            inner.machines.push((m, p));
            self.put(p);
            let change = if spinning { IDLE.wrapping_sub(SPIN) } else { IDLE };
            // Ordering: AcqRel pairs with a submitter's read of the word.
            self.word.fetch_add(change, Ordering::AcqRel);
        }
        // Ordering: SeqCst fence S2; pairs with S1 in `submitted`.
        if !broken("idle-no-idle-fence") {
            fence(Ordering::SeqCst);
        }
        if broken("idle-no-recheck") || (broken("idle-only-spinners-recheck") && !spinning) {
            return WentIdle::Sleep;
        }
        // Ordering: Relaxed; S2 makes it recent enough. A spinner that is left will look after us.
        if spinning_of(self.word.load(Ordering::Relaxed)) == 0 && work() {
            return self.look_again(m, p);
        }
        WentIdle::Sleep
    }

    /// Takes `m`, which has seen work after it said that it sleeps, off the stack again, unless somebody searches by now.
    fn look_again(&self, m: MachineId, favourite: ProcessorId) -> WentIdle {
        let mut inner = self.inner.lock();
        let Some(place) = inner.place(m) else {
            return WentIdle::Sleep;
        };
        let Some(p) = self.take_to_search(Some(favourite)) else {
            return WentIdle::Sleep;
        };
        if !broken("owner-resume-stays-listed") {
            inner.machines.remove(place);
        }
        WentIdle::Resume(p)
    }

    /// Takes a sleeping machine off the stack with a processor, `favourite` if it is idle. It counts as spinning beside
    /// any others: who comes back by itself has a reason (events in its hands, its time is up).
    pub fn reclaim(&self, m: MachineId, favourite: ProcessorId) -> Reclaim {
        let mut inner = self.inner.lock();
        let Some(place) = inner.place(m) else {
            return Reclaim::Woken;
        };
        // Ordering: Relaxed; idle counts change only under the lock.
        if idle_of(self.word.load(Ordering::Relaxed)) == 0 {
            return Reclaim::AllBusy;
        }
        if !broken("owner-reclaim-stays-listed") {
            inner.machines.remove(place);
        }
        let p = self.take_any(Some(favourite));
        // Ordering: AcqRel pairs with a submitter's read of the word.
        self.word.fetch_add(taken_to_search(0), Ordering::AcqRel);
        Reclaim::Processor(p)
    }

    /// Puts `m`, which has no processor and had `home` last, among the sleepers, and looks once more. This needs no fence: it changes nothing
    /// that a submitter reads in the word, and one that found the stack empty did so under the lock, before us.
    pub fn sleep_without_processor(&self, m: MachineId, home: ProcessorId, work: impl FnOnce() -> bool) -> WentIdle {
        self.inner.lock().machines.push((m, home));
        // Ordering: Relaxed; the lock makes it recent enough.
        let word = self.word.load(Ordering::Relaxed);
        if spinning_of(word) == 0 && idle_of(word) > 0 && !broken("idle-sleeper-no-look") && work() {
            return self.look_again(m, home);
        }
        WentIdle::Sleep
    }

    /// Takes `m` off the stack for good, if nobody has woken it: its thread may end.
    pub fn retire(&self, m: MachineId) -> bool {
        let mut inner = self.inner.lock();
        let place = inner.place(m);
        if let Some(place) = place {
            inner.machines.remove(place);
        }
        place.is_some()
    }

    /// Takes one sleeping machine for `p`, which the caller owns, without counting a spinner: the one that had it last, or
    /// the last to come.
    pub fn take_machine(&self, p: ProcessorId) -> Option<MachineId> {
        let mut inner = self.inner.lock();
        let place = inner.machines.iter().rposition(|&(_, home)| home == p);
        let place = place.or_else(|| inner.machines.len().checked_sub(1))?;
        Some(inner.machines.remove(place).0)
    }

    /// Takes `p`, if it is idle, and a sleeping machine that is `free`, the one that had `p` last if it is: it finds nothing to
    /// run, and sleeps where the events of `p` are. `spawn` says whether a new one may be started if none is.
    pub fn take_to_watch(&self, p: ProcessorId, spawn: bool, free: impl Fn(MachineId) -> bool) -> Watcher {
        let mut inner = self.inner.lock();
        if !self.is_idle(p) {
            return Watcher::Nobody;
        }
        let place = inner.machines.iter().rposition(|&(m, home)| home == p && free(m));
        let place = place.or_else(|| inner.machines.iter().rposition(|&(m, _)| free(m)));
        let watcher = match place {
            Some(place) => Watcher::Machine(inner.machines.remove(place).0),
            None if spawn => Watcher::NewMachine,
            None => return Watcher::Nobody,
        };
        self.clear(p);
        // Ordering: AcqRel pairs with a submitter's read of the word.
        self.word.fetch_sub(IDLE, Ordering::AcqRel);
        watcher
    }

    /// The sleeping machine `m` sleeps where the events of `home` are, from here on.
    pub fn moves(&self, m: MachineId, home: ProcessorId) {
        let mut inner = self.inner.lock();
        if let Some(place) = inner.place(m) {
            inner.machines[place].1 = home;
        }
    }

    /// Takes an idle processor for the calling machine, `favourite` if it is idle, without counting a spinner.
    pub fn take_processor(&self, favourite: Option<ProcessorId>) -> Option<ProcessorId> {
        let _inner = self.inner.lock();
        // Ordering: Relaxed; idle counts change only under the lock.
        if idle_of(self.word.load(Ordering::Relaxed)) == 0 {
            return None;
        }
        let p = self.take_any(favourite);
        // Ordering: AcqRel pairs with a submitter's read of the word.
        self.word.fetch_sub(IDLE, Ordering::AcqRel);
        Some(p)
    }

    /// Takes `p` out of the idle set, if it is there: it goes out of use.
    #[must_use]
    pub fn withdraw(&self, p: ProcessorId) -> bool {
        let _inner = self.inner.lock();
        let idle = self.is_idle(p);
        if idle {
            self.clear(p);
            // Ordering: AcqRel, as every change of the word.
            self.word.fetch_sub(IDLE, Ordering::AcqRel);
        }
        idle
    }

    /// Makes a processor idle that has no machine (a retaken one, a new one). The caller must follow with
    /// [`submitted`](Self::submitted) if work is visible afterwards: this includes the fence (S2) that makes it so.
    pub fn release(&self, p: ProcessorId) {
        {
            let _inner = self.inner.lock();
            self.put(p);
            // Ordering: AcqRel pairs with a submitter's read of the word.
            self.word.fetch_add(IDLE, Ordering::AcqRel);
        }
        // Ordering: SeqCst fence S2; pairs with S1 in `submitted`.
        if !broken("owner-release-no-fence") {
            fence(Ordering::SeqCst);
        }
    }

    /// Takes every sleeping machine: shutdown wakes them all.
    pub fn take_all_machines(&self) -> Vec<MachineId> {
        std::mem::take(&mut self.inner.lock().machines).into_iter().map(|(m, _)| m).collect()
    }

    /// A spinner ends without finding anything and without going idle (shutdown, a lost processor).
    pub fn stop_spinning(&self) {
        // Ordering: AcqRel, as in `found`.
        self.word.fetch_sub(SPIN, Ordering::AcqRel);
    }

    /// Under the lock: whether the mask and the count agree (`idle_count_equals_mask`).
    pub fn is_consistent(&self) -> bool {
        let _inner = self.inner.lock();
        // Ordering: Relaxed; both change only under the lock.
        let in_mask: u32 = self.mask.iter().map(|word| word.load(Ordering::Relaxed).count_ones()).sum();
        // Ordering: Relaxed, as above.
        in_mask as usize == idle_of(self.word.load(Ordering::Relaxed))
    }

    /// Under the lock: takes an idle processor for a machine that will be the only one to search; none if somebody
    /// searches already, who will look after us. One exchange, because [`try_spin`](Self::try_spin) does not ask the lock.
    fn take_to_search(&self, favourite: Option<ProcessorId>) -> Option<ProcessorId> {
        // Ordering: Relaxed; the exchange below decides.
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            if (spinning_of(word) > 0 && !broken("idle-take-beside-spinner")) || idle_of(word) == 0 {
                return None;
            }
            // Ordering: AcqRel pairs with a submitter's read of the word.
            match self.word.compare_exchange(word, taken_to_search(word), Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return Some(self.take_any(favourite)),
                Err(now) => word = now,
            }
        }
    }

    /// Under the lock: removes an idle processor from the mask. There is one.
    fn take_any(&self, favourite: Option<ProcessorId>) -> ProcessorId {
        if let Some(p) = favourite.filter(|&p| self.is_idle(p)) {
            self.clear(p);
            return p;
        }
        for (i, word) in self.mask.iter().enumerate() {
            // Ordering: Relaxed; the lock orders the writers.
            let bits = word.load(Ordering::Relaxed);
            if bits != 0 {
                let p = i * 64 + bits.trailing_zeros() as usize;
                self.clear(p);
                return p;
            }
        }
        unreachable!("the count said that a processor is idle")
    }

    fn clear(&self, p: ProcessorId) {
        if broken("idle-mask-not-cleared") {
            return;
        }
        let word = &self.mask[p / 64];
        // Ordering: Relaxed; the lock orders the writers, readers take it as advice.
        word.store(word.load(Ordering::Relaxed) & !(1 << (p % 64)), Ordering::Relaxed);
    }

    fn put(&self, p: ProcessorId) {
        let word = &self.mask[p / 64];
        // Ordering: Relaxed; the lock orders the writers.
        let bits = word.load(Ordering::Relaxed);
        debug_assert_eq!(bits & (1 << (p % 64)), 0, "P{p} is idle already");
        // Ordering: Relaxed, as above.
        word.store(bits | (1 << (p % 64)), Ordering::Relaxed);
    }
}
