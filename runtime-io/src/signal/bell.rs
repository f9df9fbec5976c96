//! [`Bell`]: a pipe that an interrupted thread may write to, and the flag that says it has.
//!
//! Rung by a signal's action, heard by whoever polls the pipe's read end: a [`Signal`](super::unix::Signal) through the
//! netpoller, the reaper of orphans by `poll(2)`. Ringing is a swap and, if nobody has rung since the last hearing, a write of
//! one byte, both of which a signal handler may do; so a storm of signals costs one system call per hearing, and the pipe
//! never fills.
//!
//! ```text
//! ring:  rung.swap(true)  was false: write a byte        hear:  read until empty, then rung.swap(false)
//! ```
//!
//! **A set flag means a byte in the pipe, a byte on its way, or a hearer that has emptied the pipe and will look at the flag.**
//! In each case the ring is heard: a byte wakes the hearer, which looks. The pipe is emptied *before* the flag is taken; the
//! other way round a ring between the two would leave a set flag without a byte, and all later rings would be silent.
//!
//! The flag has a second use. A process that forks shares the pipe with its child but not the flag: a signal that hits the
//! child before it executes its program writes a byte into our pipe, and the flag, unset here, tells it from one of ours.
//!
//! This file refuses to allocate, lock or panic while it rings. It has no model: the swaps are one word, and loom
//! knows no pipes.

use std::io::{self, Read, Write};
use std::os::raw::c_int;

use gumption_core::sync::{Arc, AtomicBool, Ordering};
use mio::unix::pipe;
use signal_hook_registry::SigId;

/// The side that rings.
#[derive(Debug)]
pub(crate) struct Bell {
    rung: AtomicBool,
    sender: pipe::Sender,
}

/// Rings a bell at each signal of one kind until it is dropped.
#[derive(Debug)]
pub(crate) struct Subscription(SigId);

impl Bell {
    /// A silent bell, and the pipe's end by which it is heard. Both ends are non-blocking and closed on exec.
    pub(crate) fn new() -> io::Result<(Arc<Self>, pipe::Receiver)> {
        let (sender, receiver) = pipe::new()?;
        Ok((Arc::new(Self { rung: AtomicBool::new(false), sender }), receiver))
    }

    /// Rings, from any thread, also from one that is interrupted.
    pub(crate) fn ring(&self) {
        // Ordering: AcqRel, pairs with the swap in `hear`. Release: the hearer sees what was done before the ring. Acquire:
        // an RMW, so that it reads the last swap and not an older one.
        if !self.rung.swap(true, Ordering::AcqRel) {
            // A full pipe, which only a forked child could have filled, wakes the hearer as well; no other error can be.
            let _ = (&self.sender).write(&[1]);
        }
    }

    /// Whether it has rung since it was last heard. `WouldBlock` if not: the pipe is empty then, and the next ring
    /// makes it readable.
    pub(crate) fn hear(&self, mut receiver: &pipe::Receiver) -> io::Result<()> {
        let mut bytes = [0; 16];
        loop {
            match receiver.read(&mut bytes) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        // Ordering: AcqRel, pairs with the swap in `ring`, for the reasons that are given there.
        if self.rung.swap(false, Ordering::AcqRel) { Ok(()) } else { Err(io::ErrorKind::WouldBlock.into()) }
    }
}

impl Subscription {
    /// Has every `signal` from here on ring `bell`. Installs the process's handler if this is the signal's first.
    pub(crate) fn new(signal: c_int, bell: Arc<Bell>) -> io::Result<Self> {
        // The registry panics at these. Signal 0 is none, and a negative one the kernel would refuse.
        if signal <= 0 || signal_hook_registry::FORBIDDEN.contains(&signal) {
            return Err(io::Error::other(format!("signal {signal} cannot be listened for")));
        }
        // SAFETY: the action swaps an atomic and writes to a pipe, which is async-signal-safe; it neither allocates nor
        // locks nor panics. The registry puts `errno` back.
        unsafe { signal_hook_registry::register(signal, move || bell.ring()) }.map(Self)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        // When this returns, no thread is inside the action. That it was registered is not in doubt.
        signal_hook_registry::unregister(self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::{Bell, Subscription};
    use std::io::{ErrorKind, Write};

    fn silent(bell: &Bell, receiver: &mio::unix::pipe::Receiver) -> bool {
        bell.hear(receiver).is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }

    #[test]
    fn rings_are_heard_once_however_many() {
        let (bell, receiver) = Bell::new().unwrap();
        assert!(silent(&bell, &receiver));
        for _ in 0..100_000 {
            bell.ring();
        }
        bell.hear(&receiver).unwrap();
        assert!(silent(&bell, &receiver));
        bell.ring();
        bell.hear(&receiver).unwrap();
    }

    #[test]
    fn a_byte_without_the_flag_is_somebody_elses() {
        let (bell, receiver) = Bell::new().unwrap();
        (&bell.sender).write_all(&[1]).unwrap();
        assert!(silent(&bell, &receiver));
        bell.ring();
        bell.hear(&receiver).unwrap();
    }

    #[test]
    fn a_dropped_subscription_rings_no_more_and_the_signal_stays_handled() {
        let (bell, receiver) = Bell::new().unwrap();
        let subscription = Subscription::new(libc::SIGWINCH, bell.clone()).unwrap();
        let raise = || {
            // SAFETY: raises a signal that is handled.
            assert_eq!(unsafe { libc::raise(libc::SIGWINCH) }, 0);
        };
        raise();
        bell.hear(&receiver).unwrap();
        drop(subscription);
        raise();
        assert!(silent(&bell, &receiver));
        assert_eq!(gumption_core::sync::Arc::strong_count(&bell), 1);
    }

    #[test]
    fn what_cannot_be_listened_for_is_refused() {
        let (bell, _receiver) = Bell::new().unwrap();
        for signal in [-1, 0, libc::SIGKILL, libc::SIGSTOP, libc::SIGSEGV, libc::SIGILL, libc::SIGFPE, 100_000] {
            assert!(Subscription::new(signal, bell.clone()).is_err(), "{signal}");
        }
    }
}
