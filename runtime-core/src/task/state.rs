//! [`State`]: the one atomic word that decides who may do what with a task.
//!
//! Its fields are **refs**, **wakers**, **wakes** and flags, of which [`Bits`] has the picture.
//!
//! **wakes** is counted and not flagged, so that a wake is one `fetch_add` and the end of a poll one `fetch_sub`.
//! While it is above zero exactly one party holds *the right to run*: a [`Runnable`](super::Runnable) in a queue, or the
//! machine that polls. The wake that finds zero creates that right; a poll subtracts the wakes that it had seen before it
//! began and gives the right up only when nothing is left. A completed task keeps its wakes for ever, so a late
//! wake never finds zero and submits nothing.
//!
//! **wakers** counts the cloned wakers and nothing else, apart from **refs** (one for the task's life, which ends at its
//! completion, one for the join handle, one for each abort handle). Hence the leak proof: with no wake pending, no waker in
//! existence and no poll in progress (a poll is a pending wake), nothing can ever make the task run again.
//! The record is free once both counts are zero.
//!
//! The counts cannot run into each other: wakes are folded back long before they fill their field (a fold keeps more
//! than any poll has seen, so it can only cause a poll too many, never one too few), and refs and wakers abort the process
//! at half their range, as `Arc` does.
//!
//! Who may call: this room only. Every transition says in its `#[must_use]` result what the caller now has to do.
//! Models: `loom-tests/tests/task.rs`.

use super::bits::{
    ABORTED, Bits, COMPLETE, FREE, JOIN_INTEREST, JOIN_WAKER, LABELLED, LOCKED, NAMED, REF_ONE, REFS_MASK, SPAWNED,
    WAKE_ONE, WAKER_ONE, WAKERS_MASK,
};
use crate::policy;
use crate::sync::{AtomicU64, Ordering, broken, weaken};

/// Most wakes that a poll may have seen when it begins; more are folded into one first. Under the checkers few, so that a
/// model reaches the folds.
const SEEN_LIMIT: u64 = if policy::CHECKED { 3 } else { 1 << 10 };
/// Wakes at which a waker folds: half the field, so that thousands more may arrive before the fold takes effect.
const FOLD_AT: u64 = if policy::CHECKED { 5 } else { 1 << 12 };
/// What a waker folds to: more than any poll has seen.
const FOLD_TO: u64 = if policy::CHECKED { 4 } else { 1 << 11 };
/// Counts at which the process is aborted.
const WAKERS_LIMIT: u64 = WAKERS_MASK / 2;
const REFS_LIMIT: u64 = REFS_MASK / 2;

/// What a wake makes the waker do.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Woke {
    /// The task was idle: the right to run is the caller's, to submit.
    Submit,
    /// Somebody has the right to run already, or the task is complete.
    Nothing,
    /// As `Nothing`, and the waker that was consumed was the last reference: the caller releases the record.
    Release,
}

/// What giving up a reference makes its holder do.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Dropped {
    /// Others remain.
    Shared,
    /// It was the last: the caller releases the record.
    Last,
}

/// How a run begins.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Begun {
    /// Poll, and afterwards [`State::end`] with this.
    Poll(Seen),
    /// Drop the future.
    Cancel,
}

/// How many wakes a run answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Seen(u64);

/// What follows a poll that returned `Pending`.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ended {
    /// Nothing: the task may already run elsewhere, or be gone.
    Idle,
    /// It was woken meanwhile; the caller still has the right to run.
    Woken,
    /// It was aborted meanwhile; the caller still has the right to run.
    Aborted,
}

/// What the completer does after the output is in place.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Completed {
    /// Nobody will ask for the output, and the caller still has the body: it drops the output and then calls
    /// [`State::finish_detached`].
    Detached,
    /// Complete, the life reference is given up; the join handle finds the output by itself.
    Quiet(Dropped),
    /// Complete; the caller takes the join waker, wakes it and then drops the life reference.
    WakeJoiner,
    /// Complete; the join handle went away at the last moment: the caller drops the output and the life reference.
    DropOutput,
}

/// What the abort of a task makes the caller do.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Abort {
    /// The task was idle: the right to run is the caller's, to submit.
    Submit,
    /// Whoever runs the task next will see it.
    Marked,
    /// The task is complete, or was aborted before.
    Late,
}

/// What the drop of the join handle has to do next.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unjoin {
    /// Nothing: the interest and the reference are gone.
    Done,
    /// The join waker's cell is the handle's again: it drops the waker in it and asks again.
    DropWaker,
    /// The task is complete: the handle drops the output unless it took it, and then its reference. `body` says that
    /// nobody else will look at the body again.
    Complete { body: bool },
}

/// The state word.
#[derive(Debug)]
pub(super) struct State(AtomicU64);

impl State {
    /// The word of a record that holds no task.
    pub(super) fn free() -> Self {
        Self(AtomicU64::new(FREE))
    }

    /// A look at the word, for advice and dumps.
    #[inline(always)]
    pub(super) fn peek(&self) -> Bits {
        // Ordering: Relaxed; the caller concludes nothing about other memory.
        Bits(self.0.load(Ordering::Relaxed))
    }

    /// Takes part in the order of the word's changes, and changes nothing: for an observer who goes on to read the task again. How it
    /// stood at that place among them.
    pub(super) fn confirm(&self) -> Bits {
        // Ordering: Acquire pairs with the Release of `end`: who reads on sees what the last run left. Release pairs with the
        // Acquire of `begin`: what was read before this comes before the next run. An RMW, because only that stands at one
        // place among the word's changes. (The Release keeps loads before it from being delayed, which loom does not try.)
        Bits(match broken("task-confirm-no-rmw") {
            true => self.0.load(Ordering::Acquire),
            false => self.0.fetch_add(0, Ordering::AcqRel),
        })
    }

    /// A look after which the output of a complete task may be read.
    #[inline(always)]
    pub(super) fn load(&self) -> Bits {
        // Ordering: Acquire pairs with the Release of the completer's transition in `complete`.
        Bits(self.0.load(Ordering::Acquire))
    }

    /// Starts a task's life on a free record that the caller holds.
    #[inline(always)]
    pub(super) fn spawn(&self) {
        // Ordering: Relaxed; the `Runnable` and the join handle reach other threads through something that orders.
        self.0.store(SPAWNED, Ordering::Relaxed);
    }

    /// Ends the record's life, by whoever dropped the last reference.
    #[inline(always)]
    pub(super) fn retire(&self) {
        // Ordering: Relaxed; nobody else has a reference, and the free lists order the next use.
        self.0.store(FREE, Ordering::Relaxed);
    }

    /// A wake through a borrowed waker.
    #[inline(always)]
    pub(super) fn wake(&self) -> Woke {
        if broken("task-wake-skip") && self.peek().wakes() > 0 {
            return Woke::Nothing;
        }
        // Ordering: Release publishes what the waker did before the wake to the Acquire of `begin` that answers it, and
        // it is an RMW even when wakes are pending, because only that continues the release sequence. Acquire pairs with
        // the Release of `end`: the submitter writes the queue link that the last run's machine read.
        let prev = Bits(self.0.fetch_add(WAKE_ONE, weaken("task-wake-relaxed", Ordering::AcqRel)));
        if prev.wakes() >= FOLD_AT {
            self.fold();
        }
        if prev.wakes() == 0 { Woke::Submit } else { Woke::Nothing }
    }

    /// A wake that consumes its waker, in the same step.
    #[inline(always)]
    pub(super) fn wake_by_value(&self) -> Woke {
        if broken("task-wake-after-drop") {
            let dropped = self.drop_waker();
            let woke = self.wake();
            return if woke == Woke::Nothing && dropped == Dropped::Last { Woke::Release } else { woke };
        }
        // Ordering: as `wake`; as a dropped reference it is also the Release and Acquire of `drop_waker`.
        let delta = WAKE_ONE.wrapping_sub(WAKER_ONE);
        let prev = Bits(self.0.fetch_add(delta, weaken("task-wake-relaxed", Ordering::AcqRel)));
        debug_assert!(prev.wakers() > 0);
        if prev.wakes() == 0 {
            return Woke::Submit;
        }
        if prev.wakes() >= FOLD_AT {
            // The record may have a new life by now, which at worst is polled once more than it must be.
            self.fold();
        }
        if Bits(prev.0.wrapping_add(delta)).is_last() { Woke::Release } else { Woke::Nothing }
    }

    #[cold]
    fn fold(&self) {
        let mut bits = self.peek();
        while bits.wakes() >= FOLD_AT {
            // Ordering: AcqRel keeps the folded wakes' release sequence whole, as `wake` does.
            let folded = bits.with_wakes(if broken("task-fold-below-seen") { 1 } else { FOLD_TO }).0;
            match self.0.compare_exchange_weak(bits.0, folded, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => bits = Bits(now),
            }
        }
    }

    /// Takes the right to run an idle task, if it is idle.
    pub(super) fn claim(&self) -> bool {
        let mut bits = self.peek();
        while bits.is_idle() {
            // Ordering: as `wake`, whose place this takes.
            let claimed = bits.0 + WAKE_ONE;
            let ordering = weaken("task-claim-relaxed", Ordering::AcqRel);
            match self.0.compare_exchange_weak(bits.0, claimed, ordering, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => bits = Bits(now),
            }
        }
        false
    }

    /// Begins a run, by the holder of the right to run.
    #[inline(always)]
    pub(super) fn begin(&self) -> Begun {
        // Ordering: Acquire pairs with the Release of every wake in `seen`, and through the first of them with the
        // `end` of the run before: the future is ours, as its last poller and its wakers left it.
        let mut bits = Bits(self.0.load(weaken("task-run-relaxed", Ordering::Acquire)));
        debug_assert!(bits.wakes() > 0 && !bits.is_complete(), "a run without the right to run: {bits:?}");
        if bits.wakes() >= SEEN_LIMIT {
            bits = self.forget_wakes(bits);
        }
        if bits.is_aborted() { Begun::Cancel } else { Begun::Poll(Seen(bits.wakes())) }
    }

    #[cold]
    fn forget_wakes(&self, mut bits: Bits) -> Bits {
        loop {
            let one = bits.with_wakes(1);
            // Ordering: Acquire as in `begin`, for the wakes that this answers in advance; Release as in `fold`.
            match self.0.compare_exchange_weak(bits.0, one.0, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return one,
                Err(now) => bits = Bits(now),
            }
        }
    }

    /// Ends a run whose poll returned `Pending`.
    #[inline(always)]
    pub(super) fn end(&self, seen: Seen) -> Ended {
        if broken("task-idle-store") {
            let bits = self.peek();
            self.0.store(bits.with_wakes(0).0, Ordering::Release);
            return if bits.wakes() > seen.0 { Ended::Woken } else { Ended::Idle };
        }
        // Ordering: Release publishes the polled future and the read queue link to the wake that finds zero and to the
        // run that it submits. If wakes remain, the Acquire is that of the next `begin`.
        let prev = Bits(self.0.fetch_sub(seen.0 * WAKE_ONE, weaken("task-end-relaxed", Ordering::Release)));
        debug_assert!(prev.wakes() >= seen.0);
        if prev.wakes() == seen.0 {
            Ended::Idle
        } else if prev.is_aborted() {
            Ended::Aborted
        } else {
            Ended::Woken
        }
    }

    /// Makes everything visible to a holder of the right to run who does not poll.
    #[inline]
    pub(super) fn begin_cancel(&self) {
        // Ordering: Acquire as in `begin`.
        self.0.load(weaken("task-cancel-relaxed", Ordering::Acquire));
    }

    /// Marks the task for being dropped by the next run, and wakes it, in one step.
    pub(super) fn abort(&self) -> Abort {
        let mut bits = self.peek();
        loop {
            if bits.is_complete() || bits.is_aborted() {
                return Abort::Late;
            }
            let wake = if broken("task-abort-no-wake") { 0 } else { WAKE_ONE };
            let marked = (bits.0 | ABORTED) + wake;
            // Ordering: as `wake`.
            let ordering = weaken("task-abort-relaxed", Ordering::AcqRel);
            match self.0.compare_exchange_weak(bits.0, marked, ordering, Ordering::Relaxed) {
                Ok(_) if bits.wakes() == 0 && wake != 0 => return Abort::Submit,
                Ok(_) => return Abort::Marked,
                Err(now) => bits = Bits(now),
            }
        }
    }

    /// Completes a task whose output is in place, by the holder of the right to run.
    #[inline(always)]
    pub(super) fn complete(&self) -> Completed {
        // Ordering: Acquire pairs with `unjoin`: without the interest the body is ours, the join handle is done with it.
        let mut bits = Bits(self.0.load(weaken("task-detach-relaxed", Ordering::Acquire)));
        loop {
            if !bits.has_join_handle() {
                return Completed::Detached;
            }
            if bits.has_joiner() {
                return self.complete_joined();
            }
            // Ordering: Release publishes the output to the `load` of the join handle; Acquire and Release as in
            // `drop_ref` for the life reference that goes with it; Acquire on failure as the load above.
            let ordering = weaken("task-complete-relaxed", Ordering::AcqRel);
            let kept = if broken("task-complete-forgets-wakes") { bits.with_wakes(0) } else { bits };
            match self.0.compare_exchange_weak(bits.0, (kept.0 | COMPLETE) - REF_ONE, ordering, Ordering::Acquire) {
                Ok(_) => return Completed::Quiet(Self::dropped(Bits(bits.0 - REF_ONE))),
                Err(now) => bits = Bits(now),
            }
        }
    }

    fn complete_joined(&self) -> Completed {
        // Ordering: Release publishes the output as above; Acquire pairs with `share_join_waker`, whose cell we read next,
        // and with `unjoin`.
        let prev = Bits(self.0.fetch_or(COMPLETE, weaken("task-complete-relaxed", Ordering::AcqRel)));
        if !prev.has_join_handle() {
            Completed::DropOutput
        } else if prev.has_joiner() {
            Completed::WakeJoiner
        } else {
            // The handle is exchanging its waker; it fails to share the new one and finds the output.
            Completed::Quiet(self.drop_ref())
        }
    }

    /// Completes a task whose join handle is gone and whose output is dropped.
    #[inline(always)]
    pub(super) fn finish_detached(&self) -> Dropped {
        // Ordering: as `drop_ref`. The flag is clear, so that adding it sets it.
        let ordering = weaken("task-finish-relaxed", Ordering::AcqRel);
        let prev = Bits(self.0.fetch_add(COMPLETE.wrapping_sub(REF_ONE), ordering));
        debug_assert!(!prev.is_complete() && prev.refs() > 0);
        Self::dropped(Bits(prev.0 - REF_ONE))
    }

    /// Shows the waker that the join handle has put into its cell. False when the task is complete: the cell stays the
    /// handle's.
    pub(super) fn share_join_waker(&self) -> bool {
        if broken("task-join-no-recheck") {
            self.0.fetch_or(JOIN_WAKER, Ordering::AcqRel);
            return true;
        }
        // Ordering: Release publishes the waker to the Acquire of `complete_joined`.
        self.change_join_waker(|bits| bits | JOIN_WAKER)
    }

    /// Takes the cell of the join waker back. False when the task is complete: its completer has the cell.
    pub(super) fn unshare_join_waker(&self) -> bool {
        // Ordering: nothing was written; AcqRel for the uniformity of it.
        self.change_join_waker(|bits| bits & !JOIN_WAKER)
    }

    fn change_join_waker(&self, change: impl Fn(u64) -> u64) -> bool {
        let mut bits = self.load();
        while !bits.is_complete() {
            // Ordering: the callers'. Acquire on failure, because the handle reads the output of a complete task next.
            let ordering = weaken("task-join-share-relaxed", Ordering::AcqRel);
            match self.0.compare_exchange_weak(bits.0, change(bits.0), ordering, Ordering::Acquire) {
                Ok(_) => return true,
                Err(now) => bits = Bits(now),
            }
        }
        false
    }

    /// The next step of dropping the join handle.
    #[inline(always)]
    pub(super) fn unjoin(&self) -> Unjoin {
        let mut bits = self.load();
        loop {
            if bits.is_complete() {
                return Unjoin::Complete { body: !bits.has_joiner() };
            }
            // Ordering: Release tells `complete` that the handle is done with the body; Acquire on failure as `load`.
            let next = if bits.has_joiner() { bits.0 & !JOIN_WAKER } else { (bits.0 & !JOIN_INTEREST) - REF_ONE };
            let ordering = weaken("task-unjoin-relaxed", Ordering::AcqRel);
            match self.0.compare_exchange_weak(bits.0, next, ordering, Ordering::Acquire) {
                Ok(_) if bits.has_joiner() => return Unjoin::DropWaker,
                Ok(_) => return Unjoin::Done,
                Err(now) => bits = Bits(now),
            }
        }
    }

    /// Counts a waker that is about to exist.
    #[inline(always)]
    pub(super) fn clone_waker(&self) {
        if broken("task-waker-uncounted") {
            self.0.fetch_add(REF_ONE, Ordering::Relaxed);
            return;
        }
        // Ordering: Relaxed; a new reference is made from one that exists.
        let prev = Bits(self.0.fetch_add(WAKER_ONE, Ordering::Relaxed));
        if prev.wakers() >= WAKERS_LIMIT {
            std::process::abort();
        }
    }

    /// Uncounts a waker that was dropped.
    #[inline(always)]
    pub(super) fn drop_waker(&self) -> Dropped {
        // Ordering: as `drop_ref`.
        let prev = Bits(self.0.fetch_sub(WAKER_ONE, weaken("task-ref-relaxed", Ordering::AcqRel)));
        debug_assert!(prev.wakers() > 0);
        Self::dropped(Bits(prev.0 - WAKER_ONE))
    }

    /// Counts a reference made from one that exists.
    #[inline]
    pub(super) fn add_ref(&self) {
        // Ordering: Relaxed, as `clone_waker`.
        let prev = Bits(self.0.fetch_add(REF_ONE, Ordering::Relaxed));
        if prev.refs() >= REFS_LIMIT {
            std::process::abort();
        }
    }

    /// Counts a reference made from none: false when the record holds no task.
    pub(super) fn try_add_ref(&self) -> bool {
        let mut bits = self.peek();
        while !bits.is_last() {
            if bits.refs() >= REFS_LIMIT {
                std::process::abort();
            }
            // Ordering: Acquire pairs with the Release fence of `begin_life`, which comes after the last life's id was erased
            // and before `spawn`: the id read next is not an earlier task's.
            let ordering = weaken("registry-upgrade-relaxed", Ordering::Acquire);
            match self.0.compare_exchange_weak(bits.0, bits.0 + REF_ONE, ordering, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => bits = Bits(now),
            }
        }
        false
    }

    /// Uncounts a reference.
    #[inline(always)]
    pub(super) fn drop_ref(&self) -> Dropped {
        // Ordering: Release hands what this holder did with the body to the one who releases it, whose Acquire this is
        // when the count falls to zero.
        let prev = Bits(self.0.fetch_sub(REF_ONE, weaken("task-ref-relaxed", Ordering::AcqRel)));
        debug_assert!(prev.refs() > 0);
        Self::dropped(Bits(prev.0 - REF_ONE))
    }

    /// Sets or clears the pin, by the machine that runs the task.
    pub(super) fn set_locked(&self, locked: bool) {
        // Ordering: Relaxed; a hint to observers.
        if locked {
            self.0.fetch_or(LOCKED, Ordering::Relaxed);
        } else {
            self.0.fetch_and(!LOCKED, Ordering::Relaxed);
        }
    }

    /// Notes that the task has a name, by its spawner.
    pub(super) fn set_named(&self) {
        // Ordering: Relaxed; whoever releases the record has synchronised with the spawner.
        self.0.fetch_or(NAMED, Ordering::Relaxed);
    }

    /// Notes that the task has labels, by its spawner or by whoever runs it.
    pub(super) fn set_labelled(&self) {
        // Ordering: Relaxed, as `set_named`.
        self.0.fetch_or(LABELLED, Ordering::Relaxed);
    }

    #[inline(always)]
    fn dropped(rest: Bits) -> Dropped {
        if rest.is_last() { Dropped::Last } else { Dropped::Shared }
    }
}
