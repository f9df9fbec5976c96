//! The reaper: who waits for the children whose handles are gone.
//!
//! An orphan is a child that was dropped while it ran. Somebody has to call `waitpid` once it ends, or it stays a zombie for
//! as long as this process lives; and that somebody may rely on nothing, neither on a runtime that still turns nor on a later
//! call into this crate. So it is a thread: started by the first orphan, asleep in `poll(2)` while orphans run, gone with
//! the last of them.
//!
//! ```text
//! adopt: push, then start the thread, or ring its bell      thread: poll { bell, a pidfd per orphan } -> waitpid
//!                                                                   nobody left, under the lock: end
//! ```
//!
//! | an orphan | is noticed by |
//! | --- | --- |
//! | with a pidfd | its pidfd |
//! | without one (no such system call, no descriptor left) | `SIGCHLD`, which rings the same bell |
//! | and without a bell either | being asked after every [`ORPHAN_SWEEP`] |
//!
//! **An orphan is on the list until it has been waited for, and while the list is not empty a thread serves it.** The thread
//! decides to end under the list's lock, so an `adopt` either finds it serving or starts the next. Should the system refuse
//! a thread, the next `adopt` or spawn asks again ([`tend`]).
//!
//! The list belongs to the process and not to a runtime; its lock is held for a `waitpid` that does not wait, and never
//! while user code runs. It uses the standard library's synchronisation for that reason: no model explores what outlives
//! every explored run. It refuses to wait for anything that was not handed to it by pid.

use std::io;
use std::os::fd::AsRawFd;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gumption_core::policy::ORPHAN_SWEEP;
use gumption_core::sync::Arc;
use mio::unix::pipe;

use super::pidfd::Pidfd;
use crate::signal::bell::{Bell, Subscription};

/// The thread's stack: it calls `poll` and `waitpid`, and a signal's handlers may run on it.
const STACK: usize = 128 * 1024;

/// All orphans of this process, and who serves them.
static ORPHANAGE: Orphanage = Orphanage::new();

struct Orphanage(Mutex<Inside>);

struct Inside {
    orphans: Vec<Orphan>,
    service: Service,
}

/// Whether a thread serves the list.
enum Service {
    None,
    /// One does, and hears this bell if it has one.
    Thread(Option<Arc<Bell>>),
}

struct Orphan {
    pid: libc::pid_t,
    pidfd: Option<Pidfd>,
}

/// What the thread polls: the bell, then a place for each orphan.
struct Watch {
    fds: Vec<libc::pollfd>,
    all_pidfds: bool,
}

/// Takes over the duty to wait for the child `pid`, which nobody has waited for and nobody else will.
pub(super) fn adopt(pid: libc::pid_t) {
    ORPHANAGE.adopt(Orphan { pid, pidfd: Pidfd::open(pid).ok() });
}

/// Starts the thread for orphans that are left because it could not be started before.
pub(super) fn tend() {
    ORPHANAGE.tend();
}

impl Orphanage {
    const fn new() -> Self {
        Self(Mutex::new(Inside { orphans: Vec::new(), service: Service::None }))
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn adopt(&'static self, orphan: Orphan) {
        let mut inside = self.lock();
        inside.orphans.push(orphan);
        match &inside.service {
            Service::Thread(Some(bell)) => bell.ring(),
            // It looks at the whole list by the clock.
            Service::Thread(None) => {}
            Service::None => self.start(&mut inside),
        }
    }

    fn tend(&'static self) {
        let mut inside = self.lock();
        if !inside.orphans.is_empty() && matches!(inside.service, Service::None) {
            self.start(&mut inside);
        }
    }

    fn start(&'static self, inside: &mut Inside) {
        let (bell, receiver) = Bell::new().ok().unzip();
        let hears = bell.clone().zip(receiver);
        let thread = std::thread::Builder::new().name("gumption-reaper".into()).stack_size(STACK);
        if thread.spawn(move || self.serve(hears.as_ref())).is_ok() {
            inside.service = Service::Thread(bell);
        }
        // Else the system is out of threads: the next `adopt` or `tend` asks again.
    }

    /// The thread.
    fn serve(&self, hears: Option<&(Arc<Bell>, pipe::Receiver)>) {
        let mut polled = Vec::new();
        let mut exits = None;
        loop {
            let (watch, stubborn) = {
                let mut inside = self.lock();
                let stubborn = inside.reap(&polled);
                if inside.orphans.is_empty() {
                    inside.service = Service::None;
                    return;
                }
                (inside.watch(hears.map(|(_, receiver)| receiver)), stubborn)
            };
            polled = watch.fds;
            if stubborn {
                // A tracer was told of the end before us. The pidfd stays readable, so that the poll would not sleep.
                std::thread::sleep(ORPHAN_SWEEP);
            }
            if !watch.all_pidfds && exits.is_none() {
                exits = hears.and_then(|(bell, _)| Subscription::new(libc::SIGCHLD, bell.clone()).ok());
                if exits.is_some() {
                    // Look again: one may have ended before we listened.
                    continue;
                }
            }
            let told_of_all = hears.is_some() && (watch.all_pidfds || exits.is_some());
            // Only this thread takes orphans off the list, so the descriptors stay open meanwhile.
            wait_for_events(&mut polled, (!told_of_all).then_some(ORPHAN_SWEEP));
            if let Some((bell, receiver)) = hears {
                // Whether it has rung does not matter, because the list is looked at in any case; and the pipe cannot
                // break, for we hold its other end.
                let _ = bell.hear(receiver);
            }
        }
    }
}

impl Inside {
    fn watch(&self, bell: Option<&pipe::Receiver>) -> Watch {
        // `poll` skips negative descriptors, so each has its place.
        const NONE: libc::c_int = -1;
        let bell = bell.map_or(NONE, AsRawFd::as_raw_fd);
        let orphans = self.orphans.iter().map(|orphan| orphan.pidfd.as_ref().map_or(NONE, AsRawFd::as_raw_fd));
        let pollfd = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        Watch {
            fds: std::iter::once(bell).chain(orphans).map(pollfd).collect(),
            all_pidfds: self.orphans.iter().all(|orphan| orphan.pidfd.is_some()),
        }
    }

    /// Waits for those of the polled that have ended, and for all that have no pidfd: whether one was said to have
    /// ended and has not.
    fn reap(&mut self, polled: &[libc::pollfd]) -> bool {
        let mut stubborn = false;
        // From the end, because the place of one that goes is taken by the last.
        for place in (0..self.orphans.len()).rev() {
            let orphan = &self.orphans[place];
            let told = polled.get(place + 1).is_some_and(|fd| fd.revents != 0);
            if told || orphan.pidfd.is_none() {
                if has_ended(orphan.pid) {
                    self.orphans.swap_remove(place);
                } else {
                    stubborn |= told;
                }
            }
        }
        stubborn
    }
}

/// Whether the child has ended; if so it has now been waited for.
fn has_ended(pid: libc::pid_t) -> bool {
    // SAFETY: the status is not asked for.
    let reaped = unsafe { libc::waitpid(pid, std::ptr::null_mut(), libc::WNOHANG) };
    // 0 is "not yet". An error is that there is no such child any more: somebody else has waited for it.
    reaped != 0
}

/// Sleeps until an event or for `limit`; without events after an error, which is the system's being short of memory.
fn wait_for_events(fds: &mut [libc::pollfd], limit: Option<Duration>) {
    let timeout = limit.map_or(-1, |limit| limit.as_millis() as libc::c_int);
    // SAFETY: the slice is that long, and no descriptor in it is closed meanwhile.
    let ready = unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, timeout) };
    if ready < 0 {
        if io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            std::thread::sleep(ORPHAN_SWEEP);
        }
        fds.iter_mut().for_each(|fd| fd.revents = 0);
    }
}

#[cfg(test)]
#[path = "reaper_tests.rs"]
mod tests;
