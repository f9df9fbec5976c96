//! [`Interest`], what is asked of a source, and [`Ready`], what it has said: small sets with tokio's names.
//!
//! A source is registered once with an interest in reading and writing (and on Linux in priority data); the kernel's
//! events arrive as a [`Ready`]. Closed halves are *ready* too: a read at the end of a stream returns at once.
//!
//! | interest | is satisfied by |
//! | --- | --- |
//! | readable | `READABLE`, `READ_CLOSED` |
//! | writable | `WRITABLE`, `WRITE_CLOSED` |
//! | priority | `PRIORITY`, `READ_CLOSED` |
//! | error | `ERROR` |

use std::fmt;
use std::ops;

const READABLE: u8 = 1;
const WRITABLE: u8 = 1 << 1;
const READ_CLOSED: u8 = 1 << 2;
const WRITE_CLOSED: u8 = 1 << 3;
const PRIORITY: u8 = 1 << 4;
const ERROR: u8 = 1 << 5;

/// What a source is ready for.
///
/// ```
/// use gumption_io::io::Ready;
///
/// let ready = Ready::READABLE | Ready::READ_CLOSED;
/// assert!(ready.is_readable() && ready.is_read_closed() && !ready.is_writable());
/// assert_eq!(ready - Ready::READABLE, Ready::READ_CLOSED);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ready(u8);

impl Ready {
    /// Nothing.
    pub const EMPTY: Self = Self(0);
    /// A read would not block.
    pub const READABLE: Self = Self(READABLE);
    /// A write would not block.
    pub const WRITABLE: Self = Self(WRITABLE);
    /// Nothing more will come.
    pub const READ_CLOSED: Self = Self(READ_CLOSED);
    /// Nothing more can be sent.
    pub const WRITE_CLOSED: Self = Self(WRITE_CLOSED);
    /// Out-of-band data; on Linux only.
    pub const PRIORITY: Self = Self(PRIORITY);
    /// An error is pending.
    pub const ERROR: Self = Self(ERROR);
    /// Everything.
    pub const ALL: Self = Self(READABLE | WRITABLE | READ_CLOSED | WRITE_CLOSED | PRIORITY | ERROR);

    /// What of this a read cell keeps; the rest is the write cell's.
    pub(crate) const READ_SIDE: Self = Self(READABLE | READ_CLOSED | PRIORITY | ERROR);

    pub(crate) const fn from_bits(bits: u8) -> Self {
        Self(bits & Self::ALL.0)
    }

    pub(crate) const fn bits(self) -> u8 {
        self.0
    }

    /// What an event of the kernel says.
    pub(crate) fn from_event(event: &mio::event::Event) -> Self {
        let mut ready = Self::EMPTY;
        let mut add = |is: bool, what: u8| ready.0 |= if is { what } else { 0 };
        add(event.is_readable(), READABLE);
        add(event.is_writable(), WRITABLE);
        add(event.is_read_closed(), READ_CLOSED);
        add(event.is_write_closed(), WRITE_CLOSED);
        add(event.is_priority(), PRIORITY);
        add(event.is_error(), ERROR);
        ready
    }

    /// What satisfies `interest`.
    pub const fn from_interest(interest: Interest) -> Self {
        let mut bits = 0;
        if interest.is_readable() {
            bits |= READABLE | READ_CLOSED;
        }
        if interest.is_writable() {
            bits |= WRITABLE | WRITE_CLOSED;
        }
        if interest.is_priority() {
            bits |= PRIORITY | READ_CLOSED;
        }
        if interest.is_error() {
            bits |= ERROR;
        }
        Self(bits)
    }

    /// Whether it is ready for nothing.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether a read would not block; true too when nothing more will come.
    pub const fn is_readable(self) -> bool {
        self.0 & (READABLE | READ_CLOSED) != 0
    }

    /// Whether a write would not block; true too when nothing more can be sent.
    pub const fn is_writable(self) -> bool {
        self.0 & (WRITABLE | WRITE_CLOSED) != 0
    }

    /// Whether nothing more will come.
    pub const fn is_read_closed(self) -> bool {
        self.0 & READ_CLOSED != 0
    }

    /// Whether nothing more can be sent.
    pub const fn is_write_closed(self) -> bool {
        self.0 & WRITE_CLOSED != 0
    }

    /// Whether there is out-of-band data.
    pub const fn is_priority(self) -> bool {
        self.0 & PRIORITY != 0
    }

    /// Whether an error is pending.
    pub const fn is_error(self) -> bool {
        self.0 & ERROR != 0
    }

    /// Whether this has everything that `other` has.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl ops::BitOr for Ready {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl ops::BitOrAssign for Ready {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl ops::BitAnd for Ready {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl ops::Sub for Ready {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready")
            .field("is_readable", &self.is_readable())
            .field("is_writable", &self.is_writable())
            .field("is_read_closed", &self.is_read_closed())
            .field("is_write_closed", &self.is_write_closed())
            .field("is_error", &self.is_error())
            .field("is_priority", &self.is_priority())
            .finish()
    }
}

/// What is asked of a source: reading, writing, out-of-band data, errors. Never nothing.
///
/// ```
/// use gumption_io::io::Interest;
///
/// let both = Interest::READABLE | Interest::WRITABLE;
/// assert!(both.is_readable() && both.is_writable());
/// assert_eq!(both.remove(Interest::READABLE), Some(Interest::WRITABLE));
/// assert_eq!(Interest::READABLE.remove(Interest::READABLE), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Interest(u8);

impl Interest {
    /// Reads, and the end of the stream.
    pub const READABLE: Self = Self(READABLE);
    /// Writes, and the end of being heard.
    pub const WRITABLE: Self = Self(WRITABLE);
    /// Errors that are no readiness to read or write.
    pub const ERROR: Self = Self(ERROR);
    /// Out-of-band data.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub const PRIORITY: Self = Self(PRIORITY);

    /// Whether reading is asked for.
    pub const fn is_readable(self) -> bool {
        self.0 & READABLE != 0
    }

    /// Whether writing is asked for.
    pub const fn is_writable(self) -> bool {
        self.0 & WRITABLE != 0
    }

    /// Whether errors are asked for.
    pub const fn is_error(self) -> bool {
        self.0 & ERROR != 0
    }

    /// Whether out-of-band data is asked for.
    pub const fn is_priority(self) -> bool {
        self.0 & PRIORITY != 0
    }

    /// Both.
    #[must_use = "this returns the sum and does not change the original"]
    #[allow(clippy::should_implement_trait, reason = "tokio's name")]
    pub const fn add(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What of this is not in `other`, unless that is nothing.
    #[must_use = "this returns the rest and does not change the original"]
    pub const fn remove(self, other: Self) -> Option<Self> {
        match self.0 & !other.0 {
            0 => None,
            rest => Some(Self(rest)),
        }
    }

    /// What the kernel is asked for. Errors are always reported, so an interest in them alone asks for reads.
    pub(crate) fn to_mio(self) -> mio::Interest {
        let mut asked = None;
        let mut add = |is: bool, what: mio::Interest| {
            if is {
                asked = Some(asked.map_or(what, |before: mio::Interest| before | what));
            }
        };
        add(self.is_readable(), mio::Interest::READABLE);
        add(self.is_writable(), mio::Interest::WRITABLE);
        add_priority(self, &mut add);
        asked.unwrap_or(mio::Interest::READABLE)
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn add_priority(interest: Interest, add: &mut impl FnMut(bool, mio::Interest)) {
    add(interest.is_priority(), mio::Interest::PRIORITY);
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn add_priority(_: Interest, _: &mut impl FnMut(bool, mio::Interest)) {}

impl ops::BitOr for Interest {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        self.add(other)
    }
}

impl ops::BitOrAssign for Interest {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl fmt::Debug for Interest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [(READABLE, "READABLE"), (WRITABLE, "WRITABLE"), (PRIORITY, "PRIORITY"), (ERROR, "ERROR")];
        let mut first = true;
        for (bit, name) in names {
            if self.0 & bit != 0 {
                f.write_str(if first { "" } else { " | " })?;
                f.write_str(name)?;
                first = false;
            }
        }
        Ok(())
    }
}
