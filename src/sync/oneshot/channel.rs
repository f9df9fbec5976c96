//! [`Channel`]: the cell between a oneshot's two ends, and all that passes between their threads.
//!
//! One allocation, one state word, three cells: the value, and a waker for each end. The word also counts the two ends, so
//! that no reference count stands beside it, and a value that is there before its receiver asks costs one exchange in all:
//!
//! | bit | set by | means |
//! | --- | --- | --- |
//! | `FINISHED` | sender, unless `CLOSED` | it has sent, or will not |
//! | `VALUE` | with `FINISHED` | a value is in the cell, and the receiver's |
//! | `CLOSED` | receiver | a value that is not there yet will not be taken |
//! | `RECEIVER_WAKER`, `SENDER_WAKER` | their end | its waker is in its cell |
//! | `SENDER_GONE`, `RECEIVER_GONE` | their end, last | it touches the channel no more; who comes second frees it |
//!
//! **Whose a waker is.** An end that finds its bit unset owns its cell. While the bit is set the waker is the other end's to take,
//! once: the sender takes the receiver's by setting `FINISHED`, the receiver the sender's by setting `CLOSED` before that. The order of
//! the exchanges on the one word decides: an end that takes its bit back, or has just set it, learns from the same exchange
//! whether the other end's came before. Taking copies the waker out and writes nothing, so that its owner may compare it meanwhile.
//!
//! **Whose the value is.** The sender's until `FINISHED`, the receiver's after. `CLOSED` first means that `FINISHED` is never set:
//! the sender takes its value back, and the receiver never looks.
//!
//! Only the two handles in [`super`] call this. It refuses to wake anybody: it hands wakers out, to be woken when the channel
//! is not needed any more. Model: `loom-tests/tests/oneshot.rs`.

use gumption_core::resource::{Kind, Resource};
use gumption_core::sync::{AtomicU32, Ordering, UnsafeCell, broken, weaken};
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::task::{Poll, Waker};

const FINISHED: u32 = 1;
pub(super) const VALUE: u32 = 1 << 1;
const CLOSED: u32 = 1 << 2;
const RECEIVER_WAKER: u32 = 1 << 3;
const SENDER_WAKER: u32 = 1 << 4;
pub(super) const SENDER_GONE: u32 = 1 << 5;
pub(super) const RECEIVER_GONE: u32 = 1 << 6;

/// What lies between a sender and its receiver.
pub(super) struct Channel<T> {
    state: AtomicU32,
    receiver: WakerCell,
    sender: WakerCell,
    pub(super) resource: Resource,
    value: UnsafeCell<MaybeUninit<T>>,
}

/// What became of the sender's last word.
#[must_use]
pub(super) enum Finished {
    /// The receiver has been told; the sender's end is gone. To be woken: the receiver.
    Told(Option<Waker>),
    /// The receiver had closed. The sender's end is still there, and a value still its own.
    Refused,
}

/// What the receiver's end of all waiting leaves to be done.
#[must_use]
pub(super) struct Closed {
    seen: u32,
    /// To be woken.
    pub(super) sender: Option<Waker>,
    /// To be dropped.
    pub(super) receiver: Option<Waker>,
}

/// What a look at the channel shows its receiver.
pub(super) enum Look<T> {
    Empty,
    Closed,
    Received(T),
}

/// A place for one waker.
struct WakerCell(UnsafeCell<MaybeUninit<Waker>>);

impl WakerCell {
    fn new() -> Self {
        Self(UnsafeCell::new(MaybeUninit::uninit()))
    }

    /// # Safety
    /// The cell is the caller's, and holds nothing.
    unsafe fn put(&self, waker: Waker) {
        // SAFETY: nobody else touches it, by the contract.
        self.0.with_mut(|cell| unsafe { (*cell).write(waker) });
    }

    /// # Safety
    /// There is a waker, it is the caller's to take, and it takes it once.
    unsafe fn take(&self) -> Waker {
        // SAFETY: written by `put`; who may compare it meanwhile only reads.
        self.0.with(|cell| unsafe { (*cell).assume_init_read() })
    }

    /// # Safety
    /// The caller has put a waker in, and it has not been overwritten since.
    unsafe fn would_wake(&self, waker: &Waker) -> bool {
        // SAFETY: also of one that has been taken only its two words are read, which stay as they are.
        self.0.with(|cell| unsafe { (*cell).assume_init_ref().will_wake(waker) })
    }
}

impl<T> Channel<T> {
    /// A channel with both its ends.
    #[track_caller]
    pub(super) fn allocate() -> NonNull<Self> {
        let channel = Box::new(Self {
            state: AtomicU32::new(0),
            receiver: WakerCell::new(),
            sender: WakerCell::new(),
            resource: Resource::new(Kind::Oneshot),
            value: UnsafeCell::new(MaybeUninit::uninit()),
        });
        NonNull::from(Box::leak(channel))
    }

    /// Puts the value in.
    ///
    /// # Safety
    /// The caller is the sender, has not finished, and has put none in.
    pub(super) unsafe fn put(&self, value: T) {
        // SAFETY: the value's cell is the sender's until it has finished.
        self.value.with_mut(|cell| unsafe { (*cell).write(value) });
    }

    /// Takes the value out.
    ///
    /// # Safety
    /// The caller is the receiver and has seen `VALUE`, or the sender that was refused and has put one in. It does so once.
    pub(super) unsafe fn take(&self) -> T {
        // SAFETY: written by `put`, and this thread's by the contract.
        self.value.with_mut(|cell| unsafe { (*cell).assume_init_read() })
    }

    /// The sender's last word: `VALUE`, or 0 for none. Unless refused, its end is gone.
    ///
    /// # Safety
    /// The caller is the sender. With `VALUE` it has put one in. It touches the channel afterwards only if it was refused.
    pub(super) unsafe fn finish(this: NonNull<Self>, value: u32) -> Finished {
        // SAFETY: the sender's end is still there.
        let channel = unsafe { this.as_ref() };
        // Ordering: Relaxed; the exchange decides, and whoever is refused has only what it wrote itself.
        let mut seen = channel.state.load(Ordering::Relaxed);
        let wakers = loop {
            if seen & CLOSED != 0 && !broken("oneshot-finish-closed") {
                return Finished::Refused;
            }
            let wakers = seen & (RECEIVER_WAKER | SENDER_WAKER);
            // Without wakers there is nothing left to look at here: the end goes with the same exchange.
            let gone = if wakers == 0 || broken("oneshot-gone-early") { SENDER_GONE } else { 0 };
            // Ordering: Release pairs with the receiver's Acquire loads and exchanges, for the value; Acquire with the Release of
            // the `fetch_or` in `register`, for the wakers.
            let told = weaken("oneshot-finish-relaxed", Ordering::AcqRel);
            match channel.state.compare_exchange_weak(seen, seen | FINISHED | value | gone, told, Ordering::Relaxed) {
                Ok(_) => break wakers,
                Err(now) => seen = now,
            }
        };
        if wakers == 0 {
            return Finished::Told(None);
        }
        // SAFETY: `FINISHED` came while the bits were set and `CLOSED` was not: both are the sender's now.
        let (receiver, own) = unsafe {
            let receiver = (wakers & RECEIVER_WAKER != 0).then(|| channel.receiver.take());
            let own = (wakers & SENDER_WAKER != 0).then(|| channel.sender.take());
            Self::leave(this, SENDER_GONE);
            (receiver, own)
        };
        drop(own);
        Finished::Told(receiver)
    }

    /// An end goes: `SENDER_GONE` or `RECEIVER_GONE`. The second one frees the channel.
    ///
    /// # Safety
    /// The end is the caller's, and touches the channel no more. A value that was sent has been taken.
    pub(super) unsafe fn leave(this: NonNull<Self>, gone: u32) {
        let other = (SENDER_GONE | RECEIVER_GONE) & !gone;
        // SAFETY: the caller's end is still there.
        let state = unsafe { &this.as_ref().state };
        let left = weaken("oneshot-leave-relaxed", Ordering::AcqRel);
        // Ordering: Acquire pairs with the Release by which the other end went: what it did comes before the memory is
        // freed. Release for when the other end comes second.
        if state.load(Ordering::Acquire) & other != 0 || state.fetch_or(gone, left) & other != 0 {
            // SAFETY: both ends are gone; it was a box's.
            let channel = unsafe { Box::from_raw(this.as_ptr()) };
            channel.touch_all();
        }
    }

    /// For the checkers, to which dropping a cell is no access: whoever frees the channel has it alone.
    fn touch_all(&self) {
        self.receiver.0.with_mut(|_| ());
        self.sender.0.with_mut(|_| ());
        self.value.with_mut(|_| ());
    }

    /// Whether the receiver is closed, or gone.
    pub(super) fn is_closed(&self) -> bool {
        // Ordering: Acquire: who sees it sees what the receiver's thread did before.
        self.state.load(Ordering::Acquire) & CLOSED != 0
    }

    /// Whether there is a value.
    pub(super) fn has_value(&self) -> bool {
        // Ordering: Acquire pairs with `finish`.
        self.state.load(Ordering::Acquire) & VALUE != 0
    }

    /// What is there for the receiver. If it is not `Empty`, that was the last look.
    ///
    /// # Safety
    /// The caller is the receiver, and has received nothing yet.
    pub(super) unsafe fn look(&self) -> Look<T> {
        // Ordering: Acquire pairs with `finish`, for the value.
        let seen = self.state.load(weaken("oneshot-look-relaxed", Ordering::Acquire));
        // SAFETY: passed on.
        unsafe { self.look_at(seen) }
    }

    /// # Safety
    /// As [`look`](Self::look); `seen` was read with Acquire.
    unsafe fn look_at(&self, seen: u32) -> Look<T> {
        match seen {
            // SAFETY: `VALUE` was seen.
            _ if seen & VALUE != 0 => Look::Received(unsafe { self.take() }),
            _ if seen & (FINISHED | CLOSED) != 0 => Look::Closed,
            _ => Look::Empty,
        }
    }

    /// [`look`](Self::look), and if there is nothing yet, leaves a waker for when there is.
    ///
    /// # Safety
    /// As `look`.
    pub(super) unsafe fn receive(&self, waker: &Waker) -> Look<T> {
        // SAFETY: passed on.
        match unsafe { self.look() } {
            Look::Empty => {}
            there => return there,
        }
        // SAFETY: this end's cell and bit, and the event at which the other end takes the waker.
        match unsafe { self.register(&self.receiver, RECEIVER_WAKER, FINISHED, waker) } {
            Poll::Pending => Look::Empty,
            // SAFETY: passed on; `register` has read it with Acquire.
            Poll::Ready(seen) => unsafe { self.look_at(seen) },
        }
    }

    /// Leaves the sender's waker for when the receiver closes; whether it has.
    ///
    /// # Safety
    /// The caller is the sender, and has not finished.
    pub(super) unsafe fn wait_closed(&self, waker: &Waker) -> Poll<()> {
        if self.is_closed() {
            return Poll::Ready(());
        }
        // SAFETY: this end's cell and bit, and the event at which the other end takes the waker.
        unsafe { self.register(&self.sender, SENDER_WAKER, CLOSED, waker) }.map(drop)
    }

    /// Leaves a waker to be taken at `event`; ready with the state if that has come.
    ///
    /// # Safety
    /// `cell` and `bit` are the caller's end's, and the other end takes the waker if the bit is set when it sets `event`.
    #[inline]
    unsafe fn register(&self, cell: &WakerCell, bit: u32, event: u32, waker: &Waker) -> Poll<u32> {
        let mut old = None;
        // Ordering: Relaxed; only this end sets the bit, and clears it.
        if self.state.load(Ordering::Relaxed) & bit != 0 {
            // SAFETY: the bit says that this end has put one in.
            if unsafe { cell.would_wake(waker) } {
                return Poll::Pending;
            }
            // Ordering: Acquire pairs with the exchange that sets the event, for what is seen then.
            let seen = self.state.fetch_and(!bit, Ordering::AcqRel);
            if seen & event != 0 {
                // The other end has it.
                return Poll::Ready(seen);
            }
            // SAFETY: the bit was cleared before the event.
            old = Some(unsafe { cell.take() });
        }
        // SAFETY: the bit is not set, and what was there has been taken.
        unsafe { cell.put(waker.clone()) };
        let set = if broken("oneshot-register-relaxed") { Ordering::Acquire } else { Ordering::AcqRel };
        // Ordering: Release pairs with the exchange that sets the event, for the waker; Acquire pairs with it the other way
        // round.
        let seen = self.state.fetch_or(bit, set);
        drop(old);
        if seen & event != 0 && !broken("oneshot-register-no-recheck") {
            // SAFETY: the event came before the bit, and the other end left the cell alone.
            drop(unsafe { cell.take() });
            return Poll::Ready(seen);
        }
        Poll::Pending
    }

    /// The receiver takes nothing from here on but what is there.
    ///
    /// # Safety
    /// The caller is the receiver.
    pub(super) unsafe fn close(&self) -> Closed {
        // Ordering: Acquire pairs with `finish` for the value, and with `register` for the sender's waker; Release pairs with the
        // sender's `is_closed`.
        let seen = self.state.fetch_or(CLOSED, Ordering::AcqRel);
        let mut closed = Closed { seen, sender: None, receiver: None };
        if seen & (CLOSED | FINISHED) == 0 {
            // SAFETY: `CLOSED` came first, and for the first time: the sender leaves both wakers alone.
            unsafe {
                closed.sender = (seen & SENDER_WAKER != 0).then(|| self.sender.take());
                closed.receiver = (seen & RECEIVER_WAKER != 0).then(|| self.receiver.take());
            }
            // Ordering: Relaxed; the bit is this end's own. It does not come back to life: who is closed waits no more.
            self.state.fetch_and(!RECEIVER_WAKER, Ordering::Relaxed);
        }
        closed
    }

    /// The value that was there when the receiver closed for good.
    ///
    /// # Safety
    /// The caller is the receiver, and received nothing.
    pub(super) unsafe fn rest(&self, closed: &Closed) -> Option<T> {
        // SAFETY: `VALUE` was seen.
        (closed.seen & VALUE != 0).then(|| unsafe { self.take() })
    }
}
