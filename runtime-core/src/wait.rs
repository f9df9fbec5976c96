//! [`WaitReason`]: what a task waits for, in its own words.
//!
//! Every primitive that returns `Pending` says why before it does, by [`blocked_on`]: a reason, and a number for the resource
//! (an address, a file descriptor, another task's id) by which an observer finds who else waits for it or who holds it. It is
//! public, so that a primitive from elsewhere can say it too. Nothing is ever guessed: what a task said is forgotten
//! when it runs again, and one that says nothing waits for [`Unknown`](WaitReason::Unknown).
//!
//! A task that waits for several things at once says several. The rule for what remains: a sleep gives way to anything else,
//! because it is nearly always the timeout of that; two different things are a [`Select`](WaitReason::Select), and its resource
//! is how many.
//!
//! What is more, a wait can be **exact**. A primitive that has left the poll's own waker with the resource says so by
//! [`blocked_with`], and takes it back by [`unblocked`] as soon as the waker is no longer there by the task's own doing. So of an
//! idle task whose wait is exact and that has one waker it is known, and not believed, that this resource alone can make it run:
//! the step from a wait to a proof. A timeout beside it, a foreign future, an executor in between each hold a waker more, or
//! another one.
//!
//! The cost is one thread-local access and two relaxed stores to a cache line that the poll has already written, and no
//! clock: the time is the processor's coarse one.
//!
//! Texts are Go's where Go has the thing, as in `goroutine 7 [chan receive]`.

use crate::contention::{self, WaitEnd};
use crate::sync::broken;
use crate::task;
use std::fmt;
use std::task::Waker;

macro_rules! reasons {
    ($($(#[$meta:meta])+ $name:ident = $number:literal, $text:literal;)+) => {
        /// What a task waits for.
        #[non_exhaustive]
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "kebab-case")]
        #[repr(u8)]
        pub enum WaitReason {
            $($(#[$meta])+ $name = $number,)+
        }

        impl WaitReason {
            /// Every reason.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// In words, as a dump shows it.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            const fn from_number(number: u8) -> Self {
                match number & REASON { $($number => Self::$name,)+ _ => Self::Unknown }
            }
        }
    };
}

reasons! {
    /// It did not say.
    #[default]
    Unknown = 0, "unknown";
    /// A message in a channel.
    ChanRecv = 1, "chan receive";
    /// Room in a channel.
    ChanSend = 2, "chan send";
    /// A mutex.
    Mutex = 3, "sync.Mutex.Lock";
    /// A read lock.
    RwLockRead = 4, "sync.RWMutex.RLock";
    /// A write lock.
    RwLockWrite = 5, "sync.RWMutex.Lock";
    /// A semaphore's permits.
    Semaphore = 6, "semacquire";
    /// A notification.
    Notify = 7, "notify";
    /// Another task's end; the resource is its id.
    Join = 8, "join";
    /// A point in time.
    Sleep = 9, "sleep";
    /// A readable resource; the resource is its descriptor.
    IoRead = 10, "IO read";
    /// A writable resource; the resource is its descriptor.
    IoWrite = 11, "IO write";
    /// An incoming connection.
    IoAccept = 12, "IO accept";
    /// An outgoing connection's completion.
    IoConnect = 13, "IO connect";
    /// A signal; the resource is its number.
    Signal = 14, "signal";
    /// A child process; the resource is its pid.
    Process = 15, "process wait";
    /// A closure on the blocking pool; the resource is its id.
    BlockingPool = 16, "blocking pool";
    /// Several things; the resource is how many.
    Select = 17, "select";
    /// Its turn, after it has yielded.
    Yield = 18, "yield";
    /// The others at a barrier.
    Barrier = 19, "barrier";
    /// A cell's initialisation.
    OnceCell = 20, "once cell";
    /// A change of a watched value.
    Watch = 21, "watch";
    /// The cancellation of a token, or of everything.
    Cancellation = 22, "cancellation";
}

/// The bits of a reason's number, the lowest of a task's wait word.
pub(crate) const REASON: u8 = 0x1f;
/// Beside the reason: the task is being captured, and what it says goes to the witness.
pub(crate) const CAPTURED: u64 = 1 << 5;
/// Beside the reason: the end of this wait is to be told, see [`contention`].
pub(crate) const WATCHED: u64 = 1 << 6;
/// Beside the reason: the wait is exact.
pub(crate) const EXACT: u64 = 1 << 7;
/// Above these, the resource.
pub(crate) const RESOURCE_SHIFT: u32 = 8;
const RESOURCE: u64 = u64::MAX >> RESOURCE_SHIFT;

impl WaitReason {
    /// Reason and resource in one word, as a task's record has it. The resource loses its highest 8 bits.
    #[inline(always)]
    pub const fn pack(self, resource: u64) -> u64 {
        self as u64 | resource << RESOURCE_SHIFT
    }

    /// Reason and resource of a word.
    pub const fn unpack(word: u64) -> (Self, u64) {
        (Self::from_number(word as u8), word >> RESOURCE_SHIFT)
    }

    /// Whether a word says that the wait is exact.
    pub const fn is_exact(word: u64) -> bool {
        word & EXACT != 0
    }

    /// What a task waits for that said `self` about `resource` first and then something else.
    #[inline]
    const fn and(self, resource: u64, next: Self, next_resource: u64) -> (Self, u64) {
        match (self, next) {
            (Self::Unknown | Self::Sleep, _) => (next, next_resource),
            (_, Self::Sleep | Self::Unknown) => (self, resource),
            (Self::Select, _) => (self, resource.saturating_add(1)),
            _ if self as u8 == next as u8 && resource == next_resource & RESOURCE => (self, resource),
            _ => (Self::Select, 2),
        }
    }
}

impl fmt::Display for WaitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// Says what the running task is about to wait for.
///
/// To be called by a primitive right before it returns `Pending`; outside a task it does nothing.
#[inline]
pub fn blocked_on(reason: WaitReason, resource: u64) {
    blocked_with(reason, resource, false);
}

/// [`blocked_on`], by a primitive that has left a waker with the resource. `own` says whether it is the one that the poll of the
/// running task lends, and a clone of it: see [`is_own`].
///
/// Who says so calls [`unblocked`] when the resource has it no more. So an exact wait is one whose waker is with the resource, or on its
/// way back from it. Which of the two, who wants to conclude something asks the resource: a lock says that its owner is
/// [waking](crate::resource::Facts::waking), a task that it is complete. Who is given permits is [`answered`]: so who waits for
/// those says it before others can find its waker.
#[inline]
pub fn blocked_with(reason: WaitReason, resource: u64, own: bool) {
    // Outside a task there is nobody to say it of.
    let _ = task::with_current(|task| {
        if task.is_captured() {
            task.captured_says(reason, resource);
            return;
        }
        let before = task.wait_word();
        let word = contention::said(task, before, reason, next(before, reason, resource, own));
        task.set_wait_word(word, task::coarse_now());
    });
}

/// The word of a task that said `said` and now says that it waits for `resource`.
#[inline]
const fn next(said: u64, reason: WaitReason, resource: u64, own: bool) -> u64 {
    let (first, of) = WaitReason::unpack(said);
    let (both, of_both) = first.and(of, reason, resource);
    let exact = match (first, both, reason) {
        (WaitReason::Unknown | WaitReason::Sleep, ..) => own,
        (_, WaitReason::Select, _) => false,
        // A sleep gives way to what was said, and says nothing about its waker.
        (.., WaitReason::Sleep | WaitReason::Unknown) => WaitReason::is_exact(said),
        _ => own && WaitReason::is_exact(said),
    };
    both.pack(of_both) | if exact { EXACT } else { 0 }
}

/// Takes back what the running task has said in [`blocked_with`], if that is all that it said.
pub fn unblocked(reason: WaitReason, resource: u64) {
    let _ = task::with_current(|task| {
        let (said, of) = task.wait();
        if said as u8 != reason as u8 || of != resource & RESOURCE {
            return;
        }
        if task.is_captured() {
            // The word is put back as it was; that it is exact is over.
            task.clear_exact();
        } else {
            task.clear_wait(WaitEnd::None);
        }
    });
}

/// Takes back that what the running task has said is exact.
pub fn blocked_otherwise() {
    let _ = task::with_current(|task| task.clear_exact());
}

/// Says that the resource is about to wake a task by `waker`, of which [`is_own`] was true, and which is still there: the task's wait
/// is not exact any more, whatever it is for.
///
/// Before anybody can see what the task is given.
#[inline]
pub fn answered(waker: &Waker) {
    if !broken("wait-answered-stays-exact") {
        task::with_woken(waker, |task| task.clear_exact());
    }
}

/// Whether `waker` wakes the running task and nothing else: it is a clone of the one that the task's poll lends.
#[inline]
pub fn is_own(waker: &Waker) -> bool {
    task::is_own_waker(waker)
}

#[cfg(test)]
mod tests {
    use super::WaitReason::{self, ChanRecv, Mutex, Select, Sleep, Unknown};
    use super::{CAPTURED, EXACT, WATCHED, next};

    #[test]
    fn every_reason_survives_its_word() {
        for &reason in WaitReason::ALL {
            assert_eq!(WaitReason::unpack(reason.pack(0)), (reason, 0));
            assert_eq!(WaitReason::unpack(reason.pack(super::RESOURCE)), (reason, super::RESOURCE));
            assert_eq!(WaitReason::unpack(reason.pack(u64::MAX)), (reason, super::RESOURCE));
            assert_eq!(reason.pack(u64::MAX) & (CAPTURED | WATCHED | EXACT), 0);
            assert_eq!(WaitReason::unpack(reason.pack(7) | CAPTURED | WATCHED | EXACT), (reason, 7));
        }
        assert_eq!(WaitReason::unpack(255), (Unknown, 0));
    }

    #[test]
    fn several_reasons_make_a_select_and_a_sleep_gives_way() {
        assert_eq!(Unknown.and(0, ChanRecv, 7), (ChanRecv, 7));
        assert_eq!(Sleep.and(9, ChanRecv, 7), (ChanRecv, 7));
        assert_eq!(ChanRecv.and(7, Sleep, 9), (ChanRecv, 7));
        assert_eq!(ChanRecv.and(7, ChanRecv, 7), (ChanRecv, 7));
        assert_eq!(ChanRecv.and(7, ChanRecv, 8), (Select, 2));
        assert_eq!(ChanRecv.and(7, Mutex, 7), (Select, 2));
        assert_eq!(Select.and(2, Mutex, 7), (Select, 3));
    }

    #[test]
    fn a_wait_is_exact_as_long_as_all_that_was_said_is() {
        let told = |word| (WaitReason::unpack(word), WaitReason::is_exact(word));
        let lock = next(Unknown.pack(0), Mutex, 7, true);
        assert_eq!(told(lock), ((Mutex, 7), true));
        assert_eq!(told(next(Unknown.pack(0), Mutex, 7, false)), ((Mutex, 7), false));
        assert_eq!(told(next(lock, Sleep, 0, false)), ((Mutex, 7), true), "the timeout's waker is counted");
        assert_eq!(told(next(Sleep.pack(0), Mutex, 7, true)), ((Mutex, 7), true));
        assert_eq!(told(next(lock, Mutex, 7, true)), ((Mutex, 7), true));
        assert_eq!(told(next(lock, Mutex, 7, false)), ((Mutex, 7), false));
        assert_eq!(told(next(lock, Mutex, 8, true)), ((Select, 2), false));
        assert_eq!(told(next(next(lock, Mutex, 8, true), Mutex, 9, true)), ((Select, 3), false));
    }
}
