//! A ring of snapshots: dumps of the process, kept in so many bytes, taken by period and when something has happened. So that there
//! is a dump of the moment at which things went wrong, when somebody comes to look later.
//!
//! ```text
//!   every `period` ───────────────┐
//!   every `look`: rules ─ true ───┼─▶ Dump::of_process ─▶ text ─▶ Store: the oldest leave until it fits
//!   Ring::take ───────────────────┘        (level, options, format)
//! ```
//!
//! Rules ([`Rule`]) look at the counters once every `look`. One that has held for as many looks in a row as it asks for *fires*,
//! once: it must have failed before it can fire again. And between two dumps that rules have caused there is at least
//! `pause`, so that a rule that comes and goes all the time costs no more than a period; what that suppressed is counted.
//!
//! It works on an OS thread of its own, which sleeps in between, takes no lock of a scheduler that is held while user code runs, and
//! ends when the ring is dropped. The invariant: what is kept, its records included, is never more than [`Settings::bytes`].

mod reason;
mod rule;
mod store;

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use gumption_core::runtime;

pub use reason::Reason;
pub use rule::{Look, Rule};
use store::Store;
pub use store::{Kept, Lost, Snapshot};

use crate::dump::{Dump, Format, Level, Options};

/// What a ring takes, when, and how much of it it keeps.
#[derive(Debug)]
#[non_exhaustive]
pub struct Settings {
    /// *Bytes* that are kept at most.
    pub bytes: usize,
    /// How much a dump tells.
    pub level: Level,
    /// What it tells of.
    pub options: Options,
    /// As what it is kept.
    pub format: Format,
    /// How often one is taken in any case, if at all.
    pub period: Option<Duration>,
    /// How often the rules look.
    pub look: Duration,
    /// When one is taken besides.
    pub rules: Vec<Rule>,
    /// The least time between two that rules have caused.
    pub pause: Duration,
}

impl Default for Settings {
    /// Groups as text, every 5 s, in 16 MiB; no rules, which would look each second and cause a dump each 30 s at most.
    fn default() -> Self {
        Self {
            bytes: 16 << 20,
            level: Level::Groups,
            options: Options::default(),
            format: Format::Text,
            period: Some(Duration::from_secs(5)),
            look: Duration::from_secs(1),
            rules: Vec::new(),
            pause: Duration::from_secs(30),
        }
    }
}

/// A ring of snapshots. Dropping it ends its thread and forgets what was kept.
#[derive(Debug)]
pub struct Ring {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    store: Mutex<Store>,
    over: Mutex<bool>,
    told: Condvar,
    level: Level,
    options: Options,
    format: Format,
}

/// None of these locks is held while user code runs, and nobody panics with one.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ring {
    /// Starts to take snapshots of all runtimes of this process.
    ///
    /// # Errors
    ///
    /// If the system refuses a thread.
    pub fn start(settings: Settings) -> io::Result<Self> {
        let Settings { bytes, level, options, format, period, look, rules, pause } = settings;
        let store = Mutex::new(Store::new(bytes));
        let shared = Arc::new(Shared { store, over: Mutex::new(false), told: Condvar::new(), level, options, format });
        let keeper = Keeper { rules, pause, suppressed_until: None };
        let thread = thread::Builder::new().name("gumption-snapshots".to_owned()).spawn({
            let shared = shared.clone();
            // No shorter than what a look may cost.
            let (look, period) = (look.max(LEAST), period.map(|period| period.max(LEAST)));
            move || shared.run(keeper, look, period)
        })?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Takes one now, on this thread. Its number; none if it is larger than all that may be kept.
    pub fn take(&self, why: &str) -> Option<u64> {
        self.shared.take(Reason::Asked(why.to_owned()))
    }

    /// What is kept, the oldest first, without the texts.
    pub fn list(&self) -> Vec<Kept> {
        lock(&self.shared.store).list()
    }

    /// The snapshot of this number, if it is still kept.
    pub fn get(&self, number: u64) -> Option<Snapshot> {
        lock(&self.shared.store).get(number)
    }

    /// The one that was taken nearest to a time, in *milliseconds* since 1970.
    pub fn nearest(&self, unix_ms: u64) -> Option<Snapshot> {
        lock(&self.shared.store).nearest(unix_ms)
    }

    /// *Bytes* that are used.
    pub fn bytes(&self) -> usize {
        lock(&self.shared.store).used()
    }

    /// What is not there any more, or never was.
    pub fn lost(&self) -> Lost {
        lock(&self.shared.store).lost
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        *lock(&self.shared.over) = true;
        self.shared.told.notify_all();
        if let Some(thread) = self.thread.take() {
            // A rule's panic has been printed, and there is nobody left to tell.
            drop(thread.join());
        }
    }
}

/// The shortest time between two looks, or two dumps by period.
const LEAST: Duration = Duration::from_millis(1);

impl Shared {
    fn take(&self, reason: Reason) -> Option<u64> {
        let dump = Dump::of_process(self.level, &self.options);
        let text = dump.render(self.format);
        lock(&self.store).keep(dump.taken_unix_ms, reason, self.format, text)
    }

    fn run(&self, mut keeper: Keeper, look: Duration, period: Option<Duration>) {
        let begun = Instant::now();
        let mut next_look = (!keeper.rules.is_empty()).then_some(look);
        let mut next_period = period;
        while let Some(due) = next_look.into_iter().chain(next_period).min() {
            if self.sleep_until(begun, due) {
                return;
            }
            let now = begun.elapsed();
            if next_look.is_some_and(|due| due <= now) {
                let (fired, suppressed) = keeper.look(now, &Look::of(&runtime::running()));
                lock(&self.store).lost.suppressed += suppressed;
                if let Some(name) = fired {
                    self.take(Reason::Rule(name));
                }
                next_look = Some(begun.elapsed().saturating_add(look));
            }
            if next_period.is_some_and(|due| due <= now) {
                self.take(Reason::Period);
                next_period = period.map(|period| begun.elapsed().saturating_add(period));
            }
        }
        self.sleep_until(begun, Duration::MAX);
    }

    /// True when it is over.
    fn sleep_until(&self, begun: Instant, due: Duration) -> bool {
        let mut over = lock(&self.over);
        while !*over {
            let left = due.saturating_sub(begun.elapsed());
            if left.is_zero() {
                return false;
            }
            over = self.told.wait_timeout(over, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

/// The rules, and when they may fire again.
struct Keeper {
    rules: Vec<Rule>,
    pause: Duration,
    suppressed_until: Option<Duration>,
}

impl Keeper {
    /// Lets every rule look. The first that fires, by name, if none may not; and how many were suppressed.
    fn look(&mut self, now: Duration, look: &Look) -> (Option<String>, u64) {
        let mut fired: Vec<String> = Vec::new();
        for rule in &mut self.rules {
            if rule.fires(look) {
                fired.push(rule.name().to_owned());
            }
        }
        let pauses = self.suppressed_until.is_some_and(|until| now < until);
        let suppressed = if pauses { fired.len() } else { fired.len().saturating_sub(1) } as u64;
        let first = fired.into_iter().next().filter(|_| !pauses);
        if first.is_some() {
            self.suppressed_until = Some(now.saturating_add(self.pause));
        }
        (first, suppressed)
    }
}

#[cfg(test)]
#[path = "ring_tests.rs"]
mod tests;
