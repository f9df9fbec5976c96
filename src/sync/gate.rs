//! [`Gate`]: those who wait here go on together.
//!
//! What a barrier and a value that is set once have in common: some wait, and one event lets everybody go who waits by then. Who
//! comes asks under the gate's lock, by a closure of the primitive's, whether to wait; who opens it has the lock, so that
//! what the closure reads and who waits change in one step. Those that are let go are told in batches, with the lock released in
//! between; who comes meanwhile is not among them, because [`Waiters`] knows them apart.
//!
//! It refuses to know what it is that opens it, or to stay open: that is the closure's answer.
//!
//! Models: `loom-tests/tests/locks.rs`; those of the waiters are `loom-tests/tests/notify.rs`.

use super::notify::tell_all;
use super::waiters::{Look, Told, Waiter, Waiters};
use gumption_core::resource::{Kind, Resource};
use gumption_core::sync::{Mutex, MutexGuard, broken, const_unless_checked};
use gumption_core::wait::WaitReason;
use std::future::Future;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};

/// Who waits for one event.
#[derive(Debug)]
pub(crate) struct Gate {
    resource: Resource,
    waiters: Mutex<Waiters>,
}

/// What one who comes is told.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    /// It need not wait.
    Pass,
    /// It need not wait, and nor need those who do.
    Open,
    /// It waits.
    Wait,
}

/// The lock of a gate.
pub(crate) type Locked<'a> = MutexGuard<'a, Waiters>;

impl Gate {
    const_unless_checked! {
        /// A gate at which nobody waits.
        #[track_caller]
        pub(crate) fn new(kind: Kind) -> Self {
            Self { resource: Resource::new(kind), waiters: Mutex::new(Waiters::new()) }
        }
    }

    /// Keeps everybody from coming and going.
    pub(crate) fn lock(&self) -> Locked<'_> {
        self.waiters.lock()
    }

    /// Lets everybody go who waits.
    pub(crate) fn open(&self, mut waiters: Locked<'_>) {
        if broken("gate-opens-for-nobody") {
            return;
        }
        waiters.dismiss();
        self.note(&waiters);
        tell_all(&self.waiters, waiters);
    }

    /// Comes to the gate. `ask` is called once, under the lock; the result says whether it answered [`Answer::Open`].
    pub(crate) fn pass<A: FnMut() -> Answer>(&self, reason: WaitReason, ask: A) -> Pass<'_, A> {
        Pass { gate: self, reason, ask, state: State::Coming, waiter: Waiter::new() }
    }

    /// Says to observers how many of how many have come; under the lock.
    pub(crate) fn note_depth(&self, depth: usize, capacity: usize) {
        if let Some(record) = self.resource.record() {
            record.set_depth(depth as u64);
            record.set_capacity(capacity as u64);
        }
    }

    fn note(&self, waiters: &Waiters) {
        if let Some(record) = self.resource.record() {
            record.set_waiters(waiters.len() as u64);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Coming,
    Waiting,
    Gone,
}

/// One who comes to a gate: see [`Gate::pass`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub(crate) struct Pass<'a, A> {
    gate: &'a Gate,
    reason: WaitReason,
    ask: A,
    state: State,
    waiter: Waiter,
}

impl<A: FnMut() -> Answer> Future for Pass<'_, A> {
    type Output = bool;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        // SAFETY: the waiter is not moved.
        let this = unsafe { self.get_unchecked_mut() };
        match this.state {
            State::Gone => return Poll::Ready(false),
            State::Coming => {
                // Before the lock: it may be foreign code.
                let waker = cx.waker().clone();
                this.gate.resource.id();
                let mut waiters = this.gate.lock();
                match (this.ask)() {
                    Answer::Wait => {
                        // SAFETY: it is pinned and untold, and its drop removes it.
                        unsafe { waiters.push(NonNull::from(&mut this.waiter), Some(waker)) };
                        this.gate.note(&waiters);
                        this.state = State::Waiting;
                    }
                    answer => {
                        this.state = State::Gone;
                        if answer == Answer::Open {
                            this.gate.open(waiters);
                        }
                        return Poll::Ready(answer == Answer::Open);
                    }
                }
            }
            State::Waiting => {
                if this.is_let_go(cx) {
                    this.state = State::Gone;
                    this.waiter.reset();
                    return Poll::Ready(false);
                }
            }
        }
        this.gate.resource.waits(this.reason);
        Poll::Pending
    }
}

impl<A> Pass<'_, A> {
    fn is_let_go(&mut self, cx: &mut Context<'_>) -> bool {
        let mut spare = None;
        loop {
            if self.waiter.told() != Told::Nothing {
                return true;
            }
            let mut waiters = self.gate.lock();
            // SAFETY: it was pushed there.
            let look = unsafe { waiters.look(NonNull::from(&mut self.waiter), cx.waker(), &mut spare) };
            drop(waiters);
            match look {
                Look::Told | Look::Left => return true,
                Look::Waits => return false,
                Look::OtherWaker => spare = Some(cx.waker().clone()),
            }
        }
    }
}

impl<A> Drop for Pass<'_, A> {
    fn drop(&mut self) {
        if self.state != State::Waiting {
            return;
        }
        if self.waiter.told() == Told::Nothing {
            let mut waiters = self.gate.lock();
            if self.waiter.told() == Told::Nothing {
                // SAFETY: it was pushed there, and has not been told.
                unsafe { waiters.remove(NonNull::from(&mut self.waiter)) };
                self.gate.note(&waiters);
            }
        }
        self.waiter.reset();
    }
}
