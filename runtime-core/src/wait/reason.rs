//! [`WaitReason`]: what a task waits for, by its name and its number.
//!
//! A task's record has it in one word, with the resource above it and three bits beside it: that an observer's poll goes on, that
//! the end of the wait is to be told, that the wait is exact. What is said at which moment is the affair of `wait.rs`, which
//! everybody imports; this stands apart because who is told of waits (`contention/`) knows reasons and does not say any.
//!
//! Texts are Go's where Go has the thing, as in `goroutine 7 [chan receive]`.

use std::fmt;

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

            #[inline]
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
/// Beside the reason: the end of this wait is to be told, see [`contention`](crate::contention).
pub(crate) const WATCHED: u64 = 1 << 6;
/// Beside the reason: the wait is exact.
pub(crate) const EXACT: u64 = 1 << 7;
/// Above these, the resource.
pub(crate) const RESOURCE_SHIFT: u32 = 8;
pub(super) const RESOURCE: u64 = u64::MAX >> RESOURCE_SHIFT;

impl WaitReason {
    /// Reason and resource in one word, as a task's record has it. The resource loses its highest 8 bits.
    #[inline(always)]
    pub const fn pack(self, resource: u64) -> u64 {
        self as u64 | resource << RESOURCE_SHIFT
    }

    /// Reason and resource of a word.
    #[inline]
    pub const fn unpack(word: u64) -> (Self, u64) {
        (Self::from_number(word as u8), word >> RESOURCE_SHIFT)
    }

    /// Whether a word says that the wait is exact.
    #[inline]
    pub const fn is_exact(word: u64) -> bool {
        word & EXACT != 0
    }

    /// What a task waits for that said `self` about `resource` first and then something else.
    #[inline]
    pub(super) const fn and(self, resource: u64, next: Self, next_resource: u64) -> (Self, u64) {
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

#[cfg(test)]
mod tests {
    use super::WaitReason::{self, ChanRecv, Mutex, Select, Sleep, Unknown};
    use super::{CAPTURED, EXACT, WATCHED};

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
}
