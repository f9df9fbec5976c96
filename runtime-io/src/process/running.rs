//! [`Running`]: a child that nobody has waited for yet, and what tells of its end.
//!
//! Two things tell: on Linux the child's [`Pidfd`], registered with the netpoller of the runtime that started it; elsewhere,
//! and where the system refuses a pidfd, a listener for `SIGCHLD`, which is rung at the end of *any* child. Both only say
//! "ask now"; the answer is `waitpid`'s, without waiting.
//!
//! ```text
//! poll:  pidfd ready?  -> ask; "not yet" (a tracer was told first) waits for the next event
//!        SIGCHLD rung? -> ask, also if not: it may have ended before the listener was made
//! ```
//!
//! Should that runtime have ended, the child is watched in the one that waits.
//!
//! [`Leash`] holds the child from the moment it exists, before anything that can fail or panic. **A child is waited for
//! through its leash or, when the leash is dropped first, handed to the reaper**, killed if it was to die with its handle.
//! Until the child is watched the leash is one that kills, so a spawn that fails half-way leaves no process behind.
//!
//! Who waits here waits for `process wait`, and the resource is the pid. Who may use it: [`Child`](super::Child).

use std::io;
use std::process::ExitStatus;
use std::task::{Context, Poll, ready};

use gumption_core::runtime;
use gumption_core::wait::WaitReason;

use super::pidfd::Pidfd;
use super::reaper;
use crate::evented::{Direction, Evented};
use crate::io::Interest;
use crate::signal::unix::{Signal, SignalKind, listen};
use crate::sources::{Sources, ended};

/// A child, and what tells of its end.
#[derive(Debug)]
pub(super) struct Running {
    // Dropped first: the descriptor is closed before the reaper opens its own.
    notice: Notice,
    leash: Leash,
}

/// The child, held so that it is waited for.
#[derive(Debug)]
pub(super) struct Leash {
    child: std::process::Child,
    kill_on_drop: bool,
}

/// What tells of the end.
#[derive(Debug)]
enum Notice {
    Pidfd(Evented<Pidfd>),
    Signal(Signal),
}

impl Leash {
    /// Holds `child`, to be killed if it does not come to be [`Running`].
    pub(super) fn new(child: std::process::Child) -> Self {
        Self { child, kill_on_drop: true }
    }

    /// The child, whose stdio is taken from it.
    pub(super) fn child_mut(&mut self) -> &mut std::process::Child {
        &mut self.child
    }

    /// The same child, told of by a pidfd or else by `SIGCHLD`, in the runtime of this thread.
    #[track_caller]
    pub(super) fn watch(self, kill_on_drop: bool) -> io::Result<Running> {
        let notice = Notice::new(self.child.id())?;
        Ok(self.told_by(notice, kill_on_drop))
    }

    fn told_by(mut self, notice: Notice, kill_on_drop: bool) -> Running {
        self.kill_on_drop = kill_on_drop;
        Running { notice, leash: self }
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        // Otherwise it was waited for; or there is nothing to wait for, because somebody else has.
        if let Ok(None) = self.child.try_wait() {
            if self.kill_on_drop {
                // It has not been waited for, so it is there to be killed. What is left is that the system forbids it, for a
                // child that is another user's by now, and a drop can tell nobody.
                let _ = self.child.kill();
            }
            reaper::adopt(pid_of(self.child.id()));
        }
    }
}

/// The system's type for the number that the standard library has as an unsigned one.
fn pid_of(id: u32) -> libc::pid_t {
    id as libc::pid_t
}

impl Notice {
    /// By a pidfd, or else by the signal, in the runtime of this thread.
    #[track_caller]
    fn new(id: u32) -> io::Result<Self> {
        // Whatever the reason of a refusal: the other way either works or says why.
        Self::by_pidfd(id).or_else(|_refused| Self::by_signal(id))
    }

    #[track_caller]
    fn by_pidfd(id: u32) -> io::Result<Self> {
        let pidfd = Pidfd::open(pid_of(id))?;
        Ok(Self::Pidfd(Evented::with_interest(pidfd, Interest::READABLE)?.naming(id.into())))
    }

    #[track_caller]
    fn by_signal(id: u32) -> io::Result<Self> {
        listen(SignalKind::child(), WaitReason::Process, id.into()).map(Self::Signal)
    }
}

impl Running {
    /// The child's pid.
    pub(super) fn id(&self) -> u32 {
        self.leash.child.id()
    }

    /// Sends `SIGKILL`.
    pub(super) fn kill(&mut self) -> io::Result<()> {
        self.leash.child.kill()
    }

    /// How it has ended, if it has.
    pub(super) fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.leash.child.try_wait()
    }

    /// Waits until it has ended. The last waker is woken.
    pub(super) fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<ExitStatus>> {
        let Self { notice, leash: Leash { child, .. } } = self;
        loop {
            match notice {
                Notice::Pidfd(pidfd) => {
                    // What `waitpid` says is an answer in any case, and apart from what the netpoller says.
                    let ask = |_: &Pidfd| match child.try_wait().transpose() {
                        Some(answer) => Ok(answer),
                        None => Err(io::ErrorKind::WouldBlock.into()),
                    };
                    if let Ok(answer) = ready!(pidfd.poll_io(cx, Direction::Read, WaitReason::Process, ask)) {
                        return Poll::Ready(answer);
                    }
                }
                Notice::Signal(signal) => {
                    let rung = signal.poll_recv(cx);
                    // Asked after the listener has our waker: an end that comes later than this question rings.
                    if let Some(status) = child.try_wait()? {
                        return Poll::Ready(Ok(status));
                    }
                    if ready!(rung).is_some() {
                        continue;
                    }
                }
            }
            // The runtime that it was told in has ended. On it goes in this one.
            if runtime::reactor::<Sources>().is_err() {
                return Poll::Ready(Err(ended()));
            }
            *notice = Notice::new(child.id())?;
        }
    }
}

#[cfg(test)]
#[path = "running_tests.rs"]
mod tests;
