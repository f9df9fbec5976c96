//! [`Chan`]: what the ends of a channel share, and the rules of its room.
//!
//! One short lock guards everything that senders do to each other: the tail of the [queue](super::queue), the permits that are
//! out, who waits for room, whether it is closed, and the waker of a receiver that sleeps. The receiver takes values without
//! the lock; it comes here to sleep, to close, and when somebody waits for the room that it makes.
//!
//! **Room** is a subtraction: `capacity - (tail - head) - permits`. The receiver moves `head`, a word of its own, so that a receive
//! gives room back by a store; senders keep the last head that they saw and look again when it says that the channel is full.
//! Waiters are served in the order of their requests, each with as much as it asked for, and the first may have a part already;
//! while anybody waits, there is no room for newcomers. [`Chan::admit`] is the one place that gives room to waiters. It may be
//! called by anybody who has the lock: the receiver, a sender who gives a permit back, one who finds the channel full.
//!
//! Who waits and the receiver that makes room cannot miss each other: the receiver stores `head`, passes a SeqCst fence and looks
//! whether anybody is waited for; who begins to wait says so, passes a fence, and looks at `head` once more.
//!
//! A receiver does not give each place by itself. It gives them when half of the capacity has become free, when it goes to sleep, and
//! at the end of its [poll](gumption_core::owe), which is also when the waiters could have run at the earliest on its
//! processor; where there is no such end to rely on, at once. So a sender that wakes up finds room for several values, and
//! fewer of them have to wake up: with 64 senders this halves the work per value.
//!
//! **Sleep** of the receiver is under the lock: it has looked at the tail there, so every later push finds its waker. **Idle** is a
//! channel without values, without permits, without parts of them; a closed channel that is idle has ended.
//!
//! No user code runs under the lock: wakers are cloned before and woken after, values are moved and not dropped.
//!
//! Why a sender waits for a permit, and does not leave its value with its waker for the receiver to take in: the future of a send
//! that is dropped before it was ready has not sent (tokio's rule, on which `select!` rests), and a value cannot be taken back
//! from a receiver that has had it. Why permits and not positions in the queue: a sender that has been given one and is not
//! polled would hold up everybody behind it.
//!
//! Model: `loom-tests/tests/mpsc.rs`.

use super::queue::{Queue, START, Tail};
use super::waiter::{Listener, Waiter};
use crate::sync::list::List;
use crate::sync::wakes::Wakes;
use gumption_core::resource::{Kind, Resource};
use gumption_core::sync::{Arc, AtomicBool, AtomicUsize, Mutex, MutexGuard, Ordering, broken, fence, spin_loop};
use gumption_core::{Owed, owe, policy, together};
use std::mem::{forget, offset_of};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr::NonNull;
use std::task::Waker;

/// The capacity of a channel without one.
pub(super) const UNBOUNDED: usize = usize::MAX;

/// Pauses before the second look at a lock that is taken, and the most before one: then the thread sleeps. A pause is 10 to 140
/// cycles, by processor. What matters is that a waiter leaves the line alone for as long as several turns of the lock take: with 64
/// senders on 4 processors a value costs a third less CPU than with the standard library's spinning.
const FIRST_PAUSES: u32 = 16;
const MOST_PAUSES: u32 = 256;

/// On a cache line of its own.
#[repr(align(64))]
pub(super) struct Line<T>(pub(super) T);

pub(super) struct Chan<T> {
    core: Line<Mutex<Core<T>>>,
    pub(super) queue: Line<Queue<T>>,
    /// The receiver's position. Of a channel without a capacity, only within a block.
    pub(super) head: Line<AtomicUsize>,
    pub(super) capacity: usize,
    /// Handles that can send.
    pub(super) senders: AtomicUsize,
    /// Handles that could become such.
    pub(super) weak: AtomicUsize,
    /// Whether anybody waits for room; written under the lock.
    waited_for: AtomicBool,
    /// A copy of the core's, for who does not have the lock.
    closed: AtomicBool,
    pub(super) resource: Resource,
    /// The room that a receiver's poll has made and not given yet.
    owed: Owed,
}

/// What the lock guards.
#[repr(C)]
pub(super) struct Core<T> {
    pub(super) tail: Tail<T>,
    /// Permits that are out, and what waiters have been given so far.
    pub(super) permits: usize,
    /// The receiver's position, when it was looked at last.
    head: usize,
    /// The receiver's waker, while it sleeps.
    pub(super) receiver: Option<Waker>,
    /// The receiver has closed the channel.
    pub(super) closed: bool,
    /// The receiver has gone: what comes now, nobody will take out.
    pub(super) gone: bool,
    waiters: List<Waiter>,
    waiting: usize,
    pub(super) listeners: List<Listener>,
}

// SAFETY: values move between threads, and nothing else in it is tied to one; nodes are touched under the lock.
unsafe impl<T: Send> Send for Chan<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Chan<T> {}
impl<T> UnwindSafe for Chan<T> {}
impl<T> RefUnwindSafe for Chan<T> {}

impl<T> Chan<T> {
    #[track_caller]
    pub(super) fn new(capacity: usize) -> Self {
        let kind = if capacity == UNBOUNDED { Kind::UnboundedMpsc } else { Kind::Mpsc };
        Self {
            core: Line(Mutex::new(Core {
                tail: Tail::new(),
                permits: 0,
                head: START,
                receiver: None,
                closed: false,
                gone: false,
                waiters: List::new(),
                waiting: 0,
                listeners: List::new(),
            })),
            queue: Line(Queue::new()),
            head: Line(AtomicUsize::new(START)),
            capacity,
            senders: AtomicUsize::new(1),
            weak: AtomicUsize::new(0),
            waited_for: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            resource: Resource::new(kind),
            owed: Owed::new(Self::settle),
        }
    }

    #[inline]
    pub(super) fn lock(&self) -> MutexGuard<'_, Core<T>> {
        if policy::CHECKED {
            return self.core.0.lock();
        }
        match self.core.0.try_lock() {
            Some(core) => core,
            None => self.lock_contended(),
        }
    }

    /// Stays away from the lock's line for a while, then for longer, and goes to sleep in the end.
    #[cold]
    fn lock_contended(&self) -> MutexGuard<'_, Core<T>> {
        let mut pauses = FIRST_PAUSES;
        while pauses <= MOST_PAUSES {
            for _ in 0..pauses {
                spin_loop();
            }
            if let Some(core) = self.core.0.try_lock() {
                return core;
            }
            pauses *= 2;
        }
        self.core.0.lock()
    }

    #[inline]
    pub(super) fn is_closed(&self) -> bool {
        // Ordering: Acquire pairs with the Release of `close`: who sees it sees what the receiver did before.
        self.closed.load(Ordering::Acquire)
    }

    /// Whether somebody waits for room; a hint.
    #[inline]
    pub(super) fn is_waited_for(&self) -> bool {
        // Ordering: Relaxed; where it decides, fences order it.
        self.waited_for.load(Ordering::Relaxed)
    }

    pub(super) fn has_no_senders(&self) -> bool {
        // Ordering: Acquire pairs with the Release of the last sender's drop: everything that was sent is there.
        self.senders.load(Ordering::Acquire) == 0
    }

    /// Puts a value at the end, for which the caller has room. The waker is to be woken without the lock.
    #[inline]
    #[must_use]
    pub(super) fn push(&self, core: &mut Core<T>, value: T) -> Option<Waker> {
        // SAFETY: the tail that is under this channel's lock is this queue's.
        unsafe { self.queue.0.push(&mut core.tail, value) };
        if broken("chan-push-silent") {
            return None;
        }
        if core.tail.is_at_block_edge() {
            // A receiver that never sleeps tells nobody how much there is for it.
            self.tell(core);
        }
        let receiver = core.receiver.take();
        if let (Some(_), Some(record)) = (&receiver, self.resource.record()) {
            // One store beside a wake, which costs ten times as much, to a line that the receiver's sleep has just written: that there
            // is a value for it, in case it never looks again.
            record.set_depth(1);
        }
        receiver
    }

    /// How much more fits, of which waiters have the first claim.
    #[inline]
    pub(super) fn room(&self, core: &mut Core<T>, wanted: usize) -> usize {
        match self.left(core) {
            left if left >= wanted => left,
            _ => {
                self.look_at_head(core);
                self.left(core)
            }
        }
    }

    /// Room that nobody has a claim on.
    pub(super) fn capacity_left(&self) -> usize {
        let mut core = self.lock();
        self.room_for_newcomers(&mut core, usize::MAX)
    }

    #[inline]
    fn left(&self, core: &Core<T>) -> usize {
        self.capacity.saturating_sub(core.used())
    }

    #[inline]
    pub(super) fn look_at_head(&self, core: &mut Core<T>) {
        // Ordering: Acquire pairs with the Release of `Rx::give_room`: who gets the room sees what was done with the value.
        core.head = self.head.0.load(Ordering::Acquire);
    }

    /// Whether no value is in it and no permit is out.
    pub(super) fn is_idle(&self, core: &mut Core<T>) -> bool {
        if core.used() != 0 {
            self.look_at_head(core);
        }
        core.used() == 0
    }

    /// The receiver's waker, if the end of the channel is what it has to hear of.
    #[must_use]
    pub(super) fn ended(&self, core: &mut Core<T>) -> Option<Waker> {
        if core.closed && self.is_idle(core) && !broken("chan-end-silent") { core.receiver.take() } else { None }
    }

    /// Room for newcomers: none as long as somebody waits.
    #[inline]
    pub(super) fn room_for_newcomers(&self, core: &mut Core<T>, wanted: usize) -> usize {
        if core.waiting != 0 && !broken("chan-newcomer-overtakes") {
            return 0;
        }
        self.room(core, wanted)
    }

    /// Puts a waiter in line. If it is the first, the receiver may not have seen it and may have made room: then it is served,
    /// and its waker is in `wakes`. Returns what [`admit`](Self::admit) does.
    ///
    /// # Safety
    /// The node is in no list, and stays where it is until it has been taken out, under the lock.
    #[must_use]
    pub(super) unsafe fn enqueue(&self, core: &mut Core<T>, waiter: NonNull<Waiter>, wakes: &mut Wakes) -> bool {
        // SAFETY: the caller's promise.
        unsafe { core.waiters.push_back(waiter) };
        core.waiting += 1;
        if core.waiting > 1 {
            if let Some(record) = self.resource.record() {
                record.set_waiters(core.waiting as u64);
            }
            // The flag has been up since before this turn of the lock: a receiver that has made room since comes here.
            return false;
        }
        // The first in line tells all: a channel that stays full is not told of again.
        self.tell(core);
        // Ordering: Relaxed; the fence orders it before the look at `head`.
        self.waited_for.store(true, Ordering::Relaxed);
        if !broken("chan-wait-no-fence") {
            // Ordering: SeqCst pairs with the fence of `Rx::give_room`: one of the two sees the other.
            fence(Ordering::SeqCst);
        }
        self.admit(core, wakes)
    }

    /// Takes a waiter out of the line, wherever it was.
    ///
    /// # Safety
    /// The node is alive, and was given to `enqueue` of this channel, or to none.
    pub(super) unsafe fn leave(&self, core: &mut Core<T>, waiter: NonNull<Waiter>) {
        // SAFETY: the caller's promise.
        if unsafe { core.waiters.remove(waiter) } {
            core.waiting -= 1;
            self.say_who_waits(core);
        }
    }

    fn say_who_waits(&self, core: &Core<T>) {
        if core.waiting == 0 {
            // Ordering: Relaxed; only true has to be seen in time.
            self.waited_for.store(false, Ordering::Relaxed);
        }
    }

    /// Gives room to waiters, in their order, as long as there is any. Whether some are left that could be served, because
    /// `wakes` is full.
    #[must_use]
    pub(super) fn admit(&self, core: &mut Core<T>, wakes: &mut Wakes) -> bool {
        if core.waiting == 0 {
            return false;
        }
        self.look_at_head(core);
        while let Some(mut first) = core.waiters.front() {
            let left = self.left(core);
            if left == 0 {
                break;
            }
            if wakes.is_full() {
                return true;
            }
            // SAFETY: in the list, so alive; its fields are touched under the lock only.
            let waiter = unsafe { first.as_mut() };
            let given = left.min(waiter.needed);
            core.permits += given;
            waiter.needed -= given;
            if waiter.needed > 0 {
                break;
            }
            let waker = waiter.waker.take();
            core.waiters.pop_front();
            core.waiting -= 1;
            if let Some(waker) = waker
                && !broken("chan-admit-silent")
            {
                wakes.push(waker);
            }
        }
        self.say_who_waits(core);
        false
    }

    /// Serves waiters with the room that there is, and wakes them.
    pub(super) fn give_room(&self) {
        together(|| self.wake(|core, wakes| self.admit(core, wakes)));
    }

    /// [`give_room`](Self::give_room) at the end of the running poll; false if nobody would do it then. Behind a SeqCst fence.
    pub(super) fn give_room_later(this: &Arc<Self>) -> bool {
        let chan = Arc::as_ptr(this);
        // SAFETY: a field of what the reference that `keep` adds keeps alive. The pointer is the whole channel's.
        unsafe {
            let owed = NonNull::new_unchecked(chan.cast_mut()).byte_add(offset_of!(Self, owed)).cast::<Owed>();
            owe(owed, || forget(this.clone()))
        }
    }

    /// # Safety
    /// `owed` is from `give_room_later`, whose reference goes to this call.
    unsafe fn settle(owed: NonNull<Owed>) {
        // SAFETY: the caller's promise.
        let this = unsafe { Arc::from_raw(owed.byte_sub(offset_of!(Self, owed)).cast::<Self>().as_ptr()) };
        this.wake(|core, wakes| this.admit(core, wakes));
    }

    /// Gives permits back: as many as `count`, under the lock, says.
    pub(super) fn give_back(&self, count: impl FnOnce(&mut Core<T>) -> usize) {
        let (mut count, mut ended) = (Some(count), None);
        self.wake(|core, wakes| {
            if let Some(count) = count.take() {
                core.permits -= count(core);
            }
            let more = self.admit(core, wakes);
            ended = ended.take().or_else(|| self.ended(core));
            more
        });
        if let Some(receiver) = ended {
            receiver.wake();
        }
    }

    /// Closes it: nobody gets in any more, and everybody who waits is told.
    pub(super) fn close(&self) {
        self.wake(|core, wakes| {
            core.closed = true;
            // Ordering: Release pairs with the Acquire of `is_closed`.
            self.closed.store(true, Ordering::Release);
            while !wakes.is_full() {
                // A waiter keeps what it was given until it is polled, or dropped: until then the channel is not idle.
                let waker = if let Some(mut waiter) = core.waiters.pop_front() {
                    core.waiting -= 1;
                    // SAFETY: it was in the list, so it is alive while we have the lock.
                    unsafe { waiter.as_mut() }.waker.take()
                } else if let Some(mut listener) = core.listeners.pop_front() {
                    // SAFETY: as above.
                    unsafe { listener.as_mut() }.told()
                } else {
                    self.say_who_waits(core);
                    return false;
                };
                if let Some(waker) = waker
                    && !broken("chan-close-silent")
                {
                    wakes.push(waker);
                }
            }
            true
        });
    }

    /// Collects wakers under the lock and wakes them without it, as long as `collect` says that there are more.
    fn wake(&self, mut collect: impl FnMut(&mut Core<T>, &mut Wakes) -> bool) {
        let mut wakes = Wakes::new();
        loop {
            let more = {
                let mut core = self.lock();
                let more = collect(&mut core, &mut wakes);
                self.tell(&core);
                more
            };
            wakes.wake_all();
            if !more {
                return;
            }
        }
    }

    /// How many values were received by who is at `head`.
    pub(super) fn received(&self, head: usize) -> u64 {
        head.wrapping_sub(START) as u64
    }

    /// Writes down what observers want to know. Under the lock, on slow paths.
    pub(super) fn tell(&self, core: &Core<T>) {
        let Some(record) = self.resource.record() else { return };
        // Ordering: Relaxed; facts order nothing.
        let head = self.head.0.load(Ordering::Relaxed);
        let tail = core.tail.position();
        record.set_waiters(core.waiting as u64 + u64::from(core.receiver.is_some()));
        record.set_depth(tail.wrapping_sub(head) as u64);
        record.set_capacity(if self.capacity == UNBOUNDED { 0 } else { self.capacity as u64 });
        record.set_sends(tail.wrapping_sub(START) as u64);
        record.set_receives(self.received(head));
    }
}

impl<T> Core<T> {
    /// Values that are in it, permits that are out, and what waiters have.
    #[inline]
    fn used(&self) -> usize {
        self.tail.position().wrapping_sub(self.head).wrapping_add(self.permits)
    }
}
