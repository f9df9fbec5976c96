//! [`Signal`]: the word and the waiters behind a [`Notify`](super::Notify).
//!
//! One word says everything that the fast paths ask:
//!
//! ```text
//!   | generation: how often everybody was signalled | PERMIT | WAITING |
//! ```
//!
//! * `WAITING`: somebody is in the list. While it is set, the word changes only under the lock.
//! * `PERMIT`: a signal to one that found nobody waiting; the next wait takes it. Never together with `WAITING`.
//! * the generation tells a wait that was begun, but is not in the list yet, that everybody was signalled since.
//!
//! So a signal that finds nobody is one exchange, to one or to all, and only one that finds somebody takes the lock. A wait is an
//! exchange if there is a permit, and else goes into the list under the lock, where the word is looked at again.
//!
//! Invariant: `WAITING` is set if and only if somebody is in the list, as seen under the lock; so that a signal goes to a waiter
//! if there is one, and is kept if there is none. It knows no task; what observers see of it is written
//! into the [`Record`] that it is given, if any.
//!
//! Who may call: [`Notify`](super::Notify), and [`watch`](super::super::watch) for those that wait for its end.
//! Models: `loom-tests/tests/notify.rs`.

use super::super::waiters::{Look, Told, Waiter, Waiters};
use super::super::wakes::Wakes;
use gumption_core::coop::is_untouched;
use gumption_core::resource::Record;
use gumption_core::sync::{AtomicUsize, Mutex, MutexGuard, Ordering, broken, const_unless_checked, weaken};
use std::ptr::NonNull;
use std::task::Waker;

const WAITING: usize = 1;
const PERMIT: usize = 2;
/// One generation.
const GENERATION: usize = 4;

const fn generation_of(word: usize) -> usize {
    word & !(WAITING | PERMIT)
}

/// Signals, and who waits for one.
#[derive(Debug)]
pub(crate) struct Signal {
    word: AtomicUsize,
    waiters: Mutex<Waiters>,
}

/// What a wait came to.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Joined {
    /// There was a permit for it, or everybody was signalled since it began.
    Signalled,
    /// It is in the list.
    Waits,
}

impl Signal {
    const_unless_checked! {
        /// No permit, and nobody who waits.
        pub(crate) fn new() -> Self {
            Self { word: AtomicUsize::new(0), waiters: Mutex::new(Waiters::new()) }
        }
    }

    /// The generation in which a wait begins.
    #[inline]
    pub(crate) fn generation(&self) -> usize {
        // Ordering: Acquire pairs with the Release of `signal_all`: a wait that begins too late for a signal sees what came
        // before it.
        generation_of(self.word.load(weaken("notify-created-relaxed", Ordering::Acquire)))
    }

    /// Whether a permit waits.
    pub(crate) fn has_permit(&self) -> bool {
        // Ordering: Relaxed; for observers.
        self.word.load(Ordering::Relaxed) & PERMIT != 0
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiters.lock().len()
    }

    /// Signals one: the first that waits, or the last ([`Told::Last`]); kept for the next if nobody does.
    #[inline]
    pub(crate) fn signal_one(&self, which: Told, record: Option<&Record>) {
        if !self.try_store_permit() {
            self.signal_waiting(which, record);
        }
    }

    /// Stores a permit if nobody waits.
    #[inline]
    fn try_store_permit(&self) -> bool {
        // Ordering: Relaxed; the exchange decides.
        let mut word = self.word.load(Ordering::Relaxed);
        while word & WAITING == 0 {
            if word & PERMIT != 0 && broken("notify-second-permit-skipped") {
                return true;
            }
            // Ordering: Release pairs with the Acquire of who takes the permit. Also where there is one already: its taker must
            // see what came before each of the signals that it stands for.
            match self.word.compare_exchange_weak(word, word | PERMIT, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        false
    }

    #[cold]
    fn signal_waiting(&self, which: Told, record: Option<&Record>) {
        let mut waiters = self.waiters.lock();
        let waker = self.signal_locked(&mut waiters, which, record);
        drop(waiters);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Signals one under the lock; the waker is to be woken outside.
    fn signal_locked(&self, waiters: &mut Waiters, which: Told, record: Option<&Record>) -> Option<Waker> {
        let Some(waker) = waiters.tell_one(which) else {
            if !broken("notify-no-permit-after-all") {
                let _stored = self.try_store_permit();
                debug_assert!(_stored, "nobody waits, and nobody can begin to while we have the lock");
            }
            return None;
        };
        if waiters.is_empty() {
            self.clear_waiting();
        }
        if let Some(record) = record {
            record.count_send();
            record.count_receives(1);
            record.set_waiters(waiters.len() as u64);
        }
        waker
    }

    /// Nobody waits any more. Under the lock, and `WAITING` is set.
    fn clear_waiting(&self) {
        if broken("notify-waiting-stays") {
            return;
        }
        // Ordering: Acquire and Release hand on what earlier signals released: a plain store ends their sequence. Nobody else
        // changes the word while `WAITING` is set.
        let word = self.word.load(Ordering::Acquire);
        self.word.store(word & !WAITING, Ordering::Release);
    }

    /// Signals everybody whose wait has begun, and keeps nothing.
    #[inline]
    pub(crate) fn signal_all(&self, record: Option<&Record>) {
        // Ordering: Relaxed; the exchange decides.
        let mut word = self.word.load(Ordering::Relaxed);
        while word & WAITING == 0 {
            let next = if broken("notify-generation-kept") { word } else { word.wrapping_add(GENERATION) };
            // Ordering: Release pairs with the Acquire of `generation` and `try_take`.
            match self.word.compare_exchange_weak(word, next, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => word = now,
            }
        }
        self.signal_all_waiting(record);
    }

    #[cold]
    fn signal_all_waiting(&self, record: Option<&Record>) {
        let mut waiters = self.waiters.lock();
        // Ordering: Acquire; see `clear_waiting`.
        let mut word = self.word.load(Ordering::Acquire);
        if word & WAITING == 0 {
            // They have gone meanwhile, and nobody comes while we have the lock.
            // Ordering: Release; see `signal_all`.
            while let Err(now) = self.word.compare_exchange_weak(
                word,
                word.wrapping_add(GENERATION),
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                word = now;
            }
            return;
        }
        // Ordering: Release; see `signal_all`. Nobody else changes the word while `WAITING` is set.
        self.word.store(word.wrapping_add(GENERATION) & !WAITING, Ordering::Release);
        let told = waiters.dismiss();
        if let Some(record) = record {
            record.count_send();
            record.count_receives(told as u64);
            record.set_waiters(0);
        }
        tell_all(&self.waiters, waiters);
    }

    /// Takes what is there for a wait of `generation`: its own signal, or the permit.
    #[inline]
    pub(crate) fn try_take(&self, generation: usize) -> bool {
        // Ordering: Acquire pairs with the Release of `signal_all`.
        let mut word = self.word.load(Ordering::Acquire);
        loop {
            if generation_of(word) != generation {
                // A signal to all was meant for it, so that a permit remains for others.
                return true;
            }
            if word & PERMIT == 0 {
                return false;
            }
            // Ordering: Acquire pairs with the Release of `try_store_permit`.
            let acquire = weaken("notify-take-relaxed", Ordering::Acquire);
            match self.word.compare_exchange_weak(word, word & !PERMIT, acquire, Ordering::Acquire) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
    }

    /// Joins those that wait, unless there is something for it.
    ///
    /// # Safety
    /// The waiter is as [`Waiters::push`] asks for, and [`leave`](Self::leave) is called before it ends.
    pub(crate) unsafe fn join(
        &self,
        waiter: NonNull<Waiter>,
        generation: usize,
        waker: Option<Waker>,
        record: Option<&Record>,
    ) -> Joined {
        let mut waiters = self.waiters.lock();
        loop {
            if !broken("notify-join-no-second-look") && self.try_take(generation) {
                // The waker is dropped after the lock, being older than it.
                return Joined::Signalled;
            }
            // Ordering: Relaxed; the exchange decides.
            let word = self.word.load(Ordering::Relaxed);
            if word & WAITING != 0 {
                break;
            }
            let seen = if broken("notify-join-no-second-look") { word } else { generation };
            // Ordering: Relaxed; what it guards is under the lock. From a word without a permit, of the same generation: else
            // there is something to be taken first.
            if self.word.compare_exchange(seen, word | WAITING, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                break;
            }
        }
        // SAFETY: the caller's promise.
        unsafe { waiters.push(waiter, waker) };
        if let Some(record) = record {
            if is_untouched() {
                record.count_vain();
            }
            record.set_waiters(waiters.len() as u64);
        }
        Joined::Waits
    }

    /// Looks again for one that has joined: whether it has been signalled, and is out of the list.
    ///
    /// # Safety
    /// It has [joined](Self::join), and was not signalled when it last looked.
    pub(crate) unsafe fn look(&self, waiter: NonNull<Waiter>, waker: Option<&Waker>) -> bool {
        let mut spare = None;
        loop {
            let mut waiters = self.waiters.lock();
            // SAFETY: the caller's promise.
            let look = unsafe { waiters.look(waiter, waker.unwrap_or(Waker::noop()), &mut spare) };
            drop(waiters);
            match (look, waker) {
                (Look::Told | Look::Left, _) => return true,
                (Look::OtherWaker, Some(waker)) => spare = Some(waker.clone()),
                // Without a waker it is only enabled once more: what it left stays.
                (Look::Waits, _) | (Look::OtherWaker, None) => return false,
            }
        }
    }

    /// Ends a wait: takes it out of the list, or hands on what it was told and nobody has seen.
    ///
    /// # Safety
    /// It has [joined](Self::join), and was not signalled when it last looked.
    pub(crate) unsafe fn leave(&self, waiter: NonNull<Waiter>, record: Option<&Record>) {
        // SAFETY: alive, as the caller is its future.
        let this = unsafe { waiter.as_ref() };
        let mut told = this.told();
        if told == Told::Nothing {
            let mut waiters = self.waiters.lock();
            told = this.told();
            if told == Told::Nothing {
                // SAFETY: the caller's promise, and not told.
                if unsafe { waiters.remove(waiter) } {
                    if waiters.is_empty() {
                        self.clear_waiting();
                    }
                    if let Some(record) = record {
                        record.set_waiters(waiters.len() as u64);
                    }
                }
                return;
            }
        }
        if told != Told::All && !broken("notify-not-handed-on") {
            self.signal_one(told, record);
        }
    }
}

/// Tells those that are leaving, in batches.
pub(crate) fn tell_all<'a>(lock: &'a Mutex<Waiters>, mut waiters: MutexGuard<'a, Waiters>) {
    /// Goes on where a waker's panic stopped.
    struct Rest<'a>(&'a Mutex<Waiters>);
    impl Drop for Rest<'_> {
        fn drop(&mut self) {
            tell_all(self.0, self.0.lock());
        }
    }
    let mut wakes = Wakes::new();
    while waiters.tell_some(&mut wakes) {
        drop(waiters);
        let rest = Rest(lock);
        wakes.wake_all();
        std::mem::forget(rest);
        waiters = lock.lock();
    }
    drop(waiters);
    wakes.wake_all();
}
