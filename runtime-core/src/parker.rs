//! Where one thread sleeps until another wakes it.
//!
//! A [`Parker`] holds one token. [`unpark`](Parker::unpark) leaves it, [`park`](Parker::park) takes it, sleeping until it
//! is there: an unpark that comes first is kept (`park_before_unpark_is_kept`), several unparks leave one token. Only the
//! owning thread parks; any thread unparks. This is Go's `note` made reusable.
//!
//! On Linux it is one word and a futex: one way costs 1.2 µs here, against 1.5 for a condition variable and 2.7 for
//! `std::thread::park`. Elsewhere, and under the checkers, the same states are waited for on a condition variable.
//!
//! A machine in the poller's seat sleeps in the driver and not here; [`leave`](Parker::leave) says so in the same word, so
//! that the one exchange in `unpark` also tells the waker where to ring.
//!
//! Models: `loom-tests/tests/idle.rs`, and `wake_reaches_the_sitter` in `loom-tests/tests/seat.rs`.

use crate::sync::{AtomicU32, Ordering, broken, weaken};
use std::time::{Duration, Instant};

/// No token, nobody sleeps.
const EMPTY: u32 = 0;
/// The owner sleeps, or is about to.
const PARKED: u32 = 1;
/// A token is there.
const NOTIFIED: u32 = 2;
/// The owner sleeps somewhere else, or is about to: the waker has to ring there.
const ELSEWHERE: u32 = 3;
/// Above these bits, while the owner sleeps elsewhere: where.
const PLACE_SHIFT: u32 = 2;
const STATE: u32 = (1 << PLACE_SHIFT) - 1;

/// A one-token sleeping place.
#[derive(Debug)]
pub struct Parker {
    state: AtomicU32,
    bed: bed::Bed,
}

/// What ended a timed park.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parked {
    /// The token was taken.
    Notified,
    /// The time was up and no token came.
    TimedOut,
}

/// Where an unpark found the owner.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unparked {
    /// Awake, or here and woken.
    Here,
    /// Asleep elsewhere, at the place that it named: the caller has to end that sleep.
    Elsewhere(usize),
}

impl Default for Parker {
    fn default() -> Self {
        Self::new()
    }
}

impl Parker {
    /// A parker without a token.
    pub fn new() -> Self {
        Self { state: AtomicU32::new(EMPTY), bed: bed::Bed::new() }
    }

    /// Sleeps until a token is there, and takes it.
    pub fn park(&self) {
        let Parked::Notified = self.park_until(None) else { unreachable!("a park without a limit timed out") };
    }

    /// Sleeps until a token is there or `limit` has passed.
    pub fn park_timeout(&self, limit: Duration) -> Parked {
        self.park_until(Instant::now().checked_add(limit))
    }

    fn park_until(&self, deadline: Option<Instant>) -> Parked {
        // Ordering: Acquire pairs with the swap in `unpark`: what the waker wrote before is seen after.
        if self.state.compare_exchange(EMPTY, PARKED, Ordering::Acquire, Ordering::Acquire).is_err() {
            return self.take_token();
        }
        loop {
            let timed_out = self.bed.sleep(&self.state, deadline);
            // Ordering: Acquire pairs with the swap in `unpark`.
            if self.state.load(Ordering::Acquire) == NOTIFIED {
                return self.take_token();
            }
            if timed_out {
                // Ordering: Acquire on failure pairs with `unpark`, which came at the last moment.
                return match self.state.compare_exchange(PARKED, EMPTY, Ordering::Relaxed, Ordering::Acquire) {
                    Ok(_) => Parked::TimedOut,
                    Err(_) => self.take_token(),
                };
            }
        }
    }

    fn take_token(&self) -> Parked {
        // Ordering: Acquire pairs with the swap in `unpark`; a swap, because a second unpark may add its writes between
        // our load and this, and its token is taken with the first.
        self.state.swap(EMPTY, Ordering::Acquire);
        Parked::Notified
    }

    /// Says that the owner is about to sleep elsewhere, at `place`. [`Parked::Notified`] means that it must not: the token was there
    /// and is taken. Otherwise [`come_back`](Self::come_back) must follow the sleep.
    pub fn leave(&self, place: usize) -> Parked {
        let elsewhere = ELSEWHERE | (place as u32) << PLACE_SHIFT;
        if broken("seat-leave-ignores-token") {
            // Ordering: a mutant.
            self.state.store(elsewhere, Ordering::Release);
            return Parked::TimedOut;
        }
        // Ordering: Acquire on failure pairs with the swap in `unpark`; Release on success is not needed for data.
        match self.state.compare_exchange(EMPTY, elsewhere, Ordering::Acquire, Ordering::Acquire) {
            Ok(_) => Parked::TimedOut,
            Err(_) => self.take_token(),
        }
    }

    /// Ends a sleep elsewhere: whether a token came meanwhile.
    pub fn come_back(&self) -> Parked {
        // Ordering: Acquire pairs with the swap in `unpark`.
        if self.state.swap(EMPTY, Ordering::Acquire) == NOTIFIED { Parked::Notified } else { Parked::TimedOut }
    }

    /// [`come_back`](Self::come_back), after `question` was asked: whoever left a token before it changed the answer has its token
    /// seen with that answer.
    pub fn come_back_after<T>(&self, question: impl FnOnce() -> T) -> (T, Parked) {
        if broken("seat-token-before-rest") {
            let token = self.come_back();
            return (question(), token);
        }
        let answer = question();
        (answer, self.come_back())
    }

    /// Whether the owner sleeps elsewhere, or is about to; advice.
    pub fn is_elsewhere(&self) -> bool {
        // Ordering: Relaxed, advice.
        self.state.load(Ordering::Relaxed) & STATE == ELSEWHERE
    }

    /// Leaves a token, and wakes the owner if it sleeps here.
    pub fn unpark(&self) -> Unparked {
        if broken("idle-unpark-drops-early-token") {
            // Ordering: a mutant.
            if self.state.compare_exchange(PARKED, NOTIFIED, Ordering::Release, Ordering::Relaxed).is_ok() {
                self.bed.rouse(&self.state);
            }
            return Unparked::Here;
        }
        // Ordering: Release pairs with the Acquire operations of `park_until`, `leave` and `come_back`.
        match self.state.swap(NOTIFIED, weaken("idle-unpark-relaxed", Ordering::Release)) {
            PARKED => {
                self.bed.rouse(&self.state);
                Unparked::Here
            }
            elsewhere if elsewhere & STATE == ELSEWHERE && !broken("seat-sitter-not-rung") => {
                Unparked::Elsewhere((elsewhere >> PLACE_SHIFT) as usize)
            }
            _ => Unparked::Here,
        }
    }
}

#[cfg(all(target_os = "linux", not(any(gumption_loom, gumption_shuttle))))]
mod bed {
    use super::{AtomicU32, Instant, PARKED};

    /// The kernel's wait queue for the word's address.
    #[derive(Debug)]
    pub(super) struct Bed;

    impl Bed {
        pub(super) fn new() -> Self {
            Self
        }

        /// Sleeps while the word is `PARKED`; true if the deadline has passed.
        pub(super) fn sleep(&self, word: &AtomicU32, deadline: Option<Instant>) -> bool {
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            let timeout = left.map(|left| libc::timespec {
                tv_sec: left.as_secs().try_into().unwrap_or(libc::time_t::MAX),
                tv_nsec: left.subsec_nanos().into(),
            });
            let timeout = timeout.as_ref().map_or(std::ptr::null(), |t| t as *const libc::timespec);
            // SAFETY: the word outlives the call, and the timeout is null or points at a local.
            let result = unsafe {
                libc::syscall(
                    libc::SYS_futex,
                    word.as_ptr(),
                    libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
                    PARKED,
                    timeout,
                )
            };
            result == -1 && std::io::Error::last_os_error().raw_os_error() == Some(libc::ETIMEDOUT)
        }

        pub(super) fn rouse(&self, word: &AtomicU32) {
            // SAFETY: FUTEX_WAKE only uses the address as a key.
            unsafe {
                libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG, 1);
            }
        }
    }
}

#[cfg(not(all(target_os = "linux", not(any(gumption_loom, gumption_shuttle)))))]
mod bed {
    use super::{AtomicU32, Instant, PARKED};
    use crate::sync::{Condvar, Mutex, Ordering};

    /// A condition variable that stands in for the kernel's wait queue.
    #[derive(Debug)]
    pub(super) struct Bed {
        lock: Mutex<()>,
        woken: Condvar,
    }

    impl Bed {
        pub(super) fn new() -> Self {
            Self { lock: Mutex::new(()), woken: Condvar::new() }
        }

        /// Sleeps while the word is `PARKED`; true if the deadline has passed.
        pub(super) fn sleep(&self, word: &AtomicU32, deadline: Option<Instant>) -> bool {
            let guard = self.lock.lock();
            // Ordering: Relaxed; the lock orders this with `rouse`, and the caller reads the word again.
            if word.load(Ordering::Relaxed) != PARKED {
                return false;
            }
            match deadline {
                None => drop(self.woken.wait(guard)),
                Some(at) => {
                    let left = at.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return true;
                    }
                    drop(self.woken.wait_timeout(guard, left));
                }
            }
            false
        }

        pub(super) fn rouse(&self, _word: &AtomicU32) {
            // The lock makes sure that the sleeper is either before its check or in the wait.
            drop(self.lock.lock());
            self.woken.notify_one();
        }
    }
}

#[cfg(all(test, not(any(gumption_loom, gumption_shuttle))))]
mod tests {
    use super::*;
    use crate::sync::{Arc, thread};

    #[test]
    fn a_token_left_early_is_kept_and_is_one() {
        let parker = Parker::new();
        assert_eq!((parker.unpark(), parker.unpark()), (Unparked::Here, Unparked::Here));
        parker.park();
        assert_eq!(parker.park_timeout(Duration::from_millis(1)), Parked::TimedOut);
    }

    #[test]
    fn a_sleeper_elsewhere_is_rung_there_once() {
        let parker = Parker::new();
        assert_eq!(parker.leave(5), Parked::TimedOut);
        assert_eq!((parker.unpark(), parker.unpark()), (Unparked::Elsewhere(5), Unparked::Here));
        assert_eq!(parker.come_back(), Parked::Notified);
        let _ = parker.unpark();
        assert_eq!(parker.leave(5), Parked::Notified);
    }

    #[test]
    fn ping_pong_between_threads_ends() {
        let (a, b) = (Arc::new(Parker::new()), Arc::new(Parker::new()));
        let peer = {
            let (a, b) = (a.clone(), b.clone());
            thread::spawn(move || {
                for _ in 0..1_000 {
                    a.park();
                    let _ = b.unpark();
                }
            })
        };
        for _ in 0..1_000 {
            let _ = a.unpark();
            b.park();
        }
        peer.join().unwrap();
    }
}
