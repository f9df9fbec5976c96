//! The polls of the outside world, and the seat: who sleeps in them, and until when.
//!
//! A scheduler has one poll, or one per processor ([`Poller`]s, each with a driver of its own). A poll is turned by one
//! thread at a time: by the machine that runs its processor, on its cadence and when it has run out of work; by a
//! machine that goes idle and sleeps in it; by thieves and sysmon when it has been left alone for too long.
//!
//! **The seat** is a role, not a thread and not a poll: *one* of the machines that sleep in polls keeps the time, that is,
//! sleeps until the earliest timer of *all* processors. The others sleep without limit. Whichever machine goes to sleep
//! while nobody has the role takes it. One word says who sleeps until when:
//!
//! | word | meaning |
//! | --- | --- |
//! | `EMPTY` | nobody keeps the time |
//! | `AWAKE` | somebody does, and will look at every timer before it sleeps |
//! | a deadline | somebody sleeps, or is about to, until then (ns; `u64::MAX` is for ever) |
//!
//! **An earlier timer is never slept through.** Who arms a timer publishes its processor's earliest deadline, passes a
//! fence, and reads the word; who sits publishes its deadline in the word, passes a fence, and reads every processor's
//! earliest deadline again. One of the two sees the other: the sitter does not sleep, or is woken
//! (`earlier_timer_vs_poller_falling_asleep`).
//!
//! **Released before the tasks are pushed.** What a turn made runnable is published only after seat and poll are free, else
//! an idler that finds them taken might sleep while nobody polls.
//!
//! **Never empty for good.** Who goes idle while the seat is empty sits. So an idle scheduler has a sitter, unless its last
//! machine went otherwise: for good, or to sleep where its locked task finds it; or it had none yet. Whoever does that
//! calls `keep_seat_taken`, and so do sysmon, before it sleeps until it is woken, and whoever registers a source while
//! nobody is awake: while there are sources or timers somebody sits, for whom a machine is started if need be.
//!
//! # One poll for all, or one per processor
//!
//! With one, whoever polls gets everybody's events, and ready tasks wander between processors. With one each, a source
//! stays where its task runs, so the task, its socket's memory and its events share a cache; the driver moves a source
//! after its task. Over loopback a request whose two ends share a core costs half of one whose ends do not. What that
//! costs: a poll is only seen by who looks into it. Hence the rules above, and this one: **no poll with sources is left
//! unwatched**. The machine of a processor in use looks into its poll; when it goes idle it sleeps there, and if that has no
//! sources, in another that is unwatched. What breaks the rule mends it (`keep_polls_watched`):
//!
//! | what | then |
//! | --- | --- |
//! | a source comes into the poll of an idle processor: registered from outside, or moved | who brought it sends a machine there |
//! | the last machine goes idle, and another poll is unwatched | it sends one |
//! | a machine ends, or a processor is handed off | who does it sends one |
//! | there is no machine to be sent | sysmon looks, and does not sleep |
//!
//! The usual two fences: who brings a source looks at the idle processors behind one, who goes idle at the sources.
//!
//! While anybody is busy, an event in a poll that is unwatched, or whose processor is kept by a poll that lasts, waits for a
//! thief or for sysmon's next round. To wake somebody for each poll that its sleeper leaves would cost a thread's wake an
//! event.
//!
//! Models: `loom-tests/tests/seat.rs`, and with the whole scheduler `loom-tests/tests/shuttle_io.rs`.

use crate::driver::{Driver, Reactor, Turn, Unpark};
use crate::histogram::{Histogram, HistogramSnapshot};
use crate::sync::{AtomicBool, AtomicU64, AtomicUsize, Ordering, UnsafeCell, broken, fence, weaken};
use std::io;
use std::time::Duration;

const EMPTY: u64 = 0;
const AWAKE: u64 = 1;

/// One poll: a driver, turned by one thread at a time.
pub struct Poller {
    index: usize,
    taken: AtomicBool,
    /// When the last turn ended, ns of the scheduler's clock.
    last_turn: AtomicU64,
    /// From the end of a turn to the beginning of the next; written by whoever has it.
    turn_gap: Histogram,
    driver: UnsafeCell<Box<dyn Driver>>,
    unparker: std::sync::Arc<dyn Unpark>,
}

/// The polls, and the role of keeping the time.
pub struct Seat {
    word: AtomicU64,
    /// In which poll the keeper of the time sleeps.
    keeper: AtomicUsize,
    pollers: Box<[Poller]>,
    reactor: std::sync::Arc<dyn Reactor>,
}

// SAFETY: the driver is reached only through `Polling`, of which there is one at a time; it is `Send`.
unsafe impl Sync for Poller {}
// SAFETY: everything in it is `Send`.
unsafe impl Send for Poller {}

/// The right to turn one poll's driver. Dropping it gives it back.
#[must_use]
pub struct Polling<'a>(&'a Poller);

/// The role of keeping the time. Dropping it gives it back.
#[must_use]
struct Keeping<'a>(&'a Seat);

/// A machine in a poll, to sleep there; perhaps it keeps the time. Dropping it gets up.
#[must_use]
pub struct Seated<'a> {
    seat: &'a Seat,
    // The role goes first: who finds a poll free may take the role.
    keeping: Option<Keeping<'a>>,
    polling: Polling<'a>,
}

/// What an observer sees of the polls.
#[derive(Debug, Clone)]
pub struct Observed {
    /// Nanoseconds from the end of one turn to the beginning of the next.
    pub turn_gap: HistogramSnapshot,
    /// When the poll that has been left alone for longest was turned last, ns of the scheduler's clock; none if somebody
    /// is in each that has sources.
    pub left_at: Option<u64>,
}

/// Who keeps the time, for an armer of a timer or for sysmon.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sitter {
    /// Nobody.
    Nobody,
    /// Somebody who is awake and will look at the timers.
    Awake,
    /// Somebody who sleeps until this time.
    AsleepUntil(u64),
}

impl Poller {
    fn new(index: usize, driver: Box<dyn Driver>) -> Self {
        Self {
            index,
            taken: AtomicBool::new(false),
            last_turn: AtomicU64::new(0),
            turn_gap: Histogram::default(),
            unparker: driver.unparker(),
            driver: UnsafeCell::new(driver),
        }
    }

    /// Takes it, if nobody has it.
    pub fn try_take(&self) -> Option<Polling<'_>> {
        if broken("seat-take-load-store") {
            // Ordering: a mutant.
            if self.taken.load(Ordering::Acquire) {
                return None;
            }
            self.taken.store(true, Ordering::Release);
            return Some(Polling(self));
        }
        // Ordering: Relaxed first, so that a taken poll costs its visitors no exclusive line. Acquire pairs with the
        // Release of whoever had it last: we see what it did to the driver.
        if !self.is_taken()
            && self
                .taken
                .compare_exchange(false, true, weaken("seat-take-relaxed", Ordering::Acquire), Ordering::Relaxed)
                .is_ok()
        {
            return Some(Polling(self));
        }
        None
    }

    /// Whether somebody has it; advice.
    pub fn is_taken(&self) -> bool {
        // Ordering: Relaxed, advice.
        self.taken.load(Ordering::Relaxed)
    }

    /// Ends the sleep of who is in it; kept if it has not begun.
    pub fn unpark(&self) {
        self.unparker.unpark();
    }

    /// When the last turn ended, in ns of the scheduler's clock.
    pub fn last_turn(&self) -> u64 {
        // Ordering: Relaxed, advice for sysmon.
        self.last_turn.load(Ordering::Relaxed)
    }
}

impl Polling<'_> {
    /// Which poll it is.
    pub fn index(&self) -> usize {
        self.0.index
    }

    /// Looks for events without sleeping.
    pub fn look(&mut self, now: u64) -> io::Result<Turn> {
        self.begin(now);
        self.turn(Some(Duration::ZERO))
    }

    fn begin(&self, now: u64) {
        self.0.turn_gap.record(now.saturating_sub(self.0.last_turn()));
        // Ordering: Relaxed, advice for sysmon.
        self.0.last_turn.store(now, Ordering::Relaxed);
    }

    fn sleep(&mut self, limit: Option<Duration>, now: impl Fn() -> u64) -> io::Result<Turn> {
        self.begin(now());
        let turn = self.turn(limit);
        // Ordering: Relaxed, advice for sysmon.
        self.0.last_turn.store(now(), Ordering::Relaxed);
        turn
    }

    fn turn(&mut self, limit: Option<Duration>) -> io::Result<Turn> {
        // SAFETY: `self` is the one that has it, and borrowed mutably.
        self.0.driver.with_mut(|driver| unsafe { (*driver).turn(limit) })
    }
}

impl Drop for Polling<'_> {
    fn drop(&mut self) {
        if broken("seat-never-freed") {
            return;
        }
        // Ordering: Release pairs with the Acquire in `try_take`.
        self.0.taken.store(false, Ordering::Release);
    }
}

impl Seat {
    /// Polls in which nobody sits, one for each driver.
    pub fn new(drivers: Vec<Box<dyn Driver>>) -> Self {
        let reactor = match drivers.first() {
            Some(driver) => driver.reactor(),
            None => unreachable!("a runtime is built with one driver at least"),
        };
        let poller = |(index, driver)| Poller::new(index, driver);
        Self {
            word: AtomicU64::new(EMPTY),
            keeper: AtomicUsize::new(0),
            pollers: drivers.into_iter().enumerate().map(poller).collect(),
            reactor,
        }
    }

    /// The polls.
    pub fn pollers(&self) -> &[Poller] {
        &self.pollers
    }

    /// The poll of a processor.
    pub fn poller_of(&self, processor: usize) -> &Poller {
        &self.pollers[self.index_of(processor)]
    }

    /// Which poll is a processor's.
    pub fn index_of(&self, processor: usize) -> usize {
        // One poll is the common case, a division the dear one.
        if self.pollers.len() == 1 { 0 } else { processor % self.pollers.len() }
    }

    /// Sits down in a poll if nobody is in it, and keeps the time if nobody does.
    pub fn try_sit(&self, poller: usize) -> Option<Seated<'_>> {
        let polling = self.pollers[poller].try_take()?;
        Some(Seated { seat: self, keeping: self.try_keep(), polling })
    }

    fn try_keep(&self) -> Option<Keeping<'_>> {
        if broken("seat-role-load-store") {
            // Ordering: a mutant.
            if self.word.load(Ordering::Acquire) != EMPTY {
                return None;
            }
            self.word.store(AWAKE, Ordering::Release);
            return Some(Keeping(self));
        }
        // Ordering: Acquire pairs with the Release of the keeper before; it elects one, the timers' locks carry the data.
        let mine = self.word.compare_exchange(EMPTY, AWAKE, Ordering::Acquire, Ordering::Relaxed);
        mine.is_ok().then(|| Keeping(self))
    }

    /// A place for an idler whose processor's poll is `home`: where sources are, there if nobody watches; else at home, but
    /// only to keep the time. None: let it sleep on its parker.
    pub fn find(&self, home: usize) -> Option<Seated<'_>> {
        let others = (0..self.pollers.len()).filter(|&other| other != home);
        let watched = std::iter::once(home).chain(others).filter(|&poller| self.is_unwatched(poller));
        for poller in watched {
            if let Some(seated) = self.try_sit(poller) {
                return Some(seated);
            }
        }
        // Ordering: Relaxed, advice; `try_keep` decides.
        if self.word.load(Ordering::Relaxed) != EMPTY {
            return None;
        }
        self.try_sit(home).or_else(|| (0..self.pollers.len()).find_map(|poller| self.try_sit(poller)))
    }

    /// Whether a poll has sources and nobody in it.
    pub fn is_unwatched(&self, poller: usize) -> bool {
        !self.pollers[poller].is_taken() && self.reactor.sources(poller) > 0
    }

    /// Whether anything is registered; advice.
    pub fn has_sources(&self) -> bool {
        (0..self.pollers.len()).any(|poller| self.reactor.sources(poller) > 0)
    }

    /// Whether there is a poll with nobody in it; advice.
    pub fn has_room(&self) -> bool {
        self.pollers.iter().any(|poller| !poller.is_taken())
    }

    /// Whether some poll has sources and nobody in it.
    pub fn leaves_sources_unwatched(&self) -> bool {
        (0..self.pollers.len()).any(|poller| self.is_unwatched(poller))
    }

    /// Who keeps the time. To be asked after publishing a timer; includes the armer's fence.
    pub fn sitter(&self) -> Sitter {
        // Ordering: SeqCst fence; pairs with the one in `Seated::sleep`.
        if !broken("seat-no-armer-fence") {
            fence(Ordering::SeqCst);
        }
        // Ordering: the fence makes it recent enough; Acquire pairs with the Release in `sleep`, for the keeper's place.
        match self.word.load(Ordering::Acquire) {
            EMPTY => Sitter::Nobody,
            AWAKE => Sitter::Awake,
            until => Sitter::AsleepUntil(until),
        }
    }

    /// Ends the sleep of who keeps the time; kept if it has not begun.
    pub fn unpark(&self) {
        // Ordering: Relaxed; written before the word that brought us here. If the role has moved on since, the new keeper
        // has looked at the timers later than we armed ours.
        self.pollers[self.keeper.load(Ordering::Relaxed)].unpark();
    }

    /// What decides how long the keeper of the time sleeps has changed, other than by a timer: ends its sleep.
    pub fn ring(&self) {
        // Includes the fence: either we see that it sleeps, or it sees what has changed.
        if let Sitter::AsleepUntil(_) = self.sitter()
            && !broken("seat-change-unrung")
        {
            self.unpark();
        }
    }

    /// What leaves register with.
    pub fn reactor(&self) -> &std::sync::Arc<dyn Reactor> {
        &self.reactor
    }

    /// What there is to be seen, for observers.
    pub fn observe(&self) -> Observed {
        let mut turn_gap = HistogramSnapshot::default();
        self.pollers.iter().for_each(|poller| turn_gap.merge(&poller.turn_gap.snapshot()));
        let left = |poller: &Poller| (!poller.is_taken()).then(|| poller.last_turn());
        let in_use = self.pollers.iter().filter(|poller| poller.index == 0 || self.reactor.sources(poller.index) > 0);
        Observed { turn_gap, left_at: in_use.filter_map(left).min() }
    }
}

impl Drop for Keeping<'_> {
    fn drop(&mut self) {
        // Ordering: Release pairs with the Acquire in `try_keep`.
        self.0.word.store(EMPTY, Ordering::Release);
    }
}

impl Seated<'_> {
    /// In which poll.
    pub fn index(&self) -> usize {
        self.polling.index()
    }

    /// Whether it is this one who keeps the time.
    pub fn keeps_time(&self) -> bool {
        self.keeping.is_some()
    }

    /// Takes the role if it is free by now. Else its keeper, who may have looked at the timers before we armed ours, must not
    /// sleep past them.
    fn mind_the_time(&mut self, earliest: &impl Fn() -> u64) {
        while self.keeping.is_none() {
            match self.seat.sitter() {
                Sitter::Nobody => self.keeping = self.seat.try_keep(),
                Sitter::AsleepUntil(until) if earliest() < until && !broken("seat-keeper-trusted") => {
                    return self.seat.unpark();
                }
                Sitter::AsleepUntil(_) | Sitter::Awake => return,
            }
        }
    }

    /// Sleeps in the driver until an event or a wake; who keeps the time also until the time that `earliest` gives (ns of
    /// the clock `now`; `MAX` for none). `earliest` is asked again after the deadline is published.
    pub fn sleep(&mut self, now: impl Fn() -> u64, earliest: impl Fn() -> u64) -> io::Result<Turn> {
        let limit = |until: u64| (until != u64::MAX).then(|| Duration::from_nanos(until.saturating_sub(now())));
        self.sleep_within(&now, earliest, limit)
    }

    /// [`sleep`](Self::sleep) by a clock that may stand: who keeps the time sleeps for as long as `limit` makes of the
    /// earliest deadline. What that depends on is looked at after the deadline is published; whoever changes it calls
    /// [`ring`](Seat::ring).
    pub fn sleep_within(
        &mut self,
        now: impl Fn() -> u64,
        earliest: impl Fn() -> u64,
        limit: impl Fn(u64) -> Option<Duration>,
    ) -> io::Result<Turn> {
        self.mind_the_time(&earliest);
        let Some(Keeping(seat)) = &self.keeping else { return self.polling.sleep(None, now) };
        // Ordering: Relaxed; the word that follows releases it.
        seat.keeper.store(self.polling.index(), Ordering::Relaxed);
        let mut until = earliest();
        let too_early = broken("seat-limit-unpublished").then(|| limit(until));
        let limit = loop {
            // Ordering: Release pairs with the Acquire in `sitter`, for the keeper's place; the fence below orders it with
            // the look after.
            seat.word.store(until.max(AWAKE + 1), Ordering::Release);
            // Ordering: SeqCst fence; pairs with the one in `sitter`.
            if !broken("seat-no-sitter-fence") {
                fence(Ordering::SeqCst);
            }
            let again = if broken("seat-no-second-look") { until } else { earliest() };
            if again >= until {
                break too_early.unwrap_or_else(|| limit(until));
            }
            until = again;
        };
        let turn = self.polling.sleep(limit, now);
        // Ordering: Relaxed; only tells armers that we look at the timers before we sleep again.
        seat.word.store(AWAKE, Ordering::Relaxed);
        turn
    }
}
